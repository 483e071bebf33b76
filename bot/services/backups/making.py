"""Make a backup: one moment of the data, whole, checked before it gets its name."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bot.errors import MigrationError, StorageError
from bot.services import migrations
from bot.services.backups import mysql
from bot.services.backups.files import (
    BackupFacts,
    Stop,
    check_backup,
    in_thread,
    open_file,
    remove,
    settle,
    unfinished,
)
from bot.services.db_service import open_database, sqlite_path
from bot.services.db_sqlite import SqliteDatabase


@dataclass(frozen=True, slots=True)
class BackupMade:
    path: Path
    bytes: int
    took_s: float
    facts: BackupFacts


async def make_backup(url: str, target: Path) -> BackupMade:
    """Copy the database at `url` into the new file `target`, also while the bot writes to it.

    The schema is copied as it is, not brought up. StorageError when the name is taken, the
    folder is not there, the
    database cannot be read, or the copy does not hold what was read; then nothing is left behind.
    """
    started = time.monotonic()
    if not target.parent.is_dir():  # a mistyped one is not made
        raise StorageError(f"there is no folder {target.parent}: make it, or name another one")
    part = unfinished(target)
    path = sqlite_path(url)
    try:
        if path is not None:
            await in_thread(lambda stop: _copy_file(path, part, stop))
            copied: dict[str, int] | None = None
        else:
            await _make_empty(url, part)
            copied = await in_thread(lambda stop: mysql.copy_out(url, part, stop))
        facts = await in_thread(lambda stop: _check_and_settle(part, target, copied, stop))
    finally:
        remove(part)
    size = target.stat().st_size  # noqa: ASYNC240 - of a file that was just written
    return BackupMade(target, size, time.monotonic() - started, facts)


def _copy_file(path: Path, part: Path, stop: Stop) -> None:
    """VACUUM INTO reads one moment, and holds up no writer; chunks would begin anew each time."""
    if not path.is_file():
        raise StorageError(f"{path}: there is no database yet")
    try:
        with closing(open_file(path)) as database:
            stop.watch(database)
            database.execute("VACUUM INTO ?", (str(part),))
    except sqlite3.Error as error:
        raise StorageError(f"{path} could not be copied: {error}") from error


async def _make_empty(url: str, part: Path) -> None:
    """An SQLite file with the schema that the server's database has now."""
    db = await open_database(url)
    try:
        states = await migrations.status(db)
    finally:
        await db.close()
    for entry in states:
        if entry.state is migrations.MigrationState.NEWER:
            raise MigrationError("the database is newer than this program: install the newer one")
        if entry.state is migrations.MigrationState.CHANGED:
            raise MigrationError(f"{entry.name}.sql was changed after it was applied")
        if entry.state is migrations.MigrationState.HALF_DONE:
            raise MigrationError(f"{entry.name} is half done: run `python -m bot migrate` first")
    applied = [entry.name for entry in states if entry.applied]
    if not applied:
        raise StorageError("the database is empty: there is nothing to back up")
    with tempfile.TemporaryDirectory() as folder:
        for name in applied:
            file = f"{name}.sql"
            shutil.copyfile(migrations.DIRECTORY / file, Path(folder) / file)
        copy = await SqliteDatabase.open(part)
        try:
            await migrations.migrate(copy, Path(folder))
        finally:
            await copy.close()


def _check_and_settle(
    part: Path, target: Path, copied: dict[str, int] | None, stop: Stop
) -> BackupFacts:
    facts = check_backup(part, stop)
    for table, count in (copied or {}).items():
        if facts.rows.get(table) != count:
            raise StorageError(
                f"the copy of {table} has {facts.rows.get(table)} rows instead of {count}"
            )
    settle(part, target)
    return facts
