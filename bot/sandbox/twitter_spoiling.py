"""Spoiling an answer: fields left out, lists where objects belong, tweets nobody can read."""

from __future__ import annotations

from random import Random
from typing import Any

from bot.sandbox.twitter_faults import TwitterFaultKind

Json = dict[str, Any]
_NEEDED = frozenset({"id", "text", "createdAt", "author", "userName", "screen_name"})
_OBJECTS = ("entities", "extendedEntities", "place", "card", "quoted_tweet", "retweeted_tweet")
_OBJECTS_OF_PEOPLE = ("entities", "profile_bio", "affiliatesHighlightedLabel")
_LISTS = ("tweets", "users", "followers", "followings")


def spoil(body: Json, lies: set[TwitterFaultKind], rng: Random) -> Json:
    """Return the answer as it is spoilt; what it was made of stays whole."""
    kind = TwitterFaultKind
    if not lies & {kind.LISTS_FOR_OBJECTS, kind.MISSING_FIELDS, kind.BROKEN_TWEETS}:
        return body
    spoilt: Json = {}
    for name, value in body.items():
        if name in _LISTS and isinstance(value, list):
            spoilt[name] = _spoil_list(value, lies, rng)
        elif name in {"data", "results"} and isinstance(value, dict):
            spoilt[name] = (
                _spoil_one(value, lies, rng)
                if "userName" in value
                else {key: _spoil_inner(inner, lies, rng, key) for key, inner in value.items()}
            )
        else:
            spoilt[name] = value
    return spoilt


def _spoil_inner(value: Any, lies: set[TwitterFaultKind], rng: Random, name: str) -> Any:
    if isinstance(value, dict):
        return spoil(value, lies, rng)
    if isinstance(value, list) and name in _LISTS:
        return _spoil_list(value, lies, rng)
    return value


def _spoil_list(items: list[Any], lies: set[TwitterFaultKind], rng: Random) -> list[Any]:
    spoilt: list[Any] = [_spoil_one(item, lies, rng) for item in items]
    if TwitterFaultKind.BROKEN_TWEETS in lies and spoilt:
        broken = rng.randrange(len(spoilt))
        way = rng.randrange(6)
        if way < 4:
            spoilt[broken].pop(("id", "text", "createdAt", "author")[way], None)
        else:
            spoilt[broken] = None if way == 4 else []
    return spoilt


def _spoil_one(item: Json, lies: set[TwitterFaultKind], rng: Random) -> Json:
    spoilt = dict(item)
    if TwitterFaultKind.MISSING_FIELDS in lies:
        for name in list(spoilt):
            if name not in _NEEDED and rng.random() < 0.3:
                del spoilt[name]
    if TwitterFaultKind.LISTS_FOR_OBJECTS in lies:
        for name in _OBJECTS if "text" in spoilt else _OBJECTS_OF_PEOPLE:
            if name in spoilt and rng.random() < 0.7:
                spoilt[name] = []
    author = spoilt.get("author")
    if isinstance(author, dict):
        spoilt["author"] = _spoil_one(author, lies, rng)
    return spoilt
