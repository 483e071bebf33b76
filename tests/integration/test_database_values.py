"""What goes in comes out, and is counted and compared alike, whatever the database and driver."""

from __future__ import annotations

import asyncio
from enum import IntEnum, StrEnum
from typing import Any

import pytest

from bot.analysis.text import normalise
from bot.errors import StorageError
from bot.ports import Database, Transaction

_PUT = "INSERT INTO meta (name, value) VALUES (?, ?)"
_TABLE = """CREATE TABLE things (
  id {id}, word {key}, body {blob}, share {real}, big BIGINT, note {text}){table}"""


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


@pytest.fixture
async def things(db: Database) -> Database:
    """A table with a column of each kind."""
    from bot.services.migrations import in_words_of

    await db.execute(in_words_of(db.dialect.name, _TABLE))
    return db


@pytest.mark.parametrize(
    ("column", "value", "back"),
    [
        ("note", "سلام، می‌روم", "سلام، می‌روم"),
        ("note", "👩‍👩‍👧‍👦 🇮🇷 😀😡", "👩‍👩‍👧‍👦 🇮🇷 😀😡"),
        ("note", "it's \\ \"quoted\" \\' %s %% ? @x \r\n\t\0\x1a;--", None),
        ("note", "\\", "\\"),
        ("note", "", ""),
        ("note", None, None),
        ("note", Colour.RED, "red"),
        ("note", "ی" * 70_000, "ی" * 70_000),
        ("body", bytes(range(256)) * 40, bytes(range(256)) * 40),
        ("body", b"'\\' \xff\xfe\x00", b"'\\' \xff\xfe\x00"),
        ("body", bytearray(b"ab'c"), b"ab'c"),
        ("body", b"", b""),
        ("share", 0.1, 0.1),
        ("share", -1.5e-300, -1.5e-300),
        ("share", 1e16, 1e16),
        ("share", 3, 3.0),
        ("big", 2**63 - 1, 2**63 - 1),
        ("big", -(2**63), -(2**63)),
        ("big", True, 1),
        ("big", False, 0),
        ("big", Level.HIGH, 3),
    ],
)
async def test_a_value_comes_back_as_it_went_in(
    things: Database, column: str, value: Any, back: Any
) -> None:
    """By every road: alone, in a unit, in a batch; and found again by its value."""
    expected = value if back is None else back
    put = f"INSERT INTO things ({column}) VALUES (?)"

    async def unit(tx: Transaction) -> None:
        await tx.execute(put, (value,))
        await tx.insert(put, (value,))
        await tx.execute_many(put, [(value,), (value,)])

    await things.execute(put, (value,))
    await things.write(unit)

    rows = await things.fetch_all(f"SELECT {column} FROM things")
    assert rows == [(expected,)] * 5
    assert type(rows[0][0]) is type(expected) or isinstance(expected, str)
    if value is not None and column != "share":
        found = await things.fetch_all(f"SELECT COUNT(*) FROM things WHERE {column}=?", (value,))
        assert found == [(5,)]


@pytest.mark.parametrize("value", [["a", "b"], {"a": 1}, object(), "\ud800", "x\udc80", 2**64, 1j])
async def test_what_no_column_holds_is_refused_everywhere(db: Database, value: Any) -> None:
    """A refusal is a StorageError and harms nobody who writes at the same moment."""

    async def unit(tx: Transaction) -> None:
        await tx.execute(_PUT, ("before", ""))
        await tx.execute("INSERT INTO heads (name, value) VALUES ('x', ?)", (value,))

    refused = await asyncio.gather(
        db.execute("INSERT INTO heads (name, value) VALUES ('y', ?)", (value,)),
        db.execute("INSERT INTO heads (name, value) VALUES ('z', ?)", (1,)),
        db.write(unit),
        db.fetch_all("SELECT * FROM heads WHERE value=?", (value,)),
        return_exceptions=True,
    )

    assert isinstance(refused[0], StorageError)
    assert refused[1] == 1
    assert isinstance(refused[2], StorageError)
    assert isinstance(refused[3], StorageError)
    assert await db.fetch_all("SELECT name FROM heads WHERE name IN ('x', 'y', 'z')") == [("z",)]
    assert await db.fetch_all("SELECT name FROM meta WHERE name='before'") == []


