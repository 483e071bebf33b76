"""The double's troubles on order: failures on the way, lies in answers, and what is charged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from bot.sandbox.server import SandboxServer
from bot.sandbox.twitter_double import TwitterDouble
from bot.sandbox.twitter_faults import TwitterFaults
from bot.sandbox.twitter_people import Person
from bot.sandbox.twitter_shelf import Held
from bot.sandbox.twitter_site import TwitterSite

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SEARCH = "/twitter/tweet/advanced_search"


@pytest.fixture
async def site() -> AsyncIterator[TwitterSite]:
    tweets = [
        Held(1_000 + nth, round(NOON.timestamp() + nth) * 1_000, f"سلام {nth}", Person("ali"))
        for nth in range(50)
    ]
    double = TwitterDouble(tweets, start=NOON + timedelta(hours=1), is_paced=False)
    async with TwitterSite(double) as site:
        yield site


@pytest.fixture
async def http(site: TwitterSite) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"X-API-Key": site.key}
    async with httpx.AsyncClient(base_url=site.url, headers=headers) as client:
        yield client


async def search(http: httpx.AsyncClient, cursor: str = "", query: str = "سلام") -> httpx.Response:
    return await http.get(SEARCH, params={"query": query, "cursor": cursor})


def ids(page: Any) -> list[str]:
    return [one["id"] for one in page["tweets"]]


@pytest.mark.parametrize(
    ("kind", "status", "credits"),
    [
        ("429", 429, 0),
        ("402", 402, 0),
        ("500", 500, 15),
        ("503", 503, 15),
        ("body_error", 200, 15),
        ("garbled", 200, 300),
        ("truncated", 200, 300),
        ("not_an_object", 200, 300),
    ],
)
async def test_trouble_with_an_answer_has_its_price(
    http: httpx.AsyncClient, site: TwitterSite, kind: str, status: int, credits: int
) -> None:
    """Refusals are free, failures cost the least, spoilt answers cost all that was in them."""
    site.twitter.faults.add(kind, retry_after=3)

    answer = await search(http)
    after = await search(http)

    assert answer.status_code == status
    assert site.twitter.calls[0].credits == credits
    assert site.twitter.calls[0].trouble == kind
    assert after.status_code == 200
    assert len(ids(after.json())) == 20
    if kind in {"garbled", "truncated"}:
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(answer.content)
    if kind == "body_error":
        assert answer.json()["status"] == "error"
    if kind in {"429", "503"}:
        assert answer.headers["retry-after"] == "3"


async def test_a_connection_is_cut_before_or_after_the_price_is_taken(
    http: httpx.AsyncClient, site: TwitterSite
) -> None:
    """Whoever asked cannot tell the one from the other; the ledger can."""
    site.twitter.faults.add("reset_before")
    with pytest.raises(httpx.RemoteProtocolError):
        await search(http)
    before = site.twitter.credits_spent
    site.twitter.faults.add("reset_after")
    with pytest.raises(httpx.RemoteProtocolError):
        await search(http)

    assert before == 0
    assert site.twitter.credits_spent == 300


async def test_a_slow_answer_is_charged_though_nobody_waits_for_it(
    http: httpx.AsyncClient, site: TwitterSite
) -> None:
    """A client that gives up pays nevertheless."""
    site.twitter.faults.add("slow", seconds=0.2)
    with pytest.raises(httpx.ReadTimeout):
        await http.get(SEARCH, params={"query": "سلام"}, timeout=0.05)
    async with asyncio.timeout(5):
        while not site.twitter.calls:  # noqa: ASYNC110 - the ledger has no event to wait for
            await asyncio.sleep(0.01)

    assert [(spent.trouble, spent.credits) for spent in site.twitter.calls] == [("slow", 300)]


async def test_an_outage_cuts_everything_until_it_ends(
    http: httpx.AsyncClient, site: TwitterSite
) -> None:
    """Also the balance."""
    site.twitter.faults.outage(60)
    with pytest.raises(httpx.RemoteProtocolError):
        await http.get("/oapi/my/info")
    site.twitter.faults.clear()

    assert (await http.get("/oapi/my/info")).status_code == 200
    assert site.twitter.calls == []


async def test_pages_lie_about_what_follows(http: httpx.AsyncClient, site: TwitterSite) -> None:
    """True at the end, false before it, and fewer than twenty with more to come."""
    end = "سلام until_time:" + str(int(NOON.timestamp()) + 5)
    site.twitter.faults.add("more_at_end")
    at_end = (await search(http, query=end)).json()
    site.twitter.faults.add("no_more")
    no_more = (await search(http)).json()
    site.twitter.faults.add("short_page", times=2)
    short = (await search(http)).json()
    rest = (await search(http, short["next_cursor"])).json()

    assert len(ids(at_end)) == 5
    assert at_end["has_next_page"] is True
    assert (len(ids(no_more)), no_more["has_next_page"]) == (20, False)
    assert 10 <= len(ids(short)) < 20
    assert short["has_next_page"] is True
    # Nothing is lost between two short pages.
    assert int(ids(rest)[0]) == int(ids(short)[-1]) - 1


async def test_cursors_loop_and_pages_repeat(http: httpx.AsyncClient, site: TwitterSite) -> None:
    """A looping cursor never moves; a repeated page comes with a cursor that goes on after it."""
    first = (await search(http)).json()
    site.twitter.faults.add("cursor_loop", times=2)
    loop = (await search(http, first["next_cursor"])).json()
    again = (await search(http, loop["next_cursor"])).json()
    site.twitter.faults.add("repeated_page")
    repeated = (await search(http, first["next_cursor"])).json()
    second = (await search(http, repeated["next_cursor"])).json()

    assert ids(loop) == ids(again) == ids(first)
    assert loop["next_cursor"] == again["next_cursor"] == first["next_cursor"]
    assert ids(repeated) == ids(first)
    assert repeated["next_cursor"] != first["next_cursor"]
    assert int(ids(second)[0]) == int(ids(first)[-1]) - 1


async def test_pages_are_empty_or_hold_a_tweet_twice(
    http: httpx.AsyncClient, site: TwitterSite
) -> None:
    """What is doubled is charged twice."""
    site.twitter.faults.add("empty_page")
    empty = (await search(http)).json()
    site.twitter.faults.add("doubled_tweets")
    doubled = (await search(http)).json()

    assert (ids(empty), empty["has_next_page"]) == ([], True)
    assert len(ids(doubled)) == 20
    assert len(set(ids(doubled))) == 17
    assert [spent.credits for spent in site.twitter.calls] == [15, 300]


async def test_a_stale_page_is_of_another_search(
    http: httpx.AsyncClient, site: TwitterSite
) -> None:
    """What was asked before comes once more, and is charged once more."""
    early = f"سلام until_time:{int(NOON.timestamp()) + 3}"
    late = f"سلام since_time:{int(NOON.timestamp()) + 48}"
    site.twitter.faults.add("stale_page", times=None)
    pages = [ids((await search(http, query=query)).json()) for query in (early, late, late)]

    assert pages == [["1002", "1001", "1000"], ["1002", "1001", "1000"], ["1049", "1048"]]
    assert [spent.credits for spent in site.twitter.calls] == [45, 45, 30]


async def test_fields_are_missing_wrong_or_break_a_tweet(
    http: httpx.AsyncClient, site: TwitterSite
) -> None:
    """What is spoilt in one answer is whole in the next."""
    whole = (await search(http)).json()
    site.twitter.faults.add("missing_fields")
    missing = (await search(http)).json()["tweets"]
    site.twitter.faults.add("lists_for_objects")
    lists = (await search(http)).json()["tweets"]
    site.twitter.faults.add("broken_tweets")
    broken = (await search(http)).json()["tweets"]
    after = (await search(http)).json()

    assert any("likeCount" not in one for one in missing)
    assert any("followers" not in one["author"] for one in missing)
    assert all({"id", "text", "createdAt"} <= set(one) for one in missing)
    assert any(one["entities"] == [] for one in lists)
    fields = {"id", "text", "createdAt", "author"}
    assert sum(not isinstance(one, dict) or not fields <= set(one) for one in broken) == 1
    assert after["tweets"] == whole["tweets"]


async def test_orders_end_are_for_one_endpoint_and_have_their_chance(
    http: httpx.AsyncClient, site: TwitterSite
) -> None:
    """The balance is hit only when it is named."""
    site.twitter.faults.add("500", endpoint="advanced_search", times=None, fraction=0.5)
    codes = [(await search(http)).status_code for _ in range(40)]
    others = [await http.get("/twitter/trends", params={"woeid": "1"}) for _ in range(5)]
    site.twitter.faults.clear()
    site.twitter.faults.add("500", times=None)
    balance = await http.get("/oapi/my/info")
    site.twitter.faults.add("500", endpoint="/my/info")
    named = await http.get("/oapi/my/info")

    assert 8 < codes.count(500) < 32
    assert {answer.status_code for answer in others} == {200}
    assert (balance.status_code, named.status_code) == (200, 500)
    assert all(spent.endpoint != "/oapi/my/info" for spent in site.twitter.calls)


def test_chance_repeats_by_its_seed() -> None:
    """The same seed strikes the same requests."""
    struck = []
    for seed in (1, 1, 2):
        faults = TwitterFaults(seed)
        faults.add("500", times=None, fraction=0.3)
        struck.append([faults.on_the_way("/x") is not None for _ in range(50)])

    assert struck[0] == struck[1] != struck[2]


async def test_another_process_orders_and_reads_over_http(tmp_path: Path) -> None:
    """Faults, money, behaviour, tweets, what should be found: all under /sandbox/twitter."""
    async with (
        SandboxServer(linked_channel=False) as server,
        httpx.AsyncClient(base_url=server.url) as control,
        httpx.AsyncClient(headers={"X-API-Key": server.twitter_key}) as http,
    ):
        url = f"{server.twitter_url}{SEARCH}"
        written = await control.post("/sandbox/twitter/tweet", json={"text": "کلمه‌ای نایاب"})
        expected = await control.post("/sandbox/twitter/matching", json={"query": "نایاب"})
        await control.post("/sandbox/twitter/faults", json={"kind": "500", "times": 1})
        codes = [(await http.get(url, params={"query": "نایاب"})).status_code for _ in range(2)]
        await control.post("/sandbox/twitter/delete", json={"id": written.json()["id"]})
        gone = (await http.get(url, params={"query": "نایاب"})).json()
        ledger = (await control.get("/sandbox/twitter/ledger?timezone=Asia/Tehran")).json()
        account = await control.post("/sandbox/twitter/account", json={"recharge": 45})
        clock = (await control.get("/sandbox/twitter/clock")).json()
        bad = await control.post("/sandbox/twitter/faults", json={"kind": "no such"})
        form = await control.post("/sandbox/twitter/faults", data={"kind": "500"})
        await control.request("DELETE", "/sandbox/twitter/faults")

    assert expected.json() == {"ids": [written.json()["id"]]}
    assert codes == [500, 200]
    assert gone["tweets"] == []
    assert ledger["credits_spent"] == 45
    assert list(ledger["by_day"].values()) == [45]
    assert ledger["by_endpoint"] == {SEARCH: 45}
    assert ledger["hits"] == {"500": 1}
    assert [call["status"] for call in ledger["calls"]] == [500, 200, 200]
    assert account.json() == {"recharge_credits": 1_000_000, "total_bonus_credits": 0}
    assert clock["speed"] == 1.0
    assert (bad.status_code, form.status_code) == (400, 415)


async def test_a_reset_brings_back_the_first_day() -> None:
    """Tweets that were written, spending, trouble, rules: all gone; the address stays."""
    async with SandboxServer(linked_channel=False) as server, httpx.AsyncClient() as http:
        twitter = server.twitter
        twitter.write("کلمه‌ای نایاب")
        twitter.account.charge("x", 500)
        twitter.faults.add("500", times=None)
        twitter.rules.add(twitter.key, "t", "v", 60)
        await http.post(f"{server.url}/sandbox/reset", json={})

        assert twitter.matching("نایاب") == []
        assert len(twitter.matching("")) > 1_000
        assert twitter.credits_spent == 0
        assert twitter.account.balance() == (1_000_000, 0)
        assert twitter.faults.on_the_way("/x") is None
        assert twitter.rules.of(twitter.key) == []
