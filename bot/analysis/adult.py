"""Offers of sex and of sexual goods: what is offered, where to come, the emoji that stand for it.

Talk about sex is no offer: what is offered must come with a place, a call, the emoji or a disguise
(letters doubled to get past filters: دایررکت), and in few words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from bot.analysis.words import entries

SHORT = 18  # words; a longer post must also say where to come …
LONG = 40  # … and one longer than this talks about it
BARE = 8  # words; so short a post may offer with emoji alone

_TWICE = re.compile(r"([^ ])\1+")
# Doubled letters that hardly any Persian word has.
_DISGUISED = re.compile(r"اا|(?<!^)بب|پپ|جج|چچ|(?<![رع])دد|زز|گگ|(?<![شم])کک|غغ|عع|طط")
_HOT = {"🍆": 2, "🍑": 2, "👅": 2, "💦": 2, "🔞": 2, "🍌": 1, "👙": 1, "💋": 1}
_OFFERED = frozenset(("act", "goods"))
_MOST_OF_EMOJI = 3
_MOST_OF_DISGUISE = 2
_PLACE_NEEDED = 2  # more of a score that a long post needs


class AdultOffer(NamedTuple):
    """How much of an offer a post is, and what says so."""

    score: int
    found: tuple[str, ...]


NO_OFFER = AdultOffer(0, ())


@cache
def _phrases() -> dict[str, list[tuple[tuple[str, ...], str, int]]]:
    """Phrases by their first word: the words, the kind, the weight."""
    by_first: dict[str, list[tuple[tuple[str, ...], str, int]]] = {}
    for line in entries("adult"):
        weight, kind, rest = line.split(maxsplit=2)
        for phrase in rest.split("|"):
            words = tuple(phrase.split())
            by_first.setdefault(words[0], []).append((words, kind, int(weight)))
    return by_first


@cache
def _offered() -> frozenset[str]:
    """The words that phrases of what is offered begin with."""
    return frozenset(
        word
        for word, phrases in _phrases().items()
        if any(kind in _OFFERED for _, kind, _ in phrases)
    )


def adult_offer(words: Sequence[str], emoji: Sequence[str]) -> AdultOffer:
    """How much the post looks like an offer of sex; `words` are its keys."""
    if not words or len(words) > LONG:
        return NO_OFFER
    plain = _TWICE.sub(r"\1", " ".join(words)).split(" ")
    hot = [one[0] for one in emoji if one[0] in _HOT] if emoji else []
    if _offered().isdisjoint(plain) and not any(_HOT[one] > 1 for one in hot):
        return NO_OFFER
    best = _best_phrases(plain)
    if not (_OFFERED & best.keys() or any(_HOT[one] > 1 for one in hot)):
        return NO_OFFER
    if hot:
        best["emoji"] = min(_MOST_OF_EMOJI, sum(_HOT[one] for one in hot)), "".join(hot[:4])
    if doubled := [word for word in words if _DISGUISED.search(word)]:
        best["disguise"] = min(_MOST_OF_DISGUISE, len(doubled)), " ".join(doubled[:3])
    score = sum(weight for weight, _ in best.values())
    if len(words) > SHORT:
        score = score - _PLACE_NEEDED if "place" in best else 0
    elif best.keys() == {"emoji"}:
        score = score + 1 if len(words) <= BARE else 0
    return AdultOffer(score, tuple(found for _, found in best.values()))


def _best_phrases(plain: Sequence[str]) -> dict[str, tuple[int, str]]:
    """The weightiest phrase of each kind: weight, words."""
    by_first = _phrases()
    best: dict[str, tuple[int, str]] = {}
    for place, word in enumerate(plain):
        for phrase, kind, weight in by_first.get(word, ()):
            is_there = tuple(plain[place : place + len(phrase)]) == phrase
            if is_there and weight > best.get(kind, (0, ""))[0]:
                best[kind] = weight, " ".join(phrase)
    return best
