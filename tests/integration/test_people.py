"""People and relations are stored with the posts that tell of them: whole, once, or not at all."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.analysis.influence import WEIGHTS, influence, strength_at, turn
from bot.errors import LeaseLost
from bot.features.intake import Intake
from bot.features.tweet_intake import TweetIntake
from bot.models.people import Sums
from bot.models.post import Engagement, Parent, ParentKind, Post
from bot.models.tweets import LinkKind, Profile, Verified
from bot.ports import Database, Transaction
from bot.storage.origins import OriginStore
from bot.storage.people import PeopleStore
from bot.storage.posts import PostStore
from bot.utils.times import to_ms
from tests.people_world import ALI, MINA, REZA, SARA, START, profile, tweet
from tests.tweeting_process import batches

NOW = START + timedelta(days=1)
ROOT = Path(__file__).resolve().parents[2]


class World:
    """The intake of tweets over a database, and what it stored."""

    def __init__(self, db: Database) -> None:
        self.posts, self.people = PostStore(db), PeopleStore(db)
        self.now = NOW
        self.intake = TweetIntake(
            Intake(self.posts, OriginStore(db)), self.people, lambda: self.now
        )
        self.take = self.intake.take

    async def sums(self, person: int) -> Sums:
        found = await self.people.get(person)
        assert found is not None
        return found.sums

    async def turns(self, person: int) -> dict[tuple[str, int], int]:
        found = await self.people.relations_of(person)
        return {(one.kind.value, one.to_id): one.times for one in found}


@pytest.fixture
def world(db: Database) -> World:
    return World(db)


async def test_a_tweet_brings_its_author_and_those_it_turns_to(world: World) -> None:
    """Profile, sums, influence; a reply that names two more people."""
    links = ((LinkKind.REPLY, REZA), (LinkKind.MENTION, REZA), (LinkKind.MENTION, MINA))

    taken = await world.take(
        [tweet(1, SARA, likes=9, retweets=2, replies=1, views=70, links=links)]
    )

    sara = await world.people.by_username("@Sara")
    assert sara is not None
    assert sara.profile == profile(SARA)
    assert sara.sums == Sums(posts=1, likes=9, retweets=2, replies=1, views=70)
    assert sara.influence == influence(profile(SARA), sara.sums) > 0
    assert (sara.seen_at, sara.profile_at) == (NOW, NOW)
    assert await world.turns(SARA) == {("reply", REZA): 1, ("mention", MINA): 1}
    assert taken.new[0].author_id == SARA
    reza = await world.people.by_username("reza")
    assert reza is not None
    assert (reza.id, reza.profile_at, reza.influence) == (REZA, None, 0)


async def test_the_same_batch_twice_counts_once(world: World) -> None:
    """Also when a tweet is in a batch twice, and once more inside another one."""
    batch = [
        tweet(1, SARA, likes=5, links=((LinkKind.MENTION, REZA),)),
        tweet(1, SARA, likes=7, links=((LinkKind.MENTION, REZA),)),
        tweet(2, REZA, parent=(ParentKind.QUOTE, 1), links=((LinkKind.QUOTE, SARA),),
              around=(tweet(1, SARA, likes=6, links=((LinkKind.MENTION, REZA),)),)),
    ]  # fmt: skip

    first = await world.take(batch)
    second = await world.take(batch)

    assert [post.external_id for post in first.new] == ["1", "2"]
    assert (second.new, second.known) == ((), 2)
    assert await world.sums(SARA) == Sums(posts=1, likes=7)
    assert await world.turns(SARA) == {("mention", REZA): 1}
    assert await world.turns(REZA) == {("quote", SARA): 1}


@pytest.mark.parametrize("when", ["after the posts", "in what else belongs to them"])
async def test_a_take_that_fails_leaves_nothing(
    db: Database, world: World, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Neither posts, nor people, nor relations, nor grown sums; and the same again stores all."""
    await world.take([tweet(1, SARA, likes=3)])
    batch = [
        tweet(1, SARA, likes=50),
        tweet(2, REZA, likes=1, links=((LinkKind.REPLY, SARA),)),
    ]

    async def lost(tx: Transaction, new: Sequence[Post]) -> None:
        assert [post.external_id for post in new] == ["2"]
        raise LeaseLost("somebody else searches now")

    async def broken(*_: object) -> None:
        raise LeaseLost("the power went")

    with monkeypatch.context() as patch:
        if when == "after the posts":
            patch.setattr(world.people, "keep", broken)
        with pytest.raises(LeaseLost):
            await world.take(batch, also=lost)

    assert await world.posts.count() == 1
    assert await world.sums(SARA) == Sums(posts=1, likes=3)
    assert await world.people.get(REZA) is None
    assert await world.turns(REZA) == {}
    taken = await world.take(batch)
    assert len(taken.new) == 1
    assert await world.sums(SARA) == Sums(posts=1, likes=50)
    assert await world.turns(REZA) == {("reply", SARA): 1}


