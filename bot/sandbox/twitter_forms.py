"""How TwitterAPI.io writes tweets and people in JSON, with the traps of type that are always there.

Empty objects are `[]` for some and `{}` for others, `inReplyToId` is null or empty, lists inside
`entities` may be missing, a retweet's own text is cut: which, follows from the tweet's id.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

from bot.sandbox.twitter_people import Person, person_id, spice
from bot.sandbox.twitter_shelf import NAME, TAG, Held

Json = dict[str, Any]
_RETWEET_CUT = 140
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def write_time(at_s: float) -> str:
    """Write a moment as X does, in whole seconds."""
    t = time.gmtime(at_s)
    return (
        f"{_DAYS[t.tm_wday]} {_MONTHS[t.tm_mon - 1]} {t.tm_mday:02d}"
        f" {t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} +0000 {t.tm_year}"
    )


def _empty(number: int, salt: str) -> list[Any] | Json:
    return [] if spice(number, salt) % 3 else {}


def write_person(person: Person) -> Json:
    """Write somebody's profile."""
    traits, name = person.traits, person.username
    kind = traits["kind"]
    bio: Json | list[Any] = []
    if traits["description"] and spice(person.id, "bio") % 2:
        bio = {"description": traits["description"], "entities": {"description": {}, "url": {}}}
    return {
        "type": "user",
        "userName": name,
        "url": f"https://x.com/{name}",
        "twitterUrl": f"https://twitter.com/{name}",
        "id": str(person.id),
        "name": traits["name"],
        "isVerified": kind == "person",
        "isBlueVerified": kind == "blue",
        "verifiedType": kind if kind in {"Business", "Government"} else None,
        "profilePicture": f"https://pbs.twimg.com/profile_images/{person.id}/a_normal.jpg",
        "coverPicture": "",
        "description": traits["description"],
        "location": traits["location"],
        "followers": traits["followers"],
        "following": traits["following"],
        "protected": traits["is_protected"],
        "status": "",
        "canDm": bool(spice(person.id, "dm") % 2),
        "canMediaTag": True,
        "createdAt": write_time(traits["created_s"]),
        "entities": {"description": {"urls": []}, "url": {}},
        "fastFollowersCount": 0,
        "favouritesCount": traits["liked"],
        "hasCustomTimelines": True,
        "isTranslator": False,
        "mediaCount": traits["media"],
        "statusesCount": traits["tweets"],
        "withheldInCountries": [],
        "affiliatesHighlightedLabel": _empty(person.id, "label"),
        "possiblySensitive": False,
        "pinnedTweetIds": [str(person.pinned_id)] if person.pinned_id else [],
        "profile_bio": bio,
        "isAutomated": traits["is_robot"],
        "automatedBy": "a_person" if traits["is_robot"] else None,
    }


def write_person_shortly(person: Person) -> Json:
    """Write somebody as the search for people does: with other names for the same things."""
    traits = person.traits
    return {
        "id": str(person.id),
        "name": traits["name"],
        "screen_name": person.username,
        "location": traits["location"],
        "url": "https://t.co/aaaaaaaaaa",
        "description": traits["description"],
        "followers_count": traits["followers"],
        "following_count": traits["following"],
        "statuses_count": traits["tweets"],
        "media_tweets_count": traits["media"],
        "created_at": write_time(traits["created_s"]),
        "verified": traits["kind"] == "person",
    }


@lru_cache(maxsize=20_000)
def _shown_name(username: str) -> str:
    return str(Person(username).traits["name"])


def _entities(tweet: Held, text: str) -> Json:
    tags = [{"indices": [m.start(), m.end()], "text": m[1]} for m in TAG.finditer(text)] + [
        {"indices": [len(text), len(text)], "text": tag} for tag in tweet.more_tags
    ]
    mentions = [
        {
            "id_str": str(person_id(m[1])),
            "indices": [m.start(), m.end()],
            "name": _shown_name(m[1]),
            "screen_name": m[1],
        }
        for m in NAME.finditer(text)
    ]
    entities: Json = {"hashtags": tags, "symbols": [], "urls": [], "user_mentions": mentions}
    at = text.find("https://t.co/")
    if tweet.page and at >= 0:
        entities["urls"] = [
            {
                "display_url": tweet.page.removeprefix("https://"),
                "expanded_url": tweet.page,
                "indices": [at, len(text)],
                "url": text[at:].split()[0],
            }
        ]
    # Some answers leave out the lists that would be empty.
    if spice(tweet.id, "entities") % 4 == 0:
        entities = {name: value for name, value in entities.items() if value}
    return entities


