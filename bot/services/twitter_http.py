"""The way to TwitterAPI.io and back: one request, one answer, whatever its status.

Never longer than the time, never more than the bytes, never on to another host: the key travels
with every request. What is written of an error never holds it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from bot.errors import HoshyarError, KeyRefused, SourceDown
from bot.services.http_bodies import read_body
from bot.services.http_client import retry_after_s
from bot.services.twitter_tweets import SERVICE
from bot.utils.secrets import Secret
from bot.utils.times import utc_now

TIMEOUT_S = 30.0
MAX_BYTES = 8 * 2**20
_CONNECT_TIMEOUT_S = 10.0
_ERROR_BYTES = 64 * 1024
_ERROR_TIMEOUT_S = 5.0
_CONNECTIONS = 24
# Servers of this kind close idle connections after five seconds at the earliest: a request sent
# into a closing one would be charged or not, and nobody could tell.
_KEEPALIVE_S = 4.0
_USER_AGENT = "Hoshyar/0.1 (news and trends for Telegram)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request; `content` is sent as JSON."""

    path: str
    method: str = "GET"
    params: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    body: bytes
    retry_after_s: float | None = None


class TwitterHttp:
    """The connections to the service, made at the first request."""

    def __init__(
        self,
        base_url: str,
        key: Secret,
        *,
        proxy: str = "",
        timeout_s: float = TIMEOUT_S,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._key = key
        self._proxy = proxy
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def ask(self, request: Request, on_leaving: Callable[[], None]) -> Answer:
        """Send a request once. `on_leaving` is called when its first byte is about to leave: an
        error or a cancelling before that means that the service knows nothing of it.

        SourceDown: no whole answer; SourceGarbled: more than `max_bytes`, or broken compression.
        """
        client = await self._open()
        prepared = self._prepared(client, request, on_leaving)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(client, prepared)
        except TimeoutError as error:
            raise SourceDown(f"no whole answer in {self._timeout_s:g} s", source=SERVICE) from error
        except httpx.HTTPError as error:
            error.request = httpx.Request(request.method, f"{self._base_url}{request.path}")
            raise SourceDown(self.masked(_words(error)), source=SERVICE) from error
        except OSError as error:
            raise SourceDown(self.masked(_words(error)), source=SERVICE) from error

    def masked(self, text: str) -> str:
        """A text of others, which might repeat the key."""
        key = self._key.reveal()
        return text.replace(key, "***") if key else text

    def _prepared(
        self, client: httpx.AsyncClient, request: Request, on_leaving: Callable[[], None]
    ) -> httpx.Request:
        key = self._key.reveal()
        if not key or not key.isascii() or not key.isprintable() or key != key.strip():
            raise KeyRefused("this cannot be a key of TwitterAPI.io", source=SERVICE)

        async def trace(event: str, info: Mapping[str, Any]) -> None:
            # A proxy is asked for the way first, by a request of its own.
            is_leaving = event.endswith(".send_request_headers.started")
            if is_leaving and info["request"].method != b"CONNECT":
                on_leaving()

        headers = {"X-API-Key": key, "Accept": "application/json"}
        if request.content:
            headers["Content-Type"] = "application/json"
        return client.build_request(
            request.method,
            f"{self._base_url}{request.path}",
            params=request.params or None,
            content=request.content or None,
            headers=headers,
            extensions={"trace": trace},
        )

    async def _exchange(self, client: httpx.AsyncClient, prepared: httpx.Request) -> Answer:
        response = await client.send(prepared, stream=True, follow_redirects=False)
        try:
            headers = {name.lower(): value for name, value in response.headers.items()}
            body = await self._body(response, headers)
            return Answer(
                status=response.status_code,
                body=body.replace(self._key.reveal().encode(), b"***"),  # should it be repeated
                retry_after_s=retry_after_s(headers, utc_now()),
            )
        finally:
            await response.aclose()

    async def _body(self, response: httpx.Response, headers: Mapping[str, str]) -> bytes:
        if response.is_success:
            return await read_body(response.aiter_raw(), headers, self._max_bytes, SERVICE)
        try:  # the status says enough: the words of an error are welcome, no more
            async with asyncio.timeout(_ERROR_TIMEOUT_S):
                return await read_body(response.aiter_raw(), headers, _ERROR_BYTES, SERVICE)
        except (httpx.HTTPError, HoshyarError, TimeoutError):
            return b""

    async def _open(self) -> httpx.AsyncClient:
        async with self._opening:
            if self._client is None:
                is_secret = self._base_url.startswith("https:") or self._proxy.startswith("https:")
                # Reading the certificates takes a while, which the others need not wait for.
                tls = await asyncio.to_thread(httpx.create_ssl_context) if is_secret else False
                self._client = httpx.AsyncClient(
                    verify=tls,
                    proxy=self._proxy or None,
                    trust_env=False,
                    timeout=httpx.Timeout(
                        self._timeout_s, connect=min(_CONNECT_TIMEOUT_S, self._timeout_s)
                    ),
                    limits=httpx.Limits(
                        max_connections=_CONNECTIONS,
                        max_keepalive_connections=_CONNECTIONS,
                        keepalive_expiry=_KEEPALIVE_S,
                    ),
                    headers={"User-Agent": _USER_AGENT, "Accept-Encoding": "gzip, deflate"},
                )
            return self._client


def _words(error: Exception) -> str:
    """The error in a few words; httpx leaves some without any."""
    return str(error)[:200] or type(error).__name__
