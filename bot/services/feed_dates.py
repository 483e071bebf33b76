"""The dates that feeds really carry: RFC 822 and ISO 8601 with their usual mistakes, and Jalali.

A wrong weekday is not looked at. A year below 1700 is Jalali, and a Jalali date without a zone is
Tehran's. Any other date without a zone is in `default`, which the caller chooses by the source's
language: Persian outlets write Tehran time when they forget the offset, all others mean UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from bot.utils.times import ENGLISH_MONTHS, JALALI_MONTHS, TEHRAN, ascii_digits, from_jalali, zone

JALALI_BELOW = 1700  # no feed is from the year 1699, and Jalali years reach 1700 in 2321
OLDEST_YEAR = 1990  # anything before is a placeholder: 0001-01-01 of Go, 1970-01-01 of PHP
_LONGEST = 120  # characters; a date is never longer

# Offsets in minutes. Only names that feeds use for one thing; IST and CST are read as RFC 822
# or the most frequent meaning has it.
_ZONES = {
    "z": 0, "ut": 0, "utc": 0, "gmt": 0, "wet": 0, "west": 60, "bst": 60, "cet": 60, "met": 60,
    "cest": 120, "eet": 120, "eest": 180, "msk": 180, "trt": 180, "irst": 210, "irt": 210,
    "irdt": 270, "aft": 270, "gst": 240, "pkt": 300, "ist": 330, "jst": 540, "est": -300,
    "edt": -240, "cst": -360, "cdt": -300, "mst": -420, "mdt": -360, "pst": -480, "pdt": -420,
}  # fmt: skip
# Gregorian months as Iranian, Afghan and Arabic-influenced Persian writes them.
_GREGORIAN_IN_PERSIAN = (
    "ژانویه جنوری", "فوریه فبروری", "مارس مارچ", "آوریل اپریل", "مه می", "ژوئن جون",
    "ژوئیه جولای ژولای", "اوت آگوست اگست", "سپتامبر سپتمبر", "اکتبر اکتوبر", "نوامبر نومبر",
    "دسامبر دسمبر",
)  # fmt: skip
_GREGORIAN = {
    name: number for number, names in enumerate(_GREGORIAN_IN_PERSIAN, 1) for name in names.split()
} | {name[:3].lower(): number for number, name in enumerate(ENGLISH_MONTHS, 1)}
_JALALI = {name: number for number, name in enumerate(JALALI_MONTHS, 1)} | {"امرداد": 5}

_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_LETTERS = str.maketrans("يىكة", "ییکه")
_TIME = re.compile(
    r"(?<!\d)(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*"
    r"(am\b|pm\b|a\.m\.?|p\.m\.?|ق\.?\s?ظ|ب\.?\s?ظ|صبح|عصر|شب|بعد\s?از\s?ظهر|قبل\s?از\s?ظهر)?",
    re.IGNORECASE,
)
_AFTERNOON = re.compile("p|ب|عصر|شب", re.IGNORECASE)
_MORNING = re.compile("a|ق|صبح", re.IGNORECASE)
_OFFSET = re.compile(
    r"\s*(?:gmt|utc|ut)?\s*([+\-−])(\d{1,2}):?(\d{2})?(?::?\d{2})?(?![\d/])", re.IGNORECASE
)
_ZONE_NAME = re.compile(r"\s*\(?([a-z]{1,4})\b", re.IGNORECASE)
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})\s?([-/.])\s?(\d{1,2})\s?\2\s?(\d{1,2})(?!\d)")
_YEAR_LAST = re.compile(r"(?<!\d)(\d{1,2})\s?([-/.])\s?(\d{1,2})\s?\2\s?(\d{4})(?!\d)")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T?(\d{2})(\d{2})(\d{2})?)?(?=\D|$)", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"(?<![\d:])\d{1,4}(?![\d:])")


def parse_feed_date(raw: str, now: datetime, default: tzinfo = UTC) -> datetime | None:
    """The moment a feed gives, in UTC; None when it gives none. Never later than `now`."""
    text = _INVISIBLE.sub("", ascii_digits(raw[:_LONGEST]).translate(_LETTERS)).strip()
    try:
        moment = (
            _epoch(text) if text.isdigit() and len(text) in (10, 13) else _dated(text, now, default)
        )
    except (ValueError, OverflowError):  # a 31st of November, an hour 27
        return None
    if moment is None or moment.year < OLDEST_YEAR:
        return None
    return min(moment, now)


def _epoch(text: str) -> datetime:
    return datetime.fromtimestamp(int(text) / (1000 if len(text) == 13 else 1), UTC)


def _dated(text: str, now: datetime, default: tzinfo) -> datetime | None:
    compact = _COMPACT.match(text)
    if compact:
        year, month, day, hour, minute, second = (int(part or 0) for part in compact.groups())
        rest = text[compact.end() :]
    else:
        hour, minute, second, date_text, rest = _split_time(text)
        found = _numeric(date_text) or _worded(date_text, now)
        if found is None:
            return None
        year, month, day = found
    offset = _offset(rest)
    if year < JALALI_BELOW:
        gregorian = from_jalali(year, month, day)
        year, month, day = gregorian.year, gregorian.month, gregorian.day
        default = zone(TEHRAN)
    # 24:00 is the end of a day, and a 60th second is a leap second
    moment = datetime(year, month, day, tzinfo=default if offset is None else offset)
    wall = timedelta(hours=hour, minutes=minute, seconds=min(second, 59))
    if wall > timedelta(days=1) or minute > 59:
        raise ValueError("no such time of day")
    return (moment + wall).astimezone(UTC)


def _split_time(text: str) -> tuple[int, int, int, str, str]:
    """Hour, minute, second, the text without them, and what follows them (the zone)."""
    match = _TIME.search(text)
    if match is None:
        after_t = re.search(r"\d([tT]\d\d|[zZ]|[+-]\d\d:\d\d)$", text)
        return 0, 0, 0, text, text[after_t.end(1) - 1 :] if after_t else ""
    hour, half = int(match[1]), match[4] or ""
    if half and _AFTERNOON.match(half):
        hour += 12 if hour < 12 else 0
    elif half and _MORNING.match(half) and hour == 12:
        hour = 0
    rest = text[match.end() :]
    shift = _OFFSET.match(rest)
    date_text = text[: match.start()].rstrip("Tt") + " " + (rest[shift.end() :] if shift else rest)
    return hour, int(match[2]), int(match[3] or 0), date_text, rest


def _numeric(text: str) -> tuple[int, int, int] | None:
    match = _YEAR_FIRST.search(text)
    if match:
        return int(match[1]), int(match[3]), int(match[4])
    match = _YEAR_LAST.search(text)
    if match is None:
        return None
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    # Day first, as in Iran and Europe, unless only the American order is possible.
    return (year, first, second) if second > 12 else (year, second, first)


def _worded(text: str, now: datetime) -> tuple[int, int, int] | None:
    """«29 آبان 1405», "Fri, 20 Nov 2026", "November 20, 26"."""
    jalali = gregorian = 0
    for word in _WORD.findall(text):
        jalali = jalali or _JALALI.get(word, 0)
        gregorian = gregorian or _GREGORIAN.get(word, 0)
        if not gregorian and len(word) >= 3 and word.isascii():
            gregorian = _GREGORIAN.get(word[:3].lower(), 0)
    numbers = [int(number) for number in _NUMBER.findall(text)]
    if not (jalali or gregorian) or not numbers:
        return None
    day, *others = numbers
    if day > 31:  # "2026 Nov 20"
        day, others = (others[0], [day]) if others else (1, [day])
    if others:
        year = others[0]
    elif jalali:
        return _latest_jalali(jalali, day, now)
    else:
        return None
    if year < 100:  # RFC 2822, 4.3; a Jalali «05» is 1405
        year += (1400 if year < 50 else 1300) if jalali else (2000 if year < 50 else 1900)
    return year, jalali or gregorian, day


def _latest_jalali(month: int, day: int, now: datetime) -> tuple[int, int, int]:
    """A day that names no year is the latest such day that is not to come."""
    today = (now + timedelta(days=1)).date()
    year = today.year - 621
    while from_jalali(year, month, min(day, 29)) > today:
        year -= 1
    return year, month, day


def _offset(rest: str) -> tzinfo | None:
    match = _OFFSET.match(rest)
    if match:
        digits = match[2] + (match[3] or "")
        hours, minutes = (
            (int(digits[0]), int(digits[1:]))
            if len(digits) == 3
            else (
                int(match[2]),
                int(match[3] or 0),
            )
        )
        shift = timedelta(hours=hours, minutes=minutes)
        if minutes > 59 or shift > timedelta(hours=14):
            return None
        return timezone(-shift if match[1] != "+" else shift)
    name = _ZONE_NAME.match(rest)
    minutes_east = _ZONES.get(name[1].lower()) if name else None
    return None if minutes_east is None else timezone(timedelta(minutes=minutes_east))
