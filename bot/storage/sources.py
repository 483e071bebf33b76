"""Sources: where posts come from and when to ask them next.

Two write here at the same time: whoever asks a source writes what was learnt by it, admins write
what they decide (state, name, topic, removal), and neither writes the other's columns. A due source
is claimed before it is asked, so of many workers one has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.errors import LeaseLost
from bot.models.post import Source, SourceKind, SourceState
from bot.ports import Database, Row, Transaction
from bot.storage.claims import Claims
from bot.utils.times import from_ms, to_ms

_COLUMNS = (
    "kind", "name", "url", "site_url", "topic", "lang", "state", "etag", "last_modified",
    "next_fetch_ms", "interval_s", "errors_in_row", "last_error", "last_ok_ms", "last_post_ms",
    "posts_per_day",
)  # fmt: skip
_SELECT = f"SELECT id, {', '.join(_COLUMNS)} FROM sources"
_ASKED = "kind='feed' AND state='active' AND"
# What asking a source tells. What an admin may have given it meanwhile stays as it is.
_LEARNT = (
    "name=CASE WHEN name='' THEN ? ELSE name END, "
    "site_url=CASE WHEN site_url='' THEN ? ELSE site_url END, "
    "lang=CASE WHEN lang='' THEN ? ELSE lang END, "
    "state=CASE WHEN state='active' THEN ? ELSE state END, url=?, etag=?, last_modified=?, "
    "next_fetch_ms=?, interval_s=?, errors_in_row=?, last_error=?, last_ok_ms=?, last_post_ms=?, "
    "posts_per_day=?"
)
# An admin's decision ends the claim's worth: what is being read just now is not stored.
_OUTDATED = "claim_token=CASE WHEN claim_token=0 THEN 0 ELSE claim_token+1 END"


class SourceStore:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._insert = db.dialect.insert_new("sources", _COLUMNS, ["url"])
        # By the whole index: MariaDB sorts, and locks, all that is due when `state` is left out.
        by_index = "state, next_fetch_ms"
        self._due = Claims(db, "sources", due=f"{_ASKED} next_fetch_ms<=?", order=by_index)
        self._all = Claims(db, "sources", due=f"{_ASKED} id>?", order="id")

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

    async def claim_due(self, until: datetime, limit: int, ttl: timedelta) -> list[Source]:
        """Take active feeds whose time comes until then, the most overdue first."""
        return await self._claimed(self._due, to_ms(until), limit, ttl)

    async def claim_after(self, source_id: int, limit: int, ttl: timedelta) -> list[Source]:
        """Take active feeds behind an id, due or not."""
        return await self._claimed(self._all, source_id, limit, ttl)

    async def _claimed(self, claims: Claims, mark: int, limit: int, ttl: timedelta) -> list[Source]:
        claim = await claims.claim(limit, ttl, (mark,))
        if not claim.ids:
            return []
        rows = await self._db.fetch_all(
            f"{_SELECT} WHERE id IN ({', '.join('?' for _ in claim.ids)})", claim.ids
        )
        found = {row[0]: replace(_source(row), claim_token=claim.token) for row in rows}
        return [found[source_id] for source_id in claim.ids if source_id in found]

    async def free(self) -> int:
        """End every claim; for a process that knows that no other collects."""
        return await self._db.execute(
            "UPDATE sources SET claim_token=0, claim_until_ms=0 WHERE claim_until_ms<>0"
        )

    async def release(self, sources: Sequence[Source]) -> None:
        """Give back claims that came to nothing: others may ask at once."""

        async def unit(tx: Transaction) -> None:
            for source in sources:
                await tx.execute(
                    "UPDATE sources SET claim_token=0, claim_until_ms=0 "
                    "WHERE id=? AND claim_token=?",
                    (source.id, source.claim_token),
                )

        await self._db.write(unit)

    async def last_answer_at(self) -> datetime | None:
        """When any feed last answered."""
        row = await self._db.fetch_one("SELECT MAX(last_ok_ms) FROM sources WHERE kind='feed'")
        return from_ms(row[0]) if row and row[0] else None

    async def set_state(self, source_id: int, state: SourceState) -> None:
        """An admin's decision; whoever asks the source just now does so in vain."""
        await self._db.execute(
            f"UPDATE sources SET state=?, {_OUTDATED} WHERE id=?", (state.value, source_id)
        )

    async def resume(self, source_id: int, at: datetime) -> None:
        """Ask it again from `at` on, its errors forgotten."""
        await self._db.execute(
            "UPDATE sources SET state='active', errors_in_row=0, last_error='', next_fetch_ms=?, "
            f"{_OUTDATED} WHERE id=?",
            (to_ms(at), source_id),
        )

    async def remove(self, source_id: int) -> None:
        """Forget a source; its posts stay."""
        await self._db.execute("DELETE FROM sources WHERE id=? AND kind='feed'", (source_id,))

    async def names(self) -> dict[int, str]:
        rows = await self._db.fetch_all("SELECT id, name FROM sources")
        return {int(source_id): str(name) for source_id, name in rows}


async def save_source(tx: Transaction, source: Source) -> None:
    """Write what asking a source told, in the transaction that stores its posts.

    A claimed source is given free by it. Raises LeaseLost when the claim is not ours any more, by
    time, by another worker or by an admin: nothing of the transaction may be kept.
    """
    learnt = (
        source.name[:190], source.site_url, source.lang, source.state.value, source.url,
        source.etag, source.last_modified, to_ms(source.next_fetch_at), source.interval_s,
        source.errors_in_row, source.last_error, to_ms(source.last_ok_at),
        to_ms(source.last_post_at), source.posts_per_day, source.id,
    )  # fmt: skip
    if not source.claim_token:
        await tx.execute(f"UPDATE sources SET {_LEARNT} WHERE id=?", learnt)
        return
    # `Claims.confirm` and the writing in one statement.
    kept = await tx.execute(
        f"UPDATE sources SET {_LEARNT}, claim_token=0, claim_until_ms=0 "
        f"WHERE id=? AND claim_token=? AND claim_until_ms>={tx.dialect.now_ms}",
        (*learnt, source.claim_token),
    )
    if kept != 1:
        raise LeaseLost(f"the claim on source {source.id} is not ours any more")


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
