"""Spending at TwitterAPI.io: one row a request, one a day, and a few facts, shared by all workers.

Whoever wants to send a request holds its worst price first. Every hold locks the row `pace`, so
holds are taken one after the other on every host, and leaves with a place in the common row of
departures; the day's row grows by a conditional UPDATE, so that spent and held together never pass
the limit. Days are local days of a time zone by the database's clock.

A hold whose time has passed is lost: its process ended and nobody knows what the request cost. It
stays in `held` of its day, in full, until a balance tells (storage/spending_balance.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.models.spending import PUSH, Hold
from bot.models.tweets import Balance
from bot.ports import Database, Transaction
from bot.utils.times import from_ms, next_daily, zone

PACE, LIMIT, BALANCE, CHECKPOINT, CREDIT = "pace", "limit", "balance", "checkpoint", "out_of_credit"
SPENT, REST = "spent_notice", "rest"
_FACTS = (PACE, LIMIT, BALANCE, CHECKPOINT, CREDIT, SPENT, REST)
_MARKS = ", ".join("?" for _ in _FACTS)
ONE_PAGE = 300  # what a full page of tweets costs: with less left, the day's money is spent
UNEXPLAINED, RECHARGE, OVERCOUNTED = "unexplained", "recharge", "overcounted"
_UNKNOWN_RATE = 3.0  # requests a second until a balance is known; a 429 corrects what is too fast
_MOST_BOOKED_MS = 600_000  # a next departure beyond this: the clock was set back
_LONGEST_QUIET_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Fact:
    number: int
    text: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A request that somebody wants to send."""

    endpoint: str
    worst: int
    query_id: int
    timezone: str
    limit: int  # unless an admin has set another
    rate: float | None  # None: what the balance allows
    hold_ms: int
    closing: bool = False  # it ends what costs more: no limit keeps it


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A hold, or why there is none."""

    hold: Hold | None = None
    is_out_of_credit: bool = False
    retry_after_s: float = 0.0
    notice: str = ""  # the day and limit whose money was just found to be spent, told once
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTotals:
    now: datetime
    day: str
    spent: int
    held: int
    held_live: int
    calls: int
    items: int
    lost: int
    lost_credits: int
    facts: Mapping[str, Fact]


def day_of(now_ms: int, timezone: str) -> str:
    """The local date, as the tables name it."""
    return from_ms(now_ms).astimezone(zone(timezone)).date().isoformat()


def next_day(moment: datetime, timezone: str) -> datetime:
    """When the next local day begins."""
    return next_daily(moment, "00:00", timezone)


def rate_of(facts: Mapping[str, Fact], fixed: float | None) -> float:
    """Requests a second for all workers together."""
    if fixed is not None:
        return fixed
    known = facts.get(BALANCE)
    return Balance(known.number, 0).requests_per_s if known else _UNKNOWN_RATE


async def hold_facts(tx: Transaction) -> tuple[int, dict[str, Fact]]:
    """The database's time and all facts; keeps every other spender away until the unit ends."""
    lock = "UPDATE x_facts SET number=number WHERE name=?"
    if not await tx.execute(lock, (PACE,)):
        columns = ["name", "number", "text", "at_ms"]
        await tx.execute(tx.dialect.insert_new("x_facts", columns, ["name"]), (PACE, 0, "", 0))
        await tx.execute(lock, (PACE,))
    rows = await tx.fetch_all(
        f"SELECT {tx.dialect.now_ms}, name, number, text, at_ms FROM x_facts "
        f"WHERE name IN ({_MARKS})",
        _FACTS,
    )
    facts = {str(row[1]): Fact(int(row[2]), str(row[3]), int(row[4])) for row in rows}
    return int(rows[0][0]), facts


async def put_fact(tx: Transaction, name: str, fact: Fact) -> None:
    columns = ["name", "number", "text", "at_ms"]
    upsert = tx.dialect.upsert("x_facts", columns, ["name"], columns[1:])
    await tx.execute(upsert, (name, fact.number, fact.text, fact.at_ms))


async def add_day(tx: Transaction, day: str) -> None:
    """Make the row of a day where there is none."""
    await tx.execute(tx.dialect.insert_new("x_days", ["day"], ["day"]), (day,))


