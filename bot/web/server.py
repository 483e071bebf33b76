"""Doors for machines: a small web server in the bot's own loop, on loopback unless told otherwise.

What stands before it (a reverse proxy with TLS) is the operator's. Where another worker of this
machine has the port, this one waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

log = logging.getLogger(__name__)

_STOP_WITHIN_S = 5.0  # for requests that are being answered
_AT_ONCE = 64
_KEEP_ALIVE_S = 10
_HEAD_BYTES = 16 * 1024
_PORT_AGAIN_S = 30.0


class _QuietServer(uvicorn.Server):
    """uvicorn without its own signal handlers: the process that hosts it decides when to stop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ending = asyncio.Event()

    async def main_loop(self) -> None:
        """Wait to be told, instead of looking every tenth of a second."""
        await self.ending.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let what was begun be answered, and close the rest at once."""
        for listener in self.servers:
            listener.close()
        for bound in sockets or []:
            bound.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        deadline = time.monotonic() + _STOP_WITHIN_S
        # uvicorn keeps a plain set of connections: there is no event to wait for.
        while self.server_state.connections and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


class WebServer:
    """Serves some routes. `port` 0 takes a free one; while it listens `port` is the real one."""

    def __init__(self, routes: Sequence[Route], *, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._routes = list(routes)

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until told to stop."""
        while not stop.is_set():
            try:
                async with self.listening():
                    await stop.wait()
            except OSError as error:
                fields = {"host": self.host, "port": self.port, "why": str(error)}
                log.warning("no web server here, trying again", extra=fields)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _PORT_AGAIN_S)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Serve while the body runs; OSError when the port is not to be had."""
        listener = _listener(self.host, self.port)
        self.port = int(listener.getsockname()[1])
        config = uvicorn.Config(
            Starlette(routes=self._routes),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=_AT_ONCE,
            timeout_keep_alive=_KEEP_ALIVE_S,
            h11_max_incomplete_event_size=_HEAD_BYTES,
        )
        server = _QuietServer(config)
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve(sockets=[listener]), name="web")
            log.info("web server listens", extra={"url": self.url})
            try:
                yield
            finally:
                server.should_exit = True
                server.ending.set()


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio switches Nagle's algorithm off: else 40 ms an answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener
