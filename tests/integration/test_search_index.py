"""The search index: narrow searches, bounded time, and a file that is always of its database."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.analysis.search_query import parse_query
from bot.errors import StorageError
from bot.models.post import (
    TWITTER_SOURCE_ID,
    DropReason,
    Mood,
    Post,
    PostKind,
    Source,
    SourceKind,
)
from bot.models.search import Figure, SearchQuery
from bot.ports import Database
from bot.services.search_index import SearchIndex
from bot.storage.posts import PostStore
from bot.storage.sources import SourceStore

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TEHRAN = "Asia/Tehran"
FOREVER = 3600.0


def tweet(number: int, text: str, minutes: float = 0, **fields: object) -> Post:
    post = Post(
        kind=PostKind.TWEET,
        source_id=TWITTER_SOURCE_ID,
        external_id=str(number),
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
    opened = await SearchIndex.open(
        tmp_path / "search.db", posts, search_patience_s=FOREVER, count_patience_s=FOREVER
    )
    yield opened
    await opened.close()


async def found(index: SearchIndex, text: str, **sources: tuple[int, ...]) -> list[int]:
    query = replace(parse_query(text, NOON + timedelta(hours=1), TEHRAN), **sources)
    hits = await index.search(query, order="newest")
    assert (await index.count(query)).value == len(hits.ids)
    return hits.ids


@pytest.fixture
async def narrowed(db: Database, posts: PostStore, index: SearchIndex) -> SearchIndex:
    """Five posts of three authors, two sources and two days."""
    feed = await SourceStore(db).add(
        Source(kind=SourceKind.FEED, name="ایسنا", url="https://isna.example/f")
    )
    news = {"kind": PostKind.NEWS, "source_id": feed.id}
    await posts.add_many(
        [
            tweet(1, "زلزله در تهران", -5),
            tweet(2, "زلزله در تبریز", -4, author="Ali_Reza"),
            tweet(3, "پس لرزه sara", -3, author="alireza"),
            tweet(4, "زلزله تهران را لرزاند", -2, author="علی‌رضا محمدی", **news),
            tweet(5, "زلزله", -60 * 24, author="", **news),
        ]
    )
    await index.catch_up()
    return index


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("زلزله", [4, 2, 1, 5]),
        ("from:sara", [1]),
        ("sara", [3, 1]),  # the name is a word of the author's posts too
        ("از:ali_reza", [2]),
        ("from:@ALIREZA", [3]),
        ("from:محمدی", [4]),
        ("from:«علی رضا محمدی»", [4]),
        ("زلزله -from:sara", [4, 2, 5]),
        ("from:sara from:ali_reza", [2, 1]),
        ("kind:news", [4, 5]),
        ("نوع:خبر تهران", [4]),
        ("-kind:news", [3, 2, 1]),
        ("on:2026-11-19", [5]),
        ("زلزله since:۲۹ آبان ۱۴۰۵", [4, 2, 1]),
        ("تا:1405/08/28 زلزله", [5]),
        ("روز:۲۹ آبان -زلزله", [3]),
        ('"زلزله در"', [2, 1]),
        ('زلزله -"در تهران"', [4, 2, 5]),
        ('"زلزله در" -تبریز', [1]),
    ],
)
async def test_fields_narrow_a_search(narrowed: SearchIndex, text: str, ids: list[int]) -> None:
    """Author, kind and dates, alone or with words; what is counted is what is found."""
    assert await found(narrowed, text) == ids


async def test_a_source_narrows_a_search(narrowed: SearchIndex) -> None:
    """By its number, wanted or not."""
    assert await found(narrowed, "زلزله source:x", sources=(1,)) == [2, 1]
    assert await found(narrowed, "زلزله source:x", not_sources=(1,)) == [4, 5]
    assert await found(narrowed, "source:x", sources=(1, 3)) == [4, 3, 2, 1, 5]


async def many(posts: PostStore, count: int = 3000) -> list[str]:
    """Posts of 60 days with words of every frequency; returns the texts."""
    chance = random.Random(5)
    vocabulary = [f"واژه{number}" for number in range(200)]
    weights = [1 / (rank + 1) for rank in range(200)]
    texts = [" ".join(chance.choices(vocabulary, weights, k=8)) for _ in range(count)]
    moods = list(Mood)
    await posts.add_many(
        [
            tweet(number, text, -number * 30, mood=moods[number % 3])
            for number, text in enumerate(texts)
        ]
    )
    return texts


@pytest.mark.parametrize(
    "text",
    ["واژه0", "واژه0 واژه1", '"واژه0 واژه1"', '"واژه2 واژه1 واژه0"', "واژه1 -واژه0", "واژه150",
     "واژه0 واژه150", 'واژه3 -"واژه0 واژه0"', "from:sara واژه0 -واژه1", '"واژه77 واژه88 واژه99"'],
)  # fmt: skip
async def test_what_is_found_is_what_holds_the_words(
    posts: PostStore, index: SearchIndex, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """However the search goes through time: nothing is missed, nothing is found twice."""
    monkeypatch.setattr("bot.services.search_scan.RARE", 10)
    monkeypatch.setattr("bot.services.search_scan.LARGEST_UNIT", 30)
    texts = await many(posts)
    await index.catch_up()
    query = parse_query(text, NOON + timedelta(hours=1), TEHRAN)

    expected = [
        number
        for number, said in enumerate(texts, 1)
        if all(f" {word} " in f" {said} " for word in query.words)
        and not any(f" {word} " in f" {said} " for word in query.unwanted)
    ]

    newest = await index.search(query, 5000, order="newest")
    assert newest.ids == expected
    assert newest.back_to is None
    assert (await index.search(query, 20, 40, order="newest")).ids == expected[40:60]
    assert await index.count(query) == Figure(len(expected))
    mood = await index.mood(query)
    assert (mood.total, mood.is_estimate) == (len(expected), False)
    oldest = NOON - timedelta(minutes=30 * (expected[-1] - 1)) if expected else None
    assert await index.first_seen(query) == oldest
    series = await index.series(query, NOON - timedelta(days=70), NOON + timedelta(hours=1), 86_400)
    assert sum(point.posts for point in series) == len(expected)
    assert all(point.mood.total == point.posts for point in series)
    best = await index.search(query, 5000)
    assert set(best.ids) == set(expected)
    scores = [score for _, score in best.found]
    assert scores == sorted(scores, reverse=True)


async def test_an_impatient_search_says_how_far_it_came(
    posts: PostStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes too long is not read to the end: the newest are found, figures are estimates."""
    monkeypatch.setattr("bot.services.search_scan.RARE", 60)
    monkeypatch.setattr("bot.services.search_scan.LARGEST_UNIT", 30)
    texts = await many(posts)
    index = await SearchIndex.open(
        tmp_path / "hasty.db", posts, search_patience_s=-1, count_patience_s=-1
    )
    await index.catch_up()

    hits = await index.search('"واژه0 واژه0"', 100, order="newest")
    simple = await index.search("واژه0", 100, order="newest")
    count = await index.count("واژه0")
    mood = await index.mood("واژه0")
    rare = await index.search("واژه199 واژه0", 100, order="newest")
    await index.close()

    assert hits.back_to is not None
    assert hits.back_to > NOON - timedelta(days=1)
    assert (len(simple.ids), simple.back_to) == (100, None)
    assert count.is_estimate
    assert mood.is_estimate
    assert 1500 < count.value < 3000
    assert 1500 < mood.total < 3000
    both = [n for n, said in enumerate(texts, 1) if {"واژه199", "واژه0"} <= set(said.split())]
    assert (rare.ids, rare.back_to) == (both, None)
    assert both


