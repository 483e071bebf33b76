"""When to ask a feed next: pure, from what it gave this time and what it asks for.

Between posts a source is asked about twice per expected post, and ever more rarely when it falls
silent; never more often than the round, the feed's ttl and the server's Cache-Control, Expires and
Retry-After allow; never less than once a day. Failures double the wait. The shape is Miniflux's
(its "entry frequency" scheduler), with the silence rule added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.errors import SourceError
from bot.models.post import Post, Source, SourceState
from bot.services.http_client import http_date

LEAST_S = 300  # the default round; a quicker round is a wish to see every source in every round
MOST_S = 86_400
UNKNOWN_RATE_S = 1800  # feeds without dates
RATE_DAYS = 7
SILENCE_SHARE = 24  # a source silent for a day is asked hourly
MISSING_ERRORS = 10  # answers 404 in a row that mean gone: with doubling waits, two days
DEAD_ERRORS = 20  # failures of any kind that mean gone: with doubling waits, twelve days
_BUSY = (429, 503)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOutcome:
    """What asking a source once came to; `source` has what was learnt, but no schedule yet."""

    source: Source
    at: datetime
    posts: tuple[Post, ...] = ()
    status: int = 0  # of HTTP; 0: no answer
    is_unchanged: bool = False
    wait_s: float = 0.0  # the feed, its server, or both ask for at least this
    error: SourceError | None = None


def next_poll(
    outcome: FetchOutcome, base_interval_s: int, jitter: float, *, is_online: bool = True
) -> Source:
    """The source with its next time, its errors counted, and switched off when it is gone.

    `jitter` in [0, 1) keeps sources that failed together from coming back together. `is_online` is
    false while nobody answers: then the fault may be ours, and no source is declared dead.
    """
    if outcome.error is not None:
        return _after_error(outcome, outcome.error, base_interval_s, jitter, is_online)
    source, now = outcome.source, outcome.at
    dated = [post.created_at for post in outcome.posts if post.created_at < now]
    per_day = posts_per_day(dated, now) if dated else source.posts_per_day
    last_post_at = max([*dated, *filter(None, [source.last_post_at])], default=None)
    interval_s = _interval_s(per_day, last_post_at, now, base_interval_s)
    interval_s = max(interval_s, round(min(outcome.wait_s, MOST_S)))
    return replace(
        source,
        next_fetch_at=now + timedelta(seconds=interval_s),
        interval_s=interval_s,
        errors_in_row=0,
        last_error="",
        last_ok_at=now,
        last_post_at=last_post_at,
        posts_per_day=per_day,
    )


def posts_per_day(dates: Sequence[datetime], now: datetime) -> float:
    """How much a source publishes, from the dates in its feed: those of the last week.

    A feed that holds less than a week is measured over what it holds, but at least over an hour.
    """
    week = timedelta(days=RATE_DAYS)
    recent = [date for date in dates if now - date <= week]
    if not recent:
        return 0.0
    span = week if len(recent) < len(dates) else min(week, now - min(recent))
    return len(recent) / (max(span, timedelta(hours=1)) / timedelta(days=1))


def _interval_s(
    per_day: float, last_post_at: datetime | None, now: datetime, base_interval_s: int
) -> int:
    if base_interval_s < LEAST_S:
        return base_interval_s
    if last_post_at is None:
        wished = float(UNKNOWN_RATE_S)
    else:
        silence_s = (now - last_post_at).total_seconds() / SILENCE_SHARE
        between_s = MOST_S / per_day / 2 if per_day else float(MOST_S)
        wished = max(silence_s, between_s)
    return round(min(max(wished, base_interval_s), MOST_S))


def _after_error(
    outcome: FetchOutcome, error: SourceError, base_interval_s: int, jitter: float, is_online: bool
) -> Source:
    source, now = outcome.source, outcome.at
    errors = source.errors_in_row + 1
    wait_s = min(base_interval_s * 2.0 ** min(errors - 1, 20), MOST_S) * (0.8 + 0.4 * jitter)
    wait_s = max(wait_s, error.retry_after_s or 0.0)
    is_gone = outcome.status == 410 or (
        outcome.status not in _BUSY
        and is_online
        and errors >= (MISSING_ERRORS if outcome.status == 404 else DEAD_ERRORS)
    )
    return replace(
        source,
        state=SourceState.GONE if is_gone else source.state,
        next_fetch_at=now + timedelta(seconds=wait_s),
        errors_in_row=errors,
        last_error=str(error)[:300],
    )


def asked_wait_s(headers: Mapping[str, str], now: datetime) -> float:
    """How long the server says that its answer stays fresh (RFC 9111, 4.2): max-age, or Expires."""
    directives = [part.strip().lower() for part in headers.get("cache-control", "").split(",")]
    if "no-cache" in directives or "no-store" in directives:
        return 0.0
    for directive in directives:
        name, _, value = directive.partition("=")
        value = value.strip('"')
        if name == "max-age" and value.isascii() and value.isdigit():
            age = headers.get("age", "")
            spent = int(age) if age.isascii() and age.isdigit() else 0
            return float(max(0, min(int(value[:9]), MOST_S) - spent))
    expires = http_date(headers.get("expires", ""))
    if expires is None:
        return 0.0
    sent = http_date(headers.get("date", "")) or now
    return max(0.0, min((expires - sent).total_seconds(), float(MOST_S)))
