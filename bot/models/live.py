"""Queries whose tweets are pushed to us by the service, instead of being searched for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

TAG = "hoshyar-"  # what the tag of each of our filter rules begins with; the query's id follows


def tag_of(query_id: int) -> str:
    """The tag of a query's filter rule."""
    return f"{TAG}{query_id}"


def query_of(tag: str) -> int:
    """The query that a tag stands for; 0: the rule is none of ours."""
    number = tag.removeprefix(TAG)
    return int(number) if tag.startswith(TAG) and number.isascii() and number.isdigit() else 0


@dataclass(frozen=True, slots=True)
class LiveQuery:
    """A query that is to be live.

    `is_pushed`: its tweets come in by themselves just now, and it is not searched for any more;
    `is_met`: they do, and cost, while the search has still to get to where that began.
    """

    query_id: int
    wished_at: datetime
    is_pushed: bool
    is_met: bool = False


@dataclass(frozen=True, slots=True)
class LivePrice:
    """What a query would bring and cost in a day if it were live, by how it went of late."""

    tweets: int | None  # None: it was never searched for
    credits: int
    limit: int  # credits of a day, for everything
    fits: bool  # with all that is live


@dataclass(frozen=True, slots=True)
class LiveState:
    """How live tweets are doing."""

    queries: tuple[LiveQuery, ...]
    seen_at: datetime | None  # when pushes last surely reached us
    hooked_at: datetime | None  # when something last came by webhook
    held: int  # credits set aside for pushes
    is_off: bool  # for want of money, until the next day


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of an event."""

    event: str
    tweets: int = 0
    new: int = 0
    bad: int = 0
    is_replay: bool = False
