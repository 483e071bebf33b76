"""One making for all who want the same thing at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar, cast

from bot.errors import SourceDown

T = TypeVar("T")


@dataclass(slots=True)
class _Flight:
    task: asyncio.Task[object]
    waiting: int = 0


class Flights:
    """What is being made, by name. It goes on while anybody waits, whoever asked first."""

    def __init__(self) -> None:
        self._flights: dict[str, _Flight] = {}

    async def join(self, name: str, make: Callable[[], Awaitable[T]]) -> T:
        """What `make` gives or raises; nothing is made while the same is being made already."""
        flight = self._flights.get(name)
        if flight is None:
            task: asyncio.Task[object] = asyncio.create_task(self._fly(name, make))
            flight = self._flights[name] = _Flight(task)
        flight.waiting += 1
        try:
            return cast(T, await asyncio.shield(flight.task))
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if flight.task.cancelled() and current is not None and not current.cancelling():
                raise SourceDown("what was being asked was given up") from None
            raise
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                # Nobody may join what is given up; it ends before the one who cancelled goes on.
                self._drop(name, flight)
                flight.task.cancel()
                await asyncio.gather(flight.task, return_exceptions=True)

    async def close(self) -> None:
        """What is under way is given up."""
        tasks = [flight.task for flight in self._flights.values()]
        self._flights.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _fly(self, name: str, make: Callable[[], Awaitable[T]]) -> T:
        try:
            return await make()
        finally:
            flight = self._flights.get(name)
            if flight is not None and flight.task is asyncio.current_task():
                del self._flights[name]

    def _drop(self, name: str, flight: _Flight) -> None:
        if self._flights.get(name) is flight:
            del self._flights[name]
