"""What TwitterAPI.io costs, in whole credits: a hundred thousand of them are one US dollar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.models.tweets import Balance

PUSH = "push"  # the endpoint of what filter rules cost: a hold that is drawn on little by little


@dataclass(frozen=True, slots=True)
class Hold:
    """Credits set aside for one request, which may leave in `wait_s` seconds. 0: it is free."""

    id: int
    day: str
    credits: int
    wait_s: float


class NoticeKind(StrEnum):
    """What admins are told of spending, each once."""

    OUT_OF_CREDIT = "out_of_credit"
    CREDIT_BACK = "credit_back"
    BUDGET_SPENT = "budget_spent"
    UNEXPLAINED = "unexplained"
    RULES_OFF = "rules_off"  # what was pushed live is no longer: the budget has no room
    RULES_ON = "rules_on"


@dataclass(frozen=True, slots=True)
class SpendingNotice:
    """Something that admins should know. `key` is the same for whoever tells of the same thing."""

    kind: NoticeKind
    key: str
    at: datetime
    credits: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetState:
    """Today's spending, as all workers together have it."""

    day: str
    starts_at: datetime  # the day, in the budget's time zone
    ends_at: datetime
    now: datetime  # the database's clock
    limit: int
    is_admins_limit: bool
    spent: int
    held: int  # for requests on their way or with unknown costs, and for what is pushed
    calls: int
    items: int
    held_live: int = 0  # of it, for what is pushed
    lost: int = 0  # requests whose process ended before it knew what they cost
    lost_credits: int = 0
    lasts_until: datetime | None = None  # at today's pace; None: the whole day
    balance: Balance | None = None
    balance_at: datetime | None = None
    checked_at: datetime | None = None  # when the books last agreed with the balance, or were made
    is_out_of_credit: bool = False
    rate: float = 0.0  # requests a second that all workers together may send

    @property
    def left(self) -> int:
        return max(0, self.limit - self.spent - self.held)

    @property
    def passed(self) -> float:
        """How much of the day has passed, 0 to 1."""
        return min(1.0, max(0.0, (self.now - self.starts_at) / (self.ends_at - self.starts_at)))

    @property
    def ahead(self) -> float:
        """How far spending is ahead of an even pace, as a share of the limit; negative: behind."""
        if self.limit <= 0:
            return 1.0
        return (self.spent + self.held) / self.limit - self.passed


def lasts_until(state_spent: int, left: int, starts_at: datetime, now: datetime) -> datetime | None:
    """When nothing is left if spending goes on as it did since `starts_at`; None: no spending."""
    if left <= 0:
        return now
    if state_spent <= 0 or now <= starts_at:
        return None
    return now + (now - starts_at) * left / state_spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What something cost: a day, an endpoint, a query or a kind of call of one day."""

    calls: int = 0
    items: int = 0
    credits: int = 0
    empty_calls: int = 0  # answers that brought nothing
    empty_credits: int = 0

    def __add__(self, other: Spending) -> Spending:
        return Spending(
            calls=self.calls + other.calls,
            items=self.items + other.items,
            credits=self.credits + other.credits,
            empty_calls=self.empty_calls + other.empty_calls,
            empty_credits=self.empty_credits + other.empty_credits,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendingReport:
    """Spending of the last days, newest day first, the dearest endpoint and query first.

    Of days long ago only the totals are kept: `undetailed` is their part, by no endpoint and query.
    """

    total: Spending
    by_day: tuple[tuple[str, Spending], ...]
    by_endpoint: tuple[tuple[str, Spending], ...]
    by_query: tuple[tuple[int, Spending], ...]  # by the query's id; 0: asked for by nobody's query
    unexplained: int = 0  # credits that the balance lost and no call of ours explains
    recharged: int = 0
    undetailed: Spending = field(default_factory=Spending)


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What the fall of the balance says about calls whose price nobody heard."""

    costs: tuple[int, ...]  # of each lost call
    unexplained: int = 0  # beyond all that we know of
    surplus: int = 0  # the balance is higher than it can be: a recharge, or we booked too much


def reckon(fall: int, settled: int, lost: Sequence[int]) -> Reckoning:
    """Share out what the balance fell beyond what was settled among lost calls.

    `lost` are their worst cases. Where the balance says nothing sound about them, they count in
    full: spending is never made smaller than it may have been.
    """
    gap, worst = fall - settled, sum(lost)
    if gap < 0:
        return Reckoning(tuple(lost), surplus=-gap)
    if gap > worst:
        return Reckoning(tuple(lost), unexplained=gap - worst)
    if not worst:
        return Reckoning(tuple(0 for _ in lost))
    costs = [gap * one // worst for one in lost]
    rest = gap - sum(costs)
    for place, one in enumerate(lost):
        more = min(rest, one - costs[place])
        costs[place] += more
        rest -= more
    return Reckoning(tuple(costs))
