"""How a post feels: positive, neutral or negative, with a confidence that means something.

A linear model over hashed features (`mood_features`): each word has two numbers, how far it pulls
from neutral towards negative and towards positive, so a text costs one look-up a word. The weights
are learnt by `python -m bot.analysis.training` and shipped in `weights/sentiment.bin`; docs/data.md
says from what, and how well it does.

What it cannot do: irony («چقدر عالی! باز هم قطعی برق»), and the tone of news, for which no labels
may be used. A news item is therefore called neutral unless the model is very sure.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from bot.analysis import mood_features as features
from bot.analysis.entities import TextParts
from bot.models.post import Mood, PostKind

FORMAT = 1
MOODS = (Mood.NEGATIVE, Mood.NEUTRAL, Mood.POSITIVE)  # the order of probabilities
REMEMBERED = 40_000  # words whose sums are kept: about 8 MB

_TABLES = (features.WORDS, features.PIECES, features.PAIRS)


@dataclass(frozen=True, slots=True)
class MoodScore:
    """`confidence` is the share of such verdicts that are right, as far as it was measured."""

    mood: Mood
    confidence: float
    probabilities: Mapping[Mood, float]


@dataclass(frozen=True, slots=True)
class Weights:
    """What the trainer writes: for each table two columns of signed bytes, and how to read them.

    `favour` multiplies the probabilities before the likeliest is chosen: rare moods would otherwise
    hardly ever be named. A mood is given to news only from `news_threshold` on.
    """

    columns: tuple[memoryview, ...]  # words, pieces, pairs; of each: negative, positive
    scales: tuple[float, ...]  # one per column
    bias: tuple[float, float]
    temperature: float
    favour: tuple[float, float, float]
    news_threshold: float

    def pack(self) -> bytes:
        header = {
            "format": FORMAT,
            "scales": self.scales,
            "bias": self.bias,
            "temperature": self.temperature,
            "favour": self.favour,
            "news_threshold": self.news_threshold,
        }
        body = b"".join(column.tobytes() for column in self.columns)
        return json.dumps(header).encode() + b"\n" + zlib.compress(body, 9)

    @classmethod
    def unpack(cls, data: bytes) -> Weights:
        """Raises ValueError for anything that `pack` did not write."""
        head, _, packed = data.partition(b"\n")
        header: dict[str, Any] = json.loads(head)
        if header.get("format") != FORMAT:
            raise ValueError(f"mood weights of format {header.get('format')}, not {FORMAT}")
        try:
            body = memoryview(zlib.decompress(packed)).cast("b")
        except zlib.error as error:
            raise ValueError("mood weights are damaged") from error
        if len(body) != 2 * sum(_TABLES):
            raise ValueError("mood weights are of another size")
        columns, start = [], 0
        for size in _TABLES:
            for _ in range(2):
                columns.append(body[start : start + size])
                start += size
        negative, positive = header["bias"]
        first, second, third = header["favour"]
        return cls(
            columns=tuple(columns),
            scales=tuple(header["scales"]),
            bias=(negative, positive),
            temperature=header["temperature"],
            favour=(first, second, third),
            news_threshold=header["news_threshold"],
        )


class Sentiment:
    """Scores texts; make it with `load` (one for the whole process: it remembers words)."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._words: dict[str, tuple[float, float, int, int]] = {}

    @classmethod
    def load(cls) -> Sentiment:
        """The model that is shipped; reads half a megabyte the first time."""
        return _bundled()

    def score(
        self, text: str, *, parts: TextParts | None = None, kind: PostKind = PostKind.TWEET
    ) -> MoodScore:
        """How the text feels; `parts` saves taking it apart again."""
        return self.verdict(self.pull(features.feature_words(text, parts)), kind)

    def pull(self, words: Sequence[str]) -> tuple[float, float]:
        """How far the words pull towards negative and positive, neutral being 0."""
        if not words:
            return 0.0, 0.0
        known = self._words
        pair_negative, pair_positive = self._weights.columns[4:]
        pairs, negated = features.PAIRS, features.NEGATED
        negative = positive = held_negative = held_positive = 0.0
        pairs_negative = pairs_positive = 0
        last_code, last_kind = -1, features.PLAIN
        for word in words:
            found = known.get(word)
            if found is None:
                found = self._learn(word)
            word_negative, word_positive, code, kind = found
            # The word before is added only once it is known whether this one turns it round.
            if kind == features.NEGATES_LAST and last_kind != features.NEGATES_NEXT:
                held_negative *= negated
                held_positive *= negated
            negative += held_negative
            positive += held_positive
            if last_kind == features.NEGATES_NEXT:
                word_negative *= negated
                word_positive *= negated
            held_negative, held_positive = word_negative, word_positive
            if last_code >= 0:  # `features.pair_bucket`, without the cost of a call
                bucket = (((last_code * 0x9E3779B1) ^ code) >> 4) % pairs
                pairs_negative += pair_negative[bucket]
                pairs_positive += pair_positive[bucket]
            last_code, last_kind = code, kind
        scales = self._weights.scales
        long = 1 / math.sqrt(len(words))
        return (
            (negative + held_negative + pairs_negative * scales[4] * features.PAIR_VALUE) * long,
            (positive + held_positive + pairs_positive * scales[5] * features.PAIR_VALUE) * long,
        )

    def verdict(self, pull: tuple[float, float], kind: PostKind) -> MoodScore:
        weights = self._weights
        negative = math.exp(_bounded((pull[0] + weights.bias[0]) / weights.temperature))
        positive = math.exp(_bounded((pull[1] + weights.bias[1]) / weights.temperature))
        whole = negative + 1.0 + positive
        shares = (negative / whole, 1.0 / whole, positive / whole)
        favoured = [share * favour for share, favour in zip(shares, weights.favour, strict=True)]
        best = favoured.index(max(favoured))
        if kind is PostKind.NEWS and shares[best] < weights.news_threshold:
            best = 1
        return MoodScore(MOODS[best], shares[best], dict(zip(MOODS, shares, strict=True)))

    def _learn(self, word: str) -> tuple[float, float, int, int]:
        """Add up what belongs to the word alone."""
        columns, scales = self._weights.columns, self._weights.scales
        code = features.word_code(word)
        bucket = code % features.WORDS
        negative, positive = columns[0][bucket] * scales[0], columns[1][bucket] * scales[1]
        value = features.PIECE_VALUE
        pieces = features.pieces_of(word)
        negative += sum(columns[2][piece] for piece in pieces) * scales[2] * value
        positive += sum(columns[3][piece] for piece in pieces) * scales[3] * value
        if len(self._words) >= REMEMBERED:
            self._words.clear()  # common words are back at once; an order would cost every look-up
        found = self._words[word] = negative, positive, code, features.kind_of(word)
        return found


def _bounded(logit: float) -> float:
    return max(-30.0, min(30.0, logit))


@cache
def _bundled() -> Sentiment:
    path = files("bot.analysis.weights").joinpath("sentiment.bin")
    return Sentiment(Weights.unpack(path.read_bytes()))
