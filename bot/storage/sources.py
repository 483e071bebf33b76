"""Sources: where posts come from and when to ask them next."""

from __future__ import annotations

from datetime import datetime

from bot.models.post import Source, SourceKind, SourceState
from bot.ports import Database, Row, Transaction
from bot.utils.times import from_ms, to_ms

_COLUMNS = (
    "kind", "name", "url", "site_url", "topic", "lang", "state", "etag", "last_modified",
    "next_fetch_ms", "interval_s", "errors_in_row", "last_error", "last_ok_ms", "last_post_ms",
    "posts_per_day",
)  # fmt: skip
_SELECT = f"SELECT id, {', '.join(_COLUMNS)} FROM sources"
_UPDATE = f"UPDATE sources SET {', '.join(f'{c}=?' for c in _COLUMNS)} WHERE id=?"


class SourceStore:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._insert = db.dialect.insert_new("sources", _COLUMNS, ["url"])

    async def add(self, source: Source) -> Source:
        """Store a source, or return the one that already has its address."""

        async def unit(tx: Transaction) -> Row:
            await tx.execute(self._insert, _values(source))
            row = await tx.fetch_one(f"{_SELECT} WHERE url=?", (source.url,))
            assert row is not None  # noqa: S101 - inserted or found in this very transaction
            return row

        return _source(await self._db.write(unit))

    async def get(self, source_id: int) -> Source | None:
        row = await self._db.fetch_one(f"{_SELECT} WHERE id=?", (source_id,))
        return _source(row) if row else None

    async def by_url(self, url: str) -> Source | None:
        row = await self._db.fetch_one(f"{_SELECT} WHERE url=?", (url,))
        return _source(row) if row else None

    async def all(self, kind: SourceKind | None = None) -> list[Source]:
        if kind is None:
            rows = await self._db.fetch_all(f"{_SELECT} ORDER BY id")
        else:
            rows = await self._db.fetch_all(f"{_SELECT} WHERE kind=? ORDER BY id", (kind.value,))
        return [_source(row) for row in rows]

    async def due(self, now: datetime, limit: int = 500) -> list[Source]:
        """Active feeds whose time has come, the most overdue first."""
        rows = await self._db.fetch_all(
            f"{_SELECT} WHERE kind='feed' AND state='active' AND next_fetch_ms<=? "
            "ORDER BY next_fetch_ms LIMIT ?",
            (to_ms(now), limit),
        )
        return [_source(row) for row in rows]

    async def save(self, source: Source) -> None:
        await self._db.write(lambda tx: save_source(tx, source))

    async def remove(self, source_id: int) -> None:
        """Forget a source; its posts stay."""
        await self._db.execute("DELETE FROM sources WHERE id=? AND kind='feed'", (source_id,))

    async def names(self) -> dict[int, str]:
        rows = await self._db.fetch_all("SELECT id, name FROM sources")
        return {int(source_id): str(name) for source_id, name in rows}


async def save_source(tx: Transaction, source: Source) -> None:
    """Write all of a source's fields, in the caller's transaction."""
    await tx.execute(_UPDATE, (*_values(source), source.id))


def _values(s: Source) -> tuple[object, ...]:
    return (
        s.kind.value, s.name[:190], s.url, s.site_url, s.topic, s.lang, s.state.value, s.etag,
        s.last_modified, to_ms(s.next_fetch_at) if s.next_fetch_at else 0, s.interval_s,
        s.errors_in_row, s.last_error, to_ms(s.last_ok_at) if s.last_ok_at else 0,
        to_ms(s.last_post_at) if s.last_post_at else 0, s.posts_per_day,
    )  # fmt: skip


def _source(row: Row) -> Source:
    return Source(
        id=row[0],
        kind=SourceKind(row[1]),
        name=row[2],
        url=row[3],
        site_url=row[4],
        topic=row[5],
        lang=row[6],
        state=SourceState(row[7]),
        etag=row[8],
        last_modified=row[9],
        next_fetch_at=from_ms(row[10]) if row[10] else None,
        interval_s=row[11],
        errors_in_row=row[12],
        last_error=row[13],
        last_ok_at=from_ms(row[14]) if row[14] else None,
        last_post_at=from_ms(row[15]) if row[15] else None,
        posts_per_day=row[16],
    )
