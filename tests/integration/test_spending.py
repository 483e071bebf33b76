"""The budget of TwitterAPI.io: no two workers overspend it, and every credit is booked once."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.errors import BudgetSpent, OutOfCredit
from bot.models.spending import PUSH, NoticeKind, Spending, SpendingNotice
from bot.models.tweets import Balance
from bot.ports import Database
from bot.services.twitter_budget import Budget
from bot.storage.spending import SpendingStore
from bot.utils.times import to_ms

ROOT = Path(__file__).resolve().parents[2]
NOON = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)  # in Tehran
FAST = 100_000.0


class Told:
    """What admins would be told."""

    def __init__(self) -> None:
        self.notices: list[SpendingNotice] = []
        self.fails = False

    async def __call__(self, notice: SpendingNotice) -> None:
        if self.fails:
            raise RuntimeError("nobody listens")
        self.notices.append(notice)

    @property
    def kinds(self) -> list[NoticeKind]:
        return [notice.kind for notice in self.notices]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def store(db: Database) -> SpendingStore:
    return SpendingStore(db)


@pytest.fixture
def set_clock(db: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Set the database's clock, which stands still from then on."""

    def set_to(moment: datetime) -> None:
        monkeypatch.setattr(db.dialect, "now_ms", str(to_ms(moment)))

    return set_to


def make_budget(store: SpendingStore, limit: int = 1000, **given: Any) -> Budget:
    given.setdefault("requests_per_s", FAST)
    given.setdefault("timezone", "Asia/Tehran")
    given.setdefault("settling_s", 0.0)
    return Budget(store, daily_credits=limit, **given)


async def see(
    budget: Budget, set_clock: Callable[[datetime], None], at: datetime, credits: int
) -> None:
    """Read the balance twice, a minute apart."""
    for moment in (at, at + timedelta(minutes=1)):
        set_clock(moment)
        await budget.saw_balance(Balance(credits, 0))


async def test_a_hold_counts_until_it_is_settled(store: SpendingStore) -> None:
    """In between the worst price is set aside, afterwards the real one is spent."""
    budget = make_budget(store)

    hold = await budget.reserve("advanced_search", 300, query_id=7)
    before = await budget.state()
    await budget.settle(hold, 45, items=3)
    after = await budget.state()

    assert (before.spent, before.held, before.left) == (0, 300, 700)
    assert (after.spent, after.held, after.left) == (45, 0, 955)
    assert (after.calls, after.items) == (1, 3)


async def test_a_price_may_be_higher_than_what_was_held(store: SpendingStore) -> None:
    budget = make_budget(store)

    hold = await budget.reserve("advanced_search", 300)
    await budget.settle(hold, 360, items=24)

    state = await budget.state()
    assert (state.spent, state.held, state.left) == (360, 0, 640)


async def test_settling_twice_books_once(store: SpendingStore) -> None:
    """Also when both come at the same time."""
    budget = make_budget(store)
    hold = await budget.reserve("advanced_search", 300)

    await asyncio.gather(*(budget.settle(hold, 45, items=3) for _ in range(5)))

    state = await budget.state()
    assert (state.spent, state.held, state.calls, state.items) == (45, 0, 1, 3)


async def test_a_released_hold_leaves_nothing(store: SpendingStore) -> None:
    """Nor does a settlement that comes after it."""
    budget = make_budget(store)
    hold = await budget.reserve("advanced_search", 300)

    await budget.release(hold)
    await budget.release(hold)
    await budget.settle(hold, 45)

    state = await budget.state()
    assert (state.spent, state.held, state.calls) == (0, 0, 0)
    assert (await budget.report(1)).by_endpoint == ()


async def test_what_does_not_fit_is_refused_until_the_next_day(
    store: SpendingStore, set_clock: Callable[[datetime], None]
) -> None:
    """The last credit may be used, one beyond it not; the error says when the day turns."""
    set_clock(NOON)
    budget = make_budget(store, 1000)
    await budget.reserve("advanced_search", 700)

    with pytest.raises(BudgetSpent) as refused:
        await budget.reserve("advanced_search", 301)
    fits = await budget.reserve("advanced_search", 300)

    assert fits.credits == 300
    assert refused.value.retry_after_s == 12 * 3600


