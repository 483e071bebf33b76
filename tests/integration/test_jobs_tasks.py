"""The table of jobs, and housekeeping on a real database."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from bot.analysis.influence import influence
from bot.features.chats import Chats
from bot.features.collect import CollectResult
from bot.features.housekeeping import Housekeeper, Swept
from bot.features.intake import Intake
from bot.features.people import People
from bot.features.reports import DigestRound
from bot.features.retention import Retention
from bot.features.tweet_intake import TweetIntake
from bot.features.tweets import TweetRound
from bot.jobs.runs import Job
from bot.jobs.tasks import Parts, table
from bot.models.messages import Attachment, OutMessage
from bot.ports import Database
from bot.services.search_index import SearchIndex
from bot.storage.origins import OriginStore
from bot.storage.people import PeopleStore
from bot.storage.posts import PostStore
from bot.storage.retention import RetentionStore
from bot.storage.sent_files import SentFileStore
from bot.storage.talks import RefStore, TalkStore
from bot.storage.users import UserStore
from bot.storage.work import InboxStore, JobStore
from tests.people_world import REZA, SARA, profile
from tests.telling_world import CHAT, HandClock, World, close_world, open_world


@pytest.fixture
async def world(db: Database, tmp_path: Path) -> AsyncIterator[World]:
    made = await open_world(db, tmp_path)
    yield made
    await close_world(made)


@dataclass
class Said:
    """Stands where features are and says what was asked of it."""

    calls: list[str] = field(default_factory=list)
    is_roomy: bool = True
    new_tweets: int = 0

    async def collect_round(self, now: object) -> CollectResult:
        self.calls.append("collect")
        return CollectResult(asked=3, new=2)

    async def catch_up(self, patience_s: float | None = None) -> int:
        self.calls.append("index")
        return 4

    async def tweets_round(self, now: datetime) -> TweetRound:
        self.calls.append("tweets")
        return TweetRound(new=self.new_tweets)

    async def has_room(self) -> bool:
        return self.is_roomy

    async def run_due(self) -> DigestRound:
        self.calls.append("digests")
        return DigestRound(made=1)

    async def round(self) -> None:
        self.calls.append("alerts")

    async def run(self) -> None:
        self.calls.append("analyse")

    async def follow(self) -> None:
        self.calls.append("follow")


def keeping(world: World) -> Retention:
    """Retention that keeps everything."""
    db = world.db
    return Retention(
        RetentionStore(db), PostStore(db), OriginStore(db), cast(SearchIndex, None), world.clock
    )


def jobs_of(world: World, said: Said, *, has_twitter: bool = False) -> dict[str, Job]:
    hoshyar = SimpleNamespace(
        clock=world.clock,
        collect=SimpleNamespace(round=said.collect_round),
        tweets=SimpleNamespace(round=said.tweets_round),
        people=SimpleNamespace(forget_old=None),
        budget=SimpleNamespace(forget_before=None),
        search=said,
        reports=said,
        alerts=said,
        analyse=said,
        publish=world.publisher,
        disk=said,
        retention=keeping(world),
        backups=SimpleNamespace(daily=said.collect_round),
        chats=None,
    )
    parts = SimpleNamespace(
        values=SimpleNamespace(
            collect_interval_s=300, analyse_interval_s=60, has_twitter=has_twitter
        ),
        db=world.db,
        hoshyar=hoshyar,
        inbox_store=InboxStore(world.db),
        job_store=JobStore(world.db),
        charts=world.charts,
        received=world.received,
        alert_store=world.alert_store,
    )
    made = table(cast(Parts, parts))
    assert len({job.name for job in made}) == len(made)
    return {job.name: job for job in made}


async def test_the_table_follows_the_settings(world: World) -> None:
    """Collection and analysis as often as told; an alert never waits for the next collection."""
    jobs = jobs_of(world, Said())

    upkeep = {"housekeeping", "backup", "patterns"}
    assert {"collect", "analyse", "alerts", "digests", "follow", "index"} | upkeep == set(jobs)
    assert jobs["collect"].every == timedelta(seconds=300)
    assert jobs["analyse"].every == timedelta(seconds=60)
    assert jobs["alerts"].every < jobs["collect"].every


async def test_collected_posts_are_searchable_at_once(world: World) -> None:
    """The index follows in the same job."""
    said = Said()

    await jobs_of(world, said)["collect"].run()

    assert said.calls == ["collect", "index"]


@pytest.mark.parametrize(
    ("new", "calls"), [pytest.param(3, ["tweets", "index"], id="new"), pytest.param(0, ["tweets"])]
)
async def test_tweets_are_searched_for_with_a_key_and_searchable_at_once(
    world: World, new: int, calls: list[str]
) -> None:
    """Without a key there is no such job; what brought nothing needs no index."""
    said = Said(new_tweets=new)

    without = jobs_of(world, said)
    await jobs_of(world, said, has_twitter=True)["tweets"].run()

    assert "tweets" not in without
    assert said.calls == calls


async def test_nothing_is_collected_without_room(world: World) -> None:
    """The job says why, and collects again as soon as there is room."""
    said = Said(is_roomy=False)
    collect = jobs_of(world, said)["collect"]

    waiting = await collect.run()
    said.is_roomy = True
    await collect.run()

    assert waiting == "waits for room on the disk"
    assert said.calls == ["collect", "index"]


async def test_digests_wait_for_the_first_collection_but_not_for_ever(world: World) -> None:
    """What happened while the bot was off belongs into a late digest; a dead feed does not."""
    said = Said()
    jobs = jobs_of(world, said)
    waiting = await jobs["digests"].run()
    await jobs["collect"].run()
    after_collection = await jobs["digests"].run()
    others = jobs_of(world, said)
    world.clock.move(minutes=3)
    after_a_while = await others["digests"].run()

    assert waiting == "waits for the first collection"
    assert after_collection == after_a_while == DigestRound(made=1)


def housekeeper(
    world: World, clock: HandClock, oldest: Callable[[], datetime | None] = lambda: None
) -> Housekeeper:
    db = world.db
    people = PeopleStore(db)
    take = TweetIntake(Intake(PostStore(db), OriginStore(db)), people, clock)
    return Housekeeper(
        jobs=JobStore(db),
        inbox=InboxStore(db),
        publisher=world.publisher,
        received=world.received,
        alerts=world.alert_store,
        chats=Chats(
            UserStore(db), world.chats, TalkStore(db), RefStore(db), clock,
            default_lang="fa", default_timezone="Asia/Tehran",
        ),
        sent_files=SentFileStore(db),
        charts=world.charts,
        retention=keeping(world),
        clock=clock,
        forget_people=People(people, None, take, clock, oldest=oldest).forget_old,
    )  # fmt: skip


async def test_what_is_old_and_settled_goes_and_the_rest_stays(world: World) -> None:
    """Runs after days, marks after two months; what still waits is never touched."""
    chat = await world.chat()
    await world.watch("برف")
    await world.say("برف آمد")
    await world.alerts().round()
    jobs = JobStore(world.db)
    run = await jobs.start_run("collect", world.clock())
    await jobs.finish_run(run, world.clock(), ok=True)
    await world.publisher.publish(
        chat.id, OutMessage(text="در انتظار"), kind="notice", unique_key="waiting"
    )
    keeper = housekeeper(world, world.clock)
    at_once = await keeper.round()
    world.clock.move(days=61)

    later = await keeper.round()

    assert at_once == Swept()
    assert (later.runs, later.finds) == (1, 1)
    assert later.marks >= 2  # the post and the message's own key
    assert len(await world.publisher.pending()) == 2  # nothing was sent in this world


async def test_people_go_with_the_months_of_their_posts(world: World) -> None:
    """Who was seen since stays, with whom they turned to since."""
    people = PeopleStore(world.db)
    await people.save([profile(SARA), profile(REZA)], world.clock(), influence)
    world.clock.move(days=100)
    await people.save([profile(REZA)], world.clock(), influence)

    month_ago = world.clock() - timedelta(days=30)

    swept = await housekeeper(world, world.clock, lambda: month_ago).round()

    assert swept.people == 1
    assert list(await people.get_many([SARA, REZA])) == [REZA]


async def test_pictures_of_waiting_messages_stay(world: World) -> None:
    """A week in the queue is no reason to arrive without its chart."""
    folder = world.folder / "charts"
    folder.mkdir()
    needed, unneeded = folder / "needed.png", folder / "unneeded.png"
    for path in (needed, unneeded):
        path.write_bytes(b"\x89PNG")
        os.utime(path, (1, 1))
    await world.publisher.publish(
        CHAT,
        OutMessage(text="خلاصه", photo=Attachment(path=str(needed))),
        kind="digest",
        unique_key="one",
    )
    await world.publisher.publish(CHAT, OutMessage(text="x"), kind="digest", unique_key="two")
    await world.db.execute("UPDATE outbox SET payload='not json' WHERE unique_key='two'")

    swept = await housekeeper(world, world.clock).round()

    assert swept.charts == 1
    assert [path.exists() for path in (needed, unneeded)] == [True, False]
