"""A server on loopback that answers what a test has written down, request after request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = Any


@dataclass(frozen=True, slots=True)
class Came:
    """One request; header names in lower case."""

    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes out.

    `drop` closes without a word, `hang` never answers, `cut` closes after so many bytes of the
    body, `hold` is waited for.
    """

    body: bytes = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    drop: bool = False
    hang: bool = False
    hold: asyncio.Event | None = None


def told(body: Json, status: int = 200, **headers: str) -> Reply:
    return Reply(body=json.dumps(body).encode(), status=status, headers=headers)


class ScriptedService:
    """Answers the n-th request with the n-th reply, and further ones with the last."""

    def __init__(self, *replies: Reply) -> None:
        self.replies: Sequence[Reply] = replies
        self.came: list[Came] = []
        self.url = ""
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._arrival = asyncio.Condition()

    async def arrived(self, count: int) -> None:
        """Wait until so many requests have come."""
        async with asyncio.timeout(5), self._arrival:
            await self._arrival.wait_for(lambda: len(self.came) >= count)

    async def __aenter__(self) -> ScriptedService:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *what: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._open):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while True:
                came = await _read(reader)
                async with self._arrival:
                    self.came.append(came)
                    self._arrival.notify_all()
                reply = self.replies[min(len(self.came), len(self.replies)) - 1]
                if reply.hold is not None:
                    await reply.hold.wait()
                if reply.drop:
                    return
                if reply.hang:
                    await reader.read()
                    return
                writer.write(_written(reply))
                await writer.drain()
                if reply.cut is not None:
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone, as some tests want
        finally:
            self._open.discard(writer)
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Came:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ")
    pairs = (line.split(": ", 1) for line in lines[1:] if line)
    headers = {name.lower(): value for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    params = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return Came(method, parts.path, params, headers, body)


def _written(reply: Reply) -> bytes:
    headers = {"content-length": str(len(reply.body)), **reply.headers}
    lines = [f"HTTP/1.1 {reply.status} X", *(f"{n}: {v}" for n, v in headers.items()), "", ""]
    body = reply.body if reply.cut is None else reply.body[: reply.cut]
    return "\r\n".join(lines).encode("latin-1") + body
