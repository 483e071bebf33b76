"""How soon a mood that turns is found: `python -m tests.bench.mood_shifts [SEEDS]`.

Posts are of three moods, and a classifier sees 72 % of them rightly, any of the other two instead.
"""

from __future__ import annotations

import random
import statistics
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bot.analysis.shifts import MOOD_RULES, ShiftFinder

RIGHT = 0.72
STEADY = 40_000  # posts
_SEEN = RIGHT - (1 - RIGHT) / 2  # of a true change, this much is seen
_START = datetime(2026, 1, 1, tzinfo=UTC)


def posts(chance: random.Random, shares: tuple[float, ...], count: int) -> Iterator[int]:
    """Moods as they are seen."""
    for mood in chance.choices([1, 0, -1], shares, k=count):
        is_right = chance.random() < RIGHT
        yield mood if is_right else chance.choice([m for m in (1, 0, -1) if m != mood])


def main() -> int:
    """Print false alarms and delays."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    for shares in ((0.3, 0.4, 0.3), (0.45, 0.4, 0.15), (0.15, 0.6, 0.25)):
        false = 0
        delays: dict[float, list[int]] = {}
        for seed in range(seeds):
            chance = random.Random(seed)
            at, finder = _START, ShiftFinder(MOOD_RULES)
            for value in posts(chance, shares, STEADY):
                at += timedelta(seconds=30)
                false += finder.add(at, value) is not None
            for by in (0.25, 0.35):
                delays.setdefault(by, []).append(_delay(chance, shares, by))
        # Whoever turns, turns away from the mood that prevails: there is more of it to lose.
        found = ", ".join(
            f"by {by} as seen: median {statistics.median(each):.0f}, "
            f"{sum(delay <= 200 for delay in each) / len(each):.0%} within 200"
            for by, each in delays.items()
        )
        alarms = false / (seeds * STEADY) * 10_000
        sys.stdout.write(f"{shares}: {alarms:.2f} false in 10,000 posts; {found}\n")
    return 0


def _delay(chance: random.Random, shares: tuple[float, ...], by: float) -> int:
    """How many posts it takes after 4,000 steady ones; 9,999 when it is not found in 1,500."""
    at, finder = _START, ShiftFinder(MOOD_RULES)
    for value in posts(chance, shares, 4000):
        at += timedelta(seconds=30)
        finder.add(at, value)
    moved = by / _SEEN / 2 * (1 if shares[0] < shares[2] else -1)
    after = (max(shares[0] + moved, 0.0), shares[1], max(shares[2] - moved, 0.0))
    for count, value in enumerate(posts(chance, after, 1500), 1):
        at += timedelta(seconds=30)
        if finder.add(at, value) is not None:
            return count
    return 9999


if __name__ == "__main__":
    sys.exit(main())
