"""The double on an address of its own, for tests: `async with TwitterSite(...) as site`."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from bot.sandbox.connections import Connections
from bot.sandbox.listening import Listening
from bot.sandbox.twitter_double import TwitterDouble

SOCKET_PATH = "/twitter/tweet/websocket"


class TwitterSite:
    """A running double. Takes one, or what makes one (see TwitterDouble)."""

    def __init__(
        self,
        twitter: TwitterDouble | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        **given: Any,
    ) -> None:
        self.twitter = twitter or TwitterDouble(**given)
        self._connections = Connections()
        self._listening = Listening(host, port, self._connections)

    @property
    def key(self) -> str:
        """What TWITTERAPI_API_KEY takes."""
        return self.twitter.key

    @property
    def url(self) -> str:
        """What TWITTERAPI_BASE_URL takes."""
        return f"http://{self._listening.host}:{self._listening.port}"

    @property
    def stream_url(self) -> str:
        """What TWITTERAPI_STREAM_URL takes."""
        return f"ws://{self._listening.host}:{self._listening.port}{SOCKET_PATH}"

    async def start(self) -> None:
        """Listen."""
        await self.twitter.begin(self._connections)
        await self._listening.start(self.twitter)

    async def stop(self) -> None:
        """End everything."""
        await self.twitter.stop()
        await self._listening.stop()

    async def __aenter__(self) -> TwitterSite:
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
