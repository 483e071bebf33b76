"""What was costly to find and may be found again: this process's memory, then a shared level.

The shared level is a table, or Redis when REDIS_URL is set. A cache never breaks what it serves: a
level that is down, slow or garbled costs a miss, and a warning once in a while. See
docs/decisions/0010.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from bot.errors import StorageError, said
from bot.models.cache import CacheReport, CacheStats
from bot.ports import SharedCache
from bot.services.cache_levels import Entry, MemoryLevel, key_of, seal, unseal
from bot.services.cache_writer import CacheWriter

T = TypeVar("T")
log = logging.getLogger(__name__)
Make = Callable[[], Awaitable[bytes]]

MEMORY_BYTES = 16 * 2**20
LOOK_AGAIN_S = 30.0  # what another process forgot or made anew is known here after this
LOOK_TIMEOUT_S = 1.0
REST_S = 5.0  # a level that failed is left alone for so long
WARN_EVERY_S = 300.0
LARGEST_BYTES = 2**20  # a larger value is handed out and not kept
_LONGEST_S = 30 * 86_400.0


@dataclass(slots=True)
class _Flight:
    """One making of one value, and how many wait for it."""

    task: asyncio.Task[bytes] = field(init=False)
    waiting: int = 0


class CacheService:
    """`start` before use, `close` at the end. Values are bytes, names are `namespace:what`."""

    def __init__(
        self,
        shared: SharedCache,
        *,
        memory_bytes: int = MEMORY_BYTES,
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        flush_after_s: float = 0.2,
    ) -> None:
        self._shared = shared
        self._memory = MemoryLevel(memory_bytes, monotonic)
        self._monotonic = monotonic
        self._chance = chance
        self._flights: dict[str, _Flight] = {}
        self._forgotten = 0  # grows with every forget: what was looked up before is not kept
        self._counts: dict[str, int] = {}
        self._resting_until = -math.inf
        self._warned_at = -math.inf
        self._unsaid = 0
        self._writer = CacheWriter(shared, self._failed, flush_after_s=flush_after_s)

    def start(self) -> None:
        self._writer.start()

    async def close(self) -> None:
        """What is being made is given up; what was made is written down."""
        for flight in list(self._flights.values()):
            flight.task.cancel()
        await asyncio.gather(
            *(flight.task for flight in self._flights.values()), return_exceptions=True
        )
        await self._writer.close()
        await self._shared.close()

    async def get_or_make(self, name: str, make: Make, ttl: timedelta) -> bytes:
        """The value by this name, made when there is none; whoever asks meanwhile waits for it.

        What `make` raises reaches all who wait and is not kept. It goes on while anybody waits,
        whoever asked first.
        """
        key = key_of(name)
        flight = self._flights.get(key)
        entry = self._known(key)
        if entry is not None:
            self._count("hits_memory")
            if flight is None and self._is_worth_renewing(entry):
                self._count("refreshed")
                flight = self._fly(key, make, ttl, entry)
                # Nobody waits for it, so nobody hears its error.
                flight.task.add_done_callback(_note_outcome)
            return entry.body
        if flight is None:
            flight = self._fly(key, make, ttl, None)
        else:
            self._count("joined")
        return await self._wait(key, flight)

    async def get_or_make_as(
        self,
        name: str,
        make: Callable[[], Awaitable[T]],
        ttl: timedelta,
        pack: Callable[[T], bytes],
        unpack: Callable[[bytes], T],
    ) -> T:
        """The same for a value with a form; one that `unpack` cannot read is made anew."""

        async def packed() -> bytes:
            return pack(await make())

        for _ in range(2):
            body = await self.get_or_make(name, packed, ttl)
            try:
                return unpack(body)
            except (ValueError, LookupError, TypeError, AttributeError):
                log.warning(
                    "a cached value cannot be read", extra={"namespace": name.split(":")[0]}
                )
                await self.forget(name)
        return await make()

    async def get(self, name: str) -> bytes | None:
        key = key_of(name)
        entry = self._known(key)
        if entry is not None:
            self._count("hits_memory")
            return entry.body
        found = await self._look(key)
        self._count("misses" if found is None else "hits_shared")
        return found.body if found else None

    async def put(self, name: str, body: bytes, ttl: timedelta) -> None:
        """Keep a value; it is here at once, and with the others within moments."""
        key = key_of(name)
        self._forgotten += 1
        self._flights.pop(key, None)  # what is being made is older than this
        self._keep(key, body, 0.0, ttl)

    async def forget(self, name: str) -> None:
        """Forget a value; other processes do so within LOOK_AGAIN_S."""
        key = key_of(name)
        self._forgotten += 1
        self._flights.pop(key, None)
        self._memory.forget(key)
        await self._writer.forget(key)

    async def clear(self) -> int:
        """Forget everything and begin to count anew; returns how many shared entries went.

        Raises StorageError when the shared level does not answer.
        """
        self._forgotten += 1
        self._flights.clear()
        self._memory.clear()
        self._counts.clear()
        return await self._writer.clear()

    def stats(self) -> CacheStats:
        """This process, since it started or the cache was cleared."""
        entries, size = self._memory.size()
        return CacheStats(
            **self._counts, entries=entries, bytes=size, limit_bytes=self._memory.limit_bytes
        )

    async def report(self) -> CacheReport:
        """Both levels; asks the shared one."""
        name = self._shared.name
        try:
            await self._writer.flush()
            async with asyncio.timeout(LOOK_TIMEOUT_S * 5):
                usage = await self._shared.usage()
        except (StorageError, TimeoutError) as error:
            self._failed(error)
            return CacheReport(
                process=self.stats(), shared_name=name, shared=None, trouble=said(error)
            )
        return CacheReport(process=self.stats(), shared_name=name, shared=usage)

    def _known(self, key: str) -> Entry | None:
        """What memory holds, unless the shared level should be asked again."""
        entry = self._memory.get(key)
        if entry is None:
            return None
        now = self._monotonic()
        if now - entry.seen_at < LOOK_AGAIN_S or now < self._resting_until:
            return entry
        return None

    def _is_worth_renewing(self, entry: Entry) -> bool:
        """Chance decides, more often the dearer the value and the nearer its end.

        So a dear value is made again before it is missed, by one process rather than by all at the
        same moment (optimal probabilistic cache stampede prevention, Vattani et al., 2015).
        """
        early_s = -entry.cost_s * math.log(self._chance() or 1e-12)
        return self._monotonic() + early_s >= entry.expires_at

    def _fly(self, key: str, make: Make, ttl: timedelta, known: Entry | None) -> _Flight:
        flight = _Flight()
        self._flights[key] = flight
        flight.task = asyncio.create_task(
            self._find_or_make(key, make, ttl, known, flight), name=f"cache {key[:24]}"
        )
        return flight

    async def _wait(self, key: str, flight: _Flight) -> bytes:
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if flight.task.cancelled() and current is not None and not current.cancelling():
                raise StorageError("what was being made was given up") from None
            raise
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                flight.task.cancel()
                if self._flights.get(key) is flight:
                    del self._flights[key]

    async def _find_or_make(
        self, key: str, make: Make, ttl: timedelta, known: Entry | None, flight: _Flight
    ) -> bytes:
        try:
            found = await self._look(key)
            if found is not None and (known is None or found.expires_at > known.expires_at + 1):
                self._count("hits_shared")
                return found.body
            if known is None:
                self._count("misses")
            started = self._monotonic()
            body = await make()
            if self._flights.get(key) is flight:  # else it was forgotten meanwhile
                self._keep(key, body, self._monotonic() - started, ttl)
            return body
        finally:
            if self._flights.get(key) is flight:
                del self._flights[key]

    async def _look(self, key: str) -> Entry | None:
        """Ask the shared level, and keep its answer in memory."""
        before = self._forgotten
        now = self._monotonic()
        if now < self._resting_until:
            return self._memory.get(key)
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                found = self._writer.waiting(key) or await self._shared.get(key)
        except (StorageError, TimeoutError) as error:
            self._failed(error)
            return self._memory.get(key)
        opened = unseal(key, found[0]) if found else None
        if found is None or opened is None:
            self._memory.forget(key)
            return None
        body, cost_s = opened
        now = self._monotonic()
        entry = Entry(body, cost_s, now + found[1] / 1000, now)
        if before == self._forgotten:
            self._memory.put(key, entry)
            self._writer.was_used(key)
        return entry

    def _keep(self, key: str, body: bytes, cost_s: float, ttl: timedelta) -> None:
        ttl_s = min(ttl.total_seconds(), _LONGEST_S)
        if ttl_s <= 0 or len(body) > LARGEST_BYTES:
            self._memory.forget(key)
            return
        now = self._monotonic()
        self._memory.put(key, Entry(body, cost_s, now + ttl_s, now))
        if now >= self._resting_until:
            self._writer.put(key, seal(key, body, cost_s), int(ttl_s * 1000))

    def _count(self, what: str) -> None:
        self._counts[what] = self._counts.get(what, 0) + 1
        self._writer.count(what)

    def _failed(self, error: Exception) -> None:
        """The shared level did not answer: it rests, and the log hears of it once in a while."""
        now = self._monotonic()
        self._resting_until = now + REST_S
        self._count("failures")
        self._unsaid += 1
        if now - self._warned_at >= WARN_EVERY_S:
            self._warned_at = now
            log.warning(
                "the shared cache does not answer, going on without",
                extra={"level": self._shared.name, "why": repr(error), "times": self._unsaid},
            )
            self._unsaid = 0


def _note_outcome(task: asyncio.Task[bytes]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("a cached value could not be renewed", extra={"why": repr(error)})
