"""The double of TwitterAPI.io: its four envelopes, its prices, its pace, its refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from bot.sandbox.server import SandboxServer
from bot.sandbox.tweets import sample_posts
from bot.sandbox.twitter_double import TwitterDouble
from bot.sandbox.twitter_ledger import Account
from bot.sandbox.twitter_people import Person
from bot.sandbox.twitter_shelf import Held
from bot.sandbox.twitter_site import TwitterSite

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SEARCH = "/twitter/tweet/advanced_search"


def tweet(number: int, text: str = "سلام", *, author: str = "ali", seconds: float = 0.0) -> Held:
    at_ms = round((NOON.timestamp() + seconds) * 1_000)
    return Held(number, at_ms, text, Person(author))


def some(count: int) -> list[Held]:
    return [tweet(1_000 + nth, f"سلام {nth}", seconds=nth) for nth in range(count)]


@pytest.fixture
async def site() -> AsyncIterator[TwitterSite]:
    noon_and_more = NOON + timedelta(hours=1)
    async with TwitterSite(TwitterDouble(some(45), start=noon_and_more, is_paced=False)) as site:
        yield site


@pytest.fixture
async def http(site: TwitterSite) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"X-API-Key": site.key}
    async with httpx.AsyncClient(base_url=site.url, headers=headers) as client:
        yield client


async def ask(http: httpx.AsyncClient, path: str = SEARCH, **query: Any) -> Any:
    answer = await http.get(path, params=query)
    return answer.json()


async def test_a_search_is_flat_and_goes_on_by_cursor(
    http: httpx.AsyncClient, site: TwitterSite
) -> None:
    """Twenty a page, newest first, three fields and no status; each page has its price."""
    pages = [await ask(http, query="سلام")]
    while pages[-1]["has_next_page"]:
        pages.append(await ask(http, query="سلام", cursor=pages[-1]["next_cursor"]))

    assert [len(page["tweets"]) for page in pages] == [20, 20, 5]
    assert all(set(page) == {"tweets", "has_next_page", "next_cursor"} for page in pages)
    ids = [int(one["id"]) for page in pages for one in page["tweets"]]
    assert ids == sorted(ids, reverse=True)
    assert [spent.credits for spent in site.twitter.calls] == [300, 300, 75]
    assert site.twitter.credits_spent == 675


async def test_the_least_price_is_taken_for_nothing_and_for_mistakes(
    http: httpx.AsyncClient, site: TwitterSite
) -> None:
    """An empty page, a missing parameter, an unknown path, a failure with 200: 15 each."""
    answers = [
        await http.get(SEARCH, params={"query": "نیست"}),
        await http.get(SEARCH),
        await http.get("/twitter/nothing"),
        await http.post(SEARCH),
        await http.get("/twitter/user/info", params={"userName": "nobody"}),
    ]

    assert [answer.status_code for answer in answers] == [200, 400, 404, 405, 200]
    assert answers[1].json() == {"detail": "query is required"}
    assert answers[4].json()["status"] == "error"
    assert [spent.credits for spent in site.twitter.calls] == [15] * 5


async def test_a_wrong_key_is_refused_and_pays_nothing(
    http: httpx.AsyncClient, site: TwitterSite
) -> None:
    """401, and no account has a call."""
    answer = await http.get(SEARCH, params={"query": "سلام"}, headers={"X-API-Key": "wrong"})

    assert answer.status_code == 401
    assert site.twitter.calls == []


async def test_the_plan_of_the_balance_is_the_pace() -> None:
    """Three a second from 1,000 credits, one in five below; 429 in the service's own words."""
    async with (
        TwitterSite(TwitterDouble(some(1), credits=1_030)) as site,
        httpx.AsyncClient(base_url=site.url, headers={"X-API-Key": site.key}) as http,
    ):
        codes = [(await http.get(SEARCH, params={"query": "x"})).status_code for _ in range(4)]
        refused = await http.get(SEARCH, params={"query": "x"})

        assert codes[:2] == [200, 200]
        assert codes[-1] == 429
        assert refused.json()["error"] == "Too Many Requests"
        assert site.twitter.account.refused_as_too_fast == 5 - codes.count(200)
        assert site.twitter.credits_spent == 15 * codes.count(200)


async def test_an_empty_account_is_refused_by_the_balance_that_can_be_read() -> None:
    """Until spending settles the account goes on and falls below nothing; then 402, free."""
    async with (
        TwitterSite(TwitterDouble(some(20), credits=100, settle_s=3_600, is_paced=False)) as site,
        httpx.AsyncClient(base_url=site.url, headers={"X-API-Key": site.key}) as http,
    ):
        late = [(await http.get(SEARCH, params={"query": "سلام"})).status_code for _ in range(2)]
        before = await ask(http, "/oapi/my/info")
        site.twitter.account.settle_now()
        after = await ask(http, "/oapi/my/info")
        refused = await http.get(SEARCH, params={"query": "سلام"})

        assert late == [200, 200]
        assert before == {"recharge_credits": 100, "total_bonus_credits": 0}
        assert after == {"recharge_credits": -500, "total_bonus_credits": 0}
        assert refused.status_code == 402
        assert refused.json()["message"] == "Credits is not enough.Please recharge"
        assert site.twitter.credits_spent == 600


def test_spending_settles_late_and_out_of_order() -> None:
    """Given credits go first; each price shows between a third and the whole of the delay."""
    now = [0.0]
    account = Account("key", 1_000, 100, settle_s=60.0, monotonic=lambda: now[0])
    for price in (15, 30, 75):
        account.charge("/x", price)
    seen = []
    for moment in range(0, 61, 5):
        now[0] = moment
        seen.append(1_100 - sum(account.balance()))

    assert account.credits_spent == 120
    assert seen[:4] == [0, 0, 0, 0]
    assert seen[-1] == 120
    assert len(set(seen)) > 2
    assert account.balance() == (980, 0)


async def test_the_tweets_of_the_sandbox_are_its_sample_posts() -> None:
    """The same ids, texts, authors; and as the clock goes on there are new ones, seconds old."""
    now = NOON.timestamp() + 7
    server = SandboxServer(clock=lambda: now)
    async with server, httpx.AsyncClient(headers={"X-API-Key": server.twitter_key}) as http:
        posts = sample_posts(server.twitter.anchor)
        known = {str(held.id): held for held in server.twitter.matching("")}
        now += 600
        found = (await http.get(f"{server.twitter_url}{SEARCH}", params={"query": ""})).json()
        newest = (
            await http.get(f"{server.twitter_url}{SEARCH}", params={"query": "lang:fa"})
        ).json()["tweets"]

    assert found == {"detail": "query is required"}
    assert all(known[post["id"]].text == post["text"] for post in posts)
    assert all(known[post["id"]].author.username == post["author"] for post in posts)
    age = now - datetime.strptime(newest[0]["createdAt"], "%a %b %d %H:%M:%S %z %Y").timestamp()
    assert 0 <= age < 30
    assert not {one["id"] for one in newest} & set(known)