def _media(tweet: Held) -> Json:
    if not tweet.media:
        return {} if spice(tweet.id, "media") % 2 else {"media": []}
    link = f"https://x.com/{tweet.author.username}/status/{tweet.id}/{tweet.media}/1"
    one: Json = {
        "display_url": f"pic.x.com/{tweet.id % 10**10}",
        "expanded_url": link,
        "id_str": str(tweet.id + 1),
        "indices": [len(tweet.text), len(tweet.text)],
        "media_url_https": f"https://pbs.twimg.com/media/{tweet.id}.jpg",
        "type": tweet.media,
        "url": f"https://t.co/{tweet.id % 10**10}",
        "sizes": {"large": {"h": 1152, "w": 2048}},
    }
    if tweet.media == "video":
        one["video_info"] = {
            "aspect_ratio": [16, 9],
            "duration_millis": 1_000 + tweet.id % 90_000,
            "variants": [
                {
                    "bitrate": 832_000,
                    "content_type": "video/mp4",
                    "url": f"https://video.twimg.com/{tweet.id}.mp4",
                }
            ],
        }
    return {"media": [one]}


class TweetForms:
    """Writes tweets; remembers each author's JSON, which every tweet of theirs repeats."""

    def __init__(self) -> None:
        self._people: dict[int, Json] = {}

    def person(self, person: Person) -> Json:
        """Write a profile, once for all."""
        known = self._people.get(person.id)
        if known is None:
            known = self._people[person.id] = write_person(person)
        return known

    def searched(self, tweet: Held) -> Json:
        """Write a tweet as searches and most others do."""
        return self._write(tweet, depth=0)

    def of_timeline(self, tweet: Held) -> Json:
        """Write a tweet as timelines do: without its address and how often it was seen."""
        written = self._write(tweet, depth=0)
        del written["url"], written["viewCount"]
        return written

    def _write(self, tweet: Held, depth: int) -> Json:
        name, number = tweet.author.username, tweet.id
        whole, cut = tweet.text, tweet.text
        original = tweet.retweeted
        if original is not None and depth == 0:
            cut = whole = f"RT @{original.author.username}: {original.text}"
            if len(whole) > _RETWEET_CUT:
                cut = f"{whole[: _RETWEET_CUT - 1]}…"
        nobody = None if spice(number, "reply") % 2 else ""
        seen: Any = tweet.views
        written: Json = {
            "type": "tweet",
            "id": str(number),
            "url": f"https://x.com/{name}/status/{number}",
            "twitterUrl": f"https://twitter.com/{name}/status/{number}",
            "text": cut,
            "source": "Twitter for iPhone" if number % 3 else "Twitter Web App",
            "retweetCount": tweet.retweets,
            "replyCount": tweet.replies,
            "likeCount": tweet.likes,
            "quoteCount": tweet.quotes,
            "viewCount": [0] if spice(number, "seen") % 89 == 0 else seen,
            "createdAt": write_time(tweet.at_ms // 1_000),
            "lang": tweet.lang,
            "bookmarkCount": tweet.likes // 20,
            "isReply": bool(tweet.reply_to),
            "inReplyToId": str(tweet.reply_to_id) if tweet.reply_to else nobody,
            "conversationId": str(tweet.conversation),
            "displayTextRange": [0, len(cut)],
            "inReplyToUserId": str(person_id(tweet.reply_to)) if tweet.reply_to else None,
            "inReplyToUsername": tweet.reply_to or None,
            "isPinned": False,
            "isRetweet": original is not None,
            "isQuote": tweet.quoted is not None,
            "isLimitedReply": False,
            "isConversationControlled": False,
            "author": self.person(tweet.author),
            "extendedEntities": _media(tweet),
            "card": None if spice(number, "card") % 2 else {},
            "place": _empty(number, "place"),
            "entities": _entities(tweet, cut),
            "quoted_tweet": None,
            "retweeted_tweet": None,
            "article": None,
        }
        if tweet.quoted is not None and depth < 2:
            written["quoted_tweet"] = self._write(tweet.quoted, depth + 1)
        if original is not None and depth < 2:
            written["retweeted_tweet"] = self._write(original, depth + 1)
        return written
