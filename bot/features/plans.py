"""Digest plans as people set them up: when, where and about what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.errors import BadInput, NotFound, QuotaExceeded
from bot.models.user import Chat, DigestPlan
from bot.ports import Clock
from bot.storage.digests import DigestStore
from bot.utils.times import EVERY_DAY, next_daily, parse_clock

MOST_PER_CHAT = 12


class DigestPlans:
    def __init__(self, store: DigestStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def add(
        self, chat: Chat, user_id: int, at: str, topic: str = "", days: str = EVERY_DAY
    ) -> DigestPlan:
        """Plan a digest for a chat, in its own time zone.

        Raises BadInput for what is no time of day or is planned already, QuotaExceeded when the
        chat has enough.
        """
        at = f"{parse_clock(at):%H:%M}"
        plans = await self._store.of_chat(chat.id)
        same = next((plan for plan in plans if (plan.at, plan.topic) == (at, topic)), None)
        if same is not None and same.active:
            raise BadInput("digest.exists")
        if same is None and len(plans) >= MOST_PER_CHAT:
            raise QuotaExceeded("digest.limit", limit=MOST_PER_CHAT)
        return await self._store.save(
            DigestPlan(
                chat_id=chat.id,
                at=at,
                topic=topic,
                days=days,
                next_at=next_daily(self._clock(), at, chat.timezone, days),
                created_by=user_id,
            )
        )

    async def get(self, plan_id: int) -> DigestPlan:
        """Raises NotFound when it was removed."""
        plan = await self._store.get(plan_id)
        if plan is None:
            raise NotFound("digest.plan_gone")
        return plan

    async def of_chats(self, chat_ids: Sequence[int]) -> list[DigestPlan]:
        return [plan for chat_id in chat_ids for plan in await self._store.of_chat(chat_id)]

    async def counts(self) -> dict[int, int]:
        """How many plans each chat has."""
        counts: dict[int, int] = {}
        for plan in await self._store.all():
            counts[plan.chat_id] = counts.get(plan.chat_id, 0) + 1
        return counts

    async def set_active(self, plan: DigestPlan, chat: Chat, active: bool) -> DigestPlan:
        """Pause a plan, or let it go on at its next time."""
        next_at = next_daily(self._clock(), plan.at, chat.timezone, plan.days)
        if not await self._store.set_active(chat.id, plan.id, active, next_at):
            raise NotFound("digest.plan_gone")
        return replace(plan, active=active, next_at=next_at)

    async def set_topic(self, plan: DigestPlan, chat: Chat, topic: str) -> DigestPlan:
        """The same plan about something else; raises BadInput when there is such a one."""
        if plan.topic == topic:
            return plan
        made = await self.add(chat, plan.created_by, plan.at, topic, plan.days)
        await self._store.remove(chat.id, plan.id)
        return made

    async def set_days(self, plan: DigestPlan, chat: Chat, days: str) -> DigestPlan:
        next_at = next_daily(self._clock(), plan.at, chat.timezone, days)
        return await self._store.save(replace(plan, days=days, next_at=next_at))

    async def remove(self, plan: DigestPlan) -> bool:
        return await self._store.remove(plan.chat_id, plan.id)

    async def pause_all(self, chat: Chat) -> int:
        """The bot cannot write there any more; returns how many plans that stops."""
        paused = 0
        for plan in await self._store.of_chat(chat.id):
            if plan.active:
                paused += await self._store.set_active(chat.id, plan.id, False, plan.next_at)
        return paused

    async def move_clock(self, chat: Chat) -> None:
        """The chat's time zone changed: its plans keep their hours by the new clock."""
        now = self._clock()
        for plan in await self._store.of_chat(chat.id):
            next_at = next_daily(now, plan.at, chat.timezone, plan.days)
            await self._store.set_next(plan, next_at)
