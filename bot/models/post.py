"""Posts and where they come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class PostKind(StrEnum):
    TWEET = "tweet"
    NEWS = "news"


class Mood(StrEnum):
    POSITIVE = "positive"
    NEUTRAL = "neutral"
    NEGATIVE = "negative"


class Emotion(StrEnum):
    HAPPINESS = "happiness"
    SADNESS = "sadness"
    ANGER = "anger"
    FEAR = "fear"
    SURPRISE = "surprise"
    HATE = "hate"
    OTHER = "other"  # none of them, or none that prevails


class DropReason(StrEnum):
    """Why a stored post is left out of trends, search and digests."""

    SPAM = "spam"
    ADVERTISEMENT = "advertisement"
    ABUSIVE = "abusive"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    FOREIGN = "foreign"
    EMPTY = "empty"
    REPETITIVE = "repetitive"


class SourceKind(StrEnum):
    FEED = "feed"
    TWITTER = "twitter"
    IMPORT = "import"


class SourceState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"  # by an admin
    GONE = "gone"  # switched off after the feed died; the admins were told


# Sources that exist in every database (migration 0001): tweets share one, so that an imported
# tweet and a collected one are the same post.
TWITTER_SOURCE_ID = 1
IMPORTED_NEWS_SOURCE_ID = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Engagement:
    likes: int = 0
    retweets: int = 0
    replies: int = 0
    views: int = 0


class ParentKind(StrEnum):
    """How a tweet goes back to another one."""

    REPLY = "reply"
    QUOTE = "quote"
    RETWEET = "retweet"


@dataclass(frozen=True, slots=True)
class Parent:
    """The tweet that a tweet goes back to; stored or not."""

    kind: ParentKind
    external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A tweet or a news item; `source_id` and `external_id` together name it for ever.

    `text` is what is shown (for news: the summary or lead, `title` beside it). What is compared is
    derived from it by `analysis.text.fold` and is never shown. `drop` says why the post is left
    out; the post itself is kept. `content_key` is a 64-bit signed hash of the folded text.
    """

    kind: PostKind
    source_id: int
    external_id: str
    created_at: datetime
    text: str
    title: str = ""
    url: str = ""
    author: str = ""
    lang: str = ""
    hashtags: tuple[str, ...] = ()  # as shown, without '#'
    mentions: tuple[str, ...] = ()
    author_id: int = 0  # of the person on X; 0: unknown, or no tweet
    parent: Parent | None = None
    engagement: Engagement = field(default_factory=Engagement)
    collected_at: datetime | None = None
    content_key: int = 0
    drop: DropReason | None = None
    drop_evidence: str = ""
    duplicate_of: int | None = None
    mood: Mood | None = None
    mood_confidence: float = 0.0
    emotion: Emotion | None = None
    id: int = 0  # 0 until stored

    @property
    def full_text(self) -> str:
        """Title and text as one, for analysis."""
        return f"{self.title}\n{self.text}" if self.title else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Something that posts come from, with all that polite polling needs to remember."""

    kind: SourceKind
    name: str
    url: str  # unique; for built-in sources an invented one ("x:", "import:news")
    site_url: str = ""
    topic: str = ""
    lang: str = ""
    state: SourceState = SourceState.ACTIVE
    etag: str = ""
    last_modified: str = ""
    next_fetch_at: datetime | None = None  # None: now
    interval_s: int = 0  # 0: not yet known
    errors_in_row: int = 0
    last_error: str = ""
    last_ok_at: datetime | None = None
    last_post_at: datetime | None = None
    posts_per_day: float = 0.0
    claim_token: int = 0  # of the worker that asks it just now, in the hands of that worker
    id: int = 0