async def test_a_wrong_number_of_values_is_refused(db: Database) -> None:
    """Too few or too many values never reach the table."""
    for params in [("a",), ("a", "b", "c")]:
        with pytest.raises(StorageError):
            await db.execute(_PUT, params)
        with pytest.raises(StorageError):
            await db.fetch_all("SELECT 1 FROM meta WHERE name=? AND value=?", params)


async def test_keys_compare_by_their_characters(db: Database) -> None:
    """Two emoji, two cases, two spellings of yeh are two keys in every database."""
    words = ["😀", "😡", "a", "A", "ي", "ی", "ك", "ک", "می‌روم", "میروم", "۱", "1"]

    for word in words:
        await db.execute(_PUT, (word, ""))

    for word in words:
        assert await db.fetch_all("SELECT name FROM meta WHERE name=?", (word,)) == [(word,)]
    with pytest.raises(StorageError):
        await db.execute(_PUT, ("😀", ""))


def test_what_is_one_word_is_made_one_in_python() -> None:
    """No collation does it: the normaliser does, before a key is stored or looked up."""
    assert normalise("علي") == normalise("علی")
    assert normalise("كتاب") == normalise("کتاب")
    assert normalise("a ") == normalise("a")
    assert normalise("😀") != normalise("😡")


async def test_an_update_counts_what_it_matched(db: Database) -> None:
    """Also when nothing changes: a lease that is renewed with equal values is still held."""
    await db.execute(_PUT, ("same", "1"))

    async def unit(tx: Transaction) -> int:
        return await tx.execute("UPDATE meta SET value=? WHERE name=?", ("1", "same"))

    assert await db.execute("UPDATE meta SET value=? WHERE name=?", ("1", "same")) == 1
    assert await db.write(unit) == 1
    assert await db.execute("UPDATE meta SET value=? WHERE name=?", ("1", "other")) == 0


async def test_an_upsert_counts_each_of_its_rows_once(db: Database) -> None:
    """Stored, changed or already so: one row is one."""
    put = db.dialect.upsert("meta", ["name", "value"], ["name"], ["value"])

    async def many(tx: Transaction) -> int:
        return await tx.execute_many(put, [("a", "2"), ("b", "1"), ("c", "1")])

    assert await db.execute(put, ("a", "1")) == 1
    assert await db.execute(put, ("a", "1")) == 1
    assert await db.execute(put, ("a", "2")) == 1
    assert await db.write(many) == 3
    assert await db.fetch_all("SELECT name, value FROM meta ORDER BY name") == [
        ("a", "2"),
        ("b", "1"),
        ("c", "1"),
    ]


async def test_insert_new_counts_only_what_is_new(db: Database) -> None:
    """An existing row stays and counts nothing, alone and in a batch."""
    put = db.dialect.insert_new("meta", ["name", "value"], ["name"])

    async def many(tx: Transaction) -> int:
        return await tx.execute_many(put, [("a", "9"), ("b", "1"), ("b", "2"), ("c", "1")])

    assert await db.execute(put, ("a", "1")) == 1
    assert await db.execute(put, ("a", "2")) == 0
    assert await db.write(many) == 2
    assert await db.fetch_one("SELECT value FROM meta WHERE name='a'") == ("1",)


