"""The chat's leader killed, stopped and told to go, while people ask.

    python -m tests.chaos.failover --database mysql --rounds 10

Several workers share a database; one leads the chat. In turn the leader is killed (SIGKILL), held
up (SIGSTOP, and continued when another leads) and ended in order (SIGTERM). Every question must be
answered once, or be listed as unsure; and a question asked at that moment must be answered within
15 seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bot.ports import Database
from bot.services.db_service import open_database
from bot.services.db_sqlite import SqliteDatabase
from bot.services.migrations import migrate
from bot.storage.leases import LeaseStore
from tests.chaos.harness import Telegram, telegram
from tests.e2e.running_bot import RunningBot
from tests.mariadb import MariaDb

PEOPLE = 10
WORKERS = 3
FAILOVER_S = 15.0
WAYS = ("kill", "pause", "stop")
_START_S = 60.0  # a busy machine takes its time to import
_SETTLE_S = 120.0


@dataclass(slots=True)
class Outcome:
    """What came of it; the lists name what must not be."""

    rounds: int
    asked: int = 0
    answered: int = 0
    unsure: int = 0
    seconds: dict[str, list[float]] = field(default_factory=dict)  # to the next answer, by way
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)

    @property
    def longest_s(self) -> float:
        return max((s for way in self.seconds.values() for s in way), default=0.0)

    @property
    def is_good(self) -> bool:
        return not self.lost and not self.doubled and self.longest_s < FAILOVER_S


class Crowd:
    """People who ask for words that nobody wrote; the answer repeats the word."""

    def __init__(self, where: Telegram, people: list[int], chance: random.Random) -> None:
        self._where = where
        self._people = people
        self._chance = chance
        self._numbers = itertools.count(1)
        self.asked: dict[str, int] = {}

    async def ask(self) -> str:
        person = self._chance.choice(self._people)
        word = f"kelid{next(self._numbers)}z"
        self.asked[word] = person
        await self._where.order("say", user=person, text=f"/search {word}")
        return word

    async def go_on(self) -> None:
        while True:
            await self.ask()
            await asyncio.sleep(self._chance.uniform(0.1, 0.5))

    async def answers_to(self, word: str) -> int:
        return sum(word in text for text in await self._where.texts(self.asked[word]))

    async def seconds_to_an_answer(self) -> float:
        """Ask, and wait for the answer."""
        began = time.monotonic()
        word = await self.ask()
        async with asyncio.timeout(_START_S):
            while not await self.answers_to(word):  # noqa: ASYNC110 - it is in another process
                await asyncio.sleep(0.05)
        return time.monotonic() - began

    async def answers(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for person in self._people:
            texts = await self._where.texts(person)
            mine = [word for word, who in self.asked.items() if who == person]
            found.update({word: sum(word in text for text in texts) for word in mine})
        return found


async def run(rounds: int, folder: Path, url: str, seed: int = 1) -> Outcome:
    """Play it once; each worker has a folder of its own in `folder`."""
    chance = random.Random(seed)
    outcome = Outcome(rounds)
    db = await open_database(url)
    await migrate(db)
    async with telegram() as where:
        people = [
            int((await where.order("user", name=f"p{n}", started=True))["id"])
            for n in range(PEOPLE)
        ]
        await where.order("faults", method="sendMessage", kind="slow", times=None, seconds=0.1)
        crowd = Crowd(where, people, chance)
        async with _workers(folder, url, where) as workers:
            for worker in workers.values():
                await worker.start()
            await crowd.seconds_to_an_answer()
            asking = asyncio.create_task(crowd.go_on())
            for way in itertools.islice(itertools.cycle(WAYS), rounds):
                await asyncio.sleep(chance.uniform(1.0, 3.0))
                took = await _lose_the_leader(db, workers, crowd, way)
                outcome.seconds.setdefault(way, []).append(round(took, 1))
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking
            await _settled(db)
            await _judge(db, crowd, outcome)
    await db.close()
    return outcome


async def _lose_the_leader(
    db: Database, workers: dict[str, RunningBot], crowd: Crowd, way: str
) -> float:
    """Seconds until a question of that moment was answered; afterwards all are at work again."""
    leader = workers[await _leader(db)]
    if way == "kill":
        await leader.kill()
    elif way == "pause":
        await _pause(leader, db)
    else:
        assert await leader.stop() == 0, leader.log()[-3000:]
    took = await crowd.seconds_to_an_answer()
    if way == "pause":
        leader.resume()
    else:
        await leader.start()
    return took


async def _pause(leader: RunningBot, db: Database) -> None:
    """SIGSTOP, but not within a write to an SQLite file: it would keep the file's lock."""
    while True:
        leader.pause()
        if not isinstance(db, SqliteDatabase):
            return
        try:
            async with asyncio.timeout(2.0):
                await db.execute("UPDATE meta SET value=value WHERE name='none'")
        except TimeoutError:
            leader.resume()
            await asyncio.sleep(0.1)
        else:
            return


async def _leader(db: Database) -> str:
    async with asyncio.timeout(_START_S):
        while (held := await LeaseStore(db).holder("chat")) is None:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.1)
    return held.owner


@contextlib.asynccontextmanager
async def _workers(folder: Path, url: str, where: Telegram) -> AsyncIterator[dict[str, RunningBot]]:
    workers = {
        name: RunningBot(
            folder / name,
            "worker",
            "--roles",
            "chat",
            "--name",
            name,
            TELEGRAM_BOT_TOKEN=where.token,
            TELEGRAM_API_BASE_URL=where.base_url,
            DATABASE_URL=url,
            WEB_PORT="0",
        )
        for name in (f"w{n}" for n in range(WORKERS))
    }
    try:
        yield workers
    finally:
        for worker in workers.values():
            if worker.process is not None and worker.process.returncode is None:
                await worker.kill()


async def _settled(db: Database) -> None:
    """Wait until nothing waits or is being answered; what is left then is named by the judge."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_SETTLE_S):
            quiet = 0
            while quiet < 3:
                row = await db.fetch_one(
                    "SELECT COUNT(*) FROM inbox WHERE state IN ('new', 'answering')"
                )
                quiet = quiet + 1 if row == (0,) else 0
                await asyncio.sleep(1.0)


async def _judge(db: Database, crowd: Crowd, outcome: Outcome) -> None:
    bodies = [row[0] for row in await db.fetch_all("SELECT body FROM inbox WHERE state='unsure'")]
    answers = await crowd.answers()
    outcome.asked = len(crowd.asked)
    outcome.unsure = len(bodies)
    for word in crowd.asked:
        outcome.answered += answers[word] > 0
        if answers[word] > 1:
            outcome.doubled.append(word)
        elif not answers[word] and not any(word in body for body in bodies):
            outcome.lost.append(word)


def main() -> int:
    """Run by hand; exit code 1 when something was lost, doubled or late."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.failover")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--database", choices=("sqlite", "mysql"), default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = asyncio.run(_on(given.database, given.rounds, Path(folder), given.seed))
    shown = asdict(outcome) | {"longest_s": outcome.longest_s}
    sys.stdout.write(json.dumps(shown, indent=2) + "\n")
    return 0 if outcome.is_good else 1


async def _on(database: str, rounds: int, folder: Path, seed: int) -> Outcome:
    if database == "sqlite":
        return await run(rounds, folder, f"sqlite:///{folder}/hoshyar.db", seed)
    server = MariaDb()
    try:
        server.start()
        return await run(rounds, folder, await server.new_database(), seed)
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main())
