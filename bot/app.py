"""The one composition root: settings in, a running Hoshyar out; opens and closes everything."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

from bot.assembly import Parts, Values, assemble
from bot.errors import ConfigError, DeliveryError
from bot.hoshyar import Hoshyar
from bot.services.db_service import open_database, sqlite_path
from bot.services.http_client import HttpClient
from bot.services.migrations import migrate
from bot.services.news_feeds import FeedReader
from bot.services.telegram_api import TelegramApi
from bot.utils.secrets import Secret
from config.settings import Settings

log = logging.getLogger(__name__)

DATA = Path("data")
_LONGEST_PAUSE_S = 60.0
SANDBOX_ADMIN = 1000
FONTS = Path(__file__).parent / "services" / "fonts"
_NO_TOKEN = "0:unused"  # noqa: S105 - stands where nothing will be sent


def data_folder(settings: Settings) -> Path:
    """Where everything that is not in the database lives: beside an SQLite file, else `data`."""
    path = sqlite_path(settings.database_url.reveal())
    return path.parent if path else DATA


def values_of(settings: Settings, *, only_loopback: bool = False) -> Values:
    """What the parts are told of the settings."""
    path = sqlite_path(settings.database_url.reveal())
    folder = data_folder(settings)
    return Values(
        token=settings.telegram_bot_token.reveal() or _NO_TOKEN,
        telegram_base_url=settings.telegram_api_base_url,
        telegram_proxy=settings.telegram_proxy.reveal(),
        feeds_proxy=settings.feeds_proxy.reveal(),
        allow_private=settings.allow_private_addresses,
        only_loopback=only_loopback,
        admin_ids=frozenset(settings.admin_user_ids),
        lang=settings.language,
        timezone=settings.timezone,
        collect_interval_s=settings.collect_interval_s,
        analyse_interval_s=settings.analyse_interval_s,
        folder=folder,
        search_file=folder / f"{path.stem if path else 'hoshyar'}.search.db",
        database_kind="sqlite" if path else "mysql",
        database_files=(path, path.with_name(path.name + "-wal")) if path else (),
    )


@asynccontextmanager
async def open_parts(settings: Settings, *, only_loopback: bool = False) -> AsyncIterator[Parts]:
    """Everything but the doors, with the schema at this version; closed in the right order."""
    data_folder(settings).mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        db = await open_database(settings.database_url.reveal())
        stack.push_async_callback(db.close)
        await migrate(db)
        values = values_of(settings, only_loopback=only_loopback)
        yield await assemble(db, values, stack)


@asynccontextmanager
async def open_hoshyar(settings: Settings) -> AsyncIterator[Hoshyar]:
    """The assistant without its doors, for the command line."""
    async with open_parts(settings) as parts:
        yield parts.hoshyar


@asynccontextmanager
async def open_feed_reader(settings: Settings) -> AsyncIterator[FeedReader]:
    """A reader of feeds alone, with no database."""
    client = HttpClient(
        proxy=settings.feeds_proxy.reveal(), allow_private=settings.allow_private_addresses
    )
    try:
        yield FeedReader(client)
    finally:
        await client.close()


async def run(settings: Settings) -> int:
    """Start everything and stay until SIGINT or SIGTERM; returns the exit code."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if not settings.telegram_bot_token:
        return await _run_in_sandbox(settings, stop)
    async with open_parts(settings) as parts:
        await _serve(parts, settings.feeds_file, stop)
    return 0


async def run_sandbox(settings: Settings) -> int:
    """The sandbox, also where a token is set."""
    return await run(replace(settings, telegram_bot_token=Secret("")))


