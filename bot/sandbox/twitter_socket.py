"""The double's WebSocket: connected, pings, tweets; one a key, a second is closed with 1008."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from bot.sandbox.twitter_double import TwitterDouble

_ONE_ONLY = 1008


async def hold_socket(
    double: TwitterDouble, is_known: bool, scope: Scope, receive: Receive, send: Send
) -> None:
    """Serve one WebSocket until either side has enough."""
    await receive()  # websocket.connect
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    key = next((value.decode("latin-1") for name, value in headers if name == b"x-api-key"), "")
    if not is_known or key not in double.accounts or double.faults.is_out:
        await send({"type": "websocket.close"})  # before accepting: the handshake gets 403
        return
    await send({"type": "websocket.accept"})
    sockets = double.rules.sockets
    if key in sockets:
        reason = "Only one connection per API key is allowed"
        await send({"type": "websocket.close", "code": _ONE_ONLY, "reason": reason})
        return
    queue: asyncio.Queue[Any] = asyncio.Queue()
    sockets[key] = queue
    listening = asyncio.ensure_future(_until_gone(receive))
    try:
        await _say(send, {"event_type": "connected"})
        await _talk(double, queue, listening, send)
    finally:
        if sockets.get(key) is queue:
            del sockets[key]
        listening.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        continue


async def _talk(
    double: TwitterDouble, queue: asyncio.Queue[Any], listening: asyncio.Future[None], send: Send
) -> None:
    while True:
        coming = asyncio.ensure_future(queue.get())
        done, _ = await asyncio.wait(
            {coming, listening}, timeout=double.ping_s, return_when=asyncio.FIRST_COMPLETED
        )
        if listening in done:
            coming.cancel()
            return
        if coming not in done:
            coming.cancel()
            await _say(send, {"event_type": "ping", "timestamp": int(time.time() * 1_000)})
            continue
        event = coming.result()
        if isinstance(event, int):
            await send({"type": "websocket.close", "code": event})
            return
        await _say(send, event)


async def _say(send: Send, event: dict[str, Any]) -> None:
    await send({"type": "websocket.send", "text": orjson.dumps(event).decode()})
