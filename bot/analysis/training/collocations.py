"""`python -m bot.analysis.training.collocations --data DIR --out FILE`: learn `phrases_fa.txt`.

Agencies sign their reports; phrases with a word of such a signature are left out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from bot.analysis import phrases
from bot.analysis.training import corpora

LEAST_POSTS = 6
LEAST_NPMI = 0.42
SIGNATURES = frozenset({"خبرگزاری", "خبرنگار", "گزارش", "خبرنگاران"})


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bot.analysis.training.collocations")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the data sets")
    parser.add_argument("--out", type=Path, required=True, help="where phrases_fa.txt goes")
    given = parser.parse_args()
    texts = dict.fromkeys([*corpora.news(given.data), *corpora.tweets(given.data)])
    found = phrases.learn(texts, least_posts=LEAST_POSTS, least_npmi=LEAST_NPMI)
    given.out.write_text(listed(found), "utf-8")
    sys.stdout.write(f"{len(texts)} texts, {len(found)} phrases\n")
    return 0


def listed(found: Iterable[phrases.Learnt]) -> str:
    """The lines of the list: a phrase a line, the most frequent first."""
    head = "# Words that belong together (key form). Learnt by training/collocations.py."
    kept: Sequence[str] = [" ".join(one.words) for one in found if SIGNATURES.isdisjoint(one.words)]
    return "\n".join([head, *kept]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
