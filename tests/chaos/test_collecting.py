"""Killed in the middle of collecting and importing: nothing lost, nothing doubled."""

from pathlib import Path

import pytest

from tests.chaos.collecting import run_collect, run_import

pytestmark = pytest.mark.slow


async def test_a_killed_collection_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Six kills while twelve feeds grow."""
    outcome = await run_collect(kills=6, database=f"sqlite:///{tmp_path}/collect.db")

    assert outcome.is_good, outcome
    assert outcome.made > 50


@pytest.mark.parametrize("kind", ["sqlite", "mysql"])
async def test_four_collectors_killed_and_stopped_ask_each_feed_once(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    """Every post once, and no feed asked by two at the same time or before its time."""
    database = f"sqlite:///{tmp_path}/collect.db"
    if kind == "mysql":
        database = await request.getfixturevalue("mariadb").new_database()

    outcome = await run_collect(kills=8, stops=6, workers=4, database=database)

    assert outcome.is_good, outcome
    assert outcome.made > 100


async def test_a_killed_import_can_be_repeated(tmp_path: Path) -> None:
    """Four kills in one file."""
    outcome = await run_import(kills=4, folder=tmp_path, posts=6000)

    assert outcome.is_good, outcome
