"""Tweets that come in by themselves, by WebSocket or webhook: stored and paid for, once each.

What a push costs is booked in the transaction that stores its tweets, so that one that comes twice,
by both doors or because our thanks were lost, is neither stored nor booked again.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from bot.features.tweet_intake import TweetIntake
from bot.models.live import Pushed, query_of
from bot.models.post import Post
from bot.ports import Clock, Database, Transaction
from bot.services.twitter_parsing import Push, parse_push
from bot.services.twitter_prices import TWEET
from bot.storage.live import LiveStore, book_push
from bot.storage.queries import QueryStore, QueryYield, add_yield
from bot.storage.spending import day_of
from bot.utils.times import to_ms

log = logging.getLogger(__name__)

HOLD_S = 180.0  # how long the hold for pushes lasts beyond the last word of the worker that has it
_ON_LOOP_BYTES = 64 * 1024  # more is read in a thread
_HOOK_PAUSE = timedelta(days=1)  # without a webhook for so long, none can be counted on
_HOOK_MARKS = timedelta(seconds=10)  # how often it is written down that they come in


class Pushes:
    """Takes events in, whichever worker they come to.

    `on_paid` is told after each what is left to pay the next from.
    """

    def __init__(
        self,
        db: Database,
        store: LiveStore,
        queries: QueryStore,
        take: TweetIntake,
        clock: Clock,
        *,
        timezone: str,
    ) -> None:
        self._db = db
        self._store = store
        self._queries = queries
        self._take = take
        self._clock = clock
        self._timezone = timezone
        self.on_paid: Callable[[int], None] = lambda left: None

    async def take(self, body: bytes, *, is_hook: bool = False) -> Pushed:
        """Store the tweets of an event; when this returns they are stored.

        Raises SourceGarbled for what is no event, StorageError when it could not be stored: the
        same event may come again.
        """
        now = self._clock()
        if len(body) > _ON_LOOP_BYTES:
            push = await asyncio.to_thread(parse_push, body, now)
        else:
            push = parse_push(body, now)
        pushed = Pushed(push.event)
        if push.page.count:
            pushed = await self._keep(push, body)
        if is_hook:
            await self._note_hook()
        return pushed

    async def _keep(self, push: Push, body: bytes) -> Pushed:
        query_id = await self._query(push)
        # A rule that is none of ours costs us all the same, but nobody here asked for its tweets.
        tweets = () if push.rule_tag and not query_of(push.rule_tag) else push.page.tweets
        count = push.page.count
        ids = {tweet.post.external_id for tweet in push.page.tweets}
        digest = _digest(push, body)
        left: int | None = None

        async def also(tx: Transaction, new: Sequence[Post]) -> None:
            nonlocal left
            left = await book_push(
                tx,
                digest,
                TWEET * count,
                count,
                query_id=query_id,
                hold_ms=int(HOLD_S * 1000),
                timezone=self._timezone,
            )
            if left is not None and query_id:
                fresh = [post for post in new if post.external_id in ids]
                cost = QueryYield(
                    credits=TWEET * count,
                    tweets=count,
                    fresh=len(fresh),
                    kept=sum(post.drop is None for post in fresh),
                )
                day = day_of(to_ms(self._clock()), self._timezone)
                await add_yield(tx, query_id, day, cost)

        new = 0
        if tweets:
            new = len((await self._take.take(tweets, also)).new)
        else:
            await self._db.write(lambda tx: also(tx, ()))
        if left is not None:
            self.on_paid(left)
        fields = {"tweets": count, "new": new, "query": query_id, "again": left is None}
        log.info("tweets came by themselves", extra=fields)
        return Pushed(push.event, count, new, push.page.bad, left is None)

    async def _query(self, push: Push) -> int:
        """The query that this was pushed for; 0: none that is still there."""
        query_id = query_of(push.rule_tag)
        if query_id:
            return query_id if await self._queries.get(query_id) else 0
        query = await self._queries.by_rule(push.rule_id) if push.rule_id else None
        return query.id if query else 0

    async def _note_hook(self) -> None:
        """Remember that webhooks come in, and since when."""
        now, known = self._clock(), await self._store.hooked()
        if known is not None and known[1] <= now < known[1] + _HOOK_MARKS:
            return
        is_steady = known is not None and known[0] <= now < known[1] + _HOOK_PAUSE
        await self._store.hook(known[0] if known and is_steady else now, now)
        await self._store.see(now)

    async def hooked_since(self) -> datetime | None:
        """Since when webhooks have come in without a long pause; None: they do not."""
        known = await self._store.hooked()
        is_steady = known is not None and self._clock() < known[1] + _HOOK_PAUSE
        return known[0] if known and is_steady else None


def _digest(push: Push, body: bytes) -> str:
    """The same for the same tweets of the same rule, whichever door they came through."""
    ids = sorted(tweet.post.external_id for tweet in push.page.tweets)
    if push.page.bad:
        ids.append(hashlib.sha256(body).hexdigest())
    name = "\n".join([push.rule_id or push.rule_tag, *ids])
    return hashlib.sha256(name.encode()).hexdigest()[:24]
