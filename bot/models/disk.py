"""How much room the data take, and how much there is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MB = 1024 * 1024
GB = 1024 * MB
WARNED_FROM = 0.8  # of the limit that is set
LEAST_FREE = 500 * MB  # nothing is collected with less
WARNED_FREE = 2 * GB
WARNED_FREE_SHARE = 0.05
NO_ROOM = "waits for room on the disk"  # what the job that collects says while it stands


class Room(StrEnum):
    ENOUGH = "enough"
    LOW = "low"  # admins are warned
    NONE = "none"  # nothing is collected


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskState:
    """Bytes; `limit_bytes` is 0 where none is set."""

    data_bytes: int  # the database and the search index
    limit_bytes: int
    free_bytes: int  # of the disk that holds this process's files
    disk_bytes: int

    @property
    def room(self) -> Room:
        used = self.data_bytes / self.limit_bytes if self.limit_bytes else 0.0
        if used >= 1 or self.free_bytes < LEAST_FREE:
            return Room.NONE
        if used >= WARNED_FROM or self.free_bytes < max(
            WARNED_FREE, WARNED_FREE_SHARE * self.disk_bytes
        ):
            return Room.LOW
        return Room.ENOUGH
