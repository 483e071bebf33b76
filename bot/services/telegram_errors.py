"""What an error of the Bot API means for the message: surely not sent, refused, or unknowable.

python-telegram-bot chains the transport's own error as the cause; only that tells a connection that
was never made from an answer that never came.
"""

from __future__ import annotations

from datetime import timedelta

import httpx
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)

from bot.errors import (
    Ambiguous,
    ChatGone,
    ChatMoved,
    DeliveryError,
    FloodWait,
    NotSent,
    Rejected,
)

# The request did not leave: there was no connection to leave on.
_BEFORE_SENDING = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
# Parts of the descriptions of a 400 which mean that the bot cannot write to this chat (lower case).
_GONE = (
    "chat not found",
    "user not found",
    "peer_id_invalid",
    "user is deactivated",
    "chat was deleted",
    "chat was deactivated",
    "bot was kicked",
    "bot was blocked",
    "bot is not a member",
    "not enough rights to send",
    "have no rights to send",
    "need administrator rights",
    "chat_write_forbidden",
    "chat_restricted",
    "channel_private",
)
_ENTITY = ("entity", "entities")
_KEYBOARD = ("button", "reply_markup", "reply markup", "keyboard")
_FILE_ID = ("wrong file identifier", "wrong remote file", "file_reference", "wrong file_id")
_STALE_QUERY = ("query is too old", "query id is invalid", "query_id_invalid")
TOKEN_WAIT_S = 60.0  # a refused token is mended by the operator, not by haste


def translate(error: TelegramError, chat_id: int) -> DeliveryError:
    """The same error in our own words; never guesses that a message was not sent."""
    text = str(error)
    match error:
        case RetryAfter():
            return FloodWait(text, chat_id=chat_id, retry_after_s=_seconds(error.retry_after))
        case ChatMigrated():
            return ChatMoved(text, chat_id=chat_id, new_chat_id=error.new_chat_id)
        case Forbidden():
            return ChatGone(text, chat_id=chat_id)
        case InvalidToken():
            return NotSent(text, chat_id=chat_id, retry_after_s=TOKEN_WAIT_S)
        case Conflict():
            return NotSent(text, chat_id=chat_id)
        case BadRequest():
            kind = ChatGone if _has(text, _GONE) else Rejected
            return kind(text, chat_id=chat_id)
        case NetworkError():
            return _network_error(error, text, chat_id)
    return Ambiguous(text, chat_id=chat_id)


def _network_error(error: NetworkError, text: str, chat_id: int) -> DeliveryError:
    cause = error.__cause__
    if isinstance(cause, _BEFORE_SENDING):
        return NotSent(repr(cause), chat_id=chat_id)
    if isinstance(cause, RuntimeError) and "not initialized" in str(cause):
        return NotSent(text, chat_id=chat_id)
    if "too many requests" in text.lower():  # a 429 whose retry_after is 0 or missing
        return FloodWait(text, chat_id=chat_id, retry_after_s=1.0)
    if "request entity too large" in text.lower():
        return Rejected(text, chat_id=chat_id)
    return Ambiguous(repr(cause) if cause else text, chat_id=chat_id)


def is_entity_trouble(error: Rejected) -> bool:
    """Telegram refuses the formatting, not the text."""
    return _has(str(error), _ENTITY)


def is_keyboard_trouble(error: Rejected) -> bool:
    """Telegram refuses the buttons, not the text."""
    return _has(str(error), _KEYBOARD)


def is_file_id_trouble(error: Rejected) -> bool:
    """Telegram no longer knows the file by this id."""
    return _has(str(error), _FILE_ID)


def is_not_modified(error: Rejected) -> bool:
    """The message says already what it was to be changed to."""
    return _has(str(error), ("message is not modified",))


def is_stale_query(error: Rejected) -> bool:
    """The button was pressed too long ago for an answer."""
    return _has(str(error), _STALE_QUERY)


def _has(text: str, parts: tuple[str, ...]) -> bool:
    lowered = text.lower()
    return any(part in lowered for part in parts)


def _seconds(span: int | float | timedelta) -> float:
    return span.total_seconds() if isinstance(span, timedelta) else float(span)
