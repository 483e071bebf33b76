"""Runs jobs by the clock. APScheduler only ticks: times, claims and results are in the database.

Several processes may run one table of jobs on one database. A late start runs a missed job once
instead of skipping it or catching up on every turn. Due times are judged by the database's time, so
that hosts whose clocks differ agree on them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.errors import BadInput
from bot.features.jobs import unknown_job
from bot.jobs.runs import LEASE, Job, Runs
from bot.models.work import JobRun, JobState
from bot.ports import Clock
from bot.storage.work import JobStore

log = logging.getLogger(__name__)

_Work = Callable[[], Coroutine[Any, Any, JobRun | None]]

TICK_S = 1.0
CLOSE_EVERY = timedelta(seconds=30)  # how long a dead process's run may look as if it went on
STOP_GRACE_S = 20.0  # a supervisor kills after 30


class SharedClock:
    """This process's clock, put right by the database's whenever `look` is awaited."""

    def __init__(self, clock: Clock, there: Callable[[], Awaitable[datetime]]) -> None:
        self._clock = clock
        self._there = there
        self._ahead = timedelta(0)

    async def look(self) -> None:
        self._ahead = await self._there() - self._clock()

    def __call__(self) -> datetime:
        return self._clock() + self._ahead


class Scheduler:
    """The jobs of one process; `look` is awaited before due times are judged by `clock`."""

    def __init__(
        self,
        store: JobStore,
        jobs: Sequence[Job],
        clock: Clock,
        *,
        look: Callable[[], Awaitable[None]] | None = None,
        worker: str = "",
        tick_s: float = TICK_S,
        lease: timedelta = LEASE,
        stop_grace_s: float = STOP_GRACE_S,
    ) -> None:
        self._store = store
        self._jobs = {job.name: job for job in jobs}
        self._clock = clock
        self._look = look
        self._worker = worker
        self._tick_s = tick_s
        self._lease = lease
        self._stop_grace_s = stop_grace_s
        self._runs = Runs(store, clock, worker=worker, lease=lease)
        self._next_here: dict[str, datetime] = {}  # of the jobs that run everywhere
        self._running: dict[str, asyncio.Task[JobRun | None]] = {}
        self._close_at = clock()
        self._wake = asyncio.Event()
        self._stopping = False

    async def prepare(self) -> None:
        """Make the jobs known; those that are known keep their times and pauses.

        A time further away than the interval is from before the interval was made shorter.
        """
        await self._ask_the_time()
        now = self._clock()
        for job in self._jobs.values():
            await self._store.ensure(job.name, now + job.first_after)
            state = await self._store.get(job.name)
            if state is None:
                continue
            latest = now + max(job.every, self._lease, job.first_after)
            if state.next_run_at > latest:
                await self._store.claim(state, latest, state.last_run_at or now)
            if job.everywhere:
                self._next_here[job.name] = min(state.next_run_at, now + job.every)

    async def run(self, stop: asyncio.Event) -> None:
        """Run what is due until `stop` is set, then let what is running end, for a while."""
        self._stopping = False
        await self.prepare()
        await self._close_interrupted(self._worker)
        # Its own line for every tick would fill the log.
        logging.getLogger("apscheduler").setLevel(logging.WARNING)
        ticker = AsyncIOScheduler(
            timezone=UTC,
            jobstores={"default": MemoryJobStore()},
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        )
        ticker.add_job(self._tick, "interval", seconds=self._tick_s)
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(self._watch(stop))
            ticker.start()
            try:
                while not self._stopping:
                    await self._start_due(group)
                    await self._wake.wait()
                    self._wake.clear()
            finally:
                ticker.shutdown(wait=False)
                watcher.cancel()
            await self._let_end()

    async def run_now(self, name: str) -> JobRun:
        """Run a job here and now, also one that is not yet due; how it went.

        Raises NotFound for a job that does not exist, BadInput when it is paused or running.
        """
        job = self._jobs.get(name)
        if job is None:
            raise unknown_job(name, self._jobs)
        await self._ask_the_time()
        now = self._clock()
        await self._store.ensure(name, now)
        state = await self._store.get(name)
        if state is None or state.paused:
            raise BadInput("job.is_paused", job=name)
        if job.everywhere:
            await self._store.move_on(name, now + job.every, now)
            run = await self._runs.beside(job)
        elif await self._store.is_running(name, now):
            raise BadInput("job.busy", job=name)
        else:
            run = await self._runs.claimed(job, state)
        if run is None:
            raise BadInput("job.busy", job=name)
        return run

    async def run_due(self) -> list[JobRun]:
        """Run everything that is due now, one after the other; for tests and the command line."""
        return [run for work in await self._due() if (run := await work[1]()) is not None]

    async def _tick(self) -> None:
        self._wake.set()

    async def _watch(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._stopping = True
        self._wake.set()

    async def _start_due(self, group: asyncio.TaskGroup) -> None:
        try:
            due = await self._due()
            if self._clock() >= self._close_at:
                await self._close_interrupted()
        except Exception:
            # The database may be away for a moment; the next tick asks again.
            log.exception("due jobs not read")
            return
        for name, work in due:
            task = group.create_task(work(), name=name)
            self._running[name] = task
            task.add_done_callback(self._ended)

    async def _due(self) -> list[tuple[str, _Work]]:
        """What this process is to run now: names and the runs, not yet begun."""
        await self._ask_the_time()
        due: list[tuple[str, _Work]] = []
        for state in await self._store.all():
            job = self._jobs.get(state.job)
            if job is None or state.paused or state.job in self._running:
                continue
            if job.everywhere:
                if await self._is_due_here(job, state):
                    due.append((job.name, lambda job=job: self._runs.beside(job)))  # type: ignore[misc]  # bound at once
            elif state.next_run_at <= self._clock():
                due.append(
                    (job.name, lambda job=job, state=state: self._runs.claimed(job, state))  # type: ignore[misc]  # as above
                )
        return due

    async def _is_due_here(self, job: Job, state: JobState) -> bool:
        """Is it time by this process's own timer, or does it take up an order to run at once?"""
        now = self._clock()
        next_run_at = now + job.every
        is_mine = state.next_run_at <= now and await self._store.claim(state, next_run_at, now)
        if not is_mine:
            if now < self._next_here.get(job.name, now):
                return False
            await self._store.move_on(job.name, next_run_at, now)
        self._next_here[job.name] = next_run_at
        return True

    async def _ask_the_time(self) -> None:
        if self._look is not None:
            await self._look()

    async def _close_interrupted(self, ended: str = "") -> None:
        now = self._clock()
        closed = await self._store.close_interrupted(now, ended)
        if closed:
            log.info("runs of processes that are gone are closed", extra={"count": closed})
        self._close_at = now + CLOSE_EVERY

    def _ended(self, task: asyncio.Task[JobRun | None]) -> None:
        self._running.pop(task.get_name(), None)

    async def _let_end(self) -> None:
        running = list(self._running.values())
        if running:
            _, late = await asyncio.wait(running, timeout=self._stop_grace_s)
            for task in late:
                task.cancel()
