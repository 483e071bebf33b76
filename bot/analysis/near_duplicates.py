"""The same post again: copied, shortened, retouched, or quoted inside a longer one.

A post is a chain of words. Each post is filed under its rarest word pairs, two from each third of
the text, so that a copy that lost its head or its tail is still found; every pair of a new post
is looked up, and the few posts that come up are compared in full. Rare pairs need no tuning per
language, see quotes (MinHash compares whole texts only) and cost about one comparison a post.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from math import log2
from zlib import crc32

from bot.analysis.entities import TextParts, without_links
from bot.analysis.figures import Figures, figures_of, tell_apart
from bot.analysis.keys import fold

MIN_EXACT_WORDS = 3  # «دمت گرم» twice is two people, not a copy
MIN_SHARED_PAIRS = 3
CONTAINED = 0.55  # of the shorter text's pairs: about two edited words in ten
SHORT_PAIRS = 7  # with fewer pairs, set phrases and chance weigh more
CONTAINED_SHORT = 0.75
PART = 0.7  # of the shorter text's pairs, when one is a part of the other
PART_RATIO = 1.6  # the longer has this many times more pairs
MIN_PART_PAIRS = 5
SAID = 0.85  # of the needed share remains when pairs are weighed by how rare they are …
TERSE_PAIRS = 12  # … and of a text this short, in which one turn of phrase is half of it,
SAID_TERSE = 0.55  # this much of all it says

_PER_THIRD = 2  # pairs a third of the text is filed under
_MOST_FILED = 24  # posts under one pair; later ones push out the earliest
_LEAST_HITS = 2  # pairs in common before two posts are compared at all
_MOST_COMPARED = 8
_MOST_WORDS = 500  # of a text that are compared; the key is of them all
_SKETCH_BITS = 17  # counters of how common a pair is
_SKETCH_MASK = (1 << _SKETCH_BITS) - 1
_DEFAULT_MAX_AGE_S = 3 * 86_400.0

# Hashtags at either end or several in a row are labels that different posts share.
_LABELS = re.compile(
    r"(?:[#＃][\w\u200c]+[\s.،!…|]*){2,}|^\s*[#＃][\w\u200c]+|[#＃][\w\u200c]+[\s.،!…]*$"
)
_CREDIT = re.compile(r"(?:^|\s)(?:[Vv]ia|منبع|از طریق)\s*:?\s*\S{0,40}\s*$")
_MIN_BARE_WORDS = 4  # a post of labels only is compared with them


class MatchKind(StrEnum):
    EXACT = "exact"  # the same words
    NEAR = "near"  # a copy with small changes, or a part of it
    QUOTE = "quote"  # a longer text that contains it


@dataclass(frozen=True, slots=True)
class Match:
    """The earlier post `of`, and how much of the shorter text the other holds, 0 to 1."""

    of: int
    kind: MatchKind
    score: float


@dataclass(frozen=True, slots=True)
class Content:
    """What of a post is compared: all its `words`, and those without the hashtags that label it."""

    words: tuple[str, ...]
    unlabelled: tuple[str, ...]


def content_words(text: str, parts: TextParts | None = None) -> tuple[str, ...]:
    """The words that make a post itself: no links, mentions, RT, credit lines, emoji.

    `parts` of the same text, raw or normalised, save taking it apart again.
    """
    if "via" in text or "Via" in text or "منبع" in text or "از طریق" in text:
        text, parts = _CREDIT.sub(" ", text), None
    words = parts.words if parts is not None else tuple(fold(without_links(text)).split())
    return words[1:] if words and words[0] == "rt" else words


def content_of(text: str, parts: TextParts | None = None) -> Content:
    """A text as it is compared with others; `parts` as for `content_words`."""
    words = content_words(text, parts)
    return Content(words, _unlabelled(text, words))


def content_key(text: str | Sequence[str]) -> int:
    """A 64-bit signed hash of the content words, the same on every machine.

    0 means too short to tell from another post (under `MIN_EXACT_WORDS`): never compare it.
    """
    words = content_words(text) if isinstance(text, str) else text
    if len(words) < MIN_EXACT_WORDS:
        return 0
    digest = hashlib.blake2b(" ".join(words).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _unlabelled(text: str, words: tuple[str, ...]) -> tuple[str, ...]:
    """The content words without the hashtags that only label the post."""
    if "#" not in text and "＃" not in text:
        return words
    bare = content_words(_LABELS.sub(" ", without_links(text)))
    return bare if len(bare) >= _MIN_BARE_WORDS else words


def _pairs(words: Sequence[str]) -> array[int]:
    """The distinct pairs of neighbouring words as numbers, in order."""
    numbers = map(crc32, map(str.encode, words))
    return array("Q", dict.fromkeys([a * 1_000_003 ^ b for a, b in pairwise(numbers)]))


class _Filed:
    """A post as it is remembered."""

    __slots__ = ("at", "figures", "filed", "key", "pairs")

    def __init__(
        self, at: float, key: int, pairs: array[int], filed: list[int], figures: Figures
    ) -> None:
        self.at = at
        self.key = key
        self.pairs = pairs
        self.filed = array("Q", filed)  # the pairs it is found by
        self.figures = figures


class NearDuplicates:
    """Remembers recent posts and tells whether a new one is among them.

    Holds at most `max_posts` posts no older than `max_age_s` before the latest: tweets take 1.6 kB,
    the longest articles 7 kB.
    A copy is not remembered: every match names the original. A quote is a post of its own.
    Not safe for use from several threads at once.
    """

    def __init__(self, max_posts: int = 40_000, max_age_s: float = _DEFAULT_MAX_AGE_S) -> None:
        self._max_posts = max_posts
        self._max_age_s = max_age_s
        self._latest = float("-inf")
        # In the order they came; a plain dict looks for its first entry among all that it lost.
        self._posts: OrderedDict[int, _Filed] = OrderedDict()
        self._by_key: dict[int, int] = {}
        self._by_pair: dict[int, int | list[int]] = {}  # one id, or several
        self._common = array("I", bytes(4 << _SKETCH_BITS))

    def __len__(self) -> int:
        return len(self._posts)

    def load(self, posts: Iterable[tuple[int, str | Content, float]]) -> None:
        """Remember posts known to be originals, as after a restart: (id, text or content, at)."""
        for post_id, content, at in posts:
            self.add(post_id, content, at)

    def add(self, post_id: int, content: str | Content, at: float) -> Match | None:
        """Find what the post repeats; remember it unless it is a copy.

        `content` is the text, or what was made of it before; `at` its time in seconds. Posts come
        about in the order of time. A post too short to compare is neither matched nor remembered.
        """
        if isinstance(content, str):
            content = content_of(content)
        own = content.unlabelled[:_MOST_WORDS]
        key = content_key(content.words)
        if not key:
            return None
        self._forget(at)
        original = self._by_key.get(key)
        if original is not None:
            return None if original == post_id else Match(original, MatchKind.EXACT, 1.0)
        pairs = _pairs(own)
        figures = figures_of(own)
        match = self._nearest(pairs, figures, post_id)
        if match is None or match.kind is MatchKind.QUOTE:
            self._remember(post_id, _Filed(at, key, pairs, self._rarest(pairs), figures))
        return match

    def remove(self, post_id: int) -> None:
        """Forget one post, e.g. because it was not stored after all."""
        if post_id in self._posts:
            self._drop(post_id)

    def _nearest(self, pairs: array[int], figures: Figures, new: int) -> Match | None:
        hits: dict[int, int] = {}
        for found in map(self._by_pair.get, pairs):
            if found is not None:
                for post_id in (found,) if isinstance(found, int) else found:
                    hits[post_id] = hits.get(post_id, 0) + 1
        hits.pop(new, None)
        likely = [(-count, post_id) for post_id, count in hits.items() if count >= _LEAST_HITS]
        if not likely:
            return None
        known = frozenset(pairs)
        best: Match | None = None
        for _, post_id in sorted(likely)[:_MOST_COMPARED]:
            match = self._compare(known, figures, post_id)
            if match and (best is None or match.score > best.score):
                best = match
        return best

    def _compare(self, pairs: frozenset[int], figures: Figures, old_id: int) -> Match | None:
        old = self._posts[old_id]
        shared = pairs.intersection(old.pairs)
        if len(shared) < MIN_SHARED_PAIRS:
            return None
        size, old_size = len(pairs), len(old.pairs)
        shorter = min(size, old_size)
        is_part = max(size, old_size) >= PART_RATIO * shorter
        if is_part and shorter < MIN_PART_PAIRS:
            return None
        needed = PART if is_part else CONTAINED_SHORT if shorter < SHORT_PAIRS else CONTAINED
        if len(shared) < needed * shorter:
            return None
        if tell_apart(figures, old.figures, shorter, may_be_cut=size != old_size):
            return None
        score = self._weight(shared) / min(self._weight(pairs), self._weight(old.pairs))
        if score < (max(SAID_TERSE, SAID * needed) if shorter < TERSE_PAIRS else SAID * needed):
            return None
        return Match(
            old_id, MatchKind.QUOTE if is_part and size > old_size else MatchKind.NEAR, score
        )

    def _weight(self, pairs: Iterable[int]) -> float:
        """How much the pairs say: set phrases and templates, which many posts share, say little."""
        common = self._common
        return sum(1 / log2(1 + (common[pair & _SKETCH_MASK] or 1)) for pair in pairs)

    def _remember(self, post_id: int, post: _Filed) -> None:
        if post_id in self._posts:
            self._drop(post_id)
        self._posts[post_id] = post
        self._by_key[post.key] = post_id
        for pair in post.filed:
            there = self._by_pair.get(pair)
            if there is None:
                self._by_pair[pair] = post_id
            elif isinstance(there, int):
                self._by_pair[pair] = [there, post_id]
            else:
                there.append(post_id)
                if len(there) > _MOST_FILED:
                    del there[0]
        common = self._common
        for pair in post.pairs:
            common[pair & _SKETCH_MASK] += 1

    def _rarest(self, pairs: array[int]) -> list[int]:
        """The pairs a post is filed under, spread over the text."""
        size = len(pairs)
        if size <= 3 * _PER_THIRD:
            return list(pairs)
        common = self._common
        rarity = [(common[pair & _SKETCH_MASK], pair) for pair in pairs]
        first, second = size // 3, 2 * size // 3
        thirds = (rarity[:first], rarity[first:second], rarity[second:])
        return [pair for third in thirds for _, pair in sorted(third)[:_PER_THIRD]]

    def _forget(self, at: float) -> None:
        self._latest = max(self._latest, at)
        oldest = self._latest - self._max_age_s
        while self._posts:
            first = next(iter(self._posts))
            if len(self._posts) < self._max_posts and self._posts[first].at >= oldest:
                return
            self._drop(first)

    def _drop(self, post_id: int) -> None:
        post = self._posts.pop(post_id)
        if self._by_key.get(post.key) == post_id:
            del self._by_key[post.key]
        for pair in post.filed:
            there = self._by_pair.get(pair)
            if there == post_id:
                del self._by_pair[pair]
            elif isinstance(there, list) and post_id in there:
                there.remove(post_id)
                if not there:
                    del self._by_pair[pair]
        common = self._common
        for pair in post.pairs:
            common[pair & _SKETCH_MASK] -= 1
