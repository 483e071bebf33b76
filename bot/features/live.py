"""Live tweets: queries whose tweets are pushed to us instead of being searched for.

An admin wishes a query to be live; one worker, the one with the lease, sees to it. Rules cost
money without our asking, so they are at work only while a hold pays for them and a door is open
(the WebSocket, or webhooks that do come in). A query goes on being searched for until the search
has covered the moment from which pushes flow, and is searched for again from the moment until which
they surely did: between the two nothing is lost, and little is paid twice.
"""

from __future__ import annotations

import asyncio
import logging
import math
from contextlib import suppress
from datetime import datetime

from bot.analysis.tweet_query import LONGEST_LIVE, check
from bot.errors import BadInput, LockTimeout, NotFound, StorageError, said
from bot.features.live_meeting import LivePace as LivePace
from bot.features.live_meeting import Meeting
from bot.features.live_money import LiveMoney
from bot.features.live_pushes import Pushes
from bot.features.live_rules import LiveRules
from bot.models.live import LivePrice, LiveQuery, LiveState, Pushed
from bot.models.tweets import ResultType, TweetQuery
from bot.ports import Clock
from bot.services.db_locks import Leases
from bot.services.twitter_api import TwitterApi
from bot.services.twitter_prices import TWEET
from bot.services.twitter_stream import TwitterStream
from bot.storage.live import LiveStore
from bot.storage.queries import QueryStore

log = logging.getLogger(__name__)

LEASE = "x-stream"
_DAY_S = 86_400


