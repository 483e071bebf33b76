"""People of X as they are stored: who they are, what their posts earned, whom they turn to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from bot.models.insight import MoodSplit
from bot.models.post import Post
from bot.models.tweets import LinkKind, Profile

MOST_EARNED = 10**12  # of one kind by one post that is counted: sums of nonsense fit a column too


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What the stored posts of a person have earned together; retweets are somebody else's."""

    posts: int = 0
    likes: int = 0
    retweets: int = 0
    replies: int = 0
    views: int = 0

    def plus(self, other: Sums) -> Sums:
        return Sums(
            posts=self.posts + other.posts,
            likes=self.likes + other.likes,
            retweets=self.retweets + other.retweets,
            replies=self.replies + other.replies,
            views=self.views + other.views,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A stored person. `profile_at` is None while only the name is known."""

    profile: Profile
    sums: Sums = field(default_factory=Sums)
    influence: float = 0.0  # 0 to 100
    seen_at: datetime | None = None
    profile_at: datetime | None = None

    @property
    def id(self) -> int:
        return self.profile.id


class Turn(NamedTuple):
    """One time that somebody turned to somebody else; `strength` is as it is stored."""

    from_id: int
    kind: LinkKind
    to_id: int
    at_ms: int
    strength: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """How much one person turns to another one in one way; `strength` is as it is stored."""

    kind: LinkKind
    from_id: int
    to_id: int
    strength: float
    times: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Influence:
    """The parts in points; `total` is their sum, for a robot discounted."""

    followers: float
    engagement: float
    reach: float
    standing: float
    is_robot: bool
    discount: float  # what a robot's sum is multiplied by
    total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """Somebody whom a person turns to, or who turns to them: all ways together, as of now."""

    person: Person
    strength: float
    kinds: tuple[LinkKind, ...]  # the strongest first


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonFacts:
    """All that is known of a person."""

    person: Person
    influence: Influence
    mood: MoodSplit  # of their newest posts
    posts: tuple[Post, ...]
    more: bool  # there are more posts
    turns_to: tuple[Tie, ...]
    turned_by: tuple[Tie, ...]
