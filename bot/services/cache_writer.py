"""Writes to the shared level of the cache, a batch at a time, so that no reader waits for one."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from bot.errors import StorageError
from bot.ports import SharedCache

MOST_WAITING_BYTES = 8 * 2**20  # beyond this the oldest are dropped: they are missed later
COUNTS_EVERY_S = 30.0
WRITE_TIMEOUT_S = 20.0
CLOSE_TIMEOUT_S = 3.0
_MOST_USED = 10_000


class CacheWriter:
    """Collects what is to be kept, what was used, and the counts; writes them down in turn."""

    def __init__(
        self,
        shared: SharedCache,
        failed: Callable[[Exception], None],
        *,
        flush_after_s: float,
    ) -> None:
        self._shared = shared
        self._failed = failed
        self._flush_after_s = flush_after_s
        self._entries: OrderedDict[str, tuple[bytes, float]] = OrderedDict()  # until when
        self._bytes = 0
        self._used: set[str] = set()
        self._counts: dict[str, int] = {}
        self._work = asyncio.Event()
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._is_closing = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="cache-writer")

    async def close(self) -> None:
        """Write down what there is, if that is done soon."""
        if self._task is None:
            return
        self._is_closing = True
        self._work.set()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._task
        except TimeoutError as error:
            self._failed(error)
        self._task = None

    def put(self, key: str, sealed: bytes, ttl_ms: int) -> None:
        self._drop(key)
        self._entries[key] = sealed, time.monotonic() + ttl_ms / 1000
        self._bytes += len(sealed)
        while self._bytes > MOST_WAITING_BYTES:
            self._drop(next(iter(self._entries)))
        self._work.set()

    def waiting(self, key: str) -> tuple[bytes, int] | None:
        """What is to be written and has not been, as the shared level would give it."""
        found = self._entries.get(key)
        if found is None:
            return None
        left_ms = int((found[1] - time.monotonic()) * 1000)
        return (found[0], left_ms) if left_ms > 0 else None

    def was_used(self, key: str) -> None:
        if len(self._used) < _MOST_USED:
            self._used.add(key)

    def count(self, what: str) -> None:
        self._counts[what] = self._counts.get(what, 0) + 1

    async def forget(self, key: str) -> None:
        """Also there: a batch that holds the key is written before it is taken away."""
        self._drop(key)
        async with self._turn:
            try:
                async with asyncio.timeout(WRITE_TIMEOUT_S):
                    await self._shared.forget(key)
            except (StorageError, TimeoutError) as error:
                self._failed(error)

    async def clear(self) -> int:
        self._entries.clear()
        self._bytes = 0
        self._used.clear()
        self._counts.clear()
        async with self._turn:
            return await self._shared.clear()

    async def flush(self) -> None:
        """Write down everything that waits; what fails is dropped and will be missed."""
        async with self._turn:
            entries = [
                (key, sealed, left_ms)
                for key, (sealed, until) in self._entries.items()
                if (left_ms := int((until - time.monotonic()) * 1000)) > 0
            ]
            used, counts = sorted(self._used), dict(self._counts)
            if not entries and not used and not counts:
                return
            self._used.clear()
            self._counts.clear()
            try:
                async with asyncio.timeout(WRITE_TIMEOUT_S):
                    await self._shared.put_many(entries, used, counts)
            except (StorageError, TimeoutError) as error:
                self._failed(error)
            finally:
                for key, sealed, _ in entries:
                    known = self._entries.get(key)
                    if known is not None and known[0] is sealed:
                        self._drop(key)

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(COUNTS_EVERY_S):
                    await self._work.wait()
                if not self._is_closing:
                    await asyncio.sleep(self._flush_after_s)
            except TimeoutError:
                pass  # only counts may be waiting
            self._work.clear()
            await self.flush()
            if self._is_closing:
                return

    def _drop(self, key: str) -> None:
        found = self._entries.pop(key, None)
        if found is not None:
            self._bytes -= len(found[0])
