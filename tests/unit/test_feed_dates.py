"""The dates of feeds, with the mistakes feeds make."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.services.feed_dates import parse_feed_date
from bot.utils.times import TEHRAN, fa_digits, to_jalali, zone

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


def at(day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    """A moment of November 2026, UTC."""
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Fri, 20 Nov 2026 14:50:00 GMT", at(20, 14, 50)),
        ("Mon, 20 Nov 2026 14:50:00 +0000", at(20, 14, 50)),  # it is a Friday
        ("20 Nov 26 18:20 IRST", at(20, 14, 50)),
        ("Fri, 20 Nov 2026 19:20:00 IRDT", at(20, 14, 50)),
        ("Fri, 20 Nov 2026 18:20:00 +0330", at(20, 14, 50)),
        ("Fri, 20 Nov 2026 18:20:00 +330", at(20, 14, 50)),
        ("Fri, 20 Nov 2026 18:20:00 GMT+03:30", at(20, 14, 50)),
        ("Fri, 20 Nov 2026 18:20:00 UTC+3:30", at(20, 14, 50)),
        ("Friday, 20-Nov-26 14:50:00 UTC", at(20, 14, 50)),
        ("Fri Nov 20 18:20:00 +0330 2026", at(20, 14, 50)),
        ("November 20, 2026, 9:50 am EST", at(20, 14, 50)),
        ("2026-11-20T14:50:00Z", at(20, 14, 50)),
        ("2026-11-20T18:20:00.123456789+03:30", at(20, 14, 50)),
        ("2026-11-20T18:20+0330", at(20, 14, 50)),
        ("2026-11-20t14:50z", at(20, 14, 50)),
        ("20261120T145000Z", at(20, 14, 50)),
        ("2026-11-19T24:00:00Z", at(20)),
        ("2026-11-20T14:50:60Z", at(20, 14, 50, 59)),
        ("1795186200", at(20, 14, 50)),
        ("1795186200000", at(20, 14, 50)),
        ("11/20/2026 02:50 PM UTC", at(20, 14, 50)),
        ("20/11/2026 14:50 UTC", at(20, 14, 50)),
        ("1405/08/29 18:20", at(20, 14, 50)),
        ("۱۴۰۵/۰۸/۲۹ ۱۸:۲۰:۱۰", at(20, 14, 50, 10)),
        ("١٤٠٥/٠٨/٢٩ ١٨:٢٠", at(20, 14, 50)),
        ("۱۸:۲۰ - ۱۴۰۵/۰۸/۲۹", at(20, 14, 50)),
        ("1405-08-29T14:50:00Z", at(20, 14, 50)),
        ("جمعه ۲۹ آبان ۱۴۰۵ ساعت ۱۸:۲۰", at(20, 14, 50)),
        ("۲۹ آبان ۱۴۰۵ - ۶:۲۰ ب.ظ", at(20, 14, 50)),
        ("\u200f۲۹ آبان ۱۴۰۵", at(19, 20, 30)),
        ("۲۹ آبان", at(19, 20, 30)),
        ("۲۰ نوامبر ۲۰۲۶", at(20)),
    ],
)
def test_a_date_is_read(raw: str, expected: datetime) -> None:
    """Each way a feed was seen to write a moment."""
    assert parse_feed_date(raw, NOW) == expected


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "yesterday",
        "12:30",
        "2026-11",
        "Thu, 31 Nov 2026 10:00:00 GMT",
        "2026-11-20T27:00:00Z",
        "1405/12/30",  # 1405 is no leap year
        "0001-01-01T00:00:00Z",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "9" * 500,
    ],
)
def test_what_is_no_date_is_none(raw: str) -> None:
    """Placeholders and days that do not exist are not guessed at."""
    assert parse_feed_date(raw, NOW) is None


def test_a_date_without_zone_takes_the_default() -> None:
    """The caller knows whether the feed is Persian."""
    raw = "2026-11-20 18:20:00"

    assert parse_feed_date(raw, NOW) == at(20, 18, 20)
    assert parse_feed_date(raw, NOW, zone(TEHRAN)) == at(20, 14, 50)


def test_a_summer_date_of_old_had_summer_time() -> None:
    """Tehran was at +04:30 in the summer of 2021, and is not any more."""
    assert parse_feed_date("1400/04/10 12:00", NOW) == datetime(2021, 7, 1, 7, 30, tzinfo=UTC)
    assert parse_feed_date("1405/04/10 12:00", NOW) == datetime(2026, 7, 1, 8, 30, tzinfo=UTC)


def test_a_date_to_come_is_now() -> None:
    """Otherwise one wrong clock would head every list for years."""
    assert parse_feed_date("Fri, 20 Nov 2036 14:50:00 GMT", NOW) == NOW


@given(st.integers(0, 1_100_000_000))
def test_a_jalali_date_reads_back(passed_s: int) -> None:
    """Any minute since 1992, written in Persian, is that minute again."""
    moment = NOW - timedelta(seconds=passed_s)
    local = to_jalali(moment, TEHRAN)
    if moment.astimezone(zone(TEHRAN)).utcoffset() != timedelta(hours=3, minutes=30):
        return  # the hour that summer time doubled is two moments
    written = f"{local.day} {local.month_name} {local.year}، {local.hour}:{local.minute:02}"

    assert parse_feed_date(fa_digits(written), NOW) == moment.replace(second=0)


@given(st.text(max_size=60))
def test_nothing_a_feed_writes_breaks_it(raw: str) -> None:
    """Any text is a moment not later than now, or None."""
    moment = parse_feed_date(raw, NOW)

    assert moment is None or moment <= NOW
