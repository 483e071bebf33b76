"""The searches on X in the database, claimed by many, and as admins keep them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.errors import BadInput, LeaseLost, NotFound
from bot.features.intake import Intake
from bot.features.queries import Queries, QueryLine, SuggestionKind, judge
from bot.features.tweet_intake import TweetIntake
from bot.models.tweets import Priority, ResultType, TweetQuery
from bot.ports import Database, Transaction
from bot.sandbox.twitter_double import TwitterDouble
from bot.sandbox.twitter_site import TwitterSite
from bot.storage.origins import OriginStore
from bot.storage.people import PeopleStore
from bot.storage.posts import PostStore
from bot.storage.queries import QueryStore, QueryYield, add_yield, save_query
from bot.utils.times import utc_now
from tests.twitter_world import World, client

TTL = timedelta(minutes=5)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = "2026-11-21"


def _query(text: str, priority: Priority = Priority.MEDIUM, **more: object) -> TweetQuery:
    given: dict[str, object] = {"created_at": NOW, "next_at": NOW} | more
    return TweetQuery(text=text, priority=priority, **given)  # type: ignore[arg-type]  # by name


@dataclass(frozen=True, slots=True)
class Desk:
    """Queries before a double of the service."""

    queries: Queries
    store: QueryStore
    double: TwitterDouble
    world: World
    db: Database


@asynccontextmanager
async def desk(db: Database, credits: int = 100_000) -> AsyncIterator[Desk]:
    double = TwitterDouble([], is_paced=False)
    async with (
        TwitterSite(double) as site,
        client(db, site.url, key=site.key, credits=credits) as world,
    ):
        store = QueryStore(db)
        intake = Intake(PostStore(db), OriginStore(db))
        take = TweetIntake(intake, PeopleStore(db), utc_now)
        yield Desk(Queries(store, world.api, take, utc_now), store, double, world, db)


async def test_a_query_is_kept_as_it_is(db: Database) -> None:
    """Every field, and a text only once."""
    store = QueryStore(db)
    query = _query(
        "برف",
        Priority.HIGH,
        result_type=ResultType.MIXED,
        interval_s=300,
        created_by=7,
        covered_to=NOW - timedelta(minutes=3),
        rate=0.25,
        empty_in_row=2,
        errors_in_row=1,
        last_error="no answer",
        last_run_at=NOW - timedelta(minutes=1),
        rule_id="r1",
        active=False,
    )

    added = await store.add(query)
    again = await store.add(_query("برف", Priority.LOW))

    assert added == replace(query, id=added.id)
    assert again == added
    assert await store.get(added.id) == await store.by_text("برف") == added
    assert await store.by_rule("r1") == added
    assert await store.by_rule("") is None
    assert await store.all() == [added]
    assert await store.get(999) is None


async def test_what_is_due_is_claimed_by_priority(db: Database) -> None:
    """Paused ones, live ones, later ones and those that must wait are left."""
    store = QueryStore(db)
    low = await store.add(_query("a", Priority.LOW, next_at=NOW - timedelta(hours=2)))
    high = await store.add(_query("b", Priority.HIGH))
    await store.add(_query("c", Priority.HIGH, next_at=NOW + timedelta(seconds=1)))
    await store.add(_query("d", Priority.HIGH, active=False))
    await store.add(_query("e", Priority.HIGH, rule_id="r"))

    due = await store.count_due(NOW)
    first = await store.claim_due(NOW, 5, TTL, Priority.MEDIUM)
    second = await store.claim_due(NOW, 5, TTL)

    assert due == {Priority.HIGH: 1, Priority.LOW: 1}
    assert [query.id for query in first] == [high.id]
    assert [query.id for query in second] == [low.id]
    assert await store.claim_due(NOW, 5, TTL) == []
    await store.release(first)
    assert [query.id for query in await store.claim_due(NOW, 5, TTL)] == [high.id]
    assert await store.free() == 2


async def test_many_workers_have_each_query_once(db: Database) -> None:
    """Ten reach for thirty at the same moment."""
    store = QueryStore(db)
    for number in range(30):
        await store.add(_query(f"q{number}"))

    async def reach() -> list[int]:
        mine: list[int] = []
        while portion := await QueryStore(db).claim_due(NOW, 2, TTL):
            mine += [query.id for query in portion]
        return mine

    taken = await asyncio.gather(*[reach() for _ in range(10)])

    claimed = [query_id for mine in taken for query_id in mine]
    assert len(claimed) == len(set(claimed)) == 30


async def test_the_place_moves_with_the_claim_or_not_at_all(db: Database) -> None:
    """Held on for the next slice, given free at the end; refused afterwards."""
    store = QueryStore(db)
    await store.add(_query("برف"))
    (query,) = await store.claim_due(NOW, 1, TTL)
    ahead = replace(query, covered_to=NOW, rate=1.5)

    await store.save(ahead, keep=TTL, day=DAY, cost=QueryYield(calls=1, credits=15))
    assert await store.claim_due(NOW, 1, TTL) == []
    done = replace(ahead, next_at=NOW + timedelta(hours=1), last_run_at=NOW, empty_in_row=1)
    await store.save(done)

    assert await store.get(query.id) == replace(done, claim_token=0)

    async def late(tx: Transaction) -> None:
        await add_yield(tx, query.id, DAY, QueryYield(calls=1))
        await save_query(tx, replace(done, covered_to=None))

    with pytest.raises(LeaseLost):
        await db.write(late)
    assert await store.yields() == {query.id: QueryYield(calls=1, credits=15)}


@pytest.mark.parametrize("decision", ["edit", "pause", "live", "remove"])
async def test_an_admins_decision_ends_what_is_under_way(db: Database, decision: str) -> None:
    """What is bought just now is not stored, and nothing of the admin's is lost."""
    store = QueryStore(db)
    added = await store.add(_query("برف"))
    (query,) = await store.claim_due(NOW, 1, TTL)

    if decision == "edit":
        await store.update(replace(added, text="باران", interval_s=60))
    elif decision == "pause":
        await store.set_active(added.id, False, NOW)
    elif decision == "live":
        await store.set_rule(added.id, "r9", NOW)
    else:
        await store.remove(added.id)

    with pytest.raises(LeaseLost):
        await store.save(replace(query, covered_to=NOW + timedelta(days=1)))
    left = await store.get(added.id)
    expected = {
        "edit": replace(added, text="باران", interval_s=60),
        "pause": replace(added, active=False),
        "live": replace(added, rule_id="r9", covered_to=NOW, next_at=None),
        "remove": None,
    }
    assert left == expected[decision]