async def test_sums_grow_with_what_posts_gain(world: World) -> None:
    """Seen again with more likes, then with fewer: an author's sums follow, and never fall."""
    for likes, views in ((3, 10), (8, 10), (5, 40)):
        await world.take([tweet(1, SARA, likes=likes, views=views), tweet(2, SARA, likes=1)])

    found = await world.people.get(SARA)
    assert found is not None
    assert found.sums == Sums(posts=2, likes=9, views=40)
    assert found.influence == influence(found.profile, found.sums)
    stored = [post.engagement.likes for post in await world.people.newest_posts(SARA, 5)]
    assert stored == [1, 8]


async def test_an_imported_tweet_is_counted_for_its_author_when_it_is_found_again(
    db: Database, world: World
) -> None:
    """An import knows a name at most; a search that finds the tweet knows who that is, once."""
    found = tweet(1, SARA, likes=9, links=((LinkKind.REPLY, REZA),), parent=(ParentKind.REPLY, 7))
    imported = replace(found.post, author_id=0, parent=None, engagement=Engagement(likes=4))
    await Intake(world.posts, OriginStore(db)).take([imported])

    await world.take([found])
    await world.take([found])

    post = await world.posts.get(1)
    assert post is not None
    assert (post.author_id, post.parent) == (SARA, Parent(ParentKind.REPLY, "7"))
    assert await world.sums(SARA) == Sums(posts=1, likes=9)
    assert await world.turns(SARA) == {("reply", REZA): 1}


async def test_a_retweet_earns_its_author_nothing(world: World) -> None:
    """Its likes are the original's; only whom it passes on is counted."""
    original = tweet(1, REZA, likes=100, links=((LinkKind.MENTION, ALI),))
    links = ((LinkKind.RETWEET, REZA), (LinkKind.MENTION, ALI), (LinkKind.MENTION, REZA))
    passed_on = tweet(
        2, SARA, likes=100, parent=(ParentKind.RETWEET, 1), links=links, around=(original,)
    )

    taken = await world.take([passed_on])
    seen_again = tweet(2, SARA, likes=200, parent=(ParentKind.RETWEET, 1))
    await world.take([original, seen_again])

    assert [post.external_id for post in taken.new] == ["1", "2"]
    assert await world.sums(SARA) == Sums()
    assert await world.sums(REZA) == Sums(posts=1, likes=100)
    assert await world.turns(SARA) == {("retweet", REZA): 1}
    assert await world.turns(REZA) == {("mention", ALI): 1}


async def test_turns_add_up_and_fade(world: World) -> None:
    """Two replies thirty days apart, the later one stored first: one and a half times one."""
    later, month = NOW, timedelta(days=30)
    await world.take([tweet(9, SARA, at=later, links=((LinkKind.REPLY, REZA),))])
    await world.take([tweet(1, SARA, at=later - month, links=((LinkKind.REPLY, REZA),))])

    (found,) = await world.people.relations_of(REZA, inward=True)

    assert (found.from_id, found.times) == (SARA, 2)
    assert (found.first_at, found.last_at) == (later - month, later)
    weight = WEIGHTS[LinkKind.REPLY]
    assert strength_at(found.strength, to_ms(later)) == pytest.approx(1.5 * weight)
    assert strength_at(found.strength, to_ms(later + month)) == pytest.approx(0.75 * weight)


