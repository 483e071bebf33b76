"""Trouble on order at TwitterAPI.io: what fails on the way, and what is untrue in its answers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any


class TwitterFaultKind(StrEnum):
    """What happens to a request. Of the first group one strikes; of the second, any number."""

    TOO_FAST = "429"  # refused, nothing charged
    SERVER_ERROR = "500"  # `code` in place of 500; the least price is charged
    UNAVAILABLE = "503"  # the least price is charged
    NO_CREDIT = "402"  # refused, nothing charged
    BODY_ERROR = "body_error"  # HTTP 200 with status "error"; the least price is charged
    RESET_BEFORE = "reset_before"  # connection cut, nothing charged
    RESET_AFTER = "reset_after"  # charged in full, then the connection is cut
    SLOW = "slow"  # `seconds` pass first, then an ordinary answer
    GARBLED = "garbled"  # charged in full; the answer is no JSON
    TRUNCATED = "truncated"  # charged in full; the answer ends in its middle
    NOT_AN_OBJECT = "not_an_object"  # charged in full; JSON, but a list, a number or null

    MORE_AT_END = "more_at_end"  # has_next_page true with nothing left, at times without a cursor
    NO_MORE = "no_more"  # has_next_page false though more is there
    SHORT_PAGE = "short_page"  # fewer than 20 with more to come: advertisements taken out
    EMPTY_PAGE = "empty_page"  # no tweets though some are there
    REPEATED_PAGE = "repeated_page"  # with a cursor: the first page again, the cursor goes on
    STALE_PAGE = "stale_page"  # the page of the search before, whatever is asked now
    CURSOR_LOOP = "cursor_loop"  # with a cursor: the first page and its cursor again, for ever
    DOUBLED_TWEETS = "doubled_tweets"  # tweets of a page come twice in it, and are charged twice
    LISTS_FOR_OBJECTS = "lists_for_objects"  # `[]` also where objects matter
    MISSING_FIELDS = "missing_fields"  # fields that can be done without are left out
    BROKEN_TWEETS = "broken_tweets"  # a tweet without id, text, time or author in the page


ON_THE_WAY = frozenset(
    {
        TwitterFaultKind.TOO_FAST,
        TwitterFaultKind.SERVER_ERROR,
        TwitterFaultKind.UNAVAILABLE,
        TwitterFaultKind.NO_CREDIT,
        TwitterFaultKind.BODY_ERROR,
        TwitterFaultKind.RESET_BEFORE,
        TwitterFaultKind.RESET_AFTER,
        TwitterFaultKind.SLOW,
        TwitterFaultKind.GARBLED,
        TwitterFaultKind.TRUNCATED,
        TwitterFaultKind.NOT_AN_OBJECT,
    }
)
IN_THE_ANSWER = frozenset(TwitterFaultKind) - ON_THE_WAY


@dataclass(slots=True)
class TwitterFault:
    """One order: the next `times` requests (None: all), each with probability `fraction`.

    `endpoint` is a path's end such as `advanced_search`; "*" is every one but the balance, which
    has to be named to be hit. `retry_after` is a header of 429 and 503; None leaves it out.
    """

    kind: TwitterFaultKind
    endpoint: str = "*"
    times: int | None = 1
    fraction: float = 1.0
    seconds: float = 1.0
    code: int = 500
    retry_after: int | None = None
    hits: int = 0

    def concerns(self, endpoint: str) -> bool:
        """Say whether a request to `endpoint` may be hit."""
        if self.times is not None and self.hits >= self.times:
            return False
        if self.endpoint == "*":
            return not endpoint.endswith("/my/info")
        return endpoint.endswith(self.endpoint)


@dataclass(slots=True)
class TwitterFaults:
    """The orders in force; their chance is seeded, so a run repeats."""

    seed: int = 7
    orders: list[TwitterFault] = field(default_factory=list)
    random: Random = field(init=False)
    silent_until: float = 0.0

    def __post_init__(self) -> None:
        """Seed the chance."""
        self.random = Random(self.seed)  # noqa: S311 - a repeatable test, not a secret

    def add(
        self,
        kind: TwitterFaultKind | str,
        *,
        endpoint: str = "*",
        times: int | None = 1,
        fraction: float = 1.0,
        seconds: float = 1.0,
        code: int = 500,
        retry_after: int | None = None,
    ) -> TwitterFault:
        """Order trouble."""
        fault = TwitterFault(
            TwitterFaultKind(kind), endpoint, times, fraction, seconds, code, retry_after
        )
        self.orders.append(fault)
        return fault

    def outage(self, seconds: float) -> None:
        """Cut every connection for so long."""
        self.silent_until = time.monotonic() + seconds

    @property
    def is_out(self) -> bool:
        """Whether nothing is answered now."""
        return time.monotonic() < self.silent_until

    def clear(self) -> None:
        """End all trouble."""
        self.orders.clear()
        self.silent_until = 0.0

    def on_the_way(self, endpoint: str) -> TwitterFault | None:
        """Return what becomes of this request on its way, counting it."""
        return next(self._struck(endpoint, ON_THE_WAY), None)

    def in_the_answer(self, endpoint: str) -> set[TwitterFaultKind]:
        """Return what is wrong with this request's answer, counting each."""
        return {fault.kind for fault in self._struck(endpoint, IN_THE_ANSWER)}

    def _struck(self, endpoint: str, kinds: frozenset[TwitterFaultKind]) -> Any:
        for fault in self.orders:
            if fault.kind not in kinds or not fault.concerns(endpoint):
                continue
            if fault.fraction < 1.0 and self.random.random() >= fault.fraction:
                continue
            fault.hits += 1
            yield fault

    def hits(self) -> dict[str, int]:
        """Return how often each kind struck."""
        counted: dict[str, int] = {}
        for fault in self.orders:
            counted[str(fault.kind)] = counted.get(str(fault.kind), 0) + fault.hits
        return counted
