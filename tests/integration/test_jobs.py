"""Jobs: due times and claims in the database, so that nothing is skipped and nothing runs twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from bot.errors import BadInput, NotFound, SourceDown, StorageError
from bot.features.jobs import Jobs
from bot.jobs.runs import Job
from bot.jobs.scheduler import Scheduler, SharedClock
from bot.models.work import JobState
from bot.ports import Database
from bot.storage.work import JobStore
from bot.storage.workers import WorkerStore
from bot.utils.times import utc_now
from tests.telling_world import START, HandClock

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Counted:
    posts: int
    errors: int = 0
    ids: tuple[int, ...] = ()


class Work:
    """A job's body that counts its runs and can be held up."""

    def __init__(self, result: object = None) -> None:
        self.runs = 0
        self.now_running = 0
        self.most_at_once = 0
        self.started = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()
        self._result = result

    async def __call__(self) -> object:
        self.runs += 1
        self.now_running += 1
        self.most_at_once = max(self.most_at_once, self.now_running)
        self.started.set()
        try:
            await self.may_end.wait()
            await asyncio.sleep(0)
        finally:
            self.now_running -= 1
        return self._result

    def hold(self) -> None:
        self.may_end.clear()


@pytest.fixture
def store(db: Database) -> JobStore:
    return JobStore(db)


@asynccontextmanager
async def running(scheduler: Scheduler) -> AsyncIterator[asyncio.Event]:
    """The scheduler at work; stopped at the end, unless it was before."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(scheduler.run(stop))
        try:
            yield stop
        finally:
            stop.set()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


async def test_a_job_runs_when_it_is_due(store: JobStore) -> None:
    """At the first start at once, then after its interval; its counts are written down."""
    clock, work = HandClock(), Work(Counted(posts=3, ids=(7, 8)))
    scheduler = Scheduler(store, [Job("collect", HOUR, work)], clock)
    await scheduler.prepare()

    first, again = await scheduler.run_due(), await scheduler.run_due()
    clock.move(minutes=59)
    early = await scheduler.run_due()
    clock.move(minutes=1)
    second = await scheduler.run_due()

    assert [len(runs) for runs in (first, again, early, second)] == [1, 0, 0, 1]
    assert (first[0].ok, first[0].result) == (True, '{"posts": 3, "ids": 2}')
    assert [run.ok for run in await store.history("collect")] == [True, True]


async def test_a_late_start_runs_a_missed_job_once(store: JobStore) -> None:
    """Neither skipped for being late nor caught up on for every missed turn."""
    clock, work = HandClock(), Work()
    await store.ensure("collect", START - timedelta(days=3))
    scheduler = Scheduler(store, [Job("collect", HOUR, work)], clock)
    await scheduler.prepare()

    await scheduler.run_due()
    await scheduler.run_due()

    assert work.runs == 1
    state = await store.get("collect")
    assert state is not None
    assert state.next_run_at == START + HOUR


async def test_a_restart_does_not_repeat_what_ran(store: JobStore) -> None:
    """The next time is in the database, not in the process."""
    clock, work = HandClock(), Work()
    jobs = [Job("collect", HOUR, work)]
    for _ in range(3):
        scheduler = Scheduler(store, jobs, clock)
        await scheduler.prepare()
        await scheduler.run_due()
        clock.move(minutes=10)

    assert work.runs == 1


async def test_an_interval_made_shorter_holds_at_once(store: JobStore) -> None:
    """A day's wait from before is cut to the new interval."""
    clock = HandClock()
    await store.ensure("collect", START + timedelta(days=1))
    scheduler = Scheduler(store, [Job("collect", timedelta(minutes=5), Work())], clock)

    await scheduler.prepare()

    state = await store.get("collect")
    assert state is not None
    assert state.next_run_at == START + timedelta(minutes=5)


