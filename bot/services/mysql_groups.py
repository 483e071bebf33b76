"""Single INSERTs that wait at the same moment become one statement and share its commit.

While one statement with a given text is under way, those with the same text gather; the next
statement carries all of them. Each caller still gets its own count or its own error: where the
merged statement is refused, or its one count does not tell the rows apart, it is rolled back and
the rows go one by one in one transaction.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

from bot.errors import CommitUnknown, StorageError
from bot.ports import Transaction, Unit
from bot.services.mysql_session import AGAIN, LOST, TIMED_OUT, ServerError, Session, is_insert_new
from bot.services.mysql_text import Shape

ROWS_PER_GROUP = 500
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
    ) -> None:
        self._write = write  # a unit, in a transaction of its own
        self._alone = alone  # one statement that is its own transaction
        self._waiting: dict[str, _Waiting] = {}
        self._workers: set[asyncio.Task[None]] = set()

    async def add(self, sql: str, many: Shape, row: bytes) -> int:
        """Store one row; returns once it is committed."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.get(sql)
        if waiting is None:
            waiting = self._waiting[sql] = deque()
            worker = asyncio.create_task(self._work(sql, many, waiting), name="mysql-inserts")
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        elif len(waiting) >= WAITING_MAX:
            raise StorageError(f"{len(waiting)} rows wait for the database already")
        waiting.append((row, future))
        return await future

    async def close(self) -> None:
        """Wait until every row that was accepted has its answer."""
        while self._workers:
            await asyncio.wait(self._workers)

    async def _work(self, sql: str, many: Shape, waiting: _Waiting) -> None:
        try:
            while waiting:
                taken = [waiting.popleft() for _ in range(min(ROWS_PER_GROUP, len(waiting)))]
                # Who was cancelled while waiting is not written at all.
                taken = [(row, future) for row, future in taken if not future.cancelled()]
                if taken:
                    await self._answer(sql, many, taken)
        finally:
            del self._waiting[sql]
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
        if len(rows) == 1 and not is_insert_new(sql):
            return [await self._alone(sql, many.head + rows[0] + many.tail)]

        async def together(tx: Transaction) -> list[_Outcome]:
            total = await cast(Session, tx).insert_rows(sql, many, rows)
            if total == 0 or total == len(rows):
                return [total // len(rows)] * len(rows)
            raise _CannotTell

        async def one_by_one(tx: Transaction) -> list[_Outcome]:
            session = cast(Session, tx)
            return [await _one(session, sql, many, row) for row in rows]

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
        return await self._write(one_by_one)


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
