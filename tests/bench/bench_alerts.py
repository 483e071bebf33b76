"""Watched words in new posts: texts a second with 1,000 watches, beside one plain `re`."""

from __future__ import annotations

import itertools
import random
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

from bot.analysis.keys import fold
from bot.analysis.watching import Said, WatchIndex, frequencies, matches, said
from bot.models.post import TWITTER_SOURCE_ID, Post, PostKind

TEXTS = 10_000
WATCHES = 1_000
RARE = 500  # the rank of a word that somebody may watch
RE_TEXTS = 500  # the regular expression is slow enough to be measured on fewer
LETTERS = "ابتجدرزسشفقکگلمنوهیپ"
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)

Row = tuple[str, float, str, float | None]  # what, value, unit, the most (or None)


def run() -> list[Row]:
    """CPU time of one process, best of three."""
    chance = random.Random(5)
    words = _vocabulary(chance)
    weights = [1 / rank for rank in range(1, len(words) + 1)]  # as words are said: Zipf
    cumulative = list(itertools.accumulate(weights))

    def text(length: int) -> str:
        return " ".join(chance.choices(words, cum_weights=cumulative, k=length))

    posts = [_post(number, text(chance.randint(5, 45))) for number in range(TEXTS)]
    # Half words, half phrases that do occur; nobody watches the commonest words.
    rank = {word: place for place, word in enumerate(words)}
    terms = [(n, chance.choice(words[RARE:])) for n in range(WATCHES // 2)]
    heard = [said(post) for post in posts]
    while len(terms) < WATCHES:
        one = chance.choice(heard).words
        start = chance.randrange(len(one) - 2)
        phrase = one[start : start + chance.choice((2, 3))]
        if max(rank.get(word, 0) for word in phrase) >= RARE:
            terms.append((len(terms), " ".join(phrase)))

    index = WatchIndex(terms, frequencies(heard))
    plain = re.compile(r"(?<!\w)(?:" + "|".join(re.escape(fold(t)) for _, t in terms) + r")(?!\w)")
    folded = [" ".join(one.words) for one in heard]
    with_index = _best(lambda: _find(index, heard)) / TEXTS
    with_re = _best(lambda: _search(plain, folded[:RE_TEXTS])) / RE_TEXTS
    whole = _best(lambda: matches(posts[:2000], terms)) / 2000
    found = _find(index, heard[:RE_TEXTS])
    if found != _search(plain, folded[:RE_TEXTS]):
        raise AssertionError("the index and the regular expression disagree")
    return [
        ("alerts: find, words given", 1 / with_index, "texts/s", None),
        ("alerts: plain re alternation", 1 / with_re, "texts/s", None),
        ("alerts: index over re", with_re / with_index, "times", None),
        ("alerts: match from text, a batch", 1 / whole, "texts/s", None),
    ]


def _find(index: WatchIndex, heard: list[Said]) -> int:
    """How many texts say anything watched."""
    return sum(bool(index.find(one.words, one.people)) for one in heard)


def _search(pattern: re.Pattern[str], texts: list[str]) -> int:
    return sum(pattern.search(text) is not None for text in texts)


def _best(work: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def _vocabulary(chance: random.Random) -> list[str]:
    made = {"".join(chance.choices(LETTERS, k=chance.randint(2, 8))) for _ in range(20_000)}
    return sorted(word for word in made if fold(word) == word)


def _post(number: int, text: str) -> Post:
    return Post(
        id=number + 1,
        kind=PostKind.TWEET,
        source_id=TWITTER_SOURCE_ID,
        external_id=str(number),
        created_at=NOW,
        text=text,
        author=f"user{number}",
    )
