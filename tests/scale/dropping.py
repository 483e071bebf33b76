"""Do readers and the writer notice when old months are dropped?

`python -m tests.scale.dropping FILE [--days N]` takes a database of posts (a copy: it is changed),
asks for posts and stores some, first alone, then while everything older than N days is dropped.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from bot.features.retention import PAUSE, PIECE
from bot.models.post import TWITTER_SOURCE_ID, Post, PostKind
from bot.services.db_service import open_database
from bot.services.migrations import migrate
from bot.storage.posts import PostStore
from bot.storage.retention import RetentionStore
from bot.utils.times import utc_now
from tests.scale.ten_million import say

ASKED_S = 40.0
PAUSE_S = 0.02


async def main(file: Path, days: int) -> None:
    db = await open_database(f"sqlite:///{file}")
    await migrate(db)
    posts, store = PostStore(db), RetentionStore(db)
    try:
        await _measure(posts, "alone")
        stop = asyncio.Event()
        dropping = asyncio.create_task(_drop(store, days, stop))
        await _measure(posts, "while posts are dropped")
        stop.set()
        dropped, seconds = await dropping
        say("dropped", dropped / seconds, f"posts/s, {dropped:,} in all")
    finally:
        await db.close()


async def _drop(store: RetentionStore, days: int, stop: asyncio.Event) -> tuple[int, float]:
    """As `Retention.round` does it."""
    now, dropped, began = utc_now(), 0, time.perf_counter()
    pieces = []
    while not stop.is_set():
        piece_began = time.perf_counter()
        piece = await store.drop_oldest(now - timedelta(days), PIECE, now)
        pieces.append((time.perf_counter() - piece_began) * 1000)
        dropped += piece
        if piece < PIECE:
            break
        await asyncio.sleep(PAUSE * (time.perf_counter() - piece_began))
    _say("a piece", pieces)
    return dropped, time.perf_counter() - began


async def _measure(posts: PostStore, when: str) -> None:
    chance, head = random.Random(1), await posts.head()
    took: dict[str, list[float]] = {"read by id": [], "newest": [], "store one": []}

    async def timed(what: str, ask: Callable[[], Awaitable[object]]) -> None:
        began = time.perf_counter()
        await ask()
        took[what].append((time.perf_counter() - began) * 1000)

    end = time.perf_counter() + ASKED_S
    while time.perf_counter() < end:
        ids = [chance.randrange(head // 2, head) for _ in range(20)]
        await timed("read by id", lambda wanted=ids: posts.get_many(wanted))
        await timed("newest", lambda: posts.newest(20))
        await timed("store one", lambda: posts.add_many([_post()]))
        await asyncio.sleep(PAUSE_S)
    for what, values in took.items():
        _say(f"{what}, {when}", values)


def _post() -> Post:
    return Post(
        kind=PostKind.TWEET,
        source_id=TWITTER_SOURCE_ID,
        external_id=f"now {time.time_ns()}",
        created_at=utc_now(),
        text="یک نوشته تازه",
    )


def _say(what: str, values: list[float]) -> None:
    p95 = statistics.quantiles(values, n=20, method="inclusive")[18]
    say(
        what, f"p50 {statistics.median(values):.2f} ms, p95 {p95:.2f} ms, most {max(values):.1f} ms"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.scale.dropping")
    parser.add_argument("file", type=Path)
    parser.add_argument("--days", type=int, default=30)
    given = parser.parse_args()
    asyncio.run(main(given.file, given.days))
