"""What is live: the wishes of admins, the hold that pays for pushes, and which pushes were booked.

All of it are facts (`x_facts`), since any worker may be the one that a push comes to.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from bot.models.spending import PUSH, Hold
from bot.ports import Database, Transaction
from bot.storage.spending import Fact, put_fact
from bot.storage.spending_draws import draw, spend
from bot.utils.times import from_ms, from_ms_or_none, to_ms

_HOLD, _SEEN, _HOOKED, _OFF = "live.hold", "live.seen", "live.hooked", "live.off"
_RULES = "live.rules"
_WISH, _MEET = "live.wish.", "live.meet."
_MEETS_MS = 180_000  # a moment to meet at is worth so long: who says so may have died
_REMEMBERED = 200  # pushes: a repeated one comes within seconds or minutes
_COLUMNS = ["name", "number", "text", "at_ms"]


@dataclass(frozen=True, slots=True)
class Off:
    """Live tweets are off for want of money: since when, on which day, and under which limit."""

    day: str
    limit: int
    at: datetime


class LiveStore:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._put = db.dialect.upsert("x_facts", _COLUMNS, ["name"], _COLUMNS[1:])

    async def wish(self, query_id: int, at: datetime) -> None:
        """A query is to be live."""
        sql = self._db.dialect.insert_new("x_facts", _COLUMNS, ["name"])
        await self._db.execute(sql, (f"{_WISH}{query_id}", query_id, "", to_ms(at)))

    async def unwish(self, query_id: int) -> None:
        await self._db.execute("DELETE FROM x_facts WHERE name=?", (f"{_WISH}{query_id}",))

    async def wishes(self) -> dict[int, datetime]:
        """Since when each query is to be live."""
        rows = await self._db.fetch_all(
            "SELECT number, at_ms FROM x_facts WHERE name LIKE ? ORDER BY number", (f"{_WISH}%",)
        )
        return {int(query_id): from_ms(at_ms) for query_id, at_ms in rows}

    async def meet(self, query_id: int, moment: datetime, at: datetime) -> None:
        """A query's tweets are pushed from `moment` on: until then it is to be searched for."""
        given = (f"{_MEET}{query_id}", to_ms(moment), "", to_ms(at))
        await self._db.execute(self._put, given)

    async def meets(self, now: datetime) -> dict[int, datetime]:
        return await meets(self._db, now)

    async def unmeet(self, query_id: int) -> None:
        await self._db.execute("DELETE FROM x_facts WHERE name=?", (f"{_MEET}{query_id}",))

    async def hold(self) -> Hold | None:
        """The hold that pushes draw on, of whichever worker."""
        fact = await self._fact(_HOLD)
        if fact is None or not fact.number:
            return None
        return Hold(fact.number, str(json.loads(fact.text)["day"]), 0, 0.0)

    async def held(self) -> int:
        """What is left of that hold."""
        row = await self._db.fetch_one(
            "SELECT SUM(held) FROM x_calls WHERE state='held' AND endpoint=?", (PUSH,)
        )
        return int(row[0] or 0) if row else 0

    async def keep_hold(self, hold: Hold | None) -> None:
        """Let pushes draw on this hold from now on; what was booked stays known."""

        async def unit(tx: Transaction) -> None:
            _, _, booked = await _booked(tx)
            number, day = (hold.id, hold.day) if hold else (0, "")
            await put_fact(tx, _HOLD, Fact(number, _text(day, booked), 0))

        await self._db.write(unit)

    async def seen(self) -> datetime | None:
        fact = await self._fact(_SEEN)
        return from_ms_or_none(fact.at_ms) if fact else None

    async def see(self, at: datetime) -> None:
        """Pushes surely reached us until then."""
        await self._db.execute(self._put, (_SEEN, 0, "", to_ms(at)))

    async def hooked(self) -> tuple[datetime, datetime] | None:
        """Since when webhooks come in without a pause of a day, and when the last one did."""
        fact = await self._fact(_HOOKED)
        return (from_ms(fact.number), from_ms(fact.at_ms)) if fact else None

    async def hook(self, since: datetime, at: datetime) -> None:
        await self._db.execute(self._put, (_HOOKED, to_ms(since), "", to_ms(at)))

    async def has_rules(self) -> bool:
        """Whether there may be rules of ours at the service."""
        return await self._fact(_RULES) is not None

    async def note_rules(self, there_may_be: bool) -> None:
        if there_may_be:
            await self._db.execute(self._put, (_RULES, 1, "", 0))
        else:
            await self._db.execute("DELETE FROM x_facts WHERE name=?", (_RULES,))

    async def off(self) -> Off | None:
        fact = await self._fact(_OFF)
        return Off(fact.text, fact.number, from_ms(fact.at_ms)) if fact else None

    async def set_off(self, off: Off) -> bool:
        """False when it is off on that day already, so that admins know."""

        async def unit(tx: Transaction) -> bool:
            row = await tx.fetch_one("SELECT text FROM x_facts WHERE name=?", (_OFF,))
            await put_fact(tx, _OFF, Fact(off.limit, off.day, to_ms(off.at)))
            return row is None or str(row[0]) != off.day

        return await self._db.write(unit)

    async def set_on(self) -> bool:
        """False when it was not off."""
        return await self._db.execute("DELETE FROM x_facts WHERE name=?", (_OFF,)) == 1

    async def _fact(self, name: str) -> Fact | None:
        row = await self._db.fetch_one(
            "SELECT number, text, at_ms FROM x_facts WHERE name=?", (name,)
        )
        return Fact(int(row[0]), str(row[1]), int(row[2])) if row else None


