"""Posts: stored once for ever, read by id, by time and by what they say.

Ids are given here, not by the database: the row `posts` of `heads` holds the last one, and whoever
stores posts moves it in the same transaction, from the very value it has seen. So ids are dense,
batches become visible in the order of their ids, and nobody who follows the posts by id can pass
one by.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.models.insight import SeriesPoint
from bot.models.post import DropReason, Post, PostKind, Source
from bot.ports import Database, Transaction
from bot.storage.cache import database_id
from bot.storage.origins import Origin, known_origins
from bot.storage.post_counts import (
    PostCountStore,
    change_counts,
    change_total,
    counts_of,
    slot_and_sort,
)
from bot.storage.post_counts import series_of as series_of
from bot.storage.post_growth import let_grow
from bot.storage.post_rows import INSERT, SELECT, chunks, inserts, marks, post_of
from bot.storage.sources import save_source
from bot.utils.times import to_ms

_HEAD = "SELECT value FROM heads WHERE name='posts'"
# Under READ COMMITTED too: the row stays locked until the commit, so the next one sees it moved.
_MOVE_HEAD = "UPDATE heads SET value=? WHERE name='posts' AND value=?"


# What is written with posts in their transaction; it is given those that are new, with their ids.
Also = Callable[[Transaction, Sequence[Post]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class AddResult:
    """`new` are the posts that were not there before, with their ids; `known` counts the others."""

    new: tuple[Post, ...]
    known: int


@dataclass(frozen=True, slots=True)
class Said:
    """What is needed to recognise a copy of a stored post."""

    id: int
    kind: PostKind
    text: str  # title and text
    at_s: float


class PostStore:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._counts = PostCountStore(db)

    async def head(self) -> int:
        """The id of the last post ever stored; 0 before the first."""
        row = await self._db.fetch_one(_HEAD)
        return int(row[0]) if row else 0

    async def add_new(
        self,
        after: int,
        posts: Sequence[Post],
        seen_again: Sequence[Post] = (),
        source: Source | None = None,
        also: Also | None = None,
    ) -> bool:
        """Store posts under the ids after + 1, after + 2, …, which they bear already.

        `seen_again` are stored posts, by their ids: their engagement grows. `source` is saved last,
        so that its cursor never runs ahead of its posts; `also` is what else belongs to them (it
        may raise LeaseLost to undo it all). All in one transaction.

        False, and nothing is written, when `after` is not the head any more: somebody else has
        stored posts, which may be the same ones.
        """
        if [post.id for post in posts] != list(range(after + 1, after + len(posts) + 1)):
            raise ValueError("posts are stored under the ids that follow the head, in their order")
        counts = counts_of(posts)

        async def unit(tx: Transaction) -> bool:
            if posts:
                if not await tx.execute(_MOVE_HEAD, (after + len(posts), after)):
                    return False
                for rows in inserts(posts):
                    await tx.execute_many(INSERT, rows)
                await change_counts(tx, counts)
                await change_total(tx, len(posts))
            await let_grow(tx, seen_again)
            if source is not None:
                await save_source(tx, source)
            if also is not None:
                await also(tx, posts)
            return True

        return await self._db.write(unit)

    async def add_many(self, posts: Sequence[Post], source: Source | None = None) -> AddResult:
        """Store the posts that are new, whoever else stores some meanwhile.

        A post that is known already keeps all but its engagement, which only grows.
        """
        while True:
            after = await self.head()
            known = await known_origins(self._db, posts)
            new: dict[Origin, Post] = {}
            again: list[Post] = []
            for post in posts:
                origin = (post.source_id, post.external_id)
                if origin in known:
                    again.append(replace(post, id=known[origin]))
                    continue
                known[origin] = after + len(new) + 1
                new[origin] = replace(post, id=known[origin])
            if await self.add_new(after, list(new.values()), again, source):
                return AddResult(tuple(new.values()), len(posts) - len(new))

    async def get(self, post_id: int) -> Post | None:
        return (await self.get_many([post_id])).get(post_id)

    async def get_many(self, post_ids: Iterable[int]) -> dict[int, Post]:
        """The posts that exist, by id, in the order asked for."""
        wanted = list(dict.fromkeys(post_ids))
        found: dict[int, Post] = {}
        for chunk in chunks(wanted):
            rows = await self._db.fetch_all(f"{SELECT} WHERE id IN ({marks(chunk)})", chunk)
            found.update({row[0]: post_of(row) for row in rows})
        return {post_id: found[post_id] for post_id in wanted if post_id in found}

    async def after(self, post_id: int, limit: int, *, kept_only: bool = True) -> list[Post]:
        """Posts stored after `post_id`, in the order they were stored."""
        kept = " AND drop_reason=''" if kept_only else ""
        rows = await self._db.fetch_all(
            f"{SELECT} WHERE id>?{kept} ORDER BY id LIMIT ?", (post_id, limit)
        )
        return [post_of(row) for row in rows]

    async def up_to(self, post_id: int, limit: int) -> list[Post]:
        """Kept posts up to this id, the last stored first."""
        rows = await self._db.fetch_all(
            f"{SELECT} WHERE id<=? AND drop_reason='' ORDER BY id DESC LIMIT ?", (post_id, limit)
        )
        return [post_of(row) for row in rows]

    async def database_id(self) -> str:
        """The name of the database that the posts are in; another one after a restore."""
        return await database_id(self._db)

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
        if source_ids is not None:
            return await self._newest_of(source_ids, limit, kind, before, offset)
        where, params = _kept(kind, before)
        rows = await self._db.fetch_all(
            f"{SELECT} WHERE {where} ORDER BY created_ms DESC LIMIT ? OFFSET ?",
            (*params, limit, offset),
        )
        return [post_of(row) for row in rows]

    async def _newest_of(
        self,
        source_ids: Sequence[int],
        limit: int,
        kind: PostKind | None,
        before: datetime | None,
        offset: int,
    ) -> list[Post]:
        """Source by source, each from its end: together they would be read and sorted whole."""
        where, params = _kept(kind, before)
        found: list[tuple[int, int]] = []
        for source_id in dict.fromkeys(source_ids):
            rows = await self._db.fetch_all(
                f"SELECT created_ms, id FROM posts WHERE source_id=? AND {where} "
                "ORDER BY created_ms DESC LIMIT ?",
                (source_id, *params, limit + offset),
            )
            found += [(int(created_ms), int(post_id)) for created_ms, post_id in rows]
        found.sort(reverse=True)
        wanted = [post_id for _, post_id in found[offset : offset + limit]]
        return list((await self.get_many(wanted)).values())

    async def between(
        self, start: datetime, end: datetime, *, kind: PostKind | None = None, limit: int = 10_000
    ) -> list[Post]:
        """Kept posts written in [start, end), oldest first."""
        of_kind, params = ("", ()) if kind is None else (" AND kind=?", (kind.value,))
        rows = await self._db.fetch_all(
            f"{SELECT} WHERE created_ms>=? AND created_ms<? AND drop_reason=''{of_kind} "
            "ORDER BY created_ms LIMIT ?",
            (to_ms(start), to_ms(end), *params, limit),
        )
        return [post_of(row) for row in rows]

    async def count_between(self, start: datetime, end: datetime) -> dict[str, int]:
        """How many posts of [start, end) there are by fate: `kept`, and each drop reason."""
        return await self._counts.by_fate(start, end)

    async def volume(self, start: datetime, end: datetime, step_s: int) -> list[SeriesPoint]:
        """Kept posts and their moods in equal steps of [start, end), empty steps included."""
        if to_ms(end) - to_ms(start) <= step_s * 1000:
            mood = await self._counts.moods(start, end)
            kept = (await self._counts.by_fate(start, end)).get("kept", 0)
            return [SeriesPoint(at=start, posts=kept, mood=mood)] if end > start else []
        first, step_ms = to_ms(start), step_s * 1000
        rows = await self._db.fetch_all(
            "SELECT created_ms - (created_ms - ?) % ? AS bucket, mood, COUNT(*) FROM posts "
            "WHERE created_ms>=? AND created_ms<? AND drop_reason='' GROUP BY 1, mood",
            (first, step_ms, first, to_ms(end)),
        )
        counts = ((int(bucket), str(mood), int(count)) for bucket, mood, count in rows)
        return series_of(counts, start, end, step_s)

    async def last_id(self) -> int:
        """The same as `head`."""
        return await self.head()

    async def count(self) -> int:
        """All posts stored now, dropped ones included."""
        return await self._counts.total()

    async def said_after(self, post_id: int, limit: int) -> list[Said]:
        """What kept posts stored after `post_id` said, in the order they were stored."""
        rows = await self._db.fetch_all(
            "SELECT id, kind, title, text, created_ms FROM posts "
            "WHERE id>? AND drop_reason='' ORDER BY id LIMIT ?",
            (post_id, limit),
        )
        return [_said(*row) for row in rows]

    async def said_lately(
        self, kind: PostKind, since: datetime, until: datetime, limit: int
    ) -> list[Said]:
        """What the newest kept posts of [since, until] said, oldest first."""
        rows = await self._db.fetch_all(
            "SELECT id, kind, title, text, created_ms FROM posts WHERE created_ms>=? AND "
            "created_ms<=? AND kind=? AND drop_reason='' ORDER BY created_ms DESC LIMIT ?",
            (to_ms(since), to_ms(until), kind.value, limit),
        )
        return [_said(*row) for row in reversed(rows)]

    async def ids_between(self, start: datetime, end: datetime) -> list[int]:
        """Ids of posts written in [start, end), dropped ones too: the index alone is read."""
        rows = await self._db.fetch_all(
            "SELECT id FROM posts WHERE created_ms>=? AND created_ms<?", (to_ms(start), to_ms(end))
        )
        return [int(post_id) for (post_id,) in rows]

    async def find_duplicates(self, content_keys: Iterable[int], since: datetime) -> dict[int, int]:
        """For each content key that a kept post written since has: the first such post's id."""
        keys = list(dict.fromkeys(content_keys))
        found: dict[int, int] = {}
        for chunk in chunks(keys):
            rows = await self._db.fetch_all(
                "SELECT content_key, MIN(id) FROM posts WHERE drop_reason='' AND created_ms>=? "
                f"AND content_key IN ({marks(chunk)}) GROUP BY content_key",
                (to_ms(since), *chunk),
            )
            found.update({int(key): int(post_id) for key, post_id in rows})
        return found

    async def set_drop(self, post_id: int, reason: DropReason, evidence: str = "") -> None:
        """Leave a stored post out from now on; others learn of it by `changed_after`."""
        await self._set_fate(
            post_id, reason.value, "drop_reason=?, drop_evidence=?", (reason.value, evidence)
        )

    async def restore(self, post_id: int) -> None:
        """Take a drop back."""
        await self._set_fate(post_id, "", "drop_reason='', drop_evidence='', duplicate_of=NULL", ())

    async def _set_fate(
        self, post_id: int, fate: str, changes: str, params: tuple[object, ...]
    ) -> None:
        """Change a post that others may have read, and say so in the same transaction."""

        async def unit(tx: Transaction) -> None:
            # First: its lock makes two changes of one post come one after the other.
            await tx.execute("UPDATE heads SET value=value+1 WHERE name='post_changes'")
            row = await tx.fetch_one(
                "SELECT created_ms, kind, drop_reason, mood FROM posts WHERE id=?", (post_id,)
            )
            if row is None:
                await tx.execute("UPDATE heads SET value=value-1 WHERE name='post_changes'")
                return
            created_ms, kind, before, mood = row
            await tx.execute(f"UPDATE posts SET {changes} WHERE id=?", (*params, post_id))
            if before != fate:
                await change_counts(
                    tx,
                    {
                        slot_and_sort(created_ms, kind, before, mood): -1,
                        slot_and_sort(created_ms, kind, fate, mood): 1,
                    },
                )
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
        return (await self.heads())[1]

    async def heads(self) -> tuple[int, int]:
        """The last post's id and the newest change, in one cheap read."""
        rows = await self._db.fetch_all(
            "SELECT name, value FROM heads WHERE name IN ('posts', 'post_changes')"
        )
        found = {str(name): int(value) for name, value in rows}
        return found.get("posts", 0), found.get("post_changes", 0)

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


def _kept(kind: PostKind | None, before: datetime | None) -> tuple[str, list[object]]:
    """What holds for kept posts, of a kind and written before a moment where these are given."""
    where, params = ["drop_reason=''"], list[object]()
    if kind is not None:
        where.append("kind=?")
        params.append(kind.value)
    if before is not None:
        where.append("created_ms<?")
        params.append(to_ms(before))
    return " AND ".join(where), params


def _said(post_id: int, kind: str, title: str, text: str, created_ms: int) -> Said:
    whole = f"{title}\n{text}" if title else text
    return Said(post_id, PostKind(kind), whole, created_ms / 1000)
