"""What happens in a made-up stream: when each post of it comes, and what it says."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.trendlab.speech import HOUR_MS, Speech

MINUTE_MS = 60_000


class Kind(StrEnum):
    SPIKE = "spike"
    RAMP = "ramp"
    PLATEAU = "plateau"
    TWICE = "twice"  # two spikes some hours apart
    COMMON = "common"  # a spike told in everyday words only
    MEGA = "mega"  # many spellings and facets
    SLOW = "slow"  # over a day and a half
    CAMPAIGN = "campaign"  # a few authors, paraphrased
    PUPPETS = "puppets"  # many accounts, one mould
    ADVERT = "advert"
    CASCADE = "cascade"  # one text copied by many
    DAILY = "daily"  # the same hour every day

    @property
    def is_event(self) -> bool:
        return self in _EVENTS


_EVENTS = frozenset(
    {Kind.SPIKE, Kind.RAMP, Kind.PLATEAU, Kind.TWICE, Kind.COMMON, Kind.MEGA, Kind.SLOW}
)


@dataclass(frozen=True, slots=True)
class Said:
    """One post of a happening; an author of "" is anybody."""

    at_ms: int
    words: tuple[str, ...]
    author: str = ""
    copies: int = -1  # the position, in the happening, of the post that this one repeats


Shape = Callable[[random.Random], float]  # hours after the start


def _spike(rng: random.Random) -> float:
    return rng.gammavariate(2.0, 0.12) if rng.random() < 0.5 else 0.2 + rng.expovariate(1 / 1.2)


def _ramp(rng: random.Random) -> float:
    return rng.triangular(0, 4, 2.6)


def _plateau(rng: random.Random) -> float:
    return rng.uniform(0, 4)


def _twice(rng: random.Random) -> float:
    return _spike(rng) * 0.7 + (4.5 if rng.random() < 0.45 else 0.0)


def _slow(rng: random.Random) -> float:
    return rng.triangular(0, 36, 26)


SHAPES: dict[Kind, Shape] = {
    Kind.SPIKE: _spike,
    Kind.RAMP: _ramp,
    Kind.PLATEAU: _plateau,
    Kind.TWICE: _twice,
    Kind.COMMON: _spike,
    Kind.SLOW: _slow,
}
_REPEATED = 0.3  # of the posts of an event that pass on an earlier one


def event(kind: Kind, start_ms: int, posts: int, speech: Speech, rng: random.Random) -> list[Said]:
    """A happening that many people speak of, each in words of their own."""
    ordinary = rng.sample(speech.ordinary, 7)
    names = [] if kind is Kind.COMMON else speech.coining.words(2)
    core = names or ordinary[:3]
    aside = ordinary[3:]
    tags = _spellings(core, rng)[:2]
    times = sorted(int(SHAPES[kind](rng) * HOUR_MS) for _ in range(posts))
    said = []
    for position, after in enumerate(times):
        copies = rng.randrange(position) if position > 4 and rng.random() < _REPEATED else -1
        known = [word for word in core if rng.random() < 0.75] or [rng.choice(core)]
        known += rng.sample(aside, rng.randint(0, 2))
        if rng.random() < 0.25:
            known.append(rng.choice(tags))
        said.append(
            Said(start_ms + after, _mixed(known, start_ms + after, speech, rng), "", copies)
        )
    return said


def mega(start_ms: int, posts: int, speech: Speech, rng: random.Random) -> list[Said]:
    """A story with six facets that come one after the other, and a main name spelt in many ways."""
    names = speech.coining.words(2)
    tags = _spellings(names, rng)
    facets = [
        (
            start_ms + int(rng.uniform(0, 2.5) * HOUR_MS) * (number > 0),
            [*speech.coining.words(1), *rng.sample(speech.ordinary, 4)],
        )
        for number in range(6)
    ]
    said = []
    for position in range(posts):
        begins, words = rng.choice(facets)
        at_ms = begins + int((rng.gammavariate(2.0, 0.3) + rng.uniform(0, 3)) * HOUR_MS)
        known = rng.sample(words, rng.randint(2, 3))
        if rng.random() < 0.5:
            known.append(rng.choice(names))
        if rng.random() < 0.45:
            known.append(rng.choice(tags))
        copies = -2 if position > 9 and rng.random() < _REPEATED else -1
        said.append(Said(at_ms, _mixed(known, at_ms, speech, rng), "", copies))
    said.sort(key=lambda one: one.at_ms)
    return [
        Said(one.at_ms, one.words, one.author, rng.randrange(at) if one.copies == -2 and at else -1)
        for at, one in enumerate(said)
    ]


def campaign(
    start_ms: int, posts: int, authors: int, speech: Speech, rng: random.Random
) -> list[Said]:
    """One message in a few moulds, its words replaced by others: no post is a copy of another."""
    names = speech.coining.words(2)
    slots = [rng.sample(speech.ordinary, 4) for _ in range(14)]
    moulds = [rng.sample(range(14), 10) for _ in range(5)]
    socks = [f"sock{rng.randrange(10**6)}" for _ in range(authors)]
    said = []
    for number in range(posts):
        words = [rng.choice(slots[slot]) for slot in rng.choice(moulds)]
        cut = rng.randrange(len(words))
        words = [*words[cut:], *rng.sample(names, rng.randint(1, 2)), *words[:cut]]
        if rng.random() < 0.5:
            words.append(f"#{names[0]}_{names[1]}")
        at_ms = start_ms + int(rng.uniform(0, 2) * HOUR_MS)
        said.append(Said(at_ms, tuple(words), socks[number % authors]))
    return sorted(said, key=lambda one: one.at_ms)


def advert(start_ms: int, end_ms: int, speech: Speech, rng: random.Random) -> list[Said]:
    """A shop that says the same every half hour or so, with another price."""
    sold = [*speech.coining.words(2), *rng.sample(speech.ordinary, 6)]
    author, at_ms, said = f"shop{rng.randrange(10**6)}", start_ms, list[Said]()
    while at_ms < end_ms:
        words = [
            *rng.sample(sold, 6),
            str(rng.randrange(100, 999)),
            "تومان",
            *rng.sample(speech.ordinary, 2),
        ]
        said.append(Said(at_ms, tuple(words), author))
        at_ms += int(rng.expovariate(1 / 25) * MINUTE_MS) + MINUTE_MS
    return said


def cascade(start_ms: int, posts: int, speech: Speech, rng: random.Random) -> list[Said]:
    """A joke with a made-up word that everybody passes on."""
    words = _mixed(speech.coining.words(1), start_ms, speech, rng)
    times = sorted(int(_spike(rng) * HOUR_MS) for _ in range(posts))
    return [Said(start_ms + after, words, "", 0 if at else -1) for at, after in enumerate(times)]


def daily(starts_ms: Sequence[int], posts: int, speech: Speech, rng: random.Random) -> list[Said]:
    """A programme that people speak of for an hour every evening."""
    core = [*speech.coining.words(2), *rng.sample(speech.ordinary, 3)]
    said = []
    for start_ms in starts_ms:
        for after in sorted(rng.uniform(0, 1.2) for _ in range(int(posts * rng.uniform(0.7, 1.3)))):
            at_ms = start_ms + int(after * HOUR_MS)
            said.append(Said(at_ms, _mixed(rng.sample(core, 2), at_ms, speech, rng)))
    return said


def _mixed(known: Sequence[str], at_ms: int, speech: Speech, rng: random.Random) -> tuple[str, ...]:
    words = speech.words(0, rng.randrange(3), rng.randint(4, 8))
    for word in known:
        words.insert(rng.randrange(len(words) + 1), word)
    return tuple(words)


def _spellings(core: Sequence[str], rng: random.Random) -> list[str]:
    """Hashtags of one name, as different people write them."""
    one, two = core[0], core[1]
    tags = [f"#{one}_{two}", f"#{two}", f"#{one}{two}ی", f"#{two}_{one}", f"#{one}_را_{two}"]
    rng.shuffle(tags)
    return tags
