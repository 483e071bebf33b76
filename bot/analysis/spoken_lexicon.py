"""The word lists behind `informal` and `hashtag_words`: which words there are, how common each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from bot.analysis.words import entries

WRITTEN, SPOKEN = "w", "s"  # in words_fa.txt, before the level


@cache
def own_words() -> dict[str, str]:
    """The list made by hand."""
    return dict(_pair(line) for line in entries("informal_own"))


def _pair(line: str) -> tuple[str, str]:
    spoken, _, written = line.partition(" ")
    return spoken, written


def word_levels() -> Iterator[tuple[str, bool, int]]:
    """(word in display form, whether it is written Persian, level).

    A word of level n is one in 2 ** (n / 2) words of tweets and news together.
    """
    for line in entries("words_fa"):
        kind, *words = line.split()
        level = int(kind[1:])
        for word in words:
            yield word, kind[0] == WRITTEN, level


@cache
def written_words() -> frozenset[str]:
    """Words of written Persian, in display form."""
    return frozenset(word for word, is_written, _ in word_levels() if is_written)


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Spoken words with what is written for them; words of writing. All in display form."""

    listed: dict[str, str]
    known: frozenset[str]

    @classmethod
    def load(cls) -> Lexicon:
        """The lists that are shipped."""
        learnt = dict(_pair(line) for line in entries("informal_words"))
        return cls(learnt | own_words(), written_words())
