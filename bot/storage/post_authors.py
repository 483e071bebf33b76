"""Tweets that were stored without their author's number, such as imported ones, get it later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.models.post import TWITTER_SOURCE_ID, Engagement, Post
from bot.ports import Transaction
from bot.storage.post_rows import chunks, marks

_UNKNOWN = "SELECT id, external_id, likes, retweets, replies, views FROM posts"
_ADOPT = "UPDATE posts SET author_id=?, parent_kind=?, parent_id=? WHERE id=? AND author_id=0"


async def adopt(tx: Transaction, posts: Sequence[Post]) -> list[Post]:
    """Write down who wrote these tweets where that is not known yet, and what they go back to.

    Returns those tweets, as they are stored; each is returned to one caller once, whoever else
    looks at it in the same moment.
    """
    wanted = {post.external_id: post for post in posts if post.author_id}
    adopted: list[Post] = []
    for chunk in chunks(sorted(wanted)):
        rows = await tx.fetch_all(
            f"{_UNKNOWN} WHERE source_id=? AND external_id IN ({marks(chunk)}) AND author_id=0",
            (TWITTER_SOURCE_ID, *chunk),
        )
        for post_id, external_id, likes, retweets, replies, views in sorted(rows):
            post = wanted[external_id]
            parent = (post.parent.kind.value, post.parent.external_id) if post.parent else ("", "")
            if await tx.execute(_ADOPT, (post.author_id, *parent, post_id)):
                counts = Engagement(likes=likes, retweets=retweets, replies=replies, views=views)
                adopted.append(replace(post, id=post_id, engagement=counts))
    return adopted
