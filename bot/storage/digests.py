"""Digests by schedule, and what each chat has already been told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from bot.models.user import DigestPlan
from bot.ports import Database, Row, Transaction
from bot.utils.times import from_ms, from_ms_or_none, to_ms

_COLUMNS = (
    "chat_id", "at_time", "topic", "days", "next_ms", "last_slot", "active", "created_by",
)  # fmt: skip
_SELECT = f"SELECT p.id, {', '.join(f'p.{column}' for column in _COLUMNS)} FROM digest_plans p"
_KEY = ("chat_id", "at_time", "topic")
_ITEM_LENGTH = 190  # the column's width in MySQL
_AT_ONCE = 400  # items per statement: SQLite of old allowed 999 parameters


class DigestStore:
    """Digest plans."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._upsert = db.dialect.upsert(
            "digest_plans", _COLUMNS, _KEY, ["days", "next_ms", "active", "created_by"]
        )

    async def save(self, plan: DigestPlan) -> DigestPlan:
        """Store a plan; an equal one (same time and topic) takes its days and next time."""

        async def unit(tx: Transaction) -> Row | None:
            await tx.execute(self._upsert, _values(plan))
            return await tx.fetch_one(
                f"{_SELECT} WHERE p.chat_id=? AND p.at_time=? AND p.topic=?",
                (plan.chat_id, plan.at, plan.topic),
            )

        row = await self._db.write(unit)
        return _plan(row) if row else plan

    async def get(self, plan_id: int) -> DigestPlan | None:
        row = await self._db.fetch_one(f"{_SELECT} WHERE p.id=?", (plan_id,))
        return _plan(row) if row else None

    async def of_chat(self, chat_id: int) -> list[DigestPlan]:
        """A chat's plans in the order of the day."""
        rows = await self._db.fetch_all(
            f"{_SELECT} WHERE p.chat_id=? ORDER BY p.at_time, p.topic", (chat_id,)
        )
        return [_plan(row) for row in rows]

    async def all(self) -> list[DigestPlan]:
        rows = await self._db.fetch_all(f"{_SELECT} ORDER BY p.chat_id, p.at_time, p.topic")
        return [_plan(row) for row in rows]

    async def remove(self, chat_id: int, plan_id: int) -> bool:
        """Returns whether the chat had such a plan."""
        changed = await self._db.execute(
            "DELETE FROM digest_plans WHERE id=? AND chat_id=?", (plan_id, chat_id)
        )
        return changed > 0

    async def set_active(
        self, chat_id: int, plan_id: int, active: bool, next_at: datetime | None
    ) -> bool:
        """Pause a plan, or let it go on from `next_at`."""
        changed = await self._db.execute(
            "UPDATE digest_plans SET active=?, next_ms=? WHERE id=? AND chat_id=?",
            (int(active), to_ms(next_at), plan_id, chat_id),
        )
        return changed > 0

    async def set_next(self, plan: DigestPlan, next_at: datetime) -> bool:
        """Move a plan's next time, unless it has moved since `plan` was read."""
        changed = await self._db.execute(
            "UPDATE digest_plans SET next_ms=? WHERE id=? AND next_ms=?",
            (to_ms(next_at), plan.id, to_ms(plan.next_at)),
        )
        return changed > 0

    async def due(self, now: datetime, limit: int = 100) -> list[DigestPlan]:
        """Active plans whose time has come, of chats that can be written to; longest due first."""
        rows = await self._db.fetch_all(
            f"{_SELECT} JOIN chats c ON c.id=p.chat_id "
            "WHERE p.active=1 AND p.next_ms<=? AND c.reachable=1 ORDER BY p.next_ms, p.id LIMIT ?",
            (to_ms(now), limit),
        )
        return [_plan(row) for row in rows]

    async def advance_in(
        self, tx: Transaction, plan: DigestPlan, slot: str, next_at: datetime
    ) -> bool:
        """Note that the digest of `slot` was made; false when another process already has."""
        changed = await tx.execute(
            "UPDATE digest_plans SET last_slot=?, next_ms=? WHERE id=? AND next_ms=? AND active=1",
            (slot, to_ms(next_at), plan.id, to_ms(plan.next_at)),
        )
        return changed > 0


