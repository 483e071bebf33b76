"""Posts: added once for ever, read by id, by time and by what they say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from bot.models.insight import MoodSplit, SeriesPoint
from bot.models.post import DropReason, Engagement, Mood, Post, PostKind, Source
from bot.ports import Database, Row, Transaction
from bot.storage.sources import save_source
from bot.utils.times import from_ms, to_ms, utc_now

T = TypeVar("T")

_COLUMNS = (
    "kind", "source_id", "external_id", "created_ms", "collected_ms", "title", "text", "url",
    "author", "lang", "hashtags", "mentions", "likes", "retweets", "replies", "views",
    "content_key", "drop_reason", "drop_evidence", "duplicate_of", "mood", "mood_confidence",
)  # fmt: skip
_SELECT = f"SELECT id, {', '.join(_COLUMNS)} FROM posts"
_KNOWN_AT_ONCE = 400  # ids looked up per statement: SQLite of old allowed 999 parameters
_COUNTS = ("likes", "retweets", "replies", "views")


@dataclass(frozen=True, slots=True)
class AddResult:
    """`new` are the posts that were not there before, with their ids; `known` counts the others."""

    new: tuple[Post, ...]
    known: int


class PostStore:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._insert = db.dialect.insert_new("posts", _COLUMNS, ["source_id", "external_id"])

    async def add_many(self, posts: Sequence[Post], source: Source | None = None) -> AddResult:
        """Store the posts that are new; all in one transaction.

        A post that is known already keeps all but its engagement, which only grows. `source` is
        saved last, so that its cursor never runs ahead of its posts.
        """

        async def unit(tx: Transaction) -> AddResult:
            known = await _known_ids(tx, posts)
            new: list[Post] = []
            for post in posts:
                key = (post.source_id, post.external_id)
                if key in known:
                    await _refresh(tx, known[key], post.engagement)
                    continue
                known[key] = post_id = await tx.insert(self._insert, _values(post))
                new.append(replace(post, id=post_id))
            if source is not None:
                await save_source(tx, source)
            return AddResult(tuple(new), len(posts) - len(new))

        return await self._db.write(unit)

    async def get(self, post_id: int) -> Post | None:
        return (await self.get_many([post_id])).get(post_id)

    async def get_many(self, post_ids: Iterable[int]) -> dict[int, Post]:
        """The posts that exist, by id, in the order asked for."""
        wanted = list(dict.fromkeys(post_ids))
        found: dict[int, Post] = {}
        for chunk in _chunks(wanted, _KNOWN_AT_ONCE):
            rows = await self._db.fetch_all(f"{_SELECT} WHERE id IN ({_marks(chunk)})", chunk)
            found.update({row[0]: _post(row) for row in rows})
        return {post_id: found[post_id] for post_id in wanted if post_id in found}

    async def after(self, post_id: int, limit: int, *, kept_only: bool = True) -> list[Post]:
        """Posts stored after `post_id`, in the order they were stored."""
        kept = " AND drop_reason=''" if kept_only else ""
        rows = await self._db.fetch_all(
            f"{_SELECT} WHERE id>?{kept} ORDER BY id LIMIT ?", (post_id, limit)
        )
        return [_post(row) for row in rows]

    async def newest(
        self,
        limit: int,
        *,
        kind: PostKind | None = None,
        source_ids: Sequence[int] | None = None,
        before: datetime | None = None,
        offset: int = 0,
    ) -> list[Post]:
        """Kept posts, newest first."""
        where, params = ["drop_reason=''"], list[object]()
        if kind is not None:
            where.append("kind=?")
            params.append(kind.value)
        if source_ids is not None:
            if not source_ids:
                return []
            where.append(f"source_id IN ({_marks(source_ids)})")
            params.extend(source_ids)
        if before is not None:
            where.append("created_ms<?")
            params.append(to_ms(before))
        rows = await self._db.fetch_all(
            f"{_SELECT} WHERE {' AND '.join(where)} ORDER BY created_ms DESC LIMIT ? OFFSET ?",
            (*params, limit, offset),
        )
        return [_post(row) for row in rows]

    async def between(
        self, start: datetime, end: datetime, *, kind: PostKind | None = None, limit: int = 10_000
    ) -> list[Post]:
        """Kept posts written in [start, end), oldest first."""
        of_kind, params = ("", ()) if kind is None else (" AND kind=?", (kind.value,))
        rows = await self._db.fetch_all(
            f"{_SELECT} WHERE created_ms>=? AND created_ms<? AND drop_reason=''{of_kind} "
            "ORDER BY created_ms LIMIT ?",
            (to_ms(start), to_ms(end), *params, limit),
        )
        return [_post(row) for row in rows]

    async def count_between(self, start: datetime, end: datetime) -> dict[str, int]:
        """How many posts of [start, end) there are by fate: `kept`, and each drop reason."""
        rows = await self._db.fetch_all(
            "SELECT drop_reason, COUNT(*) FROM posts WHERE created_ms>=? AND created_ms<? "
            "GROUP BY drop_reason",
            (to_ms(start), to_ms(end)),
        )
        return {str(reason) or "kept": int(count) for reason, count in rows}

    async def volume(self, start: datetime, end: datetime, step_s: int) -> list[SeriesPoint]:
        """Kept posts and their moods in equal steps of [start, end), empty steps included."""
        first, step_ms = to_ms(start), step_s * 1000
        rows = await self._db.fetch_all(
            "SELECT created_ms - (created_ms - ?) % ? AS bucket, mood, COUNT(*) FROM posts "
            "WHERE created_ms>=? AND created_ms<? AND drop_reason='' GROUP BY 1, mood",
            (first, step_ms, first, to_ms(end)),
        )
        counts = ((int(bucket), str(mood), int(count)) for bucket, mood, count in rows)
        return series_of(counts, start, end, step_s)

    async def last_id(self) -> int:
        row = await self._db.fetch_one("SELECT MAX(id) FROM posts")
        return int(row[0] or 0) if row else 0

    async def count(self) -> int:
        row = await self._db.fetch_one("SELECT COUNT(*) FROM posts")
        return int(row[0]) if row else 0

    async def find_duplicates(self, content_keys: Iterable[int], since: datetime) -> dict[int, int]:
        """For each content key that a kept post written since has: the first such post's id."""
        keys = list(dict.fromkeys(content_keys))
        found: dict[int, int] = {}
        for chunk in _chunks(keys, _KNOWN_AT_ONCE):
            rows = await self._db.fetch_all(
                "SELECT content_key, MIN(id) FROM posts WHERE drop_reason='' AND created_ms>=? "
                f"AND content_key IN ({_marks(chunk)}) GROUP BY content_key",
                (to_ms(since), *chunk),
            )
            found.update({int(key): int(post_id) for key, post_id in rows})
        return found

    async def set_drop(self, post_id: int, reason: DropReason, evidence: str = "") -> None:
        await self._change(
            post_id,
            "UPDATE posts SET drop_reason=?, drop_evidence=? WHERE id=?",
            (reason.value, evidence, post_id),
        )

    async def restore(self, post_id: int) -> None:
        """Take a drop back."""
        await self._change(
            post_id,
            "UPDATE posts SET drop_reason='', drop_evidence='', duplicate_of=NULL WHERE id=?",
            (post_id,),
        )

    async def _change(self, post_id: int, sql: str, params: tuple[object, ...]) -> None:
        """Change a post that others may have read, and say so in the same transaction."""

        async def unit(tx: Transaction) -> None:
            if not await tx.execute(sql, params):
                return
            await tx.execute("UPDATE heads SET value=value+1 WHERE name='post_changes'")
            await tx.execute(
                "INSERT INTO post_changes (id, post_id, at_ms) "
                f"SELECT value, ?, {tx.dialect.now_ms} FROM heads WHERE name='post_changes'",
                (post_id,),
            )

        await self._db.write(unit)

    async def changed_after(self, change_id: int, limit: int) -> list[tuple[int, int]]:
        """Drops and restores after a change, as (change, post id), in the order they were made."""
        rows = await self._db.fetch_all(
            "SELECT id, post_id FROM post_changes WHERE id>? ORDER BY id LIMIT ?",
            (change_id, limit),
        )
        return [(int(change), int(post_id)) for change, post_id in rows]

    async def last_change(self) -> int:
        """The newest change; 0 when no post was ever dropped or restored."""
        row = await self._db.fetch_one("SELECT value FROM heads WHERE name='post_changes'")
        return int(row[0]) if row else 0

    async def knows_changes_after(self, change_id: int) -> bool:
        """False when some change after this one was purged: what follows them starts anew."""
        row = await self._db.fetch_one("SELECT MIN(id) FROM post_changes")
        return row is None or row[0] is None or int(row[0]) <= change_id + 1

    async def purge_changes(self, before: datetime) -> int:
        """Forget changes made before then; the newest stays, for `knows_changes_after`."""
        return await self._db.execute(
            "DELETE FROM post_changes WHERE at_ms<? "
            "AND id<(SELECT value FROM heads WHERE name='post_changes')",
            (to_ms(before),),
        )