async def test_what_is_free_is_asked_also_without_money(store: SpendingStore) -> None:
    """The balance is read when nothing is left and the account is empty."""
    budget = make_budget(store, 0)
    await budget.out_of_credit()

    hold = await budget.reserve("balance", 0)
    await budget.settle(hold, 0)
    await budget.release(hold)

    assert hold.credits == 0
    assert (await budget.state()).calls == 0


async def test_the_day_turns_in_its_time_zone(
    store: SpendingStore, set_clock: Callable[[datetime], None]
) -> None:
    """At 20:30 UTC a new day begins in Tehran, with its whole budget; the old hold stays old."""
    budget = make_budget(store, 1000)
    set_clock(datetime(2026, 11, 21, 20, 29, 59, tzinfo=UTC))
    old = await budget.reserve("advanced_search", 1000)

    set_clock(datetime(2026, 11, 21, 20, 30, tzinfo=UTC))
    new = await budget.reserve("advanced_search", 1000)
    await budget.settle(old, 600, items=40)

    state = await budget.state()
    assert (old.day, new.day) == ("2026-11-21", "2026-11-22")
    assert (state.day, state.spent, state.held) == ("2026-11-22", 0, 1000)
    assert state.starts_at == datetime(2026, 11, 21, 20, 30, tzinfo=UTC)
    assert state.ends_at == datetime(2026, 11, 22, 20, 30, tzinfo=UTC)
    days = dict((await budget.report(2)).by_day)
    assert days["2026-11-21"].credits == 600


async def test_a_request_belongs_to_the_day_in_which_it_leaves(
    store: SpendingStore, set_clock: Callable[[datetime], None]
) -> None:
    """Told to wait beyond midnight, it takes from the new day's budget."""
    set_clock(datetime(2026, 11, 21, 20, 29, 58, tzinfo=UTC))
    budget = make_budget(store, 1000)
    await budget.reserve("advanced_search", 1000)
    await budget.slow_down(5)

    late = await budget.reserve("advanced_search", 300)

    assert (late.day, late.wait_s) == ("2026-11-22", 5.0)


@pytest.mark.parametrize(
    ("moment", "hours"),
    [
        (datetime(2026, 3, 29, 12, tzinfo=UTC), 23),
        (datetime(2026, 10, 25, 12, tzinfo=UTC), 25),
        (datetime(2026, 11, 21, 0, 1, tzinfo=UTC), 24),
    ],
)
async def test_a_day_is_as_long_as_its_clock_says(
    store: SpendingStore, set_clock: Callable[[datetime], None], moment: datetime, hours: int
) -> None:
    """Where the clock is put forward or back a day has 23 or 25 hours."""
    set_clock(moment)

    state = await make_budget(store, timezone="Europe/Berlin").state()

    assert state.ends_at - state.starts_at == timedelta(hours=hours)
    assert state.starts_at <= moment < state.ends_at


async def test_an_admins_limit_stands_above_the_settings(store: SpendingStore) -> None:
    """Until it is taken away again."""
    budget = make_budget(store, 1000)

    await budget.set_limit(100)
    state = await budget.state()
    with pytest.raises(BudgetSpent):
        await budget.reserve("advanced_search", 300)
    await budget.set_limit(None)
    back = await budget.state()

    assert (state.limit, state.is_admins_limit) == (100, True)
    assert (back.limit, back.is_admins_limit) == (1000, False)
    assert (await budget.reserve("advanced_search", 300)).credits == 300


