"""What a talk needs between two updates: short names for buttons, awaited answers, feedback."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from bot.ports import Database, Transaction
from bot.utils.times import to_ms

REF_LENGTH = 12  # characters, of 6 bits each: 72 bits make a chance collision unthinkable
_REMEMBERED = (
    4096  # refs whose use was written down lately, so that a page of buttons costs no write
)
_NOTE_USE_EVERY_MS = 86_400_000
_EPISODES = 5000  # of things that rose, newest first: weeks of them, and 10 ms to look through

TERM, QUERY, TOPIC, FEED = "term", "query", "topic", "feed"  # kinds of refs


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    """What a short name stands for."""

    ref: str
    kind: str  # term, query or topic
    name: str  # what names it for ever, e.g. a trend's key
    shown: str  # as people write it


def ref_of(kind: str, name: str) -> str:
    """The short name: letters, digits, - and _ only, so that it fits a deep link too."""
    digest = hashlib.blake2b(f"{kind}\n{name}".encode(), digest_size=9).digest()
    return base64.urlsafe_b64encode(digest).decode()


class RefStore:
    """Short names that survive a restart."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._upsert = db.dialect.upsert(
            "refs", ["ref", "kind", "name", "shown", "used_ms"], ["ref"], ["used_ms"]
        )
        self._noted: OrderedDict[str, int] = OrderedDict()

    async def keep(self, kind: str, names: list[tuple[str, str]], now: datetime) -> list[str]:
        """A ref for each (name, shown); one transaction for all that need writing."""
        refs = [ref_of(kind, name) for name, _ in names]
        at = to_ms(now)
        new = [
            (ref, kind, name, shown, at)
            for ref, (name, shown) in zip(refs, names, strict=True)
            if at - self._noted.get(ref, 0) > _NOTE_USE_EVERY_MS
        ]
        if new:
            await self._db.write(lambda tx: tx.execute_many(self._upsert, new))
            for ref, *_ in new:
                self._noted[ref] = at
                self._noted.move_to_end(ref)
            while len(self._noted) > _REMEMBERED:
                self._noted.popitem(last=False)
        return refs

    async def get(self, ref: str) -> Ref | None:
        row = await self._db.fetch_one(
            "SELECT ref, kind, name, shown FROM refs WHERE ref=?", (ref,)
        )
        if row:
            return Ref(ref=row[0], kind=row[1], name=row[2], shown=row[3])
        return await self._of_a_trend(ref)

    async def _of_a_trend(self, ref: str) -> Ref | None:
        """Digests make refs without the database: look among what rose lately."""
        rows = await self._db.fetch_all(
            "SELECT id, trend_key FROM trend_episodes ORDER BY id DESC LIMIT ?", (_EPISODES,)
        )
        found = next((row_id for row_id, key in rows if ref_of(TERM, key) == ref), None)
        if found is None:
            return None
        row = await self._db.fetch_one(
            "SELECT trend_key, body FROM trend_episodes WHERE id=?", (found,)
        )
        if row is None:
            return None
        return Ref(ref=ref, kind=TERM, name=row[0], shown=str(json.loads(row[1])["term"]))

    async def purge(self, unused_since: datetime) -> int:
        """Forget refs that no message has shown since then; returns how many."""
        return await self._db.execute("DELETE FROM refs WHERE used_ms<?", (to_ms(unused_since),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """The next message of this person in this chat is the answer to `what`."""

    chat_id: int
    user_id: int
    what: str
    detail: str = ""


class TalkStore:
    """Awaited answers and feedback."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._await = db.dialect.upsert(
            "awaited", ["chat_id", "user_id", "what", "detail", "until_ms"],
            ["chat_id", "user_id"], ["what", "detail", "until_ms"],
        )  # fmt: skip

    async def expect(self, awaited: Awaited, until: datetime) -> None:
        """From now on the next message is this answer; it replaces what was awaited before."""
        await self._db.execute(
            self._await,
            (awaited.chat_id, awaited.user_id, awaited.what, awaited.detail, to_ms(until)),
        )

    async def take(self, chat_id: int, user_id: int, now: datetime) -> tuple[Awaited | None, bool]:
        """What is awaited (it is not any more), and whether it came too late."""

        async def unit(tx: Transaction) -> tuple[Awaited | None, bool]:
            row = await tx.fetch_one(
                "SELECT what, detail, until_ms FROM awaited WHERE chat_id=? AND user_id=?",
                (chat_id, user_id),
            )
            if row is None:
                return None, False
            await tx.execute(
                "DELETE FROM awaited WHERE chat_id=? AND user_id=?", (chat_id, user_id)
            )
            awaited = Awaited(chat_id=chat_id, user_id=user_id, what=row[0], detail=row[1])
            return awaited, row[2] <= to_ms(now)

        waiting = await self._db.fetch_one(
            "SELECT 1 FROM awaited WHERE chat_id=? AND user_id=?", (chat_id, user_id)
        )
        return await self._db.write(unit) if waiting else (None, False)

    async def add_feedback(self, user_id: int, chat_id: int, text: str, now: datetime) -> None:
        await self._db.execute(
            "INSERT INTO feedback (user_id, chat_id, text, created_ms) VALUES (?, ?, ?, ?)",
            (user_id, chat_id, text, to_ms(now)),
        )

    async def feedback_since(self, user_id: int, since: datetime) -> int:
        """How many messages this person has left since then."""
        row = await self._db.fetch_one(
            "SELECT COUNT(*) FROM feedback WHERE user_id=? AND created_ms>=?",
            (user_id, to_ms(since)),
        )
        return int(row[0]) if row else 0
