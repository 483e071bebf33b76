"""Rounds of collection: real feeds over HTTP into a real database."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.errors import StorageError
from bot.features.collect import Collector, CollectResult, Notice
from bot.features.intake import Intake
from bot.models.post import DropReason, Post, Source, SourceKind, SourceState
from bot.ports import Database
from bot.services.feed_schedule import MISSING_ERRORS, FetchOutcome
from bot.services.http_client import HttpClient
from bot.services.news_feeds import FeedReader
from bot.storage.origins import OriginStore
from bot.storage.posts import PostStore
from bot.storage.sources import SourceStore
from tests.fakes_feeds import Answer, Asked, Site, item, moved, rss

NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)
SNOW = "بارش برف در ارتفاعات شمال کشور از بامداد امروز آغاز شد و جاده‌ها لغزنده‌اند"
GOLD = "بهای طلا در بازار امروز پس از سه روز کاهش دوباره بالا رفت و خریداران آمدند"
GAME = "تیم ملی والیبال با سه ست پیاپی از سد حریف آسیایی خود گذشت و صدرنشین شد"


@dataclass
class World:
    """A site with feeds, a database, a collector between them, and a clock."""

    site: Site
    db: Database
    sources: SourceStore
    posts: PostStore
    reader: FeedReader
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.notices: list[Notice] = []
        self.collector = self.make_collector()

    def make_collector(self, **more: Any) -> Collector:
        async def note(notice: Notice) -> None:
            self.notices.append(notice)

        reader = more.pop("reader", self.reader)
        intake = more.pop("intake", None) or Intake(self.posts, OriginStore(self.db))
        return Collector(self.sources, reader, intake, on_notice=note, chance=lambda: 0.5, **more)

    async def add(self, path: str, name: str = "") -> Source:
        url = self.site.url + path
        return await self.sources.add(Source(kind=SourceKind.FEED, name=name or path, url=url))

    async def get(self, source: Source) -> Source:
        found = await self.sources.get(source.id)
        assert found is not None
        return found

    async def round(self, *, force: bool = False) -> CollectResult:
        return await self.collector.round(self.now, force=force)

    async def stored(self) -> list[Post]:
        return await self.posts.after(0, 1000, kept_only=False)


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    async with Site() as site:
        client = HttpClient(allow_private=True)
        box: list[World] = []
        reader = FeedReader(client, clock=lambda: box[0].now)
        box.append(World(site, db, SourceStore(db), PostStore(db), reader))
        yield box[0]
        await client.close()


def conditional(body: Callable[[], bytes]) -> Callable[[Asked], Answer]:
    """A server with ETags."""

    def answer(asked: Asked) -> Answer:
        tag = f'"{hash(body())}"'
        if asked.headers.get("if-none-match") == tag:
            return Answer(status=304, headers={"ETag": tag})
        return Answer(body=body(), headers={"ETag": tag})

    return answer


async def test_new_posts_are_stored_with_their_schedule(world: World) -> None:
    """Posts, verdicts and moods, and the source's next time, in one go."""
    date = "Sat, 21 Nov 2026 14:00:00 GMT"
    world.site.routes["/a"] = Answer(
        body=rss(item(1, "برف", SNOW, date), item(2, "طلا", GOLD, date))
    )
    source = await world.add("/a")

    result = await world.round()

    posts = await world.stored()
    assert (result.asked, result.new, result.failed) == (1, 2, 0)
    assert result.kept_ids == tuple(post.id for post in posts)
    assert [(post.source_id, post.title) for post in posts] == [
        (source.id, "برف"),
        (source.id, "طلا"),
    ]
    assert all(post.mood is not None and post.content_key and post.lang == "fa" for post in posts)
    saved = await world.get(source)
    assert (saved.last_ok_at, saved.errors_in_row) == (NOW, 0)
    assert saved.last_post_at == NOW - timedelta(hours=1)
    assert saved.next_fetch_at == NOW + timedelta(seconds=saved.interval_s)


async def test_an_unchanged_feed_costs_a_304(world: World) -> None:
    """The second round asks only for changes; the third finds one."""
    items = [item(1, "برف", SNOW)]
    world.site.routes["/a"] = conditional(lambda: rss(*items))
    await world.add("/a")

    await world.round()
    second = await world.round(force=True)
    items.append(item(2, "طلا", GOLD))
    third = await world.round(force=True)

    assert (second.unchanged, second.new) == (1, 0)
    assert (third.unchanged, third.new) == (0, 1)
    assert len(await world.stored()) == 2


async def test_only_what_is_due_is_asked(world: World) -> None:
    """And a moment too early is due as well; a paused source never is."""
    world.site.routes |= {"/a": Answer(body=rss()), "/b": Answer(body=rss())}
    source = await world.add("/a")
    paused = await world.add("/b")
    await world.sources.set_state(paused.id, SourceState.PAUSED)

    await world.round()
    await world.round()
    due_at = (await world.get(source)).next_fetch_at
    assert due_at is not None
    world.now = due_at - timedelta(seconds=50)
    await world.round()

    assert world.site.paths() == ["/a", "/a"]


