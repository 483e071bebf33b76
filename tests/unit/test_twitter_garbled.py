"""Answers of TwitterAPI.io gone bad: a typed error or fewer tweets, and nothing else, ever."""

from __future__ import annotations

import json
import re
from datetime import UTC
from random import Random
from typing import Any

import pytest

from bot.errors import SourceError
from bot.models.tweets import (
    Balance,
    FilterRule,
    PeoplePage,
    PlaceTrend,
    Profile,
    Tweet,
    TweetPage,
)
from bot.services.twitter_parsing import Push
from bot.storage.post_rows import values_of
from bot.utils.times import to_ms
from tests.raw_tweets import READERS, Json, envelopes, packed

BY_HAND: list[bytes] = [
    b"",
    b" ",
    b"null",
    b"true",
    b"5",
    b'"tweets"',
    b"[]",
    b"[[]]",
    b"{}",
    b"{",
    b"}",
    b'{"tweets"',
    b'{"tweets": [',
    b'{"tweets": [{"id": "1"',
    b"<html><body>502 Bad Gateway</body></html>",
    b"upstream connect error",
    b"\x00\x01\x02",
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}",
    b"\x1f\x8b\x08\x00broken gzip",
    b'{"tweets": "none"}',
    b'{"tweets": 5}',
    b'{"tweets": true}',
    b'{"tweets": {"0": {}}}',
    b'{"tweets": [null, 1, "x", [], {}, true]}',
    b'{"tweets": [[{"id": "1"}]]}',
    b'{"data": []}',
    b'{"data": null}',
    b'{"data": {"tweets": null}}',
    b'{"data": {"tweets": {}}}',
    b'{"data": {"tweets": "x"}}',
    b'{"data": {"data": {"tweets": []}}}',
    b'{"data": "user"}',
    b'{"data": {"id": "1"}}',
    b'{"results": []}',
    b'{"results": {}}',
    b'{"results": null}',
    b'{"results": {"query_0": []}}',
    b'{"results": {"query_0": {"tweets": 5}}}',
    b'{"results": [{"tweets": []}, null]}',
    b'{"followers": {"a": 1}}',
    b'{"users": [null, {"id": true}]}',
    b'{"trends": [{"trend": {"trend": {"name": "x"}}}]}',
    b'{"trends": {"0": 1}}',
    b'{"recharge_credits": "many"}',
    b'{"recharge_credits": 1e999, "total_bonus_credits": 0}',
    b'{"recharge_credits": 5, "total_bonus_credits": null}',
    b'{"recharge_credits": ' + b"9" * 5000 + b"}",
    b'{"rules": [{"rule_id": []}, {"rule_id": 5, "interval_seconds": "x"}]}',
    b'{"rule_id": ""}',
    b'{"rule_id": {"id": 1}}',
    b'{"event_type": 5}',
    b'{"event_type": "tweet", "tweets": null}',
    b'{"event_type": "tweet", "tweets": "x"}',
    b'{"status": []}',
    b'{"status": {"error": 1}}',
    b'{"msg": ' + b"[" * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    b'{"tweets": [' + b'{"quoted_tweet":' * 900 + b"null" + b"}" * 900 + b"]}",
]


@pytest.mark.parametrize("body", BY_HAND, ids=lambda body: repr(body[:40]))
@pytest.mark.parametrize("name", READERS)
def test_a_broken_answer_is_an_error_or_less(name: str, body: bytes) -> None:
    check(name, body)


@pytest.mark.parametrize("name", READERS)
def test_a_good_answer_gone_bad_is_an_error_or_less(name: str) -> None:
    """A hundred for each of the envelopes, and what is left of them can be stored."""
    chance = Random(f"garble {name}")
    good = envelopes()[name]
    outcomes = [check(name, garbled(good, chance)) for _ in range(100)]

    assert set(outcomes) <= {"read", "error"}
    assert "error" in outcomes  # the garbling is no formality


def check(name: str, body: bytes) -> str:
    """Read a body that may be anything; everything that comes of it must be usable."""
    try:
        read = READERS[name](body)
    except SourceError:
        return "error"
    parts = read if isinstance(read, list) else [read]
    cursors = cursors_in(body)
    for part in parts:
        if isinstance(part, Push):
            part = part.page
        if isinstance(part, TweetPage):
            assert part.count == len(part.tweets) + part.bad
            assert part.cursor == "" or part.cursor in cursors
            for each in part.tweets:
                check_tweet(each)
        elif isinstance(part, PeoplePage):
            assert part.count == len(part.people) + part.bad
            assert part.cursor == "" or part.cursor in cursors
            for profile in part.people:
                check_profile(profile)
        elif isinstance(part, Profile):
            check_profile(part)
        elif isinstance(part, Balance):
            assert abs(part.credits) < 2**63
        elif isinstance(part, PlaceTrend):
            assert part.name
            assert part.query
        elif isinstance(part, FilterRule):
            assert part.id
            assert part.interval_s >= 0
        else:
            assert part is None or isinstance(part, str | SourceError)
    return "read"


