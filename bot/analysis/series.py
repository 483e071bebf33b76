"""Anomalies of any series, one value at a time, in bounded memory.

A value is unusual by two measures together, on a scale where counts have even spread (a bent
square root, which also takes negative values):

    z         its distance from the slowly moving mean, in standard deviations
    novelty   its distance from the nearest level the series had in two weeks, likewise

What together passes the limit, and everything of the last day, is told, once: then comes a day and
a half of quiet, unless something twice as unusual follows. A daily cycle is taken off when it
explains most of the series.

A gap (no value) is nothing at all: neither an anomaly nor the end of one, and no time passes.
`SeriesWatch.state()` is plain JSON; a watch restored from it goes on as if nothing had happened.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.models.pattern import Anomaly, Direction
from bot.utils.times import from_ms, to_ms

MEMORY_DAYS = 14  # of levels
BREAKS_QUIET = 2.0  # times as unusual as what was told
CYCLE_EXPLAINS = 0.5  # of the variance, before it is taken off
CYCLE_RATE = 0.1  # of a day's deviation that an hour of the cycle learns; at first more

_DAY_S = 86_400
_LEAST_DAY = 24  # points taken for a day: slower series have their days from points
_MOST_DAY = 1440
_LEAST_LEARNT = 48
_STEPS_LOOKED_AT = 15
_LEVEL_WIDTH = 0.2  # standard deviations
_MOST_LEVELS = 256
_COUNT_VARIANCE = 0.25  # of rare counts, on the bent scale, at least
_BEND = 0.375


@dataclass(frozen=True, slots=True)
class Rules:
    """What was tuned; the defaults are the middle of where it makes no difference."""

    limit: float = 5.6
    novelty_weight: float = 2.0
    half_life_days: float = 8.0
    quiet_days: float = 1.5


class SeriesWatch:
    """Watches one series; values come in the order of time."""

    def __init__(self, step_s: float | None = None, rules: Rules | None = None) -> None:
        """Without `step_s` the usual distance of two values is learnt from the first ones."""
        self._rules = rules or Rules()
        self._step_s = step_s or 0.0
        self._steps: list[float] = []
        self._last_ms: int | None = None
        self._points = 0
        self._mean = 0.0
        self._variance = 0.0
        self._whole_variance = 0.0  # since the cycle is known
        self._rest_variance = 0.0  # since then, when the cycle is taken off
        self._is_count = True
        self._cycle = [0.0] * 24
        self._levels: list[tuple[float, int]] = []  # (level, the point that last had it), sorted
        self._recent: deque[tuple[int, float]] = deque()  # falling scores of the last day
        self._told_at = -1
        self._told_score = 0.0

    @property
    def is_learning(self) -> bool:
        """Nothing is told before the first day is over, or the first values of a slow series."""
        return self._points <= max(self._day, _LEAST_LEARNT)

    def add(self, at: datetime, value: float | None) -> Anomaly | None:
        """Take the next value; None (or no number) is a gap. What is unusual is returned."""
        if value is None or not math.isfinite(value):
            return None
        at_ms = to_ms(at)
        self._learn_step(at_ms)
        y = _bent(value)
        self._is_count = self._is_count and value >= 0 and float(value).is_integer()
        if not self._points:
            self._mean = y
        hour = at_ms // 3_600_000 % 24
        has_cycle = self._has_cycle
        middle = self._mean + (self._cycle[hour] if has_cycle else 0.0)
        spread = self._spread(self._rest_variance if has_cycle else self._variance)
        away = (y - middle) / spread
        novelty = self._novelty(y, self._spread(self._variance))
        score = abs(away) + self._rules.novelty_weight * novelty
        if self.is_learning:
            score = 0.0
        is_highest = not self._recent or score > self._recent[0][1]
        self._remember(score)
        self._learn(y, hour)
        if score < self._rules.limit or not is_highest or self._is_quiet(score):
            return None
        self._told_at, self._told_score = self._points, score
        return Anomaly(
            at=at,
            value=value,
            expected=_straight(middle),
            direction=Direction.UP if away > 0 else Direction.DOWN,
            score=round(score, 3),
            novelty=round(novelty, 3),
        )

    # --- the parts of a decision

    @property
    def _day(self) -> int:
        """Points of a day."""
        step = self._step_s or (self._steps[0] if self._steps else 0.0)
        return min(max(round(_DAY_S / step), _LEAST_DAY), _MOST_DAY) if step else _LEAST_DAY

    @property
    def _has_cycle(self) -> bool:
        left = (1 - CYCLE_EXPLAINS) * self._whole_variance
        return self._points >= 3 * self._day and self._rest_variance < left

    def _spread(self, variance: float) -> float:
        if self._is_count:
            return math.sqrt(max(variance, _COUNT_VARIANCE))
        # A series that never moved has no measure of its own: a thousandth of its size.
        return math.sqrt(max(variance, (1e-3 * self._mean) ** 2, 1e-12))

    def _novelty(self, y: float, spread: float) -> float:
        """The distance to the nearest level that is remembered; remembers this one."""
        levels, now = self._levels, self._points
        oldest = now - MEMORY_DAYS * self._day
        while levels:
            place = bisect_left(levels, (y, -1))
            near = min(
                (index for index in (place - 1, place) if 0 <= index < len(levels)),
                key=lambda index: abs(levels[index][0] - y),
            )
            level, seen = levels[near]
            if seen < oldest:
                del levels[near]
                continue
            away = abs(level - y) / spread
            if away <= _LEVEL_WIDTH:
                levels[near] = (level, now)
            else:
                self._add_level(y)
            return away
        levels.append((y, now))
        return 0.0

    def _add_level(self, y: float) -> None:
        if len(self._levels) >= _MOST_LEVELS:
            del self._levels[min(range(_MOST_LEVELS), key=lambda index: self._levels[index][1])]
        insort(self._levels, (y, self._points))

    def _is_quiet(self, score: float) -> bool:
        if self._told_at < 0 or self._points - self._told_at >= self._rules.quiet_days * self._day:
            return False
        return score < BREAKS_QUIET * self._told_score

    # --- learning

    def _learn_step(self, at_ms: int) -> None:
        last, self._last_ms = self._last_ms, at_ms
        if self._step_s or last is None or at_ms <= last:
            return
        insort(self._steps, (at_ms - last) / 1000)
        if len(self._steps) >= _STEPS_LOOKED_AT:
            self._step_s = self._steps[len(self._steps) // 2]
            self._steps = []

    def _remember(self, score: float) -> None:
        recent = self._recent
        while recent and recent[-1][1] <= score:
            recent.pop()
        recent.append((self._points, score))
        while recent[0][0] <= self._points - self._day:
            recent.popleft()

    def _learn(self, y: float, hour: int) -> None:
        self._points += 1
        rate = _rate(self._rules.half_life_days * self._day, self._points)
        away = y - self._mean
        rest = away - self._cycle[hour]
        self._mean += rate * away
        self._variance = (1 - rate) * (self._variance + rate * away * away)
        # What a cycle leaves is known only when the cycle is.
        rate = _rate(self._rules.half_life_days * self._day, max(self._points - 2 * self._day, 0))
        self._whole_variance = (1 - rate) * (self._whole_variance + rate * away * away)
        self._rest_variance = (1 - rate) * (self._rest_variance + rate * rest * rest)
        visit = max(CYCLE_RATE, 1 / (self._points // self._day + 2)) * min(1.0, 24 / self._day)
        self._cycle[hour] += visit * rest

    # --- keeping

    def state(self) -> dict[str, Any]:
        """All that is known, as JSON."""
        return {
            "step_s": self._step_s,
            "steps": list(self._steps),
            "last_ms": self._last_ms,
            "points": self._points,
            "mean": self._mean,
            "variance": self._variance,
            "whole_variance": self._whole_variance,
            "rest_variance": self._rest_variance,
            "is_count": self._is_count,
            "cycle": list(self._cycle),
            "levels": [list(level) for level in self._levels],
            "recent": [list(one) for one in self._recent],
            "told_at": self._told_at,
            "told_score": self._told_score,
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any], rules: Rules | None = None) -> SeriesWatch:
        """A watch as it was when its `state` was taken."""
        watch = cls(rules=rules)
        for name in cls().state():
            setattr(watch, f"_{name}", state[name])
        watch._steps, watch._cycle = list(state["steps"]), list(state["cycle"])
        watch._levels = [(level, int(seen)) for level, seen in state["levels"]]
        watch._recent = deque((int(point), score) for point, score in state["recent"])
        return watch

    @property
    def last_at(self) -> datetime | None:
        """When the last value was."""
        return None if self._last_ms is None else from_ms(self._last_ms)

    @property
    def step(self) -> timedelta | None:
        """The usual distance of two values, once known."""
        return timedelta(seconds=self._step_s) if self._step_s else None


def _rate(half_life: float, seen: int) -> float:
    """How much of a new value is learnt: at first an even mean, then by half-life."""
    return max(1 - math.exp2(-1 / half_life), 1 / (seen + 1))


def _bent(value: float) -> float:
    return math.copysign(2 * (math.sqrt(abs(value) + _BEND) - math.sqrt(_BEND)), value)


def _straight(y: float) -> float:
    return math.copysign((abs(y) / 2 + math.sqrt(_BEND)) ** 2 - _BEND, y)
