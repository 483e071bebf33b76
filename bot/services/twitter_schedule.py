"""When to search for something on X next, and what may be searched for at all: pure.

A search costs by the tweet, and as much as one for none, so a query is asked when about ten tweets
are to be expected; never sooner than its interval, and later than that only within the patience of
its priority. What is less important waits while the day's budget is spent faster than the day
passes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.errors import SourceError
from bot.models.spending import BudgetState
from bot.models.tweets import Priority, TweetQuery

EXPECTED = 10  # tweets of a search that pays
PATIENCE = {Priority.HIGH: 2, Priority.MEDIUM: 4, Priority.LOW: 8}  # intervals, at the most
AHEAD = {Priority.MEDIUM: 0.35, Priority.LOW: 0.10}  # of the day's budget, before it waits
FIRST_WAIT_S, LONGEST_WAIT_S = 30, 3600  # after failures, doubling
# How far back a query goes that was never asked, and one that was not asked for long.
FIRST_PAST = {
    Priority.HIGH: timedelta(hours=1),
    Priority.MEDIUM: timedelta(minutes=30),
    Priority.LOW: timedelta(minutes=15),
}
MOST_PAST = {
    Priority.HIGH: timedelta(hours=24),
    Priority.MEDIUM: timedelta(hours=6),
    Priority.LOW: timedelta(hours=2),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """What asking a query came to; `query` has its watermark and rate as they are now."""

    query: TweetQuery
    at: datetime
    end: datetime  # until when tweets were asked for
    lag: timedelta | None = None  # what is younger may not all be found yet; None: than `end`
    found: int  # tweets
    is_done: bool = True  # false: there is more to ask at once
    error: SourceError | None = None


def begins(query: TweetQuery, now: datetime) -> datetime:
    """From when on a query's tweets are asked for."""
    if query.covered_to is None:
        return now - FIRST_PAST[query.priority]
    return max(query.covered_to, now - MOST_PAST[query.priority])


def next_poll(polled: Polled, jitter: float) -> TweetQuery:
    """The query with its next time; `jitter` in [0, 1) spreads those that failed together."""
    query, at = polled.query, polled.at
    if polled.error is not None:
        return _after_error(polled, polled.error, jitter)
    empty_in_row = 0 if polled.found else query.empty_in_row + 1
    covered_to = query.covered_to
    if not polled.found and query.empty_in_row and query.last_run_at is not None:
        # Asked about twice now, with nothing found: what lies before the last time is done with.
        lag = at - polled.end if polled.lag is None else polled.lag
        covered_to = max(filter(None, [covered_to, min(query.last_run_at - lag, polled.end)]))
    done = replace(
        query,
        covered_to=covered_to,
        empty_in_row=empty_in_row,
        errors_in_row=0,
        last_error="",
        last_run_at=at,
    )
    wait_s = interval_s(done) if polled.is_done else 0.0
    return replace(done, next_at=at + timedelta(seconds=wait_s))


def interval_s(query: TweetQuery) -> float:
    """How long until it pays to ask again."""
    most_s = query.interval_s * PATIENCE[query.priority]
    wished = EXPECTED / query.rate if query.rate > 0 else float(query.interval_s)
    if query.empty_in_row:
        wished = max(wished, query.interval_s * 2.0 ** min(query.empty_in_row, 10))
    return min(max(wished, query.interval_s), most_s)


def lowest_allowed(state: BudgetState) -> Priority:
    """The lowest priority that may spend now."""
    if state.ahead > AHEAD[Priority.MEDIUM]:
        return Priority.HIGH
    return Priority.MEDIUM if state.ahead > AHEAD[Priority.LOW] else Priority.LOW


def is_top_turn(query: TweetQuery, now: datetime, every: int = 4) -> bool:
    """Whether a mixed query's best tweets are due: once in so many of its intervals."""
    if query.last_run_at is None:
        return True
    block = query.interval_s * every
    return now.timestamp() // block != query.last_run_at.timestamp() // block


def _after_error(polled: Polled, error: SourceError, jitter: float) -> TweetQuery:
    query = polled.query
    errors = query.errors_in_row + 1
    wait_s = min(FIRST_WAIT_S * 2.0 ** min(errors - 1, 20), LONGEST_WAIT_S) * (0.8 + 0.4 * jitter)
    wait_s = max(wait_s, error.retry_after_s or 0.0)
    return replace(
        query,
        next_at=polled.at + timedelta(seconds=wait_s),
        empty_in_row=0 if polled.found else query.empty_in_row,
        errors_in_row=errors,
        last_error=str(error)[:300],
    )
