"""One polite HTTP client for everything that is read from the open web.

Its promises: never longer than the time, never more than the bytes, never to a private address
(at any redirect), never more than two requests at once to one host nor two within half a second.
With a proxy it is the proxy that resolves names, so only what an address itself says is checked.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime

import httpcore
import httpx

from bot.errors import SourceDown, SourceGarbled, SourceGone, SourceRefused
from bot.services.addresses import check_url
from bot.services.http_bodies import read_body
from bot.services.http_pinning import CheckedBackend, Resolve, SystemResolver

USER_AGENT = "Hoshyar/0.1 (news and trends for Telegram; feed reader)"
MAX_BYTES = 5 * 1024 * 1024
TIMEOUT_S = 30.0
CONNECT_TIMEOUT_S = 10.0
MAX_REDIRECTS = 5
MAX_RETRY_AFTER_S = 7 * 86_400.0  # a server that says "next year" is asked in a week

_REDIRECTS = {301, 302, 303, 307, 308}
_PERMANENT = {301, 308}
_RETRY_DELAY_S = 0.5
_KEEPALIVE_S = 15.0
_HOSTS_KEPT = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """An answer, whatever its status. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str  # where the answer came from, after redirects
    permanent_url: str | None = None  # where the asked address has moved for good

    def header(self, name: str) -> str:
        return self.headers.get(name, "")


@dataclass(slots=True)
class _Host:
    slots: asyncio.Semaphore
    gate: asyncio.Lock = field(default_factory=asyncio.Lock)
    free_at: float = 0.0  # of the event loop's clock
    users: int = 0


class HttpClient:
    """Reads addresses of the open web. `resolve`, `tls`, `sleep` and `chance` are for tests."""

    def __init__(
        self,
        *,
        proxy: str = "",
        allow_private: bool = False,
        at_once: int = 32,
        at_once_per_host: int = 2,
        gap_s: float = 0.5,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._proxy = proxy
        self._allow_private = allow_private
        self._at_once = at_once
        self._at_once_per_host = at_once_per_host
        # One's own machine and network need no pauses.
        self._gap_s = 0.0 if allow_private else gap_s
        self._resolver = SystemResolver() if resolve is None else None
        self._resolve: Resolve = resolve or self._resolver  # type: ignore[assignment]  # one is set
        self._tls = tls
        self._sleep = sleep
        self._chance = chance
        self._total = asyncio.Semaphore(at_once)
        self._hosts: dict[str, _Host] = {}
        self._pool: httpcore.AsyncConnectionPool | None = None

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.aclose()
            self._pool = None
        if self._resolver is not None:
            self._resolver.close()

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = MAX_BYTES,
        timeout_s: float = TIMEOUT_S,
    ) -> Fetched:
        """Read an address, following up to five redirects; any status is an answer.

        SourceDown: no answer, or not within `timeout_s` (waiting for our own turn not counted);
        AddressRefused: an address we may not go to; SourceGarbled: more than `max_bytes` after
        decompression, a redirect without end, or not HTTP.
        """
        here, permanent_url, is_permanent = url, None, True
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._ask_twice(here, headers or {}, max_bytes, timeout_s)
            target = answer.header("location")
            if answer.status not in _REDIRECTS or not target:
                return _with_move(answer, permanent_url)
            here = _join(here, target)
            is_permanent = is_permanent and answer.status in _PERMANENT
            permanent_url = here if is_permanent else permanent_url
        raise SourceGarbled(f"more than {MAX_REDIRECTS} redirects", source=url)

    async def _ask_twice(
        self, url: str, headers: Mapping[str, str], max_bytes: int, timeout_s: float
    ) -> Fetched:
        """A connection that could not be made is tried once more: nothing was sent yet."""
        target = check_url(url, allow_private=self._allow_private)
        async with self._turn(f"{target.host}:{target.port or ''}"), self._total:
            try:
                try:
                    return await self._ask(target, headers, max_bytes, timeout_s)
                except (httpcore.ConnectError, httpcore.ConnectTimeout):
                    await self._sleep(_RETRY_DELAY_S * (1 + self._chance()))
                    return await self._ask(target, headers, max_bytes, timeout_s)
            except TimeoutError as error:
                raise SourceDown(f"no whole answer in {timeout_s:g} s", source=url) from error
            except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProxyError) as error:
                raise SourceDown(_words(error), source=url) from error
            except (httpcore.ProtocolError, OSError) as error:
                raise SourceDown(_words(error), source=url) from error

    async def _ask(
        self, url: httpx.URL, headers: Mapping[str, str], max_bytes: int, timeout_s: float
    ) -> Fetched:
        sent = {
            "Host": url.netloc.decode("ascii"),
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "gzip, deflate",
            **headers,
        }
        async with (
            asyncio.timeout(timeout_s),
            self._open_pool().stream(
                "GET",
                httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=[(name.encode(), _raw(value)) for name, value in sent.items()],
                extensions={
                    "timeout": {
                        "connect": min(CONNECT_TIMEOUT_S, timeout_s),
                        "pool": timeout_s,
                    }
                },
            ) as response,
        ):
            got: dict[str, str] = {}
            for raw_name, raw_value in response.headers:
                name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
                got[name] = f"{got[name]}, {value}" if name in got else value
            body = b""
            if response.status not in _REDIRECTS:
                body = await read_body(response.aiter_stream(), got, max_bytes, str(url))
            return Fetched(status=response.status, headers=got, body=body, url=str(url))

    @asynccontextmanager
    async def _turn(self, name: str) -> AsyncIterator[None]:
        """Wait for this host's turn: so many at once, so long between two starts."""
        loop = asyncio.get_running_loop()
        host = self._hosts.get(name)
        if host is None:
            if len(self._hosts) >= _HOSTS_KEPT:
                self._forget_idle(loop.time())
            host = self._hosts[name] = _Host(asyncio.Semaphore(self._at_once_per_host))
        host.users += 1
        try:
            async with host.slots:
                async with host.gate:
                    wait_s = host.free_at - loop.time()
                    if wait_s > 0:
                        await self._sleep(wait_s)
                    host.free_at = loop.time() + self._gap_s
                yield
        finally:
            host.users -= 1

    def _forget_idle(self, now: float) -> None:
        for name in [n for n, host in self._hosts.items() if not host.users and host.free_at < now]:
            del self._hosts[name]

    def _open_pool(self) -> httpcore.AsyncConnectionPool:
        """The connections; made at the first request, for reading the certificates takes time."""
        if self._pool is None:
            tls = self._tls or httpx.create_ssl_context()
            backend = CheckedBackend(self._resolve, allow_private=self._allow_private)
            if not self._proxy:
                self._pool = httpcore.AsyncConnectionPool(
                    ssl_context=tls,
                    max_connections=self._at_once,
                    keepalive_expiry=_KEEPALIVE_S,
                    network_backend=backend,
                )
            else:
                self._pool = _proxy_pool(self._proxy, tls, self._at_once)
        return self._pool