def series_of(
    rows: Iterable[tuple[int, str, int]], start: datetime, end: datetime, step_s: int
) -> list[SeriesPoint]:
    """Rows of (bucket's start in ms, mood, count) as a gapless series from `start` to `end`."""
    first, step_ms = to_ms(start), step_s * 1000
    length = max(0, -(-(to_ms(end) - first) // step_ms))
    posts = [0] * length
    moods: list[dict[str, int]] = [{} for _ in range(length)]
    for bucket_ms, mood, count in rows:
        bucket = (bucket_ms - first) // step_ms
        if 0 <= bucket < length:
            posts[bucket] += count
            moods[bucket][mood] = moods[bucket].get(mood, 0) + count
    return [
        SeriesPoint(
            at=from_ms(first + index * step_ms),
            posts=posts[index],
            mood=MoodSplit(
                positive=moods[index].get(Mood.POSITIVE, 0),
                neutral=moods[index].get(Mood.NEUTRAL, 0),
                negative=moods[index].get(Mood.NEGATIVE, 0),
            ),
        )
        for index in range(length)
    ]


async def _known_ids(tx: Transaction, posts: Sequence[Post]) -> dict[tuple[int, str], int]:
    by_source: dict[int, list[str]] = {}
    for post in posts:
        by_source.setdefault(post.source_id, []).append(post.external_id)
    known: dict[tuple[int, str], int] = {}
    for source_id, external_ids in by_source.items():
        for chunk in _chunks(external_ids, _KNOWN_AT_ONCE):
            rows = await tx.fetch_all(
                "SELECT external_id, id FROM posts WHERE source_id=? "
                f"AND external_id IN ({_marks(chunk)})",
                (source_id, *chunk),
            )
            known.update({(source_id, external_id): post_id for external_id, post_id in rows})
    return known


async def _refresh(tx: Transaction, post_id: int, engagement: Engagement) -> None:
    seen = (engagement.likes, engagement.retweets, engagement.replies, engagement.views)
    if not any(seen):
        return
    grown = ", ".join(f"{c}=CASE WHEN {c}<? THEN ? ELSE {c} END" for c in _COUNTS)
    twice = [value for value in seen for _ in range(2)]
    await tx.execute(f"UPDATE posts SET {grown} WHERE id=?", (*twice, post_id))


def _chunks(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _marks(items: Sequence[object]) -> str:
    return ", ".join("?" for _ in items)


def _values(p: Post) -> tuple[object, ...]:
    return (
        p.kind.value, p.source_id, p.external_id, to_ms(p.created_at),
        to_ms(p.collected_at or utc_now()), p.title, p.text, p.url, p.author[:190], p.lang,
        json.dumps(p.hashtags, ensure_ascii=False), json.dumps(p.mentions, ensure_ascii=False),
        p.engagement.likes, p.engagement.retweets, p.engagement.replies, p.engagement.views,
        p.content_key, p.drop.value if p.drop else "", p.drop_evidence, p.duplicate_of,
        p.mood.value if p.mood else "", p.mood_confidence,
    )  # fmt: skip


def _post(row: Row) -> Post:
    return Post(
        id=row[0],
        kind=PostKind(row[1]),
        source_id=row[2],
        external_id=row[3],
        created_at=from_ms(row[4]),
        collected_at=from_ms(row[5]),
        title=row[6],
        text=row[7],
        url=row[8],
        author=row[9],
        lang=row[10],
        hashtags=tuple(json.loads(row[11])),
        mentions=tuple(json.loads(row[12])),
        engagement=Engagement(likes=row[13], retweets=row[14], replies=row[15], views=row[16]),
        content_key=row[17],
        drop=DropReason(row[18]) if row[18] else None,
        drop_evidence=row[19],
        duplicate_of=row[20],
        mood=Mood(row[21]) if row[21] else None,
        mood_confidence=row[22],
    )
