"""Backups of either database are whole, and come back on either."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.errors import MigrationError, StorageError
from bot.models.work import Lease
from bot.ports import Database
from bot.services import migrations
from bot.services.backups import mysql
from bot.services.backups.files import check_backup
from bot.services.backups.making import BackupMade, make_backup
from bot.services.backups.restoring import drop_kept, refuse_half_restored, restore_backup
from bot.services.db_service import open_database
from bot.services.migrations import migrate
from bot.services.schema import Table, read_schema
from bot.storage.cache import CacheStore, database_id
from bot.storage.leases import LeaseStore
from bot.storage.workers import WorkerStore
from tests.backups import one_more
from tests.mariadb import MariaDb

Make = Callable[[str], Awaitable[str]]
ROOT = Path(__file__).resolve().parents[2]
KINDS = ("sqlite", "mysql")


@pytest.fixture
async def new(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Make]:
    """Makes an empty database of a kind and returns its address."""
    made: list[str] = []

    async def of(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path}/{len(made)}-{os.urandom(3).hex()}.db"
        server: MariaDb = request.getfixturevalue("mariadb")
        made.append(await server.new_database())
        return made[-1]

    yield of
    for url in made:
        await request.getfixturevalue("mariadb").drop_database(url)


@asynccontextmanager
async def opened(url: str, *, migrated: bool = True) -> AsyncIterator[Database]:
    db = await open_database(url)
    try:
        if migrated:
            await migrate(db)
        yield db
    finally:
        await db.close()


async def _fill(db: Database) -> None:
    """Something of every form: long and odd texts, bytes, nulls, floats, large numbers."""
    await db.execute(
        "INSERT INTO users (id, name, username, lang, seen_ms) VALUES (?, ?, ?, ?, ?)",
        (2**52, "می‌خواهم «?» %s \\ ' \" \x00 😀 \u200f", "", "fa", -1),
    )
    for number in range(1, 1201):
        await db.execute(
            "INSERT INTO attachments (content_hash, body, used_ms) VALUES (?, ?, ?)",
            (f"h{number}", bytes([number % 256]) * (number % 700) + b"\x00'\\%s?", number),
        )
    await db.execute(
        "INSERT INTO vectors (kind, model, owner_id, scale, body) VALUES (?, ?, ?, ?, ?)",
        ("post", "m", 1, 1.0000000000000002e-17, b"\xff" * 300),
    )
    for number in range(1, 4):
        await db.execute(
            "INSERT INTO alert_hits (id, watch_id, post_id, story, found_ms) "
            "VALUES (?, ?, 1, ?, 0)",
            (number * 1000, number, number),
        )
    await db.execute("DELETE FROM alert_hits WHERE id=3000")
    await db.execute(
        "INSERT INTO posts (id, kind, source_id, external_id, created_ms, collected_ms, title, "
        "text, url, author, lang, hashtags, mentions, drop_reason, drop_evidence, duplicate_of, "
        "mood, mood_confidence) VALUES (7, 'tweet', 1, 'x1', 1, 2, '', 'متن', '', 'a', 'fa', '[]', "
        "'[]', '', '', NULL, 'neutral', 0.1)"
    )
    await LeaseStore(db).acquire("chat", "me", timedelta(minutes=5))
    await CacheStore(db).put_many([("a:1", b"x", 60_000)])
    await WorkerStore(db).beat("gone", "elsewhere", 1, ("send",))
    await db.execute("UPDATE workers SET seen_ms = 1")


async def _rows(db: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables that a backup is to bring back."""
    found = {}
    for table, columns in _schema().items():
        rows = await db.fetch_all(f"SELECT {', '.join(columns)} FROM {table}")
        found[table] = sorted((tuple(row) for row in rows), key=repr)
    return found


def _schema() -> dict[str, tuple[str, ...]]:
    with closing(sqlite3.connect(":memory:")) as empty:
        for migration in migrations.load(migrations.DIRECTORY, "sqlite"):
            for statement in migration.statements:
                empty.execute(statement)
        names = [
            row[0]
            for row in empty.execute(
                "SELECT name FROM sqlite_master WHERE type='table' AND name NOT IN "
                "('cache', 'workers', 'meta') AND name NOT LIKE 'sqlite%'"
            )
        ]
        return {
            name: tuple(row[1] for row in empty.execute(f"PRAGMA table_info({name})"))
            for name in names
        }


