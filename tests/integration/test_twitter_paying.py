"""TwitterAPI.io failing in all its ways: what is owed is booked, what nobody knows stays held."""

from __future__ import annotations

import asyncio
import gzip
import logging
import traceback
from typing import Any

import pytest

from bot.errors import (
    BudgetSpent,
    KeyRefused,
    OutOfCredit,
    SourceDown,
    SourceError,
    SourceGarbled,
    SourceRefused,
    StorageError,
    TooFast,
)
from bot.models.tweets import TweetPage
from bot.ports import Database
from bot.services.twitter_api import SearchAsked
from tests.fakes_twitter import Reply, ScriptedService, told
from tests.raw_tweets import envelopes, found, tweet
from tests.twitter_world import KEY, client, scripted

PAGE = told(found(tweet(1), tweet(2)))
NEVER_LISTENING = "http://127.0.0.1:1"


async def test_nothing_leaves_that_the_budget_has_no_room_for(db: Database) -> None:
    async with scripted(db, PAGE, credits=299) as (service, world):
        with pytest.raises(BudgetSpent):
            await world.api.search("برف")

        assert service.came == []


FAILURES = [
    (401, {"error": "Unauthorized", "message": "API key is invalid"}, KeyRefused, 0),
    (403, {"message": "Forbidden"}, KeyRefused, 0),
    (
        402,
        {"error": "Unauthorized", "message": "Credits is not enough.Please recharge"},
        OutOfCredit,
        0,
    ),
    (400, {"detail": "query is required"}, SourceRefused, 15),
    (404, {"detail": "Not Found"}, SourceRefused, 15),
    (405, {"detail": "Method Not Allowed"}, SourceRefused, 15),
    (422, {"detail": [{"loc": ["query"], "msg": "field required"}]}, SourceRefused, 15),
    (500, {"message": "internal error"}, SourceDown, 15),
    (501, {"error": 123, "message": "odd"}, SourceDown, 15),
    (302, {}, SourceDown, 15),
    (200, {"status": "error", "msg": "No active monitoring subscription"}, SourceRefused, 15),
]


@pytest.mark.parametrize(("status", "body", "kind", "credits"), FAILURES)
async def test_a_failure_is_a_typed_error_and_booked_at_its_price(
    db: Database, status: int, body: dict[str, Any], kind: type[SourceError], credits: int
) -> None:
    """Asked once: trying again would be charged again and help nothing."""
    async with scripted(db, told(body, status)) as (service, world):
        with pytest.raises(SourceError) as caught:
            await world.api.search("برف")

        assert type(caught.value) is kind
        assert caught.value.source == "TwitterAPI.io"
        words = body.get("msg") or body.get("message") or body.get("detail") or ""
        assert not isinstance(words, str) or words in str(caught.value)
        assert len(service.came) == 1
        assert await world.money() == (credits, 0)


@pytest.mark.parametrize("status", [502, 504, 524, 408])
async def test_what_a_gateway_says_leaves_the_price_open(db: Database, status: int) -> None:
    """What stands behind it may have done the work: the worst stays set aside."""
    page = Reply(status=status, body=b"<html>Gateway</html>")
    async with scripted(db, page) as (_, world):
        with pytest.raises(SourceDown, match=str(status)):
            await world.api.search("برف")

        assert await world.money() == (0, 300)


async def test_an_empty_account_stops_everything(db: Database) -> None:
    async with scripted(db, told({}, 402)) as (service, world):
        for _ in range(2):
            with pytest.raises(OutOfCredit):
                await world.api.search("برف")

        assert len(service.came) == 1
        assert (await world.state()).is_out_of_credit


async def test_too_fast_slows_everybody_down_and_is_tried_again(db: Database) -> None:
    """The service says how long, or five seconds; the refused try costs nothing."""
    fast = told({"error": "Too Many Requests"}, 429)
    slow = told({}, 429, **{"Retry-After": "9"})
    async with scripted(db, fast, slow, PAGE) as (service, world):
        page = await world.api.search("برف")

        assert page.count == 2
        assert len(service.came) == 3
        assert [round(wait) for wait in world.slept.waits] == [5, 9]
        assert await world.money() == (30, 0)


