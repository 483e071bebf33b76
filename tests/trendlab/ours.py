"""Our detector as the product drives it: counted first, then found in each window that is due.

The counters are those of storage/counters.py in memory; a test holds both against each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from bot.analysis import finding
from bot.analysis.counting import HeardVoices, count
from bot.analysis.finding import Figures, WindowPosts
from bot.analysis.terms import PostTerms
from bot.features.analyse import CONSIDERED, keep_keys
from bot.models.insight import TermDay, Trend, Window
from bot.storage.insights import SNAPSHOT_SIZE
from bot.utils.times import from_ms, to_ms
from tests.trendlab.prepared import Prepared
from tests.trendlab.rounds import Rise, Round
from tests.trendlab.speech import DAY_MS, HOUR_MS

HISTORY_DAYS = 28
STEP_MS = 300_000
EVERY = {Window.H1: 1, Window.H6: 3, Window.H24: 12, Window.D7: 72}  # rounds

_Hours = dict[tuple[int, bool], list[int]]  # touches by the hour of a (day, kind)


class Counters:
    """Touches of each term by day and hour."""

    def __init__(self) -> None:
        self._heard = HeardVoices()
        self._terms: dict[str, _Hours] = {}

    def add(self, posts: Sequence[PostTerms]) -> None:
        for hour, is_news, term, _, touches, *_ in count(posts, self._heard).hours:
            day, of_day = divmod(hour, 24)
            days = self._terms.setdefault(term, {})
            days.setdefault((day, is_news), [0] * 24)[of_day] += touches

    def history(self, terms: Sequence[str], window: Window, at: datetime) -> list[TermDay]:
        """As CounterStore.history tells it."""
        end_ms = to_ms(at)
        start_ms = end_ms - int(window.span.total_seconds() * 1000)
        first_day, hour = divmod(start_ms // HOUR_MS, 24)
        known = sorted({day for day, _ in self._terms.get("", {}) if day <= first_day})
        oldest = known[-HISTORY_DAYS:][:1]
        if not oldest:
            return []
        same = _same(window, start_ms, end_ms)
        rows: list[TermDay] = []
        for term in ("", *terms):
            for (day, is_news), hours in self._terms.get(term, {}).items():
                if oldest[0] <= day < first_day:
                    rows.append((term, day, is_news, sum(hours), same(day, hours)))
                elif day == first_day:
                    rows.append((term, day, is_news, sum(hours[:hour]), 0))
        return rows


def _same(window: Window, start_ms: int, end_ms: int):  # type: ignore[no-untyped-def]  # a lambda
    if window is Window.D7:
        return lambda day, hours: 0
    if window is Window.H24:
        weekdays = {start_ms // DAY_MS % 7, end_ms // DAY_MS % 7}
        return lambda day, hours: sum(hours) if day % 7 in weekdays else 0
    covered = [hour % 24 for hour in range((start_ms + 1) // HOUR_MS, end_ms // HOUR_MS + 1)]
    return lambda day, hours: sum(hours[hour] for hour in covered)


def found(
    counters: Counters,
    posts: Sequence[PostTerms],
    window: Window,
    at_ms: int,
    copies: dict[int, int],
    limit: int = SNAPSHOT_SIZE,
) -> list[tuple[Figures, frozenset[int]]]:
    """What Analyser.trends finds, without names: figures, and the ids of the leading posts."""
    seen = WindowPosts(posts, at_ms - int(window.span.total_seconds() * 1000), at_ms)
    if not seen.posts:
        return []
    asked = finding.ask(seen)
    past = counters.history(asked.terms, window, from_ms(at_ms))
    stories = finding.find(asked, past, CONSIDERED * limit)
    by_key = {story.lead.key: story for story in stories}
    best = finding.ranked(seen, stories, copies, limit)
    return [
        (figures, frozenset(posts[index].id for index in by_key[figures.key].lead.posts))
        for figures in best
    ]


def rounds(
    prepared: Prepared, windows: Sequence[Window] = (Window.H1,), warm_ms: int = DAY_MS
) -> dict[Window, list[Round]]:
    """All rounds of a stream; those of the first day are counted, not looked at."""
    counters, out = Counters(), {window: list[Round]() for window in windows}
    before: dict[Window, list[Trend]] = {window: [] for window in windows}
    for number, at_ms in enumerate(moments(prepared)):
        counters.add(prepared.between(at_ms - STEP_MS, at_ms))
        if at_ms < prepared.start_ms + warm_ms:
            continue
        copies: dict[int, int] | None = None
        for window in windows:
            if number % EVERY[window]:
                continue
            copies = prepared.copies_until(at_ms) if copies is None else copies
            span_ms = int(window.span.total_seconds() * 1000)
            posts = prepared.between(at_ms - span_ms, at_ms)
            results = found(counters, posts, window, at_ms, copies)
            kept = keep_keys([_trend(f, window, at_ms) for f, _ in results], before[window])
            before[window] = kept
            out[window].append(
                Round(
                    at_ms,
                    tuple(
                        Rise(
                            trend.key,
                            frozenset(figures.member_keys),
                            figures.score,
                            lead_ids,
                            figures.voices,
                            figures.coordinated,
                        )
                        for trend, (figures, lead_ids) in zip(kept, results, strict=True)
                    ),
                )
            )
    return out


def moments(prepared: Prepared) -> Iterator[int]:
    """The ends of the rounds of a stream."""
    yield from range(prepared.start_ms + STEP_MS, prepared.end_ms + 1, STEP_MS)


def _trend(figures: Figures, window: Window, at_ms: int) -> Trend:
    return Trend(
        key=figures.key,
        term=figures.key,
        spellings=(),
        score=figures.score,
        volume=figures.volume,
        baseline=figures.baseline,
        voices=figures.voices,
        window=window,
        at=from_ms(at_ms),
        started_at=from_ms(figures.started_ms),
        peak_at=from_ms(figures.peak_ms),
        member_keys=figures.member_keys,
        copies=figures.copies,
        coordinated=figures.coordinated,
    )
