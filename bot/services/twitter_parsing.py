"""Replies of TwitterAPI.io, from bytes to pages: one function for each of its envelopes.

Every function raises SourceGarbled for what cannot be understood at all, and the error that the
body tells of: this service answers 200 for failures too. A tweet or person that cannot be read is
counted in `bad`; `count` is how many there were, for each was charged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from bot.errors import SourceError, SourceGarbled, SourceGone, SourceRefused
from bot.models.tweets import (
    Balance,
    FilterRule,
    PeoplePage,
    PlaceTrend,
    Profile,
    Tweet,
    TweetPage,
)
from bot.services.twitter_tweets import (
    SERVICE,
    count_of,
    number_id,
    read_profile,
    read_tweet,
)
from bot.services.twitter_tweets import parse_profile as parse_profile
from bot.services.twitter_tweets import parse_tweet as parse_tweet

LONGEST_CURSOR = 2000  # a longer one could not be sent back
_LONGEST_SAID = 200
_PEOPLE = ("followers", "followings", "users")
_FAILED = {"error", "fail", "failed", "failure"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """What comes in unasked, by webhook or WebSocket: `event` is connected, ping, tweet, …"""

    event: str
    rule_id: str = ""
    rule_tag: str = ""
    page: TweetPage


def parse_search(body: bytes, now: datetime) -> TweetPage:
    """tweets, has_next_page, next_cursor beside each other: searches, replies, quotes, mentions."""
    reply = _reply(body)
    if "tweets" not in reply and type(inner := reply.get("data")) is dict:
        return _tweet_page(_part(inner, "tweets"), reply, now)
    return _tweet_page(_part(reply, "tweets"), reply, now)


def parse_tweets(body: bytes, now: datetime) -> TweetPage:
    """Tweets by their ids; those that are gone are not among them."""
    return parse_search(body, now)


def parse_timeline(body: bytes, now: datetime) -> TweetPage:
    """A person's tweets: they are within `data`, and has_next_page and next_cursor outside of it.

    The pinned tweet, which may be of any age, is the first when it is not among the others.
    """
    reply = _reply(body)
    data = reply.get("data")
    if type(data) is not dict:
        # `[]` stands for an empty object; some answers have the tweets where the others do.
        rows = _part(reply, "tweets") if "tweets" in reply or data not in ([], None) else []
        return _tweet_page(rows, reply, now)
    rows = _part(data, "tweets")
    pinned = data.get("pin_tweet")
    if type(pinned) is dict and pinned:
        known = {row.get("id") for row in rows if type(row) is dict and _is_plain(row.get("id"))}
        if not _is_plain(pinned.get("id")) or pinned["id"] not in known:
            rows = [pinned, *rows]
    return _tweet_page(rows, reply, now)


def parse_bulk(body: bytes, now: datetime, asked: int) -> list[TweetPage | SourceError]:
    """The answers to several searches, in the order they were asked; each may have failed alone."""
    results = _reply(body).get("results")
    if type(results) is list:
        results = {f"query_{number}": result for number, result in enumerate(results)}
    if type(results) is not dict:
        raise SourceGarbled("no results in the answer to several searches", source=SERVICE)
    return [_bulk_result(results.get(f"query_{number}"), now) for number in range(asked)]


def parse_people(body: bytes, now: datetime) -> PeoplePage:
    """Followers, followings or users beside has_next_page and next_cursor."""
    reply = _reply(body)
    key = next((key for key in _PEOPLE if key in reply), "users")
    rows = _part(reply, key)
    people = tuple(person for row in rows if (person := read_profile(row)) is not None)
    return PeoplePage(
        people=people,
        count=len(rows),
        bad=len(rows) - len(people),
        has_more=_is_true(reply.get("has_next_page")),
        cursor=_cursor(reply.get("next_cursor")),
    )


def parse_user(body: bytes, now: datetime) -> Profile:
    """One person; SourceGone when the account is not there (any more)."""
    data = _reply(body).get("data")
    person = read_profile(data)
    if person is not None:
        return person
    if type(data) is dict and _is_true(data.get("unavailable")):
        raise SourceGone(_said(data) or "no such account", source=SERVICE)
    raise SourceGarbled("no person in the answer", source=SERVICE)


def parse_trends(body: bytes, now: datetime) -> list[PlaceTrend]:
    """What trends in a place, by rank; each is wrapped once more, or not."""
    found: list[PlaceTrend] = []
    for position, row in enumerate(_part(_reply(body), "trends"), 1):
        trend = row.get("trend", row) if type(row) is dict else None
        if type(trend) is not dict or not (name := _text(trend.get("name")).strip()):
            continue
        target = trend.get("target")
        query = _text(target.get("query")) if type(target) is dict else ""
        found.append(
            PlaceTrend(
                name=name,
                query=query or name,
                rank=count_of(trend.get("rank")) or position,
                note=_text(trend.get("meta_description")),
            )
        )
    return sorted(found, key=lambda trend: trend.rank)


def parse_balance(body: bytes, now: datetime) -> Balance:
    """The credits left. Nothing is guessed: a balance of 0 would stop all collecting."""
    reply = _reply(body)
    if "recharge_credits" not in reply and type(inner := reply.get("data")) is dict:
        reply = inner
    paid = _whole(reply.get("recharge_credits"))
    bonus = _whole(reply.get("total_bonus_credits", 0))
    if paid is None or bonus is None:
        raise SourceGarbled("no balance in the answer", source=SERVICE)
    return Balance(paid=paid, bonus=bonus)


def parse_rules(body: bytes, now: datetime) -> list[FilterRule]:
    """The filter rules of the account that can be told apart."""
    return [
        FilterRule(
            id=rule_id,
            tag=_text(row.get("tag")),
            value=_text(row.get("value")),
            interval_s=_seconds(row.get("interval_seconds")),
            active=_is_true(row.get("is_effect")),
        )
        for row in _part(_reply(body), "rules")
        if type(row) is dict and (rule_id := _name(row.get("rule_id")))
    ]


def parse_new_rule(body: bytes, now: datetime) -> str:
    """The id of a rule that was added."""
    reply = _reply(body)
    rule_id = _name(reply.get("rule_id"))
    if not rule_id and type(data := reply.get("data")) is dict:
        rule_id = _name(data.get("rule_id"))
    if not rule_id:
        raise SourceGarbled("no id of the new rule in the answer", source=SERVICE)
    return rule_id


def parse_done(body: bytes, now: datetime) -> None:
    """An answer that only says that it was done."""
    _reply(body)


def parse_push(body: bytes, now: datetime) -> Push:
    """An event that the service sends by itself."""
    reply = _load(body)
    event = _text(reply.get("event_type"))
    if not event:
        raise SourceGarbled("an event without a name", source=SERVICE)
    return Push(
        event=event,
        rule_id=_name(reply.get("rule_id")),
        rule_tag=_text(reply.get("rule_tag")),
        page=_tweet_page(_part(reply, "tweets"), {}, now)
        if "tweets" in reply
        else TweetPage(tweets=()),
    )


def said_in(body: bytes) -> str:
    """What an answer that is an error says of itself, in a few words; "" when it says nothing."""
    try:
        return _said(_load(body))
    except SourceGarbled:
        return ""


def _load(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. What orjson refuses may still be read: NaN, half an emoji."""
    try:
        reply = orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            text = body.decode("utf-8-sig", errors="replace")
            reply = _mended(json.loads(text, strict=False, parse_constant=lambda name: None))
        except (ValueError, RecursionError, MemoryError) as error:
            raise SourceGarbled("not JSON", source=SERVICE) from error
    if type(reply) is not dict:
        raise SourceGarbled("not a JSON object", source=SERVICE)
    return reply


