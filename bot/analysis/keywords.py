"""What a text is about, in a few of its own words: its telling words, phrases and hashtags.

A term weighs what it is rare in ordinary Persian (`background`), more when it is said again, as a
hashtag or as a known phrase. Nothing is learnt from the text's surroundings: the same text always
has the same keywords.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from math import log2

from bot.analysis import background, phrases
from bot.analysis.conjugation import is_verb
from bot.analysis.entities import analyse
from bot.analysis.keys import fold
from bot.analysis.spoken_lexicon import written_words
from bot.analysis.surfaces import spellings, surfaces
from bot.analysis.terms import is_content, signed

_NEWS, _TWEETS = "news", "tweets"
# A word that nobody counted is rather a name or a slip than the rarest word there is.
_UNKNOWN_BITS = 12.0
_PHRASE_BITS = 4.0  # a phrase says more than its rarest word
_TAG_BITS = 3.0


@dataclass(frozen=True, slots=True)
class Keyword:
    """A term of the text (key, words of a phrase parted by spaces), as written, and its weight."""

    term: str
    shown: str
    weight: float


def keywords(text: str, limit: int = 5, *, is_news: bool = False) -> list[Keyword]:
    """The most telling terms, the best first; a word of a chosen phrase is not named again."""
    text, _ = signed(text)
    parts = analyse(text)
    counts = Counter(entry for entry in phrases.load().chunk(parts.words) if _is_telling(entry))
    counts.update(tag for tag in parts.hashtags if is_content(tag))
    tags = frozenset(parts.hashtags)
    rank = {term: (-_weight(term, count, tags, is_news), term) for term, count in counts.items()}
    written = spellings(surfaces(text)) if counts else {}
    chosen: list[Keyword] = []
    covered: set[str] = set()
    for term in sorted(counts, key=rank.__getitem__):
        shown = " ".join(written.get(word, word) for word in term.split())
        words = {*term.split(), term.replace(" ", ""), *fold(shown).split()}
        if covered.isdisjoint(words):
            chosen.append(Keyword(term, shown, round(-rank[term][0], 2)))
            covered |= words
        if len(chosen) == limit:
            break
    return chosen


def _is_telling(entry: str) -> bool:
    """A phrase, or a content word that is no form of a verb."""
    if " " in entry:
        return True
    return is_content(entry) and not _is_verb(entry)


@lru_cache(maxsize=8192)
def _is_verb(word: str) -> bool:
    """A verb form, spoken or written: «میرود», «بریزه»."""
    return word not in written_words() and is_verb(word)


def _weight(term: str, count: int, tags: frozenset[str], is_news: bool) -> float:
    bits = _bits(term.split(), is_news)
    bits += _PHRASE_BITS if " " in term else _TAG_BITS if term in tags else 0.0
    return bits * (1 + log2(count))


def _bits(words: Sequence[str], is_news: bool) -> float:
    """How rare the rarest of the words is."""
    ordinary = _background(_NEWS if is_news else _TWEETS)
    return max(
        _UNKNOWN_BITS if ordinary.is_unknown(word) else -log2(ordinary.share(word))
        for word in words
    )


@cache
def _background(name: str) -> background.Background:
    return background.load(name)
