"""People and chats, and what they asked the bot to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ChatKind(StrEnum):
    PRIVATE = "private"
    GROUP = "group"
    SUPERGROUP = "supergroup"
    CHANNEL = "channel"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A Telegram user who has written to the bot."""

    id: int  # Telegram's
    name: str = ""
    username: str = ""
    lang: str = ""
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A place the bot can write to, with its own language and time zone."""

    id: int  # Telegram's
    kind: ChatKind
    title: str = ""
    username: str = ""
    lang: str = "fa"
    timezone: str = "Asia/Tehran"
    reachable: bool = True  # false after a block, a removal or a 403
    is_bot_admin: bool = False  # channels and groups: may the bot post there
    owner_id: int | None = None  # the user who linked a channel or group
    quiet_from: str = ""  # HH:MM in the chat's zone; "" = none
    quiet_to: str = ""
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A word or phrase that a chat wants to hear about at once."""

    chat_id: int
    term: str  # as written
    key: str  # folded; unique in a chat
    user_id: int = 0
    muted_until: datetime | None = None
    created_at: datetime | None = None
    after_post_id: int = 0  # posts up to this one were there before the watch
    id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestPlan:
    """A digest by schedule: daily at HH:MM in the chat's own time zone."""

    chat_id: int
    at: str  # HH:MM
    topic: str = ""  # "" = everything
    days: str = "0123456"  # 0 = Saturday, the first day of the Persian week
    next_at: datetime | None = None
    last_slot: str = ""  # the local date and time of the last one made, e.g. 2026-11-21T08:00
    active: bool = True
    created_by: int = 0
    id: int = 0
