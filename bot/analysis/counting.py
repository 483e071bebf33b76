"""From posts to what is added to the counters: posts, touches and moods per term and time."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from bot.analysis.history import EVERYTHING
from bot.analysis.terms import PostTerms
from bot.models.insight import SlotCount, TermCount

HOUR_MS = 3_600_000
SLOT_MS = 300_000

Hour = tuple[int, bool]


class Counts(NamedTuple):
    """What posts add to the hours, and to the five minutes where they are recent enough."""

    hours: list[TermCount]
    slots: list[SlotCount]


class HeardVoices:
    """Which voice has said which term in an hour already, for the hours lately counted.

    An hour is (hours since 1970, is it of news): outlets and authors are apart. What a voice said
    is held as a hash of 64 bits, open as a set in the hours at work and packed as eight bytes in
    the others. Among n of an hour the chance that any two meet is about n² / 2⁶⁵, one in thirty
    million for a million; a touch less would be counted then.
    """

    def __init__(self, capacity: int = 8_000_000, at_work: int = 100_000) -> None:
        self._capacity = capacity
        self._at_work = at_work
        self._open: dict[Hour, set[int]] = {}
        self._packed: dict[Hour, array[int]] = {}
        self._open_size = self._packed_size = 0

    def __contains__(self, hour: Hour) -> bool:
        return hour in self._open or hour in self._packed

    def hear(self, post: PostTerms) -> Sequence[str]:
        """Note the post and return the terms that its voice says for the first time this hour."""
        if not post.voice:
            return post.terms
        said, voice = self._hashes(hour_of(post)), post.voice
        new = []
        for term in post.terms:
            pair = hash((voice, term))
            if pair not in said:
                said.add(pair)
                new.append(term)
        self._open_size += len(new)
        return new

    def open(self, hour: Hour, earlier: Iterable[PostTerms]) -> None:
        """Begin an hour of which these posts have been counted before."""
        self._hashes(hour)
        for post in earlier:
            self.hear(post)

    def shrink(self, now: Hour) -> None:
        """Make room: pack hours, then forget some, the farthest from the one at work first.

        So a stream in the order of time keeps its newest hours; and of one that goes through many
        hours again and again, most are still known when their turn comes.
        """
        if self._open_size > self._at_work:
            hours = sorted((hour for hour in self._open if hour != now), key=_far_from(now))
            while hours and self._open_size > self._at_work // 2:
                said = self._open.pop(hour := hours.pop())
                self._packed[hour] = array("q", said)
                self._open_size -= len(said)
                self._packed_size += len(said)
        if self._packed_size > self._capacity:
            hours = sorted(self._packed, key=_far_from(now))
            while self._packed_size > self._capacity * 7 // 8:
                self._packed_size -= len(self._packed.pop(hours.pop()))

    def _hashes(self, hour: Hour) -> set[int]:
        said = self._open.get(hour)
        if said is None:
            said = self._open[hour] = set(self._packed.pop(hour, ()))
            self._open_size += len(said)
            self._packed_size -= len(said)
        return said


def _far_from(now: Hour) -> Callable[[Hour], int]:
    return lambda hour: abs(hour[0] - now[0])


def by_hour(posts: Iterable[PostTerms]) -> list[tuple[Hour, list[PostTerms]]]:
    """The posts of each hour, the hours in order."""
    hours: dict[Hour, list[PostTerms]] = {}
    for post in posts:
        hours.setdefault(hour_of(post), []).append(post)
    return sorted(hours.items())


def hour_of(post: PostTerms) -> Hour:
    return post.at_ms // HOUR_MS, post.is_news


def count(
    posts: Iterable[PostTerms], heard: HeardVoices, slots_from_ms: int | None = None
) -> Counts:
    """What the posts add; the order in which posts of an hour come does not matter.

    Posts since `slots_from_ms` are counted by five minutes too; None: none is.
    """
    hours: dict[Hour, _Sums] = {}
    slots: dict[tuple[int, bool], _Sums] = {}
    for post in posts:
        first_said = heard.hear(post)
        hours.setdefault(hour_of(post), _Sums()).add(post, first_said)
        if slots_from_ms is not None and post.at_ms >= slots_from_ms:
            slots.setdefault((post.at_ms // SLOT_MS, post.is_news), _Sums()).add(post, first_said)
    return Counts(
        [TermCount(t, n, *row) for (t, n), sums in hours.items() for row in sums.rows()],
        [SlotCount(t, n, *row) for (t, n), sums in slots.items() for row in sums.rows()],
    )


class _Sums:
    """Of one hour, or five minutes, and kind; Counter.update runs in C."""

    def __init__(self) -> None:
        self._posts: Counter[str] = Counter()
        self._touches: Counter[str] = Counter()
        self._positive: Counter[str] = Counter()
        self._negative: Counter[str] = Counter()

    def add(self, post: PostTerms, first_said: Sequence[str]) -> None:
        terms = (EVERYTHING, *post.terms)
        self._posts.update(terms)
        self._touches.update(first_said)
        self._touches[EVERYTHING] += len(first_said)
        if post.mood > 0:
            self._positive.update(terms)
        elif post.mood < 0:
            self._negative.update(terms)

    def rows(self) -> Iterator[tuple[str, int, int, int, int]]:
        """In order of the terms: neighbours in the index are written together."""
        touches, positive, negative = self._touches.get, self._positive.get, self._negative.get
        for term in sorted(self._posts):
            yield term, self._posts[term], touches(term, 0), positive(term, 0), negative(term, 0)