def _mended(value: Any) -> Any:
    """Without half emoji (lone surrogates), which no database takes."""
    if type(value) is str:
        if value.isascii():
            return value
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if type(value) is dict:
        return {_mended(key): _mended(inner) for key, inner in value.items()}
    if type(value) is list:
        return [_mended(inner) for inner in value]
    return value


def _reply(body: bytes) -> dict[str, Any]:
    """The JSON object of a good answer; SourceRefused with its words for one that is none."""
    reply = _load(body)
    _check(reply)
    return reply


def _check(reply: Mapping[str, Any]) -> None:
    status = reply.get("status")
    is_failure = type(status) is str and status.strip().lower() in _FAILED
    if is_failure or reply.get("error") or reply.get("detail"):
        raise SourceRefused(_said(reply) or "an error without words", source=SERVICE)


def _said(reply: Mapping[str, Any]) -> str:
    for name in ("msg", "message", "detail", "unavailableReason", "error"):
        value = reply.get(name)
        if type(value) is str and value.strip():
            return " ".join(value[: 2 * _LONGEST_SAID].split())[:_LONGEST_SAID]
        if (
            type(value) is list and value and type(value[0]) is dict
        ):  # what is wrong with each field
            return _said(value[0])
    return ""


def _part(reply: Mapping[str, Any], name: str) -> list[Any]:
    """The list of that name. null and {} stand for none; SourceGarbled when it is not there."""
    rows = reply.get(name, "")
    if type(rows) is list:
        return rows
    if rows is None or rows == {}:
        return []
    raise SourceGarbled(f"no list of {name} in the answer", source=SERVICE)


def _tweet_page(rows: Sequence[Any], outside: Mapping[str, Any], now: datetime) -> TweetPage:
    tweets: list[Tweet] = []
    for row in rows:
        tweet = read_tweet(row, now)
        if tweet is not None:
            tweets.append(tweet)
    return TweetPage(
        tweets=tuple(tweets),
        count=len(rows),
        bad=len(rows) - len(tweets),
        has_more=_is_true(outside.get("has_next_page")),
        cursor=_cursor(outside.get("next_cursor")),
    )


def _bulk_result(result: object, now: datetime) -> TweetPage | SourceError:
    if type(result) is not dict:
        return SourceGarbled("no answer to this search among the others", source=SERVICE)
    try:
        _check(result)
        return _tweet_page(_part(result, "tweets"), result, now)
    except SourceError as error:
        return error


def _cursor(value: object) -> str:
    """What is not a word that can be sent back is no cursor."""
    if type(value) is str and value.strip() and len(value) <= LONGEST_CURSOR:
        return value
    return ""


def _is_true(value: object) -> bool:
    return value is True or (type(value) is int and value == 1) or value in ("1", "true", "True")


def _is_plain(value: object) -> bool:
    return type(value) is str or type(value) is int


def _text(value: object) -> str:
    return value if type(value) is str else ""


def _name(value: object) -> str:
    """An id of the service's own, which may be a word or a number."""
    if type(value) is str:
        return value.strip()
    return str(number_id(value) or "")


def _whole(value: object) -> int | None:
    """Whole credits, of a number or of digits; part of a credit is none."""
    try:
        if type(value) is str:
            value = float(value) if "." in value else int(value)
        if type(value) is float:
            value = int(value)
    except (ValueError, OverflowError):
        return None
    return value if type(value) is int and abs(value) < 2**62 else None


def _seconds(value: object) -> float:
    try:
        seconds = float(value) if type(value) in (int, float, str) else 0.0  # type: ignore[arg-type]  # one of these
    except (ValueError, OverflowError):
        return 0.0
    return seconds if 0 <= seconds <= 10**9 else 0.0
