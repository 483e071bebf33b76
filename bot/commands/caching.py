"""The cache from the command line: how it does, and emptying it."""

from __future__ import annotations

import argparse
import sys

from bot.app import open_parts
from bot.commands.output import answer
from bot.errors import StorageError
from config.settings import Settings


async def cache_status(settings: Settings, given: argparse.Namespace) -> int:
    """What the shared level holds, and how often the cache helped in all processes."""
    async with open_parts(settings) as parts:
        report = await parts.cache.report()
    if report.shared is None:
        raise StorageError(report.trouble)
    shared, counts = report.shared, report.counts
    answer(
        {
            "level": shared.name,
            "entries": shared.entries,
            "bytes": shared.bytes,
            "limit_bytes": shared.limit_bytes,
            "asked": report.asked,
            "hit_rate": round(report.hit_rate, 4),
            "counts": dict(counts),
        },
        [
            f"{shared.name}: {shared.entries} entries, {_mb(shared.bytes)} of "
            + _mb(shared.limit_bytes),
            f"all processes since it was cleared: {report.asked} questions",
            f"{report.hit_rate:.0%} of them answered without making",
            *(f"  {name}: {counts[name]}" for name in sorted(counts)),
        ],
        as_json=given.json,
    )
    return 0


async def cache_clear(settings: Settings, given: argparse.Namespace) -> int:
    """Forget everything in the shared level; running processes follow within half a minute."""
    async with open_parts(settings) as parts:
        gone = await parts.cache.clear()
    if given.json:
        answer({"cleared": gone}, (), as_json=True)
    else:
        sys.stdout.write(f"{gone} entries cleared\n")
    return 0


def _mb(size: int) -> str:
    return f"{size / 2**20:.1f} MB"
