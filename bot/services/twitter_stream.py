"""What filter rules find, as TwitterAPI.io pushes it: one WebSocket, kept up.

It says `connected`, then a ping now and then, then tweets. Whoever is silent for longer than pings
are apart is gone. A key may have one connection: a second one is closed with 1008, and coming back
within a minute and a half only keeps the door shut. Events are handed on one after the other; when
one cannot be taken, the connection ends, so that nobody believes that it was.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from bot.errors import (
    HoshyarError,
    KeyRefused,
    OutOfCredit,
    SourceDown,
    SourceError,
    SourceGarbled,
    SourceRefused,
    said,
)
from bot.utils.secrets import Secret

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

log = logging.getLogger(__name__)

SOURCE = "twitter"
MAX_BYTES = 4 * 2**20  # of one event: twenty tweets are about 100 KB
AFTER_REFUSAL_S = 90.0
_REFUSED = 1008
_OPEN_TIMEOUT_S = 20.0
_CLOSE_TIMEOUT_S = 2.0
_PING_S, _PONG_S = 40.0, 30.0  # of the protocol itself, as the service has them
_NO_KEY_S = 600.0  # a key that is refused is no better a minute later
_JITTER = 0.25

Take = Callable[[bytes], Awaitable[object]]  # an event as it came
Heard = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """How long is waited; tests wait less."""

    first_s: float = 1.0
    longest_s: float = 120.0
    after_refusal_s: float = AFTER_REFUSAL_S
    no_key_s: float = _NO_KEY_S
    silent_s: float = 100.0  # two pings and a half
    steady_s: float = 60.0  # a connection that lasted so long ends a row of failures


class TwitterStream:
    """The WebSocket of one key, over as many connections as it takes."""

    def __init__(
        self,
        url: str,
        key: Secret,
        *,
        proxy: str = "",
        waits: Waits | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._url = url
        self._key = key
        self._proxy = proxy
        self._waits = waits or Waits()
        self._sleep = sleep
        self._jitter = jitter

    async def run(self, take: Take, on_heard: Heard, on_lost: Heard) -> None:
        """Connect and connect again until cancelled.

        `take` gets every event, signs of life too; `on_heard` is called when it was taken, and
        `on_lost` when a connection that had lived is gone.
        """
        failures, why = 0, SourceError("")
        while True:
            began = asyncio.get_running_loop().time()
            heard = _Heard(on_heard)
            try:
                await self._connection(take, heard)
            except SourceError as error:
                why = error
            finally:
                if heard.is_heard:
                    await on_lost()
            if asyncio.get_running_loop().time() - began >= self._waits.steady_s:
                failures = 0
            wait_s = self._pause_s(why, failures)
            failures += 1
            log.warning(
                "live tweets are interrupted",
                extra={"why": said(why), "in_s": round(wait_s, 1), "failures": failures},
            )
            await self._sleep(wait_s)

    def _pause_s(self, why: SourceError, failures: int) -> float:
        waits = self._waits
        if why.retry_after_s is not None:  # never less than what is asked for
            return why.retry_after_s * (1 + _JITTER * self._jitter())
        most_s = min(waits.longest_s, waits.first_s * 2.0 ** min(failures, 20))
        return most_s * (1 - 2 * _JITTER * self._jitter())

    async def _connection(self, take: Take, heard: _Heard) -> NoReturn:
        """One connection, from its beginning to the SourceError that ends it."""
        from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

        try:
            connection = await self._open()
        except InvalidStatus as error:
            raise self._turned_away(error.response.status_code) from error
        except (WebSocketException, OSError, TimeoutError, EOFError) as error:
            raise SourceDown(f"no connection: {said(error)[:200]}", source=SOURCE) from error
        try:
            await self._listen(connection, take, heard)
        except ConnectionClosed as error:
            raise self._closed(error.rcvd.code if error.rcvd else 0) from error
        finally:
            await connection.close()

    async def _open(self) -> ClientConnection:
        from websockets.asyncio.client import connect

        class Straight(connect):
            """Goes nowhere else: the key would travel along with a redirect."""

            def process_redirect(self, exc: Exception) -> Exception | str:
                return exc

        # Its own logger, never at DEBUG: there it writes the headers, and with them the key.
        wire = logging.getLogger(f"{__name__}.wire")
        wire.setLevel(logging.WARNING)
        return await Straight(
            self._url,
            additional_headers={"x-api-key": self._key.reveal()},
            proxy=self._proxy or None,
            open_timeout=_OPEN_TIMEOUT_S,
            close_timeout=_CLOSE_TIMEOUT_S,
            ping_interval=_PING_S,
            ping_timeout=_PONG_S,
            max_size=MAX_BYTES,
            max_queue=64,
            logger=wire,
        )

    async def _listen(self, connection: ClientConnection, take: Take, heard: _Heard) -> NoReturn:
        while True:
            try:
                async with asyncio.timeout(self._waits.silent_s):
                    event = await connection.recv(decode=False)
            except TimeoutError as error:
                raise SourceDown("the connection fell silent", source=SOURCE) from error
            try:
                await take(event)
            except SourceGarbled as error:
                log.warning("an event cannot be read", extra={"why": said(error)})
            except HoshyarError as error:
                raise SourceDown(f"an event was not taken: {said(error)}", source=SOURCE) from error
            else:
                await heard()

    def _turned_away(self, status: int) -> SourceError:
        waits = self._waits
        if status in (401, 403):
            return KeyRefused(
                f"live tweets are refused ({status})",
                source=SOURCE,
                retry_after_s=waits.no_key_s,
            )
        if status == 402:
            return OutOfCredit(
                "no credit for live tweets", source=SOURCE, retry_after_s=waits.no_key_s
            )
        if status == 429:
            return SourceRefused(
                "too many connections (429)", source=SOURCE, retry_after_s=waits.after_refusal_s
            )
        return SourceDown(f"no connection: {status}", source=SOURCE)

    def _closed(self, code: int) -> SourceError:
        if code == _REFUSED:
            return SourceRefused(
                "another connection with this key is open (1008)",
                source=SOURCE,
                retry_after_s=self._waits.after_refusal_s,
            )
        return SourceDown(f"the connection was closed ({code or 'broken'})", source=SOURCE)


class _Heard:
    """Whether a connection has shown any life."""

    def __init__(self, on_heard: Heard) -> None:
        self._on_heard = on_heard
        self.is_heard = False

    async def __call__(self) -> None:
        self.is_heard = True
        await self._on_heard()
