"""Numbered, append-only migrations, one set of files for both databases.

A file is split into statements at `;` at the end of a line, and after each one its number is
written down in the same transaction (SQLite) or right after it (MySQL commits DDL by itself), so
that a run which was killed goes on where it stopped. Type tokens such as {key} and {id} become each
database's words.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from bot.errors import MigrationError, StorageError
from bot.ports import Database, Transaction
from bot.storage.leases import LEASES_TABLE

DIRECTORY = Path(__file__).resolve().parents[2] / "migrations"

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
  version INTEGER NOT NULL PRIMARY KEY, name VARCHAR(190) NOT NULL, checksum VARCHAR(64) NOT NULL,
  statements_done INTEGER NOT NULL, complete INTEGER NOT NULL)"""


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    checksum: str
    statements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    version: int
    name: str
    applied: bool


def load(directory: Path, dialect: str) -> list[Migration]:
    """The migrations in order; raises MigrationError when the numbering has gaps or twins."""
    migrations = []
    for path in sorted(directory.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name}: a migration is named NNNN_name.sql")
        text = path.read_text(encoding="utf-8")
        migrations.append(
            Migration(
                int(match[1]),
                path.stem,
                hashlib.sha256(text.encode()).hexdigest(),
                tuple(_statements(text, dialect)),
            )
        )
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
    """Every migration and whether it is in the database."""
    done = await _done(db)
    return [
        MigrationStatus(m.version, m.name, done.get(m.version, (0, "", 0))[2] == 1)
        for m in load(directory, db.dialect.name)
    ]


async def migrate(db: Database, directory: Path = DIRECTORY) -> int:
    """Bring the schema to this version and return how many migrations were applied.

    Raises MigrationError when the database is newer than the program, when an applied file has
    changed, or when a statement fails.
    """
    migrations = load(directory, db.dialect.name)
    await db.execute(_LEDGER)
    await db.execute(in_words_of(db.dialect.name, LEASES_TABLE))
    done = await _done(db)
    newest = max(done, default=0)
    if newest > len(migrations):
        raise MigrationError(
            f"the database is at version {newest}, this program knows {len(migrations)}: "
            "install the newer program"
        )
    applied = 0
    for migration in migrations:
        statements_done, checksum, complete = done.get(migration.version, (0, "", 0))
        if checksum and checksum != migration.checksum:
            raise MigrationError(f"{migration.name}.sql was changed after it was applied")
        if not complete:
            await _apply(db, migration, statements_done)
            applied += 1
    return applied


async def _done(db: Database) -> dict[int, tuple[int, str, int]]:
    try:
        rows = await db.fetch_all(
            "SELECT version, statements_done, checksum, complete FROM schema_migrations"
        )
    except StorageError:
        return {}  # a new database: the ledger comes with the first migration
    return {version: (count, checksum, complete) for version, count, checksum, complete in rows}


async def _apply(db: Database, migration: Migration, already: int) -> None:
    mark = db.dialect.upsert(
        "schema_migrations",
        ["version", "name", "checksum", "statements_done", "complete"],
        ["version"],
        ["statements_done", "complete"],
    )
    total = len(migration.statements)

    async def step(tx: Transaction, index: int) -> None:
        row = await tx.fetch_one(
            "SELECT statements_done FROM schema_migrations WHERE version = ?", (migration.version,)
        )
        if row is not None and row[0] > index:
            return  # another process, starting at the same time, was faster
        await tx.execute(migration.statements[index])
        await tx.execute(
            mark,
            (migration.version, migration.name, migration.checksum, index + 1, index + 1 == total),
        )

    for index in range(already, total):
        try:
            await db.write(lambda tx, index=index: step(tx, index))  # type: ignore[misc]  # bound at once
        except StorageError as error:
            raise MigrationError(f"{migration.name}.sql, statement {index + 1}: {error}") from error
