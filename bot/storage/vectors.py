"""Vectors of what was read (posts, stories, memories), a signed byte a dimension.

`kind` says what an owner's id counts, `model` what made the vector: only vectors of one kind and
one model can be compared.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterable, Sequence

from bot.models.vectors import PackedVector
from bot.ports import Database, Transaction

MOST_SCANNED = 100_000
_PAGE = 4000  # vectors in memory at once: 3 MB of 768 dimensions
_AT_ONCE = 400
_COLUMNS = ("kind", "model", "owner_id", "scale", "body")


# How alike each vector of a batch is to the first one, from -1 to 1.
Alike = Callable[[PackedVector, Sequence[bytes]], list[float]]


class VectorStore:
    """`alike` compares vectors, see `bot.analysis.vectors.cosines`."""

    def __init__(self, db: Database, alike: Alike) -> None:
        self._db = db
        self._alike = alike
        self._put = db.dialect.upsert(
            "vectors", _COLUMNS, ["kind", "model", "owner_id"], ["scale", "body"]
        )

    async def put_many(
        self, kind: str, model: str, vectors: Iterable[tuple[int, PackedVector]]
    ) -> None:
        """Keep each owner's vector, in place of the one it had; all in one transaction."""
        rows = [(kind, model, owner, packed.scale, packed.body) for owner, packed in vectors]

        async def unit(tx: Transaction) -> None:
            for start in range(0, len(rows), _AT_ONCE):
                await tx.execute_many(self._put, rows[start : start + _AT_ONCE])

        if rows:
            await self._db.write(unit)

    async def get(self, kind: str, model: str, owner_id: int) -> PackedVector | None:
        return (await self.get_many(kind, model, [owner_id])).get(owner_id)

    async def get_many(
        self, kind: str, model: str, owner_ids: Sequence[int]
    ) -> dict[int, PackedVector]:
        """The vectors that there are, by owner."""
        found: dict[int, PackedVector] = {}
        for start in range(0, len(owner_ids), _AT_ONCE):
            chunk = owner_ids[start : start + _AT_ONCE]
            marks = ", ".join("?" for _ in chunk)
            rows = await self._db.fetch_all(
                "SELECT owner_id, scale, body FROM vectors "
                f"WHERE kind=? AND model=? AND owner_id IN ({marks})",
                (kind, model, *chunk),
            )
            found.update({int(row[0]): PackedVector(float(row[1]), bytes(row[2])) for row in rows})
        return found

    async def remove(self, kind: str, owner_ids: Sequence[int]) -> int:
        """Forget these owners' vectors of every model; returns how many there were."""
        gone = 0
        for start in range(0, len(owner_ids), _AT_ONCE):
            chunk = owner_ids[start : start + _AT_ONCE]
            marks = ", ".join("?" for _ in chunk)
            gone += await self._db.execute(
                f"DELETE FROM vectors WHERE kind=? AND owner_id IN ({marks})", (kind, *chunk)
            )
        return gone

    async def nearest(
        self,
        kind: str,
        model: str,
        query: PackedVector,
        limit: int,
        *,
        among: int = MOST_SCANNED,
        before: int | None = None,
    ) -> list[tuple[int, float]]:
        """The owners most like the query and how much (1 at most), the most alike first.

        Looks at the newest `among` owners (below `before`, if given) by reading them page after
        page; vectors of other dimensions are passed over.
        """
        best: list[tuple[float, int]] = []  # a heap; of equals the newest stay
        left, below = among, before
        while left > 0:
            rows = await self._page(kind, model, below, min(_PAGE, left))
            if not rows:
                break
            left, below = left - len(rows), rows[-1][0]
            alike = await asyncio.to_thread(self._compared, query, rows)
            best = heapq.nlargest(limit, [*best, *alike])
        return [(owner, likeness) for likeness, owner in best]

    async def _page(
        self, kind: str, model: str, below: int | None, limit: int
    ) -> list[tuple[int, bytes]]:
        up_to, params = ("", ()) if below is None else (" AND owner_id<?", (below,))
        rows = await self._db.fetch_all(
            f"SELECT owner_id, body FROM vectors WHERE kind=? AND model=?{up_to} "
            "ORDER BY owner_id DESC LIMIT ?",
            (kind, model, *params, limit),
        )
        return [(int(owner), bytes(body)) for owner, body in rows]

    def _compared(
        self, query: PackedVector, rows: Sequence[tuple[int, bytes]]
    ) -> list[tuple[float, int]]:
        usable = [row for row in rows if len(row[1]) == query.dimensions]
        likeness = self._alike(query, [body for _, body in usable])
        return [(value, owner) for value, (owner, _) in zip(likeness, usable, strict=True)]