def _proxy_pool(proxy: str, tls: ssl.SSLContext, at_once: int) -> httpcore.AsyncConnectionPool:
    address = httpx.Proxy(proxy)
    url = httpcore.URL(
        scheme=address.url.raw_scheme, host=address.url.raw_host, port=address.url.port, target="/"
    )
    if address.url.scheme.startswith("socks5"):
        return httpcore.AsyncSOCKSProxy(
            proxy_url=url,
            proxy_auth=address.raw_auth,
            ssl_context=tls,
            max_connections=at_once,
            keepalive_expiry=_KEEPALIVE_S,
        )
    return httpcore.AsyncHTTPProxy(
        proxy_url=url,
        proxy_auth=address.raw_auth,
        ssl_context=tls,
        max_connections=at_once,
        keepalive_expiry=_KEEPALIVE_S,
    )


def raise_for_status(answer: Fetched, now: datetime) -> None:
    """SourceGone for 410, SourceRefused for other 4xx, SourceDown for 5xx and other oddities."""
    status = answer.status
    if 200 <= status < 300 or status == 304:
        return
    wait_s = retry_after_s(answer.headers, now)
    message = f"HTTP {status}"
    if status == 410:
        raise SourceGone(message, source=answer.url)
    if 400 <= status < 500 and status not in (404, 408, 425):
        raise SourceRefused(message, source=answer.url, retry_after_s=wait_s)
    raise SourceDown(message, source=answer.url, retry_after_s=wait_s)


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """The wait a server asks for: seconds, or the date until when; None when it asks for none."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_RETRY_AFTER_S)
    when = http_date(text)
    if when is None:
        return None
    return min(max(0.0, (when - now).total_seconds()), MAX_RETRY_AFTER_S)


def http_date(text: str) -> datetime | None:
    """A date of an HTTP header, aware."""
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return when if when.tzinfo is not None else None


def _with_move(answer: Fetched, permanent_url: str | None) -> Fetched:
    return Fetched(
        status=answer.status,
        headers=answer.headers,
        body=answer.body,
        url=answer.url,
        permanent_url=permanent_url,
    )


def _join(here: str, target: str) -> str:
    # Servers put raw UTF-8 into Location; httpcore hands it over as Latin-1.
    with suppress(UnicodeEncodeError, UnicodeDecodeError):
        target = target.encode("latin-1").decode("utf-8")
    try:
        return str(httpx.URL(here).join(target).copy_with(fragment=None))
    except (httpx.InvalidURL, ValueError) as error:
        raise SourceGarbled(f"redirected to nonsense: {error}", source=here) from error


def _raw(value: str) -> bytes:
    """A header's value as it came: answers are read as Latin-1."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()


def _words(error: Exception) -> str:
    """The error in a few words; httpcore leaves some without any."""
    return str(error)[:200] or type(error).__name__
