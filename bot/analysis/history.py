"""What a term's own past lets us expect of it now.

The past is a table of days: how often the term was said (touches) and how often anything was. The
rate is a Gamma posterior: the background of ordinary Persian is the prior, worth PRIOR_SHAPE
sightings, and each day with data adds evidence, recent days more (an exponential weight over days
*with data*, so that a silence neither ages nor erases what is known). One day is one observation
however many posts it holds: counts of a bursty term are discounted by its spread between days.
Shares, never raw counts: a gap, a black-out or a dead source moves the sum and not the share.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.analysis.background import Background
from bot.models.insight import TermDay

HALF_LIFE_DAYS = 7.0  # days with data
PRIOR_SHAPE = 3.0  # the background is trusted to within a factor of about 1.6: cv² = 1/3
DOUBT = 4.0  # the prior's weight falls by e for each so much of squared surprise
LEAST_SHAPE = 1e-6  # of it; never quite 0
UNKNOWN_SHAPE = 0.01  # sightings; of a word that the background lacks, it knows next to nothing
LEAST_TRUST = 1.0  # sightings; even a rate that nothing supports is known to within itself
SPREAD = 0.20  # cv² of a term's daily share when its own days are too few to tell
SPREAD_DAYS = 4.0  # how many days that assumption is worth
MAX_SPREAD = 4.0

EVERYTHING = ""  # the term under which totals are kept


@dataclass(frozen=True, slots=True)
class Expected:
    """How many touches to expect, and the squared relative deviation of that."""

    mean: float
    spread: float


@dataclass(frozen=True, slots=True)
class _Day:
    weight: float
    all: int
    same: int  # of `all`, in the hours or weekday that the window covers


class History:
    """The days before a window, for a set of terms; tweets and news apart."""

    def __init__(self, rows: Iterable[TermDay]) -> None:
        rows = list(rows)
        totals = [row for row in rows if row[0] == EVERYTHING]
        days = sorted({row[1] for row in totals if row[3]}, reverse=True)
        weight = {day: 0.5 ** (age / HALF_LIFE_DAYS) for age, day in enumerate(days)}
        self._totals: tuple[dict[int, _Day], dict[int, _Day]] = ({}, {})
        for _, day, is_news, touches, same in totals:
            if touches:
                self._totals[is_news][day] = _Day(weight[day], touches, same)
        self._counts: dict[tuple[str, bool], dict[int, tuple[int, int]]] = {}
        for term, day, is_news, touches, same in rows:
            if term != EVERYTHING and day in self._totals[is_news]:
                self._counts.setdefault((term, is_news), {})[day] = (touches, same)

    @property
    def days(self) -> int:
        return len(self._totals[0].keys() | self._totals[1].keys())

    def expect(
        self, term: str, touches: Sequence[int], backgrounds: Sequence[Background]
    ) -> Expected:
        """For a window with so many touches of tweets and of news in all."""
        mean = variance = 0.0
        for is_news in (False, True):
            volume = touches[is_news]
            if not volume:
                continue
            rate, spread = self._rate(term, is_news, backgrounds[is_news])
            mean += volume * rate
            variance += (volume * rate) ** 2 * spread
        return Expected(mean, variance / mean**2 if mean else 0.0)

    def _rate(self, term: str, is_news: bool, background: Background) -> tuple[float, float]:
        totals = self._totals[is_news]
        worth = UNKNOWN_SHAPE if background.is_unknown(term) else PRIOR_SHAPE
        counts = self._counts.get((term, is_news), {})
        rate, trust, spread = _posterior(
            [(d.weight, counts.get(day, (0, 0))[0], d.all) for day, d in totals.items()],
            background.share(term),
            worth,
        )
        at_this_time = [
            (d.weight, counts.get(day, (0, 0))[1], d.same) for day, d in totals.items() if d.same
        ]
        if at_this_time:
            usual, usual_trust, usual_spread = _posterior(at_this_time, rate, PRIOR_SHAPE)
            if usual > rate:  # what comes at this hour or weekday anyway is no news
                rate, trust, spread = usual, usual_trust, max(spread, usual_spread)
        return rate, 1 / trust + spread


def _posterior(
    days: list[tuple[float, int, int]], prior: float, worth: float
) -> tuple[float, float, float]:
    """(rate, trust, spread between days) from days of (weight, count, volume).

    `prior` is the rate without them, worth so many sightings; trust is in sightings too.
    """
    if not days:
        return prior, max(LEAST_TRUST, worth), SPREAD
    count = sum(weight * said for weight, said, _ in days)
    volume = sum(weight * total for weight, _, total in days)
    weights = sum(weight for weight, _, _ in days)
    effective_days = weights**2 / sum(weight * weight for weight, _, _ in days)
    spread = _spread(days, count / volume, effective_days)
    # A day's count says no more than one draw of the day's rate, so evidence saturates at
    # 1 / spread sightings a day.
    discount = 1 / (1 + max(count, volume * prior) * spread / effective_days)
    seen, of = discount * count, discount * volume
    # A prior that the days contradict (jargon, a name, another language) gives way to them.
    surprise = 2 * (math.sqrt(seen + 0.375) - math.sqrt(of * prior + 0.375))
    shape = worth * max(math.exp((1 - max(1.0, surprise**2)) / DOUBT), LEAST_SHAPE)
    rate = (shape + seen) / (shape / prior + of)
    return rate, max(LEAST_TRUST, shape + seen), spread


def _spread(days: list[tuple[float, int, int]], rate: float, effective_days: float) -> float:
    """Extra-Poisson cv² between days, by moments, shrunk towards SPREAD."""
    excess = scale = 0.0
    for weight, said, total in days:
        expected = rate * total
        excess += weight * ((said - expected) ** 2 - expected)
        scale += weight * expected**2
    found = min(MAX_SPREAD, max(0.0, excess / scale)) if scale else 0.0
    # Days that expect less than one sighting cannot show a spread: their word counts for less.
    telling = effective_days * min(1.0, scale / max(1e-9, sum(w for w, _, _ in days)))
    return (SPREAD_DAYS * SPREAD + telling * found) / (SPREAD_DAYS + telling)
