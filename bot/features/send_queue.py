"""The worker that empties the outbox: claims, sends, and writes down what is known of each message.

Decisions are by cause. What surely did not leave is tried again for as long as it takes; what may
have left is never sent again by itself; nothing is dropped. While Telegram answers nothing that can
be relied on, the queue waits and sends single probes, so that an outage leaves few doubts.

As many processes as wanted may send. A claim is a lease: a worker that slept (SIGSTOP, a paused
machine) looks at its own clock right before the call, and sends nothing when the first third of the
lease is over. What cannot be excluded is a sleep that begins after that look, or a clock that slept
too: then the message may go out late, after ones that came behind it, but still only once, because
a lost lease makes a message ambiguous and never due again.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from bot.errors import (
    Ambiguous,
    ChatGone,
    ChatMoved,
    FloodWait,
    NotSent,
    Rejected,
    StorageError,
)
from bot.features.pace_sharing import (
    Company,
    Others,
    PaceSharing,
    nobody_else,
)
from bot.features.stored_messages import read_stored
from bot.models.messages import OutMessage
from bot.models.work import OutboxState, Outgoing
from bot.services.telegram_api import TelegramApi
from bot.storage.outbox import OutboxStore
from bot.storage.outbox_rows import Turn

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=3)
_BEGIN_SHARE = 1 / 3  # of a lease, in which the call must begin
_CALL_SHARE = 5 / 9  # of a lease, in which it must end: longer than its own timeouts together
AT_ONCE = 16
POLL_S = 1.0  # for what became due, or was queued by another process
NEXT_S = 0.1  # a chat's next message, while others are on their way
FRESH_S = 0.5  # how long a list of due messages is worked off before it is read again
APART_S = 0.035  # between two calls, also where a stalled machine wakes many at once
LEAST_S = 0.05  # between two readings, however often the queue is woken
LOOK_EVERY_S = 3.0  # who else sends?
RECOVER_EVERY_S = 60.0
STOP_WITHIN_S = 27.0  # what is on its way when the bot stops gets this long to become known
LONGEST_PAUSE_S = 60.0
DOUBTS = 3  # as many messages in a row whose fate is unknown mean an outage

OnGone = Callable[[int], Awaitable[None]]
OnMoved = Callable[[int, int], Awaitable[None]]


class SendQueue:
    """Sends what is in the outbox.

    `others` counts the other live processes; a process must be counted by them before it claims its
    first message. `lease` is longer than any one call can take.
    """

    def __init__(
        self,
        outbox: OutboxStore,
        api: TelegramApi,
        *,
        on_gone: OnGone | None = None,
        on_moved: OnMoved | None = None,
        others: Others = nobody_else,
        lease: timedelta = LEASE,
    ) -> None:
        self._outbox = outbox
        self._api = api
        self._on_gone = on_gone
        self._on_moved = on_moved
        self._others = others
        self._lease_s = lease.total_seconds()
        self._sharing = PaceSharing(api.pacer, outbox.pace, outbox)
        self._wake = asyncio.Event()
        self._stopping = False
        self._busy: dict[int, asyncio.Task[None]] = {}  # chats to which something is on its way
        self._mine: set[int] = set()  # messages that this process has claimed, or is claiming
        self._waits: dict[int, float] = {}  # chats that all processes together must leave alone
        self._company = Company()
        self._look_at = self._recover_at = 0.0
        self._call_at = 0.0
        self._doubts = 0
        self._paused_until = 0.0

    def wake(self) -> None:
        """Something was queued."""
        self._wake.set()

    def stop(self) -> None:
        """Send nothing more; `run` ends when what is on its way is known."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Send until stopped or cancelled; either way what is on its way is waited for."""
        await self._begin()
        async with asyncio.TaskGroup() as senders:
            try:
                while not self._stopping:
                    try:
                        await self._round(senders)
                    except StorageError as error:
                        log.warning("the outbox cannot be read", extra={"why": error})
                        await asyncio.sleep(POLL_S)
            except asyncio.CancelledError:
                if self._busy:
                    await asyncio.wait(self._busy.values(), timeout=STOP_WITHIN_S)
                raise

    async def _begin(self) -> None:
        await self._sharing.hear()
        await self._look()

    async def _look(self) -> None:
        """Who else sends, what they sent, and what nobody sends any more."""
        now, had = time.monotonic(), self._company
        if now >= self._look_at:
            self._company = await self._others()
            self._look_at = now + LOOK_EVERY_S
        if self._company == Company():
            self._sharing.forget()
        else:
            await self._sharing.exchange()
        if now >= self._recover_at or (had.senders and not self._company.senders):
            is_alone = not self._company.senders
            found = await self._outbox.recover(alone=is_alone, mine=self._mine)
            if found:
                log.warning("messages were on their way at a crash", extra={"ambiguous": found})
            self._recover_at = now + RECOVER_EVERY_S

    async def _round(self, senders: asyncio.TaskGroup) -> None:
        """Read what is due and send of it what may go."""
        await self._look()
        self._wake.clear()
        read_at = time.monotonic()
        due = await self._outbox.heads()
        if self._company.senders:
            # Everybody reads the same list: whoever begins elsewhere is less in the others' way.
            random.shuffle(due)
            due.sort(key=lambda message: message.lane)
        while True:
            due, pause_s = self._start_some(due, senders)
            age_s = time.monotonic() - read_at
            if self._stopping or self._wake.is_set() or age_s >= FRESH_S:
                break
            if not due:
                await self._sleep(NEXT_S if self._busy else POLL_S)
                break
            await self._sleep(pause_s)
        await asyncio.sleep(max(0.0, LEAST_S - (time.monotonic() - read_at)))

    def _start_some(
        self, due: list[Outgoing], senders: asyncio.TaskGroup
    ) -> tuple[list[Outgoing], float]:
        """Start what the limits allow now; what is left of `due`, and how long to wait for it."""
        outage_s = self._paused_until - time.monotonic()
        if outage_s > 0:
            return due, min(FRESH_S, outage_s)
        at_once = 1 if self._doubts >= DOUBTS else AT_ONCE
        left: list[Outgoing] = []
        pause_s = FRESH_S
        for index, message in enumerate(due):
            if message.chat_id in self._busy:
                continue  # its turn comes with the next reading
            overall_s = self._api.pacer.overall_wait_s()
            if overall_s > 0 or len(self._busy) >= at_once:
                return left + due[index:], min(pause_s, overall_s or NEXT_S)
            wait_s = max(self._api.pacer.wait_s(message.chat_id), self._wait_s(message.chat_id))
            if wait_s > 0:
                left.append(message)
                pause_s = min(pause_s, wait_s)
                continue
            self._api.pacer.take(message.chat_id, is_claimed=True)
            self._busy[message.chat_id] = senders.create_task(self._send(message))
        return left, pause_s

    async def _sleep(self, pause_s: float) -> None:
        try:
            async with asyncio.timeout(pause_s):
                await self._wake.wait()
        except TimeoutError:
            return

    def _wait_s(self, chat_id: int) -> float:
        wait_s = self._waits.get(chat_id, 0.0) - time.monotonic()
        if wait_s <= 0:
            self._waits.pop(chat_id, None)
        return wait_s

    async def _send(self, message: Outgoing) -> None:
        self._mine.add(message.id)
        try:
            content = await read_stored(message.payload, self._outbox.attachments)
            claimed_at = time.monotonic()
            turn = await self._outbox.claim(message, timedelta(seconds=self._lease_s))
            if turn.message is None:
                self._put_off(message.chat_id, turn)
                return
            self._sharing.is_mine(message.id)
            await asyncio.sleep(turn.wait_s)
            await self._apart()
            await self._attempt(turn.message, content, claimed_at + self._lease_s * _BEGIN_SHARE)
        except StorageError:
            # Before the claim nothing was sent; after it the row is found when its lease is over.
            log.exception("the outbox cannot be written", extra={"outbox": message.id})
        finally:
            self._mine.discard(message.id)
            self._busy.pop(message.chat_id, None)

    async def _apart(self) -> None:
        """Wait until the last call is a moment ago."""
        at = max(time.monotonic(), self._call_at)
        self._call_at = at + APART_S
        await asyncio.sleep(at - time.monotonic())

    def _put_off(self, chat_id: int, turn: Turn) -> None:
        """The message does not go now: the limits of all processes, or somebody else has it."""
        self._api.pacer.give_back(chat_id)
        until = time.monotonic() + turn.wait_s
        if turn.is_overall:
            self._paused_until = max(self._paused_until, until)
        elif turn.wait_s:
            self._waits[chat_id] = until

    async def _attempt(self, message: Outgoing, content: OutMessage | str, begin_by: float) -> None:
        """One HTTP call and what it means."""
        outbox, chat_id = self._outbox, message.chat_id
        if isinstance(content, str):
            await outbox.stop(message, OutboxState.FAILED, content)
            return
        if time.monotonic() >= begin_by:
            log.warning("slept over a claim", extra={"outbox": message.id})
            await self._settle(lambda: outbox.put_back(message))
            return
        try:
            message_id = await self._deliver(chat_id, content)
        except (FloodWait, NotSent) as error:
            why = str(error)
            pause = timedelta(seconds=error.retry_after_s or _back_off_s(message.attempts))
            if isinstance(error, FloodWait) and self._company != Company():
                await self._settle(self._sharing.tell)
            await self._settle(lambda: outbox.retry(message, pause, why))
        except ChatMoved as error:
            new_chat_id = error.new_chat_id
            await self._settle(lambda: outbox.move_chat(message, new_chat_id))
            if self._on_moved:
                await self._on_moved(chat_id, new_chat_id)
        except ChatGone as error:
            why = str(error)
            await self._settle(lambda: outbox.gone(message, why))
            if self._on_gone:
                await self._on_gone(chat_id)
        except (Rejected, Ambiguous) as error:
            is_unknown = isinstance(error, Ambiguous)
            state = OutboxState.AMBIGUOUS if is_unknown else OutboxState.FAILED
            why = str(error)
            if is_unknown:
                self._note_doubt()
            log.warning("not sent", extra={"outbox": message.id, "state": state, "why": why})
            await self._settle(lambda: outbox.stop(message, state, why))
        else:
            self._doubts = 0
            await self._settle(lambda: outbox.sent(message, message_id))

    async def _deliver(self, chat_id: int, content: OutMessage) -> int:
        """The call, ended before the lease is."""
        try:
            async with asyncio.timeout(self._lease_s * _CALL_SHARE):
                return await self._api.deliver(chat_id, content)
        except TimeoutError as error:
            raise Ambiguous("no answer before the end of the lease", chat_id=chat_id) from error

    def _note_doubt(self) -> None:
        self._doubts += 1
        if self._doubts >= DOUBTS:
            pause_s = min(LONGEST_PAUSE_S, 2.0 ** min(self._doubts - DOUBTS, 6))
            self._paused_until = time.monotonic() + pause_s
            log.warning("Telegram answers nothing reliable", extra={"pause_s": pause_s})

    async def _settle(self, write: Callable[[], Awaitable[object]]) -> None:
        """Write down what became of a message; a database that fails for a while gets time."""
        for pause_s in (0.2, 1.0, 5.0, 15.0):
            try:
                await write()
            except StorageError as error:
                log.warning("the outbox cannot be written", extra={"why": error})
                await asyncio.sleep(pause_s)
            else:
                return
        await write()


def _back_off_s(attempts: int) -> float:
    return float(min(LONGEST_PAUSE_S, 2.0 ** min(attempts - 1, 6)))
