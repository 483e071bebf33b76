"""From posts to what is added to the counters: posts, touches and moods per term and hour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from bot.analysis.history import EVERYTHING
from bot.analysis.terms import PostTerms
from bot.models.insight import TermCount

HOUR_MS = 3_600_000


class HeardVoices:
    """Which voice has said which term in an hour already, for the hours lately counted."""

    def __init__(self, capacity: int = 100_000) -> None:
        self._capacity = capacity
        self._hours: dict[int, dict[tuple[str, bool], set[str]]] = {}
        self._size = 0

    def __contains__(self, hour: int) -> bool:
        return hour in self._hours

    def hear(self, post: PostTerms) -> Sequence[str]:
        """Note the post and return the terms that its voice says for the first time this hour."""
        if not post.voice:
            return post.terms
        voices = self._hours.setdefault(post.at_ms // HOUR_MS, {})
        said = voices.setdefault((post.voice, post.is_news), set())
        new = [term for term in post.terms if term not in said] if said else post.terms
        said.update(new)
        self._size += len(new)
        return new

    def open(self, hour: int, earlier: Iterable[PostTerms]) -> None:
        """Begin an hour of which these posts have been counted before."""
        self._hours.setdefault(hour, {})
        for post in earlier:
            self.hear(post)

    def shrink(self, keep: frozenset[int] = frozenset()) -> None:
        """Forget the oldest hours until there is room; `keep` stays."""
        for hour in sorted(self._hours):
            if self._size <= self._capacity:
                return
            if hour not in keep:
                self._size -= sum(map(len, self._hours.pop(hour).values()))


def count(posts: Iterable[PostTerms], heard: HeardVoices) -> list[TermCount]:
    """What the posts add; the order in which posts of an hour come does not matter."""
    hours: dict[tuple[int, bool], _Sums] = {}
    for post in posts:
        key = (post.at_ms // HOUR_MS, post.is_news)
        sums = hours.get(key)
        if sums is None:
            sums = hours[key] = _Sums()
        sums.add(post, heard.hear(post))
    return [row for (hour, is_news), sums in hours.items() for row in sums.rows(hour, is_news)]


class _Sums:
    """Of one hour and kind; Counter.update runs in C."""

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

    def rows(self, hour: int, is_news: bool) -> Iterator[TermCount]:
        """In order of the terms: neighbours in the index are written together."""
        touches, positive, negative = self._touches.get, self._positive.get, self._negative.get
        for term in sorted(self._posts):
            yield TermCount(
                hour,
                is_news,
                term,
                self._posts[term],
                touches(term, 0),
                positive(term, 0),
                negative(term, 0),
            )
