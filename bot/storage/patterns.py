"""What patterns are looked for in: series over weeks, and what was said in some hours."""

from __future__ import annotations

from datetime import datetime

from bot.models.insight import SeriesPoint
from bot.models.pattern import Saying
from bot.models.post import DropReason, ParentKind, PostKind
from bot.ports import Database
from bot.storage.post_counts import series_of
from bot.utils.times import from_ms, to_ms

_SLICE_MS = 1_800_000
_MOST_IN_SLICE = 5000
# What says nothing, and what nobody here reads.
_UNREAD = (DropReason.EMPTY.value, DropReason.FOREIGN.value)


class PatternStore:
    """Reads only."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def moods(self, start: datetime, end: datetime, step_s: int) -> list[SeriesPoint]:
        """Kept posts and their moods in steps of whole five minutes, empty ones included.

        Unlike `PostStore.volume` it reads the counts, not the posts: weeks of them are quick.
        """
        first, step_ms = to_ms(start), step_s * 1000
        rows = await self._db.fetch_all(
            "SELECT slot_ms - (slot_ms - ?) % ? AS bucket, mood, SUM(posts) FROM post_counts "
            "WHERE slot_ms>=? AND slot_ms<? AND fate='' GROUP BY 1, mood",
            (first, step_ms, first, to_ms(end)),
        )
        counts = ((int(bucket), str(mood), int(count)) for bucket, mood, count in rows)
        return series_of(counts, start, end, step_s)

    async def output(
        self, source_id: int, start: datetime, end: datetime, step_s: int
    ) -> list[int]:
        """How many posts of a source there are in equal steps, dropped ones included."""
        first, step_ms = to_ms(start), step_s * 1000
        rows = await self._db.fetch_all(
            "SELECT created_ms - (created_ms - ?) % ? AS bucket, COUNT(*) FROM posts "
            "WHERE source_id=? AND created_ms>=? AND created_ms<? GROUP BY 1",
            (first, step_ms, source_id, first, to_ms(end)),
        )
        counts = [0] * max(0, -(-(to_ms(end) - first) // step_ms))
        for bucket, count in rows:
            counts[(int(bucket) - first) // step_ms] = int(count)
        return counts

    async def sayings(self, start: datetime, end: datetime) -> list[Saying]:
        """Tweets of [start, end), copies among them: the oldest 5,000 of each half an hour.

        Retweets are left out.
        """
        found: list[Saying] = []
        cursor, last = to_ms(start), to_ms(end)
        while cursor < last:
            until = min(cursor + _SLICE_MS, last)
            rows = await self._db.fetch_all(
                "SELECT id, author, author_id, created_ms, text FROM posts "
                "WHERE created_ms>=? AND created_ms<? AND kind=? AND parent_kind<>? "
                "AND drop_reason NOT IN (?, ?) ORDER BY created_ms LIMIT ?",
                (
                    *(cursor, until, PostKind.TWEET.value, ParentKind.RETWEET.value),
                    *(*_UNREAD, _MOST_IN_SLICE),
                ),
            )
            found += [
                Saying(int(post_id), author or (str(author_id) if author_id else ""), at_ms, text)
                for post_id, author, author_id, at_ms, text in rows
                if not text.startswith("RT @")
            ]
            cursor = until
        return found

    async def headlines(self, start: datetime, end: datetime, limit: int = 5000) -> list[str]:
        """Titles of the news of [start, end), newest first."""
        rows = await self._db.fetch_all(
            "SELECT title FROM posts WHERE created_ms>=? AND created_ms<? AND kind=? "
            "AND title<>'' ORDER BY created_ms DESC LIMIT ?",
            (to_ms(start), to_ms(end), PostKind.NEWS.value, limit),
        )
        return [str(title) for (title,) in rows]

    async def first_at(self) -> datetime | None:
        """When the oldest post that is counted was written, to five minutes."""
        # In the order of the key it ends at the first one; MIN would look at all.
        row = await self._db.fetch_one(
            "SELECT slot_ms FROM post_counts WHERE posts>0 ORDER BY slot_ms LIMIT 1"
        )
        return from_ms(int(row[0])) if row else None
