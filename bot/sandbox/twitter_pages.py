"""Pages of a long list, their cursors, and the lies about them."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Any, Generic, TypeVar

from bot.sandbox.twitter_faults import TwitterFaultKind

Item = TypeVar("Item")
PAGE = 20
_DOUBLED = 3


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins, where the one before it began, and the moment of the first page."""

    offset: int = 0
    previous: int = 0
    as_of_ms: int = 0
    salt: int = 0

    def __str__(self) -> str:
        """Write it so that nobody is tempted to count."""
        values = [self.offset, self.previous, self.as_of_ms, self.salt]
        return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Cursor | None:
        """Read one of ours back; None for anything else."""
        try:
            padded = text + "=" * (-len(text) % 4)
            values = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
            return cls(*(int(value) for value in values))
        except (binascii.Error, ValueError, TypeError):
            return None


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page as it will be told, truly or not."""

    items: list[Item]
    has_more: bool
    cursor: str

    def told(self) -> dict[str, Any]:
        """Return the two fields every paged answer has."""
        return {"has_next_page": self.has_more, "next_cursor": self.cursor}


def turn_page(
    list_items: Callable[[int], Iterable[Item]],
    cursor: Cursor | None,
    now_ms: int,
    lies: set[TwitterFaultKind],
    rng: Random,
    size: int = PAGE,
) -> Page[Item]:
    """Take a page of what `list_items` returns as of a moment, with the lies that were ordered."""
    kind = TwitterFaultKind
    here = cursor or Cursor(as_of_ms=now_ms)
    offset, take = here.offset, size
    if cursor is not None and kind.CURSOR_LOOP in lies:
        offset = 0
    elif cursor is not None and kind.REPEATED_PAGE in lies:
        offset = here.previous
    if kind.SHORT_PAGE in lies:
        take = rng.randint(max(1, size // 2), size - 1)
    if kind.DOUBLED_TWEETS in lies:
        take = min(take, size - _DOUBLED)
    got = list(islice(list_items(here.as_of_ms), offset, offset + take + 1))
    has_more = len(got) > take
    got = got[:take]
    following = Cursor(here.offset + take, here.offset, here.as_of_ms, rng.randrange(1 << 20))
    if cursor is not None and kind.CURSOR_LOOP in lies:
        following = cursor
        has_more = True
    elif cursor is not None and kind.REPEATED_PAGE in lies:
        following = Cursor(here.offset, here.previous, here.as_of_ms, rng.randrange(1 << 20))
        has_more = True
    if kind.EMPTY_PAGE in lies:
        has_more, got = has_more or bool(got), []
    if kind.DOUBLED_TWEETS in lies:
        got += got[:_DOUBLED]
    if kind.NO_MORE in lies:
        has_more = False
    if has_more:
        return Page(got, True, str(following))
    if kind.MORE_AT_END in lies:
        return Page(got, True, "" if rng.random() < 0.5 else str(following))
    return Page(got, False, "")
