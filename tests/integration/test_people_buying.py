"""People are bought once, kept, and asked for again only when that is wanted or they are old."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from bot.errors import NotFound, SourceGone
from bot.features.intake import Intake
from bot.features.people import PROFILE_GOOD, Bought, People
from bot.features.tweet_intake import TweetIntake
from bot.models.tweets import LinkKind
from bot.ports import Database
from bot.sandbox.twitter_ledger import Account
from bot.sandbox.twitter_people import Person
from bot.sandbox.twitter_shelf import Held
from bot.sandbox.twitter_site import TwitterSite
from bot.services.twitter_api import TwitterApi
from bot.storage.origins import OriginStore
from bot.storage.people import PeopleStore
from bot.storage.posts import PostStore
from bot.utils.times import from_ms, to_ms, utc_now
from tests.twitter_world import client

TALKER = "lantern_keeper"
POSTS = 7


@dataclass
class World:
    db: Database
    account: Account
    api: TwitterApi
    now: datetime

    def __post_init__(self) -> None:
        self.store = PeopleStore(self.db)
        intake = Intake(PostStore(self.db), OriginStore(self.db))
        take = TweetIntake(intake, self.store, self.clock)
        self.people = People(self.store, self.api, take, self.clock)
        self.without_key = People(self.store, None, take, self.clock)

    def clock(self) -> datetime:
        return self.now


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    now_ms = to_ms(utc_now())
    tweets = [
        Held(7000 + n, now_ms - n * 60_000, f"شب {n} در ساحل", Person(TALKER), likes=n)
        for n in range(POSTS)
    ]
    async with TwitterSite(tweets=tweets) as site, client(db, site.url, key=site.key) as service:
        site.twitter.crowd.of(TALKER)
        yield World(db, site.twitter.accounts[site.key], service.api, from_ms(now_ms))


async def test_an_unknown_person_is_bought_when_that_is_allowed(world: World) -> None:
    """Once; a week later again."""
    with pytest.raises(NotFound):
        await world.people.person(TALKER)
    assert world.account.credits_spent == 0

    found = await world.people.person(f"@{TALKER.title()}", buy=True)
    again = await world.people.person(TALKER, buy=True)

    assert found == again
    assert found.profile_at == world.now
    assert found.profile.followers == Person(TALKER).traits["followers"]
    assert world.account.credits_spent == 18
    world.now += PROFILE_GOOD
    assert (await world.people.person(TALKER, buy=True)).profile_at == world.now
    assert world.account.credits_spent == 36


async def test_whom_somebody_follows_is_bought(world: World) -> None:
    """Two weights of a tie that is as new as now."""
    bought = await world.people.buy_profile(TALKER)
    follows = await world.people.buy_follows(TALKER)
    (tie, *_), _ = await world.people.related((await world.people.person(TALKER)).id)

    assert bought == Bought(18, 1, 1)
    assert follows.new == follows.read > 0
    assert tie.kinds == (LinkKind.FOLLOW,)
    assert tie.strength == pytest.approx(2.0)


async def test_a_timeline_is_stored(world: World) -> None:
    """Its posts are found by author; the second purchase finds nothing new."""
    assert await world.people.posts_of(TALKER, 5) == []

    posts = await world.people.posts_of(TALKER, 5, buy=True)
    again = await world.people.buy_posts(TALKER)
    person = await world.people.person(TALKER)
    facts = await world.people.facts(person, 3)

    assert [post.author for post in posts] == [TALKER] * 5
    assert posts == sorted(posts, key=lambda post: post.created_at, reverse=True)
    assert (again.read, again.new) == (POSTS, 0)
    assert person.sums.posts == POSTS
    assert person.sums.likes == sum(range(POSTS))
    assert (len(facts.posts), facts.more) == (3, True)
    assert facts.mood.total == POSTS
    assert world.account.credits_spent == 2 * POSTS * 15


async def test_nobody_of_that_name_is_an_error_that_was_paid_for(world: World) -> None:
    with pytest.raises(SourceGone):
        await world.people.person("no_such_one_9", buy=True)

    assert world.account.credits_spent == 15
    assert await world.store.count() == 0


async def test_without_a_key_nothing_is_bought(world: World) -> None:
    """What is stored is shown all the same."""
    await world.people.buy_profile(TALKER)
    world.now += timedelta(days=99)

    assert not world.without_key.can_buy
    assert (await world.without_key.person(TALKER, buy=True)).profile.username == TALKER
    with pytest.raises(NotFound):
        await world.without_key.buy_posts(TALKER)
    assert world.account.credits_spent == 18
