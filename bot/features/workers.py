"""Which processes are at work on this database, and which of them leads the chat."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bot.errors import ConfigError
from bot.models.work import CHAT_LEASE, Role, WorkerInfo
from bot.storage.leases import LeaseStore
from bot.storage.workers import WorkerStore

AT_WORK = timedelta(seconds=20)  # a process says every five seconds that it is


@dataclass(frozen=True, slots=True)
class AtWork:
    """A process, as admins see it."""

    info: WorkerInfo
    leads_chat: bool


class Workers:
    """The processes of one database, as one of them (`host`, `pid`) sees them."""

    def __init__(
        self, store: WorkerStore, leases: LeaseStore, *, host: str = "", pid: int = 0
    ) -> None:
        self._store = store
        self._leases = leases
        self._host = host or this_host()
        self._pid = pid or os.getpid()

    async def join(self, name: str, roles: Sequence[str]) -> None:
        """Be at work under `name`, as the only one.

        What a dead process of this machine had under it is taken over at once. Raises ConfigError
        when a process that may be alive has the name.
        """
        known = {info.name: info for info in await self._store.alive(AT_WORK)}
        before = known.get(name)
        if before is not None and self._is_dead(before):
            await self.free_from_the_dead(CHAT_LEASE)
            await self._store.leave(name, before.host, before.pid)
        if await self.beat(name, roles):
            return
        known = {info.name: info for info in await self._store.alive(AT_WORK)}
        holder = known.get(name)
        where = f" (process {holder.pid} on {holder.machine})" if holder else ""
        wait_s = AT_WORK.total_seconds()
        problem = (
            f"a worker named {name!r} is at work already{where}: give this one another --name, "
            f"or stop that one; if it is gone, try again in {wait_s:.0f} seconds"
        )
        raise ConfigError([problem])

    async def beat(self, name: str, roles: Sequence[str]) -> bool:
        """Say that this process is still at work; False: another one has its name by now."""
        return await self._store.hold(name, self._host, self._pid, roles, AT_WORK)

    async def leave(self, name: str) -> None:
        """This process ends."""
        await self._store.leave(name, self._host, self._pid)

    async def all(self) -> list[AtWork]:
        """Every process that was heard of lately, by name."""
        leader = await self._leases.holder(CHAT_LEASE)
        name = leader.owner if leader else None
        return [AtWork(info, info.name == name) for info in await self._store.alive(AT_WORK)]

    async def others(self, role: Role, me: str) -> list[WorkerInfo]:
        """Who else has this role and is not known to be dead."""
        return [
            info
            for info in await self._store.alive(AT_WORK)
            if role in info.roles and info.name != me and not self._is_dead(info)
        ]

    def _is_dead(self, worker: WorkerInfo) -> bool:
        """Was it a process of this machine that is there no more?"""
        return worker.host == self._host and worker.pid != self._pid and not is_there(worker.pid)

    async def free_from_the_dead(self, lease_name: str) -> bool:
        """Give a lease free whose holder was a process of this machine and is there no more.

        So a bot that was killed and started again need not wait for its own former lease to end.
        """
        lease = await self._leases.holder(lease_name)
        known = {info.name: info for info in await self._store.alive(AT_WORK)} if lease else {}
        holder = known.get(lease.owner) if lease else None
        if lease is None or holder is None or not self._is_dead(holder):
            return False
        await self._leases.release(lease)
        await self._store.leave(holder.name, holder.host, holder.pid)
        return True


def this_host() -> str:
    """This machine, and on Linux which of its worlds of process numbers (containers differ)."""
    try:
        world = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        world = ""
    return f"{socket.gethostname()} {world}".strip()


def is_there(pid: int) -> bool:
    """Is there such a process here? One that is only stopped is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
