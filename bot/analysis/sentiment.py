"""How a post feels: its mood with a confidence that means something, emotion, how abusive it is.

Linear models over the same features (`mood_features`): each word, piece of a word and pair of words
has a number for every answer of every model ("lane"), so a text costs one look-up a word, whatever
is asked. The weights are learnt by `python -m bot.analysis.training` and shipped in
`weights/sentiment.bin`; docs/analysis.md says how, and how well it does.

What it cannot do: irony («چقدر عالی! باز هم قطعی برق»), and anything that needs the picture.
"""

from __future__ import annotations

import json
import math
import zlib
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import accumulate, pairwise
from struct import Struct
from typing import Any, TypeVar

from bot.analysis import mood_features as features
from bot.analysis.entities import TextParts
from bot.models.post import Emotion, Mood, PostKind

K = TypeVar("K")
V = TypeVar("V")

FORMAT = 2
MOODS = (Mood.NEGATIVE, Mood.NEUTRAL, Mood.POSITIVE)  # the order of probabilities
EMOTIONS = (
    Emotion.HAPPINESS, Emotion.SADNESS, Emotion.ANGER, Emotion.FEAR, Emotion.SURPRISE,
    Emotion.HATE, Emotion.OTHER,
)  # fmt: skip
REMEMBERED = 40_000  # words whose sums are kept: about 12 MB

# Lanes: what pulls towards negative and positive (neutral is 0) in tweets and in news, towards each
# emotion (other is 0), towards abusive.
MOOD_LANES = {PostKind.TWEET: 0, PostKind.NEWS: 2}
EMOTION_LANE = 4
ABUSE_LANE = EMOTION_LANE + len(EMOTIONS) - 1
LANES = ABUSE_LANE + 1

# All lanes of a word are one whole number, 32 bits each, so that they are added up at once. No word
# weighs more than 16, and no text is read further than 400 words.
_UNIT = 1 << 16
_HALF = 1 << 30
_PACK = Struct(f"<{LANES}I")
_MIDDLE = int.from_bytes(_PACK.pack(*[_HALF] * LANES), "little")


@dataclass(frozen=True, slots=True)
class MoodScore:
    """`confidence` is the share of such verdicts that are right, as far as it was measured.

    The likeliest mood is not always the verdict: rare ones would hardly ever be named.
    """

    mood: Mood
    confidence: float
    probabilities: Mapping[Mood, float]


@dataclass(frozen=True, slots=True)
class Feelings:
    """All that is said of a text. `abuse` is the share of such texts that insult, threaten or
    degrade somebody."""

    mood: MoodScore
    emotion: Emotion
    emotion_confidence: float
    abuse: float


@dataclass(frozen=True, slots=True)
class Head:
    """How the sums of a model's lanes become shares: exp((sum + bias) / temperature), the last
    answer being 0; `favour` multiplies the shares before the verdict is chosen."""

    bias: tuple[float, ...]
    temperature: float
    favour: tuple[float, ...]


# The heads of a weights file; the emotions of news are read with a bias of their own.
HEADS = ("mood of tweet", "mood of news", "emotion of tweet", "emotion of news", "abuse")


@dataclass(frozen=True, slots=True)
class Weights:
    """What the trainer writes: known words by their codes, and rows of signed bytes."""

    codes: array[int]  # of the words that are known, rising
    words: memoryview  # a row of LANES for each of them
    pieces: memoryview
    pairs: memoryview
    scales: tuple[tuple[float, ...], ...]  # of words, pieces, pairs; one per lane
    heads: tuple[Head, ...]  # in the order of HEADS

    def pack(self) -> bytes:
        header = {
            "format": FORMAT,
            "words": len(self.codes),
            "scales": self.scales,
            "heads": [[head.bias, head.temperature, head.favour] for head in self.heads],
        }
        steps = array("I", [after - before for before, after in pairwise((0, *self.codes))])
        body = b"".join(part.tobytes() for part in (steps, self.words, self.pieces, self.pairs))
        return json.dumps(header).encode() + b"\n" + zlib.compress(body, 9)

    @classmethod
    def unpack(cls, data: bytes) -> Weights:
        """Raises ValueError for anything that `pack` did not write."""
        head, _, packed = data.partition(b"\n")
        header: dict[str, Any] = json.loads(head)
        if header.get("format") != FORMAT:
            raise ValueError(f"mood weights of format {header.get('format')}, not {FORMAT}")
        try:
            body = memoryview(zlib.decompress(packed))
        except zlib.error as error:
            raise ValueError("mood weights are damaged") from error
        count = header["words"]
        sizes = (4 * count, LANES * count, LANES * features.PIECES, LANES * features.PAIRS)
        if len(body) != sum(sizes):
            raise ValueError("mood weights are of another size")
        steps = array("I", body[: sizes[0]].tobytes())
        ends = list(accumulate(sizes))
        words, pieces, pairs = (body[start:end].cast("b") for start, end in pairwise(ends))
        return cls(
            codes=array("I", accumulate(steps)),
            words=words,
            pieces=pieces,
            pairs=pairs,
            scales=tuple(tuple(scales) for scales in header["scales"]),
            heads=tuple(
                Head(tuple(bias), temperature, tuple(favour))
                for bias, temperature, favour in header["heads"]
            ),
        )


class _Remembered(dict[K, V]):
    """What was worked out once."""

    def __init__(self, work_out: Callable[[K], V]) -> None:
        self._work_out = work_out

    def __missing__(self, key: K) -> V:
        found = self[key] = self._work_out(key)
        return found


