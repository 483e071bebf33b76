"""How the search index follows the posts: new ones, old ones after a rebuild, drops and restores.

Posts come by their ids, which are given in the order of commits. After a rebuild the newest come
first, so that a search is useful long before the index is whole. Each step is one short
transaction; a step that another process has made meanwhile is not made twice.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bot.errors import StorageError
from bot.models.post import Post
from bot.ports import Transaction
from bot.services.search_file import Doc, Progress, SearchFile, doc_of, first_key
from bot.services.search_writing import advance, put_in, take_out, take_out_before
from bot.storage.posts import PostStore
from bot.utils.times import to_ms

BATCH = 500  # posts a step: some 20 ms of the index's writer


class Follower:
    def __init__(self, file: SearchFile, posts: PostStore) -> None:
        self._file = file
        self._posts = posts
        self._one_at_a_time = asyncio.Lock()

    async def catch_up(self, patience_s: float = math.inf) -> int:
        """Index what is not in yet, for that long at most; returns how many posts were read."""
        began, total = time.monotonic(), 0
        try:
            async with asyncio.timeout(None if math.isinf(patience_s) else patience_s):
                await self._one_at_a_time.acquire()
        except TimeoutError:
            return 0  # somebody else is at it
        try:
            await self._file.follow()
            if why := await self._reason_to_start_anew():
                await self._file.start_anew(why)
            while True:
                try:
                    read = await self._step()
                except StorageError:
                    if not self._file.is_damaged:
                        raise
                    await self._file.start_anew("the file is damaged")
                    continue
                if read is None:
                    return total
                total += read
                if time.monotonic() - began > patience_s:
                    return total
        finally:
            self._one_at_a_time.release()

    async def behind(self) -> int:
        """About how many stored posts are not in yet."""
        head, _ = await self._posts.heads()
        progress = await self._file.progress()
        return head if progress is None else max(0, head - progress.high) + progress.low

    async def forget_before(self, moment: datetime) -> int:
        """Take out posts written before then, in small steps; returns how many."""
        key, total = first_key(to_ms(moment)), 0
        while await self._file.has_before(key):
            total += await self._file.write(lambda tx: take_out_before(tx, key, BATCH))
        return total

    async def _reason_to_start_anew(self) -> str:
        """Why what is in the index is not what is in the database; "" when it is."""
        if self._file.is_damaged:
            return "the file is damaged"
        progress = await self._file.progress()
        if progress is None:
            return ""
        if progress.database != await self._posts.database_id():
            return "it is of another database"
        head, _ = await self._posts.heads()
        if progress.high > head:
            return "the database has fewer posts"
        newest = await self._posts.get(progress.high)
        if newest is not None and progress.newest and _looks(newest) != progress.newest:
            return "the database has other posts"
        if not await self._posts.knows_changes_after(progress.change):
            return "drops and restores were missed"
        return ""

    async def _step(self) -> int | None:
        """The most urgent piece of work; how many posts it read, None when all is done."""
        seen = await self._file.progress()
        # Read before the posts: what changes later has a later number and is applied in its turn.
        head, last_change = await self._posts.heads()
        if seen is None:
            database = await self._posts.database_id()
            start = Progress(head, head, last_change, database, await self._look_of(head))
            await self._file.write(lambda tx: advance(tx, None, start))
            return 0
        if seen.change < last_change:
            return await self._apply_changes(seen)
        if seen.high < head:
            posts = await self._posts.after(seen.high, BATCH)
            high = posts[-1].id if len(posts) == BATCH else max(head, *(p.id for p in posts), 0)
            look = _looks(posts[-1]) if posts and posts[-1].id == high else ""
            look = look or await self._look_of(high)
            return await self._add(seen, replace(seen, high=high, newest=look), posts)
        if seen.low > 0:
            posts = await self._posts.up_to(seen.low, BATCH)
            low = posts[-1].id - 1 if len(posts) == BATCH else 0
            return await self._add(seen, replace(seen, low=low), posts)
        return None

    async def _add(self, seen: Progress, to: Progress, posts: Sequence[Post]) -> int:
        docs = await asyncio.to_thread(_docs, posts)

        async def unit(tx: Transaction) -> None:
            if await advance(tx, seen, to):
                await put_in(tx, docs)

        await self._file.write(unit)
        return len(posts)

    async def _apply_changes(self, seen: Progress) -> int:
        changes = await self._posts.changed_after(seen.change, BATCH)
        posts = (
            await self._posts.get_many(dict.fromkeys(post_id for _, post_id in changes))
        ).values()
        inside = [post for post in posts if seen.low < post.id <= seen.high]
        docs = await asyncio.to_thread(_docs, inside)
        kept = [doc for doc, post in zip(docs, inside, strict=True) if post.drop is None]
        to = replace(seen, change=changes[-1][0])

        async def unit(tx: Transaction) -> None:
            if await advance(tx, seen, to):
                await take_out(tx, docs)
                await put_in(tx, kept)

        await self._file.write(unit)
        return len(posts)

    async def _look_of(self, post_id: int) -> str:
        post = await self._posts.get(post_id)
        return "" if post is None else _looks(post)


def _docs(posts: Sequence[Post]) -> list[Doc]:
    return [doc_of(post) for post in posts]


def _looks(post: Post) -> str:
    """Enough to tell a post from another one under its id."""
    return f"{post.source_id} {to_ms(post.created_at)} {post.external_id}"
