"""Counts for people who ask how the bot is."""

from __future__ import annotations

from datetime import datetime

from bot.models.post import PostKind
from bot.ports import Database
from bot.storage.post_counts import PostCountStore


class FigureStore:
    def __init__(self, db: Database) -> None:
        self._counts = PostCountStore(db)

    async def posts_by_kind(self, start: datetime, end: datetime) -> dict[PostKind, int]:
        """How many posts were written in [start, end), dropped ones included."""
        return await self._counts.by_kind(start, end)
