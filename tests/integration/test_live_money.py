"""Live tweets cost without our asking: they end with the money, and with whoever wanted them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.features.tweets import TweetCollector
from bot.models.spending import NoticeKind
from bot.ports import Database
from bot.sandbox.twitter_site import TwitterSite
from bot.utils.times import utc_now
from tests.live_world import QUICK, LiveWorld, double, until


@pytest.fixture
async def site() -> AsyncIterator[TwitterSite]:
    async with double() as site:
        yield site


@pytest.fixture
async def world(db: Database, site: TwitterSite) -> AsyncIterator[LiveWorld]:
    world = LiveWorld(db, site, credits=5_000)
    yield world
    await world.close()


async def spend_all(world: LiveWorld) -> None:
    """As if searches had used up more than an admin's new limit allows."""
    left = (await world.budget.state()).left
    await world.budget.settle(await world.budget.reserve("search", left), left)
    await world.budget.set_limit(left)


async def test_a_limit_of_nothing_ends_live_tweets_at_once(
    world: LiveWorld, site: TwitterSite
) -> None:
    """Though most of the hold is left, and putting the rule to rest costs credits, too."""
    async with world.running():
        await world.make_live("برف")
        await world.budget.set_limit(0)
        await until(lambda: world.rules() == [("برف", False)])
        await until(lambda: bool(world.notices))
        site.twitter.write("برف می‌بارد")
        state = await world.budget.state()
        ours, theirs = await world.money_of_both()

    assert [notice.kind for notice in world.notices] == [NoticeKind.RULES_OFF]
    assert state.held == 0
    assert ours == theirs == 4 * 15  # listed, made, begun, ended


async def test_a_paused_query_has_no_rule_also_when_nothing_is_left(world: LiveWorld) -> None:
    async with world.running():
        query = await world.make_live("برف")
        await spend_all(world)
        await world.queries.set_active(query.id, False, utc_now())
        await until(lambda: world.rules() == [])


async def test_at_the_end_the_rules_rest_also_when_nothing_is_left(world: LiveWorld) -> None:
    async with world.running():
        await world.make_live("برف")
        await spend_all(world)

    assert world.rules() == [("برف", False)]
    assert (await world.budget.state()).held == 0


async def test_what_pays_for_pushes_is_kept_until_the_rules_really_rest(
    world: LiveWorld, site: TwitterSite, caplog: pytest.LogCaptureFixture
) -> None:
    """Until then they may cost, nobody is told that they are off, and the end says so."""
    async with world.running():
        await world.make_live("برف")
        site.twitter.faults.add("500", endpoint="/oapi/tweet_filter/update_rule", times=50)
        await world.budget.set_limit(0)
        await until(lambda: "live rules could not be changed" in caplog.text)
        state = await world.budget.state()

    assert state.held == 1500
    assert world.notices == []
    assert "live rules may still be at work" in caplog.text


async def test_money_is_looked_after_as_soon_as_little_is_left(
    db: Database, site: TwitterSite
) -> None:
    """Not at the next look: the day's budget is passed by what one look of a rule finds at most."""
    world = LiveWorld(db, site, credits=2_000, pace=replace(QUICK, look=timedelta(seconds=30)))
    query = await world.add("برف")
    await world.live.on(query.id)
    async with world.running():
        await until(lambda: world.rules() == [("برف", True)])
        for n in range(0, 200, 10):
            for m in range(10):
                site.twitter.write(f"برف {n + m}")
            await asyncio.sleep(0.15)
            await until(lambda: _agree(world))
        await until(lambda: world.rules() == [("برف", False)])
    ours, _ = await world.money_of_both()
    await world.close()

    assert 1_700 <= ours <= 2_000 + 300


async def _agree(world: LiveWorld) -> bool:
    ours, theirs = await world.money_of_both()
    return ours == theirs


async def test_a_busy_query_is_held_more_for(db: Database, site: TwitterSite) -> None:
    """For what it should bring until its rule can be put to rest; else it is not begun."""
    busy = replace(QUICK, rule_interval_s=60.0)
    poor, rich = (
        LiveWorld(db, site, name=str(credits), credits=credits, pace=busy)
        for credits in (4_000, 20_000)
    )
    query = await poor.add("برف")
    await db.execute("UPDATE x_queries SET rate=3.0 WHERE id=?", (query.id,))
    await poor.store.wish(query.id, utc_now())  # when it was not so busy yet
    async with poor.running():
        await until(lambda: bool(poor.notices))
        untouched = poor.rules()
    async with rich.running():
        await until(lambda: rich.rules() == [("برف", True)])
        held = (await rich.budget.state()).held
    await poor.close()
    await rich.close()

    assert untouched == []
    assert [notice.kind for notice in poor.notices] == [NoticeKind.RULES_OFF]
    assert held >= 2 * 3 * 60 * 15


async def test_what_is_pushed_is_not_bought_by_the_search_that_closes_the_gap(
    world: LiveWorld, site: TwitterSite
) -> None:
    """However long it takes: it ends where the pushes surely began."""
    query = await world.add("برف")
    await world.search_covers(query.id)
    collector = TweetCollector(
        world.queries, world.api, world.take, world.budget, utc_now, lag=timedelta(0)
    )
    async with world.running():
        await world.live.on(query.id)
        await until(lambda: world.rules() == [("برف", True)])
        await asyncio.sleep(2.5)
        for n in range(30):
            site.twitter.write(f"برف {n}")
        await until(lambda: _has_posts(world, 30))
        await asyncio.sleep(1.1)  # a search knows whole seconds only
        during = await world.live.state()
        rounds = []
        while not (await world.query(query.id)).rule_id:
            rounds.append(await collector.round(utc_now()))
            await asyncio.sleep(0.1)
        after = await world.live.state()

    assert [(one.is_pushed, one.is_met) for one in during.queries] == [(False, True)]
    assert [(one.is_pushed, one.is_met) for one in after.queries] == [(True, False)]
    assert sum(round_.tweets for round_ in rounds) == 0
    assert sum(round_.requests for round_ in rounds) in (2, 3)


async def _has_posts(world: LiveWorld, count: int) -> bool:
    return len(await world.texts()) >= count
