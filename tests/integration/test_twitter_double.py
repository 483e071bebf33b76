"""The client and the sandbox's TwitterAPI.io: the books of both agree, whatever goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.errors import SourceError, SourceGone
from bot.models.post import Parent, ParentKind
from bot.models.tweets import FilterRule, Link, LinkKind
from bot.ports import Database
from bot.sandbox.twitter_double import TwitterDouble
from bot.sandbox.twitter_faults import TwitterFaultKind
from bot.sandbox.twitter_site import TwitterSite
from bot.services.twitter_api import SearchAsked
from tests.twitter_world import World, client

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@asynccontextmanager
async def opened(
    db: Database, *, is_paced: bool = False, **options: Any
) -> AsyncIterator[tuple[TwitterDouble, World]]:
    double = TwitterDouble([], start=NOON + timedelta(hours=1), is_paced=is_paced)
    greetings = [
        double.write(
            f"سلام {nth} @kooh_navard #برف",
            author="baran_tehran",
            at=NOON + timedelta(seconds=nth),
            tweet_id=1_000 + nth,
        )
        for nth in range(45)
    ]
    kooh = {"author": "kooh_navard", "at": NOON}
    double.write("آری", reply_to=greetings[0], tweet_id=2_000, **kooh)
    double.write("همین", quotes=greetings[0], tweet_id=2_001, **kooh)
    double.write("", retweets=greetings[1], tweet_id=2_002, **kooh)
    async with (
        TwitterSite(double) as site,
        client(
            db,
            site.url,
            key=site.key,
            rate=None if is_paced else 1e6,
            budget={"settling_s": 0.0},
            **options,
        ) as world,
    ):
        yield double, world


async def test_every_endpoint_is_understood_and_booked_alike(db: Database) -> None:
    async with opened(db) as (double, world):
        api = world.api
        first = await api.search("سلام")
        second = await api.search("سلام", cursor=first.cursor)
        window = await api.search("سلام", since=NOON, until=NOON + timedelta(seconds=7))
        many = await api.search_many([SearchAsked(text="سلام"), SearchAsked(text="نیست")])
        person = await api.user("baran_tehran")
        people = await api.users([person.id, 5])
        timeline = await api.timeline("baran_tehran")
        passed_on = await api.tweets(["2002"])
        by_ids = await api.tweets(["1000", "1001", "9"])
        replies = await api.replies("1000")
        quotes = await api.quotes("1000")
        mentions = await api.mentions("kooh_navard", NOON, NOON + timedelta(seconds=5))
        followers = await api.followers("baran_tehran")
        followings = await api.followings("baran_tehran")
        trends = await api.trends()
        with pytest.raises(SourceGone):
            await api.user("nobody_of_this_name")

        assert [first.count, second.count, window.count] == [20, 20, 7]
        assert first.has_more
        ids = {each.post.external_id for page in (first, second) for each in page.tweets}
        assert len(ids) == 40
        assert [getattr(page, "count", None) for page in many] == [20, 0]
        assert [each.username for each in people.people] == ["baran_tehran"]
        assert (timeline.count, timeline.bad) == (20, 0)
        assert [each.post.external_id for each in by_ids.tweets] == ["1000", "1001"]
        assert (replies.count, quotes.count, mentions.count) == (1, 1, 5)
        (reply,), (quote,) = replies.tweets, quotes.tweets
        assert reply.post.parent == Parent(ParentKind.REPLY, "1000")
        assert reply.links[0] == Link(LinkKind.REPLY, person.id, "baran_tehran")
        assert quote.post.parent == Parent(ParentKind.QUOTE, "1000")
        assert [each.post.external_id for each in quote.around] == ["1000"]
        (retweet,) = passed_on.tweets
        assert retweet.post.parent == Parent(ParentKind.RETWEET, "1001")
        assert retweet.post.text == "RT @baran_tehran: سلام 1 @kooh_navard #برف"
        assert followers.count == len(followers.people) > 0
        assert followings.count == len(followings.people)
        assert trends[0].name == "#برف"
        assert await world.money() == (double.credits_spent, 0)


async def test_filter_rules_live_and_die(db: Database) -> None:
    async with opened(db) as (double, world):
        rule = await world.api.add_rule("hoshyar:1", "سلام", 60.0)
        (made,) = await world.api.rules()
        changed = FilterRule(rule.id, "hoshyar:1", "سلام lang:fa", 120.0, True)
        await world.api.update_rule(changed)
        (active,) = await world.api.rules()
        await world.api.delete_rule(rule.id)

        assert (made, active) == (rule, changed)
        assert await world.api.rules() == []
        with pytest.raises(SourceError):
            await world.api.delete_rule(rule.id)
        assert await world.money() == (double.credits_spent, 0)


@pytest.mark.parametrize("kind", list(TwitterFaultKind))
async def test_the_books_agree_after_every_kind_of_trouble(
    db: Database, kind: TwitterFaultKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody told us is found out from the balance."""
    async with opened(db) as (double, world):
        await world.api.balance()
        double.faults.add(kind, times=3, seconds=0.05)
        outcomes: list[str] = []
        for nth in range(5):
            try:
                await world.api.search("سلام", since=NOON + timedelta(seconds=nth))
                outcomes.append("page")
            except SourceError as error:
                outcomes.append(type(error).__name__)
        # Minutes later whoever could still settle a hold is gone.
        monkeypatch.setattr(db.dialect, "now_ms", f"({db.dialect.now_ms} + 200000)")
        for _ in range(3):
            await world.api.balance()

        assert outcomes[-1] == "page" or kind is TwitterFaultKind.NO_CREDIT
        assert await world.money() == (double.credits_spent, 0)


async def test_the_pace_of_the_balance_is_kept(db: Database) -> None:
    """Twenty a second and no more, however many want to ask at once: nobody is turned away."""
    async with opened(db, is_paced=True, sleep=asyncio.sleep) as (double, world):
        await world.api.balance()
        async with asyncio.TaskGroup() as group:
            for nth in range(26):
                group.create_task(world.api.search(f"سلام {nth}"))

        assert double.account.refused_as_too_fast == 0
        assert len(double.calls) == 26
        assert await world.money() == (double.credits_spent, 0)
