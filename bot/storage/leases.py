"""Leases: a name belongs to one process at a time, and a process that lost it cannot write.

A lease is a row with a token that grows at every change of hands. Time decides only who may try;
what makes it safe is `fence`: the first statement of a protected transaction writes to the lease's
row, so a take-over waits for that commit, and the write of a former holder finds another token.
All times are the database's. No GET_LOCK (Galera refuses it, a stopped holder keeps it for ever)
and no SKIP LOCKED (TiDB accepts it and locks nothing).
"""

from __future__ import annotations

from datetime import timedelta

from bot.errors import LeaseLost
from bot.models.work import Lease
from bot.ports import Database, Transaction

# Made before the migrations, which run under a lease themselves. Rows are never deleted: the token
# of a name must not start again. `writes` counts fenced transactions; it is there to be changed,
# because a cluster (Galera, TiDB) compares only rows that were changed.
LEASES_TABLE = """CREATE TABLE IF NOT EXISTS leases (
  name {key} NOT NULL PRIMARY KEY, owner {key} NOT NULL, token BIGINT NOT NULL,
  ttl_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, writes BIGINT NOT NULL DEFAULT 0){table}"""


class LeaseStore:
    """The rows of `leases`."""

    def __init__(self, db: Database) -> None:
        now = db.dialect.now_ms
        self._db = db
        self._insert = db.dialect.insert_new(
            "leases", ["name", "owner", "token", "ttl_ms", "expires_ms"], ["name"]
        )
        # A clock that was set back would leave a dead holder's lease standing for as long.
        free = f"(expires_ms < {now} OR expires_ms > {now} + 2 * ttl_ms)"
        self._is_held = f"SELECT 1 FROM leases WHERE name = ? AND NOT {free}"
        self._take = (
            f"UPDATE leases SET owner = ?, token = token + 1, expires_ms = {now} + ?, ttl_ms = ? "
            f"WHERE name = ? AND {free}"
        )
        self._renew = (
            f"UPDATE leases SET expires_ms = {now} + ?, ttl_ms = ? "
            f"WHERE name = ? AND token = ? AND owner = ? AND expires_ms >= {now}"
        )
        self._holder = f"SELECT token, owner FROM leases WHERE name = ? AND expires_ms >= {now}"

    async def acquire(self, name: str, owner: str, ttl: timedelta) -> Lease | None:
        """The lease, or None while another holds it."""
        # Looked at first without a lock: an UPDATE would wait for a holder's fenced transaction.
        if await self._db.fetch_one(self._is_held, (name,)):
            return None
        ttl_ms = _ms(ttl)

        async def unit(tx: Transaction) -> Lease | None:
            take = (owner, ttl_ms, ttl_ms, name)
            if not await tx.execute(self._take, take) and not (
                await tx.execute(self._insert, (name, "", 0, 0, 0))
                and await tx.execute(self._take, take)
            ):
                return None
            row = await tx.fetch_one("SELECT token FROM leases WHERE name = ?", (name,))
            return Lease(name, int(row[0]), owner) if row else None

        return await self._db.write(unit)

    async def renew(self, lease: Lease, ttl: timedelta) -> bool:
        """Hold it for `ttl` from now; False: it is lost, also when nobody has taken it yet."""
        ttl_ms = _ms(ttl)
        given = (ttl_ms, ttl_ms, lease.name, lease.token, lease.owner)
        return await self._db.execute(self._renew, given) == 1

    async def release(self, lease: Lease) -> None:
        """Let the next one have it at once; a lease that is lost already stays as it is."""
        await self._db.execute(
            "UPDATE leases SET expires_ms = 0 WHERE name = ? AND token = ? AND owner = ?",
            (lease.name, lease.token, lease.owner),
        )

    async def holder(self, name: str) -> Lease | None:
        """Who holds it now."""
        row = await self._db.fetch_one(self._holder, (name,))
        return Lease(name, int(row[0]), row[1]) if row else None


async def fence(tx: Transaction, lease: Lease) -> None:
    """Raise LeaseLost unless the lease is still ours; the first statement of a protected unit.

    It locks the lease's row, so that nobody takes the lease over before this unit is committed.
    """
    ours = await tx.execute(
        "UPDATE leases SET writes = writes + 1 "
        f"WHERE name = ? AND token = ? AND owner = ? AND expires_ms >= {tx.dialect.now_ms}",
        (lease.name, lease.token, lease.owner),
    )
    if ours != 1:
        raise LeaseLost(f"the lease {lease.name!r} is no longer held by {lease.owner}")


def _ms(ttl: timedelta) -> int:
    return max(1, int(ttl.total_seconds() * 1000))
