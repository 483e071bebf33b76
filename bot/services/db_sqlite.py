"""SQLite: WAL, one writer, readers apart.

Every unit of work runs in one hop to the writer's thread, so a cancelled caller can neither wedge
the connection nor half-commit. Units that wait at the same moment share one COMMIT, each in a
SAVEPOINT of its own (group commit). SQLite 3.7.0–3.51.2 can corrupt a WAL that two connections
write or checkpoint at once (sqlite.org/wal.html#walresetbug): the one writer of a process, and a
file lock held around every write between processes, keep us out of that.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import aiosqlite

from bot.errors import StorageError
from bot.ports import Dialect, Params, Row, Unit

T = TypeVar("T")
log = logging.getLogger(__name__)

UNITS_PER_COMMIT = 256  # beyond this a larger group gains nothing measurable
BUSY_TIMEOUT_MS = 5000
SAFE_SQLITE = (3, 51, 3)

_COMMON_PRAGMAS = (
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA mmap_size=0",
)
_WRITER_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA cache_size=-16384",
    "PRAGMA wal_autocheckpoint=4000",
    "PRAGMA journal_size_limit=67108864",
)
_READER_PRAGMAS = ("PRAGMA query_only=1", "PRAGMA cache_size=-8192")


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

    def update_first(self, table: str, changes: str, where: str, order: str) -> str:
        return (
            f"UPDATE {table} SET {changes} "  # noqa: S608 - names are ours
            f"WHERE id IN (SELECT id FROM {table} WHERE {where} ORDER BY {order} LIMIT ?)"
        )


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


class _UnitTransaction:
    """A transaction as a unit sees it: every await is answered at once, in the writer's thread."""

    def __init__(self, connection: sqlite3.Connection, dialect: Dialect) -> None:
        self._connection = connection
        self.dialect = dialect

    async def fetch_all(self, sql: str, params: Params = ()) -> list[Row]:
        return self._connection.execute(sql, params).fetchall()

    async def fetch_one(self, sql: str, params: Params = ()) -> Row | None:
        return cast("Row | None", self._connection.execute(sql, params).fetchone())

    async def execute(self, sql: str, params: Params = ()) -> int:
        return self._connection.execute(sql, params).rowcount

    async def insert(self, sql: str, params: Params = ()) -> int:
        return int(self._connection.execute(sql, params).lastrowid or 0)

    async def execute_many(self, sql: str, rows: Sequence[Params]) -> int:
        return self._connection.executemany(sql, rows).rowcount


def _drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a unit to its end without an event loop; it may await nothing but its transaction."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast(T, stop.value)
    coroutine.close()
    raise StorageError("a unit of work may await only its own transaction")


