"""The durable inbox: an update is written down before Telegram is told that we have it.

getUpdates confirms what an earlier call returned, so the reply is stored before it is handed on.
A crash after that loses nothing: what is not marked done is handled at the next start. An update
that the library cannot read is set aside and the offset moves on; without this one such update
would be asked for again for ever.

Of several processes only the one that holds the lease polls and handles. Each handling has a token,
the number of its attempt: a former leader that wakes up late can neither store nor begin nor answer
anything any more, nor mark what its successor has begun.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from telegram import Update
from telegram.error import Conflict, TelegramError
from telegram.ext import Application

from bot.errors import Ambiguous, FloodWait, LeaseLost, NotSent, StorageError
from bot.models.work import Lease, StoredUpdate, UpdateState
from bot.ports import Clock
from bot.services.telegram_answering import answering
from bot.services.telegram_api import ALLOWED_UPDATES
from bot.storage.work import InboxStore, tries_of
from bot.utils.times import utc_now

log = logging.getLogger(__name__)

TRIES = 3
POLL_TIMEOUT_S = 40
RETRY_AFTER_S = (3.0, 15.0)
_EVERY_S = 0.5
_KNOWN = "hoshyar_known"  # stands in for an update that is not to be handled (again)

AnyApplication = Application[Any, Any, Any, Any, Any, Any]
RawUpdate = dict[str, Any]


_CUT_OFF = "the process ended while it was answered; the answer may have arrived"


@dataclass(frozen=True, slots=True)
class Trouble:
    """An update that was set aside, for the admins."""

    update_id: int
    state: UpdateState  # BAD: could not be read; FAILED: could not be handled
    error: str


async def _tell_nobody(trouble: Trouble) -> None:
    """Nobody asked to be told; the log has it."""


class Inbox:
    """Keeps updates until they are handled. `notify` hears of those that were set aside."""

    def __init__(
        self,
        store: InboxStore,
        *,
        notify: Callable[[Trouble], Awaitable[None]] = _tell_nobody,
        tries: int = TRIES,
        retry_after_s: tuple[float, ...] = RETRY_AFTER_S,
        clock: Clock = utc_now,
    ) -> None:
        self._store = store
        self._notify = notify
        self._tries = tries
        self._retry_after_s = retry_after_s
        self._clock = clock
        self._lease: Lease | None = None  # None: this process is alone
        self._taken: set[int] = set()  # on their way through this process
        self._tokens: dict[int, int] = {}  # of the updates that are being handled
        self._errors: dict[int, BaseException] = {}
        self._again: deque[tuple[float, Update]] = deque()
        self._unmarked: dict[int, int] = {}  # handled, but the database was away: id, token
        self._troubles: deque[Trouble] = deque()
        self.may_poll = True
        self.waits_out_conflicts = True
        self.conflicts = 0  # 409s in a row: another program polls with our token

    async def start(
        self,
        application: AnyApplication,
        poll_timeout_s: int = POLL_TIMEOUT_S,
        lease: Lease | None = None,
    ) -> int:
        """Hand on what a crash left undone, then begin to poll; how many those were.

        With a `lease` everything is done under it. What an earlier term of this process had in
        hand is forgotten: the database knows what came of it.
        """
        if application.updater is None:
            raise ValueError("the application was built without an updater")
        self._lease = lease
        for left in (self._taken, self._tokens, self._errors, self._again):
            left.clear()
        self.conflicts = 0
        self.may_poll = self.waits_out_conflicts = True
        replayed = await self._replay(application)
        await application.updater.start_polling(
            timeout=poll_timeout_s,
            bootstrap_retries=-1,
            allowed_updates=list(ALLOWED_UPDATES),
            error_callback=self.poll_error,
        )
        return replayed

    async def stop(self, application: AnyApplication, *, lost: bool = False) -> None:
        """Poll no more. `lost`: another process polls by now, so not even to confirm the last."""
        self.waits_out_conflicts = False
        self.may_poll = not lost
        if application.updater is not None and application.updater.running:
            await application.updater.stop()

    async def run(self, application: AnyApplication) -> None:
        """Bring back updates that are to be tried again, and tell of those set aside; for ever."""
        while True:
            await asyncio.sleep(_EVERY_S)
            now = time.monotonic()
            for _ in range(len(self._again)):
                at, update = self._again.popleft()
                if at <= now:
                    await application.update_queue.put(update)
                else:
                    self._again.append((at, update))
            try:
                for update_id, token in list(self._unmarked.items()):
                    await self._store.mark_done(update_id, token)
                    del self._unmarked[update_id]
                while self._troubles:
                    await self._notify(self._troubles[0])
                    self._troubles.popleft()
            except StorageError as error:  # it is done in the next round
                log.warning("the inbox could not be kept up", extra={"why": error})

    async def take_in(self, updates: list[Any]) -> list[RawUpdate]:
        """Store a reply's updates; the ones to handle, with stand-ins for the others.

        Raises LeaseLost when another process leads the chat: nothing is stored.
        """
        now = self._clock()
        numbered: dict[int, RawUpdate] = {}
        for raw in updates:
            if isinstance(raw, dict) and isinstance(raw.get("update_id"), int):
                numbered[raw["update_id"]] = raw
            else:
                log.error("an update without an id was left out")
        rows = [_stored(update_id, raw, now) for update_id, raw in numbered.items()]
        new = await self._store.add_new(rows, self._lease)
        undone = await self._store.undone_among(list(numbered))
        for row in rows:
            if row.state is UpdateState.BAD and row.update_id in new:
                log.error("unreadable update", extra={"update": row.update_id, "why": row.error})
                self._troubles.append(Trouble(row.update_id, row.state, row.error))
        fresh = undone - self._taken
        self._taken |= fresh
        return [
            raw if update_id in fresh else {"update_id": update_id, _KNOWN: True}
            for update_id, raw in numbered.items()
        ]

    async def handle(self, update: Update, handling: Coroutine[Any, Any, Any]) -> None:
        """Run the handlers of one update, if it is for us to do so, and write down how it went."""
        update_id, lease = update.update_id, self._lease
        token = None if update.api_kwargs.get(_KNOWN) else await self._begin(update)
        if token is None:
            return
        if tries_of(token) > self._tries:
            await self._give_up(update_id, token, "the process ended while it was handled")
            return
        self._tokens[update_id] = token
        try:
            with answering(lambda: self._store.begin_answer(update_id, token, lease)):
                await handling
            error = self._errors.pop(update_id, None)
            if error is None:
                await self._mark_done(update_id, token)
            else:
                await self._settle(update, token, error)
        finally:
            self._tokens.pop(update_id, None)

    def failed(self, update: object, error: BaseException) -> bool:
        """To be called by the application's error handler: this update's handling broke.

        True when it will be handled again by itself, so that the person need not be told yet.
        """
        if not isinstance(update, Update) or update.update_id not in self._tokens:
            return False
        self._errors[update.update_id] = error
        return self._is_worth_another(error, self._tokens[update.update_id])

    def poll_error(self, error: TelegramError) -> None:
        """For Updater.start_polling: log what went wrong without flooding the log."""
        if isinstance(error, Conflict):
            return  # the transport has said so
        log.warning("polling failed", extra={"why": repr(error)})

    async def counts(self) -> dict[UpdateState, int]:
        return await self._store.counts()

    async def _replay(self, application: AnyApplication) -> int:
        for update_id in await self._store.give_up_answering(_CUT_OFF, self._lease):
            log.warning("cut off while answering", extra={"update": update_id})
        undone = await self._store.undone()
        for row in undone:
            self._taken.add(row.update_id)
            try:
                update = Update.de_json(json.loads(row.body), application.bot)
            except Exception as error:  # another version of the library may read less
                await self._give_up(row.update_id, row.attempts, repr(error))
                continue
            await application.update_queue.put(update)
        if undone:
            log.info("updates of an earlier run are handled", extra={"count": len(undone)})
        return len(undone)

    async def _begin(self, update: Update) -> int | None:
        try:
            return await self._store.begin(update.update_id, self._lease)
        except LeaseLost:
            log.info("left to the process that leads now", extra={"update": update.update_id})
        except StorageError as error:
            log.warning("not begun yet", extra={"update": update.update_id, "why": error})
            self._later(update, 1)
        return None

    def _later(self, update: Update, tries: int) -> None:
        pause_s = self._retry_after_s[min(tries, len(self._retry_after_s)) - 1]
        self._again.append((time.monotonic() + pause_s, update))

    async def _mark_done(self, update_id: int, token: int) -> None:
        try:
            await self._store.mark_done(update_id, token)
        except StorageError as error:  # it was handled, and must not look as if it were cut off
            log.warning("not marked as done yet", extra={"update": update_id, "why": error})
            self._unmarked[update_id] = token
            return
        self._taken.discard(update_id)

    async def _settle(self, update: Update, token: int, error: BaseException) -> None:
        if isinstance(error, LeaseLost):
            log.info("left to the process that leads now", extra={"update": update.update_id})
            return
        if isinstance(error, Ambiguous):
            await self._store.mark_failed(update.update_id, token, repr(error), UpdateState.UNSURE)
            self._taken.discard(update.update_id)
            return
        if not self._is_worth_another(error, token):
            await self._give_up(update.update_id, token, repr(error))
            return
        self._later(update, tries_of(token))
        await self._store.mark_failed(update.update_id, token, repr(error), UpdateState.NEW)

    def _is_worth_another(self, error: BaseException, token: int) -> bool:
        """Only what broke before anything was said may be done again: a bug would just repeat.

        What another process has taken over is handled again there.
        """
        if isinstance(error, LeaseLost):
            return True
        passes = isinstance(error, NotSent | FloodWait | StorageError)
        return passes and tries_of(token) < self._tries

    async def _give_up(self, update_id: int, token: int, error: str) -> None:
        log.error("an update could not be handled", extra={"update": update_id, "why": error})
        await self._store.mark_failed(update_id, token, error, UpdateState.FAILED)
        self._taken.discard(update_id)
        self._troubles.append(Trouble(update_id, UpdateState.FAILED, error))


def _stored(update_id: int, raw: RawUpdate, now: Any) -> StoredUpdate:
    error = ""
    try:
        Update.de_json(raw, None)
    except Exception as problem:  # whatever the library makes of what it does not know
        error = repr(problem)
    return StoredUpdate(
        update_id=update_id,
        body=json.dumps(raw, ensure_ascii=False),
        received_at=now,
        state=UpdateState.BAD if error else UpdateState.NEW,
        error=error,
    )
