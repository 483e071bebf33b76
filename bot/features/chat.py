"""Answers to questions: what is asked, what is known about it, and a model that puts it in words.

Whatever the model is, it gets computed facts and numbered evidence, and an answer never leaves
with a citation of something that was not in that evidence.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import cast

from bot.analysis.asked_spans import recent_days
from bot.analysis.questions import read_question
from bot.errors import ModelDown
from bot.features.analyse import Analyser
from bot.features.recall import Recall, Recalled, telling
from bot.models.ai import (
    AskedSpan,
    Chunk,
    ChunkKind,
    Evidence,
    Facts,
    Intent,
    Level,
    Prompt,
    Question,
    SpanName,
    Turn,
)
from bot.models.insight import Trend, Window
from bot.models.post import Post
from bot.models.user import Chat as Place
from bot.ports import Clock
from bot.services.ai_model.model import AIModel
from bot.services.ai_model.utils import Citations
from bot.services.search_index import SearchIndex
from bot.storage.posts import PostStore
from bot.storage.sources import SourceStore

LONGEST_QUESTION = 1000  # characters
EVIDENCE = {Level.QUICK: 4, Level.NORMAL: 8, Level.DEEP: 14}
RISING = 5  # trends told when the question names no subject
SUGGESTED = 3
GOES_ON_FOR = timedelta(minutes=15)  # «چرا؟» is about the question before
SHORT_WORDS = 4
REMEMBERED_CHATS = 2000

_ASK_NOTHING = (Intent.WHAT, Intent.GREETING, Intent.THANKS)  # without a subject
_NEED_NO_SUBJECT = (Intent.FEELING, Intent.HOW_MUCH, Intent.WHO)


class Chat:
    def __init__(
        self,
        search: SearchIndex,
        posts: PostStore,
        sources: SourceStore,
        analyser: Analyser,
        model: AIModel,
        clock: Clock,
    ) -> None:
        self._recall = Recall(search, posts, sources)
        self._posts = posts
        self._analyser = analyser
        self._model = model
        self._clock = clock
        self._before: OrderedDict[int, tuple[datetime, Question]] = OrderedDict()

    async def answer(
        self,
        question: str,
        chat: Place,
        now: datetime | None = None,
        *,
        level: Level = Level.NORMAL,
        history: Sequence[Turn] = (),
    ) -> AsyncIterator[Chunk]:
        """The answer as it comes: text, usage, and one end that brings the sources cited.

        Raises ModelError when the model fails; what came before that is not a whole answer.
        """
        now = now or self._clock()
        prompt = await self.prompt(question, chat, now, level=level, history=history)
        citations = Citations(one.number for one in prompt.context)
        stream = self._model.stream(prompt)
        async with aclosing(cast("_Closable", stream)):
            async for chunk in stream:
                if chunk.kind is ChunkKind.TEXT:
                    if text := citations.feed(chunk.text):
                        yield replace(chunk, text=text)
                    continue
                if rest := citations.flush():
                    yield Chunk(kind=ChunkKind.TEXT, text=rest)
                if chunk.kind is ChunkKind.END:
                    yield replace(chunk, sources=_cited(prompt, citations.cited))
                    break
                yield chunk
            else:
                raise ModelDown("the answer broke off", model=self._model.name)

    def has_shown(self, term: str, chat: Place) -> None:
        """The card of a term was shown here: «چرا؟» is about it now."""
        now = self._clock()
        asked = read_question(term[:LONGEST_QUESTION], now, chat.timezone, chat.lang)
        self._going_on(asked, chat.id, now)

    def forget(self, chat_id: int) -> None:
        """Nothing asked in this chat is gone on from any more."""
        self._before.pop(chat_id, None)

    async def prompt(
        self,
        question: str,
        chat: Place,
        now: datetime,
        *,
        level: Level = Level.NORMAL,
        history: Sequence[Turn] = (),
    ) -> Prompt:
        """All that a model is told."""
        asked = read_question(question[:LONGEST_QUESTION].strip(), now, chat.timezone, chat.lang)
        asked = self._going_on(asked, chat.id, now)
        recalled, is_widened = await self._recalled(asked, level)
        posts = _in_turn([one.posts for one in recalled])
        context = await self._recall.evidence(posts)
        numbers = {one.post_id: one.number for one in context}
        return Prompt(
            question=asked,
            context=context,
            facts=tuple(
                replace(one.facts, numbers=tuple(numbers[post.id] for post in one.posts))
                for one in recalled
            ),
            rising=() if context else await self._suggestions(),
            stored=await self._posts.count(),
            is_widened=is_widened,
            history=tuple(history),
            level=level,
            timezone=chat.timezone,
            now=now,
        )

    def _going_on(self, asked: Question, chat_id: int, now: datetime) -> Question:
        """A question without a subject is about the one before, if that was lately."""
        at, before = self._before.get(chat_id, (None, None))
        if at and before and _goes_on(asked) and now - at <= GOES_ON_FOR:
            spans = asked.spans if asked.span.is_given else before.spans
            sides = before.sides if asked.intent is Intent.COMPARE else ()
            asked = replace(asked, terms=before.terms, spans=spans, sides=sides)
        if asked.terms:
            self._before[chat_id] = now, asked
            self._before.move_to_end(chat_id)
            while len(self._before) > REMEMBERED_CHATS:
                self._before.popitem(last=False)
        return asked

    async def _recalled(self, asked: Question, level: Level) -> tuple[list[Recalled], bool]:
        """What is known, and whether a longer span had to be taken."""
        count = EVIDENCE[level]
        if asked.intent is Intent.COMPARE and (asked.sides or len(asked.spans) > 1):
            return await self._both(asked, max(1, count // 2)), False
        if asked.terms:
            return await self._one(asked, count)
        if asked.is_open or asked.span.is_given or asked.intent in _NEED_NO_SUBJECT:
            return await self._rising(asked, count), False
        return [], False

    async def _one(self, asked: Question, count: int) -> tuple[list[Recalled], bool]:
        for span in _wider(asked.span):
            found = await self._recall.subject(asked.terms, span, count, asked.intent)
            if found.facts.volume:
                return [found], span != asked.span
        return [], False

    async def _both(self, asked: Question, count: int) -> list[Recalled]:
        if len(asked.spans) > 1:
            return [
                await (
                    self._recall.subject(asked.terms, span, count, asked.intent)
                    if asked.terms
                    else self._recall.everything(span, count, asked.intent)
                )
                for span in asked.spans
            ]
        return [
            await self._recall.subject(side, asked.span, count, asked.intent)
            for side in asked.sides[:2]
        ]

    async def _rising(self, asked: Question, count: int) -> list[Recalled]:
        """What rose in the span: everything first, then each trend with a post that tells it."""
        span = asked.span
        everything = await self._recall.everything(span, count, asked.intent)
        if not everything.facts.volume:
            return []
        trends = await self._trends(span)
        told: list[Recalled] = []
        used: set[int] = set()
        for trend in trends[:RISING]:
            posts = [p for p in await self._of_trend(trend) if p.id not in used]
            posts = telling(posts, 1, asked.intent)
            used |= {post.id for post in posts}
            told.append(Recalled(_facts_of(trend, span), tuple(posts)))
        if not told:
            return [everything]
        return [Recalled(everything.facts), *told]

    async def _of_trend(self, trend: Trend) -> list[Post]:
        return list((await self._posts.get_many(trend.post_ids)).values())

    async def _trends(self, span: AskedSpan) -> Sequence[Trend]:
        window = _window(span)
        if self._clock() - span.end < timedelta(minutes=1):
            return await self._analyser.current(window, RISING)
        return await self._analyser.trends(window, span.end, RISING)

    async def _suggestions(self) -> tuple[str, ...]:
        found = await self._analyser.current(Window.H24, SUGGESTED)
        return tuple(trend.term for trend in found)


class _Closable(AsyncIterator[Chunk]):
    async def aclose(self) -> None: ...


def _goes_on(asked: Question) -> bool:
    """«چرا؟», «از کی؟», «دیروز چطور؟»: a question that makes no sense without the one before."""
    is_short = len(asked.text.split()) <= SHORT_WORDS
    says_what = asked.intent not in _ASK_NOTHING or asked.span.is_given
    return not asked.terms and not asked.is_open and is_short and says_what


def _in_turn(groups: Sequence[Sequence[Post]]) -> list[Post]:
    """Posts of several subjects, the first of each first, no post twice."""
    in_turn = (post for row in zip_longest(*groups) for post in row if post is not None)
    return list({post.id: post for post in in_turn}.values())


def _cited(prompt: Prompt, numbers: Sequence[int]) -> tuple[Evidence, ...]:
    return tuple(one for number in sorted(numbers) if (one := prompt.evidence(number)))


def _wider(span: AskedSpan) -> list[AskedSpan]:
    """The span asked for, then longer ones, in case nothing was said in it."""
    week = recent_days(7, span.end)
    ever = replace(
        span, start=span.end - timedelta(days=3650), name=SpanName.EVER, amount=0, is_given=False
    )
    spans = [span]
    if span.start > week.start:
        spans.append(week)
    if span.name is not SpanName.EVER:
        spans.append(ever)
    return spans


def _window(span: AskedSpan) -> Window:
    """The window of trends that fits a span best."""
    length = span.end - span.start
    for window in (Window.H1, Window.H6, Window.H24):
        if length <= window.span * 1.5:
            return window
    return Window.D7


def _facts_of(trend: Trend, span: AskedSpan) -> Facts:
    return Facts(
        subject=trend.term,
        span=span,
        volume=trend.volume,
        baseline=trend.baseline,
        voices=trend.voices,
        started_at=trend.started_at,
        peak_at=trend.peak_at,
        mood=trend.mood,
    )
