"""Rounds of searching on X over real HTTP: what is found, what it costs, what stops it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.errors import LeaseLost
from bot.features.intake import Intake
from bot.features.tweet_intake import TweetIntake
from bot.features.tweets import TweetCollector
from bot.models.spending import BudgetState, NoticeKind, SpendingNotice
from bot.models.tweets import Priority, ResultType, TweetQuery
from bot.ports import Database
from bot.sandbox.twitter_double import TwitterDouble
from bot.sandbox.twitter_site import TwitterSite
from bot.storage.origins import OriginStore
from bot.storage.people import PeopleStore
from bot.storage.posts import PostStore
from bot.storage.queries import QueryStore, QueryYield
from tests.twitter_world import World, client

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
WORDS = tuple(
    "آب باد برگ پل تاب جام چتر خاک دام رود زنگ ساز شهر صدا طرح عصر غار فرش قصر کوه".split(" ")  # noqa: SIM905 - a list of them is longer
)


@dataclass
class Station:
    """Collectors before a double, with one clock for all of them."""

    double: TwitterDouble
    world: World
    db: Database
    now: datetime = NOON

    def __post_init__(self) -> None:
        self.store = QueryStore(self.db)

    def clock(self) -> datetime:
        return self.now

    def pass_time(self, **given: float) -> None:
        self.now += timedelta(**given)
        self.double.clock.set(self.now)

    def collector(
        self, at_once: int = 4, claim: timedelta = timedelta(minutes=5)
    ) -> TweetCollector:
        intake = Intake(PostStore(self.db), OriginStore(self.db))
        take = TweetIntake(intake, PeopleStore(self.db), self.clock)
        return TweetCollector(
            QueryStore(self.db), self.world.api, take, self.world.budget, self.clock,
            at_once=at_once, claim=claim, chance=lambda: 0.5,
        )  # fmt: skip

    async def add(self, text: str = "برف", **given: object) -> TweetQuery:
        known: dict[str, object] = {"created_at": self.now, "interval_s": 300}
        return await self.store.add(TweetQuery(text=text, **(known | given)))  # type: ignore[arg-type]  # by name

    async def get(self, query: TweetQuery) -> TweetQuery:
        found = await self.store.get(query.id)
        assert found is not None
        return found

    def write(self, count: int, every_s: float = 60.0, word: str = "برف") -> set[str]:
        """So many tweets, the last one a minute ago."""
        held = [
            self.double.write(
                f"{word} {number} {' '.join(WORDS[(number * 7 + k * 3) % 20] for k in range(9))}",
                at=self.now - timedelta(seconds=60 + every_s * (count - number)),
                author=f"somebody_{number % 5}",
            )
            for number in range(1, count + 1)
        ]
        return {str(tweet.id) for tweet in held}

    async def until_asked(self) -> None:
        """A query is on its way."""
        async with asyncio.timeout(20):
            while (await self.world.state()).held == 0:  # noqa: ASYNC110 - no event to wait for
                await asyncio.sleep(0.01)

    async def stored(self) -> set[str]:
        posts = await PostStore(self.db).after(0, 10_000, kept_only=False)
        return {post.external_id for post in posts}


@asynccontextmanager
async def station(db: Database, credits: int = 100_000, **budget: object) -> AsyncIterator[Station]:
    double = TwitterDouble([], start=NOON, is_paced=False)
    async with (
        TwitterSite(double) as site,
        client(db, site.url, key=site.key, credits=credits, budget=budget) as world,
    ):
        yield Station(double, world, db)


async def test_a_first_round_brings_the_last_while_and_the_next_what_is_new(db: Database) -> None:
    """Every tweet once, and nothing bought twice."""
    async with station(db) as here:
        query = await here.add(priority=Priority.HIGH)
        first = here.write(45)
        collector = here.collector()

        one = await collector.round(here.now)
        here.pass_time(minutes=20)
        more = here.write(10)
        two = await collector.round(here.now)
        none = await collector.round(here.now)

        assert (one.asked, one.new, one.failed) == (1, 45, 0)
        assert one.tweets <= 48  # of full answers the oldest second is asked about again
        assert (two.asked, two.new) == (1, 10)
        assert two.tweets <= 11
        assert (none.asked, none.requests, none.waiting, none.stopped) == (0, 0, 0, "")
        assert await here.stored() == first | more
        after = await here.get(query)
        assert after.next_at is not None
        assert after.next_at >= here.now + timedelta(seconds=300)
        assert after.claim_token == 0
        assert here.double.credits_spent == one.credits + two.credits <= 15 * 60
        yields = await here.store.yields()
        assert (yields[query.id].tweets, yields[query.id].fresh) == (
            one.tweets + two.tweets,
            55,
        )
        assert yields[query.id].credits == here.double.credits_spent
        report = await here.world.budget.report(1)
        assert [each for each, _ in report.by_query] == [query.id]


async def test_several_collectors_ask_each_query_once(db: Database) -> None:
    """At the same moment, over one database."""
    async with station(db) as here:
        wanted: set[str] = set()
        for number, word in enumerate(WORDS[:12]):
            await here.add(f"{word}ستان", priority=Priority(number % 3))
            wanted |= here.write(6, word=f"{word}ستان")

        rounds = await asyncio.gather(*[here.collector().round(here.now) for _ in range(4)])

        assert sum(one.asked for one in rounds) == 12
        assert sum(one.new for one in rounds) == len(wanted)
        assert await here.stored() == wanted
        assert here.double.credits_spent == 15 * len(wanted)


async def test_a_failure_puts_off_its_query_alone(db: Database) -> None:
    """What was stored before it stays, and the place with it."""
    async with station(db) as here:
        here.double.faults.add("500", times=3)  # two are borne
        bad = await here.add("باران", priority=Priority.HIGH)
        good = await here.add()
        wanted = here.write(5)
        collector = here.collector(at_once=1)

        done = await collector.round(here.now)

        assert (done.asked, done.failed, done.new) == (2, 1, 5)
        assert await here.stored() == wanted
        failed = await here.get(bad)
        assert (failed.errors_in_row, failed.covered_to) == (1, None)
        assert "500" in failed.last_error
        assert failed.next_at == here.now + timedelta(seconds=30)
        assert (await here.get(good)).errors_in_row == 0


async def test_a_tweet_we_cannot_bear_puts_off_its_query_alone(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours must not keep the other queries from their turn."""
    async with station(db) as here:
        await here.add("باران", priority=Priority.HIGH)
        await here.add()
        here.write(3, word="باران")
        wanted = here.write(5)
        take = TweetIntake.take

        async def careful(self: TweetIntake, tweets: list, also: object = None) -> object:  # type: ignore[type-arg]  # as it comes
            if "باران" in tweets[0].post.text:
                raise ValueError("what is this")
            return await take(self, tweets, also)  # type: ignore[arg-type]  # passed on

        monkeypatch.setattr(TweetIntake, "take", careful)

        done = await here.collector().round(here.now)

        assert (done.asked, done.failed, done.new) == (2, 1, 5)
        assert await here.stored() == wanted


