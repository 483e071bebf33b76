"""Several processes on one database, as people start them: each does its part, nothing twice."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.features.workers import Workers
from bot.models.user import DigestPlan
from bot.ports import Database
from bot.sandbox.server import SandboxServer
from bot.services.db_service import open_database
from bot.storage.digests import DigestStore
from bot.storage.leases import LeaseStore
from bot.storage.workers import WorkerStore
from bot.utils.times import utc_now
from tests.e2e.running_bot import RunningBot
from tests.fakes_feeds import Answer, Site
from tests.mariadb import MariaDb

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PERSON = 1000


@pytest.fixture
async def box() -> AsyncIterator[SandboxServer]:
    async with SandboxServer() as server:
        yield server


class Feed:
    """A feed to which items are added."""

    def __init__(self) -> None:
        self.titles = ["خبر نخست از شهر", "بارندگی در گیلان", "نشست وزیران", "بازار میوه"]

    def page(self, asked: object) -> Answer:
        items = "".join(
            f"<item><title>{title}</title><guid>g{n}</guid><link>http://127.0.0.1/{n}</link></item>"
            for n, title in enumerate(self.titles)
        )
        body = f"<rss version='2.0'><channel><title>f</title>{items}</channel></rss>"
        return Answer(body=body.encode(), headers={"Content-Type": "application/rss+xml"})


@asynccontextmanager
async def at_work(
    folder: Path, url: str, box: SandboxServer, commands: dict[str, str], feeds: str = ""
) -> AsyncIterator[dict[str, RunningBot]]:
    """Processes by name, each in a folder of its own; a command is that of the command line."""
    (folder / "feeds.opml").write_text(f"<opml version='2.0'><body>{feeds}</body></opml>")
    bots = {
        name: RunningBot(
            folder / name,
            *command.split(),
            TELEGRAM_BOT_TOKEN=box.token,
            TELEGRAM_API_BASE_URL=box.base_url,
            DATABASE_URL=url,
            FEEDS_FILE=str(folder / "feeds.opml"),
            ALLOW_PRIVATE_ADDRESSES="true",
            COLLECT_INTERVAL_S="1",
            ANALYSE_INTERVAL_S="2",
            ADMIN_USER_IDS=str(PERSON),
            WEB_PORT="0",
        )
        for name, command in commands.items()
    }
    try:
        for bot in bots.values():
            await bot.start()
        yield bots
    finally:
        for bot in bots.values():
            if bot.process is not None and bot.process.returncode is None:
                await bot.kill()


async def until(
    holds: Callable[[], Awaitable[object]], bots: dict[str, RunningBot], within_s: float = 90
) -> None:
    """Wait; when it takes too long, say what the processes said."""
    try:
        async with asyncio.timeout(within_s):
            while not await holds():  # noqa: ASYNC110 - it happens in other processes
                await asyncio.sleep(0.1)
    except TimeoutError:
        said = "\n".join(f"{name}:\n{bot.log()[-1500:]}" for name, bot in bots.items())
        raise AssertionError(said) from None


async def names_at_work(db: Database) -> set[str]:
    with contextlib.suppress(Exception):  # the first process has not made the tables yet
        return {worker.info.name for worker in await Workers(WorkerStore(db), LeaseStore(db)).all()}
    return set()


def texts(box: SandboxServer, chat: int | str, word: str) -> list[str]:
    said = [str(m.get("text") or m.get("caption") or "") for m in box.sent(chat)]
    return [text for text in said if word in text]


def answered(box: SandboxServer, word: str) -> Callable[[], Awaitable[bool]]:
    """Has the person heard something with this word?"""

    async def heard() -> bool:
        return bool(texts(box, PERSON, word))

    return heard


async def test_four_processes_with_a_role_each_do_the_whole_road(
    database_url: str, box: SandboxServer, tmp_path: Path
) -> None:
    """A feed's item becomes an alert in a chat, and a digest comes to the channel once."""
    feed = Feed()
    channel = next(chat.id for chat in box.world.chats.values() if chat.type == "channel")
    commands = {
        "collector": "worker --roles collect --name collector",
        "one": "worker --roles analyse,send --name one",
        "two": "worker --roles analyse,send --name two",
        "talker": "worker --roles chat --name talker",
    }
    async with (
        Site({"/feed.xml": feed.page}) as site,
        at_work(
            tmp_path, database_url, box, commands, f"<outline xmlUrl='{site.url}/feed.xml'/>"
        ) as bots,
    ):
        db = await open_database(database_url)

        async def all_there() -> bool:
            return await names_at_work(db) == set(commands)

        async def stored() -> bool:
            rows = await db.fetch_all("SELECT COUNT(*) FROM posts")
            known = await db.fetch_all("SELECT id FROM chats WHERE id=?", (channel,))
            return rows[0][0] >= 4 and bool(known)

        async def watched() -> bool:
            return bool(await db.fetch_all("SELECT id FROM watches"))

        async def told() -> bool:
            return bool(texts(box, PERSON, "زلزله‌ای") and box.sent(channel))

        try:
            await until(all_there, bots)
            await box.say(PERSON, "/watch زلزله‌ای")
            await until(stored, bots)
            await until(watched, bots)
            plan = DigestPlan(chat_id=channel, at="08:00", next_at=utc_now(), created_by=PERSON)
            await DigestStore(db).save(plan)
            feed.titles.append("زلزله‌ای شهر را لرزاند")
            await until(told, bots)
            await asyncio.sleep(12)  # a round more of everything that could repeat it
            alerts = texts(box, PERSON, "لرزاند")
            digests = await db.fetch_all(
                "SELECT unique_key FROM outbox WHERE kind='digest' AND part=0"
            )
            in_channel = len(box.sent(channel))
            parts = await db.fetch_all("SELECT COUNT(*) FROM outbox WHERE kind='digest'")
            leader = await LeaseStore(db).holder("chat")
            ran = await db.fetch_all("SELECT DISTINCT worker FROM job_runs WHERE job='collect'")
            codes = [await bot.stop() for bot in bots.values()]
            left = await names_at_work(db)
        finally:
            await db.close()

    assert len(alerts) == 1
    assert len(digests) == 1
    assert in_channel == parts[0][0]
    assert leader is not None
    assert leader.owner == "talker"
    assert ran == [("collector",)]
    assert codes == [0, 0, 0, 0]
    assert left == set()
    assert box.violations == []


