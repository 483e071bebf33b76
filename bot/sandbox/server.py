"""The sandbox as one server: in the caller's event loop, or alone with `python -m bot.sandbox`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from bot.sandbox.bot_api import BotApi, serve_file
from bot.sandbox.chat_page import ChatPage
from bot.sandbox.connections import Connections
from bot.sandbox.control import Control, find_message
from bot.sandbox.faults import Faults
from bot.sandbox.feeds import SampleSources
from bot.sandbox.flood import Violation
from bot.sandbox.journal import Call
from bot.sandbox.listening import Listening
from bot.sandbox.people import People, furnish
from bot.sandbox.twitter_control import TwitterControl
from bot.sandbox.twitter_double import TwitterDouble
from bot.sandbox.twitter_site import SOCKET_PATH
from bot.sandbox.wire import Json, Upload
from bot.sandbox.world import DEFAULT_TOKEN, Query, World

_LOG = logging.getLogger(__name__)
_TWITTER_PATH = "/twitterapi"


class SandboxServer:
    """A running sandbox; use it with `async with`.

    `port` 0 takes a free one. `flood_limits` False lets everything through but still records it.
    `linked_channel` starts with the bot as administrator of the channel, which the bot hears of in
    its first update. `twitter` is TwitterAPI.io's double; None: one with people of its own.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        token: str = DEFAULT_TOKEN,
        flood_limits: bool = True,
        linked_channel: bool = True,
        seed: int = 7,
        query_ttl_s: float = 60.0,
        font_dir: Path | None = None,
        clock: Callable[[], float] = time.time,
        twitter: TwitterDouble | None = None,
    ) -> None:
        self.token = token
        self._font_dir = font_dir
        self._seed = seed
        self._linked_channel = linked_channel
        self.world = World(
            token=token,
            clock=clock,
            flood_limits=flood_limits,
            seed=seed,
            query_ttl_s=query_ttl_s,
        )
        self.people = People(self.world)
        furnish(self.world, self.people, linked_channel=linked_channel)
        self._seen: dict[int, int] = {}
        self._connections = Connections()
        self._listening = Listening(host, port, self._connections)
        self.twitter = twitter or TwitterDouble(clock=clock, seed=seed)

    # Addresses

    @property
    def host(self) -> str:
        """Where it listens."""
        return self._listening.host

    @property
    def port(self) -> int:
        """Where it listens: the real one once it has started."""
        return self._listening.port

    @property
    def url(self) -> str:
        """The chat page, without a slash at its end."""
        return f"http://{self.host}:{self.port}"

    @property
    def base_url(self) -> str:
        """What TELEGRAM_API_BASE_URL takes: the token follows."""
        return f"{self.url}/bot"

    @property
    def base_file_url(self) -> str:
        """Where files are fetched: the token follows."""
        return f"{self.url}/file/bot"

    @property
    def feeds_url(self) -> str:
        """Where the sample feeds are; a name and `.xml` follow."""
        return f"{self.url}/sandbox/feeds/"

    @property
    def twitter_url(self) -> str:
        """What TWITTERAPI_BASE_URL takes."""
        return f"{self.url}{_TWITTER_PATH}"

    @property
    def twitter_stream_url(self) -> str:
        """What TWITTERAPI_STREAM_URL takes."""
        return f"ws://{self.host}:{self.port}{_TWITTER_PATH}{SOCKET_PATH}"

    @property
    def twitter_key(self) -> str:
        """What TWITTERAPI_API_KEY takes."""
        return self.twitter.key

    # Life

    def app(self) -> Starlette:
        """Return the whole sandbox as one ASGI app."""
        control = Control(self.world, self.people, self.reset)
        routes = [
            Route("/bot{token}/{method}", BotApi(self.world, self._connections)),
            Route("/file/bot{token}/{path:path}", self._file),
            *control.routes(),
            *SampleSources(self.world.clock, self._seed).routes(),
            *ChatPage(self.world, self._font_dir).routes(),
            *TwitterControl(self.twitter).routes(),
            Mount(_TWITTER_PATH, app=self.twitter),
        ]
        # A name that only resolves to loopback (DNS rebinding) is not one of ours.
        is_private = self.host in {"127.0.0.1", "localhost"}
        hosts = ["127.0.0.1", "localhost"] if is_private else ["*"]
        guard = Middleware(TrustedHostMiddleware, allowed_hosts=hosts)
        return Starlette(routes=routes, middleware=[guard])

    async def _file(self, request: Request) -> Response:
        return serve_file(self.world, request)

    async def start(self) -> None:
        """Listen; after this `port` is the real one."""
        await self.twitter.begin(self._connections)
        await self._listening.start(self.app())
        _LOG.info("sandbox listens url=%s", self.url)

    async def stop(self) -> None:
        """End every wait, close every connection, stop listening."""
        self.world.pulse.close()
        await self.twitter.stop()
        await self._listening.stop()

    async def __aenter__(self) -> SandboxServer:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        await self.stop()

    def reset(self) -> None:
        """Put the world back to its first day; the address and the token stay."""
        self.world.reset()
        self.twitter.reset()
        furnish(self.world, self.people, linked_channel=self._linked_channel)
        self._seen.clear()

    # People

    async def say(self, user_id: int, text: str, **where: Any) -> Json:
        """Write as a person; see People.say. Waits from here on look at what comes after."""
        chat_id = where.get("chat_id") or user_id
        self._seen[self._id(chat_id)] = self.world.revision
        return self.people.say(user_id, text, **where)

    async def press(
        self,
        user_id: int,
        message_id: int,
        button: str,
        *,
        chat_id: int | str | None = None,
        wait_s: float = 0.0,
    ) -> Query:
        """Press a button by its text or data; with `wait_s`, wait for answerCallbackQuery."""
        self._seen[self._id(chat_id or user_id)] = self.world.revision
        query = self.people.press(user_id, message_id, button, chat_id=chat_id)
        await self.world.pulse.until(lambda: query.answer, wait_s)
        return query

    async def inline(self, user_id: int, text: str, *, wait_s: float = 5.0) -> Query:
        """Type `@bot text`; the query's answer holds the results."""
        query = self.people.ask_inline(user_id, text)
        await self.world.pulse.until(lambda: query.answer, wait_s)
        return query

    async def send_file(self, user_id: int, name: str, data: bytes, **more: Any) -> Json:
        """Send a document (or a picture, by `mime_type`) as a person."""
        mime_type = more.pop("mime_type", "application/octet-stream")
        self._seen[self._id(more.get("chat_id") or user_id)] = self.world.revision
        return self.people.send_file(user_id, Upload(name, data, mime_type), **more)

    def _id(self, chat_id: int | str) -> int:
        chat = self.world.find_chat(chat_id)
        return chat.id if chat else int(chat_id)

    async def wait_message(
        self,
        chat_id: int | str,
        contains: str = "",
        *,
        timeout_s: float = 10.0,
        since: int | None = None,
        where: Callable[[Json], bool] | None = None,
    ) -> Json:
        """Wait for a message of the bot, new or edited, that holds `contains` and fits `where`.

        Only what came after the last `say` or `press` in this chat counts, unless `since` (a world
        revision; 0 for everything) says otherwise. TimeoutError tells what was there instead.
        """
        after = self._seen.get(self._id(chat_id), 0) if since is None else since

        def look() -> Json | None:
            return find_message(self.world, chat_id, contains, after, where=where)

        found = await self.world.pulse.until(look, timeout_s)
        if found is None:
            texts = [message.get("text", message.get("caption")) for message in self.sent(chat_id)]
            raise TimeoutError(
                f"no message with {contains!r} in chat {chat_id} within {timeout_s} s;"
                f" the bot's last ones: {texts[-3:]}"
            )
        return found

    async def wait_call(
        self,
        method: str,
        *,
        timeout_s: float = 10.0,
        where: Callable[[Call], bool] | None = None,
        after: int = 0,
    ) -> Call:
        """Wait for a call of a method (with a sequence number above `after`)."""

        def look() -> Call | None:
            for call in self.calls_of(method):
                if call.seq > after and (where is None or where(call)):
                    return call
            return None

        found = await self.world.pulse.until(look, timeout_s)
        if found is None:
            raise TimeoutError(f"no call of {method} within {timeout_s} s")
        return found

    # What happened

    @property
    def faults(self) -> Faults:
        """Trouble on order."""
        return self.world.faults

    @property
    def calls(self) -> list[Call]:
        """Every call of the bot but polls that brought nothing."""
        return self.world.journal.calls

    @property
    def violations(self) -> list[Violation]:
        """Every flood limit the bot has broken."""
        return self.world.flood.violations

    def calls_of(self, method: str) -> list[Call]:
        """Return the calls of one method."""
        return [call for call in self.calls if call.method.lower() == method.lower()]

    def messages(self, chat_id: int | str) -> list[Json]:
        """Return all messages of a chat, oldest first."""
        chat = self.people.chat(chat_id)
        return [self.world.public(message) for message in chat.messages.values()]

    def sent(self, chat_id: int | str) -> list[Json]:
        """Return the bot's messages in a chat as they are now, oldest first."""
        chat = self.world.find_chat(chat_id)
        messages = chat.messages.values() if chat else ()
        return [self.world.public(message) for message in messages if self.world.is_by_bot(message)]


