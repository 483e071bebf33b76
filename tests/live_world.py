"""Live tweets over a database, before the double of TwitterAPI.io."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from bot.features.intake import Intake
from bot.features.live import LivePace, LiveTweets
from bot.features.live_money import LiveMoney
from bot.features.live_pushes import Pushes
from bot.features.tweet_intake import TweetIntake
from bot.models.spending import SpendingNotice
from bot.models.tweets import TweetQuery
from bot.ports import Database
from bot.sandbox.twitter_double import TwitterDouble
from bot.sandbox.twitter_site import TwitterSite
from bot.services.cache_service import CacheService
from bot.services.db_locks import Leases
from bot.services.twitter_api import TwitterApi
from bot.services.twitter_budget import Budget
from bot.services.twitter_stream import TwitterStream, Waits
from bot.storage.cache import CacheStore
from bot.storage.leases import LeaseStore
from bot.storage.live import LiveStore
from bot.storage.origins import OriginStore
from bot.storage.people import PeopleStore
from bot.storage.posts import PostStore
from bot.storage.queries import QueryStore
from bot.storage.spending import SpendingStore
from bot.utils.secrets import Secret
from bot.utils.times import utc_now
from tests.noon import zone_of_noon

QUICK = LivePace(
    look=timedelta(seconds=0.05),
    lease=timedelta(seconds=2),
    rule_interval_s=0.1,
    overlap=timedelta(seconds=0.3),
    search_lag=timedelta(seconds=0.2),
    mark=timedelta(0),
)
WAITS = Waits(first_s=0.05, longest_s=0.2, after_refusal_s=0.5, no_key_s=0.5, steady_s=60.0)


class LiveWorld:
    """One worker, with what it works on."""

    def __init__(
        self,
        db: Database,
        site: TwitterSite,
        *,
        name: str = "one",
        credits: int = 50_000,
        size: int = 1500,
        pace: LivePace = QUICK,
        waits: Waits = WAITS,
        has_stream: bool = True,
        sentiment: Any = None,
    ) -> None:
        self.db = db
        self.site = site
        self.notices: list[SpendingNotice] = []
        self.posts = PostStore(db)
        self.queries = QueryStore(db)
        self.store = LiveStore(db)
        self.budget = Budget(
            SpendingStore(db),
            daily_credits=credits,
            timezone=zone_of_noon(),
            requests_per_s=1000.0,
        )
        self.cache = CacheService(CacheStore(db))
        key = Secret(site.key)
        self.api = TwitterApi(site.url, key, self.budget, self.cache, timeout_s=5.0)
        self.take = TweetIntake(Intake(self.posts, OriginStore(db)), PeopleStore(db), utc_now)
        self.pushes = Pushes(
            db, self.store, self.queries, self.take, utc_now, timezone=zone_of_noon()
        )
        self.money = LiveMoney(self.budget, self.store, utc_now, on_notice=self._notice, size=size)
        stream = TwitterStream(site.stream_url, key, waits=waits) if has_stream else None
        self.live = LiveTweets(
            self.store,
            self.queries,
            self.api,
            self.pushes,
            self.money,
            Leases(LeaseStore(db), name),
            utc_now,
            stream=stream,
            pace=pace,
        )

    async def _notice(self, notice: SpendingNotice) -> None:
        self.notices.append(notice)

    async def add(self, text: str) -> TweetQuery:
        return await self.queries.add(TweetQuery(text=text, created_at=utc_now()))

    async def query(self, query_id: int) -> TweetQuery:
        query = await self.queries.get(query_id)
        assert query is not None
        return query

    async def search_covers(self, query_id: int) -> None:
        """As if the query had just been searched for."""
        await self.db.execute(
            "UPDATE x_queries SET covered_ms=? WHERE id=?",
            (int(utc_now().timestamp() * 1000), query_id),
        )

    async def make_live(self, text: str) -> TweetQuery:
        """A query whose tweets are pushed and nothing else; needs a running worker."""
        query = await self.add(text)
        await self.live.on(query.id)
        await self.until_live(query.id)
        return query

    async def until_live(self, query_id: int) -> None:
        async def is_pushed() -> bool:
            await self.search_covers(query_id)
            return bool((await self.query(query_id)).rule_id)

        await until(is_pushed)

    async def texts(self) -> list[str]:
        rows = await self.db.fetch_all("SELECT text FROM posts ORDER BY id")
        return [str(row[0]) for row in rows]

    async def money_of_both(self) -> tuple[int, int]:
        """What is booked here, and what the service charged."""
        return (await self.budget.state()).spent, self.site.twitter.credits_spent

    def rules(self) -> list[tuple[str, bool]]:
        """The rules at the service: what they search for, and whether they are at work."""
        return [(rule.value, rule.is_active) for rule in self.site.twitter.rules.of(self.site.key)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Event]:
        """While the body runs this worker looks after what is live."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.live.run(stop))
            try:
                yield stop
            finally:
                stop.set()

    async def close(self) -> None:
        await self.api.close()
        await self.cache.close()


async def until(done: Callable[[], Any], timeout_s: float = 15.0) -> None:
    """Wait for it; `done` may be a coroutine function."""
    async with asyncio.timeout(timeout_s):
        while True:
            result = done()
            if asyncio.iscoroutine(result):
                result = await result
            if result:
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def double(**given: Any) -> AsyncIterator[TwitterSite]:
    """The service, which nobody writes in by himself."""
    options: dict[str, Any] = {"is_paced": False, "ping_s": 0.1, **given}
    async with TwitterSite(TwitterDouble([], **options)) as site:
        yield site
