"""How much room the database takes."""

from __future__ import annotations

from bot.ports import Database


class SizeStore:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def data_bytes(self) -> int:
        """Bytes of tables and indexes, without free room inside the files."""
        if self._db.dialect.name == "sqlite":
            size = await self._number("PRAGMA page_size")
            pages = await self._number("PRAGMA page_count")
            return size * (pages - await self._number("PRAGMA freelist_count"))
        return await self._number(
            "SELECT SUM(data_length + index_length) FROM information_schema.tables "
            "WHERE table_schema=DATABASE()"
        )

    async def _number(self, sql: str) -> int:
        row = await self._db.fetch_one(sql)
        return int(row[0] or 0) if row else 0
