"""Level shifts: a mean that became another one and stayed, found as early as is safe.

Two cumulative sums (Page, "Continuous inspection schemes", Biometrika 1954) of what lies above and
below the slowly learnt mean, less a slack, in standard deviations. Where a sum last was zero the
shift began; when it passes the limit it is told, and the new mean is learnt from there on. For
moods a value is a post (1, 0 or -1), or many posts of one slot at once: a slot of n weighs n.

A gap adds nothing. `state()` is plain JSON; a finder restored from it goes on unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.models.pattern import Direction, LevelShift
from bot.utils.times import from_ms, to_ms


@dataclass(frozen=True, slots=True)
class ShiftRules:
    """Slack and limit in standard deviations; the rest in observations."""

    slack: float
    limit: float
    half_life: float  # of mean and spread
    warm_up: int  # observations before anything is told
    clip: float  # of one observation: a spike is no shift


MOOD_RULES = ShiftRules(slack=0.16, limit=22.0, half_life=6000, warm_up=600, clip=3.0)
# Hours, which hang together: a good day's worth of them has to agree.
HOUR_RULES = ShiftRules(slack=0.6, limit=12.0, half_life=240, warm_up=72, clip=2.5)


@dataclass(slots=True)
class _Sum:
    """One of the two sums, with what was seen since it last was zero."""

    height: float = 0.0
    since_ms: int = 0
    count: float = 0.0
    total: float = 0.0

    def add(self, step: float, at_ms: int, value: float, count: float) -> None:
        if self.height <= 0:
            self.since_ms, self.count, self.total = at_ms, 0.0, 0.0
        self.height = max(0.0, self.height + step)
        self.count += count
        self.total += count * value


class ShiftFinder:
    """Finds shifts of one series; observations come in the order of time."""

    def __init__(self, rules: ShiftRules) -> None:
        self._rules = rules
        self._count = 0.0
        self._mean = 0.0
        self._variance = 0.0
        self._up = _Sum()
        self._down = _Sum()

    @property
    def level(self) -> float:
        """The mean as it is held at present."""
        return self._mean

    def add(
        self, at: datetime, value: float | None, count: int = 1, spread: float | None = None
    ) -> LevelShift | None:
        """Take the mean of `count` observations of one moment; None is a gap.

        `spread` is their standard deviation among themselves, when more than one.
        """
        if value is None or count <= 0 or not math.isfinite(value):
            return None
        rules, at_ms = self._rules, to_ms(at)
        told: LevelShift | None = None
        deviation = math.sqrt(max(self._variance, (1e-3 * self._mean) ** 2, 1e-12))
        if self._count >= rules.warm_up:
            away = min(max((value - self._mean) / deviation, -rules.clip), rules.clip)
            self._up.add(count * (away - rules.slack), at_ms, value, count)
            self._down.add(count * (-away - rules.slack), at_ms, value, count)
            for one, direction in ((self._up, Direction.UP), (self._down, Direction.DOWN)):
                if one.height > rules.limit and told is None:
                    told = self._shift(one, direction, at)
        if told is None:
            self._learn(value, count, spread)
        return told

    def _shift(self, one: _Sum, direction: Direction, at: datetime) -> LevelShift:
        after = one.total / one.count
        shift = LevelShift(
            at=at,
            since=from_ms(one.since_ms),
            before=self._mean,
            after=after,
            direction=direction,
            count=round(one.count),
        )
        # The spread is kept; of the mean only what was seen since is known, which counts again
        # from there. Nothing more is told before it is known well enough.
        self._mean, self._count = after, one.count
        self._up, self._down = _Sum(), _Sum()
        return shift

    def _learn(self, value: float, count: int, spread: float | None) -> None:
        self._count += count
        rate = max(1 - math.exp2(-count / self._rules.half_life), count / self._count)
        away = value - self._mean
        within = spread * spread if spread is not None else 0.0
        if count == 1 or spread is not None:
            self._variance += rate * (within + (1 - rate) * away * away - self._variance)
        self._mean += rate * away

    # --- keeping

    def state(self) -> dict[str, Any]:
        """All that is known, as JSON."""
        return {
            "count": self._count,
            "mean": self._mean,
            "variance": self._variance,
            "up": _sum_state(self._up),
            "down": _sum_state(self._down),
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any], rules: ShiftRules) -> ShiftFinder:
        """A finder as it was when its `state` was taken."""
        finder = cls(rules)
        finder._count, finder._mean = state["count"], state["mean"]
        finder._variance = state["variance"]
        finder._up, finder._down = _Sum(*state["up"]), _Sum(*state["down"])
        return finder


# Posts of one moment are often of one matter: of many no more than this are taken as evidence.
MOST_AT_ONCE = 40


class MoodShifts:
    """Shifts of the mood of posts, from how many were positive, neutral and negative."""

    def __init__(self, finder: ShiftFinder | None = None) -> None:
        self._finder = finder or ShiftFinder(MOOD_RULES)

    def add(self, at: datetime, positive: int, neutral: int, negative: int) -> LevelShift | None:
        """Take the posts of one moment or slot; none at all is a gap."""
        count = positive + neutral + negative
        if not count:
            return None
        balance = (positive - negative) / count
        spread = math.sqrt(max((positive + negative) / count - balance * balance, 0.0))
        return self._finder.add(at, balance, min(count, MOST_AT_ONCE), spread)

    def state(self) -> dict[str, Any]:
        """All that is known, as JSON."""
        return self._finder.state()

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> MoodShifts:
        """The same as it was when its `state` was taken."""
        return cls(ShiftFinder.restored(state, MOOD_RULES))


def _sum_state(one: _Sum) -> list[float]:
    return [one.height, one.since_ms, one.count, one.total]
