"""One tweet or person of TwitterAPI.io's JSON in our own terms, whatever shape its fields came in.

Real answers hold `[]` for an empty object, `[0]` or text for a number, null for a word, and leave
out what they like. Only a tweet without id, words or time is none; everything else that cannot be
read is as if it were not there. This runs once for every tweet bought, so the usual shapes are read
without a detour.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from bot.errors import SourceGarbled
from bot.models.post import TWITTER_SOURCE_ID, Engagement, Parent, ParentKind, Post, PostKind
from bot.models.tweets import Link, LinkKind, Profile, Tweet, Verified

SERVICE = "TwitterAPI.io"
MOST = 2**63 - 1  # what a column of ids and counts holds
_MOST_TEXT = str(MOST)
DEEPEST = 4  # tweets inside tweets: a retweet of a quote of a quote
LONGEST_TEXT = 30_000  # characters; X itself ends at 25,000
LONGEST_NAME = 190

_Json = Mapping[str, Any]

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_FIRST_YEAR, _LAST_YEAR = 2006, 2100  # there were no tweets before
_X_TIME = re.compile(
    r"\w{3},? (\w{3}) (\d{1,2}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d):?(\d\d) (\d{4})", re.ASCII
)
_NO_LANGUAGE = {"und", "zxx", "art", "qam", "qct", "qht", "qme", "qst"}
_RETWEETED = re.compile(r"RT @(\w{1,50}):", re.ASCII)
_USERNAME = re.compile(r"\w{1,50}", re.ASCII)

_TWEET_FIELDS = frozenset({
    "type", "id", "url", "twitterUrl", "text", "createdAt", "lang", "likeCount", "retweetCount",
    "replyCount", "viewCount", "conversationId", "isReply", "inReplyToId", "inReplyToUserId",
    "inReplyToUsername", "isQuote", "isRetweet", "author", "quoted_tweet", "retweeted_tweet",
    "entities",
})  # fmt: skip
_PERSON_FIELDS = frozenset({
    "type", "id", "id_str", "userName", "screen_name", "url", "twitterUrl", "name", "description",
    "location", "isVerified", "isBlueVerified", "verifiedType", "followers", "followers_count",
    "following", "following_count", "statusesCount", "statuses_count", "createdAt", "created_at",
    "protected", "isAutomated",
})  # fmt: skip

# The marks beside a name, by the words that the service has for them.
_MARKS = {"business": Verified.BUSINESS, "government": Verified.GOVERNMENT, "blue": Verified.BLUE}


def parse_tweet(raw: _Json, collected_at: datetime) -> Tweet:
    """A tweet; SourceGarbled when it has no id, no words or no time.

    `around` are all tweets inside of it, the innermost first, each without an `around` of its own.
    """
    around: list[Tweet] = []
    tweet = _tweet(raw, collected_at, around, 0) if isinstance(raw, dict) else None
    if tweet is None:
        raise SourceGarbled("a tweet without id, words or time", source=SERVICE)
    return tweet


def parse_profile(raw: _Json) -> Profile:
    """A person; SourceGarbled when there is no id or no name to call them by."""
    person = read_profile(raw)
    if person is None:
        raise SourceGarbled("a person without id or name", source=SERVICE)
    return person


def read_tweet(raw: object, collected_at: datetime) -> Tweet | None:
    """The same as `parse_tweet`, None for what is no tweet."""
    return _tweet(raw, collected_at, [], 0) if isinstance(raw, dict) else None


def read_profile(raw: object) -> Profile | None:
    """The same as `parse_profile`, None for what is nobody."""
    if not isinstance(raw, dict):
        return None
    get = raw.get
    person_id = number_id(get("id")) or number_id(get("id_str"))
    username = _username(get("userName")) or _username(get("screen_name"))
    if not person_id or not username:
        return None
    followers, following, tweets = get("followers"), get("following"), get("statusesCount")
    created_at = get("createdAt")
    return Profile(
        id=person_id,
        username=username,
        name=_word(get("name"), LONGEST_NAME),
        description=_word(get("description"), LONGEST_TEXT),
        location=_word(get("location"), LONGEST_NAME),
        verified=_verified(raw),
        followers=count_of(get("followers_count") if followers is None else followers),
        following=count_of(get("following_count") if following is None else following),
        tweets=count_of(get("statuses_count") if tweets is None else tweets),
        created_at=_known_time(get("created_at") if created_at is None else created_at),
        is_protected=get("protected") is True,
        is_automated=get("isAutomated") is True,
        unknown={name: raw[name] for name in raw if name not in _PERSON_FIELDS},
    )


def _tweet(
    raw: dict[str, Any], collected_at: datetime, around: list[Tweet], depth: int
) -> Tweet | None:
    """The tweet, and those inside of it added to `around`; only the outermost holds them."""
    get = raw.get
    tweet_id = tweet_id_of(get("id"))
    text = get("text")
    created_at = moment_of(get("createdAt"))
    if not tweet_id or type(text) is not str or created_at is None:
        return None
    if "&" in text:
        text = _plain(text)
    if len(text) > LONGEST_TEXT:
        text = text[:LONGEST_TEXT]

    raw_author = get("author")
    author = read_profile(raw_author)
    if author is not None:
        author_id, username = author.id, author.username
    else:
        author_id, username = _half_author(raw_author)

    passed_on = quoted = None
    if depth < DEEPEST:
        inner = get("retweeted_tweet")
        if inner and type(inner) is dict:
            passed_on = _tweet(inner, collected_at, around, depth + 1)
            if passed_on is not None:
                around.append(passed_on)
        inner = get("quoted_tweet")
        if inner and type(inner) is dict and passed_on is None:
            quoted = _tweet(inner, collected_at, around, depth + 1)
            if quoted is not None:
                around.append(quoted)

    links: list[Link] = []
    if passed_on is not None:
        parent: Parent | None = Parent(ParentKind.RETWEET, passed_on.post.external_id)
        # The text of a retweet is cut off; its tags, names and words are those of the original.
        hashtags, mentions = passed_on.post.hashtags, passed_on.post.mentions
        if passed_on.post.author:
            text = f"RT @{passed_on.post.author}: {passed_on.post.text}"
        _link(links, LinkKind.RETWEET, author_id, passed_on.post.author_id, passed_on.post.author)
    else:
        parent = None
        reply_to = get("inReplyToId")
        if reply_to and (reply_to := tweet_id_of(reply_to)):
            parent = Parent(ParentKind.REPLY, reply_to)
        reply_to_person = get("inReplyToUserId")
        if reply_to_person and (person_id := number_id(reply_to_person)):
            name = _username(get("inReplyToUsername"))
            _link(links, LinkKind.REPLY, author_id, person_id, name)
        if quoted is not None:
            if parent is None:
                parent = Parent(ParentKind.QUOTE, quoted.post.external_id)
            _link(links, LinkKind.QUOTE, author_id, quoted.post.author_id, quoted.post.author)
        entities = get("entities")
        hashtags = mentions = ()
        if entities and type(entities) is dict:
            tags, people = entities.get("hashtags"), entities.get("user_mentions")
            if tags and type(tags) is list:
                hashtags = _hashtags(tags)
            if people and type(people) is list:
                mentions = _mentioned(people, links, author_id, text)

    lang = get("lang")
    likes, retweets = get("likeCount"), get("retweetCount")
    replies, views = get("replyCount"), get("viewCount")
    conversation_id = get("conversationId")
    if conversation_id != tweet_id:
        conversation_id = tweet_id_of(conversation_id) if conversation_id else ""
    return Tweet(
        post=Post(
            kind=PostKind.TWEET,
            source_id=TWITTER_SOURCE_ID,
            external_id=tweet_id,
            created_at=created_at,
            text=text,
            url=f"https://x.com/{username or 'i'}/status/{tweet_id}",
            author=username,
            lang=_language(lang) if type(lang) is str else "",
            hashtags=hashtags,
            mentions=mentions,
            author_id=author_id,
            parent=parent,
            engagement=Engagement(
                likes=count_of(likes),
                retweets=count_of(retweets),
                replies=count_of(replies),
                views=count_of(views),
            ),
            collected_at=collected_at,
        ),
        author=author,
        links=tuple(links),
        conversation_id=conversation_id,
        around=tuple(around) if around and not depth else (),
        unknown={name: raw[name] for name in raw if name not in _TWEET_FIELDS},
    )


def tweet_id_of(value: object) -> str:
    """A tweet's id as the digits that name it; "" for anything else."""
    if type(value) is str and value.isdigit() and value.isascii() and value[0] != "0":
        # As text, numbers of nineteen digits stand in the order of numbers.
        return value if len(value) < 19 or (len(value) == 19 and value <= _MOST_TEXT) else ""
    found = number_id(value)
    return str(found) if found else ""


