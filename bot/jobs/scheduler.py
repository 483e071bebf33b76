"""Runs jobs by the clock. APScheduler only ticks: times, claims and results are in the database.

A job that is due is claimed by moving its next time, in one conditional update, to the end of a
lease; the lease is prolonged while the job runs and replaced by the next time when it ends. So two
processes never run one job at once, a process that died gives the job up when its lease ends, and
a late start runs a missed job once instead of skipping it or catching up on every turn.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.errors import BadInput, NotFound
from bot.features.jobs import is_running
from bot.models.work import JobRun, JobState
from bot.ports import Clock
from bot.storage.work import JobStore
from bot.utils.times import to_ms

log = logging.getLogger(__name__)

TICK_S = 1.0
LEASE = timedelta(seconds=60)
STOP_GRACE_S = 20.0  # a supervisor kills after 30
_LONGEST_TEXT = 300


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done every so often; what `run` returns is shown to admins."""

    name: str
    every: timedelta
    run: Callable[[], Awaitable[object]]
    first_after: timedelta = timedelta(0)  # from the very first start
    timeout: timedelta = timedelta(minutes=15)


class LeaseLost(Exception):
    """The process was held up so long that another one took the job over."""


class Scheduler:
    def __init__(
        self,
        store: JobStore,
        jobs: Sequence[Job],
        clock: Clock,
        *,
        tick_s: float = TICK_S,
        lease: timedelta = LEASE,
        stop_grace_s: float = STOP_GRACE_S,
    ) -> None:
        self._store = store
        self._jobs = {job.name: job for job in jobs}
        self._clock = clock
        self._tick_s = tick_s
        self._lease = lease
        self._stop_grace_s = stop_grace_s
        self._running: dict[str, asyncio.Task[JobRun | None]] = {}
        self._wake = asyncio.Event()
        self._stopping = False

    async def prepare(self) -> None:
        """Make the jobs known; those that are known keep their times and pauses.

        A time further away than the interval is from before the interval was made shorter.
        """
        now = self._clock()
        for job in self._jobs.values():
            await self._store.ensure(job.name, now + job.first_after)
            state = await self._store.get(job.name)
            latest = now + max(job.every, self._lease, job.first_after)
            if state is not None and state.next_run_at > latest:
                await self._store.claim(state, latest, state.last_run_at or now)

    async def run(self, stop: asyncio.Event) -> None:
        """Run what is due until `stop` is set, then let what is running end, for a while."""
        await self.prepare()
        await self._store.close_interrupted(self._clock())
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
            raise NotFound("job.unknown", job=name)
        await self._store.ensure(name, self._clock())
        state = await self._store.get(name)
        if state is None or state.paused:
            raise BadInput("job.is_paused", job=name)
        runs = await self._store.history(name, 1)
        if is_running(state, runs[0] if runs else None, self._clock()):
            raise BadInput("job.busy", job=name)
        run = await self._claim_and_run(job, state)
        if run is None:
            raise BadInput("job.busy", job=name)
        return run

    async def run_due(self) -> list[JobRun]:
        """Run everything that is due now, one after the other; for tests and the command line."""
        runs = []
        for state in await self._store.due(self._clock()):
            job = self._jobs.get(state.job)
            run = await self._claim_and_run(job, state) if job else None
            if run is not None:
                runs.append(run)
        return runs

    async def _tick(self) -> None:
        self._wake.set()

    async def _watch(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._stopping = True
        self._wake.set()

    async def _start_due(self, group: asyncio.TaskGroup) -> None:
        try:
            due = await self._store.due(self._clock())
        except Exception:
            # The database may be away for a moment; the next tick asks again.
            log.exception("due jobs not read")
            return
        for state in due:
            job = self._jobs.get(state.job)
            if job is None or state.job in self._running:
                continue
            task = group.create_task(self._claim_and_run(job, state), name=job.name)
            self._running[job.name] = task
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[JobRun | None]) -> None:
        self._running.pop(task.get_name(), None)

    async def _let_end(self) -> None:
        running = list(self._running.values())
        if running:
            _, late = await asyncio.wait(running, timeout=self._stop_grace_s)
            for task in late:
                task.cancel()

    async def _claim_and_run(self, job: Job, seen: JobState) -> JobRun | None:
        """Run a job if its claim is granted; every error ends here, logged and recorded."""
        started = self._clock()
        lease_end = started + self._lease
        try:
            if not await self._store.claim(seen, lease_end, started):
                return None
            run_id = await self._store.start_run(job.name, started)
        except Exception:
            log.exception("job not claimed", extra={"job": job.name})
            return None
        held = _Held(self._store, job.name, lease_end, self._lease, self._clock)
        ok, result, error = False, "", "interrupted"
        try:
            result = _shown(await self._guarded(job, held))
            ok, error = True, ""
        except Exception as problem:
            log.exception("job failed", extra={"job": job.name})
            error = _told(problem)
        finally:
            finished = self._clock()
            try:
                await self._store.finish_run(run_id, finished, ok=ok, result=result, error=error)
                await held.release(max(finished, started + job.every))
            except Exception:
                # The lease ends by itself and the run is closed at the next start.
                log.exception("job's end not written", extra={"job": job.name})
        return JobRun(
            job=job.name,
            started_at=started,
            finished_at=finished,
            ok=ok,
            result=result,
            error=error,
            id=run_id,
        )

    async def _guarded(self, job: Job, held: _Held) -> object:
        async with asyncio.timeout(job.timeout.total_seconds()), asyncio.TaskGroup() as group:
            keeper = group.create_task(held.keep())
            try:
                return await job.run()
            finally:
                keeper.cancel()


class _Held:
    """The claim on one job while it runs."""

    def __init__(
        self, store: JobStore, job: str, until: datetime, lease: timedelta, clock: Clock
    ) -> None:
        self._store = store
        self._job = job
        self._until = until
        self._lease = lease
        self._clock = clock

    async def keep(self) -> None:
        """Prolong the lease for ever; LeaseLost when somebody else has the job."""
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            now = self._clock()
            if not await self._move(now + self._lease):
                raise LeaseLost(f"{self._job} was taken over by another process")

    async def release(self, next_run_at: datetime) -> None:
        """Give the job free for its next turn, unless another process has it by now."""
        await self._move(next_run_at)

    async def _move(self, until: datetime) -> bool:
        now = self._clock()
        mine = JobState(job=self._job, next_run_at=self._until)
        if await self._store.claim(mine, until, now):
            self._until = until
            return True
        # Paused meanwhile: nobody else can claim it, and the time may be moved.
        state = await self._store.get(self._job)
        if state is not None and state.paused and to_ms(state.next_run_at) == to_ms(self._until):
            await self._store.set_next(self._job, until)
            self._until = until
            return True
        return False


def _shown(result: object) -> str:
    """A job's result for admins: what of its counts is not zero, as JSON; or its text."""
    if result is None:
        return ""
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        values = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
        counts = {name: _counted(value) for name, value in values.items() if value}
        return json.dumps(counts, ensure_ascii=False, default=str)[:_LONGEST_TEXT]
    return str(result)[:_LONGEST_TEXT]


def _counted(value: object) -> object:
    """Of many things how many; anything else as it is."""
    return len(value) if isinstance(value, tuple | list | set | frozenset) else value


def _told(problem: BaseException) -> str:
    """An error in one line; of a group, every error."""
    if isinstance(problem, BaseExceptionGroup):
        return "; ".join(_told(one) for one in problem.exceptions)[:_LONGEST_TEXT]
    return f"{type(problem).__name__}: {problem}"[:_LONGEST_TEXT]
