"""What terms did, day by day, and which of them rose."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from bot.models.insight import MoodSplit, TermCount, TermDay, Trend, TrendState, Window
from bot.models.post import PostKind
from bot.ports import Database, Transaction
from bot.utils.times import from_ms, to_ms

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
HISTORY_DAYS = 28  # days with data that a window is compared with
SWEPT_AFTER_DAYS = 3
SWEPT_FROM_POSTS = 2000  # on a day with fewer posts than this, a single one is worth keeping
EPISODE_GAP = timedelta(hours=6)  # a term that is back after this rises anew
SNAPSHOT_SIZE = 30

_WATERMARK = "trends.post_id"
_AT_ONCE = 900  # parameters of one statement, less a few
_COLUMNS = ("day", "kind", "term", "posts", "voices", "positive", "negative")
_ADDED = tuple(f"{column}={{old}} + {{new}}" for column in _COLUMNS[3:])
_HOURS = tuple(f"h{hour:02}" for hour in range(24))


class TrendStore:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._add = [
            db.dialect.upsert(
                "term_days", (*_COLUMNS, hour), _COLUMNS[:3], (*_ADDED, f"{hour}={{old}} + {{new}}")
            )
            for hour in _HOURS
        ]
        self._touch_day = db.dialect.insert_new("term_sweeps", ["day"], ["day"])
        self._save_meta = db.dialect.upsert("meta", ["name", "value"], ["name"], ["value"])
        self._save_snapshot = db.dialect.upsert(
            "trend_snapshots", ["span", "at_ms", "body"], ["span"], ["at_ms", "body"]
        )

    async def watermark(self) -> int:
        """The last post that has been counted."""
        row = await self._db.fetch_one("SELECT value FROM meta WHERE name=?", (_WATERMARK,))
        return int(row[0]) if row else 0

    async def add(self, counts: Sequence[TermCount], after: int, up_to: int) -> bool:
        """Add what the posts in (after, up_to] said, and move the watermark, in one transaction.

        False, and nothing is changed, when the watermark is not at `after`: somebody else has
        counted these posts.
        """

        async def unit(tx: Transaction) -> bool:
            row = await tx.fetch_one("SELECT value FROM meta WHERE name=?", (_WATERMARK,))
            if (int(row[0]) if row else 0) != after:
                return False
            for (hour, is_news), group in groupby(counts, key=lambda c: (c.hour, c.is_news)):
                day, hour_of_day = divmod(hour, 24)
                kind = (PostKind.NEWS if is_news else PostKind.TWEET).value
                await tx.execute_many(
                    self._add[hour_of_day],
                    [
                        (day, kind, c.term, c.posts, c.voices, c.positive, c.negative, c.voices)
                        for c in group
                    ],
                )
                await tx.execute(self._touch_day, (day,))
            await tx.execute(self._save_meta, (_WATERMARK, str(up_to)))
            return True

        return await self._db.write(unit)

    async def sweep(self, now: datetime) -> int:
        """Throw away the terms of a single post on past, busy days; returns how many."""
        before = to_ms(now) // DAY_MS - SWEPT_AFTER_DAYS
        due = await self._db.fetch_all(
            "SELECT day FROM term_sweeps WHERE day<? ORDER BY day", (before,)
        )
        return sum([await self._sweep_day(int(day)) for (day,) in due])

    async def _sweep_day(self, day: int) -> int:
        async def unit(tx: Transaction) -> int:
            row = await tx.fetch_one(
                "SELECT SUM(posts) FROM term_days WHERE day=? AND term=''", (day,)
            )
            swept = 0
            if row and (row[0] or 0) >= SWEPT_FROM_POSTS:
                swept = await tx.execute(
                    "DELETE FROM term_days WHERE day=? AND posts=1 AND term<>''", (day,)
                )
            await tx.execute("DELETE FROM term_sweeps WHERE day=?", (day,))
            return swept

        return await self._db.write(unit)

    async def history(self, terms: Sequence[str], window: Window, at: datetime) -> list[TermDay]:
        """What terms (and, under "", everything) did before the window, newest HISTORY_DAYS days.

        `same` counts the part of a day that the window's time of day covers (1h, 6h), or the whole
        of a day that is the same weekday (24h).
        """
        end_ms = to_ms(at)
        start_ms = end_ms - int(window.span.total_seconds() * 1000)
        first_day, hour = divmod(start_ms // HOUR_MS, 24)
        oldest = await self._oldest_day(first_day)
        if oldest is None:
            return []
        so_far = "+".join(_HOURS[:hour]) or "0"
        same = _same_expression(window, start_ms, end_ms)
        rows: list[Any] = []
        for chunk in _chunks(["", *terms], _AT_ONCE):
            marks = ", ".join("?" for _ in chunk)
            rows += await self._db.fetch_all(
                "SELECT term, day, kind='news', "
                f"CASE WHEN day<? THEN voices ELSE {so_far} END, "
                f"CASE WHEN day<? THEN {same} ELSE 0 END "
                f"FROM term_days WHERE term IN ({marks}) AND day>=? AND day<=?",
                (first_day, first_day, *chunk, oldest, first_day),
            )
        return rows

    async def _oldest_day(self, up_to: int) -> int | None:
        rows = await self._db.fetch_all(
            "SELECT DISTINCT day FROM term_days WHERE term='' AND day<=? ORDER BY day DESC LIMIT ?",
            (up_to, HISTORY_DAYS),
        )
        return int(rows[-1][0]) if rows else None

    async def hourly(self, term: str, start: datetime, end: datetime) -> dict[int, int]:
        """Touches of a term by hour (hours since 1970), for hours in [start, end)."""
        first, last = to_ms(start) // HOUR_MS, -(-to_ms(end) // HOUR_MS)
        rows = await self._db.fetch_all(
            f"SELECT day, {', '.join(_HOURS)} FROM term_days WHERE term=? AND day>=? AND day<=?",
            (term, first // 24, last // 24),
        )
        found: dict[int, int] = {}
        for day, *hours in rows:
            for hour, touches in enumerate(hours):
                moment = day * 24 + hour
                if touches and first <= moment < last:
                    found[moment] = found.get(moment, 0) + touches
        return found

    async def copies(self, post_ids: Iterable[int]) -> dict[int, int]:
        """How many dropped near-duplicates each post has, where it has any."""
        wanted = list(post_ids)
        found: dict[int, int] = {}
        for chunk in _chunks(wanted, _AT_ONCE):
            marks = ", ".join("?" for _ in chunk)
            rows = await self._db.fetch_all(
                f"SELECT duplicate_of, COUNT(*) FROM posts WHERE duplicate_of IN ({marks}) "
                "GROUP BY duplicate_of",
                chunk,
            )
            found.update({int(post_id): int(count) for post_id, count in rows})
        return found

    async def save(self, window: Window, at: datetime, trends: Sequence[Trend]) -> None:
        """Keep a round's result as the latest one, and each trend in its episode."""
        at_ms = to_ms(at)
        kept = trends[:SNAPSHOT_SIZE]
        bodies = [_to_json(trend) for trend in kept]

        async def unit(tx: Transaction) -> None:
            await tx.execute(
                self._save_snapshot,
                (window.value, at_ms, json.dumps(bodies, ensure_ascii=False)),
            )
            going_on = await tx.fetch_all(
                "SELECT id, trend_key FROM trend_episodes WHERE span=? AND last_ms>=? ORDER BY id",
                (window.value, at_ms - int(EPISODE_GAP.total_seconds() * 1000)),
            )
            episodes = {str(key): int(row_id) for row_id, key in going_on}
            for trend, body in zip(kept, bodies, strict=True):
                await _save_episode(tx, episodes.get(trend.key), trend, body)

        await self._db.write(unit)

    async def latest(self, window: Window, limit: int = SNAPSHOT_SIZE) -> tuple[Trend, ...]:
        """The last round's result, strongest first; one cheap read."""
        return (await self.snapshot(window))[1][:limit]

    async def snapshot(self, window: Window) -> tuple[datetime | None, tuple[Trend, ...]]:
        """The last round's time and result; (None, ()) before the first."""
        row = await self._db.fetch_one(
            "SELECT at_ms, body FROM trend_snapshots WHERE span=?", (window.value,)
        )
        if row is None:
            return None, ()
        return from_ms(row[0]), tuple(map(_from_json, json.loads(row[1])))

    async def new_since(self, window: Window, since: datetime) -> list[Trend]:
        """Trends whose episode began after `since` and which the last round still found."""
        at, _ = await self.snapshot(window)
        if at is None:
            return []
        rows = await self._db.fetch_all(
            "SELECT body FROM trend_episodes WHERE span=? AND last_ms>=? AND first_ms>? "
            "ORDER BY best_score DESC",
            (window.value, to_ms(at), to_ms(since)),
        )
        return [_from_json(json.loads(body)) for (body,) in rows]


