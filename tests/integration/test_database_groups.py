"""Writes that wait at the same moment share a commit, and share nothing else."""

from __future__ import annotations

import asyncio
import random

import pytest

from bot.errors import StorageError
from bot.ports import Database, Transaction
from bot.services import db_sqlite, mysql_groups
from bot.services.db_sqlite import SqliteDatabase

_PUT = "INSERT INTO meta (name, value) VALUES (?, ?)"


async def _names(db: Database) -> set[str]:
    return {row[0] for row in await db.fetch_all("SELECT name FROM meta")}


async def _status(db: Database, name: str) -> int:
    row = await db.fetch_one(f"SHOW GLOBAL STATUS LIKE '{name}'")
    assert row is not None
    return int(row[1])


async def test_inserts_that_wait_together_share_statements(db: Database, mysql_url: str) -> None:
    """A thousand single rows need far fewer than a thousand statements, and each counts one."""
    before = await _status(db, "Com_insert")

    counts = await asyncio.gather(*(db.execute(_PUT, (f"n{n}", "و")) for n in range(1000)))

    assert counts == [1] * 1000
    assert len(await _names(db)) == 1000
    assert await _status(db, "Com_insert") - before < 100


async def test_a_refused_row_is_refused_to_its_caller_alone(db: Database) -> None:
    """A key that exists already fails one write of many, and nothing is stored twice."""
    await db.execute(_PUT, ("n7", "first"))

    outcomes = await asyncio.gather(
        *(db.execute(_PUT, (f"n{n}", "later")) for n in range(200)),
        db.execute(_PUT, ("n8", "twin")),
        return_exceptions=True,
    )

    failed = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, StorageError)]
    assert failed in ([7, 200], [7, 8])  # of two at the same moment, one is first
    assert [outcome for outcome in outcomes if outcome == 1] == [1] * 199
    assert await db.fetch_one("SELECT value FROM meta WHERE name='n7'") == ("first",)
    assert len(await _names(db)) == 200


async def test_each_caller_learns_whether_its_row_was_new(db: Database) -> None:
    """Where one count for many rows does not tell them apart, they are counted one by one."""
    put = db.dialect.insert_new("meta", ["name", "value"], ["name"])
    for n in range(0, 100, 3):
        await db.execute(_PUT, (f"n{n}", "old"))

    mixed = await asyncio.gather(*(db.execute(put, (f"n{n}", "new")) for n in range(100)))
    none = await asyncio.gather(*(db.execute(put, (f"n{n}", "again")) for n in range(100)))
    twins = await asyncio.gather(*(db.execute(put, ("twin", str(n))) for n in range(20)))

    assert mixed == [0 if n % 3 == 0 else 1 for n in range(100)]
    assert none == [0] * 100
    assert sorted(twins) == [0] * 19 + [1]


async def test_counters_that_are_raised_together_lose_nothing(db: Database) -> None:
    """The same row, written by many callers at once, is raised by each of them once."""
    put = db.dialect.upsert("heads", ["name", "value"], ["name"], ["value={old} + {new}"])

    await asyncio.gather(*(db.execute(put, ("n", n)) for n in range(300)))

    assert await db.fetch_one("SELECT value FROM heads WHERE name='n'") == (sum(range(300)),)


async def test_a_cancelled_caller_takes_nobody_along(db: Database) -> None:
    """Single writes cancelled at random: those that were answered are there, and all go on."""
    rng = random.Random(5)

    async def hurried(n: int) -> bool:
        try:
            await asyncio.wait_for(db.execute(_PUT, (f"n{n}", "")), rng.uniform(0, 0.01))
        except TimeoutError:
            return False
        return True

    async def patient(n: int) -> int:
        return await db.execute(_PUT, (f"p{n}", ""))

    answered, counts = await asyncio.gather(
        asyncio.gather(*(hurried(n) for n in range(400))),
        asyncio.gather(*(patient(n) for n in range(400))),
    )

    names = await _names(db)
    assert counts == [1] * 400
    assert {f"p{n}" for n in range(400)} <= names
    assert {f"n{n}" for n, done in enumerate(answered) if done} <= names


async def test_nothing_is_answered_before_its_commit(database_url: str, db: Database) -> None:
    """What a caller was told is visible to another connection at that moment."""
    from bot.services.db_service import open_database

    other = await open_database(database_url)
    try:

        async def put(n: int) -> None:
            await db.execute(_PUT, (f"n{n}", ""))
            assert await other.fetch_one("SELECT 1 FROM meta WHERE name=?", (f"n{n}",)) == (1,)

        await asyncio.gather(*(put(n) for n in range(100)))
    finally:
        await other.close()


