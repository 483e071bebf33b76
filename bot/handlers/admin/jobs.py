"""/jobs and /run <job>."""

from __future__ import annotations

from bot.errors import NotFound
from bot.features.jobs import JobStatus, unknown_job
from bot.handlers.asked import Asked, Commands, Presses
from bot.handlers.buttons import Verb
from bot.handlers.views.admin import RUNS, job_message, jobs_message


async def jobs(asked: Asked) -> None:
    """/jobs"""
    await asked.show(jobs_message(asked.reader, await asked.hoshyar.jobs.all()))


async def run(asked: Asked) -> None:
    """/run <job>"""
    name = asked.text.strip().lower()
    known = {job.name: job for job in await asked.hoshyar.jobs.all()}
    if name and name not in known:
        raise unknown_job(name, known)
    if not name:
        await jobs(asked)
        return
    await _run(asked, name)


async def _run(asked: Asked, name: str) -> None:
    job = await asked.hoshyar.jobs.run_soon(name)
    await _show(asked, job, asked.t("job.started", job=asked.reader.name(name)))


async def _show(asked: Asked, job: JobStatus, note: str = "") -> None:
    runs = await asked.hoshyar.jobs.history(job.name, RUNS)
    await asked.show(job_message(asked.reader, job, runs, note=note))


async def _job(asked: Asked) -> JobStatus:
    """The job whose button it is; a dot of its name is a dash there."""
    word = asked.arg(0)
    for job in await asked.hoshyar.jobs.all():
        if job.name.replace(".", "-") == word:
            return job
    raise NotFound("error.stale_button")


async def job(asked: Asked) -> None:
    await _show(asked, await _job(asked))


async def run_pressed(asked: Asked) -> None:
    await _run(asked, (await _job(asked)).name)


async def state(asked: Asked) -> None:
    """Pause or resume."""
    name = (await _job(asked)).name
    paused = asked.number(1) == 1
    if paused:
        await asked.hoshyar.jobs.pause(name)
    else:
        await asked.hoshyar.jobs.resume(name)
    note = asked.t("job.pause_done" if paused else "job.resume_done", job=asked.reader.name(name))
    await _show(asked, await asked.hoshyar.jobs.get(name), note)


COMMANDS: Commands = {"jobs": jobs, "run": run}
PRESSES: Presses = {
    Verb.JOBS: jobs,
    Verb.JOB: job,
    Verb.JOB_RUN: run_pressed,
    Verb.JOB_STATE: state,
}
