"""Holding a lease while something runs, and locks inside one process.

`Leases.hold` renews by itself and ends its body when the lease is lost, be it that the database
says so or that no renewal came through in time by this process's monotonic clock (a wall clock may
jump). A body cannot be stopped in the middle of a statement, and a stopped process notices late:
so what must not happen twice is also fenced (`bot.storage.leases.fence`).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from datetime import timedelta
from weakref import WeakValueDictionary

from bot.errors import LeaseLost, LockTimeout, StorageError, said
from bot.models.work import Lease
from bot.storage.leases import LeaseStore

log = logging.getLogger(__name__)

RENEWALS = 4  # in the time that a lease lasts
MARGIN = 1 / 8  # of the time: the body must have ended before another may begin
LONGEST_LOOK_S = 1.0  # how late a waiting process may notice that a lease is free


class Leases:
    """Leases held by this process; `owner` is its name for people."""

    def __init__(self, store: LeaseStore, owner: str) -> None:
        self._store = store
        self._owner = owner

    @asynccontextmanager
    async def hold(
        self, name: str, ttl: timedelta, *, wait: timedelta | None = None
    ) -> AsyncIterator[Lease]:
        """Hold `name` alone for as long as the body runs.

        Waits for it as long as `wait` (None: not at all) and then raises LockTimeout. When it is
        lost on the way, the body is cancelled and LeaseLost comes out.
        """
        loop = asyncio.get_running_loop()
        began, lease = await self._acquire(name, ttl, wait)
        limit = asyncio.timeout_at(began + ttl.total_seconds() * (1 - MARGIN))
        try:
            async with limit:
                keeping = loop.create_task(self._keep(lease, ttl, limit), name=f"lease-{name}")
                try:
                    yield lease
                finally:
                    keeping.cancel()
                    (ended,) = await asyncio.gather(keeping, return_exceptions=True)
                    if isinstance(ended, Exception):
                        log.error("the renewing of a lease broke", exc_info=ended)
        except Exception as error:  # a cancellation from outside stays one
            if limit.expired():
                raise LeaseLost(f"{self._owner} has lost the lease {name!r}") from error
            raise
        finally:
            await self._release(lease, ttl)

    async def _acquire(
        self, name: str, ttl: timedelta, wait: timedelta | None
    ) -> tuple[float, Lease]:
        """The lease, and the moment (loop time) from which its time surely runs."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + (wait.total_seconds() if wait else 0.0)
        look_s = min(LONGEST_LOOK_S, ttl.total_seconds() / 8)
        while True:
            began = loop.time()
            lease = await self._store.acquire(name, self._owner, ttl)
            if lease is not None:
                if loop.time() - began < ttl.total_seconds() / 2:
                    return began, lease
                # The statement itself waited for somebody's lock: too little is left of the time.
                began = loop.time()
                if await self._store.renew(lease, ttl):
                    return began, lease
            left = give_up - loop.time()
            if left <= 0:
                raise LockTimeout(f"{name!r} is held by another")
            await asyncio.sleep(min(left, look_s * random.uniform(0.5, 1.0)))  # noqa: S311 - jitter

    async def _keep(self, lease: Lease, ttl: timedelta, limit: asyncio.Timeout) -> None:
        """Renew until cancelled; a renewal that fails is tried again while there is time."""
        loop = asyncio.get_running_loop()
        pause = ttl.total_seconds() / RENEWALS
        while not limit.expired():
            await asyncio.sleep(pause)
            began = loop.time()
            try:
                ours = await self._store.renew(lease, ttl)
            except StorageError as error:
                fields = {"lease": lease.name, "error": said(error)}
                log.warning("a lease could not be renewed", extra=fields)
                continue
            if limit.expired():
                return
            if not ours:
                log.warning("a lease was lost", extra={"lease": lease.name})
                limit.reschedule(loop.time())
                return
            limit.reschedule(began + ttl.total_seconds() * (1 - MARGIN))

    async def _release(self, lease: Lease, ttl: timedelta) -> None:
        try:
            async with asyncio.timeout(ttl.total_seconds()):
                await self._store.release(lease)
        except (StorageError, TimeoutError) as error:
            # It runs out by itself; the body's own result matters more.
            fields = {"lease": lease.name, "error": said(error)}
            log.warning("a lease was not given back", extra=fields)


class KeyedLocks:
    """One asyncio lock a key, inside this process: it saves double work, nothing rests on it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def hold(self, key: Hashable) -> AsyncIterator[None]:
        """Wait for `key` to be free and hold it while the body runs."""
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        async with lock:
            yield

    def __len__(self) -> int:
        """How many keys are in use."""
        return len(self._locks)
