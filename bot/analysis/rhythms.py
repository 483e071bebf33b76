"""How a series goes by the hour of the day and by the day of the week, in somebody's own time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo

from bot.models.pattern import Rhythm

LEAST_DAYS = 4
WEEKDAYS_FROM_DAYS = 14


def rhythm(points: Iterable[tuple[datetime, float | None]], zone: tzinfo) -> Rhythm | None:
    """The rhythm of hourly values; None for too few days, or for a series that is all zero.

    A gap (None) is left out. Hours are compared by their shares of the mean of their own day, so
    that a loud day weighs no more than a quiet one, and days likewise by their means.
    """
    days: dict[int, list[tuple[int, float]]] = {}
    for at, value in points:
        if value is not None:
            local = at.astimezone(zone)
            days.setdefault(local.toordinal(), []).append((local.hour, value))
    # Half a day would pass for a quiet or a loud one.
    whole = {day: hours for day, hours in days.items() if len(hours) >= 18}
    if len(whole) < LEAST_DAYS:
        return None
    means = {day: sum(value for _, value in hours) / len(hours) for day, hours in whole.items()}
    middle = sum(means.values()) / len(means)
    if middle <= 0:
        return None
    by_hour: list[list[float]] = [[] for _ in range(24)]
    for day, hours in whole.items():
        if means[day] > 0:
            for hour, value in hours:
                by_hour[hour].append(value / means[day])
    by_weekday: list[list[float]] = [[] for _ in range(7)]
    for day, mean in means.items():
        by_weekday[(day + 1) % 7].append(mean / middle)  # ordinal 6 was a Saturday
    has_weeks = len(whole) >= WEEKDAYS_FROM_DAYS
    profile = tuple(_mean(values) for values in by_hour)
    known = [hour for hour in range(24) if by_hour[hour]]
    return Rhythm(
        hours=tuple(round(value, 3) for value in profile),
        weekdays=tuple(round(_mean(values), 3) for values in by_weekday) if has_weeks else (),
        hour_strength=round(_explained(by_hour), 3),
        weekday_strength=round(_explained(by_weekday), 3) if has_weeks else 0.0,
        busiest_hour=max(known, key=lambda hour: profile[hour]),
        quietest_hour=min(known, key=lambda hour: profile[hour]),
        days=len(whole),
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _explained(groups: Sequence[Sequence[float]]) -> float:
    """The share of the variance between groups, adjusted for their number (epsilon squared)."""
    filled = [group for group in groups if group]
    count = sum(map(len, filled))
    middle = sum(map(sum, filled)) / count
    within = sum((value - _mean(group)) ** 2 for group in filled for value in group)
    whole = sum((value - middle) ** 2 for group in filled for value in group)
    if whole <= 0:
        return 0.0
    by_chance = (len(filled) - 1) * within / (count - len(filled))
    return max(0.0, (whole - within - by_chance) / whole)
