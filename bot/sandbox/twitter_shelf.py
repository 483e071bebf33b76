"""The tweets the double holds, ordered by time, with an index from words, names and ids to them."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge

from bot.sandbox.twitter_people import Person, spice

_WORD = re.compile(r"[\w\u200c\u064b-\u0655\u0670]+")
_ADDRESS = re.compile(r"https?://\S+")
TAG = re.compile(r"[#＃](\w[\w\u200c]*)")
NAME = re.compile(r"(?<!\w)[@＠]([A-Za-z0-9_]{1,20})\b")


def words_of(text: str) -> list[str]:
    """Split a text into what a search compares: folded words, no addresses."""
    return _WORD.findall(_ADDRESS.sub(" ", text).casefold())


@dataclass(slots=True, eq=False)
class Held:
    """One tweet. `words` is its folded text between blanks; `media` is photo, video or nothing."""

    id: int
    at_ms: int
    text: str
    author: Person
    lang: str = "fa"
    likes: int = 0
    retweets: int = 0
    replies: int = 0
    quotes: int = 0
    media: str = ""
    page: str = ""  # where the link in the text leads
    reply_to_id: int = 0
    reply_to: str = ""
    conversation: int = 0
    quoted: Held | None = None
    retweeted: Held | None = None
    more_tags: tuple[str, ...] = ()  # tags beyond the text's end, where a text was cut
    is_deleted: bool = False
    words: str = field(default="", init=False)
    tags: frozenset[str] = field(default=frozenset(), init=False)
    names: frozenset[str] = field(default=frozenset(), init=False)

    def __post_init__(self) -> None:
        """Make what searches look at."""
        self.words = f" {' '.join(words_of(self.text))} "
        tags = [*TAG.findall(self.text), *self.more_tags]
        self.tags = frozenset(tag.casefold() for tag in tags)
        self.names = frozenset(name.casefold() for name in NAME.findall(self.text))
        self.conversation = self.conversation or self.id

    @property
    def views(self) -> int:
        """How often it was seen."""
        return self.likes * 37 + self.retweets * 11 + spice(self.id, "views") % 900

    @property
    def order(self) -> tuple[int, int]:
        """Its place in time; the id decides within a millisecond."""
        return self.at_ms, self.id

    def keys(self) -> Iterator[str]:
        """Name everything it can be found by."""
        yield from set(self.words.split())
        yield from (f"#{tag}" for tag in self.tags)
        yield from (f"@{name}" for name in self.names)
        yield f"from:{self.author.username.casefold()}"
        yield f"conversation_id:{self.conversation}"
        if self.reply_to:
            yield f"to:{self.reply_to.casefold()}"
            yield f"reply:{self.reply_to_id}"
        if self.quoted is not None:
            yield f"quote:{self.quoted.id}"
        if self.retweeted is not None:
            yield f"retweet:{self.retweeted.id}"


class Shelf:
    """Tweets in order of time. Adding a later one is cheap, an earlier one builds anew."""

    def __init__(self, tweets: Iterable[Held] = ()) -> None:
        self._tweets: list[Held] = []
        self._times: list[int] = []
        self._places: dict[str, list[int]] = {}
        self._by_id: dict[int, Held] = {}
        self._apart: dict[int, Held] = {}
        for tweet in sorted(tweets, key=lambda held: held.order):
            self._append(tweet)

    def __len__(self) -> int:
        """Return how many can be found by searching."""
        return len(self._tweets)

    def _append(self, tweet: Held) -> None:
        place = len(self._tweets)
        self._tweets.append(tweet)
        self._times.append(tweet.at_ms)
        self._by_id[tweet.id] = tweet
        for key in tweet.keys():  # noqa: SIM118 - not a mapping
            self._places.setdefault(key, []).append(place)

    def _rebuild(self, tweets: Sequence[Held]) -> None:
        self._tweets, self._times, self._places, self._by_id = [], [], {}, {}
        for tweet in tweets:
            self._append(tweet)

    def add(self, tweet: Held) -> None:
        """Put a tweet in its place."""
        if not self._tweets or tweet.order > self._tweets[-1].order:
            self._append(tweet)
            return
        self._rebuild(sorted([*self._tweets, tweet], key=lambda held: held.order))

    def add_apart(self, tweet: Held) -> None:
        """Keep a tweet that is found by its id alone: somebody quoted or passed it on."""
        self._apart.setdefault(tweet.id, tweet)

    def keep_newest(self, count: int) -> None:
        """Forget the oldest."""
        self._rebuild(self._tweets[-count:])

    def get(self, tweet_id: int, now_ms: int) -> Held | None:
        """Return a tweet by its id, unless it was deleted or is not written yet."""
        tweet = self._by_id.get(tweet_id) or self._apart.get(tweet_id)
        return None if tweet is None or tweet.is_deleted or tweet.at_ms > now_ms else tweet

    def last(self, count: int) -> list[Held]:
        """Return the newest, oldest of them first."""
        return self._tweets[-count:]

    def all(self) -> list[Held]:
        """Return every one that can be found by searching, oldest first."""
        return self._tweets

    def places(self, key: str) -> list[int]:
        """Return the places of what has this key, in order."""
        return self._places.get(key, [])

    def between(
        self, since_ms: int, until_ms: int, lists: Sequence[list[int]] | None = None
    ) -> Iterator[Held]:
        """Walk from the newest to the oldest of [since, until): all, or what is in the lists."""
        first, end = bisect_left(self._times, since_ms), bisect_left(self._times, until_ms)
        tweets = self._tweets
        if lists is None or end - first <= sum(len(places) for places in lists):
            # Fewer lie in this time than are listed: no need of the index.
            yield from (tweets[place] for place in range(end - 1, first - 1, -1))
            return
        last = -1
        parts = [_downwards(places, first, end) for places in lists]
        for place in parts[0] if len(parts) == 1 else merge(*parts, reverse=True):
            if place != last:
                yield tweets[place]
            last = place


def _downwards(places: list[int], first: int, end: int) -> Iterator[int]:
    low, high = bisect_left(places, first), bisect_left(places, end)
    return (places[nth] for nth in range(high - 1, low - 1, -1))
