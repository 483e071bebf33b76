"""From posts to what is added to the counters: posts, touches and moods per term and time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
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

    An hour is (hours since 1970, is it of news): outlets and authors are apart.
    """

    def __init__(self, capacity: int = 100_000) -> None:
        self._capacity = capacity
        self._hours: dict[Hour, dict[str, set[str]]] = {}
        self._size = 0

    def __contains__(self, hour: Hour) -> bool:
        return hour in self._hours

    def hear(self, post: PostTerms) -> Sequence[str]:
        """Note the post and return the terms that its voice says for the first time this hour."""
        if not post.voice:
            return post.terms
        voices = self._hours.setdefault(hour_of(post), {})
        said = voices.setdefault(post.voice, set())
        new = [term for term in post.terms if term not in said] if said else post.terms
        said.update(new)
        self._size += len(new)
        return new

    def open(self, hour: Hour, earlier: Iterable[PostTerms]) -> None:
        """Begin an hour of which these posts have been counted before."""
        self._hours.setdefault(hour, {})
        for post in earlier:
            self.hear(post)

    def shrink(self, keep: frozenset[Hour] = frozenset()) -> None:
        """Forget the oldest hours until there is room; `keep` stays."""
        for hour in sorted(self._hours):
            if self._size <= self._capacity:
                return
            if hour not in keep:
                self._size -= sum(map(len, self._hours.pop(hour).values()))


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
