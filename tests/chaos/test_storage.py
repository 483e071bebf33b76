"""Four processes on one database, killed, stopped and cut off."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.ports import Database
from tests.chaos import storage
from tests.mariadb import MariaDb

pytestmark = pytest.mark.slow


async def test_nothing_is_lost_doubled_torn_or_wedged(db: Database, tmp_path: Path) -> None:
    """A short storm of every kind; `python -m tests.chaos.storage` plays a long one."""
    if db.dialect.name == "sqlite":
        plan = storage.Plan(kills=5, stops=2)
        outcome = await storage.run(f"sqlite:///{tmp_path}/chaos.db", plan)
    else:
        plan = storage.Plan(kills=4, stops=2, server_kills=1)
        server = MariaDb()  # one that may be killed
        try:
            await asyncio.to_thread(server.start)
            outcome = await storage.run(await server.new_database(), plan, server)
        finally:
            server.close()

    assert outcome.is_good, "\n".join(outcome.lines())
    assert outcome.figures["rows acknowledged"] > 0
    assert outcome.figures["completed once"] == outcome.figures["items of work"] > 0
    assert outcome.figures["numbers written under the lease"] > 0
