"""What the published methods work on: how many voices said each unit in each five minutes.

They get what ours gets: the same terms, copies left out, a voice counted once an hour; and their
rising units become stories, and stories alerts, by the same steps as ours.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bot.analysis.counting import HeardVoices
from bot.analysis.history import Expected
from bot.analysis.stories import is_coordinated, stories
from bot.analysis.terms import PostTerms
from bot.analysis.trends import Scored, voices_of
from tests.trendlab.ours import STEP_MS
from tests.trendlab.prepared import Prepared
from tests.trendlab.rounds import Rise, Round

LEAST_TOUCHES = 6  # of a unit in the whole stream; rarer ones can hardly be an event
LEAST_VOICES = 3
SHOWN = 30
BINS_A_DAY = 288

Units = Callable[[Sequence[str]], Iterable[str]]
Numbers = NDArray[np.float64]


def words(terms: Sequence[str]) -> Iterable[str]:
    return terms


def words_and_pairs(terms: Sequence[str]) -> Iterable[str]:
    """Each term, and each two that stand in one post."""
    some = sorted(terms[:20])
    yield from terms
    for number, one in enumerate(some):
        for other in some[number + 1 :]:
            yield f"{one}+{other}"


def runs(terms: Sequence[str]) -> Iterable[str]:
    """Runs of one, two and three terms."""
    yield from terms
    for one, two in pairwise(terms):
        yield f"{one}+{two}"
    for at in range(len(terms) - 2):
        yield "+".join(terms[at : at + 3])


class Series:
    """A matrix of units by bins, the posts of each bin, and the posts that say a unit."""

    def __init__(self, prepared: Prepared, units: Units = words) -> None:
        self.prepared = prepared
        self.bins = -(-(prepared.end_ms - prepared.start_ms) // STEP_MS)
        said: Counter[str] = Counter()
        for post in prepared.posts:
            said.update(units(post.terms))
        self.units = [unit for unit, many in said.items() if many >= LEAST_TOUCHES]
        row = {unit: number for number, unit in enumerate(self.units)}
        self.counts: Numbers = np.zeros((len(self.units), self.bins), np.float32)
        self.volume: Numbers = np.zeros(self.bins)
        self._posts: dict[int, list[int]] = {}
        self._times = [post.at_ms for post in prepared.posts]
        heard = HeardVoices()
        for number, post in enumerate(prepared.posts):
            column = min(self.bins - 1, max(0, (post.at_ms - prepared.start_ms - 1) // STEP_MS))
            self.volume[column] += 1
            new = set(heard.hear(post))
            for unit in units(post.terms):
                if (at := row.get(unit)) is not None:
                    self._posts.setdefault(at, []).append(number)
                    if all(part in new for part in unit.split("+")):
                        self.counts[at, column] += 1
        self.sums = np.concatenate(
            [np.zeros((len(self.units), 1), np.float32), np.cumsum(self.counts, axis=1)], axis=1
        )

    def window(self, first: int, last: int) -> Numbers:
        """Touches of each unit in the bins [first, last)."""
        found: Numbers = self.sums[:, max(0, last)] - self.sums[:, max(0, first)]
        return found

    def at_ms(self, bins: int) -> int:
        """The end of so many bins."""
        return self.prepared.start_ms + bins * STEP_MS

    def posts_saying(self, row: int, first: int, last: int) -> frozenset[int]:
        """Positions of the stream's posts that say a unit in the bins [first, last)."""
        said = self._posts.get(row, [])
        begin = bisect_right(said, self.at_ms(first), key=self._times.__getitem__)
        end = bisect_right(said, self.at_ms(last), key=self._times.__getitem__)
        return frozenset(said[begin:end])

    def scored(
        self, scores: Mapping[int, float], first: int, last: int, many: int = 200
    ) -> list[Scored]:
        """The highest of these units as terms of ours, strongest first."""
        best = sorted(scores.items(), key=lambda pair: (-pair[1], self.units[pair[0]]))[:many]
        out = []
        for row, value in best:
            posts = self.posts_saying(row, first, last)
            voices = voices_of(self.prepared.posts, sorted(posts))
            if voices >= LEAST_VOICES:
                expected = Expected(0.0, 0.0)
                out.append(Scored(self.units[row], value, len(posts), expected, posts, voices))
        return out

    def told(self, scores: Mapping[int, float], first: int, last: int, least: float) -> Round:
        """A round of the stories that these units make, joined by our own rules."""
        risen = self.scored(scores, first, last)
        total = int(self.volume[first:last].sum())
        found = stories(risen, total, least)
        found.sort(key=lambda story: (-story.score, story.lead.key))
        return self.round_of([(list(story.terms), story.score) for story in found[:SHOWN]], last)

    def round_of(self, groups: Sequence[tuple[list[Scored], float]], last: int) -> Round:
        """A round of groups of terms, the leading one first, with their scores."""
        at_ms = self.at_ms(last)
        copies = self.prepared.copies_until(at_ms) if groups else {}
        rises = []
        for terms, value in groups:
            lead, posts = terms[0], self.prepared.posts
            ids = frozenset(posts[index].id for index in lead.posts)
            echoes = sum(copies.get(post_id, 0) for post_id in ids)
            parts = frozenset(part for term in terms for part in term.key.split("+"))
            looks_made = is_coordinated(posts, sorted(lead.posts), echoes)
            rises.append(Rise(lead.key, parts, value, ids, lead.voices, looks_made))
        return Round(at_ms, tuple(rises))


def posts_of(terms: Iterable[Scored], posts: Sequence[PostTerms]) -> frozenset[int]:
    """The ids of the posts of several terms."""
    return frozenset(posts[index].id for term in terms for index in term.posts)
