"""Counters and results of analysis on a real database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.models.insight import MoodSplit, TermCount, Trend, TrendState, Window
from bot.models.post import DropReason, Post, PostKind
from bot.ports import Database
from bot.storage.counters import SWEPT_FROM_POSTS
from bot.storage.insights import SNAPSHOT_SIZE, TrendStore
from bot.storage.posts import PostStore
from bot.utils.times import to_ms

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOUR = to_ms(NOON) // 3_600_000


@pytest.fixture
def store(db: Database) -> TrendStore:
    return TrendStore(db)


def _count(term: str, hour: int = HOUR, posts: int = 1, **fields: object) -> TermCount:
    row = TermCount(hour, False, term, posts, posts, 0, 0)
    return row._replace(**fields)  # type: ignore[arg-type]  # the caller names fields


def _trend(key: str, at: datetime = NOON, **fields: object) -> Trend:
    trend = Trend(
        key=key,
        term=key,
        spellings=(key, f"#{key}"),
        score=7.25,
        volume=40,
        baseline=3.5,
        voices=31,
        window=Window.H6,
        at=at,
        started_at=at - timedelta(hours=2),
        peak_at=at - timedelta(hours=1),
        state=TrendState.PEAK,
        is_hashtag=True,
        post_ids=(3, 1, 2),
        mood=MoodSplit(positive=1, neutral=2, negative=3),
        related=("باد",),
        member_keys=(key, "باد"),
        copies=4,
        coordinated=True,
    )
    return replace(trend, **fields)  # type: ignore[arg-type]  # the caller names fields


async def test_counts_add_up_and_move_the_watermark(store: TrendStore, db: Database) -> None:
    """Two batches of one hour and one of the next are one row with three sums."""
    assert await store.watermark() == 0

    assert await store.add([_count("برف", positive=1)], 0, 10)
    assert await store.add([_count("برف", posts=2), _count("برف", HOUR + 1, negative=1)], 10, 20)

    rows = await db.fetch_all(
        "SELECT day, kind, posts, voices, positive, negative, h12, h13 FROM term_days"
    )
    assert rows == [(HOUR // 24, "tweet", 4, 4, 1, 1, 3, 1)]
    assert await store.watermark() == 20


async def test_a_batch_that_somebody_else_has_counted_is_refused(store: TrendStore) -> None:
    """Two processes count every post once: the slower one learns that it is behind."""
    assert await store.add([_count("برف")], 0, 10)

    assert not await store.add([_count("برف")], 0, 12)
    assert await store.watermark() == 10
    assert await store.hourly("برف", NOON, NOON + timedelta(hours=1)) == {HOUR: 1}


async def test_history_is_what_came_before_the_window(store: TrendStore) -> None:
    """The window's own hours are not its past; of its first day the hours before it are."""
    day = HOUR // 24
    counts = [_count(term, (day - n) * 24 + 12) for n in range(1, 4) for term in ("", "برف")]
    counts += [_count("", HOUR - 3), _count("برف", HOUR - 3), _count("", HOUR), _count("برف", HOUR)]
    await store.add(counts, 0, 1)

    rows = await store.history(["برف", "باد"], Window.H1, NOON + timedelta(minutes=30))

    assert sorted(rows) == sorted(
        (term, day - n, False, 1, int(n > 0)) for term in ("", "برف") for n in range(4)
    )


async def test_the_weekday_is_compared_for_a_day(store: TrendStore) -> None:
    """A 24-hour window is held against the same days of earlier weeks."""
    day = HOUR // 24
    await store.add([_count("", (day - n) * 24) for n in range(1, 15)], 0, 1)

    rows = await store.history([], Window.H24, NOON)

    alike = {day - row[1] for row in rows if row[4]}
    assert alike == {7, 8, 14}  # noon to noon touches two weekdays
    assert await store.history([], Window.D7, NOON - timedelta(days=40)) == []
    assert {row[4] for row in await store.history([], Window.D7, NOON)} == {0}


