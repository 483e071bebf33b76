"""The scorer of the anomaly benchmark keeps its published rules."""

from __future__ import annotations

import pytest

from tests.bench.nab import PROFILES, probation, scaled_sigmoid, score

LENGTH = 10_000
WINDOW = (2000, 2399)


def test_the_ends_are_nought_and_a_hundred() -> None:
    """Silence earns 0; a window found at its first point, and nothing else, 100."""
    assert score(LENGTH, [WINDOW], []).percent == 0
    assert score(LENGTH, [WINDOW], [2000]).percent == pytest.approx(100, abs=0.01)


def test_the_published_points_of_the_sigmoid() -> None:
    """Left edge, middle, right edge, one width behind, and far away."""
    at = (-1.0, -0.5, 0.0, 1.0, 3.0)

    assert [round(scaled_sigmoid(x), 5) for x in at] == [0.98661, 0.84828, 0.0, -0.98661, -1.0]


def test_only_the_earliest_detection_of_a_window_pays() -> None:
    """More inside costs and earns nothing."""
    assert score(LENGTH, [WINDOW], [2100, 2200, 2300]) == score(LENGTH, [WINDOW], [2100])


def test_false_alarms_cost_less_just_behind_a_window() -> None:
    """And whole before the first window."""
    before, behind, far = (
        score(LENGTH, [WINDOW], [2000, false]).earned - score(LENGTH, [WINDOW], [2000]).earned
        for false in (1500, 2410, 5000)
    )

    assert before == far == pytest.approx(-0.11)
    assert -0.02 < behind < 0


def test_profiles_weigh_false_and_missed() -> None:
    """Twice the price of a false alarm, or of a missed window."""
    false = [score(LENGTH, [WINDOW], [1500], profile).earned for profile in PROFILES.values()]

    assert false == pytest.approx([-1.11, -1.22, -2.11])


def test_the_probation_counts_for_nothing() -> None:
    """15 %, at most 750 points."""
    assert (probation(1000), probation(15_902)) == (150, 750)
    assert score(LENGTH, [WINDOW], [100, 749]).earned == -1
    assert score(LENGTH, [(100, 200), WINDOW], [2000]).windows == 1
