"""What is searched for, and what a search finds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.models.post import PostKind


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchQuery:
    """A query taken apart; words are keys as the index holds them, a phrase is keys with spaces.

    All of `words` must occur and none of `unwanted`. Of several `authors` (or sources) one must
    fit. Sources are asked for by name (`source_names`) and looked for by number (`sources`).
    """

    words: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    not_authors: tuple[str, ...] = ()
    source_names: tuple[str, ...] = ()
    not_source_names: tuple[str, ...] = ()
    sources: tuple[int, ...] = ()
    not_sources: tuple[int, ...] = ()
    since: datetime | None = None  # the first moment
    until: datetime | None = None  # the first moment after the last
    kind: PostKind | None = None

    @property
    def has_filter(self) -> bool:
        """Whether it says anything but words."""
        return any((
            self.authors, self.not_authors, self.source_names, self.not_source_names,
            self.sources, self.not_sources, self.since, self.until, self.kind,
        ))  # fmt: skip

    @property
    def is_empty(self) -> bool:
        """Nothing to look for: no word and no filter; minus words alone are nothing."""
        return not self.words and not self.has_filter


@dataclass(frozen=True, slots=True)
class Hits:
    """Posts found, as (id, score): a higher score is better, 0 when the newest come first.

    `back_to` is None when everything was searched; else no further back than then, because the
    words are too common for more.
    """

    found: tuple[tuple[int, float], ...] = ()
    back_to: datetime | None = None

    @property
    def ids(self) -> list[int]:
        return [post_id for post_id, _ in self.found]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of posts; `is_estimate` when a part was sampled because counting takes too long."""

    value: int = 0
    is_estimate: bool = False

    def __bool__(self) -> bool:
        return self.value > 0
