"""Who talks with Telegram: of all processes with the role, the one that holds the lease.

Telegram hands its updates to one poller. The leader polls and handles; the others stand by,
connected, and look every second whether it is gone. A leader that cannot renew its lease in time
ends everything it has in hand, and stands by like the others. What it stored and had not answered
is handled by its successor; what it was answering is listed as unsure (see `telegram_inbox`).

Carried over to the next leader, because it is in the database: updates, awaited answers, what
buttons stand for. Not carried over: an answer that is just growing and its stop button; what
the last question of a chat was about, so that a bare follow-up is asked what it means.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from typing import Any

from telegram.error import TelegramError
from telegram.ext import Application

from bot.errors import LeaseLost, LockTimeout, StorageError
from bot.handlers.menus import publish_menus
from bot.handlers.routes import register
from bot.hoshyar import Hoshyar
from bot.models.work import CHAT_LEASE, Lease
from bot.services.db_locks import Leases
from bot.services.telegram_api import TelegramApi
from bot.services.telegram_inbox import Inbox
from bot.services.telegram_lines import LineProcessor

log = logging.getLogger(__name__)

TTL = timedelta(seconds=9)  # with a second to notice and the start: an answer within 15
LOOK_EVERY_S = 1.0
MENU_PAUSES_S = (5, 60, 600)


class ChatLeader:
    """Leads the chat whenever nobody else does."""

    def __init__(
        self,
        hoshyar: Hoshyar,
        telegram: TelegramApi,
        inbox: Inbox,
        leases: Leases,
        *,
        ttl: timedelta = TTL,
    ) -> None:
        self._hoshyar = hoshyar
        self._telegram = telegram
        self._inbox = inbox
        self._leases = leases
        self._ttl = ttl
        self._said = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Lead or stand by until `stop` is set; a term ends in order, then the lease is free."""
        while not stop.is_set():
            try:
                async with self._leases.hold(CHAT_LEASE, self._ttl) as lease:
                    self._say("leads the chat")
                    await self._term(lease, stop)
            except LockTimeout:
                self._say("stands by: another process leads the chat")
                if await self._is_freed():
                    continue
            except LeaseLost as error:
                self._say("leads the chat no more", str(error))
            except StorageError as error:
                self._say("cannot lead: the database is away", str(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_EVERY_S)

    async def _is_freed(self) -> bool:
        try:
            return await self._hoshyar.workers.free_from_the_dead(CHAT_LEASE)
        except StorageError:  # looked at again in a second
            return False

    async def _term(self, lease: Lease, stop: asyncio.Event) -> None:
        """One term: a new application over the same bot, whose connections stay open after it."""
        lines = LineProcessor(self._inbox)
        application: Application[Any, Any, Any, Any, Any, Any] = (
            Application.builder().bot(self._telegram.bot).concurrent_updates(lines).build()
        )
        register(application, self._hoshyar, self._telegram, self._inbox)
        await application.initialize()
        await application.start()
        try:
            await self._poll(application, lease, stop)
            await self._inbox.stop(application)
            await application.stop()
        except BaseException:
            lines.abandon()
            await self._inbox.stop(application, lost=True)
            if application.running:
                await application.stop()
            raise

    async def _poll(
        self, application: Application[Any, Any, Any, Any, Any, Any], lease: Lease,
        stop: asyncio.Event,
    ) -> None:  # fmt: skip
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._inbox.start(application, lease=lease)),
                    group.create_task(self._inbox.run(application)),
                    group.create_task(_menus(self._telegram, self._hoshyar.admin_ids)),
                ]
                await stop.wait()
                for task in tasks:
                    task.cancel()
        except* StorageError as failures:
            raise failures.exceptions[0] from None

    def _say(self, what: str, why: str = "") -> None:
        """To the log, once for each change."""
        if what != self._said:
            log.info(what, extra={"why": why} if why else {})
            self._said = what


async def _menus(telegram: TelegramApi, admin_ids: Collection[int]) -> None:
    """Names, commands and descriptions; a bot without them still works, so it is tried later."""
    for wait_s in MENU_PAUSES_S:
        try:
            await publish_menus(telegram.bot, frozenset(admin_ids))
        except TelegramError as error:
            log.warning("the command menu was not set", extra={"why": str(error)})
            await asyncio.sleep(wait_s)
        else:
            return
