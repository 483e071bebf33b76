"""What is known of one term when a person asks for it, rising or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bot.models.insight import MoodSplit, Trend, Window
from bot.models.post import Post


@dataclass(frozen=True, slots=True, kw_only=True)
class TermFacts:
    """A term in a window. `trend` and `rank` say that it rises; `previous` is the window before."""

    term: str
    key: str
    window: Window
    at: datetime
    volume: int = 0
    previous: int = 0
    mood: MoodSplit = field(default_factory=MoodSplit)
    mood_before: MoodSplit = field(default_factory=MoodSplit)
    first_at: datetime | None = None
    posts: tuple[Post, ...] = ()  # the most telling first
    trend: Trend | None = None
    rank: int = 0
    is_estimate: bool = False  # of `volume` or `previous` a part was sampled


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page of a search.

    `back_to`: the words are so common that only what was written since then was searched.
    `kept_since`: posts from before it were asked for by date, and are not kept any more.
    `behind`: about so many stored posts cannot be found yet. `is_narrowed`: asked for more than
    words, so the query is no term to watch.
    """

    query: str
    posts: tuple[Post, ...]
    total: int
    page: int
    newest_first: bool = False
    scores: tuple[float, ...] = ()
    more: bool = False
    total_is_estimate: bool = False
    back_to: datetime | None = None
    behind: int = 0
    kept_since: datetime | None = None
    is_narrowed: bool = False
