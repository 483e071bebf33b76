"""Our BM25 is FTS5's BM25, but for freshness and the time it takes."""

from __future__ import annotations

import random
import sqlite3

import pytest

from bot.analysis.ranking import Candidate, best, weight


@pytest.mark.parametrize(
    "terms",
    [["w3"], ["w0", "w5"], ["w1", "w2", "w9"], ["w1 w0"], ["w2", "w0 w1"]],
    ids=" ".join,
)
def test_scores_are_those_of_fts5(terms: list[str]) -> None:
    """The same posts in the same order with the same scores, words and phrases alike."""
    chance = random.Random(3)
    weights = [1 / (rank + 2) for rank in range(60)]
    texts = [
        " ".join(chance.choices([f"w{n}" for n in range(60)], weights, k=chance.randrange(4, 25)))
        for _ in range(1500)
    ]
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE fts USING fts5(words)")
    db.executemany("INSERT INTO fts VALUES (?)", [(text,) for text in texts])
    expected = dict(
        db.execute(
            "SELECT rowid, -rank FROM fts WHERE fts MATCH ?",
            (" AND ".join(f'"{term}"' for term in terms),),
        )
    )
    holders = {
        term: db.execute("SELECT COUNT(*) FROM fts WHERE fts MATCH ?", (f'"{term}"',)).fetchone()[0]
        for term in terms
    }
    db.close()

    found = best(
        [Candidate(key, 0, texts[key - 1]) for key in expected],
        [(term, weight(holders[term], len(texts))) for term in terms],
        sum(len(text.split()) for text in texts) / len(texts),
        freshness=0,
    )

    assert len(expected) > 20
    assert dict(found) == pytest.approx(expected, rel=1e-6)


def test_nothing_is_ranked_without_candidates() -> None:
    assert best([], [("w", 1.0)], 10.0) == []
