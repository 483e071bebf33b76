"""Which of our files Telegram already has, so that a chart is uploaded once and sent by its id."""

from __future__ import annotations

from datetime import datetime

from bot.ports import Database
from bot.utils.times import to_ms


class SentFileStore:
    """File ids by a hash of the content; they hold for one bot token."""

    def __init__(self, db: Database) -> None:
        self._db = db
        columns = ["content_hash", "file_id", "sent_ms"]
        self._upsert = db.dialect.upsert(
            "sent_files", columns, ["content_hash"], ["file_id", "sent_ms"]
        )

    async def get(self, content_hash: str) -> str | None:
        row = await self._db.fetch_one(
            "SELECT file_id FROM sent_files WHERE content_hash=?", (content_hash,)
        )
        return str(row[0]) if row else None

    async def put(self, content_hash: str, file_id: str, now: datetime) -> None:
        await self._db.execute(self._upsert, (content_hash, file_id, to_ms(now)))

    async def forget(self, content_hash: str) -> None:
        await self._db.execute("DELETE FROM sent_files WHERE content_hash=?", (content_hash,))

    async def purge(self, before: datetime) -> int:
        return await self._db.execute("DELETE FROM sent_files WHERE sent_ms<?", (to_ms(before),))
