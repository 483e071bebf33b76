"""Ten million posts on SQLite: how fast they go in, how much room they take, how the bot does.

`python -m tests.scale.ten_million FOLDER [--posts N]` makes posts of sixty days that end now,
stores them and their counters through the bot's own stores, builds the search index, and then asks
both the parts and a running bot. Figures are printed as they come. With the same FOLDER it goes on
where it stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

from bot.analysis.counting import HeardVoices, count, hour_of
from bot.analysis.terms import PostTerms, terms_of
from bot.features.admin import memory_bytes
from bot.features.intake import Intake
from bot.models.insight import Window
from bot.models.post import (
    TWITTER_SOURCE_ID,
    DropReason,
    Engagement,
    Mood,
    Post,
    PostKind,
    Source,
    SourceKind,
    SourceState,
)
from bot.ports import Database
from bot.sandbox.server import SandboxServer
from bot.services.db_service import open_database
from bot.services.db_sqlite import SqliteDatabase
from bot.services.migrations import migrate
from bot.services.search_index import SearchIndex
from bot.storage.counters import SLOTS_KEPT_MS
from bot.storage.figures import FigureStore
from bot.storage.insights import TrendStore
from bot.storage.origins import OriginStore
from bot.storage.posts import PostStore
from bot.storage.sources import SourceStore
from bot.utils.times import to_ms, utc_now
from tests.e2e.running_bot import RunningBot

DAYS = 60
BATCH = 5000
COUNTED_AT_ONCE = 4 * BATCH
VOCABULARY = 60_000
WORDS = 13
AUTHORS = 300_000
OUTLETS = 20
REPORT_EVERY = 500_000
ASKED = 100
LETTERS = "ابپتجچخدرزسشفقکگلمنوهی"
MB = 1024 * 1024


def say(what: str, value: float | str, unit: str = "") -> None:
    shown = value if isinstance(value, str) else f"{value:,.3f}".rstrip("0").rstrip(".")
    sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S}  {what}: {shown} {unit}\n")
    sys.stdout.flush()


class Writers:
    """The same posts for the same seed: number n says what it always says."""

    def __init__(self, posts: int, end: datetime, outlets: Sequence[int]) -> None:
        chance = random.Random(17)
        words: dict[str, None] = {}
        while len(words) < VOCABULARY:
            words["".join(chance.choices(LETTERS, k=chance.randint(3, 7)))] = None
        # Only words that are counted as they are written: the terms need no analysis then.
        self._words = [word for word in words if terms_of(word) == (word,)]
        self._cumulated = list(accumulate(1 / (rank + 20) for rank in range(len(self._words))))
        self._posts = posts
        self._outlets = outlets
        self._start_ms = to_ms(end) - DAYS * 86_400_000
        self._step_ms = DAYS * 86_400_000 / posts

    def batch(self, first: int, size: int) -> Iterator[tuple[Post, PostTerms]]:
        """Posts number `first` (from 0) and on; their ids are one more."""
        chance = random.Random(first)
        drawn = chance.choices(self._words, cum_weights=self._cumulated, k=size * WORDS)
        moods = chance.choices((Mood.POSITIVE, Mood.NEUTRAL, Mood.NEGATIVE), (25, 55, 20), k=size)
        for n in range(size):
            number = first + n
            said = drawn[n * WORDS : (n + 1) * WORDS]
            terms = tuple(dict.fromkeys(said))
            text = " ".join(said)
            hashtags: tuple[str, ...] = ()
            if chance.random() < 0.15:
                tag = said[0]
                text, hashtags = f"#{text}", (tag,)
            at_ms = int(self._start_ms + self._step_ms * (number + chance.random()))
            is_news = chance.random() < 0.03
            is_copy = not is_news and number > 100 and chance.random() < 0.05
            author = "" if is_news else f"user{int(AUTHORS * chance.random() ** 3)}"
            source_id = chance.choice(self._outlets) if is_news else TWITTER_SOURCE_ID
            likes = int(chance.paretovariate(0.8)) - 1
            post = Post(
                id=number + 1,
                kind=PostKind.NEWS if is_news else PostKind.TWEET,
                source_id=source_id,
                external_id=str(1_900_000_000_000_000_000 + number * 7919),
                created_at=datetime.fromtimestamp(at_ms / 1000, UTC),
                collected_at=datetime.fromtimestamp(at_ms / 1000 + 60, UTC),
                text=text,
                author=author,
                lang="fa",
                hashtags=hashtags,
                engagement=Engagement(likes=likes, views=likes * 40),
                content_key=chance.getrandbits(63),
                drop=DropReason.NEAR_DUPLICATE if is_copy else None,
                drop_evidence="0.91" if is_copy else "",
                duplicate_of=number - chance.randrange(100) if is_copy else None,
                mood=moods[n],
                mood_confidence=0.7,
            )
            voice = f"#{source_id}" if is_news else author
            mood = (moods[n] is Mood.POSITIVE) - (moods[n] is Mood.NEGATIVE)
            yield post, PostTerms(number + 1, at_ms, is_news, voice, mood, likes, terms)


async def main(folder: Path, posts: int) -> None:
    file = folder / "hoshyar.db"
    db = await open_database(f"sqlite:///{file}")
    assert isinstance(db, SqliteDatabase)
    await migrate(db)
    try:
        await _store(db, posts, file)
        await _tidy(db, file)
        await _index(db, folder)
        await _ask_parts(db, folder)
    finally:
        await db.close()
    await _ask_bot(folder, file)


async def _store(db: Database, posts: int, file: Path) -> None:
    sources, store, trends = SourceStore(db), PostStore(db), TrendStore(db)
    outlets = [
        (
            await sources.add(
                Source(
                    kind=SourceKind.FEED,
                    name=f"رسانه {n}",
                    url=f"http://127.0.0.1/{n}",
                    state=SourceState.PAUSED,
                )
            )
        ).id
        for n in range(OUTLETS)
    ]
    head = done = await store.head()
    end = await _end_of(db, posts, done)
    writers = Writers(posts, end, outlets)
    heard = HeardVoices()
    uncounted: list[PostTerms] = []
    watermark = await trends.watermark()
    if done != watermark:
        raise SystemExit("the folder holds posts that are not counted: begin with an empty one")
    began, cpu_began, last_report = time.perf_counter(), time.process_time(), done
    counting_s = 0.0
    while done < posts:
        size = min(BATCH, posts - done)
        made = await asyncio.to_thread(lambda d=done, s=size: list(writers.batch(d, s)))
        assert await store.add_new(done, [post for post, _ in made])
        uncounted += [said for post, said in made if post.drop is None]
        done += size
        if len(uncounted) >= COUNTED_AT_ONCE or done == posts:
            counting_began = time.perf_counter()
            hours, slots = await asyncio.to_thread(
                count, uncounted, heard, to_ms(end) - SLOTS_KEPT_MS
            )
            assert await trends.add(hours, watermark, done, slots)
            heard.shrink(hour_of(uncounted[-1]))
            watermark, uncounted = done, []
            counting_s += time.perf_counter() - counting_began
        if done - last_report >= REPORT_EVERY or done == posts:
            last_report = done
            passed = time.perf_counter() - began
            say(
                f"stored and counted {done:,}",
                (done - head) / passed,
                f"posts/s, {memory_bytes() / MB:.0f} MB of memory, {_size(file) / MB:,.0f} MB",
            )
    if done > head:
        cpu_s = time.process_time() - cpu_began
        say("import, all told", (done - head) / cpu_s, "posts/CPU-s")
        say("of it counting", counting_s, "s")


async def _end_of(db: Database, posts: int, done: int) -> datetime:
    """Now; for a run that goes on, the end that it had."""
    if not done:
        return utc_now()
    row = await db.fetch_one("SELECT MIN(created_ms) FROM posts")
    assert row is not None
    return datetime.fromtimestamp(row[0] / 1000, UTC) + timedelta(days=DAYS)


async def _tidy(db: SqliteDatabase, file: Path) -> None:
    store = TrendStore(db)
    began = time.perf_counter()
    swept = await store.sweep(utc_now())
    say(f"swept {swept:,} rare terms of past days", time.perf_counter() - began, "s")
    began = time.perf_counter()
    await db.maintain()
    say("maintain", time.perf_counter() - began, "s")
    say("database", _size(file) / MB, "MB")
    for table in ("term_days", "term_slots", "post_counts"):
        row = await db.fetch_one(f"SELECT COUNT(*) FROM {table}")
        assert row is not None
        say(f"rows of {table}", float(row[0]))


async def _index(db: Database, folder: Path) -> None:
    index = await SearchIndex.open(folder / "hoshyar.search.db", PostStore(db))
    began = time.perf_counter()
    total = await index.catch_up()
    passed = time.perf_counter() - began
    if total:
        say(f"indexed {total:,}", total / passed, "posts/s")
    say("memory after indexing", memory_bytes() / MB, "MB")
    say("search file", _size(folder / "hoshyar.search.db") / MB, "MB")
    await index.close()


async def _ask_parts(db: Database, folder: Path) -> None:
    store, trends = PostStore(db), TrendStore(db)
    index = await SearchIndex.open(folder / "hoshyar.search.db", store)
    now = utc_now()
    chance = random.Random(3)
    writers = Writers(1000, now, [1])
    ranks = {"common": 5, "frequent": 300, "rare": 40_000}
    for name, rank in ranks.items():
        words = [writers._words[rank + n] for n in range(20)]
        for order in ("newest", "best"):
            await _timed(
                f"search {order} 20, {name} word",
                lambda o=order, w=words: index.search(chance.choice(w), 20, order=o),
            )
        await _timed(f"search count, {name} word", lambda w=words: index.count(chance.choice(w)))
    await _timed("posts in all", store.count)
    await _timed("posts of today by kind", lambda: _today(db, now))
    await _timed("posts of a week by fate", lambda: store.count_between(now - timedelta(7), now))
    await _timed("latest trends", lambda: trends.latest(Window.H24))
    await _timed("newest news", lambda: store.newest(10, kind=PostKind.NEWS))
    intake = Intake(store, OriginStore(db))
    for what in ("first", "second"):
        began = time.perf_counter()
        await intake.take(
            [
                Post(
                    kind=PostKind.TWEET,
                    source_id=TWITTER_SOURCE_ID,
                    external_id=f"{what} {time.time_ns()}",
                    created_at=utc_now(),
                    text=f"نوشته‌ای تازه که {what} بار نوشته می‌شود و هیچ‌کس پیش‌تر ننوشته است",
                )
            ]
        )
        say(f"{what} post taken in after a start", (time.perf_counter() - began) * 1000, "ms")
    await index.close()


async def _today(db: Database, now: datetime) -> object:
    return await FigureStore(db).posts_by_kind(now - timedelta(hours=18), now)


async def _timed(what: str, ask: Callable[[], Awaitable[Any]]) -> None:
    took = []
    for _ in range(ASKED):
        began = time.perf_counter()
        await ask()
        took.append((time.perf_counter() - began) * 1000)
    say(what, f"p50 {statistics.median(took):.2f} ms, p95 {_p95(took):.2f} ms")


async def _ask_bot(folder: Path, file: Path) -> None:
    feeds = folder / "none.opml"
    await asyncio.to_thread(feeds.write_text, "<opml version='2.0'><body/></opml>", "utf-8")
    async with SandboxServer(linked_channel=False) as server:
        bot = RunningBot(
            folder,
            TELEGRAM_BOT_TOKEN=server.token,
            TELEGRAM_API_BASE_URL=server.base_url,
            DATABASE_URL=f"sqlite:///{file}",
            FEEDS_FILE=str(feeds),
            WEB_PORT="0",
        )
        began = time.perf_counter()
        async with bot:
            await server.wait_call("deleteWebhook", timeout_s=300)
            say("bot: start to first poll", time.perf_counter() - began, "s")
            assert bot.process is not None
            await _commands(server, "at the start", 5)
            for _ in range(6):
                await asyncio.sleep(20)
                say("bot: memory", _rss_mb(bot.process.pid), "MB")
            await _commands(server, "later", ASKED)
            say("bot: memory at the end", _rss_mb(bot.process.pid), "MB")
            await bot.stop()


async def _commands(server: SandboxServer, when: str, times: int) -> None:
    for command in ("/trends", "/status", "/search کتاب"):
        took = []
        for number in range(times):
            # Somebody else each time: one chat gets a message a second.
            person = server.people.new_user(f"{command} {when} {number}", started=True)
            began = time.perf_counter()
            await server.say(person.id, command)
            await server.wait_message(person.id, timeout_s=120)
            took.append((time.perf_counter() - began) * 1000)
        most = f"p50 {statistics.median(took):.1f} ms, p95 {_p95(took):.1f} ms"
        say(f"bot: {command.split()[0]} {when}", most)


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[18]


def _size(file: Path) -> int:
    return sum(
        path.stat().st_size
        for suffix in ("", "-wal")
        if (path := file.with_name(file.name + suffix)).exists()
    )


def _rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    own = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return own / 1024 + sum(_rss_mb(int(child)) for child in children)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.scale.ten_million")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--posts", type=int, default=10_000_000)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(given.folder, given.posts))
