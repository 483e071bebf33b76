"""Which posts are stored already, asked before any work is spent on them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from bot.models.post import Post
from bot.ports import Database
from bot.storage.post_rows import chunks, marks
from bot.utils.times import to_ms

Origin = tuple[int, str]  # source id and external id: what names a post for ever


class OriginStore:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def known(self, posts: Iterable[Post]) -> dict[Origin, int]:
        """The ids of those posts that are stored."""
        return await known_origins(self._db, posts)

    async def past(self, posts: Iterable[Post]) -> set[Origin]:
        """Those posts that were stored once and forgotten since, though they bear no date."""
        found: set[Origin] = set()
        for source_id, external_ids in _by_source(posts).items():
            for chunk in chunks(external_ids):
                rows = await self._db.fetch_all(
                    "SELECT external_id FROM past_origins WHERE source_id=? "
                    f"AND external_id IN ({marks(chunk)})",
                    (source_id, *chunk),
                )
                found.update((source_id, str(name)) for (name,) in rows)
        return found

    async def purge(self, before: datetime) -> int:
        """Forget names of posts that were forgotten before a moment."""
        return await self._db.execute("DELETE FROM past_origins WHERE at_ms<?", (to_ms(before),))


async def known_origins(db: Database, posts: Iterable[Post]) -> dict[Origin, int]:
    """The ids of those posts that are stored."""
    found: dict[Origin, int] = {}
    for source_id, external_ids in _by_source(posts).items():
        for chunk in chunks(external_ids):
            rows = await db.fetch_all(
                f"SELECT external_id, id FROM posts WHERE source_id=? "
                f"AND external_id IN ({marks(chunk)})",
                (source_id, *chunk),
            )
            found.update({(source_id, str(name)): int(post_id) for name, post_id in rows})
    return found


def _by_source(posts: Iterable[Post]) -> dict[int, list[str]]:
    by_source: dict[int, list[str]] = {}
    for post in posts:
        by_source.setdefault(post.source_id, []).append(post.external_id)
    return by_source
