"""One round of a job, now; and what runs by the clock."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
from typing import Any

from bot.app import open_hoshyar, open_parts
from bot.commands.output import answer
from bot.errors import NotFound
from bot.features.jobs import JobStatus
from bot.models.work import JobRun, OutboxState
from config.settings import Settings

_SEND_WITHIN_S = 60.0


async def collect(settings: Settings, given: argparse.Namespace) -> int:
    """Ask every source that is due; with no sources yet, the default list is read first."""
    async with open_hoshyar(settings) as hoshyar:
        await hoshyar.sources.seed_from_file(settings.feeds_file)
        done = await hoshyar.collect.round(hoshyar.clock(), force=True)
        await hoshyar.search.catch_up()
    _report(done, as_json=given.json)
    return 0


async def analyse(settings: Settings, given: argparse.Namespace) -> int:
    async with open_hoshyar(settings) as hoshyar:
        done = await hoshyar.analyse.run()
    _report(done, as_json=given.json)
    return 0


async def digest(settings: Settings, given: argparse.Namespace) -> int:
    """Put a digest for a chat into the outbox, and send it when there is a token."""
    async with open_parts(settings) as parts:
        hoshyar = parts.hoshyar
        await hoshyar.analyse.run()
        if settings.telegram_bot_token:
            await parts.telegram.start()
        chat = await hoshyar.chats.get(given.chat)
        if chat is None:
            raise NotFound("cli.no_chat", given=str(given.chat))
        made = await hoshyar.reports.send_now(chat)
        if settings.telegram_bot_token:
            await _send_all(hoshyar.publish)
        counts = await hoshyar.publish.counts()
    waiting = sum(counts[state] for state in (OutboxState.PENDING, OutboxState.RETRY))
    answer(
        {
            "chat": given.chat,
            "trends": [trend.term for trend in made.trends],
            "news": len(made.news),
            "waiting": waiting,
        },
        [f"{len(made.trends)} trends, {len(made.news)} headlines; {waiting} messages wait"],
        as_json=given.json,
    )
    return 0


async def _send_all(publisher: Any) -> None:
    """Run the sender until nothing waits any more, for a minute at most."""
    async with asyncio.TaskGroup() as group:
        sender = group.create_task(publisher.run())
        try:
            async with asyncio.timeout(_SEND_WITHIN_S):
                while await publisher.pending(1):  # noqa: ASYNC110 - the outbox is a table
                    await asyncio.sleep(0.2)
        except TimeoutError:
            pass  # the running bot, or the next one, goes on with it
        publisher.stop()
        await sender


async def list_jobs(settings: Settings, given: argparse.Namespace) -> int:
    async with open_hoshyar(settings) as hoshyar:
        jobs = await hoshyar.jobs.all()
    entries = [
        {
            "name": job.name,
            "next_run_at": job.state.next_run_at.isoformat(),
            "paused": job.state.paused,
            "running": job.is_running,
            "last_started_at": job.last.started_at.isoformat() if job.last else None,
            "last_ok": job.last.ok if job.last else None,
            "last_result": _result(job.last.result) if job.last else "",
            "last_error": job.last.error if job.last else "",
        }
        for job in jobs
    ]
    answer(
        entries,
        (_job_line(job) for job in jobs),
        as_json=given.json,
        empty="no jobs yet: the bot has never run on this database",
    )
    return 0


async def run_job(settings: Settings, given: argparse.Namespace) -> int:
    from bot.jobs.scheduler import Scheduler, SharedClock
    from bot.jobs.tasks import table
    from bot.serving import at_work

    async with open_parts(settings) as parts, at_work(parts):
        clock = SharedClock(parts.hoshyar.clock, parts.job_store.now)
        scheduler = Scheduler(
            parts.job_store, table(parts), clock, look=clock.look, worker=parts.worker
        )
        run = await scheduler.run_now(given.name)
    answer(
        {"job": run.job, "ok": run.ok, "result": _result(run.result), "error": run.error},
        [f"{run.job}: {_outcome(run)}"],
        as_json=given.json,
    )
    return 0 if run.ok else 1


def _job_line(job: JobStatus) -> str:
    """One job for a person, in the local time of this machine."""
    if job.state.paused:
        following = "paused"
    else:
        local = job.state.next_run_at.astimezone()
        following = f"next {local:%m-%d %H:%M:%S}"
    last = "never ran"
    if job.is_running:
        last = "is running"
    elif job.last is not None:
        ended = (job.last.finished_at or job.last.started_at).astimezone()
        last = f"{ended:%m-%d %H:%M:%S} {_outcome(job.last)}"
    return f"{job.name:<14}{following:<22}{last}"


def _outcome(run: JobRun) -> str:
    if not run.ok:
        return f"failed: {run.error or 'it was interrupted'}"
    result = _result(run.result)
    if isinstance(result, dict):
        result = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in result.items())
    return f"ok: {result or 'nothing to do'}"


def _result(text: str) -> Any:
    """A run's counts by name, or its text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _report(done: Any, *, as_json: bool) -> None:
    fields = dataclasses.asdict(done)
    shown = {
        name: value if isinstance(value, int | float | str) else len(value)
        for name, value in fields.items()
        if not isinstance(value, dict)
    }
    answer(shown, (f"{name}: {value}" for name, value in shown.items()), as_json=as_json)
