"""Multinomial logistic regression over sparse rows, by L-BFGS; numpy alone, no chance involved.

L-BFGS: Liu and Nocedal, "On the limited memory BFGS method for large scale optimization",
Mathematical Programming 45 (1989).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]

MEMORY = 10  # pairs of steps from which the curvature is guessed
ENOUGH = 1e-4  # relative fall of the loss at which to stop
FIRST_STEPS = 5  # that may be short, because nothing is known of the curvature yet
_ARMIJO = 1e-4


@dataclass(frozen=True, slots=True)
class Rows:
    """A sparse matrix: row i holds `values[starts[i]:starts[i+1]]` in `columns` of the same."""

    starts: Ints
    columns: Ints
    values: Floats
    width: int

    def __len__(self) -> int:
        return len(self.starts) - 1

    @classmethod
    def of(cls, rows: Sequence[tuple[Sequence[int], Sequence[float]]], width: int) -> Rows:
        lengths = [0, *(len(columns) for columns, _ in rows)]
        return cls(
            np.cumsum(np.array(lengths, dtype=np.int64)),
            np.array([column for columns, _ in rows for column in columns], dtype=np.int64),
            np.array([value for _, values in rows for value in values], dtype=np.float64),
            width,
        )

    def take(self, wanted: Ints) -> Rows:
        """Some of the rows, in that order."""
        lengths = np.diff(self.starts)[wanted]
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        places = np.repeat(self.starts[wanted] - starts[:-1], lengths) + np.arange(starts[-1])
        return Rows(starts, self.columns[places], self.values[places], self.width)

    def times(self, weights: Floats) -> Floats:
        """The matrix by a (width, classes) matrix."""
        out = np.zeros((len(self), weights.shape[1]), dtype=weights.dtype)
        filled = np.flatnonzero(np.diff(self.starts))
        if len(filled):
            terms = weights[self.columns]
            terms *= self.values[:, None]
            out[filled] = np.add.reduceat(terms, self.starts[filled], axis=0)
        return out

    def transposed(self) -> Rows:
        """Columns as rows."""
        row_of = np.repeat(np.arange(len(self)), np.diff(self.starts))
        order = np.argsort(self.columns, kind="stable")
        counts = np.bincount(self.columns, minlength=self.width)
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return Rows(starts, row_of[order], self.values[order], len(self))


def softmax(logits: Floats) -> Floats:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    whole: Floats = shifted / shifted.sum(axis=1, keepdims=True)
    return whole


@dataclass(frozen=True, slots=True)
class Design:
    """Sparse rows, and beside each some columns that nearly every row fills."""

    rows: Rows
    dense: Floats

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def width(self) -> int:
        return self.rows.width + int(self.dense.shape[1])

    def take(self, wanted: Ints) -> Design:
        return Design(self.rows.take(wanted), self.dense[wanted])

    def halved(self) -> Design:
        """In single precision: three times as fast, and nothing that is learnt changes."""
        values = self.rows.values.astype(np.float32)
        rows = Rows(self.rows.starts, self.rows.columns, values, self.rows.width)
        return Design(rows, self.dense.astype(np.float32))

    def times(self, weights: Floats) -> Floats:
        sparse, dense = weights[: self.rows.width], weights[self.rows.width :]
        out: Floats = self.rows.times(sparse) + self.dense @ dense
        return out


def fit(
    design: Design, classes: Ints, importance: Floats, *, strength: float, most_steps: int
) -> Floats:
    """Weights (width, classes) that make the classes likeliest; `strength` is 1 / penalty (C)."""
    used = np.unique(design.rows.columns)  # the others stay 0
    place = np.zeros(design.rows.width, dtype=np.int64)
    place[used] = np.arange(len(used))
    rows = design.rows
    small = Design(Rows(rows.starts, place[rows.columns], rows.values, len(used)), design.dense)
    small = small.halved()
    turned = small.rows.transposed()
    width, count = small.width, int(classes.max()) + 1
    truth = np.zeros((len(small), count))
    truth[np.arange(len(small)), classes] = 1.0

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(width, count)
        shares = softmax(small.times(weights.astype(np.float32)).astype(np.float64))
        likely = np.log(np.maximum(shares[np.arange(len(small)), classes], 1e-12))
        wrong = (shares - truth) * importance[:, None]
        value = -float(importance @ likely) + float(flat @ flat) / (2 * strength)
        light = wrong.astype(np.float32)
        slope = np.concatenate([turned.times(light), small.dense.T @ light])
        return value, (slope + weights / strength).ravel()

    found = minimise(loss, np.zeros(width * count), most_steps).reshape(width, count)
    weights = np.zeros((design.width, count))
    weights[used] = found[: len(used)]
    weights[rows.width :] = found[len(used) :]
    return weights


def minimise(
    loss: Callable[[Floats], tuple[float, Floats]], start: Floats, most_steps: int
) -> Floats:
    """The point at which a smooth function is least; `loss` returns its value and gradient."""
    point = start
    value, slope = loss(point)
    steps: list[tuple[Floats, Floats, float]] = []
    for number in range(most_steps):
        way = -_towards(slope, steps)
        fall = float(slope @ way)
        if fall >= 0:  # the guess of the curvature is spoilt: begin again with the slope
            steps, way = [], -slope
            fall = float(slope @ way)
        length = 1.0 if steps else 1.0 / max(1.0, float(np.linalg.norm(slope)))
        while True:
            new_value, new_slope = loss(point + length * way)
            if new_value <= value + _ARMIJO * length * fall or length < 1e-10:
                break
            length /= 2
        step, change = length * way, new_slope - slope
        curvature = float(step @ change)
        if curvature > 1e-12:
            steps = [*steps[-MEMORY + 1 :], (step, change, curvature)]
        done = number >= FIRST_STEPS and value - new_value <= ENOUGH * abs(value)
        point, value, slope = point + step, new_value, new_slope
        if done:
            break
    return point


def _towards(slope: Floats, steps: list[tuple[Floats, Floats, float]]) -> Floats:
    """The slope, bent by the guessed curvature (the two loops of the method)."""
    way = slope.copy()
    shares = []
    for step, change, curvature in reversed(steps):
        share = float(step @ way) / curvature
        way -= share * change
        shares.append(share)
    if steps:
        _, change, curvature = steps[-1]
        way *= curvature / float(change @ change)
    for (step, change, curvature), share in zip(steps, reversed(shares), strict=True):
        way += (share - float(change @ way) / curvature) * step
    return way
