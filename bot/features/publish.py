"""The only way out for messages that nobody is waiting for: alerts, digests, notices, broadcasts.

Publishing means storing: a message with its unique key is in the outbox once, whatever happens, and
`run` sends it. The caller may store it in the same transaction as the fact that it tells of.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from bot.features.pace_sharing import Others, PaceSharing, nobody_else
from bot.features.send_queue import LEASE, OnGone, OnMoved, SendQueue
from bot.features.stored_messages import file_apart, hash_in
from bot.models.messages import OutMessage
from bot.models.user import Chat
from bot.models.work import Lane, OutboxState, Outgoing
from bot.ports import Clock, Transaction
from bot.services.message_text import split_out
from bot.services.telegram_api import TelegramApi
from bot.storage.outbox import OutboxStore
from bot.utils.times import next_daily, parse_clock, utc_now, zone

log = logging.getLogger(__name__)

KEEP_SETTLED = timedelta(days=60)  # as long as this a unique key is remembered
KEEP_FILES = timedelta(days=30)

ChatOf = Callable[[int], Awaitable[Chat | None]]


class Publisher:
    """Stores messages for sending, runs the sender, and lets admins decide on the doubtful ones.

    `chat_of` tells a chat's quiet hours; `on_gone` and `on_moved` hear of chats that refuse the bot
    or got another id. `others` counts the other live processes. `files` is where former versions
    kept attachments; they are in the database now.
    """

    def __init__(
        self,
        outbox: OutboxStore,
        api: TelegramApi,
        *,
        files: Path,
        chat_of: ChatOf | None = None,
        on_gone: OnGone | None = None,
        on_moved: OnMoved | None = None,
        others: Others = nobody_else,
        lease: timedelta = LEASE,
        clock: Clock = utc_now,
    ) -> None:
        self._outbox = outbox
        self._api = api
        self._files = files
        self._chat_of = chat_of
        self._clock = clock
        self._queue = SendQueue(
            outbox, api, on_gone=on_gone, on_moved=on_moved, others=others, lease=lease
        )

    async def publish(
        self,
        chat_id: int,
        message: OutMessage,
        *,
        kind: str,
        unique_key: str,
        lane: Lane = Lane.NORMAL,
        not_before: datetime | None = None,
    ) -> bool:
        """Queue a message; false when one with this key was queued before."""
        rows = await self.prepare(
            chat_id, message, kind=kind, unique_key=unique_key, lane=lane, not_before=not_before
        )
        new = await self._outbox.enqueue(rows, self._clock())
        self.wake()
        return new > 0

    async def prepare(
        self,
        chat_id: int,
        message: OutMessage,
        *,
        kind: str,
        unique_key: str,
        lane: Lane = Lane.NORMAL,
        not_before: datetime | None = None,
    ) -> tuple[Outgoing, ...]:
        """The outbox rows of a message, for `publish_in`: its parts, in order.

        What is not urgent waits for the end of the chat's quiet hours. An attachment that is too
        large to be stored is left out: the words matter more.
        """
        if self._chat_of is not None and lane is not Lane.URGENT:
            chat = await self._chat_of(chat_id)
            quiet_end = quiet_until(chat, not_before or self._clock()) if chat else None
            not_before = quiet_end or not_before
        message, attached = file_apart(message)
        parts = split_out(message)
        return tuple(
            Outgoing(
                unique_key=unique_key if index == 0 else f"{unique_key}#{index}",
                chat_id=chat_id,
                kind=kind,
                payload=part.to_json(),
                lane=lane,
                group_key=unique_key if len(parts) > 1 else "",
                part=index,
                not_before=not_before,
                attached=attached if part.attachment is not None else b"",
            )
            for index, part in enumerate(parts)
        )

    async def publish_in(self, tx: Transaction, rows: Sequence[Outgoing]) -> bool:
        """Queue prepared rows in the caller's transaction; call `wake` after its commit."""
        return await self._outbox.enqueue_in(tx, rows, self._clock()) > 0

    def wake(self) -> None:
        """Look at the outbox now rather than within a second."""
        self._queue.wake()

    async def run(self) -> None:
        """Send what is queued, until `stop` or cancellation; for the application's TaskGroup."""
        await self._queue.run()

    async def keep_pace(self) -> None:
        """For a process that answers but does not send: share the limits with those that do."""
        await PaceSharing(self._api.pacer, self._outbox.pace, self._outbox).run()

    def stop(self) -> None:
        """Send nothing more; `run` ends when the fate of what is on its way is known."""
        self._queue.stop()

    async def pending(self, limit: int = 50) -> list[Outgoing]:
        """What will go by itself."""
        waiting = (OutboxState.PENDING, OutboxState.RETRY, OutboxState.SENDING)
        return await self._outbox.listed(waiting, limit)

    async def ambiguous(self, limit: int = 50) -> list[Outgoing]:
        """What may have arrived: an admin decides, by `resend` or `drop`."""
        return await self._outbox.listed((OutboxState.AMBIGUOUS,), limit)

    async def stopped(self, limit: int = 50) -> list[Outgoing]:
        """What Telegram refused, and later parts that wait for an earlier one."""
        return await self._outbox.listed((OutboxState.FAILED, OutboxState.HELD), limit)

    async def resend(self, message_id: int) -> bool:
        """Queue an ambiguous, failed, gone or dropped message again."""
        changed = await self._outbox.resend(message_id)
        self.wake()
        return changed

    async def drop(self, message_id: int) -> bool:
        """Settle an ambiguous, failed or held message without sending it; its later parts go on."""
        changed = await self._outbox.drop(message_id)
        self.wake()
        return changed

    async def counts(self) -> dict[OutboxState, int]:
        """How many messages are in which state; 0 for a state that none is in."""
        found = await self._outbox.counts()
        return {state: found.get(state, 0) for state in OutboxState}

    async def tidy(self) -> int:
        """Forget what was settled long ago, its files included; how many rows went."""
        now = self._clock()
        rows = await self._outbox.purge(now - KEEP_SETTLED)
        await asyncio.to_thread(_delete_older, self._files, (now - KEEP_FILES).timestamp())
        unused = set(await self._outbox.attachments.unused_since(now - KEEP_FILES))
        if unused:
            unused -= {hash_in(payload) for payload in await self._outbox.unsent_with_files()}
            await self._outbox.attachments.forget(unused, now - KEEP_FILES)
        return rows


def quiet_until(chat: Chat, moment: datetime) -> datetime | None:
    """The end of the chat's quiet hours when `moment` is within them, else None."""
    if not chat.quiet_from or not chat.quiet_to or chat.quiet_from == chat.quiet_to:
        return None
    local = moment.astimezone(zone(chat.timezone)).time()
    begin, end = parse_clock(chat.quiet_from), parse_clock(chat.quiet_to)
    is_quiet = begin <= local < end if begin < end else local >= begin or local < end
    return next_daily(moment, chat.quiet_to, chat.timezone) if is_quiet else None


def _delete_older(folder: Path, before: float) -> None:
    if folder.is_dir():
        for path in folder.iterdir():
            if path.stat().st_mtime < before:
                path.unlink(missing_ok=True)
