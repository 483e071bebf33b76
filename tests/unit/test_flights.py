"""One making for all who want the same thing at the same time."""

from __future__ import annotations

import asyncio

import pytest

from bot.errors import SourceDown
from bot.services.flights import Flights


class Making:
    """Counts its beginnings; ends when it may, and takes its time to give up."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = asyncio.Event()
        self.may_give_up = asyncio.Event()
        self.began = asyncio.Event()
        self.gives_up = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        self.began.set()
        number = self.begun
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.gives_up.set()
            await self.may_give_up.wait()
            raise
        return number


async def test_what_is_given_up_is_joined_by_nobody() -> None:
    """Who comes while the last making still unwinds gets a new one."""
    flights, making = Flights(), Making()
    first = asyncio.create_task(flights.join("a", making))
    await making.began.wait()
    first.cancel()
    await making.gives_up.wait()

    second = asyncio.create_task(flights.join("a", making))
    making.may_give_up.set()
    making.may_end.set()

    assert await second == 2
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_who_cancels_waits_until_it_has_ended() -> None:
    flights, making = Flights(), Making()
    first = asyncio.create_task(flights.join("a", making))
    await making.began.wait()
    first.cancel()
    await making.gives_up.wait()
    assert not first.done()
    making.may_give_up.set()

    with pytest.raises(asyncio.CancelledError):
        await first


async def test_an_error_reaches_all_and_is_not_kept() -> None:
    flights = Flights()
    may_fail = asyncio.Event()

    async def fail() -> int:
        await may_fail.wait()
        raise SourceDown("down")

    async def work() -> int:
        return 5

    both = [asyncio.create_task(flights.join("a", fail)) for _ in range(2)]
    await asyncio.sleep(0)
    may_fail.set()

    assert [str(error) for error in await asyncio.gather(*both, return_exceptions=True)] == [
        "down",
        "down",
    ]
    assert await flights.join("a", work) == 5


async def test_closing_gives_up_what_is_made() -> None:
    flights, making = Flights(), Making()
    making.may_give_up.set()
    waiting = asyncio.create_task(flights.join("a", making))
    await making.began.wait()

    await flights.close()

    with pytest.raises(SourceDown, match="given up"):
        await waiting
