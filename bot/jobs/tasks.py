"""The table of jobs: what runs by the clock, how often, and in which processes.

To add a job, add a row. What a job returns is shown to admins, so it returns counts.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from bot.errors import StorageError
from bot.features.collect import CollectResult
from bot.features.housekeeping import Housekeeper
from bot.features.pattern_watch import PatternRound
from bot.features.reports import DigestRound
from bot.features.tweets import TweetRound
from bot.hoshyar import Hoshyar
from bot.jobs.runs import Job
from bot.models.disk import NO_ROOM
from bot.models.work import Role
from bot.ports import Database
from bot.services.charts import Charts
from bot.services.db_sqlite import SqliteDatabase
from bot.storage.alerts import AlertStore
from bot.storage.digests import ReceivedStore
from bot.storage.sent_files import SentFileStore
from bot.storage.work import InboxStore, JobStore

COLLECT, PATTERNS = "collect", "patterns"
TWEETS_EVERY = timedelta(seconds=10)  # a look at what is due; queries have paces of their own
INDEX_PATIENCE_S = 10  # after a round; the job that follows the posts goes on with the rest
# A digest made right at the start would know nothing of what happened while the bot was off.
WAIT_FOR_NEWS = timedelta(minutes=3)


class Values(Protocol):
    """How often, as the settings say."""

    @property
    def collect_interval_s(self) -> int: ...

    @property
    def analyse_interval_s(self) -> int: ...

    @property
    def has_twitter(self) -> bool: ...


class Parts(Protocol):
    """What the jobs need of a running bot."""

    @property
    def values(self) -> Values: ...

    @property
    def db(self) -> Database: ...

    @property
    def hoshyar(self) -> Hoshyar: ...

    @property
    def inbox_store(self) -> InboxStore: ...

    @property
    def job_store(self) -> JobStore: ...

    @property
    def charts(self) -> Charts: ...

    @property
    def received(self) -> ReceivedStore: ...

    @property
    def alert_store(self) -> AlertStore: ...


@dataclass(frozen=True, slots=True)
class Indexed:
    """How many posts became searchable."""

    posts: int


class _Rounds:
    """The rounds of the road of a post, each behind the one before it."""

    def __init__(self, hoshyar: Hoshyar, store: JobStore) -> None:
        self._hoshyar = hoshyar
        self._store = store
        self._started_at = hoshyar.clock()
        self._has_collected = False

    async def collect(self) -> CollectResult | str:
        if not await self._hoshyar.disk.has_room():
            return NO_ROOM
        try:
            done = await self._hoshyar.collect.round(self._hoshyar.clock())
        except StorageError:
            self._hoshyar.disk.forget()  # it may be full: the next round measures it anew
            raise
        self._has_collected = True
        await self._hoshyar.search.catch_up(INDEX_PATIENCE_S)
        return done

    async def tweets(self) -> TweetRound | str:
        if not await self._hoshyar.disk.has_room():
            return NO_ROOM
        try:
            done = await self._hoshyar.tweets.round(self._hoshyar.clock())
        except StorageError:
            self._hoshyar.disk.forget()
            raise
        if done.new:
            await self._hoshyar.search.catch_up(INDEX_PATIENCE_S)
        return done

    async def index(self) -> Indexed:
        """For posts that came another way than by collection, or have gone."""
        oldest = self._hoshyar.retention.oldest()
        if oldest is not None:
            await self._hoshyar.search.forget_before(oldest)
        return Indexed(await self._hoshyar.search.catch_up())

    async def patterns(self) -> PatternRound:
        """A look for patterns; what the last look that ended well has seen is told no more."""
        runs = await self._store.history(PATTERNS, 10)
        last = max((run.started_at for run in runs if run.ok), default=None)
        return await self._hoshyar.pattern_watch.round(last)

    async def digests(self) -> DigestRound | str:
        since_start = self._hoshyar.clock() - self._started_at
        if since_start < WAIT_FOR_NEWS and not await self._is_news_there():
            return "waits for the first collection"
        return await self._hoshyar.reports.run_due()

    async def _is_news_there(self) -> bool:
        """Has this process collected, or another one since this one started?"""
        runs = await self._store.history(COLLECT, 5) if not self._has_collected else []
        self._has_collected |= any(
            run.ok and run.finished_at is not None and run.finished_at >= self._started_at
            for run in runs
        )
        return self._has_collected


def table(parts: Parts, roles: Collection[Role] = tuple(Role)) -> tuple[Job, ...]:
    """Every job of a process that has these roles."""
    hoshyar, values = parts.hoshyar, parts.values
    rounds = _Rounds(hoshyar, parts.job_store)
    jobs: list[Job] = []
    if Role.COLLECT in roles:
        every = timedelta(seconds=values.collect_interval_s)
        jobs.append(Job(COLLECT, every, rounds.collect, everywhere=True))
        if values.has_twitter:
            jobs.append(Job("tweets", TWEETS_EVERY, rounds.tweets, everywhere=True))
    if Role.ANALYSE in roles:
        jobs += [
            Job("analyse", timedelta(seconds=values.analyse_interval_s), hoshyar.analyse.run),
            # Often: an alert is to arrive within a round of collection, and a look costs 1 ms.
            Job("alerts", timedelta(seconds=10), hoshyar.alerts.round),
            Job("digests", timedelta(seconds=30), rounds.digests),
            Job(PATTERNS, timedelta(hours=1), rounds.patterns, first_after=timedelta(minutes=20)),
            Job(
                "housekeeping",
                timedelta(hours=1),
                _housekeeper(parts).round,
                first_after=timedelta(minutes=10),
                timeout=timedelta(minutes=30),
            ),
            Job(
                "backup",
                timedelta(days=1),
                hoshyar.backups.daily,
                first_after=timedelta(hours=1),
                timeout=timedelta(hours=3),
            ),
        ]
    if Role.CHAT in roles:
        # Questions are answered from memory, also where another process makes the rounds.
        every = timedelta(seconds=values.analyse_interval_s)
        jobs.append(Job("follow", every, hoshyar.analyse.follow, everywhere=True))
    if set(roles) - {Role.SEND}:  # a sender searches for nothing
        jobs.append(Job("index", timedelta(seconds=60), rounds.index, everywhere=True))
    return tuple(jobs)


def _housekeeper(parts: Parts) -> Housekeeper:
    db = parts.db
    return Housekeeper(
        jobs=parts.job_store,
        inbox=parts.inbox_store,
        publisher=parts.hoshyar.publish,
        received=parts.received,
        alerts=parts.alert_store,
        chats=parts.hoshyar.chats,
        sent_files=SentFileStore(db),
        retention=parts.hoshyar.retention,
        charts=parts.charts,
        clock=parts.hoshyar.clock,
        forget_people=parts.hoshyar.people.forget_old,
        forget_calls=parts.hoshyar.budget.forget_before,
        maintain=db.maintain if isinstance(db, SqliteDatabase) else None,
    )
