"""Looks for patterns by the clock, and tells admins what is new since the last look.

What was found a look ago is found again: series are of weeks, groups of hours. A finding of a
series is told while it is young, under a key of its own; a group when none of the last look was
mostly the same accounts.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.features.patterns import COORDINATED, Patterns
from bot.models.findings import Finding, GroupFinding, SeriesFinding
from bot.models.pattern import Anomaly, CoordinationHint, LevelShift, SeriesPatterns
from bot.models.post import Source, SourceKind, SourceState
from bot.ports import Clock
from bot.storage.sources import SourceStore

log = logging.getLogger(__name__)

YOUNG = timedelta(hours=4)  # older ones were told by an earlier look, or are no news any more
EPISODE = timedelta(
    hours=6
)  # between anomalies that are one: a burst of several hours is told once
SAME_GROUP = 0.5  # of the accounts of the smaller one
MOST_TOLD = 5  # of a kind in one look; of more, something is wrong with the data
PATIENCE_S = 240.0  # for the sources; the others have their turn in the next look
AT_ONCE = 10

Tell = Callable[[Finding], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternRound:
    """What a look found that is new; `unsaid` is what was too much to be told."""

    series: int = 0  # looked at
    sources_left: int = 0  # for which there was no time
    anomalies: int = 0
    shifts: int = 0
    groups: int = 0
    unsaid: int = 0


class PatternWatch:
    """`tell` gives a finding to the admins, and says nothing twice under one key."""

    def __init__(
        self,
        patterns: Patterns,
        sources: SourceStore,
        tell: Tell,
        clock: Clock,
        *,
        patience_s: float = PATIENCE_S,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patterns = patterns
        self._sources = sources
        self._tell = tell
        self._clock = clock
        self._patience_s = patience_s
        self._timer = timer
        self._after = 0  # the source that was looked at last

    async def round(self, last: datetime | None = None) -> PatternRound:
        """One look; `last` is when the look before it began."""
        now = self._clock()
        series = [await self._patterns.volume(), await self._patterns.mood()]
        feeds = await self._sources.all(SourceKind.FEED)
        active = [source for source in feeds if source.state is SourceState.ACTIVE]
        outputs = await self._outputs(active)
        series += outputs
        names = {source.id: source.name for source in active}
        found = [one for each in series for one in news_of(each, names, now - YOUNG)]
        anomalies = [one for one in found if isinstance(one.what, Anomaly)]
        shifts = [one for one in found if isinstance(one.what, LevelShift)]
        groups = await self._groups(now, last)
        told = 0
        for findings in (anomalies, shifts, groups):
            for finding in findings[:MOST_TOLD]:
                await self._tell(finding)
                told += 1
        result = PatternRound(
            series=len(series),
            sources_left=len(active) - len(outputs),
            anomalies=len(anomalies),
            shifts=len(shifts),
            groups=len(groups),
            unsaid=len(anomalies) + len(shifts) + len(groups) - told,
        )
        if result.unsaid:
            log.warning("more patterns than are told at once", extra={"unsaid": result.unsaid})
        return result

    async def _outputs(self, active: Iterable[Source]) -> list[SeriesPatterns]:
        """What each source brings; who had no turn for want of time is first in the next look."""
        ids = sorted(source.id for source in active)
        turn = [number for number in ids if number > self._after]
        turn += [number for number in ids if number <= self._after]
        until = self._timer() + self._patience_s
        found: list[SeriesPatterns] = []
        for start in range(0, len(turn), AT_ONCE):
            if start and self._timer() >= until:
                break
            some = turn[start : start + AT_ONCE]
            found += await self._patterns.outputs(some)
            self._after = some[-1]
        return found

    async def _groups(self, now: datetime, last: datetime | None) -> list[GroupFinding]:
        """Groups that were not there a look ago."""
        hints = await self._patterns.coordinated(now)
        if not hints:
            return []
        is_recent = last is not None and now - COORDINATED < last < now
        before = await self._patterns.coordinated(last) if is_recent else []
        known = [frozenset(hint.accounts) for hint in before]
        return [
            GroupFinding(key=_group_key(hint, now), hint=hint)
            for hint in hints
            if not any(_is_same(hint.accounts, accounts) for accounts in known)
        ]


def news_of(series: SeriesPatterns, names: dict[int, str], since: datetime) -> list[SeriesFinding]:
    """What began in a series since then: bursts by their first hour, shifts by their certainty."""
    whose = f"{series.measure}:{series.source_id}"
    source_name = names.get(series.source_id, "")

    def finding(what: Anomaly | LevelShift, key: str) -> SeriesFinding:
        return SeriesFinding(
            key=f"pattern:{whose}:{key}",
            measure=series.measure,
            what=what,
            source_name=source_name,
        )

    found = [
        finding(one, f"{one.direction}:{one.at:%Y%m%dT%H}")
        for one in _beginnings(series.anomalies)
        if one.at >= since
    ]
    # With more data a shift may be certain an hour sooner or later: one a day each way is told.
    found += [
        finding(one, f"shift:{one.direction}:{one.at:%Y%m%d}")
        for one in series.shifts
        if one.at >= since
    ]
    return found


def _beginnings(anomalies: Sequence[Anomaly]) -> list[Anomaly]:
    """The first one of each row of anomalies that go one way."""
    found: list[Anomaly] = []
    last: dict[str, datetime] = {}
    for one in anomalies:
        before = last.get(one.direction)
        if before is None or one.at - before > EPISODE:
            found.append(one)
        last[one.direction] = one.at
    return found


def _is_same(accounts: Collection[str], others: frozenset[str]) -> bool:
    shared = len(others.intersection(accounts))
    return shared >= SAME_GROUP * min(len(accounts), len(others))


def _group_key(hint: CoordinationHint, now: datetime) -> str:
    """One a day for the group that this account is in; names may be of any length."""
    name = hashlib.sha256(min(hint.accounts).encode()).hexdigest()[:16]
    return f"pattern:group:{name}:{now:%Y%m%d}"
