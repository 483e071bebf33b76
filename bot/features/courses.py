"""How many posts there were over time, counted once for everybody who asks at the same moment.

A day's course of a million posts takes seconds to count, and the digests of all chats that are due
at the same time are about the same day.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from bot.models.insight import MoodSplit, SeriesPoint
from bot.services.cache_service import CacheService
from bot.storage.posts import PostStore
from bot.utils.times import from_ms, to_ms

KEPT = timedelta(minutes=10)  # longer than a round of digests


class Courses:
    def __init__(self, posts: PostStore, cache: CacheService) -> None:
        self._posts = posts
        self._cache = cache

    async def volume(self, start: datetime, end: datetime, step_s: int) -> list[SeriesPoint]:
        """Kept posts and their moods in equal steps of [start, end)."""
        return await self._cache.get_or_make_as(
            f"course:volume {to_ms(start)} {to_ms(end)} {step_s}",
            lambda: self._posts.volume(start, end, step_s),
            KEPT,
            pack,
            unpack,
        )


def pack(points: list[SeriesPoint]) -> bytes:
    return json.dumps(
        [
            [
                to_ms(point.at), point.posts, point.is_estimate, point.mood.positive,
                point.mood.neutral, point.mood.negative, point.mood.is_estimate,
            ]
            for point in points
        ]
    ).encode()  # fmt: skip


def unpack(body: bytes) -> list[SeriesPoint]:
    return [
        SeriesPoint(
            at=from_ms(at),
            posts=posts,
            is_estimate=is_estimate,
            mood=MoodSplit(
                positive=positive, neutral=neutral, negative=negative, is_estimate=sampled
            ),
        )
        for at, posts, is_estimate, positive, neutral, negative, sampled in json.loads(body)
    ]
