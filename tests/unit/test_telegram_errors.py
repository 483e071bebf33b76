"""What each error of the library means for the message that it met."""

from __future__ import annotations

import httpx
import pytest
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
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
from bot.services.telegram_errors import translate


def caused(error: TelegramError, cause: Exception) -> TelegramError:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (caused(NetworkError("x"), httpx.ConnectError("refused")), NotSent),
        (caused(TimedOut(), httpx.ConnectTimeout("x")), NotSent),
        (caused(TimedOut(), httpx.PoolTimeout("x")), NotSent),
        (caused(NetworkError("x"), httpx.ProxyError("x")), NotSent),
        (caused(NetworkError("x"), RuntimeError("This HTTPXRequest is not initialized!")), NotSent),
        (InvalidToken("Unauthorized"), NotSent),
        (Conflict("x"), NotSent),
        (caused(TimedOut(), httpx.ReadTimeout("x")), Ambiguous),
        (caused(TimedOut(), httpx.WriteTimeout("x")), Ambiguous),
        (caused(NetworkError("x"), httpx.ReadError("x")), Ambiguous),
        (caused(NetworkError("x"), httpx.WriteError("x")), Ambiguous),
        (caused(NetworkError("x"), httpx.RemoteProtocolError("x")), Ambiguous),
        (NetworkError("Bad Gateway"), Ambiguous),
        (NetworkError("Internal Server Error"), Ambiguous),
        (TelegramError("Invalid server response"), Ambiguous),
        (NetworkError("Too Many Requests: retry after 0"), FloodWait),
        (NetworkError("Request Entity Too Large"), Rejected),
        (Forbidden("bot was blocked by the user"), ChatGone),
        (BadRequest("Chat not found"), ChatGone),
        (BadRequest("Not enough rights to send text messages to the chat"), ChatGone),
        (BadRequest("Message text is empty"), Rejected),
        (BadRequest("Can't parse entities: unsupported"), Rejected),
    ],
)
def test_an_error_is_read_by_its_cause(error: TelegramError, meaning: type[DeliveryError]) -> None:
    """Only what surely did not leave is called so; in doubt it is ambiguous."""
    translated = translate(error, 7)

    assert type(translated) is meaning
    assert translated.chat_id == 7


def test_errors_carry_what_is_needed_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait of a flood and the new id of a moved chat."""
    monkeypatch.setenv("PTB_TIMEDELTA", "true")

    flood = translate(RetryAfter(12), 7)
    moved = translate(ChatMigrated(-1005), -5)

    assert (type(flood), flood.retry_after_s) == (FloodWait, 12.0)
    assert isinstance(moved, ChatMoved)
    assert moved.new_chat_id == -1005
