"""Months that are not kept go, a little at a time; what refers to them stays right."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.features import retention as retention_module
from bot.features.analyse import Analyser
from bot.features.intake import Intake
from bot.features.lookup import Lookup
from bot.features.retention import Retention, first_kept
from bot.models.alert import AlertHit
from bot.models.post import TWITTER_SOURCE_ID, DropReason, Post, PostKind, Source, SourceKind
from bot.ports import Database
from bot.services.search_index import SearchIndex
from bot.storage.alerts import AlertStore
from bot.storage.counters import CounterStore
from bot.storage.insights import TrendStore
from bot.storage.origins import OriginStore
from bot.storage.post_counts import SLOT_MS
from bot.storage.posts import PostStore
from bot.storage.retention import RetentionStore
from bot.storage.sources import SourceStore
from bot.utils.times import to_ms

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEPT_FROM = datetime(2026, 9, 1, tzinfo=UTC)  # two months besides November


@pytest.fixture
async def index(db: Database, tmp_path: Path) -> AsyncIterator[SearchIndex]:
    made = await SearchIndex.open(tmp_path / "search.db", PostStore(db))
    yield made
    await made.close()


def _retention(db: Database, index: SearchIndex, months: int = 2) -> Retention:
    return Retention(
        RetentionStore(db), PostStore(db), OriginStore(db), index, lambda: NOW, months=months
    )


def _post(number: int, at: datetime, **fields: object) -> Post:
    post = Post(
        kind=PostKind.TWEET,
        source_id=TWITTER_SOURCE_ID,
        external_id=str(number),
        created_at=at,
        text=f"برف شماره {number * 7919} در کوهستان بارید",
    )
    return replace(post, **fields)  # type: ignore[arg-type]  # the caller names fields


def _months(per_day: int = 2) -> list[Post]:
    """Posts from June to November."""
    days = (NOW - datetime(2026, 6, 1, tzinfo=UTC)).days
    return [
        _post(number, NOW - timedelta(days=days) + timedelta(days=number / per_day))
        for number in range(days * per_day)
    ]


@pytest.mark.parametrize(
    ("months", "first"),
    [
        (0, None),
        (1, datetime(2026, 10, 1, tzinfo=UTC)),
        (10, datetime(2026, 1, 1, tzinfo=UTC)),
        (11, datetime(2025, 12, 1, tzinfo=UTC)),
        (1200, datetime(1926, 11, 1, tzinfo=UTC)),
    ],
)
def test_whole_months_are_kept_besides_the_running_one(months: int, first: datetime | None) -> None:
    """Zero keeps everything."""
    assert first_kept(NOW, months) == first


async def test_old_months_go_and_the_rest_stays(
    db: Database, index: SearchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Posts, their counts and what the search holds; never the counters of terms."""
    monkeypatch.setattr(retention_module, "PIECE", 50)
    posts, made = PostStore(db), _months()
    await posts.add_many(made)
    await index.catch_up()
    await db.execute(
        "INSERT INTO term_days (day, kind, term, posts, voices, positive, negative) "
        "VALUES (20000, 'tweet', 'برف', 1, 1, 0, 0)"
    )
    old = [post for post in made if post.created_at < KEPT_FROM]

    dropped = await _retention(db, index).round()

    left = await posts.after(0, 10_000, kept_only=False)
    assert dropped == len(old)
    assert {post.external_id for post in left} == {p.external_id for p in made if p not in old}
    assert await posts.count() == len(left)
    assert await posts.count_between(datetime(2026, 1, 1, tzinfo=UTC), KEPT_FROM) == {}
    assert (await posts.count_between(KEPT_FROM, NOW))["kept"] == len(left)
    slots = await db.fetch_one("SELECT MIN(slot_ms) FROM post_counts")
    assert slots is not None
    assert slots[0] >= to_ms(KEPT_FROM) - SLOT_MS
    assert (await index.count("برف")).value == len(left)
    assert await db.fetch_all("SELECT COUNT(*) FROM term_days") == [(1,)]
    assert await posts.head() == len(made)
    assert await _retention(db, index).round() == 0


async def test_zero_months_keep_everything(db: Database, index: SearchIndex) -> None:
    """The default."""
    await PostStore(db).add_many(_months())

    assert await _retention(db, index, months=0).round() == 0
    assert await PostStore(db).count() == len(_months())


async def test_what_refers_to_a_dropped_post_is_put_right(db: Database, index: SearchIndex) -> None:
    """A later copy stays dropped and points to nothing; a find in the post is forgotten."""
    posts, alerts = PostStore(db), AlertStore(db)
    just_before, just_after = KEPT_FROM - timedelta(hours=1), KEPT_FROM + timedelta(hours=1)
    (original,) = (await posts.add_many([_post(1, just_before)])).new
    copy = _post(2, just_after, drop=DropReason.DUPLICATE, duplicate_of=original.id)
    (copy, other) = (await posts.add_many([copy, _post(3, just_after)])).new
    for post in (original, other):
        hit = AlertHit(watch_id=7, post_id=post.id, story=post.id, found_at=just_after)
        await alerts.note([hit], post.id)

    assert await _retention(db, index).round() == 1

    left = (await posts.get_many([copy.id]))[copy.id]
    assert (left.drop, left.duplicate_of) == (DropReason.DUPLICATE, None)
    assert await db.fetch_all("SELECT post_id FROM alert_hits") == [(other.id,)]


