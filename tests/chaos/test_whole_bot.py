"""The whole bot under SIGKILL, briefly; `python -m tests.chaos.whole_bot` does it at length."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos import whole_bot

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


async def test_a_killed_bot_loses_nothing_and_says_nothing_twice(tmp_path: Path) -> None:
    """Four kills while feeds grow, people ask and Telegram loses answers."""
    outcome = await whole_bot.run(4, tmp_path)

    assert outcome.is_good, outcome
    assert outcome.published > 10
    assert outcome.alerts_sent > 0
