"""Telegram's flood limits: what it would answer 429 to, counted so that a test can see it.

Figures: about 30 messages a second overall, 1 a second in one chat with short bursts, 20 a minute
in one group or channel (Bots FAQ, "My bot is hitting limits"). Telegram does not publish exact
numbers; these are a little stricter than what is seen in practice.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from bot.sandbox.wire import Json

_SENDS = {
    "sendmessage",
    "sendphoto",
    "senddocument",
    "sendmediagroup",
    "forwardmessage",
    "copymessage",
}
_EDITS = {
    "editmessagetext",
    "editmessagecaption",
    "editmessagemedia",
    "editmessagereplymarkup",
}
_DRAFTS = {"sendmessagedraft"}


@dataclass(frozen=True, slots=True)
class FloodLimits:
    """The figures; per second or per minute, bursts in messages."""

    overall_per_s: int = 30
    chat_per_s: float = 1.0
    chat_burst: int = 5
    group_per_min: int = 20
    draft_per_s: float = 5.0
    draft_burst: int = 10


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken limit: when (Unix seconds), which one, where, and the wait that was asked."""

    at: float
    limit: str
    method: str
    chat_id: int | None
    retry_after_s: int


class _Bucket:
    """A token bucket in the caller's time."""

    __slots__ = ("burst", "last", "level", "rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self.rate = rate
        self.burst = burst
        self.level = burst
        self.last = now

    def missing_s(self, now: float, count: int) -> float:
        """Return how long until `count` tokens are there; 0 when they are."""
        self.level = min(self.burst, self.level + (now - self.last) * self.rate)
        self.last = now
        lack = min(count, self.burst) - self.level
        return max(lack / self.rate, 0.0) if lack > 1e-9 else 0.0

    def take(self, count: int) -> None:
        self.level -= count


def lane_of(method: str) -> str | None:
    """Return which kind of limited call a method is; None when it is free."""
    name = method.lower()
    if name in _SENDS:
        return "send"
    if name in _EDITS:
        return "edit"
    if name in _DRAFTS:
        return "draft"
    return None


@dataclass(slots=True)
class FloodControl:
    """Counts messages; refuses and records what breaks a limit. `enforced` off only records."""

    limits: FloodLimits = field(default_factory=FloodLimits)
    enforced: bool = True
    violations: list[Violation] = field(default_factory=list)
    _chats: dict[tuple[str, int], _Bucket] = field(default_factory=dict)
    _minutes: dict[tuple[str, int], deque[float]] = field(default_factory=dict)
    _second: deque[float] = field(default_factory=deque)
    _held: dict[int, float] = field(default_factory=dict)

    def hold(self, chat_id: int, now: float, retry_after_s: float) -> None:
        """Remember that a 429 told the bot to leave this chat alone for a while."""
        self._held[chat_id] = max(self._held.get(chat_id, 0.0), now + retry_after_s)

    def check(self, method: str, chat_id: int, count: int, now: float, wall: float) -> int:
        """Account for `count` messages; return 0, or the seconds to wait when refused."""
        lane = lane_of(method)
        if lane is None:
            return 0
        broken, wait_s = self._broken(lane, chat_id, count, now)
        if not broken:
            self._take(lane, chat_id, count, now)
            return 0
        retry_after_s = max(1, math.ceil(wait_s))
        self.violations.append(Violation(wall, broken, method, chat_id, retry_after_s))
        if not self.enforced:
            self._take(lane, chat_id, count, now)
            return 0
        self.hold(chat_id, now, retry_after_s)
        return retry_after_s

    def _broken(self, lane: str, chat_id: int, count: int, now: float) -> tuple[str, float]:
        # A tenth of a second of grace: what was already under way when the 429 left is no sin.
        held = self._held.get(chat_id, 0.0) - now
        if held > 0.1:
            return "early retry", held
        while self._second and self._second[0] <= now - 1.0:
            self._second.popleft()
        if lane != "draft" and len(self._second) + count > self.limits.overall_per_s:
            return "overall", 1.0
        missing_s = self._bucket(lane, chat_id, now).missing_s(now, count)
        if missing_s:
            return f"chat {lane}", missing_s
        if chat_id < 0:
            minute = self._minutes.setdefault((lane, chat_id), deque())
            while minute and minute[0] <= now - 60.0:
                minute.popleft()
            if len(minute) + count > self.limits.group_per_min:
                return f"group {lane}", 60.0 - (now - minute[0]) if minute else 60.0
        return "", 0.0

    def _bucket(self, lane: str, chat_id: int, now: float) -> _Bucket:
        key = (lane, chat_id)
        if key not in self._chats:
            limits = self.limits
            rate, burst = (
                (limits.draft_per_s, limits.draft_burst)
                if lane == "draft"
                else (limits.chat_per_s, limits.chat_burst)
            )
            self._chats[key] = _Bucket(rate, burst, now)
        return self._chats[key]

    def _take(self, lane: str, chat_id: int, count: int, now: float) -> None:
        bucket = self._bucket(lane, chat_id, now)
        bucket.missing_s(now, 0)
        bucket.take(count)
        if lane != "draft":
            self._second.extend([now] * count)
        if chat_id < 0:
            self._minutes.setdefault((lane, chat_id), deque()).extend([now] * count)

    def report(self) -> list[Json]:
        """Return the violations as JSON."""
        return [
            {
                "at": broken.at,
                "limit": broken.limit,
                "method": broken.method,
                "chat_id": broken.chat_id,
                "retry_after": broken.retry_after_s,
            }
            for broken in self.violations
        ]
