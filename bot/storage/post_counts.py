"""How many posts there are, by five minutes, kind, fate and mood, kept beside the posts.

Every transaction that adds, drops or deletes posts changes the counts too: a count of ten million
posts reads a few rows. Only the two ends of a span, under five minutes each, are counted
post by post.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from bot.models.insight import MoodSplit, SeriesPoint
from bot.models.post import Mood, Post, PostKind
from bot.ports import Database, Transaction
from bot.utils.times import from_ms, to_ms

SLOT_MS = 300_000
KEPT = "kept"

# kind, fate ("" is kept) and mood ("" for none): what is counted apart
Sort = tuple[str, str, str]
_KEY = ("slot_ms", "kind", "fate", "mood")


class PostCountStore:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def total(self) -> int:
        """All posts stored now, dropped ones included."""
        row = await self._db.fetch_one("SELECT value FROM heads WHERE name='stored'")
        return int(row[0]) if row else 0

    async def by_fate(self, start: datetime, end: datetime) -> dict[str, int]:
        """How many posts of [start, end) there are: `kept`, and by each drop reason."""
        found: Counter[str] = Counter()
        for (_, fate, _), count in (await self._between(start, end)).items():
            found[fate or KEPT] += count
        return dict(found)

    async def by_kind(self, start: datetime, end: datetime) -> dict[PostKind, int]:
        """How many posts were written in [start, end), dropped ones included."""
        found: Counter[PostKind] = Counter()
        for (kind, _, _), count in (await self._between(start, end)).items():
            found[PostKind(kind)] += count
        return dict(found)

    async def moods(self, start: datetime, end: datetime) -> MoodSplit:
        """The moods of the kept posts of [start, end)."""
        found: Counter[str] = Counter()
        for (_, fate, mood), count in (await self._between(start, end)).items():
            if not fate:
                found[mood] += count
        return MoodSplit(
            positive=found[Mood.POSITIVE],
            neutral=found[Mood.NEUTRAL],
            negative=found[Mood.NEGATIVE],
        )

    async def _between(self, start: datetime, end: datetime) -> Mapping[Sort, int]:
        first, last = to_ms(start), to_ms(end)
        whole_first, whole_last = -(-first // SLOT_MS) * SLOT_MS, last // SLOT_MS * SLOT_MS
        if whole_first >= whole_last:
            return await self._rows(first, last)
        found = Counter[Sort]()
        rows = await self._db.fetch_all(
            "SELECT kind, fate, mood, SUM(posts) FROM post_counts "
            "WHERE slot_ms>=? AND slot_ms<? GROUP BY kind, fate, mood",
            (whole_first, whole_last),
        )
        found.update({(str(k), str(f), str(m)): int(n) for k, f, m, n in rows if n})
        found.update(await self._rows(first, whole_first))
        found.update(await self._rows(whole_last, last))
        return found

    async def _rows(self, first_ms: int, last_ms: int) -> Mapping[Sort, int]:
        if first_ms >= last_ms:
            return {}
        rows = await self._db.fetch_all(
            "SELECT kind, drop_reason, mood, COUNT(*) FROM posts "
            "WHERE created_ms>=? AND created_ms<? GROUP BY kind, drop_reason, mood",
            (first_ms, last_ms),
        )
        return {(str(k), str(f), str(m)): int(n) for k, f, m, n in rows}


async def change_counts(tx: Transaction, changes: Mapping[tuple[int, Sort], int]) -> None:
    """Add to the counts of slots (a multiple of SLOT_MS), in the caller's transaction."""
    rows = [(slot, *sort, by) for (slot, sort), by in sorted(changes.items()) if by]
    if rows:
        await tx.execute_many(
            tx.dialect.upsert("post_counts", (*_KEY, "posts"), _KEY, ["posts={old} + {new}"]), rows
        )


async def change_total(tx: Transaction, by: int) -> None:
    """Add to the number of all stored posts, in the caller's transaction."""
    await tx.execute("UPDATE heads SET value=value+? WHERE name='stored'", (by,))


def counts_of(posts: Iterable[Post]) -> Counter[tuple[int, Sort]]:
    """What posts add to the counts."""
    return Counter(
        slot_and_sort(
            to_ms(post.created_at), post.kind, post.drop.value if post.drop else "", post.mood or ""
        )
        for post in posts
    )


def slot_and_sort(created_ms: int, kind: str, fate: str, mood: str) -> tuple[int, Sort]:
    return created_ms - created_ms % SLOT_MS, (str(kind), fate, str(mood))


def series_of(
    rows: Iterable[tuple[int, str, int]], start: datetime, end: datetime, step_s: int
) -> list[SeriesPoint]:
    """Rows of (bucket's start in ms, mood, count) as a gapless series from `start` to `end`."""
    first, step_ms = to_ms(start), step_s * 1000
    length = max(0, -(-(to_ms(end) - first) // step_ms))
    posts = [0] * length
    moods: list[dict[str, int]] = [{} for _ in range(length)]
    for bucket_ms, mood, count in rows:
        bucket = (bucket_ms - first) // step_ms
        if 0 <= bucket < length:
            posts[bucket] += count
            moods[bucket][mood] = moods[bucket].get(mood, 0) + count
    return [
        SeriesPoint(
            at=from_ms(first + index * step_ms),
            posts=posts[index],
            mood=MoodSplit(
                positive=moods[index].get(Mood.POSITIVE, 0),
                neutral=moods[index].get(Mood.NEUTRAL, 0),
                negative=moods[index].get(Mood.NEGATIVE, 0),
            ),
        )
        for index in range(length)
    ]
