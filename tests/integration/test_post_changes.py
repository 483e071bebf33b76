"""Drops and restores can be followed by everybody who keeps something made of posts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.models.post import TWITTER_SOURCE_ID, DropReason, Post, PostKind
from bot.ports import Database
from bot.storage.posts import PostStore

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
async def posts(db: Database) -> PostStore:
    """Three stored posts."""
    store = PostStore(db)
    await store.add_many(
        [
            Post(
                kind=PostKind.TWEET,
                source_id=TWITTER_SOURCE_ID,
                external_id=str(number),
                created_at=NOON,
                text="باران",
            )
            for number in range(3)
        ]
    )
    return store


async def test_drops_and_restores_are_told_in_their_order(posts: PostStore) -> None:
    """Each change has the next number; a post that does not exist makes none."""
    await posts.set_drop(2, DropReason.SPAM)
    await posts.set_drop(99, DropReason.SPAM)
    await posts.restore(2)
    await posts.set_drop(1, DropReason.SPAM)

    assert await posts.changed_after(0, 10) == [(1, 2), (2, 2), (3, 1)]
    assert await posts.changed_after(1, 1) == [(2, 2)]
    assert await posts.last_change() == 3


async def test_changes_made_at_once_have_numbers_of_their_own(posts: PostStore) -> None:
    """Many admins at the same moment leave no gap and no twin."""
    await asyncio.gather(*(posts.set_drop(1 + n % 3, DropReason.SPAM) for n in range(30)))

    assert [change for change, _ in await posts.changed_after(0, 100)] == list(range(1, 31))


async def test_who_is_too_far_behind_is_told_so(posts: PostStore, db: Database) -> None:
    """After a purge the followers of old changes know that some are missing."""
    assert await posts.knows_changes_after(0)
    for _ in range(3):
        await posts.set_drop(1, DropReason.SPAM)
    row = await db.fetch_one("SELECT MAX(at_ms) FROM post_changes")
    assert row is not None
    later = datetime.fromtimestamp(row[0] / 1000, UTC) + timedelta(seconds=1)

    assert await posts.knows_changes_after(0)
    assert await posts.purge_changes(later) == 2
    assert await posts.changed_after(0, 10) == [(3, 1)]
    assert not await posts.knows_changes_after(0)
    assert await posts.knows_changes_after(2)
