"""What the filters find in sets that people labelled: `python -m tests.bench.real_filters
--data DIR [--labels FILE]`. The sets are no part of the project; docs/analysis.md names them.

Nothing here is trained, so every row of a set may be judged; the second half of the spam sets (by
hash) was not looked at while the word lists were written.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from bot.analysis.filters import judge, verdicts
from bot.analysis.strictness import Strictness
from bot.analysis.training import sets
from bot.models.post import DropReason, PostKind

SPAM = frozenset((DropReason.SPAM, DropReason.ADVERTISEMENT))
ABUSE = frozenset((DropReason.ABUSIVE,))


@dataclass(frozen=True, slots=True)
class Case:
    """A text, and whether people said that it is what is looked for."""

    text: str
    is_it: bool
    kind: PostKind = PostKind.TWEET
    title: str = ""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.real_filters")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--labels", type=Path, help="labels of posts by set and id, tab-separated")
    given = parser.parse_args()
    csv.field_size_limit(1 << 24)
    spam = given.data / "fa_spam_instagram_telegram_sms_email"
    comments = [
        Case(row["comment_normalized"], "spam" in row["class"])
        for row in _rows(spam / "instagram_dataset1.csv", "\t")
    ]
    adverts = [Case(row["text"], True) for row in _rows(spam / "persian_ads_1.csv")]
    adverts += [Case(row["message"], True) for row in _rows(spam / "persian_ads_2.csv")]
    _show("spam: comments", comments, SPAM)
    _show("spam: comments not looked at", list(filter(_is_second_half, comments)), SPAM)
    _show("spam: comments and adverts", comments + adverts, SPAM)
    for name in ("train", "val"):
        rows = _rows(given.data / "fa_hate_phate" / f"{name}_simple.csv")
        cases = [Case(row["text"], row["HateSpeech"] == "1") for row in rows]
        _show(f"abuse: PHATE {name}", cases, ABUSE)
    rows = _rows(given.data / "fa_offensive_parsoff" / "Pars-OFF_levela_train.csv")
    _show(
        "abuse: Pars-OFF train", [Case(row["tweet"], row["label"] == "OFF") for row in rows], ABUSE
    )
    rows = _rows(given.data / "fa_offensive_instagram" / "ParsOffensive.csv")
    told = {row["comment"]: row["label"] == "Offensive" for row in rows}
    _show("abuse: ParsOffensive", [Case(text, is_it) for text, is_it in told.items()], ABUSE)
    if given.labels:
        abuse, advert = _labelled(given.data, given.labels)
        _show("adverts: our labels", advert, SPAM)
        _show("abuse: our labels", abuse, ABUSE)


def _rows(path: Path, delimiter: str = ",") -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        yield from csv.DictReader(lines, delimiter=delimiter)


def _is_second_half(case: Case) -> bool:
    return blake2b(case.text.encode(), digest_size=4).digest()[0] % 2 == 1


def _labelled(data: Path, labels: Path) -> tuple[list[Case], list[Case]]:
    told = {(row["set"], row["id"]): row for row in _rows(labels, "\t")}
    abuse, advert = [], []
    for posts in (sets.stream_2018(data), sets.suttw(data), sets.news(data)):
        for post in posts:
            row = told.get((post.set_name, post.id))
            if row is None:
                continue
            kind = PostKind.NEWS if post.set_name == "news" else PostKind.TWEET
            abuse.append(Case(post.text, row["abusive"] == "1", kind))
            advert.append(Case(post.text, row["advert"] == "1", kind))
    return abuse, advert


def _show(name: str, cases: Iterable[Case], wanted: frozenset[DropReason]) -> None:
    cases = list(cases)
    for strictness in Strictness:
        first, any_of = Counter[tuple[bool, bool]](), Counter[tuple[bool, bool]]()
        for case in cases:
            first[case.is_it, judge(case, strictness=strictness).reason in wanted] += 1
            found = {one.reason for one in verdicts(case, strictness=strictness)}
            any_of[case.is_it, bool(found & wanted)] += 1
        right, asked = any_of[True, True], any_of[True, True] + any_of[False, True]
        there = any_of[True, True] + any_of[True, False]
        print(
            f"{name} ({len(cases):,}), {strictness}: macro-F1 {_macro_f1(any_of):.3f} "
            f"(as the first reason {_macro_f1(first):.3f}), precision {right / max(asked, 1):.3f}, "
            f"recall {right / max(there, 1):.3f}"
        )


def _macro_f1(pairs: Counter[tuple[bool, bool]]) -> float:
    scores = []
    for side in (False, True):
        right = pairs[side, side]
        wrong = pairs[side, not side] + pairs[not side, side]
        scores.append(2 * right / max(2 * right + wrong, 1))
    return sum(scores) / 2


if __name__ == "__main__":
    main()
