"""One query on X asked once: its tweets are stored slice by slice, its place with each of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.errors import (
    BudgetSpent,
    KeyRefused,
    OutOfCredit,
    SourceDown,
    SourceError,
    SourceGarbled,
    StorageError,
    said,
)
from bot.features.tweet_intake import TweetIntake
from bot.models.post import Post
from bot.models.tweets import ResultType, Tweet, TweetPage, TweetQuery
from bot.ports import Transaction
from bot.services.twitter_answers import Habits
from bot.services.twitter_api import TwitterApi
from bot.services.twitter_prices import PRICES
from bot.services.twitter_schedule import Polled, begins, is_top_turn, next_poll
from bot.services.twitter_walk import Ask, Walk
from bot.storage.queries import QueryStore, QueryYield, add_yield, save_query

log = logging.getLogger(__name__)

_PRICE = PRICES["search"]
_PATIENCE = 2  # failures of one walk
_TOP_INTERVALS = 4  # of a mixed query are looked over for their best tweets, and as often


@dataclass(slots=True)
class Tally:
    """What a query, or a round of them, has come to so far."""

    failed: int = 0
    requests: int = 0
    credits: int = 0
    tweets: int = 0
    new: int = 0
    kept: int = 0

    def add(self, other: Tally) -> None:
        self.failed += other.failed
        self.requests += other.requests
        self.credits += other.credits
        self.tweets += other.tweets
        self.new += other.new
        self.kept += other.kept


class TweetSearch:
    """Asks queries. `lag`: what is younger may not all be found yet."""

    def __init__(
        self,
        queries: QueryStore,
        api: TwitterApi,
        take: TweetIntake,
        *,
        habits: Habits,
        lag: timedelta,
        claim: timedelta,
    ) -> None:
        self._queries = queries
        self._api = api
        self._take = take
        self._habits = habits
        self._lag = lag
        self._claim = claim

    async def run(
        self, query: TweetQuery, at: datetime, day: str, tally: Tally, jitter: float
    ) -> None:
        """Ask a claimed query now and give it free; what it costs is counted on `day`.

        Raises LeaseLost when it is not ours any more, and what stops all searching (KeyRefused,
        OutOfCredit, BudgetSpent): then the claim is still held.
        """
        start, end = begins(query, at), at - self._lag
        if query.search_until is not None:
            end = min(end, query.search_until)
        error: SourceError | None = None
        is_done = True
        try:
            if query.result_type is ResultType.POPULAR:
                if start < end:
                    query = replace(query, covered_to=end)
                    await self._best(query, start, end, day, tally)
            else:
                walk = Walk(self._asking(query), self._habits, start, end, rate=query.rate)
                while (step := await walk.step()) is not None:
                    query = replace(query, covered_to=step.covered_to, rate=step.rate)
                    await self._keep(query, step.tweets, step.bought, day, tally)
                is_done = not walk.is_cut_short
                if query.result_type is ResultType.MIXED and is_top_turn(query, at, _TOP_INTERVALS):
                    since = end - timedelta(seconds=query.interval_s * _TOP_INTERVALS)
                    await self._best(query, since, end, day, tally)
        except (KeyRefused, OutOfCredit, BudgetSpent):
            raise
        except SourceError as failure:
            log.info("a search failed", extra={"query": query.id, "error": said(failure)})
            error = failure
        except StorageError:
            raise
        except Exception as failure:  # a tweet that we cannot bear must not keep the others
            log.exception("tweets could not be taken in", extra={"query": query.id})
            error = SourceGarbled(f"could not be processed: {type(failure).__name__}")
        tally.failed += error is not None
        polled = Polled(
            query=query,
            at=at,
            end=end,
            lag=self._lag,
            found=tally.tweets,
            is_done=is_done,
            error=error,
        )
        await self._queries.save(next_poll(polled, jitter))

    def _asking(self, query: TweetQuery) -> Ask:
        """One page; a failure or two on the way are not worth losing what a walk knows."""
        patience = _PATIENCE

        async def ask(since: datetime, until: datetime, cursor: str) -> TweetPage:
            nonlocal patience
            while True:
                try:
                    return await self._api.search(
                        query.text, since=since, until=until, cursor=cursor, query_id=query.id
                    )
                except (SourceDown, SourceGarbled) as error:
                    if not patience:
                        raise
                    patience -= 1
                    log.info("asked again", extra={"query": query.id, "error": said(error)})

        return ask

    async def _best(
        self, query: TweetQuery, since: datetime, until: datetime, day: str, tally: Tally
    ) -> None:
        """One page of the best tweets of a time."""
        page = await self._api.search(
            query.text, since=since, until=until, popular=True, query_id=query.id
        )
        await self._keep(query, page.tweets, page.count, day, tally)

    async def _keep(
        self, query: TweetQuery, tweets: Sequence[Tweet], bought: int, day: str, tally: Tally
    ) -> None:
        """Store what an answer brought, with the query's place and what it cost, or nothing."""
        cost = QueryYield(calls=1, credits=_PRICE.of(bought), tweets=bought)
        asked_for = {tweet.post.external_id for tweet in tweets}
        counted = cost

        async def with_place(tx: Transaction, new: Sequence[Post]) -> None:
            nonlocal counted
            found = [post for post in new if post.external_id in asked_for]
            kept = sum(post.drop is None for post in found)
            counted = replace(cost, fresh=len(found), kept=kept)
            await save_query(tx, query, keep=self._claim)
            await add_yield(tx, query.id, day, counted)

        if tweets:
            await self._take.take(tweets, with_place)
        else:
            await self._queries.save(query, keep=self._claim, day=day, cost=cost)
        tally.requests += 1
        tally.credits += counted.credits
        tally.tweets += counted.tweets
        tally.new += counted.fresh
        tally.kept += counted.kept
