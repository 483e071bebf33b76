"""The search language of X: words, phrases, OR, parentheses, minus, and operators with a colon.

Neighbours all have to fit and bind closer than OR. What is no operator is searched for as words;
a filter nobody knows fits nothing. Half-open quotes and parentheses end with the text, as on X.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from bot.sandbox.twitter_shelf import Held, Shelf, words_of

LONGEST = 512
FOREVER_MS = 1 << 52
_TOKEN = re.compile(r'-?(?:[A-Za-z_]+:)?"[^"]*"?|-?\(|\)|[^\s()"]+')
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:_(\d\d):(\d\d):(\d\d)_UTC)?")
_WITHIN = re.compile(r"(\d+)([smhd])")
_UNIT_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

Fits = Callable[[Held], bool]


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a query. `key`, when set, is what the index knows every fitting tweet by."""

    fits: Fits
    key: str = ""
    since_ms: int = 0
    until_ms: int = FOREVER_MS
    all_of: tuple[Node, ...] = ()
    any_of: tuple[Node, ...] = ()

    def places(self, shelf: Shelf) -> list[list[int]] | None:
        """Return lists of where fitting tweets can be at all; None: anywhere."""
        if self.key:
            return [shelf.places(self.key)]
        if self.all_of:
            found = [places for part in self.all_of if (places := part.places(shelf)) is not None]
            return min(found, key=_size) if found else None
        if self.any_of:
            merged: list[list[int]] = []
            for part in self.any_of:
                places = part.places(shelf)
                if places is None:
                    return None
                merged += places
            return merged
        return None


def _size(lists: list[list[int]]) -> int:
    return sum(len(places) for places in lists)


@dataclass(frozen=True)
class SearchText:
    """A query that was read: where in time to look, and what fits."""

    root: Node
    wants_retweets: bool
    is_of_people: bool

    @cached_property
    def since_ms(self) -> int:
        """The earliest moment that can fit."""
        return max([self.root.since_ms, *(part.since_ms for part in self.root.all_of)])

    @cached_property
    def until_ms(self) -> int:
        """The first moment that cannot fit any more."""
        return min([self.root.until_ms, *(part.until_ms for part in self.root.all_of)])

    def fits(self, tweet: Held) -> bool:
        """Say whether a tweet is found."""
        if tweet.is_deleted:
            return False
        # A search for what people write does not show what they merely pass on.
        if tweet.retweeted is not None and self.is_of_people and not self.wants_retweets:
            return False
        return self.root.fits(tweet)


def read(text: str, *, now_ms: int = FOREVER_MS, until_is_inclusive: bool = False) -> SearchText:
    """Read a query; whatever is written can be read."""
    tokens = _TOKEN.findall(text)
    reader = _Reader(tokens, now_ms, until_is_inclusive)
    root = _flat(reader.any_of())
    names = {token.lstrip("-(").casefold() for token in tokens}
    return SearchText(
        root,
        wants_retweets=bool(names & {"filter:nativeretweets", "include:nativeretweets"}),
        is_of_people=any(name.startswith("from:") for name in names),
    )


def _flat(node: Node) -> Node:
    """Lift what must fit anyway out of needless parentheses."""
    if not node.all_of:
        return node
    parts: list[Node] = []
    for part in node.all_of:
        lifted = _flat(part)
        parts += lifted.all_of or (lifted,)
    return _all(parts)


def _all(parts: Sequence[Node]) -> Node:
    if len(parts) == 1:
        return parts[0]
    checks = tuple(part.fits for part in parts)
    return Node(lambda tweet: all(fits(tweet) for fits in checks), all_of=tuple(parts))


def _any(parts: Sequence[Node]) -> Node:
    if len(parts) == 1:
        return parts[0]
    checks = tuple(part.fits for part in parts)
    return Node(lambda tweet: any(fits(tweet) for fits in checks), any_of=tuple(parts))


_NOTHING = Node(lambda _: False)
_ANYTHING = Node(lambda _: True)