async def test_posts_of_the_same_moment_are_all_kept(posts: PostStore, index: SearchIndex) -> None:
    """Ids that share their low bits do not overwrite each other, and can be dropped apart."""
    await posts.add_many([tweet(1, "سیل")])
    await index.catch_up()
    first = await posts.get(1)
    assert first is not None
    twin = replace(first, id=1 + (1 << 19))

    class Twins(PostStore):
        """As if half a million posts lay between the two."""

        async def heads(self) -> tuple[int, int]:
            return twin.id, (await super().heads())[1]

        async def after(self, post_id: int, limit: int, *, kept_only: bool = True) -> list[Post]:
            return [twin] if post_id < twin.id else []

    index._follower._posts = Twins(posts._db)
    await index.catch_up()

    assert await index.count("سیل") == Figure(2)
    assert sorted((await index.search("سیل")).ids) == [1, twin.id]


async def test_what_is_newest_comes_first_after_a_loss(posts: PostStore, tmp_path: Path) -> None:
    """An index that is built anew answers with the newest posts while the old ones come in."""
    await posts.add_many([tweet(number, "باران", number) for number in range(1200)])
    index = await SearchIndex.open(tmp_path / "new.db", posts)
    before = await index.behind()

    while await index.behind() == 1200:
        await index.catch_up(0)
    part = await index.count("باران")
    newest = await index.search("باران", 1, order="newest")
    behind = await index.behind()
    await posts.add_many([tweet(5000, "باران", 5000)])
    await index.catch_up(0)
    newer = await index.search("باران", 1, order="newest")
    await index.catch_up()
    whole = await index.count("باران")
    await index.close()

    assert (before, part, behind) == (1200, Figure(500), 700)
    assert (newest.ids, newer.ids) == ([1200], [1201])
    assert whole == Figure(1201)