async def test_a_unit_does_not_see_half_of_another(db: Database) -> None:
    """Two coroutines: what one takes back, the other has never relied on."""
    await db.execute(_PUT, ("shared", "0"))

    async def failing(tx: Transaction) -> None:
        await tx.execute("UPDATE meta SET value='wrong' WHERE name='shared'")
        raise ValueError

    async def raising(tx: Transaction) -> str:
        row = await tx.fetch_one(
            "SELECT value FROM meta WHERE name='shared'"
            + ("" if tx.dialect.name == "sqlite" else " FOR UPDATE")
        )
        assert row is not None
        await tx.execute("UPDATE meta SET value=? WHERE name='shared'", (str(int(row[0]) + 1),))
        return str(row[0])

    outcomes = await asyncio.gather(
        *(db.write(unit) for _ in range(30) for unit in (failing, raising)), return_exceptions=True
    )

    assert sorted(int(seen) for seen in outcomes[1::2] if isinstance(seen, str)) == list(range(30))
    assert all(isinstance(outcome, ValueError) for outcome in outcomes[::2])
    assert await db.fetch_one("SELECT value FROM meta WHERE name='shared'") == ("30",)


async def test_a_unit_may_outlive_a_refused_statement(db: Database) -> None:
    """A statement that is refused undoes itself; the unit that expects it goes on."""
    await db.execute(_PUT, ("there", "1"))

    async def unit(tx: Transaction) -> str:
        await tx.execute(_PUT, ("before", ""))
        try:
            await tx.execute(_PUT, ("there", "2"))
        except StorageError:
            await tx.execute(_PUT, ("after", ""))
            return "refused"
        return "stored"

    assert await db.write(unit) == "refused"
    assert await _names(db) == {"there", "before", "after"}


async def test_the_queue_is_bounded(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a limit a write is refused at once, and what was accepted is still stored."""
    for module in (db_sqlite, mysql_groups):
        monkeypatch.setattr(module, "WAITING_MAX", 10)

    outcomes = await asyncio.gather(
        *(db.execute(_PUT, (f"n{n}", "")) for n in range(50)), return_exceptions=True
    )

    stored = {f"n{n}" for n, outcome in enumerate(outcomes) if outcome == 1}
    refused = [outcome for outcome in outcomes if isinstance(outcome, StorageError)]
    assert len(stored) >= 10
    assert len(stored) + len(refused) == 50
    assert "wait" in str(refused[0])
    assert await _names(db) == stored


async def test_closing_waits_for_what_was_accepted(database_url: str) -> None:
    """A write under way when the database is closed is stored and answered."""
    from bot.services.db_service import open_database
    from bot.services.migrations import migrate

    db = await open_database(database_url)
    await migrate(db)
    writes = [asyncio.create_task(db.execute(_PUT, (f"n{n}", ""))) for n in range(50)]
    await asyncio.sleep(0)

    await db.close()

    assert await asyncio.gather(*writes) == [1] * 50
    again = await open_database(database_url)
    assert len(await _names(again)) == 50
    await again.close()


@pytest.mark.sqlite
async def test_every_transaction_begins_as_a_writer(db: Database) -> None:
    """BEGIN IMMEDIATE only: a transaction that turns writer later fails at once when it is late."""
    assert isinstance(db, SqliteDatabase)
    said: list[str] = []
    await db._writer.set_trace_callback(said.append)

    async def unit(tx: Transaction) -> None:
        await tx.fetch_all("SELECT * FROM meta")
        await tx.execute(_PUT, ("unit", ""))

    await asyncio.gather(
        db.write(unit), db.execute(_PUT, ("single", "")), db.execute("DELETE FROM heads")
    )

    begun = [text for text in said if text.startswith("BEGIN")]
    assert begun == ["BEGIN IMMEDIATE"]
    assert said.count("COMMIT") == 1
    assert sum(text.startswith("SAVEPOINT") for text in said) == 1


@pytest.mark.sqlite
async def test_a_full_disk_fails_all_who_share_the_commit(db: Database) -> None:
    """SQLite takes the whole transaction back then; nobody is told otherwise."""
    assert isinstance(db, SqliteDatabase)
    await db.execute(_PUT, ("before", ""))
    row = await db.fetch_one("PRAGMA page_count")
    assert row is not None
    await db._writer.execute_fetchall(f"PRAGMA max_page_count={row[0]}")

    outcomes = await asyncio.gather(
        *(db.execute(_PUT, (f"n{n}", "x" * 5000)) for n in range(20)), return_exceptions=True
    )
    await db._writer.execute_fetchall("PRAGMA max_page_count=1000000")
    await db.execute(_PUT, ("after", ""))

    names = await _names(db)
    told = {f"n{n}" for n, outcome in enumerate(outcomes) if outcome == 1}
    assert all(isinstance(outcome, StorageError) for outcome in outcomes if outcome != 1)
    assert len(told) < 20
    assert names == {"before", "after"} | told
