"""The database layer on a real file: nothing half-done, nothing wedged, nothing lost."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import sys
import textwrap
from pathlib import Path

import pytest

from bot.errors import MigrationError, StorageError
from bot.ports import Database, Transaction
from bot.services.db_service import log_facts, open_database
from bot.services.migrations import load, migrate, status
from bot.services.sqlite_file import wal_verdict

_PUT = "INSERT INTO meta (name, value) VALUES (?, ?)"


async def _names(db: Database) -> set[str]:
    return {row[0] for row in await db.fetch_all("SELECT name FROM meta")}


async def test_a_unit_is_committed_whole_or_not_at_all(db: Database) -> None:
    """An error in the middle of a unit takes its earlier statements back."""

    async def unit(tx: Transaction) -> None:
        await tx.execute(_PUT, ("first", "1"))
        await tx.execute("INSERT INTO no_such_table VALUES (1)")

    with pytest.raises(StorageError, match="no_such_table"):
        await db.write(unit)

    assert await _names(db) == set()


async def test_even_an_exit_in_a_unit_leaves_the_database_working(db: Database) -> None:
    """What is not an ordinary error takes its own unit back, and nothing else."""

    async def unit(tx: Transaction) -> None:
        await tx.execute(_PUT, ("first", "1"))
        raise GeneratorExit

    with pytest.raises(GeneratorExit):
        await db.write(unit)
    await db.execute(_PUT, ("second", "2"))

    assert await _names(db) == {"second"}


async def test_a_failing_unit_leaves_its_neighbours_alone(db: Database) -> None:
    """Units that share a commit do not share each other's errors."""

    async def write(index: int) -> None:
        async def unit(tx: Transaction) -> None:
            await tx.execute(_PUT, (f"n{index}", ""))
            if index % 3 == 0:
                raise ValueError(index)

        await db.write(unit)

    outcomes = await asyncio.gather(*(write(n) for n in range(60)), return_exceptions=True)

    assert sum(isinstance(outcome, ValueError) for outcome in outcomes) == 20
    assert await _names(db) == {f"n{n}" for n in range(60) if n % 3}


@pytest.mark.sqlite
async def test_a_unit_that_awaits_something_else_is_refused(db: Database) -> None:
    """A transaction never stays open while the program waits for the world."""

    async def unit(tx: Transaction) -> None:
        await tx.execute(_PUT, ("x", ""))
        await asyncio.sleep(0)

    with pytest.raises(StorageError, match="await only its own transaction"):
        await db.write(unit)

    assert await _names(db) == set()


async def test_random_cancellation_wedges_nothing(db: Database) -> None:
    """After hundreds of cancelled callers every write is whole and the next one works."""
    rng = random.Random(7)

    async def write(index: int) -> None:
        async def unit(tx: Transaction) -> None:
            await tx.execute(_PUT, (f"a{index}", ""))
            await tx.execute(_PUT, (f"b{index}", ""))

        await db.write(unit)

    async def hurried(index: int) -> bool:
        try:
            await asyncio.wait_for(write(index), rng.uniform(0, 0.004))
        except TimeoutError:
            return False
        return True

    acknowledged = await asyncio.gather(*(hurried(n) for n in range(600)))
    await db.execute(_PUT, ("after", ""))

    names = await _names(db)
    assert "after" in names
    assert all(f"a{n}" in names for n, done in enumerate(acknowledged) if done)
    assert {n[1:] for n in names if n[0] == "a" and n != "after"} == {
        n[1:] for n in names if n[0] == "b"
    }


@pytest.mark.sqlite
async def test_readers_cannot_write(db: Database) -> None:
    """A statement sent down the reading road cannot change anything."""
    with pytest.raises(StorageError):
        await db.fetch_all("DELETE FROM meta")


async def test_two_processes_write_one_file(tmp_path: Path) -> None:
    """Writers in two processes take turns; none is refused, none lost."""
    url = f"sqlite:///{tmp_path}/shared.db"
    first = await open_database(url)
    await migrate(first)
    child = textwrap.dedent(
        f"""
        import asyncio
        from bot.services.db_service import log_facts, open_database
        async def main():
            db = await open_database({url!r})
            for n in range(300):
                await db.execute({_PUT!r}, (f"child{{n}}", ""))
            await db.close()
        asyncio.run(main())
        """
    )

    process = await asyncio.create_subprocess_exec(sys.executable, "-c", child)
    for n in range(300):
        await first.execute(_PUT, (f"parent{n}", ""))

    assert await process.wait() == 0
    assert len(await _names(first)) == 600
    await first.close()