async def test_a_spent_day_is_told_once(store: SpendingStore, told: Told) -> None:
    """Not again by other workers, and not while a page still fits."""
    budgets = [make_budget(store, 1000, on_notice=told) for _ in range(3)]
    hold = await budgets[0].reserve("advanced_search", 600)
    with pytest.raises(BudgetSpent):
        await budgets[1].reserve("bulk", 500)
    assert told.kinds == []

    await budgets[0].settle(hold, 750, items=50)
    for budget in budgets:
        with pytest.raises(BudgetSpent):
            await budget.reserve("advanced_search", 300)

    assert told.kinds == [NoticeKind.BUDGET_SPENT]


async def test_departures_are_shared_by_all_workers(
    store: SpendingStore, set_clock: Callable[[datetime], None]
) -> None:
    """Four a second: a place every 250 ms, whoever asks."""
    set_clock(NOON)
    one, other = (make_budget(store, requests_per_s=4.0) for _ in range(2))

    waits = [
        (await budget.reserve("user", 15)).wait_s for budget in (one, other, other, one, other)
    ]

    assert waits == [0.0, 0.25, 0.5, 0.75, 1.0]


async def test_the_pace_is_what_the_balance_allows(
    store: SpendingStore, set_clock: Callable[[datetime], None]
) -> None:
    """A balance that one worker has read is every worker's."""
    set_clock(NOON)
    one, other = (make_budget(store, requests_per_s=None) for _ in range(2))

    await one.saw_balance(Balance(9_000, 2_000))
    fast = [(await other.reserve("user", 15)).wait_s for _ in range(2)]
    await one.saw_balance(Balance(500, 400))
    slow = [(await other.reserve("user", 15)).wait_s for _ in range(2)]

    assert fast == [0.0, 0.1]
    assert slow == [0.2, 5.2]
    assert (await other.state()).rate == 0.2


async def test_after_too_fast_nobody_asks_for_a_while(
    store: SpendingStore, set_clock: Callable[[datetime], None]
) -> None:
    """The longest wait that was asked for counts, and what was booked before keeps its place."""
    set_clock(NOON)
    one, other = (make_budget(store, requests_per_s=10.0) for _ in range(2))

    await one.slow_down(5)
    await one.slow_down(2)

    assert [(await other.reserve("user", 15)).wait_s for _ in range(2)] == [5.0, 5.1]
    set_clock(NOON + timedelta(seconds=10))
    assert (await other.reserve("user", 15)).wait_s == 0.0


async def test_a_clock_that_was_set_back_stops_nobody(
    store: SpendingStore, set_clock: Callable[[datetime], None]
) -> None:
    """A departure or a silence further away than any can be counts as none."""
    set_clock(NOON)
    budget = make_budget(store, requests_per_s=1.0)
    await budget.slow_down(10**6)
    await budget.reserve("user", 15)

    set_clock(NOON - timedelta(days=1))

    assert (await budget.reserve("user", 15)).wait_s == 0.0


async def test_an_empty_account_is_told_once_and_ends_with_a_balance(
    store: SpendingStore, told: Told
) -> None:
    """All workers stop at once; the next emptiness is news again."""
    budgets = [make_budget(store, on_notice=told) for _ in range(3)]

    await asyncio.gather(*(budget.out_of_credit() for budget in budgets))
    for budget in budgets:
        with pytest.raises(OutOfCredit):
            await budget.reserve("advanced_search", 300)
    stopped = await budgets[0].state()
    await budgets[1].saw_balance(Balance(-20, 0))
    still = await budgets[0].state()
    await budgets[1].saw_balance(Balance(50_000, 0))
    hold = await budgets[2].reserve("advanced_search", 300)
    await budgets[0].out_of_credit()

    assert (stopped.is_out_of_credit, still.is_out_of_credit) == (True, True)
    assert hold.credits == 300
    assert told.kinds == [
        NoticeKind.OUT_OF_CREDIT,
        NoticeKind.CREDIT_BACK,
        NoticeKind.OUT_OF_CREDIT,
    ]


