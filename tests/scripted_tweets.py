"""A search of tweets in memory that answers as TwitterAPI.io does, its lies included."""

from __future__ import annotations

import bisect
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from bot.errors import SourceDown, SourceError
from bot.models.post import TWITTER_SOURCE_ID, Post, PostKind
from bot.models.tweets import Priority, Tweet, TweetPage, TweetQuery
from bot.services.twitter_answers import Habits
from bot.services.twitter_schedule import Polled, next_poll
from bot.services.twitter_walk import Walk

PAGE = 20
PRICE = 15
START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def tweet(number: int, second: int) -> Tweet:
    """A tweet so many seconds after START."""
    post = Post(
        kind=PostKind.TWEET,
        source_id=TWITTER_SOURCE_ID,
        external_id=str(number),
        created_at=datetime.fromtimestamp(START.timestamp() + second, UTC),
        text=f"توییت {number}",
        author="someone",
        author_id=7,
    )
    return Tweet(post=post)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lies:
    """How often an answer is wrong in each way, 0 to 1."""

    more: float = 0.0  # says that there is more at the end
    no_more: float = 0.0  # a full answer that says that it is all
    short: float = 0.0  # fewer than twenty while there is more, and says so
    hidden: float = 0.0  # … and says that it is all
    empty: float = 0.0  # nothing, though there is something
    stale: float = 0.0  # the answer before, once more
    error: float = 0.0  # no answer, and half of them are charged
    loops: bool = False  # a cursor leads to the same tweets again
    no_cursor: bool = False
    inclusive: bool = False  # until_time takes its own second in


@dataclass(slots=True)
class ScriptedSearch:
    """What is asked of it is charged; `asked` are (since, until, cursor) in seconds after START."""

    tweets: Sequence[Tweet]  # in any order
    lies: Lies = field(default_factory=Lies)
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    spent: int = 0
    requests: int = 0
    asked: list[tuple[int, int, str]] = field(default_factory=list)
    _before: TweetPage | None = None
    _times: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tweets = sorted(
            self.tweets, key=lambda t: (t.post.created_at, int(t.post.external_id))
        )
        self._times = [int(t.post.created_at.timestamp()) for t in self.tweets]

    async def ask(self, since: datetime, until: datetime, cursor: str) -> TweetPage:
        """One page, newest first."""
        self.requests += 1
        zero = int(START.timestamp())
        first, last = int(since.timestamp()), int(until.timestamp())
        self.asked.append((first - zero, last - zero, cursor))
        if self._is(self.lies.error):
            self.spent += PRICE if self._is(0.5) else 0
            raise SourceDown("no answer")
        page = self._page(first, last + self.lies.inclusive, cursor)
        if self._before is not None and self._is(self.lies.stale):
            page = self._before
        elif page.tweets and self._is(self.lies.empty):
            page = TweetPage(tweets=(), has_more=True, cursor=page.cursor)
        self._before = page
        self.spent += PRICE * max(1, page.count)
        return page

    def _page(self, first: int, end: int, cursor: str) -> TweetPage:
        low = bisect.bisect_left(self._times, first)
        high = bisect.bisect_left(self._times, end)
        if cursor:
            high -= int(cursor)  # so many tweets of this very search are passed over
        size = PAGE
        is_hidden = False
        if high - low > 1:
            if self._is(self.lies.short):
                size = self.chance.randrange(1, PAGE)
            elif self._is(self.lies.hidden):
                size, is_hidden = self.chance.randrange(1, PAGE), True
        found = list(reversed(self.tweets[max(low, high - size) : high]))
        left = high - len(found) - low
        has_more = left > 0
        if has_more and (is_hidden or (len(found) == PAGE and self._is(self.lies.no_more))):
            has_more = False
        elif not has_more and self._is(self.lies.more):
            has_more = True
        passed = int(cursor or 0)
        following = passed if self.lies.loops else passed + len(found)
        return TweetPage(
            tweets=tuple(found),
            count=len(found),
            has_more=has_more,
            cursor="" if self.lies.no_cursor or not has_more else str(following),
        )

    def _is(self, share: float) -> bool:
        return share > 0 and self.chance.random() < share


def poisson(
    chance: random.Random, rate: float, span_s: int, *, bursts: bool = False
) -> list[Tweet]:
    """Tweets at a mean rate; with bursts, minutes of three times as many and of few."""
    found: list[Tweet] = []
    at, pace = 0.0, rate
    changes = 0.0
    while True:
        if bursts and at >= changes:
            pace = rate * chance.choice((0.1, 0.5, 1.0, 1.4, 3.0))
            changes = at + chance.uniform(60, 600)
        at += chance.expovariate(pace)
        if at >= span_s:
            return found
        found.append(tweet(len(found) + 1, int(at)))


@dataclass(slots=True)
class Found:
    """What walking a search poll by poll came to."""

    ids: set[str] = field(default_factory=set)
    polls: int = 0
    crowded: int = 0


async def follow(
    search: ScriptedSearch, span_s: int, *, poll_s: int = 300, habits: Habits | None = None
) -> Found:
    """Ask as a collector does until everything up to `span_s` is covered."""
    habits, found = habits or Habits(), Found()
    end = START + timedelta(seconds=span_s)
    query = TweetQuery(
        id=1, text="x", priority=Priority.LOW, interval_s=poll_s, covered_to=START, next_at=START
    )
    while query.covered_to is not None and query.next_at is not None:
        found.polls += 1
        if found.polls > 20_000:
            raise AssertionError("the walk has no end")
        now = query.next_at
        until = min(now, end)
        before, error = len(found.ids), None
        walk = Walk(search.ask, habits, query.covered_to, until, rate=query.rate)
        try:
            while (step := await walk.step()) is not None:
                found.ids.update(tweet.post.external_id for tweet in step.tweets)
                query = replace(query, covered_to=step.covered_to, rate=step.rate)
        except SourceError as failure:
            error = failure
        found.crowded += walk.crowded
        polled = Polled(
            query=query,
            at=now,
            end=until,
            found=len(found.ids) - before,
            is_done=not walk.is_cut_short,
            error=error,
        )
        query = next_poll(polled, 0.5)
        assert query.covered_to is not None
        is_through = query.covered_to >= end or query.empty_in_row >= 2
        if until == end and error is None and not walk.is_cut_short and is_through:
            return found
    raise AssertionError("unreachable")
