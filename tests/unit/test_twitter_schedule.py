"""When to search next, and what may be searched for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.errors import SourceDown
from bot.models.spending import BudgetState
from bot.models.tweets import Priority, ResultType, TweetQuery
from bot.services.twitter_schedule import (
    FIRST_PAST,
    MOST_PAST,
    Polled,
    begins,
    interval_s,
    is_top_turn,
    lowest_allowed,
    next_poll,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LAG = timedelta(seconds=15)
QUERY = TweetQuery(
    id=1, text="برف", priority=Priority.MEDIUM, interval_s=600, covered_to=NOW - timedelta(hours=1)
)


def _polled(query: TweetQuery, found: int = 3, at: datetime = NOW, **more: object) -> Polled:
    return Polled(query=query, at=at, end=at - LAG, found=found, **more)  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize(
    ("priority", "rate", "empty_in_row", "expected"),
    [
        (Priority.HIGH, 5.0, 0, 600),  # never sooner than its interval
        (Priority.HIGH, 0.01, 0, 1000),  # when ten tweets are expected
        (Priority.HIGH, 0.001, 0, 1200),  # within its patience
        (Priority.MEDIUM, 0.001, 0, 2400),
        (Priority.LOW, 0.001, 0, 4800),
        (Priority.MEDIUM, 0.0, 0, 600),  # nothing is known
        (Priority.MEDIUM, 0.0, 1, 1200),
        (Priority.MEDIUM, 0.0, 9, 2400),
        (Priority.LOW, 0.0, 2, 2400),
    ],
)
def test_a_query_is_due_when_it_pays(
    priority: Priority, rate: float, empty_in_row: int, expected: int
) -> None:
    """About ten tweets, within its interval and its patience."""
    query = replace(QUERY, priority=priority, rate=rate, empty_in_row=empty_in_row)

    assert interval_s(query) == expected


def test_what_was_found_ends_emptiness_and_errors() -> None:
    """The next time is reckoned from the asking."""
    query = replace(QUERY, empty_in_row=3, errors_in_row=2, last_error="no answer")

    done = next_poll(_polled(query), 0.5)

    assert (done.empty_in_row, done.errors_in_row, done.last_error) == (0, 0, "")
    assert done.next_at == NOW + timedelta(seconds=600)
    assert done.last_run_at == NOW


def test_a_time_is_given_up_when_it_was_found_empty_twice() -> None:
    """Once is asked about again with the next poll, at no price."""
    once = next_poll(_polled(QUERY, found=0), 0.5)
    later = NOW + timedelta(seconds=1200)
    twice = next_poll(_polled(once, found=0, at=later), 0.5)

    assert once.covered_to == QUERY.covered_to
    assert once.empty_in_row == 1
    assert twice.covered_to == NOW - LAG
    assert twice.empty_in_row == 2


def test_what_was_not_finished_goes_on_at_once() -> None:
    """A walk that had used up its requests."""
    done = next_poll(_polled(QUERY, is_done=False), 0.5)

    assert done.next_at == NOW


def test_failures_wait_longer_each_time_and_move_nothing() -> None:
    """Up to an hour, or as long as the service asks for."""
    query, waits = QUERY, []
    for _ in range(9):
        query = next_poll(_polled(query, found=0, error=SourceDown("no answer")), 0.5)
        assert query.next_at is not None
        waits.append((query.next_at - NOW).total_seconds())

    assert waits[:4] == [30, 60, 120, 240]
    assert waits[-1] == 3600
    assert query.covered_to == QUERY.covered_to
    assert (query.errors_in_row, query.last_error) == (9, "no answer")
    asked = next_poll(_polled(QUERY, error=SourceDown("busy", retry_after_s=500.0)), 0.5)
    assert asked.next_at == NOW + timedelta(seconds=500)


@pytest.mark.parametrize("priority", Priority)
def test_no_query_goes_back_for_ever(priority: Priority) -> None:
    """One never asked begins a while ago; one long not asked gives up what is too old."""
    new = replace(QUERY, priority=priority, covered_to=None)
    old = replace(QUERY, priority=priority, covered_to=NOW - timedelta(days=9))

    assert begins(new, NOW) == NOW - FIRST_PAST[priority]
    assert begins(old, NOW) == NOW - MOST_PAST[priority]
    assert begins(QUERY, NOW) == QUERY.covered_to


@pytest.mark.parametrize(
    ("spent", "hour", "lowest"),
    [
        (0, 0, Priority.LOW),
        (500, 12, Priority.LOW),
        (590, 12, Priority.LOW),
        (620, 12, Priority.MEDIUM),
        (840, 12, Priority.MEDIUM),
        (860, 12, Priority.HIGH),
        (1000, 23, Priority.LOW),
        (120, 0, Priority.MEDIUM),
    ],
)
def test_what_is_less_important_waits_while_money_goes_too_fast(
    spent: int, hour: int, lowest: Priority
) -> None:
    """Low from a tenth of the budget ahead of the day, medium from a third."""
    day = NOW.replace(hour=0)
    state = BudgetState(
        day="2026-11-21",
        starts_at=day,
        ends_at=day + timedelta(days=1),
        now=day + timedelta(hours=hour),
        limit=1000,
        is_admins_limit=False,
        spent=spent,
        held=0,
        calls=1,
        items=1,
    )

    assert lowest_allowed(state) is lowest


def test_the_best_of_a_mixed_query_come_once_in_four_intervals() -> None:
    """However often it is asked."""
    query = replace(QUERY, result_type=ResultType.MIXED, last_run_at=None)
    turns = 0
    for minute in range(0, 400, 10):
        at = NOW + timedelta(minutes=minute)
        turns += is_top_turn(query, at)
        query = replace(query, last_run_at=at)

    assert turns == 10
