"""The one road of a post into the database, whatever door it came through.

normalise → judge → mood → copies found → stored: pure steps from a post to a new frozen post, the
storing last, with the source's cursor in the same transaction. A crash anywhere repeats at most one
batch, and the posts' own names make the repeat harmless.

Several processes take posts in at once: whoever finds, at the moment of storing, that others have
stored posts meanwhile, learns what they said and looks for copies again.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count

from bot.analysis.entities import HASHTAG
from bot.analysis.filters import judge
from bot.analysis.near_duplicates import Content, content_key, content_of
from bot.analysis.sentiment import Sentiment
from bot.analysis.text import analyse, language_hint, normalise
from bot.features.copies import MOST_REMEMBERED, Copies
from bot.models.post import DropReason, Post, PostKind, Source
from bot.storage.origins import Origin, OriginStore
from bot.storage.posts import Also, PostStore

log = logging.getLogger(__name__)

COPIES_WITHIN = timedelta(hours=48)  # the same words later are news again
FAR_BEHIND = 2 * MOST_REMEMBERED  # stored by others meanwhile: sooner read anew than followed
PAGE = 2000
MANY_TRIES = 20

_HASHTAG = re.compile(HASHTAG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of a batch."""

    new: tuple[Post, ...] = ()  # stored now, with their ids, the dropped ones too
    known: int = 0  # stored before, or twice in the batch
    too_old: int = 0  # written before the months that are kept

    @property
    def kept_ids(self) -> tuple[int, ...]:
        return tuple(post.id for post in self.new if post.drop is None)

    @property
    def dropped(self) -> Counter[DropReason]:
        return Counter(post.drop for post in self.new if post.drop is not None)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A post as it is stored but for being a copy, and what of it is compared with others."""

    post: Post
    content: Content


def prepare(raw: Post, sentiment: Sentiment) -> Prepared:
    """A raw post as it is stored: shown text, parts, verdict, feelings. Its text is read once."""
    title = normalise(raw.title) if raw.title else ""
    text = normalise(raw.text)
    whole = f"{title}\n{text}" if title else text
    parts = analyse(whole)
    felt = sentiment.feelings(whole, parts=parts, kind=raw.kind)
    verdict = judge(raw, parts=parts, abuse=felt.abuse)
    content = content_of(whole, parts)
    post = replace(
        raw,
        title=title,
        text=text,
        author=" ".join(raw.author.split()),
        lang=raw.lang or _language(raw.full_text),
        hashtags=raw.hashtags or _hashtags(whole),
        mentions=raw.mentions or parts.mentions,
        content_key=content_key(content.words),
        drop=verdict.reason,
        drop_evidence=verdict.evidence if verdict.reason else "",
        mood=felt.mood.mood,
        mood_confidence=felt.mood.confidence,
        emotion=felt.emotion,
    )
    return Prepared(post, content)


def _language(text: str) -> str:
    found = language_hint(text)  # of the raw text: normalising hides what tells them apart
    return "" if found == "und" else found


def _hashtags(text: str) -> tuple[str, ...]:
    if "#" not in text and "＃" not in text:
        return ()
    return tuple(dict.fromkeys(tag[1:] for tag in _HASHTAG.findall(text)))


class Intake:
    """Takes batches of raw posts, one at a time: copies are looked for in the order of coming.

    `oldest` says from which moment on posts are kept at all; older ones are left where they are.
    """

    def __init__(
        self,
        posts: PostStore,
        origins: OriginStore,
        sentiment: Sentiment | None = None,
        *,
        oldest: Callable[[], datetime | None] = lambda: None,
    ) -> None:
        self._posts = posts
        self._origins = origins
        self._sentiment = sentiment
        self._oldest = oldest
        self._copies: Copies | None = None
        self._copies_to = 0  # what `_copies` remembers was stored up to this id
        self._turn = asyncio.Lock()

    async def take(
        self, posts: Sequence[Post], source: Source | None = None, also: Also | None = None
    ) -> Taken:
        """Store the posts that are new, the source with them, and what `also` writes.

        Posts that are stored already keep all but their engagement. When a StorageError comes out,
        the same call is safe to make again, whatever became of this one.
        """
        async with self._turn:
            wanted, too_old = await self._wanted(posts)
            prepared: dict[Origin, Prepared] = {}
            for attempt in count(1):
                taken = await self._try(wanted, prepared, source, also)
                if taken is not None:
                    return replace(taken, too_old=too_old)
                if attempt % MANY_TRIES == 0:
                    log.warning("others store posts all the time", extra={"tries": attempt})
            raise AssertionError("count() has no end")

    async def _wanted(self, posts: Sequence[Post]) -> tuple[Sequence[Post], int]:
        """The posts that are not older than what is kept, and how many are."""
        oldest = self._oldest()
        if oldest is None:
            return posts, 0
        past = await self._origins.past(posts)
        wanted = [
            post
            for post in posts
            if post.created_at >= oldest and (post.source_id, post.external_id) not in past
        ]
        return wanted, len(posts) - len(wanted)

    async def _try(
        self,
        posts: Sequence[Post],
        prepared: dict[Origin, Prepared],
        source: Source | None,
        also: Also | None,
    ) -> Taken | None:
        """Store at the head as it is now; None when it moved meanwhile."""
        head = await self._posts.head()
        known = await self._origins.known(posts)
        again = [
            replace(post, id=known[origin]) for post in posts if (origin := _origin(post)) in known
        ]
        fresh = {_origin(post): post for post in reversed(posts)}
        fresh = {o: fresh[o] for o in dict.fromkeys(map(_origin, posts)) if o not in known}
        if not fresh:
            await self._posts.add_new(head, (), again, source, also)
            return Taken(known=len(posts))
        missing = {origin: post for origin, post in fresh.items() if origin not in prepared}
        prepared.update(await asyncio.to_thread(self._prepare, missing))
        new = [
            replace(prepared[origin].post, id=post_id)
            for post_id, origin in enumerate(fresh, head + 1)
        ]
        contents = [prepared[origin].content for origin in fresh]
        ids = {_origin(post): post.id for post in new}
        again += [  # twice in the batch
            replace(post, id=ids[origin])
            for post in posts
            if (origin := _origin(post)) in ids and post is not fresh[origin]
        ]
        stored_copies = await self._stored_copies(new)
        copies = await self._remembered(head, new)
        try:
            marked = await asyncio.to_thread(copies.mark, new, contents, stored_copies)
            is_stored = await self._posts.add_new(head, marked, again, source, also)
        except BaseException:
            # What is remembered of this batch may not be stored: begin again from what is.
            self._copies = None
            raise
        if not is_stored:
            copies.forget(new)
            return None
        self._copies_to = head + len(new)
        return Taken(new=tuple(marked), known=len(posts) - len(marked))

    def _prepare(self, fresh: Mapping[Origin, Post]) -> dict[Origin, Prepared]:
        if self._sentiment is None:
            self._sentiment = Sentiment.load()
        return {origin: prepare(post, self._sentiment) for origin, post in fresh.items()}

    async def _stored_copies(self, new: Sequence[Post]) -> dict[int, int]:
        keys = {post.content_key for post in new if not post.drop} - {0}
        if not keys:
            return {}
        oldest = min(post.created_at for post in new)
        return await self._posts.find_duplicates(keys, oldest - COPIES_WITHIN)

    async def _remembered(self, head: int, new: Sequence[Post]) -> Copies:
        """What has been said lately in the posts up to `head`, whoever stored them."""
        copies = self._copies
        if copies is None or head - self._copies_to > FAR_BEHIND:
            self._copies = None
            copies = Copies(COPIES_WITHIN)
            until = max(post.created_at for post in new)
            for kind in PostKind:
                said = await self._posts.said_lately(
                    kind, until - COPIES_WITHIN, until, MOST_REMEMBERED
                )
                said = [one for one in said if one.id <= head]
                await asyncio.to_thread(copies.load, said)
            self._copies, self._copies_to = copies, head
        while self._copies_to < head:
            said = await self._posts.said_after(self._copies_to, PAGE)
            known = [one for one in said if one.id <= head]
            await asyncio.to_thread(copies.load, known)
            is_all = len(known) < PAGE
            self._copies_to = head if is_all else known[-1].id
        return copies


def _origin(post: Post) -> Origin:
    return post.source_id, post.external_id
