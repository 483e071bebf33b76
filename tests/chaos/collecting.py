"""Collection and imports that are killed: `python -m tests.chaos.collecting KIND DATABASE [FILE]`.

Twelve feeds with ETags grow while the processes that collect them are killed and stopped again and
again; and a file is imported by a process that is killed again and again. In the end every post is
there once, none is taken for a copy of itself, every cursor is at its feed's last state, and no
feed was ever asked by two at the same time, or before its time.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
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
INTERVAL_S = 1  # every feed is due again after it
TOO_SOON_S = 0.7  # a moment too early is due as well
CLAIM = timedelta(seconds=6)
ANSWER_S = 0.1  # a feed takes its time, so that two who ask at once meet
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
    together: int = 0  # feeds asked by two at the same time
    too_soon: int = 0  # requests before their time

    @property
    def is_good(self) -> bool:
        wrong = (self.doubled, self.dropped, self.stale, self.together, self.too_soon)
        return self.stored == self.made and not any(wrong)


def _words(chance: random.Random) -> str:
    """A text unlike any other."""
    starts, ends = _START.split(), _END.split()
    return " ".join(chance.choice(starts) + chance.choice(ends) for _ in range(14))


class _Feeds:
    """Feeds that grow by a few items a second."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.items: list[list[str]] = [[] for _ in range(FEEDS)]
        self.asked_at: list[list[float]] = [[] for _ in range(FEEDS)]

    def grow(self) -> None:
        for number, items in enumerate(self.items):
            if self._chance.random() < 0.5:
                name = f"{number}-{len(items)}"
                items.append(item(name, f"خبر {name} {_words(self._chance)}", _words(self._chance)))

    def route(self, number: int) -> Callable[[Asked], Answer]:
        def answer(asked: Asked) -> Answer:
            self.asked_at[number].append(time.monotonic())
            soon = asyncio.Event()
            asyncio.get_running_loop().call_later(ANSWER_S, soon.set)
            tag = f'"{len(self.items[number])}"'
            if asked.headers.get("if-none-match") == tag:
                return Answer(status=304, headers={"ETag": tag}, hold=soon)
            return Answer(body=rss(*self.items[number]), headers={"ETag": tag}, hold=soon)

        return answer

    def too_soon(self) -> int:
        """How often a feed was asked again before it was due."""
        pairs = [pair for times in self.asked_at for pair in pairwise(times)]
        return sum(later - earlier < TOO_SOON_S for earlier, later in pairs)


async def run_collect(
    kills: int, database: str, workers: int = 1, stops: int = 0, seed: int = 1
) -> Outcome:
    """Kill and stop collecting processes so many times, then let one last round go through."""
    chance = random.Random(seed)
    feeds = _Feeds(chance)
    async with Site({f"/{n}": feeds.route(n) for n in range(FEEDS)}) as site:
        db = await _open(database)
        for number in range(FEEDS):
            url = f"{site.url}/{number}"
            await SourceStore(db).add(Source(kind=SourceKind.FEED, name=str(number), url=url))
        crowd = [
            Worker("-m", "tests.chaos.collecting", "collect", database) for _ in range(workers)
        ]
        try:
            await asyncio.gather(*[worker.start() for worker in crowd])
            for event in chance.sample(["kill"] * kills + ["stop"] * stops, kills + stops):
                for _ in range(chance.randrange(1, 8)):
                    feeds.grow()
                    await asyncio.sleep(chance.uniform(0.01, 0.15))
                worker = chance.choice(crowd)
                if event == "kill":
                    await worker.kill()
                    await worker.start()
                else:  # shorter than a claim: it is still the one who asks
                    worker.send_signal(signal.SIGSTOP)
                    await asyncio.sleep(chance.uniform(0.1, 1.5))
                    worker.send_signal(signal.SIGCONT)
        finally:
            await asyncio.gather(*[worker.kill() for worker in crowd])
        await asyncio.sleep(CLAIM.total_seconds() + 1)
        too_soon = feeds.too_soon()
        await _round(db)
        sources = await SourceStore(db).all(SourceKind.FEED)
        stale = sum(s.etag != f'"{len(feeds.items[int(s.name)])}"' for s in sources)
        made = sum(map(len, feeds.items))
        outcome = replace(
            await _outcome(db, kills, made, stale, len(site.asked)),
            together=sum(most > 1 for most in site.most_open_at.values()),
            too_soon=too_soon,
        )
        await db.close()
    return outcome


async def run_import(kills: int, folder: Path, posts: int = 20_000, seed: int = 2) -> Outcome:
    """Kill an importing process `kills` times, then let it end."""
    chance = random.Random(seed)
    database, file = f"sqlite:///{folder}/import.db", folder / "posts.jsonl"
    start = datetime(2026, 11, 1, tzinfo=UTC)
    with file.open("w") as lines:
        for number in range(posts):
            at = start + timedelta(seconds=number)
            record = {"id": str(number), "created_at": at.isoformat(), "text": _words(chance)}
            lines.write(json.dumps(record, ensure_ascii=False) + "\n")
    await (await _open(database)).close()
    worker = Worker("-m", "tests.chaos.collecting", "import", database, str(file))
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


async def _open(database: str) -> Database:
    db = await open_database(database)
    await migrate(db)
    return db


async def _round(db: Database) -> None:
    client = HttpClient(allow_private=True)
    intake = Intake(PostStore(db), OriginStore(db))
    collector = Collector(SourceStore(db), FeedReader(client), intake, base_interval_s=INTERVAL_S)
    await collector.round(utc_now(), force=True)
    await client.close()


async def _work(kind: str, database: str, file: Path | None) -> None:
    """What is killed; it says when it is at work."""
    db = await _open(database)
    intake = Intake(PostStore(db), OriginStore(db))
    sys.stdout.write("at work\n")
    sys.stdout.flush()
    if kind == "import" and file is not None:
        await Importer(intake).run(file)
        return
    client = HttpClient(allow_private=True)
    collector = Collector(
        SourceStore(db), FeedReader(client), intake, base_interval_s=INTERVAL_S, claim=CLAIM
    )
    while True:
        await collector.round(utc_now())
        await asyncio.sleep(0.05)


if __name__ == "__main__":
    given = sys.argv[3:]
    asyncio.run(_work(sys.argv[1], sys.argv[2], Path(given[0]) if given else None))
