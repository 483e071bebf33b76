"""Cutting a TCP connection from inside an ASGI app, which ASGI itself has no word for."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import Receive, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol


class Connections:
    """The open connections of one server, by the client's address."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], asyncio.Transport] = {}
        self._are_noted = False

    def protocol(self) -> type[H11Protocol]:
        """Return a protocol class for uvicorn's `http` setting that notes every connection."""
        connections = self._open
        self._are_noted = True

        class Noting(H11Protocol):
            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                if self.client is not None:
                    connections[self.client] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                if self.client is not None:
                    connections.pop(self.client, None)
                super().connection_lost(exc)

        return Noting

    async def cut(self, scope: Scope, receive: Receive) -> None:
        """Drop the connection without an answer and wait until uvicorn has noticed."""
        client: Any = scope.get("client")
        transport = self._open.get(tuple(client)) if client else None
        if not self._are_noted:
            raise RuntimeError("this server cannot cut connections: it lacks our protocol")
        if transport is not None:  # else the client hung up first
            transport.abort()
        while (await receive())["type"] != "http.disconnect":
            continue
