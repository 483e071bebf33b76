"""The figures of a text, by which two notices in the same words differ: prices, scores, hours.

A figure is a run of number words with nothing between them, so that 2-1 is not 1-2 and 04:31 is
another time than 04:32.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from bot.analysis.words import word_set

MIXED_PAIRS = 24  # in longer texts one figure may be retouched in a copy …
MIXED_SHARE = 1 / 3  # … but not this share of them

_BETWEEN = frozenset(("بر", "ممیز"))  # two figures around it are one


class Figures(NamedTuple):
    """`cut` has those at either end of the text: when it was cut there, only a part is left."""

    runs: frozenset[str]
    cut: frozenset[str]


NO_FIGURES = Figures(frozenset(), frozenset())


def figures_of(words: Sequence[str]) -> Figures:
    """The figures among the words (keys) of a text."""
    numbers = word_set("figures")
    # In keys only words that begin with a digit come before the colon.
    places = [place for place, word in enumerate(words) if word < ":" or word in numbers]
    if not places:
        return NO_FIGURES
    runs: list[str] = []
    last = -9
    for place in places:
        if place == last + 1:
            runs[-1] += words[place]  # without a space: سه شنبه is سهشنبه
        elif place == last + 2 and words[place - 1] in _BETWEEN:
            runs[-1] += words[place - 1] + words[place]
        else:
            runs.append(words[place])
        last = place
    cut = {runs[0]} if places[0] == 0 else set()
    if last == len(words) - 1:
        cut.add(runs[-1])
    known = set(runs)
    if len(known) < len(runs):  # the second 24 of a text is another figure than the first
        for run, times in Counter(runs).items():
            known.update(f"{run}×{time}" for time in range(2, times + 1))
    return Figures(frozenset(known), frozenset(cut))


def tell_apart(one: Figures, other: Figures, pairs: int, *, may_be_cut: bool) -> bool:
    """Whether each says figures that the other does not, so that neither is a copy.

    `pairs` is the length of the shorter text; `may_be_cut` when one text is shorter.
    """
    own, others = one.runs - other.runs, other.runs - one.runs
    if may_be_cut and own and others:
        own, others = _uncut(own, one, other), _uncut(others, other, one)
    if not own or not others:
        return False
    if pairs < MIXED_PAIRS:
        return True
    return min(len(own) / len(one.runs), len(others) / len(other.runs)) >= MIXED_SHARE


def _uncut(missing: frozenset[str], text: Figures, other: Figures) -> frozenset[str]:
    """What is missing in the other text, without the halves of figures that the cut went through.

    The other's whole figures are not missing here either, when a half of them stands at the cut.
    """
    if not text.cut and not other.cut:
        return missing
    return frozenset(
        run
        for run in missing
        if not (run in text.cut and any(_is_half(run, whole) for whole in other.runs))
        and not any(_is_half(half, run) for half in other.cut)
    )


def _is_half(half: str, whole: str) -> bool:
    return whole.startswith(half) or whole.endswith(half)
