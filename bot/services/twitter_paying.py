"""Every request to TwitterAPI.io is paid for once, and booked for what it cost.

Money is set aside before a request leaves, and booked when its answer says what it cost. Where
nobody can tell (the connection broke after it had left, the answer cannot be read, a gateway
answered), what was set aside stays so, until the balance shows what became of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from bot.errors import (
    KeyRefused,
    OutOfCredit,
    SourceDown,
    SourceError,
    SourceGarbled,
    SourceGone,
    SourceRefused,
    StorageError,
    TooFast,
    said,
)
from bot.models.spending import Hold
from bot.ports import Clock
from bot.services.twitter_budget import Budget
from bot.services.twitter_http import Answer, TwitterHttp
from bot.services.twitter_parsing import said_in
from bot.services.twitter_prices import failed
from bot.services.twitter_questions import Question
from bot.services.twitter_tweets import SERVICE
from bot.utils.times import utc_now

T = TypeVar("T")
log = logging.getLogger(__name__)

TRIES = 3
LEAST_WAIT_S = 5.0  # after a 429: the service seldom says how long
LONGEST_WAIT_S = 60.0  # who would have to wait longer is told so at once
_AGAIN_AFTER_S = 0.5
_ON_LOOP_BYTES = 256 * 1024  # more is read in a thread


class Passing(SourceDown):
    """Down, but another try may do: nothing could be sent, or the service is busy (503)."""


@dataclass(frozen=True, slots=True)
class Bought(Generic[T]):
    """A good answer: as it came, and as it was read."""

    body: bytes
    value: T


class Payer:
    """Asks the service for what the budget allows."""

    def __init__(
        self,
        http: TwitterHttp,
        budget: Budget,
        *,
        clock: Clock = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = http
        self._budget = budget
        self._clock = clock
        self._sleep = sleep

    async def ask(self, question: Question[T], query_id: int = 0) -> Bought[T]:
        """Ask, again only where that may help and does no harm: 429, 503, nothing sent.

        Each try is held and booked by itself. Raises the SourceError that tells what is known.
        """
        for tries_left in reversed(range(TRIES)):
            try:
                return await self._try(question, query_id)
            except (TooFast, Passing) as error:
                if not tries_left or (error.retry_after_s or 0.0) > LONGEST_WAIT_S:
                    raise
                log.info("asked again", extra={"endpoint": question.endpoint, "why": said(error)})
                if isinstance(error, Passing):  # after a 429 the budget lets nobody go at once
                    await self._sleep(error.retry_after_s or _AGAIN_AFTER_S * (TRIES - tries_left))
        raise AssertionError("unreachable")

    async def _try(self, question: Question[T], query_id: int = 0) -> Bought[T]:
        hold = await self._budget.reserve(
            question.endpoint, question.worst, query_id=query_id, closing=question.closing
        )
        has_left = False

        def leaving() -> None:
            nonlocal has_left
            has_left = True

        try:
            await self._departure(hold)
            answer = await self._http.ask(question.request, leaving)
        except BaseException as error:
            if has_left:
                log.warning(
                    "nobody knows what a request cost",
                    extra={"endpoint": question.endpoint, "held": hold.credits, "why": said(error)},
                )
                raise
            await self._book(self._budget.release(hold))
            if isinstance(error, SourceDown):
                raise Passing(str(error), source=SERVICE) from error
            raise
        if not 200 <= answer.status < 300:
            raise await self._failure(question, hold, answer)
        return await self._bought(question, hold, answer)

    async def _departure(self, hold: Hold) -> None:
        if hold.wait_s > LONGEST_WAIT_S:
            raise TooFast("too many are waiting", source=SERVICE, retry_after_s=hold.wait_s)
        if hold.wait_s > 0:
            await self._sleep(hold.wait_s)

    async def _bought(self, question: Question[T], hold: Hold, answer: Answer) -> Bought[T]:
        try:
            if len(answer.body) > _ON_LOOP_BYTES:
                value = await asyncio.to_thread(question.read, answer.body, self._clock())
            else:
                value = question.read(answer.body, self._clock())
        except SourceGarbled as error:
            log.warning(
                "an answer cannot be read, nobody knows what it cost",
                extra={"endpoint": question.endpoint, "held": hold.credits, "why": said(error)},
            )
            raise
        except SourceGone:  # told in full: what is asked for is not there any more
            await self._settle(hold, question.worst, 0, answer.status)
            raise
        except SourceError:  # a good answer that tells a failure
            await self._settle(hold, failed(200), 0, 200)
            raise
        bill = question.bill(value)
        await self._settle(hold, bill.credits, bill.items, answer.status)
        return Bought(answer.body, value)

    async def _failure(self, question: Question[T], hold: Hold, answer: Answer) -> SourceError:
        status, wait_s = answer.status, answer.retry_after_s
        await self._settle(hold, failed(status), 0, status)
        words = said_in(answer.body)
        message = f"HTTP {status}: {words}" if words else f"HTTP {status}"
        if status in (401, 403):
            return KeyRefused(message, source=SERVICE)
        if status == 402:
            await self._book(self._budget.out_of_credit())
            return OutOfCredit(message, source=SERVICE)
        if status == 429:
            wait_s = max(LEAST_WAIT_S, wait_s or 0.0)
            await self._book(self._budget.slow_down(wait_s))
            return TooFast(message, source=SERVICE, retry_after_s=wait_s)
        if status == 503:
            return Passing(message, source=SERVICE, retry_after_s=wait_s)
        if 400 <= status < 500 and status != 408:
            return SourceRefused(message, source=SERVICE)
        return SourceDown(message, source=SERVICE, retry_after_s=wait_s)

    async def _settle(self, hold: Hold, credits: int | None, items: int, status: int) -> None:
        if credits is not None:
            await self._book(self._budget.settle(hold, credits, items=items, status=status))

    async def _book(self, booking: Coroutine[Any, Any, None]) -> None:
        """Book to the end, even when nobody waits for the answer any more.

        A database that is away costs nothing but precision: what was set aside stays so.
        """
        task = asyncio.create_task(booking)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task])
            if not task.cancelled() and (error := task.exception()) is not None:
                log.warning("a request could not be booked", extra={"why": said(error)})
            raise
        except StorageError as error:
            log.warning("a request could not be booked", extra={"why": said(error)})
