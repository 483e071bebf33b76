"""Retention: posts of months that are not kept any more are dropped, the oldest first.

A few hundred posts are one transaction, with a pause behind each, so that neither readers nor the
writer notice. Nothing needs to be remembered: what is left of a round that was cut off is found
again by its date. The counters of terms stay, so trends still know how usual a word is.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta

from bot.ports import Clock
from bot.services.search_index import SearchIndex
from bot.storage.origins import OriginStore
from bot.storage.posts import PostStore
from bot.storage.retention import RetentionStore

PIECE = 300  # posts of one transaction: under 20 ms among ten million
PAUSE = 3.0  # times as long as a piece took; the writer is free meanwhile
LONGEST_ROUND_S = 1200.0  # the next round of housekeeping goes on
ORIGINS_KEPT = timedelta(days=730)
CHANGES_KEPT = timedelta(days=8)  # longer than anything holds posts in memory


class Retention:
    """`months` whole months are kept besides the running one; 0 keeps everything."""

    def __init__(
        self,
        store: RetentionStore,
        posts: PostStore,
        origins: OriginStore,
        search: SearchIndex,
        clock: Clock,
        *,
        months: int = 0,
    ) -> None:
        self._store = store
        self._posts = posts
        self._origins = origins
        self._search = search
        self._clock = clock
        self._months = months

    def oldest(self) -> datetime | None:
        """The first moment of the months that are kept (UTC); None: everything is kept."""
        return first_kept(self._clock(), self._months)

    async def round(self) -> int:
        """Drop what is too old, for a while; returns how many posts were dropped."""
        now, oldest = self._clock(), self.oldest()
        await self._posts.purge_changes(now - CHANGES_KEPT)
        if oldest is None:
            return 0
        await self._origins.purge(now - ORIGINS_KEPT)
        began, dropped = time.monotonic(), 0
        while time.monotonic() - began < LONGEST_ROUND_S:
            piece_began = time.monotonic()
            piece = await self._store.drop_oldest(oldest, PIECE, now)
            dropped += piece
            if piece < PIECE:
                break
            await asyncio.sleep(PAUSE * (time.monotonic() - piece_began))
        if dropped:
            await self._store.tidy(oldest)
        await self._search.forget_before(oldest)
        return dropped


def first_kept(now: datetime, months: int) -> datetime | None:
    """The start of the month so many months before the running one; None for 0 months."""
    if not months:
        return None
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    return now.replace(year=year, month=month + 1, day=1, hour=0, minute=0, second=0, microsecond=0)
