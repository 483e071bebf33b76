"""Statements as MariaDB reads them: `?` marks become values here, so both drivers say the same.

The drivers differ in what they accept and how they batch (aiomysql falls to one row at a time when
a space is missing before a bracket); the text is therefore written by us, in one place. Backslash
escapes count on the sql_mode that every connection is given (see `mysql_pool`).
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bot.errors import StorageError
from bot.ports import Params

ROWS_PER_INSERT = 500  # beyond this a longer statement gains nothing measurable

_VALUES = re.compile(r"\bVALUES\s*(\(\s*\?(?:\s*,\s*\?)*\s*\))", re.IGNORECASE)
_INSERT = re.compile(r"\s*(?:INSERT|REPLACE)\b", re.IGNORECASE)
_STRING = re.compile(r"'[^']*'")
# What such a word changes would outlive the statement and meet the connection's next borrower.
_SESSION_WORDS = re.compile(
    r"^\s*(?:SET|USE|BEGIN|START|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|LOCK|UNLOCK|PREPARE|XA"
    r"|CREATE\s+TEMPORARY)\b|\b(?:GET_LOCK|RELEASE_LOCK)\s*\(|(?<![@\w])@\w",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Template:
    """Words around `?` marks, as a format of Python's."""

    words: str
    marks: int

    @classmethod
    def of(cls, sql: str) -> Template:
        # Our statements hold no `?` inside a string.
        return cls(sql.replace("%", "%%").replace("?", "%s"), sql.count("?"))

    def filled(self, params: Params) -> bytes:
        """The words with their values; raises StorageError for what a column cannot hold."""
        if len(params) != self.marks:
            raise StorageError(
                f"{len(params)} values for {self.marks} marks in: {self.words.replace('%s', '?')}"
            )
        try:
            literals = tuple([_WRITERS[type(value)](value) for value in params])
        except KeyError:
            literals = tuple([_literal_of_kind(value) for value in params])
        text = self.words % literals
        try:
            return text.encode()
        except UnicodeEncodeError:
            return _with_bytes(text, params)


@dataclass(frozen=True, slots=True)
class Shape:
    """An INSERT that can carry many rows: what stands before, around the values, and after."""

    head: bytes
    group: Template
    tail: bytes

    def row(self, params: Params) -> bytes:
        """One bracket of values."""
        return self.group.filled(params)

    def statements(self, rows: Sequence[bytes], max_bytes: int) -> Iterator[tuple[bytes, int]]:
        """The fewest statements below `max_bytes` that hold all rows, each with its row count."""
        room = max_bytes - len(self.head) - len(self.tail)
        taken: list[bytes] = []
        size = 0
        for row in rows:
            if taken and (len(taken) == ROWS_PER_INSERT or size + len(row) + 1 > room):
                yield self._joined(taken), len(taken)
                taken, size = [], 0
            taken.append(row)
            size += len(row) + 1
        if taken:
            yield self._joined(taken), len(taken)

    def _joined(self, rows: list[bytes]) -> bytes:
        return b"".join((self.head, b",".join(rows), self.tail))


@functools.lru_cache(maxsize=1024)
def shape(sql: str) -> Shape | None:
    """How `sql` carries many rows; None when it is not an INSERT of nothing but marks."""
    match = _VALUES.search(sql)
    if match is None or not _INSERT.match(sql):
        return None
    head, group, tail = sql[: match.start(1)], match[1], sql[match.end(1) :]
    if "?" in head or "?" in tail:
        return None
    _refuse_session_words(sql)
    return Shape(head.encode(), Template.of(group), tail.encode())


def bound(sql: str, params: Params) -> bytes:
    """The statement with its values; raises StorageError for what a column cannot hold."""
    return _template(sql).filled(params)


@functools.lru_cache(maxsize=1024)
def _template(sql: str) -> Template:
    _refuse_session_words(sql)
    return Template.of(sql)


def _refuse_session_words(sql: str) -> None:
    if _SESSION_WORDS.search(_STRING.sub("''", sql)):
        raise StorageError(f"this would change the session for its next user: {sql}")


def _with_bytes(text: str, params: Params) -> bytes:
    """Bytes stand in the text as Python's escapes for them; nothing else may be such an escape."""
    try:
        for value in params:
            if isinstance(value, str):
                value.encode()
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise StorageError(f"half a character cannot be stored: {error}") from error


def _text(value: str) -> str:
    # In UTF-8 no part of a longer character looks like a quote or a backslash.
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _whole(value: int) -> str:
    if not -(2**63) <= value < 2**63:
        raise StorageError(f"{value} cannot be stored: it has more than 64 bits")
    return int.__repr__(value)


def _real(value: float) -> str:
    if not math.isfinite(value):
        raise StorageError(f"{value} cannot be stored")
    written = float.__repr__(value)
    return written if "e" in written else written + "e0"


def _bytes(value: bytes) -> str:
    escaped = bytes(value).replace(b"\\", b"\\\\").replace(b"'", b"\\'")
    return f"_binary'{escaped.decode('ascii', 'surrogateescape')}'"


_WRITERS: dict[type, Callable[[Any], str]] = {
    str: _text,
    int: _whole,
    type(None): lambda _: "NULL",
    float: _real,
    bool: lambda value: "1" if value else "0",
    bytes: _bytes,
}
_KINDS: tuple[tuple[type | tuple[type, ...], Callable[[Any], str]], ...] = (
    (str, _text),
    (int, _whole),
    (float, _real),
    ((bytearray, memoryview), _bytes),
)


def _literal_of_kind(value: object) -> str:
    """A value of a subclass, such as a StrEnum's, among others."""
    write = _WRITERS.get(type(value))
    if write is not None:
        return write(value)
    for kind, of_kind in _KINDS:
        if isinstance(value, kind):
            return of_kind(value)
    raise StorageError(f"a value of type {type(value).__name__} cannot be stored")
