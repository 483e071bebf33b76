"""A small world to ask about: real stored posts of our own writing, and a chat over them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.analysis.sentiment import Sentiment
from bot.features.analyse import Analyser
from bot.features.chat import Chat
from bot.models.ai import Chunk, Evidence
from bot.models.post import (
    TWITTER_SOURCE_ID,
    DropReason,
    Post,
    PostKind,
    Source,
    SourceKind,
)
from bot.models.user import Chat as Place
from bot.models.user import ChatKind
from bot.ports import Database
from bot.services.ai_model.model import AIModel
from bot.services.ai_model.offline import OfflineModel
from bot.services.search_index import SearchIndex
from bot.storage.insights import TrendStore
from bot.storage.posts import PostStore
from bot.storage.sources import SourceStore

NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)  # Saturday 30 Aban 1405, 17:30 in Tehran
HERE = Place(id=7, kind=ChatKind.PRIVATE)
HOUR = timedelta(hours=1)
CITED = re.compile(r"\[(\d+)\]")

# What people say of the power cut: since noon (UTC) of today, and one post yesterday and before.
POWER = [
    ("قطعی برق غرب تهران از ظهر شروع شد و هنوز ادامه دارد", "sara", 120),
    ("باز هم قطعی برق؛ لعنت به این وضع، خسته شدیم", "reza", 110),
    ("قطعی برق تهران به دلیل گرمای بی‌سابقه است، نیروگاه از کار افتاد", "mina", 100),
    ("قطعی برق همه زندگی ما را نابود کرد، افتضاح است", "ali", 90),
    ("مرسی از همسایه مهربون که در قطعی برق چراغ داد، دمت گرم ❤️", "neda", 80),
    ("قطعی برق تهران تا شب ادامه دارد، به گفته مدیر شرکت توزیع", "hamed", 70),
    ("قطعی برق بیمارستان را هم گرفت، خیلی نگرانم", "laleh", 30),
]


class World:
    """A database with posts of our own, and a chat over it."""

    def __init__(self, posts: PostStore, search: SearchIndex, sources: SourceStore) -> None:
        self.posts = posts
        self.search = search
        self.sources = sources
        self.now = NOW

    def chat(self, db: Database, model: AIModel | None = None) -> Chat:
        analyser = Analyser(self.posts, TrendStore(db), self.sources, clock=self.clock)
        return Chat(
            self.search, self.posts, self.sources, analyser, model or OfflineModel(), self.clock
        )

    def clock(self) -> datetime:
        return self.now

    async def add(self, *posts: Post) -> None:
        sentiment = Sentiment.load()
        judged = []
        for post in posts:
            score = sentiment.score(post.full_text, kind=post.kind)
            judged.append(replace(post, mood=score.mood, mood_confidence=score.confidence))
        await self.posts.add_many(judged)
        await self.search.catch_up()


@asynccontextmanager
async def open_world(db: Database, folder: Path) -> AsyncIterator[World]:
    """An empty one."""
    posts = PostStore(db)
    search = await SearchIndex.open(folder / "search.db", posts)
    try:
        yield World(posts, search, SourceStore(db))
    finally:
        await search.close()


def tweet(number: int, text: str, at: datetime, author: str = "", **fields: object) -> Post:
    post = Post(
        kind=PostKind.TWEET,
        source_id=TWITTER_SOURCE_ID,
        external_id=str(9000 + number),
        created_at=at,
        text=text,
        author=author or f"user{number}",
    )
    return replace(post, **fields)  # type: ignore[arg-type]


async def cut_power(world: World) -> None:
    """A power cut today, ordinary talk on the days before, and one news item."""
    feed = await world.sources.add(
        Source(kind=SourceKind.FEED, name="رسانه نمونه", url="https://feed.example/rss")
    )
    posts = [
        tweet(n, text, NOW - timedelta(minutes=minutes), author)
        for n, (text, author, minutes) in enumerate(POWER)
    ]
    posts += [
        tweet(100 + day, "قطعی برق کوتاهی در محله ما بود", NOW - timedelta(days=day, hours=1))
        for day in (1, 3)
    ]
    posts += [
        tweet(200 + n, f"بازی فوتبال شماره {n} تمام شد و رفتیم خانه", NOW - timedelta(hours=6 * n))
        for n in range(1, 28)
    ]
    posts.append(
        Post(
            kind=PostKind.NEWS,
            source_id=feed.id,
            external_id="n1",
            created_at=NOW - HOUR,
            title="قطعی برق در پایتخت",
            text="شرکت توزیع از قطعی برق در چهار منطقه تهران خبر داد.",
            url="https://news.example/power",
        )
    )
    posts.append(
        tweet(300, "قطعی برق؟ اینورتر ارزان بخرید!", NOW - HOUR, drop=DropReason.ADVERTISEMENT)
    )
    await world.add(*posts)


async def ask(chat: Chat, question: str, place: Place = HERE) -> tuple[str, list[Chunk]]:
    chunks = [chunk async for chunk in chat.answer(question, place, NOW)]
    return "".join(chunk.text for chunk in chunks), chunks


def sources_of(chunks: list[Chunk]) -> tuple[Evidence, ...]:
    return chunks[-1].sources
