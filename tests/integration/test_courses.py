"""The course of a day is counted once for everybody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.features.courses import Courses, pack, unpack
from bot.models.insight import MoodSplit, SeriesPoint
from bot.ports import Database
from bot.services.cache_service import CacheService
from bot.storage.cache import CacheStore
from bot.storage.posts import PostStore

START = datetime(2026, 11, 20, 7, tzinfo=UTC)
_COUNTS = st.integers(0, 2**40)


async def test_the_second_chat_gets_the_same_without_counting(db: Database) -> None:
    """Also a moment later, when more posts are there: its digest is about the same day."""
    cache = CacheService(CacheStore(db))
    cache.start()
    courses = Courses(PostStore(db), cache)
    end = START + timedelta(hours=24)
    try:
        first = await courses.volume(START, end, 3600)
        second = await courses.volume(START, end, 3600)
        other = await courses.volume(START, end, 7200)
    finally:
        await cache.close()

    assert first == second == await PostStore(db).volume(START, end, 3600)
    assert (len(first), len(other)) == (24, 12)
    assert (cache.stats().misses, cache.stats().hits) == (2, 1)


@settings(deadline=None)
@given(
    st.lists(
        st.builds(
            SeriesPoint,
            at=st.integers(0, 10**6).map(lambda n: START + timedelta(seconds=n)),
            posts=_COUNTS,
            is_estimate=st.booleans(),
            mood=st.builds(
                MoodSplit,
                positive=_COUNTS,
                neutral=_COUNTS,
                negative=_COUNTS,
                is_estimate=st.booleans(),
            ),
        )
    )
)
def test_a_course_comes_back_as_it_was(points: list[SeriesPoint]) -> None:
    assert unpack(pack(points)) == points
