"""An answer that is seen while it is being made.

Private chats get drafts (core.telegram.org/bots/api#sendmessagedraft): previews that Telegram
animates and drops after 30 seconds, followed by the real message. Groups have no drafts: there a
message is edited, slowly enough for their limit of about 20 a minute, and the last edit always
lands.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import cast

from bot.errors import DeliveryError, FloodWait, Rejected
from bot.models.entities import TEXT_LIMIT
from bot.models.messages import OutMessage
from bot.services.message_text import split_message, split_out
from bot.services.telegram_calls import TelegramCalls

log = logging.getLogger(__name__)

Frame = Callable[[str], OutMessage]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPace:
    """How often a growing answer is shown again."""

    draft_every_s: float = 0.4
    draft_least_s: float = 0.25  # also when much has come
    draft_new_chars: int = 60  # so many new characters need not wait for `draft_every_s`
    keepalive_s: float = 20.0  # a draft lives 30 s
    edit_every_s: float = 3.0
    edit_slower_s: float = 0.25  # each edit makes the next one wait this much longer ...
    edit_slowest_s: float = 8.0  # ... up to here, so that the final edit finds room
    tick_s: float = 0.1
    reveal_chars: int = 200  # a longer answer that is there at once is still seen growing …
    reveal_steps: tuple[float, ...] = (0.25, 0.6)  # … up to these shares of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """What became of a streamed answer."""

    text: str  # all that came
    message_ids: tuple[int, ...]
    stopped: bool = False


class _Source:
    """Collects the pieces as they come, so that painting never holds up the model."""

    def __init__(self, chunks: AsyncIterator[str]) -> None:
        self._chunks = chunks
        self.text = ""
        self.error: Exception | None = None

    async def read(self) -> None:
        try:
            if hasattr(self._chunks, "aclose"):
                async with aclosing(cast("_Closable", self._chunks)):
                    await self._collect()
            else:
                await self._collect()
        except Exception as error:
            self.error = error

    async def _collect(self) -> None:
        async for piece in self._chunks:
            self.text += piece


class _Closable(AsyncIterator[str]):
    async def aclose(self) -> None: ...


async def stream_answer(
    api: TelegramCalls,
    chat_id: int,
    chunks: AsyncIterator[str],
    *,
    frame: Frame,
    final: Callable[[str, bool], OutMessage],
    stop: asyncio.Event | None,
    reply_to: int | None,
    pace: StreamPace,
) -> Streamed:
    """See `TelegramApi.stream`."""
    source = _Source(chunks)
    painter = (
        _DraftPainter(api, chat_id, frame, pace)
        if chat_id > 0
        else _EditPainter(api, chat_id, frame, pace, reply_to)
    )
    await api.chat_action(chat_id)
    stopped = False
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(source.read())
        while not reading.done():
            if stop is not None and stop.is_set():
                stopped = True
                reading.cancel()
                await asyncio.wait([reading])
                break
            await painter.paint(source.text)
            await asyncio.wait([reading], timeout=pace.tick_s)
    ids: tuple[int, ...] = ()
    answer = final(source.text, stopped) if source.text or source.error is None else None
    if answer is not None and answer.text.strip():
        if not stopped and source.error is None:
            await painter.reveal(source.text)
        ids = await painter.finish(answer, reply_to)
    if source.error is not None:
        raise source.error
    return Streamed(text=source.text, message_ids=ids, stopped=stopped)


class _DraftPainter:
    """Frames as drafts; a draft that fails is only an ornament lost."""

    def __init__(self, api: TelegramCalls, chat_id: int, frame: Frame, pace: StreamPace) -> None:
        self._api = api
        self._chat_id = chat_id
        self._frame = frame
        self._pace = pace
        self._draft_id = time.time_ns() % 2**31 or 1
        self._shown: OutMessage | None = None
        self._shown_chars = 0
        self._shown_at = 0.0
        self._off = False

    async def paint(self, text: str) -> None:
        now = time.monotonic()
        if self._off or not text.strip() or not self._is_due(text, now):
            return
        message = _fitting(self._frame(text))
        if message == self._shown and now - self._shown_at < self._pace.keepalive_s:
            self._shown_chars = len(text)
            return
        if self._api.pacer.is_held(self._chat_id):
            return  # told to wait: no drafts, and no edits in their place either
        self._shown, self._shown_chars, self._shown_at = message, len(text), now
        try:
            await self._api.draft(self._chat_id, self._draft_id, message)
        except FloodWait as error:
            log.debug("drafts pause", extra={"chat": self._chat_id, "s": error.retry_after_s})
        except Rejected as error:
            log.info("no drafts here", extra={"chat": self._chat_id, "why": error})
            self._off = True
        except DeliveryError as error:
            log.debug("a draft was lost", extra={"chat": self._chat_id, "why": error})

    async def reveal(self, text: str) -> None:
        """Let an answer that came faster than its first frame appear as one that is written."""
        if self._shown is not None or len(text) < self._pace.reveal_chars:
            return
        for share in self._pace.reveal_steps:
            cut = text.rfind(" ", 0, round(len(text) * share))
            await self.paint(text[: max(cut, 1)])
            await asyncio.sleep(self._pace.draft_least_s)

    async def finish(self, message: OutMessage, reply_to: int | None) -> tuple[int, ...]:
        return await self._api.send(self._chat_id, message, reply_to=reply_to)

    def _is_due(self, text: str, now: float) -> bool:
        since = now - self._shown_at
        grown = len(text) - self._shown_chars
        if grown == 0:
            return since >= self._pace.keepalive_s
        if grown >= self._pace.draft_new_chars:
            return since >= self._pace.draft_least_s
        return since >= self._pace.draft_every_s


class _EditPainter:
    """Frames as edits of one message, which the final text takes over."""

    def __init__(
        self,
        api: TelegramCalls,
        chat_id: int,
        frame: Frame,
        pace: StreamPace,
        reply_to: int | None,
    ) -> None:
        self._api = api
        self._chat_id = chat_id
        self._frame = frame
        self._pace = pace
        self._reply_to = reply_to
        self._message_id: int | None = None
        self._shown: OutMessage | None = None
        # An answer that is there within a second needs no frame at all.
        self._next_at = time.monotonic() + min(1.0, pace.edit_every_s)
        self._gap_s = pace.edit_every_s
        self._off = False

    async def paint(self, text: str) -> None:
        if self._off or not text.strip() or time.monotonic() < self._next_at:
            return
        message = _fitting(self._frame(text))
        if message == self._shown or self._api.pacer.wait_s(self._chat_id, priority=True) > 0:
            return
        try:
            if self._message_id is None:
                ids = await self._api.send(self._chat_id, message, reply_to=self._reply_to)
                self._message_id = ids[0]
            else:
                self._api.pacer.take(self._chat_id)
                await self._api.edit_once(self._chat_id, self._message_id, message)
        except DeliveryError as error:
            log.debug("a frame was lost", extra={"chat": self._chat_id, "why": error})
            # Without its first message there is nothing to edit, and a second could double it.
            self._off = self._message_id is None
        self._shown = message
        self._next_at = time.monotonic() + self._gap_s
        self._gap_s = min(self._gap_s + self._pace.edit_slower_s, self._pace.edit_slowest_s)

    async def reveal(self, text: str) -> None:
        """In a group an answer that is there at once is simply sent: frames cost messages."""

    async def finish(self, message: OutMessage, reply_to: int | None) -> tuple[int, ...]:
        if self._message_id is None:
            return await self._api.send(self._chat_id, message, reply_to=reply_to)
        first, *rest = split_out(message)
        await self._api.edit(self._chat_id, self._message_id, first)
        ids = [self._message_id]
        for part in rest:
            ids += await self._api.send(self._chat_id, part)
        return tuple(ids)


def _fitting(message: OutMessage) -> OutMessage:
    """A frame that is too long shows its end, where the news is."""
    if message.length <= TEXT_LIMIT:
        return message
    text, entities = split_message(message.text, message.entities)[-1]
    return replace(message, text=text, entities=entities)
