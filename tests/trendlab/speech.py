"""What people say when nothing happens: registers, drifting topics, habits of the day."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import accumulate

from bot.analysis import background

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
TEHRAN_MS = 12_600_000  # ahead of UTC

_ONSETS = (
    "ب",
    "پ",
    "ت",
    "ج",
    "چ",
    "خ",
    "د",
    "ر",
    "ز",
    "س",
    "ش",
    "غ",
    "ف",
    "ق",
    "ک",
    "گ",
    "ل",
    "م",
    "ن",
)
_RIMES = ("ا", "ار", "ین", "ور", "ام", "یک", "وت", "ان", "یش", "ود", "اف", "یل")
_REGISTERS = 3
_KNOWN, _JARGON = 2600, 900  # words of a register
_TOPICS = 45
_TOPIC_WORDS = 12
_TOPIC_SHARE = 0.35  # of posts that are about a topic
_STICKY, _RESTLESS = 0.93, 0.22  # of a topic's activity from hour to hour, in logarithms


class Coining:
    """Words that sound Persian and that no list knows; never the same twice."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._coined: set[str] = set(background.load("tweets").words())

    def word(self) -> str:
        while True:
            rng = self._rng
            made = "".join(
                rng.choice(_ONSETS) + rng.choice(_RIMES) for _ in range(rng.choice((2, 3)))
            )
            if len(made) > 4 and made not in self._coined:
                self._coined.add(made)
                return made

    def words(self, many: int) -> list[str]:
        return [self.word() for _ in range(many)]


class Speech:
    """Ordinary talk, other than the shipped background: shares are bent, and jargon is added.

    A register is a way of speaking: words of its own at frequencies of its own (Zipf). A topic's
    activity wanders (an autoregression in logarithms) around a favourite hour.
    """

    def __init__(self, seed: int, hours: int) -> None:
        self.rng = random.Random(f"speech {seed}")
        self.coining = Coining(self.rng)
        known = {name: background.load(name).words() for name in ("tweets", "news")}
        self._registers = [
            self._register(known["news" if number == 1 else "tweets"])
            for number in range(_REGISTERS)
        ]
        self._topics = [self._topic(hours) for _ in range(_TOPICS)]
        self._by_hour = [
            list(accumulate(activity[hour] for _, activity in self._topics))
            for hour in range(hours)
        ]
        self.ordinary = known["tweets"][150:2500]

    def _register(self, known: Sequence[str]) -> tuple[list[str], list[float]]:
        rng = self.rng
        shares = background.load("tweets")
        words = rng.sample(known[:6000], _KNOWN)
        weights = [
            max(shares.share(word), 2e-6) ** 0.85 * math.exp(rng.gauss(0, 0.8)) for word in words
        ]
        scale = sum(weights)
        jargon = self.coining.words(_JARGON)
        weights += [0.35 * scale / (rank + 8) / 4.7 for rank in range(_JARGON)]
        return words + jargon, list(accumulate(weights))

    def _topic(self, hours: int) -> tuple[list[str], list[float]]:
        rng = self.rng
        words = rng.sample(self._registers[rng.randrange(_REGISTERS)][0], _TOPIC_WORDS - 2)
        words += self.coining.words(2)
        level, busy_at = rng.gauss(0, 0.6), rng.uniform(0, 24)
        activity = []
        for hour in range(hours):
            level = _STICKY * level + rng.gauss(0, _RESTLESS)
            of_day = 0.4 * math.cos((hour - busy_at) * math.pi / 12)
            activity.append(math.exp(level + of_day))
        return words, activity

    def words(self, at_hour: int, register: int, many: int) -> list[str]:
        """What one post says in one hour of the stream."""
        rng = self.rng
        said: list[str] = []
        if rng.random() < _TOPIC_SHARE:
            (topic,) = rng.choices(self._topics, cum_weights=self._by_hour[at_hour])
            said = rng.sample(topic[0], rng.randint(2, 4))
        vocabulary, weights = self._registers[register]
        said += rng.choices(vocabulary, cum_weights=weights, k=max(2, many - len(said)))
        rng.shuffle(said)
        return said


def of_the_day(at_ms: int) -> float:
    """How much is posted at this time of the Tehran day, 1 on average; Fridays are lazier."""
    local = at_ms + TEHRAN_MS
    hour = local % DAY_MS / HOUR_MS
    level = (
        1
        + 0.62 * math.cos((hour - 21.5) * math.pi / 12)
        + 0.18 * math.cos((hour - 14) * math.pi / 6)
    )
    is_friday = local // DAY_MS % 7 == 1  # 1 January 1970 was a Thursday
    return max(0.15, level) * (0.8 if is_friday else 1.0)
