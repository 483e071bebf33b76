"""Clocks, zones and the Persian calendar."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import BadInput
from bot.utils.times import (
    TEHRAN,
    ascii_digits,
    fa_digits,
    format_date,
    format_moment,
    format_time,
    from_jalali,
    from_ms,
    from_ms_or_none,
    next_daily,
    parse_clock,
    parse_when,
    persian_weekday,
    relative,
    to_jalali,
    to_ms,
    utc_now,
    zone,
)

NOON = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
MOMENTS = st.integers(0, 3_500_000_000_000_000).map(  # microseconds: 1990 to 2100
    lambda passed: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(microseconds=passed)
)
ZONES = st.sampled_from(
    [TEHRAN, "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kabul"]
)
CLOCKS = st.times().map(lambda clock: f"{clock:%H:%M}")
DAYS = st.sets(st.sampled_from("0123456"), min_size=1).map("".join)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]  # numbers only


def test_the_clock_is_aware_and_utc() -> None:
    """Every moment inside the program carries its zone."""
    assert utc_now().utcoffset() == timedelta(0)


@given(MOMENTS)
def test_milliseconds_round_trip(moment: datetime) -> None:
    """What the database keeps is the same moment to the millisecond."""
    kept = from_ms(to_ms(moment))

    assert timedelta(0) <= moment - kept < timedelta(milliseconds=1)
    assert to_ms(kept) == to_ms(moment)


def test_zero_milliseconds_mean_none() -> None:
    """The database has no empty times."""
    assert to_ms(None) == 0
    assert from_ms_or_none(0) is None
    assert from_ms_or_none(1000) == utc(1970, 1, 1, 0, 0, 1)


@pytest.mark.parametrize("name", ["", "Tehran", "Asia", "../etc/passwd", "/etc/localtime", "a\0b"])
def test_an_unknown_zone_is_bad_input(name: str) -> None:
    """A person types zones, so nonsense is answered and not raised as something else."""
    with pytest.raises(BadInput):
        zone(name)


def test_digits_are_changed_both_ways() -> None:
    """Persian for display; ASCII from Persian and Arabic keyboards."""
    assert fa_digits("v1.20") == "v۱.۲۰"
    assert ascii_digits("۱۴۰۵/٠٨/۳٠") == "1405/08/30"


@pytest.mark.parametrize(
    ("gregorian", "persian"),
    [
        ((2026, 11, 21), (1405, 8, 30)),
        ((2025, 3, 20), (1403, 12, 30)),  # a leap year's last day
        ((2025, 3, 21), (1404, 1, 1)),
        ((1979, 2, 11), (1357, 11, 22)),
    ],
)
def test_the_persian_calendar(
    gregorian: tuple[int, int, int], persian: tuple[int, int, int]
) -> None:
    """Known days, leap years among them, in both directions."""
    local = to_jalali(utc(*gregorian, 12), "UTC")

    assert (local.year, local.month, local.day) == persian
    assert from_jalali(*persian) == utc(*gregorian).date()


def test_the_persian_day_begins_at_midnight_in_the_zone() -> None:
    """21:00 in London is already tomorrow in Tehran."""
    assert to_jalali(utc(2026, 11, 21, 21), TEHRAN).day == 1
    assert to_jalali(utc(2026, 11, 21, 21), "UTC").day == 30


def test_moments_are_written_in_both_languages() -> None:
    """Jalali and Persian digits in Persian, Gregorian in English, in the chat's own zone."""
    assert format_moment(NOON, TEHRAN, "fa") == "شنبه ۳۰ آبان ۱۴۰۵، ۱۸:۳۰"
    assert format_moment(NOON, TEHRAN, "en") == "Saturday 21 November 2026, 18:30"
    assert format_date(NOON, TEHRAN, "fa", year=False) == "۳۰ آبان"
    assert format_date(NOON, TEHRAN, "en") == "21 November 2026"
    assert format_time(NOON, "UTC", "fa") == "۱۵:۰۰"


@pytest.mark.parametrize(
    ("ago_s", "expected"),
    [
        (-500, ("now", 0)),
        (59, ("now", 0)),
        (60, ("minutes", 1)),
        (3599, ("minutes", 59)),
        (3600, ("hours", 1)),
        (86_399, ("hours", 23)),
        (86_400, ("yesterday", 1)),
        (2 * 86_400, ("days", 2)),
        (7 * 86_400, ("date", 7)),
    ],
)
def test_relative_gives_a_key_and_a_number(ago_s: int, expected: tuple[str, int]) -> None:
    """The sentence itself is in the texts."""
    assert relative(NOON - timedelta(seconds=ago_s), NOON) == expected


