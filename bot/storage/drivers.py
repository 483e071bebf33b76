"""What the authors of given posts have earned with them."""

from __future__ import annotations

from collections.abc import Sequence

from bot.models.drivers import Voice
from bot.models.people import Sums
from bot.models.post import PostKind
from bot.ports import Database
from bot.storage.post_rows import chunks, marks


class DriverStore:
    """Reads only."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of(self, post_ids: Sequence[int]) -> list[Voice]:
        """Who wrote the kept tweets among them, in no order; a grouped query for some hundreds."""
        found: dict[int | str, Voice] = {}
        for chunk in chunks(post_ids):
            rows = await self._db.fetch_all(
                "SELECT author_id, author, COUNT(*), SUM(likes), SUM(retweets), SUM(replies), "
                f"SUM(views) FROM posts WHERE id IN ({marks(chunk)}) AND kind=? "
                "AND drop_reason='' GROUP BY author_id, author",
                (*chunk, PostKind.TWEET.value),
            )
            for author_id, author, *earned in rows:
                # Who changed their name meanwhile has one number; a post of a file has only a name.
                key = int(author_id) or str(author).lstrip("@").lower()
                if not key:
                    continue
                posts, likes, retweets, replies, views = map(int, earned)
                sums = Sums(
                    posts=posts, likes=likes, retweets=retweets, replies=replies, views=views
                )
                known = found.get(key)
                found[key] = Voice(
                    author_id=int(author_id),
                    username=str(author).lstrip("@"),
                    sums=sums if known is None else known.sums.plus(sums),
                )
        return list(found.values())
