"""The SQL of the program stays within what SQLite, MariaDB and TiDB all have (docs/sql.md).

Every statement in the strings of `bot/` and in the migrations is taken apart: its words and
functions must be on the list below. What only one database may see is named, with its reason.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.services.migrations import in_words_of

ROOT = Path(__file__).resolve().parents[2]

# Files whose SQL never reaches a server: SQLite itself, and the search file, which is SQLite's.
ONLY_SQLITE = {
    "bot/services/db_sqlite.py",
    "bot/services/search_file.py",
    "bot/services/search_index.py",
    "bot/services/search_scan.py",
    "bot/services/search_writing.py",
    "bot/services/backups/files.py",
}
_LISTS = tomllib.loads((ROOT / "tests/data/sql_words.toml").read_text(encoding="utf-8"))
WORDS = {word for name in ("common", "functions") for word in _LISTS[name].split()}
MYSQL = set(_LISTS["mysql"].split())
SQLITE = set(_LISTS["sqlite"].split())
# Who may speak to one database alone, because it has another branch for the other or is its driver.
ALSO = {
    "bot/services/db_mysql.py": MYSQL,
    "bot/services/mysql_pool.py": MYSQL,
    "bot/services/mysql_session.py": MYSQL,
    "bot/services/backups/mysql.py": MYSQL | SQLITE,
    "bot/services/schema.py": MYSQL | SQLITE,
    "bot/services/migrations.py": MYSQL | SQLITE,
    "bot/storage/sizes.py": MYSQL | SQLITE,
}
# However it is written, this must not be there.
FORBIDDEN = {
    "RETURNING": r"\bRETURNING\b",
    "SKIP LOCKED": r"\bSKIP\s+LOCKED\b",
    "FOR UPDATE": r"\bFOR\s+UPDATE\b",
    "GET_LOCK": r"\bGET_LOCK\b",
    "LOCK TABLES": r"\bLOCK\s+TABLES?\b",
    "FULLTEXT": r"\bFULLTEXT\b|\bMATCH\b",
    "triggers": r"\bTRIGGER\b",
    "AS new": r"\bAS\s+new\b",
    "->>": r"->",
    "||": r"\|\|",
    "WITH … UPDATE": r"^\s*WITH\b",
    "OR REPLACE": r"\bREPLACE\s+INTO\b|\bOR\s+(?:REPLACE|IGNORE)\b",
}
_SQL = re.compile(
    r"^\s*(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|WITH|REPLACE|LOCK)\s"
    r"|\b(?:FROM|WHERE|VALUES|ORDER BY|LIMIT|GROUP BY|SET)\s"
)
_QUOTED = re.compile(r"'[^']*'")
_WORD = re.compile(r"\b[A-Z][A-Z_]+\b")
_CALL = re.compile(r"\b([A-Za-z_]+)\(")


def _strings(path: Path) -> Iterator[str]:
    """The SQL in a file's strings; what an f-string puts in is a name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))  # a docstring
        if isinstance(node, ast.JoinedStr):
            skipped.update(id(part) for part in node.values)
            text = "".join(
                str(part.value) if isinstance(part, ast.Constant) else " x " for part in node.values
            )
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in skipped
        ):
            text = node.value
        else:
            continue
        if _SQL.search(text):
            yield text


def unknown_in(sql: str, allowed: set[str]) -> set[str]:
    """Words, functions and turns of a statement that are not common ground."""
    bare = _QUOTED.sub("''", sql)
    found = {name for name, pattern in FORBIDDEN.items() if re.search(pattern, bare)}
    found |= {word for word in _WORD.findall(bare) if word not in WORDS | allowed}
    calls = {name.upper() for name in _CALL.findall(bare)} - WORDS - allowed
    return found | {f"{name}()" for name in calls if not re.search(rf"INTO {name}\(", bare, re.I)}


def _files() -> list[str]:
    files = (path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "bot").rglob("*.py")))
    return [name for name in files if name not in ONLY_SQLITE and next(_strings(ROOT / name), "")]


@pytest.mark.parametrize("name", [name for name in _files() if name.startswith("bot/")])
def test_statements_keep_to_the_common_subset(name: str) -> None:
    """Nothing that SQLite, MariaDB or TiDB lacks, or accepts and ignores."""
    allowed = ALSO.get(name, set())

    found = {sql: bad for sql in _strings(ROOT / name) if (bad := unknown_in(sql, allowed))}

    assert found == {}


@pytest.mark.parametrize("dialect", ["sqlite", "mysql"])
def test_migrations_keep_to_the_common_subset(dialect: str) -> None:
    """The files themselves, and what their type tokens become."""
    allowed = SQLITE if dialect == "sqlite" else MYSQL
    for path in sorted((ROOT / "migrations").glob("*.sql")):
        lines = path.read_text(encoding="utf-8").splitlines()
        text = "\n".join(line for line in lines if not line.lstrip().startswith("--"))
        for statement in in_words_of(dialect, text).split(";\n"):
            assert unknown_in(statement, allowed) == set(), f"{path.name}: {statement}"


def test_migrations_destroy_nothing() -> None:
    """A process of the version before may still be at work, and DDL cannot be fenced."""
    for path in sorted((ROOT / "migrations").glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        plain = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
        assert not re.search(r"\b(?:DROP|TRUNCATE|RENAME)\b", plain), path.name


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT a FROM t FOR UPDATE SKIP LOCKED", "SKIP LOCKED"),
        ("INSERT INTO t (a) VALUES (?) RETURNING id", "RETURNING"),
        ("SELECT GET_LOCK(?, 1) FROM t", "GET_LOCK"),
        ("SELECT a FROM t WHERE MATCH(b) AGAINST (?)", "FULLTEXT"),
        ("WITH c AS (SELECT 1) UPDATE t SET a = 1", "WITH … UPDATE"),
        ("SELECT a || b FROM t", "||"),
        ("SELECT a ->> '$.b' FROM t", "->>"),
        ("SELECT strftime('%s') FROM t", "STRFTIME()"),
        ("CREATE TRIGGER x AFTER INSERT ON t", "triggers"),
        ("LOCK TABLES t WRITE", "LOCK TABLES"),
        ("INSERT OR IGNORE INTO t (a) VALUES (1)", "OR REPLACE"),
    ],
)
def test_what_is_not_common_is_found(sql: str, said: str) -> None:
    """The net has no hole where it matters."""
    assert said in unknown_in(sql, set())
