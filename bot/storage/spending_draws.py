"""A hold that is used up little by little: what filter rules push costs without our asking."""

from __future__ import annotations

from bot.models.spending import PUSH
from bot.ports import Database, Transaction
from bot.storage.spending import LIMIT, add_day, day_of, hold_facts


class DrawStore:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def draw(self, hold_id: int, credits: int, items: int, hold_ms: int) -> int | None:
        """As `draw`, by itself."""
        return await self._db.write(lambda tx: draw(tx, hold_id, credits, items, hold_ms))

    async def grow(self, hold_id: int, credits: int, limit: int) -> bool:
        """Make a hold larger; False when the day's limit has no room for that."""

        async def unit(tx: Transaction) -> bool:
            _, facts = await hold_facts(tx)
            most = facts[LIMIT].number if LIMIT in facts else limit
            row = await tx.fetch_one(
                "SELECT day FROM x_calls WHERE id=? AND state='held'", (hold_id,)
            )
            if row is None or not await tx.execute(
                "UPDATE x_days SET held=held+? WHERE day=? AND spent+held+?<=?",
                (credits, str(row[0]), credits, most),
            ):
                return False
            await tx.execute("UPDATE x_calls SET held=held+? WHERE id=?", (credits, hold_id))
            return True

        return await self._db.write(unit)


async def draw(
    tx: Transaction, hold_id: int, credits: int, items: int, hold_ms: int, query_id: int = 0
) -> int | None:
    """Book a part of a hold and keep the rest for `hold_ms` more; None: it is no more held.

    Returns what is left. What is drawn beyond the hold counts all the same. With `query_id` it is
    booked on the row of that query's pushes.
    """
    now_sql = tx.dialect.now_ms
    row = await tx.fetch_one(
        f"SELECT day, held, {now_sql} FROM x_calls WHERE id=? AND state='held'",
        (hold_id,),
    )
    if row is None:
        return None
    taken, now_ms = min(credits, int(row[1])), int(row[2])
    here = (0, 0) if query_id else (credits, items)
    if not await tx.execute(
        "UPDATE x_calls SET held=held-?, credits=credits+?, items=items+?, until_ms=? "
        "WHERE id=? AND state='held' AND held>=?",
        (taken, *here, now_ms + hold_ms, hold_id, taken),
    ):
        return None
    if query_id:
        await _book(tx, str(row[0]), query_id, credits, items, now_ms)
    if credits or items:
        await tx.execute(
            "UPDATE x_days SET spent=spent+?, held=held-?, items=items+?, settled_ms=? WHERE day=?",
            (credits, taken, items, now_ms, str(row[0])),
        )
    return int(row[1]) - taken


async def spend(
    tx: Transaction, credits: int, items: int, timezone: str, query_id: int = 0
) -> None:
    """Book what was pushed though nothing was held for it: it is gone all the same."""
    clock = await tx.fetch_one(f"SELECT {tx.dialect.now_ms}")
    assert clock is not None  # noqa: S101 - a SELECT without a table has one row
    now_ms = int(clock[0])
    day = day_of(now_ms, timezone)
    await _book(tx, day, query_id, credits, items, now_ms)
    await add_day(tx, day)
    await tx.execute(
        "UPDATE x_days SET spent=spent+?, items=items+?, settled_ms=? WHERE day=?",
        (credits, items, now_ms, day),
    )


async def _book(
    tx: Transaction, day: str, query_id: int, credits: int, items: int, now_ms: int
) -> None:
    """Add to the one row of what is pushed for a query on a day."""
    if await tx.execute(
        "UPDATE x_calls SET credits=credits+?, items=items+?, ended_ms=? "
        "WHERE day=? AND endpoint=? AND query_id=? AND state='settled'",
        (credits, items, now_ms, day, PUSH, query_id),
    ):
        return
    await tx.execute(
        "INSERT INTO x_calls "
        "(day, endpoint, query_id, state, held, credits, items, begun_ms, ended_ms, until_ms) "
        "VALUES (?, ?, ?, 'settled', 0, ?, ?, ?, ?, ?)",
        (day, PUSH, query_id, credits, items, now_ms, now_ms, now_ms),
    )
