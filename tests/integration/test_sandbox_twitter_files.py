"""A file of tweets in the double: what is invented around them, and a clock that runs faster."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from bot.sandbox.twitter_double import TwitterClock, TwitterDouble
from bot.sandbox.twitter_people import Person, person_id

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 5, 4, 12, tzinfo=UTC)
ROWS = (
    ("9001", 0.25, "", "نان تازه https://t.co/abc"),
    ("9002", 1.0, "بریده", "@sara چطوری؟"),
    ("9003", 2.0, "", "RT @old_friend: حرف قدیمی که بریده شد…"),
    ("9004", 3.0, "", "RT @old_friend: حرف قدیمی که بریده شد…"),
    ("9005", 60.0, "", 'گفت "آری'),
)


@pytest.fixture
def tsv(tmp_path: Path) -> Path:
    path = tmp_path / "tweets.tsv"
    lines = ["id\tcreated_at_utc\thashtags\ttext"]
    for number, seconds, tags, text in ROWS:
        at = (AT + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
        lines.append(f"{number}\t{at.replace('+00:00', 'Z')}\t{tags}\t{text}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_rows_become_tweets_with_invented_authors(tsv: Path) -> None:
    """The same authors in every process; replies, retweets and links by the text."""
    double, again = TwitterDouble(tsv), TwitterDouble(tsv)
    found = {held.id: held for held in double.matching("")}

    assert set(found) == {9001, 9002, 9003, 9004, 9005}
    assert [held.author.id for held in again.matching("")] == [
        held.author.id for held in double.matching("")
    ]
    assert found[9001].at_ms % 1_000 == 250
    assert (found[9001].page, found[9005].text) == ("https://pages.example.org/abc", 'گفت "آری')
    assert (found[9002].reply_to, found[9002].tags) == ("sara", frozenset({"بریده"}))
    original = found[9003].retweeted
    assert original is not None
    assert found[9004].retweeted is original
    assert (original.author.username, original.text) == ("old_friend", "حرف قدیمی که بریده شد")
    assert original.at_ms < found[9003].at_ms
    assert double.shelf.get(original.id, found[9003].at_ms) is original
    assert double.matching("from:old_friend") == []


def test_json_lines_say_more(tmp_path: Path) -> None:
    """Author and counts are taken when they are there; the shape of sample posts fits."""
    path = tmp_path / "tweets.jsonl"
    row = {"id": "5", "created_at": "2026-05-04T12:00:00Z", "text": "سلام", "author": "bob",
           "likes": 7, "retweets": 2, "replies": 1, "lang": "en"}  # fmt: skip
    path.write_text(json.dumps(row) + "\n\n", encoding="utf-8")

    (held,) = TwitterDouble(path).matching("from:bob min_faves:7 lang:en")

    assert (held.retweets, held.replies, held.author.id) == (2, 1, person_id("bob"))


def test_people_follow_from_their_names() -> None:
    """Whatever the order in which they are seen, and without regard to capitals."""
    assert Person("Bob").id == Person("bob").id == 10**17 + (Person("BOB").id - 10**17)
    assert Person("bob").traits == Person("BOB").traits
    assert Person("bob").id != Person("rob").id


def test_the_clock_runs_from_a_start_at_a_speed(tsv: Path) -> None:
    """What is not written yet by that clock is not found."""
    wall = [1_000.0]
    double = TwitterDouble(tsv, clock=lambda: wall[0], start=AT, speed=100.0)
    counts = [len(double.matching(""))]
    for passed in (0.005, 0.02, 0.5, 1.0):
        wall[0] = 1_000.0 + passed
        counts.append(len(double.matching("")))

    assert counts == [0, 1, 3, 4, 5]
    assert double.clock() == AT + timedelta(seconds=100)
    double.clock.set(AT)
    assert len(double.matching("")) == 0


def test_a_clock_that_follows_another_has_no_beginning() -> None:
    """Only a start or a speed is counted from the moment it begins."""
    wall = [50.0]
    same, fast = TwitterClock(lambda: wall[0]), TwitterClock(lambda: wall[0], speed=10.0)
    wall[0] = 60.0
    same.restart()
    fast.restart()
    wall[0] = 61.0

    assert (same.now_s(), fast.now_s()) == (61.0, 60.0)


def test_late_indexing_shows_a_tweet_seconds_after_it_was_written(tsv: Path) -> None:
    """Each by its own part of the delay; in the end all of them."""
    wall = [AT.timestamp() + 5]
    double = TwitterDouble(tsv, clock=lambda: wall[0], index_delay_s=60.0)
    early = len(double.matching(""))
    wall[0] += 120

    assert early < 4
    assert len(double.matching("")) == 5


async def test_a_process_replays_a_file(tsv: Path) -> None:
    """`--tweets --start --speed`; the first line tells addresses and how the clock goes."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot.sandbox", "--port", "0", "--no-linked-channel",
        "--tweets", str(tsv), "--start", "2026-05-04T12:00:00", "--speed", "1000",
        "--twitter-settle-s", "0",
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    told = json.loads(await process.stdout.readline())
    async with httpx.AsyncClient(headers={"X-API-Key": told["twitter_key"]}) as http:
        url = f"{told['twitter_url']}/twitter/tweet/advanced_search"
        async with asyncio.timeout(10):
            found: list[str] = []
            while len(found) < 5:
                page = (await http.get(url, params={"query": "lang:fa"})).json()
                found = [one["id"] for one in page.get("tweets", found)]
                await asyncio.sleep(0.06)
    process.send_signal(signal.SIGTERM)
    code = await asyncio.wait_for(process.wait(), 10)

    assert found == ["9005", "9004", "9003", "9002", "9001"]
    assert told["twitter_clock"]["start"] == AT.timestamp()
    assert told["twitter_clock"]["speed"] == 1_000.0
    assert told["twitter_stream_url"].startswith("ws://127.0.0.1:")
    assert code == 0
