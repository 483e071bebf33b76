"""How the bot is: what anybody may know, and what an admin is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.models.cache import CacheReport
from bot.models.disk import DiskState


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What the bot knows and when it last looked."""

    tweets_today: int
    news_today: int
    stored: int
    sources: int  # active feeds
    sick_sources: int  # of them, whose last visits failed
    collected_at: datetime | None
    analysed_at: datetime | None
    is_without_room: bool = False  # collecting stands until there is room for more data


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemStatus:
    """The machinery in numbers."""

    posts: int
    posts_today: int
    left_out_today: int
    users: int
    chats: int
    watches: int
    plans: int
    memory_bytes: int
    database_bytes: int
    database_kind: str
    disk: DiskState
    cache: CacheReport
    started_at: datetime
    versions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryStatus:
    """What waits, what stopped, and what came in that nobody could read."""

    pending: int
    sending: int
    retry: int
    sent_lately: int
    ambiguous: int
    gone: int
    failed: int
    inbox_waiting: int
    inbox_bad: int

    @property
    def is_clear(self) -> bool:
        return not (self.retry or self.ambiguous or self.failed or self.inbox_bad)
