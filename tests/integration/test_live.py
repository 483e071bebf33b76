"""Live tweets: pushed, stored once, paid from a hold; nothing is lost between push and search."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from bot.errors import BadInput, NotFound, SourceGarbled, StorageError
from bot.features.live import LEASE
from bot.features.queries import Queries
from bot.models.live import query_of, tag_of
from bot.models.spending import NoticeKind, Spending
from bot.models.tweets import ResultType
from bot.ports import Database
from bot.sandbox.twitter_site import TwitterSite
from bot.storage.leases import LeaseStore
from bot.storage.spending_report import read_report
from bot.utils.secrets import Secret
from bot.utils.times import utc_now
from bot.web.server import WebServer
from bot.web.webhook import PATH, twitter_hook
from tests.live_world import LiveWorld, double, until


@pytest.fixture
async def site() -> AsyncIterator[TwitterSite]:
    async with double() as site:
        yield site


@pytest.fixture
async def world(db: Database, site: TwitterSite) -> AsyncIterator[LiveWorld]:
    world = LiveWorld(db, site)
    yield world
    await world.close()


@pytest.fixture
async def other(db: Database, site: TwitterSite) -> AsyncIterator[LiveWorld]:
    """Another worker of the same bot."""
    other = LiveWorld(db, site, name="other")
    yield other
    await other.close()


def event(site: TwitterSite, *texts: str, tag: str = "hoshyar-1", rule: str = "r1") -> bytes:
    """What the service would push of tweets that somebody writes now."""
    tweets = [site.twitter.forms.searched(site.twitter.write(text)) for text in texts]
    told = {"event_type": "tweet", "rule_id": rule, "rule_tag": tag, "tweets": tweets}
    return json.dumps(told).encode()


def test_a_tag_names_its_query() -> None:
    assert query_of(tag_of(17)) == 17
    assert [query_of(tag) for tag in ("", "17", "hoshyar-", "hoshyar-x", "other-17")] == [0] * 5


# Pushes


async def test_a_push_is_stored_and_booked(world: LiveWorld, site: TwitterSite) -> None:
    """From the hold, fifteen for each tweet, and counted for its query."""
    query = await world.add("برف")
    assert await world.money.keep(1)

    pushed = await world.live.pushed(event(site, "برف آمد", "برف رفت", tag=tag_of(query.id)))

    state = await world.budget.state()
    assert (pushed.tweets, pushed.new, pushed.bad, pushed.is_replay) == (2, 2, 0, False)
    assert (state.spent, state.held, state.items) == (30, 1470, 2)
    assert await world.texts() == ["برف آمد", "برف رفت"]
    ((query_id, brought),) = (await world.queries.yields()).items()
    assert (query_id, brought.credits, brought.tweets, brought.fresh) == (query.id, 30, 2, 2)


async def test_pushes_are_in_the_report_by_their_query(world: LiveWorld, site: TwitterSite) -> None:
    """As they are on the query's card, and as no requests of ours; without a hold, too."""
    one, other = await world.add("برف"), await world.add("باران")
    await world.live.pushed(event(site, "برف آمد", tag=tag_of(one.id)))
    await world.money.keep(2)
    for nth in range(2):
        await world.live.pushed(event(site, f"برف {nth}", tag=tag_of(one.id)))
        await world.live.pushed(event(site, f"باران {nth}", "باران", tag=tag_of(other.id)))
    held = await world.budget.state()
    await world.money.release()

    report, yields = await world.budget.report(1), await world.queries.yields()

    assert dict(report.by_query) == {
        one.id: Spending(items=3, credits=45),
        other.id: Spending(items=4, credits=60),
    }
    assert {key: (0, brought.credits) for key, brought in yields.items()} == {
        key: (cost.calls, cost.credits) for key, cost in report.by_query
    }
    assert (held.held, held.held_live, held.spent) == (1500 - 90, 1500 - 90, 105)


