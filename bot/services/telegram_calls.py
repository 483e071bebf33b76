"""Single calls of the Bot API in our own terms: data in, typed errors out, every message paced.

`TelegramCalls` sends one part once. What a person waits for goes through `bot`; what the outbox
sends goes through `bulk`, which has connections of its own, so a storm there never holds an answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from telegram import Bot, InputMediaPhoto, Message, ReplyParameters
from telegram.error import TelegramError
from telegram.ext import ExtBot
from telegram.request import BaseRequest, HTTPXRequest

from bot.errors import Ambiguous, ChatMoved, DeliveryError, FloodWait, NotSent, Rejected
from bot.models.messages import Attachment, OutMessage
from bot.services.message_text import split_out
from bot.services.pacing import Pacer
from bot.services.telegram_answering import before_answer
from bot.services.telegram_errors import (
    is_entity_trouble,
    is_file_id_trouble,
    is_keyboard_trouble,
    is_not_modified,
    translate,
)
from bot.services.telegram_types import (
    caption_fields,
    telegram_entities,
    telegram_keyboard,
    text_fields,
)
from bot.storage.sent_files import SentFileStore
from bot.utils.times import utc_now

T = TypeVar("T")
log = logging.getLogger(__name__)

TELEGRAM = "https://api.telegram.org/bot"
BULK_READ_TIMEOUT_S = 25.0  # a long wait keeps the grey zone small: see the outbox
_ANSWER_READ_TIMEOUT_S = 20.0
_UPLOAD_TIMEOUT_S = 60.0
FRAME_TIMEOUT_S = 5.0  # a frame that is late is worth nothing
_PICTURE_NAME = "picture.png"
TRIES = 4
LONGEST_WAIT_S = 60.0  # a flood wait longer than this is told to the caller
NO_CHAT = 0  # calls that belong to no chat, such as answers to button presses


def file_base_url(base_url: str) -> str:
    """Where files are, given where methods are: …/bot → …/file/bot."""
    head, _, tail = base_url.rpartition("/")
    return f"{head}/file/{tail}"


class TelegramRequest(HTTPXRequest):
    """The library's transport, which does not log a trace for every error page of a gateway."""

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        try:
            return dict(json.loads(payload))
        except (ValueError, TypeError) as error:
            raise TelegramError("Invalid server response") from error


def request_to_telegram(
    *, proxy: str = "", connections: int = 32, read_timeout_s: float = _ANSWER_READ_TIMEOUT_S
) -> TelegramRequest:
    """A transport; only the proxy given here is used, never one of the environment."""
    return TelegramRequest(
        connection_pool_size=connections,
        read_timeout=read_timeout_s,
        write_timeout=20.0,
        connect_timeout=10.0,
        pool_timeout=5.0,
        media_write_timeout=_UPLOAD_TIMEOUT_S,
        proxy=proxy or None,
        httpx_kwargs={"trust_env": False},
    )


