"""Published methods that need the whole series: Kleinberg's bursts and MABED.

They know the future of every term, which no alert could wait for: a found burst is told at the end
of the first bin in which enough of it was heard. What is printed of them is the best they could do.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tests.trendlab.rounds import Round
from tests.trendlab.series import BINS_A_DAY, Numbers, Series

Flags = NDArray[np.bool_]


def kleinberg(
    series: Series, bins: int = 3, ratio: float = 3.0, gamma: float = 1.0
) -> Iterator[Round]:
    """The two-state automaton for batches, solved by Viterbi; a burst is worth its weight.

    J. Kleinberg, "Bursty and hierarchical structure in streams", KDD 2002, section 4: of d_t posts
    r_t say the word; state 0 says it with p0 = R / D, state 1 with s·p0; entering state 1 costs
    γ ln n; the weight of a burst is what state 1 saves over state 0 in it.
    """
    steps = series.bins // bins
    said = series.counts[:, : steps * bins].reshape(len(series.units), steps, bins).sum(axis=2)
    of = np.maximum(series.volume[: steps * bins].reshape(steps, bins).sum(axis=1), 1)
    said = np.minimum(said, of)
    usual = (said.sum(axis=1) / of.sum()).clip(1e-9, 0.3)
    often = np.minimum(usual * ratio, 0.95)
    saved: Numbers = (
        said * np.log(often / usual)[:, None]
        + (of - said) * (np.log1p(-often) - np.log1p(-usual))[:, None]
    )
    state = _two_states(saved, gamma * np.log(steps))
    for row_bursts in _by_step(state, saved, steps):
        step, scores = row_bursts
        last = (step + 1) * bins
        if last > BINS_A_DAY:
            yield series.told(scores, last - bins, last, 0.0)


def _two_states(saved: Numbers, enter: float) -> Flags:
    """The cheapest path of every row through the two states."""
    rows, steps = saved.shape
    calm, burst = np.zeros(rows), np.full(rows, enter)
    came: Flags = np.zeros((2, rows, steps), bool)
    for step in range(steps):
        came[0, :, step] = burst < calm
        came[1, :, step] = burst < calm + enter
        calm, burst = (
            np.minimum(calm, burst),
            np.minimum(burst, calm + enter) - saved[:, step],
        )
    state: Flags = np.zeros((rows, steps), bool)
    now = burst < calm
    for step in range(steps - 1, -1, -1):
        state[:, step] = now
        now = np.where(now, came[1, :, step], came[0, :, step])
    return state


def _by_step(state: Flags, saved: Numbers, steps: int) -> Iterator[tuple[int, dict[int, float]]]:
    """For each step, the rows in a burst and the weight of the whole burst."""
    weight = np.zeros_like(saved)
    running = np.zeros(len(saved))
    for step in range(steps - 1, -1, -1):
        running = np.where(state[:, step], running + saved[:, step], 0.0)
        weight[:, step] = running
    for step in range(1, steps):
        going_on = state[:, step] & state[:, step - 1]
        weight[going_on, step] = weight[going_on, step - 1]
    for step in range(steps):
        rows = np.nonzero(state[:, step])[0]
        yield step, {int(row): float(weight[row, step]) for row in rows}


def mabed(
    series: Series,
    bins: int = 6,
    events: int = 60,
    related: int = 10,
    theta: float = 0.6,
    sigma: float = 0.5,
) -> Iterator[Round]:
    """The spans in which a word is said more than its share of all posts, largest excess first.

    A. Guille, C. Favre, "Event detection, tracking and visualization in Twitter: a mention-anomaly-
    based approach", Social Network Analysis and Mining 5(18), 2015, in its form without mentions
    (α-MABED): anomaly = N_t^i - N^i N_i / N; an event is a word's contiguous span of greatest sum;
    related words follow its course by at least θ (Erdem's coefficient); an event whose word is
    among another's, over spans that overlap by more than σ, is that event.
    """
    steps = series.bins // bins
    said = series.counts[:, : steps * bins].reshape(len(series.units), steps, bins).sum(axis=2)
    of = series.volume[: steps * bins].reshape(steps, bins).sum(axis=1)
    anomaly = said - np.outer(said.sum(axis=1), of / max(1, of.sum()))
    spans = [_best_span(row) for row in anomaly]
    order = sorted(range(len(spans)), key=lambda row: (-spans[row][0], series.units[row]))
    chosen: list[tuple[int, list[int]]] = []
    for row in order:
        if len(chosen) >= events:
            break
        _, first, last = spans[row]
        if any(
            row in others and _overlap(spans[row][1:], spans[main][1:]) > sigma
            for main, others in chosen
        ):
            continue
        inside = series.posts_saying(row, first * bins, last * bins)
        together: dict[int, int] = {}
        for other in range(len(series.units)):
            if other != row and said[other, first:last].sum() >= 0.3 * len(inside):
                shared = len(inside & series.posts_saying(other, first * bins, last * bins))
                if shared >= 0.2 * len(inside):
                    together[other] = shared
        near = sorted(together, key=lambda other: -together[other])[:related]
        followers = [o for o in near if _follows(said[row], said[o], first, last) >= theta]
        chosen.append((row, followers))
    groups = dict(chosen)
    for step in range(steps):
        last, told = (step + 1) * bins, []
        for row, others in groups.items():
            magnitude, first, behind = spans[row]
            if first <= step < behind:
                members = {row: 2.0, **dict.fromkeys(others, 1.0)}
                if terms := series.scored(members, first * bins, last):
                    told.append((terms, magnitude))
        if told and last > BINS_A_DAY:
            yield series.round_of(told, last)


def _best_span(anomaly: Numbers) -> tuple[float, int, int]:
    """Kadane's contiguous span of the greatest sum: (sum, first, behind the last)."""
    best, running, begin = (0.0, 0, 1), 0.0, 0
    for step, value in enumerate(anomaly.tolist()):
        if running <= 0:
            running, begin = 0.0, step
        running += value
        if running > best[0]:
            best = running, begin, step + 1
    return best


def _follows(one: Numbers, other: Numbers, first: int, last: int) -> float:
    """(ρ + 1) / 2 of the changes of two courses, ρ Erdem's coefficient."""
    a, b = np.diff(one[max(0, first - 1) : last]), np.diff(other[max(0, first - 1) : last])
    spread = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return (float((a * b).sum()) / spread + 1) / 2 if spread else 0.0


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> float:
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return max(0, shared) / max(1, min(one[1] - one[0], other[1] - other[0]))
