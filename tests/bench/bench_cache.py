"""The levels of the cache, beside a bare client of Redis; and vectors of signed bytes."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from bot.analysis.vectors import cosines, quantise
from bot.ports import Database, SharedCache
from bot.services.cache_redis import RedisCache
from bot.services.cache_service import CacheService
from bot.services.db_service import open_database
from bot.services.migrations import migrate
from bot.storage.cache import CacheStore
from bot.storage.vectors import VectorStore
from tests.redis_server import SERVER, RedisServer

Row = tuple[str, float, str, float | None]

BODY = b"x" * 500
TTL = timedelta(minutes=10)
VECTORS = 100_000
DIMENSIONS = 384


def run() -> list[Row]:
    """Microseconds an answer, one asker."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_run(Path(folder)))


async def _run(folder: Path) -> list[Row]:
    db = await open_database(f"sqlite:///{folder}/cache.db")
    await migrate(db)
    try:
        rows = await _levels(db)
        rows += await _vectors(db, folder / "cache.db")
    finally:
        await db.close()
    return rows


async def _levels(db: Database) -> list[Row]:
    memory, shared = await _hits(CacheStore(db))
    rows: list[Row] = [
        ("cache: from memory", memory, "us", None),
        ("cache: from the table (SQLite)", shared, "us", None),
    ]
    if SERVER is not None:
        server = RedisServer()
        server.start()
        try:
            plain = RedisCache(server.url, "plain")
            await plain.put_many([("t:plain", BODY, 600_000)])
            bare = await _each(1000, lambda: plain._client.get("x"))
            await plain.close()
            _, far = await _hits(RedisCache(server.url, "bench"))
        finally:
            server.kill()
        rows += [
            ("cache: from Redis", far, "us", None),
            ("cache: a bare GET of the Redis client", bare, "us", None),
        ]
    return rows


async def _hits(shared: SharedCache) -> tuple[float, float]:
    """Microseconds a hit in memory, and in the shared level."""

    async def make() -> bytes:
        return BODY

    async def far() -> None:
        cache._memory.clear()
        await cache.get_or_make("t:1", make, TTL)

    cache = CacheService(shared)
    cache.start()
    await cache.get_or_make("t:1", make, TTL)
    await cache.report()  # all is written
    near = await _each(20_000, lambda: cache.get_or_make("t:1", make, TTL))
    away = await _each(1000, far)
    await cache.close()
    return near, away


async def _vectors(db: Database, file: Path) -> list[Row]:
    import numpy as np

    store, chance = VectorStore(db, cosines), np.random.default_rng(1)
    before = await asyncio.to_thread(lambda: file.stat().st_size)
    started = time.perf_counter()
    for first in range(0, VECTORS, 4000):
        made = chance.normal(size=(4000, DIMENSIONS))
        await store.put_many("post", "m", [(first + n, quantise(v)) for n, v in enumerate(made)])
    took = time.perf_counter() - started
    await db.maintain()
    size = (await asyncio.to_thread(lambda: file.stat().st_size) - before) / VECTORS
    query = quantise(chance.normal(size=DIMENSIONS))
    nearest = await _each(5, lambda: store.nearest("post", "m", query, 20))
    return [
        (f"vectors: {DIMENSIONS} dimensions, stored", size, "bytes", None),
        ("vectors: the same as 32-bit floats, bare", DIMENSIONS * 4, "bytes", None),
        ("vectors: quantised and stored", VECTORS / took, "vectors/s", None),
        (f"vectors: nearest 20 of {VECTORS:,}", nearest / 1000, "ms", None),
    ]


async def _each(times: int, call: Callable[[], Awaitable[object]]) -> float:
    """Microseconds a call, best of three."""
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        for _ in range(times):
            await call()
        best = min(best, time.perf_counter() - started)
    return best / times * 1e6
