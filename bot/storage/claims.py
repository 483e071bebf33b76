"""Claims: rows handed out to workers, each to one at a time.

For tables with the columns `id`, `claim_token` and `claim_until_ms` (0 and 0: free). Rows that are
due are looked for without a lock, then one conditional UPDATE marks those that are still due and
free with a token; its count says how many. Who finishes a row shows the token in the same unit as
the work. A worker that died is forgotten when its claim runs out, and one that only slept finds
its completion refused. Correct without SKIP LOCKED, which TiDB accepts and ignores.

The UPDATE names its rows by id: one that walks an index of what is due (`… ORDER BY … LIMIT`) locks
index before row, while whoever finishes a row locks row before index, and MariaDB ended five of
those deadlocks in a row on one claim. Workers that reach for the same rows spread over the first
few that are due, so `order` is exact for one worker and near enough for many. A table that is large
wants an index that fits `due` and `order`; nobody else should write `claim_…`.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from bot.errors import LeaseLost
from bot.models.work import Claim
from bot.ports import Database, Transaction

_TRIES = 6
_FAR = 16  # times `limit`: over how many of the first rows the workers spread at most
_TOKEN_BITS = 62  # fits a signed BIGINT; a counter row would make all workers wait for each other


class Claims:
    """Hands out the rows of `table` that are `due` (SQL, may hold `?`), the first by `order`."""

    def __init__(self, db: Database, table: str, *, due: str, order: str) -> None:
        now = db.dialect.now_ms
        self._db = db
        self._table = table
        self._spread = 1  # grows while others reach for the same rows
        self._due = (
            f"SELECT id FROM {table} WHERE ({due}) AND claim_until_ms < {now} "
            f"ORDER BY {order} LIMIT ?"
        )
        # In a CASE, lest the planner walks the index of all due rows instead of going by the ids.
        self.taking = (
            f"UPDATE {table} SET claim_token = ?, claim_until_ms = {now} + ? "
            f"WHERE CASE WHEN ({due}) AND claim_until_ms < {now} THEN 1 ELSE 0 END = 1 AND id "
        )
        self._taken = f"SELECT id FROM {table} WHERE claim_token = ? AND id "
        self._end = f"UPDATE {table} SET claim_token = 0, claim_until_ms = 0"
        self._is_ours = f" WHERE claim_token = ? AND claim_until_ms >= {now} AND id "
        self._release = (
            f"UPDATE {table} SET claim_token = 0, claim_until_ms = 0 WHERE claim_token = ?"
        )

    async def claim(self, limit: int, ttl: timedelta, params: Sequence[Any] = ()) -> Claim:
        """Take up to `limit` rows for `ttl`; `params` are for the marks in `due`."""
        token = secrets.randbits(_TOKEN_BITS) + 1
        ttl_ms = int(ttl.total_seconds() * 1000)
        rows: list[int] = []
        for _ in range(_TRIES):
            if not rows:
                found = await self._db.fetch_all(self._due, (*params, limit * self._spread))
                rows = [int(row[0]) for row in found]
            first = secrets.randbelow(max(0, len(rows) - limit) + 1)
            wanted = rows[first : first + limit]
            if not wanted:
                break
            ids = await self._take_of(wanted, (token, ttl_ms, *params))
            all_won = len(ids) == len(wanted)
            self._spread = max(1, self._spread - 1) if all_won else min(_FAR, self._spread * 2)
            if ids:
                return Claim(token, tuple(ids))
            del rows[first : first + limit]
        return Claim(token, ())

    async def _take_of(self, wanted: list[int], given: Sequence[Any]) -> list[int]:
        """Those of the rows that are still due and free, now ours; `given[0]` is the token."""
        among = f"IN ({_marks(wanted)})"
        count = await self._db.execute(self.taking + among, (*given, *wanted))
        if count in (0, len(wanted)):
            return wanted[:count]
        rows = await self._db.fetch_all(self._taken + among, (given[0], *wanted))
        ours = {int(row[0]) for row in rows}
        return [row_id for row_id in wanted if row_id in ours]

    async def confirm(self, tx: Transaction, row_id: int, token: int) -> None:
        """End the claim on a row in the transaction that finishes its work.

        Raises LeaseLost when the claim has run out or the row was taken by another: nothing of
        the transaction may be kept.
        """
        if await tx.execute(f"{self._end}{self._is_ours}= ?", (token, row_id)) != 1:
            raise LeaseLost(f"the claim on {self._table} {row_id} has run out")

    async def confirm_all(self, tx: Transaction, ids: Sequence[int], token: int) -> None:
        """As `confirm`, for rows that are finished together: all of them, or LeaseLost."""
        if not ids:
            return
        sql = f"{self._end}{self._is_ours}IN ({_marks(ids)})"
        if await tx.execute(sql, (token, *ids)) != len(ids):
            raise LeaseLost(f"the claim on {len(ids)} rows of {self._table} has run out")

    async def finish(
        self, ids: Sequence[int], token: int, changes: str, params: Sequence[Any] = ()
    ) -> int:
        """End the claims where all that the work changes is the rows themselves.

        `changes` is SQL for SET, with `params` for its marks. Rows that are not ours any more stay
        as they are; returns how many were finished.
        """
        if not ids:
            return 0
        sql = f"{self._end}, {changes}{self._is_ours}IN ({_marks(ids)})"
        return await self._db.execute(sql, (*params, token, *ids))

    async def release(self, token: int) -> None:
        """Give back what is still claimed under `token`; others may have it at once."""
        await self._db.execute(self._release, (token,))


def _marks(ids: Sequence[int]) -> str:
    return ", ".join("?" for _ in ids)
