"""Dates in a search: 1404/08/30, 2026-11-21, «۳۰ آبان», «آبان ۱۴۰۴», "21 November", «دیروز».

A date is a span of days, months or years, from its first midnight in a zone to the midnight after
its last day.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from bot.analysis.asked_spans import find_times
from bot.analysis.keys import fold
from bot.utils.times import ENGLISH_MONTHS, JALALI_MONTHS, ascii_digits, from_jalali, zone

MOST_WORDS = 3  # «۳۰ آبان ۱۴۰۴»

_NUMBERS = re.compile(r"(\d{4})(?:([/.\-])(\d{1,2})(?:\2(\d{1,2}))?)?")
_JALALI_YEARS = range(1250, 1500)
_GREGORIAN_YEARS = range(1900, 2200)
_JALALI = {fold(name): number for number, name in enumerate(JALALI_MONTHS, 1)}
_GREGORIAN = {
    **{name.lower(): number for number, name in enumerate(ENGLISH_MONTHS, 1)},
    **{name.lower()[:3]: number for number, name in enumerate(ENGLISH_MONTHS, 1)},
}


@dataclass(frozen=True, slots=True)
class NamedDays:
    """From `start` to `end` (not included), and how many words named it."""

    start: datetime
    end: datetime
    words: int


def read_days(words: Sequence[str], now: datetime, tz: str) -> NamedDays | None:
    """The date that the first words name, the longest reading; None when they name none."""
    for count in range(min(MOST_WORDS, len(words)), 0, -1):
        days = _numeric(words[0]) if count == 1 else None
        days = days or _month(words[:count])
        if days is not None:
            first, after = days
            return NamedDays(_midnight(first, tz), _midnight(after, tz), count)
        span = _named(words[:count], now, tz)
        if span is not None:
            return NamedDays(*span, count)
    return None


def _numeric(word: str) -> tuple[date, date] | None:
    match = _NUMBERS.fullmatch(ascii_digits(word))
    if match is None:
        return None
    year, _, month, day = match.groups()
    return _days(int(year), int(month) if month else None, int(day) if day else None)


def _month(words: Sequence[str]) -> tuple[date, date] | None:
    """«آبان ۱۴۰۴», "November 2026"."""
    if len(words) != 2 or not (year := ascii_digits(words[1])).isdecimal() or len(year) != 4:
        return None
    name, number = fold(words[0]), int(year)
    if name in _JALALI and number in _JALALI_YEARS:
        return _days(number, _JALALI[name], None)
    if name in _GREGORIAN and number in _GREGORIAN_YEARS:
        return _days(number, _GREGORIAN[name], None)
    return None


def _days(year: int, month: int | None, day: int | None) -> tuple[date, date] | None:
    """The days of a date, a month or a year, and the day after; None where there is no such one."""
    if year in _JALALI_YEARS:
        made = from_jalali
    elif year in _GREGORIAN_YEARS:
        made = date
    else:
        return None
    try:
        if month is None:
            return made(year, 1, 1), made(year + 1, 1, 1)
        if day is None:
            after = (year, month + 1) if month < 12 else (year + 1, 1)
            return made(year, month, 1), made(*after, 1)
        first = made(year, month, day)
    except ValueError:
        return None
    return first, first + timedelta(days=1)


def _named(words: Sequence[str], now: datetime, tz: str) -> tuple[datetime, datetime] | None:
    """«۳۰ آبان», "yesterday", «هفته پیش»: what questions may name, when it is all of the words."""
    keys = fold(" ".join(words)).split()
    times = find_times(keys, now, tz)
    if len(times) != 1 or (times[0].first, times[0].last) != (0, len(keys)):
        return None
    span = times[0].span
    return (span.start, span.end) if span.start < span.end else None


def _midnight(day: date, tz: str) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone(tz)).astimezone(UTC)
