"""kill -9 during delivery: `python -m tests.chaos.delivery --kills 20 --messages 400`.

Messages flow to many chats through a Telegram that loses requests and answers, hangs, floods and
fails, while the sending process is killed at random moments. Afterwards every message was sent
once, or is listed as ambiguous; the other side is the judge.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bot.models.messages import OutMessage
from bot.models.work import Lane, OutboxState, Outgoing
from bot.ports import Database
from bot.services.db_service import open_database
from bot.services.migrations import migrate
from bot.storage.outbox import OutboxStore
from bot.utils.times import utc_now
from tests.chaos.harness import Telegram, telegram, worker

PEOPLE = 30
FAULTS = (
    {"kind": "lost_request", "fraction": 0.03},
    {"kind": "lost_response", "fraction": 0.03},
    {"kind": "hang", "fraction": 0.02, "seconds": 2.0},
    {"kind": "429", "fraction": 0.02, "retry_after": 1},
    {"kind": "5xx", "fraction": 0.02, "code": 502},
)
SETTLE_TIMEOUT_S = 120.0


@dataclass(slots=True)
class Outcome:
    """What came of it; the lists name what must not be."""

    messages: int
    kills: int = 0
    sent: int = 0
    ambiguous: int = 0
    ambiguous_arrived: int = 0
    gone: int = 0
    violations: int = 0
    doubled: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)  # called sent, but never arrived
    undecided: list[str] = field(default_factory=list)  # in no final state
    out_of_order: list[int] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not (self.doubled or self.lost or self.undecided or self.out_of_order)


async def run(kills: int, messages: int, folder: Path, seed: int = 1) -> Outcome:
    """Play it once, in `folder`."""
    chance = random.Random(seed)
    outcome = Outcome(messages)
    database = folder / "chaos.db"
    db = await open_database(f"sqlite:///{database}")
    await migrate(db)
    outbox = OutboxStore(db)
    async with telegram() as where:
        chats = [
            int((await where.order("user", name=f"p{n}", started=True))["id"])
            for n in range(PEOPLE)
        ]
        leaver = int((await where.order("user", name="leaver", started=True))["id"])
        await where.order("block", user=leaver)
        for fault in FAULTS:
            await where.order("faults", method="sendMessage", times=None, **fault)
        feeding = asyncio.create_task(_feed(outbox, [*chats, leaver], messages, chance))
        sender = worker("sender", database, where)
        try:
            for _ in range(kills):
                await sender.start()
                await asyncio.sleep(chance.uniform(0.1, 1.2))
                await sender.kill()
                outcome.kills += 1
            await feeding
            await sender.start()
            await _until_settled(outbox)
            await sender.stop()
        finally:
            feeding.cancel()
            await sender.kill()
        await _judge(outcome, db, where, chats)
    await db.close()
    return outcome


async def _feed(
    outbox: OutboxStore, chats: list[int], messages: int, chance: random.Random
) -> None:
    """Queue messages while others are on their way, each chat's numbered in order."""
    numbers: Counter[int] = Counter()
    for n in range(messages):
        chat_id = chats[n % len(chats)]
        numbers[chat_id] += 1
        text = f"{chat_id} {numbers[chat_id]}"
        row = Outgoing(
            unique_key=text,
            chat_id=chat_id,
            kind="alert",
            payload=OutMessage(text=text).to_json(),
            lane=Lane.NORMAL,
        )
        await outbox.enqueue([row], utc_now())
        await asyncio.sleep(chance.uniform(0.0, 0.03))


async def _until_settled(outbox: OutboxStore) -> None:
    """Wait until nothing is on its way; what still is after the time is named by the judge."""
    waiting = {OutboxState.PENDING, OutboxState.RETRY, OutboxState.SENDING}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLE_TIMEOUT_S):
            while waiting & set(await outbox.counts()):  # noqa: ASYNC110 - another process works
                await asyncio.sleep(0.2)


async def _judge(outcome: Outcome, db: Database, where: Telegram, chats: list[int]) -> None:
    arrived: Counter[str] = Counter()
    for chat_id in chats:
        texts = await where.texts(chat_id)
        arrived.update(texts)
        numbers = [int(text.split()[1]) for text in texts]
        if numbers != sorted(numbers):
            outcome.out_of_order.append(chat_id)
    outcome.doubled = [text for text, count in arrived.items() if count > 1]
    for key, state in await db.fetch_all("SELECT unique_key, state FROM outbox"):
        if state == "sent":
            outcome.sent += 1
            if not arrived[key]:
                outcome.lost.append(key)
        elif state == "ambiguous":
            outcome.ambiguous += 1
            outcome.ambiguous_arrived += arrived[key]
        elif state == "gone":
            outcome.gone += 1
        else:
            outcome.undecided.append(f"{key}: {state}")
    known = outcome.sent + outcome.ambiguous + outcome.gone + len(outcome.undecided)
    if known != outcome.messages:
        outcome.undecided.append(f"{outcome.messages - known} rows are missing")
    outcome.violations = len((await where.calls("sendMessage"))["violations"])


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