async def test_what_is_gone_does_not_come_back_as_new(db: Database, index: SearchIndex) -> None:
    """A source offers its old posts for ever: dated ones are too old, others are remembered."""
    posts, sources = PostStore(db), SourceStore(db)
    feed = await sources.add(Source(kind=SourceKind.FEED, name="خبر", url="http://a.example/"))
    news = Post(
        kind=PostKind.NEWS,
        source_id=feed.id,
        external_id="undated",
        created_at=NOW - timedelta(days=150),
        collected_at=NOW - timedelta(days=150),
        title="برف آمد",
        text="برف سنگین در شمال کشور بارید",
    )
    await posts.add_many([news, _post(1, NOW - timedelta(days=140))])
    retention = _retention(db, index)
    await retention.round()
    assert await posts.count() == 0
    intake = Intake(posts, OriginStore(db), oldest=retention.oldest)

    taken = await intake.take(
        [
            replace(news, created_at=NOW, collected_at=None),
            _post(1, NOW - timedelta(days=140)),
            _post(2, NOW - timedelta(days=100)),
            _post(3, NOW),
        ],
        replace(feed, etag="now"),
    )

    assert [post.external_id for post in taken.new] == ["3"]
    assert (taken.too_old, taken.known) == (3, 0)
    saved = await sources.get(feed.id)
    assert saved is not None
    assert saved.etag == "now"


async def test_two_processes_drop_the_same_months(
    db: Database, index: SearchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every post is dropped once, and every count is right."""
    monkeypatch.setattr(retention_module, "PIECE", 20)
    posts = PostStore(db)
    await posts.add_many(_months())

    await asyncio.gather(*(_retention(db, index).round() for _ in range(3)))
    await _retention(db, index).round()

    assert await posts.count() == len([p for p in _months() if p.created_at >= KEPT_FROM])
    rows = await db.fetch_all("SELECT COUNT(*) FROM post_counts WHERE posts<1")
    assert rows == [(0,)]


async def test_a_round_that_was_killed_is_gone_on_with(
    tmp_path: Path, db: Database, index: SearchIndex
) -> None:
    """SIGKILL in the middle, several times: nothing is half there, and the end is the same."""
    if db.dialect.name != "sqlite":
        pytest.skip("a killed client is a rolled back transaction there, see the chaos tests")
    posts = PostStore(db)
    await posts.add_many(_months(per_day=40))
    expected = len([p for p in _months(per_day=40) if p.created_at >= KEPT_FROM])
    program = (
        "import asyncio, sys\n"
        "from datetime import UTC, datetime\n"
        "from bot.services.db_service import open_database\n"
        "from bot.storage.retention import RetentionStore\n"
        "async def main():\n"
        "    store = RetentionStore(await open_database(sys.argv[1]))\n"
        "    when = datetime(2026, 9, 1, tzinfo=UTC)\n"
        "    while await store.drop_oldest(when, 3, when):\n"
        "        print('dropped', flush=True)\n"
        "asyncio.run(main())\n"
    )
    for steps in (1, 5, 20):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program, f"sqlite:///{tmp_path}/hoshyar.db"),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        async with asyncio.timeout(120):
            for _ in range(steps):
                assert await process.stdout.readline() == b"dropped\n"
        process.kill()
        await process.wait()
        rows = await db.fetch_all("SELECT COUNT(*) FROM posts")
        assert rows == [(await posts.count(),)]
        counted = await db.fetch_all("SELECT SUM(posts) FROM post_counts")
        assert counted == rows
    assert await posts.count() > expected

    await _retention(db, index).round()

    assert await posts.count() == expected


async def test_history_survives_the_posts(db: Database, index: SearchIndex) -> None:
    """How usual a word is stays known when its posts have gone."""
    counters = CounterStore(db)
    before = await counters.watermark()
    await PostStore(db).add_many(_months())

    await _retention(db, index).round()

    assert await counters.watermark() == before


async def test_a_search_before_what_is_kept_says_so(db: Database, index: SearchIndex) -> None:
    """Also by its end alone; a search within what is kept, or without dates, says nothing."""
    posts, sources, trends = PostStore(db), SourceStore(db), TrendStore(db)
    await posts.add_many(_months())
    retention = _retention(db, index)
    await retention.round()
    await index.catch_up()
    analyser = Analyser(posts, trends, sources, clock=lambda: NOW)
    lookup = Lookup(analyser, trends, index, posts, sources, lambda: NOW, oldest=retention.oldest)

    async def said(query: str) -> datetime | None:
        return (await lookup.find(query, 0, 5, "UTC")).kept_since

    assert await said("برف since:2026-07-01") == KEPT_FROM
    assert await said("برف until:2026-07-01") == KEPT_FROM
    assert await said("برف since:2026-10-01") is None
    assert await said("برف") is None
    assert lookup.kept_since(KEPT_FROM) is None
    assert lookup.kept_since(KEPT_FROM - timedelta(days=1)) == KEPT_FROM
