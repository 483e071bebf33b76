"""Alerts: new posts that say a watched word, told to the chat within a round, each story once.

Two steps, each whole or not at all. First new posts are looked through for every watch, and what
is found is stored together with the position reached. Then each chat's waiting finds become one
message, and the hand-over to the outbox marks them as told in the same transaction. A crash between
any two lines repeats a step, and unique keys make the repeat find nothing new.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.analysis.watching import matches
from bot.features.publish import Publisher, quiet_until
from bot.features.telling import post_item, prepare_all
from bot.models.alert import Alert, AlertHit, AlertItem
from bot.models.messages import OutMessage
from bot.models.post import DropReason, Post
from bot.models.user import Chat, Watch
from bot.models.work import Lane
from bot.ports import Clock, Database, Transaction
from bot.storage.alerts import AlertStore
from bot.storage.chats import ChatStore
from bot.storage.digests import ReceivedStore
from bot.storage.posts import PostStore
from bot.storage.watches import WatchStore

BATCH = 1000  # posts looked at in one step: about 15 ms of work, in a thread
BATCHES_A_ROUND = 20  # then the found is told first, and the next round goes on
POSTS_PER_WATCH = 5
CHOSEN_FROM = 200  # stories of one watch whose posts are read to choose the most telling
HELD_FROM = timedelta(minutes=1)  # found and told are two steps, seconds apart
FRESH = timedelta(days=2)  # an older post was imported or came late: no news to anybody
# Of the dropped only copies can be news to a watch: a quote may say the word its original lacks.
_COPIES = frozenset({DropReason.DUPLICATE, DropReason.NEAR_DUPLICATE})

RenderAlert = Callable[[Alert, Chat], Awaitable[Sequence[OutMessage]]]


@dataclass(frozen=True, slots=True)
class AlertRound:
    """What one round did."""

    looked_at: int = 0  # posts
    found: int = 0  # stories new to a watch
    told: int = 0  # stories handed to the outbox
    messages: int = 0
    held: int = 0  # stories that wait for a pause or quiet hours to end


class _AlreadyTold(Exception):
    """Another process told one of these stories meanwhile."""


class Alerts:
    """`cooldown` is the least time between two alerts of one watch; what comes in between waits
    for its end and is told together, with its count."""

    def __init__(
        self,
        db: Database,
        *,
        store: AlertStore,
        watches: WatchStore,
        posts: PostStore,
        chats: ChatStore,
        received: ReceivedStore,
        publisher: Publisher,
        render: RenderAlert,
        clock: Clock,
        cooldown: timedelta = timedelta(minutes=5),
    ) -> None:
        self._db = db
        self._store = store
        self._watches = watches
        self._posts = posts
        self._chats = chats
        self._received = received
        self._publisher = publisher
        self._render = render
        self._clock = clock
        self._cooldown = cooldown

    async def round(self, now: datetime | None = None) -> AlertRound:
        """Look through what is new and tell it; safe to run again, also in two processes.

        Raises an ExceptionGroup when some chats' messages could not be made; the others' were.
        """
        now = now or self._clock()
        looked_at, found = await self._look(now)
        told = await self._tell(now)
        return AlertRound(
            looked_at=looked_at,
            found=found,
            told=told.told,
            messages=told.messages,
            held=told.held,
        )

    # --- finding

    async def _look(self, now: datetime) -> tuple[int, int]:
        position = await self._store.position()
        if position is None:
            position = await self._first_position(now)
            await self._store.note((), position)
        looked_at = found = 0
        for _ in range(BATCHES_A_ROUND):
            batch = await self._posts.after(position, BATCH, kept_only=False)
            if not batch:
                break
            # Read after the posts: a watch that is not there yet begins behind them.
            watches = await self._watches.active(now)
            hits = await self._hits(batch, watches, now)
            position = batch[-1].id
            found += await self._store.note(hits, position)
            looked_at += len(batch)
        return looked_at, found

    async def _first_position(self, now: datetime) -> int:
        """Where to begin when nothing was ever looked at: behind what was there before."""
        last_id = await self._posts.last_id()
        # Read after it: a watch that is not there yet begins behind it.
        watches = await self._watches.active(now)
        return min((watch.after_post_id for watch in watches), default=last_id)

    async def _hits(
        self, batch: Sequence[Post], watches: Sequence[Watch], now: datetime
    ) -> list[AlertHit]:
        wanted = [
            post
            for post in batch
            if (post.drop is None or post.drop in _COPIES) and now - post.created_at <= FRESH
        ]
        if not wanted or not watches:
            return []
        terms = [(watch.id, watch.term) for watch in watches]
        found = await asyncio.to_thread(matches, wanted, terms)
        if not found:
            return []
        by_id = {watch.id: watch for watch in watches}
        known = await self._originals_say([post for post, _ in found], terms)
        hits = []
        for post, watch_ids in found:
            story = post.duplicate_of or post.id
            for watch_id in sorted(watch_ids):
                if post.id <= by_id[watch_id].after_post_id:
                    continue
                if story != post.id and watch_id in known.get(story, ()):
                    continue  # its original says it too: told then, or older than the watch
                hits.append(AlertHit(watch_id=watch_id, post_id=post.id, story=story, found_at=now))
        return hits

    async def _originals_say(
        self, found: Sequence[Post], terms: Sequence[tuple[int, str]]
    ) -> Mapping[int, frozenset[int]]:
        """Which watches the originals of copies match."""
        originals = {post.duplicate_of for post in found if post.duplicate_of}
        if not originals:
            return {}
        posts = await self._posts.get_many(originals)
        matched = await asyncio.to_thread(matches, list(posts.values()), terms)
        return {post.id: watch_ids for post, watch_ids in matched}

    # --- telling

    async def _tell(self, now: datetime) -> AlertRound:
        waiting = await self._store.waiting()
        if not waiting:
            return AlertRound()
        watches = {watch.id: watch for watch in await self._watches.active(now)}
        last = await self._store.last_told(sorted({hit.watch_id for hit in waiting}))
        chats = await self._chats.get_many(
            sorted({watches[hit.watch_id].chat_id for hit in waiting if hit.watch_id in watches})
        )
        by_chat: dict[int, list[AlertHit]] = {}
        held = 0
        for hit in waiting:
            watch = watches.get(hit.watch_id)
            chat = chats.get(watch.chat_id) if watch else None
            if watch is None or chat is None:
                continue  # muted or not to be reached for now: it stays
            pause_ends = last.get(watch.id, datetime.min.replace(tzinfo=now.tzinfo))
            if now - pause_ends < self._cooldown or quiet_until(chat, now):
                held += 1
                continue
            by_chat.setdefault(chat.id, []).append(hit)
        told = messages = 0
        problems: list[Exception] = []
        for chat_id, hits in by_chat.items():
            try:
                made = await self._tell_chat(chats[chat_id], hits, watches, now)
            except Exception as problem:
                # One chat's message must not silence the others; its finds wait for a next round.
                problem.add_note(f"chat {chat_id}")
                problems.append(problem)
                continue
            told += len(hits) if made else 0
            messages += 1 if made else 0
        if problems:
            raise ExceptionGroup("alerts not made", problems)
        return AlertRound(told=told, messages=messages, held=held)

    async def _tell_chat(
        self,
        chat: Chat,
        hits: Sequence[AlertHit],
        watches: Mapping[int, Watch],
        now: datetime,
    ) -> bool:
        alert = await self._alert(chat, hits, watches, now)
        hit_ids = [hit.id for hit in hits]
        key = f"alert:{chat.id}:{hit_ids[0]}-{hit_ids[-1]}"
        messages = await self._render(alert, chat) if alert.items else ()
        rows = await prepare_all(
            self._publisher, chat.id, messages, kind="alert", unique_key=key, lane=Lane.URGENT
        )
        shown = [post_item(post.id) for item in alert.items for post in item.posts]
        items = [*(row.unique_key for row in rows), *shown]

        async def unit(tx: Transaction) -> None:
            if not await self._store.settle_in(tx, hit_ids, now):
                raise _AlreadyTold
            await self._publisher.publish_in(tx, rows)
            await self._received.mark_in(tx, chat.id, items, now)

        try:
            await self._db.write(unit)
        except _AlreadyTold:
            return False
        self._publisher.wake()
        return bool(rows)

    async def _alert(
        self,
        chat: Chat,
        hits: Sequence[AlertHit],
        watches: Mapping[int, Watch],
        now: datetime,
    ) -> Alert:
        by_watch: dict[int, list[AlertHit]] = {}
        for hit in hits:
            by_watch.setdefault(hit.watch_id, []).append(hit)
        wanted = [hit.post_id for some in by_watch.values() for hit in some[-CHOSEN_FROM:]]
        posts = await self._posts.get_many(wanted)
        items: list[AlertItem] = []
        item_of: dict[int, int] = {}  # by story: where it is told
        for watch_id, some in by_watch.items():
            watch, fresh = watches[watch_id], [hit for hit in some if hit.story not in item_of]
            there = [posts[hit.post_id] for hit in fresh[-CHOSEN_FROM:] if hit.post_id in posts]
            if there:
                item_of.update({hit.story: len(items) for hit in fresh})
                items.append(_item(watch, fresh, there, now))
            elif not fresh:
                # Another word, or another spelling, found the same: told once, under both.
                place = item_of[some[0].story]
                items[place] = replace(items[place], also=(*items[place].also, watch))
        return Alert(chat_id=chat.id, at=now, items=tuple(items))


def _item(
    watch: Watch, hits: Sequence[AlertHit], there: Sequence[Post], now: datetime
) -> AlertItem:
    chosen = sorted(there, key=_weight, reverse=True)[:POSTS_PER_WATCH]
    return AlertItem(
        watch=watch,
        posts=tuple(chosen),
        more=len(hits) - len(chosen),
        since=min(hit.found_at for hit in hits),
        held=any(now - hit.found_at > HELD_FROM for hit in hits),
    )


def _weight(post: Post) -> tuple[int, datetime]:
    """What speaks for showing a post: who cared, then how new it is."""
    counts = post.engagement
    return counts.likes + 2 * counts.retweets + counts.replies, post.created_at
