"""What tables, columns and indexes a database really has, in words that both databases share."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

from bot.ports import Database

Columns = tuple[str, ...]

_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name = ?",
    "mysql": "SELECT table_name FROM information_schema.tables "
    "WHERE table_schema = DATABASE() AND table_name = ?",
}
_COLUMNS = {
    "sqlite": "SELECT t.name, c.name, c.pk FROM sqlite_master t JOIN pragma_table_info(t.name) c "
    "WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' ORDER BY t.name, c.cid",
    "mysql": "SELECT table_name, column_name, 0 FROM information_schema.columns "
    "WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position",
}
# The kind of an index: pk, u (a constraint of the table) or c (made by CREATE INDEX).
_INDEXES = {
    "sqlite": "SELECT t.name, i.name, i.origin, i.[unique], c.name FROM sqlite_master t "
    "JOIN pragma_index_list(t.name) i JOIN pragma_index_info(i.name) c "
    "WHERE t.type = 'table' ORDER BY t.name, i.name, c.seqno",
    "mysql": "SELECT table_name, index_name, "
    "CASE WHEN index_name = 'PRIMARY' THEN 'pk' ELSE 'c' END, 1 - non_unique, column_name "
    "FROM information_schema.statistics WHERE table_schema = DATABASE() "
    "ORDER BY table_name, index_name, seq_in_index",
}
_CREATE_TABLE = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)\s*\((.*)\)", re.DOTALL)
_CREATE_INDEX = re.compile(r"CREATE (UNIQUE )?INDEX (\w+)\s+ON (\w+)\s*\(([^()]*)\)")
_ADD_COLUMN = re.compile(r"ALTER TABLE (\w+)\s+ADD COLUMN (\w+)")
_NO_COLUMN = ("CONSTRAINT", "PRIMARY", "UNIQUE", "KEY", "INDEX", "CHECK")


@dataclass(slots=True)
class Table:
    """One table; a unique index counts by its columns, since SQLite drops a constraint's name."""

    columns: list[str] = field(default_factory=list)
    primary: Columns = ()
    uniques: set[Columns] = field(default_factory=set)
    indexes: dict[str, Columns] = field(default_factory=dict)


async def has_table(db: Database, name: str) -> bool:
    """Whether there is a table of that name."""
    return await db.fetch_one(_TABLES[db.dialect.name], (name,)) is not None


async def read_schema(db: Database) -> dict[str, Table]:
    """Every table by its name."""
    tables: dict[str, Table] = defaultdict(Table)
    primary: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for table, column, key in await db.fetch_all(_COLUMNS[db.dialect.name]):
        tables[table].columns.append(column)
        if key:
            primary[table].append((key, column))
    for table, keys in primary.items():
        tables[table].primary = tuple(column for _, column in sorted(keys))
    indexes: dict[tuple[str, str, str, bool], list[str]] = defaultdict(list)
    for table, index, kind, unique, column in await db.fetch_all(_INDEXES[db.dialect.name]):
        indexes[table, index, kind, bool(unique)].append(column)
    for (table, index, kind, unique), columns in indexes.items():
        if kind == "pk":
            tables[table].primary = tuple(columns)
        elif unique:
            tables[table].uniques.add(tuple(columns))
        else:
            tables[table].indexes[index] = tuple(columns)
    return dict(tables)


async def is_there(db: Database, statement: str) -> bool:
    """Whether what this CREATE TABLE, CREATE INDEX or ADD COLUMN makes exists, just as it says."""
    tables = await read_schema(db)
    if match := _CREATE_TABLE.match(statement):
        return match[1] in tables and tables[match[1]].columns == _columns_of(match[2])
    if match := _CREATE_INDEX.match(statement):
        unique, name, table = match[1], match[2], tables.get(match[3], Table())
        columns = tuple(column.strip() for column in match[4].split(","))
        return columns in table.uniques if unique else table.indexes.get(name) == columns
    if match := _ADD_COLUMN.match(statement):
        return match[2] in tables.get(match[1], Table()).columns
    return False


def _columns_of(body: str) -> list[str]:
    """The names in the brackets of a CREATE TABLE, without its constraints."""
    flat = re.sub(r"\([^()]*\)", "", body)
    words = [part.split()[0] for part in flat.split(",") if part.strip()]
    return [word for word in words if word.upper() not in _NO_COLUMN]
