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
        # Another process may have the name only from one that has been silent for so long.
        self._again = (
            f"UPDATE workers SET roles = ?, seen_ms = {now} WHERE name = ? AND host = ? AND pid = ?"
        )
        self._succeed = (
            f"UPDATE workers SET host = ?, pid = ?, roles = ?, started_ms = {now}, "
            f"seen_ms = {now} WHERE name = ? AND seen_ms < {now} - ?"
        )
        self._new = db.dialect.insert_new(
            "workers", ["name", "host", "pid", "roles", "started_ms", "seen_ms"], ["name"]
        )
        self._now = f"SELECT {now}"
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

    async def hold(
        self, name: str, host: str, pid: int, roles: Sequence[str], silent_for: timedelta
    ) -> bool:
        """Say that this process is at work under a name that no other has.

        False: another process has it and was heard of in the last `silent_for`.
        """
        words = ",".join(roles)

        async def unit(tx: Transaction) -> bool:
            if await tx.execute(self._again, (words, name, host, pid)):
                return True
            given = (host, pid, words, name, _ms(silent_for))
            if await tx.execute(self._succeed, given):
                return True
            row = await tx.fetch_one(self._now, ())
            at = int(row[0]) if row else 0
            return await tx.execute(self._new, (name, host, pid, words, at, at)) == 1

        return await self._db.write(unit)

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

    async def leave(self, name: str, host: str = "", pid: int = 0) -> None:
        """A process ends; with host and pid only while the name is still its own."""
        if not host:
            await self._db.execute("DELETE FROM workers WHERE name = ?", (name,))
            return
        await self._db.execute(
            "DELETE FROM workers WHERE name = ? AND host = ? AND pid = ?", (name, host, pid)
        )

    async def forget_silent(self, since: timedelta) -> int:
        """Throw away those who were not heard of for so long, and return how many."""
        return await self._db.execute(self._silent, (_ms(since),))


def _ms(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)
