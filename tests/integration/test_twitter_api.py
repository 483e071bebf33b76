"""TwitterAPI.io over real HTTP: what is asked is paid for once, and booked for what it cost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.errors import (
    KeyRefused,
    SourceDown,
    SourceGarbled,
    SourceGone,
    SourceRefused,
)
from bot.models.tweets import FilterRule, PeoplePage, TweetPage
from bot.ports import Database
from bot.services import twitter_questions
from bot.services.twitter_api import SearchAsked, TwitterApi
from bot.services.twitter_parsing import parse_people
from tests.fakes_twitter import Reply, told
from tests.raw_tweets import OK, envelopes, found, packed, person, tweet
from tests.twitter_world import KEY, client, scripted

PAGE = told(found(tweet(1), tweet(2)))


async def test_a_search_is_asked_in_the_services_words_and_booked(db: Database) -> None:
    """The text in parentheses, whole seconds behind it; fifteen for each tweet."""
    since = datetime(2026, 11, 21, 10, 0, 0, 400_000, tzinfo=UTC)
    async with scripted(db, PAGE) as (service, world):
        page = await world.api.search(
            "برف OR باران", since=since, until=since + timedelta(minutes=1), query_id=7
        )

        assert [each.post.external_id for each in page.tweets] == ["1", "2"]
        assert (page.has_more, page.cursor) == (True, "next-1")
        (came,) = service.came
        assert (came.method, came.path) == ("GET", "/twitter/tweet/advanced_search")
        assert came.params == {
            "query": "(برف OR باران) since_time:1795255200 until_time:1795255261",
            "queryType": "Latest",
        }
        assert came.headers["x-api-key"] == KEY
        assert await world.money() == (30, 0)
        report = await world.budget.report(1)
        assert [(query_id, each.items) for query_id, each in report.by_query] == [(7, 2)]


@pytest.mark.parametrize(
    ("ask", "method", "path", "params", "answer", "credits"),
    [
        (
            lambda api: api.search("برف", popular=True, cursor="c"),
            "GET",
            "/twitter/tweet/advanced_search",
            {"query": "برف", "queryType": "Top", "cursor": "c"},
            "search",
            60,
        ),
        (
            lambda api: api.user("@baran_tehran"),
            "GET",
            "/twitter/user/info",
            {"userName": "baran_tehran"},
            "user",
            18,
        ),
        (
            lambda api: api.users([601, 602, 601]),
            "GET",
            "/twitter/user/batch_info_by_ids",
            {"userIds": "601,602"},
            "users",
            54,
        ),
        (
            lambda api: api.timeline("baran_tehran", cursor="c", replies=True),
            "GET",
            "/twitter/user/last_tweets",
            {"userName": "baran_tehran", "includeReplies": "true", "cursor": "c"},
            "timeline",
            45,
        ),
        (
            lambda api: api.tweets(["1", "2", "1"]),
            "GET",
            "/twitter/tweets",
            {"tweet_ids": "1,2"},
            "tweets",
            30,
        ),
        (
            lambda api: api.replies("5", "c"),
            "GET",
            "/twitter/tweet/replies/v2",
            {"tweetId": "5", "queryType": "Latest", "cursor": "c"},
            "search",
            60,
        ),
        (
            lambda api: api.quotes("5"),
            "GET",
            "/twitter/tweet/quotes",
            {"tweetId": "5"},
            "search",
            60,
        ),
        (
            lambda api: api.mentions("abr", datetime(2026, 11, 21, tzinfo=UTC)),
            "GET",
            "/twitter/user/mentions",
            {"userName": "abr", "sinceTime": "1795219200"},
            "search",
            60,
        ),
        (
            lambda api: api.followers("abr", "c"),
            "GET",
            "/twitter/user/followers",
            {"userName": "abr", "pageSize": "200", "cursor": "c"},
            "followers",
            15,
        ),
        (
            lambda api: api.followings("abr"),
            "GET",
            "/twitter/user/followings",
            {"userName": "abr", "pageSize": "200"},
            "followers",
            15,
        ),
        (
            lambda api: api.trends(),
            "GET",
            "/twitter/trends",
            {"woeid": "23424851", "count": "30"},
            "trends",
            15,
        ),
        (lambda api: api.balance(), "GET", "/oapi/my/info", {}, "balance", 0),
        (lambda api: api.rules(), "GET", "/oapi/tweet_filter/get_rules", {}, "rules", 15),
    ],
)
async def test_every_question_has_its_address_its_words_and_its_price(
    db: Database,
    ask: Callable[[TwitterApi], Awaitable[Any]],
    method: str,
    path: str,
    params: dict[str, str],
    answer: str,
    credits: int,
) -> None:
    async with scripted(db, told(envelopes()[answer])) as (service, world):
        await ask(world.api)

        (came,) = service.came
        assert (came.method, came.path, came.params) == (method, path, params)
        assert await world.money() == (credits, 0)


async def test_rules_are_made_changed_and_taken_away(db: Database) -> None:
    """By JSON, also where something is deleted; whole seconds as whole numbers."""
    made = told({"rule_id": "r9", **OK})
    async with scripted(db, made, told(OK), told(OK)) as (service, world):
        rule = await world.api.add_rule("hoshyar:1", "برف", 60.0)
        await world.api.update_rule(FilterRule("r9", "hoshyar:1", "برف lang:fa", 0.5, True))
        await world.api.delete_rule("r9")

        assert rule == FilterRule("r9", "hoshyar:1", "برف", 60.0, False)
        assert [(came.method, came.path, came.body) for came in service.came] == [
            (
                "POST",
                "/oapi/tweet_filter/add_rule",
                '{"tag":"hoshyar:1","value":"برف","interval_seconds":60}'.encode(),
            ),
            (
                "POST",
                "/oapi/tweet_filter/update_rule",
                (
                    '{"rule_id":"r9","tag":"hoshyar:1","value":"برف lang:fa",'
                    '"interval_seconds":0.5,"is_effect":1}'
                ).encode(),
            ),
            ("DELETE", "/oapi/tweet_filter/delete_rule", b'{"rule_id":"r9"}'),
        ]
        assert {came.headers["content-type"] for came in service.came} == {"application/json"}
        assert await world.money() == (45, 0)


async def test_several_searches_go_in_one_request(db: Database) -> None:
    """Each costs what it would cost alone, also the one that failed."""
    results = {
        "query_0": found(tweet(1), tweet(2)),
        "query_1": found(),
        "query_2": {"status": "error", "msg": "bad query"},
    }
    async with scripted(db, told({"results": results, **OK})) as (service, world):
        asked = [SearchAsked(text="a", cursor="c"), SearchAsked(text="b"), SearchAsked(text="(")]
        first, second, third = await world.api.search_many(asked)

        assert (first.count, second.count) == (2, 0)
        assert type(third) is SourceRefused
        assert service.came[0].body == (
            b'{"queries":[{"query":"a","queryType":"Latest","cursor":"c"},'
            b'{"query":"b","queryType":"Latest"},{"query":"(","queryType":"Latest"}]}'
        )
        assert await world.money() == (60, 0)


async def test_many_ids_are_asked_for_in_parts(db: Database) -> None:
    async with scripted(db, told(envelopes()["tweets"])) as (service, world):
        page = await world.api.tweets(str(number) for number in range(1, 151))

        assert [len(came.params["tweet_ids"].split(",")) for came in service.came] == [100, 50]
        assert page.count == 4


async def test_nothing_is_asked_without_a_key(db: Database) -> None:
    async with scripted(db, PAGE, key="") as (service, world):
        assert not world.api.has_key
        with pytest.raises(KeyRefused):
            await world.api.search("برف")

        assert service.came == []


async def test_who_asks_the_same_at_once_pays_once(db: Database) -> None:
    gate = asyncio.Event()
    reply = Reply(body=PAGE.body, hold=gate)
    async with scripted(db, reply) as (service, world):
        async with asyncio.TaskGroup() as group:
            asking = [group.create_task(world.api.search("برف")) for _ in range(5)]
            other = group.create_task(world.api.search("باران"))
            await service.arrived(2)
            gate.set()

        assert {task.result().count for task in asking} == {2}
        assert other.result().count == 2
        assert len(service.came) == 2
        assert await world.money() == (60, 0)


async def test_who_waits_no_more_does_not_end_it_for_others(db: Database) -> None:
    gate = asyncio.Event()
    async with scripted(db, Reply(body=PAGE.body, hold=gate)) as (service, world):
        first = asyncio.create_task(world.api.search("برف"))
        await service.arrived(1)
        second = asyncio.create_task(world.api.search("برف"))
        await asyncio.sleep(0)
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
        gate.set()

        assert (await second).count == 2
        assert first.cancelled()
        assert await world.money() == (30, 0)


async def test_an_answer_is_kept_for_a_while_as_it_came(db: Database) -> None:
    """Also for the next process; who wants it fresh pays."""
    async with scripted(db, told(envelopes()["user"])) as (service, world):
        assert (await world.api.user("baran_tehran")).id == 501
        assert (await world.api.user("baran_tehran")).id == 501
        await world.cache.report()  # written down for others
        async with client(db, service.url) as another:
            assert (await another.api.user("@baran_tehran")).id == 501
            assert len(service.came) == 1
            assert (await another.api.user("baran_tehran", fresh=True)).id == 501

        assert len(service.came) == 2
        assert await world.money() == (36, 0)


async def test_who_wants_it_fresh_does_not_join_who_looks_into_the_cache(db: Database) -> None:
    async with scripted(db, told(envelopes()["user"])) as (service, world):
        await world.api.user("abr")
        async with asyncio.TaskGroup() as group:
            group.create_task(world.api.user("abr"))
            group.create_task(world.api.user("abr", fresh=True))

        assert len(service.came) == 2


async def test_searches_are_kept_only_on_demand(db: Database) -> None:
    async with scripted(db, PAGE) as (service, world):
        await world.api.search("برف")
        await world.api.search("برف")
        await world.api.search("برف", cached=timedelta(minutes=5))
        await world.api.search("برف", cached=timedelta(minutes=5))

        assert len(service.came) == 3


async def test_no_error_is_kept(db: Database) -> None:
    refused = told({"status": "error", "msg": "try later"})
    good = told(envelopes()["timeline"])
    async with scripted(db, refused, Reply(body=b"{"), good) as (_, world):
        with pytest.raises(SourceRefused):
            await world.api.timeline("abr")
        with pytest.raises(SourceGarbled):
            await world.api.timeline("abr")

        assert (await world.api.timeline("abr")).count == 3


async def test_what_is_kept_and_cannot_be_read_is_bought_anew(db: Database) -> None:
    async with scripted(db, told(envelopes()["user"])) as (service, world):
        await world.api.user("abr")
        name = f'x-user:{service.url}/twitter/user/info {{"userName":"abr"}}'
        assert await world.cache.get(name) == packed_as_sent(envelopes()["user"])
        await world.cache.put(name, b'{"data": "of another version"}', timedelta(hours=1))

        assert (await world.api.user("abr")).id == 501
        assert len(service.came) == 2


def packed_as_sent(answer: Any) -> bytes:
    return told(answer).body


@pytest.mark.parametrize(
    ("reply", "credits"),
    [
        (told({"status": "error", "msg": "user not found", "data": None}), 15),
        (told({"data": {"unavailable": True, "message": "User is suspended"}, **OK}), 18),
    ],
)
async def test_nobody_of_that_name(db: Database, reply: Reply, credits: int) -> None:
    async with scripted(db, reply) as (_, world):
        with pytest.raises(SourceGone):
            await world.api.user("nobody")

        assert await world.money() == (credits, 0)


async def test_a_wrong_address_is_not_nobody(db: Database) -> None:
    async with scripted(db, told({"detail": "Not Found"}, 404)) as (_, world):
        with pytest.raises(SourceRefused):
            await world.api.user("abr")


async def test_the_budget_learns_of_the_balance(db: Database) -> None:
    async with scripted(db, told(envelopes()["balance"]), rate=None) as (_, world):
        balance = await world.api.balance()

        state = await world.state()
        assert (balance.credits, state.balance) == (90_750, balance)
        assert state.rate == 20


async def test_a_closed_client_gives_up_what_is_under_way(db: Database) -> None:
    async with scripted(db, Reply(hang=True)) as (service, world):
        task = asyncio.create_task(world.api.search("برف"))
        await service.arrived(1)
        await world.api.close()

        with pytest.raises(SourceDown):
            await task
        assert await world.money() == (0, 300)


async def test_large_answers_are_read_beside_the_loop(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []

    def read(body: bytes, now: datetime) -> PeoplePage:
        threads.append(threading.current_thread())
        return parse_people(body, now)

    monkeypatch.setattr(twitter_questions, "parse_people", read)
    people = [person(number, description="x" * 2000) for number in range(1, 201)]
    answer = Reply(body=packed({"followers": people, "next_cursor": "2", "has_next_page": True}))
    async with scripted(db, answer) as (_, world):
        page = await world.api.followers("abr")

        assert (page.count, page.cursor) == (200, "2")
        assert threading.main_thread() not in threads
        assert await world.money() == (200, 0)


async def test_pages_of_nothing_cost_the_least(db: Database) -> None:
    async with scripted(db, told(found(more=False, cursor=""))) as (_, world):
        assert await world.api.search("برف") == TweetPage(tweets=())
        assert await world.money() == (15, 0)
