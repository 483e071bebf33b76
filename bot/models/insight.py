"""What analysis finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from bot.models.post import Mood, Post


class Window(StrEnum):
    """The spans of time that a person can ask about."""

    H1 = "1h"
    H6 = "6h"
    H24 = "24h"
    D7 = "7d"

    @property
    def span(self) -> timedelta:
        return _SPANS[self.value]


_SPANS = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MoodSplit:
    """How many posts are of which mood."""

    positive: int = 0
    neutral: int = 0
    negative: int = 0
    is_estimate: bool = False  # a part was sampled

    @property
    def total(self) -> int:
        return self.positive + self.neutral + self.negative

    @property
    def balance(self) -> float:
        """(positive - negative) / all, from -1 to 1; 0 when there is nothing."""
        return (self.positive - self.negative) / self.total if self.total else 0.0

    @property
    def prevailing(self) -> Mood:
        if self.positive > self.negative and self.positive >= self.neutral:
            return Mood.POSITIVE
        if self.negative > self.positive and self.negative >= self.neutral:
            return Mood.NEGATIVE
        return Mood.NEUTRAL


class TrendState(StrEnum):
    RISING = "rising"
    PEAK = "peak"
    FADING = "fading"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A term (word, phrase or hashtag) above its own past.

    `score` is how far, in standard deviations of the term's own past (bounded below for rare
    terms); `volume` counts posts in the window with near-duplicates counted once; `baseline` is
    what was expected.
    """

    key: str  # folded, stable: what watches, mutes and links use
    term: str  # as people mostly write it
    spellings: tuple[str, ...]
    score: float
    volume: int
    baseline: float
    voices: int  # distinct authors or sources
    window: Window
    at: datetime
    started_at: datetime
    peak_at: datetime
    state: TrendState = TrendState.RISING
    is_hashtag: bool = False
    post_ids: tuple[int, ...] = ()  # the most telling first
    mood: MoodSplit = field(default_factory=MoodSplit)
    related: tuple[str, ...] = ()  # other terms of the same story, as written
    member_keys: tuple[str, ...] = ()  # keys of every term of the story, `key` among them
    copies: int = 0  # near-duplicates of its posts, which are in neither volume nor score
    coordinated: bool = False  # mostly copies or posts of one mould: perhaps a campaign

    @property
    def ratio(self) -> float:
        """Volume over what was expected, e.g. 6.2 times the usual."""
        return self.volume / max(self.baseline, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The numbers behind a trend, for "why am I seeing this?"."""

    key: str
    term: str
    window: Window
    at: datetime
    volume: int
    baseline: float
    ratio: float
    score: float
    voices: int
    copies: int
    coordinated: bool
    first_post_id: int | None  # who started it
    starters: tuple[str, ...]  # the first voices, in order: authors, or names of outlets
    loudest: tuple[tuple[str, int], ...]  # voices with the most posts
    post_ids: tuple[int, ...]  # the most telling
    started_at: datetime | None
    peak_at: datetime | None
    state: TrendState
    mood: MoodSplit
    related: tuple[str, ...] = ()


class TermCount(NamedTuple):
    """What new posts added to a term in one hour; the empty term is everything."""

    hour: int  # since 1970
    is_news: bool
    term: str
    posts: int
    voices: int  # touches: an author says a term once an hour
    positive: int
    negative: int


class SlotCount(NamedTuple):
    """What a term did in five minutes; the empty term is everything."""

    slot: int  # five minutes since 1970
    is_news: bool
    term: str
    posts: int
    voices: int  # touches that are the first of their author in the hour
    positive: int
    negative: int


# A term on one past day: the term ("" is everything), the day (since 1970), whether of news, its
# touches, and how many of them came at the time of day or on the weekday that is compared. Plain
# tuples, as the database gives them: a window needs tens of thousands.
TermDay = tuple[str, int, bool, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPoint:
    """Posts in one bucket of time."""

    at: datetime  # the bucket's start
    posts: int
    mood: MoodSplit = field(default_factory=MoodSplit)
    is_estimate: bool = False  # a part was sampled


LATE_AFTER = timedelta(hours=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A digest as data, before it is words: what rose, what is new, how people feel."""

    chat_id: int
    at: datetime
    window: Window
    trends: tuple[Trend, ...]
    new_keys: frozenset[str]  # trends this chat has not yet been told about
    posts: dict[int, Post]  # the posts that the trends point to
    news: tuple[Post, ...]  # chosen headlines this chat has not received
    volume: tuple[SeriesPoint, ...]
    mood: MoodSplit
    kept: int
    dropped: int
    topic: str = ""
    # What the strongest trends did over time, by key; buckets are those of `volume`.
    series: dict[str, tuple[SeriesPoint, ...]] = field(default_factory=dict)
    due_at: datetime | None = None  # when the schedule wanted it; None: asked for

    @property
    def has_new(self) -> bool:
        """Is there anything in it that the chat has not been told?"""
        return bool(self.new_keys or self.news)

    @property
    def is_late(self) -> bool:
        """Made so long after its time that the reader should be told."""
        return self.due_at is not None and self.at - self.due_at >= LATE_AFTER