async def test_relations_come_strongest_first_of_one_kind_or_all(world: World) -> None:
    old = START - timedelta(days=200)
    await world.take(
        [
            tweet(1, SARA, at=old, links=((LinkKind.REPLY, REZA),)),
            tweet(2, SARA, at=old, links=((LinkKind.REPLY, REZA),)),
            tweet(3, SARA, links=((LinkKind.MENTION, MINA),)),
            tweet(4, SARA, links=((LinkKind.QUOTE, ALI),)),
        ]
    )

    found = await world.people.relations_of(SARA)
    mentioned = await world.people.relations_of(SARA, kind=LinkKind.MENTION)

    assert [one.to_id for one in found] == [ALI, MINA, REZA]
    assert [one.to_id for one in mentioned] == [MINA]


async def test_a_profile_is_as_last_seen(world: World) -> None:
    """A newer one replaces it, an older one and one that is no more than a name do not."""
    await world.take([tweet(1, profile(SARA, followers=10))])
    world.now += timedelta(hours=2)
    await world.take([tweet(1, profile(SARA, followers=30, name="سارا", verified=Verified.PERSON))])
    await world.people.save([profile(SARA, followers=20)], NOW + timedelta(hours=1), influence)
    await world.take([tweet(2, Profile(id=SARA, username="sara"))])

    found = await world.people.get(SARA)

    assert found is not None
    assert (found.profile.followers, found.profile.name) == (30, "سارا")
    assert found.profile.verified is Verified.PERSON
    assert found.sums.posts == 2
    assert found.influence == influence(found.profile, found.sums)


async def test_a_name_belongs_to_who_was_seen_with_it_last(world: World) -> None:
    await world.take([tweet(1, SARA)])
    world.now += timedelta(days=1)
    await world.take([tweet(2, profile(REZA, username="Sara"))])

    found = await world.people.by_username("SARA")

    assert found is not None
    assert found.id == REZA


async def test_to_be_seen_following_again_is_no_second_following(world: World) -> None:
    """Its strength is that of the last sight."""
    follow = [turn(SARA, LinkKind.FOLLOW, REZA, to_ms(START))]
    again = [turn(SARA, LinkKind.FOLLOW, REZA, to_ms(NOW))]
    people = [profile(SARA), profile(REZA)]
    for turns in (follow, follow, again, follow):
        await world.people.save(people, NOW, influence, turns)

    (found,) = await world.people.relations_of(SARA)

    assert (found.kind, found.to_id, found.times) == (LinkKind.FOLLOW, REZA, 1)
    assert strength_at(found.strength, to_ms(NOW)) == pytest.approx(WEIGHTS[LinkKind.FOLLOW])
    assert (found.first_at, found.last_at) == (START, NOW)


async def test_odd_names_are_stored(world: World) -> None:
    """Halves of characters, and far longer than any column."""
    odd = profile(SARA, name="س\ud83dا" + "🌹" * 500, location="ش" * 500, description="x" * 5000)

    await world.take([tweet(1, odd)])

    found = await world.people.get(SARA)
    assert found is not None
    assert found.profile.name.startswith("سا🌹")
    assert len(found.profile.name) == len(found.profile.location) == 190


async def test_the_most_influential_come_first(world: World) -> None:
    """Who is known by name only is not among them."""
    await world.take([
        tweet(1, profile(SARA, followers=10)),
        tweet(2, profile(REZA, followers=1_000_000), links=((LinkKind.MENTION, ALI),)),
        tweet(3, profile(MINA, followers=5000)),
    ])  # fmt: skip

    assert [one.id for one in await world.people.top(9)] == [REZA, MINA, SARA]
    assert [one.id for one in await world.people.top(1)] == [REZA]
    assert await world.people.count() == 4


