"""Vectors are stored, replaced, and found by likeness."""

from __future__ import annotations

import numpy as np
import pytest

from bot.analysis.vectors import cosines, quantise, restore
from bot.models.vectors import PackedVector
from bot.ports import Database
from bot.storage import vectors
from bot.storage.vectors import VectorStore


def _packed(seed: int, count: int, size: int = 24) -> list[tuple[int, PackedVector]]:
    chance = np.random.default_rng(seed)
    made = chance.normal(size=(count, size))
    return [(owner, quantise(vector)) for owner, vector in enumerate(made, 1)]


async def test_vectors_come_back_as_they_were(db: Database) -> None:
    store = VectorStore(db, cosines)
    entries = [*_packed(1, 900), (10**12, quantise([1e-40, -3e38] * 12))]
    await store.put_many("post", "m", entries)
    await store.put_many("post", "m", [])
    await store.put_many("post", "other", _packed(2, 1))

    assert await store.get_many("post", "m", [owner for owner, _ in entries]) == dict(entries)
    assert await store.get("post", "m", 901) is None
    assert await store.get("story", "m", 1) is None


async def test_an_owner_has_one_vector_of_a_model(db: Database) -> None:
    store = VectorStore(db, cosines)
    await store.put_many("post", "m", [(1, quantise([1.0, 2.0]))])
    await store.put_many("post", "m", [(1, quantise([4.0, -2.0]))])

    found = await store.get("post", "m", 1)
    assert found is not None
    assert restore(found).tolist() == pytest.approx([4.0, -2.0], abs=4 / 127)
    assert await store.remove("post", [1, 2]) == 1
    assert await store.get("post", "m", 1) is None


async def test_the_nearest_are_found_across_pages(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same answer as comparing with all of them at once; other models do not meddle."""
    monkeypatch.setattr(vectors, "_PAGE", 70)
    store = VectorStore(db, cosines)
    entries = _packed(3, 300)
    await store.put_many("post", "m", entries)
    await store.put_many("post", "other", [(7, entries[0][1])])
    await store.put_many("post", "m", [(301, quantise([1.0] * 9))])  # of another size
    query = entries[41][1]
    table = np.array([restore(packed) for _, packed in entries], dtype=np.float64)
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    order = np.argsort(-(table @ table[41]))[:10]

    found = await store.nearest("post", "m", query, 10)
    assert [owner for owner, _ in found] == [int(index) + 1 for index in order]
    assert found[0] == (42, pytest.approx(1.0))
    assert await store.nearest("post", "nobody's", query, 10) == []


async def test_a_search_looks_at_the_newest_only(db: Database) -> None:
    """As many as was said, below the owner that was said."""
    store = VectorStore(db, cosines)
    same = quantise([1.0, 2.0, 3.0])
    await store.put_many("post", "m", [(owner, same) for owner in range(1, 101)])

    newest = await store.nearest("post", "m", same, 5, among=3)
    older = await store.nearest("post", "m", same, 2, before=50)
    assert [owner for owner, _ in newest] == [100, 99, 98]
    assert [owner for owner, _ in older] == [49, 48]