class TelegramCalls:
    """One bot's Bot API. `inbox_request` is the transport of getUpdates (see telegram_inbox)."""

    def __init__(
        self,
        token: str,
        *,
        pacer: Pacer | None = None,
        base_url: str = TELEGRAM,
        proxy: str = "",
        inbox_request: BaseRequest | None = None,
        files: SentFileStore | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        # The library warns at every flood wait until it is told that spans may be timedeltas.
        os.environ.setdefault("PTB_TIMEDELTA", "true")
        urls: dict[str, Any] = {"base_url": base_url, "base_file_url": file_base_url(base_url)}
        self.pacer = pacer or Pacer(time.monotonic)
        self.bot: ExtBot[None] = ExtBot(
            token,
            request=request_to_telegram(proxy=proxy),
            get_updates_request=inbox_request or request_to_telegram(proxy=proxy, connections=1),
            **urls,
        )
        self._bulk_request = request_to_telegram(
            proxy=proxy, connections=24, read_timeout_s=BULK_READ_TIMEOUT_S
        )
        self.bulk = Bot(token, request=self._bulk_request, **urls)
        self._files = files
        self._file_prefix = token.partition(":")[0]  # file ids hold for one bot only
        self._sleep = sleep

    async def start(self) -> None:
        """Open the connections and ask who we are; raises DeliveryError when Telegram is away."""
        await self._bulk_request.initialize()
        await self.call(NO_CHAT, self.bot.initialize())

    async def close(self) -> None:
        await self.bot.shutdown()
        await self._bulk_request.shutdown()

    async def call(self, chat_id: int, request: Awaitable[T]) -> T:
        """Await a call of the library; its errors become ours, and a flood wait binds all."""
        try:
            return await request
        except TelegramError as error:
            translated = translate(error, chat_id)
            if isinstance(translated, FloodWait):
                self.pacer.flood(chat_id, translated.retry_after_s or 1.0)
            raise translated from error
        except Exception as error:
            # An answer came that the library cannot read: whatever was asked may have been done.
            log.exception("unreadable answer from Telegram", extra={"chat": chat_id})
            raise Ambiguous(f"unreadable answer: {error!r}", chat_id=chat_id) from error

    async def send(
        self, chat_id: int, message: OutMessage, *, reply_to: int | None = None
    ) -> tuple[int, ...]:
        """Send an answer, in parts when it is long, and return the message ids.

        Raises DeliveryError; after Ambiguous nothing tells whether the part arrived.
        """
        ids: list[int] = []
        for part in split_out(message):
            try:
                ids.append(await self._send_patiently(chat_id, part, reply_to))
            except ChatMoved as moved:
                chat_id = moved.new_chat_id
                ids.append(await self._send_patiently(chat_id, part, None))
            reply_to = None
        return tuple(ids)

    async def edit(self, chat_id: int, message_id: int, message: OutMessage) -> bool:
        """Show `message` in place of an older one; false when it says that already.

        A text replaces a text, a picture with caption a picture. What is too long for one message
        is cut. An edit may be repeated, so it is tried again also when its fate is unknown.
        """
        part = replace(split_out(message)[0], keyboard=message.keyboard)
        return await self._patiently(
            chat_id, lambda: self.edit_once(chat_id, message_id, part), repeatable=True
        )

    async def chat_action(self, chat_id: int, action: str = "typing") -> None:
        """Show that something is being done. An ornament: its failure is only logged."""
        try:
            await self.call(chat_id, self.bot.send_chat_action(chat_id, action))
        except DeliveryError as error:
            log.debug("no chat action", extra={"chat": chat_id, "why": error})

    async def draft(self, chat_id: int, draft_id: int, message: OutMessage) -> None:
        """Show a partial answer in a private chat for up to 30 seconds; one try."""
        await self.call(
            chat_id,
            self.bot.send_message_draft(
                chat_id,
                draft_id,
                message.text,
                entities=telegram_entities(message.entities) or None,
                read_timeout=FRAME_TIMEOUT_S,
            ),
        )

    async def deliver(self, chat_id: int, message: OutMessage) -> int:
        """Send one part once, for the outbox, and return its message id.

        Raises the DeliveryError that tells what is known. Formatting or buttons that Telegram
        refuses are left out in a second try: a 400 was surely not sent.
        """
        return await self._send_fitting(self.bulk, chat_id, message, None)

    async def _send_patiently(self, chat_id: int, part: OutMessage, reply_to: int | None) -> int:
        await before_answer()
        return await self._patiently(
            chat_id, lambda: self._send_fitting(self.bot, chat_id, part, reply_to)
        )

    async def _patiently(
        self, chat_id: int, request: Callable[[], Awaitable[T]], *, repeatable: bool = False
    ) -> T:
        """Wait for a turn and try, again where nothing can be doubled by it."""
        for attempt in range(1, TRIES + 1):
            await self._turn(chat_id)
            try:
                return await request()
            except FloodWait as error:  # the pacer knows it: the next turn comes after the wait
                if attempt == TRIES or (error.retry_after_s or 0.0) > LONGEST_WAIT_S:
                    raise
            except NotSent as error:
                if attempt == TRIES or (error.retry_after_s or 0.0) > LONGEST_WAIT_S:
                    raise
                await self._sleep(0.5 * 2**attempt)
            except Ambiguous:
                if attempt == TRIES or not repeatable:
                    raise
                await self._sleep(0.5 * 2**attempt)
        raise AssertionError("unreachable")

    async def _turn(self, chat_id: int) -> None:
        if chat_id == NO_CHAT:
            return
        while (wait_s := self.pacer.wait_s(chat_id, priority=True)) > 0:
            await self._sleep(wait_s)
        self.pacer.take(chat_id)

    async def _send_fitting(
        self, bot: Bot, chat_id: int, message: OutMessage, reply_to: int | None
    ) -> int:
        try:
            return await self._send_part(bot, chat_id, message, reply_to)
        except Rejected as error:
            if message.entities and is_entity_trouble(error):
                reduced = message.plain()
            elif message.keyboard and is_keyboard_trouble(error):
                reduced = replace(message, keyboard=())
            else:
                raise
            log.warning("sent without what Telegram refused", extra={"chat": chat_id, "why": error})
            self.pacer.take(chat_id)
        return await self._send_part(bot, chat_id, reduced, reply_to)

    async def _send_part(
        self, bot: Bot, chat_id: int, message: OutMessage, reply_to: int | None
    ) -> int:
        common: dict[str, Any] = {
            "chat_id": chat_id,
            "disable_notification": message.silent or None,
            "reply_markup": telegram_keyboard(message.keyboard),
            "reply_parameters": ReplyParameters(reply_to, allow_sending_without_reply=True)
            if reply_to
            else None,
        }
        content = await self._content(message.attachment)
        if message.attachment is None or content is None:
            sent = await self.call(chat_id, bot.send_message(**common, **text_fields(message)))
            return sent.message_id
        return await self._send_file(bot, chat_id, message, content, common)

    async def _send_file(
        self, bot: Bot, chat_id: int, message: OutMessage, content: bytes, common: dict[str, Any]
    ) -> int:
        """A picture or document by its id if Telegram has it, else by its content."""
        attachment = message.attachment
        name = (attachment.name if attachment else "") or (
            _PICTURE_NAME if message.photo else "file"
        )
        key = self._file_key(message, name, content)
        fields = {**common, **caption_fields(message), "filename": name}

        async def send(what: str | bytes) -> Message:
            if message.photo:
                return await self.call(chat_id, bot.send_photo(photo=what, **fields))
            return await self.call(chat_id, bot.send_document(document=what, **fields))

        known = await self._files.get(key) if self._files else None
        if known:
            try:
                return (await send(known)).message_id
            except Rejected as error:
                if not is_file_id_trouble(error):
                    raise
                await self._forget(key)
        sent = await send(content)
        file_id = _file_id(sent)
        if self._files and file_id:
            await self._files.put(key, file_id, utc_now())
        return sent.message_id

    def _file_key(self, message: OutMessage, name: str, content: bytes) -> str:
        kind = "photo" if message.photo else f"document:{name[:60]}"
        return f"{self._file_prefix}:{hashlib.sha256(content).hexdigest()}:{kind}"

    async def _forget(self, key: str) -> None:
        if self._files:
            await self._files.forget(key)

    async def _content(self, attachment: Attachment | None) -> bytes | None:
        if attachment is None or attachment.content:
            return attachment.content if attachment else None
        try:
            return await asyncio.to_thread(Path(attachment.path).read_bytes)
        except OSError as error:  # the words matter more than the picture
            log.warning("attachment is not there", extra={"path": attachment.path, "why": error})
            return None

    async def edit_once(self, chat_id: int, message_id: int, message: OutMessage) -> bool:
        where: dict[str, Any] = {"chat_id": chat_id, "message_id": message_id}
        markup = telegram_keyboard(message.keyboard)
        content = await self._content(message.photo)
        if content is not None:
            media = InputMediaPhoto(
                media=content, filename=_PICTURE_NAME, **caption_fields(message)
            )
            request = self.bot.edit_message_media(media=media, reply_markup=markup, **where)
        else:
            request = self.bot.edit_message_text(
                reply_markup=markup, **where, **text_fields(message)
            )
        return await self._unless_same(chat_id, request)

    async def _unless_same(self, chat_id: int, request: Awaitable[Any]) -> bool:
        try:
            await self.call(chat_id, request)
        except Rejected as error:
            if is_not_modified(error):
                return False
            raise
        return True


def _file_id(message: Message) -> str:
    if message.photo:
        return message.photo[-1].file_id
    return message.document.file_id if message.document else ""
