"""Copies among the posts that come in: what was said lately is remembered, by post ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from bot.analysis.near_duplicates import Content, MatchKind, NearDuplicates
from bot.models.post import DropReason, Post, PostKind
from bot.storage.posts import Said

MOST_REMEMBERED = 20_000  # posts of each kind: about 20 MB when full

_REASONS = {MatchKind.EXACT: DropReason.DUPLICATE, MatchKind.NEAR: DropReason.NEAR_DUPLICATE}


class Copies:
    """Remembers recent posts, each kind apart: a tweet that repeats a headline is no copy."""

    def __init__(self, within: timedelta) -> None:
        self._recent = {
            kind: NearDuplicates(MOST_REMEMBERED, within.total_seconds()) for kind in PostKind
        }

    def load(self, said: Iterable[Said]) -> None:
        """Remember stored posts that are kept, in the order they were stored."""
        for one in said:
            self._recent[one.kind].add(one.id, one.text, one.at_s)

    def mark(
        self, posts: Sequence[Post], contents: Sequence[Content], stored: Mapping[int, int]
    ) -> list[Post]:
        """The posts, the copies among them dropped; each is remembered under the id it bears.

        `contents` is what they say; `stored` has, by content key, the ids of stored posts that say
        the same.
        """
        return [
            self._marked(post, content, stored)
            for post, content in zip(posts, contents, strict=True)
        ]

    def forget(self, posts: Iterable[Post]) -> None:
        """Take posts out that were marked but not stored."""
        for post in posts:
            self._recent[post.kind].remove(post.id)

    def _marked(self, post: Post, content: Content, stored: Mapping[int, int]) -> Post:
        if post.drop is not None:
            return post
        original = stored.get(post.content_key) if post.content_key else None
        if original is not None:
            return replace(post, drop=DropReason.DUPLICATE, duplicate_of=original)
        match = self._recent[post.kind].add(post.id, content, post.created_at.timestamp())
        if match is None or match.kind is MatchKind.QUOTE:
            return post
        return replace(
            post,
            drop=_REASONS[match.kind],
            drop_evidence=f"{match.score:.2f}",
            duplicate_of=match.of,
        )