@pytest.mark.parametrize("target", KINDS)
@pytest.mark.parametrize("origin", KINDS)
async def test_all_comes_back_on_either_database(
    new: Make, tmp_path: Path, origin: str, target: str
) -> None:
    """Also what the new database held is kept aside; what was of the moment is not brought."""
    here, there = await new(origin), await new(target)
    async with opened(here) as db:
        await _fill(db)
        wanted, name = await _rows(db), await database_id(db)
    async with opened(there) as db:
        await one_more(db, 1, "what was there before")

    made = await make_backup(here, tmp_path / "b.db")
    done = await restore_backup(there, tmp_path / "b.db")

    assert done.facts.rows == made.facts.rows
    assert made.facts.posts == 1
    assert done.kept
    async with opened(there) as db:
        assert await _rows(db) == wanted
        assert await read_schema(db) == await _schema_of_new(new, target)
        assert await database_id(db) != name
        assert (await CacheStore(db).usage()).entries == 0
        assert await WorkerStore(db).alive(timedelta(days=99_999)) == []
        lease = await LeaseStore(db).acquire("chat", "other", timedelta(minutes=1))
        assert lease == Lease("chat", 2, "other")


async def _schema_of_new(new: Make, kind: str) -> dict[str, Table]:
    """Without the tables that a restore sets aside."""
    async with opened(await new(kind)) as db:
        fresh = await read_schema(db)
    kept = {f"before_restore_{name}": table for name, table in fresh.items()}
    return fresh | (kept if kind == "mysql" else {})


async def test_ids_go_on_after_the_highest_that_was_given(new: Make, tmp_path: Path) -> None:
    """Also where the row with the highest id was deleted before the backup."""
    here, there = await new("mysql"), await new("mysql")
    async with opened(here) as db:
        await _fill(db)
    await make_backup(here, tmp_path / "b.db")
    await restore_backup(there, tmp_path / "b.db")

    async with opened(there) as db:
        sql = "INSERT INTO alert_hits (watch_id, post_id, story, found_ms) VALUES (9, 1, 1, 0)"
        assert await db.write(lambda tx: tx.insert(sql)) == 3001


@pytest.mark.parametrize("kind", KINDS)
async def test_a_backup_is_one_moment_of_a_busy_database(
    new: Make, tmp_path: Path, kind: str
) -> None:
    """Processes write at full speed into two tables that must agree, also in the copy."""
    url = await new(kind)
    async with opened(url) as db:
        await db.execute("INSERT INTO heads (name, value) VALUES ('written', 0)")
    writers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.backups", url, str(number), cwd=ROOT,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )
        for number in range(2)
    ]  # fmt: skip
    try:
        for writer in writers:
            assert writer.stdout is not None
            assert await writer.stdout.readline() == b"writing\n"
        made = [await make_backup(url, tmp_path / f"{number}.db") for number in range(4)]
        written = 0
        for writer in writers:
            last, _ = await writer.communicate(b"")
            written += int(last.split()[0])
    finally:
        for writer in writers:
            if writer.returncode is None:
                writer.kill()

    counts = [_counted(one) for one in made]
    assert all(rows == counted for rows, counted in counts)
    assert [rows for rows, _ in counts] == sorted(rows for rows, _ in counts)
    assert 0 < counts[-1][0] <= written


def _counted(made: BackupMade) -> tuple[int, int]:
    with closing(sqlite3.connect(made.path)) as copy:
        rows = copy.execute("SELECT COUNT(*) FROM feedback").fetchone()[0]
        counted = copy.execute("SELECT value FROM heads WHERE name='written'").fetchone()[0]
    return rows, counted


