"""Sample sources: four formats over HTTP, 304, a clock that runs, and posts fit for `import`."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import feedparser
import httpx
import pytest

from bot.sandbox.feeds import FEED_NAMES
from bot.sandbox.newsroom import LIVE_EVERY_S, OUTLETS, items_at, stories_of
from bot.sandbox.phrases import read_data
from bot.sandbox.server import SandboxServer
from bot.sandbox.tweets import find_post, sample_posts

NOON = 1_800_000_000.0
ANCHOR = int(NOON) // 60 * 60


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def http(clock: Clock) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        SandboxServer(clock=clock) as server,
        httpx.AsyncClient(base_url=server.url) as client,
    ):
        yield client


def folded(text: str) -> str:
    return text.replace("ي", "ی").replace("ك", "ک").replace("\u200c", " ")


@pytest.mark.parametrize("outlet", OUTLETS, ids=lambda outlet: outlet.name)
async def test_every_format_is_understood_by_an_independent_parser(
    http: httpx.AsyncClient, outlet: object
) -> None:
    """Titles, links, summaries, unique ids and dates of the last seven days."""
    name = getattr(outlet, "name", "")
    answer = await http.get(f"/sandbox/feeds/{name}.xml")
    if answer.headers["content-type"].startswith("application/feed+json"):
        feed = answer.json()
        entries = [
            (e["id"], e["url"], e["title"], datetime.fromisoformat(e["date_published"]))
            for e in feed["items"]
        ]
    else:
        parsed = feedparser.parse(answer.content)
        assert not parsed.bozo
        entries = [
            (
                e.get("id", e.link),
                e.link,
                e.title,
                datetime(*(e.get("published_parsed") or e.updated_parsed)[:6], tzinfo=UTC),
            )
            for e in parsed.entries
        ]
        assert parsed.feed.title

    now = datetime.fromtimestamp(NOON, UTC)
    assert len(entries) >= 40
    assert len({entry[0] for entry in entries}) == len(entries)
    assert all(now - timedelta(days=7) <= entry[3] <= now for entry in entries)
    page = await http.get(entries[0][1])
    assert page.status_code == 200
    assert entries[0][2] in page.text


async def test_an_unchanged_feed_gives_304_and_a_new_item_ends_it(
    http: httpx.AsyncClient, clock: Clock
) -> None:
    """By tag and by date; the tag wins when both are sent."""
    first = await http.get("/sandbox/feeds/sepideh.xml")
    tag, date = first.headers["etag"], first.headers["last-modified"]
    by_tag = await http.get("/sandbox/feeds/sepideh.xml", headers={"if-none-match": tag})
    by_date = await http.get("/sandbox/feeds/sepideh.xml", headers={"if-modified-since": date})
    other_tag = await http.get(
        "/sandbox/feeds/sepideh.xml", headers={"if-none-match": '"x"', "if-modified-since": date}
    )
    clock.now += 240
    later = await http.get("/sandbox/feeds/sepideh.xml", headers={"if-none-match": tag})

    assert (by_tag.status_code, by_tag.content) == (304, b"")
    assert by_date.status_code == 304
    assert other_tag.status_code == 200
    assert later.status_code == 200
    new = {e.id for e in feedparser.parse(later.content).entries}
    assert new - {e.id for e in feedparser.parse(first.content).entries}


async def test_broken_and_missing_feeds(http: httpx.AsyncClient) -> None:
    """One stops in its middle, one is not there."""
    broken = await http.get("/sandbox/feeds/broken.xml")
    missing = await http.get("/sandbox/feeds/nothing.xml")

    assert broken.status_code == 200
    assert not broken.text.rstrip().endswith("</rss>")
    assert missing.status_code == 404
    listed = (await http.get("/sandbox/feeds")).json()["feeds"]
    assert [feed["name"] for feed in listed] == list(FEED_NAMES)
    assert {feed["format"] for feed in listed} == {"rss", "atom", "rdf", "json"}


def test_the_same_moment_and_seed_give_the_same_news() -> None:
    """Deterministic; another seed tells other things; calm items survive a restart."""

    def titles(seed: int, anchor: int, now: float) -> list[str]:
        return [item.title for name in FEED_NAMES for item in items_at(seed, anchor, name, now)]

    assert titles(7, ANCHOR, NOON) == titles(7, ANCHOR, NOON)
    assert titles(7, ANCHOR, NOON) != titles(8, ANCHOR, NOON)
    before = {item.id for item in items_at(7, ANCHOR, "sepideh", NOON) if not item.story}
    after = {item.id for item in items_at(7, ANCHOR + 3600, "sepideh", NOON) if not item.story}
    assert before == after


def test_stories_rise_in_the_last_two_hours_told_by_several_outlets() -> None:
    """Four stories, each by four outlets or more, against a calm week of varied items."""
    items = [item for name in FEED_NAMES for item in items_at(7, ANCHOR, name, NOON)]
    told = [item for item in items if item.story]
    calm = [item for item in items if not item.story]

    keys = {story["key"] for story in stories_of(7, ANCHOR)}
    assert len(keys) == 4
    for key in keys:
        assert len({item.outlet for item in told if item.story == key}) >= 4
    assert all(NOON - item.published <= 7200 for item in told)
    assert len({item.title for item in calm}) >= 150
    assert any("ي" in item.title for item in told)
    assert not any(mark in item.title for item in items for mark in "{}")


def test_every_story_of_the_file_can_be_told() -> None:
    """Each slot of each template has its words, whichever story the day brings."""
    for day in range(40):
        anchor = ANCHOR + day * 86_400
        for name in FEED_NAMES:
            for item in items_at(3, anchor, name, anchor + 1800):
                assert "{" not in item.title + item.summary + item.body
        assert not any("{" in post["text"] for post in sample_posts(anchor, count=400))
    every = {story["key"] for story in read_data("stories.toml")["story"]}
    seen = {s["key"] for day in range(40) for s in stories_of(3, ANCHOR + day * 86_400)}
    assert seen == every


def test_news_goes_on_every_half_minute() -> None:
    """After the start something new appears every 20-30 seconds, the leading story most often."""
    later = ANCHOR + 20 * 60
    fresh = [
        item
        for name in FEED_NAMES
        for item in items_at(7, ANCHOR, name, later)
        if item.published > ANCHOR
    ]
    times = sorted(item.published for item in fresh if item.story)
    leading = stories_of(7, ANCHOR)[0]["key"]
    led = sorted(item.published for item in fresh if item.story == leading)

    assert max(b - a for a, b in pairwise(times)) <= LIVE_EVERY_S + 6
    assert max(b - a for a, b in pairwise(led)) <= 60


def test_sample_posts_have_the_shape_that_import_reads() -> None:
    """Seven days, unique ids, moods of all kinds, the stories dense in the last two hours."""
    posts = sample_posts(NOON, base_url="http://127.0.0.1:1")
    created = [datetime.fromisoformat(post["created_at"]) for post in posts]
    now = datetime.fromtimestamp(NOON, UTC)

    assert len(posts) == 1500
    assert len({post["id"] for post in posts}) == 1500
    assert created == sorted(created)
    assert all(now - timedelta(days=7) <= at <= now for at in created)
    assert all(post["kind"] == "tweet" and post["text"] and post["author"] for post in posts)
    recent = sum(1 for at in created if now - at < timedelta(hours=2))
    assert 200 < recent < 600
    words = Counter(word for post in posts[-200:] for word in set(folded(post["text"]).split()))
    story = stories_of(7, ANCHOR)[0]
    assert words["#" + folded(story["tag"])] >= 20
    assert any("ي" in post["text"] for post in posts)
    assert {post["lang"] for post in posts} == {"fa", "en"}
    assert find_post(posts[700]["id"]) == {k: v for k, v in posts[700].items() if k != "url"}


async def test_posts_are_served_as_json_lines_with_links_that_open(
    http: httpx.AsyncClient,
) -> None:
    """One JSON object a line; a post's link shows it; an unknown one is 404."""
    lines = (await http.get("/sandbox/posts.jsonl")).text.splitlines()
    first = httpx.Response(200, content=lines[0]).json()
    page = await http.get(first["url"])

    assert len(lines) == 1500
    assert page.status_code == 200
    assert first["author"] in page.text
    assert (await http.get("/sandbox/posts/123")).status_code == 404
    assert (await http.get("/sandbox/news/sepideh/x-1")).status_code == 404
    assert (await http.get("/sandbox/news/nobody/c-1")).status_code == 404
