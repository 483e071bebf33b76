"""Backups kept beside the data: made by hand or once a day, the oldest forgotten."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.errors import BadInput
from bot.ports import Clock
from bot.services.backups.making import BackupMade, make_backup

log = logging.getLogger(__name__)

KEPT = 7
_PATTERN = "hoshyar-*.db"
_LEFT_BEHIND = ".hoshyar-*.part*"
_HEADROOM = 1.2  # of what the last one took
_DAILY_ROOM = 3  # by itself it takes no more than a third of what is free
_AGE_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Kept:
    """What a daily round did."""

    megabytes: int
    posts: int


class Backups:
    """`url` is the database's; `database_files` are measured to guess what a backup will take."""

    def __init__(
        self, url: str, folder: Path, clock: Clock, database_files: Sequence[Path] = ()
    ) -> None:
        self._url = url
        self._folder = folder
        self._clock = clock
        self._database_files = tuple(database_files)
        self._turn = asyncio.Lock()

    async def make(self) -> BackupMade:
        """One now. BadInput when one is being made already, or the disk has no room for it."""
        if self._turn.locked():
            raise BadInput("backup.busy")
        async with self._turn:
            free, need = await asyncio.to_thread(self._room)
            if free < need:
                raise BadInput("backup.no_room", free=free // 2**20, need=need // 2**20 + 1)
            return await self._make()

    async def daily(self) -> Kept | str:
        """The same by the clock; it takes no large part of the disk unasked."""
        if self._turn.locked():
            return "one is being made already"
        async with self._turn:
            free, need = await asyncio.to_thread(self._room)
            if free < need * _DAILY_ROOM:
                return f"left out: {free // 2**20} MB are free, one takes {need // 2**20} MB"
            made = await self._make()
        return Kept(made.bytes // 2**20, made.facts.posts)

    async def _make(self) -> BackupMade:
        target = self._folder / f"hoshyar-{self._clock():%Y%m%d-%H%M%S}.db"
        made = await make_backup(self._url, target)
        gone = await asyncio.to_thread(self._forget_old)
        log.info("backup made", extra={"file": str(target), "bytes": made.bytes, "gone": gone})
        return made

    def _room(self) -> tuple[int, int]:
        """Free bytes, and how many a backup will need."""
        self._folder.mkdir(parents=True, exist_ok=True)
        known = [file.stat().st_size for file in self._database_files if file.exists()]
        if not known:  # a server's: the last backup tells
            known = [path.stat().st_size for path in self._all()[-1:]]
        return shutil.disk_usage(self._folder).free, int(sum(known) * _HEADROOM)

    def _all(self) -> list[Path]:
        return sorted(self._folder.glob(_PATTERN))

    def _forget_old(self) -> int:
        old = self._all()[:-KEPT]
        now = self._clock().timestamp()
        old += [p for p in self._folder.glob(_LEFT_BEHIND) if now - p.stat().st_mtime > _AGE_S]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)