async def test_too_fast_for_ever_is_told(db: Database) -> None:
    async with scripted(db, told({}, 429)) as (service, world):
        with pytest.raises(TooFast) as caught:
            await world.api.search("برف")

        assert caught.value.retry_after_s == 5
        assert len(service.came) == 3


async def test_nobody_waits_for_minutes(db: Database) -> None:
    """Neither when the service asks for it, nor behind all who wait already."""
    async with scripted(db, told({}, 429, **{"Retry-After": "300"})) as (service, world):
        for _ in range(2):
            with pytest.raises(TooFast) as caught:
                await world.api.search("برف")
            assert caught.value.retry_after_s == pytest.approx(300, abs=5)

        assert len(service.came) == 1
        assert world.slept.waits == []
        assert await world.money() == (0, 0)


async def test_a_busy_service_is_tried_again_and_each_try_paid(db: Database) -> None:
    busy = told({"message": "busy"}, 503)
    async with scripted(db, busy, busy, PAGE) as (service, world):
        assert (await world.api.search("برف")).count == 2

        assert len(service.came) == 3
        assert await world.money() == (15 + 15 + 30, 0)


async def test_who_cannot_be_reached_knows_nothing_of_it(db: Database) -> None:
    """Tried again, and what was set aside is given back."""
    async with client(db, NEVER_LISTENING) as world:
        with pytest.raises(SourceDown):
            await world.api.search("برف")

        assert len(world.slept.waits) == 2
        assert await world.money() == (0, 0)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(drop=True), SourceDown),
        (Reply(body=PAGE.body, cut=0), SourceDown),
        (Reply(body=PAGE.body, cut=500), SourceDown),
        (Reply(hang=True), SourceDown),
        (Reply(body=PAGE.body[:-100]), SourceGarbled),
        (Reply(body=b"<html></html>"), SourceGarbled),
        (Reply(body=b"[]"), SourceGarbled),
        (Reply(body=b""), SourceGarbled),
        (Reply(body=PAGE.body, headers={"content-encoding": "gzip"}), SourceGarbled),
        (Reply(body=gzip.compress(PAGE.body)[:-20], headers={"content-encoding": "gzip"}), None),
    ],
)
async def test_what_broke_after_leaving_stays_set_aside(
    db: Database, reply: Reply, kind: type[SourceError] | None
) -> None:
    """It may have been charged in full or not at all; and it is not asked again."""
    async with scripted(db, reply, timeout_s=0.3) as (service, world):
        with pytest.raises(kind or SourceDown):
            await world.api.search("برف")

        assert len(service.came) == 1
        assert await world.money() == (0, 300)


async def test_answers_have_an_end(db: Database) -> None:
    """Eight megabytes, packed or not."""
    bomb = Reply(body=gzip.compress(b" " * (9 * 2**20)), headers={"content-encoding": "gzip"})
    async with scripted(db, bomb) as (_, world):
        with pytest.raises(SourceGarbled, match="larger than"):
            await world.api.search("برف")


async def test_packed_answers_are_read(db: Database) -> None:
    reply = Reply(body=gzip.compress(PAGE.body), headers={"content-encoding": "gzip"})
    async with scripted(db, reply) as (service, world):
        assert (await world.api.search("برف")).count == 2
        assert "gzip" in service.came[0].headers["accept-encoding"]


async def test_the_key_follows_no_redirect(db: Database) -> None:
    async with ScriptedService(PAGE) as other:
        away = told({}, 302, location=f"{other.url}/twitter/tweet/advanced_search")
        async with scripted(db, away) as (_, world):
            with pytest.raises(SourceDown):
                await world.api.search("برف")

        assert other.came == []


