"""`try series`: the anomalies of a series in a file, a JSON object for each as it is found."""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from bot.analysis.series import SeriesWatch
from config.settings import Settings

_LONGEST_LINE = 4096
_MOST_NAMED = 5  # lines that cannot be read
_GAPS = ("", "nan", "na", "null", "none")


async def watch_series(settings: Settings, given: argparse.Namespace) -> int:
    """Read `timestamp,value` lines and write what is unusual; a value left out is a gap."""
    return await asyncio.to_thread(_watch, given.file)


def _watch(file: Path) -> int:
    watch, bad, read = SeriesWatch(), 0, 0
    is_piped = str(file) == "-"
    opened = (
        nullcontext(sys.stdin) if is_piped else file.open(encoding="utf-8-sig", errors="replace")
    )
    with opened as lines:
        for number, line in _lines(lines):
            fields = [field.strip().strip('"') for field in line.split(",")]
            try:
                at, value = _moment(fields[0]), _value(fields[1])
            except (ValueError, IndexError, OverflowError, OSError):
                # The first line may name the columns.
                if line.strip() and number > 1:
                    bad += 1
                    if bad <= _MOST_NAMED:
                        sys.stderr.write(f"line {number} is no `timestamp,value`\n")
                continue
            read += 1
            found = watch.add(at, value)
            if found is not None:
                entry = {
                    "timestamp": fields[0],
                    "value": found.value,
                    "expected": round(found.expected, 3),
                    "direction": found.direction.value,
                    "score": found.score,
                    "novelty": found.novelty,
                }
                sys.stdout.write(json.dumps(entry, ensure_ascii=False) + "\n")
                sys.stdout.flush()
    if bad:
        sys.stderr.write(f"{bad} lines left out\n")
    if not read:
        sys.stderr.write(f"no line of {file} can be used\n")
    return 0 if read else 1


def _lines(lines: TextIO) -> Iterator[tuple[int, str]]:
    """Numbered lines; of an endless one no more than its start is held."""
    number, is_start = 0, True
    while piece := lines.readline(_LONGEST_LINE):
        if is_start:
            number += 1
            yield number, piece
        is_start = piece.endswith("\n")


def _moment(text: str) -> datetime:
    """ISO 8601, UTC when it does not say otherwise, or seconds since 1970."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return datetime.fromtimestamp(float(text), UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _value(text: str) -> float | None:
    if text.lower() in _GAPS:
        return None
    value = float(text)
    return value if math.isfinite(value) else None
