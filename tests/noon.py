"""A time zone in which the day neither begins nor ends while a test runs."""

from __future__ import annotations

from datetime import UTC, datetime


def zone_of_noon(now: datetime | None = None) -> str:
    """Where it is between twelve and one o'clock by day."""
    ahead = 12 - (now or datetime.now(UTC)).hour
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"  # the sign is the other way round there
