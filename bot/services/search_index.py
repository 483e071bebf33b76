"""Full-text search: an SQLite FTS5 file of its own that follows the posts of any database.

Documents are keyed by time (milliseconds, then the low bits of the post's id), so newest-first,
date ranges and series walk the index in order and stop early. The file can be thrown away: it is
built again from the posts. Words go in exactly as queries do, through `analysis.text`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from bot.analysis.text import query_words, search_words
from bot.errors import StorageError
from bot.models.insight import MoodSplit, SeriesPoint
from bot.models.post import Post, PostKind
from bot.ports import Transaction
from bot.services.db_sqlite import SqliteDatabase
from bot.storage.posts import PostStore, series_of
from bot.utils.times import from_ms, to_ms

log = logging.getLogger(__name__)

SCHEMA_VERSION = 1
BATCH = 2000
# bm25 reads every match; past this many of the newest the order hardly changes and time does.
RANKED_AT_MOST = 2000

_ID_BITS = 20
_KINDS = {PostKind.TWEET: 0, PostKind.NEWS: 1}
_MOODS = ("", "positive", "neutral", "negative")
_LATEST = (1 << 63) - 1
_SCHEMA = (
    (
        "CREATE TABLE docs (doc INTEGER PRIMARY KEY, post_id INTEGER NOT NULL, "
        "kind INTEGER NOT NULL, mood INTEGER NOT NULL, source_id INTEGER NOT NULL, "
        "words TEXT NOT NULL)"
    ),
    "CREATE INDEX docs_post ON docs (post_id)",
    (
        "CREATE VIRTUAL TABLE fts USING fts5(words, content='docs', content_rowid='doc', "
        "tokenize=\"unicode61 remove_diacritics 0 tokenchars '_#'\")"
    ),
    "CREATE TABLE progress (one INTEGER PRIMARY KEY, post_id INTEGER NOT NULL)",
    "INSERT INTO progress VALUES (1, 0)",
)
_PART = re.compile(r'(-?)(?:"([^"]*)"|(\S+))')


def match_expression(query: str, *, any_word: bool = False) -> str:
    """A person's query as an FTS5 expression; "" when it has no word to look for.

    All words must occur (or any, with `any_word`); "…" is a phrase; a leading minus excludes.
    """
    wanted: list[str] = []
    unwanted: list[str] = []
    for minus, phrase, word in _PART.findall(query_words(query)):
        term = (phrase or word).replace('"', " ").strip()
        if term:
            (unwanted if minus else wanted).append(f'"{term}"')
    if not wanted:
        return ""
    expression = (" OR " if any_word else " AND ").join(wanted)
    return f"({expression}) NOT ({' OR '.join(unwanted)})" if unwanted else expression


class SearchIndex:
    """Search over kept posts; make it with `open`."""

    def __init__(self, db: SqliteDatabase, posts: PostStore) -> None:
        self._db = db
        self._posts = posts

    @classmethod
    async def open(cls, path: Path, posts: PostStore) -> SearchIndex:
        """Open the index file; one of another version or a broken one is built anew."""
        try:
            db = await SqliteDatabase.open(path)
        except StorageError:
            log.warning("the search index is damaged and is built again", extra={"file": str(path)})
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            db = await SqliteDatabase.open(path)
        try:
            version = await db.fetch_one("PRAGMA user_version")
            await db.fetch_one("SELECT MAX(doc) FROM docs")
            fresh = version is not None and version[0] == SCHEMA_VERSION
        except StorageError:
            fresh = False
        if not fresh:
            await db.write(_build_schema)
        return cls(db, posts)

    async def close(self) -> None:
        await self._db.close()

    async def catch_up(self) -> int:
        """Index the posts that came since the last time; returns how many were read."""
        total = 0
        while True:
            row = await self._db.fetch_one("SELECT post_id FROM progress")
            done = int(row[0]) if row else 0
            posts = await self._posts.after(done, BATCH)
            if not posts:
                return total
            await self._db.write(lambda tx, p=posts, d=done: _add(tx, p, d))  # type: ignore[misc]
            total += len(posts)

    async def forget(self, post_id: int) -> None:
        """Take a post out, e.g. after an admin dropped it."""
        await self._db.write(lambda tx: _remove(tx, [post_id]))

    async def remember(self, post: Post) -> None:
        """Put one post in (again), e.g. after an admin took a drop back."""

        async def unit(tx: Transaction) -> None:
            await _remove(tx, [post.id])
            await _insert(tx, [post])

        await self._db.write(unit)

    async def search(
        self,
        query: str,
        limit: int = 20,
        offset: int = 0,
        *,
        order: Literal["best", "newest"] = "best",
        since: datetime | None = None,
        until: datetime | None = None,
        kind: PostKind | None = None,
        any_word: bool = False,
    ) -> list[tuple[int, float]]:
        """Ids of matching posts with a score (higher is better; 0 when newest first)."""
        expression = match_expression(query, any_word=any_word)
        if not expression:
            return []
        first, last = _bounds(since, until)
        of_kind = "" if kind is None else f" AND docs.kind={_KINDS[kind]}"
        if order == "best":
            cut = await self._db.fetch_one(
                "SELECT MIN(rowid) FROM (SELECT rowid FROM fts WHERE fts MATCH ? "
                "AND rowid BETWEEN ? AND ? ORDER BY rowid DESC LIMIT ?)",
                (expression, first, last, RANKED_AT_MOST),
            )
            if cut is None or cut[0] is None:
                return []
            first = int(cut[0])
        by = "rank" if order == "best" else "fts.rowid DESC"
        score = "-rank" if order == "best" else "0.0"
        rows = await self._db.fetch_all(
            f"SELECT docs.post_id, {score} FROM fts JOIN docs ON docs.doc=fts.rowid "  # noqa: S608
            f"WHERE fts MATCH ? AND fts.rowid BETWEEN ? AND ?{of_kind} "
            f"ORDER BY {by} LIMIT ? OFFSET ?",
            (expression, first, last, limit, offset),
        )
        return [(int(post_id), float(rank)) for post_id, rank in rows]

    async def count(
        self,
        query: str,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        any_word: bool = False,
    ) -> int:
        expression = match_expression(query, any_word=any_word)
        if not expression:
            return 0
        row = await self._db.fetch_one(
            "SELECT COUNT(*) FROM fts WHERE fts MATCH ? AND rowid BETWEEN ? AND ?",
            (expression, *_bounds(since, until)),
        )
        return int(row[0]) if row else 0

    async def series(
        self, query: str, since: datetime, until: datetime, step_s: int
    ) -> list[SeriesPoint]:
        """Matching posts and their moods in equal steps of [since, until)."""
        expression = match_expression(query)
        if not expression:
            return series_of([], since, until, step_s)
        start = to_ms(since)
        rows = await self._db.fetch_all(
            f"SELECT (fts.rowid >> {_ID_BITS}) - ((fts.rowid >> {_ID_BITS}) - ?) % ?, "  # noqa: S608
            "docs.mood, COUNT(*) FROM fts JOIN docs ON docs.doc=fts.rowid "
            "WHERE fts MATCH ? AND fts.rowid BETWEEN ? AND ? GROUP BY 1, 2",
            (start, step_s * 1000, expression, *_bounds(since, until)),
        )
        return series_of(
            ((int(bucket), _MOODS[mood], int(count)) for bucket, mood, count in rows),
            since,
            until,
            step_s,
        )

    async def mood(
        self, query: str, since: datetime | None = None, until: datetime | None = None
    ) -> MoodSplit:
        """How the matching posts split by mood."""
        expression = match_expression(query)
        if not expression:
            return MoodSplit()
        rows = await self._db.fetch_all(
            "SELECT docs.mood, COUNT(*) FROM fts JOIN docs ON docs.doc=fts.rowid "
            "WHERE fts MATCH ? AND fts.rowid BETWEEN ? AND ? GROUP BY 1",
            (expression, *_bounds(since, until)),
        )
        counts = {_MOODS[mood]: int(count) for mood, count in rows}
        return MoodSplit(
            positive=counts.get("positive", 0),
            neutral=counts.get("neutral", 0),
            negative=counts.get("negative", 0),
        )

    async def first_seen(self, query: str, since: datetime | None = None) -> datetime | None:
        """When the oldest matching post was written."""
        expression = match_expression(query)
        if not expression:
            return None
        row = await self._db.fetch_one(
            "SELECT rowid FROM fts WHERE fts MATCH ? AND rowid BETWEEN ? AND ? "
            "ORDER BY rowid LIMIT 1",
            (expression, *_bounds(since, None)),
        )
        return from_ms(int(row[0]) >> _ID_BITS) if row else None


def _bounds(since: datetime | None, until: datetime | None) -> tuple[int, int]:
    """The first and last document key of [since, until)."""
    first = 0 if since is None else to_ms(since) << _ID_BITS
    last = _LATEST if until is None else (to_ms(until) << _ID_BITS) - 1
    return first, last


def _doc(post: Post) -> int:
    return (to_ms(post.created_at) << _ID_BITS) | (post.id & ((1 << _ID_BITS) - 1))


async def _build_schema(tx: Transaction) -> None:
    for name in ("fts", "docs", "progress"):
        await tx.execute(f"DROP TABLE IF EXISTS {name}")
    for statement in _SCHEMA:
        await tx.execute(statement)
    await tx.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


async def _add(tx: Transaction, posts: Sequence[Post], expected: int) -> None:
    row = await tx.fetch_one("SELECT post_id FROM progress")
    if row is None or row[0] != expected:
        return  # another process indexed these in the meantime
    await _insert(tx, posts)
    await tx.execute("UPDATE progress SET post_id=?", (posts[-1].id,))


async def _insert(tx: Transaction, posts: Sequence[Post]) -> None:
    docs = [
        (
            _doc(post),
            post.id,
            _KINDS[post.kind],
            _MOODS.index(post.mood or ""),
            post.source_id,
            search_words(f"{post.full_text} {post.author}"),
        )
        for post in posts
    ]
    await tx.execute_many("INSERT OR REPLACE INTO docs VALUES (?, ?, ?, ?, ?, ?)", docs)
    await tx.execute_many(
        "INSERT INTO fts (rowid, words) VALUES (?, ?)", [(doc[0], doc[5]) for doc in docs]
    )


async def _remove(tx: Transaction, post_ids: Sequence[int]) -> None:
    for post_id in post_ids:
        row = await tx.fetch_one("SELECT doc, words FROM docs WHERE post_id=?", (post_id,))
        if row is not None:
            await tx.execute("INSERT INTO fts (fts, rowid, words) VALUES ('delete', ?, ?)", row)
            await tx.execute("DELETE FROM docs WHERE doc=?", (row[0],))
