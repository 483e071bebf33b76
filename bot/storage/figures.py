"""Counts for people who ask how the bot is."""

from __future__ import annotations

from datetime import datetime

from bot.models.post import PostKind
from bot.ports import Database
from bot.utils.times import to_ms


class FigureStore:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def posts_by_kind(self, start: datetime, end: datetime) -> dict[PostKind, int]:
        """How many posts were written in [start, end), dropped ones included."""
        rows = await self._db.fetch_all(
            "SELECT kind, COUNT(*) FROM posts WHERE created_ms>=? AND created_ms<? GROUP BY kind",
            (to_ms(start), to_ms(end)),
        )
        return {PostKind(kind): int(count) for kind, count in rows}
