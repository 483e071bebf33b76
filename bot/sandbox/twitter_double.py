"""TwitterAPI.io's double: its tweets, people, accounts, rules and troubles, and an ASGI app.

What it holds is made when it is first needed: a sandbox that nobody asks for tweets pays nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bot.sandbox.twitter_faults import TwitterFaults
from bot.sandbox.twitter_ledger import Account, Spent
from bot.sandbox.twitter_people import Crowd, spice

if TYPE_CHECKING:
    from bot.sandbox.connections import Connections
    from bot.sandbox.twitter_door import Receive, Scope, Send
    from bot.sandbox.twitter_forms import TweetForms
    from bot.sandbox.twitter_language import SearchText
    from bot.sandbox.twitter_rules import Rules
    from bot.sandbox.twitter_shelf import Held, Shelf
    from bot.sandbox.twitter_talk import Talk

DEFAULT_TWITTER_KEY = "sandbox-twitter-key"
_FOREVER_MS = 1 << 52
_CATCH_UP_AT_MOST = 20_000
_HELD_AT_MOST = 60_000
_TALKED_ABOUT = 300  # how many of the latest tweets new ones turn to


class TwitterClock:
    """The double's clock: the given one, or `start` and from there `speed` times as fast."""

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        start: datetime | None = None,
        speed: float = 1.0,
    ) -> None:
        self._clock = clock
        self.speed = speed
        self.began = clock()
        self.start = start.timestamp() if start is not None else self.began

    def now_s(self) -> float:
        """Return seconds since 1970."""
        return self.start + self.speed * (self._clock() - self.began)

    def __call__(self) -> datetime:
        """Return the moment."""
        return datetime.fromtimestamp(self.now_s(), UTC)

    def set(self, moment: datetime) -> None:
        """Leap to a moment."""
        self.began, self.start = self._clock(), moment.timestamp()

    def restart(self) -> None:
        """Begin again at `start`; a clock that just follows another one has nothing to begin."""
        if self.speed != 1.0 or self.start != self.began:
            self.began = self._clock()


