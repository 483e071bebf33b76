"""What trends cost with 100,000 posts of a week: counting, finding, reading, and the event loop."""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.analysis import background
from bot.analysis.counting import HeardVoices, count
from bot.analysis.terms import PostTerms
from bot.features.analyse import Analyser
from bot.features.post_windows import terms_of_posts
from bot.models.insight import Window
from bot.models.post import TWITTER_SOURCE_ID, Post, PostKind
from bot.services.db_service import open_database
from bot.services.migrations import migrate
from bot.storage.insights import TrendStore
from bot.storage.posts import PostStore
from bot.storage.sources import SourceStore

POSTS = 100_000
END = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TICK_S = 0.002

Row = tuple[str, float, str, str]  # what, value, unit, what stands beside it


def run() -> list[Row]:
    """Measure on a database of its own in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Row]:
    db = await open_database(f"sqlite:///{folder}/bench.db")
    await migrate(db)
    try:
        posts, store = PostStore(db), TrendStore(db)
        made = _posts()
        for start in range(0, POSTS, 2000):
            await posts.add_many(made[start : start + 2000])
        rows = _pure(made[:20_000])
        del made  # objects that no bot holds would burden every garbage collection
        analyser = Analyser(posts, store, SourceStore(db), clock=lambda: END)

        began = time.perf_counter()
        await analyser.catch_up()
        rows.append(("trends: catch_up", POSTS / (time.perf_counter() - began), "posts/s", ""))
        began = time.perf_counter()
        await analyser.run()
        rows.append(
            (
                "trends: first round",
                time.perf_counter() - began,
                "s",
                "100,000 posts in the week, 14,000 in the day",
            )
        )

        async with _loop_work() as busy:
            for window in Window:
                took = []
                for _ in range(8):
                    began = time.perf_counter()
                    await analyser.trends(window, END, 30)
                    took.append(time.perf_counter() - began)
                rows.append(
                    (
                        f"trends: found, {window}, p95",
                        _p95(took),
                        "s",
                        "100,000 posts in the week, 14,000 in the day",
                    )
                )
        rows.append(("trends: event loop busy at once, most", max(busy) * 1000, "ms", "at most 20"))

        took = []
        for _ in range(300):
            began = time.perf_counter()
            await store.latest(Window.H24)
            took.append(time.perf_counter() - began)
        rows.append(("trends: latest(), p95", _p95(took) * 1000, "ms", "at most 100"))
        return rows
    finally:
        await db.close()


def _pure(posts: list[Post]) -> list[Row]:
    began = time.process_time()
    said = terms_of_posts(posts)
    analysed = time.process_time()
    by_hour_s = _counting(said, None)
    by_slot_s = _counting(said, 0)
    return [
        ("trends: terms of a post", (analysed - began) / len(posts) * 1e6, "us", ""),
        ("trends: counting a post", by_hour_s / len(posts) * 1e6, "us", "at most 20"),
        ("trends: counting a recent post", by_slot_s / len(posts) * 1e6, "us", "by 5 minutes too"),
    ]


def _counting(said: list[PostTerms], slots_from_ms: int | None) -> float:
    heard = HeardVoices()
    began = time.process_time()
    for start in range(0, len(said), 4000):
        count(said[start : start + 4000], heard, slots_from_ms)
    return time.process_time() - began


def _posts() -> list[Post]:
    """A week of ordinary words at their ordinary shares, and a new subject every six hours."""
    rng = random.Random(1)
    ordinary = background.load("tweets")
    words = ordinary.words()
    weights = [ordinary.share(word) for word in words]
    drawn = iter(rng.choices(words, weights, k=POSTS * 12))
    start = END - timedelta(days=7)
    gap = timedelta(days=7) / POSTS
    posts = []
    for n in range(POSTS):
        said = [next(drawn) for _ in range(12)]
        if rng.random() < 0.04:
            said.append(f"#خبر_ژ{n * 28 // POSTS}ظ")
        posts.append(
            Post(
                kind=PostKind.TWEET,
                source_id=TWITTER_SOURCE_ID,
                external_id=str(n),
                created_at=start + gap * (n + 1),
                text=" ".join(said),
                author=f"user{rng.randrange(20_000)}",
            )
        )
    return posts


@asynccontextmanager
async def _loop_work() -> AsyncIterator[list[float]]:
    """CPU time that the event loop's own thread spends between two short sleeps.

    Not the wall clock: on a busy machine that would measure the neighbours.
    """
    spent: list[float] = [0.0]

    async def tick() -> None:
        while True:
            began = time.thread_time()
            await asyncio.sleep(TICK_S)
            spent.append(time.thread_time() - began)

    task = asyncio.create_task(tick())
    try:
        yield spent
    finally:
        task.cancel()


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


if __name__ == "__main__":
    for row in run():
        print(*row)
