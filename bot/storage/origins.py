"""Which posts are stored already, asked before any work is spent on them."""

from __future__ import annotations

from collections.abc import Iterable

from bot.models.post import Post
from bot.ports import Database

Origin = tuple[int, str]  # source id and external id: what names a post for ever

_AT_ONCE = 400  # ids looked up per statement: SQLite of old allowed 999 parameters


class OriginStore:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def known(self, posts: Iterable[Post]) -> dict[Origin, int]:
        """The ids of those posts that are stored."""
        by_source: dict[int, list[str]] = {}
        for post in posts:
            by_source.setdefault(post.source_id, []).append(post.external_id)
        found: dict[Origin, int] = {}
        for source_id, external_ids in by_source.items():
            for start in range(0, len(external_ids), _AT_ONCE):
                chunk = external_ids[start : start + _AT_ONCE]
                rows = await self._db.fetch_all(
                    "SELECT external_id, id FROM posts WHERE source_id=? "
                    f"AND external_id IN ({', '.join('?' for _ in chunk)})",
                    (source_id, *chunk),
                )
                found.update({(source_id, str(name)): int(post_id) for name, post_id in rows})
        return found
