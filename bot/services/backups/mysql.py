"""Rows out of MariaDB into an SQLite file and back, table by table, in bounded memory.

In a thread, so that nothing of it is the event loop's business. Reading goes through asyncmy, on a
loop of the thread's own: PyMySQL takes the packets apart in Python, at 50 us a row, and holds up
whatever else the process does. Writing goes through PyMySQL, since a restore runs alone.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from bot.errors import StorageError
from bot.services.backups.files import INFO, MOMENTARY, Stop, open_file, tables_of

KEPT = "before_restore_"
MARKER = "restoring"
_ROWS = 500
_ROWS_READ = 100  # at once in memory: pictures are rows, too
_BATCH_BYTES = 2**20
_BATCHES_PER_COMMIT = 20  # each commit waits for the disk
_NOT_COPIED = MOMENTARY | {"schema_migrations", INFO}
_SCHEMA_CHANGED = 1412  # a table was altered after the snapshot was taken


def _place(url: str) -> dict[str, Any]:
    """Where to connect and how, in the words of both drivers."""
    parts = urlsplit(url)
    return {
        "host": parts.hostname or "",
        "port": parts.port or 3306,
        "user": unquote(parts.username or "root"),
        "password": unquote(parts.password or ""),
        "database": parts.path.strip("/"),
        "charset": "utf8mb4",
        "autocommit": True,
        "connect_timeout": 10,
        "init_command": "SET time_zone='+00:00', net_write_timeout=600, "
        "sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
    }


def connect(url: str) -> Any:
    """A connection of our own; StorageError when the server cannot be reached."""
    import pymysql

    place = _place(url)
    try:
        return pymysql.connect(**place)
    except (pymysql.err.Error, OSError) as error:
        raise StorageError(f"cannot reach the database at {place['host']}: {error}") from error


@asynccontextmanager
async def _reading(url: str) -> AsyncIterator[Any]:
    import asyncmy

    place = _place(url)
    try:
        server: Any = await asyncmy.connect(**place)
    except (asyncmy.errors.MySQLError, OSError) as error:
        raise StorageError(f"cannot reach the database at {place['host']}: {error}") from error
    try:
        yield server
    finally:
        server.close()  # also in mid-stream


def copy_out(url: str, target: Path, stop: Stop) -> dict[str, int]:
    """Fill the empty, migrated file at `target` with one moment of the database; rows by table."""
    from asyncmy.errors import MySQLError

    try:
        return asyncio.run(_copy_out(url, target, stop))
    except MySQLError as error:
        if error.args and error.args[0] == _SCHEMA_CHANGED:
            raise StorageError(
                "the tables were changed meanwhile: make the backup again"
            ) from error
        raise StorageError(f"the database could not be read: {error}") from error
    except sqlite3.Error as error:
        raise StorageError(f"{target} cannot be written: {error}") from error
    except OSError as error:
        raise StorageError(f"the backup broke off: {error}") from error


async def _copy_out(url: str, target: Path, stop: Stop) -> dict[str, int]:
    async with _reading(url) as server:
        with closing(_fast(target)) as file:
            tables = {t: c for t, c in tables_of(file).items() if t not in _NOT_COPIED}
            indexes = file.execute(
                "SELECT name, sql FROM sqlite_master WHERE type='index' AND sql IS NOT NULL"
            ).fetchall()
            for name, _ in indexes:  # sorted once at the end rather than row by row
                file.execute(f'DROP INDEX "{name}"')
            await _start_snapshot(server)
            copied = {
                table: await _copy_table(server, file, table, columns, stop)
                for table, columns in tables.items()
            }
            await _note_counters(server, file)
            for _, statement in indexes:
                stop.check()
                file.execute(statement)
    return copied


def _fast(path: Path) -> sqlite3.Connection:
    """A file that nobody needs if this does not come to its end."""
    file = open_file(path, writable=True)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-16384", "temp_store=FILE"):
        file.execute(f"PRAGMA {pragma}").fetchall()
    return file


async def _start_snapshot(server: Any) -> None:
    async with server.cursor() as cursor:
        await cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        await cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")


async def _copy_table(
    server: Any, file: sqlite3.Connection, table: str, columns: Sequence[str], stop: Stop
) -> int:
    from asyncmy.cursors import SSCursor

    names = ", ".join(columns)
    marks = ", ".join("?" for _ in columns)
    insert = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - the schema's own names
    count = 0
    file.execute("BEGIN")
    file.execute(f"DELETE FROM {table}")  # noqa: S608 - what the migrations put there
    async with server.cursor(SSCursor) as cursor:
        await cursor.execute(f"SELECT {names} FROM {table}")  # noqa: S608
        while rows := await cursor.fetchmany(_ROWS_READ):
            stop.check()
            file.executemany(insert, rows)
            count += len(rows)
    file.execute("COMMIT")
    return count


async def _note_counters(server: Any, file: sqlite3.Connection) -> None:
    """The next id of each table: the highest may have been deleted, and must not come again."""
    async with server.cursor() as cursor:
        await cursor.execute(
            "SELECT table_name, auto_increment FROM information_schema.tables "
            "WHERE table_schema = DATABASE() AND auto_increment IS NOT NULL"
        )
        found = await cursor.fetchall()
    counters = [(f"next_id:{table}", str(value)) for table, value in found]
    file.execute(f"CREATE TABLE {INFO} (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)")
    file.executemany(f"INSERT INTO {INFO} (name, value) VALUES (?, ?)", counters)  # noqa: S608


def copy_in(
    url: str, source: Path, stop: Stop, progress: Callable[[str, int], None]
) -> dict[str, int]:
    """Fill the migrated, otherwise empty tables of the database; rows by table."""
    import pymysql

    filled: dict[str, int] = {}
    table = ""
    try:
        with closing(connect(url)) as server, closing(open_file(source)) as file:
            server.autocommit(False)
            for table, columns in tables_of(file).items():
                if table in _NOT_COPIED:
                    continue
                progress(table, 0)
                indexes = _take_indexes(server, table)
                filled[table] = _fill_table(server, file, table, columns, stop, progress)
                _give_indexes(server, table, indexes)
            for table, value in _counters(file):
                with server.cursor() as cursor:
                    cursor.execute(f"ALTER TABLE {table} AUTO_INCREMENT = {int(value)}")
    except pymysql.err.MySQLError as error:
        raise StorageError(f"the table {table} could not be filled: {error}") from error
    return filled


def _fill_table(
    server: Any,
    file: sqlite3.Connection,
    table: str,
    columns: Sequence[str],
    stop: Stop,
    progress: Callable[[str, int], None],
) -> int:
    names = ", ".join(f"`{column}`" for column in columns)
    marks = ", ".join("%s" for _ in columns)
    insert = f"INSERT INTO `{table}` ({names}) VALUES ({marks})"  # noqa: S608 - the schema's own names
    count = 0
    with server.cursor() as cursor:
        cursor.execute(f"DELETE FROM `{table}`")  # noqa: S608 - what the migrations put there
        for number, batch in enumerate(_batches(file.execute(f'SELECT * FROM "{table}"'))):  # noqa: S608
            stop.check()
            cursor.executemany(insert, batch)
            if number % _BATCHES_PER_COMMIT == 0:
                server.commit()
            count += len(batch)
            progress(table, count)
        server.commit()
        cursor.execute(f"SELECT COUNT(*) FROM `{table}`")  # noqa: S608
        found = int(cursor.fetchone()[0])
    if found != count:
        raise StorageError(f"the table {table} has {found} rows instead of {count}")
    return count


def _take_indexes(server: Any, table: str) -> dict[str, str]:
    """Drop what only speeds up reading; made after the rows it is sorted once."""
    with server.cursor() as cursor:
        cursor.execute(
            "SELECT index_name, GROUP_CONCAT(column_name ORDER BY seq_in_index) "
            "FROM information_schema.statistics WHERE table_schema = DATABASE() "
            "AND table_name = %s AND non_unique = 1 GROUP BY index_name",
            (table,),
        )
        indexes = {str(name): str(columns) for name, columns in cursor.fetchall()}
        if indexes:
            drops = ", ".join(f"DROP INDEX `{name}`" for name in indexes)
            cursor.execute(f"ALTER TABLE `{table}` {drops}")
    return indexes


def _give_indexes(server: Any, table: str, indexes: dict[str, str]) -> None:
    if indexes:
        adds = ", ".join(f"ADD INDEX `{name}` ({columns})" for name, columns in indexes.items())
        with server.cursor() as cursor:
            cursor.execute(f"ALTER TABLE `{table}` {adds}")


def _batches(rows: sqlite3.Cursor) -> Iterator[list[tuple[Any, ...]]]:
    """Few enough rows and bytes for one transaction."""
    batch: list[tuple[Any, ...]] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(len(value) for value in row if isinstance(value, str | bytes))
        if len(batch) == _ROWS or size > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _counters(file: sqlite3.Connection) -> list[tuple[str, str]]:
    tables = tables_of(file)
    if INFO not in tables:
        return []
    rows = file.execute(f"SELECT name, value FROM {INFO}").fetchall()  # noqa: S608
    named = ((name.removeprefix("next_id:"), value) for name, value in rows)
    return [(table, value) for table, value in named if table in tables]


def set_aside(url: str, source: Path) -> None:
    """Rename every table to `before_restore_…`; those of an earlier restore are dropped first.

    A marker says from here on that a restore is under way. After a crash in the middle this picks
    up where it stopped: what was set aside stays, what was half filled is dropped.
    """
    import pymysql

    try:
        with closing(connect(url)) as server, server.cursor() as cursor:
            tables = _names(cursor)
            if MARKER in tables:
                _pick_up(cursor, tables)
            else:
                _drop(cursor, [name for name in tables if name.startswith(KEPT)])
                cursor.execute(
                    f"CREATE TABLE {MARKER} (file VARCHAR(1000) NOT NULL, "
                    "phase VARCHAR(40) NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
                )
            cursor.execute(f"DELETE FROM {MARKER}")  # noqa: S608
            cursor.execute(
                f"INSERT INTO {MARKER} (file, phase) VALUES (%s, 'renaming')",  # noqa: S608
                (str(source)[:1000],),
            )
            old = [name for name in _names(cursor) if name != MARKER and not name.startswith(KEPT)]
            if old:
                pairs = ", ".join(f"`{name}` TO `{KEPT}{name}`" for name in old)
                cursor.execute(f"RENAME TABLE {pairs}")
            cursor.execute(f"UPDATE {MARKER} SET phase = 'filling'")  # noqa: S608
    except pymysql.err.MySQLError as error:
        raise StorageError(f"the tables could not be set aside: {error}") from error


def drop_kept(url: str) -> list[str]:
    """Drop the tables that a restore set aside, and return their names.

    StorageError while a restore is under way or broke off: then they are all that there is.
    """
    import pymysql

    try:
        with closing(connect(url)) as server, server.cursor() as cursor:
            tables = _names(cursor)
            if MARKER in tables:
                raise StorageError("a restore broke off or is under way: end it first")
            kept = [name for name in tables if name.startswith(KEPT)]
            _drop(cursor, kept)
    except pymysql.err.MySQLError as error:
        raise StorageError(f"what was set aside could not be deleted: {error}") from error
    return kept


def finish(url: str) -> None:
    """All is filled: the database may be used again."""
    import pymysql

    try:
        with closing(connect(url)) as server, server.cursor() as cursor:
            cursor.execute(f"DROP TABLE {MARKER}")
    except pymysql.err.MySQLError as error:
        raise StorageError(f"the restore could not be ended: {error}") from error


def _pick_up(cursor: Any, tables: Sequence[str]) -> None:
    """While renaming, a table without the prefix is still the old one; later it is half filled."""
    cursor.execute(f"SELECT phase FROM {MARKER}")  # noqa: S608
    row = cursor.fetchone()
    if row is not None and row[0] == "filling":
        _drop(cursor, [t for t in tables if t != MARKER and not t.startswith(KEPT)])


def _names(cursor: Any) -> list[str]:
    cursor.execute(
        "SELECT table_name FROM information_schema.tables "
        "WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' ORDER BY table_name"
    )
    return [str(row[0]) for row in cursor.fetchall()]


def _drop(cursor: Any, tables: Sequence[str]) -> None:
    if tables:
        cursor.execute("DROP TABLE " + ", ".join(f"`{name}`" for name in tables))