class TwitterDouble:
    """The service as one object; awaitable as an ASGI app.

    `tweets` is a file of them, or ready ones; None: people of the sandbox's own who go on talking.
    `start` and `speed` make its clock; what is written after that clock is not found yet.
    """

    def __init__(
        self,
        tweets: Path | Iterable[Held] | None = None,
        *,
        clock: Callable[[], float] = time.time,
        start: datetime | None = None,
        speed: float = 1.0,
        seed: int = 7,
        key: str = DEFAULT_TWITTER_KEY,
        credits: int = 1_000_000,
        bonus: int = 0,
        settle_s: float = 0.0,
        is_paced: bool = True,
        index_delay_s: float = 0.0,
        until_is_inclusive: bool = False,
        charges_empty_checks: bool = False,
        ping_s: float = 40.0,
    ) -> None:
        self.clock = TwitterClock(clock, start, speed)
        self.key = key
        self.faults = TwitterFaults(seed)
        self.accounts: dict[str, Account] = {}
        self.add_account(key, credits, bonus, settle_s=settle_s, is_paced=is_paced)
        self._first = (credits, bonus, settle_s, is_paced)
        self.crowd = Crowd()
        self.index_delay_s = index_delay_s
        self.until_is_inclusive = until_is_inclusive
        self.charges_empty_checks = charges_empty_checks
        self.ping_s = ping_s
        self.connections: Connections | None = None
        self._tweets = tweets if tweets is None or isinstance(tweets, Path) else list(tweets)
        self._seed = seed
        self._talk: Talk | None = None
        # The sample posts of this minute are the tweets of the past.
        self.anchor = int(self.clock.now_s()) // 60 * 60

    # Accounts

    def add_account(
        self,
        key: str,
        credits: int = 1_000_000,
        bonus: int = 0,
        *,
        settle_s: float = 0.0,
        is_paced: bool = True,
    ) -> Account:
        """Open an account for another key."""
        account = Account(key, credits, bonus, settle_s=settle_s, is_paced=is_paced)
        self.accounts[key] = account
        return account

    @property
    def account(self) -> Account:
        """The account of the usual key."""
        return self.accounts[self.key]

    @property
    def calls(self) -> list[Spent]:
        """Everything that was charged, or could have been, to the usual key."""
        return self.account.calls

    @property
    def credits_spent(self) -> int:
        """What the usual key has spent, settled or not."""
        return self.account.credits_spent

    @property
    def credits_by_day(self) -> dict[str, int]:
        """The same by day of UTC."""
        return self.account.credits_by_day

    # Tweets

    @cached_property
    def shelf(self) -> Shelf:
        """All tweets, made or read now."""
        from bot.sandbox.twitter_shelf import Shelf

        if self._tweets is None:
            from bot.sandbox.twitter_talk import Talk

            self._talk = Talk(self._seed, self.anchor, self.crowd)
            return Shelf(self._talk.past())
        if isinstance(self._tweets, Path):
            from bot.sandbox.twitter_files import read_tweets

            apart: list[Held] = []
            shelf = Shelf(read_tweets(self._tweets, self.crowd, apart.append))
            for tweet in apart:
                shelf.add_apart(tweet)
            return shelf
        return Shelf(self._tweets)

    @cached_property
    def forms(self) -> TweetForms:
        """How they are written."""
        from bot.sandbox.twitter_forms import TweetForms

        return TweetForms()

    @cached_property
    def rules(self) -> Rules:
        """The filter rules and who is told what they find."""
        from bot.sandbox.twitter_rules import Rules

        return Rules(self)

    def now_ms(self) -> int:
        """Return the double's time, with every tweet written that should be by then."""
        now_ms = int(self.clock.now_s() * 1_000)
        shelf = self.shelf
        talk = self._talk
        if talk is not None:
            talk.skip_to(now_ms - _CATCH_UP_AT_MOST * 5_000)
            while (tweet := talk.next(now_ms, shelf.last(_TALKED_ABOUT))) is not None:
                shelf.add(tweet)
            if len(shelf) > _HELD_AT_MOST:
                shelf.keep_newest(_HELD_AT_MOST // 2)
        return now_ms

    def write(
        self,
        text: str,
        *,
        author: str = "somebody",
        at: datetime | None = None,
        tweet_id: int = 0,
        lang: str = "fa",
        likes: int = 0,
        reply_to: Held | None = None,
        quotes: Held | None = None,
        retweets: Held | None = None,
    ) -> Held:
        """Let somebody write a tweet, now or at another time."""
        from bot.sandbox.twitter_shelf import Held

        now_ms = self.now_ms()
        at_ms = round(at.timestamp() * 1_000) if at is not None else now_ms
        last = self.shelf.last(1)
        number = tweet_id or max(at_ms << 10, last[0].id + 1 if last else 1)
        while not tweet_id and self.shelf.get(number, _FOREVER_MS) is not None:
            number += 1
        held = Held(
            number,
            at_ms,
            text,
            self.crowd.of(author.removeprefix("@")),
            lang=lang,
            likes=likes,
            reply_to=reply_to.author.username if reply_to else "",
            reply_to_id=reply_to.id if reply_to else 0,
            conversation=reply_to.conversation if reply_to else 0,
            quoted=quotes,
            retweeted=retweets,
        )
        self.shelf.add(held)
        return held

    def delete(self, tweet_id: int) -> None:
        """Let a tweet be deleted by its author: nothing shows it any more."""
        tweet = self.shelf.get(tweet_id, _FOREVER_MS)
        if tweet is None:
            raise ValueError(f"no tweet {tweet_id}")
        tweet.is_deleted = True

    def suspend(self, username: str) -> None:
        """Let somebody's account be closed; what they wrote goes with it."""
        person = self.crowd.of(username)
        person.is_suspended = True
        for tweet in self.shelf.all():
            tweet.is_deleted = tweet.is_deleted or tweet.author is person

    # Searching

    def read(self, text: str) -> SearchText:
        """Read a query as of now."""
        from bot.sandbox.twitter_language import read

        now_ms = int(self.clock.now_s() * 1_000)
        return read(text, now_ms=now_ms, until_is_inclusive=self.until_is_inclusive)

    def found(self, query: SearchText, as_of_ms: int, *, since_ms: int = 0) -> Iterator[Held]:
        """Walk through what a query finds, newest first, of what was written by a moment."""
        shelf = self.shelf
        first = max(since_ms, query.since_ms)
        end = min(query.until_ms, as_of_ms + 1)
        fits, delay_ms = query.fits, self.index_delay_s * 1_000
        now_ms = self.clock.now_s() * 1_000
        for tweet in shelf.between(first, end, query.root.places(shelf)):
            if (
                delay_ms
                and tweet.at_ms + delay_ms * (spice(tweet.id, "delay") % 100) / 100 > now_ms
            ):
                continue
            if fits(tweet):
                yield tweet

    def matching(
        self, text: str, since: datetime | None = None, until: datetime | None = None
    ) -> list[Held]:
        """Return all that a search between two moments should bring: since ≤ written < until."""
        query = self.read(text)
        now_ms = self.now_ms()
        end_ms = now_ms if until is None else min(now_ms, round(until.timestamp() * 1_000) - 1)
        since_ms = 0 if since is None else round(since.timestamp() * 1_000)
        return list(self.found(query, end_ms, since_ms=since_ms))

    # Life

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as TwitterAPI.io."""
        from bot.sandbox.twitter_door import answer

        await answer(self, scope, receive, send)

    async def begin(self, connections: Connections) -> None:
        """Be ready to answer: a file is read first, and only then does its clock go."""
        self.connections = connections
        if self._tweets is not None:
            await asyncio.to_thread(lambda: self.shelf)
        self.clock.restart()

    def reset(self) -> None:
        """Be as on the first day: tweets, people, trouble, the usual key's money; rules rest."""
        credits, bonus, settle_s, is_paced = self._first
        self.accounts.clear()
        self.add_account(self.key, credits, bonus, settle_s=settle_s, is_paced=is_paced)
        self.faults.clear()
        self.crowd = Crowd()
        for made in ("shelf", "forms"):
            self.__dict__.pop(made, None)
        if "rules" in self.__dict__:
            self.rules.clear()

    async def stop(self) -> None:
        """End what runs on its own."""
        if "rules" in self.__dict__:
            await self.rules.stop()
