"""Old posts from JSON lines, into a real database."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.errors import BadInput, NoRoom
from bot.features.imports import BATCH, MAX_LINE, Importer, ImportResult
from bot.features.intake import Intake
from bot.models.post import (
    IMPORTED_NEWS_SOURCE_ID,
    TWITTER_SOURCE_ID,
    DropReason,
    Engagement,
    Post,
    PostKind,
)
from bot.ports import Database, Transaction
from bot.storage.origins import OriginStore
from bot.storage.posts import PostStore

START = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def posts(db: Database) -> PostStore:
    return PostStore(db)


@pytest.fixture
def importer(db: Database, posts: PostStore) -> Importer:
    return Importer(Intake(posts, OriginStore(db)), lambda: START + timedelta(days=1))


def line(number: int | str, text: str = "", **more: Any) -> str:
    record = {
        "id": number,
        "created_at": (START + timedelta(minutes=int(number) % 1000)).isoformat(),
        "text": text or f"گزارش شماره {number} از بازار امروز درباره کالای {int(number) * 7919}",
        **more,
    }
    return json.dumps(record, ensure_ascii=False)


def file_of(tmp_path: Path, *lines: str | bytes) -> Path:
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b"\n".join(one.encode() if isinstance(one, str) else one for one in lines))
    return path


async def everything(posts: PostStore) -> list[Post]:
    return await posts.after(0, 100_000, kept_only=False)


async def test_every_field_arrives(tmp_path: Path, importer: Importer, posts: PostStore) -> None:
    """Tweets belong to X's own source, so that a collected one is the same post."""
    path = file_of(
        tmp_path,
        line(
            1,
            "سلام #برف_تهران امروز @friend خوب است كه",
            author="@ali",
            likes=5,
            retweets=2,
            replies=1,
            views=9.0,
            lang="fa",
            url="https://x.example/1",
        ),
        line(
            "2",
            "متن خبر کوتاه امروز",
            kind="news",
            title="عنوان خبر",
            created_at="2026-11-20T03:30",
        ),
    )

    done = await importer.run(path)

    tweet, news = await everything(posts)
    assert (done.read, done.new, done.known, done.bad) == (2, 2, 0, 0)
    assert (tweet.kind, tweet.source_id, tweet.external_id) == (
        PostKind.TWEET,
        TWITTER_SOURCE_ID,
        "1",
    )
    assert tweet.created_at == START + timedelta(minutes=1)
    assert tweet.text == "سلام #برف_تهران امروز @friend خوب است که"
    assert (tweet.author, tweet.lang, tweet.url) == ("ali", "fa", "https://x.example/1")
    assert (tweet.hashtags, tweet.mentions) == (("برف_تهران",), ("friend",))
    assert tweet.engagement == Engagement(likes=5, retweets=2, replies=1, views=9)
    assert tweet.mood is not None
    assert tweet.content_key != 0
    assert (news.kind, news.source_id, news.title) == (
        PostKind.NEWS,
        IMPORTED_NEWS_SOURCE_ID,
        "عنوان خبر",
    )
    assert news.created_at == datetime(2026, 11, 20, 3, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "not a JSON object"),
        (b'{"id": "\xff"}', "not UTF-8"),
        ("{}", "no id"),
        ('{"id": true, "text": "x"}', "no id"),
        ('{"id": 1, "text": "x"}', "no created_at"),
        ('{"id": 1, "text": "x", "created_at": "yesterday"}', "not ISO 8601"),
        ('{"id": 1, "text": "x", "created_at": 1600000000}', "no created_at"),
        ('{"id": 1, "text": "x", "created_at": "0001-01-01T00:00:00+09:00"}', "created_at"),
        ('{"id": 1, "created_at": "2026-11-20T00:00:00Z"}', "no text"),
        ('{"id": 1, "created_at": "2026-11-20T00:00:00Z", "text": " "}', "no text"),
        ('{"id": 1, "created_at": "2026-11-20T00:00:00Z", "text": 5}', "text is not text"),
        (line(1, kind="poem"), "kind"),
        (line(1, likes=-1), "likes"),
        (line(1, likes="many"), "likes"),
        (line(1, text="x" * MAX_LINE), "longer than"),
    ],
)
async def test_a_bad_line_is_reported_and_skipped(
    tmp_path: Path, importer: Importer, posts: PostStore, raw: str | bytes, reason: str
) -> None:
    """With its number and why; the lines around it arrive."""
    done = await importer.run(file_of(tmp_path, line(7), "", raw, line(8)))

    assert (done.new, done.bad) == (2, 1)
    assert done.bad_lines[0].line == 3
    assert reason in done.bad_lines[0].reason
    assert [post.external_id for post in await everything(posts)] == ["7", "8"]


async def test_a_time_to_come_is_no_time(
    tmp_path: Path, importer: Importer, posts: PostStore
) -> None:
    """Up to a day ahead is a clock or a zone that differs; a time without an offset is UTC."""
    path = file_of(
        tmp_path,
        line(1, created_at="2026-11-21T23:59:00"),
        line(2, created_at="2026-11-22T00:01:00+00:00"),
        line(3, created_at="2031-01-01"),
    )

    done = await importer.run(path)

    (post,) = await everything(posts)
    assert post.created_at == datetime(2026, 11, 21, 23, 59, tzinfo=UTC)
    assert [(bad.line, bad.reason.split(":")[0]) for bad in done.bad_lines] == [
        (2, "created_at is in the future"), (3, "created_at is in the future"),
    ]  # fmt: skip


async def test_the_same_file_twice_changes_nothing(
    tmp_path: Path, importer: Importer, posts: PostStore
) -> None:
    """The second time every post is known."""
    path = file_of(tmp_path, *(line(number) for number in range(20)))

    await importer.run(path)
    before = await everything(posts)
    again = await importer.run(path)

    assert (again.read, again.new, again.known) == (20, 0, 20)
    assert await everything(posts) == before


