"""People who have written to the bot."""

from __future__ import annotations

from bot.models.user import User
from bot.ports import Database, Row, Transaction
from bot.utils.times import from_ms_or_none, to_ms

_COLUMNS = ("id", "name", "username", "lang", "seen_ms")
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM users"
_NAME_LENGTH = 190  # the column's width in MySQL

# Where a person's traces are, beside their own row and their private chat. What they set up for
# a group or channel stays there without their name: others rely on it.
_OWN_CHAT = ("watches", "digest_plans", "received", "mutes", "awaited", "outbox")
_NAMELESS = (
    "UPDATE watches SET user_id=0 WHERE user_id=?",
    "UPDATE digest_plans SET created_by=0 WHERE created_by=?",
    "UPDATE chats SET owner_id=NULL WHERE owner_id=?",
)


class UserStore:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._upsert = db.dialect.upsert(
            "users", _COLUMNS, ["id"], ["name", "username", "lang", "seen_ms"]
        )

    async def get(self, user_id: int) -> User | None:
        row = await self._db.fetch_one(f"{_SELECT} WHERE id=?", (user_id,))
        return _user(row) if row else None

    async def save(self, user: User) -> None:
        await self._db.execute(self._upsert, _values(user))

    async def count(self) -> int:
        row = await self._db.fetch_one("SELECT COUNT(*) FROM users")
        return int(row[0]) if row else 0

    async def forget(self, user_id: int) -> None:
        """Delete all that is kept about a person; a private chat has its person's id."""

        async def unit(tx: Transaction) -> None:
            for table in _OWN_CHAT:
                await tx.execute(f"DELETE FROM {table} WHERE chat_id=?", (user_id,))
            for statement in _NAMELESS:
                await tx.execute(statement, (user_id,))
            await tx.execute("DELETE FROM awaited WHERE user_id=?", (user_id,))
            await tx.execute("DELETE FROM feedback WHERE user_id=?", (user_id,))
            await tx.execute("DELETE FROM chats WHERE id=?", (user_id,))
            await tx.execute("DELETE FROM users WHERE id=?", (user_id,))

        await self._db.write(unit)


def _values(user: User) -> tuple[object, ...]:
    return (
        user.id,
        user.name[:_NAME_LENGTH],
        user.username[:_NAME_LENGTH],
        user.lang,
        to_ms(user.seen_at),
    )


def _user(row: Row) -> User:
    return User(
        id=row[0], name=row[1], username=row[2], lang=row[3], seen_at=from_ms_or_none(row[4])
    )
