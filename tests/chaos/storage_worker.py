"""A process to be killed: `python -m tests.chaos.storage_worker URL NAME SEED CANCEL`.

It writes single rows, batches, counters and items of work, and now and then rules under a lease.
What was committed it says on a line of its own, after the commit. Some operations are cancelled at
a random moment; their fate is unknown, as it is for a caller whose process died.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any

from bot.errors import LeaseLost, LockTimeout, StorageError
from bot.models.work import Lease
from bot.ports import Database, Transaction
from bot.services.db_locks import Leases
from bot.services.db_service import open_database
from bot.services.migrations import in_words_of
from bot.storage.claims import Claims
from bot.storage.leases import LeaseStore, fence

TTL = timedelta(seconds=1.5)
BATCH = 12
COUNTERS = 5
LEASE = "chaos"
PROBES = 24  # more than there are connections: a wedged one shows
PROBE_TIMEOUT_S = 60.0

TABLES = (
    "CREATE TABLE singles (name {key} NOT NULL PRIMARY KEY){table}",
    """CREATE TABLE batches (name {key} NOT NULL, part INTEGER NOT NULL,
    PRIMARY KEY (name, part)){table}""",
    "CREATE TABLE events (name {key} NOT NULL PRIMARY KEY, counter INTEGER NOT NULL){table}",
    "CREATE TABLE counters (id INTEGER NOT NULL PRIMARY KEY, value BIGINT NOT NULL){table}",
    """CREATE TABLE items (id {id}, due_ms BIGINT NOT NULL, times_done INTEGER NOT NULL DEFAULT 0,
    claim_token BIGINT NOT NULL DEFAULT 0, claim_until_ms BIGINT NOT NULL DEFAULT 0){table}""",
    "CREATE INDEX items_due ON items (times_done, due_ms, id)",
    "CREATE TABLE effects (id {id}, item BIGINT NOT NULL){table}",
    "CREATE TABLE reigns (id {id}, token BIGINT NOT NULL, value BIGINT NOT NULL){table}",
)


async def make_tables(db: Database) -> None:
    """What the workers write to; the last counter is the ruler's."""
    for table in TABLES:
        await db.execute(in_words_of(db.dialect.name, table))
    for number in range(COUNTERS + 1):
        await db.execute("INSERT INTO counters (id, value) VALUES (?, 0)", (number,))


def claims_of(db: Database) -> Claims:
    return Claims(db, "items", due="times_done = 0 AND due_ms <= ?", order="due_ms, id")


def say(word: str, what: object) -> None:
    sys.stdout.write(f"{word} {what}\n")
    sys.stdout.flush()


