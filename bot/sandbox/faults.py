"""Trouble on order: what the network and Telegram's servers do on their bad days."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from enum import StrEnum

from bot.sandbox.wire import Json


class FaultKind(StrEnum):
    """What happens to a call, and whether the message was stored before it happened."""

    FLOOD = "429"  # refused with retry_after; nothing stored
    SERVER_ERROR = "5xx"  # answered with `code`; stored only when `commit` is set
    LOST_REQUEST = "lost_request"  # connection closed, nothing stored
    LOST_RESPONSE = "lost_response"  # stored, then the connection is closed
    HANG = "hang"  # stored, then silence for `seconds`, then closed
    SLOW = "slow"  # `seconds` pass, then an ordinary answer
    GARBLED = "garbled"  # stored, then an answer that is no JSON
    OUTAGE = "outage"  # every call: connection closed, until `seconds` have passed


@dataclass(slots=True)
class Fault:
    """One order of trouble: `times` calls, or each call with probability `fraction`.

    `method` "*" means any method but getUpdates, which has to be named to be hit (an outage hits
    everything). `seconds` is a duration, `retry_after` whole seconds as in the Bot API.
    """

    kind: FaultKind
    method: str = "*"
    chat_id: int | None = None
    times: int | None = 1
    fraction: float = 1.0
    retry_after: int = 1
    code: int = 502
    seconds: float = 1.0
    commit: bool = False
    hits: int = 0
    until: float | None = None

    def matches(self, method: str, chat_id: int | None) -> bool:
        """Say whether a call is of the kind this order is about."""
        if self.kind is FaultKind.OUTAGE:
            return True
        if self.times is not None and self.hits >= self.times:
            return False
        if self.chat_id is not None and self.chat_id != chat_id:
            return False
        if self.method == "*":
            return method.lower() != "getupdates"
        return self.method.lower() == method.lower()


@dataclass(slots=True)
class Faults:
    """The orders in force. The random generator is its own and seeded, so a run repeats."""

    seed: int = 7
    orders: list[Fault] = field(default_factory=list)
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - a repeatable test, not a secret

    def add(
        self,
        method: str,
        kind: FaultKind | str,
        *,
        times: int | None = 1,
        chat_id: int | None = None,
        fraction: float = 1.0,
        retry_after: int = 1,
        code: int = 502,
        seconds: float = 1.0,
        commit: bool = False,
    ) -> Fault:
        """Order trouble for the next `times` calls of `method` (None: for ever)."""
        fault = Fault(
            FaultKind(kind),
            method,
            chat_id,
            times,
            fraction,
            retry_after,
            code,
            seconds,
            commit,
        )
        if fault.kind is FaultKind.OUTAGE:
            fault.until = time.monotonic() + seconds
        self.orders.append(fault)
        return fault

    def outage(self, seconds: float) -> Fault:
        """Close every connection for `seconds`."""
        return self.add("*", FaultKind.OUTAGE, times=None, seconds=seconds)

    def clear(self) -> None:
        """End all trouble."""
        self.orders.clear()

    def strike(self, method: str, chat_id: int | None) -> Fault | None:
        """Return the trouble that meets this call, counting it as used."""
        now = time.monotonic()
        self.orders = [fault for fault in self.orders if fault.until is None or fault.until > now]
        for fault in self.orders:
            if not fault.matches(method, chat_id):
                continue
            if fault.fraction < 1.0 and self._random.random() >= fault.fraction:
                continue
            fault.hits += 1
            return fault
        return None

    def report(self) -> list[Json]:
        """Return the orders in force as JSON."""
        return [
            {
                "kind": str(fault.kind),
                "method": fault.method,
                "chat_id": fault.chat_id,
                "times": fault.times,
                "fraction": fault.fraction,
                "hits": fault.hits,
            }
            for fault in self.orders
        ]
