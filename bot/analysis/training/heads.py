"""One model at a time: learn its answers, make its shares honest, choose its verdicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bot.analysis.sentiment import Head
from bot.analysis.training.columns import BIAS_VALUE
from bot.analysis.training.linear import Design, Floats, Ints, fit, softmax

FOLDS = 5
STRENGTH = 0.2
MOST_STEPS = 60
MOST_FAVOUR = 12.0
ALL = -1  # a fold that no row is in


@dataclass(frozen=True, slots=True)
class Lessons:
    """Rows with their right answers; the last answer is the one that needs no lane."""

    design: Design
    answers: Ints
    count: int  # of answers
    importance: Floats
    folds: Ints
    evenly: float  # 0: answers count as often as they occur; 1: as if all were equally common


@dataclass(frozen=True, slots=True)
class Learnt:
    weights: Floats  # (width of the design, answers without the last)
    foreseen: Floats  # of each row by a model that has not seen it, as `weights` would


def learn(lessons: Lessons, strength: float = STRENGTH) -> Learnt:
    """Rare answers count more than they occur: `calibrate` puts the shares right again."""
    foreseen = np.zeros((len(lessons.design), lessons.count - 1))
    for fold in range(FOLDS):
        out = np.flatnonzero(lessons.folds == fold)
        foreseen[out] = lessons.design.take(out).times(_without(lessons, fold, strength))
    return Learnt(_without(lessons, ALL, strength), foreseen)


def _without(lessons: Lessons, fold: int, strength: float) -> Floats:
    wanted = np.flatnonzero(lessons.folds != fold)
    answers, importance = lessons.answers[wanted], lessons.importance[wanted]
    share = np.bincount(answers, importance, lessons.count) / importance.sum()
    even = lessons.count * np.maximum(share[answers], 0.002)
    balanced = importance / even**lessons.evenly
    found = fit(
        lessons.design.take(wanted), answers, balanced, strength=strength, most_steps=MOST_STEPS
    )
    relative: Floats = found[:, :-1] - found[:, -1:]
    return relative


def head_of(learnt: Learnt, bias: int, bias_at: int, rows: Ints, answers: Ints) -> Head:
    """What turns the sums of lanes into shares, judged by rows that were foreseen.

    The verdict stays what the model learnt with rare answers counting more.
    """
    temperature, shift = calibrate(learnt.foreseen[rows], answers)
    own = learnt.weights[bias_at + bias] * BIAS_VALUE
    favour = np.exp(-np.append(shift, 0.0) / temperature)
    return Head(
        tuple(float(one) for one in own + shift),
        temperature,
        tuple(float(one) for one in np.clip(favour, 1 / MOST_FAVOUR, MOST_FAVOUR)),
    )


def calibrate(lanes: Floats, answers: Ints) -> tuple[float, Floats]:
    """The temperature and shifts at which the right answers are likeliest."""
    padded = np.column_stack([lanes, np.zeros(len(lanes))])

    def loss(temperature: float, shift: Floats) -> float:
        shares = softmax((padded + np.append(shift, 0.0)) / temperature)
        return -float(np.log(np.maximum(shares[np.arange(len(answers)), answers], 1e-12)).mean())

    return _downhill(loss, lanes.shape[1])


def _downhill(
    loss: Callable[[float, Floats], float], count: int, least: float = 0.01
) -> tuple[float, Floats]:
    temperature, shift = 1.0, np.zeros(count)
    value, step = loss(temperature, shift), 0.5
    while step > least:
        before = value
        for factor in (1 + step, 1 / (1 + step)):
            found = loss(temperature * factor, shift)
            if found < value - 1e-7:
                temperature, value = temperature * factor, found
        for lane in range(count):
            for way in (step, -step):
                moved = shift.copy()
                moved[lane] += way
                found = loss(temperature, moved)
                if found < value - 1e-7:
                    shift, value = moved, found
        if value > before - 1e-6:
            step /= 2
    return temperature, shift


def verdicts(head: Head, lanes: Floats, bias: Floats | float = 0.0) -> tuple[Ints, Floats]:
    """Places of the answers chosen for rows of foreseen lanes, and the share of each."""
    shift = np.array(head.bias) - bias
    padded = np.column_stack([lanes + shift, np.zeros(len(lanes))])
    shares = softmax(padded / head.temperature)
    chosen = (shares * np.array(head.favour)).argmax(axis=1)
    return chosen, shares[np.arange(len(chosen)), chosen]
