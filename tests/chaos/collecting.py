"""Collection and imports that are killed: `python -m tests.chaos.collecting KIND DATABASE [FILE]`.

Twelve feeds with ETags grow while a process that collects them is killed again and again; and a
file is imported by a process that is killed again and again. In the end every post is there once,
none is taken for a copy of itself, and every cursor is at its feed's last state.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.features.collect import Collector
from bot.features.imports import Importer
from bot.features.intake import Intake
from bot.models.post import Source, SourceKind
from bot.ports import Database
from bot.services.db_service import open_database
from bot.services.http_client import HttpClient
from bot.services.migrations import migrate
from bot.services.news_feeds import FeedReader
from bot.storage.origins import OriginStore
from bot.storage.posts import PostStore
from bot.storage.sources import SourceStore
from bot.utils.times import utc_now
from tests.chaos.harness import Worker
from tests.fakes_feeds import Answer, Asked, Site, item, rss

FEEDS = 12
_START = "آب باد برگ پل تاب جام چتر خاک دام رود زنگ ساز شهر صدا طرح عصر غار فرش قصر کوه گنج ماه نان"
_END = "آور بان پز تر جو خیز دار ریز زا ساز شناس فروش کار گر مند نشین نواز وار یاب"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is wrong in the end, and how much happened."""

    kills: int
    made: int  # posts that were there to be read
    stored: int
    doubled: int
    dropped: int
    stale: int  # sources whose cursor is not the feed's last
    rounds: int = 0  # requests answered

    @property
    def is_good(self) -> bool:
        return self.stored == self.made and not (self.doubled or self.dropped or self.stale)


def _words(chance: random.Random) -> str:
    """A text unlike any other."""
    starts, ends = _START.split(), _END.split()
    return " ".join(chance.choice(starts) + chance.choice(ends) for _ in range(14))


class _Feeds:
    """Feeds that grow by a few items a second."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.items: list[list[str]] = [[] for _ in range(FEEDS)]

    def grow(self) -> None:
        for number, items in enumerate(self.items):
            if self._chance.random() < 0.5:
                name = f"{number}-{len(items)}"
                items.append(item(name, f"خبر {name} {_words(self._chance)}", _words(self._chance)))

    def route(self, number: int) -> Callable[[Asked], Answer]:
        def answer(asked: Asked) -> Answer:
            tag = f'"{len(self.items[number])}"'
            if asked.headers.get("if-none-match") == tag:
                return Answer(status=304, headers={"ETag": tag})
            return Answer(body=rss(*self.items[number]), headers={"ETag": tag})

        return answer


async def run_collect(kills: int, folder: Path, seed: int = 1) -> Outcome:
    """Kill a collecting process `kills` times, then let one last round go through."""
    chance = random.Random(seed)
    feeds = _Feeds(chance)
    database = folder / "collect.db"
    async with Site({f"/{n}": feeds.route(n) for n in range(FEEDS)}) as site:
        db = await _open(database)
        for number in range(FEEDS):
            url = f"{site.url}/{number}"
            await SourceStore(db).add(Source(kind=SourceKind.FEED, name=str(number), url=url))
        await db.close()
        worker = Worker("-m", "tests.chaos.collecting", "collect", str(database))
        for _ in range(kills):
            await worker.start()
            for _ in range(chance.randrange(1, 8)):
                feeds.grow()
                await asyncio.sleep(chance.uniform(0.01, 0.15))
            await worker.kill()
        db = await _open(database)
        await _round(db)
        sources = await SourceStore(db).all(SourceKind.FEED)
        stale = sum(s.etag != f'"{len(feeds.items[int(s.name)])}"' for s in sources)
        made = sum(map(len, feeds.items))
        outcome = await _outcome(db, kills, made, stale, len(site.asked))
        await db.close()
    return outcome


async def run_import(kills: int, folder: Path, posts: int = 20_000, seed: int = 2) -> Outcome:
    """Kill an importing process `kills` times, then let it end."""
    chance = random.Random(seed)
    database, file = folder / "import.db", folder / "posts.jsonl"
    start = datetime(2026, 11, 1, tzinfo=UTC)
    with file.open("w") as lines:
        for number in range(posts):
            at = start + timedelta(seconds=number)
            record = {"id": str(number), "created_at": at.isoformat(), "text": _words(chance)}
            lines.write(json.dumps(record, ensure_ascii=False) + "\n")
    await (await _open(database)).close()
    worker = Worker("-m", "tests.chaos.collecting", "import", str(database), str(file))
    for _ in range(kills):
        await worker.start()
        await asyncio.sleep(chance.uniform(0.05, 1.5))
        await worker.kill()
    db = await _open(database)
    await Importer(Intake(PostStore(db), OriginStore(db))).run(file)
    outcome = await _outcome(db, kills, posts, 0, 0)
    await db.close()
    return outcome


async def _outcome(db: Database, kills: int, made: int, stale: int, rounds: int) -> Outcome:
    stored = await PostStore(db).after(0, 1_000_000, kept_only=False)
    names = Counter((post.source_id, post.external_id) for post in stored)
    return Outcome(
        kills=kills,
        made=made,
        stored=len(names),
        doubled=len(stored) - len(names),
        dropped=sum(post.drop is not None for post in stored),
        stale=stale,
        rounds=rounds,
    )


async def _open(database: Path) -> Database:
    db = await open_database(f"sqlite:///{database}")
    await migrate(db)
    return db


async def _round(db: Database) -> None:
    client = HttpClient(allow_private=True)
    intake = Intake(PostStore(db), OriginStore(db))
    collector = Collector(SourceStore(db), FeedReader(client), intake, base_interval_s=1)
    await collector.round(utc_now(), force=True)
    await client.close()


async def _work(kind: str, database: Path, file: Path | None) -> None:
    """What is killed; it says when it is at work."""
    db = await _open(database)
    intake = Intake(PostStore(db), OriginStore(db))
    sys.stdout.write("at work\n")
    sys.stdout.flush()
    if kind == "import" and file is not None:
        await Importer(intake).run(file)
        return
    client = HttpClient(allow_private=True)
    collector = Collector(SourceStore(db), FeedReader(client), intake, base_interval_s=1)
    while True:
        await collector.round(utc_now(), force=True)


if __name__ == "__main__":
    given = sys.argv[3:]
    asyncio.run(_work(sys.argv[1], Path(sys.argv[2]), Path(given[0]) if given else None))