async def test_drops_and_restores_reach_every_index(posts: PostStore, tmp_path: Path) -> None:
    """Each host follows the changes by itself, also while its index is still being built."""
    await posts.add_many([tweet(number, "باران", number) for number in range(700)])
    here = await SearchIndex.open(tmp_path / "here.db", posts)
    there = await SearchIndex.open(tmp_path / "there.db", posts)
    await here.catch_up()
    await there.catch_up(0)  # begun, with nothing in yet

    await posts.set_drop(3, DropReason.SPAM)
    await posts.set_drop(700, DropReason.SPAM)
    await posts.set_drop(9, DropReason.SPAM)
    await posts.restore(9)
    for index in (here, there):
        await index.catch_up()
    counts = [await index.count("باران") for index in (here, there)]
    ids = [set((await index.search("باران", 800)).ids) for index in (here, there)]
    for index in (here, there):
        await index.close()

    assert counts == [Figure(698), Figure(698)]
    assert ids[0] == ids[1] == set(range(1, 701)) - {3, 700}


async def test_who_missed_changes_starts_anew(
    posts: PostStore, db: Database, index: SearchIndex
) -> None:
    """Changes are kept for a while only; an index further behind cannot know what it missed."""
    await posts.add_many([tweet(1, "باران"), tweet(2, "باران")])
    await index.catch_up()
    for _ in range(2):
        await posts.set_drop(1, DropReason.SPAM)
    await db.execute("DELETE FROM post_changes WHERE id=1")

    await index.catch_up()

    assert (await index.search("باران")).ids == [2]


async def test_an_index_of_another_database_is_built_anew(
    posts: PostStore, db: Database, index: SearchIndex
) -> None:
    """After a restore ids mean other posts: by the database's name, by the head, by the newest."""
    await posts.add_many([tweet(1, "باران"), tweet(2, "باران")])
    await index.catch_up()

    await db.execute("UPDATE posts SET text='برف' WHERE id=1")
    await db.execute("UPDATE meta SET value='restored' WHERE name='database_id'")
    await index.catch_up()
    renamed = (await index.search("برف")).ids
    await db.execute("UPDATE posts SET text='سیل', external_id='other' WHERE id=2")
    await index.catch_up()
    other_posts = (await index.search("سیل")).ids
    await db.execute("DELETE FROM posts WHERE id=2")
    await db.execute("UPDATE heads SET value=1 WHERE name='posts'")
    await index.catch_up()
    fewer = (await index.search("سیل")).ids

    assert (renamed, other_posts, fewer) == ([1], [2], [])