@pytest.mark.parametrize(
    "reply",
    [
        told({"detail": f"key {KEY} is odd"}, 400),
        told({"status": "error", "msg": f"key {KEY} is odd"}),
        told({"message": f"key {KEY} is odd"}, 401),
        Reply(drop=True),
        Reply(hang=True),
    ],
)
async def test_the_key_is_in_no_error_and_no_log(
    db: Database, reply: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with scripted(db, reply, timeout_s=0.2) as (_, world):
        with pytest.raises(SourceError) as caught:
            await world.api.search("برف")

    error: BaseException | None = caught.value
    seen = [repr(world.api), *traceback.format_exception(caught.value), caplog.text]
    while error is not None:
        request = getattr(error, "_request", None)
        seen += [repr(error), repr(vars(error)), repr(dict(request.headers)) if request else ""]
        error = error.__cause__ or error.__context__
    assert not [text for text in seen if KEY in text]


@pytest.mark.parametrize("key", ["two\nlines", "کلید", " spaced", "tab\t"])
async def test_what_cannot_be_a_key_is_not_sent(db: Database, key: str) -> None:
    async with scripted(db, PAGE, key=key) as (service, world):
        with pytest.raises(KeyRefused) as caught:
            await world.api.search("برف")

        assert key not in str(caught.value)
        assert service.came == []
        assert await world.money() == (0, 0)


async def test_cancelled_on_its_way_it_may_have_been_charged(db: Database) -> None:
    async with scripted(db, Reply(hang=True)) as (service, world):
        task = asyncio.create_task(world.api.search("برف"))
        await service.arrived(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert await world.money() == (0, 300)


async def test_cancelled_before_it_left_it_cost_nothing(db: Database) -> None:
    waiting = asyncio.Event()

    async def wait(seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    balance = told(envelopes()["balance"])
    async with scripted(db, balance, rate=1.0, sleep=wait) as (service, world):
        await world.api.balance()  # takes the departure of this second
        task = asyncio.create_task(world.api.search("برف"))
        async with asyncio.timeout(5):
            await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert [came.path for came in service.came] == ["/oapi/my/info"]
        assert await world.money() == (0, 0)


async def test_what_was_bought_is_handed_out_though_it_cannot_be_booked(
    db: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The money stays set aside, which is more than it cost."""

    async def away(*args: object, **options: object) -> None:
        raise StorageError("the database is away")

    async with scripted(db, PAGE) as (_, world):
        monkeypatch.setattr(world.budget, "settle", away)

        assert (await world.api.search("برف")).count == 2
        assert await world.money() == (0, 300)
        assert "a request could not be booked" in caplog.text


async def test_through_a_proxy_the_way_there_is_no_departure(db: Database) -> None:
    """A proxy that gives no way on: nothing reached the service, nothing is owed."""
    async with (
        ScriptedService(Reply(status=403)) as proxy,
        client(db, "https://twitterapi.example", proxy=proxy.url) as world,
    ):
        with pytest.raises(SourceDown):
            await world.api.search("برف")

        assert {came.method for came in proxy.came} == {"CONNECT"}
        assert not any("x-api-key" in came.headers for came in proxy.came)
        assert await world.money() == (0, 0)


async def test_a_connection_that_is_used_again_may_break_too(db: Database) -> None:
    async with scripted(db, PAGE, Reply(drop=True)) as (service, world):
        await world.api.search("برف")
        with pytest.raises(SourceDown):
            await world.api.search("باران")

        assert len(service.came) == 2
        assert await world.money() == (30, 300)


async def test_several_searches_of_which_one_cannot_be_read(db: Database) -> None:
    """Its page may have been full: what was set aside for all of them stays."""
    results = {"query_0": found(tweet(1)), "query_1": {"tweets": "none"}}
    async with scripted(db, told({"results": results})) as (_, world):
        page, garbled = await world.api.search_many([SearchAsked(text="a"), SearchAsked(text="b")])

        assert isinstance(page, TweetPage)
        assert isinstance(garbled, SourceGarbled)
        assert await world.money() == (0, 600)


async def test_what_was_answered_is_booked_though_nobody_waits_any_more(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_go_on = asyncio.Event(), asyncio.Event()
    async with scripted(db, PAGE) as (_, world):
        settle = world.budget.settle

        async def slowly(*args: Any, **options: Any) -> None:
            begun.set()
            await may_go_on.wait()
            await settle(*args, **options)

        monkeypatch.setattr(world.budget, "settle", slowly)
        task = asyncio.create_task(world.api.search("برف"))
        await begun.wait()
        task.cancel()
        await asyncio.sleep(0)
        may_go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert await world.money() == (30, 0)