class Sentiment:
    """Scores texts; make it with `load` (one for the whole process: it remembers words)."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._rows = {code: row for row, code in enumerate(weights.codes)}
        self._words = _Remembered(self._learn)
        self._pairs = _Remembered(self._pair)
        heads = dict(zip(HEADS, weights.heads, strict=True))
        self._mood = {kind: heads[f"mood of {kind}"] for kind in PostKind}
        self._emotion = {kind: heads[f"emotion of {kind}"] for kind in PostKind}
        self._abuse = heads["abuse"]

    @classmethod
    def load(cls) -> Sentiment:
        """The model that is shipped; reads less than a megabyte the first time."""
        return _bundled()

    def score(
        self, text: str, *, parts: TextParts | None = None, kind: PostKind = PostKind.TWEET
    ) -> MoodScore:
        """How the text feels; `parts` saves taking it apart again."""
        return self.mood(self.pull(features.feature_words(text, parts)), kind)

    def feelings(
        self, text: str, *, parts: TextParts | None = None, kind: PostKind = PostKind.TWEET
    ) -> Feelings:
        """Mood, emotion and abuse, for little more than the mood alone."""
        return self.verdict(self.pull(features.feature_words(text, parts)), kind)

    def pull(self, words: Sequence[str]) -> tuple[float, ...]:
        """How far the words pull in each lane."""
        if not words:
            return (0.0,) * LANES
        known, pairs = self._words, self._pairs
        total = last = last_kind = 0
        before = -1
        for word in words:
            packed, first, second, kind = known[word]
            if kind or last_kind:  # a negated word counts half, the other way round
                if kind == features.NEGATES_LAST and last_kind != features.NEGATES_NEXT:
                    total -= last + (last >> 1)
                if last_kind == features.NEGATES_NEXT:
                    packed = -(packed >> 1)
                last_kind = kind
            total += packed
            if before >= 0:
                total += pairs[before ^ second]  # as `features.pair_bucket`
            last, before = packed, first
        lanes = _PACK.unpack((total + _MIDDLE).to_bytes(_PACK.size, "little"))
        long = 1 / (_UNIT * math.sqrt(len(words)))
        return tuple([(lane - _HALF) * long for lane in lanes])

    def mood(self, pull: tuple[float, ...], kind: PostKind) -> MoodScore:
        at = MOOD_LANES[kind]
        found, shares = _choose(self._mood[kind], pull[at : at + 2])
        negative, positive, neutral = shares
        probabilities = {
            Mood.NEGATIVE: negative,
            Mood.NEUTRAL: neutral,
            Mood.POSITIVE: positive,
        }
        return MoodScore(_OF_LANES[found], shares[found], probabilities)

    def verdict(self, pull: tuple[float, ...], kind: PostKind) -> Feelings:
        emotion, emotions = _choose(self._emotion[kind], pull[EMOTION_LANE:ABUSE_LANE])
        abuse = _shares(self._abuse, pull[ABUSE_LANE:])[0]
        return Feelings(self.mood(pull, kind), EMOTIONS[emotion], emotions[emotion], abuse)

    def _learn(self, word: str) -> tuple[int, int, int, int]:
        """Add up what belongs to the word alone."""
        weights = self._weights
        code = features.word_code(word)
        lanes = [0.0] * LANES
        row = self._rows.get(code)
        if row is not None:
            own = weights.words[row * LANES : (row + 1) * LANES]
            lanes = [value * scale for value, scale in zip(own, weights.scales[0], strict=True)]
        pieces = features.pieces_of(word)
        if pieces:
            rows = [weights.pieces[piece * LANES : (piece + 1) * LANES] for piece in pieces]
            sums = map(sum, zip(*rows, strict=True))
            for lane, (value, scale) in enumerate(zip(sums, weights.scales[1], strict=True)):
                lanes[lane] += value * scale
        if len(self._words) >= REMEMBERED:
            self._words.clear()  # common words are back at once; an order would cost every look-up
        return _packed(lanes), *features.pair_halves(code), features.kind_of(word)

    def _pair(self, bucket: int) -> int:
        row = self._weights.pairs[bucket * LANES : (bucket + 1) * LANES]
        scales = self._weights.scales[2]
        return _packed([value * scale for value, scale in zip(row, scales, strict=True)])


_STEEP = 30.0  # beyond this a share is one or nothing
_OF_LANES = (Mood.NEGATIVE, Mood.POSITIVE, Mood.NEUTRAL)


def _packed(lanes: Sequence[float]) -> int:
    """Each lane is a multiple of four, so that it can be halved twice without touching the next."""
    whole = [_HALF + 4 * round(lane * (_UNIT // 4)) for lane in lanes]
    return int.from_bytes(_PACK.pack(*whole), "little") - _MIDDLE


def _shares(head: Head, pull: Sequence[float]) -> list[float]:
    """What each answer is worth, all together one; the last is the one without a lane."""
    temperature = head.temperature
    shares = []
    for lane, bias in zip(pull, head.bias, strict=True):
        power = (lane + bias) / temperature
        shares.append(math.exp(power if -_STEEP < power < _STEEP else math.copysign(_STEEP, power)))
    shares.append(1.0)
    whole = sum(shares)
    return [share / whole for share in shares]


def _choose(head: Head, pull: Sequence[float]) -> tuple[int, list[float]]:
    shares = _shares(head, pull)
    favoured = [share * favour for share, favour in zip(shares, head.favour, strict=True)]
    return favoured.index(max(favoured)), shares


@cache
def _bundled() -> Sentiment:
    path = files("bot.analysis.weights").joinpath("sentiment.bin")
    return Sentiment(Weights.unpack(path.read_bytes()))