@pytest.mark.parametrize("kind", KINDS)
async def test_a_backup_that_is_killed_leaves_no_file(new: Make, tmp_path: Path, kind: str) -> None:
    """kill -9 at any moment: under the final name there is a whole backup or nothing."""
    url = await new(kind)
    async with opened(url) as db:
        await _fill(db)
    whole = 0
    for number in range(8):
        target = tmp_path / f"k{number}.db"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _BACKUP, url, str(target), cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        await process.stdout.readline()
        await asyncio.sleep(0.02 * number * number)
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()
        if target.exists():
            whole += 1
            assert check_backup(target).posts == 1

    made = await make_backup(url, tmp_path / "last.db")
    assert made.facts.posts == 1
    assert whole < 8


_BACKUP = """
import asyncio, sys
from pathlib import Path
from bot.services.backups.making import make_backup
print("ready", flush=True)
asyncio.run(make_backup(sys.argv[1], Path(sys.argv[2])))
"""


async def test_a_cancelled_backup_leaves_nothing(new: Make, tmp_path: Path) -> None:
    url = await new("sqlite")
    async with opened(url) as db:
        await _fill(db)
    folder = tmp_path / "backups"
    folder.mkdir()
    making = asyncio.create_task(make_backup(url, folder / "b.db"))
    await asyncio.sleep(0)
    making.cancel()
    await asyncio.wait([making])

    assert making.cancelled()
    assert list(folder.iterdir()) == []


async def test_a_name_that_is_taken_is_refused(new: Make, tmp_path: Path) -> None:
    """Also when the file came while the backup was made; it is not touched."""
    url = await new("sqlite")
    async with opened(url) as db:
        await _fill(db)
    taken = tmp_path / "b.db"
    taken.write_text("mine")
    with pytest.raises(StorageError, match="is there already"):
        await make_backup(url, taken)

    assert taken.read_text() == "mine"
    assert _left_behind(tmp_path) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_mistyped_folder_is_not_made(new: Make, tmp_path: Path, kind: str) -> None:
    url = await new(kind)
    async with opened(url):
        pass

    with pytest.raises(StorageError, match="there is no folder"):
        await make_backup(url, tmp_path / "not" / "there" / "b.db")

    assert not (tmp_path / "not").exists()


@pytest.mark.parametrize("kind", KINDS)
async def test_what_a_restore_set_aside_can_be_dropped(
    new: Make, tmp_path: Path, kind: str
) -> None:
    """Once; the data that are in use stay, and nothing is dropped while a restore is half done."""
    url = await new(kind)
    async with opened(url) as db:
        await _fill(db)
    await make_backup(url, tmp_path / "b.db")
    await restore_backup(url, tmp_path / "b.db")
    if kind == "mysql":
        async with opened(url, migrated=False) as db:
            await db.execute("CREATE TABLE restoring (file VARCHAR(10) NOT NULL)")
            with pytest.raises(StorageError, match="broke off or is under way"):
                await drop_kept(url)
            await db.execute("DROP TABLE restoring")

    dropped, again = await drop_kept(url), await drop_kept(url)

    assert "before" in dropped
    assert again == ""
    assert not any("before-restore" in path.name for path in tmp_path.iterdir())  # noqa: ASYNC240
    async with opened(url) as db:
        assert await db.fetch_one("SELECT COUNT(*) FROM attachments") == (1200,)
        assert not any("before_restore" in name for name in await read_schema(db))


