"""Disk: how much room the data take and have left; told to admins before it runs out.

At the end of the room nothing more is collected; everything else goes on, and collecting resumes by
itself when there is room again.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from bot.models.disk import GB, DiskState, Room
from bot.ports import Clock

log = logging.getLogger(__name__)

KNOWN_FOR_S = 60.0  # measured anew after this

Measure = Callable[[Path], tuple[int, int]]  # free bytes and all bytes of a folder's disk


class Sizes(Protocol):
    async def data_bytes(self) -> int: ...


class Disk:
    """`files` lie beside the database and grow with it; `limit_gb` 0 means the disk's own room.

    `on_notice` is given the state and a key that is the same for a day, and must bear being told
    twice.
    """

    def __init__(
        self,
        sizes: Sizes,
        folder: Path,
        files: Sequence[Path],
        clock: Clock,
        *,
        limit_gb: int = 0,
        on_notice: Callable[[DiskState, str], Awaitable[None]] | None = None,
        measure: Measure | None = None,
    ) -> None:
        self._sizes = sizes
        self._folder = folder
        self._files = tuple(files)
        self._clock = clock
        self._limit_gb = limit_gb
        self._on_notice = on_notice
        self._measure = measure or _measure
        self._known: tuple[float, DiskState] | None = None
        self._told: tuple[Room, str] | None = None

    async def state(self) -> DiskState:
        """As it was within the last minute."""
        if self._known is None or time.monotonic() - self._known[0] > KNOWN_FOR_S:
            free, whole = await asyncio.to_thread(self._measure, self._folder)
            data = await self._sizes.data_bytes() + await asyncio.to_thread(file_bytes, self._files)
            state = DiskState(
                data_bytes=data,
                limit_bytes=self._limit_gb * GB,
                free_bytes=free,
                disk_bytes=whole,
            )
            self._known = time.monotonic(), state
        return self._known[1]

    async def is_full(self) -> bool:
        """Whether nothing more may be stored; nobody is told."""
        return (await self.state()).room is Room.NONE

    async def has_room(self) -> bool:
        """Whether posts may be collected; admins are told of too little room, once a day."""
        state = await self.state()
        if state.room is not Room.ENOUGH:
            await self._tell(state, self._clock())
        return state.room is not Room.NONE

    def forget(self) -> None:
        """Measure anew at the next question, e.g. after something could not be written."""
        self._known = None

    async def _tell(self, state: DiskState, now: datetime) -> None:
        day = f"{now:%Y-%m-%d}"
        if self._told == (state.room, day):
            return
        log.warning(
            "the disk gets full",
            extra={"room": state.room.value, "free": state.free_bytes, "data": state.data_bytes},
        )
        if self._on_notice is not None:
            await self._on_notice(state, f"disk:{state.room}:{day}")
        self._told = state.room, day


def _measure(folder: Path) -> tuple[int, int]:
    usage = shutil.disk_usage(folder)
    return usage.free, usage.total


def file_bytes(files: Sequence[Path]) -> int:
    """The size of those that are there."""
    return sum(file.stat().st_size for file in files if file.exists())
