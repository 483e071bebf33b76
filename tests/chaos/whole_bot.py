"""The whole bot, killed with SIGKILL while it collects and while it delivers.

    python -m tests.chaos.whole_bot --kills 20

Feeds grow all the while, people ask and watch, Telegram loses requests and answers. Afterwards
every item must be stored once, every question answered at most once and otherwise shown as unsure,
every alert sent at most once and otherwise ambiguous.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from bot.ports import Database
from bot.sandbox.server import SandboxServer
from bot.services.db_service import open_database
from tests.e2e.running_bot import RunningBot
from tests.fakes_feeds import Answer, Site

WATCHERS = 40
FEEDS = 3
_LETTERS = "ابپتجچخدرزسشعفقکگلمنوهی"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    kills: int
    published: int
    stored: int
    stored_twice: int
    asked: int
    answered: int
    answered_twice: int
    unsure: int
    alerts_sent: int
    alerts_doubled: int
    alerts_ambiguous: int
    alerts_left: int  # neither sent nor shown: must be 0
    floods: int
    integrity: str

    @property
    def is_good(self) -> bool:
        return (
            self.stored == self.published
            and not self.stored_twice
            and not self.answered_twice
            and self.answered + self.unsure >= self.asked
            and not self.alerts_doubled
            and not self.alerts_left
            and not self.floods
            and self.integrity == "ok"
        )


class Newsroom:
    """Feeds that grow; an item stays for ever, so what a kill misses can still be fetched."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.items: list[list[str]] = [[] for _ in range(FEEDS)]

    def publish(self) -> None:
        words = " ".join(
            "".join(self._chance.choices(_LETTERS, k=self._chance.randint(3, 7))) for _ in range(14)
        )
        feed = self._chance.randrange(FEEDS)
        number = len(self.items[feed])
        self.items[feed].append(
            f"<item><title>زلزله {words}</title><guid>{feed}-{number}</guid>"
            f"<link>http://127.0.0.1/{feed}/{number}</link></item>"
        )

    def page(self, feed: int) -> Answer:
        body = f"<rss version='2.0'><channel><title>f{feed}</title><language>fa</language>"
        body += "".join(self.items[feed]) + "</channel></rss>"
        return Answer(body=body.encode(), headers={"Content-Type": "application/rss+xml"})

    def count(self) -> int:
        return sum(map(len, self.items))


async def run(kills: int, folder: Path, seed: int = 1) -> Outcome:
    """Kill the bot so many times, half of them early (collection), half late (delivery)."""
    chance = random.Random(seed)
    news = Newsroom(chance)

    def route(feed: int) -> object:
        return lambda asked: news.page(feed)

    database = f"sqlite:///{folder}/hoshyar.db"
    routes = {f"/{feed}.xml": route(feed) for feed in range(FEEDS)}
    async with Site(routes) as site, SandboxServer(linked_channel=False) as server:  # type: ignore[arg-type]
        opml = "".join(f"<outline xmlUrl='{site.url}/{feed}.xml'/>" for feed in range(FEEDS))
        (folder / "feeds.opml").write_text(f"<opml version='2.0'><body>{opml}</body></opml>")
        bot = RunningBot(
            folder,
            TELEGRAM_BOT_TOKEN=server.token,
            TELEGRAM_API_BASE_URL=server.base_url,
            DATABASE_URL=database,
            FEEDS_FILE=str(folder / "feeds.opml"),
            ALLOW_PRIVATE_ADDRESSES="true",
            COLLECT_INTERVAL_S="1",
            ANALYSE_INTERVAL_S="5",
            WEB_PORT="0",
        )
        people = [server.people.new_user(f"w{n}", started=True).id for n in range(WATCHERS)]
        await bot.start()
        for person in people:
            await server.say(person, "/watch زلزله")
            await asyncio.sleep(0.05)
        await _settled(database, 60)
        await bot.kill()
        asked: Counter[int] = Counter()
        server.faults.add("sendMessage", "lost_response", times=None, fraction=0.04)
        server.faults.add("sendMessage", "5xx", times=None, fraction=0.02)
        talking = asyncio.create_task(_talk(server, people, news, asked, chance))
        for _ in range(kills):
            await bot.start()
            await asyncio.sleep(chance.uniform(0.9, 4.0))
            await bot.kill()
        talking.cancel()
        with suppress(asyncio.CancelledError):
            await talking
        server.faults.clear()
        await bot.start()
        await _settled(database, 240, expected_posts=news.count())
        await asyncio.sleep(12)  # one more round of alerts
        await _settled(database, 120)
        exit_code = await bot.stop()
        assert exit_code == 0, bot.log()[-2000:]
        return await _judge(database, server, people, asked, news.count(), kills)


