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
        self._hours: dict[int, dict[str, set[str]]] = {}
        self._size = 0

    def __contains__(self, hour: int) -> bool:
        return hour in self._hours

    def hear(self, post: PostTerms) -> Sequence[str]:
        """Note the post and return the terms that its voice says for the first time this hour."""
        if not post.voice:
            return post.terms
        voices = self._hours.setdefault(post.at_ms // HOUR_MS, {})
        said = voices.setdefault(post.voice, set())
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
    added: dict[tuple[int, bool, str], list[int]] = {}
    for post in posts:
        hour = post.at_ms // HOUR_MS
        first_said = heard.hear(post)
        positive, negative = post.mood > 0, post.mood < 0
        everything = added.setdefault((hour, post.is_news, EVERYTHING), [0, 0, 0, 0])
        everything[0] += 1
        everything[1] += len(first_said)
        everything[2] += positive
        everything[3] += negative
        for term in post.terms:
            counts = added.setdefault((hour, post.is_news, term), [0, 0, 0, 0])
            counts[0] += 1
            counts[2] += positive
            counts[3] += negative
        for term in first_said:
            added[hour, post.is_news, term][1] += 1
    return [
        TermCount(hour, is_news, term, *counts) for (hour, is_news, term), counts in added.items()
    ]
