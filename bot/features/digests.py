"""A digest as data: what rose, what is new to this chat, and how people feel.

New is what this chat has not been told, however often and however lately it was collected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.analysis.headlines import choose
from bot.analysis.terms import mentions, trend_key
from bot.features.analyse import Analyser
from bot.features.lookup import term_query
from bot.features.telling import POST, post_item, trend_item
from bot.models.chart import bucket_for
from bot.models.insight import Digest, MoodSplit, SeriesPoint, Trend, Window
from bot.models.post import Post, PostKind
from bot.models.user import Chat
from bot.ports import Clock
from bot.services.search_index import SearchIndex
from bot.storage.digests import EchoStore, ReceivedStore
from bot.storage.insights import TrendStore
from bot.storage.posts import PostStore, series_of
from bot.storage.sources import SourceStore
from bot.storage.watches import WatchStore
from bot.utils.times import to_ms

TRENDS = 10
NEWS = 8
DRAWN = 4  # trends whose course over time the digest carries
PROOF = 3  # posts for each trend
PATIENCE_S = 5  # for the search index, which may be being built anew
CANDIDATES = 1500  # the newest headlines among which the digest chooses
STALE = timedelta(minutes=10)  # older results of analysis are renewed before a digest
OVERDUE = timedelta(hours=12)  # a headline collected late may be this much older than the window
TOLD_LATELY = timedelta(hours=36)  # a story told longer ago than this may be told anew
TOPIC_SHARE = 1 / 3  # of a trend's posts must be about the topic
_KEYS_MARKED = 12  # of one trend's story: which of its terms leads may change


# Kept posts in equal steps of a span, as `PostStore.volume` counts them.
Volume = Callable[[datetime, datetime, int], Awaitable[list[SeriesPoint]]]


@dataclass(frozen=True, slots=True)
class _Topic:
    """What a digest is limited to: some sources, or else words."""

    words: str
    key: str
    source_ids: frozenset[int]


class Digests:
    """Makes digests; it reads everything and changes nothing."""

    def __init__(
        self,
        *,
        received: ReceivedStore,
        echoes: EchoStore,
        posts: PostStore,
        sources: SourceStore,
        watches: WatchStore,
        trends: TrendStore,
        analyser: Analyser,
        search: SearchIndex,
        clock: Clock,
        volume: Volume | None = None,
    ) -> None:
        self._volume_of_all = volume or posts.volume
        self._received = received
        self._echoes = echoes
        self._posts = posts
        self._sources = sources
        self._watches = watches
        self._trends = trends
        self._analyser = analyser
        self._search = search
        self._clock = clock

    async def make(self, chat: Chat, window: Window, at: datetime, topic: str = "") -> Digest:
        """Everything that a digest for this chat says, as data."""
        about = await self._topic(topic)
        muted = frozenset(await self._watches.muted(chat.id, at))
        start = at - window.span
        trends = await self._rising(window, at, about, muted)
        proof = await self._posts.get_many(
            post_id for trend in trends for post_id in trend.post_ids[:PROOF]
        )
        step_s = bucket_for(window.span)
        volume, dropped = await self._volume(start, at, step_s, about)
        return Digest(
            chat_id=chat.id,
            at=at,
            window=window,
            trends=tuple(trends),
            new_keys=await self._new_keys(chat.id, window, trends),
            posts=proof,
            news=tuple(await self._news(chat.id, window, at, about, muted, proof)),
            volume=tuple(volume),
            mood=_mood_of(volume),
            kept=sum(point.posts for point in volume),
            dropped=dropped,
            topic=topic,
            series=await self._courses(trends[:DRAWN], window, at, step_s),
        )

    async def _courses(
        self, trends: Sequence[Trend], window: Window, at: datetime, step_s: int
    ) -> dict[str, tuple[SeriesPoint, ...]]:
        """What each trend did over time, where it is known."""
        start, found = at - window.span, {}
        for trend in trends:
            if window.span <= Window.H24.span:
                points = await self._analyser.series(trend.term, start, at, step_s)
            else:
                # The counters of past days know words and hashtags, the index phrases too.
                await self._search.catch_up(PATIENCE_S)
                points = await self._search.series(term_query(trend.term), start, at, step_s)
            if any(point.posts for point in points):
                found[trend.key] = tuple(points)
        return found

    async def _rising(
        self, window: Window, at: datetime, about: _Topic | None, muted: frozenset[str]
    ) -> list[Trend]:
        last, found = await self._trends.snapshot(window)
        if last is None or not last - STALE <= at <= last + STALE:
            if abs(self._clock() - at) <= STALE:
                await self._analyser.run()
                _, found = await self._trends.snapshot(window)
            else:
                found = tuple(await self._analyser.trends(window, at, TRENDS * 3))
        allowed = _once(t for t in found if muted.isdisjoint((t.key, *t.member_keys)))
        if about is None:
            return allowed[:TRENDS]
        posts = await self._posts.get_many(i for t in allowed for i in t.post_ids)
        return [trend for trend in allowed if _is_about(trend, posts, about)][:TRENDS]

    async def _new_keys(
        self, chat_id: int, window: Window, trends: Sequence[Trend]
    ) -> frozenset[str]:
        """Trends not told yet, or told before they rose again."""
        told = await self._received.told(
            chat_id, {trend_item(key) for trend in trends for key in _keys(trend)}
        )
        new = set()
        for trend in trends:
            times = [told[i] for key in _keys(trend) if (i := trend_item(key)) in told]
            if not times:
                new.add(trend.key)
            elif trend.started_at > max(times):
                # Its beginning may only have left the window: did it rise anew?
                anew = await self._trends.new_since(window, max(times))
                if any(one.key == trend.key for one in anew):
                    new.add(trend.key)
        return frozenset(new)

    async def _news(
        self,
        chat_id: int,
        window: Window,
        at: datetime,
        about: _Topic | None,
        muted: frozenset[str],
        proof: dict[int, Post],
    ) -> list[Post]:
        start = at - window.span - OVERDUE
        source_ids = sorted(about.source_ids) if about and about.source_ids else None
        newest = await self._posts.newest(
            CANDIDATES, kind=PostKind.NEWS, source_ids=source_ids, before=at
        )
        recent = [post for post in newest if post.created_at >= start]
        lately = await self._received.since(chat_id, POST, at - TOLD_LATELY)
        told_ids = [int(item.partition(":")[2]) for item in lately]
        told = list((await self._posts.get_many(told_ids)).values())
        ever = await self._received.told(chat_id, [post_item(post.id) for post in recent])
        carried = await self._echoes.echoes(start, at)

        def decide() -> list[Post]:
            candidates = [
                post
                for post in recent
                if post_item(post.id) not in ever
                and post.id not in proof
                and not (muted and mentions(post.full_text, muted))
                and (about is None or source_ids or mentions(post.full_text, [about.key]))
            ]
            return choose(candidates, told, carried, at, NEWS)

        return await asyncio.to_thread(decide)

    async def _volume(
        self, start: datetime, end: datetime, step_s: int, about: _Topic | None
    ) -> tuple[list[SeriesPoint], int]:
        """Kept posts over time, and how many were left out."""
        if about is None:
            fates = await self._posts.count_between(start, end)
            dropped = sum(count for fate, count in fates.items() if fate != "kept")
            return await self._volume_of_all(start, end, step_s), dropped
        if not about.source_ids:
            await self._search.catch_up(PATIENCE_S)
            return await self._search.series(about.words, start, end, step_s), 0
        newest = await self._posts.newest(
            CANDIDATES, source_ids=sorted(about.source_ids), before=end
        )
        first, step_ms = to_ms(start), step_s * 1000
        rows = (
            (first + (to_ms(p.created_at) - first) // step_ms * step_ms, p.mood or "", 1)
            for p in newest
            if p.created_at >= start
        )
        return series_of(rows, start, end, step_s), 0

    async def _topic(self, topic: str) -> _Topic | None:
        if not topic:
            return None
        key = trend_key(topic)
        ids = [s.id for s in await self._sources.all() if s.topic and trend_key(s.topic) == key]
        return _Topic(topic, key, frozenset(ids))


def told_by(digest: Digest) -> list[str]:
    """The keys of everything that the chat is told by this digest."""
    trends = [trend_item(key) for trend in digest.trends for key in _keys(trend)]
    shown = [next((i for i in t.post_ids if i in digest.posts), None) for t in digest.trends]
    posts = [post_item(post_id) for post_id in shown if post_id is not None]
    news = [post_item(post.id) for post in digest.news]
    return list(dict.fromkeys([*trends, *posts, *news]))


def _keys(trend: Trend) -> tuple[str, ...]:
    return tuple(dict.fromkeys((trend.key, *trend.member_keys)))[:_KEYS_MARKED]


def _once(trends: Iterable[Trend]) -> list[Trend]:
    """Without the weaker of two that are written alike: words of one phrase, risen apart."""
    by_term: dict[str, Trend] = {}
    for trend in trends:
        by_term.setdefault(trend.term, trend)
    return list(by_term.values())


def _is_about(trend: Trend, posts: dict[int, Post], about: _Topic) -> bool:
    if about.key in (trend.key, *trend.member_keys):
        return True
    there = [posts[post_id] for post_id in trend.post_ids if post_id in posts]
    hits = sum(
        post.source_id in about.source_ids or mentions(post.full_text, [about.key])
        for post in there
    )
    return bool(there) and hits >= len(there) * TOPIC_SHARE


def _mood_of(points: Sequence[SeriesPoint]) -> MoodSplit:
    return MoodSplit(
        positive=sum(point.mood.positive for point in points),
        neutral=sum(point.mood.neutral for point in points),
        negative=sum(point.mood.negative for point in points),
    )
