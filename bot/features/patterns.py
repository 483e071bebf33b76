"""Patterns in what is stored: rhythms, anomalies and shifts of volume, mood and each source's
output; accounts that seem to act together; communities of people who turn to each other.

Everything is read, nothing written. What takes long is computed in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from bot.analysis.communities import communities
from bot.analysis.coordination import find_coordination
from bot.analysis.influence import strength_at
from bot.analysis.rhythms import rhythm
from bot.analysis.series import SeriesWatch
from bot.analysis.shifts import HOUR_RULES, MoodShifts, ShiftFinder
from bot.models.insight import SeriesPoint
from bot.models.pattern import (
    Anomaly,
    CommunityMap,
    CoordinationHint,
    LevelShift,
    Measure,
    Rhythm,
    SeriesPatterns,
)
from bot.models.people import Person
from bot.models.post import TWITTER_SOURCE_ID
from bot.storage.patterns import PatternStore
from bot.storage.people import PeopleStore
from bot.utils.times import to_ms

HOUR = timedelta(hours=1)
HOUR_S = 3600
SLOT_S = 300
SPAN = timedelta(days=28)
LEAST_MOODS = 20  # posts of an hour whose balance is a value
RHYTHMIC = 0.2  # strength from which hours are compared with their own kind
COORDINATED = timedelta(hours=6)
HEADLINES_BEFORE = timedelta(hours=24)
SEEDS = 400  # the people heard most, from whom the graph is drawn
TIES = 100  # of each of them, either way

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleMap:
    """Communities with the people in them who are stored."""

    map: CommunityMap
    people: dict[int, Person]


class Patterns:
    def __init__(
        self, store: PatternStore, people: PeopleStore, zone: tzinfo, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._people = people
        self._zone = zone
        self._clock = clock

    async def volume(self, span: timedelta = SPAN) -> SeriesPatterns:
        """How many posts come, by the hour."""
        hours = await self._hours(span)
        values, gaps = without_gaps([float(point.posts) for point in hours], _seen(hours))
        return await asyncio.to_thread(self._series, Measure.VOLUME, 0, hours, values, gaps)

    async def mood(self, span: timedelta = SPAN) -> SeriesPatterns:
        """How people feel: the balance of moods by the hour, and shifts post by post."""
        hours = await self._hours(span)
        if not hours:
            return self._nothing(Measure.MOOD)
        slots = await self._store.moods(hours[0].at, hours[-1].at + HOUR, SLOT_S)
        values = [
            point.mood.balance if point.mood.total >= LEAST_MOODS else None for point in hours
        ]
        return await asyncio.to_thread(self._moods, hours, values, slots)

    async def output(self, source_id: int, span: timedelta = SPAN) -> SeriesPatterns:
        """What one source brings; hours in which nothing at all came tell nothing of it."""
        hours = await self._hours(span)
        return await self._output(source_id, hours)

    async def outputs(
        self, source_ids: Iterable[int], span: timedelta = SPAN
    ) -> list[SeriesPatterns]:
        """The same for several; tweets are one source, of which `volume` tells more."""
        hours = await self._hours(span)
        return [
            await self._output(source_id, hours)
            for source_id in source_ids
            if source_id != TWITTER_SOURCE_ID
        ]

    async def coordinated(
        self,
        at: datetime | None = None,
        span: timedelta = COORDINATED,
        exempt: Collection[str] = (),
    ) -> list[CoordinationHint]:
        """Groups that seem to act together in the tweets of (at - span, at]."""
        end = at or self._clock()
        sayings = await self._store.sayings(end - span, end)
        headlines = await self._store.headlines(end - span - HEADLINES_BEFORE, end)
        return await asyncio.to_thread(find_coordination, sayings, headlines, exempt)

    async def communities(self, seeds: int = SEEDS, ties: int = TIES) -> PeopleMap:
        """Communities around the people heard most, by how much they turn to each other now."""
        now_ms = to_ms(self._clock())
        strengths: dict[tuple[int, int, str], float] = {}
        for person in await self._people.top(seeds):
            for is_inward in (False, True):
                # Both ends may be asked about: a relation counts once.
                for one in await self._people.relations_of(person.id, inward=is_inward, limit=ties):
                    key = (one.from_id, one.to_id, one.kind.value)
                    strengths[key] = strength_at(one.strength, now_ms)
        edges = [(a, b, strength) for (a, b, _), strength in strengths.items()]
        found = await asyncio.to_thread(communities, edges)
        shown = [bridge.person_id for bridge in found.bridges]
        shown += [person for group in found.communities for person in group.members[:20]]
        return PeopleMap(map=found, people=await self._people.get_many(shown))

    # --- the parts

    async def _hours(self, span: timedelta) -> list[SeriesPoint]:
        """Whole hours up to now, from the first one that has data."""
        now = self._clock()
        end = now.replace(minute=0, second=0, microsecond=0)
        first = await self._store.first_at()
        if first is None:
            return []
        start = max(end - span, first.replace(minute=0, second=0, microsecond=0))
        return await self._store.moods(start, end, HOUR_S) if start < end else []

    async def _output(self, source_id: int, hours: Sequence[SeriesPoint]) -> SeriesPatterns:
        if not hours:
            return self._nothing(Measure.OUTPUT, source_id)
        start, end = hours[0].at, hours[-1].at + HOUR
        counts = await self._store.output(source_id, start, end, HOUR_S)
        values, gaps = without_gaps([float(count) for count in counts], _seen(hours))
        return await asyncio.to_thread(self._series, Measure.OUTPUT, source_id, hours, values, gaps)

    def _series(
        self,
        measure: Measure,
        source_id: int,
        hours: Sequence[SeriesPoint],
        values: Sequence[float | None],
        gaps: Sequence[tuple[int, int]],
    ) -> SeriesPatterns:
        if not hours:
            return self._nothing(measure, source_id)
        times = [point.at for point in hours]
        cycle = rhythm(zip(times, values, strict=True), self._zone)
        return SeriesPatterns(
            measure=measure,
            source_id=source_id,
            start=times[0],
            end=times[-1] + HOUR,
            rhythm=cycle,
            anomalies=anomalies(times, values),
            shifts=self._shifts(times, values, cycle),
            gaps=tuple((times[first], times[last] + HOUR) for first, last in gaps),
        )

    def _shifts(
        self, times: Sequence[datetime], values: Sequence[float | None], cycle: Rhythm | None
    ) -> tuple[LevelShift, ...]:
        """Shifts of the level, hours compared with their own kind where there is a rhythm."""
        finder, found = ShiftFinder(HOUR_RULES), []
        for at, value in zip(times, values, strict=True):
            usual = 1.0
            if cycle is not None and cycle.hour_strength >= RHYTHMIC:
                usual = max(cycle.hours[at.astimezone(self._zone).hour], 0.1)
            shift = finder.add(at, None if value is None else value / usual)
            if shift is not None:
                found.append(shift)
        return tuple(found)

    def _moods(
        self,
        hours: Sequence[SeriesPoint],
        values: Sequence[float | None],
        slots: Iterable[SeriesPoint],
    ) -> SeriesPatterns:
        times = [point.at for point in hours]
        finder, shifts = MoodShifts(), []
        for slot in slots:
            mood = slot.mood
            shift = finder.add(slot.at, mood.positive, mood.neutral, mood.negative)
            if shift is not None:
                shifts.append(shift)
        _, gaps = without_gaps([float(point.posts) for point in hours], _seen(hours))
        return SeriesPatterns(
            measure=Measure.MOOD,
            start=times[0],
            end=times[-1] + HOUR,
            # A rhythm is of shares of a mean: balances, which may be negative, are moved above 0.
            rhythm=rhythm(
                ((at, None if v is None else v + 1) for at, v in zip(times, values, strict=True)),
                self._zone,
            ),
            anomalies=anomalies(times, values),
            shifts=tuple(shifts),
            gaps=tuple((times[first], times[last] + HOUR) for first, last in gaps),
        )

    def _nothing(self, measure: Measure, source_id: int = 0) -> SeriesPatterns:
        now = self._clock()
        return SeriesPatterns(measure=measure, source_id=source_id, start=now, end=now)


def _seen(hours: Iterable[SeriesPoint]) -> list[bool]:
    """In which hours anything came at all."""
    return [point.posts > 0 for point in hours]


def without_gaps(
    values: Sequence[float], seen: Sequence[bool]
) -> tuple[list[float | None], list[tuple[int, int]]]:
    """Values with None where nothing can be known, and the gaps as first and last hour.

    When nothing at all came in an hour, nobody collected: that is no fall. The hours beside are
    known in part only.
    """
    blind = [
        not (seen[i] and (i == 0 or seen[i - 1]) and (i + 1 == len(seen) or seen[i + 1]))
        for i in range(len(seen))
    ]
    known = [None if is_blind else value for value, is_blind in zip(values, blind, strict=True)]
    gaps: list[tuple[int, int]] = []
    for hour, was_seen in enumerate(seen):
        if was_seen:
            continue
        if gaps and gaps[-1][1] == hour - 1:
            gaps[-1] = gaps[-1][0], hour
        else:
            gaps.append((hour, hour))
    return known, gaps


def anomalies(times: Sequence[datetime], values: Sequence[float | None]) -> tuple[Anomaly, ...]:
    """What a watch tells that sees these hours one after the other."""
    watch = SeriesWatch(step_s=HOUR_S)
    pairs = zip(times, values, strict=True)
    return tuple(one for at, value in pairs if (one := watch.add(at, value)) is not None)
