"""MariaDB and MySQL through aiomysql: the same statements, the same units of work.

Measured facts that shaped this file: aiomysql batches only some INSERTs, so the multi-row text is
built here; a cancelled query closes its connection, so a unit is whole or absent; deadlocks (1213),
lock waits (1205) and changed records (1020, MariaDB ≥ 11.6.2) roll the whole unit back and it is
run again; FOUND_ROWS makes UPDATE count matched rows, as SQLite does; READ COMMITTED avoids gap
locks.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import random
import re
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import unquote, urlsplit

from bot.errors import StorageError
from bot.ports import Dialect, Params, Row, Unit

if TYPE_CHECKING:
    from aiomysql import Connection, Cursor, Pool

T = TypeVar("T")
log = logging.getLogger(__name__)

ROWS_PER_INSERT = 500
ATTEMPTS = 5
POOL_RECYCLE_S = 600  # a half-open connection is found out by its age
RETRIED = frozenset({1020, 1205, 1213, 2006, 2013})
_DUPLICATE_WARNING = 1062
_SESSION = (
    "SET time_zone='+00:00', "
    "sql_mode='STRICT_ALL_TABLES,ONLY_FULL_GROUP_BY,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION', tx_isolation='READ-COMMITTED'"
)
_VALUES = re.compile(r"\bVALUES\s*(\(\s*\?(?:\s*,\s*\?)*\s*\))", re.IGNORECASE)


class MysqlDialect:
    """MySQL's words for what the databases say differently."""

    name = "mysql"
    now_ms = "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)"

    def upsert(
        self, table: str, columns: Sequence[str], key: Sequence[str], update: Sequence[str]
    ) -> str:
        changes = ", ".join(_assignment(entry) for entry in update)
        return f"{_insert('INSERT', table, columns)} ON DUPLICATE KEY UPDATE {changes}"

    def insert_new(self, table: str, columns: Sequence[str], key: Sequence[str]) -> str:
        # IGNORE also forgives truncation; `_run` looks at the warnings and does not.
        return _insert("INSERT IGNORE", table, columns)

    def update_first(self, table: str, changes: str, where: str, order: str) -> str:
        return f"UPDATE {table} SET {changes} WHERE {where} ORDER BY {order} LIMIT ?"  # noqa: S608 - names are ours


def _insert(verb: str, table: str, columns: Sequence[str]) -> str:
    marks = ", ".join("?" for _ in columns)
    return f"{verb} INTO {table} ({', '.join(columns)}) VALUES ({marks})"


def _assignment(entry: str) -> str:
    # VALUES(c), not `AS new`: MariaDB and TiDB do not know the alias.
    column, _, expression = entry.partition("=")
    if not expression:
        return f"{column}=VALUES({column})"
    return f"{column}={expression.replace('{new}', f'VALUES({column})')}".replace("{old}", column)


@functools.lru_cache(maxsize=1024)
def to_percent(sql: str) -> str:
    """Our `?` placeholders as the driver's `%s`; our statements hold no `?` inside a string."""
    return sql.replace("%", "%%").replace("?", "%s")


class _PooledTransaction:
    """A transaction on one connection of the pool."""

    def __init__(self, cursor: Cursor, dialect: Dialect) -> None:
        self._cursor = cursor
        self.dialect = dialect

    async def fetch_all(self, sql: str, params: Params = ()) -> list[Row]:
        await _run(self._cursor, sql, params)
        return list(await self._cursor.fetchall())

    async def fetch_one(self, sql: str, params: Params = ()) -> Row | None:
        rows = await self.fetch_all(sql, params)
        return rows[0] if rows else None

    async def execute(self, sql: str, params: Params = ()) -> int:
        return await _run(self._cursor, sql, params)

    async def insert(self, sql: str, params: Params = ()) -> int:
        await _run(self._cursor, sql, params)
        return int(self._cursor.lastrowid or 0)

    async def execute_many(self, sql: str, rows: Sequence[Params]) -> int:
        match = _VALUES.search(sql)
        if match is None:
            return sum([await _run(self._cursor, sql, row) for row in rows])
        head, group, tail = sql[: match.start(1)], match[1], sql[match.end(1) :]
        total = 0
        for start in range(0, len(rows), ROWS_PER_INSERT):
            chunk = rows[start : start + ROWS_PER_INSERT]
            text = head + ", ".join([group] * len(chunk)) + tail
            total += await _run(self._cursor, text, [value for row in chunk for value in row])
        return total


