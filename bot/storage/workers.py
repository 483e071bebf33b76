"""Who is at work on this database, so that people can see it and waiting work can be explained."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from bot.models.work import WorkerInfo
from bot.ports import Database, Transaction
from bot.utils.times import from_ms


class WorkerStore:
    """One row a process, renewed every few seconds by the database's clock."""

    def __init__(self, db: Database) -> None:
        now = db.dialect.now_ms
        self._db = db
        # MySQL sets from left to right: `started_ms` looks at the row before it changes.
        self._beat = (
            "UPDATE workers SET started_ms = CASE WHEN host = ? AND pid = ? THEN started_ms "
            f"ELSE {now} END, host = ?, pid = ?, roles = ?, seen_ms = {now} WHERE name = ?"
        )
        self._join = (
            "INSERT INTO workers (name, host, pid, roles, started_ms, seen_ms) "
            f"VALUES (?, ?, ?, ?, {now}, {now})"
        )
        self._alive = (
            "SELECT name, host, pid, roles, started_ms, seen_ms FROM workers "
            f"WHERE seen_ms >= {now} - ? ORDER BY name"
        )
        self._silent = f"DELETE FROM workers WHERE seen_ms < {now} - ?"

    async def beat(self, name: str, host: str, pid: int, roles: Sequence[str]) -> None:
        """Say that this process is at work; another pid or host under the name is a new start."""
        words = ",".join(roles)

        async def unit(tx: Transaction) -> None:
            if not await tx.execute(self._beat, (host, pid, host, pid, words, name)):
                await tx.execute(self._join, (name, host, pid, words))

        await self._db.write(unit)

    async def alive(self, within: timedelta) -> list[WorkerInfo]:
        """Those who were heard of in the last `within`, by name."""
        rows = await self._db.fetch_all(self._alive, (_ms(within),))
        return [
            WorkerInfo(
                name,
                host,
                int(pid),
                tuple(roles.split(",")) if roles else (),
                from_ms(started),
                from_ms(seen),
            )
            for name, host, pid, roles, started, seen in rows
        ]

    async def leave(self, name: str) -> None:
        """This process ends."""
        await self._db.execute("DELETE FROM workers WHERE name = ?", (name,))

    async def forget_silent(self, since: timedelta) -> int:
        """Throw away those who were not heard of for so long, and return how many."""
        return await self._db.execute(self._silent, (_ms(since),))


def _ms(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)
