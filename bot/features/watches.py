"""Words that a chat watches or has muted."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.analysis.terms import trend_key
from bot.analysis.text import fold, stopwords
from bot.errors import BadInput, QuotaExceeded
from bot.models.user import Watch
from bot.ports import Clock
from bot.storage.watches import FOREVER, WatchStore

MOST_PER_CHAT = 50
LONGEST_TERM = 100  # characters; beyond that it is a sentence, and no post repeats it
SHORTEST_KEY = 2


class Watches:
    def __init__(self, store: WatchStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def add(self, chat_id: int, user_id: int, term: str) -> tuple[Watch, bool]:
        """Watch a term from now on; returns the watch and whether it is new.

        Raises BadInput for what cannot be watched, QuotaExceeded when the chat has enough.
        """
        term = " ".join(term.split()).strip("\"'«»“”")
        if len(term) > LONGEST_TERM:
            raise BadInput("watch.too_long", limit=LONGEST_TERM)
        key = trend_key(term)
        words = fold(term).split()
        if not words:
            raise BadInput("watch.no_word")
        if len(key) < SHORTEST_KEY or all(word in stopwords for word in words):
            raise BadInput("watch.too_common", term=term)
        known = await self._store.find(chat_id, key)
        if known is not None:
            return known, False
        if len(await self._store.of_chat(chat_id)) >= MOST_PER_CHAT:
            raise QuotaExceeded("watch.limit", limit=MOST_PER_CHAT)
        return await self._store.add(
            Watch(
                chat_id=chat_id,
                user_id=user_id,
                term=term,
                key=key,
                created_at=self._clock(),
            )
        )

    async def remove(self, chat_id: int, term_or_key: str) -> Watch | None:
        """Stop watching; returns what was watched, or None."""
        watch = await self._store.find(chat_id, term_or_key)
        if watch is None:
            watch = await self._store.find(chat_id, trend_key(term_or_key))
        if watch is None or not await self._store.remove(chat_id, watch.key):
            return None
        return watch

    async def get(self, watch_id: int) -> Watch | None:
        return await self._store.get(watch_id)

    async def find(self, chat_id: int, key: str) -> Watch | None:
        return await self._store.find(chat_id, key)

    async def of_chat(self, chat_id: int) -> list[Watch]:
        return await self._store.of_chat(chat_id)

    async def mute(self, chat_id: int, key: str, term: str, hours: int) -> datetime:
        """Keep a term out of a chat's alerts and digests; 0 hours: for good. Returns the end."""
        until = self._clock() + timedelta(hours=hours) if hours else FOREVER
        await self._store.mute(chat_id, key, term, until)
        return until

    async def unmute(self, chat_id: int, key: str) -> None:
        await self._store.unmute(chat_id, key)

    async def muted(self, chat_id: int) -> dict[str, datetime]:
        """The keys of what the chat has muted now, and until when."""
        return await self._store.muted(chat_id, self._clock())

    async def count(self) -> int:
        return await self._store.count()
