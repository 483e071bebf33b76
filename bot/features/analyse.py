"""Analysis: counts what new posts say, finds what rises, and tells why.

Counting is exact and happens once: the counters and the watermark move in one transaction. What
rises is found by comparing the posts of a window with the counters of the days before it. CPU work
runs in a thread, so that the event loop only waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.analysis import finding
from bot.analysis.counting import HOUR_MS, SLOT_MS, Counts, HeardVoices, Hour, by_hour, count
from bot.analysis.finding import Figures, WindowPosts
from bot.analysis.stories import Story
from bot.analysis.terms import PostTerms, is_content, mentions, trend_key
from bot.analysis.text import analyse as text_parts
from bot.analysis.trend_names import Name
from bot.features.post_windows import CAPACITY, PAGE, PostWindows, terms_of_posts
from bot.models.insight import (
    Explanation,
    MoodSplit,
    SeriesPoint,
    SlotCount,
    TermCount,
    Trend,
    TrendState,
    Window,
)
from bot.models.post import Post, PostKind
from bot.storage.counters import SLOTS_KEPT_MS
from bot.storage.insights import SNAPSHOT_SIZE, TrendStore
from bot.storage.posts import PostStore
from bot.storage.sources import SourceStore
from bot.utils.times import from_ms, to_ms, utc_now

BATCH = 4000  # posts counted in one transaction
# A window is looked at again this often; a longer one changes more slowly.
ROUNDS = {
    Window.H1: timedelta(0),
    Window.H6: timedelta(minutes=2),
    Window.H24: timedelta(minutes=5),
    Window.D7: timedelta(minutes=15),
}
GROWN = (
    1.2  # … and at once when it holds this much more, as in the first minutes or after an import
)
DIGITS = 3  # of scores and baselines; more says nothing
CONSIDERED = 6  # stories looked at for one that is shown


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did."""

    counted: int
    windows: tuple[Window, ...]


