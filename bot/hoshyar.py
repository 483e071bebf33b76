"""The assistant as one object: every feature by name. It is what the doors receive."""

from __future__ import annotations

from dataclasses import dataclass

from bot.features.admin import Admin
from bot.features.alerts import Alerts
from bot.features.analyse import Analyser
from bot.features.backups import Backups
from bot.features.chat import Chat
from bot.features.chats import Chats
from bot.features.collect import Collector
from bot.features.disk import Disk
from bot.features.drivers import TermDrivers
from bot.features.dropped import DroppedPosts
from bot.features.imports import Importer
from bot.features.jobs import Jobs
from bot.features.live import LiveTweets
from bot.features.lookup import Lookup
from bot.features.pattern_watch import PatternWatch
from bot.features.patterns import Patterns
from bot.features.people import People
from bot.features.plans import DigestPlans
from bot.features.publish import Publisher
from bot.features.queries import Queries
from bot.features.reports import Reports
from bot.features.retention import Retention
from bot.features.sources import Sources
from bot.features.tweets import TweetCollector
from bot.features.watches import Watches
from bot.features.workers import Workers
from bot.ports import Clock
from bot.services.cache_service import CacheService
from bot.services.search_index import SearchIndex
from bot.services.twitter_api import TwitterApi
from bot.services.twitter_budget import Budget
from bot.storage.posts import PostStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Hoshyar:
    """Everything that Hoshyar does. Doors call it; it knows nothing of them."""

    admin_ids: frozenset[int]
    default_lang: str
    default_timezone: str
    clock: Clock
    posts: PostStore
    dropped: DroppedPosts
    search: SearchIndex
    sources: Sources
    collect: Collector
    imports: Importer
    retention: Retention
    disk: Disk
    analyse: Analyser
    patterns: Patterns
    pattern_watch: PatternWatch
    lookup: Lookup
    people: People
    drivers: TermDrivers
    twitter: TwitterApi
    budget: Budget
    queries: Queries
    tweets: TweetCollector
    live: LiveTweets
    chat: Chat
    chats: Chats
    watches: Watches
    plans: DigestPlans
    reports: Reports
    alerts: Alerts
    publish: Publisher
    jobs: Jobs
    workers: Workers
    cache: CacheService
    backups: Backups
    admin: Admin
