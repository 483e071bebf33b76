"""Numbered, append-only migrations, one set of files for both databases.

A file is split into statements at `;` at the end of a line, and each is written down in a ledger.
Under SQLite that is one transaction. MySQL commits DDL by itself: there a run that was killed
between a statement and its mark meets what it made, makes sure that it is really that, and goes on.
Type tokens such as {key} and {id} become each database's words. Processes that start at the same
time take turns: under SQLite by the lock of its one writer, else by a lease that the one at work
renews. See docs/decisions/0007-migrations-go-on-where-they-stopped.md.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from bot.errors import LeaseLost, LockTimeout, MigrationError, StorageError
from bot.models.work import Lease
from bot.ports import Database, Transaction
from bot.services.db_locks import Leases
from bot.services.schema import has_table, is_there
from bot.storage.leases import LEASES_TABLE, LeaseStore, fence

log = logging.getLogger(__name__)

DIRECTORY = Path(__file__).resolve().parents[2] / "migrations"
LEASE = "migrations"
LEASE_TTL = timedelta(seconds=20)  # how long the next process waits for one that was killed
LEASE_WAIT = timedelta(minutes=10)  # for one that is at work: an index over many posts takes time

_MYSQL_TABLE = " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC"
_TOKENS = {
    "sqlite": {
        "id": "INTEGER PRIMARY KEY",
        "key": "TEXT",
        "word": "TEXT",
        "url": "TEXT",
        "text": "TEXT",
        "real": "REAL",
        "blob": "BLOB",
        "table": "",
        "keyed": " WITHOUT ROWID",
    },
    "mysql": {
        "id": "BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY",
        "key": "VARCHAR(190)",
        "word": "VARCHAR(40)",
        "url": "VARCHAR(700)",
        "text": "MEDIUMTEXT",
        "real": "DOUBLE",
        "blob": "MEDIUMBLOB",
        "table": _MYSQL_TABLE,
        "keyed": _MYSQL_TABLE,
    },
}
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_LEDGER = """CREATE TABLE IF NOT EXISTS schema_migrations (
  version INTEGER NOT NULL PRIMARY KEY, name {key} NOT NULL, checksum VARCHAR(64) NOT NULL,
  statements_done INTEGER NOT NULL, complete INTEGER NOT NULL){table}"""
_LEDGER_COLUMNS = ["version", "name", "checksum", "statements_done", "complete"]
_DDL = re.compile(r"(?:CREATE|ALTER|DROP)\s", re.IGNORECASE)
_EXISTS = frozenset({1050, 1060, 1061})  # MySQL: table, column, index


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    checksum: str
    statements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """What the ledger says of one migration."""

    name: str
    checksum: str
    statements_done: int
    complete: bool


class MigrationState(StrEnum):
    APPLIED = "applied"
    HALF_DONE = "half done"  # broke off; the next start goes on
    WAITING = "waiting"
    CHANGED = "changed"  # its file is not the one that was applied
    NEWER = "newer"  # applied by a newer program


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    version: int
    name: str
    state: MigrationState
    statements_done: int
    statements: int  # 0: this program does not know the migration

    @property
    def applied(self) -> bool:
        return self.state is MigrationState.APPLIED


def load(directory: Path, dialect: str) -> list[Migration]:
    """The migrations in order; raises MigrationError when the numbering has gaps or twins."""
    migrations = []
    for path in sorted(directory.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name}: a migration is named NNNN_name.sql")
        text = path.read_text(encoding="utf-8")
        statements = tuple(_statements(text, dialect))
        if not statements:
            raise MigrationError(f"{path.name}: a migration has at least one statement")
        checksum = hashlib.sha256(text.encode()).hexdigest()
        migrations.append(Migration(int(match[1]), path.stem, checksum, statements))
    if [m.version for m in migrations] != list(range(1, len(migrations) + 1)):
        raise MigrationError("the migrations are not numbered 0001, 0002, … without a gap")
    return migrations


def _statements(text: str, dialect: str) -> list[str]:
    text = in_words_of(dialect, text)
    plain = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return [part.strip() for part in re.split(r";[ \t]*(?:\n|$)", plain) if part.strip()]


def in_words_of(dialect: str, text: str) -> str:
    """The type tokens of a statement in a database's words."""
    for token, words in _TOKENS[dialect].items():
        text = text.replace("{" + token + "}", words)
    return text


async def status(db: Database, directory: Path = DIRECTORY) -> list[MigrationStatus]:
    """Every migration, and those of a newer program; reads only, also an empty database."""
    return compare(await _read_ledger(db), load(directory, db.dialect.name))


def compare(ledger: Mapping[int, Mark], migrations: Sequence[Migration]) -> list[MigrationStatus]:
    """Where each migration stands by the ledger."""
    found = [_status_of(migration, ledger.get(migration.version)) for migration in migrations]
    for version, mark in sorted(ledger.items()):
        if version > len(migrations):
            done = mark.statements_done
            found.append(MigrationStatus(version, mark.name, MigrationState.NEWER, done, 0))
    return found


def _status_of(migration: Migration, mark: Mark | None) -> MigrationStatus:
    if mark is None:
        state = MigrationState.WAITING
    elif mark.checksum != migration.checksum:
        state = MigrationState.CHANGED
    else:
        state = MigrationState.APPLIED if mark.complete else MigrationState.HALF_DONE
    done = mark.statements_done if mark else 0
    return MigrationStatus(
        migration.version, migration.name, state, done, len(migration.statements)
    )


