"""The account's balance beside our own books, so that they agree to the credit.

Charges reach the balance some tens of seconds late. A balance therefore speaks for the books only
at a quiet moment: no request on its way, the last one long enough ago, and the same number read
twice since. Then its fall since the last such moment (the checkpoint), less what was settled since,
is what the lost requests cost. Where searches leave no such moment, they rest for one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from bot.models.spending import PUSH, Reckoning, reckon
from bot.models.tweets import Balance
from bot.ports import Database, Row, Transaction
from bot.storage.spending import (
    BALANCE,
    CHECKPOINT,
    CREDIT,
    OVERCOUNTED,
    RECHARGE,
    REST,
    UNEXPLAINED,
    Fact,
    add_day,
    day_of,
    hold_facts,
    put_fact,
)
from bot.storage.spending_draws import draw
from bot.utils.times import from_ms

_CREDIT_AGAIN = 1_000  # from here on an empty account is news again
_HOUR_MS = 3_600_000  # so long it is not news
_REST_MS = 180_000  # how long searches rest at the most, for a quiet moment
_REST_EVERY_MS = _RECKONED_MS = (
    _HOUR_MS  # so often, and when the books were not checked for so long
)
# An account that is empty and shows credit is tried again after these, as often as that happens.
_PAUSES_MS = (60_000, 300_000, 900_000, 3_600_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Empty:
    """What is known of an empty account, beside since when."""

    told_ms: int = 0  # when admins were
    balance: int | None = None  # the lowest that was read since
    tries: int = 0  # how often it was taken for filled, and was not

    @classmethod
    def of(cls, fact: Fact) -> _Empty:
        return cls(**json.loads(fact.text)) if fact.text else cls()

    def fact(self, number: int, at_ms: int) -> Fact:
        return Fact(number, json.dumps(asdict(self)), at_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What reading the balance led to."""

    now: datetime
    ended_out_of_credit: bool = False
    is_recharged: bool = False  # it was empty, and there is more than there was
    reckoning: Reckoning | None = None  # None: the moment was not quiet


def balance_of(facts: Mapping[str, Fact]) -> tuple[Balance, datetime] | None:
    """The last balance and when it was read."""
    fact = facts.get(BALANCE)
    if fact is None:
        return None
    parts = json.loads(fact.text)
    return Balance(parts["paid"], parts["bonus"]), from_ms(fact.at_ms)


