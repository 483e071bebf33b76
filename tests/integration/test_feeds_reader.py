"""Feeds over HTTP: asked conditionally, followed when they move, found from a site's page."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.errors import SourceDown, SourceGarbled, SourceGone, SourceRefused
from bot.models.post import Source, SourceKind, SourceState
from bot.services.feed_schedule import next_poll
from bot.services.http_client import HttpClient
from bot.services.news_feeds import FeedReader, feed_links
from tests.fakes_feeds import Answer, Asked, Route, Site, item, moved, rss

NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)
FEED = rss(item(1, "یک", date="Sat, 21 Nov 2026 14:00:00 GMT"), item(2, "دو"))


@pytest.fixture
async def server() -> AsyncIterator[Site]:
    async with Site() as running:
        yield running


@pytest.fixture
async def reader() -> AsyncIterator[FeedReader]:
    client = HttpClient(allow_private=True)
    yield FeedReader(client, clock=lambda: NOW)
    await client.close()


def source(server: Site, path: str = "/feed") -> Source:
    return Source(kind=SourceKind.FEED, name="", url=server.url + path, id=7)


def with_validators(asked: Asked) -> Answer:
    """As a good server answers."""
    headers = {"ETag": '"v1"', "Last-Modified": "Sat, 21 Nov 2026 14:00:00 GMT"}
    if asked.headers.get("if-none-match") == '"v1"':
        return Answer(status=304, headers=headers)
    return Answer(body=FEED, headers=headers)


async def test_posts_and_what_was_learnt_come_back(server: Site, reader: FeedReader) -> None:
    """The posts are the source's; its name, language and site are filled in."""
    server.routes["/feed"] = Answer(body=FEED)

    outcome = await reader.fetch(source(server))

    assert outcome.error is None
    assert [(post.source_id, post.external_id) for post in outcome.posts] == [(7, "1"), (7, "2")]
    assert outcome.posts[1].created_at == NOW
    learnt = outcome.source
    assert (learnt.name, learnt.lang, learnt.site_url) == (
        "خبرهای آزمایشی",
        "fa",
        "https://news.example/",
    )


async def test_the_second_time_only_changes_are_asked_for(server: Site, reader: FeedReader) -> None:
    """Both validators go out; 304 costs nothing and keeps them."""
    server.routes["/feed"] = with_validators

    first = await reader.fetch(source(server))
    second = await reader.fetch(first.source)

    sent = server.asked[1].headers
    assert sent["if-none-match"] == '"v1"'
    assert sent["if-modified-since"] == "Sat, 21 Nov 2026 14:00:00 GMT"
    assert (second.is_unchanged, second.posts, second.status) == (True, (), 304)
    assert second.source == first.source


async def test_validators_that_a_new_answer_lacks_are_forgotten(
    server: Site, reader: FeedReader
) -> None:
    """An old ETag beside a new body would ask for the wrong thing."""
    server.routes["/feed"] = Answer(body=FEED)

    outcome = await reader.fetch(replace(source(server), etag='"old"', last_modified="x"))

    assert (outcome.source.etag, outcome.source.last_modified) == ("", "")


async def test_an_empty_answer_is_no_change(server: Site, reader: FeedReader) -> None:
    """Some servers say 200 with nothing where they mean 304."""
    server.routes["/feed"] = Answer(body=b"")

    outcome = await reader.fetch(replace(source(server), etag='"old"'))

    assert (outcome.is_unchanged, outcome.error, outcome.source.etag) == (True, None, '"old"')


async def test_a_permanent_move_is_kept(server: Site, reader: FeedReader) -> None:
    """The next request goes to the new address; a temporary move changes nothing."""
    server.routes |= {
        "/feed": moved("/new", 301),
        "/new": Answer(body=FEED),
        "/away": moved("/new", 302),
    }

    assert (await reader.fetch(source(server))).source.url == f"{server.url}/new"
    assert (await reader.fetch(source(server, "/away"))).source.url == f"{server.url}/away"


async def test_a_move_to_something_else_is_not_kept(server: Site, reader: FeedReader) -> None:
    """A site that redirects everything to its front page has not moved its feed there."""
    server.routes |= {"/feed": moved("/", 301), "/": Answer(body=b"<html><body>hi</body></html>")}

    outcome = await reader.fetch(source(server))

    assert isinstance(outcome.error, SourceGarbled)
    assert outcome.source.url == f"{server.url}/feed"