def number_id(value: object) -> int:
    """An id as a number; 0 for what is none, or would not fit a column."""
    if type(value) is str:
        if not value.isdigit() or not value.isascii() or len(value) > 19:
            return 0
        value = int(value)
    elif type(value) is not int:
        return 0
    return value if 0 < value <= MOST else 0


def count_of(value: object) -> int:
    """A count; 0 for what is none. `[5]` is 5, and so is "5"."""
    if type(value) is int:
        return value if 0 <= value <= MOST else 0
    return _odd_count(value)


def _odd_count(value: object) -> int:
    if type(value) is list and len(value) == 1:
        value = value[0]
    if type(value) is str:
        value = value.strip().replace(",", "")
        if not value.isdigit() or not value.isascii() or len(value) > 19:
            return 0
        value = int(value)
    if type(value) is float and value == value and abs(value) < MOST:
        value = int(value)
    return value if type(value) is int and 0 <= value <= MOST else 0


def moment_of(value: object) -> datetime | None:
    """A time: as X writes it, ISO 8601, or seconds or milliseconds since 1970."""
    # "Sat Dec 06 17:42:18 +0000 2025", read where it stands: strptime takes ten times as long.
    if type(value) is str and len(value) == 30 and value[19:26] == " +0000 " and value.isascii():
        try:
            year = int(value[26:])
            if _FIRST_YEAR <= year < _LAST_YEAR:
                return datetime(
                    year,
                    _MONTHS[value[4:7]],
                    int(value[8:10]),
                    int(value[11:13]),
                    int(value[14:16]),
                    int(value[17:19]),
                    tzinfo=UTC,
                )
        except (ValueError, KeyError):
            return None
        return None
    return _odd_moment(value)


