"""Where a chart's ticks stand and what they say: local time, either calendar, round numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from bot.utils.times import ENGLISH_MONTHS, fa_digits, format_date, zone

MAX_TIME_TICKS = 8  # more do not fit beside each other on a phone
_HOUR_STEPS = (1, 2, 3, 4, 6, 12)
_DAY_STEPS = (1, 2, 3, 5, 7, 10, 15, 30, 60, 90, 180, 365)
_MINUTE_STEPS = (5, 10, 15, 30)


@dataclass(frozen=True, slots=True)
class Tick:
    at: datetime
    label: str
    is_day: bool  # begins a local day


def time_ticks(
    start: datetime, end: datetime, timezone: str, lang: str, most: int = MAX_TIME_TICKS
) -> tuple[Tick, ...]:
    """Ticks at round local times between `start` and `end`, at most `most` of them.

    A tick at local midnight says the day; others say the time. Every tick is reckoned on the local
    calendar, so a day of 23 or 25 hours keeps its ticks at round hours.
    """
    local = zone(timezone)
    span = end - start
    for minutes in _MINUTE_STEPS:
        if span / timedelta(minutes=minutes) <= most:
            return _clock_ticks(start, end, local, lang, timedelta(minutes=minutes))
    for hours in _HOUR_STEPS:
        if span / timedelta(hours=hours) <= most:
            return _clock_ticks(start, end, local, lang, timedelta(hours=hours))
    days = next((step for step in _DAY_STEPS if span / timedelta(days=step) <= most), 365)
    return _day_ticks(start, end, local, lang, days)


def _clock_ticks(
    start: datetime, end: datetime, local: tzinfo, lang: str, step: timedelta
) -> tuple[Tick, ...]:
    ticks: dict[datetime, Tick] = {}
    day = start.astimezone(local).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    last = end.astimezone(local).replace(tzinfo=None)
    while day <= last:
        wall = day
        while wall < day + timedelta(days=1):
            moment = wall.replace(tzinfo=local)
            real = moment.astimezone(start.tzinfo)
            # A wall time inside a DST gap does not exist: it comes back as another one.
            exists = real.astimezone(local).replace(tzinfo=None) == wall
            if exists and start <= real <= end:
                at_midnight = wall == day
                label = _day_label(moment, lang) if at_midnight else digits(f"{wall:%H:%M}", lang)
                ticks[real] = Tick(real, label, at_midnight)
            wall += step
        day += timedelta(days=1)
    return tuple(ticks[at] for at in sorted(ticks))


def _day_ticks(
    start: datetime, end: datetime, local: tzinfo, lang: str, step: int
) -> tuple[Tick, ...]:
    ticks = []
    day = start.astimezone(local).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    while (moment := day.replace(tzinfo=local)) <= end:
        if moment >= start:
            real = moment.astimezone(start.tzinfo)
            ticks.append(Tick(real, _day_label(moment, lang), True))
            day += timedelta(days=step)
        else:
            day += timedelta(days=1)
    return tuple(ticks)


def _day_label(moment: datetime, lang: str) -> str:
    if lang == "fa":
        return format_date(moment, moment.tzinfo or UTC, lang, year=False)
    return f"{moment.day} {ENGLISH_MONTHS[moment.month - 1][:3]}"


def value_ticks(top: float, most: int = 5) -> tuple[float, ...]:
    """Round numbers from 0 to at least `top`, whole, at most `most` steps apart."""
    if top <= 0:
        return (0.0, 1.0)
    raw = max(top / most, 1.0)
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(
        factor * magnitude
        for factor in (1, 2, 2.5, 5, 10)
        if factor * magnitude >= raw and (factor * magnitude).is_integer()
    )
    return tuple(step * number for number in range(math.ceil(top / step) + 1))


def number(value: float, lang: str) -> str:
    """A count for people: grouped by thousands, in the digits of `lang`."""
    text = f"{round(value):,}"
    return fa_digits(text.replace(",", "٬")) if lang == "fa" else text


def digits(text: str, lang: str) -> str:
    return fa_digits(text) if lang == "fa" else text


def bucket_middles(starts: Sequence[datetime], step_s: int) -> list[datetime]:
    """The middle of each bucket, where its value is drawn."""
    half = timedelta(seconds=step_s / 2)
    return [start + half for start in starts]