@pytest.mark.parametrize(
    ("route", "error", "status"),
    [
        (Answer(status=404), SourceDown, 404),
        (Answer(status=410), SourceGone, 410),
        (Answer(status=403), SourceRefused, 403),
        (Answer(status=500, body=FEED), SourceDown, 500),
        (Answer(body=b"<html><body>hello</body></html>"), SourceGarbled, 200),
        (Answer(body=FEED, cut=40), SourceDown, 0),
        (moved("http://u:p@a.example/"), SourceRefused, 0),
    ],
)
async def test_what_goes_wrong_is_in_the_outcome(
    server: Site, reader: FeedReader, route: Route, error: type[Exception], status: int
) -> None:
    """One broken source never stops the others, so nothing is raised."""
    server.routes["/feed"] = route

    outcome = await reader.fetch(source(server))

    assert isinstance(outcome.error, error)
    assert (outcome.status, outcome.posts) == (status, ())


async def test_a_busy_server_is_left_alone(server: Site, reader: FeedReader) -> None:
    """429 with Retry-After becomes the next time."""
    server.routes["/feed"] = Answer(status=429, headers={"Retry-After": "7200"})

    polled = next_poll(await reader.fetch(source(server)), 300, 0.5)

    assert polled.next_fetch_at == NOW + timedelta(hours=2)
    assert (polled.errors_in_row, polled.last_error) == (1, "HTTP 429")


async def test_a_gone_feed_is_switched_off(server: Site, reader: FeedReader) -> None:
    """410 the first time."""
    server.routes["/feed"] = Answer(status=410)

    assert next_poll(await reader.fetch(source(server)), 300, 0.5).state is SourceState.GONE


async def test_freshness_and_ttl_make_the_wait(server: Site, reader: FeedReader) -> None:
    """The longer of both."""
    body = rss(item(1, "یک"), head="<ttl>20</ttl>")
    server.routes |= {
        "/feed": Answer(body=body, headers={"Cache-Control": "max-age=60"}),
        "/long": Answer(body=body, headers={"Cache-Control": "max-age=6000"}),
    }

    assert (await reader.fetch(source(server))).wait_s == 1200
    assert (await reader.fetch(source(server, "/long"))).wait_s == 6000


async def test_a_feeds_own_address_is_found(server: Site, reader: FeedReader) -> None:
    """At once, and at its new address when it has moved."""
    server.routes |= {"/feed": Answer(body=FEED), "/old": moved("/feed", 308)}

    (direct,) = await reader.find(f"{server.url}/feed")
    (after_move,) = await reader.find(f"{server.url}/old")

    assert direct.url == after_move.url == f"{server.url}/feed"
    assert len(direct.feed.posts) == 2


async def test_the_feeds_of_a_page_are_found(server: Site, reader: FeedReader) -> None:
    """Those it declares, in its order, without the dead ones."""
    page = (
        '<html><head><link rel="stylesheet" href="/x.css">'
        '<link rel="alternate" type="application/rss+xml" href="/dead">'
        '<link rel="alternate" type="application/rss+xml" href="news.rss">'
        '<link rel="ALTERNATE feed" type="application/atom+xml; charset=utf-8" href="/sport">'
        '</head><body><a href="/fa/rss/">RSS</a></body></html>'
    )
    server.routes |= {
        "/": Answer(body=page.encode()),
        "/news.rss": Answer(body=FEED),
        "/sport": Answer(body=FEED),
    }

    found = await reader.find(f"{server.url}/")

    assert [one.url for one in found] == [f"{server.url}/news.rss", f"{server.url}/sport"]


async def test_the_usual_places_are_tried(server: Site, reader: FeedReader) -> None:
    """For sites that do not link their feed at all."""
    server.routes |= {
        "/": Answer(body=b"<html><body>hi</body></html>"),
        "/fa/rss/allnews": Answer(body=FEED),
    }

    (found,) = await reader.find(f"{server.url}/")

    assert found.url == f"{server.url}/fa/rss/allnews"


async def test_a_site_without_feeds_says_so(server: Site, reader: FeedReader) -> None:
    """And a page that is not there says that."""
    server.routes["/"] = Answer(body=b"<html><body>hi</body></html>")

    with pytest.raises(SourceGarbled):
        await reader.find(f"{server.url}/")
    with pytest.raises(SourceDown, match="404"):
        await reader.find(f"{server.url}/nothing")


def test_links_on_a_page_that_look_like_feeds() -> None:
    """Declared ones first, then what is linked; each once, absolute."""
    page = (
        b'<a href="/rss">x</a><a href="/about">y</a><a href="/fa/rss/allnews?x=1">z</a>'
        b'<link rel="alternate" type="application/rss+xml" href="/feed"><a href="/feed/">w</a>'
    )

    assert feed_links(page, "https://a.example/b/") == [
        "https://a.example/feed",
        "https://a.example/rss",
        "https://a.example/fa/rss/allnews?x=1",
        "https://a.example/feed/",
    ]
