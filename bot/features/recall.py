"""What is remembered about a subject: the posts that say it, and what can be counted about it."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations

from bot.analysis.extracts import gives_cause, keys_of, pick
from bot.analysis.terms import voice_of
from bot.analysis.text import fold
from bot.models.ai import AskedSpan, Evidence, Facts, Intent, SpanName
from bot.models.insight import SeriesPoint
from bot.models.post import TWITTER_SOURCE_ID, Mood, Post, PostKind
from bot.models.search import Figure
from bot.services.search_index import SearchIndex
from bot.storage.posts import PostStore
from bot.storage.sources import SourceStore

READ_BEST = 60  # posts among which the telling ones are sought: the best matches ...
READ_NEWEST = 240  # ... and the newest ones, which also tell who speaks
LOUDEST = 5
MOST_TRIES = 40  # combinations of a question's words that are looked for
ENOUGH = 3  # posts; with fewer, a word less is tried
PAST_SPANS = 7  # earlier spans that the usual volume is taken from
STEPS = 48  # of a span, when looking for its beginning and peak
LEAST_STEP_S = 300
ONSET_SHARE = 0.25  # of the peak: what still belongs to the same wave

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
# Endings that a question may put on a word that posts say without them, longest first.
_ENDINGS = ("هایی", "های", "ترین", "ها", "تر", "ی", "م", "ش", "و")
_LEAST_STEM = 3


@dataclass(frozen=True, slots=True)
class Recalled:
    """A subject with its facts and posts, the most telling first."""

    facts: Facts
    posts: tuple[Post, ...] = ()


class Recall:
    def __init__(self, search: SearchIndex, posts: PostStore, sources: SourceStore) -> None:
        self._search = search
        self._posts = posts
        self._sources = sources

    async def subject(
        self, terms: Sequence[str], span: AskedSpan, count: int, intent: Intent
    ) -> Recalled:
        """Everything about what the words mean together, in a span.

        Words that hardly anything in the span says with the others are left out, the last ones
        first: people name the subject before what they ask of it. `facts.subject` is what is left.
        """
        since, until = _bounds(span)
        said, unsaid, volume = await self._sayable(terms, since, until)
        if not volume:
            return Recalled(Facts(subject=" ".join(terms), span=span, volume=0))
        query = " ".join(said)
        found = await self._read(query, since, until, volume.value)
        names = await self._sources.names()
        started_at, peak_at = await self._wave(query, span, found)
        voices = Counter(filter(None, map(voice_of, found)))
        facts = Facts(
            subject=" ".join(said),
            span=span,
            volume=volume.value,
            is_estimate=volume.is_estimate,
            baseline=await self._usual(query, span),
            voices=len(voices),
            voices_at_least=volume.value > len(found),
            loudest=_loudest(found, names),
            started_at=started_at,
            peak_at=peak_at,
            mood=await self._search.mood(query, since, until),
            unsaid=unsaid,
        )
        asked = frozenset(fold(" ".join(terms)).split())
        chosen = await asyncio.to_thread(telling, found, count, intent, asked)
        return Recalled(facts, tuple(chosen))

    async def everything(self, span: AskedSpan, count: int, intent: Intent) -> Recalled:
        """All kept posts of a span."""
        fates = await self._posts.count_between(span.start, span.end)
        volume = fates.get("kept", 0)
        if not volume:
            return Recalled(Facts(subject="", span=span, volume=0))
        found = await self._posts.newest(READ_NEWEST, before=span.end)
        found = [post for post in found if post.created_at >= span.start]
        whole = max(1, math.ceil((span.end - span.start).total_seconds()))
        (point,) = await self._posts.volume(span.start, span.end, whole)
        voices = Counter(filter(None, map(voice_of, found)))
        facts = Facts(
            subject="",
            span=span,
            volume=volume,
            voices=len(voices),
            voices_at_least=volume > len(found),
            loudest=_loudest(found, await self._sources.names()),
            mood=point.mood,
        )
        chosen = await asyncio.to_thread(telling, found, count, intent)
        return Recalled(facts, tuple(chosen))

    async def evidence(self, posts: Sequence[Post], first: int = 1) -> tuple[Evidence, ...]:
        """Posts as numbered evidence."""
        names = await self._sources.names()
        return tuple(
            Evidence(
                number=number,
                post_id=post.id,
                kind=post.kind,
                text=post.text,
                title=post.title,
                url=link_of(post),
                source=_source(post, names),
                created_at=post.created_at,
                mood=post.mood,
                weight=_weight(post),
            )
            for number, post in enumerate(posts, first)
        )

    async def _sayable(
        self, terms: Sequence[str], since: datetime | None, until: datetime | None
    ) -> tuple[tuple[str, ...], tuple[str, ...], Figure]:
        """The words that posts say together, the words that none says, and how many posts it is.

        The most words that ENOUGH posts say, or, if there are not so many posts, that any says.
        With the first word unsaid, one word alone would be another subject.
        """
        known: list[str] = []
        unsaid: list[str] = []
        for term in terms:
            for form in _forms(term):
                if await self._search.count(form, since, until):
                    known.append(form)
                    break
            else:
                unsaid.append(term)
        least = 2 if terms and terms[0] in unsaid else 1
        few: tuple[tuple[str, ...], Figure] = (), Figure()
        tried = 0
        for size in range(len(known), least - 1, -1):
            for part in combinations(known, size):  # the first words come first
                volume = await self._search.count(" ".join(part), since, until)
                if volume.value >= ENOUGH:
                    return part, tuple(unsaid), volume
                if volume and not few[1]:
                    few = part, volume
                tried += 1
                if tried == MOST_TRIES:
                    return few[0], tuple(unsaid), few[1]
        return few[0], tuple(unsaid), few[1]

    async def _read(
        self, query: str, since: datetime | None, until: datetime | None, volume: int
    ) -> list[Post]:
        """The best and the newest posts; all of them when they are few. The best come first."""
        best = await self._search.search(query, READ_BEST, since=since, until=until)
        newest = await self._search.search(
            query, min(volume, READ_NEWEST), order="newest", since=since, until=until
        )
        ids = dict.fromkeys((*best.ids, *newest.ids))
        return [p for p in (await self._posts.get_many(ids)).values() if p.drop is None]

    async def _usual(self, query: str, span: AskedSpan) -> float | None:
        """The mean volume of earlier spans at the same time of day (or week) that have any post."""
        if span.name is SpanName.EVER:
            return None
        length = span.end - span.start
        shift = _DAY if length <= _DAY else _WEEK if length <= _WEEK else length
        counts = []
        for back in range(1, (PAST_SPANS if shift == _DAY else 3) + 1):
            start, end = span.start - back * shift, span.end - back * shift
            if (await self._posts.count_between(start, end)).get("kept", 0):
                counts.append((await self._search.count(query, start, end)).value)
        return sum(counts) / len(counts) if counts else None

    async def _wave(
        self, query: str, span: AskedSpan, found: Sequence[Post]
    ) -> tuple[datetime | None, datetime | None]:
        start = span.start
        if span.name is SpanName.EVER:
            start = await self._search.first_seen(query) or span.start
        seconds = max(1.0, (span.end - start).total_seconds())
        step_s = max(LEAST_STEP_S, math.ceil(seconds / STEPS))
        series = await self._search.series(query, start, span.end, step_s)
        onset, peak = wave(series)
        if onset is None:
            return None, None
        after = [post.created_at for post in found if post.created_at >= onset]
        return min(after, default=onset), peak


def wave(series: Sequence[SeriesPoint]) -> tuple[datetime | None, datetime | None]:
    """When the biggest wave of a series began, and its peak.

    It began with the first step from which on, up to the peak, no two steps in a row were quiet.
    """
    if not series or not any(point.posts for point in series):
        return None, None
    peak = max(range(len(series)), key=lambda place: (series[place].posts, -place))
    least = max(1.0, ONSET_SHARE * series[peak].posts)
    onset, quiet = peak, 0
    for place in range(peak - 1, -1, -1):
        if series[place].posts >= least:
            onset, quiet = place, 0
        else:
            quiet += 1
            if quiet == 2:
                break
    return series[onset].at, series[peak].at


def telling(
    posts: Sequence[Post], count: int, intent: Intent, asked: frozenset[str] = frozenset()
) -> list[Post]:
    """The posts that an answer should rest on: central, different, and fit for what is asked."""
    documents = [keys_of(post.full_text) for post in posts]
    heaviest = max((_weight(post) for post in posts), default=0)
    liking = [
        0.7 * _liking(post, place / max(1, len(posts)), heaviest, intent)
        + 0.3 * (len(asked & documents[place]) / len(asked) if asked else 0.0)
        for place, post in enumerate(posts)
    ]
    places = pick(documents, liking, count)
    if intent is Intent.FEELING:
        places = _of_both_minds(posts, documents, liking, places)
    if intent is Intent.WHY:
        places.sort(key=lambda place: not gives_cause(posts[place].full_text))
    return [posts[place] for place in places]


def _of_both_minds(
    posts: Sequence[Post],
    documents: Sequence[frozenset[str]],
    liking: Sequence[float],
    places: list[int],
) -> list[int]:
    """The same, but beginning with the most central negative and positive ones that exist."""
    first = []
    for mood in (Mood.NEGATIVE, Mood.POSITIVE):
        of_mood = [place for place, post in enumerate(posts) if post.mood is mood]
        best = pick([documents[p] for p in of_mood], [liking[p] for p in of_mood], 1)
        first += [of_mood[place] for place in best]
    return list(dict.fromkeys([*first, *places]))[: max(len(places), len(first))]


def _liking(post: Post, rank: float, heaviest: int, intent: Intent) -> float:
    """From 0 to 1: a good match, news, engagement; a cause for "why"; a sure mood for feelings."""
    loud = math.log1p(_weight(post)) / math.log1p(heaviest) if heaviest else 0.0
    news = 1.0 if post.kind is PostKind.NEWS else 0.0
    if intent is Intent.FEELING:
        return 0.3 * (1 - rank) + 0.3 * loud + 0.4 * post.mood_confidence
    if intent is Intent.WHY:
        cause = 1.0 if gives_cause(post.full_text) else 0.0
        return 0.2 * (1 - rank) + 0.15 * loud + 0.15 * news + 0.5 * cause
    return 0.4 * (1 - rank) + 0.3 * loud + 0.3 * news


def link_of(post: Post) -> str:
    """Where the post can be read; "" when nobody knows or the address is no web address."""
    if not post.url and post.source_id == TWITTER_SOURCE_ID and post.external_id.isdecimal():
        return f"https://x.com/i/status/{post.external_id}"
    is_web = post.url.startswith(("https://", "http://")) and not any(map(str.isspace, post.url))
    return post.url if is_web else ""


def _forms(term: str) -> list[str]:
    """The word as asked, and without an ending."""
    plain = term.replace('"', " ").lstrip("-#").strip()
    key = fold(plain)
    stems = (
        key.removesuffix(ending)
        for ending in _ENDINGS
        if key.endswith(ending) and len(key) - len(ending) >= _LEAST_STEM
    )
    return [form for form in (plain, *stems) if form]


def _bounds(span: AskedSpan) -> tuple[datetime | None, datetime | None]:
    """For the search; a span up to now is open, so that the very newest post counts."""
    return (None if span.name is SpanName.EVER else span.start), span.end


def _loudest(posts: Sequence[Post], names: dict[int, str]) -> tuple[tuple[str, int], ...]:
    counts = Counter(_source(post, names) for post in posts if voice_of(post))
    return tuple(counts.most_common(LOUDEST))


def _source(post: Post, names: dict[int, str]) -> str:
    if post.kind is PostKind.TWEET and post.author:
        return f"@{post.author}"
    return post.author or names.get(post.source_id, "")


def _weight(post: Post) -> int:
    return post.engagement.likes + 2 * post.engagement.retweets + post.engagement.replies
