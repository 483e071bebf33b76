"""How well planted communities are found: `python -m tests.bench.communities`."""

from __future__ import annotations

import sys
import time

from bot.analysis.communities import communities
from tests.planted_graphs import likeness, planted


def main() -> int:
    """Print likeness and time for graphs that are more and less clear."""
    for people, groups, degree, mixing in (
        (1000, 8, 12, 0.2),
        (1000, 8, 12, 0.4),
        (1000, 8, 12, 0.5),
        (8000, 30, 14, 0.3),
    ):
        scores = []
        for seed in range(3):
            edges, of = planted(seed, people, groups, degree, mixing)
            began = time.process_time()
            found = communities(edges)
            seconds = time.process_time() - began
            scores.append((*likeness(of, found.of), found.modularity, len(edges), seconds))
        nmi, rand, modularity, count, seconds = (
            sum(column) / len(scores) for column in zip(*scores, strict=True)
        )
        sys.stdout.write(
            f"{people} people, {groups} groups, {mixing:.0%} of {count:.0f} links lead out: "
            f"NMI {nmi:.3f}, ARI {rand:.3f}, modularity {modularity:.3f}, {seconds:.2f} s\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
