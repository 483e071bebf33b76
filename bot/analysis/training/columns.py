"""Texts as rows of numbers, in the very features that the bot reads (`mood_features`).

Beside words, pieces and pairs a text has two kinds of columns that are gone before the weights are
shipped, because both add up word by word: how much it holds of each kind of feeling word
(`weights/feelings.tsv`, `polarity.tsv`), and what its words mean (`meanings`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bot.analysis import mood_features as features
from bot.analysis.training import sets
from bot.analysis.training.linear import Design, Floats, Rows
from bot.analysis.training.meanings import Meanings

BIAS_VALUE = 3.0  # large, so that the penalty hardly touches the bias
KIND_VALUE = 2.0
_PAIR_OF_PHRASE = 1.0
# Endings that a feeling word may take: غمگینم, غمگینه, غمگین‌ترین.
_ENDINGS = """
م ت ش ی ه ن ها های تر ترین ام ای ان اند ند یم ید ین مون تون شون هایی و رو ا اش ات یی ست س
یه ترم ترن مه ته شه هم هام هات هاش هاشون امون اتون اشون ترینه تره ایه ایی یا ایم اید هست
"""
_LEAST_STEM = 4

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Which kinds of feeling a word, or two words in a row, belong to."""

    kinds: tuple[str, ...]
    words: Mapping[str, frozenset[int]]
    pairs: Mapping[Pair, Mapping[int, float]]

    @classmethod
    def of(cls, entries: Iterable[tuple[str, str]], vocabulary: Iterable[str]) -> Lexicon:
        """From (kind, word or phrase); words of the vocabulary that only end differently join."""
        entries = list(entries)
        kinds = tuple(dict.fromkeys(kind for kind, _ in entries))
        words: dict[str, set[int]] = {}
        pairs: dict[Pair, dict[int, float]] = {}
        for kind, phrase in entries:
            number = kinds.index(kind)
            said = features.feature_words(phrase)
            if len(said) == 1:
                words.setdefault(said[0], set()).add(number)
            for pair in pairwise(said):
                share = _PAIR_OF_PHRASE / (len(said) - 1)
                found = pairs.setdefault(pair, {})
                found[number] = max(found.get(number, 0.0), share)
        for word in vocabulary:
            stem = _stem(word, words)
            if stem:
                words[word] = words[stem]
        return cls(kinds, {word: frozenset(of) for word, of in words.items()}, pairs)