async def _run(cursor: Cursor, sql: str, params: Params) -> int:
    noted: list[Row] = []
    cursor.noted = noted
    count = int(await cursor.execute(to_percent(sql), tuple(params)))
    if sql.startswith("INSERT IGNORE"):
        for _level, code, message in noted:
            if code != _DUPLICATE_WARNING:
                raise StorageError(f"{message} in: {sql}")
    return count


@functools.cache
def _cursor_class() -> Any:
    """A cursor that hands the server's warnings to `_run` instead of to Python's warnings."""
    from aiomysql import Cursor

    class NotingCursor(Cursor):  # type: ignore[misc]  # aiomysql is untyped
        noted: list[Row]

        async def _show_warnings(self, connection: Any) -> None:
            self.noted.extend(await connection.show_warnings() or ())

    return NotingCursor


class MysqlDatabase:
    """A `Database` over a pool of connections; make it with `open`."""

    def __init__(self, pool: Pool) -> None:
        self.dialect: Dialect = MysqlDialect()
        self._pool = pool

    @classmethod
    async def open(cls, url: str, connections: int = 8) -> MysqlDatabase:
        """Connect to mysql://user:password@host:port/name; raises StorageError when it cannot."""
        import aiomysql
        import pymysql
        from pymysql.constants import CLIENT

        if pymysql.VERSION[:2] >= (1, 2):
            raise StorageError("aiomysql needs PyMySQL below 1.2: install from requirements.txt")
        parts = urlsplit(url)
        try:
            pool = await aiomysql.create_pool(
                host=parts.hostname,
                port=parts.port or 3306,
                user=unquote(parts.username or "root"),
                password=unquote(parts.password or ""),
                db=parts.path.strip("/"),
                minsize=1,
                maxsize=connections,
                charset="utf8mb4",
                autocommit=True,
                connect_timeout=10,
                pool_recycle=POOL_RECYCLE_S,
                init_command=_SESSION,
                client_flag=CLIENT.FOUND_ROWS,
                cursorclass=_cursor_class(),
            )
        except (pymysql.err.Error, OSError) as error:
            raise StorageError(f"cannot reach the database at {parts.hostname}: {error}") from error
        return cls(pool)

    async def fetch_all(self, sql: str, params: Params = ()) -> list[Row]:
        async def read(transaction: _PooledTransaction) -> list[Row]:
            return await transaction.fetch_all(sql, params)

        rows = await self._with_retries(lambda: self._on_connection(read, in_transaction=False))
        return cast("list[Row]", rows)

    async def fetch_one(self, sql: str, params: Params = ()) -> Row | None:
        rows = await self.fetch_all(sql, params)
        return rows[0] if rows else None

    async def execute(self, sql: str, params: Params = ()) -> int:
        return await self.write(lambda tx: tx.execute(sql, params))

    async def write(self, unit: Unit[T]) -> T:
        result = await self._with_retries(lambda: self._on_connection(unit, in_transaction=True))
        return cast(T, result)

    async def close(self) -> None:
        self._pool.close()
        await self._pool.wait_closed()

    async def _on_connection(self, work: Any, *, in_transaction: bool) -> Any:
        connection: Connection = await self._pool.acquire()
        try:
            async with connection.cursor() as cursor:
                if in_transaction:
                    await connection.begin()
                result = await work(_PooledTransaction(cursor, self.dialect))
                if in_transaction:
                    await connection.commit()
                return result
        except BaseException:
            # Closing is the roll-back that also works for a caller who was cancelled in mid-query.
            connection.close()
            raise
        finally:
            self._pool.release(connection)

    async def _with_retries(self, attempt: Any) -> Any:
        import pymysql

        attempts = 0
        while True:
            attempts += 1
            try:
                return await cast("Awaitable[Any]", attempt())
            except pymysql.err.MySQLError as error:
                code = error.args[0] if error.args else 0
                if attempts == ATTEMPTS or code not in RETRIED:
                    raise StorageError(str(error)) from error
                log.debug("database asks to try again", extra={"code": code})
                await asyncio.sleep(random.uniform(0.005, 0.05) * attempts)  # noqa: S311 - jitter
