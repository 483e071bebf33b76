"""Published methods that look only back: z-score, SigniTrend, BNgram."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from bot.analysis.trends import Scored
from tests.trendlab.rounds import Round
from tests.trendlab.series import BINS_A_DAY, Numbers, Series

LEAST_SAID = 3
BNGRAMS_CLUSTERED = 60


def z_score(series: Series, bins: int = 3, least: float = 3.0) -> Iterator[Round]:
    """Count of the last minutes against mean and deviation of such spans of the day before.

    The textbook control chart; a deviation is at least one touch.
    """
    for last in range(BINS_A_DAY, series.bins + 1):
        now = series.window(last - bins, last)
        ends = np.arange(last - bins, max(bins, last - bins - BINS_A_DAY), -bins)
        past = series.sums[:, ends] - series.sums[:, ends - bins]
        z = (now - past.mean(axis=1)) / np.maximum(1.0, past.std(axis=1))
        yield series.told(_over(z, now, least), last - bins, last, least)


def signitrend(
    series: Series,
    bins: int = 3,
    half_life_h: float = 12.0,
    bias: float = 0.001,
    least: float = 2.0,
) -> Iterator[Round]:
    """Exponentially weighted mean and variance of the share of documents, with a bias term.

    E. Schubert, M. Weiler, H.-P. Kriegel, "SigniTrend: scalable detection of emerging topics in
    textual streams by hashed significance thresholds", KDD 2014: sig = (x - max(EWMA, β)) /
    (√EWMVar + β), for words and pairs of words (give it a series of both). Their hashing saves
    memory only; here every unit has a cell of its own.
    """
    keep = math.exp(math.log(0.5) / (half_life_h * 12 / bins))
    mean: Numbers = np.zeros(len(series.units))
    variance: Numbers = np.zeros(len(series.units))
    for number, last in enumerate(range(bins, series.bins + 1, bins)):
        documents = series.volume[last - bins : last].sum()
        if not documents:
            continue
        now = series.window(last - bins, last)
        share = now / documents
        if number and last >= BINS_A_DAY:
            sig = (share - np.maximum(mean, bias)) / (np.sqrt(variance) + bias)
            yield series.told(_over(sig, now, least), last - bins, last, least)
        step = 1 - keep if number else 1.0
        off = share - mean
        mean += step * off
        variance = (1 - step) * (variance + step * off**2)


def bngram(series: Series, bins: int = 6, slots: int = 12, least: float = 2.0) -> Iterator[Round]:
    """Runs of words by df-idf_t, joined by average linkage.

    L. M. Aiello et al., "Sensing trending topics in Twitter", IEEE Trans. Multimedia 15(6), 2013:
    df-idf_t = (df_i + 1) / (ln(mean df of the t slots before + 1) + 1); two n-grams are as near as
    the part of the rarer one's posts that has both; linkage stops at one half; a cluster is worth
    its best n-gram. Without their boost for named entities, which Persian lacks a tagger for.
    """
    for last in range(BINS_A_DAY, series.bins + 1, bins):
        now = series.window(last - bins, last)
        past = series.window(last - bins * (slots + 1), last - bins) / slots
        worth = (now + 1) / (np.log(past + 1) + 1)
        best = series.scored(_over(worth, now, least), last - bins, last, BNGRAMS_CLUSTERED)
        clusters = _linked(best)
        clusters.sort(key=lambda cluster: (-cluster[0].score, cluster[0].key))
        yield series.round_of([(cluster, cluster[0].score) for cluster in clusters[:30]], last)


def _over(worth: Numbers, now: Numbers, least: float) -> dict[int, float]:
    rows = np.nonzero((worth >= least) & (now >= LEAST_SAID))[0]
    return {int(row): float(worth[row]) for row in rows}


def _linked(terms: list[Scored]) -> list[list[Scored]]:
    """Average linkage by shared posts, until the nearest two share less than half."""
    clusters = [[term] for term in terms]
    near = np.array([[_nearness(one, other) for other in terms] for one in terms], dtype=float)
    np.fill_diagonal(near, 0.0) if len(terms) else None
    while len(clusters) > 1:
        place = int(near.argmax())
        one, other = sorted(divmod(place, len(clusters)))
        if near[one, other] < 0.5:
            break
        sizes = len(clusters[one]), len(clusters[other])
        joint = (near[one] * sizes[0] + near[other] * sizes[1]) / sum(sizes)
        near[one], near[:, one] = joint, joint
        near[one, one] = 0.0
        near = np.delete(np.delete(near, other, 0), other, 1)
        clusters[one] += clusters.pop(other)
    return [sorted(cluster, key=lambda term: (-term.score, term.key)) for cluster in clusters]


def _nearness(one: Scored, other: Scored) -> float:
    return len(one.posts & other.posts) / max(1, min(len(one.posts), len(other.posts)))
