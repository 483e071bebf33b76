"""The bot's own state: its health for everybody, and the numbers behind it for admins."""

from __future__ import annotations

import asyncio
import json
import platform
from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bot.features.disk import Disk
from bot.models.disk import NO_ROOM
from bot.models.post import PostKind, SourceKind, SourceState
from bot.models.status import DeliveryStatus, Health, SystemStatus
from bot.models.work import OutboxState, StoredUpdate, UpdateState
from bot.ports import Clock
from bot.services.cache_service import CacheService
from bot.storage.chats import ChatStore
from bot.storage.digests import DigestStore
from bot.storage.figures import FigureStore
from bot.storage.outbox import OutboxStore
from bot.storage.posts import PostStore
from bot.storage.sizes import SizeStore
from bot.storage.sources import SourceStore
from bot.storage.users import UserStore
from bot.storage.watches import WatchStore
from bot.storage.work import InboxStore, JobStore
from bot.utils.times import to_ms, zone

COLLECT_JOB = "collect"
ANALYSE_JOB = "analyse"
SET_ASIDE = (UpdateState.BAD, UpdateState.FAILED, UpdateState.UNSURE)
SICK_AFTER = 3  # failed visits in a row; one or two happen to everybody
COUNTED_AGAIN = timedelta(seconds=30)  # a day's posts are many, and a count reads them all
_PACKAGES = ("python-telegram-bot", "httpx", "matplotlib")


class Admin:
    def __init__(
        self,
        *,
        figures: FigureStore,
        posts: PostStore,
        sources: SourceStore,
        users: UserStore,
        chats: ChatStore,
        watches: WatchStore,
        digests: DigestStore,
        jobs: JobStore,
        outbox: OutboxStore,
        inbox: InboxStore,
        cache: CacheService,
        clock: Clock,
        sizes: SizeStore,
        disk: Disk,
        database_kind: str = "sqlite",
    ) -> None:
        self._figures = figures
        self._posts = posts
        self._sources = sources
        self._users = users
        self._chats = chats
        self._watches = watches
        self._digests = digests
        self._jobs = jobs
        self._outbox = outbox
        self._inbox = inbox
        self._cache = cache
        self._clock = clock
        self._database_kind = database_kind
        self._sizes = sizes
        self._disk = disk
        self._started_at = clock()

    async def health(self, timezone: str) -> Health:
        """What the bot knows; "today" begins at midnight in the asker's zone."""
        now = self._clock()
        start = _midnight(now, timezone)
        by_kind = await self._by_kind(start, now)
        feeds = await self._sources.all(SourceKind.FEED)
        active = [source for source in feeds if source.state is SourceState.ACTIVE]
        return Health(
            tweets_today=by_kind.get(PostKind.TWEET, 0),
            news_today=by_kind.get(PostKind.NEWS, 0),
            stored=await self._stored(),
            sources=len(active),
            sick_sources=sum(source.errors_in_row >= SICK_AFTER for source in active),
            collected_at=await self._jobs.last_good_end(COLLECT_JOB, besides=NO_ROOM),
            analysed_at=await self._jobs.last_good_end(ANALYSE_JOB, besides=NO_ROOM),
            is_without_room=await self._is_without_room(),
        )

    async def _is_without_room(self) -> bool:
        """Here, or where the latest round was to be made."""
        latest = [run for run in await self._jobs.history(COLLECT_JOB, 5) if run.finished_at]
        waits = bool(latest) and latest[0].result == NO_ROOM
        return waits or await self._disk.is_full()

    async def system(self, timezone: str) -> SystemStatus:
        now = self._clock()
        fates = await self._fates(_midnight(now, timezone), now)
        cache = await self._cache.report()
        return SystemStatus(
            posts=await self._stored(),
            posts_today=sum(fates.values()),
            left_out_today=sum(n for fate, n in fates.items() if fate != "kept"),
            users=await self._users.count(),
            chats=await self._chats.count(),
            watches=await self._watches.count(),
            plans=len(await self._digests.all()),
            memory_bytes=await asyncio.to_thread(memory_bytes),
            database_bytes=await self._sizes.data_bytes(),
            database_kind=self._database_kind,
            disk=await self._disk.state(),
            cache=cache,
            started_at=self._started_at,
            versions=(("Python", platform.python_version()), *_versions()),
        )

    async def _by_kind(self, start: datetime, now: datetime) -> dict[PostKind, int]:
        async def count() -> dict[str, int]:
            found = await self._figures.posts_by_kind(start, now)
            return {kind.value: number for kind, number in found.items()}

        found = await self._counted(f"kinds {to_ms(start)}", count)
        return {PostKind(kind): number for kind, number in found.items()}

    async def _fates(self, start: datetime, now: datetime) -> dict[str, int]:
        return await self._counted(
            f"fates {to_ms(start)}", lambda: self._posts.count_between(start, now)
        )

    async def _stored(self) -> int:
        async def count() -> dict[str, int]:
            return {"": await self._posts.count()}

        return (await self._counted("posts", count))[""]

    async def _counted(
        self, name: str, count: Callable[[], Awaitable[dict[str, int]]]
    ) -> dict[str, int]:
        return await self._cache.get_or_make_as(
            f"figures:{name}", count, COUNTED_AGAIN, _pack, _unpack
        )

    async def delivery(self) -> DeliveryStatus:
        out = await self._outbox.counts()
        updates = await self._inbox.counts()
        lately = await self._outbox.recently_out(self._clock() - timedelta(days=1))
        return DeliveryStatus(
            pending=out.get(OutboxState.PENDING, 0),
            sending=out.get(OutboxState.SENDING, 0),
            retry=out.get(OutboxState.RETRY, 0),
            sent_lately=len(lately),
            ambiguous=out.get(OutboxState.AMBIGUOUS, 0),
            gone=out.get(OutboxState.GONE, 0),
            failed=out.get(OutboxState.FAILED, 0) + out.get(OutboxState.HELD, 0),
            inbox_waiting=updates.get(UpdateState.NEW, 0),
            inbox_bad=sum(updates.get(state, 0) for state in SET_ASIDE),
        )

    async def bad_updates(self, limit: int = 10) -> list[StoredUpdate]:
        """Updates that could not be read or handled."""
        return await self._inbox.set_aside(limit)


def _pack(counts: dict[str, int]) -> bytes:
    return json.dumps(counts).encode()


def _unpack(body: bytes) -> dict[str, int]:
    return {str(name): int(count) for name, count in json.loads(body).items()}


def memory_bytes() -> int:
    """The resident memory of this process; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * 4096


def _versions() -> list[tuple[str, str]]:
    found = []
    for name in _PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:  # an optional part that is not installed
            continue
    return found


def _midnight(now: datetime, timezone: str) -> datetime:
    """When today began there; the zone's own first moment of the day."""
    place = zone(timezone)
    today = now.astimezone(place).date()
    return datetime.combine(today, time(), place).astimezone(now.tzinfo)
