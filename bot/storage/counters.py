"""Counters of terms on three levels, and the watermark that says which posts are in them.

`term_slots` holds five minutes for the last two days, `term_days` the hours of each day, and
`term_totals` whole days of the far past. A post is added to the first two in the transaction that
moves the watermark, so exactly once; days are rolled up later, a piece at a time. Every statement
that adds or moves counts begins with the watermark's row, whose lock keeps them apart.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from bot.models.insight import SlotCount, TermCount, TermDay, Window
from bot.models.post import PostKind
from bot.ports import Database, Transaction
from bot.utils.times import to_ms

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SLOT_MS = 300_000
HISTORY_DAYS = 28  # days with data that a window is compared with
SLOTS_KEPT_MS = 48 * HOUR_MS
HOURS_KEPT_DAYS = 60  # and always those of the newest HISTORY_DAYS days with data
SWEPT_AFTER_DAYS = 3
SWEPT_FROM_POSTS = 2000  # on a day with fewer posts than this, a single one is worth keeping

_WATERMARK = "trends.post_id"
_AT_ONCE = 900  # parameters of one statement, less a few
_PIECE = 2000  # rows of a table looked through in one transaction: about 20 ms
_PIECES_A_ROUND = 50  # of days rolled up; the rest waits for the next round
_SLOTS_A_ROUND = 600  # all that two days have
_SUMS = ("posts", "voices", "positive", "negative")
_ADDED = tuple(f"{column}={{old}} + {{new}}" for column in _SUMS)
_DAY_KEY = ("day", "kind", "term")
_SLOT_KEY = ("slot", "kind", "term")
_HOURS = tuple(f"h{hour:02}" for hour in range(24))


class CounterStore:
    def __init__(self, db: Database) -> None:
        self._db = db
        upsert = db.dialect.upsert
        self._add_hour = [
            upsert(
                "term_days",
                (*_DAY_KEY, *_SUMS, hour),
                _DAY_KEY,
                (*_ADDED, f"{hour}={{old}} + {{new}}"),
            )
            for hour in _HOURS
        ]
        self._add_slot = upsert("term_slots", (*_SLOT_KEY, *_SUMS), _SLOT_KEY, _ADDED)
        self._add_total = upsert("term_totals", (*_DAY_KEY, *_SUMS), _DAY_KEY, _ADDED)
        self._touch_day = db.dialect.insert_new("term_sweeps", ["day"], ["day"])
        self._first_mark = db.dialect.insert_new("meta", ["name", "value"], ["name"])

    async def watermark(self) -> int:
        """The last post that has been counted."""
        row = await self._db.fetch_one("SELECT value FROM meta WHERE name=?", (_WATERMARK,))
        return int(row[0]) if row else 0

    async def add(
        self,
        counts: Sequence[TermCount],
        after: int,
        up_to: int,
        slots: Sequence[SlotCount] = (),
    ) -> bool:
        """Add what the posts in (after, up_to] said, and move the watermark, in one transaction.

        False, and nothing is changed, when the watermark is not at `after`: somebody else has
        counted these posts.
        """

        async def unit(tx: Transaction) -> bool:
            moved = await tx.execute(
                "UPDATE meta SET value=? WHERE name=? AND value=?",
                (str(up_to), _WATERMARK, str(after)),
            )
            if not moved and after == 0:
                moved = await tx.execute(self._first_mark, (_WATERMARK, str(up_to)))
            if not moved:
                return False
            for (hour, is_news), group in groupby(counts, key=lambda c: (c.hour, c.is_news)):
                day, hour_of_day = divmod(hour, 24)
                kind = _kind(is_news)
                await tx.execute_many(
                    self._add_hour[hour_of_day],
                    [
                        (day, kind, c.term, c.posts, c.voices, c.positive, c.negative, c.voices)
                        for c in group
                    ],
                )
                await tx.execute(self._touch_day, (day,))
            if slots:
                await tx.execute_many(
                    self._add_slot,
                    [(slot, _kind(is_news), *sums) for slot, is_news, *sums in slots],
                )
            return True

        return await self._db.write(unit)

    # --- reading

    async def history(self, terms: Sequence[str], window: Window, at: datetime) -> list[TermDay]:
        """What terms (and, under "", everything) did before the window, newest HISTORY_DAYS days.

        `same` counts the part of a day that the window's time of day covers (1h, 6h), or the whole
        of a day that is the same weekday (24h); of days that are rolled up only the latter is
        known.
        """
        end_ms = to_ms(at)
        start_ms = end_ms - int(window.span.total_seconds() * 1000)
        first_day, hour = divmod(start_ms // HOUR_MS, 24)
        oldest, has_rolled = await self._oldest_day(first_day)
        if oldest is None:
            return []
        so_far = "+".join(_HOURS[:hour]) or "0"
        same = _same_expression(window, start_ms, end_ms)
        rows: list[Any] = []
        for chunk in _chunks(["", *terms], _AT_ONCE):
            marks = ", ".join("?" for _ in chunk)
            rows += await self._db.fetch_all(
                "SELECT term, day, kind='news', "
                f"CASE WHEN day<? THEN voices ELSE {so_far} END, "
                f"CASE WHEN day<? THEN {same} ELSE 0 END "
                f"FROM term_days WHERE term IN ({marks}) AND day>=? AND day<=?",
                (first_day, first_day, *chunk, oldest, first_day),
            )
            if has_rolled:
                by_weekday = same if window is Window.H24 else "0"
                rows += await self._db.fetch_all(
                    f"SELECT term, day, kind='news', voices, {by_weekday} FROM term_totals "
                    f"WHERE term IN ({marks}) AND day>=? AND day<?",
                    (*chunk, oldest, first_day),
                )
        return _merged(rows) if has_rolled else rows

    async def _oldest_day(self, up_to: int) -> tuple[int | None, bool]:
        """The first day of the history before a day, and whether rolled-up days are in it."""

        async def days(table: str) -> set[int]:
            rows = await self._db.fetch_all(
                f"SELECT DISTINCT day FROM {table} WHERE term='' AND day<=? "
                "ORDER BY day DESC LIMIT ?",
                (up_to, HISTORY_DAYS),
            )
            return {int(day) for (day,) in rows}

        by_hours = await days("term_days")
        if len(by_hours) == HISTORY_DAYS and up_to - min(by_hours) < HOURS_KEPT_DAYS:
            return min(by_hours), False
        found = sorted(by_hours | await days("term_totals"), reverse=True)[:HISTORY_DAYS]
        return (found[-1], True) if found else (None, False)

    async def hourly(self, term: str, start: datetime, end: datetime) -> dict[int, int]:
        """Touches of a term by hour (hours since 1970), for hours in [start, end).

        A day that is rolled up stands at its first hour.
        """
        first, last = to_ms(start) // HOUR_MS, -(-to_ms(end) // HOUR_MS)
        rows = await self._db.fetch_all(
            f"SELECT day, {', '.join(_HOURS)} FROM term_days WHERE term=? AND day>=? AND day<=?",
            (term, first // 24, last // 24),
        )
        found: dict[int, int] = {}
        for day, *hours in rows:
            for hour, touches in enumerate(hours):
                moment = day * 24 + hour
                if touches and first <= moment < last:
                    found[moment] = found.get(moment, 0) + touches
        rows = await self._db.fetch_all(
            "SELECT day, SUM(voices) FROM term_totals WHERE term=? AND day>=? AND day<? "
            "GROUP BY day",
            (term, -(-first // 24), -(-last // 24)),
        )
        for day, touches in rows:
            found[int(day) * 24] = found.get(int(day) * 24, 0) + int(touches)
        return found

    async def by_slot(self, term: str, start: datetime, end: datetime) -> list[SlotCount]:
        """What a term did in the five minutes of [start, end); the last two days are known."""
        rows = await self._db.fetch_all(
            f"SELECT slot, kind='news', term, {', '.join(_SUMS)} FROM term_slots "
            "WHERE term=? AND slot>=? AND slot<?",
            (term, to_ms(start) // SLOT_MS, -(-to_ms(end) // SLOT_MS)),
        )
        return [SlotCount(slot, bool(is_news), *sums) for slot, is_news, *sums in rows]

    # --- forgetting and rolling up, in small transactions

    async def sweep(self, now: datetime) -> int:
        """Throw away the terms of a single post on past, busy days, and old five minutes.

        Whole days of the far past are rolled up on the way. Returns how many terms were thrown
        away. Safe to run in two processes, and to be killed.
        """
        today = to_ms(now) // DAY_MS
        due = await self._db.fetch_all(
            "SELECT day FROM term_sweeps WHERE day<? ORDER BY day", (today - SWEPT_AFTER_DAYS,)
        )
        swept = sum([await self._sweep_day(int(day)) for (day,) in due])
        await self._sweep_slots((to_ms(now) - SLOTS_KEPT_MS) // SLOT_MS)
        await self._roll_up(today)
        return swept

    async def _sweep_day(self, day: int) -> int:
        row = await self._db.fetch_one(
            "SELECT SUM(posts) FROM term_days WHERE day=? AND term=''", (day,)
        )
        swept = 0
        if row and (row[0] or 0) >= SWEPT_FROM_POSTS:
            async for kind, first, last in self._pieces(day):
                swept += await self._db.execute(
                    "DELETE FROM term_days WHERE day=? AND kind=? AND term>? AND term<=? "
                    "AND posts=1",
                    (day, kind, first, last),
                )
                await asyncio.sleep(0)
        await self._db.execute("DELETE FROM term_sweeps WHERE day=?", (day,))
        return swept

    async def _sweep_slots(self, before: int) -> None:
        for _ in range(_SLOTS_A_ROUND):
            row = await self._db.fetch_one("SELECT MIN(slot) FROM term_slots")
            if row is None or row[0] is None or row[0] >= before:
                return
            await self._db.execute("DELETE FROM term_slots WHERE slot=?", (row[0],))

    async def _roll_up(self, today: int) -> None:
        old = await self._db.fetch_all(
            "SELECT DISTINCT day FROM term_days WHERE term='' AND day<? ORDER BY day",
            (today - HOURS_KEPT_DAYS,),
        )
        if not old:
            return
        newest = await self._db.fetch_all(
            "SELECT DISTINCT day FROM term_days WHERE term='' ORDER BY day DESC LIMIT ?",
            (HISTORY_DAYS,),
        )
        needed = {int(day) for (day,) in newest}
        pieces = 0
        for (day,) in old:
            if int(day) in needed:
                return
            # The row of everything goes last: while it is there, the day is not done.
            async for kind, first, last in self._pieces(int(day)):
                await self._db.write(_rolling(int(day), kind, first, last, self._add_total))
                pieces += 1
                if pieces >= _PIECES_A_ROUND:
                    return
                await asyncio.sleep(0)
            for kind in PostKind:
                await self._db.write(_rolling(int(day), kind.value, None, "", self._add_total))

    async def _pieces(self, day: int) -> AsyncIterator[tuple[str, str, str]]:
        """Kinds and bounds (first, last] that part a day's terms, "" not among them."""
        for kind in PostKind:
            first = ""
            while True:
                row = await self._db.fetch_one(
                    "SELECT MAX(term), COUNT(*) FROM (SELECT term FROM term_days WHERE day=? "
                    "AND kind=? AND term>? ORDER BY term LIMIT ?) piece",
                    (day, kind.value, first, _PIECE),
                )
                if row is None or not row[1]:
                    break
                yield kind.value, first, str(row[0])
                first = str(row[0])


