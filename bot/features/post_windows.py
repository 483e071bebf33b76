"""The posts of a span of time as analysis sees them: from memory while live, else stored ones.

Memory follows the stored posts by their ids and the drops by their numbers, so it does not matter
which process stores, counts or drops. How large a share of a crowded window is looked at follows
from how many posts it has, never from what a process has been through: every process, just started
or a week old, sees the same posts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from bot.analysis.finding import WindowPosts
from bot.analysis.recent_posts import RecentPosts, is_sampled, share_of
from bot.analysis.terms import PostTerms, post_terms
from bot.models.insight import Window
from bot.models.post import Post, PostKind
from bot.storage.posts import PostStore
from bot.utils.times import from_ms, to_ms

PAGE = 200  # posts made from rows at a time: more would hold the event loop
CAPACITY = 40_000  # posts of a window looked at; of more, a fair sample
CHANGES = 500
_FUTURE_MS = 20 * 365 * 86_400_000
_IDS = timedelta(hours=2)  # of a crowded window, whose ids are read at once


class PostWindows:
    def __init__(self, posts: PostStore, capacity: int = CAPACITY) -> None:
        self._posts = posts
        self._capacity = capacity
        self._recent: tuple[RecentPosts, ...] = ()  # the shortest first; none until live
        self._posts_to = 0  # the last post that memory knows, or knows to leave out
        self._changes_to = 0
        self._turn = asyncio.Lock()
        self._building = asyncio.Lock()

    @property
    def is_live(self) -> bool:
        return bool(self._recent)

    async def follow(self, now: datetime) -> None:
        """Hold the last day and week in memory from now on, and learn what has changed since."""
        async with self._building:
            if not self._recent or not await self._catch_up(now):
                await self._go_live(now)
                await self._catch_up(now)

    async def offer(self, said: Sequence[PostTerms], after: int, up_to: int, now: datetime) -> None:
        """The kept posts of (after, up_to], for whoever has made them anyway."""
        async with self._turn:
            if self._recent and after <= self._posts_to < up_to:
                self._add([post for post in said if post.id > self._posts_to], now)
                self._posts_to = up_to

    async def span(self, span: timedelta, at: datetime, now: datetime) -> WindowPosts:
        """The posts of (at - span, at]; of more than the capacity, a fair sample."""
        end_ms = to_ms(at)
        start_ms = end_ms - _milliseconds(span)
        # While memory is behind or being filled, the store is asked: slower, and the same posts.
        recents = self._recent if self._recent and await self._catch_up(now) else ()
        one_in = await self._share(start_ms, end_ms)
        for recent in recents:
            if recent.reaches(start_ms) and recent.one_in <= one_in:
                held = recent.between(start_ms, end_ms)
                if recent.one_in < one_in:
                    held = await asyncio.to_thread(_sample, held, one_in)
                return WindowPosts(held, start_ms, end_ms, one_in)
        held = await self._stored(start_ms, end_ms, one_in, end_ms)
        return WindowPosts(held, start_ms, end_ms, one_in)

    async def read(
        self, start_ms: int, end_ms: int, *, kind: PostKind | None = None, up_to: int | None = None
    ) -> list[PostTerms]:
        """Kept posts of (start, end] from the store, oldest first, page by page."""
        said: list[PostTerms] = []
        at_cursor: set[int] = set()
        cursor, end, limit = from_ms(start_ms + 1), from_ms(end_ms + 1), PAGE
        while True:
            page = await self._posts.between(cursor, end, kind=kind, limit=limit)
            wanted = [
                post
                for post in page
                if post.id not in at_cursor and (up_to is None or post.id <= up_to)
            ]
            said += await asyncio.to_thread(terms_of_posts, wanted)
            if len(page) < limit:
                return said
            last = page[-1].created_at
            at_cursor = {post.id for post in page if post.created_at == last}
            # A page of one and the same moment (dates without a time) needs a longer one.
            limit = PAGE if last > cursor else 2 * limit
            cursor = last

    async def _go_live(self, now: datetime) -> None:
        """Fill memory from the store; questions go on meanwhile."""
        posts_to, changes_to = await self._posts.heads()
        end_ms, recent = to_ms(now), list[RecentPosts]()
        for window in reversed(Window):
            if recent and recent[0].one_in == 1:
                break  # a longer window is held whole: the shorter ones are in it
            span_ms = _milliseconds(window.span)
            start_ms = end_ms - span_ms
            # Twice the room: when a window empties by half, what is held is still enough.
            one_in = max(1, await self._share(start_ms, end_ms) // 2)
            if recent and recent[0].one_in == one_in:
                continue
            # Posts dated later than now, by another clock or by mistake, will be asked for too.
            held = await self._stored(start_ms, end_ms + _FUTURE_MS, one_in, end_ms)
            one = RecentPosts(span_ms, 2 * self._capacity, one_in)
            await asyncio.to_thread(one.add, held, end_ms)
            recent.insert(0, one)
        async with self._turn:
            self._recent = tuple(recent)
            self._posts_to, self._changes_to = posts_to, changes_to

    async def _catch_up(self, now: datetime) -> bool:
        """Learn what came; false when memory has to be filled anew instead."""
        async with self._turn:
            posts_to, changes_to = await self._posts.heads()
            if posts_to - self._posts_to > self._capacity:
                return False
            if not await self._knows_changes(changes_to):
                return False
            while self._posts_to < posts_to:
                page = await self._posts.after(self._posts_to, PAGE)
                self._add(await asyncio.to_thread(terms_of_posts, page), now)
                last = page[-1].id if page else 0
                self._posts_to = last if len(page) == PAGE else max(posts_to, last)
            while self._changes_to < changes_to:
                changes = await self._posts.changed_after(self._changes_to, CHANGES)
                await self._change([post_id for _, post_id in changes], now)
                self._changes_to = changes[-1][0] if changes else changes_to
            return await self._holds_enough(now)

    async def _change(self, post_ids: Sequence[int], now: datetime) -> None:
        posts = await self._posts.get_many(post_ids)
        kept = [post for post in posts.values() if post.drop is None]
        for post_id in set(post_ids) - {post.id for post in kept}:
            for recent in self._recent:
                recent.drop(post_id)
        self._add(await asyncio.to_thread(terms_of_posts, kept), now)

    async def _knows_changes(self, newest: int) -> bool:
        return self._changes_to >= newest or await self._posts.knows_changes_after(self._changes_to)

    async def _holds_enough(self, now: datetime) -> bool:
        """False when so many posts left a window that too small a share of it is held."""
        if all(recent.one_in == 1 for recent in self._recent):
            return True
        end_ms = to_ms(now)
        for window in Window:
            start_ms = end_ms - _milliseconds(window.span)
            one_in = await self._share(start_ms, end_ms)
            if all(recent.one_in > one_in for recent in self._recent if recent.reaches(start_ms)):
                return False
        return True

    def _add(self, said: Iterable[PostTerms], now: datetime) -> None:
        said = list(said)
        for recent in self._recent:
            recent.add(said, to_ms(now))

    async def _share(self, start_ms: int, end_ms: int) -> int:
        """One post in how many of (start, end] is looked at."""
        counted = await self._posts.count_between(from_ms(start_ms + 1), from_ms(end_ms + 1))
        return share_of(counted.get("kept", 0), self._capacity)

    async def _stored(
        self, start_ms: int, end_ms: int, one_in: int, crowded_to_ms: int
    ) -> list[PostTerms]:
        """A sample of (start, end]; after `crowded_to_ms` there is hardly anything."""
        if one_in == 1:
            return await self.read(start_ms, end_ms)
        said: list[PostTerms] = []
        cursor, end, crowded = from_ms(start_ms + 1), from_ms(end_ms + 1), from_ms(crowded_to_ms)
        while cursor < end:
            until = min(end, cursor + _IDS) if cursor <= crowded else end
            ids = await self._posts.ids_between(cursor, until)
            wanted = await asyncio.to_thread(_sampled_ids, ids, one_in)
            for start in range(0, len(wanted), PAGE):
                posts = await self._posts.get_many(wanted[start : start + PAGE])
                kept = [post for post in posts.values() if post.drop is None]
                said += await asyncio.to_thread(terms_of_posts, kept)
            cursor = until
        said.sort(key=lambda post: (post.at_ms, post.id))
        return said


def terms_of_posts(posts: Iterable[Post]) -> list[PostTerms]:
    return [post_terms(post) for post in posts]


def _sample(posts: Iterable[PostTerms], one_in: int) -> list[PostTerms]:
    return [post for post in posts if is_sampled(post.id, one_in)]


def _sampled_ids(ids: Iterable[int], one_in: int) -> list[int]:
    return [post_id for post_id in ids if is_sampled(post_id, one_in)]


def _milliseconds(span: timedelta) -> int:
    return int(span.total_seconds()) * 1000
