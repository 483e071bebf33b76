"""One run of one job: claimed, held while it lasts, its end written down.

Most jobs run in one process at a time: a due job is claimed by moving its next time, in one
conditional update, to the end of a lease, which is prolonged while the job runs and replaced by the
next time when it ends. A process that died gives the job up when its lease ends, and one that was
held up for longer stops. A job that may run everywhere has no lease, only its run is written down.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.errors import LeaseLost, StorageError
from bot.models.work import JobRun, JobState
from bot.ports import Clock
from bot.storage.work import JobStore
from bot.utils.times import to_ms

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
_LONGEST_TEXT = 300


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done every so often; what `run` returns is shown to admins.

    `everywhere`: each process runs it on a timer of its own, beside the others.
    """

    name: str
    every: timedelta
    run: Callable[[], Awaitable[object]]
    first_after: timedelta = timedelta(0)  # from the very first start
    timeout: timedelta = timedelta(minutes=15)
    everywhere: bool = False


class Runs:
    """Runs jobs in this process, `worker` by name; `clock` is the time that all processes share."""

    def __init__(
        self, store: JobStore, clock: Clock, *, worker: str = "", lease: timedelta = LEASE
    ) -> None:
        self._store = store
        self._clock = clock
        self._worker = worker
        self._lease = lease

    async def claimed(self, job: Job, seen: JobState) -> JobRun | None:
        """Run a job if nobody else does; every error ends here, logged and recorded."""
        started = self._clock()
        lease_end = started + self._lease
        try:
            if not await self._store.claim(seen, lease_end, started):
                return None
        except Exception:
            log.exception("job not claimed", extra={"job": job.name})
            return None
        held = _Held(self._store, job.name, lease_end, self._lease, self._clock)
        return await self._run(job, started, held)

    async def beside(self, job: Job) -> JobRun | None:
        """Run a job here, whatever other processes do; errors end here too."""
        return await self._run(job, self._clock(), None)

    async def _run(self, job: Job, started: datetime, held: _Held | None) -> JobRun | None:
        try:
            run_id = await self._store.start_run(job.name, started, self._worker)
        except Exception:
            log.exception("job not started", extra={"job": job.name})
            return None
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
                if held is not None:
                    await held.release(max(finished, started + job.every))
            except Exception:
                # The lease ends by itself, and the run is closed when this process is gone.
                log.exception("job's end not written", extra={"job": job.name})
        return JobRun(
            job=job.name,
            started_at=started,
            finished_at=finished,
            ok=ok,
            result=result,
            error=error,
            worker=self._worker,
            id=run_id,
        )

    async def _guarded(self, job: Job, held: _Held | None) -> object:
        async with asyncio.timeout(job.timeout.total_seconds()):
            if held is None:
                return await job.run()
            async with asyncio.TaskGroup() as group:
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
        self._sure_until = time.monotonic() + lease.total_seconds()

    async def keep(self) -> None:
        """Prolong the lease for ever.

        Raises LeaseLost when somebody else has the job, or when the database could not be asked
        for so long that somebody may have it.
        """
        lease_s = self._lease.total_seconds()
        pause_s = lease_s / 3
        while True:
            await asyncio.sleep(pause_s)
            asked_at = time.monotonic()
            try:
                is_mine = await self._move(self._clock() + self._lease)
            except StorageError as error:
                if time.monotonic() >= self._sure_until - lease_s / 6:
                    raise LeaseLost(f"{self._job} could not be held: {error}") from error
                pause_s = lease_s / 12
                continue
            if not is_mine:
                raise LeaseLost(f"{self._job} was taken over by another process")
            self._sure_until = asked_at + lease_s
            pause_s = lease_s / 3

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
