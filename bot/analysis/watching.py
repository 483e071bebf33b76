"""Which watched words and phrases a post says: whole words only, alike for every spelling.

A phrase is found through the rarest of its words, so that a thousand watches cost about as much
as one: most posts are done with after one look-up a word, in C.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.analysis.keys import fold, fold_tag
from bot.analysis.letters import ZWNJ
from bot.analysis.text import analyse
from bot.models.post import Post


@dataclass(frozen=True, slots=True)
class Said:
    """What of a post can match: its words in order, and whom it names or is by (`@name`)."""

    words: tuple[str, ...]
    people: frozenset[str]


def said(post: Post) -> Said:
    parts = analyse(post.full_text)
    author = (post.author.lower(),) if post.author else ()
    return Said(parts.words, frozenset(parts.mentions).union(author))


def spellings_of(term: str) -> tuple[tuple[str, ...], ...]:
    """The runs of words that say `term`: as written, half-spaces as gaps, and all in one.

    «برف‌تهران», «برف تهران» and #برف_تهران are one term; «در آمد» is not «درآمد», for there the
    gap is in the post and means two words.
    """
    forms = (fold(term), fold(term.replace(ZWNJ, " ")), fold_tag(term))
    return tuple(dict.fromkeys(tuple(form.split()) for form in forms if form))


class WatchIndex:
    """Terms by number, found in posts.

    `frequency` says how often a word is said (in the posts at hand, or in any large sample); it
    only makes finding quicker.
    """

    def __init__(
        self, terms: Iterable[tuple[int, str]], frequency: Mapping[str, int] | None = None
    ) -> None:
        counts = frequency or {}
        self._people: dict[str, set[int]] = {}
        self._single: dict[str, set[int]] = {}
        self._runs: dict[str, list[tuple[int, tuple[str, ...], int]]] = {}
        for number, term in terms:
            if term.startswith("@"):
                self._people.setdefault(term[1:].strip().lower(), set()).add(number)
                continue
            for run in spellings_of(term):
                self._add(number, run, counts)
        self._vocabulary = frozenset(self._single) | frozenset(self._runs)
        self._names = frozenset(self._people)

    def _add(self, number: int, run: tuple[str, ...], counts: Mapping[str, int]) -> None:
        if len(run) == 1:
            self._single.setdefault(run[0], set()).add(number)
            return
        # Of words never counted the longest is likely the rarest.
        place = min(range(len(run)), key=lambda at: (counts.get(run[at], 0), -len(run[at])))
        self._runs.setdefault(run[place], []).append((place, run, number))

    def find(self, words: Sequence[str], people: frozenset[str] = frozenset()) -> set[int]:
        """The numbers of the terms that are said."""
        found: set[int] = set()
        if not self._names.isdisjoint(people):
            for name in self._names & people:
                found |= self._people[name]
        for word in self._vocabulary.intersection(words):
            if word in self._single:
                found |= self._single[word]
            if word in self._runs:
                places = [at for at, other in enumerate(words) if other == word]
                for place, run, number in self._runs[word]:
                    if number not in found and _is_there(run, words, place, places):
                        found.add(number)
        return found


def _is_there(
    run: tuple[str, ...], words: Sequence[str], place: int, places: Sequence[int]
) -> bool:
    """Does `run` stand in `words` where its word number `place` is at one of `places`?"""
    for at in places:
        start = at - place
        if start >= 0 and tuple(words[start : start + len(run)]) == run:
            return True
    return False


def frequencies(many: Iterable[Said]) -> Counter[str]:
    """How many times each word is said in all of them."""
    counts: Counter[str] = Counter()
    for one in many:
        counts.update(one.words)
    return counts


def matches(
    posts: Sequence[Post], terms: Sequence[tuple[int, str]]
) -> list[tuple[Post, frozenset[int]]]:
    """For each post that says any of the terms: which."""
    heard = [said(post) for post in posts]
    index = WatchIndex(terms, frequencies(heard))
    pairs = (
        (post, frozenset(index.find(one.words, one.people)))
        for post, one in zip(posts, heard, strict=True)
    )
    return [(post, found) for post, found in pairs if found]