async def test_one_broken_source_never_stops_the_others(world: World) -> None:
    """HTML, a missing page, a cut answer, a bad redirect: each on its own record."""
    world.site.routes |= {
        "/good": Answer(body=rss(item(1, "برف", SNOW))),
        "/html": Answer(body=b"<html><body>hi</body></html>"),
        "/cut": Answer(body=rss(item(1, "x")), cut=30),
        "/away": moved("file:///etc/passwd"),
        "/empty": Answer(body=rss()),
    }
    sources = [await world.add(path) for path in (*world.site.routes, "/missing")]

    result = await world.round()

    assert (result.asked, result.failed, result.new) == (6, 4, 1)
    errors = {source.name: (await world.get(source)).last_error for source in sources}
    assert (errors["/good"], errors["/empty"]) == ("", "")
    assert "HTML" in errors["/html"]
    assert errors["/missing"] == "HTTP 404"
    assert all(errors[name] for name in ("/cut", "/away"))


class Exploding(FeedReader):
    """A reader with a fault of its own, at one source."""

    async def fetch(self, source: Source) -> FetchOutcome:
        if source.name == "/bad":
            raise ZeroDivisionError
        return await super().fetch(source)


async def test_a_fault_of_ours_is_on_record_too(world: World) -> None:
    """Even an error nobody thought of leaves the round whole."""
    world.site.routes |= {"/good": Answer(body=rss(item(1, "برف", SNOW)))}
    bad = await world.add("/bad")
    await world.add("/good")
    reader = Exploding(world.reader._client, clock=lambda: NOW)

    result = await world.make_collector(reader=reader).round(NOW)

    assert (result.failed, result.new) == (1, 1)
    assert "ZeroDivisionError" in (await world.get(bad)).last_error


class Choking(Intake):
    """An intake that cannot bear one source's posts."""

    async def take(self, posts: Any, source: Source | None = None) -> Any:
        if posts and source is not None and source.name == "/bad":
            raise ZeroDivisionError
        return await super().take(posts, source)


async def test_posts_we_cannot_bear_do_not_stop_the_round(world: World) -> None:
    """The source is scheduled with an error, the others are stored."""
    world.site.routes |= {
        "/bad": Answer(body=rss(item(1, "طلا", GOLD))),
        "/good": Answer(body=rss(item(1, "برف", SNOW))),
    }
    bad = await world.add("/bad")
    await world.add("/good")
    intake = Choking(world.posts, OriginStore(world.db))

    result = await world.make_collector(intake=intake).round(NOW)

    assert (result.failed, result.new) == (1, 1)
    assert (await world.get(bad)).errors_in_row == 1


async def test_a_broken_database_is_told_as_such(world: World) -> None:
    """That is no fault of a source's, and the scheduler must see it."""
    world.site.routes["/a"] = Answer(body=rss(item(1, "برف", SNOW)))
    await world.add("/a")

    class Broken(Intake):
        async def take(self, posts: Any, source: Source | None = None) -> Any:
            raise StorageError("disk full")

    with pytest.raises(StorageError, match="disk full"):
        await world.make_collector(intake=Broken(world.posts, OriginStore(world.db))).round(NOW)


async def test_a_repeated_story_is_kept_once(world: World) -> None:
    """Two agencies with the same words: the second is stored as a copy of the first."""
    world.site.routes |= {
        "/a": Answer(body=rss(item(1, "برف در شمال", SNOW))),
        "/b": Answer(body=rss(item(9, "برف در شمال", SNOW.replace("ی", "ي")))),
    }
    await world.add("/a")
    await world.add("/b")

    result = await world.round()

    first, second = await world.stored()
    assert (first.drop, second.drop) == (None, DropReason.DUPLICATE)
    assert second.duplicate_of == first.id
    assert result.dropped == {"duplicate": 1}
    assert result.kept_ids == (first.id,)


async def test_a_crash_before_storing_repeats_the_round(world: World) -> None:
    """The cursor is saved with the posts: a new process asks again and loses nothing."""
    world.site.routes["/a"] = conditional(lambda: rss(item(1, "برف", SNOW)))
    source = await world.add("/a")

    class Crash(PostStore):
        async def add_new(self, *args: Any, **more: Any) -> Any:
            raise StorageError("crash")

    intake = Intake(Crash(world.db), OriginStore(world.db))
    with pytest.raises(StorageError):
        await world.make_collector(intake=intake).round(NOW)
    assert (await world.get(source)).etag == ""

    result = await world.make_collector().round(NOW)

    (post,) = await world.stored()
    assert (result.new, post.drop) == (1, None)


async def test_known_posts_stay_as_they_are(world: World) -> None:
    """An edited title does not make a second post, nor does a restart make copies."""
    body = [rss(item(1, "برف", SNOW))]
    world.site.routes["/a"] = lambda asked: Answer(body=body[0])
    await world.add("/a")
    await world.round()

    body[0] = rss(item(1, "برف سنگین", SNOW))
    world.collector = world.make_collector()
    result = await world.round(force=True)

    (post,) = await world.stored()
    assert (result.new, post.title, post.drop) == (0, "برف", None)