async def test_a_push_that_comes_twice_is_stored_and_booked_once(
    world: LiveWorld, site: TwitterSite
) -> None:
    """By both doors, or because our thanks were lost; also at the same moment."""
    query = await world.add("برف")
    await world.money.keep(1)
    body = event(site, "برف آمد", "برف رفت", tag=tag_of(query.id))

    results = await asyncio.gather(*(world.live.pushed(body) for _ in range(4)))
    later = await world.live.pushed(body, is_hook=True)

    assert sorted(pushed.is_replay for pushed in results) == [False, True, True, True]
    assert (later.new, later.is_replay) == (0, True)
    assert len(await world.texts()) == 2
    assert (await world.budget.state()).spent == 30


async def test_a_tweet_that_was_bought_before_is_paid_again_and_stored_once(
    world: LiveWorld, site: TwitterSite
) -> None:
    """The service charges what it pushes, known or not."""
    await world.money.keep(1)
    body = event(site, "برف آمد")
    other = json.loads(body) | {"rule_id": "r2"}

    await world.live.pushed(body)
    pushed = await world.live.pushed(json.dumps(other).encode())

    assert (pushed.new, pushed.is_replay) == (0, False)
    assert len(await world.texts()) == 1
    assert (await world.budget.state()).spent == 30


