"""Housekeeping: what is settled and old is forgotten, and the database is kept in shape."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bot.features.chats import Chats
from bot.features.publish import Publisher
from bot.features.retention import Retention
from bot.models.messages import OutMessage
from bot.ports import Clock
from bot.services.charts import Charts
from bot.storage.alerts import AlertStore
from bot.storage.digests import ReceivedStore
from bot.storage.sent_files import SentFileStore
from bot.storage.work import InboxStore, JobStore

RUNS_KEPT = timedelta(days=3)  # the alerts job alone makes 8,640 a day
UPDATES_KEPT = timedelta(days=3)  # Telegram repeats nothing older than a day
MARKS_KEPT = timedelta(days=60)  # longer than any window of a digest
FILE_IDS_KEPT = timedelta(days=30)
CALLS_KEPT = timedelta(days=100)
CHARTS_KEPT = timedelta(days=7)  # after their last use; those of waiting messages stay
_ALL_WAITING = 100_000


@dataclass(frozen=True, slots=True)
class Swept:
    """How much was forgotten."""

    runs: int = 0
    updates: int = 0
    messages: int = 0
    marks: int = 0
    finds: int = 0
    refs: int = 0
    charts: int = 0
    posts: int = 0  # of months that are not kept any more
    people: int = 0  # who was not seen since then, and ties that rested since
    calls: int = 0  # requests to TwitterAPI.io; their days' totals stay


class Housekeeper:
    """`maintain` keeps the database's files in shape, where it has any.

    `forget_people` forgets those who are older than the posts that are kept, `forget_calls` what
    single requests cost before a moment (the totals of days stay); each returns how many rows.
    """

    def __init__(
        self,
        *,
        jobs: JobStore,
        inbox: InboxStore,
        publisher: Publisher,
        received: ReceivedStore,
        alerts: AlertStore,
        chats: Chats,
        sent_files: SentFileStore,
        charts: Charts,
        retention: Retention,
        clock: Clock,
        maintain: Callable[[], Awaitable[None]] | None = None,
        forget_people: Callable[[], Awaitable[int]] | None = None,
        forget_calls: Callable[[datetime], Awaitable[int]] | None = None,
    ) -> None:
        self._jobs = jobs
        self._inbox = inbox
        self._publisher = publisher
        self._received = received
        self._alerts = alerts
        self._chats = chats
        self._sent_files = sent_files
        self._charts = charts
        self._retention = retention
        self._clock = clock
        self._maintain = maintain
        self._forget_people = forget_people
        self._forget_calls = forget_calls

    async def round(self) -> Swept:
        now = self._clock()
        await self._sent_files.purge(now - FILE_IDS_KEPT)
        swept = Swept(
            runs=await self._jobs.purge(now - RUNS_KEPT),
            updates=await self._inbox.purge(now - UPDATES_KEPT),
            messages=await self._publisher.tidy(),
            marks=await self._received.purge(now - MARKS_KEPT),
            finds=await self._alerts.purge(now - MARKS_KEPT),
            refs=await self._chats.purge(),
            charts=await self._charts.forget_old(
                CHARTS_KEPT.total_seconds(), await self._needed_pictures()
            ),
            posts=await self._retention.round(),
            people=await self._forget_people() if self._forget_people is not None else 0,
            calls=await self._forget_calls(now - CALLS_KEPT) if self._forget_calls else 0,
        )
        if self._maintain is not None:
            await self._maintain()
        return swept

    async def _needed_pictures(self) -> frozenset[str]:
        """File names that messages not yet sent point to."""
        publisher = self._publisher
        waiting = [
            *await publisher.pending(_ALL_WAITING),
            *await publisher.ambiguous(_ALL_WAITING),
            *await publisher.stopped(_ALL_WAITING),
        ]
        return frozenset(filter(None, (_picture_of(row.payload) for row in waiting)))


def _picture_of(payload: str) -> str:
    """The file name of a stored message's picture; "" for none, or for what cannot be read."""
    try:
        photo = OutMessage.from_json(payload).photo
    except (ValueError, KeyError, TypeError):  # the sender calls it failed, and says why
        return ""
    return Path(photo.path).name if photo is not None else ""
