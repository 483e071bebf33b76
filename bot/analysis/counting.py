"""From posts to what is added to the counters: posts, touches and moods per term and hour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.analysis.history import EVERYTHING
from bot.analysis.terms import PostTerms
from bot.models.insight import TermCount

HOUR_MS = 3_600_000


class HeardVoices:
    """Which voice has said which term in an hour already, for the hours lately counted."""

    def __init__(self, capacity: int = 300_000) -> None:
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
        new = [term for term in post.terms if term not in said]
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
    hours: dict[tuple[int, bool], dict[str, list[int]]] = {}
    for post in posts:
        counts = hours.setdefault((post.at_ms // HOUR_MS, post.is_news), {})
        first_said = heard.hear(post)
        positive, negative = int(post.mood > 0), int(post.mood < 0)
        _add(counts, EVERYTHING, len(first_said), positive, negative)
        if len(first_said) == len(post.terms):
            for term in first_said:
                _add(counts, term, 1, positive, negative)
        else:
            new = set(first_said)
            for term in post.terms:
                _add(counts, term, int(term in new), positive, negative)
    return [
        TermCount(hour, is_news, term, *counts[term])
        for (hour, is_news), counts in hours.items()
        for term in sorted(counts)  # neighbours in the index are written together
    ]


def _add(
    counts: dict[str, list[int]], term: str, touches: int, positive: int, negative: int
) -> None:
    figures = counts.get(term)
    if figures is None:
        counts[term] = [1, touches, positive, negative]
        return
    figures[0] += 1
    figures[1] += touches
    figures[2] += positive
    figures[3] += negative
