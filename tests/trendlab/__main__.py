"""`python -m tests.trendlab [METHOD …] [--cache DIR]`: each method tuned, then five other streams.

`python -m tests.trendlab --real TWEETS.tsv --truth TRUTH.tsv`: known bursts in the day's top ten.
"""

from __future__ import annotations

import argparse
import pickle
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.trendlab import real, tuning
from tests.trendlab.prepared import Prepared, load
from tests.trendlab.rounds import Round, Rule
from tests.trendlab.scoring import Result
from tests.trendlab.streams import Plan

TUNED_ON = (101, 102)
SEEDS = (1, 2, 3, 4, 5)
HEAD = (
    "| method, setting | recall | precision | F1 | false a day | redundancy | posts | minutes "
    "| made up, told | in two hours |\n|" + " --- |" * 10
)
GOALS = "| goal | ≥ .95 | ≥ .95 | +.10 | ≤ .2 | ≤ .05 | ≤ 12 | ≤ 20 | 0 | ≤ 2 |"


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.trendlab")
    known = {method.name: method for method in tuning.methods()}
    parser.add_argument("names", nargs="*", metavar="METHOD", help=", ".join(known))
    parser.add_argument("--cache", type=Path, help="a folder for streams and rounds made before")
    parser.add_argument("--real", type=Path, metavar="TWEETS.tsv")
    parser.add_argument("--truth", type=Path, metavar="TRUTH.tsv")
    given = parser.parse_args()
    if given.real and given.truth:
        _say("\n".join(real.lines(given.real, given.truth)))
        return
    if given.cache:
        given.cache.mkdir(parents=True, exist_ok=True)
    kept = _Kept(given.cache)
    _say(f"{HEAD}\n{GOALS}")
    for name in given.names or known:
        if name == "ours":
            _say(row("ours as it is, 1h", kept.judge("ours, 1h", known[name], Rule(joins=False))))
        for line in _tuned(known[name], kept):
            _say(line)


def _tuned(method: tuning.Method, kept: _Kept) -> list[str]:
    named = tuning.Method(
        method.name,
        tuple((name, kept.rounds(f"{method.name}, {name}", how)) for name, how in method.settings),
        method.least,
    )
    tuned = tuning.tune(named, [kept.stream(seed) for seed in TUNED_ON])
    pairs = [(kept.stream(seed), tuned.rounds(kept.stream(seed))) for seed in SEEDS]
    result = tuning.judge(pairs, tuned.rule)
    missed = {kind: n - result.found[kind] for kind, n in result.wanted.items()}
    besides = ", ".join(f"{n} {kind}" for kind, n in sorted(result.other.items())) or "nothing"
    unseen = ", ".join(f"{n} {kind}" for kind, n in sorted(missed.items()) if n) or "nothing"
    return [
        row(f"{method.name}: {tuned.setting}", result),
        f"  of {result.wanted.total()} events missed: {unseen}; told besides: {besides}",
    ]


class _Kept:
    """Streams and rounds, kept in a folder if there is one."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._seed_of: dict[int, int] = {}
        self.stream = cache(self._stream)

    def _stream(self, seed: int) -> Prepared:
        made = load(Plan(seed), self._folder)
        self._seed_of[id(made)] = seed
        return made

    def rounds(self, name: str, how: tuning.Rounds) -> tuning.Rounds:
        def made(prepared: Prepared) -> list[Round]:
            seed = self._seed_of[id(prepared)]
            path = self._folder / f"{name} {seed}.pickle" if self._folder else None
            if path and path.exists():
                found: list[Round] = pickle.loads(path.read_bytes())
                return found
            found = how(prepared)
            if path:
                path.write_bytes(pickle.dumps(found))
            return found

        return made

    def judge(self, name: str, method: tuning.Method, rule: Rule) -> Result:
        how = self.rounds(name, method.settings[0][1])
        streams = [self.stream(seed) for seed in SEEDS]
        return tuning.judge([(stream, how(stream)) for stream in streams], rule)


def row(name: str, result: Result) -> str:
    """One line of the table."""
    figures: Sequence[str] = (
        f"{result.recall:.3f}",
        f"{result.precision:.3f}",
        f"{result.f1:.3f}",
        f"{result.false_a_day:.2f}",
        f"{result.redundancy:.3f}",
        f"{result.median_posts:g}",
        f"{result.median_minutes:.1f}",
        str(result.made_up),
        str(result.crowded),
    )
    return f"| {name} | {' | '.join(figures)} |"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
