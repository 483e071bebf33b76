"""Put a backup in the database's place; what was there before is kept beside it.

The file is checked and brought to this version as a copy before anything is touched. Under SQLite
the copy then takes the database's name in one step. A server's tables are set aside under
`before_restore_…` and made anew; a marker stands until all rows are in, so that a restore which
broke off is noticed at the next start, and can be run again.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bot.errors import StorageError
from bot.ports import Database
from bot.services import migrations
from bot.services.backups import mysql
from bot.services.backups.files import (
    INFO,
    BackupFacts,
    Stop,
    check_backup,
    in_thread,
    open_file,
    remove,
    sync,
)
from bot.services.db_service import open_database, sqlite_path
from bot.services.db_sqlite import SqliteDatabase
from bot.services.schema import has_table
from bot.services.sqlite_file import ProcessLock
from bot.storage.workers import WorkerStore

AT_WORK = timedelta(seconds=20)
BESIDE = ".before-restore"  # put to the name of the file that was there
_FORGOTTEN = (
    "DELETE FROM cache",
    "DELETE FROM workers",
    "DELETE FROM meta WHERE name='database_id'",  # what others keep of this database is void
    "UPDATE leases SET expires_ms=0",
)
Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Restored:
    """`kept` says where what was there before is now; "" when there was nothing."""

    facts: BackupFacts
    kept: str


async def restore_backup(
    url: str, source: Path, progress: Progress = lambda table, rows: None
) -> Restored:
    """Replace the database at `url` by the backup; on either database, of either database.

    StorageError, and nothing is changed, when the file is damaged, foreign or newer than this
    program, or while the bot is at work.
    """
    path = sqlite_path(url)
    if path is not None and path.exists() and source.exists() and path.samefile(source):  # noqa: ASYNC240
        raise StorageError("a database cannot be restored from itself")
    facts = await in_thread(lambda stop: check_backup(source, stop))
    if path is not None:
        return Restored(facts, await _into_file(path, source))
    await _into_server(url, source, facts, progress)
    return Restored(facts, f"tables named {mysql.KEPT}…")


async def drop_kept(url: str) -> str:
    """Delete what an earlier restore set aside; says what it was, "" when there was nothing.

    StorageError while a restore into this database is under way or broke off.
    """
    path = sqlite_path(url)
    if path is None:
        tables = await in_thread(lambda stop: mysql.drop_kept(url))
        return f"{len(tables)} tables named {mysql.KEPT}…" if tables else ""
    beside = path.with_name(path.name + BESIDE)
    if not beside.exists():
        return ""
    size = beside.stat().st_size
    remove(beside)
    return f"{beside}, {size / 1e6:.1f} MB"


async def refuse_half_restored(db: Database) -> None:
    """Raise StorageError when a restore into this database broke off."""
    if db.dialect.name != "mysql" or not await has_table(db, mysql.MARKER):
        return
    row = await db.fetch_one(f"SELECT file FROM {mysql.MARKER}")  # noqa: S608
    named = str(row[0]) if row else "FILE"
    raise StorageError(
        "a restore broke off or is under way, and the data are not whole: wait for it, or run "
        f"`python -m bot restore {named}` again"
    )


async def _into_file(path: Path, source: Path) -> str:
    incoming = path.with_name(f".{path.name}.{os.getpid()}.restoring")
    try:
        await in_thread(lambda stop: _copy(source, incoming, stop))
        await _bring_up(incoming)
        await in_thread(lambda stop: _drop_info(incoming))
        return await in_thread(lambda stop: _swap(incoming, path))
    finally:
        remove(incoming)


def _copy(source: Path, incoming: Path, stop: Stop) -> None:
    """A copy of the backup; of one with a log beside it (a copied database), the log's too."""
    incoming.parent.mkdir(parents=True, exist_ok=True)
    log = source.with_name(source.name + "-wal")
    try:
        if log.exists() and log.stat().st_size:
            with closing(open_file(source)) as file:
                stop.watch(file)
                file.execute("VACUUM INTO ?", (str(incoming),))
        else:
            shutil.copyfile(source, incoming)
    except (sqlite3.Error, OSError) as error:
        raise StorageError(f"{source} could not be copied: {error}") from error


def _drop_info(incoming: Path) -> None:
    with closing(open_file(incoming, writable=True)) as file:
        file.execute(f"DROP TABLE IF EXISTS {INFO}")


async def _bring_up(copy: Path) -> None:
    """The schema to this version, and without what was true at the time of the backup only."""
    db = await SqliteDatabase.open(copy)
    try:
        await migrations.migrate(db)
        await _forget(db)
    finally:
        await db.close()


def _swap(incoming: Path, path: Path) -> str:
    """One step from the old file to the new one, with no moment in which there is none."""
    sync(incoming)
    lock = ProcessLock(path.with_name(path.name + ".lock"))
    kept = ""
    try:
        with lock:
            if path.exists():
                _close_log(path)
                kept = str(_keep(path))
            incoming.replace(path)
            sync(path.parent)
    finally:
        lock.close()
    for leftover in path.parent.glob(f"{path.stem}.search.db*"):
        leftover.unlink()  # it is built again
    return kept


def _keep(path: Path) -> Path:
    """A second name for what is there; a log that could not be closed goes with it.

    Left behind, that log would be read into the new file.
    """
    beside = path.with_name(path.name + BESIDE)
    remove(beside)
    try:
        os.link(path, beside)
    except OSError:  # a file system without links
        shutil.copyfile(path, beside)
    for suffix in ("-wal", "-shm", "-journal"):
        log = path.with_name(path.name + suffix)
        if log.exists():
            log.rename(beside.with_name(beside.name + suffix))
    return beside


def _close_log(path: Path) -> None:
    """Everything into the file; refused while any other connection to it is open."""
    try:
        with closing(open_file(path, writable=True)) as old:
            old.execute("PRAGMA busy_timeout=2000").fetchall()
            mode = old.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise StorageError(f"{path} cannot be opened: {error}") from error
        mode = "wal"
    except sqlite3.DatabaseError:
        return  # it is damaged: all the more reason to replace it
    if mode != "delete":
        raise StorageError("the database is in use: stop the bot first")


async def _into_server(url: str, source: Path, facts: BackupFacts, progress: Progress) -> None:
    await _refuse_at_work(url)
    current = source
    copy = source.with_name(f".{source.name}.{os.getpid()}.restoring")
    try:
        if not facts.is_current:
            await in_thread(lambda stop: _copy(source, copy, stop))
            await _bring_up(copy)
            current = copy
        await in_thread(lambda stop: mysql.set_aside(url, source.absolute()))
        await _on_server(url, migrations.migrate)
        await in_thread(lambda stop: mysql.copy_in(url, current, stop, progress))
        await _on_server(url, _forget)
        await in_thread(lambda stop: mysql.finish(url))
    finally:
        remove(copy)


async def _on_server(url: str, work: Callable[[Database], Awaitable[object]]) -> None:
    db = await open_database(url)
    try:
        await work(db)
    finally:
        await db.close()


async def _forget(db: Database) -> None:
    for statement in _FORGOTTEN:
        await db.execute(statement)


async def _refuse_at_work(url: str) -> None:
    db = await open_database(url)
    try:
        if await has_table(db, "workers"):
            alive = await WorkerStore(db).alive(AT_WORK)
            if alive:
                who = ", ".join(f"{one.name} (process {one.pid} on {one.machine})" for one in alive)
                raise StorageError(
                    f"the bot is at work: {who}. Stop it first; after a crash wait "
                    f"{AT_WORK.seconds} seconds"
                )
    finally:
        await db.close()