class SpendingStore:
    def __init__(self, db: Database) -> None:
        self.db = db

    async def reserve(self, wish: Wish) -> Answer:
        """Take a hold and a departure, or say why not."""
        return await self.db.write(lambda tx: _reserve(tx, wish))

    async def spent_notice(self, timezone: str, limit: int) -> tuple[str, datetime]:
        """As `Answer.notice`, where nothing was asked for any more; and the time."""

        async def unit(tx: Transaction) -> tuple[str, datetime]:
            now_ms, facts = await hold_facts(tx)
            most = facts[LIMIT].number if LIMIT in facts else limit
            # Who allows less than a page has not run out of money.
            is_news = most >= ONE_PAGE
            day = day_of(now_ms, timezone)
            return await _news(tx, day, most, facts) if is_news else "", from_ms(now_ms)

        return await self.db.write(unit)

    async def settle(self, hold_id: int, credits: int, items: int, status: int) -> bool:
        """Book what a request really cost; False when it was booked before."""

        async def unit(tx: Transaction) -> bool:
            now_sql = tx.dialect.now_ms
            row = await tx.fetch_one(
                f"SELECT day, held, credits, {now_sql} FROM x_calls WHERE id=? AND state='held'",
                (hold_id,),
            )
            ended = "UPDATE x_calls SET state='settled', held=0, credits=credits+?, items=items+?, "
            if row is None or not await tx.execute(
                f"{ended}status=?, ended_ms=? WHERE id=? AND state='held' AND held=?",
                (credits, items, status, int(row[3]), hold_id, int(row[1])),
            ):
                return False
            await tx.execute(
                "UPDATE x_days SET spent=spent+?, held=held-?, calls=calls+1, items=items+?, "
                "settled_ms=? WHERE day=?",
                (credits, int(row[1]), items, int(row[3]), str(row[0])),
            )
            return True

        return await self.db.write(unit)

    async def release(self, hold_id: int) -> None:
        """Give a hold back: nothing was sent. What was drawn of it stays booked."""

        async def unit(tx: Transaction) -> None:
            row = await tx.fetch_one(
                "SELECT day, held, credits FROM x_calls WHERE id=? AND state='held'", (hold_id,)
            )
            if row is None:
                return
            day, held, drawn = str(row[0]), int(row[1]), int(row[2])
            end = "UPDATE x_calls SET state='settled', held=0" if drawn else "DELETE FROM x_calls"
            if await tx.execute(f"{end} WHERE id=? AND state='held' AND held=?", (hold_id, held)):
                await tx.execute("UPDATE x_days SET held=held-? WHERE day=?", (held, day))

        await self.db.write(unit)

    async def slow_down(self, wait_ms: int) -> None:
        """Nobody departs before so many milliseconds have passed."""

        async def unit(tx: Transaction) -> None:
            now_ms, facts = await hold_facts(tx)
            pace = facts[PACE]
            quiet_ms = now_ms + min(wait_ms, _LONGEST_QUIET_MS)
            await put_fact(tx, PACE, Fact(pace.number, "", max(_quiet(pace, now_ms), quiet_ms)))

        await self.db.write(unit)

    async def not_told(self, fact: str) -> None:
        """Telling of something failed after it was marked as told: the next one tells."""
        await self.db.execute("UPDATE x_facts SET text='' WHERE name=?", (fact,))

    async def set_limit(self, credits: int | None) -> None:
        """An admin's limit for a day; None: that of the settings."""

        async def unit(tx: Transaction) -> None:
            now_ms, _ = await hold_facts(tx)
            if credits is None:
                await tx.execute("DELETE FROM x_facts WHERE name=?", (LIMIT,))
            else:
                await put_fact(tx, LIMIT, Fact(credits, "", now_ms))

        await self.db.write(unit)

    async def totals(self, timezone: str) -> DayTotals:
        """Today, and the facts."""
        clock = await self.db.fetch_one(f"SELECT {self.db.dialect.now_ms}")
        assert clock is not None  # noqa: S101 - a SELECT without a table has one row
        rows = await self.db.fetch_all(
            f"SELECT name, number, text, at_ms FROM x_facts WHERE name IN ({_MARKS})", _FACTS
        )
        day = day_of(int(clock[0]), timezone)
        row = await self.db.fetch_one(
            "SELECT spent, held, calls, items FROM x_days WHERE day=?", (day,)
        )
        spent, held, calls, items = map(int, row or (0, 0, 0, 0))
        lost = await self.db.fetch_one(
            "SELECT COUNT(*), SUM(held) FROM x_calls WHERE state='held' AND until_ms<?",
            (int(clock[0]),),
        )
        live = await self.db.fetch_one(
            "SELECT SUM(held) FROM x_calls WHERE state='held' AND until_ms>=? AND endpoint=?",
            (int(clock[0]), PUSH),
        )
        return DayTotals(
            now=from_ms(int(clock[0])),
            day=day,
            spent=spent,
            held=held,
            held_live=int(live[0] or 0) if live else 0,
            calls=calls,
            items=items,
            lost=int(lost[0]) if lost else 0,
            lost_credits=int(lost[1] or 0) if lost else 0,
            facts={str(name): Fact(int(n), str(text), int(at)) for name, n, text, at in rows},
        )


