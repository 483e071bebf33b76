"""`check`: is everything there that the settings count on? A verdict each."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.app import data_folder, values_of
from bot.commands.output import answer, usd
from bot.errors import DeliveryError, HoshyarError, SourceError
from bot.features.disk import Disk, Sizes, file_bytes
from bot.features.workers import AtWork, Workers
from bot.models.disk import GB, MB, Room
from bot.services import migrations
from bot.services.backups.restoring import refuse_half_restored
from bot.services.db_service import open_database
from bot.storage.leases import LeaseStore
from bot.storage.sizes import SizeStore
from bot.storage.workers import WorkerStore
from bot.utils.times import utc_now
from config.settings import Settings


@dataclass(frozen=True, slots=True)
class Verdict:
    what: str
    ok: bool | None  # None: not set up, so not looked at
    detail: str


_ROOM = {
    Room.ENOUGH: "enough",
    Room.LOW: "it runs out; at the end of it nothing more is collected",
    Room.NONE: "collecting stands until there is room, and goes on by itself; all else works",
}


async def check(settings: Settings, given: argparse.Namespace) -> int:
    """Exit code 1 when something that is set up does not work."""
    verdicts = [
        Verdict("settings", True, "all are usable"),
        *await _database(settings),
        await _cache(settings),
        await _telegram(settings),
        await _twitter(settings),
        await _a_feed(settings),
    ]
    marks = {True: "ok", False: "FAILED", None: "not set"}
    answer(
        [{"what": v.what, "ok": v.ok, "detail": v.detail} for v in verdicts],
        (f"{marks[v.ok]:<8}{v.what:<12}{v.detail}" for v in verdicts),
        as_json=given.json,
    )
    return 1 if any(v.ok is False for v in verdicts) else 0


async def _database(settings: Settings) -> list[Verdict]:
    """The database, and who is at work on it."""
    try:
        data_folder(settings).mkdir(parents=True, exist_ok=True)
        db = await open_database(settings.database_url.reveal())
        try:
            await refuse_half_restored(db)
            known = await migrations.status(db)
            row = await db.fetch_one("SELECT 1")
            waiting = sum(not entry.applied for entry in known)
            found = [] if waiting else await Workers(WorkerStore(db), LeaseStore(db)).all()
            facts = await db.facts()
            disk = await _disk(settings, SizeStore(db))
        finally:
            await db.close()
    except (HoshyarError, OSError) as error:
        files = values_of(settings).database_files[:1]
        return [Verdict("database", False, str(error)), await _disk(settings, _Files(files))]
    named = f"{facts.product} {facts.version}" + (f" {facts.note}" if facts.note else "")
    return [
        Verdict(
            "database",
            row == (1,),
            f"{named}, {len(known)} migrations, {waiting} to be applied at start",
        ),
        *(Verdict("database", True, f"mind: {warning}") for warning in facts.warnings),
        disk,
        Verdict("workers", True, "; ".join(map(_at_work, found)) or "nobody is at work"),
    ]


@dataclass(frozen=True, slots=True)
class _Files:
    """The size of a database that cannot be asked."""

    files: Sequence[Path]

    async def data_bytes(self) -> int:
        return file_bytes(self.files)


async def _disk(settings: Settings, sizes: Sizes) -> Verdict:
    """The data, what they may take, what is free, and what comes of it."""
    values = values_of(settings)
    files = (*values.database_files[1:], values.search_file)
    limit = values.disk_limit_gb
    state = await Disk(sizes, values.folder, files, utc_now, limit_gb=limit).state()
    data = f"the data take {_shown(state.data_bytes)}"
    allowed = f" of {limit} GB (DISK_LIMIT_GB)" if limit else ""
    free = f", {_shown(state.free_bytes)} are free: "
    return Verdict("disk", state.room is not Room.NONE, data + allowed + free + _ROOM[state.room])


def _shown(size: int) -> str:
    return f"{size / GB:.1f} GB" if size >= GB else f"{size / MB:.0f} MB"


def _at_work(worker: AtWork) -> str:
    info = worker.info
    leads = ", leads the chat" if worker.leads_chat else ""
    return (
        f"{info.name}: {','.join(info.roles) or 'a command'} since {info.started_at:%F %T}{leads}"
    )


async def _cache(settings: Settings) -> Verdict:
    """The level in use, and whether Redis answers."""
    url = settings.redis_url.reveal()
    if not url:
        return Verdict("cache", True, "in the database; no REDIS_URL")
    from bot.services.cache_redis import RedisCache

    level = RedisCache(url, "check")
    try:
        usage = await level.usage()
    except HoshyarError as error:
        return Verdict("cache", False, f"{error}; without it everything works, but slower")
    finally:
        await level.close()
    return Verdict("cache", True, f"{usage.name} answers")


async def _telegram(settings: Settings) -> Verdict:
    token = settings.telegram_bot_token.reveal()
    if not token:
        return Verdict("telegram", None, "no TELEGRAM_BOT_TOKEN: the sandbox starts instead")
    from bot.services.telegram_api import TelegramApi

    api = TelegramApi(
        token,
        base_url=settings.telegram_api_base_url,
        proxy=settings.telegram_proxy.reveal(),
    )
    try:
        await api.start()
    except DeliveryError as error:
        return Verdict("telegram", False, str(error))
    try:
        return Verdict("telegram", True, f"@{api.bot.username} answers")
    finally:
        await api.close()


async def _twitter(settings: Settings) -> Verdict:
    """Its balance, which costs nothing to ask for."""
    key = settings.twitterapi_api_key
    if not key:
        return Verdict("twitter", None, "no TWITTERAPI_API_KEY: no tweets are bought")
    from bot.services.twitter_http import Request, TwitterHttp
    from bot.services.twitter_parsing import parse_balance

    http = TwitterHttp(settings.twitterapi_base_url, key, proxy=settings.twitterapi_proxy.reveal())
    try:
        answered = await http.ask(Request(path="/oapi/my/info"), lambda: None)
        if answered.status in (401, 403):
            return Verdict("twitter", False, "the key is refused: correct TWITTERAPI_API_KEY")
        if answered.status != 200:
            return Verdict("twitter", False, f"the service answers HTTP {answered.status}")
        balance = parse_balance(answered.body, utc_now())
    except SourceError as error:
        return Verdict("twitter", False, str(error))
    finally:
        await http.close()
    detail = f"the balance is {balance.credits} credits ({usd(balance.credits)})"
    if balance.credits <= 0:
        return Verdict("twitter", False, f"{detail}: recharge it at twitterapi.io")
    return Verdict("twitter", True, detail)


async def _a_feed(settings: Settings) -> Verdict:
    """One outlet of the list that is read at the first start stands for the open web."""
    from bot.app import open_feed_reader
    from bot.services.opml import read_opml

    try:
        outlines = read_opml(settings.feeds_file.read_bytes())
        if not outlines:
            return Verdict("feeds", False, "the list of feeds is empty")
        async with open_feed_reader(settings) as reader:
            feed = await reader.read(outlines[0].url, utc_now())
    except (HoshyarError, OSError) as error:
        return Verdict("feeds", False, str(error))
    return Verdict("feeds", True, f"{outlines[0].url}: {len(feed.posts)} posts")
