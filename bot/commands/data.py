"""The data as a whole: schema, copies, imports and exports."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sqlite3
import sys
from contextlib import closing, suppress
from pathlib import Path

from bot.app import open_hoshyar, open_parts
from bot.commands.output import answer, post_entry
from bot.errors import BadInput, MigrationError, StorageError
from bot.features.imports import ImportResult
from bot.models.post import PostKind
from bot.services import migrations
from bot.services.db_service import open_database, sqlite_path
from bot.services.db_sqlite import SqliteDatabase
from config.settings import Settings

_PAGE = 1000


async def migrate(settings: Settings, given: argparse.Namespace) -> int:
    """Bring the schema to this version, or only say where it stands."""
    url = settings.database_url.reveal()
    path = sqlite_path(url)
    applied = 0
    if given.status and path is not None and not await asyncio.to_thread(path.exists):
        known = migrations.compare({}, migrations.load(migrations.DIRECTORY, "sqlite"))
    else:
        db = await open_database(url)
        try:
            applied = 0 if given.status else await migrations.migrate(db)
            known = await migrations.status(db)
        finally:
            await db.close()
    answer(
        {
            "applied_now": applied,
            "migrations": [
                {"name": entry.name, "applied": entry.applied, "state": entry.state}
                for entry in known
            ],
        },
        [_migration_line(entry) for entry in known],
        as_json=given.json,
    )
    return 0


def _migration_line(entry: migrations.MigrationStatus) -> str:
    line = f"{entry.state:<10}{entry.name}"
    if entry.state is migrations.MigrationState.HALF_DONE:
        line += (
            f": {entry.statements_done} of {entry.statements} statements; the next start goes on"
        )
    elif entry.state is migrations.MigrationState.CHANGED:
        line += ": its file is not the one that was applied"
    elif entry.state is migrations.MigrationState.NEWER:
        line += ": of a newer program than this one"
    return line


async def backup(settings: Settings, given: argparse.Namespace) -> int:
    """A whole, consistent copy, also while the bot runs; checked before it gets its name."""
    target: Path = given.file
    if await asyncio.to_thread(target.exists):
        raise BadInput("cli.file_exists", given=str(target))
    async with open_parts(settings) as parts:
        if not isinstance(parts.db, SqliteDatabase):
            raise BadInput("cli.backup_server")
        unfinished = target.with_name(target.name + ".part")
        unfinished.unlink(missing_ok=True)
        try:
            await parts.db.backup_into(unfinished)
            await asyncio.to_thread(_check_copy, unfinished)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
    await asyncio.to_thread(_settle, unfinished, target)
    size = await asyncio.to_thread(lambda: target.stat().st_size)
    sys.stdout.write(f"{target}: {size / 1e6:.1f} MB\n")
    return 0


async def restore(settings: Settings, given: argparse.Namespace) -> int:
    """Put a backup in the database's place; the one that was there is kept beside it."""
    path = sqlite_path(settings.database_url.reveal())
    if path is None:
        raise BadInput("cli.backup_server")
    await asyncio.to_thread(_check_copy, given.file)
    kept = await asyncio.to_thread(_replace, given.file, path)
    async with open_parts(settings) as parts:  # its schema is brought to this version
        count = await parts.hoshyar.posts.count()
    said = f"restored {count} posts from {given.file}\n"
    sys.stdout.write(said + (f"what was there before is {kept}\n" if kept else ""))
    return 0


def _check_copy(path: Path) -> None:
    """Raise StorageError unless the file is a whole database of a version that we know."""
    if not path.is_file():
        raise StorageError(f"{path}: no such file")
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as copy:
            verdict = copy.execute("PRAGMA quick_check").fetchone()[0]
            newest = copy.execute("SELECT MAX(version) FROM schema_migrations").fetchone()[0]
    except sqlite3.Error as error:
        raise StorageError(f"{path} is no backup of Hoshyar: {error}") from error
    if verdict != "ok":
        raise StorageError(f"{path} is damaged: {verdict}")
    known = len(migrations.load(migrations.DIRECTORY, "sqlite"))
    if newest > known:
        raise MigrationError(
            f"{path} is of version {newest}, this program knows {known}: install the newer program"
        )


def _settle(unfinished: Path, target: Path) -> None:
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    unfinished.rename(target)


def _replace(source: Path, path: Path) -> Path | None:
    """Swap the files in; the search index is thrown away and built again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    incoming = path.with_name(path.name + ".restoring")
    shutil.copyfile(source, incoming)
    kept = None
    if path.exists():
        with closing(sqlite3.connect(path)) as old:
            busy = old.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            incoming.unlink()
            raise StorageError("the database is in use: stop the bot first")
        kept = path.with_name(path.name + ".before-restore")
        path.rename(kept)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    incoming.rename(path)
    for leftover in path.parent.glob(f"{path.stem}.search.db*"):
        leftover.unlink()
    return kept


async def export(settings: Settings, given: argparse.Namespace) -> int:
    """Posts as JSON lines that `import` reads again, or sources as OPML."""
    async with open_hoshyar(settings) as hoshyar:
        if given.kind == "sources":
            body = await hoshyar.sources.export_opml()
            await asyncio.to_thread(given.file.write_bytes, body)
            return 0
        names = await hoshyar.lookup.source_names()
        wanted = {"tweets": PostKind.TWEET, "news": PostKind.NEWS}.get(given.kind)
        count, last = 0, 0
        with given.file.open("w", encoding="utf-8") as file:
            while page := await hoshyar.posts.after(last, _PAGE, kept_only=False):
                last = page[-1].id
                for post in page:
                    if wanted in (None, post.kind):
                        entry = post_entry(post, names.get(post.source_id, ""))
                        entry["id"] = entry.pop("external_id")
                        file.write(json.dumps(entry, ensure_ascii=False) + "\n")
                        count += 1
    sys.stdout.write(f"{count} posts written to {given.file}\n")
    return 0


async def import_file(settings: Settings, given: argparse.Namespace) -> int:
    """Old posts from JSON lines; bad lines are named and left out."""

    def progress(so_far: ImportResult) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{so_far.read} posts read ")

    async with open_hoshyar(settings) as hoshyar:
        done = await hoshyar.imports.run(given.file, progress)
        await hoshyar.analyse.catch_up()
        await hoshyar.search.catch_up()
    with suppress(BrokenPipeError):
        _report_import(done, as_json=given.json)
    return 0


def _report_import(done: ImportResult, *, as_json: bool) -> None:
    answer(
        {
            "read": done.read,
            "new": done.new,
            "known": done.known,
            "dropped": done.dropped,
            "bad": done.bad,
            "bad_lines": [{"line": bad.line, "reason": bad.reason} for bad in done.bad_lines],
        },
        [
            f"{done.new} new, {done.known} known already, {done.bad} lines not usable",
            *(f"  of the new, {count} left out: {why}" for why, count in done.dropped.items()),
            *(f"line {bad.line}: {bad.reason}" for bad in done.bad_lines),
        ],
        as_json=as_json,
    )
