"""What runs by the clock, as admins see and steer it.

The jobs themselves run in the scheduler; both meet in the database, so that an order given in one
process reaches the one that runs the jobs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.errors import BadInput, NotFound
from bot.models.work import JobRun, JobState
from bot.ports import Clock
from bot.storage.work import JobStore

_SIDE_BY_SIDE = 20  # processes that may run one job beside each other


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """A job, its next time and how it last went."""

    state: JobState
    last: JobRun | None  # the run that is going on, else the latest
    is_running: bool  # in this process or in another

    @property
    def name(self) -> str:
        return self.state.job


def unknown_job(name: str, known: Iterable[str]) -> NotFound:
    """The error that names the jobs there are."""
    return NotFound("job.unknown", job=name, jobs=" · ".join(sorted(known)) or "–")


class Jobs:
    def __init__(self, store: JobStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def all(self) -> list[JobStatus]:
        """Every job that a scheduler has made known, by name."""
        states = sorted(await self._store.all(), key=lambda state: state.job)
        return [await self._status(state) for state in states]

    async def get(self, name: str) -> JobStatus:
        """Raises NotFound for a job that does not exist."""
        state = await self._store.get(name)
        if state is None:
            raise await self._unknown(name)
        return await self._status(state)

    async def run_soon(self, name: str) -> JobStatus:
        """Let the scheduler run a job at its next tick, about a second from now.

        A job that is running or due already is left as it is. Raises NotFound for a job that
        does not exist, BadInput for one that is paused.
        """
        status = await self.get(name)
        if status.state.paused:
            raise BadInput("job.is_paused", job=name)
        now = self._clock()
        if not status.is_running and status.state.next_run_at > now:
            await self._store.claim(status.state, now, status.state.last_run_at or now)
        return await self.get(name)

    async def pause(self, name: str) -> None:
        """Start no more runs; one that is going on ends by itself. Raises NotFound."""
        if not await self._store.set_paused(name, True):
            raise await self._unknown(name)

    async def resume(self, name: str) -> None:
        """Raises NotFound for a job that does not exist."""
        if not await self._store.set_paused(name, False):
            raise await self._unknown(name)

    async def history(self, name: str = "", limit: int = 20) -> list[JobRun]:
        """The latest runs, of one job or of all."""
        return await self._store.history(name, limit)

    async def _unknown(self, name: str) -> NotFound:
        return unknown_job(name, [state.job for state in await self._store.all()])

    async def _status(self, state: JobState) -> JobStatus:
        runs = await self._store.history(state.job, _SIDE_BY_SIDE)
        going_on = [run for run in runs if run.finished_at is None]
        running = bool(going_on) and await self._store.is_running(state.job, self._clock())
        last = going_on[0] if running else next(iter(runs), None)
        return JobStatus(state=state, last=last, is_running=running)
