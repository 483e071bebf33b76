"""Time: aware UTC inside; a chat's own zone and the Jalali calendar only at the edge.

`utc_now` is the only clock of the program; everything else here is pure. Sentences ("5 minutes
ago") live in the texts: `relative` gives their key and number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.errors import BadInput

TEHRAN = "Asia/Tehran"
EVERY_DAY = "0123456"  # 0 = Saturday, the first day of the Persian week

JALALI_MONTHS = (
    "فروردین",
    "اردیبهشت",
    "خرداد",
    "تیر",
    "مرداد",
    "شهریور",
    "مهر",
    "آبان",
    "آذر",
    "دی",
    "بهمن",
    "اسفند",
)
PERSIAN_WEEKDAYS = ("شنبه", "یکشنبه", "دوشنبه", "سه‌شنبه", "چهارشنبه", "پنجشنبه", "جمعه")
ENGLISH_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
ENGLISH_WEEKDAYS = (
    "Saturday",
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
)

_TO_FA = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
_TO_ASCII = str.maketrans("۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩", "01234567890123456789")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def utc_now() -> datetime:
    """Now, aware, UTC."""
    return datetime.now(UTC)


def to_ms(moment: datetime | None) -> int:
    """Milliseconds since 1970, rounded down; 0 stands for None in the database."""
    return 0 if moment is None else (moment - _EPOCH) // _MS


def from_ms(ms: int) -> datetime:
    """The moment that `to_ms` wrote."""
    return _EPOCH + timedelta(milliseconds=ms)


def from_ms_or_none(ms: int | None) -> datetime | None:
    """As `from_ms`, where 0 stands for None."""
    return from_ms(ms) if ms else None


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo:
    """The time zone by its IANA name; BadInput for anything else."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        # OSError: a name that is a folder of the zone database, e.g. "Asia"
        raise BadInput("bad_timezone", name=name) from error


def fa_digits(text: str) -> str:
    """With Persian digits."""
    return text.translate(_TO_FA)


def ascii_digits(text: str) -> str:
    """With ASCII digits in place of Persian and Arabic ones."""
    return text.translate(_TO_ASCII)


