"""Copies among the posts that come in: recognised before the originals of their batch have ids."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.analysis.near_duplicates import MatchKind, NearDuplicates
from bot.models.post import DropReason, Post, PostKind
from bot.storage.origins import Origin

MOST_REMEMBERED = 20_000  # posts of each kind: about 20 MB when full

_REASONS = {MatchKind.EXACT: DropReason.DUPLICATE, MatchKind.NEAR: DropReason.NEAR_DUPLICATE}


@dataclass(frozen=True, slots=True)
class Marked:
    """A batch after copies were looked for.

    `waiting` are copies of posts in `ready`; their `duplicate_of` is a ticket until `resolve`.
    """

    ready: tuple[Post, ...]
    waiting: tuple[Post, ...]


class Copies:
    """Remembers recent posts of each kind apart: a tweet that repeats a headline is no copy of it.

    Posts that are not stored yet go by tickets, which are negative numbers.
    """

    def __init__(self, within: timedelta) -> None:
        self._recent = {
            kind: NearDuplicates(MOST_REMEMBERED, within.total_seconds()) for kind in PostKind
        }
        self._tickets: dict[Origin, int] = {}  # of posts that are being stored
        self._ids: OrderedDict[int, int] = OrderedDict()  # by ticket
        self._last_ticket = 0

    def load(self, posts: Iterable[Post]) -> None:
        """Remember posts that are stored, oldest first."""
        for post in posts:
            self._recent[post.kind].add(post.id, post.full_text, post.created_at.timestamp())

    def mark(
        self,
        posts: Sequence[Post],
        known: Mapping[Origin, int],
        prepared: Mapping[Origin, Post],
        stored: Mapping[int, int],
    ) -> Marked:
        """Drop the copies among the prepared posts, in the order the posts came.

        `stored` has, by content key, the ids of stored posts that say the same.
        """
        ready: list[Post] = []
        waiting: list[Post] = []
        done: set[Origin] = set()
        for raw in posts:
            origin = (raw.source_id, raw.external_id)
            if origin in done:
                continue
            done.add(origin)
            if origin in known:
                self.load([replace(raw, id=known[origin])])
                continue
            post = self._marked(prepared[origin], origin, stored)
            is_waiting = post.duplicate_of is not None and post.duplicate_of < 0
            (waiting if is_waiting else ready).append(post)
        return Marked(tuple(ready), tuple(waiting))

    def _marked(self, post: Post, origin: Origin, stored: Mapping[int, int]) -> Post:
        if post.drop is not None:
            return post
        original = stored.get(post.content_key) if post.content_key else None
        if original is not None:
            return replace(post, drop=DropReason.DUPLICATE, duplicate_of=original)
        self._last_ticket -= 1
        ticket = self._last_ticket
        match = self._recent[post.kind].add(ticket, post.full_text, post.created_at.timestamp())
        if match is None or match.kind is MatchKind.QUOTE:
            self._tickets[origin] = ticket
            return post
        return replace(
            post,
            drop=_REASONS[match.kind],
            drop_evidence=f"{match.score:.2f}",
            duplicate_of=self._ids.get(match.of, match.of),
        )

    def settle(self, stored: Iterable[Post]) -> None:
        """Learn the ids of posts that were stored."""
        for post in stored:
            ticket = self._tickets.pop((post.source_id, post.external_id), None)
            if ticket is not None:
                self._ids[ticket] = post.id
        while len(self._ids) > MOST_REMEMBERED * len(self._recent):
            self._ids.popitem(last=False)

    def resolve(self, waiting: Iterable[Post]) -> list[Post]:
        """The waiting copies with the ids of their originals."""
        return [
            replace(post, duplicate_of=self._ids.get(post.duplicate_of or 0)) for post in waiting
        ]