async def test_a_few_credits_do_not_make_emptiness_news_again(
    store: SpendingStore, told: Told
) -> None:
    """They are spent by the next request; admins know already."""
    budget = make_budget(store, on_notice=told)
    await budget.out_of_credit()

    await budget.saw_balance(Balance(15, 0))
    await budget.out_of_credit()

    assert told.kinds.count(NoticeKind.OUT_OF_CREDIT) == 1
    assert (await budget.state()).is_out_of_credit


async def test_emptiness_that_the_balance_denies_is_asked_about_ever_more_rarely(
    store: SpendingStore, told: Told, set_clock: Callable[[datetime], None]
) -> None:
    """The service says 402 and shows credit: after 1, 5, 15, 60 minutes it is tried again, and
    admins hear of it once an hour at the most."""
    budget = make_budget(store, on_notice=told)
    balance = Balance(50_000, 0)
    await see(budget, set_clock, NOON, balance.credits)
    now, waits, kinds = NOON + timedelta(minutes=2), [], []

    for _ in range(5):
        set_clock(now)
        await budget.out_of_credit()
        kinds.append(len(told.kinds))
        waited = 0
        while (await budget.state()).is_out_of_credit:
            waited += 1
            set_clock(now + timedelta(minutes=waited))
            await budget.saw_balance(balance)
        waits.append(waited)
        now += timedelta(minutes=waited, seconds=10)

    assert waits == [1, 5, 15, 60, 60]
    assert kinds == [1, 1, 1, 1, 2]
    assert set(told.kinds) == {NoticeKind.OUT_OF_CREDIT}


async def test_a_recharge_ends_emptiness_at_once(
    store: SpendingStore, told: Told, set_clock: Callable[[datetime], None]
) -> None:
    """Also when the balance that was last read was old and higher."""
    budget = make_budget(store, on_notice=told)
    await see(budget, set_clock, NOON, 50_000)
    await budget.out_of_credit()
    await budget.saw_balance(Balance(3, 0))
    few = await budget.state()

    await budget.saw_balance(Balance(20_000, 0))

    assert few.is_out_of_credit
    assert not (await budget.state()).is_out_of_credit
    assert told.kinds == [NoticeKind.OUT_OF_CREDIT, NoticeKind.CREDIT_BACK]


async def test_what_could_not_be_told_is_told_by_the_next(store: SpendingStore, told: Told) -> None:
    budget = make_budget(store, 0, on_notice=told)
    told.fails = True
    with pytest.raises(RuntimeError):
        await budget.out_of_credit()
    with pytest.raises(OutOfCredit):
        await budget.reserve("advanced_search", 300)

    told.fails = False
    await budget.out_of_credit()
    await budget.out_of_credit()

    assert told.kinds == [NoticeKind.OUT_OF_CREDIT]


async def test_a_lost_hold_counts_in_full_until_the_balance_tells(
    store: SpendingStore, set_clock: Callable[[datetime], None]
) -> None:
    """Its process died after the request had left; the balance says 90 of 300."""
    budget = make_budget(store, 1000, settling_s=90, hold_s=120)
    await see(budget, set_clock, NOON, 50_000)
    set_clock(NOON + timedelta(minutes=2))
    await budget.settle(await budget.reserve("advanced_search", 300), 45, items=3)
    await budget.reserve("advanced_search", 300)

    set_clock(NOON + timedelta(minutes=4, seconds=1))
    lost = await budget.state()
    await see(budget, set_clock, NOON + timedelta(minutes=6), 50_000 - 45 - 90)
    after = await budget.state()

    assert (lost.lost, lost.lost_credits, lost.left) == (1, 300, 655)
    assert (after.lost, after.spent, after.held, after.left) == (0, 135, 0, 865)
    assert after.calls == 2