def check_tweet(each: Tweet) -> None:
    post = each.post
    assert re.fullmatch(r"[1-9]\d{0,18}", post.external_id, re.ASCII)
    assert post.created_at.tzinfo is UTC
    assert to_ms(post.created_at) > 0
    for value in values_of(post):
        assert not isinstance(value, int) or -(2**63) <= value < 2**63
        if isinstance(value, str):
            value.encode()  # half an emoji cannot be stored
    if each.author is not None:
        check_profile(each.author)
        assert post.author_id == each.author.id
    for link in each.links:
        assert 0 < link.to_id < 2**63
        assert link.to_id != post.author_id
    assert len({(link.kind, link.to_id) for link in each.links}) == len(each.links)
    for inner in each.around:
        assert inner.around == ()
        check_tweet(inner)


def check_profile(profile: Profile) -> None:
    assert 0 < profile.id < 2**63
    assert re.fullmatch(r"\w+", profile.username, re.ASCII)
    for count in (profile.followers, profile.following, profile.tweets):
        assert 0 <= count < 2**63
    for text in (profile.name, profile.description, profile.location):
        text.encode()
    assert profile.created_at is None or profile.created_at.tzinfo is UTC


def cursors_in(body: bytes) -> set[str]:
    """All strings that stand at next_cursor somewhere in a body that is JSON to anybody."""
    try:
        answer = json.loads(body.decode("utf-8-sig", "replace"), strict=False)
    except (ValueError, RecursionError):
        return set()
    cursors: set[str] = set()
    waiting = [answer]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            cursor = value.get("next_cursor")
            if isinstance(cursor, str):
                cursors.add(cursor.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return cursors


TRAPS: tuple[Any, ...] = (
    None, [], {}, "", 0, 1, -1, True, False, "0", "12", "-7", "true", "null", 1.5, 1e308, 10**25,
    -(2**63), 2**64, [0], [None], [[]], {"a": 1}, "x" * 3000, "\x00", "‮", "ۑ", "2025-12-06",
    "Sat Dec 06 17:42:18 +0000 99999", "Mon Feb 30 10:00:00 +0000 2025", "error", {"error": "x"},
    ["a", {"id": "1"}], 1765042938, "1997360967722684923",
)  # fmt: skip


def garbled(good: Json, chance: Random) -> bytes:
    """A good answer with some of its parts spoilt, and then perhaps its bytes."""
    answer = json.loads(json.dumps(good))
    for _ in range(chance.randint(1, 6)):
        spoil(answer, chance)
    if chance.random() < 0.1:
        deep: Any = 1
        for _ in range(chance.choice((50, 500))):
            deep = [deep] if chance.random() < 0.5 else {"quoted_tweet": deep}
        answer[chance.choice(list(answer) or ["x"])] = deep
    body = packed(answer)
    how = chance.randrange(9)
    if how == 0:
        return body[: chance.randrange(len(body))]
    if how == 1:
        return body.decode().encode(chance.choice(("utf-16", "utf-16-be", "cp1256")), "replace")
    if how == 2:
        spoilt = bytearray(body)
        for _ in range(chance.randint(1, 8)):
            spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
        return bytes(spoilt)
    if how == 3:  # a key twice
        key = chance.choice(("tweets", "next_cursor", "status", "data", "id"))
        return body[:-1] + f', "{key}": {json.dumps(chance.choice(TRAPS))}}}'.encode()
    if how == 4:
        number = chance.choice((b"NaN", b"-Infinity", b"1e999", b"9" * 400, b"-0", b"0x1"))
        return re.sub(rb"(?<=: )\d+", number, body, count=chance.randint(1, 5))
    if how == 5:
        half = chance.choice((rb"\ud83d", rb"\udc00", rb"\ud83d\ud83d", rb"\u0000"))
        return body.replace("ا".encode(), half, chance.randint(1, 4))
    return body


def spoil(answer: Any, chance: Random) -> None:
    """Change one thing, anywhere within."""
    here = answer
    while True:
        keys: list[Any] = list(here) if isinstance(here, dict) else list(range(len(here)))
        if not keys:
            return
        key = chance.choice(keys)
        inner = here[key]
        if isinstance(inner, dict | list) and inner and chance.random() < 0.8:
            here = inner
            continue
        if chance.random() < 0.3:
            del here[key]
        else:
            here[key] = json.loads(json.dumps(chance.choice(TRAPS)))
        return