async def migrate(
    db: Database, directory: Path = DIRECTORY, *, lease_ttl: timedelta = LEASE_TTL
) -> int:
    """Bring the schema to this version and return how many migrations were applied here.

    Raises MigrationError when the database is newer than the program, when an applied file has
    changed, when a statement fails, or when another process is at it for too long.
    """
    migrations = load(directory, db.dialect.name)
    waiting = _not_applied(await _read_ledger(db), migrations)
    for name, table in (("leases", LEASES_TABLE), ("schema_migrations", _LEDGER)):
        if not await has_table(db, name):
            await db.execute(in_words_of(db.dialect.name, table))
    if not waiting:
        return 0
    if db.dialect.name == "sqlite":
        # Each step is one transaction that looks at the ledger first: nothing can collide, and a
        # statement that keeps the only writer busy for long would leave no room for renewals.
        return await _apply_waiting(db, migrations, None)
    leases = Leases(LeaseStore(db), f"{socket.gethostname()}:{os.getpid()}")
    try:
        async with leases.hold(LEASE, lease_ttl, wait=LEASE_WAIT) as lease:
            return await _apply_waiting(db, migrations, lease)
    except LockTimeout as error:
        raise MigrationError(
            "another process has been changing the schema for ten minutes: wait for it, then start"
        ) from error
    except LeaseLost as error:
        raise MigrationError(
            "another process goes on with the migrations: start again when it is done"
        ) from error


async def _read_ledger(db: Database) -> dict[int, Mark]:
    if not await has_table(db, "schema_migrations"):
        return {}
    rows = await db.fetch_all(
        "SELECT version, name, checksum, statements_done, complete FROM schema_migrations"
    )
    return {
        int(version): Mark(name, checksum, int(done), bool(complete))
        for version, name, checksum, done, complete in rows
    }


def _not_applied(ledger: Mapping[int, Mark], migrations: Sequence[Migration]) -> list[Migration]:
    """What is still to be done; raises MigrationError when ledger and files do not agree."""
    states = compare(ledger, migrations)
    for entry in states:
        if entry.state is MigrationState.NEWER:
            raise MigrationError(
                f"the database is at version {max(ledger)}, this program knows {len(migrations)}: "
                "install the newer program"
            )
        if entry.state is MigrationState.CHANGED:
            raise MigrationError(f"{entry.name}.sql was changed after it was applied")
    return [m for m, entry in zip(migrations, states, strict=True) if not entry.applied]


async def _apply_waiting(db: Database, migrations: Sequence[Migration], lease: Lease | None) -> int:
    ledger = await _read_ledger(db)  # once more: the one before us may have done it all
    waiting = _not_applied(ledger, migrations)
    is_first = True  # the only statement that an earlier run may have done without marking it
    for migration in waiting:
        mark = ledger.get(migration.version)
        for index in range(mark.statements_done if mark else 0, len(migration.statements)):
            try:
                await _Step(db, migration, index, lease).run(is_resumed=is_first)
            except LeaseLost:
                raise
            except StorageError as error:
                raise MigrationError(
                    f"{migration.name}.sql, statement {index + 1}: {error}"
                ) from error
            is_first = False
        log.info("migration applied", extra={"migration": migration.name})
    return len(waiting)


class _Step:
    """One statement of a migration, and its mark in the ledger."""

    def __init__(self, db: Database, migration: Migration, index: int, lease: Lease | None) -> None:
        self._db = db
        self._migration = migration
        self._index = index
        self._lease = lease
        self._statement = migration.statements[index]
        self._runs = 0  # a driver that lost its connection runs a unit again
        # MySQL ends the transaction before DDL and again after it: the mark is one of its own.
        self._is_alone = db.dialect.name == "mysql" and bool(_DDL.match(self._statement))

    async def run(self, *, is_resumed: bool) -> None:
        try:
            await self._db.write(self._execute)
        except StorageError as error:
            maybe_done = self._is_alone and (is_resumed or self._runs > 1)
            if not maybe_done or _code(error) not in _EXISTS:
                raise
            if not await is_there(self._db, self._statement):
                raise StorageError(f"{error}; it is there already, but another one") from error
            log.info("a statement was done before", extra={"migration": self._migration.name})
        if self._is_alone:
            await self._db.write(self._mark)

    async def _execute(self, tx: Transaction) -> None:
        self._runs += 1
        if self._lease:
            await fence(tx, self._lease)
        row = await tx.fetch_one(
            "SELECT statements_done FROM schema_migrations WHERE version = ?",
            (self._migration.version,),
        )
        if row is not None and row[0] > self._index:
            return  # another process, starting at the same time, was faster
        await tx.execute(self._statement)
        if not self._is_alone:
            await self._write_mark(tx)

    async def _mark(self, tx: Transaction) -> None:
        if self._lease:
            await fence(tx, self._lease)
        await self._write_mark(tx)

    async def _write_mark(self, tx: Transaction) -> None:
        migration, done = self._migration, self._index + 1
        await tx.execute(
            tx.dialect.upsert(
                "schema_migrations", _LEDGER_COLUMNS, ["version"], ["statements_done", "complete"]
            ),
            (
                migration.version,
                migration.name,
                migration.checksum,
                done,
                int(done == len(migration.statements)),
            ),
        )


def _code(error: StorageError) -> int:
    """The server's number of the error; 0 when it gave none."""
    return int(getattr(error, "code", 0))
