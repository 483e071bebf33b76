"""Reads the bundled word lists; `#` starts a comment."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


def entries(name: str) -> tuple[str, ...]:
    """The lines of `lexicons/<name>.txt` without comments and blank lines, in order."""
    text = files("bot.analysis.lexicons").joinpath(f"{name}.txt").read_text(encoding="utf-8")
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return tuple(line for line in lines if line)


@cache
def word_set(name: str) -> frozenset[str]:
    """All words of the list, several a line."""
    return frozenset(word for line in entries(name) for word in line.split())


@cache
def group(name: str, wanted: str) -> frozenset[str]:
    """The words of one group of a list whose lines begin with the name of a group."""
    rows = (line.split() for line in entries(name))
    return frozenset(word for row in rows if row[0] == wanted for word in row[1:])
