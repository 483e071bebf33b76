"""TwitterAPI.io: searches, people, timelines and filter rules, each answer paid for once.

The road of a question: the cache, where its kind of answer is kept for a while; one flight for all
who ask the same at the same time; money set aside; the wait for a departure; the request; what it
cost, booked (twitter_paying.py). Nothing that is an error is ever kept.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import orjson

from bot.errors import KeyRefused, SourceError, SourceGone, SourceRefused
from bot.models.tweets import Balance, FilterRule, PeoplePage, PlaceTrend, Profile, TweetPage
from bot.ports import Clock
from bot.services import twitter_questions as questions
from bot.services.cache_service import CacheService
from bot.services.flights import Flights
from bot.services.twitter_budget import Budget
from bot.services.twitter_http import TIMEOUT_S, TwitterHttp
from bot.services.twitter_paying import Payer
from bot.services.twitter_prices import IDS_AT_ONCE, SEARCHES_AT_ONCE
from bot.services.twitter_questions import Question
from bot.services.twitter_questions import SearchAsked as SearchAsked
from bot.services.twitter_tweets import SERVICE
from bot.utils.secrets import Secret
from bot.utils.times import utc_now

T = TypeVar("T")
N = TypeVar("N")

IRAN = 23424851  # the number of a place, as Yahoo once gave them
_NOBODY = re.compile(
    r"(?!HTTP \d).*(?:not found|no such|not exist|suspended|unavailable)", re.IGNORECASE
)


class TwitterApi:
    """The service, for one key. Every method raises the SourceError that tells what is known.

    `fresh` passes the cache by; what comes is kept all the same.
    """

    def __init__(
        self,
        base_url: str,
        key: Secret,
        budget: Budget,
        cache: CacheService,
        *,
        proxy: str = "",
        timeout_s: float = TIMEOUT_S,
        clock: Clock = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.has_key = bool(key)
        self._base_url = base_url
        self._budget = budget
        self._cache = cache
        self._clock = clock
        self._http = TwitterHttp(base_url, key, proxy=proxy, timeout_s=timeout_s)
        self._payer = Payer(self._http, budget, clock=clock, sleep=sleep)
        self._flights = Flights()

    async def close(self) -> None:
        """What is being asked is given up; what that costs is found out later."""
        await self._flights.close()
        await self._http.close()

    async def search(
        self,
        text: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        popular: bool = False,
        cursor: str = "",
        query_id: int = 0,
        cached: timedelta | None = None,
    ) -> TweetPage:
        """Tweets written from `since` on and before `until`; the newest first, or the best."""
        asked = SearchAsked(text=text, since=since, until=until, popular=popular, cursor=cursor)
        return await self._ask(questions.search(asked, cached), query_id=query_id)

    async def search_many(
        self, asked: Sequence[SearchAsked], *, query_id: int = 0
    ) -> list[TweetPage | SourceError]:
        """Several searches in one request, answered in their order; each may fail alone."""
        pages: list[TweetPage | SourceError] = []
        for some in _in_parts(asked, SEARCHES_AT_ONCE):
            found = await self._ask(questions.bulk(some), query_id=query_id)
            pages.extend(found)
        return pages

    async def user(self, username: str, *, fresh: bool = False) -> Profile:
        """A person by name; SourceGone when there is nobody of that name."""
        try:
            return await self._ask(questions.user(username), fresh=fresh)
        except SourceRefused as error:
            # A failure inside a good answer; a wrong address or key is another thing.
            if type(error) is SourceRefused and _NOBODY.match(str(error)):
                raise SourceGone(str(error), source=SERVICE) from error
            raise

    async def users(self, ids: Iterable[int]) -> PeoplePage:
        """People by their numbers; who is not there any more is left out."""
        wanted = list(dict.fromkeys(map(str, ids)))
        pages = [await self._ask(questions.users(some)) for some in _in_parts(wanted, IDS_AT_ONCE)]
        return PeoplePage(
            people=tuple(person for page in pages for person in page.people),
            count=sum(page.count for page in pages),
            bad=sum(page.bad for page in pages),
        )

    async def timeline(
        self, username: str, *, cursor: str = "", replies: bool = False, fresh: bool = False
    ) -> TweetPage:
        """What a person wrote last, the newest first (a pinned tweet before that)."""
        return await self._ask(questions.timeline(username, cursor, replies=replies), fresh=fresh)

    async def tweets(self, ids: Iterable[str], *, fresh: bool = False) -> TweetPage:
        """Tweets by their ids; those that are gone are left out."""
        wanted = list(dict.fromkeys(ids))
        pages = [
            await self._ask(questions.tweets(some), fresh=fresh)
            for some in _in_parts(wanted, IDS_AT_ONCE)
        ]
        return TweetPage(
            tweets=tuple(tweet for page in pages for tweet in page.tweets),
            count=sum(page.count for page in pages),
            bad=sum(page.bad for page in pages),
        )

    async def replies(self, tweet_id: str, cursor: str = "") -> TweetPage:
        """Answers to the tweet that began a conversation, the newest first."""
        return await self._ask(questions.replies(tweet_id, cursor))

    async def quotes(self, tweet_id: str, cursor: str = "") -> TweetPage:
        """Tweets that quote this one."""
        return await self._ask(questions.quotes(tweet_id, cursor))

    async def mentions(
        self,
        username: str,
        since: datetime | None = None,
        until: datetime | None = None,
        cursor: str = "",
    ) -> TweetPage:
        """Tweets that name a person."""
        return await self._ask(questions.mentions(username, since, until, cursor))

    async def followers(self, username: str, cursor: str = "") -> PeoplePage:
        """Who follows a person, the latest first; 200 a page."""
        return await self._ask(questions.follows("followers", username, cursor))

    async def followings(self, username: str, cursor: str = "") -> PeoplePage:
        """Whom a person follows; 200 a page."""
        return await self._ask(questions.follows("followings", username, cursor))

    async def trends(
        self, woeid: int = IRAN, count: int = questions.TRENDS_LEAST
    ) -> list[PlaceTrend]:
        """What X says trends in a place."""
        return await self._ask(questions.trends(woeid, count))

    async def balance(self) -> Balance:
        """The credits left. Free, and the budget learns of it too."""

        async def look() -> Balance:
            found = (await self._payer.ask(self._checked(questions.balance()))).value
            await self._budget.saw_balance(found)
            return found

        return await self._flights.join("balance", look)

    async def rules(self) -> list[FilterRule]:
        """The filter rules of this key."""
        return await self._ask(questions.rules())

    async def add_rule(self, tag: str, value: str, interval_s: float) -> FilterRule:
        """A new rule. It finds nothing, and costs nothing, until it is made active."""
        rule_id = await self._order(questions.add_rule(tag, value, interval_s))
        return FilterRule(id=rule_id, tag=tag, value=value, interval_s=interval_s, active=False)

    async def update_rule(self, rule: FilterRule) -> None:
        """Make the rule of this id what is given, all of it."""
        await self._order(questions.update_rule(rule))

    async def delete_rule(self, rule_id: str) -> None:
        """Take a rule away; SourceRefused when there is none of this id."""
        await self._order(questions.delete_rule(rule_id))

    async def _ask(self, question: Question[T], *, fresh: bool = False, query_id: int = 0) -> T:
        """The answer from the cache, from a flight under way, or bought."""
        name = self._name(question)
        kept = question.kept

        async def find() -> T:
            if kept is not None and not fresh:
                known = await self._known(name, question)
                if known is not None:
                    return known
            bought = await self._payer.ask(self._checked(question), query_id)
            if kept is not None:
                await self._cache.put(name, bought.body, kept)
            return bought.value

        # Who wants it fresh does not join those who look into the cache.
        return await self._flights.join(f"{name} {kept} {fresh}", find)

    async def _known(self, name: str, question: Question[T]) -> T | None:
        body = await self._cache.get(name)
        if body is None:
            return None
        try:
            return question.read(body, self._clock())
        except SourceError:  # kept by a version that understood it
            await self._cache.forget(name)
            return None

    async def _order(self, question: Question[T]) -> T:
        """Something that changes what is there: never shared, never kept."""
        return (await self._payer.ask(self._checked(question))).value

    def _checked(self, question: Question[T]) -> Question[T]:
        if not self.has_key:
            raise KeyRefused("there is no key of TwitterAPI.io", source=SERVICE)
        return question

    def _name(self, question: Question[T]) -> str:
        """The same for the same question to the same service."""
        request = question.request
        asked = orjson.dumps(dict(request.params), option=orjson.OPT_SORT_KEYS) + request.content
        return f"x-{question.endpoint}:{self._base_url}{request.path} {asked.decode()}"


def _in_parts(items: Sequence[N], at_once: int) -> Iterator[Sequence[N]]:
    for start in range(0, len(items), at_once):
        yield items[start : start + at_once]
