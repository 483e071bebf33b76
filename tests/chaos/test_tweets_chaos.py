"""Killed in the middle of searching X: nothing lost, nothing doubled, every credit in the books."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.tweet_files import make
from tests.chaos.tweets import Plan, run

pytestmark = pytest.mark.slow

QUICK = Plan(database="", kills=3, timeout_s=3.0, hold_s=4.0, settle_s=0.5, patience_s=120.0)


@pytest.mark.parametrize("kind", ["sqlite", "mysql"])
async def test_killed_searches_lose_nothing_and_account_for_every_credit(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    """Five minutes of tweets at a hundred times their pace, with trouble on the way."""
    database = f"sqlite:///{tmp_path}/tweets.db"
    if kind == "mysql":
        database = await request.getfixturevalue("mariadb").new_database()
    make(tmp_path / "tweets.tsv", 300, 1.5)

    outcome = await run(tmp_path / "tweets.tsv", replace(QUICK, database=database))

    assert outcome.is_sound, outcome
    assert outcome.stored == outcome.tweets > 200
    assert outcome.overlap == 0
    assert outcome.ratio <= 1.5, outcome  # of few tweets each kill is a larger share


async def test_a_budget_that_is_reached_is_not_passed(tmp_path: Path) -> None:
    """Four workers at once, killed, and not one call too many."""
    make(tmp_path / "tweets.tsv", 300, 1.5)
    plan = replace(QUICK, database=f"sqlite:///{tmp_path}/tweets.db", budget=3000)

    outcome = await run(tmp_path / "tweets.tsv", plan)

    assert outcome.is_sound, outcome
    assert 1000 < outcome.spent <= 3000  # what killed workers hold stays unspent
