"""`python -m bot.analysis.training --data DIR --out FILE`: learn the mood weights and report.

With `--draw SET --count N` it prints the next posts to label instead, as `id<TAB>text`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bot.analysis.sentiment import Sentiment
from bot.analysis.training import moods, sets
from bot.models.post import PostKind


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bot.analysis.training", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the data sets")
    parser.add_argument("--out", type=Path, help="where the weights go")
    parser.add_argument("--draw", choices=sorted(sets.SETS), help="print posts to label")
    parser.add_argument("--count", type=int, default=100, help="how many posts to print")
    chosen = parser.parse_args()
    if chosen.draw:
        return _draw(chosen.data, chosen.draw, chosen.count)
    if chosen.out is None:
        parser.error("--out or --draw is needed")
    material = moods.gather(chosen.data)
    for name in moods.IMPORTANCE:
        _say(f"{name}: {len(getattr(material, name))} examples")
    weights = moods.learn(material)
    written = weights.pack()
    chosen.out.write_bytes(written)
    _say(f"{chosen.out}: {len(written)} bytes; favour {weights.favour}")
    model = Sentiment(weights)
    _report(model, "held back, tweets", material.held_tweets, PostKind.TWEET)
    _report(model, "held back, news", material.held_news, PostKind.NEWS)
    for name, read in (
        ("ArmanEmo as three", sets.armanemo),
        ("ShortPersianEmo as three", sets.short_persian_emo),
        ("places", sets.places),
    ):
        _report(model, f"never learnt from: {name}", read(chosen.data), PostKind.TWEET)
    return 0


def _draw(data: Path, name: str, count: int) -> int:
    """Posts in the order of the draw that have no label yet."""
    ours = sets.our_labels()
    done = sum(set_name == name for set_name, _ in ours)
    for post in sets.draw(sets.SETS[name](data), done + count):
        if (post.set_name, post.id) not in ours:
            _say(f"{post.id}\t{' '.join(post.text.split())}")
    return 0


def _report(model: Sentiment, name: str, labelled: list[sets.Labelled], kind: PostKind) -> None:
    found = moods.measure(model, labelled, kind)
    each = " ".join(f"{value:.3f}" for value in found.f1)
    _say(
        f"{name} ({found.count}): macro-F1 {found.macro_f1:.3f} "
        f"(negative neutral positive {each}), "
        f"accuracy {found.accuracy:.3f}, of the surest half {found.covered:.3f}, "
        f"calibration error {found.calibration_error:.3f}"
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
