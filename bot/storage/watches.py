"""Watched words, and words that a chat has muted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from bot.models.user import Watch
from bot.ports import Database, Row, Transaction
from bot.utils.times import from_ms_or_none, to_ms

_COLUMNS = (
    "chat_id", "user_id", "term", "term_key", "muted_until_ms", "after_post_id", "created_ms",
)  # fmt: skip
_SELECT = f"SELECT id, {', '.join(_COLUMNS)} FROM watches"
_TERM_LENGTH = 190  # the column's width in MySQL

FOREVER = datetime(9999, 1, 1, tzinfo=UTC)  # a mute without an end


class WatchStore:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._insert = db.dialect.insert_new("watches", _COLUMNS, ["chat_id", "term_key"])
        self._mute = db.dialect.upsert(
            "mutes", ["chat_id", "term_key", "term", "until_ms"], ["chat_id", "term_key"],
            ["until_ms"],
        )  # fmt: skip

    async def add(self, watch: Watch) -> tuple[Watch, bool]:
        """Store a watch that begins behind the posts there are; it, and whether it is new.

        No post can be stored between the reading of the last one and the commit, so none falls
        between what was there before and what the watch looks at.
        """

        async def unit(tx: Transaction) -> tuple[Row | None, bool]:
            await tx.execute("UPDATE heads SET value=value WHERE name='posts'")  # held to the end
            head = await tx.fetch_one("SELECT value FROM heads WHERE name='posts'")
            begins = replace(watch, after_post_id=int(head[0]) if head else 0)
            made = await tx.execute(self._insert, _values(begins)) > 0
            row = await tx.fetch_one(
                f"{_SELECT} WHERE chat_id=? AND term_key=?", (watch.chat_id, watch.key)
            )
            return row, made

        row, made = await self._db.write(unit)
        return (_watch(row) if row else watch), made

    async def get(self, watch_id: int) -> Watch | None:
        row = await self._db.fetch_one(f"{_SELECT} WHERE id=?", (watch_id,))
        return _watch(row) if row else None

    async def find(self, chat_id: int, key: str) -> Watch | None:
        row = await self._db.fetch_one(f"{_SELECT} WHERE chat_id=? AND term_key=?", (chat_id, key))
        return _watch(row) if row else None

    async def remove(self, chat_id: int, key: str) -> bool:
        """Returns whether there was such a watch."""
        return (
            await self._db.execute(
                "DELETE FROM watches WHERE chat_id=? AND term_key=?", (chat_id, key)
            )
            > 0
        )

    async def of_chat(self, chat_id: int) -> list[Watch]:
        """A chat's watches, oldest first."""
        rows = await self._db.fetch_all(f"{_SELECT} WHERE chat_id=? ORDER BY id", (chat_id,))
        return [_watch(row) for row in rows]

    async def active(self, now: datetime) -> list[Watch]:
        """Watches that are not muted, of chats that can be written to."""
        rows = await self._db.fetch_all(
            f"SELECT w.id, {', '.join(f'w.{c}' for c in _COLUMNS)} FROM watches w "
            "JOIN chats c ON c.id=w.chat_id WHERE c.reachable=1 AND w.muted_until_ms<=? "
            "ORDER BY w.id",
            (to_ms(now),),
        )
        return [_watch(row) for row in rows]

    async def mute(self, chat_id: int, key: str, term: str, until: datetime) -> None:
        """Keep a term out of this chat's alerts and digests until then."""

        async def unit(tx: Transaction) -> None:
            await tx.execute(self._mute, (chat_id, key, term[:_TERM_LENGTH], to_ms(until)))
            await tx.execute(
                "UPDATE watches SET muted_until_ms=? WHERE chat_id=? AND term_key=?",
                (to_ms(until), chat_id, key),
            )

        await self._db.write(unit)

    async def unmute(self, chat_id: int, key: str) -> None:
        async def unit(tx: Transaction) -> None:
            await tx.execute("DELETE FROM mutes WHERE chat_id=? AND term_key=?", (chat_id, key))
            await tx.execute(
                "UPDATE watches SET muted_until_ms=0 WHERE chat_id=? AND term_key=?",
                (chat_id, key),
            )

        await self._db.write(unit)

    async def muted(self, chat_id: int, now: datetime) -> dict[str, datetime]:
        """The keys of a chat's muted terms and when each mute ends."""
        rows = await self._db.fetch_all(
            "SELECT term_key, until_ms FROM mutes WHERE chat_id=? AND until_ms>?",
            (chat_id, to_ms(now)),
        )
        return {str(key): from_ms_or_none(until) or FOREVER for key, until in rows}

    async def count(self) -> int:
        row = await self._db.fetch_one("SELECT COUNT(*) FROM watches")
        return int(row[0]) if row else 0


def _values(watch: Watch) -> tuple[object, ...]:
    return (
        watch.chat_id, watch.user_id, watch.term[:_TERM_LENGTH], watch.key[:_TERM_LENGTH],
        to_ms(watch.muted_until), watch.after_post_id, to_ms(watch.created_at),
    )  # fmt: skip


def _watch(row: Row) -> Watch:
    return Watch(
        id=row[0],
        chat_id=row[1],
        user_id=row[2],
        term=row[3],
        key=row[4],
        muted_until=from_ms_or_none(row[5]),
        after_post_id=row[6],
        created_at=from_ms_or_none(row[7]),
    )