class BalanceStore:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def out_of_credit(self) -> tuple[datetime, bool]:
        """Note that the account is empty: since when, and whether nobody was told of it yet."""

        async def unit(tx: Transaction) -> tuple[datetime, bool]:
            now_ms, facts = await hold_facts(tx)
            known = facts.get(CREDIT, Fact(0, "", 0))
            empty, since_ms = _Empty.of(known), known.at_ms
            if not known.number:
                last = facts.get(BALANCE)
                is_long_ago = now_ms - known.at_ms > 2 * _PAUSES_MS[-1]
                tries, since_ms = 0 if is_long_ago else empty.tries, now_ms
                empty = replace(empty, balance=last.number if last else None, tries=tries)
            is_news = now_ms - empty.told_ms >= _HOUR_MS
            empty = replace(empty, told_ms=now_ms) if is_news else empty
            await put_fact(tx, CREDIT, empty.fact(1, since_ms))
            return from_ms(since_ms), is_news

        return await self._db.write(unit)

    async def rests(self) -> bool:
        """Whether nothing should be searched for, so that the books can be checked."""

        async def unit(tx: Transaction) -> bool:
            now_ms, facts = await hold_facts(tx)
            if is_resting(facts, now_ms):
                return True
            began_ms = facts[REST].at_ms if REST in facts else 0
            if now_ms < began_ms + _REST_EVERY_MS or await _is_pushed_to(tx, now_ms):
                return False
            checked = facts.get(CHECKPOINT)
            if checked is None or now_ms < checked.at_ms + _RECKONED_MS:
                sql = "SELECT 1 FROM x_calls WHERE state='held' AND until_ms<? LIMIT 1"
                if await tx.fetch_one(sql, (now_ms,)) is None:
                    return False
            await put_fact(tx, REST, Fact(0, "", now_ms))
            return True

        return await self._db.write(unit)

    async def saw(self, balance: Balance, timezone: str, settling_ms: int) -> Seen:
        """Note the balance, and reckon with it when the moment is quiet."""

        async def unit(tx: Transaction) -> Seen:
            now_ms, facts = await hold_facts(tx)
            ended, recharged = await _end_out_of_credit(tx, balance, facts.get(CREDIT), now_ms)
            lost = await tx.fetch_all(
                "SELECT id, day, held, until_ms, endpoint FROM x_calls "
                "WHERE state='held' AND until_ms<? ORDER BY id",
                (now_ms,),
            )
            last_ms = await _last_ms(tx, lost)
            alike_ms = _alike_since(balance, facts.get(BALANCE), last_ms, now_ms)
            parts = {"paid": balance.paid, "bonus": balance.bonus, "alike_ms": alike_ms}
            await put_fact(tx, BALANCE, Fact(balance.credits, json.dumps(parts), now_ms))
            seen = Seen(now=from_ms(now_ms), ended_out_of_credit=ended, is_recharged=recharged)
            if now_ms < last_ms + settling_ms or await _is_busy(tx, now_ms):
                return seen
            checkpoint = facts.get(CHECKPOINT)
            if checkpoint is not None and (
                alike_ms == now_ms or now_ms - alike_ms < settling_ms // 3
            ):
                return seen
            booked = await _booked(tx)
            worst = [int(row[2]) for row in lost]
            if checkpoint is None:
                result = Reckoning(tuple(worst))  # nothing is known of the balance before
            else:
                before = int(json.loads(checkpoint.text)["booked"])
                result = reckon(checkpoint.number - balance.credits, booked - before, worst)
            for row, credits in zip(lost, result.costs, strict=True):
                await _book_lost(tx, row, credits)
            pushed = await _book_pushes(tx, result.unexplained, now_ms)
            result = replace(result, unexplained=result.unexplained - pushed)
            rose = checkpoint is not None and balance.credits > checkpoint.number
            await _book_rest(tx, result, rose, timezone, now_ms)
            booked += sum(result.costs) + pushed + result.unexplained
            text = json.dumps({"booked": booked})
            await put_fact(tx, CHECKPOINT, Fact(balance.credits, text, now_ms))
            return replace(seen, reckoning=result)

        return await self._db.write(unit)


def is_resting(facts: Mapping[str, Fact], now_ms: int) -> bool:
    """Whether searches rest, until the books are checked or it has taken too long."""
    rest, checked = facts.get(REST), facts.get(CHECKPOINT)
    if rest is None or not rest.at_ms <= now_ms < rest.at_ms + _REST_MS:
        return False
    return checked is None or checked.at_ms < rest.at_ms


async def _is_pushed_to(tx: Transaction, now_ms: int) -> bool:
    """Whether tweets come in without our asking: then no moment is quiet for long."""
    sql = "SELECT 1 FROM x_calls WHERE state='held' AND until_ms>=? AND endpoint=? LIMIT 1"
    return await tx.fetch_one(sql, (now_ms, PUSH)) is not None


async def _end_out_of_credit(
    tx: Transaction, balance: Balance, known: Fact | None, now_ms: int
) -> tuple[bool, bool]:
    """Whether the account is empty no more, and whether it was recharged.

    The service may call it empty and show credit: such a balance is believed after a while only.
    """
    if known is None or not known.number:
        return False, False
    empty, credits = _Empty.of(known), balance.credits
    lowest = credits if empty.balance is None else min(empty.balance, credits)
    is_recharged = credits > 0 and (empty.balance is None or credits > empty.balance)
    pause_ms = _PAUSES_MS[min(empty.tries, len(_PAUSES_MS) - 1)]
    if is_recharged:
        # A few credits end it, but are soon gone: admins hear of that once, not at every few.
        told_ms = 0 if credits >= _CREDIT_AGAIN else empty.told_ms
        await put_fact(tx, CREDIT, _Empty(told_ms=told_ms).fact(0, known.at_ms))
    elif credits > 0 and now_ms >= known.at_ms + pause_ms:
        await put_fact(tx, CREDIT, replace(empty, tries=empty.tries + 1).fact(0, now_ms))
    else:
        if lowest != empty.balance:
            await put_fact(tx, CREDIT, replace(empty, balance=lowest).fact(1, known.at_ms))
        return False, False
    return True, is_recharged


