"""Patterns of what a real database holds."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.analysis.influence import influence, turn
from bot.features.patterns import Patterns, without_gaps
from bot.models.pattern import Direction, HintKind, Measure
from bot.models.post import (
    TWITTER_SOURCE_ID,
    DropReason,
    Mood,
    Parent,
    ParentKind,
    Post,
    PostKind,
    Source,
    SourceKind,
)
from bot.models.tweets import LinkKind, Profile
from bot.ports import Database
from bot.storage.patterns import PatternStore
from bot.storage.people import PeopleStore
from bot.storage.posts import PostStore
from bot.storage.sources import SourceStore
from bot.utils.times import to_ms

NOW = datetime(2026, 11, 20, 12, 20, tzinfo=UTC)
END = NOW.replace(minute=0)
HOUR = timedelta(hours=1)


class World:
    def __init__(self, db: Database) -> None:
        self.posts, self.sources, self.people = PostStore(db), SourceStore(db), PeopleStore(db)
        self.store = PatternStore(db)
        self.patterns = Patterns(
            self.store, self.people, ZoneInfo("Asia/Tehran"), clock=lambda: NOW
        )
        self._made = 0

    def post(self, at: datetime, **fields: object) -> Post:
        self._made += 1
        post = Post(
            kind=PostKind.TWEET,
            source_id=TWITTER_SOURCE_ID,
            external_id=str(self._made),
            created_at=at,
            text="متن",
            mood=Mood.NEUTRAL,
        )
        return replace(post, **fields)  # type: ignore[arg-type]  # the caller names fields

    async def fill(self, counts: Sequence[int], **fields: object) -> None:
        """So many posts in each of the hours before END."""
        made = [
            self.post(END - (len(counts) - hour) * HOUR + n * HOUR / (count + 1), **fields)
            for hour, count in enumerate(counts)
            for n in range(count)
        ]
        for start in range(0, len(made), 2000):
            await self.posts.add_many(made[start : start + 2000])


@pytest.fixture
def world(db: Database) -> World:
    return World(db)


def _hours(days: int, mean: float, seed: int = 1) -> list[int]:
    chance = random.Random(seed)
    return [max(1, round(chance.gauss(mean, mean**0.5))) for _ in range(24 * days)]


async def test_a_burst_of_posts_and_a_hole_in_the_data(world: World) -> None:
    """The burst is an anomaly; the hours in which nothing was collected are a gap and no fall."""
    counts = _hours(10, 12)
    counts[150:156] = [0] * 6
    counts[200] = 60
    await world.fill(counts)

    found = await world.patterns.volume()

    start = END - len(counts) * HOUR
    assert found.measure is Measure.VOLUME
    assert (found.start, found.end) == (start, END)
    told = {one.at: one.direction for one in found.anomalies}
    assert told[start + 200 * HOUR] is Direction.UP
    assert not [at for at in told if 148 <= (at - start) / HOUR < 158]
    assert len(told) <= 2
    assert found.gaps == ((start + 150 * HOUR, start + 156 * HOUR),)
    assert found.shifts == ()
    assert found.rhythm is not None
    assert found.rhythm.days >= 9


async def test_quiet_nights_are_no_shifts(world: World) -> None:
    """Hours are compared with their own kind, in the bot's time zone."""
    chance, counts = random.Random(5), []
    for hour in range(24 * 14):
        local = (END - (24 * 14 - hour) * HOUR).astimezone(ZoneInfo("Asia/Tehran")).hour
        counts.append(max(1, round(chance.gauss(24 if local >= 12 else 4, 2))))
    await world.fill(counts)

    found = await world.patterns.volume()

    assert found.rhythm is not None
    assert found.rhythm.hour_strength > 0.8
    assert found.rhythm.busiest_hour >= 12 > found.rhythm.quietest_hour
    assert found.shifts == ()


async def test_a_source_that_falls_silent_shifts_to_nothing(world: World) -> None:
    """While others go on; and another source of the same hours is left alone."""
    sources = [
        await world.sources.add(Source(kind=SourceKind.FEED, name=n, url=f"https://{n}.example/"))
        for n in ("one", "two")
    ]
    news = {"kind": PostKind.NEWS, "title": "خبر"}
    quiet = _hours(8, 6)
    quiet[150:] = [0] * (len(quiet) - 150)
    await world.fill(quiet, source_id=sources[0].id, **news)
    await world.fill(_hours(8, 6, seed=2), source_id=sources[1].id, **news)

    silent, other = await world.patterns.outputs(
        [TWITTER_SOURCE_ID, *(source.id for source in sources)]
    )

    start = END - len(quiet) * HOUR
    assert silent.measure is Measure.OUTPUT
    assert silent.source_id == sources[0].id
    [shift] = silent.shifts
    assert shift.direction is Direction.DOWN
    assert shift.after < 1
    assert abs(shift.since - (start + 150 * HOUR)) <= 3 * HOUR
    assert other.shifts == ()
    assert (await world.patterns.output(sources[1].id)) == other


