"""Posts are stored once, and found however they were typed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.models.post import (
    TWITTER_SOURCE_ID,
    DropReason,
    Emotion,
    Engagement,
    Mood,
    Post,
    PostKind,
    Source,
    SourceKind,
)
from bot.models.search import Figure
from bot.ports import Database
from bot.services.search_index import SearchIndex
from bot.storage.posts import PostStore
from bot.storage.sources import SourceStore

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def _tweet(name: str, text: str, minutes: int = 0, **fields: object) -> Post:
    post = Post(
        kind=PostKind.TWEET,
        source_id=TWITTER_SOURCE_ID,
        external_id=name,
        created_at=NOON + timedelta(minutes=minutes),
        text=text,
        author="sara",
    )
    return replace(post, **fields)  # type: ignore[arg-type]  # the caller names fields


@pytest.fixture
def posts(db: Database) -> PostStore:
    return PostStore(db)


@pytest.fixture
async def index(posts: PostStore, tmp_path: Path) -> AsyncIterator[SearchIndex]:
    opened = await SearchIndex.open(tmp_path / "search.db", posts)
    yield opened
    await opened.close()


async def test_a_post_is_stored_once(posts: PostStore) -> None:
    """The same post again changes nothing but grows its engagement."""
    first = await posts.add_many([_tweet("1", "برف آمد", engagement=Engagement(likes=3))])
    again = await posts.add_many(
        [_tweet("1", "changed", engagement=Engagement(likes=9)), _tweet("2", "باران")]
    )

    stored = await posts.get(first.new[0].id)
    assert (len(first.new), first.known, len(again.new), again.known) == (1, 0, 1, 1)
    assert stored is not None
    assert (stored.text, stored.engagement.likes) == ("برف آمد", 9)


async def test_every_field_comes_back(posts: PostStore) -> None:
    """What goes in comes out."""
    post = _tweet(
        "7",
        "می‌رویم به #برف_تهران",
        title="عنوان",
        url="https://example.org/۷",
        hashtags=("برف_تهران",),
        mentions=("ali",),
        lang="fa",
        engagement=Engagement(likes=1, retweets=2, replies=3, views=4),
        collected_at=NOON,
        content_key=-(2**63),
        drop=DropReason.SPAM,
        drop_evidence="price",
        duplicate_of=5,
        mood=Mood.POSITIVE,
        mood_confidence=0.75,
        emotion=Emotion.SURPRISE,
    )

    added = (await posts.add_many([post])).new[0]

    assert await posts.get(added.id) == added == replace(post, id=added.id)


async def test_a_source_is_saved_with_its_posts(db: Database, posts: PostStore) -> None:
    """The cursor of a feed moves in the transaction that stores its posts."""
    sources = SourceStore(db)
    feed = await sources.add(Source(kind=SourceKind.FEED, name="نمونه", url="https://a.example/f"))
    news = replace(_tweet("n", "خبر"), kind=PostKind.NEWS, source_id=feed.id)

    await posts.add_many([news], replace(feed, etag='"1"', next_fetch_at=NOON))

    assert await sources.due(NOON) == [replace(feed, etag='"1"', next_fetch_at=NOON)]
    assert await sources.due(NOON - timedelta(seconds=1)) == []


async def test_volume_counts_kept_posts_by_step_and_mood(posts: PostStore) -> None:
    """A series has every step, counts only what is kept, and splits by mood."""
    await posts.add_many(
        [
            _tweet("1", "a", 1, mood=Mood.POSITIVE),
            _tweet("2", "b", 2, mood=Mood.NEGATIVE),
            _tweet("3", "c", 125, mood=Mood.POSITIVE),
            _tweet("4", "d", 3, drop=DropReason.SPAM),
        ]
    )

    series = await posts.volume(NOON, NOON + timedelta(hours=3), 3600)

    assert [point.posts for point in series] == [2, 0, 1]
    assert (series[0].mood.positive, series[0].mood.negative) == (1, 1)
    assert await posts.count_between(NOON, NOON + timedelta(hours=3)) == {"kept": 3, "spam": 1}


async def test_the_newest_of_some_sources(posts: PostStore, db: Database) -> None:
    """Merged in order of time, page by page; dropped ones and other kinds are left out."""
    feeds = [
        await SourceStore(db).add(Source(kind=SourceKind.FEED, name=n, url=f"https://{n}.example/"))
        for n in ("a", "b", "c")
    ]
    await posts.add_many(
        [
            replace(
                _tweet(f"{n}", "خبر", n, drop=DropReason.SPAM if n == 7 else None),
                kind=PostKind.TWEET if n == 4 else PostKind.NEWS,
                source_id=feeds[n % 3].id,
            )
            for n in range(12)
        ]
    )
    some = [feeds[0].id, feeds[1].id]

    first = await posts.newest(3, kind=PostKind.NEWS, source_ids=some)
    second = await posts.newest(3, kind=PostKind.NEWS, source_ids=some, offset=3)
    before = await posts.newest(
        2, kind=PostKind.NEWS, source_ids=some, before=NOON + timedelta(minutes=6)
    )

    assert [post.external_id for post in first] == ["10", "9", "6"]
    assert [post.external_id for post in second] == ["3", "1", "0"]
    assert [post.external_id for post in before] == ["3", "1"]
    assert await posts.newest(3, source_ids=[]) == []


@pytest.mark.parametrize(
    "query",
    ["می‌خواهم", "میخواهم", "مي‌خواهم", "می خواهم", "كتاب", "کِتاب", "#برف_تهران", "برف تهران",
     "۱۴۰۵", "1405", "١٤٠٥", '"کتاب می‌خواهم"', "کتاب -فیلم"],
)  # fmt: skip
async def test_spelling_does_not_hide_a_post(
    posts: PostStore, index: SearchIndex, query: str
) -> None:
    """Arabic letters, half-spaces, vowel marks and digits of any script find the same post."""
    await posts.add_many(
        [
            _tweet("1", "من کتاب می‌خواهم در سال ۱۴۰۵ #برف_تهران"),
            _tweet("2", "چیز دیگری درباره‌ی فیلم"),
        ]
    )
    await index.catch_up()

    assert (await index.search(query)).ids == [1]
    assert (await index.search(query, order="newest")).ids == [1]


async def test_dropped_posts_are_not_found_until_restored(
    posts: PostStore, index: SearchIndex
) -> None:
    """A drop hides a post from search; taking it back shows it again."""
    await posts.add_many([_tweet("1", "تخفیف ویژه", drop=DropReason.SPAM), _tweet("2", "تخفیف")])
    await index.catch_up()
    hidden = (await index.search("تخفیف", order="newest")).ids

    await posts.restore(1)
    await posts.set_drop(2, DropReason.SPAM)
    await index.catch_up()

    assert hidden == [2]
    assert (await index.search("تخفیف")).ids == [1]
    assert await index.count("تخفیف") == Figure(1)


async def test_newest_first_means_when_it_was_written(posts: PostStore, index: SearchIndex) -> None:
    """Old posts that are imported late do not pass for new ones."""
    await posts.add_many([_tweet("new", "باران بهاری", 10), _tweet("old", "باران پاییزی", -9000)])
    await index.catch_up()

    newest = await index.search("باران", order="newest")
    recent = await index.search("باران", since=NOON)

    assert newest.ids == [1, 2]
    assert recent.ids == [1]
    assert await index.count("باران", until=NOON) == Figure(1)
    assert await index.first_seen("باران") == NOON - timedelta(minutes=9000)


async def test_the_series_of_a_query_has_moods(posts: PostStore, index: SearchIndex) -> None:
    """Counts over time come from the index, mood by mood."""
    await posts.add_many(
        [
            _tweet("1", "باران خوب", 5, mood=Mood.POSITIVE),
            _tweet("2", "باران بد", 65, mood=Mood.NEGATIVE),
        ]
    )
    await index.catch_up()

    series = await index.series("باران", NOON, NOON + timedelta(hours=2), 3600)
    mood = await index.mood("باران")

    assert [(p.posts, p.mood.balance) for p in series] == [(1, 1.0), (1, -1.0)]
    assert (mood.positive, mood.negative) == (1, 1)


async def test_a_lost_index_is_built_again(posts: PostStore, tmp_path: Path) -> None:
    """Deleting or damaging the file costs only the time to read the posts."""
    await posts.add_many([_tweet("1", "باران")])
    path = tmp_path / "search.db"
    path.write_bytes(b"this is no database, and longer than a header would be" * 40)

    opened = await SearchIndex.open(path, posts)
    await opened.catch_up()

    assert (await opened.search("باران")).ids == [1]
    await opened.close()


@pytest.mark.parametrize(
    "query", ["", "  ", '"', "-", "***", "-only", 'a" OR fts MATCH "b', "#", "NEAR(", "۱+"]
)
async def test_odd_queries_are_answered_not_raised(
    posts: PostStore, index: SearchIndex, query: str
) -> None:
    """No query is a syntax error."""
    await posts.add_many([_tweet("1", "a b only")])
    await index.catch_up()

    found = await index.search(query)

    assert found.ids in ([], [1])
