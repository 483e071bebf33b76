"""Work that must survive a crash: updates that came in, and jobs with their runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.errors import LeaseLost, StorageError
from bot.models.work import JobRun, JobState, Lease, StoredUpdate, UpdateState
from bot.ports import Database, Row, Transaction
from bot.storage.leases import fence
from bot.utils.times import from_ms, from_ms_or_none, to_ms

_INBOX = ("update_id", "body", "received_ms", "state", "attempts", "error")
_SELECT_INBOX = f"SELECT {', '.join(_INBOX)} FROM inbox"
_RUN = ("job", "started_ms", "finished_ms", "ok", "result", "error", "worker")
_ERROR_CHARS = 500
_LONGEST_RUN = timedelta(days=1)
_ROUND = 100  # attempts only ever grow, for each is a token; a new round begins at a full hundred
_ALIVE_MS = 20_000  # a process is at work when it was seen this lately: it beats every 5 seconds


def tries_of(token: int) -> int:
    """How often an update has been begun, the present time included, since it was last given up."""
    return token % _ROUND


async def _still(tx: Transaction, lease: Lease | None) -> None:
    """Raise LeaseLost unless the lease is held; a process that is alone has none to hold."""
    if lease is not None:
        await fence(tx, lease)


class InboxStore:
    """Raw updates from the moment they arrive until they have been handled."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._insert = db.dialect.insert_new("inbox", _INBOX, ["update_id"])

    async def add_new(
        self, updates: Sequence[StoredUpdate], lease: Lease | None = None
    ) -> frozenset[int]:
        """Store the unknown ones, all or none, and return their ids.

        Raises LeaseLost when `lease` is no longer held: nothing is stored.
        """

        async def unit(tx: Transaction) -> frozenset[int]:
            await _still(tx, lease)
            return frozenset(
                [u.update_id for u in updates if await tx.execute(self._insert, _inbox_values(u))]
            )

        return await self._db.write(unit) if updates else frozenset()

    async def undone(self) -> list[StoredUpdate]:
        """What still waits to be handled, in the order of arrival."""
        rows = await self._db.fetch_all(
            f"{_SELECT_INBOX} WHERE state='new' ORDER BY received_ms, update_id"
        )
        return [_stored(row) for row in rows]

    async def undone_among(self, update_ids: Sequence[int]) -> frozenset[int]:
        """Which of these still wait to be handled."""
        if not update_ids:
            return frozenset()
        marks = ", ".join("?" for _ in update_ids)
        rows = await self._db.fetch_all(
            f"SELECT update_id FROM inbox WHERE state='new' AND update_id IN ({marks})",
            tuple(update_ids),
        )
        return frozenset(int(row[0]) for row in rows)

    async def set_aside(self, limit: int = 50) -> list[StoredUpdate]:
        """What could not be read or handled, the newest first."""
        rows = await self._db.fetch_all(
            f"{_SELECT_INBOX} WHERE state IN ('bad', 'failed', 'unsure') "
            "ORDER BY update_id DESC LIMIT ?",
            (limit,),
        )
        return [_stored(row) for row in rows]

    async def begin(self, update_id: int, lease: Lease | None = None) -> int | None:
        """Count an attempt; its number is the token of this handling (see `tries_of`).

        None when there is nothing to do. Raises LeaseLost when `lease` is no longer held.
        """

        async def unit(tx: Transaction) -> int | None:
            await _still(tx, lease)
            changed = await tx.execute(
                "UPDATE inbox SET attempts=attempts+1 WHERE update_id=? AND state='new'",
                (update_id,),
            )
            row = await tx.fetch_one("SELECT attempts FROM inbox WHERE update_id=?", (update_id,))
            return int(row[0]) if row and changed else None

        return await self._db.write(unit)

    async def begin_answer(self, update_id: int, token: int, lease: Lease | None = None) -> None:
        """The first word of an answer is about to leave.

        Raises LeaseLost when another process leads the chat or has begun the update again: then
        it is for that one to answer.
        """

        async def unit(tx: Transaction) -> int:
            await _still(tx, lease)
            return await tx.execute(
                "UPDATE inbox SET state='answering' WHERE update_id=? AND attempts=? "
                "AND state IN ('new', 'answering')",
                (update_id, token),
            )

        if not await self._db.write(unit):
            raise LeaseLost(f"update {update_id} was begun again by another process")

    async def give_up_answering(self, error: str, lease: Lease | None = None) -> list[int]:
        """After a crash: what was being answered is now unsure; returns the updates' ids."""

        async def unit(tx: Transaction) -> list[int]:
            await _still(tx, lease)
            rows = await tx.fetch_all("SELECT update_id FROM inbox WHERE state='answering'")
            await tx.execute(
                "UPDATE inbox SET state='unsure', error=? WHERE state='answering'", (error,)
            )
            return [int(row[0]) for row in rows]

        return await self._db.write(unit)

    async def mark_done(self, update_id: int, token: int) -> bool:
        """Handled. The id stays, so that it is not handled again; the content goes.

        What was given up as unsure while its process was held up becomes done after all. False
        when another process has begun the update since: that one's word counts.
        """
        changed = await self._db.execute(
            "UPDATE inbox SET state='done', body='', error='' "
            "WHERE update_id=? AND attempts=? AND state IN ('new', 'answering', 'unsure')",
            (update_id, token),
        )
        return changed > 0

    async def mark_failed(self, update_id: int, token: int, error: str, state: UpdateState) -> bool:
        """Note an error; NEW leaves the update to another attempt, FAILED sets it aside.

        False when another process has begun the update since.
        """
        changed = await self._db.execute(
            "UPDATE inbox SET state=?, error=? "
            "WHERE update_id=? AND attempts=? AND state IN ('new', 'answering')",
            (state.value, error[:_ERROR_CHARS], update_id, token),
        )
        return changed > 0

    async def try_again(self, update_id: int) -> bool:
        """Give a failed update its attempts back; false when it is not a failed one."""
        changed = await self._db.execute(
            f"UPDATE inbox SET state='new', attempts=attempts - attempts % {_ROUND} + {_ROUND} "
            "WHERE update_id=? AND state IN ('failed', 'unsure')",
            (update_id,),
        )
        return changed > 0

    async def counts(self) -> dict[UpdateState, int]:
        rows = await self._db.fetch_all("SELECT state, COUNT(*) FROM inbox GROUP BY state")
        return {UpdateState(state): int(count) for state, count in rows}

    async def purge(self, before: datetime) -> int:
        """Forget what was handled before a moment; Telegram repeats nothing older than a day."""
        return await self._db.execute(
            "DELETE FROM inbox WHERE state='done' AND received_ms<?", (to_ms(before),)
        )


