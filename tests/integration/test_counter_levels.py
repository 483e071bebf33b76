"""Counters of five minutes, hours and days: each post in them once, each span from the finest."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from bot.features.analyse import Analyser
from bot.models.insight import SlotCount, TermCount, Window
from bot.models.post import TWITTER_SOURCE_ID, Mood, Post, PostKind
from bot.ports import Database
from bot.storage import counters
from bot.storage.counters import (
    DAY_MS,
    HISTORY_DAYS,
    HOURS_KEPT_DAYS,
    SLOT_MS,
    SWEPT_FROM_POSTS,
    CounterStore,
)
from bot.storage.insights import TrendStore
from bot.storage.posts import PostStore
from bot.storage.sources import SourceStore
from bot.utils.times import to_ms

NOW = datetime(2026, 11, 20, 12, 2, tzinfo=UTC)
TODAY = to_ms(NOW) // DAY_MS
MINUTE = timedelta(minutes=1)


def _post(number: int, at: datetime, author: str = "ali", mood: Mood | None = None) -> Post:
    return Post(
        kind=PostKind.TWEET,
        source_id=TWITTER_SOURCE_ID,
        external_id=str(number),
        created_at=at,
        text="برف سنگین",
        author=author,
        mood=mood,
    )


def _analyser(db: Database, now: datetime = NOW) -> Analyser:
    return Analyser(PostStore(db), TrendStore(db), SourceStore(db), clock=lambda: now)


async def _slots(db: Database, term: str = "برف") -> list[tuple[int, int, int]]:
    rows = await db.fetch_all(
        "SELECT slot, posts, voices FROM term_slots WHERE term=? ORDER BY slot", (term,)
    )
    return [(int(slot), int(posts), int(voices)) for slot, posts, voices in rows]


async def test_recent_posts_are_counted_by_five_minutes_too(db: Database) -> None:
    """In the same transaction as the hours; a voice counts in the first five minutes it speaks."""
    times = [
        NOW,
        NOW - MINUTE,
        NOW - 6 * MINUTE,
        NOW - timedelta(hours=47),
        NOW - 3 * Window.H24.span,
    ]
    authors = ["ali", "sara", "ali", "ali", "ali"]
    await PostStore(db).add_many(
        [_post(n, at, who) for n, (at, who) in enumerate(zip(times, authors, strict=True))]
    )

    await _analyser(db).catch_up()

    slot = to_ms(NOW) // SLOT_MS
    early = to_ms(NOW - timedelta(hours=47)) // SLOT_MS
    assert await _slots(db) == [(early, 1, 1), (slot - 1, 1, 1), (slot, 2, 2)]
    hours = await db.fetch_all("SELECT SUM(posts) FROM term_days WHERE term='برف'")
    assert hours[0][0] == 5


async def test_counting_in_pieces_by_many_adds_up(db: Database) -> None:
    """Restarts and two counters at once: sums of the five minutes are those of the hours."""
    store = PostStore(db)
    for start in range(0, 60, 20):
        await store.add_many(
            [_post(n, NOW - n * MINUTE, f"voice{n % 7}") for n in range(start, start + 20)]
        )
        await asyncio.gather(*(_analyser(db).catch_up() for _ in range(2)))

    by_slot = await db.fetch_all("SELECT SUM(posts), SUM(voices) FROM term_slots WHERE term='برف'")
    by_hour = await db.fetch_all("SELECT SUM(posts), SUM(voices) FROM term_days WHERE term='برف'")
    assert [int(n) for n in by_slot[0]] == [int(n) for n in by_hour[0]]
    assert by_slot[0][0] == 60


async def test_a_series_of_minutes_needs_no_posts_at_hand(db: Database) -> None:
    """A process that holds no posts tells the same series, moods too, as one that does."""
    start = datetime(2026, 11, 20, 6, tzinfo=UTC)
    moods = (Mood.POSITIVE, Mood.NEGATIVE, None)
    await PostStore(db).add_many(
        [_post(n, start + n * MINUTE * 2, f"v{n}", moods[n % 3]) for n in range(170)]
    )
    live = _analyser(db)
    await live.run()

    end = start + timedelta(hours=6)
    from_memory = await live.series("برف", start, end, 600)
    from_counters = await _analyser(db).series("#برف", start, end, 600)

    assert from_counters == from_memory
    assert sum(point.posts for point in from_counters) == 170
    phrase = await _analyser(db).series("برف سنگین", start, end, 600)
    assert phrase == from_memory


async def test_old_five_minutes_go(db: Database) -> None:
    """Two days are kept; hours stay."""
    store = CounterStore(db)
    now_slot = to_ms(NOW) // SLOT_MS
    slots = [SlotCount(now_slot - 12 * n, False, "برف", 1, 1, 0, 0) for n in range(60)]
    hour = to_ms(NOW) // 3_600_000
    await store.add([TermCount(hour, False, "برف", 60, 60, 0, 0)], 0, 1, slots)

    await store.sweep(NOW)

    kept = await _slots(db)
    assert [slot for slot, _, _ in kept] == [now_slot - 12 * n for n in range(48, -1, -1)]
    assert await db.fetch_all("SELECT posts FROM term_days") == [(60,)]


async def _past(store: CounterStore, days: Iterable[int], terms: int = 3) -> None:
    """Days before today, each with some terms said at noon."""
    after = await store.watermark()
    counts = [
        TermCount((TODAY - day) * 24 + 12, is_news, term, day % 50 + 2, day % 50 + 1, 1, 0)
        for day in days
        for is_news in (False, True)
        for term in ("", *(f"واژه{n}" for n in range(terms)))
    ]
    assert await store.add(counts, after, after + 1)


async def _levels(db: Database) -> tuple[set[int], set[int]]:
    hours = await db.fetch_all("SELECT DISTINCT day FROM term_days")
    totals = await db.fetch_all("SELECT DISTINCT day FROM term_totals")
    return {TODAY - int(day) for (day,) in hours}, {TODAY - int(day) for (day,) in totals}


async def test_old_days_are_rolled_up_and_still_read(db: Database) -> None:
    """Sums stay to the last one; the hours go."""
    store = CounterStore(db)
    await _past(store, range(100))
    before = await store.history(["واژه0", "واژه1"], Window.H24, NOW)
    long_ago = NOW - timedelta(days=85)
    first_day = to_ms(long_ago - Window.H24.span) // DAY_MS  # of it, the hours were compared
    far = [
        row for row in await store.history(["واژه0"], Window.H24, long_ago) if row[1] < first_day
    ]
    start = NOW.replace(hour=0) - timedelta(days=99)
    weeks = await store.hourly("واژه0", start, NOW)

    await store.sweep(NOW)
    await store.sweep(NOW)

    assert await _levels(db) == (
        set(range(HOURS_KEPT_DAYS + 1)),
        set(range(HOURS_KEPT_DAYS + 1, 100)),
    )
    assert await store.history(["واژه0", "واژه1"], Window.H24, NOW) == before
    assert sorted(await store.history(["واژه0"], Window.H24, long_ago)) == sorted(far)
    rolled = await store.hourly("واژه0", start, NOW)
    assert sum(rolled.values()) == sum(weeks.values())
    assert await db.fetch_all(
        "SELECT posts, voices, positive FROM term_totals WHERE term='' AND kind='news' AND day=?",
        (TODAY - 70,),
    ) == [(22, 21, 1)]


async def test_days_that_the_history_needs_keep_their_hours(db: Database) -> None:
    """After a silence of months the newest days with data are still compared by the hour."""
    store = CounterStore(db)
    await _past(store, range(100, 100 + HISTORY_DAYS + 5))

    await store.sweep(NOW)

    hours, totals = await _levels(db)
    assert hours == set(range(100, 100 + HISTORY_DAYS))
    assert totals == set(range(100 + HISTORY_DAYS, 100 + HISTORY_DAYS + 5))
    found = await store.history([], Window.H1, NOW)
    assert {TODAY - day for _, day, *_ in found} == hours


async def test_posts_of_a_rolled_up_day_are_added_to_it(db: Database) -> None:
    """An import of the far past comes after the roll-up: one day, one sum."""
    store = CounterStore(db)
    await _past(store, [*range(30), 80])
    await store.sweep(NOW)
    assert (await _levels(db))[1] == {80}

    await _past(store, [80])
    between = sorted(await store.history(["واژه0"], Window.D7, NOW - timedelta(days=60)))
    await store.sweep(NOW)

    assert (await _levels(db))[1] == {80}
    assert sorted(await store.history(["واژه0"], Window.D7, NOW - timedelta(days=60))) == between
    rows = await db.fetch_all(
        "SELECT posts FROM term_totals WHERE term='واژه0' AND kind='tweet' AND day=?", (TODAY - 80,)
    )
    assert rows == [(64,)]


async def test_rolling_up_goes_on_where_it_stopped(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In small pieces, a few a round; counting in between loses nothing."""
    monkeypatch.setattr(counters, "_PIECE", 4)
    monkeypatch.setattr(counters, "_PIECES_A_ROUND", 3)
    store = CounterStore(db)
    await _past(store, [*range(30), 70, 71], terms=10)
    rounds = 0
    while (await _levels(db))[0] != set(range(30)):
        await asyncio.gather(store.sweep(NOW), _past(store, [71] if rounds < 3 else [0], terms=10))
        rounds += 1
        assert rounds < 50

    assert rounds > 2
    rows = await db.fetch_all(
        "SELECT term, SUM(posts) FROM term_totals WHERE day=? GROUP BY term", (TODAY - 71,)
    )
    assert {int(posts) for _, posts in rows} == {23 * 2 * 4}


async def test_sweeping_a_busy_day_goes_by_pieces(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every rare term goes, whatever piece it falls in; the others stay."""
    monkeypatch.setattr(counters, "_PIECE", 7)
    store = CounterStore(db)
    hour = (TODAY - 5) * 24
    counts = [TermCount(hour, False, "", SWEPT_FROM_POSTS, 1, 0, 0)]
    counts += [TermCount(hour, False, f"واژه{n}", 1 + n % 2, 1, 0, 0) for n in range(50)]
    await store.add(counts, 0, 1)

    assert await store.sweep(NOW) == 25

    rows = await db.fetch_all("SELECT MIN(posts), COUNT(*) FROM term_days WHERE term<>''")
    assert rows == [(2, 25)]
