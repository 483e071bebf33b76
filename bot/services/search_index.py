"""Full-text search: an SQLite FTS5 file of its own that follows the posts of any database.

The file can be thrown away: it is built again from the posts, in the background, the newest first.
Words go in exactly as queries do, through `analysis`. No query takes long: words that very many
posts hold are not read to the end, and what is returned says so.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from bot.analysis.ranking import Candidate, best, weight
from bot.analysis.search_query import plain_query
from bot.models.insight import MoodSplit, SeriesPoint
from bot.models.post import PostKind
from bot.models.search import Figure, Hits, SearchQuery
from bot.services.search_expression import Expression
from bot.services.search_file import FIRST_KEY, LAST_KEY, TIME_BITS, SearchFile, first_key
from bot.services.search_following import Follower
from bot.services.search_scan import COUNT_PATIENCE_S, RARE, SEARCH_PATIENCE_S, Scanner, Tally
from bot.storage.posts import PostStore
from bot.utils.times import from_ms, to_ms

# Among so many of the newest matches the best are sought: reading and weighing them takes 15 ms.
RANKED_AT_MOST = 2000
DEEPEST_OFFSET = 10_000
_STRETCH, _STRETCH_MS = 10_000, 6 * 3_600_000  # posts that tell how common a common word is

Order = Literal["best", "newest"]


class SearchIndex:
    """Search over kept posts; make it with `open`."""

    def __init__(
        self,
        file: SearchFile,
        posts: PostStore,
        *,
        search_patience_s: float = SEARCH_PATIENCE_S,
        count_patience_s: float = COUNT_PATIENCE_S,
    ) -> None:
        self._file = file
        self._follower = Follower(file, posts)
        self._scanner = Scanner(file, search_patience_s, count_patience_s)

    @classmethod
    async def open(
        cls,
        path: Path,
        posts: PostStore,
        *,
        search_patience_s: float = SEARCH_PATIENCE_S,
        count_patience_s: float = COUNT_PATIENCE_S,
    ) -> SearchIndex:
        """Open the index file; one of another version or a broken one is made anew."""
        return cls(
            await SearchFile.open(path),
            posts,
            search_patience_s=search_patience_s,
            count_patience_s=count_patience_s,
        )

    async def close(self) -> None:
        await self._file.close()

    async def catch_up(self, patience_s: float = math.inf) -> int:
        """Index the posts that came since the last time, drops and restores too.

        Returns how many posts were read. With a patience it may leave older posts for the next
        time; what is newest comes first.
        """
        return await self._follower.catch_up(patience_s)

    async def behind(self) -> int:
        """About how many stored posts cannot be found yet."""
        return await self._follower.behind()

    async def forget_before(self, moment: datetime) -> int:
        """Take out posts written before then; returns how many."""
        return await self._follower.forget_before(moment)

    async def search(
        self,
        query: str | SearchQuery,
        limit: int = 20,
        offset: int = 0,
        *,
        order: Order = "best",
        since: datetime | None = None,
        until: datetime | None = None,
        kind: PostKind | None = None,
        any_word: bool = False,
    ) -> Hits:
        """Matching posts; a text is words, "phrases" and -minus words, without fields.

        The best are sought among the newest RANKED_AT_MOST matches.
        """
        asked = _asked(query, since, until, kind)
        expression = Expression(asked, any_word)
        if not expression or offset > DEEPEST_OFFSET:
            return Hits()
        first, last = _bounds(asked)
        is_ranked = order == "best" and bool(asked.words)
        most = max(RANKED_AT_MOST, offset + limit) if is_ranked else offset + limit
        keys, down_to = await self._scanner.newest(expression, first, last, most)
        if is_ranked:
            scored = (await self._rank(asked, keys))[offset : offset + limit]
        else:
            scored = [(key, 0.0) for key in keys[offset:]]
        ids = await self._post_ids([key for key, _ in scored])
        return Hits(
            tuple((ids[key], score) for key, score in scored if key in ids),
            None if down_to is None else from_ms(down_to >> TIME_BITS),
        )

    async def count(
        self,
        query: str | SearchQuery,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        any_word: bool = False,
    ) -> Figure:
        """How many posts match."""
        asked = _asked(query, since, until)
        expression = Expression(asked, any_word)
        if not expression:
            return Figure()
        (tally,) = await self._scanner.tally(expression, [_bounds(asked)])
        if not tally.is_estimate:
            return Figure(round(tally.posts))
        return Figure(int(float(f"{tally.posts:.1e}")), is_estimate=True)  # two digits are known

    async def series(
        self, query: str | SearchQuery, since: datetime, until: datetime, step_s: int
    ) -> list[SeriesPoint]:
        """Matching posts and their moods in equal steps of [since, until)."""
        start, end, step_ms = to_ms(since), to_ms(until), step_s * 1000
        expression = Expression(_asked(query))
        steps = range(start, end, step_ms)
        tallies = [Tally() for _ in steps]
        if expression:
            spans = [(first_key(at), first_key(min(at + step_ms, end)) - 1) for at in steps]
            tallies = await self._scanner.tally(expression, spans, moods=True)
        return [
            SeriesPoint(
                at=from_ms(at),
                posts=round(tally.posts),
                mood=_mood_split(tally),
                is_estimate=tally.is_estimate,
            )
            for at, tally in zip(steps, tallies, strict=True)
        ]

    async def mood(
        self,
        query: str | SearchQuery,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> MoodSplit:
        """How the matching posts split by mood."""
        asked = _asked(query, since, until)
        expression = Expression(asked)
        if not expression:
            return MoodSplit()
        (tally,) = await self._scanner.tally(expression, [_bounds(asked)], moods=True)
        return _mood_split(tally)

    async def first_seen(
        self, query: str | SearchQuery, since: datetime | None = None
    ) -> datetime | None:
        """When the oldest matching post was written; None too when finding it takes too long."""
        asked = _asked(query, since)
        expression = Expression(asked)
        if not expression:
            return None
        key = await self._scanner.oldest(expression, *_bounds(asked))
        return None if key is None else from_ms(key >> TIME_BITS)

    async def _rank(self, asked: SearchQuery, keys: Sequence[int]) -> list[tuple[int, float]]:
        rows = await self._file.fetch_all(
            "SELECT doc, words FROM docs WHERE doc IN (SELECT value FROM json_each(?))",
            (json.dumps(keys),),
        )
        candidates = [Candidate(int(key), int(key) >> TIME_BITS, str(words)) for key, words in rows]
        posts = await self._scanner.size()
        terms = [(term, weight(await self._holders(term, posts), posts)) for term in asked.words]
        return await asyncio.to_thread(best, candidates, terms, await self._mean_words(posts))

    async def _mean_words(self, posts: int) -> float:
        """How many words a post has on the average."""
        rows = await self._file.fetch_all("SELECT words FROM progress")
        return max(1.0, int(rows[0][0]) / posts) if rows and posts else 1.0

    async def _holders(self, term: str, posts: int) -> float:
        """About how many posts hold a word; of a phrase, its rarest word."""
        return min([await self._holders_of_word(word, posts) for word in term.split()])

    async def _holders_of_word(self, word: str, posts: int) -> float:
        """Few are counted; else the word's share of a recent stretch tells."""
        few = await self._scanner.holders(word, RARE)
        if few < RARE:
            return few
        keys = await self._file.fetch_all("SELECT MAX(doc) FROM docs")
        last = int(keys[0][0])
        first = last - first_key(_STRETCH_MS)
        while (seen := await self._scanner.size(first, last)) < _STRETCH and seen < posts:
            first = last - 2 * (last - first)
        held = await self._scanner.tally(Expression(SearchQuery(words=(word,))), [(first, last)])
        return max(few, held[0].posts * posts / max(1, seen))

    async def _post_ids(self, keys: Sequence[int]) -> dict[int, int]:
        rows = await self._file.fetch_all(
            "SELECT doc, post_id FROM docs WHERE doc IN (SELECT value FROM json_each(?))",
            (json.dumps(keys),),
        )
        return {int(key): int(post_id) for key, post_id in rows}


def _asked(
    query: str | SearchQuery,
    since: datetime | None = None,
    until: datetime | None = None,
    kind: PostKind | None = None,
) -> SearchQuery:
    """A query with what the caller adds to it."""
    asked = plain_query(query) if isinstance(query, str) else query
    if asked.is_empty:
        return asked
    return replace(
        asked,
        since=max(filter(None, (asked.since, since)), default=None),
        until=min(filter(None, (asked.until, until)), default=None),
        kind=kind or asked.kind,
    )


def _bounds(asked: SearchQuery) -> tuple[int, int]:
    """The first and last key of [since, until)."""
    first = FIRST_KEY if asked.since is None else first_key(to_ms(asked.since))
    last = LAST_KEY if asked.until is None else first_key(to_ms(asked.until)) - 1
    return first, last


def _mood_split(tally: Tally) -> MoodSplit:
    _, positive, neutral, negative = map(round, tally.moods)
    return MoodSplit(
        positive=positive, neutral=neutral, negative=negative, is_estimate=tally.is_estimate
    )
