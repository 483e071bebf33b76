"""Telegram's updates in our own terms: who, where, and whether it is meant for the bot."""

from __future__ import annotations

import re
from dataclasses import dataclass

from telegram import Chat as TelegramChat
from telegram import Message, MessageEntity
from telegram import User as TelegramUser

from bot.handlers.asked import Attached
from bot.models.user import Chat, ChatKind, User

ANONYMOUS_ADMIN_ID = 1087968824  # GroupAnonymousBot: an administrator who writes as the group
_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@([A-Za-z0-9_]{3,32}))?(?=\s|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """What a message asks. `command` is "" for free text; `to_us` names the bot beside it."""

    text: str
    command: str = ""
    to_us: bool = False


def person(user: TelegramUser) -> User:
    return User(
        id=user.id,
        name=" ".join(filter(None, (user.first_name, user.last_name)))[:190],
        username=user.username or "",
        lang=user.language_code or "",
    )


def chat_of(chat: TelegramChat) -> Chat:
    """A chat as Telegram shows it; its language and zone are ours to know."""
    name = chat.title or " ".join(filter(None, (chat.first_name, chat.last_name)))
    return Chat(
        id=chat.id, kind=ChatKind(chat.type), title=name[:190], username=chat.username or ""
    )


def is_from_person(message: Message) -> bool:
    """Did a person write it? Not a bot, nor a channel that passes its posts on to its group."""
    if message.from_user is None or message.is_automatic_forward:
        return False
    return not message.from_user.is_bot or speaks_for_chat(message)


def speaks_for_chat(message: Message) -> bool:
    """An anonymous administrator writes as the group itself."""
    sender = message.sender_chat
    return (
        message.from_user is not None
        and message.from_user.id == ANONYMOUS_ADMIN_ID
        and sender is not None
        and sender.id == message.chat.id
    )


def meaning(message: Message, username: str, bot_id: int) -> Meant | None:
    """What a message asks of this bot; None when it is not for it.

    In private everything is. In a group: commands without a name or with ours, texts that mention
    us, and replies to us.
    """
    text = message.text or message.caption or ""
    private = message.chat.type == "private"
    command = _COMMAND.match(text)
    if command is not None:
        name = command[2]
        if name is not None and name.lower() != username.lower():
            return None
        rest = text[command.end() :].strip()
        return Meant(text=rest, command=command[1].lower(), to_us=private or name is not None)
    if private:
        return Meant(text=text.strip(), to_us=True)
    reply = message.reply_to_message
    replied = reply is not None and reply.from_user is not None and reply.from_user.id == bot_id
    mentioned = _mentions(message, username)
    if not replied and not mentioned:
        return None
    without_us = re.sub(rf"@{re.escape(username)}\b", " ", text, flags=re.IGNORECASE)
    return Meant(text=" ".join(without_us.split()), to_us=True)


def _mentions(message: Message, username: str) -> bool:
    kinds: list[str | None] = [MessageEntity.MENTION]
    found = {**message.parse_entities(kinds), **message.parse_caption_entities(kinds)}
    return any(name.lower() == f"@{username.lower()}" for name in found.values())


def attached(message: Message) -> Attached | None:
    document = message.document
    if document is None:
        return None
    return Attached(document.file_id, document.file_name or "", document.file_size or 0)
