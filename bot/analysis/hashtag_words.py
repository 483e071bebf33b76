"""Hashtags as the words they are made of: #قطعی_برق, #قطعی‌برق, #قطعیبرق, #PowerCut2026.

What the writer marked (`_`, a capital letter, a digit) parts words. What is glued together is cut
where the most likely words come out: a shortest path over all cuts, where each word costs what it
is rare (Dijkstra's idea on a line, known as Viterbi's algorithm).
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from math import log

from bot.analysis.display import normalise
from bot.analysis.keys import fold
from bot.analysis.letters import ARABIC_LETTERS, MARKS, ZWNJ
from bot.analysis.spoken_lexicon import word_levels
from bot.analysis.words import word_set

# Chosen on half of the tags that people wrote with `_`, joined (docs/analysis.md, "Text").
_UNKNOWN = 8.0  # what a word costs that nobody knows, and more for each letter
_UNKNOWN_LETTER = 3.3
_EACH = 1.0  # added to every word, so that few long words win over many short ones
_RARE_SHORT = {2: (16, 3.0), 3: (31, 2.0)}  # length: (level from which it is rare, extra cost)
_HALF_POWER = log(2) / 2  # cost of one level

_PARTS = re.compile(
    rf"[{ARABIC_LETTERS}{MARKS}{ZWNJ}]+|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_]+"
)
_ARABIC = re.compile(f"[{ARABIC_LETTERS}]")
_AFFIXES = word_set("affixes")
_PREFIXES = frozenset({"می", "نمی"})
_NOT_WORDS = (_AFFIXES - {"را", "رو", "و", "است"}) | word_set("never_alone")


def split_tag(tag: str) -> tuple[str, ...]:
    """The words of a hashtag, with or without '#', as keys (`keys.fold`) in order."""
    found: list[str] = []
    is_parted = "_" in tag  # then the writer has said where words end
    for part in _PARTS.findall(normalise(tag.lstrip("#＃"))):
        if _ARABIC.match(part) and not is_parted:
            for piece in part.split(ZWNJ):
                found += _cut(fold(piece).replace(" ", ""))
        else:
            found += fold(part).split()
    return tuple(fold(" ".join(found)).split())


@cache
def _costs() -> tuple[dict[str, float], int]:
    """What each known word costs, and the length of the longest."""
    levels: dict[str, int] = {}
    for word, _, level in word_levels():
        for unit in units(word):
            key = fold(unit).replace(" ", "")
            if key not in _NOT_WORDS and (len(key) > 1 or key == "و"):
                levels[key] = min(level, levels.get(key, level))
    costs = {key: _EACH + _HALF_POWER * level + _extra(key, level) for key, level in levels.items()}
    return costs, max(map(len, costs))


def _extra(key: str, level: int) -> float:
    rare_from, cost = _RARE_SHORT.get(len(key), (0, 0.0))
    return cost if level >= rare_from else 0.0


def units(word: str) -> list[str]:
    """A half-space word as people would part it: «دانش‌آموز‌ها» is دانش, آموزها."""
    found: list[str] = []
    glued = False
    for part in filter(None, word.split(ZWNJ)):
        if found and (glued or part in _AFFIXES):
            found[-1] += part
        else:
            found.append(part)
        glued = part in _PREFIXES
    return found


@lru_cache(maxsize=4096)
def _cut(key: str) -> tuple[str, ...]:
    costs, longest = _costs()
    best = [0.0]
    came_from = [0]
    for end in range(1, len(key) + 1):
        ways = []
        for start in range(max(0, end - longest), end):
            word = key[start:end]
            cost = costs.get(word) or _UNKNOWN + _UNKNOWN_LETTER * len(word)
            ways.append((best[start] + cost, start))
        cost, start = min(ways)
        best.append(cost)
        came_from.append(start)
    words: list[str] = []
    end = len(key)
    while end:
        words.append(key[came_from[end] : end])
        end = came_from[end]
    return tuple(reversed(words))
