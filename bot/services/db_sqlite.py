"""SQLite: WAL, one writer, readers apart.

Every unit of work runs in one hop to the writer's thread, so a cancelled caller can neither wedge
the connection nor half-commit. Units that wait at the same moment share one COMMIT, each in a
SAVEPOINT of its own; a single statement needs none, since a failing one undoes itself (group
commit). Old versions of SQLite can corrupt a WAL that two connections write or checkpoint at once
(`wal_verdict`): the one writer of a process, and a file lock held around every write between
processes, keep us out of that.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import aiosqlite

from bot.errors import StorageError
from bot.ports import DatabaseFacts, Dialect, Params, Row, Unit
from bot.services.sqlite_file import (
    READER_PRAGMAS,
    WRITER_PRAGMAS,
    ProcessLock,
    connect,
    maintain,
    storage_error,
    wal_verdict,
)

T = TypeVar("T")

UNITS_PER_COMMIT = 256  # beyond this a larger group gains nothing measurable
WAITING_MAX = 20_000  # beyond this the disk is hopelessly behind, and memory would only grow
READERS_MAX = 8  # each holds a thread and up to 8 MB of pages; a core each helps no further


class SqliteDialect:
    """SQLite's words for what the databases say differently."""

    name = "sqlite"
    now_ms = "CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)"

    def upsert(
        self, table: str, columns: Sequence[str], key: Sequence[str], update: Sequence[str]
    ) -> str:
        changes = ", ".join(_assignment(entry, table) for entry in update)
        return f"{_insert(table, columns)} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"

    def insert_new(self, table: str, columns: Sequence[str], key: Sequence[str]) -> str:
        return f"{_insert(table, columns)} ON CONFLICT ({', '.join(key)}) DO NOTHING"