async def test_what_a_query_brought_is_counted_by_day(db: Database) -> None:
    """And forgotten with the query."""
    store = QueryStore(db)
    one, two = await store.add(_query("a")), await store.add(_query("b"))

    async def count(tx: Transaction) -> None:
        cost = QueryYield(calls=1, credits=150, tweets=10, fresh=8, kept=5)
        await add_yield(tx, one.id, "2026-11-20", cost)
        await add_yield(tx, one.id, DAY, cost)
        await add_yield(tx, one.id, DAY, cost)
        await add_yield(tx, two.id, DAY, QueryYield(calls=1, credits=15))

    await db.write(count)

    assert (await store.yields(DAY))[one.id].credits == 300
    assert (await store.yields())[one.id] == QueryYield(
        calls=3, credits=450, tweets=30, fresh=24, kept=15
    )
    assert [day for day, _ in await store.days(one.id)] == ["2026-11-20", DAY]
    assert await store.remove(one.id)
    assert not await store.remove(one.id)
    assert set(await store.yields()) == {two.id}


async def test_admins_add_change_and_remove(db: Database) -> None:
    """Bad searches are refused before anything is stored; a known one stays as it is."""
    async with desk(db) as made:
        queries = made.queries
        added = await queries.add("برف", Priority.HIGH, by=9)
        again = await queries.add(" برف ", Priority.LOW)
        other = await queries.add("باران lang:fa")
        changed = await queries.edit(added.query.id, text="برف lang:fa", interval_s=120)

        assert (added.is_new, added.query.interval_s, added.problems) == (
            True,
            300,
            ("query.note.no_lang",),
        )
        assert (again.is_new, again.query) == (False, added.query)
        assert (changed.text, changed.interval_s, changed.priority) == (
            "برف lang:fa",
            120,
            Priority.HIGH,
        )
        for text, key in (("باران lang:fa", "query.known"), ("(", "query.brackets")):
            with pytest.raises(BadInput) as caught:
                await queries.edit(added.query.id, text=text)
            assert caught.value.text_key == key
        with pytest.raises(BadInput) as caught:
            await queries.edit(added.query.id, interval_s=5)
        assert caught.value.text_key == "query.bad_interval"
        assert not (await queries.pause(other.query.id)).active
        assert [query.id for query in await queries.next_due()] == [added.query.id]
        assert (await queries.resume(other.query.id)).active
        assert [line.query.id for line in await queries.all()] == [added.query.id, other.query.id]
        await queries.remove(other.query.id)
        with pytest.raises(NotFound):
            await queries.get(other.query.id)
        assert made.double.credits_spent == 0


