"""Words that belong together: «هوش مصنوعی», «تیم ملی فوتبال».

A pair of words is a phrase when it stands together much more often than its words would by chance:
normalised pointwise mutual information (Bouma, "Normalized (Pointwise) Mutual Information in
Collocation Extraction", 2009). Longer phrases grow out of shorter ones. Copies of a text count
once, else every campaign would be a phrase.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import log

from bot.analysis.entities import without_links
from bot.analysis.keys import fold
from bot.analysis.near_duplicates import NearDuplicates
from bot.analysis.terms import is_content
from bot.analysis.words import entries

LEAST_POSTS = 8  # texts that must say a phrase
LEAST_NPMI = 0.45
ROUNDS = 2  # pairs of words, then pairs of those: at most four words

# Where one thought ends another begins: no phrase goes across.
_BREAK = re.compile('[\n.!?؟،؛,;:()«»"“”\\[\\]|/…]+|[#＃]\\S+|\u2022|- ')


@dataclass(frozen=True, slots=True)
class Learnt:
    """A phrase (keys of its words), in how many texts it was said, and how tightly it holds."""

    words: tuple[str, ...]
    posts: int
    npmi: float


class Phrases:
    """Finds known phrases among words."""

    def __init__(self, phrases: Iterable[Sequence[str]]) -> None:
        self._rests: dict[str, list[tuple[str, ...]]] = {}
        for first, *rest in phrases:
            self._rests.setdefault(first, []).append(tuple(rest))
        for rests in self._rests.values():
            rests.sort(key=len, reverse=True)

    def __len__(self) -> int:
        return sum(map(len, self._rests.values()))

    def chunk(self, words: Sequence[str]) -> list[str]:
        """The words in order, those of a phrase as one entry with spaces; the longest phrase wins.

        `words` are keys, as `analyse` gives them.
        """
        if self._rests.keys().isdisjoint(words):
            return list(words)
        found: list[str] = []
        place = 0
        while place < len(words):
            word = words[place]
            place += 1
            for rest in self._rests.get(word, ()):
                if tuple(words[place : place + len(rest)]) == rest:
                    word = " ".join((word, *rest))
                    place += len(rest)
                    break
            found.append(word)
        return found

    def within(self, words: Sequence[str]) -> tuple[str, ...]:
        """The distinct phrases among the words, in order."""
        return tuple(dict.fromkeys(entry for entry in self.chunk(words) if " " in entry))


@cache
def load() -> Phrases:
    """The phrases that are shipped."""
    return Phrases(line.split() for line in entries("phrases_fa"))


def learn(
    texts: Iterable[str], *, least_posts: int = LEAST_POSTS, least_npmi: float = LEAST_NPMI
) -> list[Learnt]:
    """The phrases of many texts, the most frequent first; of copies one counts."""
    clauses = [_clauses(text) for text in _without_copies(texts)]
    found: dict[tuple[str, ...], Learnt] = {}
    for _ in range(ROUNDS):
        new = _pairs(clauses, least_posts, least_npmi)
        found |= {phrase.words: phrase for phrase in new}
        known = Phrases(found)
        clauses = [[_again(known.chunk(_flat(clause))) for clause in text] for text in clauses]
    return sorted(found.values(), key=lambda phrase: (-phrase.posts, phrase.words))


def _without_copies(texts: Iterable[str]) -> Iterator[str]:
    index = NearDuplicates(max_posts=200_000)
    for number, text in enumerate(texts):
        if index.add(number, text, 0.0) is None:
            yield text


def _clauses(text: str) -> list[list[tuple[str, ...]]]:
    """Words between breaks, each a phrase of one word so far."""
    parts = _BREAK.split(without_links(text))
    return [[(word,) for word in words] for part in parts if len(words := fold(part).split()) > 1]


def _flat(clause: Iterable[tuple[str, ...]]) -> list[str]:
    return [word for entry in clause for word in entry]


def _again(chunks: Iterable[str]) -> list[tuple[str, ...]]:
    return [tuple(chunk.split()) for chunk in chunks]


def _pairs(
    texts: Sequence[Sequence[Sequence[tuple[str, ...]]]], least_posts: int, least_npmi: float
) -> list[Learnt]:
    """Neighbours that hold together, counted once a text."""
    single: Counter[tuple[str, ...]] = Counter()
    double: Counter[tuple[tuple[str, ...], tuple[str, ...]]] = Counter()
    for text in texts:
        single.update({entry for clause in text for entry in clause})
        double.update({pair for clause in text for pair in pairwise(clause)})
    total = len(texts)
    found = []
    for (left, right), posts in double.items():
        if posts < least_posts or not (is_content(left[0]) and is_content(right[-1])):
            continue
        together = posts / total
        chance = (single[left] / total) * (single[right] / total)
        npmi = log(together / chance) / -log(together) if posts < total else 1.0
        if npmi >= least_npmi:
            found.append(Learnt((*left, *right), posts, round(npmi, 3)))
    return found
