"""Tells the processes of one bot what each of them sends: together they keep the limits.

The outbox's claims keep them by themselves (storage.send_pace). This is for the rest: answers to
people, which leave at once and are told afterwards, and a 429 that one process was given and all
must obey.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from bot.errors import StorageError
from bot.models.work import Role
from bot.services.pacing import PaceNews, Pacer
from bot.storage.outbox import OutboxStore
from bot.storage.send_pace import SendPaceStore
from bot.storage.workers import WorkerStore

log = logging.getLogger(__name__)

HEAR_S = 1.0
TELL_S = 0.25  # senders make room for answers, and an answer does not wait for them to know
REMEMBER = timedelta(seconds=90)  # longer than a group's minute
_OVERLAP = timedelta(seconds=5)  # two commits may become visible in the other order
_MOST_KNOWN = 5000  # messages; more than go out in 90 seconds
SEEN_WITHIN = timedelta(seconds=20)  # whoever gave no sign for so long is not at work


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """The other live processes of this bot, by what they do."""

    senders: int = 0
    answerers: int = 0


Others = Callable[[], Awaitable[Company]]


async def nobody_else() -> Company:
    """This is the only process."""
    return Company()


def others_than(me: str, workers: WorkerStore, within: timedelta = SEEN_WITHIN) -> Others:
    """Looks for the processes that gave a sign of life lately, but for the one named `me`."""

    async def look() -> Company:
        others = [worker for worker in await workers.alive(within) if worker.name != me]
        return Company(
            senders=sum(Role.SEND in worker.roles for worker in others),
            answerers=sum(Role.CHAT in worker.roles for worker in others),
        )

    return look


class PaceSharing:
    """One process's ear and mouth; `pacer` is what it keeps the limits with."""

    def __init__(self, pacer: Pacer, store: SendPaceStore, outbox: OutboxStore) -> None:
        self._pacer = pacer
        self._store = store
        self._outbox = outbox
        self._known: deque[int] = deque(maxlen=_MOST_KNOWN)
        self._look_back = REMEMBER
        self._hear_at = 0.0
        self._untold: list[PaceNews] = []

    def is_mine(self, message_id: int) -> None:
        """This process sends the message, so its pacer has counted it."""
        self._known.append(message_id)

    async def exchange(self) -> None:
        """Tell what happened here and, each second, hear what did elsewhere; StorageError."""
        await self.tell()
        if time.monotonic() >= self._hear_at:
            await self.hear()

    async def tell(self) -> None:
        """Say what the other processes cannot see: answers, and 429s."""
        self._untold += self._pacer.news()
        news = [one for one in self._untold if one.ago_s < REMEMBER.total_seconds()]
        if not news:
            return
        answers, floods = list[tuple[int, int]](), list[tuple[int, int, int]]()
        for one in news:
            ago_ms = round(one.ago_s * 1000)
            if one.retry_after_s:
                floods.append((one.chat_id, ago_ms, round(one.retry_after_s * 1000)))
            else:
                answers.append((one.chat_id, ago_ms))
        await self._store.tell(answers, floods)
        self._untold.clear()

    def forget(self) -> None:
        """There is nobody to tell."""
        self._pacer.news()

    async def hear(self) -> None:
        """Count what others sent of the outbox, and wait where they were told to."""
        self._hear_at = time.monotonic() + HEAR_S
        known = set(self._known)
        for message_id, chat_id, age_s in await self._outbox.out_within(self._look_back):
            if message_id not in known:
                self._pacer.remember(chat_id, age_s)
                self._known.append(message_id)
        self._look_back = _OVERLAP
        for chat_id, wait_ms in (await self._store.held()).items():
            self._pacer.hold(chat_id, wait_ms / 1000)

    async def run(self) -> None:
        """Exchange for ever; a database that is away is waited for."""
        while True:
            try:
                await self.exchange()
            except StorageError as error:
                log.warning("the pace of sending is not shared", extra={"why": error})
                self._look_back = REMEMBER
            await asyncio.sleep(TELL_S)