class LiveTweets:
    def __init__(
        self,
        store: LiveStore,
        queries: QueryStore,
        api: TwitterApi,
        pushes: Pushes,
        money: LiveMoney,
        leases: Leases,
        clock: Clock,
        *,
        stream: TwitterStream | None,
        pace: LivePace | None = None,
    ) -> None:
        self._store = store
        self._queries = queries
        self._api = api
        self._pushes = pushes
        self._money = money
        self._leases = leases
        self._clock = clock
        self._stream = stream
        self._pace = pace or LivePace()
        self._wake = asyncio.Event()
        self._is_stopping = False
        self._open_since: datetime | None = None  # the WebSocket
        self._shut_at = clock()
        self._marked_at: datetime | None = None
        self._wanted: dict[int, str] = {}
        self._meeting = Meeting(store, queries, clock, self._pace)
        pushes.on_paid = self._paid

    # What admins do

    async def on(self, query_id: int) -> TweetQuery:
        """Wish a query to be live; NotFound, or BadInput when that cannot be."""
        query = await self._to_be(query_id)
        price = await self._price(query)
        if not price.fits:
            raise BadInput("query.live_too_dear", n=price.tweets or 0, most=price.limit // TWEET)
        await self._store.wish(query_id, self._clock())
        self._wake.set()
        return query

    async def price(self, query_id: int) -> LivePrice:
        """What that would cost; raises as `on` does, but for the price."""
        return await self._price(await self._to_be(query_id))

    async def _to_be(self, query_id: int) -> TweetQuery:
        query = await self._queries.get(query_id)
        if query is None:
            raise NotFound("query.gone", id=query_id)
        if query.result_type is ResultType.POPULAR:  # a rule brings all there is
            raise BadInput("query.popular_live")
        if not check(query.text).can_be_live:
            raise BadInput("query.too_long_live", length=len(query.text))
        return query

    async def _price(self, query: TweetQuery) -> LivePrice:
        limit = await self._money.limit()
        wishes = await self._store.wishes()
        others = [one for one in await self._queries.all() if one.id in wishes and one.active]
        rate = query.rate + sum(one.rate for one in others if one.id != query.id)
        tweets = round(query.rate * _DAY_S) if query.last_run_at or query.rate else None
        fits = not query.rate or rate * _DAY_S * TWEET <= limit
        return LivePrice(tweets, (tweets or 0) * TWEET, limit, fits)

    async def off(self, query_id: int) -> None:
        """Have it searched for again."""
        await self._store.unwish(query_id)
        self._wake.set()

    async def state(self) -> LiveState:
        """What is wished, and how it is doing."""
        pushed = {query.id: bool(query.rule_id) for query in await self._queries.all()}
        wishes = await self._store.wishes()
        hooked = await self._store.hooked()
        met = await self._store.meets(self._clock())
        return LiveState(
            queries=tuple(
                LiveQuery(query_id, at, pushed[query_id], query_id in met)
                for query_id, at in wishes.items()
                if query_id in pushed
            ),
            seen_at=await self._store.seen(),
            hooked_at=hooked[1] if hooked else None,
            held=await self._store.held(),
            is_off=await self._store.off() is not None,
        )

    # What comes in

    async def pushed(self, body: bytes, *, is_hook: bool = False) -> Pushed:
        """Take an event, by whichever door; when this returns its tweets are stored."""
        return await self._pushes.take(body, is_hook=is_hook)

    def _paid(self, left: int) -> None:
        if self._money.is_low(left):
            self._wake.set()

    # What one worker sees to

    async def run(self, stop: asyncio.Event) -> None:
        """Keep live what is to be live until told to stop; every worker may, and one does."""
        self._is_stopping = False
        async with asyncio.TaskGroup() as group:
            leading = group.create_task(self._lead_forever(), name="live")
            stopping = group.create_task(stop.wait(), name="live-stop")
            await asyncio.wait([leading, stopping], return_when=asyncio.FIRST_COMPLETED)
            self._is_stopping = True
            leading.cancel()
            stopping.cancel()

    async def _lead_forever(self) -> None:
        while True:
            try:
                if self._api.has_key and await self._has_work():
                    await self._lead()
            except LockTimeout:
                continue
            except StorageError as error:  # a lost lease, too
                log.warning("live tweets are interrupted here", extra={"why": said(error)})
            await self._pause()

    async def _has_work(self) -> bool:
        return bool(await self._store.wishes()) or await self._store.has_rules()

    async def _lead(self) -> None:
        """Be the one, for as long as anything is to be live."""
        pace = self._pace
        async with self._leases.hold(LEASE, pace.lease, wait=pace.lease_wait):
            self._open_since, self._shut_at = None, self._clock()
            rules = LiveRules(self._api, self._clock, interval_s=pace.rule_interval_s)
            async with asyncio.TaskGroup() as group:
                listening = None
                if self._stream is not None:
                    stream = self._stream.run(self._pushes.take, self._heard, self._lost)
                    listening = group.create_task(stream, name="live-stream")
                try:
                    while not await self._look_unhurt(rules):
                        await self._pause()
                except asyncio.CancelledError:
                    if self._is_stopping:
                        await self._farewell(rules)
                    raise
                if listening is not None:
                    listening.cancel()

    async def _look_unhurt(self, rules: LiveRules) -> bool:
        try:
            return await self._look(rules)
        except StorageError as error:
            log.warning("live tweets could not be looked after", extra={"why": said(error)})
            return False

    async def _look(self, rules: LiveRules) -> bool:
        """Bring money, rules and searches in step with the wishes; True: nothing is left to do."""
        now = self._clock()
        wishes = await self._store.wishes()
        queries = {query.id: query for query in await self._queries.all()}
        for query_id in wishes.keys() - queries.keys():
            await self._store.unwish(query_id)
        self._wanted = wanted = {
            query.id: query.text
            for query in queries.values()
            if query.id in wishes
            and query.active
            and query.result_type is not ResultType.POPULAR
            and len(query.text) <= LONGEST_LIVE
        }
        rate = sum(queries[query_id].rate for query_id in wanted)
        expected = math.ceil(rate * self._pace.rule_interval_s) * TWEET
        has_money = bool(wanted) and await self._money.keep(len(wanted), expected)
        door = await self._door()
        # A connection that is only just being made anew is no reason to change the rules.
        is_soon = door is None and now - self._shut_at < self._pace.door_patience
        if self._stream is None:
            is_soon = False  # webhooks come in only while rules are at work
        if not (has_money and is_soon):
            is_open = door is not None or self._stream is None
            is_kept = await self._keep_rules(rules, active=has_money and is_open)
            if is_kept and not has_money:
                await (self._money.rest() if wanted else self._money.release())
        await self._meeting.see_to(rules, queries.values(), door)
        return not wanted and not await self._store.has_rules()

    async def _keep_rules(self, rules: LiveRules, *, active: bool, is_last: bool = False) -> bool:
        """False: it could not be done, and rules may be at work that should rest."""
        if active:
            await self._store.note_rules(True)
        elif not await self._store.has_rules():
            return True
        is_kept = await rules.keep(self._wanted, active=active, is_last=is_last)
        if is_kept and not rules.count:
            await self._store.note_rules(False)
        return is_kept

    async def _door(self) -> datetime | None:
        """Since when pushes can reach us; None: they cannot."""
        return self._open_since if self._stream else await self._pushes.hooked_since()

    async def _farewell(self, rules: LiveRules) -> None:
        """Leave nothing behind that costs money: the rules rest, and the hold is given back."""
        try:
            async with asyncio.timeout(self._pace.farewell_s):
                for query in await self._queries.all():
                    if query.rule_id:
                        await self._meeting.search_again(query)
                if await self._keep_rules(rules, active=False, is_last=True):
                    await self._money.release()
                else:  # what is held stays so: the balance will tell what they cost
                    log.warning("live rules may still be at work")
        except (StorageError, TimeoutError) as error:
            log.warning("live rules may still be at work", extra={"why": said(error)})

    async def _heard(self) -> None:
        now = self._clock()
        if self._open_since is None:
            self._open_since = now
            self._marked_at = None
            self._wake.set()
        if self._marked_at is None or now - self._marked_at >= self._pace.mark:
            await self._store.see(now)
            self._marked_at = now

    async def _lost(self) -> None:
        self._open_since, self._shut_at = None, self._clock()
        self._wake.set()

    async def _pause(self) -> None:
        """Until the next look, or until something has happened."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pace.look.total_seconds()):
                await self._wake.wait()
        self._wake.clear()
