"""One borrowed connection at work: statements, their counts, and what an error means.

The rule that all retries rest on: an error before COMMIT was sent means that nothing happened; once
it was sent, only an answer says what happened, and without one the unit is never run again.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.errors import CommitUnknown, DiskFull, StorageError
from bot.ports import Dialect, Params, Row
from bot.services.mysql_drivers import Connection, Driver
from bot.services.mysql_text import Shape, bound, shape

log = logging.getLogger(__name__)

# A dead host is found out by TCP (`mysql_pool`); this is for a server that hangs on a live one. A
# migration may move millions of rows in one statement.
ANSWER_TIMEOUT_S = 1800.0
_PATIENT = (b"CREAT", b"ALTER", b"DROP ", b"ANALY", b"OPTIM", b"RENAM")

TIMED_OUT = -1
# The transaction is rolled back (or must be), and the same unit may well go through next time:
# the record changed (MariaDB ≥ 11.6.2), the lock was not granted in time, the deadlock's victim.
AGAIN = frozenset({1020, 1205, 1213})
# Too many connections, shutting down, killed, refused, gone, lost, lost while reading, idle.
LOST = frozenset({1040, 1053, 1927, 2003, 2006, 2013, 2055, 4031})
_LOST_SOMEHOW = 2013
_DUPLICATE = 1062
# The disk is full, the table is; or one of many errors that hand on the system's number for it.
_FULL = frozenset({1021, 1114})
_NO_SPACE = re.compile(r"\b(?:Errcode:|error) 28\b")


class ServerError(StorageError):
    """The server, or the road to it, refused; `code` is MariaDB's error number."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class ServerFull(ServerError, DiskFull):
    """The server's disk has no room."""


def server_error(error: BaseException, where: str = "") -> ServerError:
    """Whatever a driver raises; what carries no number left the connection in no known state."""
    code = error.args[0] if error.args else 0
    if isinstance(error, TimeoutError):
        code = TIMED_OUT
    elif not isinstance(code, int) or code <= 0 or isinstance(error, OSError):
        code = _LOST_SOMEHOW
    words = [word for word in error.args if isinstance(word, str) and word]
    # A driver's error is (number, sentence); its text would be that tuple.
    text = words[-1] if len(error.args) == 2 and words else str(error) or "no answer in time"
    kind = ServerFull if code in _FULL or _NO_SPACE.search(text) else ServerError
    return kind(f"{where}: {text}" if where else text, code)


@dataclass(frozen=True, slots=True)
class Setting:
    """What all sessions of a database share."""

    driver: Driver
    dialect: Dialect
    max_packet: int  # bytes; the server hangs up on a longer statement
    answer_timeout_s: float = ANSWER_TIMEOUT_S

    def refuse_longer(self, size: int) -> None:
        """Raises StorageError for a statement that the server would hang up on."""
        if size >= self.max_packet:
            raise StorageError(
                f"a statement of {size:,} bytes, and the server's max_allowed_packet is "
                f"{self.max_packet:,}"
            )


class Session:
    """A `Transaction` on a borrowed connection; also what runs outside of one."""

    def __init__(self, connection: Connection, setting: Setting) -> None:
        self.dialect = setting.dialect
        self._connection = connection
        self._setting = setting
        self._broken: ServerError | None = None  # the transaction is gone: nothing may follow

    async def fetch_all(self, sql: str, params: Params = ()) -> list[Row]:
        await self.run(bound(sql, params))
        return list(self._connection._result.rows or ())

    async def fetch_one(self, sql: str, params: Params = ()) -> Row | None:
        rows = await self.fetch_all(sql, params)
        return rows[0] if rows else None

    async def execute(self, sql: str, params: Params = ()) -> int:
        return matched(sql, await self._counted(sql, bound(sql, params)), 1)

    async def insert(self, sql: str, params: Params = ()) -> int:
        await self._counted(sql, bound(sql, params))
        return int(self._connection._result.insert_id or 0)

    async def execute_many(self, sql: str, rows: Sequence[Params]) -> int:
        many = shape(sql)
        if many is not None:
            return await self.insert_rows(sql, many, [many.row(row) for row in rows])
        log.warning("a batch goes row by row", extra={"statement": sql})
        return sum([await self.execute(sql, row) for row in rows])

    async def insert_rows(self, sql: str, many: Shape, rows: Sequence[bytes]) -> int:
        """The rows in as few statements as the server takes; how many count."""
        total = 0
        for text, count in many.statements(rows, self._setting.max_packet):
            total += matched(sql, await self._counted(sql, text), count)
        return total

    async def run(self, text: bytes) -> int:
        """Send one statement and return the rows that it matched."""
        if self._broken is not None:
            raise self._broken
        self._setting.refuse_longer(len(text))
        patient = text[:16].lstrip()[:5].upper() in _PATIENT
        try:
            async with asyncio.timeout(None if patient else self._setting.answer_timeout_s):
                return await self._connection.query(text)
        except (self._setting.driver.error, OSError) as error:
            refused = server_error(error)
            if refused.code in AGAIN or refused.code in LOST or refused.code == TIMED_OUT:
                self._broken = refused
            raise refused from error

    async def commit(self) -> None:
        """Raises CommitUnknown when nobody can say whether the transaction is there."""
        if self._broken is not None:
            raise self._broken
        try:
            await self.run(b"COMMIT")
        except ServerError as error:
            if error.code in AGAIN:
                raise
            raise CommitUnknown(f"no answer to COMMIT: {error}") from error

    async def undo(self) -> None:
        """Roll back; a connection that cannot is closed, which comes to the same."""
        if self._broken is not None and self._broken.code not in AGAIN:
            self._connection.close()
            return
        self._broken = None
        try:
            await self.run(b"ROLLBACK")
        except StorageError:
            self._connection.close()

    async def _counted(self, sql: str, text: bytes) -> int:
        count = await self.run(text)
        if self._connection._result.warning_count and is_insert_new(sql):
            # IGNORE also forgives what does not fit; only the row that is there already may pass.
            for _level, code, message in await self._warnings():
                if code != _DUPLICATE:
                    raise StorageError(f"{message} in: {sql}")
        return count

    async def _warnings(self) -> Sequence[Row]:
        await self.run(b"SHOW WARNINGS")
        return list(self._connection._result.rows or ())


def is_insert_new(sql: str) -> bool:
    return sql.startswith("INSERT IGNORE")


def matched(sql: str, count: int, rows: int) -> int:
    """The count as SQLite gives it: an upsert matches each of its rows once."""
    return rows if " ON DUPLICATE KEY UPDATE " in sql else count
