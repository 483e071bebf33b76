"""A running bot in the sandbox's Telegram, with posts of our own writing, to test its doors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from telegram.ext import Application

from bot.analysis.terms import trend_key
from bot.assembly import Parts, Values, assemble
from bot.assembly_tweets import TwitterValues
from bot.handlers.routes import register
from bot.hoshyar import Hoshyar
from bot.models.insight import MoodSplit, Trend, TrendState, Window
from bot.models.post import (
    TWITTER_SOURCE_ID,
    Engagement,
    Mood,
    Post,
    PostKind,
    Source,
    SourceKind,
)
from bot.sandbox.server import SandboxServer
from bot.services.db_service import open_database
from bot.services.migrations import migrate
from bot.services.pacing import Limits, Pacer
from bot.services.telegram_lines import LineProcessor
from bot.storage.insights import TrendStore
from bot.storage.sources import SourceStore
from bot.utils.secrets import Secret

Json = dict[str, Any]

SARA, ALEX, ADMIN = 1001, 1002, 1000  # a Persian reader, an English one, the bot's admin
GROUP, CHANNEL = -4000, "@hoshyar_sandbox_channel"
TERMS = ("سد کرج", "قطار شیراز", "برف همدان", "جام کتاب", "نان محلی", "پل چوبی", "باغ انار")
# The tests press faster than people do, and each would wait for its turn.
HURRIED = Limits(
    overall_per_s=1000, chat_per_s=1000, group_per_span=1000, priority_group_per_span=1000
)
_MOODS = (Mood.NEGATIVE, Mood.NEUTRAL, Mood.POSITIVE)


@dataclass
class World:
    """The sandbox, the bot's parts, and short ways to speak and press."""

    box: SandboxServer
    parts: Parts

    @property
    def hoshyar(self) -> Hoshyar:
        return self.parts.hoshyar

    async def say(
        self,
        user: int,
        text: str,
        contains: str = "",
        *,
        chat: int | str | None = None,
        **more: Any,
    ) -> Json:
        """Say something and return the bot's first answer that holds `contains`."""
        where = {"chat_id": chat} if chat is not None else {}
        await self.box.say(user, text, **where, **more)
        return await self.box.wait_message(chat if chat is not None else user, contains)

    async def press(
        self, user: int, message: Json, button: str, *, chat: int | str | None = None
    ) -> Json:
        """Press a button and return what the bot answered to the press (maybe a short text)."""
        query = await self.box.press(
            user,
            message["message_id"],
            button,
            chat_id=chat if chat is not None else user,
            wait_s=5,
        )
        assert query.answer is not None, f"nobody answered the press of {button!r}"
        return query.answer

    async def press_for(
        self,
        user: int,
        message: Json,
        button: str,
        contains: str = "",
        *,
        chat: int | str | None = None,
    ) -> Json:
        """Press a button and return the message that it brings or changes."""
        await self.press(user, message, button, chat=chat)
        return await self.box.wait_message(chat if chat is not None else user, contains)

    def sent(self, chat: int | str) -> list[str]:
        return [str(m.get("text") or m.get("caption")) for m in self.box.sent(chat)]

    async def quiet(self) -> None:
        """Wait until every update is handled."""
        async with asyncio.timeout(10):
            while True:
                waiting = await self.parts.inbox_store.undone()
                if not waiting and not self.box.world.updates.pending():
                    return
                await asyncio.sleep(0.02)


def buttons(message: Json) -> list[str]:
    """The texts of a message's buttons."""
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [button["text"] for row in rows for button in row]


def data_of(message: Json, text: str) -> str:
    """What the button with this text carries."""
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return next(str(b["callback_data"]) for row in rows for b in row if text in b["text"])


@asynccontextmanager
async def running(
    folder: Path,
    *,
    seeded: bool = True,
    box: SandboxServer | None = None,
    twitter_key: str | None = None,
) -> AsyncIterator[World]:
    """The whole bot but its jobs (tests run those by hand), in a sandbox of its own or in `box`.

    Tweets are bought at the sandbox, with its own key unless another one is given.
    """
    async with AsyncExitStack() as stack:
        box = box or await stack.enter_async_context(telegram())
        db = await open_database(f"sqlite:///{folder}/hoshyar.db")
        stack.push_async_callback(db.close)
        await migrate(db)
        parts = await assemble(db, _values(box, folder, twitter_key), stack)
        parts.telegram.pacer = Pacer(time.monotonic, HURRIED)
        if seeded:
            await seed(parts)
        application: Any = (
            Application.builder()
            .bot(parts.telegram.bot)
            .concurrent_updates(LineProcessor(parts.inbox))
            .build()
        )
        register(application, parts.hoshyar, parts.telegram, parts.inbox)
        await parts.telegram.start()
        stack.push_async_callback(parts.telegram.close)
        await application.initialize()
        await application.start()
        await parts.inbox.start(application, poll_timeout_s=5)
        async with asyncio.TaskGroup() as group:
            sender = group.create_task(parts.hoshyar.publish.run())
            chores = group.create_task(parts.inbox.run(application))
            try:
                yield World(box, parts)
            finally:
                if application.updater is not None:
                    await application.updater.stop()
                await application.stop()
                chores.cancel()
                parts.hoshyar.publish.stop()
                await sender
                await application.shutdown()


