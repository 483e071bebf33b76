"""Puts the parts together: stores, services and features out of plain values.

The half of the composition root without settings, signals or a life of its own (that is `bot.app`).
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.assembly_tweets import Around, TwitterValues, assemble_twitter
from bot.assembly_words import Notices, Rendering
from bot.features.admin import Admin
from bot.features.alerts import Alerts
from bot.features.analyse import Analyser
from bot.features.backups import Backups
from bot.features.chat import Chat as ChatFeature
from bot.features.chats import Chats
from bot.features.collect import Collector
from bot.features.courses import Courses
from bot.features.digests import Digests
from bot.features.disk import Disk
from bot.features.drivers import TermDrivers
from bot.features.dropped import DroppedPosts
from bot.features.imports import Importer
from bot.features.intake import Intake
from bot.features.jobs import Jobs
from bot.features.live_pushes import Pushes
from bot.features.lookup import Lookup
from bot.features.pace_sharing import others_than
from bot.features.pattern_watch import PatternWatch
from bot.features.patterns import Patterns
from bot.features.people import by_name_in
from bot.features.plans import DigestPlans
from bot.features.publish import Publisher
from bot.features.reports import Reports
from bot.features.retention import Retention
from bot.features.sources import Sources
from bot.features.watches import Watches
from bot.features.workers import Workers
from bot.hoshyar import Hoshyar
from bot.ports import Database, SharedCache
from bot.services.ai_model.offline import OfflineModel
from bot.services.cache_service import CacheService
from bot.services.charts import Charts
from bot.services.db_locks import Leases
from bot.services.http_client import HttpClient
from bot.services.news_feeds import FeedReader
from bot.services.search_index import SearchIndex
from bot.services.telegram_api import TelegramApi
from bot.services.telegram_inbox import Inbox
from bot.services.telegram_polling import InboxRequest
from bot.storage.alerts import AlertStore
from bot.storage.cache import CacheStore, database_id
from bot.storage.chats import ChatStore
from bot.storage.digests import DigestStore, EchoStore, ReceivedStore
from bot.storage.drivers import DriverStore
from bot.storage.figures import FigureStore
from bot.storage.insights import TrendStore
from bot.storage.leases import LeaseStore
from bot.storage.origins import OriginStore
from bot.storage.outbox import OutboxStore
from bot.storage.patterns import PatternStore
from bot.storage.people import PeopleStore
from bot.storage.posts import PostStore
from bot.storage.retention import RetentionStore
from bot.storage.sent_files import SentFileStore
from bot.storage.sizes import SizeStore
from bot.storage.sources import SourceStore
from bot.storage.talks import RefStore, TalkStore
from bot.storage.users import UserStore
from bot.storage.watches import WatchStore
from bot.storage.work import InboxStore, JobStore
from bot.storage.workers import WorkerStore
from bot.utils.times import utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What the parts need to be told, in plain values."""

    token: str
    telegram_base_url: str
    telegram_proxy: str
    feeds_proxy: str
    allow_private: bool
    only_loopback: bool = False  # the sandbox: nothing leaves the machine
    admin_ids: frozenset[int]
    lang: str
    timezone: str
    collect_interval_s: int
    analyse_interval_s: int
    folder: Path
    search_file: Path
    database_kind: str
    database_files: Sequence[Path]
    worker: str = ""  # this process by name; made up when it is not given
    database_url: str = field(default="", repr=False)  # for backups; it may hold a password
    retention_months: int = 0
    disk_limit_gb: int = 0
    redis_url: str = field(default="", repr=False)
    twitter: TwitterValues = field(default_factory=TwitterValues)
    web_host: str = "127.0.0.1"
    web_port: int = 0  # 0: no web server

    @property
    def has_twitter(self) -> bool:
        return bool(self.twitter.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What runs: the assistant, and what its doors and jobs stand on."""

    values: Values
    worker: str  # the name of this process among those at work
    db: Database
    hoshyar: Hoshyar
    telegram: TelegramApi
    inbox: Inbox
    inbox_store: InboxStore
    job_store: JobStore
    leases: Leases
    workers: WorkerStore
    charts: Charts
    cache: CacheService
    received: ReceivedStore
    alert_store: AlertStore
    pushes: Pushes


async def assemble(db: Database, values: Values, stack: AsyncExitStack) -> Parts:
    """Everything but the doors, over a migrated database; `stack` closes it again."""
    clock = utc_now
    posts, sources, trends = PostStore(db), SourceStore(db), TrendStore(db)
    users, chats, watches = UserStore(db), ChatStore(db), WatchStore(db)
    received, echoes, plans = ReceivedStore(db), EchoStore(db), DigestStore(db)
    outbox, inbox_store, job_store = OutboxStore(db), InboxStore(db), JobStore(db)
    alert_store, people = AlertStore(db), PeopleStore(db)
    worker = values.worker or _made_up_name()
    lease_store, workers = LeaseStore(db), WorkerStore(db)

    search = await SearchIndex.open(values.search_file, posts)
    stack.push_async_callback(search.close)
    cache = await _open_cache(db, values.redis_url)
    stack.push_async_callback(cache.close)
    client = HttpClient(
        proxy=values.feeds_proxy,
        allow_private=values.allow_private,
        resolve=_loopback if values.only_loopback else None,
    )
    stack.push_async_callback(client.close)
    charts = Charts(values.folder / "charts")
    stack.push_async_callback(charts.close)
    reader = FeedReader(client)

    notices = Notices(values.admin_ids, values.lang, values.timezone)
    inbox = Inbox(inbox_store, notify=notices.of_trouble)
    telegram = TelegramApi(
        values.token,
        base_url=values.telegram_base_url,
        proxy=values.telegram_proxy,
        inbox_request=InboxRequest(inbox, proxy=values.telegram_proxy),
        files=SentFileStore(db),
    )
    publisher = Publisher(
        outbox,
        telegram,
        files=values.folder / "outbox",
        chat_of=chats.get,
        on_gone=lambda chat_id: _unreachable(chats, chat_id),
        on_moved=chats.move,
        others=others_than(worker, workers),
    )
    notices.publisher, notices.telegram = publisher, telegram

    render = Rendering(sources, people, telegram)
    retention = Retention(
        RetentionStore(db), posts, OriginStore(db), search, clock, months=values.retention_months
    )
    intake = Intake(posts, OriginStore(db), oldest=retention.oldest)
    leases = Leases(lease_store, worker)
    twitter = assemble_twitter(
        values.twitter,
        Around(
            db=db,
            clock=clock,
            timezone=values.timezone,
            cache=cache,
            intake=intake,
            people=people,
            leases=leases,
            oldest=retention.oldest,
            by_name=by_name_in(search, posts),
            on_notice=notices.of_spending,
            on_key_refused=notices.of_refused_key,
        ),
        stack,
    )
    sizes = SizeStore(db)
    disk = Disk(
        sizes,
        values.folder,
        (*values.database_files[1:], values.search_file),
        clock,
        limit_gb=values.disk_limit_gb,
        on_notice=notices.of_disk,
    )
    analyser = Analyser(posts, trends, sources)
    patterns = Patterns(PatternStore(db), people, ZoneInfo(values.timezone), clock)
    digests = Digests(
        received=received,
        echoes=echoes,
        posts=posts,
        sources=sources,
        watches=watches,
        trends=trends,
        analyser=analyser,
        search=search,
        clock=clock,
        volume=Courses(posts, cache).volume,
    )
    hoshyar = Hoshyar(
        admin_ids=values.admin_ids,
        default_lang=values.lang,
        default_timezone=values.timezone,
        clock=clock,
        posts=posts,
        dropped=DroppedPosts(posts),
        search=search,
        sources=Sources(sources, reader, clock, allow_private=values.allow_private),
        collect=Collector(
            sources,
            reader,
            intake,
            base_interval_s=values.collect_interval_s,
            on_notice=notices.of_source,
        ),
        imports=Importer(intake),
        retention=retention,
        disk=disk,
        analyse=analyser,
        patterns=patterns,
        pattern_watch=PatternWatch(patterns, sources, notices.of_pattern, clock),
        lookup=Lookup(analyser, trends, search, posts, sources, clock, oldest=retention.oldest),
        people=twitter.people,
        drivers=TermDrivers(search, posts, DriverStore(db), people, analyser, clock),
        twitter=twitter.api,
        budget=twitter.budget,
        queries=twitter.queries,
        tweets=twitter.tweets,
        live=twitter.live,
        chat=ChatFeature(search, posts, sources, analyser, OfflineModel(), clock),
        chats=Chats(
            users,
            chats,
            TalkStore(db),
            RefStore(db),
            clock,
            default_lang=values.lang,
            default_timezone=values.timezone,
        ),
        watches=Watches(watches, clock),
        plans=DigestPlans(plans, clock),
        reports=Reports(
            db,
            digests=digests,
            plans=plans,
            received=received,
            chats=chats,
            charts=charts,
            publisher=publisher,
            render=render.digest,
            clock=clock,
        ),
        alerts=Alerts(
            db,
            store=alert_store,
            watches=watches,
            posts=posts,
            chats=chats,
            received=received,
            publisher=publisher,
            render=render.alert,
            clock=clock,
        ),
        publish=publisher,
        jobs=Jobs(job_store, clock),
        workers=Workers(workers, lease_store),
        cache=cache,
        backups=Backups(
            values.database_url, values.folder / "backups", clock, values.database_files
        ),
        admin=Admin(
            figures=FigureStore(db),
            posts=posts,
            sources=sources,
            users=users,
            chats=chats,
            watches=watches,
            digests=plans,
            jobs=job_store,
            outbox=outbox,
            inbox=inbox_store,
            cache=cache,
            clock=clock,
            sizes=sizes,
            disk=disk,
            database_kind=values.database_kind,
        ),
    )
    return Parts(
        values=values,
        worker=worker,
        db=db,
        hoshyar=hoshyar,
        telegram=telegram,
        inbox=inbox,
        inbox_store=inbox_store,
        job_store=job_store,
        leases=leases,
        workers=workers,
        charts=charts,
        cache=cache,
        received=received,
        alert_store=alert_store,
        pushes=twitter.pushes,
    )


def _made_up_name() -> str:
    """One that no other process has, not even an earlier one in this container."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"


async def _open_cache(db: Database, redis_url: str) -> CacheService:
    """The shared level is Redis where there is one, else the database."""
    shared: SharedCache = CacheStore(db)
    if redis_url:
        from bot.services.cache_redis import RedisCache  # imported when used: it costs memory

        shared = RedisCache(redis_url, await database_id(db))
    cache = CacheService(shared)
    cache.start()
    return cache


async def _loopback(host: str, port: int) -> list[str]:
    """A resolver that knows this machine alone."""
    if host in ("127.0.0.1", "localhost"):
        return ["127.0.0.1"]
    raise OSError(f"{host} is outside of the sandbox")


async def _unreachable(chats: ChatStore, chat_id: int) -> None:
    await chats.set_reachable(chat_id, False)
