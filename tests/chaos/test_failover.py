"""The leader of the chat lost in each way; `python -m tests.chaos.failover` does it longer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos import failover

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_when_the_leader_is_lost_another_one_answers(
    database_url: str, tmp_path: Path
) -> None:
    """Killed, held up, told to go: every question is answered once or listed as unsure."""
    outcome = await failover.run(len(failover.WAYS), tmp_path, database_url)

    assert (outcome.lost, outcome.doubled) == ([], [])
    assert set(outcome.seconds) == set(failover.WAYS)
    assert outcome.answered > 10
