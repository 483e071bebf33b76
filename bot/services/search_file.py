"""The file of the search index: what is in it, how it is opened, and what one transaction adds.

`docs` holds a row for every kept post, keyed by time (milliseconds, then low bits of the post's id,
then its mood), so newest-first, date ranges and moods are read off the keys. `fts` finds them by
words. `units` counts the posts of each hour, day and month (of 32 days), whose marks every post
holds, so that long searches go unit by unit. `progress` says which posts are in.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bot.analysis.search_text import document_words
from bot.errors import StorageError
from bot.models.post import Mood, Post
from bot.ports import Params, Row, Transaction, Unit
from bot.services.db_sqlite import SqliteDatabase
from bot.utils.times import to_ms

T = TypeVar("T")
log = logging.getLogger(__name__)

SCHEMA_VERSION = 2
HOUR_MS = 3_600_000
UNITS_MS = (HOUR_MS, 24 * HOUR_MS, 32 * 24 * HOUR_MS)  # small enough, whatever the flood
MOODS = (None, Mood.POSITIVE, Mood.NEUTRAL, Mood.NEGATIVE)
FIRST_KEY, LAST_KEY = -(1 << 63), (1 << 63) - 1
TIME_BITS = 21  # below the milliseconds of a key: 19 of the post's id, 2 of its mood
KEY_STEP = len(MOODS)  # from a key to the next one of the same moment and mood
_ID_MASK = (1 << (TIME_BITS - 2)) - 1
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_SCHEMA = (
    ("CREATE TABLE docs (doc INTEGER PRIMARY KEY, post_id INTEGER NOT NULL, words TEXT NOT NULL)"),
    (
        # columnsize=0: the lengths of posts would serve FTS5's own bm25 alone, which is not asked.
        "CREATE VIRTUAL TABLE fts USING fts5(words, content='docs', content_rowid='doc', "
        "columnsize=0, tokenize=\"unicode61 remove_diacritics 0 tokenchars '_#'\")"
    ),
    (
        "CREATE TABLE units (size INTEGER NOT NULL, number INTEGER NOT NULL, "
        "docs INTEGER NOT NULL, PRIMARY KEY (size, number)) WITHOUT ROWID"
    ),
    (
        "CREATE TABLE progress (one INTEGER PRIMARY KEY, low INTEGER NOT NULL, "
        "high INTEGER NOT NULL, change INTEGER NOT NULL, database TEXT NOT NULL, "
        "newest TEXT NOT NULL, words INTEGER NOT NULL)"
    ),
    f"PRAGMA user_version={SCHEMA_VERSION}",
)


@dataclass(frozen=True, slots=True)
class Progress:
    """Posts with low < id <= high are in, as they were after `change`.

    `database` and `newest` (what the post `high` looked like) tell whether they are still the
    posts of the database that we follow.
    """

    low: int
    high: int
    change: int
    database: str
    newest: str


@dataclass(frozen=True, slots=True)
class Doc:
    """A post as the index holds it."""

    key: int
    post_id: int
    words: str


def first_key(at_ms: int) -> int:
    """The first key that a post of that moment can have."""
    return at_ms << TIME_BITS


def unit_mark(size_ms: int, number: int) -> str:
    """The word that every post of a unit of time holds."""
    return f"_u{UNITS_MS.index(size_ms)}_{number}"


def doc_of(post: Post) -> Doc:
    at_ms = to_ms(post.created_at)
    low = (post.id & _ID_MASK) * KEY_STEP + MOODS.index(post.mood)
    marks = " ".join(unit_mark(size, at_ms // size) for size in UNITS_MS)
    return Doc(first_key(at_ms) | low, post.id, f"{document_words(post)} {marks}")


class SearchFile:
    """One index file, shared by the processes of a host; make it with `open`."""

    def __init__(self, path: Path, db: SqliteDatabase) -> None:
        self._path = path
        self._db = db
        self._inode = _inode(path)
        self.is_damaged = False

    @classmethod
    async def open(cls, path: Path) -> SearchFile:
        """Open the file; one that is missing, broken or of another version is made anew."""
        return cls(path, await _open(path))

    async def close(self) -> None:
        await self._db.close()

    async def fetch_all(self, sql: str, params: Params = ()) -> list[Row]:
        try:
            return await self._db.fetch_all(sql, params)
        except StorageError as error:
            self._note(error)
            raise

    async def write(self, unit: Unit[T]) -> T:
        try:
            return await self._db.write(unit)
        except StorageError as error:
            self._note(error)
            raise

    async def progress(self) -> Progress | None:
        """None before the first post."""
        rows = await self.fetch_all("SELECT low, high, change, database, newest FROM progress")
        return Progress(*rows[0]) if rows else None

    async def has_before(self, key: int) -> bool:
        """Whether any post lies below a key."""
        rows = await self.fetch_all("SELECT MIN(doc) FROM docs")
        return rows[0][0] is not None and rows[0][0] < key

    async def follow(self) -> None:
        """Go over to the file of this name when another process has made it anew."""
        if await asyncio.to_thread(_inode, self._path) != self._inode:
            await self._exchange()

    async def start_anew(self, why: str) -> None:
        """Throw all away; the processes that share the file find the new one by `follow`."""
        log.warning("the search index is built anew", extra={"why": why})
        await asyncio.to_thread(_throw_away, self._path, self._inode)
        await self._exchange()

    async def _exchange(self) -> None:
        old, self._db = self._db, await _open(self._path)
        self._inode = await asyncio.to_thread(_inode, self._path)
        self.is_damaged = False
        await old.close()

    def _note(self, error: StorageError) -> None:
        code = getattr(error.__cause__, "sqlite_errorcode", 0)
        self.is_damaged = self.is_damaged or (code & 0xFF) in _DAMAGED


async def _open(path: Path) -> SqliteDatabase:
    await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    # Two processes that start together must not throw away each other's new file.
    with await asyncio.to_thread(_alone, path):
        try:
            db = await SqliteDatabase.open(path)
        except StorageError:
            db = None
        if db is not None:
            if await _is_ours(db):
                return db
            await db.close()
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        db = await SqliteDatabase.open(path)
        await db.write(_make_schema)
        return db


async def _is_ours(db: SqliteDatabase) -> bool:
    try:
        version = await db.fetch_one("PRAGMA user_version")
        await db.fetch_one("SELECT (SELECT MAX(doc) FROM docs), (SELECT high FROM progress)")
    except StorageError:
        return False
    return version is not None and version[0] == SCHEMA_VERSION


async def _make_schema(tx: Transaction) -> None:
    for statement in _SCHEMA:
        await tx.execute(statement)


class _Alone:
    """A lock held while the file itself may be exchanged."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        os.close(self._descriptor)


def _alone(path: Path) -> _Alone:
    descriptor = os.open(
        path.with_name(path.name + ".opening"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return _Alone(descriptor)


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


def _throw_away(path: Path, inode: int) -> None:
    with _alone(path):
        if _inode(path) == inode:  # else somebody has done so already
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
