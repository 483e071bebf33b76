"""Spans of time that people name in a question: «دیروز», «سه روز اخیر», «۳۰ آبان», "last week".

Works on the words of a folded text. A day begins at midnight of the zone given; a week on
Saturday, as in Iran; a month named in Persian is one of the Persian calendar.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from bot.analysis.keys import fold
from bot.models.ai import AskedSpan, SpanName
from bot.utils.times import (
    ENGLISH_MONTHS,
    ENGLISH_WEEKDAYS,
    JALALI_MONTHS,
    PERSIAN_WEEKDAYS,
    from_jalali,
    persian_weekday,
    to_jalali,
    zone,
)

LONGEST_DAYS = 3660  # a span cannot begin further back; "90000 days" is a slip
_RECENT_DAYS = 7  # «این روزها»
_NOW_HOURS = 6  # «الان چه خبره؟»
_NIGHT = time(20)
_MORNING = time(6)


@dataclass(frozen=True, slots=True)
class AskedTime:
    """A span, and the words [first, last) that name it."""

    span: AskedSpan
    first: int
    last: int


def find_times(keys: Sequence[str], now: datetime, tz: str) -> list[AskedTime]:
    """Every span that is named, in order; of overlapping readings the longest.

    A span that begins more than LONGEST_DAYS back is a slip and is not one.
    """
    found: list[AskedTime] = []
    oldest = now - timedelta(days=LONGEST_DAYS)
    reader = _Reader(keys, now, tz)
    place = 0
    while place < len(keys):
        readings = (read(reader, place) for read in _READINGS)
        times = [one for one in readings if one is not None and one.span.start >= oldest]
        if times:
            best = max(times, key=lambda one: one.last)
            found.append(best)
            place = best.last
        else:
            place += 1
    return found


def recent_days(days: int, now: datetime, *, is_given: bool = False) -> AskedSpan:
    """The last so many times 24 hours."""
    if days == 1:
        return AskedSpan(
            start=now - timedelta(days=1),
            end=now,
            name=SpanName.HOURS,
            amount=24,
            is_given=is_given,
        )
    return AskedSpan(
        start=now - timedelta(days=days),
        end=now,
        name=SpanName.DAYS,
        amount=days,
        is_given=is_given,
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    keys: Sequence[str]
    now: datetime
    tz: str

    def at(self, place: int) -> str:
        return self.keys[place] if 0 <= place < len(self.keys) else ""

    def number(self, place: int) -> int | None:
        word = self.at(place)
        if word.isascii() and word.isdigit() and len(word) <= 6:
            return int(word)
        return _NUMBERS.get(word)

    @property
    def today(self) -> date:
        return self.now.astimezone(zone(self.tz)).date()

    def midnight(self, day: date) -> datetime:
        return self.moment(day, time(0))

    def moment(self, day: date, clock: time) -> datetime:
        return datetime.combine(day, clock, tzinfo=zone(self.tz)).astimezone(UTC)

    def days(self, first: date, after: date, name: SpanName) -> AskedSpan:
        """From the first day's midnight to that of the day after the last, or till now."""
        end = min(self.midnight(after), self.now)
        return AskedSpan(start=min(self.midnight(first), end), end=end, name=name)

    def last(self, amount: int, unit: str) -> AskedSpan:
        name, length = _UNITS[unit]
        amount = min(max(1, amount), LONGEST_DAYS * 86_400 // int(length.total_seconds()))
        span = AskedSpan(start=self.now - amount * length, end=self.now, name=name, amount=amount)
        if unit in ("week", "month"):
            return recent_days(amount * length.days, self.now, is_given=True)
        return span


_Reading = Callable[[_Reader, int], AskedTime | None]

_NUMBERS = {
    fold(word): number
    for number, words in enumerate(
        (
            "یک یه one an a", "دو two", "سه three", "چهار four", "پنج five", "شش شیش six",
            "هفت seven", "هشت eight", "نه nine", "ده ten", "یازده eleven", "دوازده twelve",
        ),
        start=1,
    )
    for word in words.split()
}  # fmt: skip
_UNITS = {
    "minute": (SpanName.MINUTES, timedelta(minutes=1)),
    "hour": (SpanName.HOURS, timedelta(hours=1)),
    "day": (SpanName.DAYS, timedelta(days=1)),
    "week": (SpanName.DAYS, timedelta(days=7)),
    "month": (SpanName.DAYS, timedelta(days=30)),
}
_UNIT_WORDS = {
    fold(word): unit
    for unit, words in {
        "minute": "دقیقه minute minutes",
        "hour": "ساعت hour hours",
        "day": "روز day days",
        "week": "هفته week weeks",
        "month": "ماه month months",
    }.items()
    for word in words.split()
}
_RECENT = frozenset(map(fold, ("اخیر", "گذشته", "پیش", "قبل")))
_AGO = frozenset(map(fold, ("پیش", "قبل", "ago")))
_PAST = frozenset(("last", "past"))
_WITHIN = frozenset(map(fold, ("در", "طی", "ظرف", "توی", "تو")))


def _named(reader: _Reader, place: int) -> AskedTime | None:
    """Fixed phrases."""
    best: AskedTime | None = None
    for words, make in _PHRASES:
        end = place + len(words)
        if tuple(reader.keys[place:end]) == words and (best is None or end > best.last):
            best = AskedTime(make(reader), place, end)
    return best


def _this_week(reader: _Reader, weeks_ago: int) -> AskedSpan:
    saturday = reader.today - timedelta(days=persian_weekday(reader.today) + 7 * weeks_ago)
    name = SpanName.LAST_WEEK if weeks_ago else SpanName.THIS_WEEK
    return reader.days(saturday, saturday + timedelta(days=7), name)


def _jalali_month(reader: _Reader, months_ago: int) -> AskedSpan:
    today = to_jalali(reader.now, reader.tz)
    first = from_jalali(today.year, today.month, 1)
    after = from_jalali(today.year + today.month // 12, today.month % 12 + 1, 1)
    if months_ago:
        before = to_jalali(reader.midnight(first - timedelta(days=1)), reader.tz)
        first, after = from_jalali(before.year, before.month, 1), first
    return reader.days(first, after, SpanName.LAST_MONTH if months_ago else SpanName.THIS_MONTH)


def _gregorian_month(reader: _Reader, months_ago: int) -> AskedSpan:
    first = reader.today.replace(day=1)
    after = (first + timedelta(days=32)).replace(day=1)
    if months_ago:
        first, after = (first - timedelta(days=1)).replace(day=1), first
    return reader.days(first, after, SpanName.LAST_MONTH if months_ago else SpanName.THIS_MONTH)


def _day(reader: _Reader, days_ago: int) -> AskedSpan:
    day = reader.today - timedelta(days=min(days_ago, LONGEST_DAYS))
    name = {0: SpanName.TODAY, 1: SpanName.YESTERDAY}.get(days_ago, SpanName.DAY)
    return reader.days(day, day + timedelta(days=1), name)


def _last_night(reader: _Reader) -> AskedSpan:
    start = reader.moment(reader.today - timedelta(days=1), _NIGHT)
    end = min(reader.moment(reader.today, _MORNING), reader.now)
    return AskedSpan(start=start, end=end, name=SpanName.LAST_NIGHT)


def _ever(reader: _Reader) -> AskedSpan:
    start = reader.now - timedelta(days=LONGEST_DAYS)
    return AskedSpan(start=start, end=reader.now, name=SpanName.EVER)


def _phrases() -> list[tuple[tuple[str, ...], Callable[[_Reader], AskedSpan]]]:
    table: dict[str, Callable[[_Reader], AskedSpan]] = {
        "امروز|امروزه|امشب|today|todays|tonight|this morning|this afternoon|this evening": (
            lambda r: _day(r, 0)
        ),
        "دیروز|yesterday|yesterdays": lambda r: _day(r, 1),
        "پریروز|پریشب|day before yesterday": lambda r: _day(r, 2),
        "دیشب|last night": _last_night,
        "این هفته|هفته جاری|this week": lambda r: _this_week(r, 0),
        "هفته پیش|هفته گذشته|هفته قبل|last week": lambda r: _this_week(r, 1),
        "این ماه|ماه جاری": lambda r: _jalali_month(r, 0),
        "ماه پیش|ماه گذشته|ماه قبل": lambda r: _jalali_month(r, 1),
        "this month": lambda r: _gregorian_month(r, 0),
        "last month": lambda r: _gregorian_month(r, 1),
        "الان|همین الان|حالا|همین حالا|اکنون|هم اکنون|right now|now|at the moment": (
            lambda r: r.last(_NOW_HOURS, "hour")
        ),
        "اخیرا|به تازگی|تازگی|این روزا|این روزها|این چند روز|چند روز اخیر|چند روز گذشته": (
            lambda r: recent_days(_RECENT_DAYS, r.now, is_given=True)
        ),
        "recently|lately|these days|past few days|last few days": (
            lambda r: recent_days(_RECENT_DAYS, r.now, is_given=True)
        ),
        "تا حالا|تا الان|تا کنون|تاکنون|از اول|از ابتدا|ever|all time|so far": _ever,
    }
    return [
        (tuple(fold(phrase).split()), make)
        for phrases, make in table.items()
        for phrase in phrases.split("|")
    ]


_PHRASES = _phrases()


def _last_units(reader: _Reader, place: int) -> AskedTime | None:
    """«سه ساعت اخیر», «ساعت گذشته», «در ۲ روز», "past 12 hours", "3 days ago"."""
    first = place
    if reader.at(place) in _PAST:  # the last hour, past 12 hours
        amount = reader.number(place + 1)
        at = place + 1 if amount is None else place + 2
        unit = _UNIT_WORDS.get(reader.at(at))
        return AskedTime(reader.last(amount or 1, unit), first, at + 1) if unit else None
    is_within = reader.at(place) in _WITHIN
    place += is_within
    amount = reader.number(place)
    at = place if amount is None else place + 1
    unit = _UNIT_WORDS.get(reader.at(at))
    if unit is None or (amount is not None and amount < 1):
        return None
    after = reader.at(at + 1)
    if after in _AGO and unit == "day" and amount is not None:
        return AskedTime(_day(reader, amount), first, at + 2)
    if after in _RECENT or after == "ago":
        if amount is None and unit in ("week", "month"):
            return None  # «هفته گذشته» is a week of the calendar
        return AskedTime(reader.last(amount or 1, unit), first, at + 2)
    if is_within and amount is not None:
        return AskedTime(reader.last(amount, unit), first, at + 1)
    return None


_WEEKDAYS = {fold(name): number for number, name in enumerate(PERSIAN_WEEKDAYS)} | {
    fold(name): number for number, name in enumerate(ENGLISH_WEEKDAYS)
}
_COUNTED = {fold(word): number for number, word in enumerate(("یک", "دو", "سه", "چهار", "پنج"), 1)}
_SATURDAY, _FRIDAY = fold("شنبه"), fold("جمعه")
_DAY_WORDS = frozenset(map(fold, ("روز", "از", "on", "since")))


def _weekday(reader: _Reader, place: int) -> AskedTime | None:
    """The latest such day: «سه‌شنبه», «روز جمعه», "on Monday"; not «چهارشنبه‌سوری», «نماز جمعه»."""
    first = place
    says_day = reader.at(place) in _DAY_WORDS
    place += says_day
    word, at = reader.at(place), place + 1
    number = _WEEKDAYS.get(word)
    if word in _COUNTED and reader.at(place + 1) == _SATURDAY:  # «سه شنبه» in two words
        number, at = _COUNTED[word], place + 2
    if number is None or reader.at(at) == fold("سوری"):
        return None
    says_past = reader.at(at) in _RECENT
    if word == _FRIDAY and not (says_day or says_past):
        return None
    back = (persian_weekday(reader.today) - number) % 7
    if says_past and back == 0:
        back = 7
    day = reader.today - timedelta(days=back)
    span = reader.days(day, day + timedelta(days=1), SpanName.DAY)
    return AskedTime(span, first, at + says_past)


_JALALI = {fold(name): number for number, name in enumerate(JALALI_MONTHS, 1)}
_GREGORIAN = {name.lower(): number for number, name in enumerate(ENGLISH_MONTHS, 1)} | {
    name.lower()[:3]: number for number, name in enumerate(ENGLISH_MONTHS, 1) if name != "May"
}


def _date(reader: _Reader, place: int) -> AskedTime | None:
    """«۳۰ آبان», «۳۰ آبان ۱۴۰۵», "20 November", "November 20", 1405/08/30, 2026-11-20."""
    numbers = [reader.number(place + offset) for offset in range(3)]
    words = [reader.at(place + offset) for offset in range(3)]
    first, second, third = numbers
    if first and second and third and first > 1000:
        return _on(reader, first, second, third, place, place + 3, jalali=first < 1700)
    if first and words[1] in _JALALI:
        return _on_latest(reader, _JALALI[words[1]], first, third, place, jalali=True)
    if first and words[1] in _GREGORIAN:
        return _on_latest(reader, _GREGORIAN[words[1]], first, third, place, jalali=False)
    if second and words[0] in _GREGORIAN:
        return _on_latest(reader, _GREGORIAN[words[0]], second, third, place, jalali=False)
    return None


def _on_latest(
    reader: _Reader, month: int, day: int, year: int | None, place: int, *, jalali: bool
) -> AskedTime | None:
    """The date in the year given, or the latest one that is not to come."""
    if year and year > 1000:
        return _on(reader, year, month, day, place, place + 3, jalali=jalali)
    this_year = to_jalali(reader.now, reader.tz).year if jalali else reader.today.year
    for one in (this_year, this_year - 1):
        found = _on(reader, one, month, day, place, place + 2, jalali=jalali)
        if found is not None and found.span.start < found.span.end:
            return found
    return None


def _on(
    reader: _Reader, year: int, month: int, day: int, first: int, last: int, *, jalali: bool
) -> AskedTime | None:
    try:
        the_day = from_jalali(year, month, day) if jalali else date(year, month, day)
    except ValueError:
        return None  # no such day
    span = reader.days(the_day, the_day + timedelta(days=1), SpanName.DAY)
    return AskedTime(span, first, last)


_READINGS: tuple[_Reading, ...] = (_named, _last_units, _weekday, _date)
