"""What is known when a person asks: what rises, one term, a search, the latest news."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

from bot.analysis.search_query import parse_query
from bot.analysis.terms import trend_key
from bot.analysis.text import fold_tag
from bot.errors import BadInput, NotFound
from bot.features.analyse import Analyser
from bot.models.insight import Explanation, MoodSplit, Trend, Window
from bot.models.lookup import Found, TermFacts
from bot.models.post import TWITTER_SOURCE_ID, Post, PostKind, Source, SourceKind, SourceState
from bot.models.search import SearchQuery
from bot.ports import Clock
from bot.services.search_index import SearchIndex
from bot.storage.insights import SNAPSHOT_SIZE, TrendStore
from bot.storage.posts import PostStore
from bot.storage.sources import SourceStore

Order = Literal["best", "newest"]

TELLING = 6  # posts that a card or an explanation may show
SAMPLED = 80  # the newest posts among which the telling ones of each mood are sought
MOST_TOPICS = 12
MOST_SOURCES = 50  # that one name may mean; each is a term of the query
_TWITTER = frozenset(map(fold_tag, ("x", "twitter", "توییتر", "توئیتر", "تویتر", "ایکس")))


class Lookup:
    def __init__(
        self,
        analyser: Analyser,
        trends: TrendStore,
        search: SearchIndex,
        posts: PostStore,
        sources: SourceStore,
        clock: Clock,
        *,
        oldest: Callable[[], datetime | None] = lambda: None,
    ) -> None:
        """`oldest`: the first moment whose posts are kept; None: all are."""
        self._analyser = analyser
        self._trends = trends
        self._search = search
        self._posts = posts
        self._sources = sources
        self._clock = clock
        self._oldest = oldest
        self._counted: dict[Window, tuple[datetime | None, int]] = {}

    async def rising(self, window: Window) -> tuple[Trend, ...]:
        """What the last round of analysis found, strongest first."""
        return tuple(await self._analyser.current(window, SNAPSHOT_SIZE))

    async def why(self, term: str, window: Window) -> Explanation:
        """The numbers behind a term."""
        return await self._analyser.why(term, window)

    def kept_since(self, start: datetime | None) -> datetime | None:
        """The first moment whose posts are kept, when a span begins before it; else None."""
        oldest = self._oldest()
        return oldest if oldest and start and start < oldest else None

    async def analysed_at(self) -> datetime | None:
        return (await self._trends.snapshot(Window.H24))[0]

    async def volume(self, window: Window) -> int:
        """How many posts the window holds, counted once a round of analysis."""
        at, _ = await self._trends.snapshot(window)
        known = self._counted.get(window)
        if known is None or known[0] != at or at is None:
            now = self._clock()
            fates = await self._posts.count_between(now - window.span, now)
            known = self._counted[window] = at, sum(fates.values())
        return known[1]

    async def term(self, term: str, key: str, window: Window, *, moods: bool = False) -> TermFacts:
        """All about one term; with `moods` the posts are chosen to show each mood."""
        now = self._clock()
        rising = await self.rising(window)
        places = {k: i for i, trend in enumerate(rising) for k in (*trend.member_keys, trend.key)}
        # Which term leads a story may have changed since the button was made; its name tells.
        place = places.get(key, places.get(trend_key(term)))
        trend = None if place is None else rising[place]
        query = term_query(trend.term if trend else term)
        start, before = now - window.span, now - 2 * window.span
        volume = await self._search.count(query, start, now)
        previous = await self._search.count(query, before, start)
        mood = await self._search.mood(query, start, now)
        if trend is not None and (moods is False or not mood.total):
            mood = trend.mood
        return TermFacts(
            term=trend.term if trend else term,
            key=trend.key if trend else key,
            window=window,
            at=now,
            volume=volume.value,
            previous=previous.value,
            is_estimate=volume.is_estimate or previous.is_estimate,
            mood=mood,
            mood_before=await self._search.mood(query, before, start) if moods else MoodSplit(),
            first_at=await self._search.first_seen(query, start),
            posts=await self._telling(query, start, trend, moods),
            trend=trend,
            rank=0 if place is None else place + 1,
        )

    async def _telling(
        self, query: str, start: datetime, trend: Trend | None, moods: bool
    ) -> tuple[Post, ...]:
        if trend is not None and not moods:
            found = await self._posts.get_many(trend.post_ids[:TELLING])
            return tuple(found.values())
        order: Order = "newest" if moods else "best"
        limit = SAMPLED if moods else TELLING
        hits = await self._search.search(query, limit, order=order, since=start)
        posts = list((await self._posts.get_many(hits.ids)).values())
        if moods:
            posts.sort(key=lambda post: (post.mood_confidence, _weight(post)), reverse=True)
        return tuple(posts)

    async def posts(self, post_ids: Sequence[int]) -> dict[int, Post]:
        return await self._posts.get_many(post_ids)

    async def find(
        self, text: str, page: int, per_page: int, timezone: str, *, newest_first: bool = False
    ) -> Found:
        """One page of a full-text search in everything stored; dates are days of the zone.

        Raises BadInput for what cannot be read as a query, and NotFound for an unknown source.
        """
        query = await self._with_sources(parse_query(text, self._clock(), timezone))
        order: Order = "newest" if newest_first else "best"
        hits = await self._search.search(query, per_page + 1, page * per_page, order=order)
        total = await self._search.count(query)
        posts = await self._posts.get_many(hits.ids[:per_page])
        seen = page * per_page + len(hits.ids)
        return Found(
            query=text,
            posts=tuple(posts.values()),
            total=max(total.value, seen),
            page=page,
            newest_first=newest_first or not query.words,
            scores=tuple(score for post_id, score in hits.found if post_id in posts),
            more=len(hits.ids) > per_page,
            total_is_estimate=total.is_estimate,
            back_to=hits.back_to,
            behind=await self._search.behind(),
            kept_since=self.kept_since(query.since or query.until),
            is_narrowed=query.has_filter or bool(query.unwanted),
        )

    async def _with_sources(self, query: SearchQuery) -> SearchQuery:
        """The same with sources by number."""
        if not (query.source_names or query.not_source_names):
            return query
        known = await self._sources.all()

        def numbers(names: Sequence[str]) -> tuple[int, ...]:
            found: dict[int, None] = {}
            for name in names:
                ids = named_sources(name, known)
                if not ids:
                    raise NotFound("search.no_source", name=name)
                found.update(dict.fromkeys(ids))
            if len(found) > MOST_SOURCES:
                raise BadInput("search.too_many_sources", limit=MOST_SOURCES)
            return tuple(found)

        return replace(
            query,
            sources=numbers(query.source_names),
            not_sources=numbers(query.not_source_names),
        )

    async def term_news(self, term: str, window: Window, limit: int) -> tuple[Post, ...]:
        """What the outlets wrote about a term."""
        hits = await self._search.search(
            term_query(term),
            limit,
            order="best",
            since=self._clock() - window.span,
            kind=PostKind.NEWS,
        )
        return tuple((await self._posts.get_many(hits.ids)).values())

    async def topics(self) -> list[str]:
        """The topics of the sources, the most common first."""
        counts: dict[str, int] = {}
        for source in await self._sources.all(SourceKind.FEED):
            if source.topic and source.state is not SourceState.GONE:
                counts[source.topic] = counts.get(source.topic, 0) + 1
        return sorted(counts, key=lambda topic: (-counts[topic], topic))[:MOST_TOPICS]

    async def news(
        self, topic: str, page: int, per_page: int
    ) -> tuple[tuple[Post, ...], bool, bool]:
        """Latest news: a page, whether there is more, and whether words were searched instead.

        A topic that no source has is looked for as words.
        """
        offset, limit = page * per_page, per_page + 1
        if not topic:
            found = await self._posts.newest(limit, kind=PostKind.NEWS, offset=offset)
            return tuple(found[:per_page]), len(found) > per_page, False
        wanted = trend_key(topic)
        ids = [s.id for s in await self._sources.all() if trend_key(s.topic) == wanted]
        if ids:
            found = await self._posts.newest(
                limit, kind=PostKind.NEWS, source_ids=ids, offset=offset
            )
            return tuple(found[:per_page]), len(found) > per_page, False
        hits = await self._search.search(topic, limit, offset, order="newest", kind=PostKind.NEWS)
        posts = tuple((await self._posts.get_many(hits.ids)).values())
        return posts[:per_page], len(hits.ids) > per_page, True

    async def source_names(self) -> dict[int, str]:
        return await self._sources.names()


def named_sources(name: str, known: Sequence[Source]) -> tuple[int, ...]:
    """The sources that a person means: by number, whole name, host, or a part of the name."""
    if name.isdecimal():
        return tuple(source.id for source in known if source.id == int(name))
    wanted = fold_tag(name)
    if wanted in _TWITTER:
        return (TWITTER_SOURCE_ID,)
    readings: tuple[Callable[[Source], bool], ...] = (
        lambda source: fold_tag(source.name) == wanted,
        lambda source: _is_of_host(source, name.lower()),
        lambda source: bool(wanted) and wanted in fold_tag(source.name),
    )
    for fits in readings:
        if ids := tuple(source.id for source in known if fits(source)):
            return ids
    return ()


def _is_of_host(source: Source, wanted: str) -> bool:
    hosts = (urlsplit(address).hostname or "" for address in (source.site_url, source.url))
    wanted = wanted.removeprefix("https://").removeprefix("http://").removeprefix("www.")
    return "." in wanted and any(
        host == wanted or host.endswith(f".{wanted}") for host in hosts if host
    )


def term_query(term: str) -> str:
    """A term for the search index: its words as one phrase, a hashtag as its words."""
    words = term.strip().lstrip("#").replace("_", " ").replace('"', " ")
    return f'"{words}"'


def _weight(post: Post) -> int:
    return post.engagement.likes + 2 * post.engagement.retweets
