"""Processes that migrate a database, and die in the middle of it when they are told to."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Sequence
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from bot.ports import Database, Dialect, Params, Row, Transaction, Unit
from bot.services.db_service import open_database
from bot.services.migrations import load, migrate

JOIN_TIMEOUT_S = 120.0  # a busy machine takes its time


def context() -> ForkServerContext:
    """Processes that start quickly, with all of this imported."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload([__name__])
    return forks


def start_at_once(url: str, barrier: Any, applied: Any) -> None:
    """Migrate at the same moment as the others and say how many migrations that were."""

    async def run() -> int:
        db = await open_database(url)
        try:
            await asyncio.to_thread(barrier.wait)
            return await migrate(db)
        finally:
            await db.close()

    applied.put(asyncio.run(run()))


def die_at(url: str, folder: str, statement: int, *, marked: bool) -> None:
    """Migrate, and kill -9 this process once that statement was run, before or after its mark."""

    async def run() -> None:
        db = await open_database(url)
        statements = [
            text
            for migration in load(Path(folder), db.dialect.name)
            for text in migration.statements
        ]
        await migrate(_Mortal(db, statements[statement], marked=marked), Path(folder))
        await db.close()

    asyncio.run(run())


class _Mortal:
    """A database whose process dies at one statement."""

    def __init__(self, db: Database, last: str, *, marked: bool) -> None:
        self._db = db
        self._last = last
        self._marked = marked
        self._was_run = False
        self.dialect: Dialect = db.dialect

    async def fetch_all(self, sql: str, params: Params = ()) -> list[Row]:
        return await self._db.fetch_all(sql, params)

    async def fetch_one(self, sql: str, params: Params = ()) -> Row | None:
        return await self._db.fetch_one(sql, params)

    async def execute(self, sql: str, params: Params = ()) -> int:
        return await self._db.execute(sql, params)

    async def write(self, unit: Unit[Any]) -> Any:
        seen: list[str] = []

        async def watched(tx: Transaction) -> Any:
            return await unit(_Watched(self, tx, seen))

        result = await self._db.write(watched)
        self._was_run = self._was_run or self._last in seen
        if self._marked and self._was_run and any("schema_migrations (" in sql for sql in seen):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    async def close(self) -> None:
        await self._db.close()

    def has_run(self, sql: str) -> None:
        if sql == self._last and not self._marked:
            os.kill(os.getpid(), signal.SIGKILL)


class _Watched:
    def __init__(self, owner: _Mortal, tx: Transaction, seen: list[str]) -> None:
        self._owner = owner
        self._tx = tx
        self._seen = seen
        self.dialect = tx.dialect

    async def fetch_all(self, sql: str, params: Params = ()) -> list[Row]:
        return await self._tx.fetch_all(sql, params)

    async def fetch_one(self, sql: str, params: Params = ()) -> Row | None:
        return await self._tx.fetch_one(sql, params)

    async def execute(self, sql: str, params: Params = ()) -> int:
        count = await self._tx.execute(sql, params)
        self._seen.append(sql)
        self._owner.has_run(sql)
        return count

    async def insert(self, sql: str, params: Params = ()) -> int:
        return await self._tx.insert(sql, params)

    async def execute_many(self, sql: str, rows: Sequence[Params]) -> int:
        return await self._tx.execute_many(sql, rows)
