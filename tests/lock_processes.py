"""Processes that hold leases and claim work, to be stopped and killed by tests.

`python -m tests.lock_processes KIND URL JSON`: each says what happens as lines of JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.errors import LeaseLost, LockTimeout
from bot.ports import Database, Transaction
from bot.services.db_locks import Leases
from bot.services.db_service import open_database
from bot.services.migrations import in_words_of
from bot.storage.claims import Claims
from bot.storage.leases import LeaseStore, fence

ROOT = Path(__file__).resolve().parents[1]
LINE_TIMEOUT_S = 60.0  # a busy machine takes its time

TABLES = (
    """CREATE TABLE items (id {id}, due_ms BIGINT NOT NULL, times_done INTEGER NOT NULL DEFAULT 0,
    claim_token BIGINT NOT NULL DEFAULT 0, claim_until_ms BIGINT NOT NULL DEFAULT 0){table}""",
    "CREATE INDEX items_due ON items (due_ms, id)",
    "CREATE TABLE written (id {id}, writer VARCHAR(40) NOT NULL, token BIGINT NOT NULL){table}",
)


async def make_tables(db: Database, items: int = 0) -> None:
    """The tables that these processes work on, with so many items that are due."""
    for table in TABLES:
        await db.execute(in_words_of(db.dialect.name, table))

    async def fill(tx: Transaction) -> None:
        rows = [(n,) for n in range(items)]
        await tx.execute_many("INSERT INTO items (due_ms) VALUES (?)", rows)

    await db.write(fill)


def claims_of(db: Database) -> Claims:
    """How the tests claim items."""
    return Claims(db, "items", due="times_done = 0 AND due_ms < ?", order="due_ms, id")


async def finish(db: Database, claims: Claims, item: int, token: int) -> None:
    """The work on an item: its effect and the end of the claim in one transaction."""

    async def unit(tx: Transaction) -> None:
        await claims.confirm(tx, item, token)
        await tx.execute("UPDATE items SET times_done = times_done + 1 WHERE id = ?", (item,))

    await db.write(unit)


class Child:
    """One of these processes."""

    def __init__(self, kind: str, url: str, **given: Any) -> None:
        self._command = ("-m", "tests.lock_processes", kind, url, json.dumps(given))
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Child:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, *self._command, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    async def line(self) -> Any:
        """What it says next; None at its end."""
        assert self.process.stdout is not None
        async with asyncio.timeout(LINE_TIMEOUT_S):
            line = await self.process.stdout.readline()
        return json.loads(line) if line else None

    async def until(self, word: str) -> Any:
        """Read on until it says an object with this key, and return the value."""
        while (said := await self.line()) is not None:
            if word in said:
                return said[word]
        raise AssertionError(f"the process ended without saying {word!r}")

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> None:
        """SIGSTOP, and wait until it really stands still."""
        self.signal(signal.SIGSTOP)
        deadline = time.monotonic() + LINE_TIMEOUT_S
        stat = Path(f"/proc/{self.process.pid}/stat")
        while stat.read_text().rsplit(")", 1)[1].split()[0] != "T":
            assert time.monotonic() < deadline, "the process does not stop"

    async def stop_outside_a_write(self, db: Database) -> None:
        """SIGSTOP at a moment when it holds no lock that everybody needs (SQLite's writer's)."""
        while True:
            await self.until("wrote")
            self.stop()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.3):
                    await db.execute("UPDATE heads SET value = value")
                return
            self.signal(signal.SIGCONT)


def say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def race(db: Database, given: dict[str, Any]) -> None:
    """Racers of one process try for each round's lease at about the same moment."""
    store = LeaseStore(db)
    say(ready=True)
    await asyncio.to_thread(_wait_until, Path(given["start"]))
    for number in range(given["rounds"]):
        leases = await asyncio.gather(
            *(
                store.acquire(f"round-{number}", f"{os.getpid()}-{n}", timedelta(minutes=5))
                for n in range(given["racers"])
            )
        )
        say(won=[[lease.name, lease.token] for lease in leases if lease])
    say(done=True)


async def hold(db: Database, given: dict[str, Any]) -> None:
    """Hold a lease and write under it until it is lost."""
    leases = Leases(LeaseStore(db), str(os.getpid()))
    ttl = timedelta(seconds=given["ttl_s"])
    try:
        async with leases.hold("held", ttl, wait=timedelta(seconds=30)) as lease:

            async def unit(tx: Transaction) -> None:
                await fence(tx, lease)
                await tx.execute(
                    "INSERT INTO written (writer, token) VALUES (?, ?)", ("child", lease.token)
                )

            say(token=lease.token)
            while True:
                await db.write(unit)
                say(wrote=True)
                await asyncio.sleep(0.1)
    except LeaseLost as error:
        say(lost=str(error))
    except LockTimeout as error:
        say(refused=str(error))


async def claim(db: Database, given: dict[str, Any]) -> None:
    """Claim items and finish them until none is left; with `linger_s` wait before finishing."""
    claims = claims_of(db)
    ttl = timedelta(seconds=given["ttl_s"])
    say(ready=True)
    await asyncio.to_thread(_wait_until, Path(given["start"]))
    done, refused = [], 0
    while True:
        got = await claims.claim(given["limit"], ttl, (10**9,))
        if not got.ids:
            break
        say(claimed=got.ids)
        await asyncio.sleep(given.get("linger_s", 0))
        for item in got.ids:
            try:
                await finish(db, claims, item, got.token)
            except LeaseLost:
                refused += 1
            else:
                done.append(item)
    say(done=done, refused=refused)


def _wait_until(path: Path) -> None:
    while not path.exists():
        time.sleep(0.001)


KINDS: dict[str, Callable[[Database, dict[str, Any]], Awaitable[None]]] = {
    "race": race,
    "hold": hold,
    "claim": claim,
}


async def main(kind: str, url: str, given: str) -> None:
    db = await open_database(url)
    try:
        await KINDS[kind](db, json.loads(given))
    finally:
        await db.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