async def test_what_is_old_is_forgotten(world: World) -> None:
    """People not seen since, and ties that rested since; the rest stays."""
    await world.take([
        tweet(1, SARA, at=START - timedelta(days=99), links=((LinkKind.REPLY, REZA),)),
        tweet(2, SARA, links=((LinkKind.REPLY, MINA),)),
    ])  # fmt: skip
    world.now += timedelta(days=50)
    await world.take([tweet(2, SARA)])

    forgotten = await world.people.forget(NOW - timedelta(days=30))
    people = await world.people.forget(NOW + timedelta(days=30))

    assert (forgotten, people) == (1, 3)  # a tie; then the other tie, Reza and Mina
    assert list(await world.people.get_many([SARA, REZA, MINA])) == [SARA]
    assert await world.turns(SARA) == {}


async def test_processes_at_once_count_everything_once(db: Database, address: str) -> None:
    """Each is offered most of what the others are, with likes of its own, again and again."""
    names = ("one", "two", "three")
    running = []
    for name in names:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.tweeting_process", address, name),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        running.append(process)
    async with asyncio.timeout(120):
        for process in running:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
        for process in running:
            assert process.stdin is not None
            process.stdin.write(b"\n")
        assert [await process.wait() for process in running] == [0, 0, 0]

    world = World(db)
    wanted_posts: dict[str, Post] = {}
    wanted_turns: Counter[tuple[int, str, int]] = Counter()
    for name in names:
        for each in (one for batch in batches(name) for one in batch):
            before = wanted_posts.get(each.post.external_id)
            if before is None:
                link = each.links[0]
                wanted_turns[each.post.author_id, link.kind.value, link.to_id] += 1
            if before is None or before.engagement.likes < each.post.engagement.likes:
                wanted_posts[each.post.external_id] = each.post
    wanted_sums: dict[int, Sums] = {}
    for post in wanted_posts.values():
        own = Sums(posts=1, likes=post.engagement.likes)
        wanted_sums[post.author_id] = wanted_sums.get(post.author_id, Sums()).plus(own)
    turns = {
        (one.from_id, one.kind.value, one.to_id): one.times
        for person in wanted_sums
        for one in await world.people.relations_of(person)
    }

    assert await world.posts.count() == len(wanted_posts)
    assert {person: await world.sums(person) for person in wanted_sums} == wanted_sums
    assert turns == dict(wanted_turns)


async def test_nonsense_counts_fit(world: World) -> None:
    """The largest numbers that a column takes, twice; sums stay numbers and can still grow."""
    most = 2**63 - 1
    await world.take([tweet(1, SARA, likes=most, views=5), tweet(2, SARA, likes=most)])
    await world.take([tweet(1, SARA, likes=most, views=most), tweet(3, SARA, likes=most)])

    assert await world.sums(SARA) == Sums(posts=3, likes=3 * 10**12, views=10**12)


async def test_who_is_named_again_is_not_forgotten(world: World) -> None:
    """To be named is to be seen, from day to day."""
    await world.take([tweet(1, SARA, links=((LinkKind.REPLY, REZA),))])
    world.now += timedelta(days=3)
    await world.take([tweet(2, SARA, links=((LinkKind.REPLY, REZA),), at=world.now)])

    await world.people.forget(NOW + timedelta(days=2))

    assert set(await world.people.get_many([SARA, REZA])) == {SARA, REZA}


async def test_a_new_name_is_found_at_once(world: World) -> None:
    """And the old one is nobody's."""
    await world.take([tweet(1, SARA)])
    world.now += timedelta(minutes=1)
    await world.take([tweet(2, profile(SARA, username="Saraye"))])

    assert await world.people.by_username("sara") is None
    found = await world.people.by_username("saraye")
    assert found is not None
    assert (found.id, found.sums.posts) == (SARA, 2)
