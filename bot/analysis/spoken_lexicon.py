"""The word lists behind `informal`: spoken words with what is written, and words of writing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from bot.analysis.words import entries, word_set


@cache
def own_words() -> dict[str, str]:
    """The list made by hand."""
    return dict(_pair(line) for line in entries("informal_own"))


def _pair(line: str) -> tuple[str, str]:
    spoken, _, written = line.partition(" ")
    return spoken, written


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Spoken words with what is written for them; words of writing. All in display form."""

    listed: dict[str, str]
    known: frozenset[str]

    @classmethod
    def load(cls) -> Lexicon:
        """The lists that are shipped."""
        learnt = dict(_pair(line) for line in entries("informal_words"))
        return cls(own_words() | learnt, word_set("written_words"))