async def test_two_whole_bots_are_a_leader_and_one_that_stands_by(
    database_url: str, box: SandboxServer, tmp_path: Path
) -> None:
    """No fight over getUpdates; when the leader is told to go, the other answers in moments."""
    commands = {"one": "run", "two": "run"}
    async with at_work(tmp_path, database_url, box, commands) as bots:
        db = await open_database(database_url)

        async def both_there() -> bool:
            return len(await names_at_work(db)) == 2 and await LeaseStore(db).holder("chat")

        try:
            await until(both_there, bots)
            await asyncio.sleep(5)
            refused = [call for call in box.calls_of("getUpdates") if call.error_code == 409]
            await box.say(PERSON, "/search nakhostin")
            await until(answered(box, "nakhostin"), bots)
            leader = await LeaseStore(db).holder("chat")
            assert leader is not None
            mine = [
                bot
                for bot in bots.values()
                if bot.process and bot.process.pid == _pid(leader.owner)
            ]
            assert len(mine) == 1
            code = await mine[0].stop()
            await box.say(PERSON, "/search dovomin")
            await until(answered(box, "dovomin"), bots)
        finally:
            await db.close()

    assert code == 0
    assert refused == []
    assert len(texts(box, PERSON, "nakhostin")) == len(texts(box, PERSON, "dovomin")) == 1


def _pid(worker: str) -> int:
    """Of a name that a process gave itself: host, pid and a suffix."""
    return int(worker.split("-")[-2])


async def test_a_database_that_is_away_ends_no_process(
    box: SandboxServer, tmp_path: Path, mariadb_alone: MariaDb
) -> None:
    """MariaDB killed and started again after half a minute: the bot goes on by itself."""
    url = await mariadb_alone.new_database()
    async with at_work(tmp_path, url, box, {"one": "run"}) as bots:
        await box.say(PERSON, "/search pishin")
        await until(answered(box, "pishin"), bots)

        mariadb_alone.kill()
        await box.say(PERSON, "/search miani")
        await asyncio.sleep(30)
        alive = bots["one"].process is not None and bots["one"].process.returncode is None
        await asyncio.to_thread(mariadb_alone.start)
        await box.say(PERSON, "/search pasin")
        await until(answered(box, "pasin"), bots)
        await until(answered(box, "miani"), bots)
        code = await bots["one"].stop()

    assert alive
    assert code == 0
    assert [len(texts(box, PERSON, word)) for word in ("pishin", "miani", "pasin")] == [1, 1, 1]


@pytest.fixture
def mariadb_alone(mysql_url: str) -> Iterator[MariaDb]:
    """A server of this test's own, for it is killed."""
    server = MariaDb()
    try:
        server.start()
        yield server
    finally:
        server.close()


async def test_a_signal_before_everything_is_up_ends_it_too(
    database_url: str, box: SandboxServer, tmp_path: Path
) -> None:
    """SIGTERM while Telegram cannot be reached: an orderly end, nothing hangs."""
    box.faults.outage(60)
    async with at_work(tmp_path, database_url, box, {"one": "run"}) as bots:
        db = await open_database(database_url)

        async def there() -> bool:
            return bool(await names_at_work(db))

        try:
            await until(there, bots)
            bots["one"].process.send_signal(signal.SIGTERM)  # type: ignore[union-attr]
            code = await bots["one"].stop()
            left = await names_at_work(db)
        finally:
            await db.close()

    assert code == 0
    assert left == set()