def telegram() -> SandboxServer:
    """A little Telegram whose channel is not linked yet and which knows no hurry."""
    return SandboxServer(linked_channel=False, flood_limits=False)


def _values(box: SandboxServer, folder: Path, twitter_key: str | None) -> Values:
    return Values(
        token=box.token,
        telegram_base_url=box.base_url,
        telegram_proxy="",
        feeds_proxy="",
        allow_private=True,
        admin_ids=frozenset({ADMIN}),
        lang="fa",
        timezone="Asia/Tehran",
        collect_interval_s=300,
        analyse_interval_s=60,
        folder=folder,
        search_file=folder / "search.db",
        twitter=TwitterValues(
            key=Secret(box.twitter_key if twitter_key is None else twitter_key),
            base_url=box.twitter_url,
            daily_credits=50_000,
        ),
        database_kind="sqlite",
        database_files=(folder / "hoshyar.db",),
        database_url=f"sqlite:///{folder}/hoshyar.db",
    )


async def seed(parts: Parts) -> None:
    """Two outlets, a few people, seven things that rise, and what was found of them."""
    now = parts.hoshyar.clock()
    store = SourceStore(parts.db)
    outlets = [
        await store.add(
            Source(kind=SourceKind.FEED, name=name, url=f"https://{topic}.example/rss", topic=topic)
        )
        for name, topic in (("خبر سپیده", "جامعه"), ("ورزش دماوند", "ورزش"))
    ]
    await parts.hoshyar.posts.add_many(written(now, [outlet.id for outlet in outlets]))
    await parts.hoshyar.search.catch_up()
    ids = {term: await _ids(parts, term) for term in TERMS}
    trends = [risen(term, rank, ids[term], now) for rank, term in enumerate(TERMS)]
    await TrendStore(parts.db).save(Window.H24, now, trends)
    await TrendStore(parts.db).save(Window.H1, now, [])


def written(now: datetime, outlets: list[int]) -> list[Post]:
    """For each term: six tweets and two news items, spread over the last hours."""
    posts = []
    for rank, term in enumerate(TERMS):
        for n in range(8):
            is_news = n % 4 == 3
            number = rank * 10 + n
            posts.append(
                Post(
                    kind=PostKind.NEWS if is_news else PostKind.TWEET,
                    source_id=outlets[rank % 2] if is_news else TWITTER_SOURCE_ID,
                    external_id=f"p{number}",
                    created_at=now - timedelta(minutes=7 * number + 3),
                    title=f"گزارش {number} دربارهٔ {term}" if is_news else "",
                    text=f"نوشتهٔ شمارهٔ {number}: مردم از {term} می‌گویند و می‌پرسند",
                    url=f"https://posts.example/{number}",
                    author="" if is_news else f"reader_{number}",
                    engagement=Engagement(likes=number),
                    mood=_MOODS[n % 3],
                    mood_confidence=0.8,
                )
            )
    return posts


async def _ids(parts: Parts, term: str) -> tuple[int, ...]:
    hits = await parts.hoshyar.search.search(f'"{term}"', 5)
    return tuple(hits.ids)


def risen(term: str, rank: int, post_ids: tuple[int, ...], now: datetime) -> Trend:
    return Trend(
        key=trend_key(term),
        term=term,
        spellings=(term, term.replace(" ", "‌")),
        score=9.0 - rank,
        volume=143 - rank,
        baseline=23.0,
        voices=96 - rank,
        window=Window.H24,
        at=now,
        started_at=now - timedelta(hours=3),
        peak_at=now - timedelta(hours=1),
        state=TrendState.RISING,
        post_ids=post_ids,
        mood=MoodSplit(positive=20, neutral=40, negative=83),
        related=("آب",),
        member_keys=(trend_key(term),),
    )
