"""Which of the posts that hold the words fit them best: BM25 as FTS5 counts it, and freshness.

FTS5's own bm25() reads every post of every word to weigh the words, a second and more for a common
one. Here the weights come from outside (`holders`), and only the candidates are read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

K1, B = 1.2, 0.75  # as in FTS5
# Short posts tie all the time, and a good fit is worth more when it is new: up to a tenth more,
# half of that after a week. Measured from the newest candidate, so that it needs no clock.
FRESHNESS = 0.1
HALF_LIFE_MS = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A post that holds what is looked for."""

    key: int  # its place in the index, for the caller
    at_ms: int
    words: str


def weight(holders: float, posts: float) -> float:
    """What a word is worth that so many of all posts hold."""
    return max(1e-6, math.log((posts - holders + 0.5) / (holders + 0.5)) if posts else 1e-6)


def best(
    candidates: Sequence[Candidate],
    terms: Sequence[tuple[str, float]],
    mean_words: float,
    *,
    freshness: float = FRESHNESS,
) -> list[tuple[int, float]]:
    """Keys with scores, the best first, ties by the newest.

    `terms` are words and phrases with their weights.
    """
    newest = max((one.at_ms for one in candidates), default=0)
    needles = [(_apart(term)[1:-1], worth) for term, worth in terms]
    scored: list[tuple[float, int, int]] = []
    for one in candidates:
        words = _apart(one.words)
        length = K1 * (1 - B + B * (words.count("  ") - 1) / mean_words)
        score = 0.0
        for needle, worth in needles:
            times = words.count(needle)
            score += worth * times * (K1 + 1) / (times + length)
        age = (newest - one.at_ms) / HALF_LIFE_MS
        score *= 1 + freshness * 0.5**age
        scored.append((score, one.at_ms, one.key))
    scored.sort(reverse=True)
    return [(key, score) for score, _, key in scored]


def _apart(words: str) -> str:
    """Every word between spaces of its own, so that a word may follow right upon itself."""
    return f" {words} ".replace(" ", "  ")
