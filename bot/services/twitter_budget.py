"""The budget of TwitterAPI.io: nothing is asked there that was not set aside before.

It keeps nothing in memory: every number is in the database, where all workers share them, and so is
the clock.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bot.errors import BudgetSpent, OutOfCredit
from bot.models.spending import (
    BudgetState,
    Hold,
    NoticeKind,
    SpendingNotice,
    SpendingReport,
    lasts_until,
)
from bot.models.tweets import Balance
from bot.storage.spending import (
    CHECKPOINT,
    CREDIT,
    LIMIT,
    SPENT,
    SpendingStore,
    Wish,
    day_of,
    next_day,
    rate_of,
)
from bot.storage.spending_balance import BalanceStore, balance_of, is_resting
from bot.storage.spending_draws import DrawStore
from bot.storage.spending_report import forget_calls, read_report
from bot.utils.times import from_ms, to_ms

log = logging.getLogger(__name__)

_SOURCE = "twitter"
_FRESH = timedelta(minutes=10)  # a balance older than this is read again
_OFTEN = timedelta(seconds=60)  # … or this, while something waits to be reckoned with it
_RESTING = timedelta(seconds=30)  # … or this, while searches rest for it
_EMPTY_RETRY_S = 600.0

Notify = Callable[[SpendingNotice], Awaitable[None]]


class Budget:
    """What may be spent in a day. `on_notice` gets what admins should know, each thing once.

    A hold lasts `hold_s` beyond its departure; who has not settled it then is taken for dead. The
    balance shows a charge within `settling_s`. `requests_per_s` replaces what the balance allows.
    """

    def __init__(
        self,
        store: SpendingStore,
        *,
        daily_credits: int,
        timezone: str,
        on_notice: Notify | None = None,
        hold_s: float = 120.0,
        settling_s: float = 90.0,
        requests_per_s: float | None = None,
    ) -> None:
        self._store = store
        self._balances = BalanceStore(store.db)
        self._draws = DrawStore(store.db)
        self._daily_credits = daily_credits
        self._timezone = timezone
        self._on_notice = on_notice
        self._hold_ms = int(hold_s * 1000)
        self._settling_ms = int(settling_s * 1000)
        self._rate = requests_per_s

    async def reserve(
        self,
        endpoint: str,
        worst: int,
        *,
        query_id: int = 0,
        hold_s: float | None = None,
        closing: bool = False,
    ) -> Hold:
        """Set the worst price of a request aside and give it a departure.

        A free one (`worst` 0) departs also when nothing is left, and so does one that is `closing`
        what would cost more; it is booked all the same. Raises BudgetSpent until the next day when
        it does not fit any more, and OutOfCredit while the account is empty.
        """
        wish = Wish(
            endpoint=endpoint,
            worst=worst,
            query_id=query_id,
            timezone=self._timezone,
            limit=self._daily_credits,
            rate=self._rate,
            hold_ms=self._hold_ms if hold_s is None else int(hold_s * 1000),
            closing=closing,
        )
        answer = await self._store.reserve(wish)
        if answer.hold is not None:
            return answer.hold
        if answer.is_out_of_credit:
            raise OutOfCredit(
                "the account at TwitterAPI.io is empty",
                source=_SOURCE,
                retry_after_s=_EMPTY_RETRY_S,
            )
        await self._tell_spent(answer.notice, answer.now)
        raise BudgetSpent(
            f"today's budget has no room for {worst} credits",
            source=_SOURCE,
            retry_after_s=answer.retry_after_s,
        )

    async def note_spent(self) -> None:
        """Somebody asks no more, since the day's money is spent: admins should know."""
        await self._tell_spent(*await self._store.spent_notice(self._timezone, self._daily_credits))

    async def settle(self, hold: Hold, credits: int, *, items: int = 0, status: int = 200) -> None:
        """Book what the request cost; a second time does nothing."""
        if hold.id and not await self._store.settle(hold.id, credits, items, status):
            log.info("a request was settled before", extra={"hold": hold.id, "credits": credits})

    async def draw(
        self, hold: Hold, credits: int, *, items: int = 0, hold_s: float | None = None
    ) -> int | None:
        """Book a part of what is held and keep the rest for longer; returns the rest.

        None: the hold is not ours any more, and nothing was booked.
        """
        hold_ms = self._hold_ms if hold_s is None else int(hold_s * 1000)
        return await self._draws.draw(hold.id, credits, items, hold_ms)

    async def grow(self, hold: Hold, credits: int) -> bool:
        """Set so much more aside under a hold; False when today's budget has no room for it."""
        return await self._draws.grow(hold.id, credits, self._daily_credits)

    async def release(self, hold: Hold) -> None:
        """Give back what was set aside: surely nothing was sent."""
        if hold.id:
            await self._store.release(hold.id)

    async def slow_down(self, seconds: float) -> None:
        """Nobody asks before so many seconds have passed."""
        await self._store.slow_down(int(seconds * 1000))

    async def out_of_credit(self) -> None:
        """The account is empty: nothing is asked until a balance shows otherwise."""
        since, is_news = await self._balances.out_of_credit()
        if not is_news:
            return
        log.error("the account at TwitterAPI.io is empty: no tweets until it is recharged")
        key = f"out-of-credit:{to_ms(since)}"
        await self._tell_once(CREDIT, SpendingNotice(NoticeKind.OUT_OF_CREDIT, key, since))

    async def saw_balance(self, balance: Balance) -> None:
        """Take what the account says: the shared pace, the end of emptiness, our books checked."""
        seen = await self._balances.saw(balance, self._timezone, self._settling_ms)
        if seen.ended_out_of_credit:
            log.info("the account at TwitterAPI.io has credit again")
        if seen.is_recharged:
            key = f"credit-back:{to_ms(seen.now)}"
            await self._tell(SpendingNotice(NoticeKind.CREDIT_BACK, key, seen.now, balance.credits))
        if seen.reckoning is not None and seen.reckoning.unexplained:
            credits = seen.reckoning.unexplained
            log.warning("the balance fell beyond what we asked for", extra={"credits": credits})
            key = f"unexplained:{to_ms(seen.now)}"
            await self._tell(SpendingNotice(NoticeKind.UNEXPLAINED, key, seen.now, credits))

    async def wants_balance(self) -> bool:
        """Whether it is time to read the balance: it is old, or something waits for it."""
        totals = await self._store.totals(self._timezone)
        known = balance_of(totals.facts)
        if known is None:
            return True
        age = totals.now - known[1]
        if is_resting(totals.facts, to_ms(totals.now)):
            return age >= _RESTING
        credit = totals.facts.get(CREDIT)
        waits = totals.lost > 0 or (credit is not None and credit.number > 0)
        return age >= (_OFTEN if waits else _FRESH)

    async def rests(self) -> bool:
        """Whether searches should rest, so that a quiet moment comes to check the books in.

        For three minutes at the most and once an hour, when the price of a request is unknown or
        the books were not checked for an hour; never while tweets are pushed to us.
        """
        return await self._balances.rests()

    async def set_limit(self, credits: int | None) -> None:
        """An admin's limit for each day from now on; None: that of the settings."""
        await self._store.set_limit(credits)

    async def state(self) -> BudgetState:
        """Today, as all workers together have it."""
        totals = await self._store.totals(self._timezone)
        facts, now = totals.facts, totals.now
        ends_at = next_day(now, self._timezone)
        noon_before = ends_at - timedelta(hours=36)
        starts_at = next_day(noon_before, self._timezone)
        limit = facts[LIMIT].number if LIMIT in facts else self._daily_credits
        left = max(0, limit - totals.spent - totals.held)
        until = lasts_until(totals.spent, left, starts_at, now)
        known = balance_of(facts)
        return BudgetState(
            day=totals.day,
            starts_at=starts_at,
            ends_at=ends_at,
            now=now,
            limit=limit,
            is_admins_limit=LIMIT in facts,
            spent=totals.spent,
            held=totals.held,
            held_live=totals.held_live,
            calls=totals.calls,
            items=totals.items,
            lost=totals.lost,
            lost_credits=totals.lost_credits,
            lasts_until=until if until is not None and until < ends_at else None,
            balance=known[0] if known else None,
            balance_at=known[1] if known else None,
            checked_at=from_ms(facts[CHECKPOINT].at_ms) if CHECKPOINT in facts else None,
            is_out_of_credit=CREDIT in facts and facts[CREDIT].number > 0,
            rate=rate_of(facts, self._rate),
        )

    async def report(self, days: int) -> SpendingReport:
        """What the last days cost, today included."""
        totals = await self._store.totals(self._timezone)
        first = to_ms(totals.now - timedelta(days=max(1, days) - 1))
        return await read_report(self._store.db, day_of(first, self._timezone))

    async def forget_before(self, moment: datetime) -> int:
        """Remove the single calls of long ago; the totals of their days stay."""
        return await forget_calls(self._store.db, moment)

    async def _tell_spent(self, news: str, now: datetime) -> None:
        if news:
            log.warning("the day's budget for tweets is spent", extra={"day": news})
            key = f"budget-spent:{news}"
            await self._tell_once(SPENT, SpendingNotice(NoticeKind.BUDGET_SPENT, key, now))

    async def _tell(self, notice: SpendingNotice) -> None:
        if self._on_notice is not None:
            await self._on_notice(notice)

    async def _tell_once(self, fact: str, notice: SpendingNotice) -> None:
        """Tell of what `fact` says that it was told; when that fails, the next one tells."""
        try:
            await self._tell(notice)
        except BaseException:
            await self._store.not_told(fact)
            raise