async def test_days_without_data_do_not_use_up_the_history(store: TrendStore) -> None:
    """Twenty-eight days with data count, however far apart they are."""
    day = HOUR // 24
    await store.add([_count("", (day - 10 * n) * 24) for n in range(1, 40)], 0, 1)

    rows = await store.history([], Window.H24, NOON)

    assert len(rows) == 28
    assert min(row[1] for row in rows) == day - 280


async def test_single_posts_are_swept_from_busy_past_days_only(
    store: TrendStore, db: Database
) -> None:
    """A rare word of a busy day goes after three days; on a quiet day each one is worth keeping."""
    busy, quiet, recent = (HOUR - 24 * n for n in (10, 11, 1))
    await store.add(
        [
            *(
                row
                for hour in (busy, recent)
                for row in (
                    _count("", hour, SWEPT_FROM_POSTS),
                    _count("برف", hour, 2),
                    _count("باد", hour),
                )
            ),
            _count("", quiet, SWEPT_FROM_POSTS - 1),
            _count("باد", quiet),
        ],
        0,
        1,
    )

    assert await store.sweep(NOON) == 1
    assert await store.sweep(NOON) == 0

    left = await db.fetch_all("SELECT day, term FROM term_days WHERE term<>'' ORDER BY day, term")
    day = HOUR // 24
    assert left == [(day - 11, "باد"), (day - 10, "برف"), (day - 1, "باد"), (day - 1, "برف")]
    await store.add([_count("باد", busy)], 1, 2)
    assert await store.sweep(NOON) == 1


async def test_copies_of_posts_are_counted(store: TrendStore, db: Database) -> None:
    """Dropped near-duplicates point to the post that was kept."""
    posts = PostStore(db)
    first = await posts.add_many([_post("1")])
    kept = first.new[0].id
    copies = [
        replace(_post(str(n)), drop=DropReason.NEAR_DUPLICATE, duplicate_of=kept)
        for n in range(2, 5)
    ]
    await posts.add_many([*copies, _post("9")])

    assert await store.copies([kept, kept + 4, 10**9]) == {kept: 3}
    assert await store.copies([]) == {}


def _post(name: str) -> Post:
    return Post(
        kind=PostKind.TWEET, source_id=1, external_id=name, created_at=NOON, text="برف می‌بارد"
    )


async def test_a_snapshot_comes_back_as_it_was(store: TrendStore) -> None:
    """Every field of a trend survives; windows are kept apart; there is a last one only."""
    trend = _trend("برف")
    await store.save(Window.H6, NOON, [_trend("باد")])
    await store.save(Window.H6, NOON, [trend, *(_trend(f"t{n}") for n in range(50))])

    found = await store.latest(Window.H6)

    assert found[0] == trend
    assert len(found) == SNAPSHOT_SIZE
    assert await store.latest(Window.H6, limit=2) == found[:2]
    assert await store.snapshot(Window.H1) == (None, ())
    assert (await store.snapshot(Window.H6))[0] == NOON


async def test_a_trend_is_new_once_an_episode(store: TrendStore) -> None:
    """It goes on being the same one until it was away for hours."""
    later, much_later = NOON + timedelta(hours=1), NOON + timedelta(hours=12)
    await store.save(Window.H6, NOON, [_trend("برف")])
    await store.save(Window.H6, later, [_trend("برف", later, score=9.0), _trend("باد", later)])

    assert [trend.key for trend in await store.new_since(Window.H6, NOON)] == ["باد"]
    assert [t.key for t in await store.new_since(Window.H6, NOON - timedelta(hours=1))] == [
        "برف",
        "باد",
    ]

    await store.save(Window.H6, much_later, [_trend("برف", much_later)])
    assert [trend.key for trend in await store.new_since(Window.H6, later)] == ["برف"]
    assert await store.new_since(Window.H1, NOON) == []


async def test_a_trends_body_holds_what_it_said_last(store: TrendStore) -> None:
    """The episode keeps the newest figures and the best score."""
    later = NOON + timedelta(minutes=1)
    await store.save(Window.H6, NOON, [_trend("برف", score=9.0)])
    await store.save(Window.H6, later, [_trend("برف", later, score=4.0, volume=55)])

    (found,) = await store.new_since(Window.H6, NOON - timedelta(hours=1))

    assert (found.volume, found.score) == (55, 4.0)