def _left_behind(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_no_backup_is_refused(new: Make, tmp_path: Path, kind: str) -> None:
    """With a sentence, and nothing is changed."""
    url = await new(kind)
    async with opened(url) as db:
        await _fill(db)
        before = await _rows(db)
    good = (await make_backup(url, tmp_path / "good.db")).path
    spoilt = {
        "damaged": _damaged(good),
        "no backup": _text(tmp_path),
        "no backup ": _foreign(tmp_path),
        "no such file": tmp_path / "nowhere.db",
        "install the newer program": _with_ledger(good, "(99, '0099_later', 'c', 1, 1)"),
        "another 0001_base": _with_ledger(good, "(1, '0099_later', 'c', 1, 1)"),
    }
    for sentence, file in spoilt.items():
        with pytest.raises((StorageError, MigrationError), match=sentence.strip()):
            await restore_backup(url, file)

    async with opened(url) as db:
        assert await _rows(db) == before


def _damaged(good: Path) -> Path:
    path = good.with_name("damaged.db")
    body = bytearray(good.read_bytes())
    body[len(body) // 2 : len(body) // 2 + 30_000] = os.urandom(30_000)
    path.write_bytes(body)
    return path


def _text(folder: Path) -> Path:
    path = folder / "text.db"
    path.write_text("not a database at all " * 500)
    return path


def _foreign(folder: Path) -> Path:
    path = folder / "foreign.db"
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE posts (id INTEGER)")
    return path


def _with_ledger(good: Path, row: str) -> Path:
    path = good.with_name(f"ledger-{abs(hash(row))}.db")
    path.write_bytes(good.read_bytes())
    with closing(sqlite3.connect(path)) as file:
        file.execute(f"REPLACE INTO schema_migrations VALUES {row}")
        file.commit()
    return path


@pytest.mark.parametrize("target", KINDS)
async def test_an_older_backup_is_brought_to_this_version(
    new: Make, tmp_path: Path, target: str
) -> None:
    older = tmp_path / "migrations"
    older.mkdir()
    for path in sorted(migrations.DIRECTORY.glob("*.sql"))[:5]:
        (older / path.name).write_bytes(path.read_bytes())
    origin, there = f"sqlite:///{tmp_path}/old.db", await new(target)
    async with opened(origin, migrated=False) as db:
        await migrate(db, older)
        await db.execute(
            "INSERT INTO feedback (user_id, chat_id, text, created_ms) VALUES (1, 1, 'x', 1)"
        )
    await make_backup(origin, tmp_path / "b.db")
    before = (tmp_path / "b.db").read_bytes()
    done = await restore_backup(there, tmp_path / "b.db")

    assert not done.facts.is_current
    assert (tmp_path / "b.db").read_bytes() == before
    async with opened(there, migrated=False) as db:
        assert all(entry.applied for entry in await migrations.status(db))
        assert await db.fetch_one("SELECT COUNT(*) FROM feedback") == (1,)


async def test_an_older_server_is_backed_up_as_it_is(new: Make, tmp_path: Path) -> None:
    """Before an update of the program, without changing the schema."""
    older = tmp_path / "migrations"
    older.mkdir()
    for path in sorted(migrations.DIRECTORY.glob("*.sql"))[:6]:
        (older / path.name).write_bytes(path.read_bytes())
    url = await new("mysql")
    async with opened(url, migrated=False) as db:
        await migrate(db, older)
    made = await make_backup(url, tmp_path / "b.db")

    async with opened(url, migrated=False) as db:
        assert sum(entry.applied for entry in await migrations.status(db)) == 6
    assert "cache" not in made.facts.rows
    assert made.facts.rows["sources"] == 2


async def test_a_bot_at_work_on_a_server_is_not_overwritten(new: Make, tmp_path: Path) -> None:
    url = await new("mysql")
    async with opened(url) as db:
        await _fill(db)
        await make_backup(url, tmp_path / "b.db")
        await WorkerStore(db).beat("main", "here", 4711, ("chat",))
        with pytest.raises(StorageError, match=r"main \(process 4711 on here\)"):
            await restore_backup(url, tmp_path / "b.db")
        await WorkerStore(db).leave("main")
    await restore_backup(url, tmp_path / "b.db")


async def test_a_bot_at_work_on_a_file_is_not_overwritten(new: Make, tmp_path: Path) -> None:
    """However quiet it is: an open connection is enough. And a database is not its own backup."""
    url = await new("sqlite")
    async with opened(url) as db:
        await _fill(db)
        made = await make_backup(url, tmp_path / "b.db")
        with pytest.raises(StorageError, match="stop the bot first"):
            await restore_backup(url, made.path)
        await one_more(db, 1, "still writable")
    with pytest.raises(StorageError, match="from itself"):
        await restore_backup(url, Path(url.removeprefix("sqlite:///")))
    async with opened(url) as db:
        assert await db.fetch_one("SELECT text FROM feedback") == ("still writable",)
    assert _left_behind(tmp_path) == []


async def test_a_damaged_file_can_be_replaced_and_its_log_does_not_stay(
    new: Make, tmp_path: Path
) -> None:
    """That is what backups are for."""
    url = await new("sqlite")
    async with opened(url) as db:
        await _fill(db)
        wanted = await _rows(db)
    made = await make_backup(url, tmp_path / "b.db")
    _spoil(Path(url.removeprefix("sqlite:///")))
    done = await restore_backup(url, made.path)

    assert await asyncio.to_thread(Path(done.kept).read_bytes) == b"x" * 5000
    async with opened(url) as db:
        assert await _rows(db) == wanted


def _spoil(path: Path) -> None:
    path.write_bytes(b"x" * 5000)
    path.with_name(path.name + "-wal").write_bytes(b"y" * 5000)


async def test_a_broken_restore_is_noticed_and_runs_again(
    new: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each point where it may break off; what was there before the first try is what is kept."""
    origin, url = await new("sqlite"), await new("mysql")
    async with opened(origin) as db:
        await _fill(db)
        wanted = await _rows(db)
    async with opened(url) as db:
        await db.execute("INSERT INTO heads (name, value) VALUES ('written', 0)")
        await one_more(db, 1, "the old data")
    made = await make_backup(origin, tmp_path / "b.db")

    for place in ("copy_in", "finish"):
        with monkeypatch.context() as broken:
            broken.setattr(mysql, place, _break_off(getattr(mysql, place), half=place == "copy_in"))
            with pytest.raises(StorageError, match="power cut"):
                await restore_backup(url, made.path)
        async with opened(url, migrated=False) as db:
            with pytest.raises(StorageError, match=r"restore .*b\.db. again"):
                await refuse_half_restored(db)
    await restore_backup(url, made.path)

    async with opened(url) as db:
        await refuse_half_restored(db)
        assert await _rows(db) == wanted
        assert await db.fetch_one("SELECT text FROM before_restore_feedback") == ("the old data",)
    await restore_backup(url, made.path)  # the next one drops what was kept
    async with opened(url) as db:
        assert await db.fetch_one("SELECT COUNT(*) FROM before_restore_feedback") == (0,)


def _break_off(work: Any, *, half: bool) -> Any:
    def broken(*args: Any) -> Any:
        if half:  # it goes on until the second table, and then the power is cut
            tables: list[str] = []

            def progress(table: str, rows: int) -> None:
                tables.append(table)
                if len(set(tables)) > 4:
                    raise StorageError("power cut")

            return work(*args[:-1], progress)
        raise StorageError("power cut")

    return broken


@pytest.mark.parametrize("seconds", [0.1, 0.5, 1.0, 2.0])
async def test_a_restore_that_is_killed_runs_again(
    new: Make, tmp_path: Path, seconds: float
) -> None:
    """kill -9 at some moment: the start refuses or finds everything; then it is run again."""
    origin, url = await new("sqlite"), await new("mysql")
    async with opened(origin) as db:
        await _fill(db)
        wanted = await _rows(db)
    async with opened(url) as db:
        await db.execute("INSERT INTO heads (name, value) VALUES ('written', 0)")
        await one_more(db, 1, "the old data")
        old = await _rows(db)
    made = await make_backup(origin, tmp_path / "b.db")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _RESTORE,
        url,
        str(made.path),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    await process.stdout.readline()
    await asyncio.sleep(seconds)
    if process.returncode is None:
        process.send_signal(signal.SIGKILL)
    await process.wait()

    async with opened(url, migrated=False) as db:
        try:
            await refuse_half_restored(db)
        except StorageError:
            pass
        else:
            assert await _rows(db) in (old, wanted)
    await restore_backup(url, made.path)
    async with opened(url) as db:
        assert await _rows(db) == wanted


_RESTORE = """
import asyncio, sys
from pathlib import Path
from bot.services.backups.restoring import restore_backup
print("ready", flush=True)
asyncio.run(restore_backup(sys.argv[1], Path(sys.argv[2])))
"""