async def test_the_balance_is_not_believed_while_charges_may_be_on_their_way(
    store: SpendingStore, set_clock: Callable[[datetime], None]
) -> None:
    """Not within the service's delay, not while a request is out, and not when read once only."""
    budget = make_budget(store, 10_000, settling_s=90, hold_s=120)
    await see(budget, set_clock, NOON, 50_000)
    set_clock(NOON + timedelta(minutes=2))
    await budget.reserve("advanced_search", 300)  # its process dies

    for seconds in (30, 100, 121, 209):  # out, out, lost, lost
        set_clock(NOON + timedelta(minutes=2, seconds=seconds))
        await budget.saw_balance(Balance(50_000, 0))
    early = await budget.state()
    set_clock(NOON + timedelta(minutes=2, seconds=211))
    await budget.saw_balance(Balance(49_955, 0))
    once = await budget.state()
    set_clock(NOON + timedelta(minutes=2, seconds=300))
    await budget.saw_balance(Balance(49_955, 0))
    twice = await budget.state()

    assert (early.held, once.held, twice.held) == (300, 300, 0)
    assert (early.spent, once.spent, twice.spent) == (0, 0, 45)


async def test_searches_rest_for_a_moment_in_which_the_balance_tells(
    store: SpendingStore, set_clock: Callable[[datetime], None]
) -> None:
    """With a request every few seconds such a moment would never come; once an hour at the most."""
    budget = make_budget(store, 50_000, settling_s=90, hold_s=120)
    await see(budget, set_clock, NOON, 50_000)
    await budget.reserve("search", 300)  # its process dies; the service took 45
    rested, taken = [], 45

    for step in range(5, 70 * 60, 5):
        now = NOON + timedelta(minutes=1, seconds=step)
        set_clock(now)
        if await budget.wants_balance():
            await budget.saw_balance(Balance(50_000 - taken, 0))
        if await budget.rests():
            rested.append(step)
        elif step % 10 == 0:
            await budget.settle(await budget.reserve("search", 300), 15, items=1)
            taken += 15

    state = await budget.state()
    first = [step for step in rested if step < 3_000]
    assert first[0] > 120
    assert 60 <= first[-1] - first[0] <= 150
    assert (state.lost, state.spent) == (0, taken)
    assert len(rested) > len(first)  # an hour later, to check the books
    assert state.checked_at is not None
    assert state.checked_at > NOON + timedelta(minutes=60)


async def test_searches_do_not_rest_in_vain(
    store: SpendingStore, set_clock: Callable[[datetime], None]
) -> None:
    """Neither with books that were checked, nor while tweets are pushed, nor for ever."""
    budget = make_budget(store, 50_000, settling_s=90, hold_s=120)
    await see(budget, set_clock, NOON, 50_000)
    checked = await budget.rests()
    pushed_to = await budget.reserve("push", 1_500, hold_s=7_200)
    await budget.reserve("search", 300)
    set_clock(NOON + timedelta(minutes=4))
    live = await budget.rests()
    await budget.release(pushed_to)

    begun = await budget.rests()
    set_clock(NOON + timedelta(minutes=8))
    over = await budget.rests()

    assert (checked, live, begun, over) == (False, False, True, False)


async def test_a_late_answer_is_booked_as_long_as_nobody_reckoned(
    store: SpendingStore, set_clock: Callable[[datetime], None]
) -> None:
    """Who slept beyond his hold may still settle it; after the balance has told, he may not."""
    budget = make_budget(store, 10_000, hold_s=120)
    await see(budget, set_clock, NOON, 50_000)
    set_clock(NOON + timedelta(minutes=2))
    slept, too_long = [await budget.reserve("advanced_search", 300) for _ in range(2)]

    set_clock(NOON + timedelta(minutes=10))
    await budget.settle(slept, 30, items=2)
    await see(budget, set_clock, NOON + timedelta(minutes=11), 50_000 - 30 - 60)
    await budget.settle(too_long, 60, items=4)

    state = await budget.state()
    assert (state.spent, state.held) == (90, 0)


async def test_what_others_spent_is_shown_and_counts(
    store: SpendingStore, told: Told, set_clock: Callable[[datetime], None]
) -> None:
    """Somebody else uses the key: the day's budget shrinks by it, and admins hear of it."""
    budget = make_budget(store, 1000, on_notice=told)
    await see(budget, set_clock, NOON, 50_000)

    await see(budget, set_clock, NOON + timedelta(minutes=5), 49_800)

    assert (await budget.state()).spent == 200
    assert (await budget.report(1)).unexplained == 200
    assert [(notice.kind, notice.credits) for notice in told.notices] == [
        (NoticeKind.UNEXPLAINED, 200)
    ]


