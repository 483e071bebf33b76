"""A round of searching on X: every due query walked on, what it brings taken in, its place kept.

Several processes may have rounds at the same time: queries are claimed, as feeds are. A slice of
tweets is stored together with the query's watermark, so a process that is killed costs at most the
answer it was waiting for. Money has the last word: what is less important waits while it is spent
too fast, and nothing is asked when the day's budget or the account is empty.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.errors import (
    BudgetSpent,
    KeyRefused,
    LeaseLost,
    OutOfCredit,
    SourceError,
    StorageError,
    said,
)
from bot.features.tweet_intake import TweetIntake
from bot.features.tweet_search import Tally, TweetSearch
from bot.models.spending import BudgetState
from bot.models.tweets import TweetQuery
from bot.ports import Clock
from bot.services.twitter_answers import Habits
from bot.services.twitter_api import TwitterApi
from bot.services.twitter_budget import Budget
from bot.services.twitter_prices import PRICES
from bot.services.twitter_schedule import lowest_allowed
from bot.storage.queries import QueryStore

log = logging.getLogger(__name__)

AT_ONCE = 4  # queries, in this process
LAG = timedelta(seconds=15)  # what is younger may not all be found yet
CLAIM = timedelta(minutes=5)  # longer than an answer, its waiting for the pace, and its storing
MOST_DUE = 500  # queries of one round
KEY_REST = timedelta(minutes=10)  # before a refused key is tried again
_WORST = PRICES["search"].worst()


@dataclass(frozen=True, slots=True, kw_only=True)
class TweetRound:
    """What a round came to, over all its queries."""

    asked: int = 0  # queries
    failed: int = 0
    refused: int = 0  # an admin or another worker was quicker
    requests: int = 0  # answered
    credits: int = 0  # for these answers
    tweets: int = 0  # bought
    new: int = 0  # of them
    kept: int = 0  # of those that were new
    waiting: int = 0  # due queries for which there is no money now
    stopped: str = ""  # budget, credit, key, or rest: for a moment to check the books in


class TweetCollector:
    """Walks the queries. `chance` gives numbers in [0, 1); `on_key_refused` must bear repeats."""

    def __init__(
        self,
        queries: QueryStore,
        api: TwitterApi,
        take: TweetIntake,
        budget: Budget,
        clock: Clock,
        *,
        lag: timedelta = LAG,
        claim: timedelta = CLAIM,
        at_once: int = AT_ONCE,
        on_key_refused: Callable[[], Awaitable[None]] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._queries = queries
        self._api = api
        self._budget = budget
        self._clock = clock
        self._claim = claim
        self._at_once = at_once
        self._on_key_refused = on_key_refused
        self._chance = chance
        self._search = TweetSearch(queries, api, take, habits=Habits(), lag=lag, claim=claim)
        self._key_rests_until: datetime | None = None

    async def begin_alone(self) -> None:
        """No other process collects: what one that died had claimed need not wait for its time."""
        if found := await self._queries.free():
            log.info("queries claimed by a process that is gone", extra={"count": found})

    async def round(self, now: datetime) -> TweetRound:
        """Ask every query whose time has come and that there is money for.

        Raises StorageError alone: what the service does wrong is in the result and on the queries.
        """
        if not self._api.has_key or (self._key_rests_until and now < self._key_rests_until):
            return TweetRound(stopped="key")
        round_ = _Round()
        try:
            await self._look_at_balance(round_)
            if not round_.stopped and await self._budget.rests():
                round_.stopped = "rest"
            async with asyncio.TaskGroup() as group:
                await self._ask_all(group, round_, now)
        except* StorageError as failures:
            raise failures.exceptions[0] from None
        finally:
            if round_.held:  # cancelled, out of money, or the database failed
                await self._queries.release(list(round_.held.values()))
        self._key_rests_until = now + KEY_REST if round_.stopped == "key" else None
        if self._key_rests_until and self._on_key_refused is not None:
            await self._on_key_refused()
        return round_.result(await self._waiting(now, round_))

    async def _look_at_balance(self, round_: _Round) -> None:
        """Read it when it is time: it is free, sets the pace, and ends what was out of credit."""
        if not await self._budget.wants_balance():
            return
        try:
            await self._api.balance()
        except SourceError as error:  # whatever else it is, the searches will tell
            log.info("the balance could not be read", extra={"error": said(error)})
            if isinstance(error, KeyRefused):
                round_.stop(error)

    async def _ask_all(self, group: asyncio.TaskGroup, round_: _Round, now: datetime) -> None:
        """Claim and ask until nothing is left that may be asked."""
        running: set[asyncio.Task[None]] = set()
        while round_.asked < MOST_DUE and not round_.stopped:
            state = await self._budget.state()
            if _is_spent(state):
                round_.stopped = "credit" if state.is_out_of_credit else "budget"
                if not (state.is_out_of_credit or running):  # what runs may cost less than is held
                    await self._budget.note_spent()
                return
            free = self._at_once - len(running)
            portion = await self._queries.claim_due(now, free, self._claim, lowest_allowed(state))
            if not portion:
                return
            round_.asked += len(portion)
            round_.held.update({query.id: query for query in portion})
            for query in portion:
                task = group.create_task(self._ask(query, round_, state.day))
                running.add(task)
                task.add_done_callback(running.discard)
            while len(running) >= self._at_once:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)

    async def _ask(self, query: TweetQuery, round_: _Round, day: str) -> None:
        tally = Tally()
        try:
            await self._search.run(query, self._clock(), day, tally, self._chance())
        except LeaseLost:
            log.info("query is not ours any more", extra={"query": query.id})
            round_.refused += 1
        except (KeyRefused, OutOfCredit, BudgetSpent) as error:
            round_.stop(error)
            return  # its claim is given back at the end
        finally:
            round_.tally.add(tally)
        if round_.held.get(query.id) is query:  # else its claim ran out, and we have a new one
            del round_.held[query.id]

    async def _waiting(self, now: datetime, round_: _Round) -> int:
        """How many queries are due and wait for money."""
        due = await self._queries.count_due(now)
        lowest = lowest_allowed(await self._budget.state())
        return sum(n for priority, n in due.items() if round_.stopped or priority > lowest)


def _is_spent(state: BudgetState) -> bool:
    return state.is_out_of_credit or state.left < _WORST


class _Round:
    """A round under way; `held` are the queries that are claimed and not yet saved."""

    def __init__(self) -> None:
        self.asked = 0
        self.refused = 0
        self.stopped = ""
        self.tally = Tally()
        self.held: dict[int, TweetQuery] = {}

    def stop(self, error: KeyRefused | OutOfCredit | BudgetSpent) -> None:
        """Nothing more is begun; what is under way finds out by itself."""
        if not self.stopped:
            log.info("no more searches for now", extra={"error": said(error)})
        by_error = {OutOfCredit: "credit", KeyRefused: "key"}
        self.stopped = by_error.get(type(error), "budget")

    def result(self, waiting: int) -> TweetRound:
        tally = self.tally
        return TweetRound(
            asked=self.asked,
            failed=tally.failed,
            refused=self.refused,
            requests=tally.requests,
            credits=tally.credits,
            tweets=tally.tweets,
            new=tally.new,
            kept=tally.kept,
            waiting=waiting,
            stopped=self.stopped,
        )
