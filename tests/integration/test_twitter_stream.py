"""The WebSocket of live tweets: kept up, in no hurry, and nothing believed that was not taken."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from bot.errors import SourceGarbled, StorageError
from bot.services.twitter_stream import TwitterStream, Waits
from bot.utils.secrets import Secret

KEY = "a-key-that-nobody-may-see"
CONNECTED = '{"event_type":"connected"}'
PING = '{"event_type":"ping","timestamp":1}'
Talk = Callable[[ServerConnection], Awaitable[None]]


class Listener:
    """What the bot does with what it hears; sleeping takes no time and ends after `most` times."""

    def __init__(self, most_sleeps: int = 1) -> None:
        self.events: list[bytes] = []
        self.told: list[str] = []
        self.sleeps: list[float] = []
        self.errors: list[Exception] = []
        self.done = asyncio.Event()
        self._most = most_sleeps

    async def take(self, event: bytes) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.events.append(event)

    async def heard(self) -> None:
        self.told.append("heard")

    async def lost(self) -> None:
        self.told.append("lost")

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        if len(self.sleeps) >= self._most:
            self.done.set()
            await asyncio.Event().wait()

    async def listen(
        self, url: str, *, waits: Waits | None = None, jitter: float = 0.0, proxy: str = ""
    ) -> None:
        """Until it has slept as often as it may."""
        stream = TwitterStream(
            url, Secret(KEY), proxy=proxy, sleep=self.sleep, jitter=lambda: jitter, waits=waits
        )
        running = asyncio.ensure_future(stream.run(self.take, self.heard, self.lost))
        try:
            async with asyncio.timeout(20):
                await asyncio.wait(
                    [running, asyncio.ensure_future(self.done.wait())],
                    return_when=asyncio.FIRST_COMPLETED,
                )
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


def url_of(server: Server) -> str:
    port = next(iter(server.sockets)).getsockname()[1]
    return f"ws://127.0.0.1:{port}/twitter/tweet/websocket"


@asynccontextmanager
async def talking(*talks: Talk) -> AsyncIterator[str]:
    """A service that does with each connection what its turn says; the last turn goes on."""
    turn = 0

    async def talk(connection: ServerConnection) -> None:
        nonlocal turn
        now = talks[min(turn, len(talks) - 1)]
        turn += 1
        await now(connection)

    async with serve(talk, "127.0.0.1", 0, ping_interval=None) as server:
        yield url_of(server)


@asynccontextmanager
async def turning_away(status: int, headers: dict[str, str] | None = None) -> AsyncIterator[str]:
    async def no(connection: ServerConnection, request: Request) -> Response:
        return Response(status, HTTPStatus(status).phrase, Headers(headers or {}), b"")

    async def never(connection: ServerConnection) -> None:
        raise AssertionError("nobody comes in")

    async with serve(never, "127.0.0.1", 0, process_request=no) as server:
        yield url_of(server)


def saying(*events: str | bytes, close: int = 1000) -> Talk:
    async def talk(connection: ServerConnection) -> None:
        for event in events:
            await connection.send(event)
        await connection.close(close)

    return talk


async def test_events_are_handed_on_in_their_order() -> None:
    """Signs of life too; text and bytes alike; the key travels in its header."""
    keys: list[str] = []

    async def talk(connection: ServerConnection) -> None:
        assert connection.request is not None
        keys.append(connection.request.headers["x-api-key"])
        for event in (CONNECTED, PING, b'{"event_type":"tweet"}'):
            await connection.send(event)
        await connection.close()

    listener = Listener()
    async with talking(talk) as url:
        await listener.listen(url)

    assert listener.events == [CONNECTED.encode(), PING.encode(), b'{"event_type":"tweet"}']
    assert listener.told == ["heard", "heard", "heard", "lost"]
    assert keys == [KEY]


async def test_after_a_second_connection_was_refused_it_waits_long() -> None:
    """1008: at least a minute and a half, every time, and not all at the same moment."""
    listener = Listener(most_sleeps=3)

    async with talking(saying(close=1008)) as url:
        await listener.listen(url, jitter=0.5)

    assert listener.sleeps == [101.25, 101.25, 101.25]
    assert listener.told == []


async def test_a_row_of_failures_waits_longer_and_longer() -> None:
    """Doubling, to an end."""
    listener = Listener(most_sleeps=5)

    async with talking(saying(CONNECTED, close=1011)) as url:
        await listener.listen(url, waits=Waits(longest_s=6.0))

    assert listener.sleeps == [1.0, 2.0, 4.0, 6.0, 6.0]
    assert listener.told == ["heard", "lost"] * 5


async def test_a_connection_that_lasted_ends_the_row() -> None:
    async def steady(connection: ServerConnection) -> None:
        await connection.send(CONNECTED)
        await asyncio.sleep(0.4)
        await connection.close(1001)

    listener = Listener(most_sleeps=4)
    brief = saying(close=1011)

    async with talking(brief, brief, steady, brief) as url:
        await listener.listen(url, waits=Waits(steady_s=0.3))

    assert listener.sleeps == [1.0, 2.0, 1.0, 2.0]


async def test_jitter_makes_waits_shorter_not_none() -> None:
    listener = Listener(most_sleeps=2)

    async with talking(saying(close=1011)) as url:
        await listener.listen(url, jitter=1.0)

    assert listener.sleeps == [0.5, 1.0]


@pytest.mark.parametrize(
    ("status", "wait_s"), [(401, 600.0), (403, 600.0), (402, 600.0), (429, 90.0), (503, 1.0)]
)
async def test_who_is_turned_away_waits_as_the_reason_says(status: int, wait_s: float) -> None:
    """A key that is refused is no better a second later."""
    listener = Listener()

    async with turning_away(status) as url:
        await listener.listen(url)

    assert listener.sleeps == [wait_s]
    assert listener.told == []


async def test_a_redirect_is_not_followed() -> None:
    """The key would go along with it."""
    came: list[str] = []

    async def elsewhere(connection: ServerConnection) -> None:
        came.append("somebody")

    listener = Listener()
    async with (
        talking(elsewhere) as other,
        turning_away(302, {"Location": other}) as url,
    ):
        await listener.listen(url)

    assert came == []
    assert listener.sleeps == [1.0]


async def test_what_cannot_be_read_ends_nothing() -> None:
    """The next event is taken."""
    listener = Listener()
    listener.errors = [SourceGarbled("not JSON")]

    async with talking(saying("{", PING)) as url:
        await listener.listen(url)

    assert listener.events == [PING.encode()]
    assert listener.told == ["heard", "lost"]


async def test_an_event_that_was_not_stored_ends_the_connection() -> None:
    """So that what was missed is searched for; what follows it is not taken either."""
    listener = Listener()
    listener.errors = [StorageError("the disk is gone")]

    async with talking(saying(CONNECTED, PING)) as url:
        await listener.listen(url)

    assert listener.events == []
    assert listener.sleeps == [1.0]


async def test_silence_is_an_end() -> None:
    async def silent(connection: ServerConnection) -> None:
        await connection.send(CONNECTED)
        await connection.wait_closed()

    listener = Listener()

    async with talking(silent) as url:
        await listener.listen(url, waits=Waits(silent_s=0.2))

    assert listener.told == ["heard", "lost"]


async def test_an_endless_event_is_not_swallowed() -> None:
    listener = Listener()

    async with talking(saying(CONNECTED, "x" * (5 * 2**20))) as url:
        await listener.listen(url)

    assert listener.events == [CONNECTED.encode()]


async def test_nobody_there_is_an_ordinary_failure() -> None:
    listener = Listener(most_sleeps=2)

    await listener.listen("ws://127.0.0.1:9/none")

    assert listener.sleeps == [1.0, 2.0]


async def test_a_proxy_that_is_not_there_is_an_ordinary_failure() -> None:
    over_http, over_socks = Listener(), Listener()

    async with talking(saying(CONNECTED)) as url:
        await over_http.listen(url, proxy="http://127.0.0.1:9")
        await over_socks.listen(url, proxy="socks5://127.0.0.1:9")

    assert over_http.events == over_socks.events == []
    assert over_http.sleeps == over_socks.sleeps == [1.0]


async def test_a_socks_proxy_is_gone_through() -> None:
    """RFC 1928 without authentication; the name goes to the proxy as it is."""
    wanted: list[bytes] = []

    async with talking(saying(CONNECTED, close=1000)) as url:
        there = int(url.rsplit(":", 1)[1].split("/")[0])

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            _, methods = await reader.readexactly(2)
            await reader.readexactly(methods)
            writer.write(b"\x05\x00")
            _, _, _, _, length = await reader.readexactly(5)
            wanted.append(await reader.readexactly(length))
            await reader.readexactly(2)
            writer.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50")
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", there)
            async with asyncio.TaskGroup() as group:
                group.create_task(_pour(reader, far_writer))
                group.create_task(_pour(far_reader, writer))

        server = await asyncio.start_server(relay, "127.0.0.1", 0)
        listener = Listener()
        port = server.sockets[0].getsockname()[1]
        far = url.replace("127.0.0.1", "stream.example")
        await listener.listen(far, proxy=f"socks5h://127.0.0.1:{port}")
        server.close()

    assert wanted == [b"stream.example"]
    assert listener.events == [CONNECTED.encode()]


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while some := await reader.read(65536):
        writer.write(some)
    writer.close()


async def test_the_key_is_never_written_down(caplog: pytest.LogCaptureFixture) -> None:
    """Not even where everything is."""
    caplog.set_level(logging.DEBUG)
    listener = Listener(most_sleeps=2)

    async with talking(saying(CONNECTED, close=1008)) as url:
        await listener.listen(url)

    ours = [record for record in caplog.records if record.name != "websockets.server"]
    assert [record.message for record in ours] == ["live tweets are interrupted"] * 2
    assert not any(KEY in str(record.__dict__) for record in ours)
