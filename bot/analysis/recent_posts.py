"""The newest posts as trends see them, kept in memory in order of time.

Two limits keep it small: a span of time, and a capacity past which it thins itself evenly, by a
hash of the post's id, so that what is left is a fair sample of the whole span.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable

from bot.analysis.terms import PostTerms

FEW = 200  # new posts that are put in their places one by one


class RecentPosts:
    """`one_in` is the share of the posts that it is given from the start."""

    def __init__(self, span_ms: int, capacity: int, one_in: int = 1) -> None:
        self.span_ms = span_ms
        self._capacity = capacity
        self._posts: list[PostTerms] = []
        self._ids: set[int] = set()
        self._oldest_ms = 1 << 62  # nothing before this is here
        self.one_in = one_in  # the share that is kept: all, every second, every fourth …

    def __len__(self) -> int:
        return len(self._posts)

    def add(self, posts: Iterable[PostTerms], now_ms: int) -> None:
        """Take posts in, in any order; those outside (now - span, …] are left out."""
        oldest = self._oldest_ms = now_ms - self.span_ms
        new = [
            post
            for post in posts
            if post.at_ms > oldest and post.id not in self._ids and is_sampled(post.id, self.one_in)
        ]
        self._ids.update(post.id for post in new)
        if len(new) <= FEW:
            for post in new:
                insort(self._posts, post, key=_order)
        else:
            self._posts += new
            self._posts.sort(key=_order)
        self._forget(oldest)
        while len(self._posts) > self._capacity:
            self.one_in *= 2
            self._posts = [post for post in self._posts if is_sampled(post.id, self.one_in)]
            self._ids = {post.id for post in self._posts}

    def drop(self, post_id: int) -> None:
        """Take one post out, e.g. after an admin dropped it."""
        if post_id in self._ids:
            self._ids.remove(post_id)
            self._posts = [post for post in self._posts if post.id != post_id]

    def between(self, start_ms: int, end_ms: int) -> list[PostTerms]:
        """Posts of (start, end], oldest first."""
        first = bisect_right(self._posts, start_ms, key=_time)
        last = bisect_right(self._posts, end_ms, key=_time)
        return self._posts[first:last]

    def reaches(self, start_ms: int) -> bool:
        """Whether every post after this moment is here (or was, before thinning)."""
        return start_ms >= self._oldest_ms

    def _forget(self, oldest: int) -> None:
        cut = bisect_right(self._posts, oldest, key=_time)
        if cut:
            self._ids.difference_update(post.id for post in self._posts[:cut])
            del self._posts[:cut]


def is_sampled(post_id: int, one_in: int) -> bool:
    """Whether a sample of one in so many (a power of 2) has the post; the same post always."""
    # Fibonacci hashing: ids of one source may share a rhythm that `id % one_in` would meet.
    return one_in == 1 or (post_id * 0x9E3779B97F4A7C15 >> 40) % one_in == 0


def share_of(posts: int, capacity: int) -> int:
    """One in how many (a power of 2) leaves at most `capacity` of so many posts."""
    one_in = 1
    while posts > one_in * capacity:
        one_in *= 2
    return one_in


def _order(post: PostTerms) -> tuple[int, int]:
    return post.at_ms, post.id


def _time(post: PostTerms) -> int:
    return post.at_ms