class Analyser:
    def __init__(
        self,
        posts: PostStore,
        trends: TrendStore,
        sources: SourceStore,
        *,
        clock: Callable[[], datetime] = utc_now,
        capacity: int = CAPACITY,
    ) -> None:
        self._posts = posts
        self._trends = trends
        self._sources = sources
        self._clock = clock
        self._windows = PostWindows(posts, capacity)
        self._counting = asyncio.Lock()
        self._heard = HeardVoices()
        self._counted_to = -1
        self._finding: dict[Window, asyncio.Task[list[Trend]]] = {}

    async def run(self) -> Round:
        """One round: count what is new, and renew the stored trends of each window that is due.

        Rounds of several processes may alternate or meet: which of them makes one changes nothing.
        """
        counted = await self.catch_up()
        now = self._clock()
        await self._windows.follow(now)
        renewed = []
        for window in Window:
            last, before = await self._trends.snapshot(window)
            fates = await self._posts.count_between(now - window.span, now)
            held = fates.get("kept", 0)
            has_grown = held > GROWN * await self._trends.posts_known(window)
            is_recent = last is not None and last <= now < last + ROUNDS[window]
            if is_recent and not has_grown:
                continue
            found = await self.trends(window, now, SNAPSHOT_SIZE)
            if await self._trends.save(window, now, keep_keys(found, before), held):
                renewed.append(window)
        return Round(counted, tuple(renewed))

    async def follow(self) -> None:
        """Have the posts of the last week at hand, for questions to a process without rounds."""
        await self._windows.follow(self._clock())

    async def catch_up(self) -> int:
        """Count the kept posts after the watermark; returns how many.

        Late posts are counted in the hour in which they were written. A restart, a kill and a
        second process change nothing: a batch is counted whole, once, or not at all.
        """
        async with self._counting:
            total = 0
            try:
                while batch := await self._next_batch():
                    said = await asyncio.to_thread(terms_of_posts, batch)
                    now = self._clock()
                    hours, slots = await self._count(said, to_ms(now) - SLOTS_KEPT_MS)
                    after, up_to = self._counted_to, batch[-1].id
                    if await self._trends.add(hours, after, up_to, slots):
                        total += len(batch)
                        self._counted_to = up_to
                        await self._windows.offer(said, after, up_to, now)
                    else:
                        self._counted_to = -1
            except BaseException:
                self._counted_to = -1  # what was heard may not have been stored
                raise
            await self._trends.sweep(self._clock())
            return total

    async def trends(
        self, window: Window, at: datetime | None = None, limit: int = 10
    ) -> list[Trend]:
        """What rises, or rose at that moment: terms above their own past, strongest first."""
        at = at or self._clock()
        seen = await self._seen(window.span, at)
        if not seen.posts:
            return []
        asked = await asyncio.to_thread(finding.ask, seen)
        past = await self._trends.history(asked.terms, window, at)
        found = await asyncio.to_thread(finding.find, asked, past, CONSIDERED * limit)
        copies = await self._copies(seen, found)
        best = await asyncio.to_thread(finding.ranked, seen, found, copies, limit)
        names = await self._names(best)
        return [_trend(f, n, window, at) for f, n in zip(best, names, strict=True)]

    async def current(self, window: Window, limit: int = 10) -> list[Trend]:
        """The last round's trends: one cheap read; before the first round, found now."""
        last, found = await self._trends.snapshot(window)
        if last is None:
            found = tuple(await self._first_found(window))
        return list(found[:limit])

    async def _first_found(self, window: Window) -> list[Trend]:
        """What rises now, found once for all who ask meanwhile."""
        task = self._finding.get(window)
        if task is None:
            task = asyncio.create_task(self.trends(window, None, SNAPSHOT_SIZE))
            self._finding[window] = task
            task.add_done_callback(lambda _: self._finding.pop(window, None))
        return await asyncio.shield(task)

    async def why(self, term: str, window: Window, at: datetime | None = None) -> Explanation:
        """The numbers behind a term or a phrase, also one that does not rise."""
        at = at or self._clock()
        key = trend_key(term)
        seen = await self._seen(window.span, at)
        keys, indexes = await self._saying(seen, term)
        past = await self._trends.history(keys, window, at)
        story = await asyncio.to_thread(finding.one_story, seen, keys, indexes, past)
        if story is None:
            return _nothing(key, term, window, at)
        copies = await self._copies(seen, [story])
        found = await asyncio.to_thread(finding.figures, seen, story, copies)
        (name,) = await self._names([found])
        outlets = await self._sources.names()

        def shown(voice: str) -> str:
            return outlets.get(int(voice[1:]), "") if voice.startswith("#") else voice

        return Explanation(
            key=key,
            term=name.term if len(keys) == 1 else term,
            window=window,
            at=at,
            volume=found.volume,
            baseline=found.baseline,
            ratio=found.volume / max(found.baseline, 0.5),
            score=found.score,
            voices=found.voices,
            copies=found.copies,
            coordinated=found.coordinated,
            first_post_id=found.post_ids[0],
            starters=tuple(filter(None, map(shown, found.starters))),
            loudest=tuple((shown(voice), posts) for voice, posts in found.loudest),
            post_ids=found.post_ids,
            started_at=from_ms(found.started_ms),
            peak_at=from_ms(found.peak_ms),
            state=found.state,
            mood=found.mood,
            related=await self._companions(seen, keys, indexes, finding.LOUDEST),
        )

    async def related(
        self, term: str, window: Window, at: datetime | None = None, limit: int = 10
    ) -> tuple[str, ...]:
        """What else the posts with the term speak of, as written, most telling first."""
        seen = await self._seen(window.span, at or self._clock())
        keys, indexes = await self._saying(seen, term)
        return await self._companions(seen, keys, indexes, limit)

    async def series(
        self, term: str, since: datetime, until: datetime, step_s: int
    ) -> list[SeriesPoint]:
        """Posts with the term in equal steps of [since, until).

        Up to a day is counted post by post, with moods and for phrases too; when these posts are
        not at hand, words and hashtags of the last two days come from the counters of five minutes.
        A longer span comes from the counters, by the hour, without moods, and knows no phrases.
        """
        first, step_ms = to_ms(since), step_s * 1000
        length = max(0, -(-(to_ms(until) - first) // step_ms))
        posts, moods = [0] * length, [[0, 0, 0] for _ in range(length)]
        is_word = len(_content_words(term)) < 2
        recent_ms = to_ms(self._clock()) - SLOTS_KEPT_MS
        if is_word and first >= recent_ms and not (self._windows.is_live and _is_day(since, until)):
            for row in await self._trends.by_slot(trend_key(term), since, until):
                bucket = (row.slot * SLOT_MS - first) // step_ms
                if 0 <= bucket < length:
                    posts[bucket] += row.posts
                    rest = row.posts - row.positive - row.negative
                    for place, more in enumerate((row.positive, rest, row.negative)):
                        moods[bucket][place] += more
        elif _is_day(since, until):
            just_before = timedelta(milliseconds=1)
            seen = await self._seen(until - since, until - just_before)
            _, indexes = await self._saying(seen, term)
            for index in indexes:
                post = seen.posts[index]
                bucket = (post.at_ms - first) // step_ms
                if 0 <= bucket < length:
                    posts[bucket] += seen.one_in
                    moods[bucket][1 - post.mood] += seen.one_in
        else:
            for hour, touches in (await self._trends.hourly(trend_key(term), since, until)).items():
                bucket = (hour * HOUR_MS - first) // step_ms
                if 0 <= bucket < length:
                    posts[bucket] += touches
        return [
            SeriesPoint(
                at=from_ms(first + index * step_ms),
                posts=posts[index],
                mood=MoodSplit(positive=mood[0], neutral=mood[1], negative=mood[2]),
            )
            for index, mood in enumerate(moods)
        ]

    async def _seen(self, span: timedelta, at: datetime) -> WindowPosts:
        return await self._windows.span(span, at, self._clock())

    async def _next_batch(self) -> list[Post]:
        if self._counted_to < 0:
            self._heard = HeardVoices()
            self._counted_to = await self._trends.watermark()
        batch: list[Post] = []
        while len(batch) < BATCH:
            after = batch[-1].id if batch else self._counted_to
            page = await self._posts.after(after, PAGE)
            batch += page
            if len(page) < PAGE:
                break
        return batch

    async def _count(self, said: Sequence[PostTerms], slots_from_ms: int) -> Counts:
        """Count a batch hour by hour, so that few hours need to be at hand at once."""
        hours, slots = list[TermCount](), list[SlotCount]()
        for hour, posts in by_hour(said):
            if any(post.voice for post in posts):
                await self._open_hour(hour)
            more = await asyncio.to_thread(count, posts, self._heard, slots_from_ms)
            hours += more.hours
            slots += more.slots
            self._heard.shrink(hour)
        return Counts(hours, slots)

    async def _open_hour(self, hour: Hour) -> None:
        """Recall who has spoken in this hour already, where that is not known any more."""
        if hour in self._heard:
            return
        start, is_news = hour[0] * HOUR_MS, hour[1]
        earlier = await self._windows.read(
            start - 1,
            start + HOUR_MS - 1,
            kind=PostKind.NEWS if is_news else PostKind.TWEET,
            up_to=self._counted_to,
        )
        await asyncio.to_thread(self._heard.open, hour, earlier)

    async def _copies(self, seen: WindowPosts, found: Sequence[Story]) -> dict[int, int]:
        return await self._trends.copies(await asyncio.to_thread(finding.ids_of, seen, found))

    async def _names(self, found: Sequence[Figures]) -> list[Name]:
        wanted = [post_id for one in found for post_id in one.sample_ids]
        texts: dict[int, str] = {}
        for start in range(0, len(wanted), PAGE):
            posts = await self._posts.get_many(wanted[start : start + PAGE])
            texts.update({post.id: post.full_text for post in posts.values()})
        return await asyncio.to_thread(finding.name_all, found, texts)

    async def _saying(self, seen: WindowPosts, term: str) -> tuple[list[str], list[int]]:
        """The keys to judge a term by, and the posts that say it."""
        key = trend_key(term)
        indexes = await asyncio.to_thread(finding.saying, seen, key)
        words = _content_words(term)
        if len(words) < 2:
            return [key], indexes
        near = await asyncio.to_thread(finding.saying_all, seen, words)
        by_id = {seen.posts[index].id: index for index in near}
        said = set(indexes)
        ids = list(by_id)
        for start in range(0, len(ids), PAGE):
            posts = await self._posts.get_many(ids[start : start + PAGE])
            for post_id in await asyncio.to_thread(_mentioning, posts.values(), key):
                said.add(by_id[post_id])
        # A hashtag that hardly anybody writes in words has counters of its own.
        if len(indexes) * 2 > len(said):
            return [key], indexes
        return words, sorted(said)

    async def _companions(
        self, seen: WindowPosts, keys: Sequence[str], indexes: Sequence[int], limit: int
    ) -> tuple[str, ...]:
        found = await asyncio.to_thread(
            finding.companions, seen, indexes, "".join(keys), limit + len(keys)
        )
        others = [key for key in found if key not in keys][:limit]
        posts = await self._posts.get_many(
            [seen.posts[index].id for index in indexes[: finding.NAMING_SAMPLE]]
        )
        texts = [post.full_text for post in posts.values()]
        written = await asyncio.to_thread(finding.written_forms, texts)
        return tuple(written.get(key, key) for key in others)


def keep_keys(found: Sequence[Trend], before: Iterable[Trend]) -> list[Trend]:
    """A trend keeps the key it had in the round before, while that key is of its story.

    So a mute, a link and "already told" hold when another of its terms comes to lead.
    """
    known = [trend.key for trend in before]
    taken = {trend.key for trend in found}
    out = []
    for trend in found:
        if trend.key not in known:
            old = next((key for key in known if key in trend.member_keys), None)
            if old is not None and old not in taken:
                taken.add(old)
                trend = replace(trend, key=old)
        out.append(trend)
    return out


def _content_words(term: str) -> list[str]:
    return [word for word in text_parts(term.replace("_", " ")).words if is_content(word)]


def _is_day(since: datetime, until: datetime) -> bool:
    return until - since <= Window.H24.span


def _mentioning(posts: Iterable[Post], key: str) -> list[int]:
    return [post.id for post in posts if mentions(post.full_text, [key])]


def _trend(found: Figures, name: Name, window: Window, at: datetime) -> Trend:
    return Trend(
        key=found.key,
        term=name.term,
        spellings=name.spellings,
        score=round(found.score, DIGITS),
        volume=found.volume,
        baseline=round(found.baseline, DIGITS),
        voices=found.voices,
        window=window,
        at=at,
        started_at=from_ms(found.started_ms),
        peak_at=from_ms(found.peak_ms),
        state=found.state,
        is_hashtag=name.is_hashtag,
        post_ids=found.post_ids,
        mood=found.mood,
        related=name.related,
        member_keys=found.member_keys,
        copies=found.copies,
        coordinated=found.coordinated,
    )


def _nothing(key: str, term: str, window: Window, at: datetime) -> Explanation:
    return Explanation(
        key=key,
        term=term,
        window=window,
        at=at,
        volume=0,
        baseline=0.0,
        ratio=0.0,
        score=0.0,
        voices=0,
        copies=0,
        coordinated=False,
        first_post_id=None,
        starters=(),
        loudest=(),
        post_ids=(),
        started_at=None,
        peak_at=None,
        state=TrendState.FADING,
        mood=MoodSplit(),
    )
