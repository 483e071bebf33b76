"""The few seams with two or more real implementations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from bot.models.cache import CacheUsage

T = TypeVar("T")
Row = tuple[Any, ...]
Params = Sequence[Any]


class Transaction(Protocol):
    """What a unit of work may do; every await in a unit must be one of these.

    Under SQLite the whole unit runs in one hop to the writer's thread, so nothing else can be
    awaited; under MySQL the same unit runs on the event loop. Either way it is committed whole or
    not at all.
    """

    dialect: Dialect

    async def fetch_all(self, sql: str, params: Params = ()) -> list[Row]: ...

    async def fetch_one(self, sql: str, params: Params = ()) -> Row | None: ...

    async def execute(self, sql: str, params: Params = ()) -> int:
        """Run one statement and return the rows it matched."""
        ...

    async def insert(self, sql: str, params: Params = ()) -> int:
        """Run one INSERT and return the id it made."""
        ...

    async def execute_many(self, sql: str, rows: Sequence[Params]) -> int: ...


Unit = Callable[[Transaction], Awaitable[T]]


class Dialect(Protocol):
    """The differences between the databases, as text."""

    name: str  # sqlite or mysql
    now_ms: str  # an expression: the database's own clock, milliseconds since 1970

    def upsert(
        self, table: str, columns: Sequence[str], key: Sequence[str], update: Sequence[str]
    ) -> str:
        """INSERT … that overwrites `update` columns where the unique `key` exists already.

        An entry of `update` is a column name, or `column=expression` in which `{new}` stands for
        the new value of that column, e.g. `posts=posts + {new}`.
        """
        ...

    def insert_new(self, table: str, columns: Sequence[str], key: Sequence[str]) -> str:
        """INSERT … that leaves an existing row alone."""
        ...


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What a database is, and what of it an operator should know; a sentence each."""

    product: str
    version: str
    warnings: tuple[str, ...] = ()
    note: str = ""


class Database(Protocol):
    """One SQL database; statements use `?` and the words that SQLite and MariaDB share."""

    dialect: Dialect

    async def fetch_all(self, sql: str, params: Params = ()) -> list[Row]: ...

    async def fetch_one(self, sql: str, params: Params = ()) -> Row | None: ...

    async def execute(self, sql: str, params: Params = ()) -> int:
        """One writing statement in a transaction of its own (callers may share a commit)."""
        ...

    async def write(self, unit: Unit[T]) -> T:
        """Run `unit` in one transaction: whole or not there, also when the caller is cancelled."""
        ...

    async def maintain(self) -> None:
        """Keep the log small and the planner informed; for a quiet moment."""
        ...

    async def facts(self) -> DatabaseFacts: ...

    async def close(self) -> None: ...


class SharedCache(Protocol):
    """The part of the cache that several processes have in common; a failure is a StorageError.

    Keys are short plain words. Expiry goes by the store's own clock.
    """

    name: str  # database or redis

    async def get(self, key: str) -> tuple[bytes, int] | None:
        """A body that is still good, and for how many milliseconds; None without one."""
        ...

    async def put_many(
        self,
        entries: Sequence[tuple[str, bytes, int]],
        used: Sequence[str] = (),
        counts: Mapping[str, int] | None = None,
    ) -> None:
        """Keep (key, body, milliseconds to live), note what was used lately, add up the counts.

        Beyond the limit in bytes what was not used for longest is dropped.
        """
        ...

    async def forget(self, key: str) -> None: ...

    async def clear(self) -> int:
        """Forget everything, the counts too; returns how many entries there were."""
        ...

    async def usage(self) -> CacheUsage: ...

    async def close(self) -> None: ...


class Clock(Protocol):
    """The time of day, passed in so that tests own it."""

    def __call__(self) -> datetime:
        """Now, aware, UTC."""
        ...
