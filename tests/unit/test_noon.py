"""The tests' own zone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.noon import zone_of_noon


@pytest.mark.parametrize("hour", range(24))
def test_it_is_noon_there(hour: int) -> None:
    now = datetime(2026, 11, 21, hour, 30, tzinfo=UTC)

    assert now.astimezone(ZoneInfo(zone_of_noon(now))).hour == 12