async def test_a_spent_budget_stops_everything_until_the_day_turns(db: Database) -> None:
    """Never a credit more; nobody's claim is left, and nobody is to blame."""
    async with station(db, credits=700) as here:
        queries = [await here.add(f"{word}ستان", priority=Priority.HIGH) for word in WORDS[:8]]
        for word in WORDS[:8]:
            here.write(12, word=f"{word}ستان")

        rounds = [await here.collector().round(here.now) for _ in range(4)]

        assert {one.stopped for one in rounds} == {"budget"}
        again = rounds[-1]
        assert again.requests == 0
        assert again.waiting >= 4
        assert here.double.credits_spent > 700 - 300
        assert here.double.credits_spent <= 700
        assert (await here.world.state()).held == 0
        for query in queries:
            assert (await here.get(query)).errors_in_row == 0
        assert len(await here.store.claim_due(here.now, 20, timedelta(minutes=1))) == again.waiting


async def test_who_stops_before_asking_tells_that_the_money_is_spent(db: Database) -> None:
    """Once for a limit, and again when a higher one is spent, too."""
    notices: list[SpendingNotice] = []

    async def tell(notice: SpendingNotice) -> None:
        notices.append(notice)

    async with station(db, credits=1_000, on_notice=tell) as here:
        budget = here.world.budget
        for limit in (1_000, 2_000):
            await budget.set_limit(limit)
            assert (await here.collector().round(here.now)).stopped == ""
            await budget.settle(await budget.reserve("user", 950), 950)
            rounds = [await here.collector().round(here.now) for _ in range(2)]
            assert [one.stopped for one in rounds] == ["budget", "budget"]
        await budget.set_limit(0)
        await here.collector().round(here.now)

    assert [notice.kind for notice in notices] == [NoticeKind.BUDGET_SPENT] * 2
    assert len({notice.key for notice in notices}) == 2


