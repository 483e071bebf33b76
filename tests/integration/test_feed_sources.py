"""The list of sources as admins keep it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.errors import BadInput, NotFound, SourceDown
from bot.features.sources import PREVIEWED, Sources
from bot.models.post import TWITTER_SOURCE_ID, SourceState
from bot.ports import Database
from bot.services.http_client import HttpClient
from bot.services.news_feeds import FeedReader
from bot.services.opml import read_opml
from bot.storage.sources import SourceStore
from tests.fakes_feeds import Answer, Site, item, moved, rss

NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)
FEED = rss(
    *(item(n, f"خبر {n}", date=f"Sat, 21 Nov 2026 1{n}:00:00 GMT") for n in range(5)),
)
OPML = (
    '<opml version="2.0"><body><outline text="ورزش">'
    '<outline text="یک" xmlUrl="https://a.example/rss"/>'
    '<outline text="دو" xmlUrl="http://127.0.0.1/rss"/>'
    '<outline text="" xmlUrl="https://b.example/rss"/></outline></body></opml>'
).encode()


@pytest.fixture
async def server() -> AsyncIterator[Site]:
    async with Site({"/feed": Answer(body=FEED)}) as running:
        yield running


@pytest.fixture
async def sources(db: Database) -> AsyncIterator[Sources]:
    client = HttpClient(allow_private=True)
    reader = FeedReader(client, clock=lambda: NOW)
    yield Sources(SourceStore(db), reader, lambda: NOW, allow_private=True)
    await client.close()


async def test_a_feed_is_looked_at_before_it_is_added(server: Site, sources: Sources) -> None:
    """Name, language, count and the three newest; nothing is stored."""
    (preview,) = await sources.look(f"{server.url}/feed")

    assert (preview.name, preview.lang, preview.count) == ("خبرهای آزمایشی", "fa", 5)
    assert [post.external_id for post in preview.newest] == ["4", "3", "2"]
    assert len(preview.newest) == PREVIEWED
    assert (preview.known, await sources.all()) == (None, [])


async def test_a_feed_is_added_once(server: Site, sources: Sources) -> None:
    """The second time the one on the list is given back, as it is."""
    first = await sources.add(f"{server.url}/feed", topic="ورزش")
    second = await sources.add(f" {server.url}/feed ", topic="اقتصاد")

    assert (first.is_new, second.is_new) == (True, False)
    assert second.source == first.source
    assert (first.source.name, first.source.topic) == ("خبرهای آزمایشی", "ورزش")
    assert (await sources.look(f"{server.url}/feed"))[0].known == first.source


async def test_a_sites_feed_is_added_by_the_sites_address(server: Site, sources: Sources) -> None:
    """The page leads to it; without a scheme too."""
    page = b'<html><link rel="alternate" type="application/rss+xml" href="/feed"></html>'
    server.routes["/"] = Answer(body=page)

    added = await sources.add(f"127.0.0.1:{server.port}")

    assert added.source.url == f"{server.url}/feed"


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("", "source.bad_url"),
        ("two words", "source.bad_url"),
        ("ftp://a.example/", "source.bad_url"),
        ("https://u:p@a.example/", "source.bad_url"),
        ("https://a.example/" + "x" * 600, "source.bad_url"),
    ],
)
async def test_what_is_no_address_is_bad_input(sources: Sources, url: str, key: str) -> None:
    """The admin is told what to write."""
    with pytest.raises(BadInput) as raised:
        await sources.look(url)

    assert raised.value.text_key == key


async def test_a_site_without_a_feed_is_bad_input(server: Site, sources: Sources) -> None:
    """A page that cannot be read at all is another matter."""
    server.routes = {"/": Answer(body=b"<html></html>")}

    with pytest.raises(BadInput) as raised:
        await sources.look(f"{server.url}/")
    assert raised.value.text_key == "source.no_feed"
    with pytest.raises(SourceDown):
        await sources.look(f"{server.url}/missing")


async def test_private_addresses_are_refused_by_name(db: Database, server: Site) -> None:
    """Unless the operator allows them."""
    client = HttpClient()
    strict = Sources(SourceStore(db), FeedReader(client), lambda: NOW)

    with pytest.raises(BadInput) as raised:
        await strict.look(f"{server.url}/feed")
    await client.close()

    assert raised.value.text_key == "source.private_address"
    assert server.asked == []


async def test_a_source_is_tested_without_storing(server: Site, sources: Sources) -> None:
    """Read in full whatever its validators say; the error is raised as it is."""
    added = await sources.add(f"{server.url}/feed")

    preview = await sources.test(added.source.id)
    server.routes["/feed"] = moved("/gone")

    assert (preview.count, preview.known) == (5, added.source)
    with pytest.raises(SourceDown, match="404"):
        await sources.test(added.source.id)


async def test_a_source_is_paused_resumed_and_removed(server: Site, sources: Sources) -> None:
    """Resuming forgets its errors and asks at once; the built-in sources are not in the list."""
    source = (await sources.add(f"{server.url}/feed")).source

    assert (await sources.pause(source.id)).state is SourceState.PAUSED
    resumed = await sources.resume(source.id)
    assert (resumed.state, resumed.next_fetch_at) == (SourceState.ACTIVE, NOW)
    assert (await sources.remove(source.id)).id == source.id
    assert await sources.all() == []
    for source_id in (source.id, TWITTER_SOURCE_ID):
        with pytest.raises(NotFound):
            await sources.get(source_id)


async def test_opml_is_imported_once(sources: Sources, db: Database) -> None:
    """Topics and names come along; private addresses are refused unless allowed."""
    strict = Sources(SourceStore(db), sources._reader, lambda: NOW)

    first = await strict.import_opml(OPML)
    second = await strict.import_opml(OPML)

    assert (first.added, first.known, first.refused) == (2, 0, ("http://127.0.0.1/rss",))
    assert (second.added, second.known) == (0, 2)
    assert [(s.name, s.topic) for s in await strict.all()] == [
        ("یک", "ورزش"),
        ("b.example", "ورزش"),
    ]


async def test_another_file_is_no_opml(sources: Sources) -> None:
    """The admin sent the wrong one."""
    with pytest.raises(BadInput) as raised:
        await sources.import_opml(b"hello")

    assert raised.value.text_key == "source.opml_bad"


async def test_the_list_is_exported(sources: Sources) -> None:
    """What comes out goes in again."""
    await sources.import_opml(OPML)

    exported = read_opml(await sources.export_opml())

    assert {outline.url for outline in exported} == {
        "https://a.example/rss",
        "http://127.0.0.1/rss",
        "https://b.example/rss",
    }


async def test_an_empty_list_is_filled_once(sources: Sources, tmp_path: Path) -> None:
    """At the first start only; a missing file is no error."""
    file = tmp_path / "feeds.opml"
    assert await sources.seed_from_file(file) is None
    file.write_bytes(OPML)

    seeded = await sources.seed_from_file(file)

    assert seeded is not None
    assert seeded.added == 3
    assert await sources.seed_from_file(file) is None
