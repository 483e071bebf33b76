"""Reading the search index so that no query takes long, however common its words.

What may read far goes from one unit of time to the next, the newest (or oldest) first. When
patience runs out a search stops, and says how far it came; a count takes samples of what is left.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

from bot.services.search_expression import Expression
from bot.services.search_file import (
    FIRST_KEY,
    HOUR_MS,
    LAST_KEY,
    MOODS,
    TIME_BITS,
    UNITS_MS,
    SearchFile,
    first_key,
    unit_mark,
)

SEARCH_PATIENCE_S = 0.05  # then no further unit is begun; the last one takes up to 20 ms
COUNT_PATIENCE_S = 0.04
LARGEST_UNIT = 65_536  # posts; a unit that holds more is read in smaller ones, down to hours
RARE = 2000  # posts; a word that fewer hold makes any query quick
SAMPLES = 48  # hours, when not everything is counted

# A sum of moods has 20 bits for each of three, so that one aggregate brings them all.
_MOOD_BITS = 20
_DOWN, _UP = "ORDER BY rowid DESC", "ORDER BY rowid"
_AT_ONCE = 32_768  # posts counted by one statement; a statement cannot be broken off
_RANGES_AT_ONCE = 128
_RANGES = (
    "WITH s(n, m, a, b) AS MATERIALIZED (SELECT key, json_extract(value, '$[0]'), "
    "json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each(?)) SELECT n, ("
    "SELECT {what} FROM fts WHERE fts MATCH m AND rowid BETWEEN a AND b) FROM s"
)
_COUNT = _RANGES.format(what="COUNT(*)")
_MOOD_SUM = _RANGES.format(
    what="COUNT(*) || ' ' || COALESCE(SUM(CASE rowid & 3 WHEN 0 THEN 0 "
    f"ELSE 1 << ({_MOOD_BITS} * ((rowid & 3) - 1)) END), 0)"
)


@dataclass(frozen=True, slots=True)
class Range:
    """Keys of one unit of time, or a part of one, and about how many posts lie there."""

    first: int
    last: int
    posts: float
    mark: str


@dataclass(slots=True)
class Tally:
    """Matching posts of a span; by mood in the order of MOODS, if moods were asked for."""

    posts: float = 0.0
    moods: list[float] = field(default_factory=lambda: [0.0] * len(MOODS))
    is_estimate: bool = False

    def add(self, posts: int, moods: int, times: float) -> None:
        self.posts += posts * times
        for place in range(1, len(MOODS)):
            count = (moods >> (_MOOD_BITS * (place - 1))) & ((1 << _MOOD_BITS) - 1)
            self.moods[place] += count * times


_Piece = tuple[int, Range, float]  # the place of its span, what is read, and what it stands for


class Scanner:
    def __init__(
        self,
        file: SearchFile,
        search_patience_s: float = SEARCH_PATIENCE_S,
        count_patience_s: float = COUNT_PATIENCE_S,
    ) -> None:
        self._file = file
        self._search_patience_s = search_patience_s
        self._count_patience_s = count_patience_s

    async def newest(
        self, expression: Expression, first: int, last: int, limit: int
    ) -> tuple[list[int], int | None]:
        """The highest matching keys, highest first; and the key that the search came down to.

        That is None when it saw all it had to.
        """
        if expression.is_simple:
            return await self._page(expression.match(), first, last, limit, _DOWN), None
        began = time.monotonic()
        found: list[int] = []
        is_first = True
        async for unit in self._units(first, last, downwards=True):
            if not is_first and time.monotonic() - began > self._search_patience_s:
                return found, unit.last + 1
            match, left = expression.match(unit.mark), limit - len(found)
            found += await self._page(match, unit.first, unit.last, left, _DOWN)
            left = limit - len(found)
            if left <= 0:
                break
            if is_first and await self.is_quick(expression):
                match = expression.match()
                found += await self._page(match, first, unit.first - 1, left, _DOWN)
                break
            is_first = False
        return found, None

    async def oldest(self, expression: Expression, first: int, last: int) -> int | None:
        """The lowest matching key; None also when finding it takes too long."""
        if await self.is_quick(expression):
            return next(iter(await self._page(expression.match(), first, last, 1, _UP)), None)
        began = time.monotonic()
        async for unit in self._units(first, last, downwards=False):
            if time.monotonic() - began > self._search_patience_s:
                return None
            match = expression.match(unit.mark)
            if page := await self._page(match, unit.first, unit.last, 1, _UP):
                return page[0]
        return None

    async def is_quick(self, expression: Expression) -> bool:
        """Whether nothing, or not much, is read in vain."""
        if expression.is_simple:
            return True
        for word in expression.needed:
            if await self.holders(word, RARE) < RARE:
                return True
        return False

    async def holders(self, word: str, most: int) -> int:
        """How many posts hold a word; no more than `most` are counted."""
        rows = await self._file.fetch_all(
            "SELECT COUNT(*) FROM (SELECT rowid FROM fts WHERE fts MATCH ? LIMIT ?)",
            (f'"{word}"', most),
        )
        return int(rows[0][0])

    async def size(self, first: int = FIRST_KEY, last: int = LAST_KEY) -> int:
        """About how many posts lie between two keys: whole hours are counted."""
        size_ms = UNITS_MS[-1] if (first, last) == (FIRST_KEY, LAST_KEY) else HOUR_MS
        rows = await self._file.fetch_all(
            "SELECT SUM(docs) FROM units WHERE size=? AND number BETWEEN ? AND ?",
            (size_ms, *_numbers(first, last, size_ms)),
        )
        return int(rows[0][0] or 0)

    async def tally(
        self, expression: Expression, spans: Sequence[tuple[int, int]], *, moods: bool = False
    ) -> list[Tally]:
        """How many posts match in each span of keys; the spans follow each other in order."""
        tallies = [Tally() for _ in spans]
        is_quick = await self.is_quick(expression)
        left = await self._pieces(spans, UNITS_MS[-1])
        began = time.monotonic()
        while left and time.monotonic() - began <= self._count_patience_s:
            group = _take_last(left)
            await self._count(expression, _joined(group) if is_quick else group, tallies, moods)
        if left:
            await self._estimate(expression, spans, left, tallies, moods)
        return tallies

    async def _estimate(
        self,
        expression: Expression,
        spans: Sequence[tuple[int, int]],
        left: Sequence[_Piece],
        tallies: Sequence[Tally],
        moods: bool,
    ) -> None:
        """Count in hours spread evenly over what is left, and take the rest to be like them."""
        places = {place: part.last for place, part, _ in left}  # the last piece of each span
        rest = [(spans[place][0], last) for place, last in places.items()]
        hours: dict[int, list[Range]] = {}
        for number, part, _ in await self._pieces(rest, HOUR_MS):
            hours.setdefault(number, []).append(part)
        most = max(1, SAMPLES // len(places))
        sampled: list[_Piece] = []
        for number, place in enumerate(places):
            parts = hours.get(number, [])
            chosen = _spread(parts, most)
            read = sum(part.posts for part in chosen)
            times = sum(part.posts for part in parts) / read if read else 1.0
            tallies[place].is_estimate = len(chosen) < len(parts)
            sampled += [(place, part, times) for part in chosen]
        while sampled:
            await self._count(expression, _take_last(sampled), tallies, moods)

    async def _count(
        self,
        expression: Expression,
        pieces: Sequence[_Piece],
        tallies: Sequence[Tally],
        moods: bool,
    ) -> None:
        asked = [
            (expression.match("" if expression.is_simple else part.mark), part.first, part.last)
            for _, part, _ in pieces
        ]
        rows = await self._file.fetch_all(_MOOD_SUM if moods else _COUNT, (json.dumps(asked),))
        for number, value in rows:
            place, _, times = pieces[number]
            posts, _, of_moods = str(value).partition(" ")
            tallies[place].add(int(posts), int(of_moods or 0), times)

    async def _page(self, match: str, first: int, last: int, limit: int, order: str) -> list[int]:
        rows = await self._file.fetch_all(
            f"SELECT rowid FROM fts WHERE fts MATCH ? AND rowid BETWEEN ? AND ? {order} LIMIT ?",  # noqa: S608 - the order is ours
            (match, first, last, limit),
        )
        return [int(row[0]) for row in rows]

    async def _pieces(self, spans: Sequence[tuple[int, int]], largest_ms: int) -> list[_Piece]:
        """The units, or parts of units, of each span, in order."""
        if not spans:
            return []
        units = [
            unit
            async for unit in self._units(
                spans[0][0], spans[-1][1], downwards=False, largest_ms=largest_ms
            )
        ]
        return list(_cut(units, spans))

    async def _units(
        self, first: int, last: int, *, downwards: bool, largest_ms: int = UNITS_MS[-1]
    ) -> AsyncIterator[Range]:
        """What lies between two keys, in units that are not too large."""
        rows = await self._file.fetch_all(
            "SELECT number, docs FROM units WHERE size=? AND number BETWEEN ? AND ? "
            "ORDER BY number",
            (largest_ms, *_numbers(first, last, largest_ms)),
        )
        for number, docs in reversed(rows) if downwards else rows:
            unit = _unit(largest_ms, number, docs)
            smaller = UNITS_MS.index(largest_ms) - 1
            if docs > LARGEST_UNIT and smaller >= 0:
                async for part in self._units(
                    max(first, unit.first),
                    min(last, unit.last),
                    downwards=downwards,
                    largest_ms=UNITS_MS[smaller],
                ):
                    yield part
            else:
                yield _part(unit, first, last)


def _numbers(first: int, last: int, size_ms: int) -> tuple[int, int]:
    return (first >> TIME_BITS) // size_ms, (last >> TIME_BITS) // size_ms


def _unit(size_ms: int, number: int, posts: int) -> Range:
    return Range(
        first_key(number * size_ms),
        first_key((number + 1) * size_ms) - 1,
        posts,
        unit_mark(size_ms, number),
    )


def _part(unit: Range, first: int, last: int) -> Range:
    """What of a unit lies between two keys; its posts are taken to be spread evenly."""
    start, end = max(unit.first, first), min(unit.last, last)
    share = (end - start + 1) / (unit.last - unit.first + 1)
    return Range(start, end, unit.posts * share, unit.mark)


def _cut(units: Sequence[Range], spans: Sequence[tuple[int, int]]) -> Iterator[_Piece]:
    """The parts of the units that lie in each span."""
    begin = 0
    for place, (first, last) in enumerate(spans):
        while begin < len(units) and units[begin].last < first:
            begin += 1
        at = begin
        while at < len(units) and units[at].first <= last:
            yield place, _part(units[at], first, last), 1.0
            at += 1


def _take_last(left: list[_Piece]) -> list[_Piece]:
    """Take the newest pieces off a list, as many as one statement may read."""
    posts, start = 0.0, len(left)
    while start and len(left) - start < _RANGES_AT_ONCE:
        posts += left[start - 1][1].posts
        if posts > _AT_ONCE and start < len(left):
            break
        start -= 1
    taken = left[start:]
    del left[start:]
    return taken


def _joined(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Neighbours of one span as one range without a mark: each costs a look for its beginning."""
    joined: list[_Piece] = []
    for place, part, times in pieces:
        if joined and joined[-1][0] == place:
            before = joined[-1][1]
            joined[-1] = (place, Range(before.first, part.last, 0.0, ""), times)
        else:
            joined.append((place, Range(part.first, part.last, 0.0, ""), times))
    return joined


def _spread(parts: Sequence[Range], count: int) -> list[Range]:
    """So many parts, evenly spread."""
    if len(parts) <= count:
        return list(parts)
    return [parts[(2 * number + 1) * len(parts) // (2 * count)] for number in range(count)]