async def test_a_round_rests_to_have_the_books_checked(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is asked but the balance; afterwards everything is."""
    async with station(db, settling_s=0.0) as here:
        await here.world.api.balance()
        await here.add()
        here.write(3)
        await here.world.budget.reserve("search", 300)  # its process dies
        later = f"({db.dialect.now_ms} + 300000)"
        monkeypatch.setattr(db.dialect, "now_ms", later)

        resting = await here.collector().round(here.now)
        monkeypatch.setattr(db.dialect, "now_ms", f"({later} + 40000)")
        done = await here.collector().round(here.now)

        assert (resting.stopped, resting.requests, resting.waiting) == ("rest", 0, 1)
        assert (done.stopped, done.new) == ("", 3)
        assert (await here.world.state()).lost == 0


async def test_what_is_less_important_waits_for_its_share_of_the_day(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """High ones go on."""
    async with station(db, credits=1000) as here:
        hold = await here.world.budget.reserve("search", 15)
        await here.world.budget.settle(hold, 400)
        state = here.world.budget.state

        async def at_dawn() -> BudgetState:
            found = await state()
            return replace(found, starts_at=found.now, ends_at=found.now + timedelta(days=1))

        monkeypatch.setattr(here.world.budget, "state", at_dawn)
        await here.add("باران", priority=Priority.LOW)
        await here.add("سیل", priority=Priority.MEDIUM)
        high = await here.add(priority=Priority.HIGH)
        here.write(3)

        done = await here.collector().round(here.now)

        assert (done.asked, done.waiting, done.stopped) == (1, 2, "")
        assert (await here.get(high)).last_run_at == here.now


async def test_an_empty_account_stops_everything_until_it_is_recharged(db: Database) -> None:
    """Nothing is asked meanwhile but the balance, which is free."""
    async with station(db) as here:
        await here.add()
        wanted = here.write(3)
        here.double.account.credits = 0

        stopped = await here.collector().round(here.now)
        still = await here.collector().round(here.now)
        here.double.account.recharge(50_000)
        await here.world.api.balance()
        after = await here.collector().round(here.now)

        assert stopped.stopped == still.stopped == "credit"
        assert still.requests == 0
        assert (after.stopped, after.new) == ("", 3)
        assert await here.stored() == wanted


async def test_a_refused_key_is_not_shown_again_for_a_while(db: Database) -> None:
    """Without one nothing is asked at all."""
    double = TwitterDouble([], start=NOON, is_paced=False)
    for key in ("wrong", ""):
        async with TwitterSite(double) as site, client(db, site.url, key=key) as world:
            here = Station(double, world, db)
            await here.add()
            collector = here.collector()

            first = await collector.round(here.now)
            calls = len(double.calls)
            again = await collector.round(here.now)

            assert first.stopped == again.stopped == "key"
            assert len(double.calls) == calls
            assert double.credits_spent == 0


async def test_what_comes_after_the_claims_end_is_refused(db: Database) -> None:
    """An admin changes a query while it is asked: its tweets are not stored by the old one."""
    async with station(db) as here:
        query = await here.add()
        here.write(3)
        here.double.faults.add("slow", seconds=0.5, endpoint="advanced_search")
        asking = asyncio.create_task(here.collector().round(here.now))
        await here.until_asked()

        await here.store.set_active(query.id, False, here.now)
        done = await asking

        assert (done.asked, done.refused, done.new) == (1, 1, 0)
        assert await here.stored() == set()
        assert (await here.get(query)).covered_to is None


async def test_a_query_whose_claim_ran_out_may_be_asked_again_in_the_same_round(
    db: Database,
) -> None:
    """The first asking finds that it is not its query any more; the second stores the tweets."""
    async with station(db) as here:
        await here.add(priority=Priority.HIGH)
        wanted = here.write(3)
        for number, word in enumerate(WORDS[:8]):
            await here.add(f"{word}ستان")
            wanted |= here.write(1 + number % 2, word=f"{word}ستان")
        here.double.faults.add("slow", seconds=1.5, times=1, endpoint="advanced_search")
        here.double.faults.add("slow", seconds=0.3, times=8, endpoint="advanced_search")

        done = await here.collector(at_once=2, claim=timedelta(seconds=0.8)).round(here.now)

        assert done.asked == 10
        assert done.refused == 1
        assert await here.stored() == wanted


async def test_a_round_that_is_cancelled_gives_its_claims_back(db: Database) -> None:
    """An orderly stop keeps nobody waiting."""
    async with station(db) as here:
        await here.add()
        here.double.faults.add("slow", seconds=30, endpoint="advanced_search")
        asking = asyncio.create_task(here.collector().round(here.now))
        await here.until_asked()

        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

        assert len(await here.store.claim_due(here.now, 5, timedelta(minutes=1))) == 1


async def test_a_popular_query_buys_one_page_of_the_best(db: Database) -> None:
    """However many there are."""
    async with station(db) as here:
        query = await here.add(result_type=ResultType.POPULAR, priority=Priority.HIGH)
        here.write(50)
        best = here.double.write(
            "برف از همه بهتر", at=here.now - timedelta(minutes=30), likes=900, author="star"
        )

        done = await here.collector().round(here.now)

        assert (done.requests, done.tweets, done.credits) == (1, 20, 300)
        assert str(best.id) in await here.stored()
        after = await here.get(query)
        assert after.covered_to == here.now - timedelta(seconds=15)


async def test_a_mixed_query_looks_for_the_best_now_and_then(db: Database) -> None:
    """Besides everything that is new."""
    async with station(db) as here:
        await here.add(result_type=ResultType.MIXED, priority=Priority.HIGH)
        wanted = here.write(8)
        collector = here.collector()

        first = await collector.round(here.now)
        here.pass_time(seconds=600)
        second = await collector.round(here.now)

        assert (first.requests, first.new) == (2, 8)
        assert second.requests == 1
        assert await here.stored() == wanted


async def test_a_live_query_is_not_bought_twice(db: Database) -> None:
    """What is pushed is not searched for."""
    async with station(db) as here:
        query = await here.add()
        await here.store.set_rule(query.id, "rule-1")
        here.write(3)

        assert (await here.collector().round(here.now)).asked == 0
        assert here.double.credits_spent == 0


async def test_an_unknown_query_is_refused_by_the_store(db: Database) -> None:
    """One removed while it was asked."""
    async with station(db) as here:
        await here.add()
        (claimed,) = await here.store.claim_due(here.now, 1, timedelta(minutes=1))
        await here.store.remove(claimed.id)

        with pytest.raises(LeaseLost):
            await here.store.save(claimed, day="2026-11-21", cost=QueryYield(calls=1))

        assert await here.store.yields() == {}