class _Reader:
    def __init__(self, tokens: list[str], now_ms: int, until_is_inclusive: bool) -> None:
        self._tokens = tokens
        self._at = 0
        self._now_ms = now_ms
        self._inclusive = until_is_inclusive

    def any_of(self) -> Node:
        parts = [self._all_of()]
        while self._at < len(self._tokens) and self._tokens[self._at] == "OR":
            self._at += 1
            parts.append(self._all_of())
        return _any([part for part in parts if part is not _ANYTHING] or [_ANYTHING])

    def _all_of(self) -> Node:
        parts: list[Node] = []
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token in {"OR", ")"}:
                break
            self._at += 1
            if token == "AND":  # noqa: S105 - a word of the language
                continue
            parts.append(self._one(token))
        return _all(parts) if parts else _ANYTHING

    def _one(self, token: str) -> Node:
        if token in {"(", "-("}:
            inner = self.any_of()
            if self._at < len(self._tokens) and self._tokens[self._at] == ")":
                self._at += 1
            return _not(inner) if token == "-(" else inner  # noqa: S105 - a parenthesis
        if token.startswith("-") and len(token) > 1:
            return _not(self._plain(token[1:]))
        return self._plain(token)

    def _plain(self, token: str) -> Node:
        name, colon, value = token.partition(":")
        if colon and value and name.isascii() and not token.startswith(('"', "#", "@")):
            made = self._operator(name.casefold(), value.strip('"'))
            if made is not None:
                return made
        if token.startswith(("#", "＃")) and len(token) > 1:
            tag = token[1:].casefold()
            return Node(lambda tweet: tag in tweet.tags, key=f"#{tag}")
        if token.startswith(("@", "＠")) and len(token) > 1:
            person = token[1:].casefold()
            return Node(lambda tweet: person in tweet.names, key=f"@{person}")
        return _phrase(token.strip('"'))

    def _operator(self, name: str, value: str) -> Node | None:
        if name in _KEYED:
            key, of = _KEYED[name]
            wanted = value.removeprefix("@").casefold()
            return Node(lambda tweet: of(tweet) == wanted, key=f"{key}:{wanted}")
        if name in _LEAST and value.isdecimal():
            count, least = _LEAST[name], int(value)
            return Node(lambda tweet: count(tweet) >= least)
        if name == "lang":
            return Node(lambda tweet: tweet.lang == value)
        if name == "filter":
            fits = _FILTERS.get(value.casefold())
            return Node(fits) if fits else _NOTHING
        if name == "include":
            return _ANYTHING
        if name == "list":
            return _NOTHING
        if name == "url":
            part = value.casefold()
            return Node(lambda tweet: part in tweet.page.casefold())
        if name in {"since_id", "max_id"} and value.isdecimal():
            number = int(value)
            if name == "since_id":
                return Node(lambda tweet: tweet.id > number)
            return Node(lambda tweet: tweet.id <= number)
        return self._time(name, value)

    def _time(self, name: str, value: str) -> Node | None:
        moment = self._moment(name, value)
        if moment is None:
            return None
        if name.startswith("until"):
            is_inclusive = self._inclusive and name == "until_time"
            end = moment + 1_000 if is_inclusive else moment
            return Node(lambda tweet: tweet.at_ms < end, until_ms=end)
        return Node(lambda tweet: tweet.at_ms >= moment, since_ms=moment)

    def _moment(self, name: str, value: str) -> int | None:
        if name in {"since_time", "until_time"} and value.isdecimal():
            return min(int(value) * 1_000, FOREVER_MS)
        if name in {"since", "until"} and (found := _DATE.fullmatch(value)):
            try:
                parts = [int(part) for part in found.groups() if part is not None]
                return int(datetime(*parts, tzinfo=UTC).timestamp() * 1_000)  # type: ignore[arg-type,misc]  # 3 or 6 numbers
            except ValueError:
                return None
        if name == "within_time" and (within := _WITHIN.fullmatch(value)):
            return self._now_ms - int(within[1]) * _UNIT_S[within[2]] * 1_000
        return None


def _not(node: Node) -> Node:
    fits = node.fits
    return Node(lambda tweet: not fits(tweet))


def _phrase(text: str) -> Node:
    words = words_of(text)
    if not words:
        # A smiley, or an address: nothing the index knows.
        return Node(lambda tweet: text in tweet.text) if text else _ANYTHING
    wanted = f" {' '.join(words)} "
    # The index knows single words; of a phrase, the longest one is the rarest guess.
    return Node(lambda tweet: wanted in tweet.words, key=max(words, key=len))


_KEYED: dict[str, tuple[str, Callable[[Held], str]]] = {
    "from": ("from", lambda tweet: tweet.author.username.casefold()),
    "to": ("to", lambda tweet: tweet.reply_to.casefold()),
    "conversation_id": ("conversation_id", lambda tweet: str(tweet.conversation)),
    "quoted_tweet_id": ("quote", lambda tweet: str(tweet.quoted.id) if tweet.quoted else ""),
    "in_reply_to_tweet_id": ("reply", lambda tweet: str(tweet.reply_to_id or "")),
    "retweets_of_tweet_id": (
        "retweet",
        lambda tweet: str(tweet.retweeted.id) if tweet.retweeted else "",
    ),
}
_LEAST: dict[str, Callable[[Held], int]] = {
    "min_faves": lambda tweet: tweet.likes,
    "min_retweets": lambda tweet: tweet.retweets,
    "min_replies": lambda tweet: tweet.replies,
}
_FILTERS: dict[str, Fits] = {
    "replies": lambda tweet: bool(tweet.reply_to),
    "self_threads": lambda tweet: tweet.reply_to == tweet.author.username,
    "links": lambda tweet: bool(tweet.page) or "https://t.co/" in tweet.text,
    "media": lambda tweet: bool(tweet.media),
    "images": lambda tweet: tweet.media == "photo",
    "videos": lambda tweet: tweet.media == "video",
    "nativeretweets": lambda tweet: tweet.retweeted is not None,
    "retweets": lambda tweet: tweet.retweeted is not None,
    "quote": lambda tweet: tweet.quoted is not None,
    "hashtags": lambda tweet: bool(tweet.tags),
    "verified": lambda tweet: tweet.author.traits["kind"] in {"person", "Business", "Government"},
    "blue_verified": lambda tweet: tweet.author.traits["kind"] == "blue",
}
