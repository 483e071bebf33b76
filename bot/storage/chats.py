"""Chats: the places the bot can write to, each with its language, zone and quiet hours."""

from __future__ import annotations

from collections.abc import Sequence

from bot.models.user import Chat, ChatKind
from bot.ports import Database, Row, Transaction
from bot.utils.times import from_ms_or_none, to_ms

_COLUMNS = (
    "id", "kind", "title", "username", "lang", "timezone", "reachable", "is_bot_admin",
    "owner_id", "quiet_from", "quiet_to", "created_ms",
)  # fmt: skip
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM chats"
_SHARED = ("group", "supergroup", "channel")
_TITLE_LENGTH = 190  # the column's width in MySQL

# Everything that names a chat by its id, for a group that became a supergroup. The second part is
# what may hold only one row of a kind, where the new chat already has one.
_FOLLOWS = (
    ("digest_plans", "at_time, topic"),
    ("watches", "term_key"),
    ("received", "item"),
    ("mutes", "term_key"),
    ("outbox", ""),
)


class ChatStore:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._insert = db.dialect.insert_new("chats", _COLUMNS, ["id"])
        self._upsert = db.dialect.upsert("chats", _COLUMNS, ["id"], _COLUMNS[1:-1])

    async def get(self, chat_id: int) -> Chat | None:
        row = await self._db.fetch_one(f"{_SELECT} WHERE id=?", (chat_id,))
        return _chat(row) if row else None

    async def get_many(self, chat_ids: Sequence[int]) -> dict[int, Chat]:
        if not chat_ids:
            return {}
        marks = ", ".join("?" for _ in chat_ids)
        rows = await self._db.fetch_all(f"{_SELECT} WHERE id IN ({marks})", tuple(chat_ids))
        return {row[0]: _chat(row) for row in rows}

    async def add(self, chat: Chat) -> Chat:
        """Store a chat seen for the first time; one that is known stays as it is."""

        async def unit(tx: Transaction) -> Row | None:
            await tx.execute(self._insert, _values(chat))
            return await tx.fetch_one(f"{_SELECT} WHERE id=?", (chat.id,))

        row = await self._db.write(unit)
        return _chat(row) if row else chat

    async def save(self, chat: Chat) -> None:
        """Write all of a chat, but for when it was first seen."""
        await self._db.execute(self._upsert, _values(chat))

    async def set_reachable(self, chat_id: int, reachable: bool) -> bool:
        """Note that the chat can (not) be written to; returns whether that is a change."""
        changed = await self._db.execute(
            "UPDATE chats SET reachable=? WHERE id=? AND reachable<>?",
            (int(reachable), chat_id, int(reachable)),
        )
        return changed > 0

    async def linked(self) -> list[Chat]:
        """Groups and channels that know the bot, by name."""
        rows = await self._db.fetch_all(
            f"{_SELECT} WHERE kind IN (?, ?, ?) ORDER BY reachable DESC, title, id", _SHARED
        )
        return [_chat(row) for row in rows]

    async def count(self) -> int:
        row = await self._db.fetch_one("SELECT COUNT(*) FROM chats WHERE reachable=1")
        return int(row[0]) if row else 0

    async def move(self, old_id: int, new_id: int) -> None:
        """A group became a supergroup: everything goes along. Doing it again changes nothing."""

        async def unit(tx: Transaction) -> None:
            for table, unique in _FOLLOWS:
                if unique:
                    await _drop_twins(tx, table, unique, old_id, new_id)
                await tx.execute(
                    f"UPDATE {table} SET chat_id=? WHERE chat_id=?",
                    (new_id, old_id),
                )
            await tx.execute("DELETE FROM awaited WHERE chat_id=?", (old_id,))
            old = await tx.fetch_one(f"{_SELECT} WHERE id=?", (old_id,))
            if old is None:
                return
            # The new chat may have been met with defaults: what the group had set wins.
            await tx.execute("DELETE FROM chats WHERE id IN (?, ?)", (old_id, new_id))
            await tx.execute(self._insert, (new_id, ChatKind.SUPERGROUP.value, *old[2:]))

        await self._db.write(unit)


async def _drop_twins(tx: Transaction, table: str, unique: str, old_id: int, new_id: int) -> None:
    there = await tx.fetch_all(
        f"SELECT {unique} FROM {table} WHERE chat_id=?",
        (new_id,),
    )
    condition = " AND ".join(f"{column.strip()}=?" for column in unique.split(","))
    for row in there:
        await tx.execute(
            f"DELETE FROM {table} WHERE chat_id=? AND {condition}",
            (old_id, *row),
        )


def _values(chat: Chat) -> tuple[object, ...]:
    return (
        chat.id, chat.kind.value, chat.title[:_TITLE_LENGTH], chat.username, chat.lang,
        chat.timezone, int(chat.reachable), int(chat.is_bot_admin), chat.owner_id,
        chat.quiet_from, chat.quiet_to, to_ms(chat.created_at),
    )  # fmt: skip


def _chat(row: Row) -> Chat:
    return Chat(
        id=row[0],
        kind=ChatKind(row[1]),
        title=row[2],
        username=row[3],
        lang=row[4],
        timezone=row[5],
        reachable=bool(row[6]),
        is_bot_admin=bool(row[7]),
        owner_id=row[8],
        quiet_from=row[9],
        quiet_to=row[10],
        created_at=from_ms_or_none(row[11]),
    )
