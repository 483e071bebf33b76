"""What a method says at one moment, and how that becomes alerts: the same way for every method."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.trendlab.speech import HOUR_MS


@dataclass(frozen=True, slots=True)
class Rise:
    """One story in one round. `posts` say its leading term."""

    key: str
    keys: frozenset[str]  # of all its terms
    score: float
    posts: frozenset[int]
    voices: int
    looks_made: bool = False  # copies, or posts of one mould


@dataclass(frozen=True, slots=True)
class Round:
    at_ms: int
    rises: tuple[Rise, ...]


@dataclass(frozen=True, slots=True)
class Alert:
    at_ms: int
    rise: Rise


@dataclass(frozen=True, slots=True)
class Rule:
    """When a rise becomes an alert, and when it is one that was told before.

    Known is what shares its key; if `joins`, also what shares posts or two terms with something
    told, while that has not been quiet for `quiet_hours`.
    """

    least: float = 0.0
    rounds: int = 1  # in a row, unless the score is `sure`
    sure: float = float("inf")
    voices: int = 3
    quiet_hours: float = 6.0
    joins: bool = True
    shared_posts: float = 0.3
    shared_terms: int = 2


@dataclass(slots=True)
class _Told:
    keys: set[str]
    posts: set[int]
    last_ms: int


def alerts(rounds: Iterable[Round], rule: Rule) -> list[Alert]:
    """Each story once, at the round in which it has fulfilled the rule."""
    told: list[_Told] = []
    waiting: dict[str, int] = {}
    found = []
    for one in rounds:
        told = [old for old in told if one.at_ms - old.last_ms <= rule.quiet_hours * HOUR_MS]
        seen: dict[str, int] = {}
        for rise in one.rises:
            known = _known(rise, told, rule)
            if known is not None:
                known.last_ms = one.at_ms
                known.keys.add(rise.key)
                if rule.joins:
                    known.posts |= rise.posts
                continue
            if rise.score < rule.least or rise.looks_made or rise.voices < rule.voices:
                continue
            held = 1 + max((waiting.get(key, 0) for key in rise.keys), default=0)
            if held >= rule.rounds or rise.score >= rule.sure:
                found.append(Alert(one.at_ms, rise))
                keys = {rise.key, *(rise.keys if rule.joins else ())}
                told.append(_Told(keys, set(rise.posts), one.at_ms))
            else:
                seen.update(dict.fromkeys(rise.keys, held))
        waiting = seen
    return found


def _known(rise: Rise, told: Sequence[_Told], rule: Rule) -> _Told | None:
    for old in told:
        if rise.key in old.keys:
            return old
    if not rule.joins:
        return None
    for old in told:
        shared = len(rise.posts & old.posts)
        if shared and shared >= rule.shared_posts * len(rise.posts):
            return old
        if len(rise.keys & old.keys) >= rule.shared_terms:
            return old
    return None