async def test_pushes_that_never_came_are_paid_from_their_hold(
    store: SpendingStore, told: Told, set_clock: Callable[[datetime], None]
) -> None:
    """The connection was down while a rule went on: nobody needs to hear of that. Beyond the hold
    they do."""
    budget = make_budget(store, 2000, on_notice=told)
    await see(budget, set_clock, NOON, 50_000)
    set_clock(NOON + timedelta(minutes=2))
    await budget.reserve("push", 1500, hold_s=3600)

    await see(budget, set_clock, NOON + timedelta(minutes=5), 49_955)
    missed = await budget.state()
    kinds = list(told.kinds)
    await see(budget, set_clock, NOON + timedelta(minutes=9), 48_300)
    beyond = await budget.state()

    assert (missed.spent, missed.held, kinds) == (45, 1455, [])
    assert (beyond.spent, beyond.held) == (1700, 0)
    assert [(notice.kind, notice.credits) for notice in told.notices] == [
        (NoticeKind.UNEXPLAINED, 200)
    ]


async def test_a_recharge_is_no_spending(
    store: SpendingStore, told: Told, set_clock: Callable[[datetime], None]
) -> None:
    """It is noted; what is lost meanwhile counts in full, for nobody knows how much was paid."""
    budget = make_budget(store, 1000, on_notice=told)
    await see(budget, set_clock, NOON, 1_000)
    set_clock(NOON + timedelta(minutes=2))
    await budget.reserve("advanced_search", 300)

    await see(budget, set_clock, NOON + timedelta(minutes=6), 100_985)
    after = await budget.state()
    await see(budget, set_clock, NOON + timedelta(minutes=9), 100_985)

    assert (after.spent, after.held) == (300, 0)
    assert (await budget.state()).spent == 300
    assert (await budget.report(1)).recharged == 99_985
    assert told.kinds == []


async def test_before_any_balance_is_known_lost_requests_count_in_full(
    store: SpendingStore, set_clock: Callable[[datetime], None]
) -> None:
    budget = make_budget(store, 1000)
    set_clock(NOON)
    await budget.reserve("advanced_search", 300)

    await see(budget, set_clock, NOON + timedelta(minutes=5), 50_000)

    state = await budget.state()
    assert (state.spent, state.held) == (300, 0)


async def test_a_hold_may_be_drawn_little_by_little(store: SpendingStore) -> None:
    """What is drawn is spent, the rest stays held; an end gives the rest back."""
    budget = make_budget(store, 2000)
    hold = await budget.reserve("push", 1500)

    left = [await budget.draw(hold, 45, items=3), await budget.draw(hold, 30, items=2)]
    during = await budget.state()
    await budget.release(hold)
    after = await budget.state()

    assert left == [1455, 1425]
    assert (during.spent, during.held, during.items) == (75, 1425, 5)
    assert (after.spent, after.held) == (75, 0)
    assert (await budget.report(1)).by_endpoint[0][1].credits == 75
    assert await budget.draw(hold, 15, items=1) is None


async def test_more_may_be_drawn_than_was_held(store: SpendingStore) -> None:
    """What is pushed is charged, whatever we held for it."""
    budget = make_budget(store, 2000)
    hold = await budget.reserve("push", 100)

    assert await budget.draw(hold, 150, items=10) == 0

    state = await budget.state()
    assert (state.spent, state.held) == (150, 0)


