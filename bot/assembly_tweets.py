"""The part of the composition root that is about X: what is bought at TwitterAPI.io, and for what.

Without a key everything is there and asks nothing: readers see what is stored, and admins are told
which setting is missing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime

from bot.features.intake import Intake
from bot.features.live import LiveTweets
from bot.features.live_money import LiveMoney
from bot.features.live_pushes import Pushes
from bot.features.people import ByName, People
from bot.features.queries import Queries
from bot.features.tweet_intake import TweetIntake
from bot.features.tweets import TweetCollector
from bot.models.spending import SpendingNotice
from bot.ports import Clock, Database
from bot.services.cache_service import CacheService
from bot.services.db_locks import Leases
from bot.services.twitter_api import TwitterApi
from bot.services.twitter_budget import Budget
from bot.services.twitter_stream import TwitterStream
from bot.storage.live import LiveStore
from bot.storage.people import PeopleStore
from bot.storage.queries import QueryStore
from bot.storage.spending import SpendingStore
from bot.utils.secrets import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class TwitterValues:
    """What the settings say of TwitterAPI.io; no key: nothing is asked."""

    key: Secret = field(default_factory=lambda: Secret(""))
    base_url: str = "https://api.twitterapi.io"
    stream_url: str = ""  # none: what is pushed comes by webhook alone
    proxy: str = field(default="", repr=False)
    daily_credits: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TwitterParts:
    """All that is about X."""

    budget: Budget
    api: TwitterApi
    queries: Queries
    tweets: TweetCollector
    people: People
    live: LiveTweets
    pushes: Pushes


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What of the rest of the bot it stands on."""

    db: Database
    clock: Clock
    timezone: str
    cache: CacheService
    intake: Intake
    people: PeopleStore
    leases: Leases
    oldest: Callable[[], datetime | None]
    by_name: ByName
    on_notice: Callable[[SpendingNotice], Awaitable[None]]
    on_key_refused: Callable[[], Awaitable[None]]


def assemble_twitter(values: TwitterValues, around: Around, stack: AsyncExitStack) -> TwitterParts:
    """Everything about X; `stack` closes it again."""
    db, clock = around.db, around.clock
    queries = QueryStore(db)
    take = TweetIntake(around.intake, around.people, clock)
    budget = Budget(
        SpendingStore(db),
        daily_credits=values.daily_credits,
        timezone=around.timezone,
        on_notice=around.on_notice,
    )
    api = TwitterApi(
        values.base_url, values.key, budget, around.cache, proxy=values.proxy, clock=clock
    )
    stack.push_async_callback(api.close)
    live_store = LiveStore(db)
    pushes = Pushes(db, live_store, queries, take, clock, timezone=around.timezone)
    has_stream = bool(values.key and values.stream_url)
    return TwitterParts(
        budget=budget,
        api=api,
        queries=Queries(queries, api, take, clock, timezone=around.timezone),
        tweets=TweetCollector(
            queries, api, take, budget, clock, on_key_refused=around.on_key_refused
        ),
        people=People(
            around.people, api, take, clock, oldest=around.oldest, by_name=around.by_name
        ),
        live=LiveTweets(
            live_store,
            queries,
            api,
            pushes,
            LiveMoney(budget, live_store, clock, on_notice=around.on_notice),
            around.leases,
            clock,
            stream=TwitterStream(values.stream_url, values.key, proxy=values.proxy)
            if has_stream
            else None,
        ),
        pushes=pushes,
    )
