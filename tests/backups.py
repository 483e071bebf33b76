"""A process that writes as fast as it can into two tables that must agree, until its input ends."""

from __future__ import annotations

import asyncio
import sys
import time

from bot.ports import Database, Transaction
from bot.services.db_service import open_database

INSERT = "INSERT INTO feedback (user_id, chat_id, text, created_ms) VALUES (?, ?, ?, ?)"
COUNT = "UPDATE heads SET value=value+1 WHERE name='written'"


async def one_more(db: Database, writer: int, text: str) -> None:
    """A row, and one more in the count of rows."""

    async def unit(tx: Transaction) -> None:
        await tx.execute(COUNT)
        await tx.insert(INSERT, (writer, 0, text, 0))

    await db.write(unit)


async def main(url: str, writer: int) -> None:
    db = await open_database(url)
    longest_s, count = 0.0, 0
    print("writing", flush=True)  # noqa: T201 - to the test that started it
    loop = asyncio.get_running_loop()
    ended = loop.run_in_executor(None, sys.stdin.read)
    while not ended.done():
        started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(8):
                group.create_task(one_more(db, writer, f"سلام {number} 😀"))
        longest_s = max(longest_s, time.monotonic() - started)
        count += 8
    await db.close()
    print(f"{count} {longest_s:.3f}", flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
