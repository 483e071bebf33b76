"""What words mean, from the company they keep: vectors learnt from posts without labels.

Positive pointwise mutual information of words and their neighbours, reduced by a randomised
singular value decomposition. Levy and Goldberg, "Neural word embedding as implicit matrix
factorization" (2014); Halko, Martinsson and Tropp, "Finding structure with randomness" (2011).
On a few million words this is no worse than skip-grams, and takes a minute.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bot.analysis.training.linear import Floats

LEAST_SEEN = 4
NEIGHBOURS = 3000  # the commonest words; what stands beside others of them says too little
WINDOW = 5
SIZE = 200
_SMOOTHED = 0.75
_ROUNDS = 4
_SPARE = 20
_SEED = 7


@dataclass(frozen=True, slots=True)
class Meanings:
    places: dict[str, int]  # of a word in `vectors`; common words first
    vectors: Floats  # of length one
    posts_with: dict[str, int]
    posts: int


def learn(posts: Sequence[Sequence[str]]) -> Meanings:
    """Vectors of the words that are seen often enough."""
    seen = Counter(word for post in posts for word in post)
    words = [word for word, count in seen.most_common() if count >= LEAST_SEEN]
    places = {word: place for place, word in enumerate(words)}
    wide = min(NEIGHBOURS, len(words))
    beside = _beside(posts, places, wide)
    of_words = beside.sum(axis=1, keepdims=True)
    of_neighbours = beside.sum(axis=0) ** _SMOOTHED
    of_neighbours /= max(of_neighbours.sum(), 1e-9)
    with np.errstate(divide="ignore", invalid="ignore"):
        beside /= of_words
        beside /= of_neighbours.astype(np.float32)
        np.log(beside, out=beside)
    np.maximum(np.nan_to_num(beside, copy=False, nan=0.0, neginf=0.0), 0.0, out=beside)
    posts_with = Counter(word for post in posts for word in set(post))
    return Meanings(places, _reduced(beside), dict(posts_with), len(posts))


def _beside(
    posts: Sequence[Sequence[str]], places: dict[str, int], wide: int
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """How often each word has each neighbour; the nearer, the more it counts."""
    ends = [0]
    said: list[int] = []
    for post in posts:
        said += [places.get(word, -1) for word in post]
        said += [-1] * WINDOW  # posts do not touch
        ends.append(len(said))
    line = np.array(said, dtype=np.int64)
    total = np.zeros(len(places) * wide, dtype=np.float32)
    for gap in range(1, WINDOW + 1):
        for first, second in ((line[:-gap], line[gap:]), (line[gap:], line[:-gap])):
            good = (first >= 0) & (second >= 0) & (second < wide)
            cells, counts = np.unique(first[good] * wide + second[good], return_counts=True)
            total[cells] += (counts / gap).astype(np.float32)
    return total.reshape(len(places), wide)


def _reduced(matrix: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> Floats:
    size = min(SIZE, *matrix.shape)
    chance = np.random.default_rng(_SEED)
    width = min(size + _SPARE, matrix.shape[1])
    basis = matrix @ chance.standard_normal((matrix.shape[1], width)).astype(np.float32)
    for _ in range(_ROUNDS):
        basis, _ = np.linalg.qr(basis)
        basis = matrix @ (matrix.T @ basis)
    basis, _ = np.linalg.qr(basis)
    left, strengths, _ = np.linalg.svd(basis.T @ matrix, full_matrices=False)
    vectors = (basis @ left)[:, :size] * np.sqrt(strengths[:size])
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    out: Floats = (vectors / np.maximum(lengths, 1e-9)).astype(np.float64)
    return out
