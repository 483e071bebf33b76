"""Digests handed over: by schedule, each once for its time, or because somebody asks.

Moving the plan, the messages in the outbox and the marks of what they tell are one transaction. A
start too late makes the last missed digest, once, and says so.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.analysis.terms import trend_key
from bot.errors import BadInput, ChartFailed
from bot.features.digests import Digests, told_by
from bot.features.publish import Publisher
from bot.features.telling import prepare_all
from bot.models.chart import RenderedDigest
from bot.models.insight import Digest, Window
from bot.models.messages import Attachment, OutMessage
from bot.models.user import Chat, DigestPlan
from bot.models.work import Lane
from bot.ports import Clock, Database, Transaction
from bot.services.charts import Charts
from bot.storage.chats import ChatStore
from bot.storage.digests import DigestStore, ReceivedStore
from bot.utils.times import next_daily, to_ms, zone

log = logging.getLogger(__name__)

LONG_PERIOD = timedelta(hours=30)  # a plan that comes less often than daily looks at a week

RenderDigest = Callable[[Digest, Chat], Awaitable[RenderedDigest]]


@dataclass(frozen=True, slots=True)
class DigestRound:
    """What one round did."""

    made: int = 0
    late: int = 0


class _AlreadyMade(Exception):
    """Another process made this digest meanwhile."""


class Reports:
    def __init__(
        self,
        db: Database,
        *,
        digests: Digests,
        plans: DigestStore,
        received: ReceivedStore,
        chats: ChatStore,
        charts: Charts,
        publisher: Publisher,
        render: RenderDigest,
        clock: Clock,
    ) -> None:
        self._db = db
        self._digests = digests
        self._plans = plans
        self._received = received
        self._chats = chats
        self._charts = charts
        self._publisher = publisher
        self._render = render
        self._clock = clock

    async def run_due(self, now: datetime | None = None) -> DigestRound:
        """Make every digest whose time has come; safe to run again, also in two processes.

        Raises an ExceptionGroup when some could not be made; the others were.
        """
        now = now or self._clock()
        made = late = 0
        problems: list[Exception] = []
        for plan in await self._plans.due(now):
            try:
                digest = await self._make(plan, now)
            except Exception as problem:
                # One chat's digest must not hold up the others; its plan stays due.
                problem.add_note(f"digest plan {plan.id}")
                problems.append(problem)
                continue
            if digest is not None:
                made += 1
                late += digest.is_late
        if problems:
            raise ExceptionGroup("digests not made", problems)
        return DigestRound(made=made, late=late)

    async def send_now(self, chat: Chat, topic: str = "", window: Window = Window.H24) -> Digest:
        """Queue a digest for a chat that asks for it, once a minute at most."""
        now = self._clock()
        digest = await self.digest(chat, window, now, topic)
        key = f"digest:{chat.id}:now:{to_ms(now) // 60_000}:{trend_key(topic)[:60]}"
        # Somebody waits for it, so quiet hours and the queue of bulk do not hold it up.
        if not await self._publish(digest, chat, key, Lane.URGENT, None):
            raise BadInput("digest.just_sent")
        return digest

    async def digest(self, chat: Chat, window: Window, at: datetime, topic: str = "") -> Digest:
        """Everything that a digest for this chat says, as data; nothing is marked as told."""
        return await self._digests.make(chat, window, at, topic)

    # --- making and handing over

    async def _make(self, plan: DigestPlan, now: datetime) -> Digest | None:
        chat = await self._chats.get(plan.chat_id)
        if chat is None:
            return None
        await self._received.take_back_unsent(chat.id)
        slot, window = slot_of(plan, chat, now)
        digest = await self.digest(chat, window, now, plan.topic)
        digest = replace(digest, due_at=slot)
        # By UTC: the same local time comes twice where a chat's zone is changed.
        key = f"digest:{chat.id}:{plan.id}:{slot:%Y%m%dT%H%MZ}"
        local = f"{slot.astimezone(zone(chat.timezone)):%Y-%m-%dT%H:%M}"
        next_at = next_daily(now, plan.at, chat.timezone, plan.days)

        async def advance(tx: Transaction) -> None:
            if not await self._plans.advance_in(tx, plan, local, next_at):
                raise _AlreadyMade

        try:
            await self._publish(digest, chat, key, Lane.BULK, advance)
        except _AlreadyMade:
            return None
        return digest

    async def _publish(
        self,
        digest: Digest,
        chat: Chat,
        key: str,
        lane: Lane,
        advance: Callable[[Transaction], Awaitable[None]] | None,
    ) -> bool:
        """True when it was queued now, false when a digest with this key was there already."""
        rendered = await self._render(digest, chat)
        messages = await self._with_chart(rendered, chat)
        rows = await prepare_all(
            self._publisher, chat.id, messages, kind="digest", unique_key=key, lane=lane
        )

        items = [*(row.unique_key for row in rows), *told_by(digest)]

        async def unit(tx: Transaction) -> bool:
            if advance is not None:
                await advance(tx)
            is_new = await self._publisher.publish_in(tx, rows)
            if is_new:
                await self._received.mark_in(tx, chat.id, items, digest.at)
            return is_new

        is_new = await self._db.write(unit)
        self._publisher.wake()
        return is_new

    async def _with_chart(self, rendered: RenderedDigest, chat: Chat) -> Sequence[OutMessage]:
        """The messages, the first with the chart; without it when it cannot be drawn."""
        if rendered.chart is None or not rendered.messages:
            return rendered.messages
        try:
            picture = await self._charts.picture(rendered.chart)
        except ChartFailed as error:
            log.warning("digest goes without its chart", extra={"chat": chat.id, "why": error})
            return rendered.messages
        first = replace(rendered.messages[0], photo=Attachment(content=picture))
        return (first, *rendered.messages[1:])


def slot_of(plan: DigestPlan, chat: Chat, now: datetime) -> tuple[datetime, Window]:
    """Which of the plan's times, at `now`, the digest is for, and how far back it looks.

    Of several missed times it is the last one. A plan that comes less often than daily, or that
    missed more than one time, looks at a week.
    """
    slots = [now - timedelta(days=15)]
    while (following := next_daily(slots[-1], plan.at, chat.timezone, plan.days)) <= now:
        slots.append(following)
    due = plan.next_at or now
    slot = max(slots[-1], due) if len(slots) > 1 else due
    earlier = [one for one in slots[1:] if one < slot]
    is_long = slot - due >= LONG_PERIOD or not earlier or slot - earlier[-1] >= LONG_PERIOD
    return slot, Window.D7 if is_long else Window.H24
