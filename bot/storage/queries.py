"""What is searched for on X: the searches, how far each has come, and what each has brought.

As with sources, two write here: whoever asks a query writes what was learnt by it, admins write
what they decide, and neither writes the other's columns. A query is claimed before it is asked. Its
watermark moves in the transaction that stores the tweets before it, and the claim is shown there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.errors import LeaseLost
from bot.models.tweets import Priority, ResultType, TweetQuery
from bot.ports import Database, Row, Transaction
from bot.storage.claims import Claims
from bot.storage.live import is_wished, meets
from bot.utils.times import from_ms_or_none, to_ms

_COLUMNS = (
    "text", "priority", "result_type", "interval_s", "active", "created_by", "created_ms",
    "next_ms", "covered_ms", "rate", "empty_in_row", "errors_in_row", "last_error", "last_run_ms",
    "rule_id",
)  # fmt: skip
_SELECT = f"SELECT id, {', '.join(_COLUMNS)} FROM x_queries"
# A query that is live is pushed to us: searching for it as well would buy its tweets twice.
_SEARCHED = "active=1 AND rule_id=''"
# An admin's decision ends the claim's worth: what is being bought just now is stored elsewhere.
_OUTDATED = "claim_token=CASE WHEN claim_token=0 THEN 0 ELSE claim_token+1 END"
_LEARNT = (
    "covered_ms=?, rate=?, next_ms=?, empty_in_row=?, errors_in_row=?, last_error=?, last_run_ms=?"
)
_DAY = ("calls", "credits", "tweets", "fresh", "kept")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryYield:
    """What a query cost and brought: tweets bought, those that were new, and those that are kept.

    Costs are those of its answers; what failed requests cost is in the ledger.
    """

    calls: int = 0
    credits: int = 0
    tweets: int = 0
    fresh: int = 0
    kept: int = 0

    def __add__(self, other: QueryYield) -> QueryYield:
        return QueryYield(
            calls=self.calls + other.calls,
            credits=self.credits + other.credits,
            tweets=self.tweets + other.tweets,
            fresh=self.fresh + other.fresh,
            kept=self.kept + other.kept,
        )


class QueryStore:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._insert = db.dialect.insert_new("x_queries", _COLUMNS, ["text"])
        self._due = Claims(
            db,
            "x_queries",
            due=f"{_SEARCHED} AND priority<=? AND next_ms<=?",
            order="priority, next_ms",
        )

    async def add(self, query: TweetQuery) -> TweetQuery:
        """Store a query, or return the one that already has its text."""

        async def unit(tx: Transaction) -> Row:
            await tx.execute(self._insert, _values(query))
            row = await tx.fetch_one(f"{_SELECT} WHERE text=?", (query.text,))
            assert row is not None  # noqa: S101 - inserted or found in this very transaction
            return row

        return _query(await self._db.write(unit))

    async def get(self, query_id: int) -> TweetQuery | None:
        row = await self._db.fetch_one(f"{_SELECT} WHERE id=?", (query_id,))
        return _query(row) if row else None

    async def by_text(self, text: str) -> TweetQuery | None:
        row = await self._db.fetch_one(f"{_SELECT} WHERE text=?", (text,))
        return _query(row) if row else None

    async def by_rule(self, rule_id: str) -> TweetQuery | None:
        """The query that a filter rule of the service pushes for."""
        row = await self._db.fetch_one(f"{_SELECT} WHERE rule_id=?", (rule_id,))
        return _query(row) if row and rule_id else None

    async def all(self) -> list[TweetQuery]:
        """Every query, in the order they were added."""
        return [_query(row) for row in await self._db.fetch_all(f"{_SELECT} ORDER BY id")]

    async def update(self, query: TweetQuery) -> bool:
        """An admin's changes to what is asked and how; False when there is no such query.

        StorageError when another one has the text. Who asks it just now stores nothing more.
        """
        changed = await self._db.execute(
            "UPDATE x_queries SET text=?, priority=?, result_type=?, interval_s=?, active=?, "
            f"next_ms=?, {_OUTDATED} WHERE id=?",
            (
                query.text, int(query.priority), query.result_type.value, query.interval_s,
                int(query.active), to_ms(query.next_at), query.id,
            ),
        )  # fmt: skip
        return changed == 1

    async def set_active(self, query_id: int, active: bool, at: datetime) -> bool:
        """Pause a query, or ask it again from `at` on with its errors forgotten."""
        changed = await self._db.execute(
            "UPDATE x_queries SET active=?, errors_in_row=0, last_error='', empty_in_row=0, "
            f"next_ms=?, {_OUTDATED} WHERE id=?",
            (int(active), to_ms(at), query_id),
        )
        return changed == 1

    async def set_rule(
        self, query_id: int, rule_id: str, covered_to: datetime | None = None
    ) -> bool:
        """Make a query live by a filter rule, or searched for again ("") from `covered_to` on."""
        covers = "" if covered_to is None else "covered_ms=?, "
        given = (rule_id,) if covered_to is None else (rule_id, to_ms(covered_to))
        changed = await self._db.execute(
            f"UPDATE x_queries SET rule_id=?, {covers}next_ms=0, {_OUTDATED} WHERE id=?",
            (*given, query_id),
        )
        return changed == 1

    async def is_to_be_live(self, query_id: int) -> bool:
        return await is_wished(self._db, query_id)

    async def hurry(self, query_id: int) -> bool:
        """Have it searched for at once; False when it is being searched for just now."""
        now = self._db.dialect.now_ms
        sql = f"UPDATE x_queries SET next_ms=0 WHERE id=? AND claim_until_ms<{now}"
        return await self._db.execute(sql, (query_id,)) == 1

    async def remove(self, query_id: int) -> bool:
        """Forget a query and what it brought; its tweets stay."""

        async def unit(tx: Transaction) -> int:
            await tx.execute("DELETE FROM x_query_days WHERE query_id=?", (query_id,))
            return await tx.execute("DELETE FROM x_queries WHERE id=?", (query_id,))

        return await self._db.write(unit) == 1

    async def claim_due(
        self, now: datetime, limit: int, ttl: timedelta, lowest: Priority = Priority.LOW
    ) -> list[TweetQuery]:
        """Take queries whose time has come, by priority, then the most overdue first."""
        claim = await self._due.claim(limit, ttl, (int(lowest), to_ms(now)))
        if not claim.ids:
            return []
        rows = await self._db.fetch_all(
            f"{_SELECT} WHERE id IN ({', '.join('?' for _ in claim.ids)})", claim.ids
        )
        until = await meets(self._db, now)
        found = {
            row[0]: replace(
                _query(row), claim_token=claim.token, search_until=until.get(int(row[0]))
            )
            for row in rows
        }
        return [found[query_id] for query_id in claim.ids if query_id in found]

    async def count_due(self, now: datetime) -> dict[Priority, int]:
        """How many active queries should have been asked by now, by priority."""
        rows = await self._db.fetch_all(
            f"SELECT priority, COUNT(*) FROM x_queries WHERE {_SEARCHED} AND next_ms<=? "
            "GROUP BY priority",
            (to_ms(now),),
        )
        return {Priority(priority): count for priority, count in rows}

    async def free(self) -> int:
        """End every claim; for a process that knows that no other collects."""
        return await self._db.execute(
            "UPDATE x_queries SET claim_token=0, claim_until_ms=0 WHERE claim_until_ms<>0"
        )

    async def release(self, queries: Sequence[TweetQuery]) -> None:
        """Give back claims that came to nothing: others may ask at once."""

        async def unit(tx: Transaction) -> None:
            for query in queries:
                await tx.execute(
                    "UPDATE x_queries SET claim_token=0, claim_until_ms=0 "
                    "WHERE id=? AND claim_token=?",
                    (query.id, query.claim_token),
                )

        await self._db.write(unit)

    async def save(
        self, query: TweetQuery, *, keep: timedelta | None = None, day: str = "",
        cost: QueryYield | None = None,
    ) -> None:  # fmt: skip
        """As `save_query` and `add_yield`, where there are no tweets to store."""

        async def unit(tx: Transaction) -> None:
            await save_query(tx, query, keep=keep)
            if cost is not None:
                await add_yield(tx, query.id, day, cost)

        await self._db.write(unit)

    async def yields(self, since_day: str = "") -> dict[int, QueryYield]:
        """What each query has cost and brought since a day (ISO), by its id."""
        rows = await self._db.fetch_all(
            f"SELECT query_id, {', '.join(f'SUM({name})' for name in _DAY)} FROM x_query_days "
            "WHERE day>=? GROUP BY query_id",
            (since_day,),
        )
        return {row[0]: _yield(row[1:]) for row in rows}

    async def days(self, query_id: int, since_day: str = "") -> list[tuple[str, QueryYield]]:
        """What a query has cost and brought day by day, the oldest first."""
        rows = await self._db.fetch_all(
            f"SELECT day, {', '.join(_DAY)} FROM x_query_days WHERE query_id=? AND day>=? "
            "ORDER BY day",
            (query_id, since_day),
        )
        return [(row[0], _yield(row[1:])) for row in rows]


async def save_query(tx: Transaction, query: TweetQuery, *, keep: timedelta | None = None) -> None:
    """Write what asking a query told, in the transaction that stores its tweets.

    The claim is given free by it, or held for `keep` longer. Raises LeaseLost when it is not ours
    any more, by time, by another worker or by an admin: nothing of the transaction may be kept.
    """
    learnt = (
        to_ms(query.covered_to), query.rate, to_ms(query.next_at), query.empty_in_row,
        query.errors_in_row, query.last_error[:300], to_ms(query.last_run_at),
    )  # fmt: skip
    now = tx.dialect.now_ms
    claim = "claim_token=0, claim_until_ms=0"
    if keep is not None:
        claim = f"claim_until_ms={now}+{int(keep.total_seconds() * 1000)}"
    kept = await tx.execute(
        f"UPDATE x_queries SET {_LEARNT}, {claim} "
        f"WHERE id=? AND claim_token=? AND claim_until_ms>={now}",
        (*learnt, query.id, query.claim_token),
    )
    if kept != 1:
        raise LeaseLost(f"the claim on query {query.id} is not ours any more")


async def add_yield(tx: Transaction, query_id: int, day: str, cost: QueryYield) -> None:
    """Count what a query cost and brought on a day (ISO, of the budget's time zone)."""
    sql = tx.dialect.upsert(
        "x_query_days",
        ("query_id", "day", *_DAY),
        ("query_id", "day"),
        [f"{name}={name} + {{new}}" for name in _DAY],
    )
    await tx.execute(
        sql, (query_id, day, cost.calls, cost.credits, cost.tweets, cost.fresh, cost.kept)
    )


def _values(q: TweetQuery) -> tuple[object, ...]:
    return (
        q.text, int(q.priority), q.result_type.value, q.interval_s, int(q.active), q.created_by,
        to_ms(q.created_at), to_ms(q.next_at), to_ms(q.covered_to), q.rate, q.empty_in_row,
        q.errors_in_row, q.last_error, to_ms(q.last_run_at), q.rule_id,
    )  # fmt: skip


def _yield(values: Sequence[object]) -> QueryYield:
    return QueryYield(**{name: int(str(n)) for name, n in zip(_DAY, values, strict=True)})


def _query(row: Row) -> TweetQuery:
    return TweetQuery(
        id=row[0],
        text=row[1],
        priority=Priority(row[2]),
        result_type=ResultType(row[3]),
        interval_s=row[4],
        active=bool(row[5]),
        created_by=row[6],
        created_at=from_ms_or_none(row[7]),
        next_at=from_ms_or_none(row[8]),
        covered_to=from_ms_or_none(row[9]),
        rate=row[10],
        empty_in_row=row[11],
        errors_in_row=row[12],
        last_error=row[13],
        last_run_at=from_ms_or_none(row[14]),
        rule_id=row[15],
    )
