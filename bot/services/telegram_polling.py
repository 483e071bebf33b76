"""The transport of getUpdates: what comes is stored before the library sees it.

When another program polls with the same token, Telegram answers 409. The poll of a leader that died
or was stopped ends within moments, so the first pauses are short; a stranger's does not.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from telegram.request import BaseRequest, RequestData

from bot.errors import LeaseLost
from bot.services.telegram_calls import TelegramRequest
from bot.services.telegram_inbox import Inbox

log = logging.getLogger(__name__)

READ_MARGIN_S = 15.0  # an answer may come this much after the poll's end
LONGEST_BACK_OFF_S = 60.0
_SOON_OVER = 4  # conflicts after which the other poller is no predecessor of ours
_IDLE_S = 0.5
_NOTHING = b'{"ok":true,"result":[]}'


class InboxRequest(TelegramRequest):
    """The transport of getUpdates: stores what comes, and slows down when another bot polls too."""

    def __init__(
        self,
        inbox: Inbox,
        *,
        proxy: str = "",
        read_margin_s: float = READ_MARGIN_S,
        longest_back_off_s: float = LONGEST_BACK_OFF_S,
    ) -> None:
        super().__init__(
            connection_pool_size=2,
            read_timeout=read_margin_s,
            connect_timeout=10.0,
            proxy=proxy or None,
            httpx_kwargs={"trust_env": False},
        )
        self._inbox = inbox
        self._longest_back_off_s = longest_back_off_s

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        is_poll = url.endswith("/getUpdates")
        while True:
            if is_poll and not self._inbox.may_poll:
                await asyncio.sleep(_IDLE_S)  # the library asks on until it is told to stop
                return 200, _NOTHING
            code, payload = await super().do_request(
                url, method, request_data, read_timeout, write_timeout, connect_timeout,
                pool_timeout,
            )  # fmt: skip
            if is_poll and code == 409 and self._inbox.waits_out_conflicts:
                await self._back_off()  # asked again here: the library would add its own pause
                continue
            if is_poll and code == 200:
                self._inbox.conflicts = 0
                payload = await self._store(payload)
            return code, payload

    async def _store(self, payload: bytes) -> bytes:
        try:
            reply = json.loads(payload)
        except ValueError:
            return payload  # the library reports it and asks again
        if not isinstance(reply, dict) or not reply.get("result"):
            return payload
        try:
            updates = await self._inbox.take_in(list(reply["result"]))
        except LeaseLost:  # not stored and not confirmed: Telegram gives them to the next leader
            self._inbox.may_poll = False
            return _NOTHING
        if not updates:  # nothing that could be confirmed: do not ask for it in a tight loop
            await asyncio.sleep(1.0)
        return json.dumps({**reply, "result": updates}).encode()

    async def _back_off(self) -> None:
        self._inbox.conflicts += 1
        count = self._inbox.conflicts
        if count & (count - 1) == 0:  # 1, 2, 4, 8 …
            log.error("another program polls with this token", extra={"times": count})
        pause_s = 1.0 if count <= _SOON_OVER else 2.0 ** min(count - _SOON_OVER, 10)
        await asyncio.sleep(min(pause_s, self._longest_back_off_s))
