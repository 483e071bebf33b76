"""Killed in the middle of collecting and importing: nothing lost, nothing doubled."""

from pathlib import Path

import pytest

from tests.chaos.collecting import run_collect, run_import

pytestmark = pytest.mark.slow


async def test_a_killed_collection_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Six kills while twelve feeds grow."""
    outcome = await run_collect(kills=6, folder=tmp_path)

    assert outcome.is_good, outcome
    assert outcome.made > 50


async def test_a_killed_import_can_be_repeated(tmp_path: Path) -> None:
    """Four kills in one file."""
    outcome = await run_import(kills=4, folder=tmp_path, posts=6000)

    assert outcome.is_good, outcome