async def test_a_failing_job_is_recorded_and_runs_again(
    store: JobStore, caplog: pytest.LogCaptureFixture
) -> None:
    """With its error for admins and a trace in the log; the others are not touched by it."""
    clock, good = HandClock(), Work()

    async def bad() -> None:
        raise SourceDown("no answer", source="isna")

    async def several() -> None:
        raise ExceptionGroup("three", [ValueError("one"), SourceDown("two")])

    jobs = [Job("bad", HOUR, bad), Job("good", HOUR, good), Job("several", HOUR, several)]
    scheduler = Scheduler(store, jobs, clock)
    await scheduler.prepare()

    runs = {run.job: run for run in await scheduler.run_due()}

    assert {name: run.ok for name, run in runs.items()} == {
        "bad": False,
        "good": True,
        "several": False,
    }
    assert runs["bad"].error == "SourceDown: no answer"
    assert runs["several"].error == "ValueError: one; SourceDown: two"
    assert [(run.ok, run.error) for run in await store.history("bad")] == [
        (False, "SourceDown: no answer")
    ]
    assert "Traceback" in caplog.text
    clock.move(hours=1)
    assert len(await scheduler.run_due()) == 3


async def test_a_job_that_never_ends_is_ended(store: JobStore) -> None:
    """Its time-out is its own, and it gets its next turn."""
    work = Work()
    work.hold()
    job = Job("stuck", HOUR, work, timeout=timedelta(seconds=0.05))
    scheduler = Scheduler(store, [job], HandClock())
    await scheduler.prepare()

    (run,) = await scheduler.run_due()

    assert not run.ok
    assert run.error.startswith("TimeoutError")
    assert work.now_running == 0


async def test_two_schedulers_share_the_turns(store: JobStore) -> None:
    """Ticking at once on one database, they never run a job at once, nor a turn twice."""
    clock, work = HandClock(), Work()
    jobs = [Job("collect", HOUR, work)]
    one, other = Scheduler(store, jobs, clock), Scheduler(store, jobs, clock)
    await one.prepare()
    for _ in range(20):
        await asyncio.gather(one.run_due(), other.run_due(), one.run_due(), other.run_due())
        clock.move(minutes=30)

    assert work.runs == 10
    assert work.most_at_once == 1


async def test_a_long_job_is_held_while_it_runs(store: JobStore) -> None:
    """The lease is prolonged, so another process does not start the job beside it."""
    work, other_work = Work(), Work()
    work.hold()
    lease = timedelta(seconds=0.3)
    job = Job("long", timedelta(seconds=0.01), work)
    one = Scheduler(store, [job], utc_now, tick_s=0.02, lease=lease)
    other = Scheduler(
        store, [Job("long", timedelta(seconds=0.01), other_work)], utc_now, tick_s=0.02, lease=lease
    )
    async with running(one):
        await work.started.wait()
        async with running(other) as stop:
            await asyncio.sleep(1.0)
            runs_meanwhile = other_work.runs
            stop.set()
        work.may_end.set()

    assert runs_meanwhile == 0
    assert work.most_at_once == 1


async def test_a_dead_process_gives_its_job_up(store: JobStore) -> None:
    """Killed in mid-run: when the lease is over, whoever is there runs it."""
    clock, work = HandClock(), Work()
    scheduler = Scheduler(store, [Job("collect", HOUR, work)], clock)
    await scheduler.prepare()
    (seen,) = await store.all()
    assert await store.claim(seen, clock() + timedelta(seconds=60), clock())
    await store.start_run("collect", clock())  # … and here it dies

    during = await scheduler.run_due()
    clock.move(seconds=60)
    after = await scheduler.run_due()

    assert (len(during), len(after)) == (0, 1)


async def test_a_process_that_was_held_up_lets_go(store: JobStore) -> None:
    """Somebody else took the job over: this run ends, and does not touch the other's claim."""
    work = Work()
    work.hold()
    scheduler = Scheduler(
        store, [Job("collect", HOUR, work)], utc_now, tick_s=0.02, lease=timedelta(seconds=0.3)
    )
    theirs = utc_now() + timedelta(days=1)
    async with running(scheduler):
        await work.started.wait()
        await store.set_next("collect", theirs)

        async def ended() -> bool:
            return work.now_running == 0

        await until(ended)

    (run,) = await store.history("collect")
    assert not run.ok
    assert "taken over" in run.error
    state = await store.get("collect")
    assert state is not None
    assert abs(state.next_run_at - theirs) < timedelta(milliseconds=2)


