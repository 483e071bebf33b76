"""The one road of a post into the database, whatever door it came through.

normalise → judge → mood → copies found → stored: pure steps from a post to a new frozen post, the
storing last, with the source's cursor in the same transaction. A crash anywhere repeats at most one
batch, and the posts' own names make the repeat harmless.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.analysis.entities import HASHTAG
from bot.analysis.filters import judge
from bot.analysis.near_duplicates import content_key
from bot.analysis.sentiment import Sentiment
from bot.analysis.text import analyse, language_hint, normalise
from bot.features.copies import Copies
from bot.models.post import DropReason, Post, Source
from bot.storage.origins import Origin, OriginStore
from bot.storage.posts import PostStore

COPIES_WITHIN = timedelta(hours=48)  # the same words later are news again
_SLICE = timedelta(hours=4)  # of the past loaded at once
_SLICE_POSTS = 4000

_HASHTAG = re.compile(HASHTAG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of a batch."""

    new: tuple[Post, ...] = ()  # stored now, with their ids, the dropped ones too
    known: int = 0  # stored before, or twice in the batch

    @property
    def kept_ids(self) -> tuple[int, ...]:
        return tuple(post.id for post in self.new if post.drop is None)

    @property
    def dropped(self) -> Counter[DropReason]:
        return Counter(post.drop for post in self.new if post.drop is not None)


def prepare(post: Post, sentiment: Sentiment) -> Post:
    """A raw post as it is stored, except for being a copy: shown text, parts, verdict, mood."""
    shown = replace(
        post,
        title=normalise(post.title),
        text=normalise(post.text),
        author=" ".join(post.author.split()),
        lang=post.lang or _language(post),
    )
    whole = shown.full_text
    parts = analyse(whole)
    verdict = judge(post)  # the raw one: normalising hides what tells languages apart
    mood = sentiment.score(whole, parts=parts, kind=post.kind)
    return replace(
        shown,
        hashtags=post.hashtags or _hashtags(whole),
        mentions=post.mentions or parts.mentions,
        content_key=content_key(whole),
        drop=verdict.reason,
        drop_evidence=verdict.evidence if verdict.reason else "",
        mood=mood.mood,
        mood_confidence=mood.confidence,
    )


def _language(post: Post) -> str:
    found = language_hint(
        post.full_text
    )  # of the raw text: normalising hides what tells them apart
    return "" if found == "und" else found


def _hashtags(text: str) -> tuple[str, ...]:
    if "#" not in text and "＃" not in text:
        return ()
    return tuple(dict.fromkeys(tag[1:] for tag in _HASHTAG.findall(text)))


class Intake:
    """Takes batches of raw posts, one at a time: copies are looked for in the order of coming."""

    def __init__(
        self, posts: PostStore, origins: OriginStore, sentiment: Sentiment | None = None
    ) -> None:
        self._posts = posts
        self._origins = origins
        self._sentiment = sentiment
        self._copies: Copies | None = None
        self._turn = asyncio.Lock()

    async def take(self, posts: Sequence[Post], source: Source | None = None) -> Taken:
        """Store the posts that are new, and the source with them.

        Posts that are stored already keep all but their engagement.
        """
        async with self._turn:
            if not posts:
                await self._posts.add_many((), source)
                return Taken()
            copies = await self._remembered(max(post.created_at for post in posts))
            known = await self._origins.known(posts)
            try:
                return await self._store(posts, known, copies, source)
            except BaseException:
                # What is remembered of this batch may not be stored: begin again from what is.
                self._copies = None
                raise

    async def _store(
        self,
        posts: Sequence[Post],
        known: Mapping[Origin, int],
        copies: Copies,
        source: Source | None,
    ) -> Taken:
        fresh = {(p.source_id, p.external_id): p for p in reversed(posts)}
        fresh = {origin: post for origin, post in fresh.items() if origin not in known}
        prepared = await asyncio.to_thread(self._prepare, fresh)
        keys = {post.content_key for post in prepared.values() if not post.drop} - {0}
        oldest = min((post.created_at for post in prepared.values()), default=None)
        stored_copies = (
            await self._posts.find_duplicates(keys, oldest - COPIES_WITHIN)
            if oldest and keys
            else {}
        )
        marked = await asyncio.to_thread(copies.mark, posts, known, prepared, stored_copies)
        seen_again = [post for post in posts if (post.source_id, post.external_id) in known]
        first = await self._posts.add_many(
            [*seen_again, *marked.ready], None if marked.waiting else source
        )
        copies.settle(first.new)
        new, stored_before = first.new, len(posts) - len(first.new)
        if marked.waiting:
            # Copies of posts of the same batch: only now do their originals have ids.
            second = await self._posts.add_many(copies.resolve(marked.waiting), source)
            copies.settle(second.new)
            new, stored_before = (*new, *second.new), stored_before - len(second.new)
        return Taken(new=new, known=stored_before)

    def _prepare(self, fresh: Mapping[Origin, Post]) -> dict[Origin, Post]:
        if self._sentiment is None:
            self._sentiment = Sentiment.load()
        return {origin: prepare(post, self._sentiment) for origin, post in fresh.items()}

    async def _remembered(self, until: datetime) -> Copies:
        """What has been seen lately; after a start, read back from the database."""
        if self._copies is None:
            copies = Copies(COPIES_WITHIN)
            start = until - COPIES_WITHIN
            while start <= until:
                posts = await self._posts.between(start, start + _SLICE, limit=_SLICE_POSTS)
                await asyncio.to_thread(copies.load, posts)
                start += _SLICE
            self._copies = copies
        return self._copies