async def meets(db: Database, now: datetime) -> dict[int, datetime]:
    """Queries that are pushed and still searched for, and until when they are to be."""
    rows = await db.fetch_all(
        "SELECT name, number FROM x_facts WHERE name LIKE ? AND at_ms>=?",
        (f"{_MEET}%", to_ms(now) - _MEETS_MS),
    )
    return {int(str(name).removeprefix(_MEET)): from_ms(moment) for name, moment in rows}


async def is_wished(db: Database, query_id: int) -> bool:
    """Whether a query is to be live."""
    sql = "SELECT 1 FROM x_facts WHERE name=?"
    return await db.fetch_one(sql, (f"{_WISH}{query_id}",)) is not None


async def book_push(
    tx: Transaction,
    digest: str,
    credits: int,
    items: int,
    *,
    query_id: int,
    hold_ms: int,
    timezone: str,
) -> int | None:
    """Pay for a push from the hold, in the transaction that stores its tweets.

    Returns what is left of the hold; None when this very push was booked before: it came twice,
    and was charged once.
    """
    hold_id, day, booked = await _booked(tx)
    if digest in booked:
        return None
    left = None
    if hold_id:
        left = await draw(tx, hold_id, credits, items, hold_ms, query_id)
    if left is None:
        await spend(tx, credits, items, timezone, query_id)
    booked.append(digest)
    await put_fact(tx, _HOLD, Fact(hold_id, _text(day, booked), 0))
    return left or 0


async def _booked(tx: Transaction) -> tuple[int, str, list[str]]:
    """The hold's id and day, and the pushes booked lately; keeps others from booking meanwhile."""
    lock = "UPDATE x_facts SET number=number WHERE name=?"
    if not await tx.execute(lock, (_HOLD,)):
        sql = tx.dialect.insert_new("x_facts", _COLUMNS, ["name"])
        await tx.execute(sql, (_HOLD, 0, _text("", []), 0))
        await tx.execute(lock, (_HOLD,))
    row = await tx.fetch_one("SELECT number, text FROM x_facts WHERE name=?", (_HOLD,))
    assert row is not None  # noqa: S101 - made or found in this very transaction
    kept = json.loads(str(row[1]))
    return int(row[0]), str(kept["day"]), [str(digest) for digest in kept["booked"]]


def _text(day: str, booked: list[str]) -> str:
    return json.dumps({"day": day, "booked": booked[-_REMEMBERED:]}, separators=(",", ":"))
