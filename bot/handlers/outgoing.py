"""Words for what goes out unasked: the composition root hands these to the features that send."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

from bot.features.chats import Chats
from bot.handlers.terms import TERM
from bot.handlers.views.alerts import alert_messages
from bot.handlers.views.digests import digest_chart, digest_messages
from bot.models.alert import Alert
from bot.models.chart import RenderedDigest
from bot.models.insight import Digest
from bot.models.messages import OutMessage
from bot.models.user import Chat

log = logging.getLogger(__name__)

SourceNames = Callable[[], Awaitable[Mapping[int, str]]]


class Composer:
    """Digests and alerts in the words of their chat. `username` is the bot's own, "" if unknown."""

    def __init__(
        self, chats: Chats, source_names: SourceNames, username: Callable[[], str]
    ) -> None:
        self._chats = chats
        self._source_names = source_names
        self._username = username

    async def digest(self, digest: Digest, chat: Chat) -> RenderedDigest:
        """For Reports. The terms that its buttons stand for are remembered."""
        await self._chats.refs(TERM, [(trend.key, trend.term) for trend in digest.trends])
        messages = digest_messages(digest, chat, await self._source_names(), self._username())
        chart = digest_chart(digest, chat) if digest.kept else None
        return RenderedDigest(messages=tuple(messages), chart=chart)

    async def alert(self, alert: Alert, chat: Chat) -> list[OutMessage]:
        """For Alerts."""
        return alert_messages(alert, chat, await self._source_names())