async def test_a_drawn_hold_lives_as_long_as_it_is_drawn_on(
    store: SpendingStore, set_clock: Callable[[datetime], None]
) -> None:
    """It is in nobody's way when the balance is looked at, and lost when its process died."""
    budget = make_budget(store, 2000, hold_s=120)
    await see(budget, set_clock, NOON, 50_000)
    set_clock(NOON + timedelta(minutes=2))
    hold = await budget.reserve("push", 1500)
    set_clock(NOON + timedelta(minutes=3))
    await budget.draw(hold, 30, items=2, hold_s=600)

    await see(budget, set_clock, NOON + timedelta(minutes=9), 49_970)
    alive = await budget.state()
    await see(budget, set_clock, NOON + timedelta(minutes=14), 49_925)
    dead = await budget.state()

    assert (alive.spent, alive.held, alive.lost) == (30, 1470, 0)
    assert (dead.spent, dead.held, dead.lost) == (75, 0, 0)


async def test_the_report_shows_what_brought_nothing(
    store: SpendingStore, set_clock: Callable[[datetime], None]
) -> None:
    """By day, endpoint and query; days before the asked ones stay out."""
    budget = make_budget(store, 10_000)
    calls = [
        (NOON - timedelta(days=3), "advanced_search", 1, 300, 20),
        (NOON - timedelta(days=1), "advanced_search", 1, 300, 20),
        (NOON, "advanced_search", 1, 15, 0),
        (NOON, "advanced_search", 2, 45, 3),
        (NOON, "user", 0, 18, 1),
    ]
    for at, endpoint, query_id, credits, items in calls:
        set_clock(at)
        hold = await budget.reserve(endpoint, 300, query_id=query_id)
        await budget.settle(hold, credits, items=items)

    report = await budget.report(2)

    assert [(day, one.credits) for day, one in report.by_day] == [
        ("2026-11-21", 78),
        ("2026-11-20", 300),
    ]
    assert [(name, one.credits) for name, one in report.by_endpoint] == [
        ("advanced_search", 360),
        ("user", 18),
    ]
    assert {query: (one.calls, one.credits) for query, one in report.by_query} == {
        0: (1, 18),
        1: (2, 315),
        2: (1, 45),
    }
    assert (report.total.empty_calls, report.total.empty_credits) == (1, 15)


async def test_of_days_long_ago_the_totals_stay(
    store: SpendingStore, set_clock: Callable[[datetime], None]
) -> None:
    """Single calls are forgotten; the days and their sum are not, and the report says which."""
    budget = make_budget(store, 10_000)
    for at, credits, items in ((NOON - timedelta(days=120), 300, 20), (NOON, 45, 3)):
        set_clock(at)
        hold = await budget.reserve("search", 300, query_id=1)
        await budget.settle(hold, credits, items=items)
    await budget.forget_before(NOON - timedelta(days=100))

    report = await budget.report(366)
    week = await budget.report(7)

    assert [(day, one.calls, one.items, one.credits) for day, one in report.by_day] == [
        ("2026-11-21", 1, 3, 45),
        ("2026-07-24", 1, 20, 300),
    ]
    assert report.total == Spending(calls=2, items=23, credits=345)
    assert report.undetailed == Spending(calls=1, items=20, credits=300)
    assert [one.credits for _, one in (*report.by_query, *report.by_endpoint)] == [45, 45]
    assert (week.total.credits, week.undetailed) == (45, Spending())


async def test_what_is_pushed_is_no_request(store: SpendingStore) -> None:
    """It has its credits and tweets in the report, and nobody asked for it."""
    budget = make_budget(store, 10_000)
    hold = await budget.reserve(PUSH, 1_500)
    await budget.draw(hold, 150, items=10)

    report = await budget.report(1)

    assert report.total == Spending(calls=0, items=10, credits=150)
    assert report.by_endpoint == ((PUSH, report.total),)


async def test_the_forecast_says_when_nothing_is_left(
    store: SpendingStore, set_clock: Callable[[datetime], None]
) -> None:
    """Twelve of 24 hours took 600 of 1000: at this pace it ends at 20:00; with less, never."""
    set_clock(NOON)
    budget = make_budget(store, 1000)
    await budget.settle(await budget.reserve("advanced_search", 300), 600, items=40)

    fast = (await budget.state()).lasts_until
    await budget.set_limit(5000)
    slow = (await budget.state()).lasts_until

    assert fast == NOON + timedelta(hours=8)
    assert slow is None


