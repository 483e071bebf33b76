"""How the databases go about what is asked all the time: by an index, never by all rows."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.models.insight import Window
from bot.ports import Database, Params, Row, Transaction, Unit
from bot.storage.drivers import DriverStore
from bot.storage.insights import TrendStore
from bot.storage.outbox import OutboxStore
from bot.storage.patterns import PatternStore
from bot.storage.people import PeopleStore
from bot.storage.posts import PostStore
from bot.storage.sources import SourceStore

NOW = datetime.now(UTC).replace(microsecond=0)
NOW_MS = int(NOW.timestamp() * 1000)
DAY = NOW_MS // 86_400_000
TTL = timedelta(seconds=30)

Asked = Callable[[Database], Awaitable[object]]


class Recorder:
    """A database that keeps what it was asked."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.dialect = db.dialect
        self.said: list[tuple[str, Params]] = []

    async def fetch_all(self, sql: str, params: Params = ()) -> list[Row]:
        self.said.append((sql, params))
        return await self._db.fetch_all(sql, params)

    async def fetch_one(self, sql: str, params: Params = ()) -> Row | None:
        self.said.append((sql, params))
        return await self._db.fetch_one(sql, params)

    async def execute(self, sql: str, params: Params = ()) -> int:
        self.said.append((sql, params))
        return await self._db.execute(sql, params)

    async def write(self, unit: Unit[Any]) -> Any:
        return await self._db.write(lambda tx: unit(RecordingTransaction(tx, self.said)))


class RecordingTransaction:
    def __init__(self, tx: Transaction, said: list[tuple[str, Params]]) -> None:
        self._tx = tx
        self._said = said
        self.dialect = tx.dialect

    def __getattr__(self, name: str) -> Any:
        def run(sql: str, params: Any = ()) -> Any:
            if name != "execute_many":
                self._said.append((sql, params))
            return getattr(self._tx, name)(sql, params)

        return run