async def test_a_file_damaged_under_a_running_bot_is_built_anew(
    posts: PostStore, tmp_path: Path
) -> None:
    """A search may fail once; the next time that posts are indexed, the index is whole again."""
    path = tmp_path / "search.db"
    await posts.add_many([tweet(number, "باران", number) for number in range(600)])
    index = await SearchIndex.open(path, posts)
    await index.catch_up()
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        file.execute("UPDATE fts_data SET block=x'00ff00ff' WHERE id>10")
        file.commit()

    with pytest.raises(StorageError):
        await index.search("باران")
    await index.catch_up()
    count = await index.count("باران")
    await index.close()

    assert count == Figure(600)


async def test_processes_of_a_host_share_one_file(posts: PostStore, tmp_path: Path) -> None:
    """What one has indexed the other finds; when one starts anew, the other comes along."""
    path = tmp_path / "search.db"
    first = await SearchIndex.open(path, posts)
    second = await SearchIndex.open(path, posts)
    await posts.add_many([tweet(1, "باران"), tweet(2, "باران")])

    await first.catch_up()
    shared = await second.count("باران")
    await first._file.start_anew("a test")
    await first.catch_up()
    read_again = await second.catch_up()
    followed = (await second.search("باران")).ids
    for index in (first, second):
        await index.close()

    assert (shared, read_again, followed) == (Figure(2), 0, [2, 1])


async def test_an_index_of_an_older_version_is_built_anew(posts: PostStore, tmp_path: Path) -> None:
    """Nobody has to delete a file after an update."""
    path = tmp_path / "search.db"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(
            "CREATE TABLE docs (doc INTEGER PRIMARY KEY); "
            "CREATE TABLE progress (one INTEGER PRIMARY KEY, post_id INTEGER); "
            "INSERT INTO progress VALUES (1, 99); PRAGMA user_version=1"
        )
    await posts.add_many([tweet(1, "باران")])

    index = await SearchIndex.open(path, posts)
    await index.catch_up()
    count = await index.count("باران")
    await index.close()

    assert count == Figure(1)


async def test_old_posts_are_taken_out(posts: PostStore, index: SearchIndex) -> None:
    """Retention: everything before a moment goes, in steps, and nothing else."""
    await posts.add_many([tweet(number, "باران", number) for number in range(1300)])
    await index.catch_up()

    gone = await index.forget_before(NOON + timedelta(minutes=1100))

    assert gone == 1100
    assert await index.count("باران") == Figure(200)
    assert await index.first_seen("باران") == NOON + timedelta(minutes=1100)
    assert await index.search("باران", until=NOON + timedelta(minutes=1100)) == await index.search(
        "هیچ"
    )
    query = SearchQuery(kind=PostKind.TWEET)
    assert await index.count(query) == Figure(200)


async def test_freshness_decides_between_equals(posts: PostStore, index: SearchIndex) -> None:
    """The better fit wins; of equally good posts the newer one."""
    await posts.add_many(
        [
            tweet(1, "سیل در شهر ما", -60 * 24 * 30),
            tweet(2, "سیل در شهر ما", 0),
            tweet(3, "سیل سیل سیل", -60 * 24 * 60),
            tweet(4, "خبرهای دیگر شهر و سخنی دراز از چیزهای گوناگون و سیل", 1),
        ]
    )
    await index.catch_up()

    assert (await index.search("سیل")).ids == [3, 2, 1, 4]
