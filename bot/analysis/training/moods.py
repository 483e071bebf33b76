"""Learns the weights of `analysis.sentiment`, and measures them on what they have not seen.

Three teachers, all of them free to ship (docs/data.md): posts that we labelled, words and phrases
of our own choice, and posts without labels, from which the words' meanings are learnt.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from pathlib import Path

import numpy as np

from bot.analysis import mood_features as features
from bot.analysis.sentiment import EMOTIONS, Head, Weights
from bot.analysis.training import heads, meanings, sets
from bot.analysis.training.columns import BIAS_VALUE, Columns
from bot.analysis.training.heads import FOLDS, Learnt, Lessons, learn
from bot.analysis.training.linear import Floats, Ints
from bot.analysis.training.measures import Measured, measure
from bot.analysis.training.sets import Judgement, Name
from bot.models.post import Mood, PostKind

HELD_BACK = 4  # of our labels one in so many is never learnt from
LEVELS = 127  # of a signed byte
NEVER = FOLDS  # the fold of rows that are learnt from but never foreseen

ANSWERS = (Mood.NEGATIVE, Mood.POSITIVE, Mood.NEUTRAL)  # the order of the lanes, then the last
# What a label of the other kind of post counts when the mood of one kind is learnt.
AID = {PostKind.TWEET: 0.1, PostKind.NEWS: 0.1}
# How evenly answers are named (`Lessons.evenly`); tried out by cross-validation.
EVENLY = {PostKind.TWEET: 0.5, PostKind.NEWS: 1.0}
ABUSIVE_FROM = 0.25  # the share at which precision and recall are about alike
EVENLY_EMOTION = EVENLY_ABUSE = 0.5
_BIAS = {PostKind.TWEET: 0, PostKind.NEWS: 1}


@dataclass(frozen=True, slots=True)
class Reading:
    """A labelled post as the models see it."""

    name: Name
    words: tuple[str, ...]
    judged: Judgement

    @property
    def kind(self) -> PostKind:
        return PostKind.NEWS if self.name[0] == "news" else PostKind.TWEET


@dataclass(frozen=True, slots=True)
class Material:
    """All that is learnt from and measured with."""

    readings: list[Reading]
    held: list[Reading]
    unlabelled: list[tuple[str, ...]]


def is_held_back(set_name: str, post_id: str) -> bool:
    """Whether a label is kept for measuring; by its name, so that new labels move none."""
    return _part(set_name, post_id, "held") % HELD_BACK == 0


def _part(set_name: str, post_id: str, purpose: str) -> int:
    name = f"{purpose}:{set_name}:{post_id}".encode()
    return int.from_bytes(blake2b(name, digest_size=4).digest(), "big")


def words_of(text: str) -> tuple[str, ...]:
    return tuple(features.name_of(word) for word in features.feature_words(text))


def gather(data: Path) -> Material:
    """The labelled posts, and all others but copies of what is held back."""
    ours = sets.our_labels()
    readings: list[Reading] = []
    held: list[Reading] = []
    others: list[str] = []
    for read in sets.SETS.values():
        posts = list({(post.set_name, post.id): post for post in read(data)}.values())
        hidden = {
            sets.copy_key(post.text)
            for post in posts
            if (post.set_name, post.id) in ours and is_held_back(post.set_name, post.id)
        }
        for post in posts:
            name = post.set_name, post.id
            if name in ours:
                reading = Reading(name, words_of(post.text), ours[name])
                (held if is_held_back(*name) else readings).append(reading)
            if sets.copy_key(post.text) not in hidden:
                others.append(post.text)
    reviews = (text for text, _ in sets.snappfood(data))
    texts = chain(others, sets.parstwiner(data), sets.news_paragraphs(data), reviews)
    return Material(readings, held, list(dict.fromkeys(map(words_of, texts))))


@dataclass(frozen=True, slots=True)
class Found:
    """What was learnt, and how good it is on posts that each model had not seen."""

    weights: Weights
    foreseen: dict[str, Measured]


class Training:
    """Learns every head from the same columns."""

    def __init__(self, material: Material) -> None:
        self.readings = material.readings
        self.columns = columns_for(material.unlabelled, [one.words for one in self.readings])
        biases = [_BIAS[one.kind] for one in self.readings]
        self._design = self.columns.design([one.words for one in self.readings], biases)
        self._folds = np.array([_part(*one.name, "fold") % FOLDS for one in self.readings])
        self._is_news = np.array([one.kind is PostKind.NEWS for one in self.readings])

    def learn(self) -> Found:
        lanes: list[Floats] = []
        found: list[Head] = []
        foreseen: dict[str, Measured] = {}
        truth = self._answers(one.judged.mood for one in self.readings)
        for kind in PostKind:
            learnt = self._learn(truth, len(ANSWERS), kind, EVENLY[kind])
            lanes.append(learnt.weights)
            found.append(self._head(learnt, truth, kind, f"mood of {kind}", foreseen))
        truth = np.array(
            [EMOTIONS.index(one.judged.emotion or EMOTIONS[-1]) for one in self.readings]
        )
        learnt = self._learn(truth, len(EMOTIONS), None, EVENLY_EMOTION)
        lanes.append(learnt.weights)
        found += [
            self._head(learnt, truth, kind, f"emotion of {kind}", foreseen) for kind in PostKind
        ]
        truth = np.array([0 if one.judged.is_abusive else 1 for one in self.readings])
        learnt = self._learn(truth, 2, PostKind.TWEET, EVENLY_ABUSE)
        lanes.append(learnt.weights)
        found.append(self._head(learnt, truth, PostKind.TWEET, "abuse", foreseen))
        return Found(packed(self.columns, np.concatenate(lanes, axis=1), found), foreseen)

    def _answers(self, moods: Iterable[Mood]) -> Ints:
        return np.array([ANSWERS.index(mood) for mood in moods])

    def _of(self, kind: PostKind) -> Ints:
        return np.flatnonzero(self._is_news == (kind is PostKind.NEWS))

    def _learn(self, truth: Ints, count: int, kind: PostKind | None, evenly: float) -> Learnt:
        """From posts of one kind, those of the other helping a little; None: from all alike."""
        importance = np.ones(len(truth))
        folds = self._folds
        if kind is not None:
            is_other = self._is_news != (kind is PostKind.NEWS)
            importance[is_other] = AID[kind]
            folds = np.where(is_other, NEVER, folds)
        return learn(Lessons(self._design, truth, count, importance, folds, evenly))

    def _head(
        self, learnt: Learnt, truth: Ints, kind: PostKind, name: str, into: dict[str, Measured]
    ) -> Head:
        rows = self._of(kind)
        bias = _BIAS[kind]
        head = heads.head_of(learnt, bias, self.columns.width, rows, truth[rows])
        own = learnt.weights[self.columns.width + bias] * BIAS_VALUE
        chosen, sure = heads.verdicts(head, learnt.foreseen[rows], own)
        into[name] = measure(chosen, truth[rows], sure, learnt.weights.shape[1] + 1)
        return head


def packed(columns: Columns, weights: Floats, found: Sequence[Head]) -> Weights:
    """In bytes: every lane of every table has its own scale."""
    tables: list[memoryview] = []
    scales: list[tuple[float, ...]] = []
    for table in columns.tables(weights):
        scale = np.maximum(np.abs(table).max(axis=0, initial=0.0), 1e-9) / LEVELS
        tables.append(memoryview(np.rint(table / scale).astype(np.int8).tobytes()).cast("b"))
        scales.append(tuple(float(one) for one in scale))
    words, pieces, pairs = tables
    codes = array("I", sorted(columns.codes))
    return Weights(codes, words, pieces, pairs, tuple(scales), tuple(found))


def columns_for(unlabelled: Sequence[Sequence[str]], labelled: Sequence[Sequence[str]]) -> Columns:
    return Columns.of(meanings.learn(unlabelled), labelled, len(_BIAS))


def crossed(
    columns: Columns,
    labelled: Sequence[tuple[str, str]],
    strength: float = heads.STRENGTH,
    evenly: float = 0.5,
) -> Measured:
    """A set of others, learnt and measured by cross-validation with the same columns; copies of a
    text are in one fold."""
    names = sorted({answer for _, answer in labelled})
    texts = [words_of(text) for text, _ in labelled]
    truth = np.array([names.index(answer) for _, answer in labelled])
    folds = np.array([_part("crossed", " ".join(words), "fold") % FOLDS for words in texts])
    design = columns.design(texts, [0] * len(texts))
    lessons = Lessons(design, truth, len(names), np.ones(len(truth)), folds, evenly)
    learnt = learn(lessons, strength)
    rows = np.arange(len(truth))
    head = heads.head_of(learnt, 0, columns.width, rows, truth)
    own = learnt.weights[columns.width] * BIAS_VALUE
    chosen, sure = heads.verdicts(head, learnt.foreseen, own)
    return measure(chosen, truth, sure, len(names))
