"""The cache's shared level as a table; and the name that a database has for life."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence

from bot.models.cache import CacheUsage
from bot.ports import Database, Transaction

LIMIT_BYTES = 64 * 2**20
ROW_BYTES = 100  # what a row costs beside its key and body
_COUNTS = "counts"  # the row of the counts; keys of entries hold a colon
_FAR_MS = 2**52
_PACKET_BYTES = 4 * 2**20  # of one statement: a server accepts 16 MB by default
_AT_ONCE = 400
_SWEEP_SHARE = 16  # after a sixteenth of the limit was written, the size is looked at
_DOWN_TO = 0.9  # of the limit, so that the next entries need no sweep
_ID = "database_id"
_COLUMNS = ("name", "body", "size", "expires_ms", "used_ms")


async def database_id(db: Database) -> str:
    """A random name, made once and changed by a restore: what was cached before is another's."""
    row = await db.fetch_one("SELECT value FROM meta WHERE name=?", (_ID,))
    if row is None:
        made = db.dialect.insert_new("meta", ["name", "value"], ["name"])
        await db.execute(made, (_ID, secrets.token_hex(8)))
        row = await db.fetch_one("SELECT value FROM meta WHERE name=?", (_ID,))
    assert row is not None  # noqa: S101 - it was inserted, or there already
    return str(row[0])


class CacheStore:
    """A `SharedCache` in the database, by the database's clock."""

    name = "database"

    def __init__(self, db: Database, limit_bytes: int = LIMIT_BYTES) -> None:
        self._db = db
        self._limit_bytes = limit_bytes
        self._unswept_bytes = limit_bytes  # the first write looks
        now = db.dialect.now_ms
        self._now = f"SELECT {now}"
        self._get = (
            f"SELECT body, expires_ms - {now} FROM cache WHERE name=? AND expires_ms > {now}"
        )
        self._put = db.dialect.upsert("cache", _COLUMNS, ["name"], _COLUMNS[1:])
        self._first_counts = db.dialect.insert_new("cache", _COLUMNS, ["name"])

    async def get(self, key: str) -> tuple[bytes, int] | None:
        row = await self._db.fetch_one(self._get, (key,))
        return (bytes(row[0]), int(row[1])) if row else None

    async def put_many(
        self,
        entries: Sequence[tuple[str, bytes, int]],
        used: Sequence[str] = (),
        counts: Mapping[str, int] | None = None,
    ) -> None:
        for chunk in _packets(entries):
            await self._db.write(lambda tx, chunk=chunk: self._put_chunk(tx, chunk))  # type: ignore[misc]  # bound at once
            self._unswept_bytes += sum(_size(key, body) for key, body, _ in chunk)
        if used or counts:
            await self._db.write(lambda tx: self._note(tx, used, counts or {}))
        if self._unswept_bytes * _SWEEP_SHARE >= self._limit_bytes:
            await self._db.write(self._sweep)
            self._unswept_bytes = 0

    async def forget(self, key: str) -> None:
        await self._db.execute("DELETE FROM cache WHERE name=?", (key,))

    async def clear(self) -> int:
        async def unit(tx: Transaction) -> int:
            await tx.execute("DELETE FROM cache WHERE name=?", (_COUNTS,))
            return await tx.execute("DELETE FROM cache")

        return await self._db.write(unit)

    async def usage(self) -> CacheUsage:
        row = await self._db.fetch_one(
            "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM cache WHERE name<>?", (_COUNTS,)
        )
        counts = await self._db.fetch_one("SELECT body FROM cache WHERE name=?", (_COUNTS,))
        entries, size = row if row else (0, 0)
        return CacheUsage(
            name=self.name,
            entries=int(entries),
            bytes=int(size),
            limit_bytes=self._limit_bytes,
            counts=json.loads(bytes(counts[0])) if counts else {},
        )

    async def close(self) -> None:
        """The database is closed by who opened it."""

    async def _put_chunk(self, tx: Transaction, entries: Sequence[tuple[str, bytes, int]]) -> None:
        now = await self._now_ms(tx)
        await tx.execute_many(
            self._put,
            [(key, body, _size(key, body), now + ttl_ms, now) for key, body, ttl_ms in entries],
        )

    async def _note(self, tx: Transaction, used: Sequence[str], counts: Mapping[str, int]) -> None:
        now = await self._now_ms(tx)
        for start in range(0, len(used), _AT_ONCE):
            names = used[start : start + _AT_ONCE]
            marks = ", ".join("?" for _ in names)
            await tx.execute(f"UPDATE cache SET used_ms=? WHERE name IN ({marks})", (now, *names))
        if not counts:
            return
        # Written before it is read: whoever adds at the same moment waits for this row.
        # (Inserted only where there is none: an INSERT that finds the row would share its lock, and
        # two who share a lock wait for each other.)
        touch = ("UPDATE cache SET used_ms=? WHERE name=?", (now, _COUNTS))
        if not await tx.execute(*touch):
            await tx.execute(self._first_counts, (_COUNTS, b"{}", 0, _FAR_MS, now))
            await tx.execute(*touch)
        row = await tx.fetch_one("SELECT body FROM cache WHERE name=?", (_COUNTS,))
        total = json.loads(bytes(row[0])) if row else {}
        for name, count in counts.items():
            total[name] = total.get(name, 0) + count
        await tx.execute(self._put, (_COUNTS, json.dumps(total).encode(), 0, _FAR_MS, now))

    async def _sweep(self, tx: Transaction) -> None:
        """Expired entries go, and beyond the limit those that were not used for longest."""
        now = await self._now_ms(tx)
        await tx.execute("DELETE FROM cache WHERE expires_ms<=?", (now,))
        row = await tx.fetch_one("SELECT COALESCE(SUM(size), 0) FROM cache")
        too_much = int(row[0] if row else 0) - self._limit_bytes
        if too_much <= 0:
            return
        too_much += int(self._limit_bytes * (1 - _DOWN_TO))
        while too_much > 0:
            oldest = await tx.fetch_all(
                "SELECT name, size FROM cache WHERE name<>? ORDER BY used_ms, name LIMIT ?",
                (_COUNTS, _AT_ONCE),
            )
            if not oldest:
                return
            gone = []
            for name, size in oldest:
                gone.append(name)
                too_much -= int(size)
                if too_much <= 0:
                    break
            marks = ", ".join("?" for _ in gone)
            await tx.execute(f"DELETE FROM cache WHERE name IN ({marks})", gone)

    async def _now_ms(self, tx: Transaction) -> int:
        row = await tx.fetch_one(self._now)
        assert row is not None  # noqa: S101 - a SELECT of one expression
        return int(row[0])


def _size(key: str, body: bytes) -> int:
    return len(key) + len(body) + ROW_BYTES


def _packets(
    entries: Sequence[tuple[str, bytes, int]],
) -> Iterator[list[tuple[str, bytes, int]]]:
    packet: list[tuple[str, bytes, int]] = []
    size = 0
    for entry in entries:
        if packet and size + len(entry[1]) > _PACKET_BYTES:
            yield packet
            packet, size = [], 0
        packet.append(entry)
        size += len(entry[1])
    if packet:
        yield packet
