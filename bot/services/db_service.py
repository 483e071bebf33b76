"""Open the database that the settings name."""

from __future__ import annotations

import logging
from pathlib import Path

from bot.ports import Database
from bot.services.db_sqlite import SqliteDatabase

log = logging.getLogger(__name__)


def sqlite_path(url: str) -> Path | None:
    """The file of a `sqlite:///path` address (four slashes: absolute); None: another database."""
    prefix = "sqlite:///"
    return Path(url.removeprefix(prefix)) if url.startswith(prefix) and url != prefix else None


async def open_database(url: str) -> Database:
    """Open `url`; raises StorageError with a sentence that says what to do."""
    path = sqlite_path(url)
    if path is not None:
        return await SqliteDatabase.open(path)
    from bot.services.db_mysql import MysqlDatabase  # imported when used: it costs memory

    return await MysqlDatabase.open(url)


async def log_facts(database: Database) -> None:
    """One line of what the database is, and one for each thing that an operator should know."""
    facts = await database.facts()
    log.info("database: %s %s %s", facts.product, facts.version, facts.note)
    for warning in facts.warnings:
        log.warning(warning)