class ReceivedStore:
    """What each chat has been told, by item: a trend's or a post's key."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._upsert = db.dialect.upsert(
            "received", ["chat_id", "item", "at_ms"], ["chat_id", "item"], ["at_ms"]
        )

    async def told(self, chat_id: int, items: Iterable[str]) -> dict[str, datetime]:
        """Which of `items` the chat was told, and when last."""
        wanted = {item[:_ITEM_LENGTH]: item for item in items}
        keys = list(wanted)
        found: dict[str, datetime] = {}
        for start in range(0, len(keys), _AT_ONCE):
            chunk = keys[start : start + _AT_ONCE]
            rows = await self._db.fetch_all(
                "SELECT item, at_ms FROM received "
                f"WHERE chat_id=? AND item IN ({', '.join('?' for _ in chunk)})",
                (chat_id, *chunk),
            )
            found.update({wanted[str(item)]: from_ms(at_ms) for item, at_ms in rows})
        return found

    async def since(self, chat_id: int, prefix: str, since: datetime) -> dict[str, datetime]:
        """What of one sort, by the beginning of its key, the chat was told since a moment."""
        rows = await self._db.fetch_all(
            "SELECT item, at_ms FROM received WHERE chat_id=? AND at_ms>=? "
            "AND item>=? AND item<? ORDER BY item",
            (chat_id, to_ms(since), prefix, prefix + "\U0010ffff"),
        )
        return {str(item): from_ms(at_ms) for item, at_ms in rows}

    async def mark_in(
        self, tx: Transaction, chat_id: int, items: Sequence[str], at: datetime
    ) -> None:
        """Note that the chat is told these, in the transaction that hands the message over."""
        rows = [(chat_id, item[:_ITEM_LENGTH], to_ms(at)) for item in items]
        if rows:
            await tx.execute_many(self._upsert, rows)

    async def take_back_unsent(self, chat_id: int) -> int:
        """Forget what the chat was to be told by messages that could not be delivered.

        A message's unique key is marked with what it tells, at the same moment: that joins them.
        """

        async def unit(tx: Transaction) -> int:
            unsent = await tx.fetch_all(
                "SELECT r.at_ms FROM received r JOIN outbox o ON o.unique_key=r.item "
                "WHERE r.chat_id=? AND o.state IN ('gone', 'failed')",
                (chat_id,),
            )
            forgotten = 0
            for (at_ms,) in unsent:
                forgotten += await tx.execute(
                    "DELETE FROM received WHERE chat_id=? AND at_ms=?", (chat_id, at_ms)
                )
            return forgotten

        return await self._db.write(unit)

    async def purge(self, before: datetime) -> int:
        return await self._db.execute("DELETE FROM received WHERE at_ms<?", (to_ms(before),))


class EchoStore:
    """How far stories were carried: copies that other sources or people made of a post."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def echoes(self, start: datetime, end: datetime) -> dict[int, int]:
        """For each post that was copied in [start, end): by how many sources and authors."""
        rows = await self._db.fetch_all(
            "SELECT original, COUNT(*) FROM ("
            "SELECT DISTINCT duplicate_of AS original, source_id, author FROM posts "
            "WHERE created_ms>=? AND created_ms<? AND duplicate_of IS NOT NULL) AS copies "
            "GROUP BY original",
            (to_ms(start), to_ms(end)),
        )
        return {int(post_id): int(count) for post_id, count in rows}


def _values(plan: DigestPlan) -> tuple[object, ...]:
    return (
        plan.chat_id, plan.at, plan.topic[:_ITEM_LENGTH], plan.days, to_ms(plan.next_at),
        plan.last_slot, int(plan.active), plan.created_by,
    )  # fmt: skip


def _plan(row: Row) -> DigestPlan:
    return DigestPlan(
        id=row[0],
        chat_id=row[1],
        at=row[2],
        topic=row[3],
        days=row[4],
        next_at=from_ms_or_none(row[5]),
        last_slot=row[6],
        active=bool(row[7]),
        created_by=row[8],
    )
