"""A whole stream with its truth: ordinary talk, what happens in it, and gaps."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate

from bot.utils.times import to_ms
from tests.trendlab import happenings
from tests.trendlab.happenings import MINUTE_MS, Kind, Said
from tests.trendlab.speech import DAY_MS, HOUR_MS, TEHRAN_MS, Speech, of_the_day

START_MS = to_ms(datetime(2026, 9, 5, tzinfo=UTC))
NEWS_SHARE = 0.1
OUTLETS = 9
_SHAPED = (Kind.SPIKE, Kind.RAMP, Kind.PLATEAU, Kind.TWICE, Kind.COMMON)
_SIZES = ((26, 45), (60, 140), (180, 350))  # posts of an event, in a stream of ten a minute
_LEFT = 0.03  # of the posts of a black-out


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how busy a stream is, and how much happens in it."""

    seed: int
    days: float = 4.0  # the first is for warming up
    per_minute: float = 8.0
    events_a_day: float = 7.0
    people: int = 4000


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the truth; of its posts, `posts` are in the stream."""

    id: int
    kind: Kind
    start_ms: int
    end_ms: int
    posts: int


@dataclass(frozen=True, slots=True)
class MadePost:
    at_ms: int
    author: str
    text: str
    is_news: bool
    happening: int  # 0: nothing


@dataclass(frozen=True, slots=True)
class Stream:
    plan: Plan
    posts: tuple[MadePost, ...]
    truth: tuple[Happening, ...]
    gaps: tuple[tuple[int, int], ...]  # black-outs, then hours without news

    @property
    def start_ms(self) -> int:
        return START_MS

    @property
    def end_ms(self) -> int:
        return START_MS + int(self.plan.days * DAY_MS)


def make(plan: Plan) -> Stream:
    """The stream of a plan; the same plan always makes the same stream."""
    rng = random.Random(f"stream {plan.seed}")
    hours = int(plan.days * 24) + 60  # what begins late goes on behind the end
    speech = Speech(plan.seed, hours)
    people = _People(plan.people, rng)
    begin, end = START_MS, START_MS + int(plan.days * DAY_MS)
    blackout = _gap(begin + DAY_MS, end, 3 * HOUR_MS, 5 * HOUR_MS, rng)
    silence = _gap(begin + DAY_MS, end, 8 * HOUR_MS, 9 * HOUR_MS, rng)
    posts = _talk(plan, speech, people, rng)
    truth = []
    for number, (kind, said) in enumerate(_happenings(plan, speech, rng), 1):
        told = _told(number, kind, said, people, speech, rng)
        told = [
            post for post in told if post.at_ms < end and _is_heard(post, blackout, silence, rng)
        ]
        if told:
            times = [post.at_ms for post in told]
            truth.append(Happening(number, kind, min(times), max(times), len(told)))
            posts += told
    posts = [p for p in posts if p.happening or _is_heard(p, blackout, silence, rng)]
    posts.sort(key=lambda post: (post.at_ms, post.author, post.text))
    return Stream(plan, tuple(posts), tuple(truth), (blackout, silence))


class _People:
    """Authors; a few write most."""

    def __init__(self, many: int, rng: random.Random) -> None:
        self._names = [f"u{number}" for number in range(many)]
        self._weights = list(accumulate(1 / (rank + 30) for rank in range(many)))
        self._rng = rng

    def anybody(self) -> str:
        return self._rng.choices(self._names, cum_weights=self._weights)[0]

    def register(self, name: str) -> int:
        """A person speaks mostly in one way."""
        return int(name[1:]) % 3 if self._rng.random() < 0.8 else self._rng.randrange(3)


def _talk(plan: Plan, speech: Speech, people: _People, rng: random.Random) -> list[MadePost]:
    posts = []
    mood = 0.0
    for minute in range(int(plan.days * 1440)):
        at_ms = START_MS + minute * MINUTE_MS
        if minute % 60 == 0:
            mood = 0.8 * mood + rng.gauss(0, 0.1)
        expected = plan.per_minute * of_the_day(at_ms) * (1 + max(-0.5, mood))
        for _ in range(_poisson(expected, rng)):
            is_news = rng.random() < NEWS_SHARE
            author = f"outlet{rng.randrange(OUTLETS)}" if is_news else people.anybody()
            register = 1 if is_news else people.register(author)
            words = speech.words(minute // 60, register, rng.randint(5, 14) + 4 * is_news)
            posts.append(
                MadePost(at_ms + rng.randrange(MINUTE_MS), author, " ".join(words), is_news, 0)
            )
    return posts


def _happenings(plan: Plan, speech: Speech, rng: random.Random) -> list[tuple[Kind, list[Said]]]:
    begin = START_MS + DAY_MS
    end = START_MS + int(plan.days * DAY_MS)
    scale = plan.per_minute / 10
    days = plan.days - 1

    def moment(before_end: float) -> int:
        return rng.randrange(begin, max(begin + 1, end - int(before_end * HOUR_MS)))

    found: list[tuple[Kind, list[Said]]] = []
    for number in range(round(plan.events_a_day * days)):
        kind, size = _SHAPED[number % 5], _SIZES[number % 3]
        posts = max(26, int(rng.randint(*size) * scale))
        found.append((kind, happenings.event(kind, moment(6), posts, speech, rng)))
    for _ in range(max(1, round(days / 3))):
        posts = int(rng.randint(700, 1100) * scale)
        found.append((Kind.MEGA, happenings.mega(moment(7), posts, speech, rng)))
        slow = max(60, int(rng.randint(150, 280) * scale))
        found.append((Kind.SLOW, happenings.event(Kind.SLOW, moment(38), slow, speech, rng)))
    for _ in range(max(1, round(days / 2))):
        few = happenings.campaign(moment(3), rng.randint(50, 90), 6, speech, rng)
        many = happenings.campaign(moment(3), rng.randint(60, 90), 40, speech, rng)
        found += [(Kind.CAMPAIGN, few), (Kind.PUPPETS, many)]
        for _ in range(3):
            found.append(
                (Kind.CASCADE, happenings.cascade(moment(4), rng.randint(25, 70), speech, rng))
            )
    for _ in range(3):
        found.append((Kind.ADVERT, happenings.advert(START_MS, end, speech, rng)))
    evening = START_MS + 21 * HOUR_MS - TEHRAN_MS
    evenings = [evening + day * DAY_MS for day in range(int(plan.days) + 1)]
    found.append((Kind.DAILY, happenings.daily(evenings, int(45 * scale), speech, rng)))
    return found


def _told(
    number: int,
    kind: Kind,
    said: Sequence[Said],
    people: _People,
    speech: Speech,
    rng: random.Random,
) -> list[MadePost]:
    """The posts of a happening; outlets report the larger events."""
    texts = [" ".join(one.words) for one in said]
    posts = []
    for one, text in zip(said, texts, strict=True):
        author = one.author or people.anybody()
        shown = f"RT @{people.anybody()}: {texts[one.copies]}" if one.copies >= 0 else text
        posts.append(MadePost(one.at_ms, author, shown, False, number))
    if kind.is_event and len(said) >= 90:
        for _ in range(rng.randint(2, 7)):
            one = rng.choice(said)
            more = " ".join(speech.words(0, 1, 9))
            outlet = f"outlet{rng.randrange(OUTLETS)}"
            posts.append(MadePost(one.at_ms, outlet, f"{' '.join(one.words)} {more}", True, number))
    return posts


def _gap(begin: int, end: int, least: int, most: int, rng: random.Random) -> tuple[int, int]:
    start = rng.randrange(begin, max(begin + 1, end - most))
    return start, start + rng.randrange(least, most)


def _is_heard(
    post: MadePost, blackout: tuple[int, int], silence: tuple[int, int], rng: random.Random
) -> bool:
    if blackout[0] <= post.at_ms < blackout[1] and rng.random() > _LEFT:
        return False
    return not (post.is_news and silence[0] <= post.at_ms < silence[1])


def _poisson(mean: float, rng: random.Random) -> int:
    """By counting exponential gaps: the means here are small."""
    many, passed = 0, rng.expovariate(1.0)
    while passed < mean:
        many, passed = many + 1, passed + rng.expovariate(1.0)
    return many
