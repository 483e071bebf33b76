"""A round of collection: every due feed asked, what is new taken in, its schedule saved too.

Feeds are asked side by side; their posts are taken in one feed at a time. Whatever is wrong with
one source is written on that source, and the round goes on. As many processes as wanted may have
rounds at the same time: sources are claimed in small portions as there are hands for them, and what
a worker brings after its claim was lost is refused with its posts. A crashed worker's sources are
asked by others when its claims run out. (How often one host is asked is kept by each process.)
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.errors import LeaseLost, SourceGarbled, StorageError
from bot.features.intake import Intake, Taken
from bot.models.post import Source, SourceState
from bot.services.feed_schedule import FetchOutcome, next_poll
from bot.services.news_feeds import FeedReader
from bot.storage.sources import SourceStore
from bot.utils.times import to_ms

log = logging.getLogger(__name__)

AT_ONCE = 32
PORTION = 8  # sources claimed at a time, when so many hands are free
CLAIM = timedelta(minutes=5)  # longer than a site and a queue for storing can take
MOST_DUE = 2000  # sources of one round
ONLINE_WITHIN = timedelta(days=1)
# A source whose time comes a moment after the round began is taken now rather than a round later.
_EARLY_SHARE, _EARLY_MOST_S = 0.2, 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something admins should know once; `key` names the event, so that a repeat can be told."""

    key: str
    source: Source  # switched off

    @property
    def error(self) -> str:
        return self.source.last_error


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectResult:
    """What a round came to, over all its sources."""

    asked: int = 0
    unchanged: int = 0
    failed: int = 0
    refused: int = 0  # what came of them was, because admins or other workers were quicker
    new: int = 0  # posts stored, dropped ones included
    dropped: dict[str, int] = field(default_factory=dict)  # by reason
    kept_ids: tuple[int, ...] = ()
    notices: tuple[Notice, ...] = ()


