"""What one transaction of the search index puts in and takes out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from bot.ports import Transaction
from bot.services.search_file import KEY_STEP, TIME_BITS, UNITS_MS, Doc, Progress, first_key


async def advance(tx: Transaction, seen: Progress | None, to: Progress) -> bool:
    """Move on; False when another process has moved on since `seen` was read."""
    row = await tx.fetch_one("SELECT low, high, change, database, newest FROM progress")
    if (Progress(*row) if row else None) != seen:
        return False
    values = (to.low, to.high, to.change, to.database, to.newest)
    if row is None:
        await tx.execute("INSERT INTO progress VALUES (1, ?, ?, ?, ?, ?, 0)", values)
    else:
        await tx.execute(
            "UPDATE progress SET low=?, high=?, change=?, database=?, newest=?", values
        )
    return True


async def put_in(tx: Transaction, docs: Sequence[Doc]) -> None:
    """Posts that are not in the index yet."""
    keys = [doc.key for doc in docs]
    rows = await tx.fetch_all(
        "SELECT doc FROM docs WHERE doc IN (SELECT value FROM json_each(?))", (json.dumps(keys),)
    )
    taken = {int(row[0]) for row in rows}
    placed: list[tuple[int, int, str]] = []
    for doc in docs:
        key = doc.key
        while key in taken:  # many posts of one moment: the next free key of that moment
            key += KEY_STEP
            if await tx.fetch_one("SELECT 1 FROM docs WHERE doc=?", (key,)):
                taken.add(key)
        taken.add(key)
        placed.append((key, doc.post_id, doc.words))
    placed.sort()  # FTS5 flushes what it has gathered whenever a key is below the one before
    await tx.execute_many("INSERT INTO docs VALUES (?, ?, ?)", placed)
    await tx.execute_many(
        "INSERT INTO fts (rowid, words) VALUES (?, ?)", [(key, words) for key, _, words in placed]
    )
    await _count(tx, [key for key, _, _ in placed], 1)
    await _count_words(tx, [words for _, _, words in placed], 1)


async def take_out(tx: Transaction, docs: Sequence[Doc]) -> None:
    """Posts that may be in the index, under these keys or later ones of the same moment."""
    found: list[tuple[int, str]] = []
    for doc in docs:
        moment = doc.key >> TIME_BITS
        row = await tx.fetch_one(
            "SELECT doc, words FROM docs WHERE doc=? AND post_id=?", (doc.key, doc.post_id)
        ) or await tx.fetch_one(
            "SELECT doc, words FROM docs WHERE doc>=? AND doc<? AND post_id=?",
            (first_key(moment), first_key(moment + 1), doc.post_id),
        )
        if row is not None:
            found.append((int(row[0]), str(row[1])))
    await _delete(tx, sorted(found))


async def take_out_before(tx: Transaction, key: int, limit: int) -> int:
    """The oldest posts below a key; returns how many there were."""
    rows = await tx.fetch_all(
        "SELECT doc, words FROM docs WHERE doc<? ORDER BY doc LIMIT ?", (key, limit)
    )
    await _delete(tx, [(int(doc), str(words)) for doc, words in rows])
    return len(rows)


async def _delete(tx: Transaction, found: Sequence[tuple[int, str]]) -> None:
    """Rows of `docs`, in the order of their keys."""
    await tx.execute_many("INSERT INTO fts (fts, rowid, words) VALUES ('delete', ?, ?)", found)
    await tx.execute_many("DELETE FROM docs WHERE doc=?", [(key,) for key, _ in found])
    await _count(tx, [key for key, _ in found], -1)
    await _count_words(tx, [words for _, words in found], -1)


async def _count_words(tx: Transaction, texts: Sequence[str], sign: int) -> None:
    count = sum(text.count(" ") + 1 for text in texts)
    await tx.execute("UPDATE progress SET words=words+?", (sign * count,))


async def _count(tx: Transaction, keys: Sequence[int], sign: int) -> None:
    """Count posts in their units of time."""
    counts = Counter((size, (key >> TIME_BITS) // size) for key in keys for size in UNITS_MS)
    await tx.execute_many(
        "INSERT INTO units VALUES (?, ?, ?) "
        "ON CONFLICT (size, number) DO UPDATE SET docs=docs+excluded.docs",
        [(size, number, sign * count) for (size, number), count in counts.items()],
    )
    if sign < 0:
        await tx.execute("DELETE FROM units WHERE docs=0")
