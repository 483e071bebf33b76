"""Stories found for watches, from the moment they are found until the chat is told.

`alert_hits` is unique by watch and story, so looking at the same posts again finds nothing twice;
the position up to which posts were looked at is saved with what was found in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.models.alert import AlertHit
from bot.ports import Database, Row, Transaction
from bot.utils.times import from_ms, from_ms_or_none, to_ms

_COLUMNS = ("watch_id", "post_id", "story", "found_ms", "told_ms")
_SELECT = f"SELECT h.id, {', '.join(f'h.{column}' for column in _COLUMNS)} FROM alert_hits h"
_POSITION = "alerts.after_post_id"
_AT_ONCE = 400  # ids per statement: SQLite of old allowed 999 parameters


class AlertStore:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._insert = db.dialect.insert_new("alert_hits", _COLUMNS, ["watch_id", "story"])
        self._set = db.dialect.upsert("meta", ["name", "value"], ["name"], ["value"])

    async def position(self) -> int | None:
        """Posts up to this one have been looked at; None: none ever."""
        row = await self._db.fetch_one("SELECT value FROM meta WHERE name=?", (_POSITION,))
        return int(row[0]) if row else None

    async def note(self, hits: Sequence[AlertHit], position: int) -> int:
        """Store what is new of `hits` and move the position, in one transaction; how many were.

        The position never goes back: a worker that slept has nothing to say about it.
        """

        async def unit(tx: Transaction) -> int:
            new = 0
            for hit in hits:
                new += await tx.execute(self._insert, _values(hit))
            row = await tx.fetch_one("SELECT value FROM meta WHERE name=?", (_POSITION,))
            if row is None or int(row[0]) < position:
                await tx.execute(self._set, (_POSITION, str(position)))
            return new

        return await self._db.write(unit)

    async def waiting(self) -> list[AlertHit]:
        """What has not been told yet, of watches that exist; oldest first."""
        rows = await self._db.fetch_all(
            f"{_SELECT} JOIN watches w ON w.id=h.watch_id WHERE h.told_ms=0 ORDER BY h.id"
        )
        return [_hit(row) for row in rows]

    async def last_told(self, watch_ids: Sequence[int]) -> dict[int, datetime]:
        """When each watch last spoke, for those that ever did."""
        found: dict[int, datetime] = {}
        for start in range(0, len(watch_ids), _AT_ONCE):
            chunk = watch_ids[start : start + _AT_ONCE]
            rows = await self._db.fetch_all(
                "SELECT watch_id, MAX(told_ms) FROM alert_hits "
                f"WHERE told_ms>0 AND watch_id IN ({_marks(chunk)}) GROUP BY watch_id",
                tuple(chunk),
            )
            found.update({int(watch_id): from_ms(told_ms) for watch_id, told_ms in rows})
        return found

    async def settle_in(self, tx: Transaction, hit_ids: Sequence[int], now: datetime) -> bool:
        """Mark hits as told; false (and nothing to be relied on) when one of them was already."""
        changed = 0
        for start in range(0, len(hit_ids), _AT_ONCE):
            chunk = hit_ids[start : start + _AT_ONCE]
            changed += await tx.execute(
                f"UPDATE alert_hits SET told_ms=? WHERE told_ms=0 AND id IN ({_marks(chunk)})",
                (to_ms(now), *chunk),
            )
        return changed == len(hit_ids)

    async def purge(self, before: datetime) -> int:
        """Forget what was told before a moment, and what belongs to no watch."""

        async def unit(tx: Transaction) -> int:
            old = await tx.execute(
                "DELETE FROM alert_hits WHERE told_ms>0 AND told_ms<?", (to_ms(before),)
            )
            orphans = await tx.execute(
                "DELETE FROM alert_hits WHERE watch_id NOT IN (SELECT id FROM watches)"
            )
            return old + orphans

        return await self._db.write(unit)


def _marks(items: Sequence[object]) -> str:
    return ", ".join("?" for _ in items)


def _values(hit: AlertHit) -> tuple[object, ...]:
    return (hit.watch_id, hit.post_id, hit.story, to_ms(hit.found_at), to_ms(hit.told_at))


def _hit(row: Row) -> AlertHit:
    return AlertHit(
        id=row[0],
        watch_id=row[1],
        post_id=row[2],
        story=row[3],
        found_at=from_ms(row[4]),
        told_at=from_ms_or_none(row[5]),
    )