def _quiet(pace: Fact, now_ms: int) -> int:
    """Until when nobody may ask, after a 429."""
    return pace.at_ms if pace.at_ms <= now_ms + _LONGEST_QUIET_MS else 0


async def _reserve(tx: Transaction, wish: Wish) -> Answer:
    now_ms, facts = await hold_facts(tx)
    now, pace = from_ms(now_ms), facts[PACE]
    free_ms = pace.number if pace.number <= now_ms + _MOST_BOOKED_MS else 0
    leaves_ms = max(now_ms, free_ms, _quiet(pace, now_ms))
    day, hold_id = day_of(leaves_ms, wish.timezone), 0
    if wish.worst > 0:
        if not wish.closing and CREDIT in facts and facts[CREDIT].number:
            return Answer(is_out_of_credit=True, now=now)
        limit = facts[LIMIT].number if LIMIT in facts else wish.limit
        if wish.closing:
            await add_day(tx, day)
            await tx.execute("UPDATE x_days SET held=held+? WHERE day=?", (wish.worst, day))
        elif not await _hold(tx, day, wish.worst, limit):
            left = next_day(from_ms(leaves_ms), wish.timezone) - now
            is_search = wish.endpoint != PUSH
            notice = await _news(tx, day, limit, facts) if is_search else ""
            return Answer(retry_after_s=left.total_seconds(), notice=notice, now=now)
        hold_id = await tx.insert(
            "INSERT INTO x_calls (day, endpoint, query_id, state, held, begun_ms, until_ms) "
            "VALUES (?, ?, ?, 'held', ?, ?, ?)",
            (day, wish.endpoint, wish.query_id, wish.worst, now_ms, leaves_ms + wish.hold_ms),
        )
    gap_ms = round(1000 / rate_of(facts, wish.rate))
    await put_fact(tx, PACE, Fact(leaves_ms + gap_ms, "", pace.at_ms))
    return Answer(hold=Hold(hold_id, day, wish.worst, (leaves_ms - now_ms) / 1000), now=now)


async def _hold(tx: Transaction, day: str, worst: int, limit: int) -> bool:
    """Hold so many credits of a day; False where they would pass the limit."""
    take = "UPDATE x_days SET held=held+? WHERE day=? AND spent+held+?<=?"
    if await tx.execute(take, (worst, day, worst, limit)):
        return True
    await add_day(tx, day)
    return bool(await tx.execute(take, (worst, day, worst, limit)))


async def _news(tx: Transaction, day: str, limit: int, facts: Mapping[str, Fact]) -> str:
    """The day and limit whose money is spent, where nobody has said so yet; now somebody has."""
    news = f"{day}:{limit}"
    if SPENT in facts and facts[SPENT].text == news:
        return ""
    row = await tx.fetch_one("SELECT spent+held FROM x_days WHERE day=?", (day,))
    if row is None or int(row[0]) + ONE_PAGE <= limit:
        return ""
    await put_fact(tx, SPENT, Fact(0, news, 0))
    return news