@dataclass(frozen=True, slots=True)
class JalaliDateTime:
    """A moment in the Persian calendar, in some zone."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    weekday: int  # 0 = Saturday

    @property
    def month_name(self) -> str:
        return JALALI_MONTHS[self.month - 1]

    @property
    def weekday_name(self) -> str:
        return PERSIAN_WEEKDAYS[self.weekday]


def persian_weekday(day: date) -> int:
    """0 = Saturday … 6 = Friday."""
    return (day.weekday() + 2) % 7


def to_jalali(moment: datetime, tz: tzinfo | str) -> JalaliDateTime:
    """The moment in the Persian calendar, in the zone `tz`."""
    import jdatetime  # 20 ms: only once somebody looks at a date

    local = moment.astimezone(_tz(tz))
    day = jdatetime.date.fromgregorian(year=local.year, month=local.month, day=local.day)
    return JalaliDateTime(
        day.year,
        day.month,
        day.day,
        local.hour,
        local.minute,
        local.second,
        persian_weekday(local.date()),
    )


def from_jalali(year: int, month: int, day: int) -> date:
    """The Gregorian date of a Persian one; ValueError where there is no such day."""
    import jdatetime

    gregorian: date = jdatetime.date(year, month, day).togregorian()
    return gregorian


def format_date(
    moment: datetime, tz: tzinfo | str, lang: str, *, weekday: bool = False, year: bool = True
) -> str:
    """«۳۰ آبان ۱۴۰۵» in Persian, «21 November 2026» in English."""
    if lang == "fa":
        local = to_jalali(moment, tz)
        words = [fa_digits(str(local.day)), local.month_name]
        if weekday:
            words.insert(0, local.weekday_name)
        if year:
            words.append(fa_digits(str(local.year)))
    else:
        there = moment.astimezone(_tz(tz))
        words = [str(there.day), ENGLISH_MONTHS[there.month - 1]]
        if weekday:
            words.insert(0, ENGLISH_WEEKDAYS[persian_weekday(there.date())])
        if year:
            words.append(str(there.year))
    return " ".join(words)


def format_time(moment: datetime, tz: tzinfo | str, lang: str) -> str:
    """«۱۸:۳۰» or «18:30»."""
    text = f"{moment.astimezone(_tz(tz)):%H:%M}"
    return fa_digits(text) if lang == "fa" else text


def format_moment(
    moment: datetime, tz: tzinfo | str, lang: str, *, weekday: bool = True, year: bool = True
) -> str:
    """«شنبه ۳۰ آبان ۱۴۰۵، ۱۸:۳۰» or «Saturday 21 November 2026, 18:30»."""
    day = format_date(moment, tz, lang, weekday=weekday, year=year)
    return f"{day}{'،' if lang == 'fa' else ','} {format_time(moment, tz, lang)}"


def relative(moment: datetime, now: datetime) -> tuple[str, int]:
    """How long ago, as (key, n): now, minutes, hours, yesterday, days; the future is "now".

    From a week on the key is "date" (n = days): a date says more then than a number of days.
    """
    passed_s = int((now - moment).total_seconds())
    if passed_s < 60:
        return "now", 0
    if passed_s < 3600:
        return "minutes", passed_s // 60
    if passed_s < 86_400:
        return "hours", passed_s // 3600
    days = passed_s // 86_400
    if days == 1:
        return "yesterday", 1
    return ("days", days) if days < 7 else ("date", days)


def parse_clock(text: str) -> time:
    """A time of day from "8:30" or «۰۸:۳۰»; BadInput for anything else."""
    match = _CLOCK.fullmatch(ascii_digits(text).strip())
    if match is None:
        raise BadInput("bad_time", value=text)
    return time(int(match[1]), int(match[2]))


def parse_when(text: str, now: datetime, tz: tzinfo | str = UTC) -> datetime:
    """A moment that a person wrote: ISO 8601, or HH:MM for its latest occurrence before `now`.

    A time without offset is in the zone `tz`. BadInput when it is neither.
    """
    plain = ascii_digits(text).strip()
    place = _tz(tz)
    if _CLOCK.fullmatch(plain):
        today = now.astimezone(place).date()
        moment = _at(today, parse_clock(plain), place)
        return (
            moment if moment <= now else _at(today - timedelta(days=1), parse_clock(plain), place)
        )
    try:
        given = datetime.fromisoformat(plain)
        if given.tzinfo is None:
            return _at(given.date(), given.time(), place)
        return given.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadInput("bad_moment", value=text) from error


def next_daily(after: datetime, at: str, tz: tzinfo | str, days: str = EVERY_DAY) -> datetime:
    """The first moment later than `after` at which the clock of `tz` shows `at` on one of `days`.

    Where the clock is put forward over `at`, the first moment that exists on that day; where it is
    put back and shows `at` twice, the first one only. BadInput for a bad time or no day at all.
    """
    clock = parse_clock(at)
    wanted = {int(day) for day in days if day in EVERY_DAY}
    if not wanted:
        raise BadInput("bad_days", value=days)
    place = _tz(tz)
    today = after.astimezone(place).date()
    for offset in range(-1, 10):
        day = today + timedelta(days=offset)
        if persian_weekday(day) in wanted:
            moment = _at(day, clock, place)
            if moment > after:
                return moment
    raise AssertionError("a week holds every day")  # pragma: no cover


def _at(day: date, clock: time, place: tzinfo) -> datetime:
    """When a clock in `place` first shows `clock` or later on `day`, in UTC."""
    wall = datetime.combine(day, clock.replace(tzinfo=None))
    late = wall.replace(tzinfo=place, fold=0).astimezone(UTC)
    if late.astimezone(place).replace(tzinfo=None) == wall:
        return late
    # In a gap, fold=0 lands after it and fold=1 before it (PEP 495): the gap is between them.
    early = wall.replace(tzinfo=place, fold=1).astimezone(UTC)
    before = early.astimezone(place).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + timedelta(seconds=(late - early) // timedelta(seconds=2))
        if middle.astimezone(place).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late


def _tz(tz: tzinfo | str) -> tzinfo:
    return zone(tz) if isinstance(tz, str) else tz
