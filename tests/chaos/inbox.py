"""kill -9 while people write: `python -m tests.chaos.inbox --kills 20 --messages 400`.

People write to a bot that is killed at random moments, and now and then Telegram hands out an
update that nobody can read. Afterwards every message was handled, and only those twice that a kill
cut short between their effect and their mark; the effect has a key, so it is there once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bot.models.work import UpdateState
from bot.services.db_service import open_database
from bot.services.migrations import migrate
from bot.storage.work import InboxStore
from tests.chaos.harness import Telegram, telegram, worker

PEOPLE = 12
POISON_EVERY = 25
SETTLE_TIMEOUT_S = 90.0


@dataclass(slots=True)
class Outcome:
    """What came of it; the lists name what must not be."""

    messages: int
    kills: int = 0
    handled: int = 0
    handled_again: int = 0  # handled, killed before it was marked, handled once more
    set_aside: int = 0
    lost: list[str] = field(default_factory=list)
    undone: list[int] = field(default_factory=list)
    often: list[str] = field(default_factory=list)  # handled more often than a kill explains

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.undone or self.often)


async def run(kills: int, messages: int, folder: Path, seed: int = 1) -> Outcome:
    """Play it once, in `folder`."""
    chance = random.Random(seed)
    outcome = Outcome(messages)
    database = folder / "chaos.db"
    db = await open_database(f"sqlite:///{database}")
    await migrate(db)
    store = InboxStore(db)
    async with telegram() as where:
        people = [
            int((await where.order("user", name=f"p{n}", started=True))["id"])
            for n in range(PEOPLE)
        ]
        said: list[str] = []
        writing = asyncio.create_task(_write(where, people, messages, chance, said))
        bot = worker("inbox", database, where)
        try:
            for _ in range(kills):
                await bot.start()
                await asyncio.sleep(chance.uniform(0.05, 1.0))
                await bot.kill()
                outcome.kills += 1
            await writing
            await bot.start()
            await _until_handled(store, messages + messages // POISON_EVERY)
            await bot.stop()
        finally:
            writing.cancel()
            await bot.kill()
    rows = await db.fetch_all("SELECT name, value FROM meta WHERE name LIKE 'heard:%'")
    times = {name.removeprefix("heard:"): len(value) for name, value in rows}
    outcome.handled = len(times)
    outcome.handled_again = sum(count > 1 for count in times.values())
    outcome.lost = [text for text in said if text not in times]
    outcome.often = [text for text, count in times.items() if count > 3]
    outcome.set_aside = (await store.counts()).get(UpdateState.BAD, 0)
    outcome.undone = [row.update_id for row in await store.undone()]
    await db.close()
    return outcome


async def _write(
    where: Telegram, people: list[int], messages: int, chance: random.Random, said: list[str]
) -> None:
    for n in range(1, messages + 1):
        text = f"message {n}"
        await where.order("say", user=chance.choice(people), text=text)
        said.append(text)
        if n % POISON_EVERY == 0:
            await where.order("poison")
        await asyncio.sleep(chance.uniform(0.0, 0.04))


async def _until_handled(store: InboxStore, updates: int) -> None:
    """Wait until nothing is left to do; what is left after the time is named by the caller."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLE_TIMEOUT_S):
            while True:
                counts = await store.counts()
                if sum(counts.values()) >= updates and not counts.get(UpdateState.NEW):
                    return
                await asyncio.sleep(0.2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--messages", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = asyncio.run(run(options.kills, options.messages, Path(folder), options.seed))
    sys.stdout.write(json.dumps(asdict(outcome), ensure_ascii=False, indent=2) + "\n")
    return 0 if outcome.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
