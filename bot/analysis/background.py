"""How often ordinary Persian words occur: what trends compare with while there is little past.

The shares were learnt from text whose licence allows it (docs/data.md), tweets and news apart,
because each has words of its own. A share is a word's part of all *touches*, a touch being one
post saying one term; so long posts and short ones are measured alike.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from itertools import groupby

STEPS_PER_OCTAVE = 2  # shares are kept to within a factor of 2 ** (1/4)
LEAST_POSTS = 3  # a word seen in fewer posts tells less than the floor does


class Background:
    """Shares of words; `floor` is the share of a word that was never seen."""

    def __init__(self, shares: Mapping[str, float], floor: float) -> None:
        self._shares = shares
        self.floor = floor

    def share(self, term: str) -> float:
        return self._shares.get(term, self.floor)

    def is_unknown(self, term: str) -> bool:
        return term not in self._shares

    def words(self) -> list[str]:
        """Every known word, the most frequent first."""
        return sorted(self._shares, key=lambda word: (-self._shares[word], word))

    def __len__(self) -> int:
        return len(self._shares)


@cache
def load(name: str) -> Background:
    """The bundled background, `tweets` or `news`."""
    path = files("bot.analysis.weights").joinpath(f"background_{name}.txt")
    return parse(path.read_text(encoding="utf-8"))


def learn(posts: Iterable[Iterable[tuple[str, ...]]]) -> Background:
    """Count the terms of posts, given in groups of which none may dominate a word.

    A group is a stretch of time or a collection. What a word owes to its busiest group beyond
    twice its share in the others is an event, not ordinary speech, and is left out. The same
    terms again are a copy and count once.
    """
    groups = []
    heard: set[tuple[str, ...]] = set()
    for group in posts:
        counts: Counter[str] = Counter()
        for terms in group:
            if terms not in heard:
                heard.add(terms)
                counts.update(terms)
        groups.append((counts, sum(counts.values())))
    everything: Counter[str] = Counter()
    for counts, _ in groups:
        everything.update(counts)
    touches = sum(total for _, total in groups)
    shares = {
        term: _ordinary(term, count, touches, groups)
        for term, count in everything.items()
        if count >= LEAST_POSTS
    }
    return Background(shares, 1 / max(1, touches))


def _ordinary(term: str, count: int, touches: int, groups: list[tuple[Counter[str], int]]) -> float:
    if len(groups) < 2:
        return count / touches
    peak, total = max(
        ((counts[term], total) for counts, total in groups if total),
        key=lambda pair: pair[0] / pair[1],
    )
    elsewhere = (count - peak) / max(1, touches - total)
    return min(count / touches, max(2 * elsewhere, 1 / touches))


def dump(background: Background) -> str:
    """As text: the floor, then one line a level of frequency, most frequent first."""
    levels = sorted(
        ((_level(share), term) for term, share in background._shares.items()),
        key=lambda pair: (-pair[0], pair[1]),
    )
    lines = [str(_level(background.floor))]
    lines += [
        f"{level} {' '.join(term for _, term in same)}"
        for level, same in groupby(levels, key=lambda pair: pair[0])
    ]
    return "\n".join(lines) + "\n"


def parse(text: str) -> Background:
    floor, *lines = text.splitlines()
    shares: dict[str, float] = {}
    for line in lines:
        level, *terms = line.split()
        shares.update(dict.fromkeys(terms, _share(int(level))))
    return Background(shares, _share(int(floor)))


def _level(share: float) -> int:
    return round(STEPS_PER_OCTAVE * math.log2(share))


def _share(level: int) -> float:
    return float(2 ** (level / STEPS_PER_OCTAVE))
