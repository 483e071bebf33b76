"""A client of TwitterAPI.io with a real budget and a real cache, before a service of the test's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bot.models.spending import BudgetState
from bot.ports import Database
from bot.services.cache_service import CacheService
from bot.services.twitter_api import TwitterApi
from bot.services.twitter_budget import Budget
from bot.storage.cache import CacheStore
from bot.storage.spending import SpendingStore
from bot.utils.secrets import Secret
from tests.fakes_twitter import Reply, ScriptedService
from tests.noon import zone_of_noon

KEY = "key-that-nobody-may-see-4711"


class Slept:
    """Sleeps for nothing, and remembers how long."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)


class World:
    """A client, the budget it spends and the cache it uses."""

    def __init__(self, api: TwitterApi, budget: Budget, cache: CacheService, slept: Slept) -> None:
        self.api = api
        self.budget = budget
        self.cache = cache
        self.slept = slept

    async def state(self) -> BudgetState:
        return await self.budget.state()

    async def money(self) -> tuple[int, int]:
        """What is booked, and what is still set aside."""
        state = await self.budget.state()
        return state.spent, state.held


@asynccontextmanager
async def client(
    db: Database,
    url: str,
    *,
    key: str = KEY,
    credits: int = 100_000,
    rate: float | None = 1_000_000.0,
    budget: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[World]:
    """`budget` and `options` are further arguments of Budget and TwitterApi."""
    cache = CacheService(CacheStore(db))
    spends = Budget(
        SpendingStore(db),
        daily_credits=credits,
        timezone=zone_of_noon(),
        requests_per_s=rate,
        **(budget or {}),
    )
    slept = Slept()
    given: dict[str, Any] = {"sleep": slept, "timeout_s": 5.0, **options}
    api = TwitterApi(url, Secret(key), spends, cache, **given)
    try:
        yield World(api, spends, cache, slept)
    finally:
        await api.close()
        await cache.close()


@asynccontextmanager
async def scripted(
    db: Database, *replies: Reply, **options: Any
) -> AsyncIterator[tuple[ScriptedService, World]]:
    """A client and a service that answers with these replies."""
    async with (
        ScriptedService(*replies) as service,
        client(db, service.url, **options) as world,
    ):
        yield service, world