def _same_expression(window: Window, start_ms: int, end_ms: int) -> str:
    if window is Window.D7:
        return "0"
    if window is Window.H24:
        weekdays = {start_ms // DAY_MS % 7, end_ms // DAY_MS % 7}
        return (
            f"CASE WHEN day % 7 IN ({', '.join(map(str, sorted(weekdays)))}) THEN voices ELSE 0 END"
        )
    hours = range((start_ms + 1) // HOUR_MS, end_ms // HOUR_MS + 1)
    return "+".join(_HOURS[hour % 24] for hour in hours)


async def _save_episode(
    tx: Transaction, episode: int | None, trend: Trend, body: dict[str, Any]
) -> None:
    text, at_ms = json.dumps(body, ensure_ascii=False), to_ms(trend.at)
    if episode is None:
        await tx.execute(
            tx.dialect.upsert(
                "trend_episodes",
                ["span", "trend_key", "first_ms", "last_ms", "best_score", "body"],
                ["span", "trend_key", "first_ms"],
                ["last_ms", "best_score", "body"],
            ),
            (trend.window.value, trend.key, at_ms, at_ms, trend.score, text),
        )
    else:
        await tx.execute(
            "UPDATE trend_episodes SET last_ms=?, body=?, "
            "best_score=CASE WHEN best_score<? THEN ? ELSE best_score END WHERE id=?",
            (at_ms, text, trend.score, trend.score, episode),
        )


def _to_json(trend: Trend) -> dict[str, Any]:
    mood = trend.mood
    return {
        "key": trend.key,
        "term": trend.term,
        "spellings": trend.spellings,
        "score": trend.score,
        "volume": trend.volume,
        "baseline": trend.baseline,
        "voices": trend.voices,
        "window": trend.window.value,
        "at": to_ms(trend.at),
        "started_at": to_ms(trend.started_at),
        "peak_at": to_ms(trend.peak_at),
        "state": trend.state.value,
        "is_hashtag": trend.is_hashtag,
        "post_ids": trend.post_ids,
        "mood": [mood.positive, mood.neutral, mood.negative],
        "related": trend.related,
        "member_keys": trend.member_keys,
        "copies": trend.copies,
        "coordinated": trend.coordinated,
    }


def _from_json(body: dict[str, Any]) -> Trend:
    positive, neutral, negative = body["mood"]
    return Trend(
        **{
            **body,
            "window": Window(body["window"]),
            "state": TrendState(body["state"]),
            "mood": MoodSplit(positive=positive, neutral=neutral, negative=negative),
            **{name: from_ms(body[name]) for name in ("at", "started_at", "peak_at")},
            **{
                name: tuple(body[name])
                for name in ("spellings", "post_ids", "related", "member_keys")
            },
        }
    )


def _chunks(items: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
