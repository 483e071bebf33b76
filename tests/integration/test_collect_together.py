"""Several collectors over one list of sources, and admins who decide meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.errors import LeaseLost
from bot.features.collect import Collector, CollectResult
from bot.features.intake import Intake
from bot.features.sources import Sources
from bot.models.post import Source, SourceKind, SourceState
from bot.ports import Database
from bot.services.http_client import HttpClient
from bot.services.news_feeds import FeedReader
from bot.storage.origins import OriginStore
from bot.storage.posts import PostStore
from bot.storage.sources import SourceStore
from bot.utils.times import utc_now
from tests.fakes_feeds import Answer, Asked, Site, item, rss

SNOW = "بارش برف در ارتفاعات شمال کشور از بامداد امروز آغاز شد و جاده‌ها لغزنده‌اند"


class World:
    """A site of feeds, and as many collectors as wanted, which share only the database."""

    def __init__(self, site: Site, db: Database) -> None:
        self.site = site
        self.db = db
        self.client = HttpClient(allow_private=True)
        self.reader = FeedReader(self.client)
        self.sources = SourceStore(db)
        self.posts = PostStore(db)

    def collector(self, claim: timedelta = timedelta(minutes=5)) -> Collector:
        intake = Intake(PostStore(self.db), OriginStore(self.db))
        return Collector(SourceStore(self.db), self.reader, intake, claim=claim)

    async def add(self, path: str, answer: Answer) -> Source:
        self.site.routes[path] = answer
        url = self.site.url + path
        return await self.sources.add(Source(kind=SourceKind.FEED, name=path, url=url))

    async def get(self, source: Source) -> Source:
        found = await self.sources.get(source.id)
        assert found is not None
        return found

    async def until_asked(self, times: int) -> None:
        async with asyncio.timeout(30):
            while len(self.site.asked) < times:  # noqa: ASYNC110 - no event to wait for
                await asyncio.sleep(0.01)


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    async with Site() as site:
        made = World(site, db)
        yield made
        await made.client.close()


async def test_each_due_source_is_asked_once_by_all_together(world: World) -> None:
    """Four rounds at the same moment over forty feeds."""
    for number in range(40):
        body = rss(item(number, f"خبر {number}", f"{number * 7919} {SNOW[number:]}"))
        await world.add(f"/{number}", Answer(body=body))

    results = await asyncio.gather(*[world.collector().round(utc_now()) for _ in range(4)])

    assert sum(result.asked for result in results) == 40
    assert sum(result.new for result in results) == 40
    assert sorted(world.site.paths()) == sorted(f"/{number}" for number in range(40))


async def test_what_comes_after_the_claims_end_is_refused(world: World) -> None:
    """A worker that slept finds that another has asked: neither post nor cursor is doubled."""
    go = asyncio.Event()
    slow = Answer(body=rss(item(1, "برف", SNOW)), headers={"ETag": '"old"'}, hold=go)
    source = await world.add("/a", slow)
    sleepy = asyncio.create_task(world.collector(timedelta(seconds=0.3)).round(utc_now()))
    await world.until_asked(1)
    await asyncio.sleep(0.5)
    quick = Answer(body=rss(item(1, "برف", SNOW)), headers={"ETag": '"new"'})
    world.site.routes["/a"] = quick

    there = await world.collector().round(utc_now())
    go.set()
    late = await sleepy

    assert (there.new, there.refused) == (1, 0)
    assert (late.new, late.refused, late.asked) == (0, 1, 1)
    assert (await world.get(source)).etag == '"new"'
    assert len(await world.posts.after(0, 10)) == 1


async def test_a_crashed_workers_source_is_asked_when_its_claim_ends(world: World) -> None:
    """Until then others leave it alone."""
    await world.add("/a", Answer(body=rss(item(1, "برف", SNOW))))
    (claimed,) = await world.sources.claim_due(utc_now(), 5, timedelta(seconds=1))
    assert claimed.claim_token

    meanwhile = await world.collector().round(utc_now())
    await asyncio.sleep(1.1)
    after = await world.collector().round(utc_now())

    assert (meanwhile.asked, after.asked, after.new) == (0, 1, 1)


async def test_a_round_that_is_cancelled_gives_its_claims_back(world: World) -> None:
    """An orderly stop keeps nobody waiting."""
    never = asyncio.Event()
    await world.add("/a", Answer(hold=never))
    stopped = asyncio.create_task(world.collector().round(utc_now()))
    await world.until_asked(1)

    stopped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopped

    assert len(await world.sources.claim_due(utc_now(), 5, timedelta(seconds=1))) == 1


@pytest.mark.parametrize("decision", ["pause", "pause and resume", "remove"])
async def test_what_an_admin_decides_meanwhile_wins(world: World, decision: str) -> None:
    """What was being read is not stored, and the source is as the admin has it."""
    go = asyncio.Event()
    answer = Answer(body=rss(item(1, "برف", SNOW)), headers={"ETag": '"1"'}, hold=go)
    source = await world.add("/a", answer)
    admin = Sources(SourceStore(world.db), world.reader, utc_now, allow_private=True)
    reading = asyncio.create_task(world.collector().round(utc_now()))
    await world.until_asked(1)

    if decision.startswith("pause"):
        await admin.pause(source.id)
    if decision.endswith("resume"):
        await admin.resume(source.id)
    if decision == "remove":
        await admin.remove(source.id)
    go.set()
    result: CollectResult = await reading

    assert (result.new, result.refused) == (0, 1)
    assert await world.posts.after(0, 10) == []
    left = await world.sources.get(source.id)
    states = {"pause": SourceState.PAUSED, "pause and resume": SourceState.ACTIVE, "remove": None}
    assert (left.state if left else None) is states[decision]
    assert left is None or left.etag == ""


async def test_a_name_and_a_topic_given_meanwhile_stay(world: World) -> None:
    """The collector writes what it learnt, and nothing of what people decide."""
    source = await world.add("/a", Answer())

    def answer(asked: Asked) -> Answer:
        return Answer(body=rss(item(1, "برف", SNOW)), headers={"ETag": '"1"'})

    world.site.routes["/a"] = answer
    (claimed,) = await world.sources.claim_due(utc_now(), 5, timedelta(minutes=1))
    outcome = await world.reader.fetch(claimed)
    await world.db.execute(
        "UPDATE sources SET name='نام تازه', topic='ورزش' WHERE id=?", (source.id,)
    )

    await world.posts.add_many([], replace(outcome.source, next_fetch_at=utc_now()))

    found = await world.get(source)
    assert (found.name, found.topic, found.etag) == ("نام تازه", "ورزش", '"1"')
    assert found.site_url == "https://news.example/"


async def test_a_completion_without_its_claim_keeps_nothing(world: World) -> None:
    """The posts that came with it are not stored either."""
    await world.add("/a", Answer(body=rss(item(1, "برف", SNOW))))
    (claimed,) = await world.sources.claim_due(utc_now(), 5, timedelta(minutes=1))
    outcome = await world.reader.fetch(claimed)
    await world.sources.release([claimed])

    with pytest.raises(LeaseLost):
        await Intake(world.posts, OriginStore(world.db)).take(outcome.posts, outcome.source)

    assert await world.posts.after(0, 10, kept_only=False) == []
