"""Obscene words and slurs, also when letters are parted (ک.ی.ر) or words are (کس کش)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from bot.analysis.keys import fold
from bot.analysis.letters import ARABIC_LETTERS
from bot.analysis.words import entries, word_set

SPELLED_OUT = 3  # single letters in a row

# What an insult of two words may begin with.
# fmt: off
_FIRST_PARTS = frozenset((
    "بی", "بیهمه", "گم", "خفه", "لال", "غلط", "زر", "چرت", "وطن", "خود", "حروم", "حرام", "مفت",
    "لاش", "کره", "عقب", "توله", "ننه", "پست", "مرده", "ساندیس", "ماله", "پاچه", "دستمال", "کله",
    "سگ", "جنس", "مغز", "دهنت", "پدر", "اشغال",
))
# fmt: on
_ENDINGS = ["", "م", "ت", "ش", "ی", "ا", "ها", "های", "هام", "هات", "هاش", "هاشون"]
_ENDINGS += ["مون", "تون", "شون", "رو", "ای", "یا", "یها", "یه", "یم", "یی"]
_LETTER = f"[{ARABIC_LETTERS}]"
# Letters kept apart by signs (ک*یر, ج_ن_د_ه): the signs are taken out before folding.
_SIGNS_INSIDE = re.compile(rf"[*._~+\-•·]+(?<={_LETTER}[*._~+\-•·])(?={_LETTER})")


class _Lexicon(NamedTuple):
    words: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    firsts: frozenset[str]  # of the pairs
    harmless: frozenset[tuple[str, str]]
    person_after: frozenset[str]  # after these, کس is a person


@cache
def _lexicon() -> _Lexicon:
    words: set[str] = set()
    pairs: dict[str, set[tuple[str, str]]] = {"pair": set(), "not": set()}
    person_after: set[str] = set()
    for line in entries("abuse"):
        kind, *rest = line.split()
        if kind == "stem":
            words.update(stem + ending for stem in rest for ending in _ENDINGS)
        elif kind == "word":
            words.update(rest)
        elif kind == "before":
            person_after.update(rest)
        else:
            pairs[kind].add((rest[0], rest[1]))
    return _Lexicon(
        words=frozenset(words),
        pairs=frozenset(pairs["pair"]),
        firsts=frozenset(first for first, _ in pairs["pair"]),
        harmless=frozenset(pairs["not"]),
        person_after=frozenset(person_after),
    )


def obscene_words(text: str, words: Sequence[str]) -> list[str]:
    """The obscene words and slurs of a text, in order; `words` are its keys."""
    lexicon = _lexicon()
    found: list[str] = []
    if not lexicon.words.isdisjoint(words):
        found += [
            word
            for word, after in pairwise((*words, ""))
            if word in lexicon.words and (word, after) not in lexicon.harmless
        ]
    if not lexicon.firsts.isdisjoint(words):
        for before, word, after in zip(("", *words), words, words[1:], strict=False):
            is_person = word == "کس" and before in lexicon.person_after
            if (word, after) in lexicon.pairs and not is_person:
                found.append(f"{word} {after}")
    found += [word for word in _spelled_out(words) if word in lexicon.words]
    if _SIGNS_INSIDE.search(text):
        known = set(words)
        bared = fold(_SIGNS_INSIDE.sub("", text)).split()
        found += [word for word in bared if word in lexicon.words and word not in known]
    return found


class Insults(NamedTuple):
    """The different insults of a text, and what they weigh together."""

    score: int
    found: list[str]


def insults(words: Sequence[str]) -> Insults:
    """Insults weigh 2; coarse words, and those that insult only sometimes, weigh 1."""
    sure, weak = word_set("insults"), word_set("insults_weak")
    found: dict[str, int] = {}
    if not weak.isdisjoint(words):
        found.update((word, 1) for word in words if word in weak)
    if not sure.isdisjoint(words):
        found.update((word, 2) for word in words if word in sure)
    if not _FIRST_PARTS.isdisjoint(words):
        for first, second in pairwise(words):
            if first in _FIRST_PARTS and first + second in sure:
                found[first + second] = 2
    return Insults(sum(found.values()), list(found))


def _spelled_out(words: Sequence[str]) -> list[str]:
    """Words written letter by letter: ک ی ر."""
    if [*map(len, words)].count(1) < SPELLED_OUT:
        return []
    found: list[str] = []
    letters = ""
    for word in (*words, "end"):
        if len(word) == 1:
            letters += word
        else:
            found.append(letters)
            letters = ""
    return [word for word in found if len(word) >= SPELLED_OUT]
