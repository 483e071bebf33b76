"""One request of one person, as every handler receives it, and the ways to answer it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bot.errors import Rejected
from bot.handlers.buttons import NEW, Press, Verb
from bot.handlers.texts import t
from bot.handlers.views.page import Reader
from bot.hoshyar import Hoshyar
from bot.models.messages import OutMessage
from bot.models.user import Chat, ChatKind, User
from bot.services.telegram_api import TelegramApi


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that came with a message."""

    file_id: str
    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who asks what, where. `text` is what follows the command, or the whole of a free text."""

    hoshyar: Hoshyar
    telegram: TelegramApi
    user: User
    chat: Chat
    reader: Reader
    message_id: int | None = None  # theirs; for a press: the one with the button
    text: str = ""
    command: str = ""
    press: Press | None = None
    callback_id: str = ""
    can_edit: bool = False  # the pressed button is under a text of ours that may be replaced
    speaks_for_chat: bool = False  # an anonymous administrator writes as the group itself
    attached: Attached | None = None
    answering: dict[tuple[int, int], asyncio.Event] = field(default_factory=dict)  # by chat, user
    noted: list[str] = field(default_factory=list)  # callback queries that were answered

    @property
    def lang(self) -> str:
        return self.reader.lang

    @property
    def is_shared(self) -> bool:
        """Do several people read this chat?"""
        return self.chat.kind is not ChatKind.PRIVATE

    @property
    def owner(self) -> int:
        """Whose the buttons of the answer are: in a shared chat only the asker's."""
        return self.user.id if self.is_shared and not self.speaks_for_chat else 0

    @property
    def is_admin(self) -> bool:
        """May this person administer the bot, and is this the place for it?"""
        return not self.is_shared and self.user.id in self.hoshyar.admin_ids

    @property
    def username(self) -> str:
        return self.telegram.bot.username

    def t(self, key: str, /, **fields: object) -> str:
        return t(self.lang, key, **fields)

    def arg(self, index: int, default: str = "") -> str:
        """An argument of the pressed button."""
        return self.press.arg(index, default) if self.press else default

    def number(self, index: int, default: int = 0) -> int:
        return self.press.number(index, default) if self.press else default

    async def show(self, message: OutMessage) -> None:
        """Answer: in place of the message whose button was pressed, else as a new one."""
        wants_new = self.press is not None and self.press.args[-1:] == (NEW,)
        if self.can_edit and self.message_id is not None and not wants_new:
            try:
                await self.telegram.edit(self.chat.id, self.message_id, message)
            except Rejected:  # deleted meanwhile, or too old to be edited
                await self.reply(message)
        else:
            await self.reply(message)
        await self.note()

    async def reply(self, message: OutMessage) -> tuple[int, ...]:
        """Answer with a new message; in a shared chat under the one that asked."""
        reply_to = self.message_id if self.is_shared and not self.press else None
        return await self.telegram.send(self.chat.id, message, reply_to=reply_to)

    async def say(self, key: str, /, **fields: object) -> None:
        """Answer with one sentence."""
        await self.show(self.reader.rich(key, **fields).message())

    async def note(self, text: str = "", *, alert: bool = False) -> None:
        """End the wait of the pressed button, once, with a short text over the chat if any."""
        if self.callback_id and self.callback_id not in self.noted:
            self.noted.append(self.callback_id)
            await self.telegram.answer_callback(self.callback_id, text, alert=alert)


Handler = Callable[[Asked], Awaitable[None]]
Commands = dict[str, Handler]
Presses = dict[Verb, Handler]
Answers = dict[str, Handler]  # by what was awaited; `text` is the answer, the detail its command