async def _run_in_sandbox(settings: Settings, stop: asyncio.Event) -> int:
    """The same bot in a world of its own: another database, other sources, a page to chat on."""
    from bot.sandbox.feeds import FEED_NAMES
    from bot.sandbox.server import SandboxServer
    from bot.sandbox.tweets import sample_posts

    folder = data_folder(settings) / "sandbox"
    await asyncio.to_thread(_start_afresh, folder)
    server = SandboxServer(host=settings.web_host, port=settings.web_port, font_dir=FONTS)
    try:
        await server.start()
    except OSError as error:
        sys.stderr.write(
            f"cannot listen on {settings.web_host}:{settings.web_port} ({error.strerror}): "
            "stop what uses it, or set WEB_PORT to another number\n"
        )
        return 1
    inside = replace(
        settings,
        telegram_bot_token=Secret(server.token),
        telegram_api_base_url=server.base_url,
        telegram_proxy=Secret(""),
        feeds_proxy=Secret(""),
        admin_user_ids=(*settings.admin_user_ids, SANDBOX_ADMIN),
        database_url=Secret(f"sqlite:///{folder}/hoshyar.db"),
        allow_private_addresses=True,
        collect_interval_s=min(settings.collect_interval_s, 10),
        analyse_interval_s=min(settings.analyse_interval_s, 10),
    )
    try:
        async with open_parts(inside, only_loopback=True) as parts:
            sample = sample_posts(parts.hoshyar.clock(), base_url=server.url)
            await asyncio.to_thread(_write_lines, folder / "sample.jsonl", sample)
            await parts.hoshyar.imports.run(folder / "sample.jsonl")
            for name in FEED_NAMES:
                await parts.hoshyar.sources.add(f"{server.feeds_url}{name}.xml")
            await parts.hoshyar.collect.round(parts.hoshyar.clock())
            await parts.hoshyar.analyse.run()
            await parts.hoshyar.search.catch_up()
            _say_where(server.url)
            await _serve(parts, None, stop)
    finally:
        await server.stop()
    return 0


def _write_lines(path: Path, entries: Sequence[Mapping[str, object]]) -> None:
    lines = (json.dumps(entry, ensure_ascii=False) for entry in entries)
    path.write_text("\n".join(lines), encoding="utf-8")


def _say_where(url: str) -> None:
    sys.stderr.write(
        f"\n  Hoshyar is in its sandbox: no token is set, nothing leaves this machine.\n"
        f"  Chat with it here:  {url}\n\n"
    )


def _start_afresh(folder: Path) -> None:
    """The sandbox's people and messages live in memory only, so its data begins anew with them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)


async def _serve(parts: Parts, feeds_file: Path | None, stop: asyncio.Event) -> None:
    """Everything that lives: updates in, jobs by the clock, messages out, until `stop`.

    The order of the end matters: nothing new begins, then what was begun ends, then what is on its
    way to Telegram learns its fate.
    """
    from telegram.ext import Application

    from bot.handlers.routes import register
    from bot.jobs.scheduler import Scheduler
    from bot.jobs.tasks import table
    from bot.services.telegram_lines import LineProcessor

    hoshyar = parts.hoshyar
    if feeds_file is not None:
        await hoshyar.sources.seed_from_file(feeds_file)
    scheduler = Scheduler(parts.job_store, table(parts), hoshyar.clock)
    application = (
        Application.builder()
        .bot(parts.telegram.bot)
        .concurrent_updates(LineProcessor(parts.inbox))
        .build()
    )
    register(application, hoshyar, parts.telegram, parts.inbox)
    async with asyncio.TaskGroup() as group:
        jobs = group.create_task(scheduler.run(stop), name="jobs")
        if not await _connect(parts.telegram, stop):
            return
        sender = group.create_task(hoshyar.publish.run(), name="sender")
        menus = group.create_task(_publish_menus(parts), name="menus")
        await application.initialize()
        await application.start()
        replayed = await parts.inbox.start(application)
        if replayed:
            log.info("updates left by the last run are handled", extra={"count": replayed})
        chores = group.create_task(parts.inbox.run(application), name="inbox")
        log.info("running", extra={"bot": parts.telegram.bot.username})

        await stop.wait()
        log.info("stopping")
        if application.updater is not None:
            await application.updater.stop()
        await application.stop()
        chores.cancel()
        menus.cancel()
        await jobs
        hoshyar.publish.stop()
        await sender
        await application.shutdown()
        await parts.telegram.close()


async def _connect(telegram: TelegramApi, stop: asyncio.Event) -> bool:
    """Wait for Telegram, meanwhile collecting goes on; false when told to stop first.

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
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), wait_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
        else:
            return True
    return False


async def _publish_menus(parts: Parts) -> None:
    """Names, commands and descriptions; a bot without them still works, so it is tried later."""
    from telegram.error import TelegramError

    from bot.handlers.menus import publish_menus

    for wait_s in (5, 60, 600):
        try:
            await publish_menus(parts.telegram.bot, parts.values.admin_ids)
        except TelegramError as error:
            log.warning("the command menu was not set", extra={"why": str(error)})
            await asyncio.sleep(wait_s)
        else:
            return
