"""What a chat is told about its watched words, before it is words itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.models.post import Post
from bot.models.user import Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertHit:
    """A story that says a watched term, found once; `told_at` is None until the chat is told.

    `story` is the id of the first post of the story: near-duplicates of it are the same story.
    """

    watch_id: int
    post_id: int
    story: int
    found_at: datetime
    told_at: datetime | None = None
    id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertItem:
    """The new stories of one watch, and of others (`also`) that found nothing but these."""

    watch: Watch
    posts: tuple[Post, ...]  # the most telling first
    more: int  # stories beyond `posts`: counted, not shown
    since: datetime  # when the first of them was found
    also: tuple[Watch, ...] = ()
    held: bool = False  # some waited for a pause between alerts or for quiet hours to end


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One message to one chat about everything new on its watches."""

    chat_id: int
    at: datetime
    items: tuple[AlertItem, ...]

    @property
    def stories(self) -> int:
        return sum(len(item.posts) + item.more for item in self.items)
