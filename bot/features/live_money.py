"""What pushes are paid from: a hold that is kept filled, and handed on from worker to worker."""

from __future__ import annotations

import logging

from bot.errors import BudgetSpent, OutOfCredit, said
from bot.features.live_pushes import HOLD_S
from bot.models.spending import PUSH, BudgetState, NoticeKind, SpendingNotice
from bot.ports import Clock
from bot.services.twitter_budget import Budget, Notify
from bot.storage.live import LiveStore, Off
from bot.utils.times import to_ms

log = logging.getLogger(__name__)

HOLD = 1_500  # credits: a hundred tweets
_ONE_EVENT = 300  # of twenty tweets: with less at hand the next one might not be paid for
_ONE_RULE = 15  # what it costs to put it to rest


class LiveMoney:
    """The hold that all workers' pushes draw on.

    What is pushed was charged before it is here, so the hold is larger than what the rules should
    bring before they can be put to rest: what one look of theirs finds, and half of it again.
    """

    def __init__(
        self,
        budget: Budget,
        store: LiveStore,
        clock: Clock,
        *,
        on_notice: Notify | None = None,
        size: int = HOLD,
    ) -> None:
        self._budget = budget
        self._store = store
        self._clock = clock
        self._on_notice = on_notice
        self._least = size
        self._size, self._need = size, _ONE_EVENT  # as the rules of the last look have it
        self._short: BudgetState | None = None  # why there is no money: the budget has no room

    def is_low(self, left: int) -> bool:
        """Whether so little is left of the hold that it should be looked after at once."""
        return left < max(self._need, self._size // 2)

    async def keep(self, rules: int, expected: int = 0) -> bool:
        """See that enough is held for so many rules, which bring `expected` credits' worth a look.

        False: today's budget has no room, and the rules must rest until the next day (or until an
        admin raises the limit). What is held stays so until they do, and `rest` is called.
        """
        state = await self._budget.state()
        hold = await self._store.hold()
        self._short = None
        # What is left must also do for putting the rules to rest.
        self._need = max(_ONE_EVENT, expected * 3 // 2) + 2 * _ONE_RULE * rules
        self._size = max(self._least, 2 * self._need if expected > _ONE_EVENT else self._need)
        left = None
        if hold is not None and hold.day == state.day:
            left = await self._budget.draw(hold, 0, hold_s=HOLD_S)
        elif hold is not None:
            await self.release()
        if hold is None or left is None:
            return await self._begin(state, rules)
        is_over = state.spent + state.held > state.limit
        if not is_over and self.is_low(left):
            more = self._missing(left, state.left)
            is_grown = more > 0 and await self._budget.grow(hold, more)
            is_over = left + (more if is_grown else 0) < self._need
        self._short = state if is_over else None
        return not is_over

    async def limit(self) -> int:
        """What may be spent in a day, on everything."""
        return (await self._budget.state()).limit

    async def rest(self) -> None:
        """The rules are at rest: give back what is held; admins are told once why they are."""
        await self.release()
        short, self._short = self._short, None
        if short is None or not await self._store.set_off(Off(short.day, short.limit, short.now)):
            return
        log.warning("live tweets rest: today's budget has no room for them")
        try:
            await self._tell(NoticeKind.RULES_OFF, short)
        except BaseException:
            await self._store.set_on()  # so that the next look tells
            raise

    async def release(self) -> None:
        """Give back what is held; what was drawn of it stays booked."""
        hold = await self._store.hold()
        if hold is not None:
            await self._store.keep_hold(None)
            await self._budget.release(hold)

    def _missing(self, left: int, room: int) -> int:
        """What is to be added to a hold: no more than it needs when the day has little room."""
        wished = self._size - left
        return wished if wished <= room else max(0, self._need - left)

    async def _begin(self, state: BudgetState, rules: int) -> bool:
        off = await self._store.off()
        if off is not None and (off.day, off.limit) == (state.day, state.limit):
            return False
        try:
            room = state.left - _ONE_RULE - 2 * _ONE_RULE * rules  # after they are made and begun
            size = self._missing(0, room)
            if size > room:
                self._short = state
                return False
            hold = await self._budget.reserve(PUSH, size, hold_s=HOLD_S)
        except BudgetSpent:
            self._short = state
            return False
        except OutOfCredit as error:
            log.info("no live tweets", extra={"why": said(error)})
            return False
        await self._store.keep_hold(hold)
        if await self._store.set_on():
            log.info("there is money for live tweets again")
            await self._tell(NoticeKind.RULES_ON, state)
        return True

    async def _tell(self, kind: NoticeKind, state: BudgetState) -> None:
        if self._on_notice is not None:
            key = f"{kind.value}:{to_ms(state.now)}"
            await self._on_notice(SpendingNotice(kind, key, state.now))
