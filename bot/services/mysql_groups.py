"""Single INSERTs that wait at the same moment become one statement and share its commit.

While one statement with a given text is under way, those with the same text gather; the next
statement carries all of them. When many gather, two statements are under way at once, so that one
is written while the server works on the other. Each caller still gets its own count or its own
error: where the merged statement is refused, or its one count does not tell the rows apart, it is
undone and the rows go one by one in one transaction.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

from bot.errors import CommitUnknown, StorageError
from bot.ports import Transaction, Unit
from bot.services.mysql_session import AGAIN, LOST, TIMED_OUT, ServerError, Session, is_insert_new
from bot.services.mysql_text import ROWS_PER_INSERT, Shape

ROWS_PER_GROUP = ROWS_PER_INSERT
LANES = 2  # statements of one text under way at once
ROWS_WORTH_A_LANE = 64
WAITING_MAX = 20_000  # beyond this the database is hopelessly behind, and memory would only grow

_Waiting = deque[tuple[bytes, "asyncio.Future[int]"]]
_Outcome = int | Exception


class _CannotTell(Exception):
    """The merged statement worked for some rows, and its count does not say for which."""


class InsertGroups:
    """Waiting rows by the text of their statement."""

    def __init__(
        self,
        write: Callable[[Unit[list[_Outcome]]], Awaitable[list[_Outcome]]],
        alone: Callable[[str, bytes], Awaitable[int]],
        max_bytes: int,
    ) -> None:
        self._write = write  # a unit, in a transaction of its own
        self._alone = alone  # one statement that is its own transaction
        self._max_bytes = max_bytes  # of one statement
        self._waiting: dict[str, _Waiting] = {}
        self._lanes: Counter[str] = Counter()
        self._workers: set[asyncio.Task[None]] = set()

    async def add(self, sql: str, many: Shape, row: bytes) -> int:
        """Store one row; returns once it is committed."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(sql, deque())
        if len(waiting) >= WAITING_MAX:
            raise StorageError(f"{len(waiting)} rows wait for the database already")
        waiting.append((row, future))
        lanes = self._lanes[sql]
        if not lanes or (lanes < LANES and len(waiting) >= lanes * ROWS_WORTH_A_LANE):
            self._lanes[sql] += 1
            worker = asyncio.create_task(self._work(sql, many, waiting), name="mysql-inserts")
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        return await future

    async def close(self) -> None:
        """Wait until every row that was accepted has its answer."""
        while self._workers:
            await asyncio.wait(self._workers)

    async def _work(self, sql: str, many: Shape, waiting: _Waiting) -> None:
        try:
            while waiting:
                share = -(-len(waiting) // self._lanes[sql])
                taken = [waiting.popleft() for _ in range(min(ROWS_PER_GROUP, share))]
                # Who was cancelled while waiting is not written at all.
                taken = [(row, future) for row, future in taken if not future.cancelled()]
                if taken:
                    await self._answer(sql, many, taken)
        finally:
            self._lanes[sql] -= 1
            if not self._lanes[sql]:
                del self._lanes[sql], self._waiting[sql]
                for _, future in waiting:  # only when this task itself was stopped
                    future.cancel()

    async def _answer(
        self, sql: str, many: Shape, taken: Sequence[tuple[bytes, asyncio.Future[int]]]
    ) -> None:
        rows = [row for row, _ in taken]
        try:
            outcomes = await self._store(sql, many, rows)
        except Exception as error:  # whoever waits must hear of it
            outcomes = [_copy(error) for _ in rows]
        except BaseException:
            for _, future in taken:
                future.cancel()
            raise
        for (_, future), outcome in zip(taken, outcomes, strict=True):
            if future.done():
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    async def _store(self, sql: str, many: Shape, rows: list[bytes]) -> list[_Outcome]:
        if not is_insert_new(sql):
            statements = list(many.statements(rows, self._max_bytes))
            if len(statements) == 1:
                return await self._at_once(sql, many, rows, statements[0][0])

        async def together(tx: Transaction) -> list[_Outcome]:
            total = await cast(Session, tx).insert_rows(sql, many, rows)
            if total == 0 or total == len(rows):
                return [total // len(rows)] * len(rows)
            raise _CannotTell

        try:
            return await self._write(together)
        except _CannotTell:
            pass
        except CommitUnknown:
            raise
        except ServerError as error:
            if len(rows) == 1 or error.code in LOST or error.code == TIMED_OUT:
                raise
        except StorageError:  # a warning of INSERT IGNORE: rolled back, and one row's alone
            if len(rows) == 1:
                raise
        return await self._write(lambda tx: _one_by_one(tx, sql, many, rows))

    async def _at_once(
        self, sql: str, many: Shape, rows: list[bytes], statement: bytes
    ) -> list[_Outcome]:
        """A statement is a transaction of its own: no BEGIN and no COMMIT on the way."""
        try:
            await self._alone(sql, statement)
        except CommitUnknown:
            raise
        except ServerError as error:
            if len(rows) == 1 or error.code in LOST or error.code == TIMED_OUT:
                raise
            return await self._write(lambda tx: _one_by_one(tx, sql, many, rows))
        return [1] * len(rows)


async def _one_by_one(
    tx: Transaction, sql: str, many: Shape, rows: Sequence[bytes]
) -> list[_Outcome]:
    session = cast(Session, tx)
    return [await _one(session, sql, many, row) for row in rows]


async def _one(session: Session, sql: str, many: Shape, row: bytes) -> _Outcome:
    """A refused statement undoes itself; INSERT IGNORE may only be refused afterwards."""
    if is_insert_new(sql):
        await session.run(b"SAVEPOINT one")
    try:
        return await session.insert_rows(sql, many, [row])
    except ServerError as error:
        if error.code in AGAIN or error.code in LOST or error.code == TIMED_OUT:
            raise
        return error
    except StorageError as error:
        if is_insert_new(sql):
            await session.run(b"ROLLBACK TO one")
        return error


def _copy(error: Exception) -> Exception:
    """The same error for each caller: one object would gather all their traces."""
    if isinstance(error, ServerError):
        twin: Exception = ServerError(str(error), error.code)
    elif isinstance(error, StorageError):
        twin = type(error)(*error.args)
    else:
        return error
    twin.__cause__ = error.__cause__
    return twin
