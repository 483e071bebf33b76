"""Four processes on one database, killed, stopped and cut off, and every row accounted for.

`python -m tests.chaos.storage --database sqlite|mysql --kills 200 --stops 50 --server-kills 10
--cancel 0.05 --seed 1`: ends with 1 when something was lost, doubled, torn or wedged.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from bot.ports import Database, Transaction
from bot.services.db_service import open_database
from bot.services.migrations import migrate
from tests.chaos.harness import ROOT
from tests.chaos.storage_checks import Findings, Told, check
from tests.chaos.storage_worker import TTL, make_tables
from tests.mariadb import MariaDb

WORKERS = 4
STORM = 5  # events that come close together; afterwards everybody must write again
WRITE_AGAIN_S = 60.0  # a busy machine takes its time; a wedged connection takes for ever
SETTLE_S = 240.0
ITEMS_AN_EVENT = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to happen."""

    kills: int
    stops: int
    server_kills: int = 0
    cancel: float = 0.05
    seed: int = 1


@dataclass(slots=True)
class Outcome:
    """What happened, what was found, and what must not have been."""

    happened: dict[str, int] = field(default_factory=dict)
    figures: dict[str, int] = field(default_factory=dict)
    broken: dict[str, int] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        return not any(self.broken.values())

    def lines(self) -> list[str]:
        titles = ("happened", "found", "must be 0")
        parts = (self.happened, self.figures, self.broken)
        return [
            line
            for title, part in zip(titles, parts, strict=True)
            for line in (title, *(f"  {name:<52}{count:>9}" for name, count in part.items()))
        ]


class Place:
    """One of the four, process after process."""

    def __init__(self, url: str, number: int, plan: Plan, told: Told) -> None:
        self.lock = asyncio.Lock()  # held while something is done to it
        self.ended_by_themselves = 0
        self.wrote_at = 0.0  # loop time
        self._wrote = asyncio.Event()
        self._command = ("-m", "tests.chaos.storage_worker", url)
        self._number = number
        self._plan = plan
        self._told = told
        self._starts = 0
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._starts += 1
        name = f"w{self._number}.{self._starts}"
        seed = self._plan.seed * 1_000_000 + self._number * 10_000 + self._starts
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, *self._command, name, str(seed), str(self._plan.cancel)),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        self._reading = asyncio.create_task(self._read(self._process))

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def end(self, number: signal.Signals) -> int:
        """Signal it, hear the last that it said, and return its exit code."""
        assert self._process is not None
        assert self._reading is not None
        self.signal(number)
        async with asyncio.timeout(SETTLE_S):
            await self._reading
            return await self._process.wait()

    async def kill_and_start(self) -> None:
        if await self.end(signal.SIGKILL) != -signal.SIGKILL:
            self.ended_by_themselves += 1
        await self.start()

    async def writes_after(self, moment: float) -> None:
        """Return when it says a write after that moment (loop time)."""
        while self.wrote_at < moment:
            self._wrote.clear()
            await self._wrote.wait()

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while (line := await process.stdout.readline()).endswith(b"\n"):  # else cut by a kill
            text = line.decode().strip()
            self._told.hear(text)
            if text[0] in "SBE":
                self.wrote_at = asyncio.get_running_loop().time()
                self._wrote.set()


