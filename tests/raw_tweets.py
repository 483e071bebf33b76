"""Answers of TwitterAPI.io of our own writing, in the shapes that it really has."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bot.services.twitter_parsing import (
    parse_balance,
    parse_bulk,
    parse_done,
    parse_new_rule,
    parse_people,
    parse_push,
    parse_rules,
    parse_search,
    parse_timeline,
    parse_trends,
    parse_tweets,
    parse_user,
)

Json = dict[str, Any]
NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)

READERS: dict[str, Callable[[bytes], Any]] = {
    "search": lambda body: parse_search(body, NOW),
    "tweets": lambda body: parse_tweets(body, NOW),
    "timeline": lambda body: parse_timeline(body, NOW),
    "bulk": lambda body: parse_bulk(body, NOW, 2),
    "followers": lambda body: parse_people(body, NOW),
    "users": lambda body: parse_people(body, NOW),
    "user": lambda body: parse_user(body, NOW),
    "trends": lambda body: parse_trends(body, NOW),
    "balance": lambda body: parse_balance(body, NOW),
    "rules": lambda body: parse_rules(body, NOW),
    "new_rule": lambda body: parse_new_rule(body, NOW),
    "done": lambda body: parse_done(body, NOW),
    "push": lambda body: parse_push(body, NOW),
}


def person(number: int = 501, username: str = "baran_tehran", **changes: Any) -> Json:
    return {
        "type": "user",
        "userName": username,
        "url": f"https://x.com/{username}",
        "twitterUrl": f"https://twitter.com/{username}",
        "id": str(number),
        "name": "باران 🌧",
        "isVerified": False,
        "isBlueVerified": True,
        "verifiedType": None,
        "profilePicture": "https://pbs.twimg.com/profile_images/1/a_normal.jpg",
        "coverPicture": "",
        "description": "هوا &amp; کوه",
        "location": "تهران",
        "followers": 1200,
        "following": 340,
        "status": "",
        "canDm": True,
        "canMediaTag": True,
        "createdAt": "Fri Mar 01 05:42:42 +0000 2013",
        "entities": {"description": {"urls": []}, "url": {}},
        "fastFollowersCount": 0,
        "favouritesCount": 17,
        "hasCustomTimelines": True,
        "isTranslator": False,
        "mediaCount": 4,
        "statusesCount": 5600,
        "withheldInCountries": [],
        "affiliatesHighlightedLabel": [],
        "possiblySensitive": False,
        "pinnedTweetIds": ["7"],
        "profile_bio": [],
        "isAutomated": False,
        "automatedBy": None,
        **changes,
    }


def tweet(number: int = 1997360967722684923, **changes: Any) -> Json:
    return {
        "type": "tweet",
        "id": str(number),
        "url": f"https://x.com/baran_tehran/status/{number}",
        "twitterUrl": f"https://twitter.com/baran_tehran/status/{number}",
        "text": "از ظهر #برف می‌بارد &lt;3 @kooh_navard",
        "source": "Twitter for iPhone",
        "retweetCount": 3,
        "replyCount": 2,
        "likeCount": 15,
        "quoteCount": 1,
        "viewCount": 454,
        "createdAt": "Sat Dec 06 17:42:18 +0000 2025",
        "lang": "fa",
        "bookmarkCount": 0,
        "isReply": False,
        "inReplyToId": None,
        "conversationId": str(number),
        "displayTextRange": [0, 36],
        "inReplyToUserId": None,
        "inReplyToUsername": None,
        "author": person(),
        "extendedEntities": {},
        "card": None,
        "place": [],
        "entities": {
            "hashtags": [{"indices": [8, 12], "text": "برف"}],
            "symbols": [],
            "urls": [],
            "user_mentions": [
                {"id_str": "502", "indices": [28, 39], "name": "کوه", "screen_name": "Kooh_Navard"}
            ],
        },
        "quoted_tweet": None,
        "retweeted_tweet": None,
        **changes,
    }


def found(*tweets: Any, more: Any = True, cursor: Any = "next-1") -> Json:
    """What a search answers: no status."""
    return {"tweets": list(tweets), "has_next_page": more, "next_cursor": cursor}


OK: Json = {"status": "success", "msg": "success"}


def envelopes() -> dict[str, Json]:
    """A good answer of every envelope, by the name of what reads it."""
    quote = tweet(31, quoted_tweet=tweet(30, author=person(502, "kooh_navard")), isQuote=True)
    retweet = tweet(41, text="RT @kooh_navard: از …", retweeted_tweet=quote["quoted_tweet"])
    reply = tweet(51, inReplyToId="50", inReplyToUserId="502", inReplyToUsername="kooh_navard")
    people = [person(601), person(602, "abr"), person(603, "meh", verifiedType="Business")]
    page = {"has_next_page": True, "next_cursor": "next-1"}
    return {
        "search": found(tweet(), quote, retweet, reply),
        "tweets": {"tweets": [tweet(), reply], "code": 0, **OK},
        "timeline": {
            "code": 0,
            "data": {"pin_tweet": tweet(9), "tweets": [tweet(), retweet]},
            **page,
            **OK,
        },
        "bulk": {
            "results": {"query_0": found(tweet(1), quote), "query_1": found(retweet, cursor="b")},
            **OK,
        },
        "followers": {"followers": people, "code": 0, **page, **OK},
        "users": {"users": people, **OK},
        "user": {"data": person(), **OK},
        "trends": {
            "trends": [
                {"trend": {"name": "#برف", "target": {"query": "#برف"}, "rank": 2}},
                {
                    "trend": {
                        "name": "تهران",
                        "target": {"query": '"تهران"'},
                        "rank": 1,
                        "meta_description": "1,204 posts",
                    }
                },
            ],
            "metadata": {"woeid": "23424851"},
            **OK,
        },
        "balance": {"recharge_credits": 91_000, "total_bonus_credits": -250},
        "rules": {
            "rules": [
                {
                    "rule_id": "r1",
                    "tag": "hoshyar:1",
                    "value": "برف lang:fa",
                    "interval_seconds": 60,
                    "is_effect": 1,
                }
            ],
            **OK,
        },
        "new_rule": {"rule_id": "r2", **OK},
        "done": dict(OK),
        "push": {
            "event_type": "tweet",
            "rule_id": "r1",
            "rule_tag": "hoshyar:1",
            "rule_value": "برف lang:fa",
            "tweets": [tweet(), reply],
            "timestamp": 1_765_043_000_000,
        },
    }


def packed(answer: Any) -> bytes:
    return json.dumps(answer, ensure_ascii=False).encode()