async def test_single_calls_are_forgotten_and_days_stay(
    store: SpendingStore, set_clock: Callable[[datetime], None]
) -> None:
    budget = make_budget(store)
    for at in (NOON - timedelta(days=100), NOON):
        set_clock(at)
        await budget.settle(await budget.reserve("user", 18), 18, items=1)

    forgotten = await budget.forget_before(NOON - timedelta(days=90))

    assert forgotten == 1
    assert len((await budget.report(365)).by_day) == 2
    assert await store.db.fetch_all("SELECT SUM(spent) FROM x_days") == [(36,)]


async def test_the_balance_is_asked_for_when_something_waits_for_it(
    store: SpendingStore, set_clock: Callable[[datetime], None]
) -> None:
    """At first, then every ten minutes; each minute while a request is lost."""
    budget = make_budget(store, hold_s=30)
    set_clock(NOON)
    asked = [await budget.wants_balance()]
    await see(budget, set_clock, NOON, 5_000)
    await budget.reserve("user", 18)
    for seconds in (61, 89, 122, 152):
        set_clock(NOON + timedelta(seconds=seconds))
        asked.append(await budget.wants_balance())

    assert asked == [True, False, False, True, True]


async def _start(address: str, **given: Any) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.spending_process", address, json.dumps(given)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )


async def _line(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    async with asyncio.timeout(60):
        said: dict[str, Any] = json.loads(await process.stdout.readline())
    return said


async def test_tasks_and_processes_at_once_never_pass_the_limit(
    db: Database, store: SpendingStore, address: str, tmp_path: Path
) -> None:
    """Four processes with eight tasks each: what they say they spent is what is booked."""
    limit, start = 30_000, tmp_path / "start"
    spenders = [
        await _start(address, limit=limit, tasks=8, seed=seed, start=str(start))
        for seed in range(4)
    ]
    try:
        assert [await _line(one) for one in spenders] == [{"ready": True}] * 4
        start.touch()
        seen: list[int] = []
        ends = [asyncio.ensure_future(_line(one)) for one in spenders]
        while not all(end.done() for end in ends):
            rows = await db.fetch_all("SELECT spent+held FROM x_days")
            seen += [int(row[0]) for row in rows]
            await asyncio.sleep(0.005)
        said = [end.result() for end in ends]
    finally:
        for one in spenders:
            if one.returncode is None:
                one.kill()
            await one.wait()

    spent = sum(one["spent"] for one in said)
    days = await db.fetch_all("SELECT spent, held, calls FROM x_days")
    assert max(seen) <= limit
    assert limit - 300 < spent <= limit
    assert [tuple(map(int, row)) for row in days] == [(spent, 0, sum(one["calls"] for one in said))]
    booked = await db.fetch_one("SELECT SUM(credits), COUNT(*) FROM x_calls")
    assert booked is not None
    assert (int(booked[0]), int(booked[1])) == (spent, int(days[0][2]))


async def test_what_a_killed_process_held_is_reckoned_with_the_balance(
    db: Database, store: SpendingStore, address: str
) -> None:
    """Killed with the request on its way: the books end equal to the service's, to the credit."""
    budget = make_budget(store, 10_000, timezone="UTC")
    await budget.saw_balance(Balance(50_000, 0))
    children = [await _start(address, hold=held, hold_s=0.2) for held in (300, 360)]
    for child in children:
        assert (await _line(child))["held"] > 0
        child.kill()
        await child.wait()
    await budget.settle(await budget.reserve("user", 18), 18, items=1)
    held = (await budget.state()).held

    async with asyncio.timeout(30):
        while (await budget.state()).held:
            await asyncio.sleep(0.1)
            await budget.saw_balance(Balance(50_000 - 18 - 45, 0))

    state = await budget.state()
    assert held == 660
    assert (state.spent, state.lost) == (63, 0)
