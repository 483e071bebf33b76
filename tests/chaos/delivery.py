"""Senders killed and put to sleep: `python -m tests.chaos.delivery --senders 4 --kills 20`.

Messages flow to many chats through a Telegram that loses requests and answers, hangs, floods and
fails, while the sending processes are killed (kill -9) and stopped (SIGSTOP, often for longer than
their lease) at random moments. Afterwards every message was sent once, or is listed as ambiguous;
the other side is the judge, also of the limits that all senders must keep together.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path

from bot.features.pace_sharing import others_than
from bot.features.publish import Publisher
from bot.models.messages import OutMessage
from bot.models.work import Lane, OutboxState, Outgoing, Role
from bot.ports import Database
from bot.services.db_service import open_database
from bot.services.migrations import migrate
from bot.services.telegram_api import TelegramApi
from bot.storage.outbox import OutboxStore
from bot.storage.workers import WorkerStore
from bot.utils.times import utc_now
from tests.chaos.harness import Telegram, Worker, telegram
from tests.mariadb import MariaDb

PEOPLE = 30
LEASE = timedelta(seconds=9)  # in real life minutes: here sleepers are to sleep over it
ALIVE = timedelta(seconds=4)
FAULTS = (
    {"kind": "lost_request", "fraction": 0.03},
    {"kind": "lost_response", "fraction": 0.03},
    {"kind": "hang", "fraction": 0.02, "seconds": 2.0},
    {"kind": "429", "fraction": 0.02, "retry_after": 1},
    {"kind": "5xx", "fraction": 0.02, "code": 502},
)
SETTLE_TIMEOUT_S = 240.0


@dataclass(slots=True)
class Outcome:
    """What came of it; the lists name what must not be."""

    messages: int
    senders: int = 1
    kills: int = 0
    stops: int = 0
    sent: int = 0
    ambiguous: int = 0
    ambiguous_arrived: int = 0
    gone: int = 0
    seconds: float = 0.0
    doubled: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)  # called sent, but never arrived
    undecided: list[str] = field(default_factory=list)  # in no final state
    out_of_order: list[int] = field(default_factory=list)
    broken_limits: list[str] = field(default_factory=list)
    # More than thirty within a second: on a machine that stalls, calls come in bunches.
    bunches: int = 0

    @property
    def is_good(self) -> bool:
        return not (
            self.doubled or self.lost or self.undecided or self.out_of_order or self.broken_limits
        )


async def run(
    kills: int, messages: int, database: str, seed: int = 1, senders: int = 1, stops: int = 0
) -> Outcome:
    """Play it once, on the database at this address."""
    chance = random.Random(seed)
    outcome = Outcome(messages, senders)
    db = await open_database(database)
    await migrate(db)
    outbox = OutboxStore(db)
    async with telegram() as where:
        people = [
            int((await where.order("user", name=f"p{n}", started=True))["id"])
            for n in range(PEOPLE)
        ]
        group = int((await where.order("group", title="گروه", owner=people[0]))["id"])
        chats = [*people, group]
        leaver = int((await where.order("user", name="leaver", started=True))["id"])
        await where.order("block", user=leaver)
        for fault in FAULTS:
            await where.order("faults", method="sendMessage", times=None, **fault)
        began = asyncio.get_running_loop().time()
        feeding = asyncio.create_task(_feed(outbox, [*chats, leaver], messages, chance))
        crowd = [_sender(database, where, f"sender-{n}") for n in range(senders)]
        try:
            await asyncio.gather(*[sender.start() for sender in crowd])
            await _trouble(outcome, crowd, kills, stops, chance)
            await feeding
            await _until_settled(outbox)
            outcome.seconds = round(asyncio.get_running_loop().time() - began, 1)
            await asyncio.gather(*[sender.stop() for sender in crowd])
        finally:
            feeding.cancel()
            await asyncio.gather(*[sender.kill() for sender in crowd])
        await _judge(outcome, db, where, chats)
    await db.close()
    return outcome


def _sender(database: str, where: Telegram, name: str) -> Worker:
    return Worker("-m", "tests.chaos.delivery", "send", database, where.base_url, where.token, name)


async def _trouble(
    outcome: Outcome, crowd: list[Worker], kills: int, stops: int, chance: random.Random
) -> None:
    """Kill and stop senders, one event after the other; a stopped one sleeps beside the others."""
    events = ["kill"] * kills + ["stop"] * stops
    chance.shuffle(events)
    asleep: set[Worker] = set()
    async with asyncio.TaskGroup() as sleepers:
        for event in events:
            await asyncio.sleep(chance.uniform(0.1, 1.2))
            awake = [sender for sender in crowd if sender not in asleep]
            if not awake:
                continue
            sender = chance.choice(awake)
            if event == "kill":
                await sender.kill()
                await sender.start()
                outcome.kills += 1
            else:
                asleep.add(sender)
                sleepers.create_task(_sleep(sender, asleep, chance.uniform(0.5, 14.0)))
                outcome.stops += 1


async def _sleep(sender: Worker, asleep: set[Worker], seconds: float) -> None:
    sender.send_signal(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    sender.send_signal(signal.SIGCONT)
    asleep.discard(sender)


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
    broken = (await where.calls("sendMessage"))["violations"]
    outcome.broken_limits = [json.dumps(one) for one in broken if one["limit"] != "overall"]
    outcome.bunches = len(broken) - len(outcome.broken_limits)


async def send(database: str, base_url: str, token: str, name: str) -> None:
    """One of the senders: empties the outbox until told to stop."""
    logging.basicConfig(level=logging.ERROR)
    db = await open_database(database)
    api = TelegramApi(token, base_url=base_url)
    workers = WorkerStore(db)
    publisher = Publisher(
        OutboxStore(db),
        api,
        files=Path("files"),
        others=others_than(name, workers, ALIVE),
        lease=LEASE,
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, publisher.stop)

    async def beat() -> None:
        while True:
            await workers.beat(name, "here", os.getpid(), [Role.SEND])
            await asyncio.sleep(1.0)

    await workers.beat(name, "here", os.getpid(), [Role.SEND])
    sys.stdout.write("at work\n")
    sys.stdout.flush()
    async with asyncio.TaskGroup() as group:
        beating = group.create_task(beat())
        await publisher.run()
        beating.cancel()
    await api.close()
    await db.close()


async def _run(options: argparse.Namespace, folder: str) -> Outcome:
    server = MariaDb() if options.database == "mysql" else None
    try:
        if server is None:
            database = f"sqlite:///{folder}/chaos.db"
        else:
            await asyncio.to_thread(server.start)
            database = await server.new_database()
        return await run(
            options.kills,
            options.messages,
            database,
            options.seed,
            options.senders,
            options.stops,
        )
    finally:
        if server is not None:
            server.close()


def main() -> int:
    """Run by hand; exit code 1 when something was lost, doubled or too fast."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.delivery")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--stops", type=int, default=0)
    parser.add_argument("--messages", type=int, default=400)
    parser.add_argument("--senders", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=("sqlite", "mysql"), default="sqlite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = asyncio.run(_run(options, folder))
    sys.stdout.write(json.dumps(asdict(outcome), ensure_ascii=False, indent=2) + "\n")
    return 0 if outcome.is_good else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["send"]:
        asyncio.run(send(*sys.argv[2:]))
    else:
        sys.exit(main())