class Storms:
    """Plays a plan over one database."""

    def __init__(
        self, db: Database, url: str, plan: Plan, server: MariaDb | None, say: Callable[[str], None]
    ) -> None:
        self.told = Told()
        self.wedged = 0
        self.failed_ends = 0
        self.slowest_s = 0.0
        self._db = db
        self._plan = plan
        self._server = server
        self._say = say
        self._chance = random.Random(plan.seed)
        self.places = [Place(url, n, plan, self.told) for n in range(WORKERS)]

    async def play(self) -> None:
        plan = self._plan
        kinds: list[Callable[[], Awaitable[None]]] = (
            [self._kill] * plan.kills
            + [self._stop] * plan.stops
            + [self._kill_server] * plan.server_kills
        )
        self._chance.shuffle(kinds)
        try:
            await self._add_items(200)
            for place in self.places:
                await place.start()
            await self._all_write()
            for start in range(0, len(kinds), STORM):
                async with asyncio.TaskGroup() as storm:
                    for kind in kinds[start : start + STORM]:
                        storm.create_task(kind())  # type: ignore[arg-type]  # they are coroutines
                        await asyncio.sleep(self._chance.uniform(0.02, 0.5))
                await self._all_write()
                await self._add_items(STORM * ITEMS_AN_EVENT)
                self._say(f"{min(start + STORM, len(kinds))} of {len(kinds)} events")
            await self._until_done()
            for place in self.places:
                self.failed_ends += await place.end(signal.SIGTERM) != 0
        finally:
            for place in self.places:
                place.signal(signal.SIGKILL)

    async def _kill(self) -> None:
        place = self._chance.choice(self.places)
        async with place.lock:
            await place.kill_and_start()

    async def _stop(self) -> None:
        place = self._chance.choice(self.places)
        async with place.lock:
            place.signal(signal.SIGSTOP)
            await asyncio.sleep(TTL.total_seconds() * self._chance.uniform(1.1, 1.6))
            place.signal(signal.SIGCONT)

    async def _kill_server(self) -> None:
        assert self._server is not None
        self._server.kill()
        await asyncio.sleep(self._chance.uniform(0.0, 1.0))
        await asyncio.to_thread(self._server.start)

    async def _all_write(self) -> None:
        """Everybody writes again within a bound, or counts as wedged."""
        since = asyncio.get_running_loop().time()
        for place in self.places:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(since + WRITE_AGAIN_S):
                    await place.writes_after(since)
            if place.wrote_at < since:
                self.wedged += 1
                await place.kill_and_start()
            else:
                self.slowest_s = max(self.slowest_s, place.wrote_at - since)

    async def _add_items(self, count: int) -> None:
        async def unit(tx: Transaction) -> None:
            await tx.execute_many("INSERT INTO items (due_ms) VALUES (?)", [(0,)] * count)

        await self._db.write(unit)

    async def _until_done(self) -> None:
        """Wait for the last item; what is left after the time is found by the check."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                left = "SELECT 1 FROM items WHERE times_done = 0 LIMIT 1"
                while await self._db.fetch_one(left):  # noqa: ASYNC110 - others do it
                    await asyncio.sleep(0.2)


async def run(
    url: str, plan: Plan, server: MariaDb | None = None, say: Callable[[str], None] = lambda _: None
) -> Outcome:
    """Play it once, on an empty database."""
    db = await open_database(url)
    try:
        await migrate(db)
        await make_tables(db)
        storms = Storms(db, url, plan, server, say)
        began = time.monotonic()
        await storms.play()
        found = await check(db, storms.told)
    finally:
        await db.close()
    return _outcome(plan, storms, found, time.monotonic() - began)


def _outcome(plan: Plan, storms: Storms, found: Findings, seconds: float) -> Outcome:
    counts = storms.told.counts
    return Outcome(
        happened={
            "kills -9 of a worker": plan.kills,
            "stops for longer than the ttl": plan.stops,
            "kills -9 of the server": plan.server_kills,
            "operations cancelled": counts["N"],
            "operations failed while the server was away": counts["F"],
            "leases gained": counts["G"],
            "leases lost while held": counts["L"],
            "slowest write after a storm, ms": int(storms.slowest_s * 1000),
            "seconds": int(seconds),
        },
        figures=found.figures,
        broken={
            **found.broken,
            "wedged workers": storms.wedged,
            "workers that ended by themselves": sum(p.ended_by_themselves for p in storms.places),
            "workers that did not end well": storms.failed_ends,
        },
    )


async def _play(database: str, plan: Plan) -> Outcome:
    def say(text: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{text} ")

    if database == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            return await run(f"sqlite:///{Path(folder) / 'chaos.db'}", plan, None, say)
    server = MariaDb()
    try:
        await asyncio.to_thread(server.start)
        return await run(await server.new_database(), plan, server, say)
    finally:
        server.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "mysql"), default="sqlite")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--stops", type=int, default=50)
    parser.add_argument("--server-kills", type=int, default=10)
    parser.add_argument("--cancel", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    plan = Plan(
        kills=given.kills,
        stops=given.stops,
        server_kills=given.server_kills if given.database == "mysql" else 0,
        cancel=given.cancel,
        seed=given.seed,
    )
    outcome = asyncio.run(_play(given.database, plan))
    sys.stdout.write("\n".join([f"storage chaos on {given.database}", *outcome.lines()]) + "\n")
    return 0 if outcome.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
