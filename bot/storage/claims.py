"""Claims: rows handed out to workers, each to one at a time.

For tables with the columns `id`, `claim_token` and `claim_until_ms` (0 and 0: free). One
conditional UPDATE takes the rows and marks them with a token of its own; who finishes a row shows
the token in the same transaction as the work. A worker that died is forgotten when its claim runs
out, and one that was only asleep finds its completion refused. Correct without SKIP LOCKED, which
TiDB accepts and ignores. A table that is large wants an index on `claim_token`, and one that fits
`due` and `order`.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from bot.errors import LeaseLost
from bot.models.work import Claim
from bot.ports import Database, Transaction

_TOKEN_BITS = 62  # fits a signed BIGINT; a counter row would make all workers wait for each other


class Claims:
    """Hands out the rows of `table` that are `due` (SQL, may hold `?`), the first by `order`."""

    def __init__(self, db: Database, table: str, *, due: str, order: str) -> None:
        now = db.dialect.now_ms
        self._db = db
        self._table = table
        self._claim = db.dialect.update_first(
            table,
            f"claim_token = ?, claim_until_ms = {now} + ?",
            f"({due}) AND claim_until_ms < {now}",
            order,
        )
        self._claimed = f"SELECT id FROM {table} WHERE claim_token = ? ORDER BY {order}"
        self._confirm = (
            f"UPDATE {table} SET claim_token = 0, claim_until_ms = 0 "
            f"WHERE id = ? AND claim_token = ? AND claim_until_ms >= {now}"
        )
        self._release = (
            f"UPDATE {table} SET claim_token = 0, claim_until_ms = 0 WHERE claim_token = ?"
        )

    async def claim(self, limit: int, ttl: timedelta, params: Sequence[Any] = ()) -> Claim:
        """Take up to `limit` rows for `ttl`; `params` are for the marks in `due`."""
        token = secrets.randbits(_TOKEN_BITS) + 1
        ttl_ms = int(ttl.total_seconds() * 1000)
        if not await self._db.execute(self._claim, (token, ttl_ms, *params, limit)):
            return Claim(token, ())
        rows = await self._db.fetch_all(self._claimed, (token,))
        return Claim(token, tuple(int(row[0]) for row in rows))

    async def confirm(self, tx: Transaction, row_id: int, token: int) -> None:
        """End the claim on a row in the transaction that finishes its work.

        Raises LeaseLost when the claim has run out or the row was taken by another: nothing of
        the transaction may be kept.
        """
        if await tx.execute(self._confirm, (row_id, token)) != 1:
            raise LeaseLost(f"the claim on {self._table} {row_id} has run out")

    async def release(self, token: int) -> None:
        """Give back what is still claimed under `token`; others may have it at once."""
        await self._db.execute(self._release, (token,))