async def test_the_scheduler_ticks_by_itself_and_stops_in_order(store: JobStore) -> None:
    """Jobs run again and again; at the stop a running one is waited for."""
    quick, slow = Work(), Work()
    slow.hold()
    jobs = [Job("quick", timedelta(seconds=0.05), quick), Job("slow", HOUR, slow)]
    scheduler = Scheduler(store, jobs, utc_now, tick_s=0.02)
    async with running(scheduler) as stop:

        async def often() -> bool:
            return quick.runs >= 3 and slow.runs == 1

        await until(often)
        stop.set()
        await asyncio.sleep(0.05)
        slow.may_end.set()

    assert slow.now_running == quick.now_running == 0
    assert [run.ok for run in await store.history("slow")] == [True]


async def test_a_stop_does_not_wait_for_ever(store: JobStore) -> None:
    """What does not end in time is ended, written down as interrupted, and let go."""
    work = Work()
    work.hold()
    scheduler = Scheduler(store, [Job("slow", HOUR, work)], utc_now, tick_s=0.02, stop_grace_s=0.1)
    async with running(scheduler) as stop:
        await work.started.wait()
        stop.set()

    assert work.now_running == 0
    assert [(run.ok, run.error) for run in await store.history("slow")] == [(False, "interrupted")]


async def test_runs_that_a_crash_left_open_are_closed_at_the_start(store: JobStore) -> None:
    """An admin is not told that something still runs."""
    await store.start_run("collect", START)
    async with running(Scheduler(store, [], utc_now)):
        await asyncio.sleep(0.05)

    assert [run.error for run in await store.history("collect")] == ["interrupted"]


