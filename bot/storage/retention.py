"""Old posts taken out a few hundred at a time, and all that refers to them put right."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from bot.models.post import PostKind
from bot.ports import Database, Transaction
from bot.storage.post_counts import Sort, change_counts, change_total, slot_and_sort
from bot.storage.post_rows import marks
from bot.utils.times import to_ms

# A post that bears no date of its own was written, as far as we know, when it was collected.
_UNDATED_WITHIN_MS = 60_000


class RetentionStore:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._note_origin = db.dialect.insert_new(
            "past_origins", ["source_id", "external_id", "at_ms"], ["source_id", "external_id"]
        )

    async def drop_oldest(self, before: datetime, limit: int, now: datetime) -> int:
        """Delete up to `limit` of the oldest posts written before a moment, in one transaction.

        Counts and references go with them: a later copy of a deleted post stays dropped, and points
        to nothing; what was found for a watch in a deleted post is forgotten. Names of posts
        without a date are remembered, so that they do not come back as new. Returns how many were
        deleted.
        """

        async def unit(tx: Transaction) -> int:
            rows = await tx.fetch_all(
                "SELECT id, source_id, external_id, created_ms, collected_ms, kind, drop_reason, "
                "mood FROM posts WHERE created_ms<? ORDER BY created_ms LIMIT ?",
                (to_ms(before), limit),
            )
            if not rows:
                return 0
            counts: Counter[tuple[int, Sort]] = Counter()
            undated = []
            for _, source_id, name, created_ms, collected_ms, kind, fate, mood in rows:
                counts[slot_and_sort(created_ms, kind, fate, mood)] -= 1
                if kind == PostKind.NEWS and collected_ms - created_ms < _UNDATED_WITHIN_MS:
                    undated.append((source_id, name, to_ms(now)))
            ids = [row[0] for row in rows]
            deleted = await tx.execute(f"DELETE FROM posts WHERE id IN ({marks(ids)})", ids)
            if deleted != len(ids):  # another process is at the same posts
                raise _Overtaken
            await tx.execute(
                f"UPDATE posts SET duplicate_of=NULL WHERE duplicate_of IN ({marks(ids)})", ids
            )
            await change_counts(tx, counts)
            await change_total(tx, -len(ids))
            if undated:
                await tx.execute_many(self._note_origin, undated)
            return len(ids)

        try:
            return await self._db.write(unit)
        except _Overtaken:
            return 0

    async def tidy(self, before: datetime) -> None:
        """What can go when every post written before a moment is gone."""
        await self._db.execute(
            "DELETE FROM post_counts WHERE slot_ms<? AND posts=0", (to_ms(before),)
        )
        await self._db.execute("DELETE FROM alert_hits WHERE post_id NOT IN (SELECT id FROM posts)")


class _Overtaken(Exception):
    """Another process deleted some of the same posts in the meantime."""