async def test_a_test_shows_five_and_says_its_price(db: Database) -> None:
    """What was paid for is stored, all of it."""
    async with desk(db) as made:
        start = made.double.clock() - timedelta(hours=2)
        for number in range(1, 9):
            made.double.write(f"برف شمارهٔ {number}", at=start + timedelta(minutes=number))

        tried = await made.queries.test("برف")

        assert (tried.found, tried.credits, len(tried.tweets)) == (8, 120, 5)
        assert tried.tweets[0].post.text.endswith("8")
        assert tried.per_day is not None
        assert 90 <= tried.per_day <= 110  # eight in two hours
        assert tried.credits_per_day == 15 * tried.per_day
        assert made.double.credits_spent == 120
        assert len(await PostStore(db).after(0, 100, kept_only=False)) == 8
        nothing = await made.queries.test("سیل")
        assert (nothing.found, nothing.credits, nothing.per_day) == (0, 15, None)


async def test_a_burst_that_is_going_on_sets_the_pace(db: Database) -> None:
    """Days of silence behind it do not make it look cheap."""
    async with desk(db) as made:
        now = made.double.clock()
        for number in range(10):
            made.double.write(f"برف {number}", at=now - timedelta(minutes=6 * number + 6))
            made.double.write(f"برف کهنه {number}", at=now - timedelta(hours=30 + number))

        tried = await made.queries.test("برف")

        assert tried.found == 20
        assert tried.per_day == pytest.approx(240, abs=8)  # ten in the last hour


def test_what_does_not_pay_is_named() -> None:
    """Nothing kept, known already, or far dearer than the others; little money says nothing."""

    def line(number: int, **week: int) -> QueryLine:
        query = _query(f"q{number}", id=number)
        return QueryLine(query=query, today=QueryYield(), week=QueryYield(**week))

    lines = [
        line(1, credits=15_000, tweets=1000, fresh=900, kept=800),
        line(2, credits=3000, tweets=0, fresh=0, kept=0),
        line(3, credits=6000, tweets=400, fresh=40, kept=30),
        line(4, credits=9000, tweets=100, fresh=60, kept=20),
        line(5, credits=500, tweets=0, fresh=0, kept=0),
    ]

    found = judge(lines)

    assert [(one.query.id, one.kind) for one in found] == [
        (4, SuggestionKind.COSTLY),
        (3, SuggestionKind.OVERLAPS),
        (2, SuggestionKind.NOTHING_KEPT),
    ]
