"""What a search costs among a million posts of a month, beside plain FTS5 over the same words.

The words follow Zipf's law, so that the commonest is in more than half of all posts. Posts go in
through the index's own writing code, without the database that it would follow.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import cast

from bot.analysis.search_text import author_mark, kind_mark, source_mark
from bot.models.post import PostKind
from bot.models.search import SearchQuery
from bot.services.search_file import UNITS_MS, Doc, Progress, SearchFile, first_key, unit_mark
from bot.services.search_following import BATCH
from bot.services.search_index import SearchIndex
from bot.services.search_writing import advance, put_in
from bot.storage.posts import PostStore
from bot.utils.times import to_ms

POSTS = 1_000_000
WORDS_A_POST = 19
END = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
START = END - timedelta(days=30)
LETTERS = "ابپتسجچحخدرزشعغفقکگلمنوهی"
TRIES = 12  # queries of a kind
SLOW_TRIES = 2  # of those that plain FTS5 needs a second for

Row = tuple[str, float, str, str]  # what, value, unit, what stands beside it


def run() -> list[Row]:
    """Measure on files in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Row]:
    words = _vocabulary()
    file = await SearchFile.open(folder / "search.db")
    plain = sqlite3.connect(folder / "plain.db", isolation_level=None)
    plain.execute("PRAGMA journal_mode=WAL")
    plain.execute("PRAGMA synchronous=NORMAL")
    plain.execute("CREATE VIRTUAL TABLE fts USING fts5(words)")
    with closing(plain):
        rows = await _build(file, plain, words, folder)
        index = SearchIndex(file, cast(PostStore, None))  # it follows nothing here
        for name, make, beside in _kinds(words):
            rows += await _kind(index, plain, name, make, beside)
        rows += await _figures(index, words)
        rows.append(_likeness(await _best(index, words), _plain_best(plain, words)))
        await index.close()
    return rows


def _vocabulary() -> list[str]:
    chance = random.Random(7)
    words: dict[str, None] = {}
    while len(words) < 60_000:
        length = chance.choice((2, 3, 4, 5) if len(words) < 400 else (4, 5, 6, 7))
        words["".join(chance.choice(LETTERS) for _ in range(length))] = None
    return list(words)


