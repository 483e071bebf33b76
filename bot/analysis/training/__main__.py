"""`python -m bot.analysis.training --data DIR --out FILE`: learn the mood weights and report.

With `--draw SET --count N` it prints the next posts to label instead, as `id<TAB>text`. With
`--compare SET` it learns and measures the answers of somebody else's set by cross-validation, in
the same columns; nothing of that is kept.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bot.analysis.sentiment import EMOTIONS, MOODS, MoodScore, Sentiment
from bot.analysis.training import moods, sets
from bot.analysis.training.measures import Measured, measure
from bot.analysis.training.moods import Reading
from bot.models.post import Mood, PostKind

COMPARED = {
    "snappfood": sets.snappfood,
    "armanemo": sets.armanemo,
    "short": sets.short_persian_emo,
    "places": sets.places,
    "phate": sets.phate,
    "parsoffensive": sets.pars_offensive,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bot.analysis.training", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the data sets")
    parser.add_argument("--out", type=Path, help="where the weights go")
    parser.add_argument("--draw", choices=sorted(sets.SETS), help="print posts to label")
    parser.add_argument("--count", type=int, default=100, help="how many posts to print")
    parser.add_argument("--compare", choices=sorted(COMPARED), help="cross-validate on this set")
    parser.add_argument("--measure", action="store_true", help="measure the shipped weights")
    chosen = parser.parse_args()
    if chosen.draw:
        return _draw(chosen.data, chosen.draw, chosen.count)
    if chosen.measure:
        return _measure(Sentiment.load(), chosen.data, moods.gather(chosen.data).held)
    material = moods.gather(chosen.data)
    if chosen.compare:
        return _compare(chosen.compare, chosen.data, material)
    if chosen.out is None:
        parser.error("one of --out, --draw, --compare and --measure is needed")
    _say(f"{len(material.readings)} labelled posts, {len(material.unlabelled)} others")
    found = moods.Training(material).learn()
    written = found.weights.pack()
    chosen.out.write_bytes(written)
    _say(f"{chosen.out}: {len(written)} bytes")
    for name, measured in found.foreseen.items():
        _report(f"cross-validated: {name}", measured)
    return _measure(Sentiment(found.weights), chosen.data, material.held)


def _draw(data: Path, name: str, count: int) -> int:
    """Posts in the order of the draw that have no label yet."""
    ours = sets.our_labels()
    done = sum(set_name == name for set_name, _ in ours)
    for post in sets.draw(sets.SETS[name](data), done + count):
        if (post.set_name, post.id) not in ours:
            _say(f"{post.id}\t{' '.join(post.text.split())}")
    return 0


def _measure(model: Sentiment, data: Path, held: Sequence[Reading]) -> int:
    """The shipped code's answers on what was held back, and on sets it never learnt from."""
    for kind in PostKind:
        readings = [one for one in held if one.kind is kind]
        scores = [model.verdict(model.pull(one.words), kind) for one in readings]
        truth = [one.judged.mood for one in readings]
        _report(f"held back: mood of {kind}", of_moods([one.mood for one in scores], truth))
        found = np.array([EMOTIONS.index(score.emotion) for score in scores])
        emotions = [EMOTIONS.index(one.judged.emotion or EMOTIONS[-1]) for one in readings]
        sure = np.array([score.emotion_confidence for score in scores])
        measured = measure(found, np.array(emotions), sure, len(EMOTIONS))
        _report(f"held back: emotion of {kind}", measured)
        if kind is PostKind.TWEET:
            abuse = np.array([score.abuse for score in scores])
            is_abusive = np.array([bool(one.judged.is_abusive) for one in readings], dtype=int)
            called = (abuse >= moods.ABUSIVE_FROM).astype(int)
            sure = np.maximum(abuse, 1 - abuse)
            _report("held back: abuse", measure(called, is_abusive, sure, 2))
    for name, read in (("ArmanEmo", sets.armanemo), ("ShortPersianEmo", sets.short_persian_emo)):
        known = [one for one in read(data) if one[1] in sets.MOOD_OF_EMOTION]
        moods_of = [model.score(text) for text, _ in known]
        truth = [sets.MOOD_OF_EMOTION[answer] for _, answer in known]
        _report(f"never learnt from: {name} as three", of_moods(moods_of, truth))
    seven = sets.armanemo(data)
    felt = [model.feelings(text) for text, _ in seven]
    found = np.array([EMOTIONS.index(one.emotion) for one in felt])
    emotions = [EMOTIONS.index(sets.EMOTION_OF[answer]) for _, answer in seven]
    sure = np.array([one.emotion_confidence for one in felt])
    measured = measure(found, np.array(emotions), sure, len(EMOTIONS))
    _report("never learnt from: ArmanEmo, seven emotions", measured)
    reviews = sets.places(data)
    moods_of = [model.score(text) for text, _ in reviews]
    _report("never learnt from: places", of_moods(moods_of, [Mood(mood) for _, mood in reviews]))
    return 0


def of_moods(scores: Sequence[MoodScore], truth: Sequence[Mood]) -> Measured:
    found = np.array([MOODS.index(score.mood) for score in scores])
    sure = np.array([score.confidence for score in scores])
    return measure(found, np.array([MOODS.index(mood) for mood in truth]), sure, len(MOODS))


def _compare(name: str, data: Path, material: moods.Material) -> int:
    labelled = COMPARED[name](data)
    columns = moods.columns_for(material.unlabelled, [moods.words_of(text) for text, _ in labelled])
    _report(f"cross-validated: {name}", moods.crossed(columns, labelled))
    return 0


def _report(name: str, found: Measured) -> None:
    each = " ".join(f"{value:.3f}" for value in found.f1)
    _say(
        f"{name} ({found.count}): macro-F1 {found.macro_f1:.3f} ({each}), "
        f"accuracy {found.accuracy:.3f}, of the surest half {found.covered:.3f}, "
        f"calibration error {found.calibration_error:.3f}"
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
