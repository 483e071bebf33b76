"""What TwitterAPI.io charges for: prices, accounts with a balance, how fast each may ask.

100,000 credits are a dollar. The balance that can be read lags behind what was spent: each price
shows after a time of its own, not in the order of the requests. An account is refused (402) by the
balance that can be read, so it may end below nothing.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from heapq import heappop, heappush
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.sandbox.twitter_pages import Page
    from bot.sandbox.twitter_shelf import Held

LEAST = 15  # whatever is asked, also when nothing comes back or the request was wrong
TWEET = 15
PROFILE = 18
PROFILE_IN_BULK = 10
BULK_FROM = 100
FOLLOWER_OF_FULL_PAGE = 1
FOLLOWER_OF_SMALL_PAGE = 3
FULL_PAGE = 200
VERIFIED_FOLLOWER = 30
LIST_CALL = 150
ARTICLE = 100
FOLLOW_CHECK = 100

# Least balance; so many requests in so many seconds: a little less than one, for jitter on wires.
_PLANS = ((50_000, 20, 0.95), (10_000, 10, 0.95), (5_000, 6, 0.95), (1_000, 3, 0.95))
_FREE_PLAN = (1, 4.75)


def for_tweets(count: int) -> int:
    """Price a page of tweets."""
    return max(LEAST, TWEET * count)


def for_profiles(count: int) -> int:
    """Price profiles: a hundred and more at once are cheaper."""
    return max(LEAST, count * (PROFILE_IN_BULK if count >= BULK_FROM else PROFILE))


def for_followers(count: int, page_size: int) -> int:
    """Price followers: dear by the small page, cheap by the full one."""
    each = FOLLOWER_OF_FULL_PAGE if page_size >= FULL_PAGE else FOLLOWER_OF_SMALL_PAGE
    return max(LEAST, count * each)


def for_ids(count: int) -> int:
    """Price bare ids: 0.45 each, in whole credits."""
    return max(LEAST, -(-count * 45 // 100))


@dataclass(frozen=True, slots=True)
class Spent:
    """One request, or one push, as the ledger has it."""

    seq: int
    at: datetime
    endpoint: str
    query: str
    status: int
    n: int
    credits: int
    trouble: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self) | {"at": self.at.isoformat()}


class Account:
    """What one key has, has spent, and may do."""

    def __init__(
        self,
        key: str,
        credits: int = 1_000_000,
        bonus: int = 0,
        *,
        settle_s: float = 0.0,
        is_paced: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.key = key
        self.credits = credits
        self.bonus = bonus
        self.settle_s = settle_s
        self.is_paced = is_paced
        self.calls: list[Spent] = []
        self.refused_as_too_fast = 0
        self.last_page: Page[Held] | None = None  # of its searches
        self._monotonic = monotonic
        self._wall = wall
        self._unsettled: list[tuple[float, int]] = []  # a heap, the next to settle first
        self._random = Random(len(key))  # noqa: S311 - a repeatable test, not a secret
        self._settled = 0
        self._recent: deque[float] = deque()
        self._numbers = itertools.count(1)
        self.credits_spent = 0

    # Money

    def charge(
        self,
        endpoint: str,
        credits: int,
        *,
        query: str = "",
        status: int = 200,
        n: int = 0,
        trouble: str = "",
    ) -> Spent:
        """Write a request down and take its price."""
        at = datetime.fromtimestamp(self._wall(), UTC)
        spent = Spent(next(self._numbers), at, endpoint, query, status, n, credits, trouble)
        self.calls.append(spent)
        self.credits_spent += credits
        if credits:
            # A third to the whole of the delay: with 60 s the 20 to 60 s that were measured.
            delay_s = self.settle_s * self._random.uniform(1 / 3, 1)
            heappush(self._unsettled, (self._monotonic() + delay_s, credits))
        return spent

    def recharge(self, credits: int) -> None:
        """Add paid credits."""
        self.credits += credits

    def balance(self) -> tuple[int, int]:
        """Return the paid and the given credits as they can be read now: the given go first."""
        now = self._monotonic()
        while self._unsettled and self._unsettled[0][0] <= now:
            self._settled += heappop(self._unsettled)[1]
        of_bonus = min(self._settled, max(0, self.bonus))
        return self.credits - (self._settled - of_bonus), self.bonus - of_bonus

    def settle_now(self) -> None:
        """Let everything spent show in the balance at once."""
        self._unsettled = [(0.0, credits) for _, credits in self._unsettled]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left, as far as can be read."""
        return sum(self.balance()) <= 0

    @property
    def credits_by_day(self) -> dict[str, int]:
        """What was spent on each day of UTC."""
        return self.day_totals("UTC")

    def day_totals(self, timezone: str) -> dict[str, int]:
        """Return what was spent on each day of a time zone."""
        from zoneinfo import ZoneInfo

        zone = ZoneInfo(timezone)
        totals: dict[str, int] = {}
        for spent in self.calls:
            day = spent.at.astimezone(zone).date().isoformat()
            totals[day] = totals.get(day, 0) + spent.credits
        return totals

    def by_endpoint(self) -> dict[str, int]:
        """Return what was spent on each endpoint."""
        totals: dict[str, int] = {}
        for spent in self.calls:
            totals[spent.endpoint] = totals.get(spent.endpoint, 0) + spent.credits
        return totals

    # Pace

    @property
    def plan(self) -> tuple[int, float]:
        """How many requests, in how many seconds."""
        total = sum(self.balance())
        for least, count, window_s in _PLANS:
            if total >= least:
                return count, window_s
        return _FREE_PLAN

    def admit(self) -> bool:
        """Count a request in; False when the plan does not allow one more now."""
        if not self.is_paced:
            return True
        count, window_s = self.plan
        now = self._monotonic()
        while self._recent and self._recent[0] <= now - window_s:
            self._recent.popleft()
        if len(self._recent) >= count:
            self.refused_as_too_fast += 1
            return False
        self._recent.append(now)
        return True
