"""Spending without a database: what a balance says of lost requests, and the forecast."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.models.spending import BudgetState, Reckoning, lasts_until, reckon

MIDNIGHT = datetime(2026, 11, 20, 20, 30, tzinfo=UTC)  # of Tehran
DAY = BudgetState(
    day="2026-11-21",
    starts_at=MIDNIGHT,
    ends_at=MIDNIGHT + timedelta(days=1),
    now=MIDNIGHT + timedelta(hours=6),
    limit=1000,
    is_admins_limit=False,
    spent=300,
    held=100,
    calls=9,
    items=20,
)
unhurried = settings(deadline=None, derandomize=True)


def test_one_lost_request_cost_what_the_balance_fell_beyond_the_settled() -> None:
    assert reckon(345, 300, [300]) == Reckoning((45,))


def test_a_lost_request_that_was_never_sent_cost_nothing() -> None:
    assert reckon(300, 300, [300]) == Reckoning((0,))


def test_several_lost_requests_share_what_is_missing() -> None:
    result = reckon(100, 0, [300, 15, 300])

    assert sum(result.costs) == 100
    assert all(cost <= worst for cost, worst in zip(result.costs, (300, 15, 300), strict=True))


def test_what_nothing_of_ours_explains_is_unexplained() -> None:
    """The lost one counts in full, and the rest is shown by itself."""
    assert reckon(700, 300, [300]) == Reckoning((300,), unexplained=100)


def test_a_recharge_makes_no_lost_request_cheaper() -> None:
    """Nobody knows how much was paid in, so the worst case stands."""
    assert reckon(-9_955, 0, [300]) == Reckoning((300,), surplus=9_955)


@unhurried
@given(
    st.integers(-2_000, 5_000),
    st.integers(0, 2_000),
    st.lists(st.integers(0, 1_500), max_size=6),
)
def test_after_reckoning_the_books_fall_by_what_the_balance_fell(
    fall: int, settled: int, lost: list[int]
) -> None:
    """To the credit, unless the balance rose; and no request counts beyond its worst case."""
    result = reckon(fall, settled, lost)

    assert all(0 <= cost <= worst for cost, worst in zip(result.costs, lost, strict=True))
    if result.surplus:
        assert fall < settled
        assert result.costs == tuple(lost)
    else:
        assert settled + sum(result.costs) + result.unexplained == fall


def test_the_forecast_goes_on_as_the_day_began() -> None:
    """300 in six hours: 600 more take twelve."""
    now = MIDNIGHT + timedelta(hours=6)

    assert lasts_until(300, 600, MIDNIGHT, now) == now + timedelta(hours=12)


def test_without_spending_there_is_no_forecast() -> None:
    assert lasts_until(0, 600, MIDNIGHT, MIDNIGHT + timedelta(hours=6)) is None
    assert lasts_until(300, 600, MIDNIGHT, MIDNIGHT) is None


def test_what_is_used_up_lasts_until_now() -> None:
    now = MIDNIGHT + timedelta(hours=6)

    assert lasts_until(300, 0, MIDNIGHT, now) == now


def test_what_is_left_leaves_out_what_is_on_its_way() -> None:
    assert DAY.left == 600
    assert replace(DAY, limit=350).left == 0


def test_ahead_compares_the_money_with_the_clock() -> None:
    """A quarter of the day has passed and 40 % is gone."""
    assert DAY.passed == 0.25
    assert round(DAY.ahead, 9) == 0.15
    assert replace(DAY, limit=0).ahead == 1.0