@pytest.fixture
async def full(db: Database) -> Database:
    """Tables as after months: much that is done with, little that is due, and known statistics."""
    await _fill(
        db,
        "sources",
        [
            {
                "kind": "feed", "name": f"n{n}", "url": f"https://x/{n}", "site_url": "",
                "topic": "", "lang": "fa", "state": "active", "etag": "", "last_modified": "",
                "last_error": "", "next_fetch_ms": NOW_MS + (n - 30) * 60_000,
            }
            for n in range(3000)
        ],
    )  # fmt: skip
    await _fill(
        db,
        "outbox",
        [
            {
                "unique_key": f"k{n}", "chat_id": n % 900, "kind": "alert", "payload": "{}",
                "lane": (0, 5, 9)[n % 3], "group_key": "",
                "state": "pending" if n % 400 == 0 else "sent",
                "error": "", "created_ms": NOW_MS, "finished_ms": NOW_MS - n * 10_000,
                "not_before_ms": 0,
            }
            for n in range(8000)
        ],
    )  # fmt: skip
    await _fill(
        db,
        "posts",
        [
            {
                "id": n + 1, "kind": "news" if n % 3 else "tweet", "source_id": 2 + n % 50,
                "external_id": str(n), "created_ms": NOW_MS - (8000 - n) * 60_000,
                "collected_ms": NOW_MS, "title": "", "text": "سلام", "url": "", "author": "",
                "lang": "fa", "hashtags": "[]", "mentions": "[]", "drop_reason": "",
                "drop_evidence": "", "mood": "", "content_key": n, "author_id": n % 300,
            }
            for n in range(8000)
        ],
    )  # fmt: skip
    await _fill(
        db,
        "x_people",
        [
            {
                "id": n + 1, "username": f"u{n}", "username_key": f"u{n}", "name": "",
                "description": "", "location": "", "verified": "", "influence": n / 100,
            }
            for n in range(8000)
        ],
    )  # fmt: skip
    await _fill(
        db,
        "x_relations",
        [
            {
                "from_id": n + 1, "kind": "reply", "to_id": n % 90 + 1, "strength": n / 7,
                "times": 1, "first_ms": NOW_MS, "last_ms": NOW_MS,
            }
            for n in range(8000)
        ],
    )  # fmt: skip
    await _fill(
        db,
        "post_counts",
        [
            {
                "slot_ms": (NOW_MS // 300_000 - n // 4) * 300_000, "kind": ("news", "tweet")[n % 2],
                "fate": "", "mood": ("positive", "negative")[n // 2 % 2], "posts": n % 7 + 1,
            }
            for n in range(8000)
        ],
    )  # fmt: skip
    terms = ["", *(f"t{n}" for n in range(250))]
    counted = {"kind": "news", "posts": 3, "voices": 2, "positive": 1, "negative": 0}
    for table, column, moments in (
        ("term_days", "day", range(DAY - 30, DAY + 1)),
        ("term_slots", "slot", range(NOW_MS // 300_000 - 30, NOW_MS // 300_000 + 1)),
        ("term_totals", "day", range(DAY - 60, DAY - 30)),
    ):
        await _fill(
            db, table, [{column: at, "term": term, **counted} for at in moments for term in terms]
        )
    if db.dialect.name == "sqlite":
        await db.maintain()
    else:
        await db.fetch_all(
            "ANALYZE TABLE sources, outbox, posts, term_days, term_slots, term_totals, x_people, "
            "x_relations, post_counts"
        )
    return db


async def _fill(db: Database, table: str, rows: Sequence[dict[str, Any]]) -> None:
    columns = list(rows[0])
    marks = ", ".join("?" for _ in columns)
    sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
    values = [tuple(row.values()) for row in rows]
    await db.write(lambda tx: tx.execute_many(sql, values))


async def _send_the_first(db: Database) -> None:
    store = OutboxStore(db)
    message = (await store.heads(5))[0]
    assert (await store.claim(message, TTL)).message is not None


QUESTIONS: dict[str, Asked] = {
    "due sources": lambda db: SourceStore(db).due(NOW),
    "a claim of due sources": lambda db: SourceStore(db).claim_due(NOW, 20, TTL),
    "the heads of the outbox, and a claim": _send_the_first,
    "the past of terms": lambda db: TrendStore(db).history(["t1", "t2"], Window.H1, NOW),
    "a term by the hour": lambda db: TrendStore(db).hourly("t3", NOW - timedelta(days=3), NOW),
    "a term by five minutes": lambda db: TrendStore(db).by_slot(
        "t3", NOW - timedelta(hours=2), NOW
    ),
    "the last round of trends": lambda db: TrendStore(db).latest(Window.H24),
    "the newest posts": lambda db: PostStore(db).newest(20),
    "posts of an hour": lambda db: PostStore(db).between(NOW - timedelta(hours=1), NOW),
    "posts behind an id": lambda db: PostStore(db).after(7900, 50),
    "somebody by name": lambda db: PeopleStore(db).by_username("u77"),
    "the most influential": lambda db: PeopleStore(db).top(5),
    "whom somebody turns to": lambda db: PeopleStore(db).relations_of(77),
    "who turns to somebody": lambda db: PeopleStore(db).relations_of(7, inward=True, limit=20),
    "somebody's newest posts": lambda db: PeopleStore(db).newest_posts(7, 5),
    "the moods of somebody's posts": lambda db: PeopleStore(db).moods(7, 20),
    "what authors earned with posts": lambda db: DriverStore(db).of(range(300, 700)),
    "a day of moods": lambda db: PatternStore(db).moods(NOW - timedelta(days=1), NOW, 3600),
    "a day of a source": lambda db: PatternStore(db).output(9, NOW - timedelta(days=1), NOW, 3600),
    "tweets of some hours": lambda db: PatternStore(db).sayings(NOW - timedelta(hours=2), NOW),
    "headlines of some hours": lambda db: PatternStore(db).headlines(NOW - timedelta(hours=9), NOW),
    "the first that is counted": lambda db: PatternStore(db).first_at(),
    "people and ties that are old": lambda db: PeopleStore(db).forget(NOW - timedelta(days=9)),
}
# These must also come out of the index in their order: sorting would lock every due row first.
CLAIMS = ("a claim of due sources",)
LARGE = (
    "sources", "outbox", "posts", "term_days", "term_slots", "term_totals", "x_people",
    "x_relations", "post_counts",
)  # fmt: skip
LOOKED_THROUGH = (
    # Once a claim has been made, its rows are looked up among a few thousand sources.
    "SELECT id FROM sources WHERE claim_token = ?",
    # In the order of the key, which in SQLite is the table itself, and no further than the first.
    "SELECT slot_ms FROM post_counts WHERE posts>0 ORDER BY slot_ms LIMIT 1",
)
WALKED_ROWS = 200  # an index may be walked in its order, up to a LIMIT


async def test_no_large_table_is_read_whole(full: Database) -> None:
    """Each statement that a store sends for a question is explained by the database itself."""
    wrong = []
    for question, ask in QUESTIONS.items():
        recorder = Recorder(full)
        await ask(recorder)  # type: ignore[arg-type]  # it has what the stores use of a database
        assert recorder.said, question
        for sql, params in recorder.said:
            if sql.startswith(LOOKED_THROUGH):
                continue
            plan = await _plan(full, sql, params)
            wrong += [(question, sql, step) for step in plan if _reads_all(step, sql)]
            if question in CLAIMS and sql.startswith("UPDATE"):
                wrong += [(question, sql, step) for step in plan if _sorts(step)]

    assert wrong == []


async def _plan(db: Database, sql: str, params: Params) -> list[str]:
    if db.dialect.name == "sqlite":
        return [str(row[3]) for row in await db.fetch_all(f"EXPLAIN QUERY PLAN {sql}", params)]
    rows = await db.fetch_all(f"EXPLAIN {sql}", params)
    return [f"{table} {how} {read} {extra}" for _, _, table, how, *_, read, extra in rows]


def _reads_all(step: str, sql: str) -> bool:
    """SQLite: `SCAN posts …`; MariaDB: `posts ALL 8000 …` or `posts index 8000 …`."""
    tables = "|".join(LARGE)
    if re.match(rf"SCAN ({tables})\b", step):
        return not ("USING INDEX" in step and "ORDER BY" in sql and "LIMIT" in sql)
    found = re.match(rf"(?:{tables}) (ALL|index) (\d+)", step)
    return found is not None and (found[1] == "ALL" or int(found[2]) > WALKED_ROWS)


def _sorts(step: str) -> bool:
    return "TEMP B-TREE" in step or "filesort" in step


async def test_a_table_that_is_read_whole_is_noticed(full: Database) -> None:
    """The check itself: a question without an index is found out on both databases."""
    sql = "SELECT id FROM posts WHERE mood_confidence > ?"

    plan = await _plan(full, sql, (0.5,))

    assert any(_reads_all(step, sql) for step in plan)
