"""The order of handling: in line for each person, side by side for different ones."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

from telegram import Update
from telegram.ext import BaseUpdateProcessor

from bot.services.db_locks import KeyedLocks
from bot.services.telegram_inbox import Inbox

AT_ONCE = 32  # handlers running at the same time
WAITING = 4096  # updates in line, over all; more wait in the library's queue


class LineProcessor(BaseUpdateProcessor):
    """One update after the other for each person in each chat, different ones at the same time.

    `skips_line` names updates that must not wait, such as a press of the button that stops an
    answer.
    """

    def __init__(
        self,
        inbox: Inbox,
        *,
        at_once: int = AT_ONCE,
        skips_line: Callable[[Update], bool] | None = None,
    ) -> None:
        super().__init__(WAITING)
        self._inbox = inbox
        self._slots = asyncio.Semaphore(at_once)
        self._lines = KeyedLocks()
        self._skips_line = skips_line or presses_stop
        self._at_work: set[asyncio.Task[Any]] = set()
        self._is_over = False

    def abandon(self) -> None:
        """End all handling where it is, and begin none: another process leads the chat."""
        self._is_over = True
        for task in self._at_work:
            task.cancel()

    async def do_process_update(self, update: object, coroutine: Awaitable[Any]) -> None:
        if not isinstance(update, Update) or not asyncio.iscoroutine(coroutine):
            await coroutine
            return
        if self._is_over:
            coroutine.close()
            return
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._at_work.add(task)
        try:
            await self._in_line(update, coroutine)
        finally:
            self._at_work.discard(task)
            coroutine.close()  # one that was not to be run; no effect on one that was

    async def _in_line(self, update: Update, coroutine: Coroutine[Any, Any, Any]) -> None:
        if self._skips_line(update):
            await self._inbox.handle(update, coroutine)
            return
        who = _line_of(update)
        if who is None:
            async with self._slots:
                await self._inbox.handle(update, coroutine)
            return
        async with self._lines.hold(who), self._slots:
            await self._inbox.handle(update, coroutine)

    async def initialize(self) -> None:
        """Nothing to open."""

    async def shutdown(self) -> None:
        """Nothing to close."""


def presses_stop(update: Update) -> bool:
    """Is it a press of a button whose data begin with "stop"?"""
    query = update.callback_query
    return query is not None and isinstance(query.data, str) and query.data.startswith("stop")


def _line_of(update: Update) -> tuple[int, int] | None:
    """Chat and person; None where order does not matter."""
    if update.inline_query is not None or update.effective_chat is None:
        return None
    user = update.effective_user
    return update.effective_chat.id, user.id if user else 0
