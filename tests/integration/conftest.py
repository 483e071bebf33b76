"""What tests with several processes need."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.ports import Database
from tests.mariadb import MariaDb


@pytest.fixture
async def address(request: pytest.FixtureRequest, db: Database, tmp_path: Path) -> str:
    """The address of `db`, for another process."""
    if db.dialect.name == "sqlite":
        return f"sqlite:///{tmp_path}/hoshyar.db"
    server: MariaDb = request.getfixturevalue("mariadb")
    row = await db.fetch_one("SELECT DATABASE()")
    assert row is not None
    return f"mysql://root@127.0.0.1:{server.port}/{row[0]}"
