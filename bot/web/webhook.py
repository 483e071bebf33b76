"""The door for TwitterAPI.io: POST /hooks/twitterapi, with our own key in X-API-Key.

2xx means that the tweets are stored: whatever else is said, the service may send them again.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.errors import HoshyarError, SourceGarbled, said
from bot.utils.secrets import Secret

log = logging.getLogger(__name__)

PATH = "/hooks/twitterapi"
MAX_BYTES = 4 * 2**20
BODY_TIMEOUT_S = 20.0
_AGAIN_AFTER_S = 30
_POUR_S = 1.0

Take = Callable[[bytes], Awaitable[object]]


def twitter_hook(
    key: Secret, take: Take, *, max_bytes: int = MAX_BYTES, body_timeout_s: float = BODY_TIMEOUT_S
) -> Route:
    """The route; `take` returns when the tweets of an event are stored."""
    known = _digest(key.reveal().encode())

    async def post(request: Request) -> Response:
        given = _digest(request.headers.get("x-api-key", "").encode("latin-1"))
        if not key or not hmac.compare_digest(given, known):
            return _no("wrong key", 401)
        try:
            body = await _read(request, max_bytes, body_timeout_s)
        except TimeoutError:
            return _no("too slow", 408)
        except ClientDisconnect:
            return _no("gone", 400)
        if body is None:
            return _no(f"no more than {max_bytes} bytes", 413)
        try:
            await take(body)
        except SourceGarbled as error:
            log.warning("a webhook cannot be read", extra={"why": said(error)})
            return _no("no event that we understand", 400)
        except HoshyarError as error:
            log.warning("a webhook was not stored", extra={"why": said(error)})
            return _no("not stored, please send it again", 503)
        return JSONResponse({"status": "ok"})

    return Route(PATH, post, methods=["POST"])


async def _read(request: Request, max_bytes: int, timeout_s: float) -> bytes | None:
    """The body; None when it is too large, be it by its own word or not.

    What is too large is poured away for a moment: who is still writing when we hang up never reads
    our answer.
    """
    length = request.headers.get("content-length", "")
    is_large = length.isascii() and length.isdigit() and int(length[:12]) > max_bytes
    body = bytearray()
    try:
        async with asyncio.timeout(_POUR_S if is_large else timeout_s) as limit:
            async for part in request.stream():
                if is_large:
                    continue
                body += part
                if len(body) > max_bytes:
                    is_large = True
                    limit.reschedule(asyncio.get_running_loop().time() + _POUR_S)
    except (TimeoutError, ClientDisconnect):
        if not is_large:
            raise
    return None if is_large else bytes(body)


def _digest(value: bytes) -> bytes:
    """Of one length, so that comparing tells nothing of the key's."""
    return hashlib.sha256(value).digest()


def _no(why: str, status: int) -> Response:
    headers = {}
    if status == 503:
        headers["Retry-After"] = str(_AGAIN_AFTER_S)
    if status in (401, 408, 413):  # the rest of the body is not waited for
        headers["Connection"] = "close"
    return JSONResponse({"status": "error", "msg": why}, status, headers=headers)
