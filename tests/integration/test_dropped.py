"""An admin sees what was left out and why, brings a post back, and leaves another out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.analysis.filters import BY_ADMIN
from bot.errors import NotFound
from bot.features.dropped import DroppedPosts
from bot.features.intake import Intake
from bot.models.post import TWITTER_SOURCE_ID, DropReason, Post, PostKind
from bot.ports import Database
from bot.storage.origins import OriginStore
from bot.storage.posts import PostStore

START = datetime(2026, 3, 4, 12, tzinfo=UTC)


def post(number: int, drop: DropReason | None = None, evidence: str = "") -> Post:
    return Post(
        kind=PostKind.TWEET,
        source_id=TWITTER_SOURCE_ID,
        external_id=str(number),
        created_at=START + timedelta(minutes=number),
        text=f"پست شماره {number} درباره باران دیشب",
        drop=drop,
        drop_evidence=evidence,
    )


@pytest.fixture
async def posts(db: Database) -> PostStore:
    store = PostStore(db)
    await store.add_many(
        [
            post(1),
            post(2, DropReason.ADVERTISEMENT, "با تخفیف, ۰۹۱۲۰۰۰۰۰۰۰"),
            post(3),
            post(4, DropReason.ABUSIVE, "جاکش"),
            post(5, DropReason.ADVERTISEMENT, "دانلود اهنگ"),
        ]
    )
    return store


async def test_the_newest_drops_come_first_with_what_was_seen(posts: PostStore) -> None:
    dropped = DroppedPosts(posts)

    found = await dropped.newest(2)
    adverts = await dropped.newest(9, DropReason.ADVERTISEMENT)

    assert [(one.external_id, one.drop_evidence) for one in found] == [
        ("5", "دانلود اهنگ"),
        ("4", "جاکش"),
    ]
    assert [one.external_id for one in adverts] == ["5", "2"]


async def test_a_post_that_is_brought_back_counts_again(posts: PostStore) -> None:
    dropped = DroppedPosts(posts)
    wrongly = (await dropped.newest(1))[0]

    back = await dropped.bring_back(wrongly.id)

    assert (back.drop, back.drop_evidence) == (None, "")
    assert back.id in {one.id for one in await posts.newest(9)}
    assert back.id not in {one.id for one in await dropped.newest(9)}
    assert await posts.last_change() == 1


async def test_a_kept_post_can_be_left_out_and_says_by_whom(posts: PostStore) -> None:
    dropped = DroppedPosts(posts)
    kept = (await posts.newest(1))[0]

    left_out = await dropped.leave_out(kept.id)

    assert (left_out.drop, left_out.drop_evidence) == (DropReason.SPAM, BY_ADMIN)
    assert kept.id not in {one.id for one in await posts.newest(9)}


async def test_the_reason_of_a_rule_is_not_overwritten(posts: PostStore) -> None:
    dropped = DroppedPosts(posts)
    abusive = (await dropped.newest(1, DropReason.ABUSIVE))[0]

    left_out = await dropped.leave_out(abusive.id)
    again = await dropped.bring_back((await posts.newest(1))[0].id)

    assert (left_out.drop, left_out.drop_evidence) == (DropReason.ABUSIVE, "جاکش")
    assert again.drop is None
    assert await posts.last_change() == 0


async def test_a_post_that_is_gone_is_said_to_be_gone(posts: PostStore) -> None:
    with pytest.raises(NotFound):
        await DroppedPosts(posts).bring_back(999)


async def test_what_a_parrot_says_is_stored_with_its_reason_and_can_come_back(
    db: Database,
) -> None:
    posts = PostStore(db)
    said = "هر که از این پل چوبی گذشته است می‌داند که شب‌ها چراغی در انتهای آن روشن است"
    batch = [
        replace(post(number), text=f"{said} {'!' * number}", author="tuti") for number in range(4)
    ]

    taken = await Intake(posts, OriginStore(db)).take(batch)
    parrot = (await DroppedPosts(posts).newest(9, DropReason.REPETITIVE))[0]
    back = await DroppedPosts(posts).bring_back(parrot.id)

    assert taken.dropped == {DropReason.DUPLICATE: 2, DropReason.REPETITIVE: 1}
    assert parrot.drop_evidence == f"3 copies by the author, of post {taken.new[0].id}"
    assert parrot.duplicate_of is None
    assert back.drop is None