async def test_insert_new_forgives_nothing_else(db: Database, mysql_url: str) -> None:
    """INSERT IGNORE would cut a text that is too long; here it is refused and nothing is kept."""
    put = db.dialect.insert_new("meta", ["name", "value"], ["name"])
    long = "x" * 200

    async def batch(tx: Transaction) -> int:
        # More duplicates than the 64 warnings that a server shows by itself come first.
        return await tx.execute_many(put, [("same", "")] * 100 + [(long, "")])

    outcomes = await asyncio.gather(
        *(db.execute(put, (f"n{n}", "")) for n in range(5)),
        db.execute(put, (long, "")),
        return_exceptions=True,
    )
    with pytest.raises(StorageError, match="truncated"):
        await db.write(batch)

    assert outcomes[:5] == [1] * 5
    assert isinstance(outcomes[5], StorageError)
    names = {row[0] for row in await db.fetch_all("SELECT name FROM meta")}
    assert names == {f"n{n}" for n in range(5)}


async def test_an_insert_returns_its_id(things: Database) -> None:
    """Ids rise, and are those under which the rows are found."""

    async def unit(tx: Transaction) -> list[int]:
        return [
            await tx.insert("INSERT INTO things (word) VALUES (?)", (word,)) for word in ("a", "b")
        ]

    first, second = await things.write(unit)

    assert second > first > 0
    assert await things.fetch_one("SELECT word FROM things WHERE id=?", (second,)) == ("b",)


async def test_a_batch_may_be_of_any_size(db: Database) -> None:
    """Nothing, one, and more than fit into one statement."""

    async def put(tx: Transaction, size: int) -> int:
        return await tx.execute_many(_PUT, [(f"{size}-{n}", "و" * 50) for n in range(size)])

    for size in (0, 1, 500, 1201):
        assert await db.write(lambda tx, size=size: put(tx, size)) == size  # type: ignore[misc]  # bound at once

    assert await db.fetch_one("SELECT COUNT(*) FROM meta") == (1702,)


async def test_a_statement_stays_below_what_the_server_takes(db: Database, mysql_url: str) -> None:
    """Long rows are spread over statements; one that can never fit is refused by itself."""
    row = await db.fetch_one("SELECT @@max_allowed_packet")
    assert row is not None
    limit = int(row[0])
    put = "INSERT INTO cache (name, body, size, expires_ms, used_ms) VALUES (?, ?, 0, 0, 0)"
    marks = "INSERT INTO cache (name, body, size, expires_ms, used_ms) VALUES (?, ?, ?, ?, ?)"
    third = b"\\" * (limit // 6)  # each is escaped, and so twice as long on the road

    async def batch(tx: Transaction) -> int:
        return await tx.execute_many(marks, [(f"n{n}", third, 0, 0, 0) for n in range(5)])

    assert await db.write(batch) == 5
    outcomes = await asyncio.gather(
        db.execute(marks, ("too long", b"x" * limit, 0, 0, 0)),
        db.execute(marks, ("short", b"x", 0, 0, 0)),
        db.execute(put, ("too long", b"x" * limit)),
        return_exceptions=True,
    )
    assert isinstance(outcomes[0], StorageError)
    assert "max_allowed_packet" in str(outcomes[0])
    assert outcomes[1] == 1
    assert isinstance(outcomes[2], StorageError)
    assert await db.fetch_one("SELECT COUNT(*), MIN(LENGTH(body)) FROM cache") == (6, 1)


@pytest.mark.parametrize(
    "sql",
    [
        "SET @x = 1",
        "SET SESSION sql_mode=''",
        "SELECT @x",
        "SELECT GET_LOCK('a', 1)",
        "COMMIT",
        "BEGIN",
        "START TRANSACTION",
        "LOCK TABLES meta WRITE",
        "CREATE TEMPORARY TABLE t (a INT)",
    ],
)
async def test_what_would_stay_with_the_session_is_refused(
    db: Database, mysql_url: str, sql: str
) -> None:
    """A pooled connection goes on to somebody else; nothing may be left on it."""

    async def unit(tx: Transaction) -> None:
        await tx.execute(sql)

    for attempt in (db.fetch_all(sql), db.execute(sql), db.write(unit)):
        with pytest.raises(StorageError, match="session"):
            await attempt
    assert await db.fetch_one("SELECT '@x COMMIT', @@version IS NOT NULL") == ("@x COMMIT", 1)