def _insert(table: str, columns: Sequence[str]) -> str:
    marks = ", ".join("?" for _ in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - names are ours


def _assignment(entry: str, table: str) -> str:
    column, _, expression = entry.partition("=")
    if not expression:
        return f"{column}=excluded.{column}"
    return f"{column}={expression.replace('{new}', f'excluded.{column}')}".replace(
        "{old}", f"{table}.{column}"
    )


# What the library refuses: by itself, or because a value is none that a column can hold.
_REFUSALS = (sqlite3.Error, OverflowError, UnicodeEncodeError)


class _UnitTransaction:
    """A transaction as a unit sees it: every await is answered at once, in the writer's thread."""

    def __init__(self, connection: sqlite3.Connection, dialect: Dialect) -> None:
        self._connection = connection
        self.dialect = dialect

    async def fetch_all(self, sql: str, params: Params = ()) -> list[Row]:
        return self._run(sql, params).fetchall()

    async def fetch_one(self, sql: str, params: Params = ()) -> Row | None:
        return cast("Row | None", self._run(sql, params).fetchone())

    async def execute(self, sql: str, params: Params = ()) -> int:
        return self._run(sql, params).rowcount

    async def insert(self, sql: str, params: Params = ()) -> int:
        return int(self._run(sql, params).lastrowid or 0)

    async def execute_many(self, sql: str, rows: Sequence[Params]) -> int:
        try:
            return self._connection.executemany(sql, rows).rowcount
        except _REFUSALS as error:
            raise storage_error(error) from error

    def _run(self, sql: str, params: Params) -> sqlite3.Cursor:
        try:
            return self._connection.execute(sql, params)
        except _REFUSALS as error:
            raise storage_error(error) from error


def _drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a unit to its end without an event loop; it may await nothing but its transaction."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast(T, stop.value)
    coroutine.close()
    raise StorageError("a unit of work may await only its own transaction")


_Statement = tuple[str, Params]
_Waiting = tuple["Unit[Any] | _Statement", "asyncio.Future[Any]"]


class SqliteDatabase:
    """A `Database` over one SQLite file; make it with `open`."""

    def __init__(
        self, writer: aiosqlite.Connection, readers: Sequence[aiosqlite.Connection], lock: Path
    ) -> None:
        self.dialect: Dialect = SqliteDialect()
        self._writer = writer
        # Last in, first out: a thread and a page cache that are warm.
        self._readers: asyncio.LifoQueue[aiosqlite.Connection] = asyncio.LifoQueue()
        for reader in readers:
            self._readers.put_nowait(reader)
        self._reader_count = len(readers)
        self._process_lock = ProcessLock(lock)
        self._waiting: deque[_Waiting] = deque()
        self._work = asyncio.Event()
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self._pump = asyncio.create_task(self._run_writer(), name="sqlite-writer")

    @classmethod
    async def open(cls, path: Path, readers: int | None = None) -> SqliteDatabase:
        """Open or make the file, with as many readers as cores; raises StorageError."""
        readers = readers or max(2, min(os.cpu_count() or 1, READERS_MAX))
        lock_path = path.with_name(path.name + ".lock")
        opened: list[aiosqlite.Connection] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # The switch to WAL needs the file alone; two starting processes take turns.
            lock = ProcessLock(lock_path)
            await asyncio.to_thread(lock.__enter__)
            try:
                writer = await connect(path, WRITER_PRAGMAS)
                opened.append(writer)
            finally:
                lock.__exit__()
                lock.close()
            opened.extend([await connect(path, READER_PRAGMAS) for _ in range(readers)])
        except (sqlite3.Error, OSError) as error:
            for connection in opened:
                await connection.close()
            raise storage_error(error, f"cannot open the database {path}: {{}}") from error
        return cls(opened[0], opened[1:], lock_path)

    async def fetch_all(self, sql: str, params: Params = ()) -> list[Row]:
        reader = await self._readers.get()
        try:
            return list(await reader.execute_fetchall(sql, params))  # type: ignore[arg-type]  # rows are tuples
        except _REFUSALS as error:
            raise storage_error(error, f"{{}} in: {sql}") from error
        finally:
            self._readers.put_nowait(reader)

    async def fetch_one(self, sql: str, params: Params = ()) -> Row | None:
        rows = await self.fetch_all(sql, params)
        return rows[0] if rows else None

    async def execute(self, sql: str, params: Params = ()) -> int:
        return cast(int, await self._queued((sql, params)))

    async def write(self, unit: Unit[T]) -> T:
        return cast(T, await self._queued(unit))

    def _queued(self, work: Unit[Any] | _Statement) -> asyncio.Future[Any]:
        if self._closing:
            raise StorageError("the database is closed")
        if len(self._waiting) >= WAITING_MAX:
            raise StorageError(f"{len(self._waiting)} writes wait for the database already")
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting.append((work, future))
        self._work.set()
        return future

    async def maintain(self) -> None:
        """Shrink the log and refresh the planner's statistics; for a quiet moment."""
        await self._in_writer(maintain)

    async def facts(self) -> DatabaseFacts:
        verdict = wal_verdict(sqlite3.sqlite_version_info[:3])
        note = "" if verdict else "with a sound log"
        return DatabaseFacts("SQLite", sqlite3.sqlite_version, (verdict,) if verdict else (), note)

    async def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        self._work.set()
        await self._pump
        for _ in range(self._reader_count):
            await (await self._readers.get()).close()
        await asyncio.to_thread(self._process_lock.__enter__)
        try:
            await self._writer.close()
        finally:
            self._process_lock.__exit__()
            self._process_lock.close()

    async def _run_writer(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while self._waiting:
                batch = [
                    self._waiting.popleft()
                    for _ in range(min(UNITS_PER_COMMIT, len(self._waiting)))
                ]
                await self._commit_batch([pair for pair in batch if not pair[1].cancelled()])
            if self._closing:
                return

    async def _commit_batch(self, batch: list[_Waiting]) -> None:
        if not batch:
            return
        units = [work for work, _ in batch]
        try:
            outcomes = await self._in_writer(lambda connection: self._run_units(connection, units))
        except Exception as error:  # the COMMIT itself failed: nothing of the batch is there
            outcomes = [_wrapped(error) for _ in batch]
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if future.cancelled():
                continue
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    async def _in_writer(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """`work` in the writer's thread, with the lock between processes held."""

        def locked() -> T:
            with self._process_lock:
                return work(self._writer._conn)

        # aiosqlite has no public "run this in your thread"; the pin <0.23 and a test guard this.
        execute = cast(Any, self._writer)._execute
        return cast(T, await execute(locked))

    def _run_units(
        self, connection: sqlite3.Connection, works: list[Unit[Any] | _Statement]
    ) -> list[Any]:
        transaction = _UnitTransaction(connection, self.dialect)
        outcomes: list[Any] = []
        connection.execute("BEGIN IMMEDIATE")
        try:
            for work in works:
                if isinstance(work, tuple):
                    outcomes.append(_run_statement(connection, *work))
                else:
                    outcomes.append(_run_unit(connection, transaction, work))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return outcomes


def _run_statement(connection: sqlite3.Connection, sql: str, params: Params) -> int | BaseException:
    try:
        return connection.execute(sql, params).rowcount
    except Exception as error:
        if not connection.in_transaction:
            raise  # a full disk takes the whole transaction back, and all who share it
        return _wrapped(error)


def _run_unit(
    connection: sqlite3.Connection, transaction: _UnitTransaction, unit: Unit[Any]
) -> Any:
    connection.execute("SAVEPOINT unit")
    try:
        outcome = _drive(cast(Any, unit(transaction)))
    except BaseException as error:  # whatever a unit raises is its caller's alone
        if not connection.in_transaction:
            raise  # a full disk takes the whole transaction back, and all who share it
        connection.execute("ROLLBACK TO unit")
        outcome = _wrapped(error)
    connection.execute("RELEASE unit")
    return outcome


def _wrapped(error: BaseException) -> BaseException:
    if not isinstance(error, _REFUSALS):
        return error
    return storage_error(error)