async def test_a_mood_that_turns(world: World) -> None:
    """Found from the counts of moods, dropped posts left out."""
    chance = random.Random(3)
    made = []
    for n in range(1500):
        weights = (3, 4, 3) if n < 1100 else (1, 3, 6)
        mood = chance.choices([Mood.POSITIVE, Mood.NEUTRAL, Mood.NEGATIVE], weights)[0]
        made.append(world.post(END - (1500 - n) * timedelta(minutes=3), mood=mood))
    spam = [
        world.post(post.created_at, mood=Mood.POSITIVE, drop=DropReason.SPAM)
        for post in made[1100:]
    ]
    await world.posts.add_many([*made, *spam])

    found = await world.patterns.mood()

    [shift] = found.shifts
    assert shift.direction is Direction.DOWN
    assert made[1100].created_at <= shift.at <= made[1300].created_at
    assert shift.before > -0.15 > shift.after


async def test_nothing_has_no_patterns(world: World) -> None:
    """An empty database is no reason to fail."""
    assert (await world.patterns.volume()).anomalies == ()
    assert (await world.patterns.mood()).rhythm is None
    assert (await world.patterns.output(5)).source_id == 5
    assert await world.patterns.outputs([5]) != []
    assert await world.patterns.coordinated() == []
    assert (await world.patterns.communities()).map.communities == ()


async def test_a_campaign_is_found_among_dropped_copies(world: World) -> None:
    """Copies are stored as dropped ones; retweets and the headlines of news are no sign."""
    text = "ما خواستار رسیدگی فوری مسئولان به وضع بیمارستان کودکان این شهر هستیم"
    title = "دیدار وزیران خارجه دو کشور فردا در پایتخت برگزار می شود"
    at = NOW - HOUR
    copy = {"drop": DropReason.NEAR_DUPLICATE, "drop_evidence": "1"}
    second = timedelta(seconds=1)
    retweet = Parent(ParentKind.RETWEET, "1")
    made = [
        world.post(at + n * 20 * second, text=text, author=f"a{n}", **(copy if n else {}))
        for n in range(8)
    ]
    made += [
        world.post(at + n * 9 * second, text=f"{text} دوم", author=f"r{n}", parent=retweet)
        for n in range(8)
    ]
    made += [world.post(at + n * 30 * second, text=title, author=f"h{n}") for n in range(8)]
    made.append(world.post(at - HOUR, kind=PostKind.NEWS, title=title, source_id=2))
    await world.posts.add_many(made)

    hints = await world.patterns.coordinated()

    assert [hint.kind for hint in hints] == [HintKind.TOGETHER]
    assert set(hints[0].accounts) == {f"a{n}" for n in range(8)}
    assert await world.patterns.coordinated(at=NOW - 3 * HOUR) == []


async def test_communities_of_stored_people(world: World) -> None:
    """Two circles who turn to their own, and one who turns to both."""
    circles = [range(10, 16), range(20, 26)]
    ids = [person for circle in circles for person in circle]
    pairs = [(a, b) for circle in circles for a in circle for b in circle if a < b]
    pairs += [(10, other) for other in (20, 21, 22)]
    at_ms = to_ms(NOW - HOUR)
    await world.people.save(
        [Profile(id=person, username=f"u{person}", followers=1000 + person) for person in ids],
        NOW,
        influence,
        [turn(a, LinkKind.REPLY, b, at_ms) for a, b in pairs],
    )

    found = await world.patterns.communities()

    assert [set(group.members) for group in found.map.communities] == [set(c) for c in circles]
    assert [bridge.person_id for bridge in found.map.bridges] == [10]
    assert found.people[10].profile.username == "u10"
    assert found.map.communities[0].inner == pytest.approx(15, rel=0.01)


def test_the_hours_beside_a_gap_are_known_in_part() -> None:
    """They are no values either, but belong to no gap."""
    values, gaps = without_gaps(
        [5.0, 1.0, 0.0, 0.0, 2.0, 5.0], [True, True, False, False, True, True]
    )

    assert values == [5.0, None, None, None, None, 5.0]
    assert gaps == [(2, 3)]
