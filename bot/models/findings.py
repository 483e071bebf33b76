"""What admins are told of patterns: each finding once, as a hint."""

from __future__ import annotations

from dataclasses import dataclass

from bot.models.pattern import Anomaly, CoordinationHint, LevelShift, Measure


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesFinding:
    """One series left its usual ways, or took on others."""

    key: str  # the same whenever the same thing is found
    measure: Measure
    what: Anomaly | LevelShift
    source_name: str = ""  # whose output it is


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFinding:
    """Accounts that seem to act together, as of now."""

    key: str
    hint: CoordinationHint


Finding = SeriesFinding | GroupFinding
