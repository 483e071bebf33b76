"""The queue of updates a bot polls: offsets, allowed kinds, one poller at a time."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from bot.sandbox.pulse import Pulse
from bot.sandbox.wire import Json, conflict

ALL_KINDS = (
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "inline_query",
    "chosen_inline_result",
    "callback_query",
    "my_chat_member",
    "chat_member",
    "message_reaction",
)
# Left out unless a bot names them (Bot API, getUpdates, allowed_updates).
_ON_REQUEST = {"chat_member", "message_reaction", "message_reaction_count"}
_KEPT_S = 24 * 3600


class UpdateQueue:
    """Updates not yet confirmed by the bot, oldest first.

    `allowed` is what the bot last asked for; it decides when an update is made, as in the real
    one, so a change of mind does not touch what is already queued.
    """

    def __init__(self, pulse: Pulse, first_id: int = 100_000_001) -> None:
        self._pulse = pulse
        self._next_id = first_id
        self._queue: deque[tuple[int, float, Json]] = deque()
        self._poll = 0
        self.allowed: set[str] | None = None
        self.webhook_url = ""
        self.confirmed = 0

    def wants(self, kind: str) -> bool:
        """Say whether the bot receives updates of this kind."""
        if self.allowed:
            return kind in self.allowed
        return kind not in _ON_REQUEST

    def push(self, kind: str, body: Json, now: float) -> int | None:
        """Queue an update; None when the bot did not ask for this kind."""
        if not self.wants(kind):
            return None
        return self.push_raw({kind: body}, now)

    def push_raw(self, fields: Json, now: float) -> int:
        """Queue an update exactly as given, only with an id."""
        update_id = self._next_id
        self._next_id += 1
        self._queue.append((update_id, now, {"update_id": update_id, **fields}))
        self._pulse.beat()
        return update_id

    def pending(self) -> int:
        """Return how many updates wait."""
        return len(self._queue)

    def drop(self) -> None:
        """Forget everything queued (drop_pending_updates)."""
        self._queue.clear()

    def set_allowed(self, kinds: list[Any] | None) -> None:
        """Remember allowed_updates; an empty list means the default again."""
        if kinds is not None:
            self.allowed = {str(kind) for kind in kinds} or None

    def _confirm(self, offset: int) -> None:
        if offset < 0:
            while len(self._queue) > -offset:
                self._queue.popleft()
            return
        while self._queue and self._queue[0][0] < offset:
            self.confirmed = self._queue.popleft()[0]

    async def poll(self, offset: int, limit: int, timeout_s: float, now: float) -> list[Json]:
        """Answer getUpdates: confirm below `offset`, then wait up to `timeout_s` for news."""
        if self.webhook_url:
            raise conflict(
                "can't use getUpdates method while webhook is active;"
                " use deleteWebhook to delete the webhook first"
            )
        self._poll += 1
        mine = self._poll
        self._pulse.beat()
        if offset:
            self._confirm(offset)
        while self._queue and self._queue[0][1] < now - _KEPT_S:
            self._queue.popleft()
        deadline = time.monotonic() + timeout_s
        while not self._queue:
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not await self._pulse.wait(left_s):
                break
            if self._poll != mine:
                raise conflict(
                    "terminated by other getUpdates request;"
                    " make sure that only one bot instance is running"
                )
        return [update for _, _, update in list(self._queue)[: max(1, min(limit, 100))]]
