"""The scorer of the Numenta Anomaly Benchmark, and what our detector earns by it.

`python -m tests.bench.nab DATA_DIR [--nested]` reads `windows.json` and the series it names.
The rules are those of the benchmark: a probation of 15 % (at most 750 points) counts for nothing;
a window pays for its earliest detection by a sigmoid that falls from 1 at its left edge to 0 at
its right; every detection outside costs, little just behind a window; a missed window costs
whole. 100 is a perfect detector, 0 one that finds nothing.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path

from bot.analysis.series import Rules, SeriesWatch

PROBATION = 0.15
_PROBATION_FROM = 5000  # points; longer series have no longer probation
_FAR = 3.0  # widths behind a window


@dataclass(frozen=True, slots=True)
class Profile:
    """What a found window earns, and what false alarms and missed windows cost."""

    found: float
    false: float
    missed: float


PROFILES = {
    "standard": Profile(1.0, 0.11, 1.0),
    "few false alarms": Profile(1.0, 0.22, 1.0),
    "few missed": Profile(1.0, 0.11, 2.0),
}


@dataclass(frozen=True, slots=True)
class Series:
    """A series with its labelled windows, both ends of which belong to them."""

    name: str
    times: tuple[datetime, ...]
    values: tuple[float, ...]
    windows: tuple[tuple[int, int], ...]  # of points


@dataclass(frozen=True, slots=True)
class Score:
    """Of one or more series: what was earned, of how many windows, and by what."""

    earned: float
    windows: int
    found: int
    false: int
    missed_cost: float

    @property
    def percent(self) -> float:
        """From 0 (nothing found, nothing said) to 100 (each window at once, nothing else)."""
        null = -self.missed_cost * self.windows
        return 100 * (self.earned - null) / (self.windows - null)

    def plus(self, other: Score) -> Score:
        return Score(
            self.earned + other.earned,
            self.windows + other.windows,
            self.found + other.found,
            self.false + other.false,
            self.missed_cost,
        )


def scaled_sigmoid(position: float) -> float:
    """-1 is the left edge of a window and 0 its right; beyond that it is negative."""
    return -1.0 if position >= _FAR else 2 / (1 + math.exp(5 * position)) - 1


def probation(length: int) -> int:
    """How many points at the start count for nothing."""
    return math.ceil(min(math.floor(PROBATION * length), PROBATION * _PROBATION_FROM))


def score(
    length: int,
    windows: Sequence[tuple[int, int]],
    found: Collection[int],
    profile: Profile = PROFILES["standard"],
) -> Score:
    """What detections at these points earn. A window wholly inside the probation is none."""
    first = probation(length)
    counted = [window for window in windows if window[1] >= first]
    best: dict[tuple[int, int], float] = {}
    earned, false = 0.0, 0
    for point in sorted(found):
        if point < first:
            continue
        inside = next((w for w in windows if w[0] <= point <= w[1]), None)
        if inside is not None:
            width = inside[1] - inside[0] + 1
            pay = scaled_sigmoid(-(inside[1] - point + 1) / width) / scaled_sigmoid(-1.0)
            best[inside] = max(best.get(inside, -profile.missed), pay * profile.found)
            continue
        false += 1
        before = [w for w in windows if w[1] < point]
        if before:
            last = before[-1]
            earned += profile.false * scaled_sigmoid((point - last[1]) / (last[1] - last[0]))
        else:
            earned -= profile.false
    earned += sum(best.get(window, -profile.missed) for window in counted)
    return Score(earned, len(counted), len(best), false, profile.missed)


def read(folder: Path) -> list[Series]:
    """The series of a folder that have windows, by name."""
    labels = json.loads((folder / "windows.json").read_text(encoding="utf-8"))
    return [
        read_series(folder / Path(name).name, labels[name])
        for name in sorted(labels)
        if (folder / Path(name).name).is_file()
    ]


def read_series(path: Path, labels: Sequence[Sequence[str]]) -> Series:
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split(",") for line in lines if line]
    times = tuple(datetime.fromisoformat(row[0]) for row in rows)
    place = {at: index for index, at in enumerate(times)}
    windows = tuple(
        (place[datetime.fromisoformat(start)], place[datetime.fromisoformat(end)])
        for start, end in labels
    )
    return Series(path.stem, times, tuple(float(row[1]) for row in rows), windows)


def detections(series: Series, rules: Rules) -> list[int]:
    """The points at which our watch tells something."""
    watch = SeriesWatch(rules=rules)
    pairs = enumerate(zip(series.times, series.values, strict=True))
    return [i for i, (at, value) in pairs if watch.add(at.replace(tzinfo=UTC), value) is not None]


LIMITS = tuple(4.1 + 0.25 * step for step in range(13))
NEIGHBOURS = 2  # limits on each side whose scores count for a choice: a lone peak is luck


def nested(all_series: Sequence[Series]) -> tuple[Score, list[tuple[str, Rules]]]:
    """Each series measured with the rules chosen on the others alone, of a fixed grid."""
    earned: dict[Rules, tuple[Score, ...]] = {}
    families = itertools.product((0.0, 1.0, 2.0), (4.0, 8.0), (0.5, 1.0, 1.5))
    for novelty, half_life, quiet in families:
        for limit in LIMITS:
            rules = Rules(limit, novelty, half_life, quiet)
            earned[rules] = tuple(
                score(len(one.values), one.windows, detections(one, rules)) for one in all_series
            )
    picks: list[tuple[str, Rules]] = []
    kept: list[Score] = []
    for left_out, one in enumerate(all_series):
        best = max(earned, key=lambda rules: _smoothed(earned, rules, left_out))
        picks.append((one.name, best))
        kept.append(earned[best][left_out])
    return reduce(Score.plus, kept), picks


def _smoothed(earned: Mapping[Rules, Sequence[Score]], rules: Rules, left_out: int) -> float:
    """The mean of what the rules and those with limits nearby earn on the other series."""
    place = LIMITS.index(rules.limit)
    if not NEIGHBOURS <= place < len(LIMITS) - NEIGHBOURS:
        return -math.inf
    near = [
        Rules(limit, *_rest(rules)) for limit in LIMITS[place - NEIGHBOURS : place + NEIGHBOURS + 1]
    ]
    return sum(
        one.earned
        for nearby in near
        for index, one in enumerate(earned[nearby])
        if index != left_out
    ) / len(near)


def _rest(rules: Rules) -> tuple[float, float, float]:
    return rules.novelty_weight, rules.half_life_days, rules.quiet_days


def main() -> int:
    """Print what the watch earns, by series and together, in each profile."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.nab", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--nested", action="store_true", help="tune on the others, measure on the one left out"
    )
    given = parser.parse_args()
    all_series = read(given.folder)
    found = [detections(one, Rules()) for one in all_series]
    for name, profile in PROFILES.items():
        scores = [
            score(len(one.values), one.windows, points, profile)
            for one, points in zip(all_series, found, strict=True)
        ]
        for one, earned in zip(all_series, scores, strict=True):
            _say(f"{name}, {one.name}", earned)
        _say(f"{name}, together", reduce(Score.plus, scores))
    if given.nested:
        whole, picks = nested(all_series)
        for left_out, rules in picks:
            sys.stdout.write(f"left out {left_out}: {rules}\n")
        _say("standard, nested", whole)
    return 0


def _say(what: str, earned: Score) -> None:
    sys.stdout.write(
        f"{what}: {earned.percent:.1f} "
        f"({earned.found} of {earned.windows} windows, {earned.false} false)\n"
    )


if __name__ == "__main__":
    sys.exit(main())