async def test_a_moved_feed_keeps_its_posts(world: World) -> None:
    """The address changes, the source stays; another source's address is not taken."""
    world.site.routes |= {
        "/a": moved("/new", 301),
        "/new": Answer(body=rss(item(1, "برف", SNOW))),
        "/b": moved("/c", 301),
        "/c": Answer(body=rss(item(2, "طلا", GOLD))),
    }
    source, other = await world.add("/a"), await world.add("/b")
    await world.add("/c")

    await world.round()

    assert (await world.get(source)).url == f"{world.site.url}/new"
    assert (await world.get(other)).url == f"{world.site.url}/b"


async def test_a_gone_feed_is_switched_off_with_one_notice(world: World) -> None:
    """410 once; afterwards it is not asked any more."""
    world.site.routes["/a"] = Answer(status=410)
    source = await world.add("/a", "خبرگزاری")

    first = await world.round()
    second = await world.round(force=True)

    assert (await world.get(source)).state is SourceState.GONE
    assert [notice.source.name for notice in first.notices] == ["خبرگزاری"]
    assert (first.notices[0].error, len(world.notices)) == ("HTTP 410", 1)
    assert second.asked == 0


async def test_a_missing_feed_is_gone_after_a_while(world: World) -> None:
    """Ten times 404, each after a longer wait."""
    source = await world.add("/missing")

    for _ in range(MISSING_ERRORS):
        assert world.notices == []
        await world.round()
        next_at = (await world.get(source)).next_fetch_at
        assert next_at is not None
        world.now = next_at

    assert len(world.notices) == 1
    assert (await world.get(source)).state is SourceState.GONE
    assert world.now - NOW > timedelta(days=1)


async def test_the_admin_is_told_before_it_is_saved(world: World) -> None:
    """After a crash in between they are told again, under the same key."""
    world.site.routes["/a"] = Answer(status=410)
    await world.add("/a")

    class Crash(Intake):
        async def take(self, posts: Any, source: Source | None = None) -> Any:
            raise StorageError("crash")

    crashing = world.make_collector(intake=Crash(world.posts, OriginStore(world.db)))
    with pytest.raises(StorageError):
        await crashing.round(NOW)
    await world.round()

    assert len(world.notices) == 2
    assert world.notices[0].key == world.notices[1].key


async def test_what_an_admin_does_meanwhile_stays(world: World) -> None:
    """Paused or removed while it is being read: neither is undone."""
    source = await world.add("/a")
    other = await world.add("/b")

    class Meddling(FeedReader):
        async def fetch(self, asked: Source) -> FetchOutcome:
            outcome = await super().fetch(asked)
            if asked.id == source.id:
                await world.sources.set_state(asked.id, SourceState.PAUSED)
            else:
                await world.sources.remove(asked.id)
            return outcome

    world.site.routes |= {
        "/a": Answer(body=rss(item(1, "برف", SNOW))),
        "/b": Answer(body=rss(item(2, "طلا", GOLD))),
    }
    reader = Meddling(world.reader._client, clock=lambda: NOW)
    result = await world.make_collector(reader=reader).round(NOW)

    assert (await world.get(source)).state is SourceState.PAUSED
    assert await world.sources.get(other.id) is None
    assert (result.new, await world.stored()) == (0, [])


async def test_a_busy_server_is_asked_when_it_said(world: World) -> None:
    """429 with Retry-After."""
    world.site.routes["/a"] = Answer(status=429, headers={"Retry-After": "7200"})
    source = await world.add("/a")

    await world.round()
    await world.round()

    assert (await world.get(source)).next_fetch_at == NOW + timedelta(hours=2)
    assert len(world.site.asked) == 1


async def test_a_post_without_a_date_keeps_when_it_was_first_seen(world: World) -> None:
    """Later rounds do not make it young again."""
    world.site.routes["/a"] = Answer(body=rss(item(1, "والیبال", GAME)))
    await world.add("/a")

    await world.round()
    world.now = NOW + timedelta(hours=5)
    await world.round(force=True)

    (post,) = await world.stored()
    assert post.created_at == NOW


async def test_many_sources_are_read_side_by_side(world: World) -> None:
    """Thirty feeds, each stored under its own source, none mixed up."""
    for number in range(30):
        world.site.routes[f"/{number}"] = Answer(
            body=rss(
                item(1, f"خبر {number}", f"{SNOW} {GOLD[number : number + 40]} {number * 7919}")
            )
        )
        await world.add(f"/{number}")

    result = await world.round()

    posts = await world.stored()
    names = await world.sources.names()
    assert (result.asked, result.failed, result.new) == (30, 0, 30)
    assert all(names[post.source_id] == f"/{post.title.split()[1]}" for post in posts)
