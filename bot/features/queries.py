"""The searches on X, as admins keep them: added, changed, paused, tried out, judged by their price.

Nothing is bought here but the one page of a test, and that is stored like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bot.analysis.tweet_query import check
from bot.errors import BadInput, NotFound
from bot.features.tweet_intake import TweetIntake
from bot.models.tweets import Priority, ResultType, Tweet, TweetQuery
from bot.ports import Clock
from bot.services.twitter_api import TwitterApi
from bot.services.twitter_prices import PRICES
from bot.storage.queries import QueryStore, QueryYield
from bot.utils.times import zone

LEAST_INTERVAL_S, MOST_INTERVAL_S = 60, 86_400
DEFAULT_INTERVAL_S = {Priority.HIGH: 300, Priority.MEDIUM: 900, Priority.LOW: 3600}
SHOWN = 5  # tweets of a test
JUDGED_DAYS = 7
_LEAST_SPENT = 600  # credits in those days: less says nothing
_COSTLY = 5  # times what a kept new tweet costs over all
_LEAST_BOUGHT = 60  # tweets, before their overlap says something
_PRICE = PRICES["search"]
_TELLING = 6  # tweets of which the newest half says something by itself
_OVERLAP = 0.25  # of the tweets bought were new


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryLine:
    """A query with what it cost and brought, today and in the last week."""

    query: TweetQuery
    today: QueryYield
    week: QueryYield


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAdded:
    query: TweetQuery
    is_new: bool  # false: it was on the list, and stays as it is
    problems: tuple[str, ...] = ()  # text keys


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryTest:
    """One page of a query, as an admin sees it before adding it."""

    text: str
    tweets: tuple[Tweet, ...]  # the newest, as many as wanted
    found: int  # tweets on the page
    credits: int  # what the test cost
    per_day: int | None = None  # tweets expected a day; None when one page does not tell
    credits_per_day: int | None = None
    problems: tuple[str, ...] = ()  # text keys


class SuggestionKind(StrEnum):
    """Why a query may not be worth its price."""

    NOTHING_KEPT = "nothing_kept"  # paid for, and nothing new was kept
    COSTLY = "costly"  # each kept new tweet costs far more than elsewhere
    OVERLAPS = "overlaps"  # most of what it buys was stored already


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    kind: SuggestionKind
    query: TweetQuery
    week: QueryYield


class Queries:
    def __init__(
        self,
        store: QueryStore,
        api: TwitterApi,
        take: TweetIntake,
        clock: Clock,
        *,
        timezone: str = "UTC",
    ) -> None:
        self._store = store
        self._api = api
        self._take = take
        self._clock = clock
        self._zone = zone(timezone)

    async def all(self) -> list[QueryLine]:
        """Every query, in the order they were added."""
        today = await self._store.yields(self._day(0))
        week = await self._store.yields(self._day(JUDGED_DAYS - 1))
        return [
            QueryLine(
                query=query,
                today=today.get(query.id, QueryYield()),
                week=week.get(query.id, QueryYield()),
            )
            for query in await self._store.all()
        ]

    async def get(self, query_id: int) -> TweetQuery:
        """Raises NotFound for what is no query (any more)."""
        query = await self._store.get(query_id)
        if query is None:
            raise NotFound("query.gone", id=query_id)
        return query

    async def days(self, query_id: int, days: int = JUDGED_DAYS) -> list[tuple[str, QueryYield]]:
        """What a query cost and brought on each of the last days, the oldest first."""
        return await self._store.days((await self.get(query_id)).id, self._day(days - 1))

    async def add(
        self,
        text: str,
        priority: Priority = Priority.MEDIUM,
        result_type: ResultType = ResultType.RECENT,
        interval_s: int | None = None,
        by: int = 0,
    ) -> QueryAdded:
        """Put a search on the list; BadInput says what is wrong with it."""
        checked = check(text)
        wished = DEFAULT_INTERVAL_S[priority] if interval_s is None else interval_s
        there = await self._store.by_text(checked.text)
        query = there or await self._store.add(
            TweetQuery(
                text=checked.text,
                priority=priority,
                result_type=result_type,
                interval_s=_interval(wished),
                created_by=by,
                created_at=self._clock(),
            )
        )
        return QueryAdded(query=query, is_new=there is None, problems=checked.problems)

    async def edit(
        self,
        query_id: int,
        *,
        text: str | None = None,
        priority: Priority | None = None,
        result_type: ResultType | None = None,
        interval_s: int | None = None,
    ) -> TweetQuery:
        """Change what is given; a new text goes on from where the old one had got to."""
        query = await self.get(query_id)
        is_live = bool(query.rule_id) or await self._store.is_to_be_live(query_id)
        if is_live and result_type is ResultType.POPULAR:
            raise BadInput("query.popular_live")
        if text is not None:
            checked = check(text)
            there = await self._store.by_text(checked.text)
            if there is not None and there.id != query.id:
                raise BadInput("query.known", id=there.id)
            if is_live and not checked.can_be_live:
                raise BadInput("query.too_long_live", length=len(checked.text))
            query = replace(query, text=checked.text)
        if interval_s is not None:
            query = replace(query, interval_s=_interval(interval_s))
        query = replace(
            query,
            priority=query.priority if priority is None else priority,
            result_type=query.result_type if result_type is None else result_type,
            next_at=self._clock(),
        )
        await self._store.update(query)
        return await self.get(query_id)

    async def pause(self, query_id: int) -> TweetQuery:
        await self._store.set_active(query_id, False, self._clock())
        return await self.get(query_id)

    async def resume(self, query_id: int) -> TweetQuery:
        """Ask it again from the next round on, its errors forgotten."""
        await self._store.set_active(query_id, True, self._clock())
        return await self.get(query_id)

    async def remove(self, query_id: int) -> TweetQuery:
        """Take a query off the list; what it brought stays."""
        query = await self.get(query_id)
        await self._store.remove(query_id)
        return query

    async def test(self, text: str, count: int = SHOWN) -> QueryTest:
        """Ask for one page of the newest tweets, and store it: it was paid for.

        Raises BadInput, or the SourceError that says why there is no answer (BudgetSpent, …).
        """
        checked = check(text)
        page = await self._api.search(checked.text)
        await self._take.take(page.tweets)
        newest = sorted(page.tweets, key=lambda tweet: tweet.post.created_at, reverse=True)
        per_day = _per_day([tweet.post.created_at for tweet in newest], self._clock())
        return QueryTest(
            text=checked.text,
            tweets=tuple(newest[:count]),
            found=len(newest),
            credits=_PRICE.of(page.count),
            per_day=per_day,
            credits_per_day=None if per_day is None else _PRICE.of(per_day),
            problems=checked.problems,
        )

    async def suggestions(self) -> list[Suggestion]:
        """Queries that did not pay in the last week, the dearest first."""
        return judge([line for line in await self.all() if line.query.active])

    async def next_due(self, count: int = SHOWN) -> list[TweetQuery]:
        """The queries that are asked next, in that order."""
        waiting = [q for q in await self._store.all() if q.active and not q.rule_id]
        now = self._clock()
        return sorted(waiting, key=lambda q: (max(q.next_at or now, now), q.priority, q.id))[:count]

    def _day(self, ago: int) -> str:
        """The day so many days ago, as it is written in the ledger."""
        return (self._clock().astimezone(self._zone).date() - timedelta(days=ago)).isoformat()


def judge(lines: Sequence[QueryLine]) -> list[Suggestion]:
    """Which queries are not worth their price, by what all of them brought."""
    whole = sum((line.week for line in lines), QueryYield())
    found: list[Suggestion] = []
    for line in lines:
        week, kind = line.week, None
        if week.credits < _LEAST_SPENT:
            continue
        if not week.kept:
            kind = SuggestionKind.NOTHING_KEPT
        elif week.tweets >= _LEAST_BOUGHT and week.fresh < _OVERLAP * week.tweets:
            kind = SuggestionKind.OVERLAPS
        elif week.credits * whole.kept > _COSTLY * whole.credits * week.kept:
            kind = SuggestionKind.COSTLY
        if kind is not None:
            found.append(Suggestion(kind=kind, query=line.query, week=week))
    return sorted(found, key=lambda one: one.week.credits, reverse=True)


def _interval(seconds: int) -> int:
    if not LEAST_INTERVAL_S <= seconds <= MOST_INTERVAL_S:
        raise BadInput("query.bad_interval", least=LEAST_INTERVAL_S, most=MOST_INTERVAL_S)
    return seconds


def _per_day(newest_first: Sequence[datetime], now: datetime) -> int | None:
    """Tweets a day, from how far back one page of them reaches; more where the newest half says so.

    A page may hold days of silence and then the burst that is going on: that is what will cost.
    """
    if len(newest_first) < 2:
        return None

    def pace(count: int) -> float:
        return count / max(1.0, (now - newest_first[count - 1]).total_seconds())

    whole = len(newest_first)
    half = whole // 2 if whole >= _TELLING else whole
    return round(max(pace(whole), pace(half)) * 86_400)