async def test_what_could_not_be_stored_is_not_booked(
    world: LiveWorld, site: TwitterSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both happen when it comes again."""
    await world.money.keep(1)
    body = event(site, "برف آمد")

    async def broken(*given: object, **more: object) -> bool:
        raise StorageError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr("bot.features.live_pushes.book_push", broken)
        with pytest.raises(StorageError):
            await world.live.pushed(body)
    before = (await world.texts(), (await world.budget.state()).spent)
    await world.live.pushed(body)

    assert before == ([], 0)
    assert (await world.texts(), (await world.budget.state()).spent) == (["برف آمد"], 15)


async def test_a_push_without_a_hold_is_booked_all_the_same(
    world: LiveWorld, site: TwitterSite
) -> None:
    await world.live.pushed(event(site, "برف آمد"))

    state = await world.budget.state()
    assert (state.spent, state.held) == (15, 0)
    assert (await world.budget.report(1)).by_endpoint[0][0] == "push"


async def test_anothers_rule_costs_us_and_brings_nothing(
    world: LiveWorld, site: TwitterSite
) -> None:
    """Somebody uses the same key for something else."""
    await world.live.pushed(event(site, "برف آمد", tag="somebody-else"))

    assert await world.texts() == []
    assert (await world.budget.state()).spent == 15


async def test_tweets_that_cannot_be_read_are_paid_and_counted(
    world: LiveWorld, site: TwitterSite
) -> None:
    """They were charged; and twice the same is still once."""
    told = json.loads(event(site, "برف آمد"))
    told["tweets"].append({"id": None})
    only_bad = {**told, "tweets": [{"text": 7}]}

    mixed = [await world.live.pushed(json.dumps(told).encode()) for _ in range(2)]
    bad = [await world.live.pushed(json.dumps(only_bad).encode()) for _ in range(2)]

    assert [(one.new, one.bad, one.is_replay) for one in mixed] == [(1, 1, False), (0, 1, True)]
    assert [(one.new, one.bad, one.is_replay) for one in bad] == [(0, 1, False), (0, 1, True)]
    assert (await world.budget.state()).spent == 45


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"{}", b'{"event_type":7}', b"\xff"])
async def test_what_is_no_event_is_garbled(world: LiveWorld, body: bytes) -> None:
    with pytest.raises(SourceGarbled):
        await world.live.pushed(body)


async def test_signs_of_life_cost_nothing(world: LiveWorld) -> None:
    told = [
        await world.live.pushed(json.dumps({"event_type": name, "timestamp": 1}).encode())
        for name in ("connected", "ping", "something_new")
    ]

    assert [pushed.event for pushed in told] == ["connected", "ping", "something_new"]
    assert (await world.budget.state()).spent == 0


# The money


async def test_the_hold_is_filled_up_at_half(world: LiveWorld, site: TwitterSite) -> None:
    """And is one, however many look after it."""
    await world.money.keep(1)
    await world.live.pushed(event(site, *(f"برف {n}" for n in range(20))))
    await world.money.keep(1)
    early = (await world.budget.state()).held
    for part in range(2):
        await world.live.pushed(event(site, *(f"باران {part} {n}" for n in range(20))))

    await world.money.keep(1)

    state = await world.budget.state()
    assert early == 1200
    assert (state.spent, state.held) == (900, 1500)


async def test_another_worker_goes_on_with_the_hold(world: LiveWorld, other: LiveWorld) -> None:
    """Nothing is held twice when the one who looked after it died."""
    await world.money.keep(1)

    assert await other.money.keep(1)

    assert (await world.budget.state()).held == 1500


async def test_the_hold_of_a_day_ends_with_it(
    db: Database, world: LiveWorld, site: TwitterSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left goes back to its day, and the new day holds anew."""
    await world.money.keep(1)
    await world.live.pushed(event(site, "برف آمد"))
    yesterday = await world.budget.state()
    monkeypatch.setattr(db.dialect, "now_ms", f"({db.dialect.now_ms} + 86400000)")

    assert await world.money.keep(1)

    today = await world.budget.state()
    assert (today.spent, today.held) == (0, 1500)
    rows = await db.fetch_all("SELECT spent, held FROM x_days WHERE day=?", (yesterday.day,))
    assert [tuple(map(int, row)) for row in rows] == [(15, 0)]


# Doors, rules and searches together


async def test_a_live_query_is_pushed_instead_of_searched_for(
    world: LiveWorld, site: TwitterSite
) -> None:
    """From a wish to tweets: rule, connection, hold; both books agree to the credit."""
    async with world.running():
        query = await world.make_live("برف")
        assert world.rules() == [("برف", True)]
        site.twitter.write("برف می‌بارد")
        site.twitter.write("باران می‌بارد")
        site.twitter.write("برف بند آمد")
        await until(lambda: _count(world, 2))
        (due,) = [await world.queries.claim_due(utc_now(), 5, timedelta(seconds=5))]
        state = await world.live.state()
        ours, theirs = await world.money_of_both()

    assert due == []
    assert [(one.query_id, one.is_pushed) for one in state.queries] == [(query.id, True)]
    assert state.held == 1500 - 30
    assert state.seen_at is not None
    assert sorted(await world.texts()) == ["برف بند آمد", "برف می‌بارد"]
    assert ours == theirs


async def _count(world: LiveWorld, count: int) -> bool:
    return len(await world.texts()) >= count


async def test_it_is_searched_for_until_the_search_has_met_the_pushes(
    world: LiveWorld, site: TwitterSite
) -> None:
    """Only when the search has covered the moment from which pushes flow does it end; and the
    search that is missing is brought forward."""
    query = await world.add("برف")
    await world.queries.set_rule(query.id, "", utc_now())
    await world.db.execute("UPDATE x_queries SET next_ms=9000000000000")
    async with world.running():
        await world.live.on(query.id)
        await until(lambda: world.rules() == [("برف", True)])
        await until(lambda: _is_due(world))
        searched = await world.query(query.id)
        await world.until_live(query.id)

    assert searched.rule_id == ""


async def _is_due(world: LiveWorld) -> bool:
    return bool(await world.queries.count_due(utc_now()))


async def test_a_lost_connection_is_made_up_for_by_searching(
    world: LiveWorld, site: TwitterSite
) -> None:
    """At once, from before the last sign of life on; and it is live again afterwards."""
    async with world.running():
        query = await world.make_live("برف")
        site.twitter.faults.silent_until = time.monotonic() + 60
        before = utc_now()
        site.twitter.rules.drop_socket(site.key, 1011)
        await until(lambda: _is_searched(world, query.id))
        searched = await world.query(query.id)
        site.twitter.faults.clear()
        await world.until_live(query.id)

    assert searched.covered_to is not None
    assert before - timedelta(seconds=2) < searched.covered_to < before
    assert asked(site).count("/oapi/tweet_filter/update_rule") == 2  # on, and off at the end


async def _is_searched(world: LiveWorld, query_id: int) -> bool:
    return not (await world.query(query_id)).rule_id


async def test_after_the_end_nothing_is_left_that_costs_money(
    world: LiveWorld, other: LiveWorld
) -> None:
    """The rule rests, the hold is given back, the query is searched for; the wish stays."""
    async with world.running():
        query = await world.make_live("برف")
    state = await world.budget.state()
    wishes = await world.store.wishes()
    async with other.running():
        await other.until_live(query.id)
        rules = world.rules()

    assert (state.held, list(wishes)) == (0, [query.id])
    assert rules == [("برف", True)]
    assert world.rules() == [("برف", False)]
    assert await _is_searched(world, query.id)
    ours, theirs = await world.money_of_both()
    assert ours == theirs


async def test_what_is_no_longer_wished_has_no_rule(world: LiveWorld, site: TwitterSite) -> None:
    """Nor what was paused or removed; all are searched for again, where they still are."""
    async with world.running():
        unwished, paused, removed = [
            await world.make_live(text) for text in ("برف", "باران", "تگرگ")
        ]
        stays = await world.make_live("مه")
        await world.live.off(unwished.id)
        await world.queries.set_active(paused.id, False, utc_now())
        await world.queries.remove(removed.id)
        await until(lambda: world.rules() == [("مه", True)])
        await until(lambda: _is_searched(world, unwished.id))
        await until(lambda: _is_searched(world, paused.id))
        wishes = await world.store.wishes()
        still = await world.query(stays.id)

    assert sorted(wishes) == [paused.id, stays.id]
    assert still.rule_id != ""


async def test_when_the_last_wish_goes_the_connection_goes_too(
    world: LiveWorld, site: TwitterSite
) -> None:
    async with world.running():
        query = await world.make_live("برف")
        await world.live.off(query.id)
        await until(lambda: not site.twitter.rules.sockets)

        assert world.rules() == []
        assert (await world.budget.state()).held == 0
        assert await world.store.has_rules() is False


async def test_a_rule_follows_its_querys_text(world: LiveWorld, site: TwitterSite) -> None:
    async with world.running():
        query = await world.make_live("برف")
        await world.db.execute("UPDATE x_queries SET text=? WHERE id=?", ("یخبندان", query.id))
        await until(lambda: world.rules() == [("یخبندان", True)])
        site.twitter.write("یخبندان در راه است")
        await until(lambda: _count(world, 1))

    assert await world.texts() == ["یخبندان در راه است"]


async def test_rules_of_others_are_left_alone_and_doubles_of_ours_deleted(
    world: LiveWorld, site: TwitterSite
) -> None:
    """A rule may have been made by an answer that never reached us."""
    query = await world.add("برف")
    rules = site.twitter.rules
    rules.add(site.key, "somebody", "flood", 60.0)
    for _ in range(2):
        rules.add(site.key, tag_of(query.id), "برف", 60.0)
    rules.add(site.key, tag_of(999), "کهنه", 60.0)
    async with world.running():
        await world.live.on(query.id)
        await until(lambda: sorted(world.rules()) == [("flood", False), ("برف", True)])


async def test_one_worker_connects_and_another_takes_over(
    db: Database, world: LiveWorld, other: LiveWorld, site: TwitterSite
) -> None:
    """A second connection of the same key would be refused: nobody ever tries."""
    query = await world.add("برف")
    await world.live.on(query.id)
    sockets = site.twitter.rules.sockets
    async with world.running() as stop_one, other.running() as stop_other:
        await world.until_live(query.id)
        await asyncio.sleep(0.5)
        first = list(sockets.values())
        leader = await LeaseStore(db).holder(LEASE)
        assert leader is not None
        (stop_one if leader.owner == "one" else stop_other).set()
        await until(lambda: bool(sockets) and list(sockets.values()) != first)
        await world.until_live(query.id)
        site.twitter.write("برف می‌بارد")
        await until(lambda: _count(world, 1))

    assert len(first) == 1


async def test_what_a_killed_worker_left_live_is_searched_for(
    db: Database, world: LiveWorld, site: TwitterSite
) -> None:
    """From its last sign of life on, until the next one is connected."""
    query = await world.add("برف")
    died_at = utc_now() - timedelta(minutes=10)
    await world.store.wish(query.id, died_at)
    await world.store.see(died_at)
    await world.queries.set_rule(query.id, "of the dead", died_at - timedelta(hours=1))
    site.twitter.faults.silent_until = time.monotonic() + 60  # nobody gets in for now

    async with world.running():
        await until(lambda: _is_searched(world, query.id))
        searched = await world.query(query.id)
        site.twitter.faults.clear()

    assert searched.covered_to is not None
    assert died_at - timedelta(seconds=2) < searched.covered_to < died_at


async def test_without_money_the_rules_rest_until_the_next_day(
    db: Database, site: TwitterSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Admins are told once when it ends and once when it is live again; nothing is overspent."""
    world = LiveWorld(db, site, credits=700, size=300)
    async with world.running():
        query = await world.make_live("برف")
        for n in range(40):
            site.twitter.write(f"برف {n}")
        await until(lambda: world.rules() == [("برف", False)])
        await until(lambda: _is_searched(world, query.id))
        await asyncio.sleep(0.3)
        spent_out = await world.budget.state()
        kinds = [notice.kind for notice in world.notices]
        is_off = (await world.live.state()).is_off
        ours, theirs = await world.money_of_both()

        monkeypatch.setattr(db.dialect, "now_ms", f"({db.dialect.now_ms} + 86400000)")
        await until(lambda: world.rules() == [("برف", True)])
        await world.until_live(query.id)
    await world.close()

    assert kinds == [NoticeKind.RULES_OFF]
    assert is_off
    assert spent_out.spent <= 700
    assert spent_out.held == 0
    assert ours == theirs
    assert [notice.kind for notice in world.notices] == [NoticeKind.RULES_OFF, NoticeKind.RULES_ON]


async def test_an_admin_who_raises_the_limit_need_not_wait_for_the_next_day(
    db: Database, site: TwitterSite
) -> None:
    world = LiveWorld(db, site, credits=200, size=300)
    query = await world.add("برف")
    async with world.running():
        await world.live.on(query.id)
        await until(lambda: bool(world.notices))
        await world.budget.set_limit(5_000)
        await world.until_live(query.id)
    await world.close()

    assert [notice.kind for notice in world.notices] == [NoticeKind.RULES_OFF, NoticeKind.RULES_ON]


@pytest.mark.parametrize("endpoint", ["get_rules", "add_rule", "update_rule"])
async def test_trouble_with_rules_is_not_paid_for_again_and_again(
    world: LiveWorld, site: TwitterSite, endpoint: str
) -> None:
    """Whatever fails, it is asked again a minute later at the earliest; till then we search."""
    path = f"/oapi/tweet_filter/{endpoint}"
    site.twitter.faults.add("500", endpoint=path)
    query = await world.add("برف")
    async with world.running():
        await world.live.on(query.id)
        await until(lambda: path in asked(site))
        await asyncio.sleep(0.5)
        searched = await world.query(query.id)
        times = asked(site).count(path)

    assert times == 1
    assert searched.rule_id == ""
    assert not any(is_active for _, is_active in world.rules())
    ours, theirs = await world.money_of_both()
    assert ours == theirs


def asked(site: TwitterSite) -> list[str]:
    return [spent.endpoint for spent in site.twitter.calls]


async def test_only_queries_that_fit_a_rule_can_be_live(world: LiveWorld) -> None:
    query = await world.add("برف " + "و".join("باران" for _ in range(60)))

    with pytest.raises(NotFound):
        await world.live.on(query.id + 1)
    with pytest.raises(BadInput) as long:
        await world.live.on(query.id)

    assert long.value.text_key == "query.too_long_live"
    assert await world.store.wishes() == {}


async def test_what_is_to_be_live_stays_so_that_it_can_be(
    world: LiveWorld, site: TwitterSite
) -> None:
    """From the wish on, not only once it is: no text too long, nothing but the newest."""
    queries = Queries(world.queries, world.api, world.take, utc_now)
    query = await world.add("برف")
    popular = await world.add("باران")
    await queries.edit(popular.id, result_type=ResultType.POPULAR)
    await world.live.on(query.id)

    refused = []
    for change in ({"text": "برف " + "و" * 300}, {"result_type": ResultType.POPULAR}):
        with pytest.raises(BadInput) as error:
            await queries.edit(query.id, **change)
        refused.append(error.value.text_key)
    for ask in (world.live.on, world.live.price):
        with pytest.raises(BadInput) as error:
            await ask(popular.id)
        refused.append(error.value.text_key)

    assert refused == ["query.too_long_live", *["query.popular_live"] * 3]
    assert (await world.query(query.id)).text == "برف"


async def test_what_the_days_budget_cannot_pay_is_not_made_live(world: LiveWorld) -> None:
    """Alone, or with what is live already."""
    small, same, large, new = [await world.add(text) for text in ("برف", "باران", "مه", "تگرگ")]
    for query, rate in ((small, 0.02), (same, 0.02), (large, 0.1)):
        await world.db.execute("UPDATE x_queries SET rate=? WHERE id=?", (rate, query.id))

    alone = [await world.live.price(one.id) for one in (small, same, large, new)]
    await world.live.on(small.id)
    beside = [await world.live.price(one.id) for one in (small, same)]
    with pytest.raises(BadInput) as dear:
        await world.live.on(same.id)

    assert [price.tweets for price in alone] == [1728, 1728, 8640, None]
    assert alone[0].credits == 1728 * 15
    assert [price.fits for price in alone] == [True, True, False, True]
    assert [price.fits for price in beside] == [True, False]
    assert dear.value.text_key == "query.live_too_dear"


async def test_webhooks_bring_live_tweets_where_there_is_no_websocket(
    db: Database, site: TwitterSite
) -> None:
    """The rule works, the query is searched for, until the first webhook proves that they come."""
    world = LiveWorld(db, site, has_stream=False)

    async def take(body: bytes) -> None:
        await world.live.pushed(body, is_hook=True)

    hook = twitter_hook(Secret(site.key), take)
    server = WebServer([hook], host="127.0.0.1", port=0)
    async with server.listening():
        site.twitter.rules.set_webhook(site.key, server.url + PATH)
        query = await world.add("برف")
        async with world.running():
            await world.live.on(query.id)
            await until(lambda: world.rules() == [("برف", True)])
            await world.search_covers(query.id)
            await asyncio.sleep(0.3)
            unproven = await world.query(query.id)
            site.twitter.write("برف می‌بارد")
            await until(lambda: _count(world, 1))
            await world.until_live(query.id)
            async with httpx.AsyncClient() as stranger:
                answer = await stranger.post(
                    server.url + PATH, content=event(site, "دروغ"), headers={"X-API-Key": "no"}
                )
            ours, theirs = await world.money_of_both()
    await world.close()

    assert unproven.rule_id == ""
    assert answer.status_code == 401
    assert [delivery.status for delivery in site.twitter.rules.deliveries] == [200]
    assert await world.texts() == ["برف می‌بارد"]
    assert ours == theirs


async def test_both_doors_at_once_store_and_book_once(db: Database, site: TwitterSite) -> None:
    world = LiveWorld(db, site)

    async def take(body: bytes) -> None:
        await world.live.pushed(body, is_hook=True)

    server = WebServer([twitter_hook(Secret(site.key), take)], host="127.0.0.1", port=0)
    async with server.listening():
        site.twitter.rules.set_webhook(site.key, server.url + PATH)
        async with world.running():
            await world.make_live("برف")
            for n in range(5):
                site.twitter.write(f"برف {n}")
                await asyncio.sleep(0.15)
            await until(lambda: _count(world, 5))
            await until(lambda: bool(site.twitter.rules.deliveries))
            await until(lambda: _agree(world))
    await world.close()

    report = await read_report(db, "2000-01-01")
    assert len(await world.texts()) == 5
    assert dict(report.by_endpoint)["push"].credits == 75


async def _agree(world: LiveWorld) -> bool:
    ours, theirs = await world.money_of_both()
    return ours == theirs
