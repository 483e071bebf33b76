"""The walk of a search through time: every tweet of a span, hardly one bought twice.

An answer holds the newest twenty tweets of the time asked for and costs by the tweet, with the
price of one tweet for none. So a span is cut, the oldest first, into slices that hold about ten by
the rate of late: an answer that is not full is all there is, and nothing of it is bought again.
When an answer is full, what is older than its last second is asked for anew, cut by the density it
showed. The service is not taken at its word:

- `has_next_page` on an answer that is not full is looked into once, below the oldest tweet;
  without it, one such answer in a few is looked into all the same, and when that ever finds
  something, all of them for a while.
- An answer without tweets moves nothing: the next slice begins where this one did and reaches
  further, which costs no more and asks about the same time once again.
- An answer from another time than the one asked for is asked for again, once.
- Cursors are used below an oldest tweet only, and one that leads nowhere new is left.
- Whether `until_time` takes its own second in is seen from what comes.

What is walked lies between whole seconds, since tweets tell no more of their time.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum, auto

from bot.errors import SourceGarbled
from bot.models.tweets import Tweet, TweetPage
from bot.services.twitter_answers import Habits, Sight, second_of

log = logging.getLogger(__name__)

MOST_REQUESTS = 60  # of one walk: other searches want their turn
_STRETCH = 4.0  # asking too often is dearer than asking too rarely
_DOUBTED_FROM = 4.0  # tweets expected where an answer has none

Ask = Callable[[datetime, datetime, str], Awaitable[TweetPage]]
"""Tweets since (that second included) until (that second not), and a cursor or "" ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one request brought: tweets not seen in this walk before, and how far it is known."""

    tweets: tuple[Tweet, ...]
    covered_to: datetime  # every tweet of the span before it has been brought
    rate: float  # tweets a second, lately
    bought: int  # tweets charged
    bad: int  # of them, not understood


class _How(Enum):
    SLICE = auto()  # by time
    PROBE = auto()  # below the oldest tweet of an answer that was not full
    CROWD = auto()  # more of one second than an answer holds: by cursors


@dataclass(slots=True)
class _Piece:
    """Seconds still to be asked about."""

    since: int
    until: int
    how: _How = _How.SLICE
    cursor: str = ""
    cursor_until: int = 0  # what was asked when it came: it means nothing in another search
    chain: frozenset[str] = frozenset()  # the tweets of the answers that led here
    asked_to: int = 0  # so far it was empty
    strikes: int = 0
    said_more: bool = False


class Walk:
    """One walk over [start, end); `rate` is what is known of tweets a second, 0 for nothing."""

    def __init__(
        self,
        ask: Ask,
        habits: Habits,
        start: datetime,
        end: datetime,
        *,
        rate: float = 0.0,
        most_requests: int = MOST_REQUESTS,
    ) -> None:
        self._ask = ask
        self._habits = habits
        self._end = second_of(end)
        begin = min(second_of(start), self._end)
        self._todo = [_Piece(begin, self._end)] if begin < self._end else []
        self._covered = begin
        self._most = most_requests
        self._seen: set[str] = set()
        self._asked_until = 0
        self._last: frozenset[str] = frozenset()  # of the answer before
        self._count, self._span = (15.0, 15.0 / rate) if rate > 0 else (0.0, 0.0)
        self._stretch = 1.0  # of the slices, while they are empty
        self.requests = 0
        self.is_cut_short = False  # by the number of requests
        self.crowded = 0  # seconds that held more than could be had

    @property
    def covered_to(self) -> datetime:
        return _moment(self._covered)

    @property
    def rate(self) -> float:
        return self._count / self._span if self._span else 0.0

    async def step(self) -> Step | None:
        """Ask once; None when nothing is left to ask, or too much has been asked."""
        if not self._todo:
            return None
        if self.requests >= self._most:
            self.is_cut_short = True
            return None
        piece = self._todo[0]
        cut = self._cut(piece)
        self.requests += 1
        last = cut - 1 if self._habits.includes_until else cut
        if piece.cursor:
            last = piece.cursor_until
        self._asked_until = last
        page = await self._ask(_moment(piece.since), _moment(last), piece.cursor)
        sight = Sight(page, piece.since, cut, self._seen, piece.chain)
        if sight.is_at_until:
            self._habits.saw_boundary(fills=sight.is_full and not sight.here)
        if piece.how is _How.SLICE:
            rest = self._after_slice(piece, cut, sight)
        else:
            rest = self._after_cursor(piece, sight)
        self._last = sight.ids
        if cut < piece.until and not (rest and rest[-1] is piece):
            rest.append(_Piece(cut, piece.until))
        self._todo[0:1] = rest
        if self._todo:
            self._covered = max(self._covered, self._todo[0].since)
        elif not sight.was_empty_end:
            self._covered = self._end
        return Step(
            tweets=tuple(sight.fresh),
            covered_to=self.covered_to,
            rate=self.rate,
            bought=page.count,
            bad=page.bad,
        )

    def _cut(self, piece: _Piece) -> int:
        """Where the slice ends: about as many tweets as an answer likes to hold."""
        if piece.how is not _How.SLICE or not self._span:
            return piece.until
        begin = max(piece.since, piece.asked_to)
        slices = round(self.rate * (piece.until - begin) / (self._habits.aim * self._stretch))
        length = -((begin - piece.until) // max(1, slices))
        return min(piece.until, begin + max(1, length))

    def _after_slice(self, piece: _Piece, cut: int, sight: Sight) -> list[_Piece]:
        """What is left to ask about of [since, cut) after its answer."""
        is_repeated = bool(sight.ids) and sight.ids == self._last
        if (sight.is_elsewhere or is_repeated) and not (sight.here and piece.strikes):
            if not (piece.strikes and sight.is_next_second) or self._habits.includes_until:
                return self._again(piece)
            self._habits.saw_boundary(fills=sight.is_full)  # twice the same: it is no accident
            return [piece] if sight.is_full else self._after_nothing(piece, cut, sight)
        if not sight.here:
            if sight.is_at_until and sight.is_full:
                return [piece]  # asked again, one second less
            return self._after_nothing(piece, cut, sight)
        oldest = min(sight.here)
        if sight.is_full and not sight.reaches_below:
            is_crowd = max(sight.here) == oldest and sight.page.cursor
            if oldest + 1 < cut and not is_crowd:
                self._learn(sum(t > oldest for t in sight.here), cut - oldest - 1, 0.3)
                was_empty = piece.asked_to if piece.asked_to <= oldest else 0
                return [_Piece(piece.since, oldest + 1, asked_to=was_empty)]
            if not sight.page.cursor and not piece.strikes and cut == piece.since + 1:
                return self._again(piece)  # nothing leads on from here: it may next time
            self._learn(len(sight.here), 1, 0.3)
            return self._crowd(piece, oldest, sight)
        is_odd = self._is_odd(piece.since, oldest)
        self._learn(len(sight.here), cut - piece.since, 0.7)
        if sight.reaches_below:
            return []
        if not self._habits.should_look(says_more=sight.page.has_more or is_odd):
            return []
        return [self._probe(piece, oldest, sight)]

    def _after_cursor(self, piece: _Piece, sight: Sight) -> list[_Piece]:
        """What is left to ask about of a probed or crowded piece."""
        newest_second = piece.until - 1
        if not sight.new_here:
            return self._after_nothing_new(piece, sight)
        if piece.cursor:
            self._habits.cursor(led_on=True)
        if piece.how is _How.PROBE:
            self._habits.looked(found=True, said_more=piece.said_more)
        oldest = min(sight.here)
        if sight.reaches_below or not (sight.is_full or sight.page.has_more):
            return []
        if oldest == newest_second and (sight.is_full or piece.how is _How.CROWD):
            return self._crowd(piece, oldest, sight)
        if sight.is_full:
            return [_Piece(piece.since, oldest + 1)]
        return [self._probe(piece, oldest, sight)]

    def _after_nothing_new(self, piece: _Piece, sight: Sight) -> list[_Piece]:
        """A probe found nothing below, or a cursor led nowhere."""
        older = piece.until - 1  # the second that is known in part
        is_looping = bool(piece.cursor and sight.page.tweets)
        if piece.cursor:
            self._habits.cursor(led_on=not is_looping)
        if piece.how is _How.CROWD:
            is_doubtful = is_looping or (sight.page.has_more and self._habits.believes_more)
            if is_doubtful and not piece.strikes:
                return self._again(piece)
            if is_looping:
                self._give_up(older)
            return _rest(piece.since, older)
        says_more = sight.page.has_more and self._habits.believes_more
        if piece.cursor and (is_looping or says_more or self._is_odd(piece.since, older)):
            return [replace(piece, cursor="", strikes=0)]  # by time instead
        if not piece.cursor and not piece.strikes and (sight.is_elsewhere or not sight.here):
            return self._again(piece)  # its oldest tweet should have come once more
        if not piece.cursor and says_more and sight.here and piece.since < older:
            return [replace(piece, until=older, strikes=1)]
        self._habits.looked(found=False, said_more=piece.said_more)
        return []

    def _after_nothing(self, piece: _Piece, cut: int, sight: Sight) -> list[_Piece]:
        is_odd = self._is_odd(max(piece.since, piece.asked_to), cut)
        if cut < piece.until:
            self._stretch *= _STRETCH
            piece.asked_to = cut
            return [piece]
        if piece.until < self._end:  # it cannot reach further: what follows is known
            is_odd |= sight.page.has_more and self._habits.believes_more
            if not is_odd or piece.strikes >= 2:
                return []
            piece.strikes += 1
            return [piece]
        self._learn(0, cut - piece.since, 0.25)
        sight.was_empty_end = True
        return []

    def _is_odd(self, since: int, until: int) -> bool:
        """Whether so long a time without tweets is hard to believe."""
        return self.rate * (until - since) >= _DOUBTED_FROM

    def _again(self, piece: _Piece) -> list[_Piece]:
        if piece.strikes:
            raise SourceGarbled("answers are not from the time asked for", source="twitter")
        piece.strikes += 1
        return [piece]

    def _probe(self, piece: _Piece, oldest: int, sight: Sight) -> _Piece:
        page = sight.page
        leads_on = page.has_more and page.cursor not in ("", piece.cursor)
        return _Piece(
            piece.since,
            oldest + 1,
            _How.PROBE,
            cursor=page.cursor if leads_on and self._habits.takes_cursor() else "",
            cursor_until=self._asked_until,
            chain=piece.chain | sight.ids,
            said_more=page.has_more,
        )

    def _crowd(self, piece: _Piece, second: int, sight: Sight) -> list[_Piece]:
        cursor, chain = sight.page.cursor, piece.chain | sight.ids
        if cursor in ("", piece.cursor):
            if piece.how is not _How.CROWD or sight.page.has_more:
                self._give_up(second)
            return _rest(piece.since, second)
        return [_Piece(piece.since, second + 1, _How.CROWD, cursor, self._asked_until, chain)]

    def _give_up(self, second: int) -> None:
        self.crowded += 1
        log.warning("a second holds more tweets than can be had", extra={"second": second})

    def _learn(self, count: int, span_s: int, keep: float) -> None:
        """Add what was seen to what is remembered of the rate; `keep` of that stays."""
        before = self.rate
        self._stretch = 1.0
        self._count = self._count * keep + count
        self._span = self._span * keep + max(1, span_s)
        if not count and before:
            self._count = min(self._count, before / _STRETCH * self._span)


def _rest(since: int, until: int) -> list[_Piece]:
    return [_Piece(since, until)] if since < until else []


def _moment(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
