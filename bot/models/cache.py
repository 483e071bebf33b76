"""How the cache does: what people and admins are shown of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStats:
    """One process: how its questions were answered since it started, and what it holds."""

    hits_memory: int = 0
    hits_shared: int = 0
    misses: int = 0  # nothing was there and it was made
    joined: int = 0  # waited for what somebody else was making already
    refreshed: int = 0  # made again shortly before it would have expired
    failures: int = 0  # times that the shared level did not answer
    entries: int = 0
    bytes: int = 0
    limit_bytes: int = 0

    @property
    def hits(self) -> int:
        return self.hits_memory + self.hits_shared


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheUsage:
    """The shared level: what it holds, and the counts of all processes since it was cleared."""

    name: str  # database or redis
    entries: int
    bytes: int
    limit_bytes: int
    counts: Mapping[str, int] = field(default_factory=dict)  # by the names of CacheStats


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheReport:
    """Both levels; `shared` is None when it does not answer, and `trouble` says why."""

    process: CacheStats
    shared_name: str
    shared: CacheUsage | None
    trouble: str = ""

    @property
    def counts(self) -> Mapping[str, int]:
        """Of all processes, or of this one when the shared level is silent."""
        if self.shared is not None:
            return self.shared.counts
        process = self.process
        return {
            "hits_memory": process.hits_memory,
            "hits_shared": process.hits_shared,
            "joined": process.joined,
            "misses": process.misses,
        }

    @property
    def asked(self) -> int:
        names = ("hits_memory", "hits_shared", "joined", "misses")
        return sum(self.counts.get(name, 0) for name in names)

    @property
    def hit_rate(self) -> float:
        """The share of questions for which nothing had to be made, from 0 to 1."""
        return 1 - self.counts.get("misses", 0) / self.asked if self.asked else 0.0