def _rolling(
    day: int, kind: str, first: str | None, last: str, add: str
) -> Callable[[Transaction], Any]:
    """Move one piece of a day from the hours to the totals."""
    terms, bounds = (
        ("term>? AND term<=?", (first, last)) if first is not None else ("term=?", ("",))
    )

    async def unit(tx: Transaction) -> None:
        await tx.execute("UPDATE meta SET value=value WHERE name=?", (_WATERMARK,))
        rows = await tx.fetch_all(
            f"SELECT day, kind, term, {', '.join(_SUMS)} FROM term_days "
            f"WHERE day=? AND kind=? AND {terms}",
            (day, kind, *bounds),
        )
        if rows:
            await tx.execute_many(add, rows)
            await tx.execute(
                f"DELETE FROM term_days WHERE day=? AND kind=? AND {terms}", (day, kind, *bounds)
            )

    return unit


def _merged(rows: Iterable[TermDay]) -> list[TermDay]:
    """A day that was counted again after it had been rolled up is one day."""
    sums: dict[tuple[str, int, bool], tuple[int, int]] = {}
    for term, day, is_news, touches, same in rows:
        before = sums.get((term, day, is_news), (0, 0))
        sums[term, day, is_news] = before[0] + touches, before[1] + same
    return [(*key, *both) for key, both in sums.items()]


def _same_expression(window: Window, start_ms: int, end_ms: int) -> str:
    if window is Window.D7:
        return "0"
    if window is Window.H24:
        weekdays = {start_ms // DAY_MS % 7, end_ms // DAY_MS % 7}
        return (
            f"CASE WHEN day % 7 IN ({', '.join(map(str, sorted(weekdays)))}) THEN voices ELSE 0 END"
        )
    hours = range((start_ms + 1) // HOUR_MS, end_ms // HOUR_MS + 1)
    return "+".join(_HOURS[hour % 24] for hour in hours)


def _kind(is_news: bool) -> str:
    return (PostKind.NEWS if is_news else PostKind.TWEET).value


def _chunks(items: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
