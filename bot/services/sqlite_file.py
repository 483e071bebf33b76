"""How a SQLite file is opened: its settings, the lock between processes, what its version means."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

import aiosqlite

from bot.errors import DiskFull, StorageError

BUSY_TIMEOUT_MS = 5000
# No room for the data, or for the small file beside them that every reader of a log needs.
_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)

_COMMON_PRAGMAS = (
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA mmap_size=0",
)
WRITER_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA cache_size=-16384",
    "PRAGMA wal_autocheckpoint=4000",
    "PRAGMA journal_size_limit=67108864",
)
READER_PRAGMAS = ("PRAGMA query_only=1", "PRAGMA cache_size=-8192")


def wal_verdict(version: tuple[int, int, int]) -> str:
    """A sentence when this SQLite has the WAL-reset bug, or ""; sqlite.org/wal.html#walresetbug."""
    fixed = version >= (3, 51, 3) and version != (3, 52, 0)  # 3.52.0 was withdrawn
    if fixed or version < (3, 7, 0):
        return ""
    return (
        f"SQLite {'.'.join(map(str, version))} can corrupt a database that two connections write "
        "at once (fixed in 3.51.3 and 3.53.0): the rule of one writer at a time is what protects "
        "this one, so let no other program write the file"
    )


def storage_error(error: BaseException, about: str = "") -> StorageError:
    """What a foreign error means to us; `about` is put around its words, in the place of {}."""
    text = about.replace("{}", str(error)) if about else str(error)
    code = getattr(error, "sqlite_errorcode", None)
    wrapped: StorageError
    if code in _FULL or getattr(error, "errno", None) == errno.ENOSPC:
        wrapped = DiskFull(
            f"{text}: the disk is full; free some room. What is stored is whole and stays"
        )
    else:
        wrapped = StorageError(text)
    wrapped.__cause__ = error
    return wrapped


class ProcessLock:
    """One writing process at a time, by an advisory lock on a file beside the database."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *exc: object) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._file)


async def connect(path: Path, pragmas: Sequence[str]) -> aiosqlite.Connection:
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


def maintain(connection: sqlite3.Connection) -> None:
    """Refresh the planner's statistics and shrink the log; on the writer's connection."""
    connection.execute("PRAGMA analysis_limit=1000")
    connection.execute("PRAGMA optimize")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