def _docs(words: Sequence[str]) -> Iterator[list[Doc]]:
    chance = random.Random(11)
    frequency = list(accumulate(1 / (rank + 1.5) for rank in range(len(words))))
    authors = [f"u{number}" for number in range(20_000)]
    activity = list(accumulate(1 / (rank + 5) for rank in range(len(authors))))
    step_ms = (to_ms(END) - to_ms(START)) / POSTS
    for start in range(0, POSTS, BATCH):
        said = chance.choices(words, cum_weights=frequency, k=WORDS_A_POST * BATCH)
        by = chance.choices(authors, cum_weights=activity, k=BATCH)
        batch = []
        for place in range(BATCH):
            number = start + place
            at_ms = to_ms(START) + int(number * step_ms)
            kind = PostKind.NEWS if chance.random() < 0.03 else PostKind.TWEET
            source = chance.randrange(2, 200) if kind is PostKind.NEWS else 1
            marks = (
                author_mark(by[place]),
                source_mark(source),
                kind_mark(kind),
                *(unit_mark(size, at_ms // size) for size in UNITS_MS),
            )
            text = said[WORDS_A_POST * place : WORDS_A_POST * (place + 1)]
            key = first_key(at_ms) | (number % 2**19 << 2) | chance.choice((1, 2, 2, 3))
            batch.append(Doc(key, number + 1, " ".join((*text, *marks))))
        yield batch


async def _build(
    file: SearchFile, plain: sqlite3.Connection, words: Sequence[str], folder: Path
) -> list[Row]:
    await file.write(lambda tx: advance(tx, None, Progress(0, POSTS, 0, "", "")))
    took: list[float] = []
    plain_s, worst_gap_s = 0.0, 0.0
    for batch in _docs(words):
        began = time.perf_counter()
        ticking = asyncio.create_task(_worst_gap())
        await file.write(lambda tx, docs=batch: put_in(tx, docs))  # type: ignore[misc]
        took.append(time.perf_counter() - began)
        ticking.cancel()
        worst_gap_s = max(worst_gap_s, await ticking)
        began = time.perf_counter()
        plain.execute("BEGIN")
        plain.executemany(
            "INSERT INTO fts (rowid, words) VALUES (?, ?)", [(d.key, d.words) for d in batch]
        )
        plain.execute("COMMIT")
        plain_s += time.perf_counter() - began
    return [
        ("search: build", POSTS / sum(took), "posts/s", f"plain FTS5 {POSTS / plain_s:,.0f}"),
        ("search: a step of the build, p95", _p95(took) * 1e3, "ms", f"{BATCH} posts"),
        ("search: event loop held by a step, at worst", worst_gap_s * 1e3, "ms", ""),
        (
            "search: file",
            _size(folder, "search"),
            "MB",
            f"plain FTS5 {_size(folder, 'plain'):,.0f}",
        ),
    ]


def _size(folder: Path, name: str) -> float:
    return sum(path.stat().st_size for path in folder.glob(f"{name}.db*")) / 1e6


async def _worst_gap() -> float:
    """How late the loop comes round, until cancelled."""
    worst, last = 0.0, time.perf_counter()
    try:
        while True:
            await asyncio.sleep(0.002)
            now = time.perf_counter()
            worst, last = max(worst, now - last - 0.002), now
    except asyncio.CancelledError:
        return worst


Make = Callable[[int], str | SearchQuery]


def _kinds(words: Sequence[str]) -> list[tuple[str, Make, bool]]:
    """Names, the n-th query of each, and whether plain FTS5 is asked the same."""
    day = timedelta(days=1)
    return [
        ("common word", lambda n: words[n % 2], True),
        ("frequent word", lambda n: words[10 + n], True),
        ("medium word", lambda n: words[1000 + n], True),
        ("rare word", lambda n: words[20_000 + n], True),
        ("two common words", lambda n: f"{words[n % 4]} {words[n % 4 + 1]}", True),
        ("five common words", lambda n: " ".join(words[n % 3 : n % 3 + 5]), False),
        ("rare and common", lambda n: f"{words[20_000 + n]} {words[n % 4]}", True),
        ("phrase of common words", lambda n: f'"{words[n % 4]} {words[n % 4 + 1]}"', True),
        ("phrase that nobody says", lambda n: '"' + " ".join(words[n : n + 5]) + '"', False),
        ("without a common word", lambda n: f"{words[10 + n]} -{words[n % 2]}", False),
        ("from:", lambda n: SearchQuery(authors=(f"u{n * 50}",)), False),
        (
            "from: and a common word",
            lambda n: SearchQuery(words=(words[0],), authors=(f"u{n * 50}",)),
            False,
        ),
        (
            "source: and a common word",
            lambda n: SearchQuery(words=(words[1],), sources=(n + 2,)),
            False,
        ),
        (
            "a common word on a day",
            lambda n: SearchQuery(
                words=(words[0],), since=START + n * day, until=START + (n + 1) * day
            ),
            False,
        ),
    ]


async def _kind(
    index: SearchIndex, plain: sqlite3.Connection, name: str, make: Make, beside: bool
) -> list[Row]:
    newest = await _timed(lambda n: index.search(make(n), order="newest"))
    best = await _timed(lambda n: index.search(make(n)))
    other_newest = other_best = ""
    if beside:
        queries = [_plain_match(str(make(n))) for n in range(SLOW_TRIES)]
        other_newest = f"plain FTS5 {_plain(plain, queries, 'rowid DESC'):,.3g}"
        other_best = f"plain FTS5 {_plain(plain, queries, 'rank'):,.3g}"
    half = f"p50 {statistics.median(newest):.3g}"
    return [
        (f"search: newest 20, {name}, p95", _p95(newest), "ms", _both(half, other_newest)),
        (
            f"search: best 20, {name}, p95",
            _p95(best),
            "ms",
            _both(f"p50 {statistics.median(best):.3g}", other_best),
        ),
    ]


async def _figures(index: SearchIndex, words: Sequence[str]) -> list[Row]:
    """Everything else that is asked of the index, for the commonest words."""
    asked: list[tuple[str, Callable[[int], Awaitable[object]]]] = [
        ("newest 20 behind 1000, two common words",
         lambda n: index.search(f"{words[0]} {words[n + 1]}", 20, 1000, order="newest")),
        ("best 20, any of three common words",
         lambda n: index.search(" ".join(words[n : n + 3]), any_word=True)),
        ("count, common word", lambda n: index.count(words[n % 2])),
        ("count, two common words", lambda n: index.count(f"{words[n]} {words[n + 1]}")),
        ("mood, common word", lambda n: index.mood(words[n % 2])),
        ("series of 48 steps, common word",
         lambda n: index.series(words[n % 2], START, END, 30 * 86_400 // 48)),
        ("first seen, two common words", lambda n: index.first_seen(f"{words[n]} {words[n + 1]}")),
    ]  # fmt: skip
    rows = []
    for name, ask in asked:
        took = await _timed(ask)
        half = f"p50 {statistics.median(took):.3g}"
        rows.append((f"search: {name}, p95", _p95(took), "ms", half))
    exact = await index.count(words[0])
    rows.append(
        (
            "search: count of the commonest word",
            exact.value,
            "posts",
            "an estimate" if exact.is_estimate else "exact",
        )
    )
    return rows


async def _best(index: SearchIndex, words: Sequence[str]) -> list[list[int]]:
    """The best 20 of words that fewer posts hold than are ranked."""
    return [(await index.search(f"{words[600 + n]} {words[n % 8]}")).ids for n in range(TRIES)]


def _plain_best(plain: sqlite3.Connection, words: Sequence[str]) -> list[dict[int, float]]:
    found = []
    for n in range(TRIES):
        rows = plain.execute(
            "SELECT rowid, -rank FROM fts WHERE fts MATCH ? ORDER BY rank",
            (_plain_match(f"{words[600 + n]} {words[n % 8]}"),),
        ).fetchall()
        found.append({_post_id(int(key)): float(score) for key, score in rows})
    return found


def _likeness(ours: list[list[int]], theirs: list[dict[int, float]]) -> Row:
    """How much of the true BM25 our best 20 have, compared with the true best 20."""
    shares = [
        sum(scores[post_id] for post_id in ids) / sum(sorted(scores.values())[-len(ids) :])
        for ids, scores in zip(ours, theirs, strict=True)
        if ids
    ]
    return (
        "search: true BM25 of our best 20",
        100 * statistics.mean(shares),
        "%",
        "of that of the true best 20; the rest is freshness",
    )


def _post_id(key: int) -> int:
    at_ms = key >> 21
    step_ms = (to_ms(END) - to_ms(START)) / POSTS
    number = round((at_ms - to_ms(START)) / step_ms)
    low = (key >> 2) & (2**19 - 1)
    return next(n for n in range(number - 2, number + 3) if n % 2**19 == low) + 1


def _plain_match(query: str) -> str:
    return query if query.startswith('"') else " AND ".join(f'"{word}"' for word in query.split())


def _plain(plain: sqlite3.Connection, queries: Sequence[str], order: str) -> float:
    took = []
    for query in queries:
        began = time.perf_counter()
        plain.execute(
            f"SELECT rowid FROM fts WHERE fts MATCH ? ORDER BY {order} LIMIT 20", (query,)
        ).fetchall()
        took.append((time.perf_counter() - began) * 1e3)
    return max(took)


async def _timed(ask: Callable[[int], Awaitable[object]]) -> list[float]:
    await ask(0)
    took = []
    for n in range(TRIES):
        began = time.perf_counter()
        await ask(n)
        took.append((time.perf_counter() - began) * 1e3)
    return took


def _both(*parts: str) -> str:
    return ", ".join(filter(None, parts))


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


if __name__ == "__main__":
    for row in run():
        print(*row)