async def test_a_database_that_is_away_for_a_moment_does_not_end_the_scheduler(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """The next tick asks again."""

    class Shaky(JobStore):
        failures = 3

        async def all(self) -> list[JobState]:
            if self.failures:
                self.failures -= 1
                raise StorageError("the server went away")
            return await super().all()

    work = Work()
    async with running(Scheduler(Shaky(db), [Job("collect", HOUR, work)], utc_now, tick_s=0.02)):
        await asyncio.wait_for(work.started.wait(), 10)

    assert work.runs == 1
    assert "due jobs not read" in caplog.text


async def test_a_job_can_be_run_by_hand(store: JobStore) -> None:
    """Before its time, and not beside itself; what does not exist or is paused is refused."""
    clock, work = HandClock(), Work(Counted(posts=0))
    scheduler = Scheduler(store, [Job("collect", HOUR, work)], clock)
    run = await scheduler.run_now("collect")
    again = await scheduler.run_now("collect")
    work.hold()
    work.started.clear()
    async with asyncio.TaskGroup() as group:
        held = group.create_task(scheduler.run_now("collect"))
        await work.started.wait()
        with pytest.raises(BadInput) as busy:
            await scheduler.run_now("collect")
        work.may_end.set()
    await store.set_paused("collect", True)
    with pytest.raises(BadInput) as paused:
        await scheduler.run_now("collect")
    with pytest.raises(NotFound) as unknown:
        await scheduler.run_now("colect")

    assert (run.ok, run.result, again.ok, held.result().ok) == (True, "{}", True, True)
    assert work.most_at_once == 1
    assert [problem.value.text_key for problem in (busy, paused, unknown)] == [
        "job.busy", "job.is_paused", "job.unknown",
    ]  # fmt: skip


async def test_a_job_paused_in_mid_run_ends_and_stays_paused(store: JobStore) -> None:
    """Its claim is released all the same, so it can go on when it is resumed."""
    work = Work()
    work.hold()
    job = Job("collect", HOUR, work)
    scheduler = Scheduler(store, [job], utc_now, tick_s=0.02, lease=timedelta(seconds=0.2))
    async with running(scheduler):
        await work.started.wait()
        await store.set_paused("collect", True)
        await asyncio.sleep(0.3)
        work.may_end.set()

        async def ended() -> bool:
            runs = await store.history("collect")
            return runs[0].finished_at is not None

        await until(ended)

    state = await store.get("collect")
    assert state is not None
    assert state.paused
    assert state.next_run_at > utc_now() + timedelta(minutes=59)
    assert [run.ok for run in await store.history("collect")] == [True]


async def test_admins_see_and_steer_jobs(store: JobStore) -> None:
    """Orders go through the database to whichever process runs the jobs."""
    clock, work = HandClock(), Work(Counted(posts=7))
    scheduler = Scheduler(store, [Job("collect", HOUR, work), Job("analyse", HOUR, work)], clock)
    await scheduler.prepare()
    jobs = Jobs(store, clock)
    await scheduler.run_due()

    listed = await jobs.all()
    await jobs.pause("collect")
    with pytest.raises(BadInput) as refused:
        await jobs.run_soon("collect")
    clock.move(hours=2)
    while_paused = await scheduler.run_due()
    await jobs.resume("collect")
    after = await scheduler.run_due()
    ordered = await jobs.run_soon("analyse")
    at_once = await scheduler.run_due()

    assert [(job.name, job.is_running) for job in listed] == [
        ("analyse", False),
        ("collect", False),
    ]
    assert listed[1].last is not None
    assert listed[1].last.result == '{"posts": 7}'
    assert refused.value.text_key == "job.is_paused"
    assert [run.job for run in while_paused] == ["analyse"]
    assert [run.job for run in after] == ["collect"]
    assert ordered.state.next_run_at == clock()
    assert [run.job for run in at_once] == ["analyse"]
    assert [run.job for run in await jobs.history(limit=2)] == ["analyse", "collect"]


async def test_an_order_does_not_disturb_a_running_job(store: JobStore) -> None:
    """«Run now» while it runs leaves its claim alone."""
    clock = HandClock()
    await store.ensure("collect", START)
    (seen,) = await store.all()
    lease_end = clock() + timedelta(seconds=60)
    await store.claim(seen, lease_end, clock())
    await store.start_run("collect", clock())
    jobs = Jobs(store, clock)

    status = await jobs.run_soon("collect")

    assert status.is_running
    assert status.state.next_run_at == lease_end


@pytest.mark.parametrize("order", ["run_soon", "pause", "resume", "get"])
async def test_orders_for_unknown_jobs_are_refused(store: JobStore, order: str) -> None:
    """A slip of the finger is told, not ignored."""
    with pytest.raises(NotFound):
        await getattr(Jobs(store, HandClock()), order)("colect")


def test_the_clock_of_these_tests_is_utc() -> None:
    """Times in the database are UTC; a naive clock would shift every due time."""
    assert START.tzinfo is UTC


def everywhere(work: Work, every: timedelta = HOUR) -> Job:
    return Job("collect", every, work, everywhere=True)


async def test_a_job_that_runs_everywhere_runs_in_each_process(store: JobStore) -> None:
    """Each on its own timer, side by side; each run is in the history under its process's name."""
    clock, work = HandClock(), Work()
    one = Scheduler(store, [everywhere(work)], clock, worker="one")
    await one.prepare()
    await one.run_due()
    clock.move(minutes=20)
    other = Scheduler(store, [everywhere(work)], clock, worker="other")
    await other.prepare()
    at_its_start = await other.run_due()
    clock.move(minutes=40)
    both = [*await one.run_due(), *await other.run_due()]
    again = [*await one.run_due(), *await other.run_due()]
    clock.move(minutes=60)
    later = [*await one.run_due(), *await other.run_due()]

    assert at_its_start == again == []
    assert [run.worker for run in both] == [run.worker for run in later] == ["one", "other"]
    assert {run.worker for run in await store.history("collect")} == {"one", "other"}


async def test_an_order_to_run_everywhere_is_taken_up_once(store: JobStore) -> None:
    """«Run now» is one run more, in whichever process sees it first; a pause holds for all."""
    clock, work = HandClock(), Work()
    one, other = (
        Scheduler(store, [everywhere(work)], clock, worker=name) for name in ("one", "other")
    )
    for scheduler in (one, other):
        await scheduler.prepare()
        await scheduler.run_due()
    jobs = Jobs(store, clock)
    clock.move(minutes=1)

    await jobs.run_soon("collect")
    ordered = [*await other.run_due(), *await one.run_due()]
    await jobs.pause("collect")
    clock.move(hours=2)
    paused = [*await other.run_due(), *await one.run_due()]
    await jobs.resume("collect")
    resumed = [*await other.run_due(), *await one.run_due()]

    assert [run.worker for run in ordered] == ["other"]
    assert paused == []
    assert [run.worker for run in resumed] == ["other", "one"]


async def test_by_hand_it_runs_beside_the_others(store: JobStore) -> None:
    """A job that may run everywhere is never busy."""
    work = Work()
    work.hold()
    one = Scheduler(store, [everywhere(work)], utc_now, tick_s=0.02)
    async with running(one):
        await work.started.wait()
        by_hand = asyncio.create_task(
            Scheduler(store, [everywhere(work)], utc_now).run_now("collect")
        )

        async def two() -> bool:
            return work.now_running == 2

        await until(two)
        work.may_end.set()
        run = await by_hand

    assert run.ok


async def test_clocks_that_differ_by_an_hour_do_no_harm(store: JobStore) -> None:
    """Due times are the database's: a turn is run once, neither early nor twice."""
    work = Work()
    there = HandClock()

    async def database_time() -> datetime:
        return there()

    schedulers = []
    for ahead in (HOUR, -HOUR, timedelta(0)):
        clock = SharedClock(lambda ahead=ahead: there() + ahead, database_time)  # type: ignore[misc]
        schedulers.append(Scheduler(store, [Job("collect", HOUR, work)], clock, look=clock.look))
    for scheduler in schedulers:
        await scheduler.prepare()
    for _ in range(8):
        for scheduler in schedulers:
            await scheduler.run_due()
        there.move(minutes=30)

    assert work.runs == 4


async def test_the_database_tells_the_time(store: JobStore) -> None:
    """What all hosts judge due times by, to the millisecond."""
    clock = SharedClock(lambda: utc_now() + timedelta(days=3), store.now)

    await clock.look()

    assert abs(clock() - utc_now()) < timedelta(seconds=30)


async def test_a_start_closes_only_what_the_dead_left_open(db: Database, store: JobStore) -> None:
    """The run of a process that is at work goes on; this one's own of an earlier life does not."""
    workers = WorkerStore(db)
    for name in ("living", "me"):
        await workers.beat(name, "host", 1, ("analyse",))
    for name in ("living", "dead", "me"):
        await store.start_run("analyse", utc_now(), name)

    async with running(Scheduler(store, [], utc_now, worker="me")):
        await asyncio.sleep(0.05)

    assert {run.worker: run.error for run in await store.history("analyse")} == {
        "living": "",
        "dead": "interrupted",
        "me": "interrupted",
    }
    assert await store.is_running("analyse", utc_now()) is False  # not a job that is known
    await store.ensure("analyse", utc_now())
    assert await store.is_running("analyse", utc_now())


async def test_a_job_whose_database_is_away_too_long_stops(db: Database) -> None:
    """Before its lease is over: afterwards another process may have begun it."""

    class Away(JobStore):
        is_away = False

        async def claim(self, seen: JobState, next_run_at: datetime, now: datetime) -> bool:
            if self.is_away:
                raise StorageError("the server went away")
            return await super().claim(seen, next_run_at, now)

    work, store = Work(), Away(db)
    work.hold()
    scheduler = Scheduler(store, [Job("collect", HOUR, work)], utc_now, lease=timedelta(seconds=2))
    await scheduler.prepare()
    async with asyncio.TaskGroup() as group:
        run = group.create_task(scheduler.run_due())
        await work.started.wait()
        store.is_away = True
        began = asyncio.get_running_loop().time()

        async def ended() -> bool:
            return work.now_running == 0

        await until(ended)
        took_s = asyncio.get_running_loop().time() - began
        store.is_away = False

    (done,) = run.result()
    assert "LeaseLost: collect could not be held" in done.error
    assert took_s > 1.0  # it tried again, and again, before it gave up
