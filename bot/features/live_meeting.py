"""Where pushes and searches meet: between the two nothing is lost, and little is paid twice."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.features.live_rules import LiveRules
from bot.models.tweets import TweetQuery
from bot.ports import Clock
from bot.storage.live import LiveStore
from bot.storage.queries import QueryStore
from bot.utils.times import from_ms

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePace:
    """How often and how long; tests are quicker."""

    look: timedelta = timedelta(seconds=30)
    lease: timedelta = timedelta(seconds=30)
    lease_wait: timedelta = timedelta(minutes=2)
    rule_interval_s: float = 60.0  # how often the service looks for what a rule finds
    # How long a query is pushed and searched for at once: the rule's first look, and our own
    # search, which stays a little behind the present.
    overlap: timedelta = timedelta(seconds=75)
    search_lag: timedelta = timedelta(seconds=20)
    door_patience: timedelta = timedelta(minutes=10)  # rules rest when no door opens for so long
    farewell_s: float = 10.0
    mark: timedelta = timedelta(seconds=5)


class Meeting:
    """A search ends where pushes surely began, and begins again from where they surely ended."""

    def __init__(self, store: LiveStore, queries: QueryStore, clock: Clock, pace: LivePace) -> None:
        self._store = store
        self._queries = queries
        self._clock = clock
        self._pace = pace
        # Queries whose search was brought forward, when they had last been searched for before it.
        self._hurried: dict[int, datetime | None] = {}

    async def see_to(
        self, rules: LiveRules, queries: Iterable[TweetQuery], door: datetime | None
    ) -> None:
        """Stop searching for what is surely pushed, and search for what is not any more."""
        now, pace = self._clock(), self._pace
        met = await self._store.meets(now)
        for query in queries:
            active = rules.active_since(query.id)
            if door is None or active is None:
                if query.rule_id:
                    await self.search_again(query)
                elif query.id in met:
                    await self._store.unmeet(query.id)
                continue
            if query.rule_id or not query.active:
                continue
            # Searches tell no more of time than its seconds.
            met_s = math.ceil((max(door, active) + pace.overlap).timestamp())
            meeting = from_ms(met_s * 1000)
            if query.covered_to is not None and query.covered_to >= meeting:
                await self._queries.set_rule(query.id, rules.rule_id(query.id))
                await self._store.unmeet(query.id)
                self._hurried.pop(query.id, None)
                log.info("a query is live", extra={"query": query.id})
                continue
            await self._store.meet(query.id, meeting, now)
            is_new = self._hurried.get(query.id, now) != query.last_run_at
            is_new = is_new and not query.errors_in_row
            if now >= meeting + pace.search_lag and is_new and await self._queries.hurry(query.id):
                # One search more closes the gap, or two; they need not wait for their turn.
                self._hurried[query.id] = query.last_run_at

    async def search_again(self, query: TweetQuery) -> None:
        """From the moment until which pushes surely came."""
        seen = await self._store.seen() or query.covered_to or self._clock()
        until = seen - self._pace.overlap
        covered_to = max(until, query.covered_to) if query.covered_to else until
        await self._queries.set_rule(query.id, "", covered_to)
        log.info("a query is searched for again", extra={"query": query.id})