async def test_engagement_only_grows(tmp_path: Path, importer: Importer, posts: PostStore) -> None:
    """A later file may know more likes."""
    await importer.run(file_of(tmp_path, line(1, likes=5, retweets=9)))
    await importer.run(file_of(tmp_path, line(1, likes=8, retweets=3)))

    (post,) = await everything(posts)
    assert (post.engagement.likes, post.engagement.retweets) == (8, 9)


async def test_an_id_twice_in_a_file_is_one_post(
    tmp_path: Path, importer: Importer, posts: PostStore
) -> None:
    """The first wins."""
    done = await importer.run(
        file_of(tmp_path, line(1, "نخستین متن این پست"), line(1, "متن دیگری"))
    )

    assert (done.new, done.known) == (1, 1)
    assert [post.text for post in await everything(posts)] == ["نخستین متن این پست"]


LONG = "امروز صبح زلزله‌ای به بزرگی چهار ریشتر شهر نمونه را لرزاند و مردم به خیابان آمدند"


async def test_copies_are_kept_apart_with_their_original(
    tmp_path: Path, importer: Importer, posts: PostStore
) -> None:
    """Exact and near copies, in one batch, name the post they repeat."""
    path = file_of(
        tmp_path,
        line(1, LONG),
        line(2, LONG.replace("ی", "ي") + " https://t.co/abc"),
        line(3, LONG.replace("امروز صبح", "فوری:")),
        line(4, "چیزی کاملا متفاوت درباره‌ی فوتبال و برد تیم محلی در بازی دیروز"),
    )

    await importer.run(path)

    original, exact, near, other = await everything_by_id(posts)
    assert (original.drop, other.drop) == (None, None)
    assert (exact.drop, exact.duplicate_of) == (DropReason.DUPLICATE, original.id)
    assert (near.drop, near.duplicate_of) == (DropReason.NEAR_DUPLICATE, original.id)


async def test_copies_of_stored_posts_are_found_after_a_restart(
    tmp_path: Path, db: Database, importer: Importer, posts: PostStore
) -> None:
    """A new process reads back what was seen lately."""
    await importer.run(file_of(tmp_path, line(1, LONG)))
    fresh = Importer(Intake(posts, OriginStore(db)))
    await fresh.run(file_of(tmp_path, line(2, LONG), line(3, LONG.replace("امروز صبح", "فوری:"))))

    original, exact, near = await everything_by_id(posts)
    assert (exact.drop, exact.duplicate_of) == (DropReason.DUPLICATE, original.id)
    assert (near.drop, near.duplicate_of) == (DropReason.NEAR_DUPLICATE, original.id)


async def test_a_failed_batch_is_not_its_own_copy(
    tmp_path: Path, db: Database, posts: PostStore
) -> None:
    """What was remembered of a batch that was not stored must not drop its second try."""

    class Failing(PostStore):
        async def add_new(self, *args: Any, **more: Any) -> Any:
            raise OSError("the disk is full")

    intake = Intake(Failing(db), OriginStore(db))
    path = file_of(tmp_path, line(1, LONG))
    with pytest.raises(OSError, match="full"):
        await Importer(intake).run(path)
    intake._posts = posts

    await Importer(intake).run(path)

    (post,) = await everything(posts)
    assert post.drop is None


async def test_progress_is_told_and_batches_are_bounded(
    tmp_path: Path, importer: Importer, posts: PostStore
) -> None:
    """After each thousand; empty lines and bad ones do not stretch a batch without end."""
    told: list[ImportResult] = []
    lines = [line(number) for number in range(BATCH + 5)]
    lines[3:3] = [""] * 10

    done = await importer.run(file_of(tmp_path, *lines), told.append)

    assert [one.read for one in told] == [BATCH, BATCH + 5]
    assert told[-1] == done
    assert done.new == BATCH + 5


async def test_an_import_stops_before_the_room_ends(
    tmp_path: Path, importer: Importer, posts: PostStore
) -> None:
    """With how far it came; the same file goes on from there when there is room."""
    answers = iter([False, True])

    async def is_full() -> bool:
        return next(answers)

    path = file_of(tmp_path, *(line(number) for number in range(BATCH + 5)))
    with pytest.raises(NoRoom) as stopped:
        await importer.run(path, is_full=is_full)
    stored = await posts.count()

    again = await importer.run(path)

    assert stopped.value.fields == {"read": BATCH, "new": BATCH}
    assert stored == BATCH
    assert (again.new, again.known) == (5, BATCH)


@pytest.mark.sqlite
async def test_an_import_into_a_full_disk_says_how_far_it_came(
    tmp_path: Path, db: Database, importer: Importer, posts: PostStore
) -> None:
    """The batch that did not fit is not there; those before it are."""
    path = file_of(tmp_path, *(line(number) for number in range(3 * BATCH)))

    async def shut(tx: Transaction) -> None:
        pages = await tx.fetch_one("PRAGMA page_count")
        assert pages is not None
        await tx.execute(f"PRAGMA max_page_count={pages[0] + 100}")

    await db.write(shut)

    with pytest.raises(NoRoom) as stopped:
        await importer.run(path)

    assert stopped.value.fields["read"] == await posts.count() < 3 * BATCH


async def test_a_missing_file_is_bad_input(importer: Importer) -> None:
    """The operator mistyped."""
    with pytest.raises(BadInput):
        await importer.run(Path("/nowhere/posts.jsonl"))


async def everything_by_id(posts: PostStore) -> list[Post]:
    """In the order of the external ids."""
    return sorted(await everything(posts), key=lambda post: int(post.external_id))
