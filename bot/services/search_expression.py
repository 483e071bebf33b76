"""A query as FTS5 is asked for it.

FTS5 looks for the next match to the end of its lists, whatever range of keys it was given: two
common words that never meet cost a second. So every post also holds the mark of its hour, day and
month, and a query that may read far is asked for one such unit at a time: the list of the unit's
mark ends with the unit. A phrase is searched before it is compared with anything, so it takes the
mark into its own NEAR.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bot.analysis.search_text import author_mark, kind_mark, source_mark
from bot.models.post import PostKind
from bot.models.search import SearchQuery

_EVERYTHING = tuple(kind_mark(kind) for kind in PostKind)
_ANYWHERE = 1_000_000  # words apart: somewhere in the same post


@dataclass(frozen=True, slots=True)
class Expression:
    """What FTS5 is asked; words are quoted, so nothing of a person's is syntax."""

    query: SearchQuery
    any_word: bool = False

    def __bool__(self) -> bool:
        return not self.query.is_empty

    @property
    def is_simple(self) -> bool:
        """Every post of its words is a hit, so nothing is read in vain."""
        query = self.query
        unwanted = query.unwanted or query.not_authors or query.not_sources
        phrases = any(" " in word for word in query.words)
        return len(self._wanted("")) == 1 and not unwanted and not phrases

    @property
    def needed(self) -> list[str]:
        """Words and marks that every hit holds."""
        query = self.query
        words = () if self.any_word else query.words
        groups = (
            [author_mark(key) for key in query.authors],
            [source_mark(number) for number in query.sources],
            [kind_mark(query.kind)] if query.kind else [],
        )
        marks = [group[0] for group in groups if len(group) == 1]
        return [*(word for term in words for word in term.split()), *marks]

    def match(self, unit: str = "") -> str:
        """For MATCH; with the mark of a unit of time, for its posts alone."""
        wanted = " AND ".join([*([_quoted(unit)] if unit else []), *self._wanted(unit)])
        query = self.query
        unwanted = [
            *(_term(word, unit) for word in query.unwanted),
            *_marks(author_mark(key) for key in query.not_authors),
            *_marks(source_mark(number) for number in query.not_sources),
        ]
        return f"({wanted}) NOT {_any(unwanted)}" if unwanted else wanted

    def _wanted(self, unit: str) -> list[str]:
        query = self.query
        words = [_term(word, unit) for word in query.words]
        groups = [_any(words)] if self.any_word else words
        groups += [
            _any(_marks(author_mark(key) for key in query.authors)),
            _any(_marks(source_mark(number) for number in query.sources)),
            _any(_marks([kind_mark(query.kind)] if query.kind else ())),
        ]
        return [group for group in groups if group] or [_any(_marks(_EVERYTHING))]


def _term(term: str, unit: str) -> str:
    if unit and " " in term:
        return f"NEAR({_quoted(term)} {_quoted(unit)}, {_ANYWHERE})"
    return _quoted(term)


def _marks(marks: Iterable[str]) -> Iterator[str]:
    return map(_quoted, marks)


def _any(terms: Iterable[str]) -> str:
    known = list(terms)
    return known[0] if len(known) == 1 else f"({' OR '.join(known)})" if known else ""


def _quoted(term: str) -> str:
    return '"' + term.replace('"', " ") + '"'
