"""A small world for digests and alerts: real stores, a clock of its own, words instead of views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.analysis.terms import trend_key
from bot.features.alerts import Alerts
from bot.features.analyse import Analyser
from bot.features.digests import Digests
from bot.features.publish import Publisher
from bot.features.reports import Reports
from bot.features.watches import Watches
from bot.models.alert import Alert
from bot.models.chart import ChartKind, ChartLine, ChartSpec, LineRole, RenderedDigest
from bot.models.insight import Digest
from bot.models.messages import OutMessage
from bot.models.post import (
    TWITTER_SOURCE_ID,
    DropReason,
    Mood,
    Post,
    PostKind,
    Source,
    SourceKind,
)
from bot.models.user import Chat, ChatKind, DigestPlan, Watch
from bot.models.work import OutboxState, Outgoing
from bot.ports import Database
from bot.services.charts import Charts
from bot.services.search_index import SearchIndex
from bot.services.telegram_api import TelegramApi
from bot.storage.alerts import AlertStore
from bot.storage.chats import ChatStore
from bot.storage.digests import DigestStore, EchoStore, ReceivedStore
from bot.storage.insights import TrendStore
from bot.storage.outbox import OutboxStore
from bot.storage.posts import PostStore
from bot.storage.sources import SourceStore
from bot.storage.watches import WatchStore
from bot.utils.times import next_daily

START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)  # 12:30 in Tehran
CHAT = 500


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **time: float) -> datetime:
        self.now += timedelta(**time)
        return self.now


@dataclass
class World:
    """Everything that tells chats something, on one database."""

    db: Database
    clock: HandClock
    posts: PostStore
    sources: SourceStore
    chats: ChatStore
    plans: DigestStore
    received: ReceivedStore
    watches: Watches
    watch_store: WatchStore
    alert_store: AlertStore
    outbox: OutboxStore
    publisher: Publisher
    analyser: Analyser
    charts: Charts
    search: SearchIndex
    folder: Path
    digests: list[Digest] = field(default_factory=list)
    alerts_made: list[Alert] = field(default_factory=list)
    with_chart: bool = False
    numbers: int = 0

    async def render_alert(self, alert: Alert, chat: Chat) -> Sequence[OutMessage]:
        self.alerts_made.append(alert)
        lines = [
            f"{item.watch.term}: " + " | ".join(post.full_text for post in item.posts)
            for item in alert.items
        ]
        return [OutMessage(text="\n".join(lines))]

    async def render_digest(self, digest: Digest, chat: Chat) -> RenderedDigest:
        self.digests.append(digest)
        text = f"digest {chat.id} {', '.join(trend.term for trend in digest.trends)}"
        chart = ChartSpec(
            kind=ChartKind.VOLUME,
            title="حجم",
            starts=tuple(point.at for point in digest.volume),
            step_s=3600,
            lines=(
                ChartLine(
                    label="همه",
                    values=tuple(float(point.posts) for point in digest.volume),
                    role=LineRole.TOTAL,
                ),
            ),
            empty_note="هیچ",
        )
        details = tuple(OutMessage(text=post.title) for post in digest.news[:1])
        return RenderedDigest(
            messages=(OutMessage(text=text), *details), chart=chart if self.with_chart else None
        )

    def alerts(self, **changes: object) -> Alerts:
        return Alerts(
            self.db,
            store=self.alert_store,
            watches=self.watch_store,
            posts=self.posts,
            chats=self.chats,
            received=self.received,
            publisher=self.publisher,
            clock=self.clock,
            **{"render": self.render_alert, **changes},  # type: ignore[arg-type]
        )

    def digest_maker(self) -> Digests:
        return Digests(
            received=self.received,
            echoes=EchoStore(self.db),
            posts=self.posts,
            sources=self.sources,
            watches=self.watch_store,
            trends=TrendStore(self.db),
            analyser=self.analyser,
            search=self.search,
            clock=self.clock,
        )

    def reports(self, **changes: object) -> Reports:
        return Reports(
            self.db,
            digests=self.digest_maker(),
            plans=self.plans,
            received=self.received,
            chats=self.chats,
            charts=self.charts,
            publisher=self.publisher,
            clock=self.clock,
            **{"render": self.render_digest, **changes},  # type: ignore[arg-type]
        )

    async def chat(self, chat_id: int = CHAT, **changes: object) -> Chat:
        made = replace(Chat(id=chat_id, kind=ChatKind.PRIVATE), **changes)
        await self.chats.save(made)
        return made

    async def watch(self, term: str, chat_id: int = CHAT) -> Watch:
        watch, _ = await self.watches.add(chat_id, 1, term)
        return watch

    async def plan(
        self, chat: Chat, at: str = "08:00", topic: str = "", days: str = "0123456"
    ) -> DigestPlan:
        return await self.plans.save(
            DigestPlan(
                chat_id=chat.id,
                at=at,
                topic=topic,
                days=days,
                next_at=next_daily(self.clock(), at, chat.timezone, days),
            )
        )

    async def source(self, name: str, topic: str = "") -> Source:
        return await self.sources.add(
            Source(kind=SourceKind.FEED, name=name, url=f"http://127.0.0.1/{name}", topic=topic)
        )

    async def say(self, *texts: str, **changes: object) -> list[Post]:
        """Tweets of now, each by somebody else, stored."""
        posts = []
        for text in texts:
            self.numbers += 1
            post = Post(
                kind=PostKind.TWEET,
                source_id=TWITTER_SOURCE_ID,
                external_id=str(self.numbers),
                created_at=self.clock(),
                text=text,
                author=f"user{self.numbers}",
                mood=Mood.NEUTRAL,
            )
            posts.append(replace(post, **changes))
        return list((await self.posts.add_many(posts)).new)

    async def headline(self, source: Source, title: str, **changes: object) -> Post:
        self.numbers += 1
        post = Post(
            kind=PostKind.NEWS,
            source_id=source.id,
            external_id=str(self.numbers),
            created_at=self.clock(),
            title=title,
            text="",
            url=f"http://127.0.0.1/{self.numbers}",
            mood=Mood.NEUTRAL,
        )
        return (await self.posts.add_many([replace(post, **changes)])).new[0]

    async def copy(self, of: Post, text: str) -> Post:
        """A near-duplicate, as collection would store it: dropped, with its original named."""
        return (await self.say(text, drop=DropReason.NEAR_DUPLICATE, duplicate_of=of.id))[0]

    async def out(self) -> list[Outgoing]:
        """All that was handed to the outbox, in order."""
        return await self.outbox.listed(tuple(OutboxState), 1000)

    async def texts(self) -> list[str]:
        return [OutMessage.from_json(row.payload).text for row in await self.out()]


async def open_world(db: Database, folder: Path, clock: HandClock | None = None) -> World:
    clock = clock or HandClock()
    posts, sources, trends = PostStore(db), SourceStore(db), TrendStore(db)
    outbox, watch_store = OutboxStore(db), WatchStore(db)
    api = TelegramApi("1:unused", base_url="http://127.0.0.1:9/bot")
    return World(
        db=db,
        clock=clock,
        posts=posts,
        sources=sources,
        chats=ChatStore(db),
        plans=DigestStore(db),
        received=ReceivedStore(db),
        watches=Watches(watch_store, clock),
        watch_store=watch_store,
        alert_store=AlertStore(db),
        outbox=outbox,
        publisher=Publisher(outbox, api, files=folder / "files", clock=clock),
        analyser=Analyser(posts, trends, sources, clock=clock),
        charts=Charts(folder / "charts"),
        search=await SearchIndex.open(folder / "search.db", posts),
        folder=folder,
    )


async def close_world(world: World) -> None:
    await world.charts.close()
    await world.search.close()


__all__ = ["CHAT", "START", "HandClock", "World", "close_world", "open_world", "trend_key"]
