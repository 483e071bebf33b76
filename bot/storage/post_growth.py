"""Engagement of stored posts grows as they are seen again, and their authors' sums with it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from bot.models.people import MOST_EARNED, Sums
from bot.models.post import ParentKind, Post
from bot.ports import Row, Transaction
from bot.storage.people import grow_sums
from bot.storage.post_rows import chunks, marks

log = logging.getLogger(__name__)

_Counts = tuple[int, int, int, int]
_ENGAGED = "SELECT id, author_id, parent_kind, likes, retweets, replies, views FROM posts"
_GROW = (
    "UPDATE posts SET likes=?, retweets=?, replies=?, views=? "
    "WHERE id=? AND likes=? AND retweets=? AND replies=? AND views=?"
)
_TRIES = 5


async def let_grow(tx: Transaction, seen_again: Sequence[Post]) -> None:
    """Let the engagement of stored posts grow, and what their authors earned with it.

    Most posts have not grown, and are only read. A post that somebody else lets grow at the same
    moment is looked at again: its author earns every like once.
    """
    seen: dict[int, _Counts] = {}
    for post in seen_again:
        counts = post.engagement
        new = (counts.likes, counts.retweets, counts.replies, counts.views)
        if any(new):
            seen[post.id] = _most(seen.get(post.id, new), new)
    gains: dict[int, Sums] = {}
    for chunk in chunks(sorted(seen)):
        for row in sorted(await tx.fetch_all(f"{_ENGAGED} WHERE id IN ({marks(chunk)})", chunk)):
            post_id, author_id, parent_kind, *_ = row
            before = await _grown(tx, row, seen[post_id])
            if before is None or not author_id or parent_kind == ParentKind.RETWEET:
                continue
            most = _most(before, seen[post_id])
            gain = Sums(
                likes=_gained(before[0], most[0]),
                retweets=_gained(before[1], most[1]),
                replies=_gained(before[2], most[2]),
                views=_gained(before[3], most[3]),
            )
            gains[author_id] = gains.get(author_id, Sums()).plus(gain)
    await grow_sums(tx, gains)


async def _grown(tx: Transaction, row: Row, seen: _Counts) -> _Counts | None:
    """The counts that a post had before it grew; None when it has not."""
    for _ in range(_TRIES):
        before: _Counts = (int(row[3]), int(row[4]), int(row[5]), int(row[6]))
        most = _most(before, seen)
        if most == before:
            return None
        if await tx.execute(_GROW, (*most, row[0], *before)):
            return before
        again = await tx.fetch_one(f"{_ENGAGED} WHERE id=?", (row[0],))
        if again is None:
            return None
        row = again
    log.warning("a post grows all the time", extra={"post": row[0]})
    return None


def _gained(before: int, now: int) -> int:
    return min(now, MOST_EARNED) - min(before, MOST_EARNED)


def _most(one: _Counts, other: _Counts) -> _Counts:
    a, b = one, other
    return max(a[0], b[0]), max(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])
