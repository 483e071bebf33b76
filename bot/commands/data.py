"""The data as a whole: schema, copies, imports and exports."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path

from bot.app import open_hoshyar
from bot.commands.output import answer, post_entry
from bot.errors import BadInput, DiskFull
from bot.features.imports import ImportResult
from bot.models.post import PostKind
from bot.services import migrations
from bot.services.backups.making import make_backup
from bot.services.backups.restoring import drop_kept, refuse_half_restored, restore_backup
from bot.services.db_service import open_database, sqlite_path
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
            await refuse_half_restored(db)
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
    made = await make_backup(settings.database_url.reveal(), target)
    sys.stdout.write(
        f"{target}: {made.bytes / 1e6:.1f} MB, {made.facts.posts} posts, "
        f"{sum(made.facts.rows.values())} rows in {len(made.facts.rows)} tables, "
        f"{made.took_s:.1f} s\n"
    )
    sys.stderr.write("not in it: .env with its keys and passwords; keep that one yourself\n")
    return 0


async def restore(settings: Settings, given: argparse.Namespace) -> int:
    """Put a backup in the database's place; what was there before is kept beside it."""

    def progress(table: str, rows: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{table}: {rows} rows \033[K")

    url = settings.database_url.reveal()
    if given.drop_old == bool(given.file):
        raise BadInput("cli.restore_what")
    if given.drop_old:
        dropped = await drop_kept(url)
        sys.stdout.write(f"deleted: {dropped}\n" if dropped else "nothing is set aside\n")
        return 0
    done = await restore_backup(url, given.file, progress)
    sys.stdout.write(f"restored {done.facts.posts} posts from {given.file}\n")
    if done.kept:
        sys.stdout.write(
            f"what was there before is {done.kept}; it takes room until "
            "`python -m bot restore --drop-old` deletes it\n"
        )
    return 0


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
        done = await hoshyar.imports.run(given.file, progress, hoshyar.disk.is_full)
        is_known = True
        try:
            await hoshyar.analyse.catch_up()
            await hoshyar.search.catch_up()
        except DiskFull:
            is_known = False
    with suppress(BrokenPipeError):
        _report_import(done, as_json=given.json)
    if not is_known:
        sys.stderr.write(
            "the disk is full: all these posts are stored, but trends and search know them only "
            "when there is room again (the bot goes on with it by itself)\n"
        )
    if not done.read:
        sys.stderr.write(f"no line of {given.file} can be used\n")
    return 0 if is_known and done.read else 1


def _report_import(done: ImportResult, *, as_json: bool) -> None:
    answer(
        {
            "read": done.read,
            "new": done.new,
            "known": done.known,
            "too_old": done.too_old,
            "dropped": done.dropped,
            "bad": done.bad,
            "bad_lines": [{"line": bad.line, "reason": bad.reason} for bad in done.bad_lines],
        },
        [
            f"{done.new} new, {done.known} known already, {done.bad} lines not usable",
            *([f"{done.too_old} older than the months that are kept"] if done.too_old else []),
            *(f"  of the new, {count} left out: {why}" for why, count in done.dropped.items()),
            *(f"line {bad.line}: {bad.reason}" for bad in done.bad_lines),
        ],
        as_json=as_json,
    )
