"""Connections that can only go where the address check allowed.

A name is resolved here, its addresses are checked, and the socket is opened to one of those very
addresses: a name that answers differently the second time (DNS rebinding) has no second time.
TLS and the Host header keep the name.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import httpcore

from bot.services.addresses import check_resolved

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""A host and a port to the host's addresses, best first; OSError when there are none."""

_ADDRESSES_TRIED = 3
_DNS_THREADS = 8


class SystemResolver:
    """The system's own resolver, in threads of its own.

    A name server that does not answer holds a thread for many seconds; it must not be one of those
    that everybody's CPU work shares.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_DNS_THREADS, thread_name_prefix="dns")

    async def __call__(self, host: str, port: int) -> list[str]:
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, socket.getaddrinfo, host, port, 0, socket.SOCK_STREAM
        )
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Opens sockets for httpcore, to checked addresses only."""

    def __init__(self, resolve: Resolve, *, allow_private: bool) -> None:
        self._resolve = resolve
        self._allow_private = allow_private
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"no such host: {host}") from error
        addresses = check_resolved(host, found, allow_private=self._allow_private)
        tried = addresses[:_ADDRESSES_TRIED]
        share_s = None if timeout is None else timeout / max(1, len(tried))
        failure: Exception = httpcore.ConnectError(f"no address for {host}")
        for address in tried:
            try:
                return await self._sockets.connect_tcp(
                    address, port, share_s, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        await self._sockets.sleep(seconds)
