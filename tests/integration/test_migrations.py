"""Migrations: from every version, from every breaking point, one process at a time."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.errors import MigrationError
from bot.ports import Database, Transaction
from bot.services.db_service import open_database
from bot.services.migrations import DIRECTORY, MigrationState, load, migrate, status
from bot.services.schema import read_schema
from tests.mariadb import MariaDb
from tests.migration_processes import JOIN_TIMEOUT_S, context, die_at, start_at_once

Empty = Callable[[], Awaitable[str]]
S = MigrationState
_TYPES = {
    "sqlite": "SELECT name, type FROM pragma_table_info(?)",
    "mysql": "SELECT column_name, data_type FROM information_schema.columns "
    "WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position",
}


@pytest.fixture
async def empty(
    request: pytest.FixtureRequest, db: Database, tmp_path: Path
) -> AsyncIterator[Empty]:
    """Makes addresses of databases with nothing in them, of the kind of `db`."""
    made: list[str] = []

    async def make() -> str:
        if db.dialect.name == "sqlite":
            made.append(f"sqlite:///{tmp_path}/empty-{len(made)}.db")
        else:
            server: MariaDb = request.getfixturevalue("mariadb")
            made.append(await server.new_database())
        return made[-1]

    yield make
    if db.dialect.name == "mysql":
        for url in made:
            await request.getfixturevalue("mariadb").drop_database(url)


@asynccontextmanager
async def _open(url: str) -> AsyncIterator[Database]:
    db = await open_database(url)
    try:
        yield db
    finally:
        await db.close()


def _folder(tmp_path: Path, **files: str) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name.removeprefix('m')}.sql").write_text(text)
    return folder


async def _fill(db: Database) -> None:
    """Three rows in every table."""
    tables = set(await read_schema(db)) - {"leases", "schema_migrations"}

    async def unit(tx: Transaction) -> None:
        for table in sorted(tables):
            types = await tx.fetch_all(_TYPES[tx.dialect.name], (table,))
            names = ", ".join(name for name, _ in types)
            marks = ", ".join("?" for _ in types)
            for n in range(101, 104):
                values = [_value(name, kind.lower(), n) for name, kind in types]
                await tx.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)

    await db.write(unit)


def _value(name: str, kind: str, n: int) -> object:
    if "int" in kind:
        return n
    if kind in ("real", "double"):
        return n / 2
    if "blob" in kind:
        return bytes([n, 0, 255])
    return f"ی {name} {n} 😀"[:40]


async def _contents(db: Database, like: dict[str, list[str]]) -> dict[str, set[object]]:
    """All rows of these tables, in these columns."""
    return {
        table: set(await db.fetch_all(f"SELECT {', '.join(columns)} FROM {table}"))
        for table, columns in like.items()
    }


@pytest.mark.parametrize("version", range(1, len(load(DIRECTORY, "sqlite"))))
async def test_every_earlier_version_with_data_comes_to_the_newest(
    db: Database, empty: Empty, tmp_path: Path, version: int
) -> None:
    """No row is lost or changed on the way, and the schema is that of a new database."""
    earlier = _folder(tmp_path)
    for path in sorted(DIRECTORY.glob("*.sql"))[:version]:
        shutil.copy(path, earlier)
    async with _open(await empty()) as old:
        await migrate(old, earlier)
        await _fill(old)
        tables = await read_schema(old)
        columns = {
            name: table.columns
            for name, table in tables.items()
            if name not in ("leases", "schema_migrations")
        }
        before = await _contents(old, columns)

        applied = await migrate(old)

        after = await _contents(old, columns)
        assert applied == len(load(DIRECTORY, "sqlite")) - version
        assert all(before[table] <= after[table] for table in columns)
        assert all(before[table] == after[table] for table in columns if table != "heads")
        assert await read_schema(old) == await read_schema(db)
        if version < 6:  # the head of the posts starts where they end
            assert await old.fetch_one("SELECT value FROM heads WHERE name = 'posts'") == (103,)


@pytest.mark.slow
@pytest.mark.parametrize("marked", [False, True])
async def test_a_kill_at_any_statement_is_gone_on_from(
    db: Database, empty: Empty, *, marked: bool
) -> None:
    """kill -9 after each statement in turn, before its mark or after it; then all is there."""
    url = await empty()
    migrations = load(DIRECTORY, db.dialect.name)
    total = sum(len(migration.statements) for migration in migrations)
    forks = context()
    async with _open(url) as watching:
        for number in range(total):
            child = forks.Process(
                target=die_at, args=(url, str(DIRECTORY), number), kwargs={"marked": marked}
            )
            child.start()
            await asyncio.to_thread(child.join, JOIN_TIMEOUT_S)
            assert child.exitcode == -signal.SIGKILL, f"statement {number + 1}"
            states = {entry.state for entry in await status(watching)}
            assert states <= {S.APPLIED, S.HALF_DONE, S.WAITING}
            # The dead one's lease need not be waited for; test_locks does.
            await watching.execute("UPDATE leases SET expires_ms = 1")

        await migrate(watching)

        assert all(entry.applied for entry in await status(watching))
        assert await read_schema(watching) == await read_schema(db)
        for table in ("sources", "heads"):  # the rows that migrations put in, once
            rows = f"SELECT * FROM {table} ORDER BY 1"
            assert await watching.fetch_all(rows) == await db.fetch_all(rows)


async def test_eight_processes_that_start_at_once_do_not_collide(
    db: Database, empty: Empty
) -> None:
    """One after the other looks at what is left; none fails."""
    url = await empty()
    async with _open(url):
        pass  # the file is there
    forks = context()
    barrier, applied = forks.Barrier(8), forks.Queue()
    children = [forks.Process(target=start_at_once, args=(url, barrier, applied)) for _ in range(8)]
    for child in children:
        child.start()
    for child in children:
        await asyncio.to_thread(child.join, JOIN_TIMEOUT_S)

    assert [child.exitcode for child in children] == [0] * 8
    counts = [applied.get(timeout=10) for _ in children]
    assert max(counts) > 0
    if db.dialect.name == "mysql":  # whoever had the lease did it all
        assert sorted(counts) == [0] * 7 + [len(load(DIRECTORY, "mysql"))]
    async with _open(url) as done:
        assert all(entry.applied for entry in await status(done))
        assert await read_schema(done) == await read_schema(db)
    applied.close()
    applied.join_thread()


async def test_both_databases_have_the_same_schema(db: Database, tmp_path: Path) -> None:
    """The same tables, columns, keys and indexes, so that a statement fits both."""
    if db.dialect.name == "sqlite":
        pytest.skip("needs both databases: run with --database mysql")
    async with _open(f"sqlite:///{tmp_path}/other.db") as other:
        await migrate(other)

        assert await read_schema(db) == await read_schema(other)


async def test_what_stands_in_the_way_is_not_taken_for_ours(empty: Empty, tmp_path: Path) -> None:
    """A table of the same name that is not what the statement makes ends the migration."""
    folder = _folder(tmp_path, m0001_one="CREATE TABLE one (a BIGINT, b BIGINT);\n")
    async with _open(await empty()) as db:
        await db.execute("CREATE TABLE one (a BIGINT)")

        with pytest.raises(MigrationError, match=r"0001_one\.sql, statement 1.*one"):
            await migrate(db, folder)

        assert [entry.state for entry in await status(db, folder)] == [S.WAITING]


async def test_only_the_statement_that_broke_off_may_be_there_already(
    empty: Empty, tmp_path: Path
) -> None:
    """What a later statement makes must be new, or somebody else was at work."""
    folder = _folder(
        tmp_path, m0001_two="CREATE TABLE one (a BIGINT);\nCREATE TABLE two (a BIGINT);\n"
    )
    async with _open(await empty()) as db:
        await db.execute("CREATE TABLE two (a BIGINT)")

        with pytest.raises(MigrationError, match=r"statement 2"):
            await migrate(db, folder)

        assert [entry.state for entry in await status(db, folder)] == [S.HALF_DONE]


async def test_a_table_an_index_and_a_column_left_without_a_mark_are_recognised(
    empty: Empty, tmp_path: Path
) -> None:
    """As after a crash between statement and mark, where DDL commits by itself."""
    statements = [
        "CREATE TABLE one (a BIGINT NOT NULL, b VARCHAR(40), CONSTRAINT ab UNIQUE (a, b))",
        "CREATE INDEX one_b ON one (b, a)",
        "ALTER TABLE one ADD COLUMN c BIGINT NOT NULL DEFAULT 0",
        "CREATE UNIQUE INDEX one_c ON one (c)",
    ]
    async with _open(await empty()) as db:
        if db.dialect.name == "sqlite":
            pytest.skip("a statement and its mark are one transaction")
        for count, statement in enumerate(statements, start=1):
            text = ";\n".join(statements[:count]) + ";\n"
            folder = _folder(tmp_path, m0001_one=text)
            await db.execute(statement)
            checksum = load(folder, "mysql")[0].checksum
            if count > 1:
                await db.execute(
                    "UPDATE schema_migrations SET checksum = ?, complete = 0", (checksum,)
                )

            assert await migrate(db, folder) == 1
            assert [entry.state for entry in await status(db, folder)] == [S.APPLIED]


async def test_a_changed_file_or_a_newer_database_is_refused_and_listed(
    empty: Empty, tmp_path: Path
) -> None:
    """With a sentence, before anything is touched; the list says which it is."""
    folder = _folder(
        tmp_path,
        m0001_one="CREATE TABLE one (a BIGINT);\n",
        m0002_two="CREATE TABLE two (a BIGINT);\n",
    )
    async with _open(await empty()) as db:
        await migrate(db, folder)
        _folder(tmp_path, m0001_one="CREATE TABLE other (a BIGINT);\n")
        with pytest.raises(MigrationError, match=r"0001_one\.sql was changed"):
            await migrate(db, folder)
        changed = [entry.state for entry in await status(db, folder)]
        _folder(tmp_path, m0001_one="CREATE TABLE one (a BIGINT);\n")
        (folder / "0002_two.sql").unlink()
        with pytest.raises(MigrationError, match="install the newer program"):
            await migrate(db, folder)
        newer = [(entry.name, entry.state) for entry in await status(db, folder)]

        assert changed == [S.CHANGED, S.APPLIED]
        assert newer == [("0001_one", S.APPLIED), ("0002_two", S.NEWER)]
        assert "other" not in await read_schema(db)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("0001_empty", "-- nothing\n", "at least one statement"),
        ("0002_gap", "SELECT 1;\n", "without a gap"),
        ("first", "SELECT 1;\n", "NNNN_name"),
    ],
)
def test_files_that_are_no_migrations_are_refused(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    """A slip in the folder is a sentence, not a half-applied schema."""
    (tmp_path / f"{name}.sql").write_text(text)

    with pytest.raises(MigrationError, match=said):
        load(tmp_path, "sqlite")


async def test_the_list_of_an_empty_database_changes_nothing(empty: Empty) -> None:
    """All are waiting, and there is still no table."""
    async with _open(await empty()) as db:
        states = {entry.state for entry in await status(db)}

        assert states == {S.WAITING}
        assert await read_schema(db) == {}


async def test_the_command_lists_without_making_a_database(tmp_path: Path) -> None:
    """`migrate --status` of a file that is not there says so, and leaves it so."""
    path = tmp_path / "nothing.db"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "migrate", "--status", "--json"),
        env={**os.environ, "DATABASE_URL": f"sqlite:///{path}"},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()

    said = json.loads(out)
    assert process.returncode == 0
    assert {entry["state"] for entry in said["migrations"]} == {"waiting"}
    assert said["applied_now"] == 0
    assert not path.exists()
