"""Everything the bot asked for, in order: what tests look at and the page can show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.wire import Json


@dataclass(slots=True)
class Call:
    """One call of the bot.

    `at` is Unix seconds; `params` are decoded (forms carry JSON as text; here it is JSON);
    `files` are names of uploads and their sizes; `committed` says whether the world changed;
    `fault` is the trouble that met the call, if any.
    """

    seq: int
    at: float
    method: str
    params: Json
    files: dict[str, int]
    chat_id: int | None = None
    result: Any = None
    error_code: int | None = None
    description: str = ""
    committed: bool = False
    fault: str = ""
    ms: float = 0.0

    def to_json(self) -> Json:
        """Return the call as JSON."""
        return {
            "seq": self.seq,
            "at": self.at,
            "method": self.method,
            "params": self.params,
            "files": self.files,
            "chat_id": self.chat_id,
            "result": self.result,
            "error_code": self.error_code,
            "description": self.description,
            "committed": self.committed,
            "fault": self.fault,
            "ms": round(self.ms, 1),
        }


@dataclass(slots=True)
class Journal:
    """The last `keep` calls; empty long polls are left out, they say nothing."""

    keep: int = 20_000
    calls: list[Call] = field(default_factory=list)
    count: int = 0

    def begin(self, at: float, method: str, params: Json, files: dict[str, int]) -> Call:
        """Open the record of a call."""
        self.count += 1
        return Call(self.count, at, method, params, files)

    def end(self, call: Call) -> None:
        """Keep the record, unless it is a poll that brought nothing."""
        if call.method.lower() == "getupdates" and not call.result and not call.error_code:
            return
        self.calls.append(call)
        if len(self.calls) > self.keep:
            del self.calls[: self.keep // 10]
