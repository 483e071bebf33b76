"""Learns the weights of `analysis.sentiment`, and measures them on what they have not seen.

Three teachers, all of them free to ship (docs/data.md): posts that we labelled, words of our own
choice with the unlabelled posts that hold several of one kind and none of the other, and reviews.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from bot.analysis import mood_features as features
from bot.analysis.sentiment import MOODS, Sentiment, Weights
from bot.analysis.training import sets
from bot.analysis.training.linear import Floats, Ints, Rows, fit, join, softmax
from bot.models.post import Mood, PostKind

FOLDS = 5
HELD_BACK = 4  # of our labels one in so many is never learnt from
STRENGTH = 2.0
MOST_STEPS = 70
BIAS_VALUE = 3.0  # large, so that the penalty hardly touches the bias

# How much a row of each teacher counts beside one of our labels.
IMPORTANCE = {"labels": 1.0, "words": 1.0, "hinted": 0.3, "reviews": 0.1}
# The teachers differ in how often each mood occurs, and so each kind has a bias of its own.
_BIAS_OF = {"labels": 0, "words": 0, "hinted": 0, "reviews": 1}
_BIASES = 2
_HINTS = 2  # words of one kind that make an unlabelled post an example
_CALM = 3000  # unlabelled posts without any such word, taken as neutral examples
_CALM_WORDS = 6

_WORDS_AT, _PIECES_AT = 0, features.WORDS
_PAIRS_AT = _PIECES_AT + features.PIECES
_BIAS_AT = _PAIRS_AT + features.PAIRS
WIDTH = _BIAS_AT + _BIASES


@dataclass(frozen=True, slots=True)
class Example:
    words: tuple[str, ...]
    mood: int  # place in MOODS


@dataclass(frozen=True, slots=True)
class Measured:
    """How well verdicts agree with labels. `covered` is the accuracy on the surest half."""

    count: int
    macro_f1: float
    f1: tuple[float, float, float]  # negative, neutral, positive
    accuracy: float
    covered: float
    calibration_error: float


def measure(model: Sentiment, labelled: Sequence[sets.Labelled], kind: PostKind) -> Measured:
    """The shipped code's verdicts against labels."""
    scores = [model.score(one.text, kind=kind) for one in labelled]
    found = np.array([MOODS.index(score.mood) for score in scores])
    truth = np.array([MOODS.index(one.mood) for one in labelled])
    sure = np.array([score.confidence for score in scores])
    right = found == truth
    half = np.argsort(-sure, kind="stable")[: max(1, len(sure) // 2)]
    error = 0.0
    for low in np.arange(0.3, 1.0, 0.1):
        inside = (sure >= low) & (sure < low + 0.1 + (1e-9 if low > 0.85 else 0))
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - sure[inside].mean())
    each = f1(found, truth)
    return Measured(
        len(labelled),
        float(np.mean(each)),
        each,
        float(right.mean()),
        float(right[half].mean()),
        float(error),
    )


def f1(found: Ints, truth: Ints) -> tuple[float, float, float]:
    each = []
    for mood in range(3):
        hit = int(((found == mood) & (truth == mood)).sum())
        both = int((found == mood).sum() + (truth == mood).sum())
        each.append(2 * hit / both if both else 0.0)
    return each[0], each[1], each[2]


def is_held_back(set_name: str, post_id: str) -> bool:
    """Whether a label is kept for measuring; by its name, so that new labels move none."""
    return _part(set_name, post_id, "held") % HELD_BACK == 0


def _part(set_name: str, post_id: str, purpose: str) -> int:
    name = f"{purpose}:{set_name}:{post_id}".encode()
    return int.from_bytes(blake2b(name, digest_size=4).digest(), "big")


@dataclass(frozen=True, slots=True)
class Material:
    """All that is learnt from and measured with."""

    labels: list[Example]
    folds: Ints  # of each label
    words: list[Example]
    hinted: list[Example]
    reviews: list[Example]
    held_tweets: list[sets.Labelled]
    news: list[sets.Labelled]  # for the threshold only, and half of them for measuring it
    held_news: list[sets.Labelled]


def gather(data: Path) -> Material:
    ours = sets.our_labels()
    labels, folds = [], []
    held: dict[str, list[sets.Labelled]] = {"tweets": [], "news": []}
    news: list[sets.Labelled] = []
    unlabelled: list[sets.RawPost] = []
    for set_name, read in sets.SETS.items():
        posts = list(read(data))
        for post in posts:
            judged = ours.get((post.set_name, post.id))
            if judged is None:
                continue
            labelled = sets.Labelled(post.text, judged.mood)
            if set_name == "news":
                half = _part(post.set_name, post.id, "news") % 2
                (held["news"] if half else news).append(labelled)
            elif is_held_back(post.set_name, post.id):
                held["tweets"].append(labelled)
            else:
                labels.append(example(labelled))
                folds.append(_part(post.set_name, post.id, "fold") % FOLDS)
        if set_name != "news":
            known = {sets.copy_key(post.text) for post in posts if (post.set_name, post.id) in ours}
            drawn = sets.draw(posts, len(posts))
            unlabelled += [post for post in drawn if sets.copy_key(post.text) not in known]
    words = [example(word) for word in sets.our_polar_words()]
    return Material(
        labels=labels,
        folds=np.array(folds),
        words=words,
        hinted=hinted(unlabelled, words),
        reviews=[example(review) for review in sets.snappfood(data)],
        held_tweets=held["tweets"],
        news=news,
        held_news=held["news"],
    )


def example(labelled: sets.Labelled) -> Example:
    words = features.feature_words(labelled.text)
    return Example(tuple(words), MOODS.index(labelled.mood))


def hinted(posts: Iterable[sets.RawPost], words: Sequence[Example]) -> list[Example]:
    """Unlabelled posts whose words leave little doubt, and some with no such word at all.

    Emoji and typed faces alone were tried as teachers too, and made the model worse.
    """
    polar = {one.words[0]: one.mood for one in words if len(one.words) == 1}
    found: list[Example] = []
    calm: list[Example] = []
    for post in posts:
        said = tuple(features.feature_words(post.text))
        moods = [polar[word] for word in set(said) if word in polar]
        if not moods:
            if len(said) >= _CALM_WORDS and len(calm) < _CALM:
                calm.append(Example(said, MOODS.index(Mood.NEUTRAL)))
        elif len(moods) >= _HINTS and len(set(moods)) == 1:
            found.append(Example(said, moods[0]))
    return found + calm


def row_of(words: Sequence[str], bias: int) -> tuple[list[int], list[float]]:
    """A text as columns and values, exactly as `Sentiment.pull` adds them up."""
    columns: list[int] = []
    values: list[float] = []
    codes = [features.word_code(word) for word in words]
    kinds = [features.kind_of(word) for word in words]
    for place, word in enumerate(words):
        value = 1.0
        following = kinds[place + 1] if place + 1 < len(words) else features.PLAIN
        if following == features.NEGATES_LAST and kinds[place] != features.NEGATES_NEXT:
            value *= features.NEGATED
        if place and kinds[place - 1] == features.NEGATES_NEXT:
            value *= features.NEGATED
        pieces = features.pieces_of(word)
        columns.append(_WORDS_AT + codes[place] % features.WORDS)
        columns += [_PIECES_AT + piece for piece in pieces]
        values += [value] + [value * features.PIECE_VALUE] * len(pieces)
        if place:
            columns.append(_PAIRS_AT + features.pair_bucket(codes[place - 1], codes[place]))
            values.append(features.PAIR_VALUE)
    long = max(1, len(words)) ** 0.5
    return [*columns, _BIAS_AT + bias], [*(value / long for value in values), BIAS_VALUE]


def rows_of(examples: Iterable[Example], bias: int = 0) -> Rows:
    return Rows.of([row_of(one.words, bias) for one in examples], WIDTH)


def rarity(parts: Sequence[Rows]) -> Floats:
    """What each column is worth: rare ones more (idf); it is multiplied into the weights."""
    seen = np.zeros(WIDTH)
    count = 0
    for part in parts:
        row_numbers = np.repeat(np.arange(len(part)), np.diff(part.starts))
        pairs = np.unique(np.stack([row_numbers, part.columns]), axis=1)
        seen += np.bincount(pairs[1], minlength=WIDTH)
        count += len(part)
    worth = (np.log((count + 1) / (seen + 1)) + 1) / 5
    worth[_BIAS_AT:] = 1.0
    return worth


def learn(material: Material) -> Weights:
    """Learn from everything but what is held back; the calibration by cross-validation."""
    teachers = {name: rows_of(getattr(material, name), _BIAS_OF[name]) for name in IMPORTANCE}
    worth = rarity([teachers[name] for name in ("labels", "hinted", "reviews")])
    moods = {name: np.array([one.mood for one in getattr(material, name)]) for name in IMPORTANCE}

    def weights_without(fold: int) -> Floats:
        parts, classes, importance = [], [], []
        for name, rows in teachers.items():
            of = moods[name]
            wanted = np.arange(len(rows))
            if name == "labels":
                wanted = np.flatnonzero(material.folds != fold)
            chosen = rows.take(wanted)
            parts.append(
                Rows(chosen.starts, chosen.columns, chosen.values * worth[chosen.columns], WIDTH)
            )
            classes.append(of[wanted])
            weight = np.full(len(wanted), IMPORTANCE[name])
            if name == "labels":  # a rare mood counts more, half-way to alike
                share = np.bincount(of[wanted], minlength=3) / len(wanted)
                weight /= np.sqrt(3 * share[of[wanted]])
            importance.append(weight)
        found = fit(
            join(parts),
            np.concatenate(classes),
            np.concatenate(importance),
            strength=STRENGTH,
            most_steps=MOST_STEPS,
        )
        return found * worth[:, None]

    logits = np.zeros((len(material.labels), 3))
    for fold in range(FOLDS):
        wanted = np.flatnonzero(material.folds == fold)
        logits[wanted] = teachers["labels"].take(wanted).times(weights_without(fold))
    relative = logits - logits[:, 1:2]
    temperature, shift = calibrate(relative, moods["labels"])
    favour = favoured(moods["labels"])
    weights = weights_without(-1)
    raw = pack(weights, shift, temperature, favour, news_threshold=0.0)
    return pack(weights, shift, temperature, favour, news_threshold(raw, material.news))


def calibrate(logits: Floats, moods: Ints) -> tuple[float, Floats]:
    """The temperature and shifts at which the shares are likeliest (found by going downhill)."""

    def loss(temperature: float, shift: Floats) -> float:
        shares = softmax((logits + shift) / temperature)
        return -float(np.log(shares[np.arange(len(moods)), moods]).mean())

    best = (1.0, np.zeros(3))
    value = loss(*best)
    step = 0.5
    while step > 0.01:
        temperature, shift = best
        tries = [(temperature * (1 + step), shift), (temperature / (1 + step), shift)]
        for mood in (0, 2):
            for way in (step, -step):
                moved = shift.copy()
                moved[mood] += way
                tries.append((temperature, moved))
        found = min(tries, key=lambda one: loss(*one))
        if loss(*found) < value - 1e-7:
            best, value = found, loss(*found)
        else:
            step /= 2
    return best


def favoured(moods: Ints) -> tuple[float, float, float]:
    """What to multiply the shares by: half-way between the likeliest and every mood alike.

    The likeliest alone hardly ever names a rare mood; seeking the best factors by trial fits the
    few labels there are, and does no better on others.
    """
    share = np.bincount(moods, minlength=3) / len(moods)
    negative, neutral, positive = np.sqrt(share[1] / np.maximum(share, 1e-6))
    return float(negative), float(neutral), float(positive)


def news_threshold(weights: Weights, news: Sequence[sets.Labelled]) -> float:
    """The confidence from which a mood of news is right in three of four cases, or 0.9."""
    model = Sentiment(weights)
    scores = [(model.score(one.text), one.mood) for one in news]
    for step in range(40, 90):
        named = [
            score.mood is mood
            for score, mood in scores
            if score.mood is not Mood.NEUTRAL and score.confidence >= step / 100
        ]
        if len(named) < 5:
            break
        if sum(named) >= 0.75 * len(named):
            return step / 100
    return 0.9


def pack(
    weights: Floats,
    shift: Floats,
    temperature: float,
    favour: tuple[float, float, float],
    news_threshold: float,
) -> Weights:
    """The weights relative to neutral, as signed bytes."""
    relative = weights - weights[:, 1:2]
    bias = relative[_BIAS_AT] * BIAS_VALUE
    columns, scales = [], []
    for start, end in ((_WORDS_AT, _PIECES_AT), (_PIECES_AT, _PAIRS_AT), (_PAIRS_AT, _BIAS_AT)):
        for mood in (0, 2):
            column = relative[start:end, mood]
            scale = float(np.abs(column).max()) / 127 or 1.0
            columns.append(memoryview(np.rint(column / scale).astype(np.int8).tobytes()).cast("b"))
            scales.append(scale)
    return Weights(
        columns=tuple(columns),
        scales=tuple(scales),
        bias=(float(bias[0] + shift[0] - shift[1]), float(bias[2] + shift[2] - shift[1])),
        temperature=float(temperature),
        favour=favour,
        news_threshold=news_threshold,
    )
