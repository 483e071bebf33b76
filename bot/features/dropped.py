"""What the filters left out, for an admin who wants to see why, and to bring a post back."""

from __future__ import annotations

from bot.analysis.filters import BY_ADMIN
from bot.errors import NotFound
from bot.models.post import DropReason, Post
from bot.storage.posts import PostStore

LOOKED_AT = 2_000  # of the newest posts; one in twenty to one in five is dropped


class DroppedPosts:
    """Nothing dropped is deleted: each post keeps its reason and what was seen in it."""

    def __init__(self, posts: PostStore) -> None:
        self._posts = posts

    async def newest(self, limit: int, reason: DropReason | None = None) -> list[Post]:
        """The posts dropped last, the newest first; of one reason when it is given."""
        head = await self._posts.head()
        lately = await self._posts.after(head - LOOKED_AT, LOOKED_AT, kept_only=False)
        dropped = [post for post in lately if post.drop is not None]
        if reason is not None:
            dropped = [post for post in dropped if post.drop is reason]
        return dropped[::-1][:limit]

    async def bring_back(self, post_id: int) -> Post:
        """Count the post again everywhere; the post as it is now."""
        post = await self._stored(post_id)
        if post.drop is not None:
            await self._posts.restore(post_id)
        return await self._stored(post_id)

    async def leave_out(self, post_id: int, reason: DropReason = DropReason.SPAM) -> Post:
        """Drop a post that the filters kept; the post as it is now."""
        post = await self._stored(post_id)
        if post.drop is None:
            await self._posts.set_drop(post_id, reason, BY_ADMIN)
        return await self._stored(post_id)

    async def _stored(self, post_id: int) -> Post:
        post = await self._posts.get(post_id)
        if post is None:
            raise NotFound("error.stale_button")
        return post