def _alike_since(balance: Balance, known: Fact | None, last_ms: int, now_ms: int) -> int:
    """When this same balance was first read after the last request; now: this is the first time."""
    if known is None or known.number != balance.credits:
        return now_ms
    alike_ms = int(json.loads(known.text)["alike_ms"])
    if alike_ms > last_ms:
        return alike_ms
    return known.at_ms if known.at_ms > last_ms else now_ms


async def _last_ms(tx: Transaction, lost: list[Row]) -> int:
    """When something may last have been charged."""
    row = await tx.fetch_one("SELECT MAX(settled_ms) FROM x_days")
    settled_ms = int(row[0] or 0) if row else 0
    return max([settled_ms, *(int(one[3]) for one in lost)])


async def _is_busy(tx: Transaction, now_ms: int) -> bool:
    """Whether a request is on its way; a hold for what is pushed lasts for hours and is none."""
    sql = "SELECT 1 FROM x_calls WHERE state='held' AND until_ms>=? AND endpoint<>? LIMIT 1"
    return await tx.fetch_one(sql, (now_ms, PUSH)) is not None


async def _booked(tx: Transaction) -> int:
    row = await tx.fetch_one("SELECT SUM(spent) FROM x_days")
    return int(row[0] or 0) if row else 0


async def _book_lost(tx: Transaction, row: Row, credits: int) -> None:
    call_id, day, held = int(row[0]), str(row[1]), int(row[2])
    booked = await tx.execute(
        "UPDATE x_calls SET state='reckoned', held=0, credits=credits+?, ended_ms=until_ms "
        "WHERE id=? AND state='held' AND held=?",
        (credits, call_id, held),
    )
    if booked:
        await tx.execute(
            "UPDATE x_days SET spent=spent+?, held=held-?, calls=calls+? WHERE day=?",
            (credits, held, int(row[4] != PUSH), day),
        )


async def _book_pushes(tx: Transaction, credits: int, now_ms: int) -> int:
    """Pushes that never reached us are paid from what is held for pushes; returns how much was."""
    booked = 0
    for call_id, held, until_ms in await tx.fetch_all(
        "SELECT id, held, until_ms FROM x_calls WHERE state='held' AND until_ms>=? AND endpoint=?",
        (now_ms, PUSH),
    ):
        part = min(credits - booked, int(held))
        if part > 0 and await draw(tx, int(call_id), part, 0, int(until_ms) - now_ms) is not None:
            booked += part
    return booked


async def _book_rest(
    tx: Transaction, result: Reckoning, rose: bool, timezone: str, now_ms: int
) -> None:
    """A row for what nothing of ours explains: money gone counts as spent, a rise is only noted."""
    if not result.unexplained and not result.surplus:
        return
    day = day_of(now_ms, timezone)
    name = UNEXPLAINED if result.unexplained else RECHARGE if rose else OVERCOUNTED
    await tx.execute(
        "INSERT INTO x_calls (day, endpoint, state, held, credits, begun_ms, ended_ms, until_ms) "
        "VALUES (?, ?, 'noted', ?, ?, ?, ?, ?)",
        (day, name, result.surplus, result.unexplained, now_ms, now_ms, now_ms),
    )
    await add_day(tx, day)
    await tx.execute("UPDATE x_days SET spent=spent+? WHERE day=?", (result.unexplained, day))