async def _talk(
    server: SandboxServer,
    people: list[int],
    news: Newsroom,
    asked: Counter[int],
    chance: random.Random,
) -> None:
    while True:
        news.publish()
        person = chance.choice(people)
        asked[person] += 1
        await server.say(person, f"/nonsense{asked[person]}")
        await asyncio.sleep(0.3)


async def _settled(database: str, within_s: float, expected_posts: int = 0) -> None:
    """Wait until nothing waits in either box any more."""
    db = await open_database(database)
    try:
        async with asyncio.timeout(within_s):
            while True:
                if await _is_settled(db, expected_posts):
                    return
                await asyncio.sleep(0.5)
    finally:
        await db.close()


async def _is_settled(db: Database, expected_posts: int) -> bool:
    try:
        rows = await db.fetch_all(
            "SELECT (SELECT COUNT(*) FROM inbox WHERE state IN ('new', 'answering')), "
            "(SELECT COUNT(*) FROM outbox WHERE state IN ('pending', 'retry', 'sending')), "
            "(SELECT COUNT(*) FROM posts), (SELECT COUNT(*) FROM watches)"
        )
    except Exception:  # the bot has not made its tables yet
        return False
    waiting, queued, posts, watches = rows[0]
    return not waiting and not queued and posts >= expected_posts and watches >= WATCHERS


async def _judge(
    database: str,
    server: SandboxServer,
    people: list[int],
    asked: Counter[int],
    published: int,
    kills: int,
) -> Outcome:
    db = await open_database(database)
    try:
        stored = await db.fetch_one("SELECT COUNT(*), COUNT(DISTINCT title) FROM posts")
        unsure = await db.fetch_one(
            "SELECT COUNT(*) FROM inbox WHERE state IN ('unsure', 'failed', 'bad')"
        )
        states = Counter(
            dict(await db.fetch_all("SELECT state, COUNT(*) FROM outbox GROUP BY state"))
        )
        integrity = await db.fetch_one("PRAGMA integrity_check")
    finally:
        await db.close()
    assert stored is not None
    assert unsure is not None
    assert integrity is not None
    answered = twice = sent = doubled = 0
    for person in people:
        texts = [message.get("text", "") for message in server.sent(person)]
        replies = [text for text in texts if "نمی‌شناسم" in text]
        answered += min(len(replies), asked[person])
        twice += max(0, len(replies) - asked[person])
        alerts = Counter(text for text in texts if text.count("زلزله") and "نمی‌شناسم" not in text)
        sent += sum(alerts.values())
        doubled += sum(count - 1 for count in alerts.values())
    left = sum(states[state] for state in ("pending", "retry", "sending", "failed", "held"))
    return Outcome(
        kills=kills,
        published=published,
        stored=int(stored[0]),
        stored_twice=int(stored[0]) - int(stored[1]),
        asked=sum(asked.values()),
        answered=answered,
        answered_twice=twice,
        unsure=int(unsure[0]),
        alerts_sent=sent,
        alerts_doubled=doubled,
        alerts_ambiguous=states["ambiguous"],
        alerts_left=left,
        floods=len(server.violations),
        integrity=str(integrity[0]),
    )


def main() -> int:
    """Run by hand; exit code 1 when something was lost or doubled."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.whole_bot")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = asyncio.run(run(given.kills, Path(folder), given.seed))
    sys.stdout.write(json.dumps(asdict(outcome), indent=2) + "\n")
    return 0 if outcome.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
