"""What can be asked of TwitterAPI.io: where, in which words, what it costs, how it is read.

The names of parameters differ from one address to the next, as the service has them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import orjson

from bot.errors import SourceError, SourceGarbled
from bot.models.tweets import Balance, FilterRule, PeoplePage, PlaceTrend, Profile, TweetPage
from bot.services.twitter_http import Request
from bot.services.twitter_parsing import (
    parse_balance,
    parse_bulk,
    parse_done,
    parse_new_rule,
    parse_people,
    parse_rules,
    parse_search,
    parse_timeline,
    parse_trends,
    parse_tweets,
    parse_user,
)
from bot.services.twitter_prices import PEOPLE_PAGE, PRICES, Price

T = TypeVar("T")

TRENDS_LEAST = 30
_RULES = "/oapi/tweet_filter"

# How long an answer is as good as a new one. Searches are kept only when the caller says so.
KEPT: Mapping[str, timedelta] = {
    "user": timedelta(hours=6),
    "users": timedelta(hours=6),
    "timeline": timedelta(minutes=5),
    "tweets": timedelta(minutes=10),
    "replies": timedelta(minutes=10),
    "quotes": timedelta(minutes=10),
    "mentions": timedelta(minutes=5),
    "followers": timedelta(hours=24),
    "followings": timedelta(hours=24),
    "trends": timedelta(minutes=15),
}


@dataclass(frozen=True, slots=True)
class Bill:
    """What an answer cost; None: nobody can tell."""

    credits: int | None
    items: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Generic[T]):
    """A request, the most it can cost, how its answer is read, and what that cost."""

    endpoint: str  # as the ledger names it
    request: Request
    worst: int
    read: Callable[[bytes, datetime], T]
    bill: Callable[[T], Bill]
    kept: timedelta | None = None
    closing: bool = False  # it ends what would cost more: asked also when no money is left


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAsked:
    """A search: tweets from `since` on and before `until`, the newest or the most liked first."""

    text: str
    since: datetime | None = None
    until: datetime | None = None
    popular: bool = False
    cursor: str = ""


def search(asked: SearchAsked, kept: timedelta | None) -> Question[TweetPage]:
    return _tweets("search", "tweet/advanced_search", _search(asked), kept=kept)


def bulk(asked: Sequence[SearchAsked]) -> Question[list[TweetPage | SourceError]]:
    """Several searches in one request: each costs what it would cost alone."""
    price = PRICES["bulk"]

    def read(body: bytes, now: datetime) -> list[TweetPage | SourceError]:
        return parse_bulk(body, now, len(asked))

    def bill(pages: list[TweetPage | SourceError]) -> Bill:
        if any(isinstance(page, SourceGarbled) for page in pages):
            return Bill(None)  # it may have been a page of any size
        counts = [page.count if isinstance(page, TweetPage) else 0 for page in pages]
        return Bill(sum(map(price.of, counts)), sum(counts))

    content = {"queries": [_search(one) for one in asked]}
    return Question(
        endpoint="bulk",
        request=_post("/twitter/tweet/bulk_advanced_search", content),
        worst=price.worst() * len(asked),
        read=read,
        bill=bill,
    )


def user(username: str) -> Question[Profile]:
    price = PRICES["user"]
    return Question(
        endpoint="user",
        request=Request(path="/twitter/user/info", params={"userName": _bare(username)}),
        worst=price.worst(),
        read=parse_user,
        bill=lambda person: Bill(price.of(1), 1),
        kept=KEPT["user"],
    )


def users(ids: Sequence[str]) -> Question[PeoplePage]:
    return _people("users", "user/batch_info_by_ids", {"userIds": ",".join(ids)}, most=len(ids))


def timeline(username: str, cursor: str, *, replies: bool) -> Question[TweetPage]:
    params = {"userName": _bare(username), "includeReplies": "true" if replies else "false"}
    return _tweets("timeline", "user/last_tweets", params, cursor, read=parse_timeline)


def tweets(ids: Sequence[str]) -> Question[TweetPage]:
    params = {"tweet_ids": ",".join(ids)}
    return _tweets("tweets", "tweets", params, read=parse_tweets, most=len(ids))


def replies(tweet_id: str, cursor: str) -> Question[TweetPage]:
    params = {"tweetId": tweet_id, "queryType": "Latest"}
    return _tweets("replies", "tweet/replies/v2", params, cursor)


def quotes(tweet_id: str, cursor: str) -> Question[TweetPage]:
    return _tweets("quotes", "tweet/quotes", {"tweetId": tweet_id}, cursor)


def mentions(
    username: str, since: datetime | None, until: datetime | None, cursor: str
) -> Question[TweetPage]:
    params = {"userName": _bare(username)}
    if since is not None:
        params["sinceTime"] = str(_second_of(since))
    if until is not None:
        params["untilTime"] = str(_second_after(until))
    return _tweets("mentions", "user/mentions", params, cursor)


def follows(side: str, username: str, cursor: str) -> Question[PeoplePage]:
    """`side` is followers or followings."""
    params = {"userName": _bare(username), "pageSize": str(PEOPLE_PAGE)}
    return _people(side, f"user/{side}", params, cursor)


def trends(woeid: int, count: int) -> Question[list[PlaceTrend]]:
    params = {"woeid": str(woeid), "count": str(max(TRENDS_LEAST, count))}
    request = Request(path="/twitter/trends", params=params)
    return _flat("trends", request, parse_trends, kept=KEPT["trends"])


def balance() -> Question[Balance]:
    return _flat("balance", Request(path="/oapi/my/info"), parse_balance)


def rules() -> Question[list[FilterRule]]:
    """Asked before rules are put to rest, too."""
    return _flat("rules", Request(path=f"{_RULES}/get_rules"), parse_rules, closing=True)


def add_rule(tag: str, value: str, interval_s: float) -> Question[str]:
    content = {"tag": tag, "value": value, "interval_seconds": _number(interval_s)}
    return _flat("add_rule", _post(f"{_RULES}/add_rule", content), parse_new_rule)


def update_rule(rule: FilterRule) -> Question[None]:
    """All of a rule has to be told each time."""
    content = {
        "rule_id": rule.id,
        "tag": rule.tag,
        "value": rule.value,
        "interval_seconds": _number(rule.interval_s),
        "is_effect": int(rule.active),
    }
    request = _post(f"{_RULES}/update_rule", content)
    return _flat("update_rule", request, parse_done, closing=not rule.active)


def delete_rule(rule_id: str) -> Question[None]:
    request = _post(f"{_RULES}/delete_rule", {"rule_id": rule_id}, method="DELETE")
    return _flat("delete_rule", request, parse_done, closing=True)


def _tweets(
    endpoint: str,
    path: str,
    params: Mapping[str, str],
    cursor: str = "",
    *,
    read: Callable[[bytes, datetime], TweetPage] = parse_search,
    most: int | None = None,
    kept: timedelta | None = None,
) -> Question[TweetPage]:
    price = PRICES[endpoint]
    return Question(
        endpoint=endpoint,
        request=_get(path, params, cursor),
        worst=price.worst(most),
        read=read,
        bill=_by_count(price),
        kept=KEPT.get(endpoint, kept),
    )


def _people(
    endpoint: str,
    path: str,
    params: Mapping[str, str],
    cursor: str = "",
    *,
    most: int | None = None,
) -> Question[PeoplePage]:
    price = PRICES[endpoint]
    return Question(
        endpoint=endpoint,
        request=_get(path, params, cursor),
        worst=price.worst(most),
        read=parse_people,
        bill=_by_count(price),
        kept=KEPT[endpoint],
    )


def _flat(
    endpoint: str,
    request: Request,
    read: Callable[[bytes, datetime], T],
    kept: timedelta | None = None,
    *,
    closing: bool = False,
) -> Question[T]:
    """What costs the same whatever it brings."""
    price = PRICES[endpoint]
    bill = Bill(price.of(0))
    return Question(
        endpoint=endpoint,
        request=request,
        worst=price.worst(),
        read=read,
        bill=lambda _: bill,
        kept=kept,
        closing=closing,
    )


def _by_count(price: Price) -> Callable[[TweetPage | PeoplePage], Bill]:
    return lambda page: Bill(price.of(page.count), page.count)


def _get(path: str, params: Mapping[str, str], cursor: str) -> Request:
    return Request(
        path=f"/twitter/{path}", params={**params, "cursor": cursor} if cursor else params
    )


def _post(path: str, content: Mapping[str, Any], method: str = "POST") -> Request:
    return Request(path=path, method=method, content=orjson.dumps(content))


def _search(asked: SearchAsked) -> dict[str, str]:
    """The search in the service's words. What a person wrote is kept together by parentheses."""
    text = asked.text
    if asked.since is not None or asked.until is not None:
        text = f"({text})"
    if asked.since is not None:
        text += f" since_time:{_second_of(asked.since)}"
    if asked.until is not None:
        text += f" until_time:{_second_after(asked.until)}"
    words = {"query": text, "queryType": "Top" if asked.popular else "Latest"}
    return {**words, "cursor": asked.cursor} if asked.cursor else words


def _second_of(moment: datetime) -> int:
    return math.floor(moment.timestamp())


def _second_after(moment: datetime) -> int:
    """The first whole second at or after a moment: what it ends is left whole."""
    return math.ceil(moment.timestamp())


def _bare(username: str) -> str:
    return username.strip().removeprefix("@")


def _number(seconds: float) -> float:
    """Whole seconds as a whole number: older parts of the service take no others."""
    return int(seconds) if seconds == int(seconds) else seconds
