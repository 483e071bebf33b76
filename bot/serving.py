"""A process at work: its roles, from the first sign of life to an orderly end.

Each role is kept up by itself: one that breaks is begun again and does not touch the others.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

from bot.assembly import Parts
from bot.errors import ConfigError, DeliveryError, StorageError, said
from bot.models.work import Role
from bot.services.db_service import log_facts
from bot.services.telegram_api import TelegramApi

log = logging.getLogger(__name__)

BEAT_S = 5.0
_LONGEST_PAUSE_S = 60.0
_REMEMBERED = timedelta(days=1)  # a process that went without taking leave
_SEED_LEASE = timedelta(seconds=30)


async def serve(
    parts: Parts, roles: Collection[Role], stop: asyncio.Event, feeds_file: Path | None = None
) -> None:
    """Do what `roles` say until `stop` is set.

    The order of the end matters: nothing new begins, then what was begun ends, then what is on its
    way to Telegram learns its fate. Raises ConfigError when Telegram does not know the token.
    """
    await log_facts(parts.db)
    if feeds_file is not None and Role.COLLECT in roles:
        async with parts.leases.hold("seed", _SEED_LEASE, wait=_SEED_LEASE * 2):
            await parts.hoshyar.sources.seed_from_file(feeds_file)
    try:
        async with at_work(parts, roles):
            await _run_roles(parts, roles, stop)
    except* ConfigError as wrong:
        raise wrong.exceptions[0] from None


@asynccontextmanager
async def at_work(parts: Parts, roles: Collection[Role] = ()) -> AsyncIterator[None]:
    """While the body runs, this process is among those that admins see at work.

    Raises ConfigError when another process has its name.
    """

    workers = parts.hoshyar.workers

    async def beat_on() -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            try:
                if not await workers.beat(parts.worker, tuple(roles)):
                    log.error(
                        "this process was held up and another one has its name: stop one of them",
                        extra={"worker": parts.worker},
                    )
            except StorageError as error:
                log.warning("no sign of life", extra={"why": said(error)})

    failure: Exception | None = None
    try:
        await workers.join(parts.worker, tuple(roles))
    except StorageError as error:
        log.warning("no sign of life", extra={"why": said(error)})
    async with asyncio.TaskGroup() as group:
        beating = group.create_task(beat_on(), name="beat")
        try:
            yield
        except Exception as error:
            failure = error
        finally:
            beating.cancel()
    try:
        await workers.leave(parts.worker)
        await parts.workers.forget_silent(_REMEMBERED)
    except StorageError as error:
        log.warning("could not take leave", extra={"why": said(error)})
    if failure is not None:
        raise failure


async def _run_roles(parts: Parts, roles: Collection[Role], stop: asyncio.Event) -> None:
    connected = asyncio.Event()
    async with _closing(parts.telegram), asyncio.TaskGroup() as group:

        def keep_up(name: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
            return group.create_task(_kept_up(name, work, stop), name=name)

        connecting = group.create_task(_connect(parts.telegram, connected, stop))
        first_to_end = [keep_up("jobs", lambda: _run_jobs(parts, roles, stop))]
        if Role.COLLECT in roles and parts.values.has_twitter:
            first_to_end.append(keep_up("live", lambda: parts.hoshyar.live.run(stop)))
            if parts.values.web_port:
                first_to_end.append(keep_up("web", lambda: _run_web(parts, stop)))
        if Role.CHAT in roles:
            first_to_end.append(keep_up("chat", lambda: _run_chat(parts, connected, stop)))
        if Role.SEND in roles:
            keep_up("sender", lambda: _run_sender(parts, connected, stop))
        pacing = None
        if Role.CHAT in roles and Role.SEND not in roles:
            pacing = keep_up("pace", parts.hoshyar.publish.keep_pace)
        log.info("running", extra={"worker": parts.worker, "roles": ",".join(roles)})

        await stop.wait()
        log.info("stopping")
        await asyncio.wait([connecting, *first_to_end])
        parts.hoshyar.publish.stop()
        if pacing is not None:
            pacing.cancel()


@asynccontextmanager
async def _closing(telegram: TelegramApi) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await telegram.close()


async def _kept_up(name: str, work: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    """Run a role until it ends by itself; one that breaks is logged and begun again."""
    pause_s = 1.0
    while True:
        began = time.monotonic()
        try:
            await work()
        except ConfigError:
            raise
        except Exception:
            log.exception("a role broke", extra={"role": name})
        else:
            return
        if stop.is_set():
            return
        if time.monotonic() - began > _LONGEST_PAUSE_S:
            pause_s = 1.0
        await _pause(pause_s, stop)
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


async def _run_jobs(parts: Parts, roles: Collection[Role], stop: asyncio.Event) -> None:
    from bot.jobs.scheduler import Scheduler, SharedClock
    from bot.jobs.tasks import table

    workers = parts.hoshyar.workers
    if Role.COLLECT in roles and not await workers.others(Role.COLLECT, parts.worker):
        await parts.hoshyar.collect.begin_alone()
        await parts.hoshyar.tweets.begin_alone()
    clock = SharedClock(parts.hoshyar.clock, parts.job_store.now)
    jobs = table(parts, roles)
    scheduler = Scheduler(parts.job_store, jobs, clock, look=clock.look, worker=parts.worker)
    await scheduler.run(stop)


async def _run_web(parts: Parts, stop: asyncio.Event) -> None:
    """The door for what TwitterAPI.io pushes."""
    from bot.web.server import WebServer
    from bot.web.webhook import twitter_hook

    values = parts.values
    door = twitter_hook(values.twitter.key, partial(parts.pushes.take, is_hook=True))
    await WebServer([door], host=values.web_host, port=values.web_port).run(stop)


async def _run_sender(parts: Parts, connected: asyncio.Event, stop: asyncio.Event) -> None:
    if await _first(connected, stop):
        await parts.hoshyar.publish.run()


async def _run_chat(parts: Parts, connected: asyncio.Event, stop: asyncio.Event) -> None:
    from bot.handlers.leading import ChatLeader

    if await _first(connected, stop):
        leader = ChatLeader(parts.hoshyar, parts.telegram, parts.inbox, parts.leases)
        await leader.run(stop)


async def _connect(telegram: TelegramApi, connected: asyncio.Event, stop: asyncio.Event) -> None:
    """Open the way to Telegram and learn our name; meanwhile what needs neither goes on.

    Raises ConfigError when Telegram does not know the token: waiting would not help.
    """
    from telegram.error import InvalidToken

    pause_s = 1.0
    while not stop.is_set():
        try:
            await telegram.start()
        except DeliveryError as error:
            if isinstance(error.__cause__, InvalidToken):
                raise ConfigError(
                    ["TELEGRAM_BOT_TOKEN is not known to Telegram: ask @BotFather for it"]
                ) from error
            wait_s = error.retry_after_s or pause_s
            log.warning(
                "Telegram cannot be reached, trying again",
                extra={"why": str(error), "in_s": round(wait_s)},
            )
            await _pause(wait_s, stop)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
        else:
            log.info("Telegram knows us", extra={"bot": telegram.bot.username})
            connected.set()
            return


async def _first(event: asyncio.Event, stop: asyncio.Event) -> bool:
    """Wait for the event; false when told to stop first."""
    async with asyncio.TaskGroup() as group:
        waits = [group.create_task(each.wait()) for each in (event, stop)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
    return event.is_set() and not stop.is_set()


async def _pause(seconds: float, stop: asyncio.Event) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
