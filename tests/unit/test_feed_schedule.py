"""When a feed is asked next."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import SourceDown, SourceGarbled, SourceGone, SourceRefused
from bot.models.post import Post, PostKind, Source, SourceKind, SourceState
from bot.services.feed_schedule import (
    DEAD_ERRORS,
    MISSING_ERRORS,
    MOST_S,
    UNKNOWN_RATE_S,
    FetchOutcome,
    asked_wait_s,
    next_poll,
    posts_per_day,
)

NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)
SOURCE = Source(kind=SourceKind.FEED, name="n", url="https://a.example/feed", id=7)
BASE = 300


def ago(**parts: float) -> datetime:
    return NOW - timedelta(**parts)


def post(at: datetime) -> Post:
    return Post(kind=PostKind.NEWS, source_id=7, external_id=str(at), created_at=at, text="x")


def polled(
    *dates: datetime, source: Source = SOURCE, wait_s: float = 0.0, base: int = BASE
) -> Source:
    outcome = FetchOutcome(
        source=source, at=NOW, posts=tuple(map(post, dates)), status=200, wait_s=wait_s
    )
    return next_poll(outcome, base, 0.5)


def failed(
    source: Source,
    status: int = 0,
    *,
    retry_after_s: float | None = None,
    jitter: float = 0.5,
    is_online: bool = True,
) -> Source:
    error = SourceDown("it failed", retry_after_s=retry_after_s)
    outcome = FetchOutcome(source=source, at=NOW, status=status, error=error)
    return next_poll(outcome, BASE, jitter, is_online=is_online)


@pytest.mark.parametrize(
    ("every", "expected_s"),
    [
        (timedelta(minutes=2), BASE),  # an agency: each round
        (timedelta(hours=2), 3600),  # twice per expected post
        (timedelta(days=2), MOST_S),  # a blog: once a day
    ],
)
def test_a_source_is_asked_as_often_as_it_publishes(every: timedelta, expected_s: int) -> None:
    """Twice per expected post, between a round and a day."""
    dates = [NOW - every * number for number in range(1, 11)]

    source = polled(*dates)

    assert source.interval_s == pytest.approx(expected_s, rel=0.12)
    assert source.next_fetch_at == NOW + timedelta(seconds=source.interval_s)
    assert source.last_post_at == dates[0]


def test_a_silent_source_is_asked_ever_more_rarely() -> None:
    """A day of silence: hourly; a month: daily, however much it once published."""
    busy = replace(SOURCE, posts_per_day=500.0)

    assert polled(source=replace(busy, last_post_at=ago(hours=1))).interval_s == BASE
    assert polled(source=replace(busy, last_post_at=ago(days=1))).interval_s == 3600
    assert polled(source=replace(busy, last_post_at=ago(days=30))).interval_s == MOST_S


def test_a_feed_without_dates_has_a_usual_interval() -> None:
    """Its posts are dated by when they were seen, which says nothing about their rate."""
    source = polled(NOW, NOW, NOW)

    assert (source.interval_s, source.posts_per_day) == (UNKNOWN_RATE_S, 0.0)
    assert source.last_post_at is None


def test_an_unchanged_feed_keeps_its_rate() -> None:
    """A 304 carries no posts and forgets none."""
    source = polled(source=replace(SOURCE, posts_per_day=24.0, last_post_at=ago(hours=2)))

    assert (source.posts_per_day, source.interval_s) == (24.0, 1800)


def test_the_feed_and_its_server_may_ask_for_more_time() -> None:
    """ttl and max-age count when they are longer, up to a day."""
    busy = [ago(minutes=number) for number in range(1, 30)]

    assert polled(*busy, wait_s=3600).interval_s == 3600
    assert polled(*busy, wait_s=10).interval_s == BASE
    assert polled(*busy, wait_s=10**9).interval_s == MOST_S


def test_a_quick_round_sees_every_source() -> None:
    """An interval below the default is for trying things out: nothing is stretched by itself."""
    assert polled(ago(days=300), base=5).interval_s == 5
    assert polled(ago(days=300), base=5, wait_s=60).interval_s == 60


def test_success_clears_the_errors() -> None:
    """One good answer is enough."""
    source = polled(source=replace(SOURCE, errors_in_row=9, last_error="HTTP 500"))

    assert (source.errors_in_row, source.last_error, source.last_ok_at) == (0, "", NOW)


def test_failures_double_the_wait() -> None:
    """From one round to a day, and every failure is counted and said."""
    waits = []
    source = SOURCE
    for _ in range(12):
        source = failed(source)
        assert source.next_fetch_at is not None
        waits.append((source.next_fetch_at - NOW).total_seconds())

    assert waits[:4] == [300, 600, 1200, 2400]
    assert waits[-1] == MOST_S
    assert (source.errors_in_row, source.last_error) == (12, "it failed")


def test_failures_come_back_apart() -> None:
    """Sources that failed together are spread over a fifth of the wait to either side."""
    early, late = failed(SOURCE, jitter=0.0), failed(SOURCE, jitter=0.999)

    assert early.next_fetch_at == NOW + timedelta(seconds=240)
    assert late.next_fetch_at is not None
    assert NOW + timedelta(seconds=359) < late.next_fetch_at < NOW + timedelta(seconds=360)


def test_retry_after_is_obeyed() -> None:
    """Also when it is longer than the back-off; a shorter one does not hurry us."""
    assert failed(SOURCE, 429, retry_after_s=7200).next_fetch_at == NOW + timedelta(hours=2)
    assert failed(SOURCE, 503, retry_after_s=1).next_fetch_at == NOW + timedelta(seconds=300)


def test_a_source_that_says_it_is_gone_is_gone() -> None:
    """410 is an answer, not a failure."""
    outcome = FetchOutcome(source=SOURCE, at=NOW, status=410, error=SourceGone("HTTP 410"))

    assert next_poll(outcome, BASE, 0.5).state is SourceState.GONE


@pytest.mark.parametrize(
    ("status", "errors"), [(404, MISSING_ERRORS), (500, DEAD_ERRORS), (0, DEAD_ERRORS)]
)
def test_a_source_that_stays_away_is_gone_in_the_end(status: int, errors: int) -> None:
    """Missing pages sooner than silent servers."""
    almost = failed(replace(SOURCE, errors_in_row=errors - 2), status)

    assert almost.state is SourceState.ACTIVE
    assert failed(almost, status).state is SourceState.GONE


def test_a_busy_server_is_never_gone() -> None:
    """429 and 503 come from something that lives."""
    tired = replace(SOURCE, errors_in_row=500)

    assert failed(tired, 429).state is SourceState.ACTIVE
    assert failed(tired, 503).state is SourceState.ACTIVE


def test_nothing_dies_while_we_are_offline() -> None:
    """When nobody answers, the fault may be ours."""
    tired = replace(SOURCE, errors_in_row=500)

    assert failed(tired, is_online=False).state is SourceState.ACTIVE


@pytest.mark.parametrize("error", [SourceRefused("x"), SourceGarbled("x"), SourceDown("x" * 999)])
def test_every_error_is_kept_short(error: SourceDown) -> None:
    """The last one is shown to admins."""
    source = next_poll(FetchOutcome(source=SOURCE, at=NOW, error=error), BASE, 0.5)

    assert 0 < len(source.last_error) <= 300


@given(
    st.lists(st.integers(0, 10**8), max_size=60),
    st.floats(0, 10**7),
    st.integers(5, 86_400),
    st.integers(0, 400),
)
def test_the_next_time_is_within_bounds(
    ages_s: list[int], wait_s: float, base: int, silent_days: int
) -> None:
    """Whatever a feed says: not before the round, not after a day (or a longer round)."""
    source = replace(SOURCE, last_post_at=ago(days=silent_days), posts_per_day=3.0)

    polled_source = polled(
        *(ago(seconds=age) for age in ages_s), source=source, wait_s=wait_s, base=base
    )

    assert base <= polled_source.interval_s <= max(MOST_S, base)


def test_the_rate_is_that_of_the_last_week() -> None:
    """Older posts do not count; a feed shorter than a week is measured over what it holds."""
    week = [ago(days=day, minutes=1) for day in range(20)]
    hours = [ago(hours=number) for number in range(1, 13)]

    assert posts_per_day(week, NOW) == pytest.approx(1.0)
    assert posts_per_day(hours, NOW) == pytest.approx(24.0)
    assert posts_per_day([ago(seconds=1)], NOW) == 24.0
    assert posts_per_day([ago(days=30)], NOW) == 0.0


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 0.0),
        ({"cache-control": "public, max-age=600"}, 600.0),
        ({"cache-control": 'max-age="600"', "age": "100"}, 500.0),
        ({"cache-control": "max-age=600", "age": "900"}, 0.0),
        ({"cache-control": "no-cache, max-age=600"}, 0.0),
        ({"cache-control": "max-age=99999999999"}, float(MOST_S)),
        ({"cache-control": "max-age=soon"}, 0.0),
        ({"expires": "Sat, 21 Nov 2026 15:10:00 GMT"}, 600.0),
        (
            {
                "expires": "Sat, 21 Nov 2026 10:10:00 GMT",
                "date": "Sat, 21 Nov 2026 10:00:00 GMT",
            },
            600.0,
        ),
        ({"expires": "0"}, 0.0),
        ({"expires": "Sat, 21 Nov 2020 15:10:00 GMT"}, 0.0),
        ({"cache-control": "max-age=60", "expires": "Sat, 21 Nov 2026 15:10:00 GMT"}, 60.0),
    ],
)
def test_freshness_is_read_from_the_headers(headers: dict[str, str], expected: float) -> None:
    """max-age before Expires, less the time spent in caches; a wrong clock does not matter."""
    assert asked_wait_s(headers, NOW) == expected


def test_time_only_goes_forward() -> None:
    """Round after round, what is next never lies before what was."""
    source, now = SOURCE, NOW
    times = []
    for _ in range(50):
        outcome = FetchOutcome(source=source, at=now, posts=(post(now - timedelta(minutes=3)),))
        source = next_poll(outcome, BASE, 0.5)
        assert source.next_fetch_at is not None
        times.append(source.next_fetch_at)
        now = source.next_fetch_at

    assert all(later > earlier for earlier, later in pairwise(times))