class JobStore:
    """Due times and runs of jobs."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._insert = db.dialect.insert_new("job_states", ["job", "next_run_ms"], ["job"])
        self._at_work = (
            f"(SELECT name FROM workers WHERE seen_ms > {db.dialect.now_ms} - {_ALIVE_MS})"
        )

    async def now(self) -> datetime:
        """The database's time, the same for every host that asks."""
        row = await self._db.fetch_one(f"SELECT {self._db.dialect.now_ms}")
        if row is None:
            raise StorageError("the database told no time")
        return from_ms(row[0])

    async def ensure(self, job: str, next_run_at: datetime) -> None:
        """Make a job known; one that is known already keeps its time."""
        await self._db.execute(self._insert, (job, to_ms(next_run_at)))

    async def all(self) -> list[JobState]:
        """Every job that a process has made known, the most overdue first."""
        return await self._states("")

    async def get(self, job: str) -> JobState | None:
        states = await self._states("WHERE job=?", job)
        return states[0] if states else None

    async def claim(self, seen: JobState, next_run_at: datetime, now: datetime) -> bool:
        """Take the run that was seen as due; of several claimants exactly one gets true."""
        changed = await self._db.execute(
            "UPDATE job_states SET next_run_ms=?, last_run_ms=? "
            "WHERE job=? AND next_run_ms=? AND paused=0",
            (to_ms(next_run_at), to_ms(now), seen.job, to_ms(seen.next_run_at)),
        )
        return changed > 0

    async def set_next(self, job: str, next_run_at: datetime) -> bool:
        changed = await self._db.execute(
            "UPDATE job_states SET next_run_ms=? WHERE job=?", (to_ms(next_run_at), job)
        )
        return changed > 0

    async def move_on(self, job: str, next_run_at: datetime, now: datetime) -> None:
        """A process begins a turn of a job that others may run beside it: no turn before this."""
        await self._db.execute(
            "UPDATE job_states SET next_run_ms=?, last_run_ms=? WHERE job=? AND next_run_ms<?",
            (to_ms(next_run_at), to_ms(now), job, to_ms(next_run_at)),
        )

    async def set_paused(self, job: str, paused: bool) -> bool:
        changed = await self._db.execute(
            "UPDATE job_states SET paused=? WHERE job=?", (int(paused), job)
        )
        return changed > 0

    async def start_run(self, job: str, now: datetime, worker: str = "") -> int:
        """Write down that a run began, and where; returns its id."""

        async def unit(tx: Transaction) -> int:
            await tx.execute("UPDATE job_states SET last_run_ms=? WHERE job=?", (to_ms(now), job))
            return await tx.insert(
                f"INSERT INTO job_runs ({', '.join(_RUN)}) VALUES (?, ?, 0, NULL, '', '', ?)",
                (job, to_ms(now), worker),
            )

        return await self._db.write(unit)

    async def finish_run(
        self, run_id: int, now: datetime, *, ok: bool, result: str = "", error: str = ""
    ) -> None:
        await self._db.execute(
            "UPDATE job_runs SET finished_ms=?, ok=?, result=?, error=? WHERE id=?",
            (to_ms(now), int(ok), result, error, run_id),
        )

    async def close_interrupted(self, now: datetime, ended: str = "") -> int:
        """Close the runs of processes that are gone; `ended`: of an earlier life of this one too.

        One that was only held up writes the true end of its run over this.
        """
        return await self._db.execute(
            "UPDATE job_runs SET finished_ms=?, ok=0, error='interrupted' "
            f"WHERE finished_ms=0 AND (worker=? OR worker NOT IN {self._at_work})",
            (to_ms(now), ended),
        )

    async def is_running(self, job: str, now: datetime) -> bool:
        """Does somebody run the job now?

        A process at work is believed; one without a name is while it holds the job, whose next
        time is then the end of a lease.
        """
        row = await self._db.fetch_one(
            "SELECT COUNT(*) FROM job_runs r JOIN job_states s ON s.job=r.job "
            "WHERE r.job=? AND r.started_ms>? AND r.finished_ms=0 "
            f"AND ((r.worker='' AND s.next_run_ms>?) OR r.worker IN {self._at_work})",
            (job, to_ms(now - _LONGEST_RUN), to_ms(now)),
        )
        return row is not None and row[0] > 0

    async def history(self, job: str = "", limit: int = 20) -> list[JobRun]:
        """The latest runs, of one job or of all."""
        where, params = ("WHERE job=?", (job,)) if job else ("", ())
        rows = await self._db.fetch_all(
            f"SELECT {', '.join(_RUN)}, id FROM job_runs {where} "
            "ORDER BY started_ms DESC, id DESC LIMIT ?",
            (*params, limit),
        )
        return [_job_run(row) for row in rows]

    async def last_good_end(self, job: str, *, besides: str) -> datetime | None:
        """When it last ended well, with any other result than `besides`."""
        row = await self._db.fetch_one(
            "SELECT MAX(finished_ms) FROM job_runs WHERE job=? AND ok=1 AND finished_ms>0 "
            "AND result<>?",
            (job, besides),
        )
        return from_ms(row[0]) if row and row[0] else None

    async def purge(self, before: datetime) -> int:
        return await self._db.execute(
            "DELETE FROM job_runs WHERE finished_ms>0 AND started_ms<?", (to_ms(before),)
        )

    async def _states(self, where: str, *params: object) -> list[JobState]:
        rows = await self._db.fetch_all(
            f"SELECT job, next_run_ms, last_run_ms, paused FROM job_states {where} "
            "ORDER BY next_run_ms, job",
            params,
        )
        return [
            JobState(
                job=job,
                next_run_at=from_ms(next_ms),
                last_run_at=from_ms_or_none(last_ms),
                paused=bool(paused),
            )
            for job, next_ms, last_ms, paused in rows
        ]


def _inbox_values(u: StoredUpdate) -> tuple[object, ...]:
    return (
        u.update_id,
        u.body,
        to_ms(u.received_at),
        u.state.value,
        u.attempts,
        u.error[:_ERROR_CHARS],
    )


def _stored(row: Row) -> StoredUpdate:
    return StoredUpdate(
        update_id=row[0],
        body=row[1],
        received_at=from_ms(row[2]),
        state=UpdateState(row[3]),
        attempts=row[4],
        error=row[5],
    )


def _job_run(row: Row) -> JobRun:
    return JobRun(
        job=row[0],
        started_at=from_ms(row[1]),
        finished_at=from_ms_or_none(row[2]),
        ok=None if row[3] is None else bool(row[3]),
        result=row[4],
        error=row[5],
        worker=row[6],
        id=row[7],
    )
