"""A web site on loopback whose every byte a test decides."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came in; header names in lower case."""

    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes out; `drip_s` waits before each byte, `cut` closes before the body is whole."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    drip_s: float = 0.0
    cut: int | None = None
    hold: asyncio.Event | None = None


Route = Answer | Callable[[Asked], Answer]


class Site:
    """A server on 127.0.0.1; `routes` may change while it runs."""

    def __init__(self, routes: Mapping[str, Route] | None = None) -> None:
        self.routes: dict[str, Route] = dict(routes or {})
        self.asked: list[Asked] = []
        self.open_now = 0
        self.most_open = 0
        self.open_at: Counter[str] = Counter()  # by path
        self.most_open_at: Counter[str] = Counter()
        self.port = 0
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    async def __aenter__(self) -> Site:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            first = await reader.readexactly(1)
            if not first.isalpha():  # TLS, where plain HTTP is spoken
                return
            head = first + await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            pairs = (line.split(": ", 1) for line in lines[1:] if line)
            asked = Asked(lines[0].split(" ")[1], {name.lower(): value for name, value in pairs})
            self.asked.append(asked)
            self.open_now += 1
            self.most_open = max(self.most_open, self.open_now)
            path = asked.path
            self.open_at[path] += 1
            self.most_open_at[path] = max(self.most_open_at[path], self.open_at[path])
            route = self.routes.get(path, Answer(status=404))
            await self._answer(path, route(asked) if callable(route) else route, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone, as some tests want
        finally:
            writer.close()

    async def _answer(self, path: str, answer: Answer, writer: asyncio.StreamWriter) -> None:
        try:
            await self._begin(answer, writer)
        finally:
            self.open_now -= 1  # before the last bytes: the client may ask again at once
            self.open_at[path] -= 1
        writer.write(_body(answer)[-1:])
        await writer.drain()

    async def _begin(self, answer: Answer, writer: asyncio.StreamWriter) -> None:
        """Everything but the last byte."""
        if answer.hold is not None:
            await answer.hold.wait()
        headers = {"content-length": str(len(answer.body)), **answer.headers, "connection": "close"}
        lines = [f"HTTP/1.1 {answer.status} X", *(f"{n}: {v}" for n, v in headers.items()), "", ""]
        writer.write("\r\n".join(lines).encode("utf-8"))
        body = _body(answer)[:-1]
        if answer.drip_s:
            for byte in body:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(answer.drip_s)
        else:
            writer.write(body)
        await writer.drain()


def _body(answer: Answer) -> bytes:
    return answer.body if answer.cut is None else answer.body[: answer.cut]


@asynccontextmanager
async def site(**routes: Route) -> AsyncIterator[Site]:
    """A running site; `feed=Answer(…)` serves /feed."""
    async with Site({f"/{name}": route for name, route in routes.items()}) as running:
        yield running


def moved(target: str, status: int = 302) -> Answer:
    return Answer(status=status, headers={"location": target})


def rss(*items: str, head: str = "") -> bytes:
    """A small RSS 2.0 document of our own."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel>'
        f"<title>خبرهای آزمایشی</title><link>https://news.example/</link>{head}"
        f"{''.join(items)}</channel></rss>"
    ).encode()


def item(number: int | str, title: str, text: str = "", date: str = "") -> str:
    """One item of `rss`."""
    when = f"<pubDate>{date}</pubDate>" if date else ""
    return (
        f"<item><title>{title}</title><link>https://news.example/{number}</link>"
        f'<guid isPermaLink="false">{number}</guid><description>{text}</description>{when}</item>'
    )