class ChaosWorker:
    """Everything at once, until told to stop."""

    def __init__(self, db: Database, name: str, seed: int, cancel: float) -> None:
        self._db = db
        self._name = name
        self._chance = random.Random(seed)
        self._cancel = cancel
        self._numbers = itertools.count(1)
        self._stopping = asyncio.Event()
        self._claims = claims_of(db)
        self._leases = Leases(LeaseStore(db), name)
        self._new_event = db.dialect.insert_new("events", ["name", "counter"], ["name"])

    async def run(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._stopping.set)
        tasks = (self._single, self._single, self._single, self._batch, self._event, self._event)
        async with asyncio.TaskGroup() as group:
            for work in (*tasks, self._claim, self._claim, self._rule):
                group.create_task(self._repeat(work))
        async with asyncio.timeout(PROBE_TIMEOUT_S), asyncio.TaskGroup() as group:
            for _ in range(PROBES):
                group.create_task(self._put(self._next()))
                group.create_task(self._db.fetch_all("SELECT id, value FROM counters"))
        say("P", "ok")

    async def _repeat(self, work: Callable[[], Awaitable[None]]) -> None:
        while not self._stopping.is_set():
            try:
                await work()
            except (LeaseLost, LockTimeout):
                raise  # each work answers for its own
            except StorageError as error:  # the server is down; what was not said may be missing
                say("F", type(error).__name__)
                await asyncio.sleep(self._chance.uniform(0.05, 0.2))
            await asyncio.sleep(self._chance.uniform(0.0, 0.03))

    async def _maybe_cancelled(self, work: Coroutine[Any, Any, Any]) -> bool:
        """Whether it was left to come to its end."""
        if self._chance.random() >= self._cancel:
            await work
            return True
        try:
            async with asyncio.timeout(self._chance.uniform(0.0, 0.02)):
                await work
        except TimeoutError:
            say("N", 1)
            return False
        return True

    def _next(self) -> str:
        return f"{self._name}-{next(self._numbers)}"

    async def _put(self, name: str) -> None:
        await self._db.execute("INSERT INTO singles (name) VALUES (?)", (name,))

    async def _single(self) -> None:
        name = self._next()
        if await self._maybe_cancelled(self._put(name)):
            say("S", name)

    async def _batch(self) -> None:
        name = self._next()
        parts = [(name, part) for part in range(BATCH)]
        insert = "INSERT INTO batches (name, part) VALUES (?, ?)"

        async def unit(tx: Transaction) -> None:
            for part in parts[: BATCH // 2]:
                await tx.execute(insert, part)
            await tx.execute_many(insert, parts[BATCH // 2 :])

        if await self._maybe_cancelled(self._db.write(unit)):
            say("B", name)

    async def _event(self) -> None:
        """Counted once however often it is told: told again until it is known to be in."""
        name, counter = self._next(), self._chance.randrange(COUNTERS)

        async def unit(tx: Transaction) -> None:
            if await tx.execute(self._new_event, (name, counter)):
                await tx.execute("UPDATE counters SET value = value + 1 WHERE id = ?", (counter,))

        while not await self._maybe_cancelled(self._db.write(unit)):
            pass
        say("E", name)

    async def _claim(self) -> None:
        claims, limit = self._claims, self._chance.randrange(1, 8)
        got = await claims.claim(limit, TTL, (1,))
        if got.ids:
            say("C", len(got.ids))
        slow = self._chance.random() < 0.01
        await asyncio.sleep(TTL.total_seconds() * 1.2 if slow else self._chance.uniform(0, 0.02))
        for item in got.ids:

            async def unit(tx: Transaction, item: int = item) -> None:
                await tx.execute("INSERT INTO effects (item) VALUES (?)", (item,))
                await claims.confirm(tx, item, got.token)
                await tx.execute(
                    "UPDATE items SET times_done = times_done + 1 WHERE id = ?", (item,)
                )

            try:
                if await self._maybe_cancelled(self._db.write(unit)):
                    say("D", item)
            except LeaseLost:
                say("R", item)

    async def _rule(self) -> None:
        """Under the lease: read a number, and write the next one as if nobody else could."""
        try:
            async with self._leases.hold(LEASE, TTL, wait=TTL) as lease:
                say("G", lease.token)
                for _ in range(self._chance.randrange(20, 200)):
                    await self._maybe_cancelled(self._db.write(_next_number(lease)))
                    if self._stopping.is_set():
                        return
                    await asyncio.sleep(self._chance.uniform(0.0, 0.02))
        except LeaseLost:
            say("L", self._name)
        except LockTimeout:
            return


def _next_number(lease: Lease) -> Callable[[Transaction], Awaitable[None]]:
    async def unit(tx: Transaction) -> None:
        await fence(tx, lease)
        row = await tx.fetch_one("SELECT value FROM counters WHERE id = ?", (COUNTERS,))
        assert row is not None
        value = int(row[0]) + 1
        await tx.execute("UPDATE counters SET value = ? WHERE id = ?", (value, COUNTERS))
        await tx.execute("INSERT INTO reigns (token, value) VALUES (?, ?)", (lease.token, value))

    return unit


async def _open(url: str) -> Database:
    """The database, as soon as its server is back."""
    while True:
        try:
            return await open_database(url)
        except StorageError:
            say("F", "open")
            await asyncio.sleep(0.2)


async def main(url: str, name: str, seed: str, cancel: str) -> None:
    db = await _open(url)
    try:
        await ChaosWorker(db, name, int(seed), float(cancel)).run()
    finally:
        await db.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
