"""From Telegram's updates to `dispatch`: who speaks, where, and whether the bot is meant.

`register` is called once by the composition root. What no handler foresaw is logged here under a
number that the person is told.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from telegram import CallbackQuery, Message, Update
from telegram.ext import (
    Application,
    CallbackContext,
    CallbackQueryHandler,
    ChatMemberHandler,
    InlineQueryHandler,
    MessageHandler,
    filters,
)

from bot.errors import Ambiguous, DeliveryError, StorageError
from bot.handlers import inline, members
from bot.handlers.asked import Asked
from bot.handlers.buttons import Press, Verb, unpack
from bot.handlers.dispatch import free_text, guarded, run_command, run_press
from bot.handlers.incoming import (
    attached,
    chat_of,
    is_from_person,
    meaning,
    person,
    speaks_for_chat,
)
from bot.handlers.texts import language
from bot.handlers.views.page import Reader
from bot.hoshyar import Hoshyar
from bot.models.user import Chat, ChatKind, User
from bot.services.telegram_api import TelegramApi
from bot.services.telegram_inbox import Inbox

log = logging.getLogger(__name__)

AnyApplication = Application[Any, Any, Any, Any, Any, Any]
AnyContext = CallbackContext[Any, Any, Any, Any]

STALE_AFTER = timedelta(hours=1)  # a question older than this, replayed after a crash, is over
EDITED_WITHIN = timedelta(minutes=10)  # a later edit is not a new question


def register(
    application: AnyApplication,
    hoshyar: Hoshyar,
    telegram: TelegramApi,
    inbox: Inbox | None = None,
) -> None:
    """Attach everything that people can say to the bot.

    `inbox` says of a broken update whether it will be handled again by itself, in which case the
    person is not yet told that it failed.
    """
    doors = _Doors(hoshyar, telegram, inbox)
    application.add_handler(MessageHandler(filters.UpdateType.MESSAGE, doors.message))
    application.add_handler(MessageHandler(filters.UpdateType.EDITED_MESSAGE, doors.edited))
    application.add_handler(CallbackQueryHandler(doors.press))
    application.add_handler(InlineQueryHandler(doors.inline))
    application.add_handler(ChatMemberHandler(doors.membership, ChatMemberHandler.MY_CHAT_MEMBER))
    application.add_error_handler(doors.failed)


@dataclass(frozen=True, slots=True)
class _Doors:
    hoshyar: Hoshyar
    telegram: TelegramApi
    inbox: Inbox | None
    answering: dict[tuple[int, int], asyncio.Event] = field(default_factory=dict)

    async def message(self, update: Update, context: AnyContext) -> None:
        message = update.message
        if message is None:
            return
        if message.migrate_to_chat_id:
            await self.hoshyar.chats.move(message.chat.id, message.migrate_to_chat_id)
            return
        await self._heard(message)

    async def edited(self, update: Update, context: AnyContext) -> None:
        """A private question that was corrected at once is asked again; other edits are not."""
        message = update.edited_message
        if message is None or message.chat.type != "private" or message.edit_date is None:
            return
        if message.edit_date - message.date <= EDITED_WITHIN:
            await self._heard(message)

    async def _heard(self, message: Message) -> None:
        if message.from_user is None or not is_from_person(message):
            return
        meant = meaning(message, self.telegram.bot.username, self.telegram.bot.id)
        if meant is None:
            return
        asked = await self._asked(message.chat.id, chat_of(message.chat), person(message.from_user))
        asked = replace(
            asked,
            message_id=message.message_id,
            text=meant.text,
            command=meant.command,
            speaks_for_chat=speaks_for_chat(message),
            attached=attached(message),
        )
        if meant.command:
            await guarded(asked, lambda: run_command(asked, to_us=meant.to_us))
        else:
            old = self.hoshyar.clock() - message.date > STALE_AFTER
            await guarded(asked, lambda: free_text(asked, old=old))

    async def press(self, update: Update, context: AnyContext) -> None:
        query = update.callback_query
        if query is None:
            return
        press = unpack(query.data or "")
        message = query.message
        if message is None:  # a message sent by inline mode: its only button is a link
            await self.telegram.answer_callback(query.id)
            return
        asked = await self._asked(message.chat.id, chat_of(message.chat), person(query.from_user))
        asked = replace(
            asked,
            message_id=message.message_id,
            press=press or Press(Verb.HOME),
            callback_id=query.id,
            can_edit=_can_edit(query),
        )
        await guarded(asked, lambda: run_press(asked, press))

    async def inline(self, update: Update, context: AnyContext) -> None:
        query = update.inline_query
        if query is None:
            return
        known = await self.hoshyar.chats.get(query.from_user.id)
        lang = language(query.from_user.language_code, self.hoshyar.default_lang)
        reader = (
            Reader.of(known, self.hoshyar.clock())
            if known is not None
            else Reader(lang, self.hoshyar.default_timezone, self.hoshyar.clock())
        )
        await inline.answer(
            inline.InlineAsked(
                hoshyar=self.hoshyar,
                telegram=self.telegram,
                reader=reader,
                query_id=query.id,
                text=query.query,
            )
        )

    async def membership(self, update: Update, context: AnyContext) -> None:
        change = update.my_chat_member
        if change is None:
            return
        after = change.new_chat_member
        is_channel = change.chat.type == "channel"
        right = "can_post_messages" if is_channel else "can_send_messages"
        await members.changed(
            members.Membership(
                hoshyar=self.hoshyar,
                telegram=self.telegram,
                chat=chat_of(change.chat),
                by_user_id=change.from_user.id,
                before=change.old_chat_member.status,
                after=after.status,
                can_post=bool(getattr(after, right, not is_channel)),
                update_id=update.update_id,
            )
        )

    async def failed(self, update: object, context: AnyContext) -> None:
        """What no handler foresaw: logged with its trace under a number that the person is told."""
        error = context.error
        if error is None:
            return
        if self.inbox is not None and self.inbox.failed(update, error):
            return
        if isinstance(error, Ambiguous):
            # The answer may have arrived; saying it again could say it twice. The inbox lists it.
            log.warning("unknown whether an answer arrived", extra={"why": str(error)})
            return
        number = secrets.token_hex(3)
        log.error("a request failed", extra={"number": number}, exc_info=error)
        if not isinstance(update, Update) or update.effective_chat is None:
            return
        if update.callback_query is None and update.message is None:
            return
        try:
            chat = await self.hoshyar.chats.get(update.effective_chat.id)
            known = chat or replace(chat_of(update.effective_chat), lang=self.hoshyar.default_lang)
            key = "error.storage" if isinstance(error, StorageError) else "error.internal"
            message = Reader.of(known, self.hoshyar.clock()).rich(key, number=number).message()
            if update.callback_query is not None:
                await self.telegram.answer_callback(update.callback_query.id)
            await self.telegram.send(known.id, message)
        except (DeliveryError, StorageError):
            log.exception("and the person could not be told", extra={"number": number})

    async def _asked(self, chat_id: int, seen: Chat, user: User) -> Asked:
        await self.hoshyar.chats.meet(user)
        lang = language(user.lang, self.hoshyar.default_lang)
        if seen.kind is not ChatKind.PRIVATE:
            lang = self.hoshyar.default_lang
        chat = await self.hoshyar.chats.enter(seen, lang)
        return Asked(
            hoshyar=self.hoshyar,
            telegram=self.telegram,
            user=user,
            chat=chat,
            reader=Reader.of(chat, self.hoshyar.clock()),
            answering=self.answering,
        )


def _can_edit(query: CallbackQuery) -> bool:
    """May the message with the button be replaced by a text? Not a picture, nor what is too old."""
    message = query.message
    return isinstance(message, Message) and message.text is not None
