"""The stores of updates and jobs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.models.work import JobState, StoredUpdate, UpdateState
from bot.ports import Database
from bot.storage.work import InboxStore, JobStore, tries_of

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def update(update_id: int, state: UpdateState = UpdateState.NEW) -> StoredUpdate:
    return StoredUpdate(
        update_id=update_id, body=f'{{"n":{update_id}}}', received_at=NOW, state=state
    )


@pytest.fixture
def inbox(db: Database) -> InboxStore:
    return InboxStore(db)


@pytest.fixture
def jobs(db: Database) -> JobStore:
    return JobStore(db)


async def test_only_unknown_updates_are_new(inbox: InboxStore) -> None:
    """A repeated update is recognised, whatever became of it."""
    await inbox.add_new([update(1), update(2)])
    await inbox.mark_done(1, 0)

    assert await inbox.add_new([update(1), update(2), update(3)]) == {3}
    assert await inbox.undone_among([1, 2, 3, 4]) == {2, 3}
    assert await inbox.add_new([]) == frozenset()
    assert await inbox.undone_among([]) == frozenset()


async def test_attempts_are_counted_until_it_is_done(inbox: InboxStore) -> None:
    """What is done, bad or unknown is not begun again."""
    await inbox.add_new([update(1), update(2, UpdateState.BAD)])

    assert [await inbox.begin(1), await inbox.begin(1)] == [1, 2]
    assert not await inbox.mark_done(1, 1)
    assert await inbox.mark_done(1, 2)
    assert [await inbox.begin(n) for n in (1, 2, 3)] == [None, None, None]


async def test_a_failed_update_can_be_given_another_try(inbox: InboxStore) -> None:
    """It keeps its content, and starts counting anew."""
    await inbox.add_new([update(1)])
    token = await inbox.begin(1)
    assert token == 1
    assert await inbox.mark_failed(1, token, "x" * 900, UpdateState.FAILED)

    assert [(row.update_id, len(row.error)) for row in await inbox.set_aside()] == [(1, 500)]
    assert await inbox.try_again(1)
    assert not await inbox.try_again(1)
    assert [row.body for row in await inbox.undone()] == ['{"n":1}']
    again = await inbox.begin(1)
    assert again is not None
    assert (tries_of(again), again > token) == (1, True)


async def test_old_handled_updates_are_forgotten(inbox: InboxStore) -> None:
    """What was set aside stays for the admins."""
    await inbox.add_new([update(1), update(2), update(3, UpdateState.BAD)])
    await inbox.mark_done(1, 0)

    assert await inbox.purge(NOW + HOUR) == 1

    assert await inbox.counts() == {UpdateState.NEW: 1, UpdateState.BAD: 1}


async def test_a_due_run_is_claimed_by_one(jobs: JobStore) -> None:
    """Of ten schedulers that see the job as due, one runs it; then it is due later."""
    await jobs.ensure("collect", NOW)
    await jobs.ensure("collect", NOW + HOUR)
    (seen,) = await jobs.all()

    claims = await asyncio.gather(*[jobs.claim(seen, NOW + HOUR, NOW) for _ in range(10)])

    assert sum(claims) == 1
    assert await jobs.get("collect") == JobState(
        job="collect", next_run_at=NOW + HOUR, last_run_at=NOW
    )


async def test_a_paused_job_is_not_claimed(jobs: JobStore) -> None:
    """Pausing between seeing and claiming counts."""
    await jobs.ensure("collect", NOW)
    (seen,) = await jobs.all()
    assert await jobs.set_paused("collect", True)

    assert not await jobs.claim(seen, NOW + HOUR, NOW)
    assert not await jobs.set_paused("unknown", True)


async def test_jobs_come_by_their_time(jobs: JobStore) -> None:
    """The most overdue first; a changed time is obeyed."""
    for name, at in (("a", NOW - HOUR), ("b", NOW - 2 * HOUR), ("c", NOW + HOUR)):
        await jobs.ensure(name, at)
    await jobs.set_next("c", NOW - 3 * HOUR)

    assert [state.job for state in await jobs.all()] == ["c", "b", "a"]
    assert await jobs.get("d") is None


async def test_runs_are_written_down_and_shown_newest_first(jobs: JobStore) -> None:
    """With their result or error; one that a crash left open is closed as such."""
    first = await jobs.start_run("collect", NOW)
    await jobs.finish_run(first, NOW + timedelta(seconds=2), ok=True, result="5 posts")
    await jobs.start_run("collect", NOW + HOUR)
    other = await jobs.start_run("digest", NOW + HOUR)
    await jobs.finish_run(other, NOW + HOUR, ok=False, error="no chart")

    assert await jobs.close_interrupted(NOW + 2 * HOUR) == 1

    history = await jobs.history("collect")
    assert [(run.ok, run.result, run.error) for run in history] == [
        (False, "", "interrupted"),
        (True, "5 posts", ""),
    ]
    assert [run.job for run in await jobs.history(limit=2)] == ["digest", "collect"]
    assert await jobs.purge(NOW + timedelta(minutes=1)) == 1
