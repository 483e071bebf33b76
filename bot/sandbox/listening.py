"""Listening on loopback: uvicorn started and stopped in milliseconds, inside the caller's loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from bot.sandbox.connections import Connections

_STOP_WITHIN_S = 1.0


class _QuietServer(uvicorn.Server):
    """uvicorn without its own signal handlers: the process that hosts it decides when to stop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ending = asyncio.Event()

    async def main_loop(self) -> None:
        """Wait to be told, instead of looking every tenth of a second."""
        await self.ending.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close in milliseconds: uvicorn's own way sleeps, and tests start hundreds of servers."""
        for listener in self.servers:
            listener.close()
        for bound in sockets or []:
            bound.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        deadline = time.monotonic() + _STOP_WITHIN_S
        # uvicorn keeps a plain set of connections: there is no event to wait for.
        while self.server_state.connections and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


class _SocketWhenAsked:
    """Stands for uvicorn's WebSocket protocol, which is imported when the first one is opened."""

    def __new__(cls, **given: Any) -> Any:
        from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

        return WebSocketsSansIOProtocol(**given)


class Listening:
    """One server for one app. `port` 0 takes a free one; after `start` it is the real one."""

    def __init__(self, host: str, port: int, connections: Connections) -> None:
        self.host = host
        self.port = port
        self._connections = connections
        self._server: _QuietServer | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, app: ASGIApp) -> None:
        """Listen."""
        # With the protocol named, asyncio switches Nagle's algorithm off: else 40 ms an answer.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, self.port))
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            app,
            http=self._connections.protocol(),
            ws=_SocketWhenAsked,  # type: ignore[arg-type]  # uvicorn only ever calls it
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_keep_alive=30,
        )
        self._server = _QuietServer(config)
        self._task = asyncio.get_running_loop().create_task(
            self._server.serve(sockets=[listener]), name="sandbox"
        )
        while not self._server.started:
            if self._task.done():
                await self._task
                raise RuntimeError("the sandbox server ended before it started")
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Close every connection, stop listening."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            self._server.ending.set()
            await self._task
        self._server = self._task = None
