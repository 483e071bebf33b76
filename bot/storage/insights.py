"""Which terms rose: the last result of each window, and the episodes of each trend."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.models.insight import MoodSplit, Trend, TrendState, Window
from bot.ports import Database, Transaction
from bot.storage.counters import CounterStore
from bot.utils.times import from_ms, to_ms

EPISODE_GAP = timedelta(hours=6)  # a term that is back after this rises anew
SNAPSHOT_SIZE = 30

_AT_ONCE = 900  # parameters of one statement, less a few


class TrendStore(CounterStore):
    """The counters, and what was found by them."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self._save_snapshot = db.dialect.upsert(
            "trend_snapshots", ["span", "at_ms", "body"], ["span"], ["at_ms", "body"]
        )
        self._save_held = db.dialect.upsert("heads", ["name", "value"], ["name"], ["value"])

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

    async def save(
        self, window: Window, at: datetime, trends: Sequence[Trend], held: int = 0
    ) -> bool:
        """Keep a round's result as the latest one, and each trend in its episode.

        `held` is how many posts the window had then. False when a later round's result is there
        already: a process that was held up does not bring old trends back.
        """
        at_ms = to_ms(at)
        kept = trends[:SNAPSHOT_SIZE]
        bodies = [_to_json(trend) for trend in kept]

        async def unit(tx: Transaction) -> bool:
            row = await tx.fetch_one(
                "SELECT at_ms FROM trend_snapshots WHERE span=?", (window.value,)
            )
            if row is not None and row[0] > at_ms:
                return False
            await tx.execute(
                self._save_snapshot,
                (window.value, at_ms, json.dumps(bodies, ensure_ascii=False)),
            )
            await tx.execute(self._save_held, (_held_name(window), held))
            going_on = await tx.fetch_all(
                "SELECT id, trend_key FROM trend_episodes WHERE span=? AND last_ms>=? ORDER BY id",
                (window.value, at_ms - int(EPISODE_GAP.total_seconds() * 1000)),
            )
            episodes = {str(key): int(row_id) for row_id, key in going_on}
            for trend, body in zip(kept, bodies, strict=True):
                await _save_episode(tx, episodes.get(trend.key), trend, body)
            return True

        return await self._db.write(unit)

    async def posts_known(self, window: Window) -> int:
        """How many posts the window had in its last round; 0 before the first."""
        row = await self._db.fetch_one(
            "SELECT value FROM heads WHERE name=?", (_held_name(window),)
        )
        return int(row[0]) if row else 0

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


def _held_name(window: Window) -> str:
    return f"trends.{window.value}.posts"


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
