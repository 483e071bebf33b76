"""A backup as a file: what it holds, whether it is whole, and how it gets its name."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bot.errors import MigrationError, StorageError
from bot.services import migrations

T = TypeVar("T")

# Of the moment, and wrong in any other: never brought back.
MOMENTARY = frozenset({"cache", "workers"})
INFO = "backup_info"  # a table of backups alone: what is not in the rows


@dataclass(frozen=True, slots=True)
class BackupFacts:
    """What a backup holds; `is_current`: its schema is this program's."""

    is_current: bool
    rows: Mapping[str, int] = field(default_factory=dict)

    @property
    def posts(self) -> int:
        return self.rows.get("posts", 0)


class Stop:
    """Tells work in a thread that nobody waits for it any more."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def check(self) -> None:
        if self._event.is_set():
            raise StorageError("given up")

    def watch(self, connection: sqlite3.Connection) -> None:
        """Break off long statements of this connection, too."""
        connection.set_progress_handler(self._event.is_set, 10_000)


async def in_thread(work: Callable[[Stop], T]) -> T:
    """Run `work` in a thread; when the caller is cancelled, it is told and waited for."""
    stop = Stop()
    task = asyncio.ensure_future(asyncio.to_thread(work, stop))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([task])
        raise


def open_file(path: Path, *, writable: bool = False) -> sqlite3.Connection:
    mode = "rw" if writable else "ro"
    quoted = str(path.absolute()).replace("?", "%3f").replace("#", "%23")
    return sqlite3.connect(f"file:{quoted}?mode={mode}", uri=True, isolation_level=None)


def tables_of(connection: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    """Every table and its columns, in their order."""
    names = connection.execute(
        "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite%' "
        "ORDER BY name"
    ).fetchall()
    return {
        name: tuple(
            row[0]
            for row in connection.execute(
                "SELECT name FROM pragma_table_info(?) ORDER BY cid", (name,)
            )
        )
        for (name,) in names
    }


def check_backup(path: Path, stop: Stop | None = None) -> BackupFacts:
    """What the file holds; StorageError unless it is a whole backup that this program can read."""
    if not path.is_file():
        raise StorageError(f"{path}: no such file")
    try:
        with closing(open_file(path)) as copy:
            if stop is not None:
                stop.watch(copy)
            verdict = copy.execute("PRAGMA quick_check").fetchone()[0]
            if verdict != "ok":
                raise StorageError(f"{path} is damaged: {verdict}")
            is_current = _is_current(path, copy)
            rows = {
                table: int(copy.execute(f'SELECT COUNT(*) FROM "{table}"').fetchone()[0])  # noqa: S608 - the file's own names
                for table in tables_of(copy)
                if table != INFO
            }
    except sqlite3.Error as error:
        raise StorageError(f"{path} is no backup of Hoshyar, or is damaged: {error}") from error
    return BackupFacts(is_current, rows)


def _is_current(path: Path, copy: sqlite3.Connection) -> bool:
    """Whether all of this program's migrations are in it; an error when it has others."""
    ledger = {
        int(version): migrations.Mark(name, checksum, int(done), bool(complete))
        for version, name, checksum, done, complete in copy.execute(
            "SELECT version, name, checksum, statements_done, complete FROM schema_migrations"
        )
    }
    if not ledger:
        raise StorageError(f"{path} is no backup of Hoshyar: it is empty")
    known = migrations.load(migrations.DIRECTORY, "sqlite")
    states = migrations.compare(ledger, known)
    for entry in states:
        if entry.state is migrations.MigrationState.NEWER:
            raise MigrationError(
                f"{path} is of version {max(ledger)}, this program knows {len(known)}: "
                "install the newer program"
            )
        if entry.state is migrations.MigrationState.CHANGED:
            raise MigrationError(f"{path} was made by a program with another {entry.name}.sql")
    return all(entry.applied for entry in states)


def unfinished(target: Path) -> Path:
    """Where a file is written until it is whole; one a process."""
    return target.with_name(f".{target.name}.{os.getpid()}.part")


def settle(part: Path, target: Path) -> None:
    """Give a whole file its name, so that it is there also after a power cut, or not at all.

    StorageError when the name is taken.
    """
    sync(part)
    try:
        os.link(part, target)  # unlike a rename, it never replaces what came in between
    except FileExistsError:
        raise StorageError(f"{target} is there already; give another name") from None
    except OSError:  # a file system without links
        part.rename(target)
    else:
        part.unlink()
    sync(target.parent)


def sync(path: Path) -> None:
    """Wait until a file or a folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove(path: Path) -> None:
    """A database file with all that SQLite and we keep beside it."""
    for suffix in ("", "-wal", "-shm", "-journal", ".lock"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
