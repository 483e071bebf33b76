"""Waiting for a change of the world without polling it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


class Pulse:
    """Wakes everyone who waits whenever something in the world has changed."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()
        self.is_closing = False

    def beat(self) -> None:
        """Wake every waiter."""
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def close(self) -> None:
        """Let every wait end at once: the server is stopping."""
        self.is_closing = True
        self.beat()

    async def wait(self, timeout_s: float) -> bool:
        """Wait for the next beat; False when `timeout_s` passed first or the server stops."""
        if self.is_closing or timeout_s <= 0:
            return False
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            async with asyncio.timeout(timeout_s):
                await future
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(future)
        return not self.is_closing

    async def until(self, look: Callable[[], Result | None], timeout_s: float) -> Result | None:
        """Return the first result of `look` that is not None, or None after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while True:
            seen = look()
            if seen is not None:
                return seen
            left = deadline - time.monotonic()
            if not await self.wait(left) and (left <= 0 or self.is_closing):
                return look()
