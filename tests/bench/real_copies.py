"""How many copies of real posts are found, kind by kind, and how many different posts are taken
for copies: `python -m tests.bench.real_copies --data DIR` (DIR holds tweets of other people, which
are no part of the project; docs/analysis.md names them).

Kept posts of a busy day are the background. Copies are made of them in seven ways; made-up notices
and real posts with other figures in them are what must never be called a copy.
"""

from __future__ import annotations

import argparse
import random
import re
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bot.analysis.near_duplicates import Content, MatchKind, NearDuplicates, content_of
from bot.analysis.text import analyse
from tests.bench.notices import NOTICES, notice

BACKGROUND = 20_000
COPIES = 500  # of each kind
LEAST_WORDS = 8
ROUNDS = 3

_FIGURE = re.compile(r"[0-9۰-۹٠-٩]+(?![^\s]*[A-Za-z/])")
_SENTENCES = re.compile(r"(?<=[.!؟?؛:\n])\s+")
_LINK_OR_NAME = re.compile(r"https?://\S+|@\w+")

Change = Callable[[str, random.Random, "Others"], str]


class Others:
    """Words and posts that copies are changed with, none of them from the background."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = [" ".join(_LINK_OR_NAME.sub(" ", text).split()) for text in texts]
        self.texts = [text for text in self.texts if len(text.split()) >= LEAST_WORDS]
        self.words = [word for text in self.texts for word in text.split() if word.isalpha()]


def other_wrapping(text: str, rng: random.Random, others: Others) -> str:
    """Another link, RT, mention or credit: the words themselves are the same."""
    text = _LINK_OR_NAME.sub(" ", text.removeprefix("RT "))
    name = f"@reader_{rng.randrange(999)}"
    link = f"https://t.co/{rng.randrange(10**9):x}"
    return rng.choice(
        (
            f"RT {name}: {text}",
            f"{text} {link}",
            f"{name} {text} {link}",
            f"{text} via {name}",
            f"{text} منبع: روزنامه",
        )
    )


def spelling(text: str, rng: random.Random, others: Others) -> str:
    """Arabic letters, other half-spaces, vowel marks, punctuation and emoji."""
    text = rng.choice(
        (
            text.replace("ی", "ي").replace("ک", "ك"),
            text.replace("\u200c", ""),
            text.replace("\u200c", " "),
            text.replace("ه ", "هٔ ", 1).replace("آ", "ا"),
            text.replace("ا", "اَ", 2),
        )
    )
    text = rng.choice((text.replace(" و ", "، و "), text.replace(".", "!!"), text.replace("،", "")))
    words = text.split(" ")
    words.insert(rng.randrange(len(words)), rng.choice(("😂😂", "👏", "❤️", "🔴")))
    return " ".join(words) + rng.choice((" 😍", "!!!", " …", ""))


def cut(text: str, rng: random.Random, others: Others) -> str:
    """The end is missing, as in a retweet of old."""
    words = _LINK_OR_NAME.sub(" ", text).split()
    kept = max(_needed(words), round(len(words) * rng.uniform(0.6, 0.9)))
    return f"RT @reader: {' '.join(words[:kept])}…"


def other_head(text: str, rng: random.Random, others: Others) -> str:
    """The beginning is missing, or another stands before it."""
    words = _LINK_OR_NAME.sub(" ", text).split()
    if rng.random() < 0.5:
        return " ".join(words[min(len(words) // 3, len(words) - _needed(words)) :])
    head = rng.choice(others.texts).split()[: max(2, len(words) // 4)]
    return " ".join([*head, *words])


def edited(text: str, rng: random.Random, others: Others) -> str:
    """Two words (one, of a short post) are other words."""
    words = text.split()
    places = [place for place, word in enumerate(words) if word.isalpha()]
    for place in rng.sample(places, min(len(places), 2 if len(places) >= 12 else 1)):
        words[place] = rng.choice(others.words)
    return " ".join(words)


def reordered(text: str, rng: random.Random, others: Others) -> str:
    """A sentence stands elsewhere; of a post that has only one, its last third."""
    sentences = [one for one in _SENTENCES.split(text) if one.strip()]
    if len(sentences) > 1:
        sentences.append(sentences.pop(rng.randrange(len(sentences) - 1)))
        return " ".join(sentences)
    words = text.split()
    return " ".join(words[2 * len(words) // 3 :] + words[: 2 * len(words) // 3])


def quoted(text: str, rng: random.Random, others: Others) -> str:
    """Inside a longer post of somebody else."""
    said = rng.choice(others.texts).split()
    wanted = max(len(text.split()), 10)
    while len(said) < wanted:
        said += rng.choice(others.texts).split()
    place = rng.choice((0, wanted // 2, wanted))
    return " ".join([*said[:place], f"«{text}»", *said[place:wanted]])


CHANGES: dict[str, Change] = {
    "other link, name, credit": other_wrapping,
    "spelling and signs": spelling,
    "cut at the end": cut,
    "head lost or added": other_head,
    "words edited": edited,
    "order changed": reordered,
    "quoted in a longer post": quoted,
}


def _needed(words: Sequence[str]) -> int:
    return min(len(words), LEAST_WORDS)


def other_figures(text: str, rng: random.Random) -> str:
    """Every figure is another one of the same length."""

    def other(match: re.Match[str]) -> str:
        while True:
            new = "".join(rng.choice("۱۲۳۴۵۶۷۸۹") for _ in match[0])
            if [int(c) for c in new] != [int(c) for c in match[0]]:
                return new

    return _FIGURE.sub(other, text)


def tweets(data: Path) -> Iterator[str]:
    """Tweets as they were written, oldest first."""
    with (data / "fa_tweets_stream_2018" / "tweets.tsv").open(encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            yield line.rstrip("\n").split("\t")[3]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.real_copies")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--show", type=int, default=0, metavar="N", help="misses and false finds")
    parser.add_argument("--pairs", type=int, default=0, metavar="N", help="finds among real posts")
    given = parser.parse_args()
    rng = random.Random(given.seed)
    texts = list(tweets(given.data))
    others = Others(texts[-5_000:])
    index, kept = _background(texts[:BACKGROUND], rng, given.pairs)
    right, wrong = _copies(index, kept, others, rng, given.show)
    wrong += _others(index, kept, rng, given.show)
    print(f"precision: {right / (right + wrong):.4f} of {right + wrong:,} finds")
    _costs(texts[: 3 * BACKGROUND])


def _background(
    texts: Sequence[str], rng: random.Random, pairs: int
) -> tuple[NearDuplicates, dict[int, str]]:
    index, kept, found = NearDuplicates(), {}, []
    for number, text in enumerate(texts):
        match = index.add(number, text, 0.0)
        if match is None:
            kept[number] = text
        elif match.kind is not MatchKind.EXACT:
            found.append((match, text))
    print(f"background: {len(texts):,} real posts, {len(index):,} remembered")
    for match, text in rng.sample(found, min(pairs, len(found))):
        print(f"  {match.kind} {match.score:.2f}\n    {texts[match.of]}\n    {text}")
    return index, kept


def _copies(
    index: NearDuplicates, kept: dict[int, str], others: Others, rng: random.Random, show: int
) -> tuple[int, int]:
    """Finds that name the right original, and the others."""
    long_enough = [
        number for number, text in kept.items() if len(content_of(text).unlabelled) >= LEAST_WORDS
    ]
    right, wrong = 0, 0
    for name, change in CHANGES.items():
        found: Counter[str] = Counter()
        for number in rng.sample(long_enough, COPIES):
            changed = change(kept[number], rng, others)
            match = index.add(-1, changed, 0.0)
            index.remove(-1)
            verdict = "missed" if match is None else "other" if match.of != number else match.kind
            found[verdict] += 1
            if verdict in ("missed", "other") and found[verdict] <= show:
                print(f"  {verdict}\n    {kept[number]}\n    {changed}")
                if match is not None:
                    print(f"    {kept[match.of]}")
        is_right = COPIES - found["missed"] - found["other"]
        right, wrong = right + is_right, wrong + found["other"]
        kinds = ", ".join(f"{kind} {count}" for kind, count in found.most_common())
        print(f"{name}: recall {is_right / COPIES:.3f} ({kinds})")
    return right, wrong


def _others(index: NearDuplicates, kept: dict[int, str], rng: random.Random, show: int) -> int:
    """How many different posts were taken for copies."""
    found = 0
    for name in NOTICES:
        notices = NearDuplicates()
        false = []
        for number in range(300):
            text = notice(name, rng)
            match = notices.add(number, text, 0.0)
            if match is not None and match.kind is not MatchKind.EXACT:
                false.append(text)
        print(f"{name}: {len(false)} of 300 taken for copies")
        print("".join(f"    {text}\n" for text in false[:show]), end="")
        found += len(false)
    with_figures = [
        number
        for number, text in kept.items()
        if len(_FIGURE.findall(_LINK_OR_NAME.sub("", text))) >= 2 and "http" not in text
    ]
    false = []
    for number in with_figures:
        text = other_figures(kept[number], rng)
        match = index.add(-1, text, 0.0)
        index.remove(-1)
        if match is not None and match.of == number:
            false.append(text)
    print(f"real posts with other figures: {len(false)} of {len(with_figures)} taken for copies")
    print("".join(f"    {text}\n" for text in false[:show]), end="")
    return found + len(false)


def _costs(texts: Sequence[str]) -> None:
    contents = [content_of(text, analyse(text)) for text in texts]
    best = min(_fill(contents) for _ in range(ROUNDS))
    print(f"inserts: {len(contents) / best:,.0f}/s of CPU time, {BACKGROUND:,} remembered")
    tracemalloc.start()
    index = NearDuplicates(max_posts=BACKGROUND)
    sizes = []
    for number, content in enumerate(contents):
        index.add(number, content, 0.0)
        if number % BACKGROUND == BACKGROUND - 1:
            sizes.append(tracemalloc.get_traced_memory()[0] / 1e6)
    tracemalloc.stop()
    print("memory: " + ", ".join(f"{size:.1f} MB" for size in sizes) + " after each 20,000 posts")


def _fill(contents: Sequence[Content]) -> float:
    index = NearDuplicates(max_posts=BACKGROUND)
    began = time.process_time()
    for number, content in enumerate(contents):
        index.add(number, content, 0.0)
    return time.process_time() - began


if __name__ == "__main__":
    main()
