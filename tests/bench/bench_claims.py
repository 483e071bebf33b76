"""Work claimed and finished by four processes, beside the barest loop on the same database.

Beside MariaDB `SELECT … FOR UPDATE SKIP LOCKED`, beside SQLite a conditional UPDATE, each straight
on the driver: what stands between the two is the price of claims that also hold where SKIP LOCKED
does not. Rounds of both take turns on the same rows.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bot.ports import Database, Transaction
from bot.services.db_service import open_database, sqlite_path
from bot.services.migrations import in_words_of
from bot.storage.claims import Claims
from tests.mariadb import SERVER, MariaDb

Row = tuple[str, float, str, str]  # what, value, unit, what stands beside it
Loop = Callable[[float], Awaitable[int]]

WORKERS = 4
BATCHES = (1, 20, 100)
ROUNDS = 5
ROUND_S = 0.6
ITEMS = {"sqlite": 1_500_000, "mysql": 400_000}  # more than the rounds of one batch size finish
TTL = timedelta(minutes=5)
TABLES = (
    "DROP TABLE IF EXISTS items",
    """CREATE TABLE items (id {id}, state INTEGER NOT NULL DEFAULT 0, due_ms BIGINT NOT NULL,
    claim_token BIGINT NOT NULL DEFAULT 0, claim_until_ms BIGINT NOT NULL DEFAULT 0){table}""",
    "CREATE INDEX items_due ON items (state, due_ms, id)",
)


def run() -> list[Row]:
    """Rows claimed and finished a second, by all four together; the median of the rounds."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        rows += _compare("SQLite", f"sqlite:///{Path(folder) / 'claims.db'}", "conditional UPDATE")
    if SERVER is None:
        return rows
    server = MariaDb()
    try:
        server.start()
        url = asyncio.run(server.new_database())
        rows += _compare("MariaDB", url, "SKIP LOCKED")
    finally:
        server.close()
    return rows


def _compare(name: str, url: str, other: str) -> list[Row]:
    rows: list[Row] = []
    for batch in BATCHES:
        asyncio.run(_fill(url))
        spawn = multiprocessing.get_context("spawn")
        pipes, workers = [], []
        for _ in range(WORKERS):
            ours, theirs = spawn.Pipe()
            workers.append(spawn.Process(target=_work, args=(url, batch, theirs)))
            pipes.append(ours)
            workers[-1].start()
            theirs.close()  # a worker that broke is heard of
        for pipe in pipes:
            pipe.recv()
        figures: dict[str, list[float]] = {"bare": [], "claims": []}
        for number in range(ROUNDS * 2):
            kind = ("bare", "claims")[(number + number // 2) % 2]  # b c c b b c …
            for pipe in pipes:
                pipe.send(kind)
            figures[kind].append(sum(pipe.recv() for pipe in pipes))
        for pipe, worker in zip(pipes, workers, strict=True):
            pipe.send("")
            worker.join()
        bare, claims = (statistics.median(figures[kind]) for kind in ("bare", "claims"))
        what = f"claims: {name}, {WORKERS} workers, {batch} at a time"
        rows.append((what, claims, "rows/s", f"{other}: {bare:,.0f}; {claims / bare:.2f} of it"))
    return rows


async def _fill(url: str) -> None:
    db = await open_database(url)
    try:
        for table in TABLES:
            await db.execute(in_words_of(db.dialect.name, table))
        items = [(n,) for n in range(ITEMS[db.dialect.name])]

        async def unit(tx: Transaction) -> None:
            await tx.execute_many("INSERT INTO items (due_ms) VALUES (?)", items)

        await db.write(unit)
    finally:
        await db.close()


def _work(url: str, batch: int, pipe: Connection) -> None:
    asyncio.run(_serve(url, batch, pipe))


async def _serve(url: str, batch: int, pipe: Connection) -> None:
    """Play the rounds that are asked for, with connections that stay open."""
    db = await open_database(url)
    path = sqlite_path(url)
    loops: dict[str, Loop] = {
        "claims": _through_claims(db, batch),
        "bare": _bare_sqlite(path, batch) if path else await _bare_mysql(url, batch),
    }
    pipe.send("ready")
    while kind := await asyncio.to_thread(pipe.recv):
        began = time.perf_counter()
        done = await loops[kind](began + ROUND_S)
        pipe.send(done / (time.perf_counter() - began))
    await db.close()


def _through_claims(db: Database, batch: int) -> Loop:
    claims = Claims(db, "items", due="state = 0", order="due_ms, id")

    async def play(until: float) -> int:
        done = 0
        while time.perf_counter() < until:
            got = await claims.claim(batch, TTL)

            done += await claims.finish(got.ids, got.token, "state = 2")
        return done

    return play


def _bare_sqlite(path: Path, batch: int) -> Loop:
    plain = sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)
    plain.execute("PRAGMA synchronous=NORMAL")
    pick = f"SELECT id FROM items WHERE state = 0 ORDER BY due_ms, id LIMIT {batch}"
    marks = ", ".join("?" * batch)

    async def play(until: float) -> int:
        done = 0
        while time.perf_counter() < until:
            plain.execute("BEGIN IMMEDIATE")
            ids = [row[0] for row in plain.execute(pick)]
            assert len(ids) == batch, "more items are needed"
            plain.execute(f"UPDATE items SET state = 1 WHERE id IN ({marks}) AND +state = 0", ids)
            plain.execute("COMMIT")
            plain.execute(f"UPDATE items SET state = 2 WHERE id IN ({marks})", ids)
            done += len(ids)
        return done

    return play


async def _bare_mysql(url: str, batch: int) -> Loop:
    import asyncmy  # the driver that our own layer uses

    parts = urlsplit(url)
    plain: Any = await asyncmy.connect(
        host=parts.hostname, port=parts.port, user=parts.username, db=parts.path[1:]
    )
    async with plain.cursor() as cursor:
        await cursor.execute("SET tx_isolation='READ-COMMITTED', autocommit=1")
    pick = (
        f"SELECT id FROM items WHERE state = 0 ORDER BY due_ms, id LIMIT {batch} "
        "FOR UPDATE SKIP LOCKED"
    )

    async def play(until: float) -> int:
        done = 0
        while time.perf_counter() < until:
            async with plain.cursor() as cursor:
                await plain.begin()
                await cursor.execute(pick)
                ids = ", ".join(str(row[0]) for row in await cursor.fetchall())
                await cursor.execute(f"UPDATE items SET state = 1 WHERE id IN ({ids})")
                await plain.commit()
                await cursor.execute(f"UPDATE items SET state = 2 WHERE id IN ({ids})")
            done += batch
        return done

    return play