def test_a_time_of_day_may_have_persian_digits() -> None:
    """People type on Persian keyboards."""
    assert parse_clock(" ۸:۰۵ ").isoformat() == "08:05:00"


@pytest.mark.parametrize("text", ["24:00", "8", "8:5", "8.30", "", "ab:cd", "08:30:00"])
def test_a_wrong_time_of_day_is_bad_input(text: str) -> None:
    """Only hours and minutes of one day."""
    with pytest.raises(BadInput):
        parse_clock(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2018-06-15T18:00:00Z", utc(2018, 6, 15, 18)),
        ("2018-06-15T18:00:00+04:30", utc(2018, 6, 15, 13, 30)),
        ("2026-11-21T18:00", utc(2026, 11, 21, 14, 30)),
        ("۲۰۲۶-۱۱-۲۱", utc(2026, 11, 20, 20, 30)),
        ("18:29", utc(2026, 11, 21, 14, 59)),
        ("18:31", utc(2026, 11, 20, 15, 1)),
    ],
)
def test_moments_a_person_writes(text: str, expected: datetime) -> None:
    """With an offset it counts; without one the person's zone does."""
    assert parse_when(text, NOON, TEHRAN) == expected


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "25:00"])
def test_a_wrong_moment_is_bad_input(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(BadInput):
        parse_when(text, NOON)


@pytest.mark.parametrize(
    ("after", "at", "tz", "expected"),
    [
        (utc(2026, 11, 21, 4, 29), "08:00", TEHRAN, utc(2026, 11, 21, 4, 30)),
        (utc(2026, 11, 21, 4, 30), "08:00", TEHRAN, utc(2026, 11, 22, 4, 30)),
        # Tehran's clocks went from 00:00 to 01:00 on 22 March 2021: the day began at 01:00
        (utc(2021, 3, 21, 20), "00:30", TEHRAN, utc(2021, 3, 21, 20, 30)),
        (utc(2021, 3, 21, 20, 30), "00:30", TEHRAN, utc(2021, 3, 22, 20)),
        # Berlin: no 02:30 on 29 March 2026, two of them on 25 October 2026
        (utc(2026, 3, 28, 12), "02:30", "Europe/Berlin", utc(2026, 3, 29, 1)),
        (utc(2026, 10, 24, 12), "02:30", "Europe/Berlin", utc(2026, 10, 25, 0, 30)),
        (utc(2026, 10, 25, 0, 30), "02:30", "Europe/Berlin", utc(2026, 10, 26, 1, 30)),
        # Lord Howe moves by half an hour only
        (utc(2026, 10, 3, 12), "02:15", "Australia/Lord_Howe", utc(2026, 10, 3, 15, 30)),
        # Samoa had no 30 December 2011 at all
        (utc(2011, 12, 29, 20), "08:00", "Pacific/Apia", utc(2011, 12, 30, 10)),
    ],
)
def test_daily_runs_over_changes_of_the_clock(
    after: datetime, at: str, tz: str, expected: datetime
) -> None:
    """A gap runs at the first moment that exists, a doubled hour once."""
    assert next_daily(after, at, tz) == expected


def test_daily_runs_keep_to_their_days() -> None:
    """0 is Saturday; 21 November 2026 is one."""
    assert next_daily(utc(2026, 11, 21, 12), "08:00", TEHRAN, "0") == utc(2026, 11, 28, 4, 30)
    assert next_daily(utc(2026, 11, 21, 12), "08:00", TEHRAN, "6") == utc(2026, 11, 27, 4, 30)
    with pytest.raises(BadInput):
        next_daily(NOON, "08:00", TEHRAN, "")


@given(MOMENTS, CLOCKS, ZONES, DAYS)
def test_the_next_run_never_goes_back(after: datetime, at: str, tz: str, days: str) -> None:
    """It is later than `after`, on a wanted day, at the wanted time unless that does not exist."""
    run = next_daily(after, at, tz, days)

    local = run.astimezone(zone(tz))
    assert run > after
    assert str(persian_weekday(local.date())) in days
    assert f"{local:%H:%M}" >= at
    assert next_daily(run, at, tz, days) > run
    assert next_daily(after - timedelta(days=1), at, tz, days) <= run


@given(MOMENTS, CLOCKS, ZONES)
def test_a_daily_run_is_daily(after: datetime, at: str, tz: str) -> None:
    """Thirty runs fall on thirty days in a row: none skipped, none twice."""
    runs = [next_daily(after, at, tz)]
    for _ in range(29):
        runs.append(next_daily(runs[-1], at, tz))

    days = [run.astimezone(zone(tz)).date() for run in runs]
    assert days == [days[0] + timedelta(days=number) for number in range(30)]
