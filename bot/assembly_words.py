"""What features make, in the words of the views; the part of assembling that may know both."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from bot.errors import StorageError
from bot.features.collect import Notice
from bot.features.publish import Publisher
from bot.handlers.views.admin import disk_notice, source_gone_notice, trouble_notice
from bot.handlers.views.alerts import alert_messages
from bot.handlers.views.budget import key_notice, spending_notice
from bot.handlers.views.digests import digest_chart, digest_messages
from bot.handlers.views.page import Reader
from bot.handlers.views.patterns import pattern_notice
from bot.models.alert import Alert
from bot.models.chart import RenderedDigest
from bot.models.disk import DiskState
from bot.models.findings import Finding
from bot.models.insight import Digest
from bot.models.messages import OutMessage
from bot.models.spending import SpendingNotice
from bot.models.user import Chat
from bot.models.work import Lane
from bot.services.telegram_api import TelegramApi
from bot.services.telegram_inbox import Trouble
from bot.storage.people import PeopleStore
from bot.storage.sources import SourceStore
from bot.utils.times import utc_now


class Rendering:
    """Features make data; the words come from the views, which they may not know."""

    def __init__(self, sources: SourceStore, people: PeopleStore, telegram: TelegramApi) -> None:
        self._sources = sources
        self._people = people
        self._telegram = telegram

    async def digest(self, digest: Digest, chat: Chat) -> RenderedDigest:
        names = await self._sources.names()
        people = await self._people.authors_of(digest.posts.values())
        messages = digest_messages(digest, chat, names, self._username(), people)
        return RenderedDigest(messages=tuple(messages), chart=digest_chart(digest, chat))

    async def alert(self, alert: Alert, chat: Chat) -> Sequence[OutMessage]:
        people = await self._people.authors_of(post for item in alert.items for post in item.posts)
        return alert_messages(alert, chat, await self._sources.names(), people)

    def _username(self) -> str:
        try:
            return self._telegram.bot.username
        except RuntimeError:  # not connected: a command line without a token
            return ""


class Notices:
    """What the admins are told unasked."""

    publisher: Publisher
    telegram: TelegramApi

    def __init__(self, admin_ids: frozenset[int], lang: str, timezone: str) -> None:
        self._admin_ids = admin_ids
        self._lang = lang
        self._timezone = timezone

    async def of_source(self, notice: Notice) -> None:
        """A feed died and was switched off."""
        message = source_gone_notice(self._reader(), notice.source.name, notice.error)
        await self._tell(message, notice.key)

    async def of_spending(self, notice: SpendingNotice) -> None:
        """Money for tweets: none left, some again, or some that nobody can account for."""
        await self._tell(spending_notice(self._reader(), notice), notice.key)

    async def of_refused_key(self) -> None:
        """TwitterAPI.io does not take our key; once a day while that lasts."""
        await self._tell(key_notice(self._reader()), f"x-key:{utc_now():%Y-%m-%d}")

    async def of_pattern(self, finding: Finding) -> None:
        """Something unusual, or accounts that seem to act together: a hint."""
        await self._tell(pattern_notice(self._reader(), finding), finding.key)

    async def of_disk(self, state: DiskState, key: str) -> None:
        """The room runs out, or has run out."""
        message = disk_notice(self._reader(), state)
        try:
            await self._tell(message, key)
        except StorageError:  # a full disk takes no queued message either
            for admin_id in self._admin_ids:
                await self.telegram.send(admin_id, message)

    async def of_trouble(self, trouble: Trouble) -> None:
        """An update was set aside."""
        await self._tell(
            trouble_notice(self._reader(), trouble.update_id, trouble.error, utc_now()),
            f"update:{trouble.update_id}",
        )

    async def _tell(self, message: OutMessage, key: str) -> None:
        async with asyncio.TaskGroup() as group:
            for admin_id in self._admin_ids:
                group.create_task(
                    self.publisher.publish(
                        admin_id,
                        message,
                        kind="notice",
                        unique_key=f"notice:{admin_id}:{key}",
                        lane=Lane.URGENT,
                    )
                )

    def _reader(self) -> Reader:
        now: datetime = utc_now()
        return Reader(self._lang, self._timezone, now)
