"""The one composition root: settings in, a running Hoshyar out; opens and closes everything."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from bot.assembly import Parts, Values, assemble
from bot.assembly_tweets import TwitterValues
from bot.errors import ConfigError
from bot.hoshyar import Hoshyar
from bot.models.tweets import CREDITS_PER_USD
from bot.models.work import Role
from bot.services.backups.restoring import refuse_half_restored
from bot.services.db_service import open_database, sqlite_path
from bot.services.http_client import HttpClient
from bot.services.migrations import migrate
from bot.services.news_feeds import FeedReader
from bot.serving import serve
from bot.utils.secrets import Secret
from config.settings import Settings

DATA = Path("data")
SANDBOX_ADMIN = 1000
SANDBOX_QUERIES = ("lang:fa -filter:replies",)
FONTS = Path(__file__).parent / "services" / "fonts"
_NO_TOKEN = "0:unused"  # noqa: S105 - stands where nothing will be sent


def data_folder(settings: Settings) -> Path:
    """Where everything that is not in the database lives: beside an SQLite file, else `data`."""
    path = sqlite_path(settings.database_url.reveal())
    return path.parent if path else DATA


def values_of(settings: Settings, *, only_loopback: bool = False, worker: str = "") -> Values:
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
        worker=worker,
        twitter=TwitterValues(
            key=settings.twitterapi_api_key,
            base_url=settings.twitterapi_base_url,
            stream_url=settings.twitterapi_stream_url,
            proxy=settings.twitterapi_proxy.reveal(),
            daily_credits=round(settings.twitterapi_daily_budget_usd * CREDITS_PER_USD),
        ),
        retention_months=settings.retention_months,
        disk_limit_gb=settings.disk_limit_gb,
        database_url=settings.database_url.reveal(),
        redis_url=settings.redis_url.reveal(),
        web_host=settings.web_host,
        web_port=settings.web_port,
    )


@asynccontextmanager
async def open_parts(
    settings: Settings, *, only_loopback: bool = False, worker: str = ""
) -> AsyncIterator[Parts]:
    """Everything but the doors, with the schema at this version; closed in the right order."""
    data_folder(settings).mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        db = await open_database(settings.database_url.reveal())
        stack.push_async_callback(db.close)
        await refuse_half_restored(db)
        await migrate(db)
        values = values_of(settings, only_loopback=only_loopback, worker=worker)
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
    stop = _until_told()
    if not settings.telegram_bot_token:
        return await _run_in_sandbox(settings, stop)
    return await work(settings, tuple(Role), stop=stop)


async def work(
    settings: Settings,
    roles: Collection[Role],
    name: str = "",
    stop: asyncio.Event | None = None,
) -> int:
    """Be a worker with some roles, under `name` among those at work; returns the exit code."""
    if not settings.telegram_bot_token:
        raise ConfigError(["TELEGRAM_BOT_TOKEN is missing: a worker needs it, whatever its roles"])
    async with open_parts(settings, worker=name) as parts:
        await serve(parts, roles, stop or _until_told(), settings.feeds_file)
    return 0


def _until_told() -> asyncio.Event:
    """Set by SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


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
        twitterapi_api_key=Secret(server.twitter_key),
        twitterapi_base_url=server.twitter_url,
        twitterapi_stream_url=server.twitter_stream_url,
        twitterapi_proxy=Secret(""),
        web_port=0,  # taken by the sandbox
        admin_user_ids=(*settings.admin_user_ids, SANDBOX_ADMIN),
        database_url=Secret(f"sqlite:///{folder}/hoshyar.db"),
        allow_private_addresses=True,
        collect_interval_s=min(settings.collect_interval_s, 10),
        analyse_interval_s=min(settings.analyse_interval_s, 10),
    )
    try:
        async with open_parts(inside, only_loopback=True) as parts:
            sample = sample_posts(server.twitter.anchor, base_url=server.url)
            await asyncio.to_thread(_write_lines, folder / "sample.jsonl", sample)
            await parts.hoshyar.imports.run(folder / "sample.jsonl")
            for name in FEED_NAMES:
                await parts.hoshyar.sources.add(f"{server.feeds_url}{name}.xml")
            for text in SANDBOX_QUERIES:
                await parts.hoshyar.queries.add(text, interval_s=60)
            await parts.hoshyar.collect.round(parts.hoshyar.clock())
            await parts.hoshyar.analyse.run()
            await parts.hoshyar.search.catch_up()
            _say_where(server.url)
            await serve(parts, tuple(Role), stop)
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
