"""What the database layer costs beside the plain drivers: batches, point queries, single writers.

Rounds of ours and of the plain driver take turns, and the medians are told, of the ratios too: the
machine's moods meet both alike. MariaDB is one of this run's own, on the same cores as its clients.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiosqlite

from bot.ports import Database, Transaction
from bot.services.db_service import open_database
from tests.mariadb import SERVER, MariaDb

ROUNDS = 9
BATCH = 1000
BATCHES = 3  # a round
QUERIES = 100  # a round
QUERY_ROUNDS = 25
WRITERS = 256
EACH = 8  # rows of a writer in a round
POOL = 8

Row = tuple[str, float, str, str]  # what, value, unit, what stands beside it
Round = Callable[[int], Awaitable[float]]  # of which round; returns how many a second

_COLUMNS = "id, kind, author, created_ms, text, likes, share, source_id, topic"
_TABLE = (
    "CREATE TABLE {name} (id BIGINT NOT NULL PRIMARY KEY, kind VARCHAR(40) NOT NULL, "
    "author VARCHAR(190) NOT NULL, created_ms BIGINT NOT NULL, text TEXT NOT NULL, "
    "likes BIGINT NOT NULL, share DOUBLE NOT NULL, source_id BIGINT NOT NULL, "
    "topic VARCHAR(190) NOT NULL)"
)
_INDEXES = ("author, id", "created_ms", "source_id, id")
_TEXT = (  # near 200 bytes
    "دیروز در میدان اصلی شهر هزاران نفر برای دیدن جشن گرد هم آمدند و تا شب ماندند؛ "
    "فردا هم راه‌ها بسته است"
)


def run() -> Iterator[Row]:
    """SQLite in a temporary folder, then MariaDB through each driver."""
    with tempfile.TemporaryDirectory() as folder:
        yield from asyncio.run(_sqlite(Path(folder)))
    if SERVER is None:
        print("no MariaDB server is installed: nothing was measured on MariaDB")
        return
    server = MariaDb(on_disk=True)  # where every commit waits for the disk, as it will
    try:
        server.start()
        for driver in ("asyncmy", "aiomysql"):
            yield from asyncio.run(_mariadb(server, driver))
    finally:
        server.close()


def _post(number: int) -> tuple[Any, ...]:
    n = number * 2654435761 % 2**32
    return (number, "news", f"user{n % 5000}", n, _TEXT, n % 900, 0.25, n % 300, f"t{n % 99}")


def _rows(of_round: int, batch: int) -> list[tuple[Any, ...]]:
    start = (of_round * BATCHES + batch) * BATCH
    return [_post(start + n) for n in range(BATCH)]


def _rows_of_writers(of_round: int) -> list[list[tuple[Any, ...]]]:
    start = of_round * EACH * WRITERS
    return [[_post(start + n * WRITERS + w) for n in range(EACH)] for w in range(WRITERS)]


def _insert(table: str, mark: str) -> str:
    marks = ", ".join([mark] * 9)
    return f"INSERT INTO {table} ({_COLUMNS}) VALUES ({marks})"


# --- ours, the same for every database


class _Ours:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def prepare(self, *tables: str) -> None:
        for table in tables:
            await self._db.execute(_TABLE.format(name=table))
            for number, columns in enumerate(_INDEXES):
                await self._db.execute(f"CREATE INDEX {table}_{number} ON {table} ({columns})")

    async def batches(self, of_round: int) -> float:
        prepared = [_rows(of_round, batch) for batch in range(BATCHES)]
        sql = _insert("ours", "?")

        async def put(tx: Transaction, rows: list[tuple[Any, ...]]) -> int:
            return await tx.execute_many(sql, rows)

        began = time.perf_counter()
        for rows in prepared:
            await self._db.write(lambda tx, rows=rows: put(tx, rows))  # type: ignore[misc]  # bound at once
        return BATCH * BATCHES / (time.perf_counter() - began)

    async def points(self, of_round: int) -> float:
        began = time.perf_counter()
        for n in range(QUERIES):
            await self._db.fetch_one(f"SELECT {_COLUMNS} FROM ours WHERE id=?", (n * 7 % BATCH,))
        return (time.perf_counter() - began) / QUERIES * 1e6

    async def singles(self, of_round: int) -> float:
        sql, rows = _insert("ours_single", "?"), _rows_of_writers(of_round)

        async def writer(w: int) -> None:
            for row in rows[w]:
                await self._db.execute(sql, row)

        return await _writers(writer)


async def _writers(writer: Callable[[int], Awaitable[None]]) -> float:
    began = time.perf_counter()
    await asyncio.gather(*(writer(w) for w in range(WRITERS)))
    return WRITERS * EACH / (time.perf_counter() - began)


async def _in_turns(ours: Round, plain: Round, rounds: int = ROUNDS) -> tuple[float, float, float]:
    """The medians of both, and of how many times the plain one ours is."""
    mine, theirs = [], []
    for number in range(rounds):
        mine.append(await ours(number))
        theirs.append(await plain(number))
    ratios = [one / other for one, other in zip(mine, theirs, strict=True)]
    return statistics.median(mine), statistics.median(theirs), statistics.median(ratios)


async def _compare(name: str, ours: _Ours, plain: Any, note: str) -> list[Row]:
    batch, plain_batch, of_batch = await _in_turns(ours.batches, plain.batches)
    point, plain_point, of_point = await _in_turns(ours.points, plain.points, QUERY_ROUNDS)
    single, plain_single, of_single = await _in_turns(ours.singles, plain.singles)
    return [
        (
            f"storage: {name}, rows in batches of {BATCH}",
            batch,
            "rows/s",
            f"{plain_batch:,.0f} by plain executemany: {of_batch:.2f} times it{note}",
        ),
        (
            f"storage: {name}, a row by its key",
            point,
            "us",
            f"{plain_point:,.0f} by the plain driver: {of_point:.2f} times it",
        ),
        (
            f"storage: {name}, {WRITERS} writers of one row each",
            single,
            "rows/s",
            f"{plain_single:,.0f} by plain autocommit: {of_single:.1f} times it",
        ),
    ]


# --- SQLite


class _PlainSqlite:
    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def batches(self, of_round: int) -> float:
        prepared = [_rows(of_round, batch) for batch in range(BATCHES)]
        sql = _insert("plain", "?")
        raw = self._connection._conn

        def put(rows: list[tuple[Any, ...]]) -> None:
            raw.execute("BEGIN IMMEDIATE")
            raw.executemany(sql, rows)
            raw.execute("COMMIT")

        began = time.perf_counter()
        for rows in prepared:
            await self._connection._execute(put, rows)  # type: ignore[no-untyped-call]  # its only one-hop road
        return BATCH * BATCHES / (time.perf_counter() - began)

    async def points(self, of_round: int) -> float:
        began = time.perf_counter()
        for n in range(QUERIES):
            await self._connection.execute_fetchall(
                f"SELECT {_COLUMNS} FROM ours WHERE id=?", (n * 7 % BATCH,)
            )
        return (time.perf_counter() - began) / QUERIES * 1e6

    async def singles(self, of_round: int) -> float:
        sql, rows = _insert("plain_single", "?"), _rows_of_writers(of_round)

        async def writer(w: int) -> None:
            for row in rows[w]:
                await self._connection.execute_fetchall(sql, row)

        return await _writers(writer)


async def _sqlite(folder: Path) -> list[Row]:
    db = await open_database(f"sqlite:///{folder}/bench.db")
    ours = _Ours(db)
    await ours.prepare("ours", "plain", "ours_single", "plain_single")
    # With the same settings as ours, on the same file; each side has tables of its own.
    connection = await aiosqlite.connect(folder / "bench.db", isolation_level=None)
    try:
        for pragma in ("synchronous=NORMAL", "cache_size=-16384", "wal_autocheckpoint=4000"):
            await connection.execute_fetchall(f"PRAGMA {pragma}")
        return await _compare("SQLite", ours, _PlainSqlite(connection), "")
    finally:
        await connection.close()
        await db.close()


# --- MariaDB


class _PlainMysql:
    """The driver as its manual has it: its pool, its cursors, its executemany."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def batches(self, of_round: int) -> float:
        prepared = [_rows(of_round, batch) for batch in range(BATCHES)]
        sql = _insert("plain", "%s")
        began = time.perf_counter()
        for rows in prepared:
            async with self._pool.acquire() as connection, connection.cursor() as cursor:
                await connection.begin()
                await cursor.executemany(sql, rows)
                await connection.commit()
        return BATCH * BATCHES / (time.perf_counter() - began)

    async def points(self, of_round: int) -> float:
        began = time.perf_counter()
        for n in range(QUERIES):
            async with self._pool.acquire() as connection, connection.cursor() as cursor:
                await cursor.execute(f"SELECT {_COLUMNS} FROM ours WHERE id=%s", (n * 7 % BATCH,))
                await cursor.fetchall()
        return (time.perf_counter() - began) / QUERIES * 1e6

    async def singles(self, of_round: int) -> float:
        sql, rows = _insert("plain_single", "%s"), _rows_of_writers(of_round)

        async def writer(w: int) -> None:
            for row in rows[w]:
                async with self._pool.acquire() as connection, connection.cursor() as cursor:
                    await cursor.execute(sql, row)

        return await _writers(writer)


async def _mariadb(server: MariaDb, driver: str) -> list[Row]:
    url = await server.new_database()
    db = await open_database(url.replace("mysql:", f"mysql+{driver}:", 1))
    ours = _Ours(db)
    await ours.prepare("ours", "plain", "ours_single", "plain_single")
    module: Any = __import__(driver)
    pool = await module.create_pool(
        host="127.0.0.1",
        port=urlsplit(url).port,
        user="root",
        password="",
        db=url.rsplit("/", 1)[1],
        minsize=1,
        maxsize=POOL,
        charset="utf8mb4",
        autocommit=True,
    )
    try:
        note = f"; data on disk, {os.cpu_count()} cores for both ends"
        return await _compare(f"MariaDB, {driver}", ours, _PlainMysql(pool), note)
    finally:
        pool.close()
        await pool.wait_closed()
        await db.close()


if __name__ == "__main__":
    for row in run():
        print(*row)