class _ProcessLock:
    """One writing process at a time, by an advisory lock on a file beside the database."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *exc: object) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._file)


_Waiting = tuple[Unit[Any], "asyncio.Future[Any]"]


class SqliteDatabase:
    """A `Database` over one SQLite file; make it with `open`."""

    def __init__(
        self, writer: aiosqlite.Connection, readers: Sequence[aiosqlite.Connection], lock: Path
    ) -> None:
        self.dialect: Dialect = SqliteDialect()
        self._writer = writer
        self._readers: asyncio.Queue[aiosqlite.Connection] = asyncio.Queue()
        for reader in readers:
            self._readers.put_nowait(reader)
        self._reader_count = len(readers)
        self._process_lock = _ProcessLock(lock)
        self._waiting: deque[_Waiting] = deque()
        self._work = asyncio.Event()
        self._closing = False
        self._pump = asyncio.create_task(self._run_writer(), name="sqlite-writer")

    @classmethod
    async def open(cls, path: Path, readers: int = 2) -> SqliteDatabase:
        """Open or make the file; raises StorageError when that is impossible."""
        if sqlite3.sqlite_version_info < SAFE_SQLITE:
            log.debug("sqlite %s: one writer guards its WAL", sqlite3.sqlite_version)
        lock_path = path.with_name(path.name + ".lock")
        opened: list[aiosqlite.Connection] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # The switch to WAL needs the file alone; two starting processes take turns.
            lock = _ProcessLock(lock_path)
            await asyncio.to_thread(lock.__enter__)
            try:
                writer = await _connect(path, _WRITER_PRAGMAS)
                opened.append(writer)
            finally:
                lock.__exit__()
                lock.close()
            opened.extend([await _connect(path, _READER_PRAGMAS) for _ in range(readers)])
        except (sqlite3.Error, OSError) as error:
            for connection in opened:
                await connection.close()
            raise StorageError(f"cannot open the database {path}: {error}") from error
        return cls(opened[0], opened[1:], lock_path)

    async def fetch_all(self, sql: str, params: Params = ()) -> list[Row]:
        reader = await self._readers.get()
        try:
            return list(await reader.execute_fetchall(sql, params))  # type: ignore[arg-type]  # rows are tuples
        except sqlite3.Error as error:
            raise StorageError(f"{error} in: {sql}") from error
        finally:
            self._readers.put_nowait(reader)

    async def fetch_one(self, sql: str, params: Params = ()) -> Row | None:
        rows = await self.fetch_all(sql, params)
        return rows[0] if rows else None

    async def execute(self, sql: str, params: Params = ()) -> int:
        return await self.write(lambda tx: tx.execute(sql, params))

    async def write(self, unit: Unit[T]) -> T:
        if self._closing:
            raise StorageError("the database is closed")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((unit, future))
        self._work.set()
        return await future

    async def maintain(self) -> None:
        """Shrink the log and refresh the planner's statistics; for a quiet moment."""
        await self._in_writer(_maintain)

    async def backup_into(self, target: Path) -> None:
        """A whole, compact copy at `target`, which must not exist yet."""
        await self._in_writer(lambda connection: _run(connection, "VACUUM INTO ?", str(target)))

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
        units = [unit for unit, _ in batch]
        try:
            outcomes = await self._in_writer(lambda connection: self._run_units(connection, units))
        except Exception as error:  # the COMMIT itself failed: nothing of the batch is there
            outcomes = [error] * len(batch)
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

    def _run_units(self, connection: sqlite3.Connection, units: list[Unit[Any]]) -> list[Any]:
        transaction = _UnitTransaction(connection, self.dialect)
        outcomes: list[Any] = []
        connection.execute("BEGIN IMMEDIATE")
        try:
            for unit in units:
                connection.execute("SAVEPOINT unit")
                try:
                    outcomes.append(_drive(cast(Any, unit(transaction))))
                except BaseException as error:  # whatever a unit raises is its caller's alone
                    connection.execute("ROLLBACK TO unit")
                    outcomes.append(_wrapped(error))
                connection.execute("RELEASE unit")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return outcomes


def _wrapped(error: BaseException) -> BaseException:
    if not isinstance(error, sqlite3.Error):
        return error
    wrapped = StorageError(str(error))
    wrapped.__cause__ = error
    return wrapped


async def _connect(path: Path, pragmas: Sequence[str]) -> aiosqlite.Connection:
    connection = aiosqlite.connect(path, isolation_level=None, cached_statements=256)
    thread = getattr(connection, "_thread", None)
    if isinstance(thread, threading.Thread):
        thread.daemon = True  # a crashed process must not hang on a reader's thread
    opened = await connection
    try:
        for pragma in (*_COMMON_PRAGMAS, *pragmas):
            await opened.execute_fetchall(pragma)
    except sqlite3.Error:
        await opened.close()
        raise
    return opened


def _maintain(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA analysis_limit=1000")
    connection.execute("PRAGMA optimize")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _run(connection: sqlite3.Connection, sql: str, *params: object) -> None:
    connection.execute(sql, params)