def _odd_moment(value: object) -> datetime | None:
    when: datetime | None = None
    try:
        if type(value) is int or type(value) is float:
            seconds = value / 1000 if value > 10**11 else value
            when = datetime.fromtimestamp(seconds, UTC)
        elif type(value) is str and (found := _X_TIME.fullmatch(value.strip())):
            month, day, hour, minute, second, sign, hours, minutes, year = found.groups()
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            zone = timezone(-offset if sign == "-" else offset)
            when = datetime(
                int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second), 0, zone
            )
        elif type(value) is str and len(value) < 40 and value[:4].isdigit() and "-" in value:
            when = datetime.fromisoformat(value.strip())
    except (ValueError, KeyError, OverflowError, OSError):
        return None
    if when is None:
        return None
    when = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    return when if _FIRST_YEAR <= when.year < _LAST_YEAR else None


@lru_cache(maxsize=4096)
def _known_moment(text: str) -> datetime | None:
    return moment_of(text)


def _known_time(value: object) -> datetime | None:
    """When somebody joined: the same people come again and again."""
    if type(value) is str:
        return _known_moment(value) if len(value) < 40 else None
    return moment_of(value)


def _verified(raw: dict[str, Any]) -> Verified:
    kind = raw.get("verifiedType")
    if kind and type(kind) is str and (mark := _MARKS.get(kind.lower())) is not None:
        return mark
    if raw.get("isVerified") is True:
        return Verified.PERSON
    return Verified.BLUE if raw.get("isBlueVerified") is True else Verified.NO


def _half_author(raw: object) -> tuple[int, str]:
    """What is left of an author that is no whole person: id or 0, name or ""."""
    if type(raw) is not dict:
        return 0, ""
    return (
        number_id(raw.get("id")) or number_id(raw.get("id_str")),
        _username(raw.get("userName")) or _username(raw.get("screen_name")),
    )


def _username(value: object) -> str:
    if type(value) is str:
        if value.isidentifier() and value.isascii() and len(value) <= 50:
            return value
        if value[:1] == "@":
            value = value[1:]
        if _USERNAME.fullmatch(value):
            return value
    return ""


def _word(value: object, longest: int) -> str:
    if type(value) is not str:
        return ""
    if len(value) > longest:
        value = value[:longest]
    return _plain(value) if "&" in value else value


def _language(lang: str) -> str:
    lang = lang.strip().lower()
    return "" if lang in _NO_LANGUAGE or len(lang) > 12 else lang


def _plain(text: str) -> str:
    """X hands out these three signs as HTML has them."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _link(links: list[Link], kind: LinkKind, from_id: int, to_id: int, username: str) -> None:
    """Nobody is linked to themselves, nor to a person whose number is unknown."""
    if to_id and to_id != from_id:
        links.append(Link(kind, to_id, username))


def _hashtags(tags: list[Any]) -> tuple[str, ...]:
    found = [
        text.lstrip("#＃")
        for tag in tags
        if type(tag) is dict and type(text := tag.get("text")) is str and len(text) <= LONGEST_NAME
    ]
    return tuple(dict.fromkeys(filter(None, found)))


def _mentioned(people: list[Any], links: list[Link], author_id: int, text: str) -> tuple[str, ...]:
    """The names, in lower case; a link to each, but for whom there is a stronger one already."""
    linked = {link.to_id for link in links}
    passed_on = _RETWEETED.match(text)
    names: list[str] = []
    for person in people:
        if type(person) is not dict:
            continue
        name = _username(person.get("screen_name"))
        if name:
            names.append(name.lower())
        to_id = number_id(person.get("id_str")) or number_id(person.get("id"))
        if to_id not in linked:
            linked.add(to_id)
            is_original = passed_on is not None and passed_on[1].lower() == name.lower()
            kind = LinkKind.RETWEET if is_original else LinkKind.MENTION
            _link(links, kind, author_id, to_id, name)
    return tuple(dict.fromkeys(names))
