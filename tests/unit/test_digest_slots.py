"""Which of a plan's times a digest is for: late starts, changes of the clock, days of the week."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.features.reports import slot_of
from bot.models.insight import Digest, MoodSplit, Window
from bot.models.user import Chat, ChatKind, DigestPlan
from bot.utils.times import next_daily


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def plan(zone: str, clock: str, since: str, days: str = "0123456") -> tuple[DigestPlan, Chat]:
    """A plan as it stands in the database since a moment: its next time is the first after it."""
    next_at = next_daily(at(since), clock, zone, days)
    return (
        DigestPlan(id=1, chat_id=1, at=clock, days=days, next_at=next_at),
        Chat(id=1, kind=ChatKind.PRIVATE, timezone=zone),
    )


@pytest.mark.parametrize(
    ("zone", "clock", "since", "now", "slot"),
    [
        # Tehran has had no summer time since 2022.
        ("Asia/Tehran", "08:00", "2026-11-20T09:00+03:30", "2026-11-21T08:00:01+03:30",
         "2026-11-21T08:00+03:30"),
        # Three hours late: still the eight o'clock one.
        ("Asia/Tehran", "08:00", "2026-11-20T09:00+03:30", "2026-11-21T11:00+03:30",
         "2026-11-21T08:00+03:30"),
        # Three days late: the last of those missed.
        ("Asia/Tehran", "08:00", "2026-11-17T09:00+03:30", "2026-11-21T11:00+03:30",
         "2026-11-21T08:00+03:30"),
        # Berlin goes from 02:00 to 03:00 on 29 March 2026: half past two is three o'clock.
        ("Europe/Berlin", "02:30", "2026-03-28T12:00+01:00", "2026-03-29T03:10+02:00",
         "2026-03-29T03:00+02:00"),
        # … and from 03:00 to 02:00 on 25 October: the first half past two counts.
        ("Europe/Berlin", "02:30", "2026-10-24T12:00+02:00", "2026-10-25T02:40+01:00",
         "2026-10-25T02:30+02:00"),
        # New York, gap on 8 March, fold on 1 November.
        ("America/New_York", "02:15", "2026-03-07T12:00-05:00", "2026-03-08T05:00-04:00",
         "2026-03-08T03:00-04:00"),
        ("America/New_York", "01:30", "2026-10-31T12:00-04:00", "2026-11-01T01:45-05:00",
         "2026-11-01T01:30-04:00"),
    ],
)  # fmt: skip
def test_the_slot_is_the_last_time_that_has_come(
    zone: str, clock: str, since: str, now: str, slot: str
) -> None:
    """In the chat's own zone, whatever its clock did that day."""
    found, _ = slot_of(*plan(zone, clock, since), at(now))

    assert found == at(slot)


@pytest.mark.parametrize(
    ("days", "since", "now", "window"),
    [
        ("0123456", "2026-11-20T09:00+03:30", "2026-11-21T08:00+03:30", Window.H24),
        ("0123456", "2026-11-20T09:00+03:30", "2026-11-21T23:00+03:30", Window.H24),
        ("0123456", "2026-11-18T09:00+03:30", "2026-11-21T11:00+03:30", Window.D7),
        ("6", "2026-11-14T09:00+03:30", "2026-11-20T08:00+03:30", Window.D7),
        # Saturday to Wednesday: Sunday looks back a day, Saturday over the weekend.
        ("01234", "2026-11-21T09:00+03:30", "2026-11-22T08:00+03:30", Window.H24),
        ("01234", "2026-11-18T09:00+03:30", "2026-11-21T08:00+03:30", Window.D7),
    ],
)
def test_what_comes_seldom_or_was_missed_looks_further_back(
    days: str, since: str, now: str, window: Window
) -> None:
    """A weekly digest, and one after days of silence, look at a week."""
    _, found = slot_of(*plan("Asia/Tehran", "08:00", since, days), at(now))

    assert found is window


@pytest.mark.parametrize("zone", ["Asia/Tehran", "Europe/Berlin", "America/New_York"])
def test_a_year_of_days_has_a_slot_each(zone: str) -> None:
    """Walking through a year in steps of five hours meets every local date exactly once."""
    standing, chat = plan(zone, "02:30", "2026-01-01T00:00+00:00")
    now, slots = at("2026-01-01T00:00+00:00"), []
    while now < at("2027-01-01T12:00+00:00"):
        if standing.next_at is not None and standing.next_at <= now:
            slot, _ = slot_of(standing, chat, now)
            slots.append(slot.astimezone(_zone(zone)).date())
            standing = DigestPlan(
                id=1, chat_id=1, at="02:30", next_at=next_daily(now, "02:30", zone)
            )
        now = datetime.fromtimestamp(now.timestamp() + 5 * 3600, UTC)

    assert len(slots) == len(set(slots))
    assert len(slots) in (365, 366)
    assert slots == sorted(slots)


def _zone(name: str) -> object:
    from bot.utils.times import zone

    return zone(name)


def test_a_digest_says_that_it_is_late_after_two_hours() -> None:
    """Minutes do not matter, hours do; one that was asked for is never late."""

    def made(due: str | None, now: str) -> Digest:
        return Digest(
            chat_id=1, at=at(now), window=Window.H24, trends=(), new_keys=frozenset(), posts={},
            news=(), volume=(), mood=MoodSplit(), kept=0, dropped=0,
            due_at=at(due) if due else None,
        )  # fmt: skip

    assert not made("2026-11-21T08:00+03:30", "2026-11-21T09:59+03:30").is_late
    assert made("2026-11-21T08:00+03:30", "2026-11-21T11:00+03:30").is_late
    assert not made(None, "2026-11-21T11:00+03:30").is_late
    assert not made(None, "2026-11-21T11:00+03:30").has_new
