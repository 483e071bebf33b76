"""Feeds a second beside feedparser, rounds over HTTP, and imported posts beside a bare INSERT."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.features.collect import Collector
from bot.features.imports import Importer
from bot.features.intake import Intake
from bot.models.post import Source, SourceKind
from bot.services.db_service import open_database
from bot.services.http_client import HttpClient
from bot.services.migrations import migrate
from bot.services.news_feeds import FeedReader, parse_feed
from bot.storage.origins import OriginStore
from bot.storage.posts import PostStore
from bot.storage.sources import SourceStore
from bot.utils.times import utc_now
from tests.fakes_feeds import Answer, Asked, Site, item, rss

FEEDS = 60
ITEMS = 30
POSTS = 10_000
LETTERS = "ابتجدرزسشفقکگلمنوهیپ"
NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)

Row = tuple[str, float, str, float | None]  # what, value, unit, the most (or None)


def run() -> list[Row]:
    chance = random.Random(3)
    words = ["".join(chance.choices(LETTERS, k=chance.randint(2, 8))) for _ in range(8000)]
    feeds = [_feed(chance, words, number) for number in range(FEEDS)]
    rows = _parsing(feeds)
    with tempfile.TemporaryDirectory() as folder:
        rows += asyncio.run(_rounds(Path(folder), feeds))
        rows += asyncio.run(_import(Path(folder), chance, words))
    return rows


def _text(chance: random.Random, words: list[str], length: int) -> str:
    return " ".join(chance.choices(words, k=length))


def _feed(chance: random.Random, words: list[str], number: int) -> bytes:
    items = []
    for index in range(ITEMS):
        at = NOW - timedelta(minutes=chance.randrange(10_000))
        lead = f"&lt;p&gt;{_text(chance, words, 60)}&lt;/p&gt;"
        title = _text(chance, words, 10)
        items.append(item(f"{number}-{index}", title, lead, f"{at:%a, %d %b %Y %H:%M:%S} +0330"))
    return rss(*items)


def _parsing(feeds: list[bytes]) -> list[Row]:
    """CPU time of one thread, best of three."""
    import feedparser

    def ours() -> None:
        for body in feeds:
            parse_feed(body, "", "https://a.example/", NOW)

    def bare() -> None:
        for body in feeds[:15]:
            feedparser.parse(body)

    mine, theirs = _best(ours) / FEEDS, _best(bare) / 15
    return [
        ("feeds: parsed, cleaned, dated", 1 / mine, "feeds/s", None),
        ("feeds: feedparser alone", 1 / theirs, "feeds/s", None),
        ("feeds: time over feedparser's", mine / theirs, "times", 1.0),
    ]


async def _rounds(folder: Path, feeds: list[bytes]) -> list[Row]:
    """A first round of new posts, and one in which nothing has changed."""

    def route(body: bytes) -> Callable[[Asked], Answer]:
        def answer(asked: Asked) -> Answer:
            if "if-none-match" in asked.headers:
                return Answer(status=304, headers={"ETag": '"1"'})
            return Answer(body=body, headers={"ETag": '"1"'})

        return answer

    db = await open_database(f"sqlite:///{folder}/rounds.db")
    await migrate(db)
    client = HttpClient(allow_private=True, at_once_per_host=16)
    sources = SourceStore(db)
    intake = Intake(PostStore(db), OriginStore(db))
    collector = Collector(sources, FeedReader(client), intake)
    async with Site({f"/{n}": route(body) for n, body in enumerate(feeds)}) as site:
        for number in range(FEEDS):
            url = f"{site.url}/{number}"
            await sources.add(Source(kind=SourceKind.FEED, name=str(number), url=url))
        began = time.process_time()
        first = await collector.round(utc_now(), force=True)
        cold_s = time.process_time() - began
        began = time.process_time()
        second = await collector.round(utc_now(), force=True)
        warm_s = time.process_time() - began
    await client.close()
    await db.close()
    if (first.new, second.unchanged) != (FEEDS * ITEMS, FEEDS):
        raise AssertionError("the rounds did not read what is there")
    return [
        ("feeds: new ones collected", FEEDS / cold_s, "feeds/CPU-s", None),
        ("feeds: unchanged ones asked", FEEDS / warm_s, "feeds/CPU-s", None),
    ]


async def _import(folder: Path, chance: random.Random, words: list[str]) -> list[Row]:
    """Tweets through the whole road, beside one executemany of the same lines."""
    file = folder / "posts.jsonl"
    start = datetime(2026, 11, 1, tzinfo=UTC)
    with file.open("w") as lines:
        for number in range(POSTS):
            at = (start + timedelta(seconds=number)).isoformat()
            text = _text(chance, words, chance.randint(5, 40))
            record = {"id": str(number), "created_at": at, "text": text}
            lines.write(json.dumps(record, ensure_ascii=False) + "\n")
    db = await open_database(f"sqlite:///{folder}/import.db")
    await migrate(db)
    importer = Importer(Intake(PostStore(db), OriginStore(db)))
    began = time.process_time()
    done = await importer.run(file)
    new_s = time.process_time() - began
    began = time.process_time()
    again = await importer.run(file)
    known_s = time.process_time() - began
    await db.close()
    if (done.new, again.known) != (POSTS, POSTS):
        raise AssertionError("the import did not take every line")
    bare_s = _bare_insert(folder, file)
    return [
        ("import: new posts", POSTS / new_s, "posts/CPU-s", None),
        ("import: known posts", POSTS / known_s, "posts/CPU-s", None),
        ("import: json and executemany alone", POSTS / bare_s, "posts/CPU-s", None),
        ("import: 61,000 tweets", 61_000 * new_s / POSTS, "CPU-s", 45.0),
    ]


def _bare_insert(folder: Path, file: Path) -> float:
    began = time.process_time()
    connection = sqlite3.connect(folder / "bare.db")
    connection.execute("CREATE TABLE posts (id TEXT PRIMARY KEY, at TEXT, text TEXT)")
    with file.open() as lines:
        records = map(json.loads, lines)
        rows = ((record["id"], record["created_at"], record["text"]) for record in records)
        connection.executemany("INSERT INTO posts VALUES (?, ?, ?)", rows)
    connection.commit()
    connection.close()
    return time.process_time() - began


def _best(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(3):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)
