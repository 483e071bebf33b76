"""The double's filter rules: what they push over a WebSocket and to a webhook, and its price."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bot.sandbox.connections import Connections
from bot.sandbox.listening import Listening
from bot.sandbox.server import SandboxServer
from bot.sandbox.twitter_double import TwitterDouble
from bot.sandbox.twitter_site import TwitterSite

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
async def site() -> AsyncIterator[TwitterSite]:
    async with TwitterSite(TwitterDouble([], start=NOON, is_paced=False, ping_s=0.05)) as site:
        yield site


@pytest.fixture
async def http(site: TwitterSite) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"X-API-Key": site.key}
    async with httpx.AsyncClient(base_url=site.url, headers=headers) as client:
        yield client


def socket(site: TwitterSite, key: str = "") -> Any:
    headers = {"x-api-key": key or site.key}
    return connect(site.stream_url, additional_headers=headers, proxy=None)


async def active_rule(http: httpx.AsyncClient, value: str, interval_s: float = 0.1) -> str:
    rule = {"tag": "t", "value": value, "interval_seconds": interval_s}
    made = (await http.post("/oapi/tweet_filter/add_rule", json=rule)).json()
    woken = {**rule, "rule_id": made["rule_id"], "is_effect": 1}
    assert (await http.post("/oapi/tweet_filter/update_rule", json=woken)).status_code == 200
    return str(made["rule_id"])


async def heard(connection: ClientConnection, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(5):
        while True:
            event: dict[str, Any] = json.loads(await connection.recv())
            if event["event_type"] == kind:
                return event


async def test_a_rule_is_made_at_rest_changed_and_deleted(
    http: httpx.AsyncClient, site: TwitterSite
) -> None:
    """Each step costs the least; the id of what is deleted stands in the body."""
    rule_id = await active_rule(http, "سلام", 60)
    rules = (await http.get("/oapi/tweet_filter/get_rules")).json()["rules"]
    path = "/oapi/tweet_filter/delete_rule"
    gone = await http.request("DELETE", path, json={"rule_id": rule_id})
    again = await http.request("DELETE", path, json={"rule_id": rule_id})
    empty = (await http.get("/oapi/tweet_filter/get_rules")).json()

    assert [(rule["rule_id"], rule["is_effect"]) for rule in rules] == [(rule_id, 1)]
    assert gone.json() == {"status": "success", "msg": "success"}
    assert (again.status_code, again.json()["status"]) == (200, "error")
    assert empty["rules"] == []
    assert [spent.credits for spent in site.twitter.calls] == [15] * 6


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"value": "x" * 256}, 400),
        ({"value": ""}, 400),
        ({"tag": 5}, 422),
        ({"interval_seconds": 0.01}, 400),
        ({"interval_seconds": "60"}, 422),
        ({"interval_seconds": 86_400}, 200),
    ],
)
async def test_rules_are_checked(
    http: httpx.AsyncClient, change: dict[str, Any], status: int
) -> None:
    """Lengths, types and the interval."""
    rule = {"tag": "t", "value": "v", "interval_seconds": 60, **change}

    answer = await http.post("/oapi/tweet_filter/add_rule", json=rule)

    assert answer.status_code == status


async def test_a_socket_hears_what_is_written_from_now_on(
    http: httpx.AsyncClient, site: TwitterSite
) -> None:
    """Connected first, pings between; each tweet once, for its price."""
    site.twitter.write("سلام پیشین")
    async with socket(site) as connection:
        hello = json.loads(await connection.recv())
        rule_id = await active_rule(http, "سلام")
        written = site.twitter.write("سلام تازه")
        site.twitter.write("چیز دیگر")
        event = await heard(connection, "tweet")
        ping = await heard(connection, "ping")
        site.twitter.write("سلام دوم")
        second = await heard(connection, "tweet")

    assert hello == {"event_type": "connected"}
    assert [one["id"] for one in event["tweets"]] == [str(written.id)]
    assert (event["rule_id"], event["rule_tag"], event["rule_value"]) == (rule_id, "t", "سلام")
    assert isinstance(ping["timestamp"], int)
    assert [one["text"] for one in second["tweets"]] == ["سلام دوم"]
    pushed = [spent for spent in site.twitter.calls if spent.endpoint == "push"]
    assert [(spent.n, spent.credits) for spent in pushed] == [(1, 15), (1, 15)]


async def test_a_second_socket_of_a_key_is_closed_with_1008(site: TwitterSite) -> None:
    """The first stays; another key has one of its own; a wrong key gets no handshake."""
    other = site.twitter.add_account("other")
    async with socket(site) as first, socket(site, other.key) as theirs:
        await heard(first, "connected")
        await heard(theirs, "connected")
        async with socket(site) as second:
            with pytest.raises(ConnectionClosed) as closed:
                await second.recv()
        await heard(first, "ping")
        with pytest.raises(InvalidStatus) as refused:
            async with socket(site, "wrong"):
                pass

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008
    assert refused.value.response.status_code == 403


async def test_a_socket_can_be_closed_on_order_and_opened_again(site: TwitterSite) -> None:
    """The place is free at once."""
    async with socket(site) as connection:
        await heard(connection, "connected")
        assert site.twitter.rules.drop_socket(site.key, 1011)
        with pytest.raises(ConnectionClosed) as closed:
            await heard(connection, "tweet")
    async with socket(site) as again:
        hello = await heard(again, "connected")

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1011
    assert hello == {"event_type": "connected"}
    assert not site.twitter.rules.drop_socket("nobody", 1011)


async def test_active_rules_cost_without_a_listener_until_nothing_is_left(
    http: httpx.AsyncClient, site: TwitterSite
) -> None:
    """An empty account is not looked for any more; looking in vain costs only where ordered."""
    twitter = site.twitter
    twitter.account.credits = 60
    await active_rule(http, "سلام", 3_600)
    rule = twitter.rules.of(site.key)[0]
    twitter.write("سلام")
    told = [twitter.rules.look(rule)]
    twitter.charges_empty_checks = True
    told.append(twitter.rules.look(rule))
    twitter.write("سلام")
    told.append(twitter.rules.look(rule))

    pushed = [spent.credits for spent in twitter.calls if spent.endpoint == "push"]
    assert told == [1, 0, 0]
    assert pushed == [15, 15]


async def test_a_webhook_is_posted_to_until_it_takes_the_event(
    http: httpx.AsyncClient, site: TwitterSite
) -> None:
    """With our key in the header; only this machine is posted to."""
    got: list[tuple[str, Any]] = []
    answers = iter([500, 200])
    taken = asyncio.Event()

    async def hook(request: Request) -> Response:
        got.append((request.headers["x-api-key"], await request.json()))
        status = next(answers)
        if status == 200:
            taken.set()
        return Response(status_code=status)

    listening = Listening("127.0.0.1", 0, Connections())
    await listening.start(Starlette(routes=[Route("/hook", hook, methods=["POST"])]))
    site.twitter.rules.webhook_wait_s = 0.01
    site.twitter.rules.set_webhook(site.key, f"http://127.0.0.1:{listening.port}/hook")
    with pytest.raises(ValueError, match="loopback"):
        site.twitter.rules.set_webhook(site.key, "http://example.org/hook")
    await active_rule(http, "سلام")
    written = site.twitter.write("سلام")
    async with asyncio.timeout(5):
        await taken.wait()
    await listening.stop()

    assert [key for key, _ in got] == [site.key, site.key]
    assert got[0][1] == got[1][1]
    assert got[1][1]["tweets"][0]["id"] == str(written.id)
    assert site.twitter.rules.deliveries[0].status == 500


async def test_the_sandbox_has_the_stream_on_its_own_port() -> None:
    """The same address as everything else."""
    async with SandboxServer(linked_channel=False) as server:
        headers = {"x-api-key": server.twitter_key}
        async with connect(
            server.twitter_stream_url, additional_headers=headers, proxy=None
        ) as connection:
            hello = await heard(connection, "connected")

    assert hello == {"event_type": "connected"}


def test_a_sandbox_without_tweets_imports_none_of_it() -> None:
    """Neither the WebSocket library nor the double's world is loaded before it is used."""
    code = (
        "import asyncio, sys\n"
        "from bot.sandbox.server import SandboxServer\n"
        "async def run():\n"
        "    async with SandboxServer(): pass\n"
        "asyncio.run(run())\n"
        "print([name for name in ('websockets', 'orjson', 'bot.sandbox.twitter_door',"
        " 'bot.sandbox.twitter_shelf',"
        " 'bot.sandbox.twitter_talk') if name in sys.modules])\n"
    )

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert out.stdout.strip() == "[]"