class Collector:
    """Asks feeds. `chance` gives numbers in [0, 1); `on_notice` must bear being told twice."""

    def __init__(
        self,
        sources: SourceStore,
        reader: FeedReader,
        intake: Intake,
        *,
        base_interval_s: int = 300,
        on_notice: Callable[[Notice], Awaitable[None]] | None = None,
        claim: timedelta = CLAIM,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._sources = sources
        self._reader = reader
        self._intake = intake
        self._base_interval_s = base_interval_s
        self._on_notice = on_notice
        self._claim = claim
        self._chance = chance
        self._last_answer_at: datetime | None = None

    async def begin_alone(self) -> None:
        """No other process collects: what one that died had claimed need not wait for its time."""
        if found := await self._sources.free():
            log.info("sources claimed by a process that is gone", extra={"count": found})

    async def round(self, now: datetime, *, force: bool = False) -> CollectResult:
        """Ask every source whose time has come; with `force`, every active one.

        Raises StorageError alone: what sources do wrong is in the result and on the sources.
        """
        self._last_answer_at = max(
            filter(None, [self._last_answer_at, await self._sources.last_answer_at()]),
            default=None,
        )
        total = _Total()
        held: dict[int, Source] = {}
        try:
            async with asyncio.TaskGroup() as group:
                await self._ask_all(group, total, held, now, force=force)
        except* StorageError as failures:
            raise failures.exceptions[0] from None
        finally:
            if held:  # cancelled, or the database failed: others need not wait for our claims
                await self._sources.release(list(held.values()))
        return total.result()

    async def _ask_all(
        self,
        group: asyncio.TaskGroup,
        total: _Total,
        held: dict[int, Source],
        now: datetime,
        *,
        force: bool,
    ) -> None:
        """Claim and ask until nothing is left; `held` is what is claimed and not yet saved."""
        early_s = min(self._base_interval_s * _EARLY_SHARE, _EARLY_MOST_S)
        until, last_id = now + timedelta(seconds=early_s), 0
        running: set[asyncio.Task[None]] = set()

        async def one(source: Source, ask_by: float) -> None:
            if time.monotonic() >= ask_by:
                return  # we slept: the claim may end while the site answers (given back at the end)
            try:
                await self._collect(source, total, now)
            except LeaseLost:
                total.refuse(source)
            del held[source.id]

        while total.asked < MOST_DUE or force:
            free = AT_ONCE - len(running)
            ask_by = time.monotonic() + self._claim.total_seconds() / 2
            if force:
                portion = await self._sources.claim_after(last_id, free, self._claim)
            else:
                portion = await self._sources.claim_due(until, free, self._claim)
            if not portion:
                return
            last_id = max(source.id for source in portion)
            total.asked += len(portion)
            held.update({source.id: source for source in portion})
            for source in portion:
                running.add(task := group.create_task(one(source, ask_by)))
                task.add_done_callback(running.discard)
            while len(running) > AT_ONCE - PORTION:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)

    async def _collect(self, source: Source, total: _Total, now: datetime) -> None:
        """Ask one source and take in what it gave; LeaseLost when it is not ours any more."""
        outcome = await self._fetch(source, now)
        if outcome.status:
            self._last_answer_at = outcome.at
        try:
            await self._take_in(source, outcome, total)
        except StorageError:
            raise
        except Exception as error:  # nor must a post that we cannot bear
            log.exception("posts could not be taken in", extra={"source": source.url})
            told = SourceGarbled(f"its posts could not be processed: {type(error).__name__}")
            await self._take_in(source, replace(outcome, posts=(), error=told), total)

    async def _fetch(self, source: Source, now: datetime) -> FetchOutcome:
        try:
            outcome = await self._reader.fetch(source)
        except (
            Exception
        ) as error:  # a fault of ours must not keep the other sources from their turn
            log.exception("a source could not be read", extra={"source": source.url})
            told = SourceGarbled(f"could not be processed: {type(error).__name__}")
            return FetchOutcome(source=source, at=now, error=told)
        if outcome.error is not None:
            log.info("source failed", extra={"source": source.url, "error": str(outcome.error)})
        return outcome

    async def _take_in(self, source: Source, outcome: FetchOutcome, total: _Total) -> None:
        polled = await self._scheduled(source, outcome)
        notice = None
        if polled.state is SourceState.GONE:
            notice = Notice(
                key=f"source-gone:{polled.id}:{to_ms(polled.last_ok_at)}", source=polled
            )
            log.warning("source is gone", extra={"source": polled.url, "error": polled.last_error})
            if self._on_notice is not None:
                # Before it is saved: after a crash admins are told again, never not at all.
                await self._on_notice(notice)
        total.add(outcome, await self._intake.take(outcome.posts, polled), notice)

    async def _scheduled(self, asked: Source, outcome: FetchOutcome) -> Source:
        """The source with what was learnt and its next time."""
        is_online = bool(
            outcome.status
            or (self._last_answer_at and outcome.at - self._last_answer_at < ONLINE_WITHIN)
        )
        polled = next_poll(outcome, self._base_interval_s, self._chance(), is_online=is_online)
        if polled.url != asked.url:
            log.info("source moved", extra={"source": asked.url, "to": polled.url})
            holder = await self._sources.by_url(polled.url)
            if holder is not None and holder.id != polled.id:
                polled = replace(polled, url=asked.url)
        return polled


class _Total:
    def __init__(self) -> None:
        self.asked = 0
        self._counts: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._kept: list[int] = []
        self._notices: list[Notice] = []

    def add(self, outcome: FetchOutcome, taken: Taken, notice: Notice | None) -> None:
        self._counts["unchanged"] += outcome.is_unchanged
        self._counts["failed"] += outcome.error is not None
        self._counts["new"] += len(taken.new)
        self._dropped.update({reason.value: n for reason, n in taken.dropped.items()})
        self._kept += taken.kept_ids
        self._notices += [notice] if notice is not None else []

    def refuse(self, source: Source) -> None:
        log.info("source is not ours any more", extra={"source": source.url})
        self._counts["refused"] += 1

    def result(self) -> CollectResult:
        return CollectResult(
            asked=self.asked,
            refused=self._counts["refused"],
            unchanged=self._counts["unchanged"],
            failed=self._counts["failed"],
            new=self._counts["new"],
            dropped=dict(self._dropped),
            kept_ids=tuple(sorted(self._kept)),
            notices=tuple(self._notices),
        )
