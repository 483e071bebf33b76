"""What the doors say to Telegram on behalf of a person who waits: send, edit, answer, stream.

Everything here is paced with priority and tried again only where that cannot double a message.
Unasked messages never come this way: they go through features.publish.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from bot.errors import BadInput, Rejected
from bot.models.messages import Keyboard, OutMessage
from bot.services.message_text import markdown_message, split_out
from bot.services.telegram_calls import NO_CHAT, TelegramCalls
from bot.services.telegram_errors import is_stale_query
from bot.services.telegram_stream import Streamed, StreamPace, stream_answer
from bot.services.telegram_types import telegram_entities, telegram_keyboard

# Named one by one: some kinds are off by default, and kinds we do not handle cost work.
ALLOWED_UPDATES = (
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "callback_query",
    "inline_query",
    "chosen_inline_result",
    "my_chat_member",
    "stopped_message_generation",  # newer than the library: arrives in Update.api_kwargs
)
CALLBACK_TEXT_LIMIT = 200
TYPING_EVERY_S = 4.5  # the indication fades after five seconds
_MB = 1024 * 1024


class TelegramApi(TelegramCalls):
    """The Bot API as handlers use it."""

    async def edit_caption(self, chat_id: int, message_id: int, message: OutMessage) -> bool:
        """Change the words and buttons under a picture that stays."""

        async def once() -> bool:
            return await self._unless_same(
                chat_id,
                self.bot.edit_message_caption(
                    chat_id=chat_id,
                    message_id=message_id,
                    caption=message.text,
                    caption_entities=telegram_entities(message.entities),
                    reply_markup=telegram_keyboard(message.keyboard),
                ),
            )

        return await self._patiently(chat_id, once, repeatable=True)

    async def edit_keyboard(self, chat_id: int, message_id: int, keyboard: Keyboard) -> bool:
        """Change only the buttons; none takes them away."""

        async def once() -> bool:
            return await self._unless_same(
                chat_id,
                self.bot.edit_message_reply_markup(
                    chat_id=chat_id,
                    message_id=message_id,
                    reply_markup=telegram_keyboard(keyboard),
                ),
            )

        return await self._patiently(chat_id, once, repeatable=True)

    async def edit_inline(self, inline_message_id: str, message: OutMessage) -> bool:
        """Change a message that was sent through inline mode, text only."""
        part = replace(split_out(message)[0], keyboard=message.keyboard)

        async def once() -> bool:
            return await self._unless_same(
                NO_CHAT,
                self.bot.edit_message_text(
                    inline_message_id=inline_message_id,
                    text=part.text,
                    entities=telegram_entities(part.entities),
                    reply_markup=telegram_keyboard(part.keyboard),
                ),
            )

        return await self._patiently(NO_CHAT, once, repeatable=True)

    async def delete(self, chat_id: int, message_id: int) -> bool:
        """Delete a message; false when it cannot be (gone already, or too old)."""
        try:
            await self.call(chat_id, self.bot.delete_message(chat_id, message_id))
        except Rejected:
            return False
        return True

    async def answer_callback(
        self, callback_id: str, text: str = "", *, alert: bool = False, url: str = ""
    ) -> bool:
        """End the wait of a pressed button; false when it was pressed too long ago to be told."""
        try:
            await self.call(
                NO_CHAT,
                self.bot.answer_callback_query(
                    callback_id,
                    text=text[:CALLBACK_TEXT_LIMIT] or None,
                    show_alert=alert or None,
                    url=url or None,
                ),
            )
        except Rejected as error:
            if is_stale_query(error):
                return False
            raise
        return True

    @asynccontextmanager
    async def typing(self, chat_id: int, action: str = "typing") -> AsyncIterator[None]:
        """Show the action for as long as the block runs."""
        failure: Exception | None = None
        async with asyncio.TaskGroup() as group:
            beat = group.create_task(self._keep_typing(chat_id, action))
            try:
                yield
            except Exception as error:
                failure = error
            finally:
                beat.cancel()
        if failure is not None:
            raise failure

    async def stream(
        self,
        chat_id: int,
        chunks: AsyncIterator[str],
        *,
        frame: Callable[[str], OutMessage] = markdown_message,
        final: Callable[[str, bool], OutMessage] | None = None,
        stop: asyncio.Event | None = None,
        reply_to: int | None = None,
        pace: StreamPace | None = None,
    ) -> Streamed:
        """Show an answer while it is being made, then send it whole.

        `chunks` are pieces of text; `frame` draws what there is so far, `final` the end (with
        whether it was stopped). Setting `stop` ends it early: what there is becomes the answer. An
        error of `chunks` is raised after what had come was sent.
        """
        return await stream_answer(
            self,
            chat_id,
            chunks,
            frame=frame,
            final=final or (lambda text, stopped: frame(text)),
            stop=stop,
            reply_to=reply_to,
            pace=pace or StreamPace(),
        )

    async def download(self, file_id: str, max_bytes: int = 20 * _MB) -> bytes:
        """The content of a file that a person sent; BadInput when it is larger than allowed."""
        file = await self.call(NO_CHAT, self.bot.get_file(file_id))
        if file.file_size is not None and file.file_size > max_bytes:
            raise BadInput("file_too_large", megabytes=max_bytes // _MB)
        content = bytes(await self.call(NO_CHAT, file.download_as_bytearray()))
        if len(content) > max_bytes:
            raise BadInput("file_too_large", megabytes=max_bytes // _MB)
        return content

    async def _keep_typing(self, chat_id: int, action: str) -> None:
        while True:
            await self.chat_action(chat_id, action)
            await self._sleep(TYPING_EVERY_S)
