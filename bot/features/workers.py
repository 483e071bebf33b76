"""Which processes are at work on this database, and which of them leads the chat."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bot.models.work import CHAT_LEASE, WorkerInfo
from bot.storage.leases import LeaseStore
from bot.storage.workers import WorkerStore

AT_WORK = timedelta(seconds=20)  # a process says every five seconds that it is


@dataclass(frozen=True, slots=True)
class AtWork:
    """A process, as admins see it."""

    info: WorkerInfo
    leads_chat: bool


class Workers:
    def __init__(self, store: WorkerStore, leases: LeaseStore) -> None:
        self._store = store
        self._leases = leases

    async def all(self) -> list[AtWork]:
        """Every process that was heard of lately, by name."""
        leader = await self._leases.holder(CHAT_LEASE)
        name = leader.owner if leader else None
        return [AtWork(info, info.name == name) for info in await self._store.alive(AT_WORK)]
