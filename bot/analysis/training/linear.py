"""Multinomial logistic regression over sparse rows, by L-BFGS; numpy alone, no chance involved.

L-BFGS: Liu and Nocedal, "On the limited memory BFGS method for large scale optimization",
Mathematical Programming 45 (1989).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MEMORY = 10  # pairs of steps from which the curvature is guessed
ENOUGH = 1e-4  # relative fall of the loss at which to stop
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
        out = np.zeros((len(self), weights.shape[1]))
        filled = np.flatnonzero(np.diff(self.starts))
        if len(filled):
            for column in range(weights.shape[1]):
                terms = self.values * weights[self.columns, column]
                out[filled, column] = np.add.reduceat(terms, self.starts[filled])
        return out

    def transposed_times(self, rows: Floats) -> Floats:
        """The transposed matrix by a (rows, classes) matrix."""
        row_of = np.repeat(np.arange(len(self)), np.diff(self.starts))
        out = np.empty((self.width, rows.shape[1]))
        for column in range(rows.shape[1]):
            terms = self.values * rows[row_of, column]
            out[:, column] = np.bincount(self.columns, terms, self.width)
        return out


def join(parts: Sequence[Rows]) -> Rows:
    """One below the other."""
    starts, base = [np.zeros(1, dtype=np.int64)], 0
    for part in parts:
        starts.append(part.starts[1:] + base)
        base += int(part.starts[-1])
    return Rows(
        np.concatenate(starts),
        np.concatenate([part.columns for part in parts]),
        np.concatenate([part.values for part in parts]),
        parts[0].width,
    )


def softmax(logits: Floats) -> Floats:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    whole: Floats = shifted / shifted.sum(axis=1, keepdims=True)
    return whole


def fit(
    rows: Rows, classes: Ints, importance: Floats, *, strength: float, most_steps: int
) -> Floats:
    """Weights (width, classes) that make the classes likeliest; `strength` is 1 / penalty (C)."""
    width, count = rows.width, int(classes.max()) + 1
    truth = np.zeros((len(rows), count))
    truth[np.arange(len(rows)), classes] = 1.0

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(width, count)
        shares = softmax(rows.times(weights))
        likely = np.log(np.maximum(shares[np.arange(len(rows)), classes], 1e-12))
        wrong = (shares - truth) * importance[:, None]
        value = -float(importance @ likely) + float(flat @ flat) / (2 * strength)
        return value, (rows.transposed_times(wrong) + weights / strength).ravel()

    return minimise(loss, np.zeros(width * count), most_steps).reshape(width, count)


def minimise(
    loss: Callable[[Floats], tuple[float, Floats]], start: Floats, most_steps: int
) -> Floats:
    """The point at which a smooth function is least; `loss` returns its value and gradient."""
    point = start
    value, slope = loss(point)
    steps: list[tuple[Floats, Floats, float]] = []
    for _ in range(most_steps):
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
        done = value - new_value <= ENOUGH * abs(value)
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
