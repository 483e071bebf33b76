"""MariaDB and MySQL through asyncmy or aiomysql: the same statements, the same units of work.

Measured facts that shaped this file: a cancelled query closes its connection, so a unit is whole or
absent; deadlocks (1213), lock waits (1205), changed records (1020) and connections lost before
COMMIT was sent run the whole unit again, and what was lost after it is `CommitUnknown`; a statement
of its own is its own transaction, and INSERTs that wait together share one (`mysql_groups`).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from bot.errors import CommitUnknown
from bot.ports import DatabaseFacts, Dialect, Params, Row, Unit
from bot.services.mysql_drivers import Connection, driver_name, load
from bot.services.mysql_groups import InsertGroups
from bot.services.mysql_pool import CONNECT_TIMEOUT_S, LOCK_WAIT_S, Pool
from bot.services.mysql_session import (
    AGAIN,
    ANSWER_TIMEOUT_S,
    LOST,
    TIMED_OUT,
    ServerError,
    Session,
    Setting,
    is_insert_new,
    matched,
    server_error,
)
from bot.services.mysql_text import bound, shape

T = TypeVar("T")
log = logging.getLogger(__name__)

ATTEMPTS = 5
SMALL_PACKET = 4 * 2**20  # bytes; a picture or a long page must fit


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


def _insert(verb: str, table: str, columns: Sequence[str]) -> str:
    marks = ", ".join("?" for _ in columns)
    return f"{verb} INTO {table} ({', '.join(columns)}) VALUES ({marks})"


def _assignment(entry: str) -> str:
    # VALUES(c), not `AS new`: MariaDB and TiDB do not know the alias.
    column, _, expression = entry.partition("=")
    if not expression:
        return f"{column}=VALUES({column})"
    return f"{column}={expression.replace('{new}', f'VALUES({column})')}".replace("{old}", column)


class MysqlDatabase:
    """A `Database` over a pool of connections; make it with `open`."""

    def __init__(self, pool: Pool, setting: Setting, where: str) -> None:
        self.dialect: Dialect = setting.dialect
        self.driver = setting.driver.name
        self._pool = pool
        self._setting = setting
        self._where = where
        self._groups = InsertGroups(self.write, self._alone, setting.max_packet)

    @classmethod
    async def open(
        cls,
        url: str,
        connections: int = 8,
        *,
        lock_wait_s: int = LOCK_WAIT_S,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> MysqlDatabase:
        """Connect to mysql://user:password@host:port/name; raises StorageError when it cannot.

        `mysql+asyncmy://` and `mysql+aiomysql://` name the driver.
        """
        parts = urlsplit(url)
        driver = load(driver_name(parts.scheme))
        address = {
            "host": parts.hostname,
            "port": parts.port or 3306,
            "user": unquote(parts.username or "root"),
            "password": unquote(parts.password or ""),
            "db": parts.path.strip("/"),
        }
        pool = Pool(
            driver,
            address,
            connections,
            lock_wait_s=lock_wait_s,
            connect_timeout_s=connect_timeout_s,
        )
        where = f"cannot reach the database at {parts.hostname}:{address['port']}"
        try:
            connection = await pool.acquire()
            try:
                await connection.query(b"SELECT @@max_allowed_packet")
                max_packet = int(connection._result.rows[0][0])
            finally:
                pool.release(connection)
        except (driver.error, OSError) as error:
            raise server_error(error, where) from error
        return cls(pool, Setting(driver, MysqlDialect(), max_packet, answer_timeout_s), where)

    async def fetch_all(self, sql: str, params: Params = ()) -> list[Row]:
        async def read() -> list[Row]:
            connection = await self._borrow()
            try:
                return await Session(connection, self._setting).fetch_all(sql, params)
            except ServerError as error:
                if error.code in LOST or error.code == TIMED_OUT:
                    connection.close()
                raise
            finally:
                self._pool.release(connection)

        return await self._again(read)

    async def fetch_one(self, sql: str, params: Params = ()) -> Row | None:
        rows = await self.fetch_all(sql, params)
        return rows[0] if rows else None

    async def execute(self, sql: str, params: Params = ()) -> int:
        many = shape(sql)
        if many is None:
            if is_insert_new(sql):  # may have to be taken back
                return await self.write(lambda tx: tx.execute(sql, params))
            return await self._alone(sql, bound(sql, params))
        row = many.row(params)
        self._setting.refuse_longer(len(many.head) + len(row) + len(many.tail))
        return await self._groups.add(sql, many, row)

    async def write(self, unit: Unit[T]) -> T:
        return await self._again(lambda: self._transaction(unit))

    async def maintain(self) -> None:
        """Nothing is left to do: InnoDB renews its statistics when a tenth of a table changed."""

    async def facts(self) -> DatabaseFacts:
        """Which server this is, and what of its settings endangers or hinders."""
        row = await self.fetch_one("SELECT @@version, @@version_comment")
        version, comment = (str(value) for value in row or ("", ""))
        product = next(
            (
                name
                for name in ("TiDB", "MariaDB")
                if name.lower() in f"{version} {comment}".lower()
            ),
            "MySQL",
        )
        warnings = []
        flush = await self.fetch_all("SHOW VARIABLES LIKE 'innodb_flush_log_at_trx_commit'")
        if flush and str(flush[0][1]) == "0":
            warnings.append(
                "innodb_flush_log_at_trx_commit is 0: a crash of the server loses what it "
                "acknowledged"
            )
        if self._setting.max_packet < SMALL_PACKET:
            warnings.append(
                f"max_allowed_packet is {self._setting.max_packet:,} bytes: "
                f"{SMALL_PACKET:,} or more let pictures through"
            )
        return DatabaseFacts(product, version, tuple(warnings), f"through {self.driver}")

    async def close(self) -> None:
        await self._groups.close()
        await self._pool.close()

    async def _borrow(self) -> Connection:
        try:
            return await self._pool.acquire()
        except (self._setting.driver.error, OSError) as error:
            raise server_error(error, self._where) from error

    async def _transaction(self, unit: Unit[T]) -> T:
        connection = await self._borrow()
        try:
            return await self._whole(Session(connection, self._setting), unit)
        except (asyncio.CancelledError, CommitUnknown):
            connection.close()  # perhaps in mid-query; closing is the roll-back
            raise
        finally:
            self._pool.release(connection)

    async def _whole(self, session: Session, unit: Unit[T]) -> T:
        try:
            await session.run(b"BEGIN")
            result = await unit(session)
        except asyncio.CancelledError:
            raise
        except BaseException:  # whatever a unit raises takes its work back
            await session.undo()
            raise
        try:
            await session.commit()
        except ServerError:
            await session.undo()
            raise
        return result

    async def _alone(self, sql: str, text: bytes) -> int:
        """A statement that is its own transaction; raises CommitUnknown when it was cut off."""

        async def send() -> int:
            connection = await self._borrow()
            try:
                count = await Session(connection, self._setting).run(text)
            except ServerError as error:
                if error.code in LOST or error.code == TIMED_OUT:
                    connection.close()
                    raise CommitUnknown(f"no answer to a statement: {error}") from error
                raise
            finally:
                self._pool.release(connection)
            return matched(sql, count, 1)

        return await self._again(send)

    async def _again(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Run until it goes through, where it is certain that nothing was done before."""
        attempts = 0
        while True:
            attempts += 1
            try:
                return await attempt()
            except ServerError as error:
                if error.code in LOST:
                    self._pool.forget_resting()
                elif error.code not in AGAIN:
                    raise
                if attempts == ATTEMPTS:
                    raise
                log.debug("the database asks to try again", extra={"code": error.code})
                await asyncio.sleep(random.uniform(0.005, 0.05) * attempts)  # noqa: S311 - jitter
