"""The two drivers behind one face: asyncmy and aiomysql, imported when used (they cost memory).

Both descend from PyMySQL and answer alike to what is used here. docs/decisions/0006 says why
asyncmy is the one that `mysql://` means.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast

from bot.errors import StorageError

DEFAULT = "asyncmy"
CLIENT_FOUND_ROWS = 1 << 1  # UPDATE counts the rows it matched, as SQLite does


class Connection(Protocol):
    """One connection of either driver; a cancelled call closes it."""

    _result: Any  # of the last query: rows, affected_rows, insert_id, warning_count

    async def query(self, sql: bytes) -> int: ...

    async def begin(self) -> None: ...

    async def commit(self) -> None: ...

    async def rollback(self) -> None: ...

    async def ping(self, reconnect: bool = True) -> None: ...

    async def show_warnings(self) -> Any: ...

    def get_transaction_status(self) -> bool: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Driver:
    name: str
    connect: Callable[..., Awaitable[Connection]]
    error: type[Exception]  # the root of what it raises
    is_open: Callable[[Any], bool]  # also false once the server has hung up
    transport: Callable[[Any], Any]


def driver_name(scheme: str) -> str:
    """`asyncmy` or `aiomysql` for mysql, mariadb, mysql+asyncmy, mysql+aiomysql."""
    return scheme.partition("+")[2] or DEFAULT


def load(name: str) -> Driver:
    """Import a driver; raises StorageError when it is unknown or cannot work as installed."""
    if name == "asyncmy":
        return _asyncmy()
    if name == "aiomysql":
        return _aiomysql()
    raise StorageError(f"there is no MySQL driver {name}: asyncmy and aiomysql are")


def _asyncmy() -> Driver:
    import asyncmy
    from asyncmy.errors import MySQLError

    return Driver(
        "asyncmy",
        cast(Any, asyncmy.connect),
        MySQLError,
        is_open=lambda connection: connection.connected and not connection._stream_broken,
        transport=lambda connection: connection._transport,
    )


def _aiomysql() -> Driver:
    import pymysql

    # 1.2 removed what aiomysql 0.3 is built on: bytes and lists fail at run time, 1.3 at import.
    if pymysql.VERSION[:2] >= (1, 2):
        raise StorageError("aiomysql needs PyMySQL below 1.2: install from requirements.txt")
    import aiomysql

    def is_open(connection: Any) -> bool:
        reader = connection._reader
        return not (
            connection.closed or reader.at_eof() or reader.exception() or reader.eof_received
        )

    return Driver(
        "aiomysql",
        aiomysql.connect,
        pymysql.err.MySQLError,
        is_open,
        transport=lambda connection: connection._writer and connection._writer.transport,
    )