def _stem(word: str, known: Mapping[str, object]) -> str:
    if word in known or not word[:1].isalpha():
        return ""
    stems = [word[: -len(end)] for end in _ENDINGS.split() if word.endswith(end)]
    return max((stem for stem in stems if len(stem) >= _LEAST_STEM and stem in known),
               key=len, default="")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each feature stands: words | pieces | pairs, then dense: biases | kinds | meanings."""

    codes: Mapping[int, int]  # of the known words: their columns
    lexicon: Lexicon
    meanings: Meanings
    biases: int

    @classmethod
    def of(cls, meanings: Meanings, texts: Iterable[Sequence[str]], biases: int) -> Columns:
        """Known are the words with a meaning, those said twice in the texts, and the lexicon's."""
        entries = [*sets.our_feelings(), *sets.our_polar_entries()]
        lexicon = Lexicon.of(entries, meanings.places)
        said: dict[str, int] = {}
        for text in texts:
            for word in set(text):
                said[word] = said.get(word, 0) + 1
        words = {word for word, count in said.items() if count > 1}
        words |= meanings.places.keys() | lexicon.words.keys()
        codes = sorted({features.word_code(word) for word in words})
        return cls({code: place for place, code in enumerate(codes)}, lexicon, meanings, biases)

    @property
    def pieces_at(self) -> int:
        return len(self.codes)

    @property
    def pairs_at(self) -> int:
        return self.pieces_at + features.PIECES

    @property
    def width(self) -> int:
        return self.pairs_at + features.PAIRS

    @property
    def kinds_at(self) -> int:
        return self.biases

    @property
    def meanings_at(self) -> int:
        return self.biases + len(self.lexicon.kinds)

    def worth(self, word: str) -> float:
        """Rare words say more (idf)."""
        seen = self.meanings.posts_with.get(word, 0)
        return float(np.log((self.meanings.posts + 1) / (seen + 1)) + 1) / 6

    def design(self, texts: Sequence[Sequence[str]], biases: Sequence[int]) -> Design:
        """Rows of texts, each with the bias of its kind of text."""
        dense = np.zeros((len(texts), self.meanings_at + self.meanings.vectors.shape[1]))
        rows = []
        for row, words in enumerate(texts):
            rows.append(self._row(words, dense[row]))
            dense[row, biases[row]] = BIAS_VALUE
        return Design(Rows.of(rows, self.width), dense)

    def _row(self, words: Sequence[str], dense: Floats) -> tuple[list[int], list[float]]:
        columns: list[int] = []
        values: list[float] = []
        long = max(1, len(words)) ** 0.5
        codes = [features.word_code(word) for word in words]
        for place, (word, value) in enumerate(zip(words, turned(words), strict=True)):
            worth, column = self.worth(word), self.codes.get(codes[place])
            if column is not None:
                columns.append(column)
                values.append(value * worth / long)
            pieces = features.pieces_of(word)
            columns += [self.pieces_at + piece for piece in pieces]
            values += [value * features.PIECE_VALUE / long] * len(pieces)
            for kind in self.lexicon.words.get(word, ()):
                dense[self.kinds_at + kind] += value * KIND_VALUE / long
            vector = self.meanings.places.get(word)
            if vector is not None:
                dense[self.meanings_at :] += self.meanings.vectors[vector] * (value * worth / long)
            if place:
                bucket = features.pair_bucket(codes[place - 1], codes[place])
                columns.append(self.pairs_at + bucket)
                values.append(features.PAIR_VALUE / long)
                for kind, share in self.lexicon.pairs.get((words[place - 1], word), {}).items():
                    dense[self.kinds_at + kind] += share * KIND_VALUE / long
        return columns, values

    def tables(self, weights: Floats) -> tuple[Floats, Floats, Floats]:
        """What each word, piece and pair adds: everything that goes by words is added up."""
        sparse, dense = weights[: self.width], weights[self.width :]
        of_kinds = dense[self.kinds_at : self.meanings_at] * KIND_VALUE
        of_meanings = dense[self.meanings_at :]
        words = sparse[: self.pieces_at].copy()
        done = np.zeros(len(words), dtype=bool)
        known = [*self.meanings.places, *self.lexicon.words, *self.meanings.posts_with]
        for word in dict.fromkeys(known):
            column = self.codes.get(features.word_code(word))
            if column is None or done[column]:
                continue
            done[column] = True
            words[column] *= self.worth(word)
            vector = self.meanings.places.get(word)
            if vector is not None:
                words[column] += self.meanings.vectors[vector] @ of_meanings * self.worth(word)
            for kind in self.lexicon.words.get(word, ()):
                words[column] += of_kinds[kind]
        words[~done] *= self.worth("")
        pairs = sparse[self.pairs_at :] * features.PAIR_VALUE
        for (first, second), of in self.lexicon.pairs.items():
            bucket = features.pair_bucket(features.word_code(first), features.word_code(second))
            for kind, share in of.items():
                pairs[bucket] += of_kinds[kind] * share
        return words, sparse[self.pieces_at : self.pairs_at] * features.PIECE_VALUE, pairs


def turned(words: Sequence[str]) -> list[float]:
    """What each word counts: one, or less and the other way round beside a word that negates."""
    kinds = [features.PLAIN, *map(features.kind_of, words), features.PLAIN]
    values = []
    for before, kind, after in zip(kinds, kinds[1:], kinds[2:], strict=False):
        value = 1.0
        if after == features.NEGATES_LAST and kind != features.NEGATES_NEXT:
            value *= features.NEGATED
        if before == features.NEGATES_NEXT:
            value *= features.NEGATED
        values.append(value)
    return values
