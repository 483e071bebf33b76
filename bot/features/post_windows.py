"""The posts of a span of time as analysis sees them: from memory while live, else stored ones."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.analysis.finding import WindowPosts
from bot.analysis.recent_posts import RecentPosts, is_sampled
from bot.analysis.terms import PostTerms, post_terms
from bot.models.insight import Window
from bot.models.post import Post
from bot.storage.posts import PostStore
from bot.utils.times import from_ms, to_ms

PAGE = 200  # posts made from rows at a time: more would hold the event loop
CAPACITY = 40_000  # posts of a window looked at; of more, a fair sample


class PostWindows:
    def __init__(self, posts: PostStore, capacity: int = CAPACITY) -> None:
        self._posts = posts
        self._capacity = capacity
        self._recent: tuple[RecentPosts, ...] = ()  # a day and a week, once live

    async def go_live(self, now: datetime) -> None:
        """Hold the last day and week in memory from now on; `add` must hear of every new post."""
        if self._recent:
            return
        recent: list[RecentPosts] = []
        for window in (Window.D7, Window.H24):
            one = RecentPosts(_milliseconds(window.span), self._capacity)
            held = await self.span(window.span, now)
            await asyncio.to_thread(one.add, held.posts, to_ms(now))
            recent.insert(0, one)
        self._recent = tuple(recent)

    def add(self, said: Iterable[PostTerms], now: datetime) -> None:
        if self._recent:
            said = list(said)
        for recent in self._recent:
            recent.add(said, to_ms(now))

    def drop(self, post_id: int) -> None:
        for recent in self._recent:
            recent.drop(post_id)

    async def span(self, span: timedelta, at: datetime) -> WindowPosts:
        """The posts of (at - span, at]; of more than the capacity, a fair sample."""
        end_ms = to_ms(at)
        start_ms = end_ms - _milliseconds(span)
        for recent in self._recent:
            if recent.reaches(start_ms):
                posts = recent.between(start_ms, end_ms)
                return WindowPosts(posts, start_ms, end_ms, recent.one_in)
        counted = await self._posts.count_between(from_ms(start_ms + 1), from_ms(end_ms + 1))
        one_in = 1
        while counted.get("kept", 0) > one_in * self._capacity:
            one_in *= 2
        posts = await self.read(start_ms, end_ms, one_in=one_in)
        return WindowPosts(posts, start_ms, end_ms, one_in)

    async def read(
        self, start_ms: int, end_ms: int, *, one_in: int = 1, up_to: int | None = None
    ) -> list[PostTerms]:
        """Kept posts of (start, end] from the store, oldest first, page by page."""
        said: list[PostTerms] = []
        at_cursor: set[int] = set()
        cursor, end, limit = from_ms(start_ms + 1), from_ms(end_ms + 1), PAGE
        while True:
            page = await self._posts.between(cursor, end, limit=limit)
            wanted = [
                post
                for post in page
                if post.id not in at_cursor
                and is_sampled(post.id, one_in)
                and (up_to is None or post.id <= up_to)
            ]
            said += await asyncio.to_thread(terms_of_posts, wanted)
            if len(page) < limit:
                return said
            last = page[-1].created_at
            at_cursor = {post.id for post in page if post.created_at == last}
            # A page of one and the same moment (dates without a time) needs a longer one.
            limit = PAGE if last > cursor else 2 * limit
            cursor = last


def terms_of_posts(posts: Iterable[Post]) -> list[PostTerms]:
    return [post_terms(post) for post in posts]


def _milliseconds(span: timedelta) -> int:
    return int(span.total_seconds()) * 1000