async def _run_alone(options: argparse.Namespace) -> None:
    server = SandboxServer(
        port=options.port,
        host=options.host,
        token=options.token,
        flood_limits=not options.no_flood_limits,
        linked_channel=not options.no_linked_channel,
        seed=options.seed,
        font_dir=options.font_dir,
        twitter=TwitterDouble(
            options.tweets,
            start=options.start,
            speed=options.speed,
            seed=options.seed,
            credits=options.twitter_credits,
            settle_s=options.twitter_settle_s,
            is_paced=not options.no_twitter_pace,
        ),
    )
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    async with server:
        # A file of tweets is a million objects that stay: the collector need not look again.
        gc.collect()
        gc.freeze()
        clock = server.twitter.clock
        told = {
            "page": server.url,
            "base_url": server.base_url,
            "token": server.token,
            "feeds": server.feeds_url,
            "twitter_url": server.twitter_url,
            "twitter_stream_url": server.twitter_stream_url,
            "twitter_key": server.twitter_key,
            "twitter_clock": {"start": clock.start, "began": clock.began, "speed": clock.speed},
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        await stopping.wait()


def _moment(text: str) -> datetime:
    """Read a moment; without a time zone it is UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def main(arguments: list[str] | None = None) -> int:
    """Run a sandbox alone; its first line on standard output is JSON with its addresses."""
    fonts = Path(__file__).parent.parent / "services" / "fonts"
    parser = argparse.ArgumentParser(prog="python -m bot.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=8081, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--token", default=DEFAULT_TOKEN)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--no-flood-limits", action="store_true", help="record, do not refuse")
    parser.add_argument("--no-linked-channel", action="store_true")
    parser.add_argument("--font-dir", type=Path, default=fonts if fonts.is_dir() else None)
    twitter = parser.add_argument_group("tweets")
    twitter.add_argument("--tweets", type=Path, help="a TSV or JSONL file of them")
    twitter.add_argument("--start", type=_moment, help="where the clock of tweets begins (ISO)")
    twitter.add_argument("--speed", type=float, default=1.0, help="how fast that clock goes")
    twitter.add_argument("--twitter-credits", type=int, default=1_000_000)
    twitter.add_argument("--twitter-settle-s", type=float, default=60.0)
    twitter.add_argument("--no-twitter-pace", action="store_true", help="no limit on requests")
    asyncio.run(_run_alone(parser.parse_args(arguments)))
    return 0
