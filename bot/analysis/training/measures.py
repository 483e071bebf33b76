"""How well answers agree with labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bot.analysis.training.linear import Floats, Ints

_STEP = 0.1


@dataclass(frozen=True, slots=True)
class Measured:
    """`covered` is the accuracy on the surest half; `f1` is of each answer."""

    count: int
    f1: tuple[float, ...]
    accuracy: float
    covered: float
    calibration_error: float

    @property
    def macro_f1(self) -> float:
        return float(np.mean(self.f1))


def measure(found: Ints, truth: Ints, sure: Floats, answers: int) -> Measured:
    right = found == truth
    half = np.argsort(-sure, kind="stable")[: max(1, len(sure) // 2)]
    error = 0.0
    for low in np.arange(0.0, 1.0, _STEP):
        inside = (sure >= low) & (sure < low + _STEP + (1e-9 if low > 1 - 1.5 * _STEP else 0))
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - sure[inside].mean())
    return Measured(
        len(truth),
        f1(found, truth, answers),
        float(right.mean()),
        float(right[half].mean()),
        float(error),
    )


def f1(found: Ints, truth: Ints, answers: int) -> tuple[float, ...]:
    """Of each answer; of one that neither gave, 0."""
    each = []
    for answer in range(answers):
        hit = int(((found == answer) & (truth == answer)).sum())
        both = int((found == answer).sum() + (truth == answer).sum())
        each.append(2 * hit / both if both else 0.0)
    return tuple(each)