async def test_kill_9_loses_no_acknowledged_row(database_url: str) -> None:
    """What was acknowledged before SIGKILL is there afterwards, and a batch is there whole."""
    url = database_url
    db = await open_database(url)
    await migrate(db)
    await db.close()
    child = textwrap.dedent(
        f"""
        import asyncio, sys
        from bot.services.db_service import log_facts, open_database
        async def main():
            db = await open_database({url!r})
            start = int(sys.argv[1])
            for n in range(start, start + 100000):
                async def unit(tx, n=n):
                    await tx.execute({_PUT!r}, (f"a{{n}}", ""))
                    await tx.execute({_PUT!r}, (f"b{{n}}", ""))
                await db.write(unit)
                await asyncio.gather(
                    *(db.execute({_PUT!r}, (f"s{{k}}-{{n}}", "")) for k in range(3))
                )
                print(n, flush=True)
        asyncio.run(main())
        """
    )
    rng = random.Random(3)
    acknowledged: list[int] = []
    for round_number in range(5):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            child,
            str(round_number * 1_000_000),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        lines = [await process.stdout.readline() for _ in range(rng.randrange(5, 120))]
        os.kill(process.pid, signal.SIGKILL)
        lines.extend((await process.stdout.read()).splitlines())
        await process.wait()
        acknowledged.extend(int(line) for line in lines)

    db = await open_database(url)
    names = await _names(db)
    if db.dialect.name == "sqlite":
        assert await db.fetch_one("PRAGMA integrity_check") == ("ok",)
    await db.close()
    assert len(acknowledged) > 20
    assert {f"a{n}" for n in acknowledged} <= names
    assert {f"s{k}-{n}" for n in acknowledged for k in range(3)} <= names
    assert {n[1:] for n in names if n[0] == "a"} == {n[1:] for n in names if n[0] == "b"}


async def test_migrations_run_once_and_are_listed(db: Database) -> None:
    """A second run has nothing to do, and the list says that all are applied."""
    again = await migrate(db)

    assert again == 0
    assert all(entry.applied for entry in await status(db))


async def test_a_migration_that_broke_off_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Statements that were done are not done again after a failure in the middle."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    file = folder / "0001_two.sql"
    file.write_text("CREATE TABLE one (a BIGINT);\nCREATE TABLE two (a BIGINT) oops;\n")
    db = await open_database(f"sqlite:///{tmp_path}/m.db")

    with pytest.raises(MigrationError, match="statement 2"):
        await migrate(db, folder)
    file.write_text("CREATE TABLE one (a BIGINT);\nCREATE TABLE two (a BIGINT);\n")
    await db.execute(
        "UPDATE schema_migrations SET checksum=?", (load(folder, "sqlite")[0].checksum,)
    )

    assert await migrate(db, folder) == 1
    assert await db.fetch_all("SELECT * FROM two") == []
    await db.close()


async def test_a_changed_or_newer_schema_is_refused(tmp_path: Path) -> None:
    """The program does not touch a schema that it does not know."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    file = folder / "0001_one.sql"
    file.write_text("CREATE TABLE one (a BIGINT);\n")
    db = await open_database(f"sqlite:///{tmp_path}/m.db")
    await migrate(db, folder)

    file.write_text("CREATE TABLE other (a BIGINT);\n")
    with pytest.raises(MigrationError, match="changed"):
        await migrate(db, folder)
    file.unlink()
    with pytest.raises(MigrationError, match="newer"):
        await migrate(db, folder)
    await db.close()


async def test_an_unusable_path_is_a_clear_error() -> None:
    """Opening a database where no file can be says which file."""
    with pytest.raises(StorageError, match="/proc/nowhere"):
        await open_database("sqlite:////proc/nowhere/x.db")


@pytest.mark.parametrize(
    ("version", "is_told"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 52, 0), True),
        ((3, 53, 0), False),
    ],
)
def test_a_sqlite_with_the_wal_reset_bug_is_told_apart(
    version: tuple[int, int, int], is_told: bool
) -> None:
    """It was fixed in 3.51.3 and 3.53.0; 3.52.0, withdrawn, is no fix."""
    told = wal_verdict(version)

    assert bool(told) == is_told
    assert not is_told or "one writer" in told


async def test_the_start_tells_what_the_database_is(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """One line of product and version, and one for each thing that endangers it."""
    caplog.set_level("INFO")
    facts = await db.facts()

    await log_facts(db)

    lines = [record.getMessage() for record in caplog.records if record.name.endswith("db_service")]
    assert facts.version
    assert f"{facts.product} {facts.version}" in lines[0]
    assert lines[1:] == list(facts.warnings)
    if facts.product == "SQLite":
        assert facts.version == sqlite3.sqlite_version
        assert list(facts.warnings) == [
            w for w in [wal_verdict(sqlite3.sqlite_version_info[:3])] if w
        ]
