"""Alerts against the truth."""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.trendlab.happenings import Kind
from tests.trendlab.prepared import Prepared, scored
from tests.trendlab.rounds import Alert
from tests.trendlab.speech import DAY_MS, HOUR_MS

MOSTLY = 0.5  # of an alert's posts belong to what it is about
_MADE = frozenset({Kind.CAMPAIGN, Kind.PUPPETS, Kind.ADVERT, Kind.CASCADE})


@dataclass(frozen=True, slots=True)
class Result:
    """Of one stream, or the sums of several."""

    days: float = 0.0
    wanted: Counter[Kind] = field(default_factory=Counter)
    found: Counter[Kind] = field(default_factory=Counter)
    told: int = 0  # alerts about events, the repeated ones among them
    other: Counter[str] = field(default_factory=Counter)  # alerts about anything else
    posts: tuple[int, ...] = ()  # of each found event, until it was told
    minutes: tuple[float, ...] = ()
    crowded: int = 0  # alerts in the first two hours of one event, at most
    noise: tuple[str, ...] = ()

    def __add__(self, more: Result) -> Result:
        return Result(
            self.days + more.days,
            self.wanted + more.wanted,
            self.found + more.found,
            self.told + more.told,
            self.other + more.other,
            self.posts + more.posts,
            self.minutes + more.minutes,
            max(self.crowded, more.crowded),
            self.noise + more.noise,
        )

    @property
    def recall(self) -> float:
        return self.found.total() / max(1, self.wanted.total())

    @property
    def precision(self) -> float:
        return self.told / max(1, self.told + self.other.total())

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    @property
    def false_a_day(self) -> float:
        """Alerts about nothing at all."""
        return self.other["nothing"] / max(1e-9, self.days)

    @property
    def redundancy(self) -> float:
        return (self.told - self.found.total()) / max(1, self.told)

    @property
    def made_up(self) -> int:
        """Campaigns, puppets, adverts and cascades that were told as trends."""
        return sum(self.other[kind] for kind in _MADE)

    @property
    def median_posts(self) -> float:
        return statistics.median(self.posts) if self.posts else float("nan")

    @property
    def median_minutes(self) -> float:
        return statistics.median(self.minutes) if self.minutes else float("nan")


def score(prepared: Prepared, found: Iterable[Alert]) -> Result:
    """An alert is about what half of its posts belong to.

    Of an event with fewer than 25 posts it is neither right nor wrong.
    """
    kinds = {one.id: one.kind for one in prepared.truth}
    wanted = {one.id: one for one in scored(prepared)}
    about: dict[int, list[int]] = {}
    other: Counter[str] = Counter()
    noise = []
    for alert in found:
        happening = subject(prepared, alert.rise.posts)
        if happening in wanted:
            about.setdefault(happening, []).append(alert.at_ms)
        elif not happening:
            other["nothing"] += 1
            noise.append(alert.rise.key)
        elif not kinds[happening].is_event:
            other[kinds[happening]] += 1
    posts, minutes = [], []
    crowded = 0
    for happening, times in about.items():
        said = prepared.times_of[happening]
        posts.append(bisect_right(said, min(times)))
        minutes.append((min(times) - said[0]) / 60_000)
        crowded = max(crowded, sum(at_ms <= said[0] + 2 * HOUR_MS for at_ms in times))
    return Result(
        days=(prepared.end_ms - prepared.start_ms) / DAY_MS - 1,
        wanted=Counter(one.kind for one in wanted.values()),
        found=Counter(kinds[happening] for happening in about),
        told=sum(map(len, about.values())),
        other=other,
        posts=tuple(posts),
        minutes=tuple(minutes),
        crowded=crowded,
        noise=tuple(noise),
    )


def subject(prepared: Prepared, posts: Iterable[int]) -> int:
    """What most of the posts belong to; 0: nothing."""
    ids = list(posts)
    counts = Counter(prepared.happening_of.get(post_id, 0) for post_id in ids)
    counts.pop(0, None)
    best = counts.most_common(1)
    return best[0][0] if best and best[0][1] >= MOSTLY * len(ids) else 0


def total(results: Sequence[Result]) -> Result:
    return sum(results, Result())
