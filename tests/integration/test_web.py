"""The door for webhooks: only with the key, only so much, and thanks only for what is stored."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx
import pytest

from bot.errors import SourceGarbled, StorageError
from bot.utils.secrets import Secret
from bot.web.server import WebServer
from bot.web.webhook import PATH, twitter_hook

KEY = "our-own-key"


class Taken:
    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.error: Exception | None = None
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self, body: bytes) -> None:
        await self.may_end.wait()
        if self.error is not None:
            raise self.error
        self.bodies.append(body)


@pytest.fixture
def taken() -> Taken:
    return Taken()


@pytest.fixture
async def http(taken: Taken) -> AsyncIterator[httpx.AsyncClient]:
    hook = twitter_hook(Secret(KEY), taken, max_bytes=1000, body_timeout_s=0.3)
    server = WebServer([hook], host="127.0.0.1", port=0)
    async with server.listening(), httpx.AsyncClient(base_url=server.url) as client:
        yield client


async def test_an_event_with_the_key_is_taken(http: httpx.AsyncClient, taken: Taken) -> None:
    answer = await http.post(PATH, content=b'{"event_type":"tweet"}', headers={"X-API-Key": KEY})

    assert answer.status_code == 200
    assert taken.bodies == [b'{"event_type":"tweet"}']


@pytest.mark.parametrize("key", ["", "our-own-ke", "our-own-key2", "کلید"])
async def test_a_wrong_key_is_turned_away(http: httpx.AsyncClient, taken: Taken, key: str) -> None:
    """Before anything of the body is read."""
    answer = await http.post(PATH, content=b"{}", headers={"X-API-Key": key.encode()})
    none = await http.post(PATH, content=b"{}")

    assert (answer.status_code, none.status_code) == (401, 401)
    assert taken.bodies == []


async def test_without_a_key_of_our_own_nobody_comes_in(taken: Taken) -> None:
    server = WebServer([twitter_hook(Secret(""), taken)], host="127.0.0.1", port=0)
    async with server.listening(), httpx.AsyncClient(base_url=server.url) as client:
        answer = await client.post(PATH, content=b"{}", headers={"X-API-Key": ""})

    assert answer.status_code == 401
    assert taken.bodies == []


async def test_what_is_too_large_is_not_read(http: httpx.AsyncClient, taken: Taken) -> None:
    """By its own word, or when it turns out so."""

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100

    async def one_part() -> AsyncIterator[bytes]:
        yield b"x" * 1001

    headers = {"X-API-Key": KEY}
    told = await http.post(PATH, content=b"x" * 1001, headers=headers)
    found = await http.post(PATH, content=parts(), headers=headers)
    at_once = await http.post(PATH, content=one_part(), headers=headers)
    fits = await http.post(PATH, content=b"x" * 1000, headers=headers)

    refused = [told.status_code, found.status_code, at_once.status_code]
    assert (refused, fits.status_code) == ([413, 413, 413], 200)
    assert [len(body) for body in taken.bodies] == [1000]


async def test_a_body_that_never_ends_is_not_waited_for(
    http: httpx.AsyncClient, taken: Taken
) -> None:
    reader, writer = await asyncio.open_connection(http.base_url.host, http.base_url.port)
    writer.write(
        f"POST {PATH} HTTP/1.1\r\nHost: us\r\nX-API-Key: {KEY}\r\n"
        "Content-Length: 9\r\n\r\n{".encode()
    )
    async with asyncio.timeout(5):
        status = await reader.readline()
    writer.close()

    assert status == b"HTTP/1.1 408 Request Timeout\r\n"
    assert taken.bodies == []


async def test_thanks_come_only_after_storing(http: httpx.AsyncClient, taken: Taken) -> None:
    taken.may_end.clear()

    answering = asyncio.ensure_future(http.post(PATH, content=b"{}", headers={"X-API-Key": KEY}))
    await asyncio.sleep(0.2)
    was_done = answering.done()
    taken.may_end.set()
    answer = await answering

    assert not was_done
    assert answer.status_code == 200


async def test_what_could_not_be_stored_is_asked_for_again(
    http: httpx.AsyncClient, taken: Taken
) -> None:
    """503; the same event is taken when the database is back."""
    taken.error = StorageError("locked")
    first = await http.post(PATH, content=b"{}", headers={"X-API-Key": KEY})
    taken.error = None
    second = await http.post(PATH, content=b"{}", headers={"X-API-Key": KEY})

    assert (first.status_code, second.status_code) == (503, 200)
    assert first.headers["retry-after"] == "30"
    assert taken.bodies == [b"{}"]


async def test_what_cannot_be_read_is_not_asked_for_again(
    http: httpx.AsyncClient, taken: Taken
) -> None:
    taken.error = SourceGarbled("no JSON")

    answer = await http.post(PATH, content=b"{", headers={"X-API-Key": KEY})

    assert answer.status_code == 400


async def test_only_posting_to_the_one_address_is_possible(http: httpx.AsyncClient) -> None:
    assert (await http.get(PATH)).status_code == 405
    assert (await http.post("/hooks/other")).status_code == 404
    assert (await http.get("/")).status_code == 404


async def test_the_end_waits_for_what_is_being_stored(taken: Taken) -> None:
    """An event that was begun is thanked for; nobody else comes in."""
    server = WebServer([twitter_hook(Secret(KEY), taken)], host="127.0.0.1", port=0)
    stop = asyncio.Event()
    running = asyncio.ensure_future(server.run(stop))
    async with asyncio.timeout(5):
        while not server.port:  # noqa: ASYNC110 - it has no event, and needs none
            await asyncio.sleep(0.005)
    taken.may_end.clear()
    async with httpx.AsyncClient(base_url=server.url) as client:
        answering = asyncio.ensure_future(
            client.post(PATH, content=b"{}", headers={"X-API-Key": KEY})
        )
        await asyncio.sleep(0.1)
        stop.set()
        await asyncio.sleep(0.1)
        taken.may_end.set()
        answer = await answering
    await running

    assert answer.status_code == 200
    with pytest.raises(httpx.ConnectError):
        async with httpx.AsyncClient(base_url=server.url) as client:
            await client.post(PATH)


async def test_a_port_that_is_taken_stops_nothing(
    taken: Taken, caplog: pytest.LogCaptureFixture
) -> None:
    """Another worker of this machine has it: this one waits, and ends when told to."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = WebServer([twitter_hook(Secret(KEY), taken)], host="127.0.0.1", port=port)
        stop = asyncio.Event()
        running = asyncio.ensure_future(server.run(stop))
        await asyncio.sleep(0.1)
        stop.set()
        async with asyncio.timeout(2):
            await running

    assert "no web server here" in caplog.text
