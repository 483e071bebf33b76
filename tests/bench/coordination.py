"""How well coordinated accounts are found: `python -m tests.bench.coordination [SEEDS]`."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

from bot.analysis.coordination import find_coordination
from tests.coordination_stream import HOURS, Stream, stream


@dataclass(frozen=True, slots=True)
class Found:
    """Groups and accounts planted and found, and hints at nobody planted."""

    groups: int
    found_groups: int
    accounts: int
    found_accounts: int
    right_accounts: int
    false_hints: int
    seconds: float

    def plus(self, other: Found) -> Found:
        return Found(*(getattr(self, name) + getattr(other, name) for name in Found.__slots__))


def measure(given: Stream) -> Found:
    """Compare the hints with what was planted; a group is found when half of it is."""
    began = time.process_time()
    hints = find_coordination(given.sayings, given.headlines)
    seconds = time.process_time() - began
    planted = frozenset().union(*given.groups) if given.groups else frozenset()
    named = {account for hint in hints for account in hint.accounts}
    found = [group for group in given.groups if len(group & named) * 2 >= len(group)]
    false = [hint for hint in hints if 2 * len(planted & set(hint.accounts)) < len(hint.accounts)]
    return Found(
        len(given.groups), len(found), len(planted), len(named), len(named & planted), len(false),
        seconds,
    )  # fmt: skip


def main() -> int:
    """Print the figures over some seeds, with campaigns and without."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    for planted in (True, False):
        whole = Found(0, 0, 0, 0, 0, 0, 0.0)
        for seed in range(seeds):
            whole = whole.plus(measure(stream(seed, planted=planted)))
        days = seeds * HOURS / 24
        sys.stdout.write(
            f"{'campaigns' if planted else 'none'}: groups {whole.found_groups} of {whole.groups}, "
            f"accounts recall {whole.right_accounts / max(whole.accounts, 1):.3f}, "
            f"precision {whole.right_accounts / max(whole.found_accounts, 1):.3f}, "
            f"false hints a day {whole.false_hints / days:.2f}, "
            f"{whole.seconds / seeds:.2f} s a window of 12,000 posts\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
