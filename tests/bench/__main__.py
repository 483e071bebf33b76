"""`make bench`: one table, each figure beside a peer or a limit measured in the same run.

`python -m tests.bench NAME …` runs only those; `--write` keeps the table in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "benchmarks.md"


def main() -> None:
    """Run and print."""
    known = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    lines = ["| what | figure | beside |", "| --- | ---: | --- |"]
    for line in lines:
        print(line, flush=True)
    for name in given.names or known:
        for what, value, unit, beside in importlib.import_module(f"tests.bench.bench_{name}").run():
            lines.append(f"| {what} | {_figure(value)} {unit} | {beside or ''} |")
            print(lines[-1], flush=True)
    if given.write:
        PAGE.write_text("\n".join([*_head(), *lines]) + "\n", encoding="utf-8")


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"


def _head() -> list[str]:
    return [
        "# What it costs",
        "",
        "The last table of `make bench`, kept as printed. Absolute figures move with the machine;",
        "what stands beside each was measured in the same run.",
        "",
        (
            f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, "
            f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
            f"load {os.getloadavg()[0]:.1f} at the end."
        ),
        "",
    ]


if __name__ == "__main__":
    sys.exit(main())
