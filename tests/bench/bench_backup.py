"""Backup and restore of a million posts on both databases, while a process writes at full speed.

`POSTS=100000 python -m tests.bench backup` for a shorter run.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable
from contextlib import closing
from pathlib import Path

from bot.services.backups.making import BackupMade, make_backup
from bot.services.backups.restoring import restore_backup
from bot.services.db_service import open_database
from bot.services.migrations import migrate
from tests.mariadb import SERVER, MariaDb

Row = tuple[str, float, str, float | None]

POSTS = int(os.environ.get("POSTS", "1000000"))
ROOT = Path(__file__).parents[2]
_COLUMNS = (
    "id", "kind", "source_id", "external_id", "created_ms", "collected_ms", "title", "text",
    "url", "author", "lang", "hashtags", "mentions", "content_key", "drop_reason",
    "drop_evidence", "mood",
)  # fmt: skip
_WORDS = ("برق", "آب", "تهران", "هوا", "مردم", "امروز", "بازار", "دلار", "زلزله", "باران", "سد")


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_run(Path(folder)))


async def _run(folder: Path) -> list[Row]:
    url = f"sqlite:///{folder}/h.db"
    db = await open_database(url)
    await migrate(db)
    await db.close()
    await asyncio.to_thread(_fill, folder / "h.db")
    rows = await _both(url, f"sqlite:///{folder}/n.db", folder / "b1.db", "SQLite")
    if SERVER is not None:
        server = MariaDb()
        server.start()
        try:
            there = await server.new_database()
            started = time.perf_counter()
            await restore_backup(there, folder / "b1.db")
            took = time.perf_counter() - started
            rows.append((f"restore: {POSTS:,} posts into MariaDB", took, "s", None))
            rows += await _backup(there, folder / "b2.db", "MariaDB")
        finally:
            server.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [*rows, ("backup and restore: most memory of the process", peak, "MB", None)]


async def _both(url: str, there: str, target: Path, name: str) -> list[Row]:
    rows = await _backup(url, target, name)
    started = time.perf_counter()
    await restore_backup(there, target)
    took = time.perf_counter() - started
    return [*rows, (f"restore: {POSTS:,} posts into {name}", took, "s", None)]


async def _backup(url: str, target: Path, name: str) -> list[Row]:
    made, rate, longest_s = await _beside_a_writer(url, make_backup(url, target))
    return [
        (f"backup: {POSTS:,} posts from {name}", made.took_s, "s", None),
        ("backup: its size", made.bytes / 1e6, "MB", None),
        ("backup: a writer meanwhile, in batches of 8", rate, "rows/s", None),
        ("backup: the longest that such a batch waited", longest_s * 1000, "ms", None),
    ]


async def _beside_a_writer(
    url: str, work: Awaitable[BackupMade]
) -> tuple[BackupMade, float, float]:
    db = await open_database(url)
    start = db.dialect.insert_new("heads", ["name", "value"], ["name"])
    await db.execute(start, ("written", 0))
    await db.close()
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.backups", url, "1", cwd=ROOT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert writer.stdout is not None
    await writer.stdout.readline()
    started = time.perf_counter()
    made = await work
    told, _ = await writer.communicate(b"")
    count, longest_s = told.split()
    return made, int(count) / (time.perf_counter() - started), float(longest_s)


def _fill(path: Path) -> None:
    chance, now = random.Random(1), int(time.time() * 1000)
    marks = ", ".join("?" for _ in _COLUMNS)
    insert = f"INSERT INTO posts ({', '.join(_COLUMNS)}) VALUES ({marks})"
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        for first in range(0, POSTS, 20_000):
            file.execute("BEGIN")
            file.executemany(insert, (_post(chance, n, now) for n in range(first, first + 20_000)))
            file.execute("COMMIT")


def _post(chance: random.Random, number: int, now: int) -> tuple[object, ...]:
    return (
        number + 1, "tweet" if number % 5 else "news", 1 + number % 2, f"x{number}",
        now - (POSTS - number) * 86, now, "", " ".join(chance.choices(_WORDS, k=20)),
        f"https://x.com/a/status/{number}", f"user{chance.randrange(50_000)}", "fa", "[]", "[]",
        chance.getrandbits(62), "" if number % 4 else "spam", "", "neutral",
    )  # fmt: skip
