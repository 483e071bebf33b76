"""Patterns: what is unusual in a series, how it goes by the clock, who acts together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Direction(StrEnum):
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """A moment at which a series left its usual ways.

    `score` is how unusual it is, `novelty` the part of it that says how far the value is from any
    that the series had in two weeks; both in standard deviations of the series.
    """

    at: datetime
    value: float
    expected: float
    direction: Direction
    score: float
    novelty: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelShift:
    """A series whose mean became another one and stayed there."""

    at: datetime  # when it was certain
    since: datetime  # when it began, as far as can be told
    before: float
    after: float
    direction: Direction
    count: int  # of observations since it began


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How a series goes by the hour and by the day of the week, against its mean of 1.

    A strength is the share of the variance that the hour (or day) explains, from 0 to 1, with what
    chance alone would explain taken off. Hour and day are local; day 0 is Saturday.
    """

    hours: tuple[float, ...]  # 24; 0.0 also for an hour without data
    weekdays: tuple[float, ...]  # 7; empty while fewer than two weeks are known
    hour_strength: float
    weekday_strength: float
    busiest_hour: int
    quietest_hour: int
    days: int  # with data


@dataclass(frozen=True, slots=True)
class Saying:
    """A tweet as coordination looks at it; retweets are none."""

    post_id: int
    account: str
    at_ms: int
    text: str


class SharedKind(StrEnum):
    TEXT = "text"
    LINK = "link"


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedThing:
    """The same text or link from several accounts: one piece of evidence."""

    kind: SharedKind
    what: str  # the link, or the text of the first post
    accounts: tuple[str, ...]
    post_ids: tuple[int, ...]
    first_at: datetime
    last_at: datetime

    @property
    def span_s(self) -> float:
        return (self.last_at - self.first_at).total_seconds()


class HintKind(StrEnum):
    TOGETHER = "together"  # many accounts said one thing at once
    SYNCHRONOUS = "synchronous"  # the same accounts, several times within seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class CoordinationHint:
    """Accounts that seem to act together, and what makes it seem so. Never a verdict.

    `concentration` is the share of all who shared these things that did it together;
    `expected` is how often chance would have brought it about in this window.
    """

    kind: HintKind
    accounts: tuple[str, ...]
    evidence: tuple[SharedThing, ...]  # the strongest first
    concentration: float
    expected: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Community:
    """People who turn to each other more than to the others; the most central first."""

    members: tuple[int, ...]
    inner: float  # strength of what stays among them
    outer: float  # strength of what leads out, either way


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """Somebody whose turns are spread over several communities."""

    person_id: int
    community: int  # their own, by its place in the list
    reaches: tuple[int, ...]  # the others, the strongest first
    share_out: float  # of their strength that leads out of their own
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CommunityMap:
    """The communities of a graph, the largest first, and who holds them together."""

    communities: tuple[Community, ...]
    bridges: tuple[Bridge, ...]
    modularity: float
    of: dict[int, int]  # person to community


class Measure(StrEnum):
    """What is watched for patterns."""

    VOLUME = "volume"
    MOOD = "mood"
    OUTPUT = "output"  # of one source


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPatterns:
    """What there is to say of one series over a span of time."""

    measure: Measure
    source_id: int = 0  # for OUTPUT
    start: datetime
    end: datetime
    rhythm: Rhythm | None = None
    anomalies: tuple[Anomaly, ...] = ()
    shifts: tuple[LevelShift, ...] = ()
    gaps: tuple[tuple[datetime, datetime], ...] = ()  # spans without data
