"""A road to a server that can be cut, or fall silent, at a chosen word."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType


class TcpProxy:
    """Passes bytes to 127.0.0.1:`port` until the client says `word`; then, once, `what` happens.

    "cut before": the server never hears it. "cut after": the server hears and answers it, and the
    client never learns. "silence": nothing passes any more, and nobody hangs up.
    """

    def __init__(self, port: int) -> None:
        self.port = 0
        self._behind = port
        self._word = b""
        self._what = ""
        self._over = asyncio.Event()
        self._ends: set[asyncio.StreamWriter] = set()
        self._roads: set[asyncio.Task[None]] = set()
        self.connections = 0

    def arm(self, what: str, word: bytes) -> None:
        self._what, self._word = what, word

    async def __aenter__(self) -> TcpProxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        await self._server.wait_closed()
        self._over.set()
        while self._roads:
            for end in self._ends:
                end.transport.abort()
            await asyncio.wait(self._roads, timeout=0.1)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._roads.add(task)
        task.add_done_callback(self._roads.discard)
        self.connections += 1
        ends = [writer]
        try:
            behind, to_server = await asyncio.open_connection("127.0.0.1", self._behind)
            ends.append(to_server)
            self._ends.update(ends)
            back = asyncio.create_task(_pass(behind, writer))
            try:
                await self._forward(reader, to_server, behind, back)
            finally:
                back.cancel()
                await asyncio.wait([back])
        finally:
            for end in ends:
                end.transport.abort()
                with contextlib.suppress(ConnectionError):
                    await end.wait_closed()
                self._ends.discard(end)

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
        behind: asyncio.StreamReader,
        back: asyncio.Task[None],
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                if self._word and self._word in data:
                    self._word = b""
                    if self._what == "silence":
                        await self._over.wait()
                    if self._what == "cut after":
                        back.cancel()
                        await asyncio.wait([back])
                        to_server.write(data)
                        await behind.read(65536)
                    return
                to_server.write(data)
                await to_server.drain()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()
