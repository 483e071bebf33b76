"""Anomalies, level shifts and rhythms of series."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.analysis.rhythms import rhythm
from bot.analysis.series import Rules, SeriesWatch
from bot.analysis.shifts import HOUR_RULES, MOOD_RULES, MoodShifts, ShiftFinder
from bot.models.pattern import Anomaly, Direction, LevelShift

START = datetime(2026, 1, 3, tzinfo=UTC)  # a Saturday
STEP = timedelta(minutes=5)
DAY = 288


def _counts(seed: int, days: int, mean: float = 30.0, swing: float = 0.0) -> list[float]:
    """Counts with a daily cycle, nearly Poisson."""
    chance = random.Random(seed)
    found = []
    for point in range(days * DAY):
        expected = mean * (1 + swing * math.sin(point / DAY * 2 * math.pi))
        found.append(float(max(0, round(chance.gauss(expected, math.sqrt(expected))))))
    return found


def _watched(
    values: Iterable[float | None], watch: SeriesWatch | None = None, first: int = 0
) -> list[tuple[int, Anomaly]]:
    watch = watch or SeriesWatch()
    return [
        (point, found)
        for point, value in enumerate(values, first)
        if (found := watch.add(START + point * STEP, value)) is not None
    ]


@pytest.mark.parametrize("swing", [0.0, 0.5, 0.9])
def test_an_ordinary_series_is_hardly_ever_unusual(swing: float) -> None:
    """Five months of counts, with and without a daily cycle, give a handful of anomalies."""
    found = sum(len(_watched(_counts(seed, 30, swing=swing))) for seed in range(5))

    assert found <= 6


def test_a_spike_is_told_once_and_at_once() -> None:
    """The first point of an hour of six times the usual is told, the rest of it not."""
    values = _counts(1, 20)
    at = 12 * DAY + 100
    values[at : at + 12] = [180.0] * 12

    found = [(point, one) for point, one in _watched(values) if point >= at - DAY]

    assert [point for point, _ in found] == [at]
    assert found[0][1].direction is Direction.UP
    assert 20 < found[0][1].expected < 40
    assert found[0][1].value == 180.0


def test_a_spike_at_night_is_seen_below_the_usual_of_the_day() -> None:
    """When a daily cycle explains most of the series, it is taken off."""
    values = _counts(2, 25, mean=100.0, swing=0.9)
    at = 20 * DAY + 216  # the trough, where 10 are usual
    values[at : at + 3] = [90.0] * 3

    assert at in [point for point, _ in _watched(values)]


def test_silence_where_there_are_always_values_is_a_fall() -> None:
    """Zeros that were counted are an anomaly downwards."""
    values = _counts(3, 20)
    at = 15 * DAY
    values[at : at + 24] = [0.0] * 24

    found = [one for point, one in _watched(values) if at <= point < at + 24]

    assert [one.direction for one in found] == [Direction.DOWN]


def test_a_gap_is_no_anomaly_nor_the_end_of_one() -> None:
    """A day without data changes nothing: not before a spike, and not in the midst of it."""
    values: list[float | None] = list(_counts(4, 20))
    at = 12 * DAY
    values[at : at + 24] = [200.0] * 24
    whole = [point for point, _ in _watched(values)]
    torn: list[float | None] = [*values[: at + 12], *([None] * 3 * DAY), *values[at + 12 :]]

    found = [point for point, _ in _watched(torn)]

    assert found == [point if point < at + 12 else point + 3 * DAY for point in whole]
    assert at in found


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_a_gap(bad: float) -> None:
    """It leaves the watch as it was."""
    watch = SeriesWatch()
    _watched(_counts(5, 2), watch)
    before = watch.state()

    assert watch.add(START + timedelta(days=3), bad) is None
    assert watch.state() == before


def test_a_restart_changes_nothing() -> None:
    """Saved as JSON and restored at every two hundredth value, the same is found."""
    values = _counts(6, 15)
    for at in (5 * DAY, 8 * DAY, 11 * DAY):
        values[at : at + 5] = [300.0, 320.0, 250.0, 90.0, 60.0]
    undisturbed = SeriesWatch()
    expected = _watched(values, undisturbed)
    watch, found = SeriesWatch(), []

    for first in range(0, len(values), 200):
        watch = SeriesWatch.restored(json.loads(json.dumps(watch.state())))
        found += _watched(values[first : first + 200], watch, first)

    assert found == expected
    assert len(found) >= 3
    assert watch.state() == undisturbed.state()


def test_memory_is_bounded() -> None:
    """Whatever values come, the state stays small."""
    chance, watch = random.Random(7), SeriesWatch()

    for point in range(60 * DAY):
        watch.add(START + point * STEP, math.exp(chance.uniform(0, 25)) - point)

    assert len(json.dumps(watch.state())) < 60_000


def test_falling_and_negative_series_are_watched_alike() -> None:
    """A series and its mirror image have the same anomalies, the other way."""
    chance = random.Random(8)
    values = [chance.gauss(20, 1) for _ in range(20 * DAY)]
    values[15 * DAY] = 35.0

    up = _watched(values)
    down = _watched([-value for value in values])

    assert 15 * DAY in [point for point, _ in up]
    assert [(point, one.score, one.value) for point, one in up] == [
        (point, one.score, -one.value) for point, one in down
    ]
    assert {one.direction for _, one in up} != {one.direction for _, one in down}


def test_a_constant_series_has_no_anomaly_until_it_moves() -> None:
    """No spread is no reason to divide by nothing."""
    values = [7.25] * 3 * DAY

    assert _watched(values) == []
    assert [point for point, _ in _watched([*values, 9.0])] == [3 * DAY]


def test_slower_series_learn_their_step() -> None:
    """Hours are hours: the day before anything is told has 24 of them."""
    chance, watch = random.Random(9), SeriesWatch()
    values = [chance.gauss(50, 4) for _ in range(24 * 30)]
    values[24 * 20] = 120.0
    hour = timedelta(hours=1)

    found = [p for p, value in enumerate(values) if watch.add(START + p * hour, value)]

    assert 24 * 20 in found
    assert len(found) <= 2
    assert watch.step == hour
    assert watch.last_at == START + (len(values) - 1) * hour


def test_rules_may_be_stricter() -> None:
    """With a higher limit less is told."""
    values = _counts(10, 20)
    values[12 * DAY] = 75.0

    assert _watched(values)
    assert _watched(values, SeriesWatch(rules=Rules(limit=50.0))) == []


# --- level shifts


def _moods(seed: int, shares: tuple[float, float, float], count: int) -> list[int]:
    """Posts of the moods 1, 0, -1 with these shares."""
    return random.Random(seed).choices([1, 0, -1], shares, k=count)


def _shifts(
    values: Iterable[int], finder: ShiftFinder, first: int = 0
) -> list[tuple[int, LevelShift]]:
    return [
        (point, found)
        for point, value in enumerate(values, first)
        if (found := finder.add(START + point * timedelta(seconds=20), value)) is not None
    ]


def test_a_steady_mood_is_left_alone() -> None:
    """Under one false alarm in ten thousand posts, over 200,000."""
    found = sum(
        len(_shifts(_moods(seed, shares, 25_000), ShiftFinder(MOOD_RULES)))
        for seed in range(4)
        for shares in ((0.3, 0.4, 0.3), (0.15, 0.6, 0.25))
    )

    assert found < 20


@pytest.mark.parametrize("after", [(0.15, 0.4, 0.45), (0.55, 0.3, 0.15)])
def test_a_mood_that_turns_is_found_within_200_posts(after: tuple[float, float, float]) -> None:
    """In nine of ten streams, and the new level is about right."""
    delays = []
    for seed in range(20):
        finder = ShiftFinder(MOOD_RULES)
        _shifts(_moods(seed, (0.3, 0.4, 0.3), 4000), finder)
        found = _shifts(_moods(100 + seed, after, 1000), finder, 4000)
        delays.append(found[0][0] - 4000 if found else 1000)
        if found:
            shift = found[0][1]
            assert shift.direction is (Direction.UP if after[0] > 0.5 else Direction.DOWN)
            assert abs(shift.after - (after[0] - after[2])) < 0.45
            assert shift.since <= shift.at

    assert sum(delay <= 200 for delay in delays) >= 18


def test_posts_by_slots_give_about_what_posts_one_by_one_do() -> None:
    """A slot of twenty posts weighs twenty; empty slots are gaps."""
    posts = [*_moods(1, (0.3, 0.4, 0.3), 4000), *_moods(2, (0.1, 0.3, 0.6), 400)]
    moods, found = MoodShifts(), []

    for slot in range(len(posts) // 20):
        part = posts[slot * 20 : slot * 20 + 20]
        at = START + slot * STEP
        assert moods.add(at + STEP / 2, 0, 0, 0) is None
        shift = moods.add(at, part.count(1), part.count(0), part.count(-1))
        found += [(slot * 20, shift)] if shift else []

    assert len(found) == 1
    assert 4000 <= found[0][0] <= 4200


def test_a_level_that_stays_is_one_shift_and_a_spike_is_none() -> None:
    """Hours of counts: three hours of much are nothing, a new level is told once."""
    chance, finder = random.Random(3), ShiftFinder(HOUR_RULES)
    values = [chance.gauss(50, 7) for _ in range(600)]
    values[200:203] = [200.0] * 3
    values[400:] = [value + 40 for value in values[400:]]

    found = [
        (hour, shift)
        for hour, value in enumerate(values)
        if (shift := finder.add(START + timedelta(hours=hour), value)) is not None
    ]

    assert len(found) == 1
    hour, shift = found[0]
    assert 400 <= hour <= 412
    assert abs((shift.since - START) / timedelta(hours=1) - 400) <= 2
    assert abs(shift.after - shift.before - 40) < 10
    assert shift.count >= 3


def test_a_finder_that_was_restarted_finds_the_same() -> None:
    """Saved as JSON and restored in the midst of a shift."""
    posts = [*_moods(4, (0.3, 0.4, 0.3), 3000), *_moods(5, (0.6, 0.3, 0.1), 500)]
    expected = _shifts(posts, ShiftFinder(MOOD_RULES))
    finder, found = ShiftFinder(MOOD_RULES), []

    for first in range(0, len(posts), 61):
        state = json.loads(json.dumps(finder.state()))
        finder = ShiftFinder.restored(state, MOOD_RULES)
        found += _shifts(posts[first : first + 61], finder, first)

    assert found == expected
    assert found


def test_moods_restored_go_on() -> None:
    """The same for the moods of slots."""
    moods = MoodShifts()
    for slot in range(100):
        moods.add(START + slot * STEP, 3, 4, slot % 5)

    again = MoodShifts.restored(json.loads(json.dumps(moods.state())))

    assert again.state() == moods.state()


def test_what_is_no_number_shifts_nothing() -> None:
    """Gaps, and means of no observations."""
    finder = ShiftFinder(HOUR_RULES)

    assert finder.add(START, None) is None
    assert finder.add(START, math.nan) is None
    assert finder.add(START, 3.0, 0) is None
    assert finder.level == 0.0


# --- rhythms


def _hours(days: int, *, evening: float = 1.0, friday: float = 1.0) -> list[tuple[datetime, float]]:
    """Hours of Tehran time, louder from 20 to 23 and on Fridays."""
    chance, zone, found = random.Random(11), ZoneInfo("Asia/Tehran"), []
    for hour in range(24 * days):
        at = START + timedelta(hours=hour)
        local = at.astimezone(zone)
        mean = 40 * (evening if local.hour >= 20 else 1.0)
        mean *= friday if local.weekday() == 4 else 1.0
        found.append((at, chance.gauss(mean, math.sqrt(mean))))
    return found


def test_the_rhythm_of_the_evening_and_of_friday_is_found() -> None:
    """Local hours, and weekdays that begin with Saturday."""
    found = rhythm(_hours(35, evening=2.0, friday=0.5), ZoneInfo("Asia/Tehran"))

    assert found is not None
    assert found.busiest_hour in range(20, 24)
    assert found.hours[21] > 1.5 > 1 > found.hours[10]
    assert found.hour_strength > 0.7
    assert min(range(7), key=lambda day: found.weekdays[day]) == 6
    assert found.weekday_strength > 0.7
    assert found.days >= 33


def test_noise_has_no_rhythm() -> None:
    """What chance explains is taken off."""
    found = rhythm(_hours(28), UTC)

    assert found is not None
    assert found.hour_strength < 0.08
    assert found.weekday_strength < 0.35


def test_too_little_has_no_rhythm() -> None:
    """Neither few days, nor days that are mostly gaps, nor nothing at all."""
    gaps = [(at, value if at.hour < 12 else None) for at, value in _hours(30)]

    assert rhythm(_hours(3), UTC) is None
    assert rhythm(gaps, UTC) is None
    assert rhythm([(at, 0.0) for at, _ in _hours(10)], UTC) is None


def test_what_never_changes_has_no_rhythm() -> None:
    """Nothing varies, so nothing is explained."""
    found = rhythm([(at, 5.0) for at, _ in _hours(20)], UTC)

    assert found is not None
    assert found.hour_strength == found.weekday_strength == 0.0


def test_a_week_has_no_weekdays_yet() -> None:
    """Below two weeks each weekday was seen once."""
    found = rhythm(_hours(8, evening=2.0), UTC)

    assert found is not None
    assert found.weekdays == ()
    assert found.weekday_strength == 0.0
