"""Tweets and people as TwitterAPI.io tells of them, and the searches that bring them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

from bot.models.post import Post

CREDITS_PER_USD = 100_000  # TwitterAPI.io's price list


class Verified(StrEnum):
    """What stands beside a name on X."""

    NO = ""
    BLUE = "blue"  # a paid mark
    PERSON = "person"  # verified in the old way
    BUSINESS = "business"
    GOVERNMENT = "government"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A person of X, as some answer showed them."""

    id: int
    username: str  # without @
    name: str = ""
    description: str = ""
    location: str = ""
    verified: Verified = Verified.NO
    followers: int = 0
    following: int = 0
    tweets: int = 0  # written in all their time
    created_at: datetime | None = None
    is_protected: bool = False
    is_automated: bool = False
    unknown: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class LinkKind(StrEnum):
    """How a person turns to another one."""

    REPLY = "reply"
    MENTION = "mention"
    QUOTE = "quote"
    RETWEET = "retweet"
    FOLLOW = "follow"


@dataclass(frozen=True, slots=True)
class Link:
    """What a tweet, or a list of followers, says about its author and somebody else."""

    kind: LinkKind
    to_id: int
    to_username: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tweet:
    """A tweet with its author and those it turns to.

    `post` is what is stored; `around` are the tweets inside of it (what it quotes or passes on),
    which came for the same price. `unknown` are the fields that nothing here reads.
    """

    post: Post
    author: Profile | None = None
    links: tuple[Link, ...] = ()
    conversation_id: str = ""
    around: tuple[Tweet, ...] = ()
    unknown: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TweetPage:
    """One page of an answer. `count` is how many tweets were charged; `bad` could not be read."""

    tweets: tuple[Tweet, ...]
    count: int = 0
    bad: int = 0
    has_more: bool = False  # what the service says: it may be wrong
    cursor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeoplePage:
    people: tuple[Profile, ...]
    count: int = 0
    bad: int = 0
    has_more: bool = False
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class PlaceTrend:
    """What X itself calls trending in a place."""

    name: str
    query: str
    rank: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class FilterRule:
    """A search that the service runs by itself; what it finds is pushed to us."""

    id: str
    tag: str
    value: str
    interval_s: float
    active: bool


@dataclass(frozen=True, slots=True)
class Balance:
    """Credits left: what was paid for and what was given. Either may be negative."""

    paid: int
    bonus: int

    @property
    def credits(self) -> int:
        return self.paid + self.bonus

    @property
    def requests_per_s(self) -> float:
        """How fast this balance may ask, by the service's page on limits."""
        steps = ((50_000, 20.0), (10_000, 10.0), (5_000, 6.0), (1_000, 3.0))
        return next((rate for least, rate in steps if self.credits >= least), 0.2)


class ResultType(StrEnum):
    """Which tweets a search is after."""

    RECENT = "recent"
    POPULAR = "popular"
    MIXED = "mixed"


class Priority(IntEnum):
    """Order of searching: lower goes first."""

    HIGH = 0
    MEDIUM = 1
    LOW = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TweetQuery:
    """Something that is searched for on X again and again.

    Everything written until `covered_to` has been bought; None: nothing yet.
    """

    text: str
    priority: Priority = Priority.MEDIUM
    result_type: ResultType = ResultType.RECENT
    interval_s: int = 900  # the shortest time between two searches
    active: bool = True
    created_by: int = 0
    created_at: datetime | None = None
    next_at: datetime | None = None  # None: now
    covered_to: datetime | None = None
    rate: float = 0.0  # tweets a second, lately
    empty_in_row: int = 0
    errors_in_row: int = 0
    last_error: str = ""
    last_run_at: datetime | None = None
    rule_id: str = ""  # of the filter rule that pushes its tweets; "" when it is only searched for
    search_until: datetime | None = None  # from then on its tweets are pushed; None: search on
    claim_token: int = 0
    id: int = 0
