"""What a text costs: shown form, key, parts, verdict, copies; beside plain passes of the runtime.

BENCH_TEXTS may name a file of texts to measure on instead of made-up ones, one a line with ⏎ for a
line break; HAZM_PYTHON a Python that has hazm 0.10, to measure its normaliser in the same run.

CPU time of one core, best of five rounds over the same texts, so that a busy machine does not
count. The peers beside each figure run in the same process on the same texts: no Python code that
looks at every word can be much faster than `re.findall`.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bot.analysis import phrases
from bot.analysis.filters import judge
from bot.analysis.hashtag_words import split_tag
from bot.analysis.informal import formal
from bot.analysis.keywords import keywords
from bot.analysis.near_duplicates import Content, NearDuplicates, content_of
from bot.analysis.text import analyse, fold, language_hint, normalise, search_words, surfaces
from bot.models.post import PostKind

TEXTS = 4_000
ROUNDS = 5

T = TypeVar("T")
Row = tuple[str, float, str, str]  # what, value, unit, what stands beside it

# Its own process: hazm pins libraries of its own and takes seconds to load.
_HAZM = """
import json, sys, time
try:
    from hazm import Normalizer
except ImportError:
    sys.exit(3)
texts = json.load(sys.stdin)
normalizer = Normalizer()
def seconds():
    began = time.process_time()
    for text in texts:
        normalizer.normalize(text)
    return time.process_time() - began
print(len(texts) / min(seconds() for _ in range(2)))
"""
_HAZM_TEXTS = 2_000

_SUBJECTS = (
    "شهرداری تهران",
    "وزیر نیرو",
    "تیم ملی",
    "هواشناسی",
    "یک نماینده",
    "همسایه ما",
    "استاد دانشگاه",
)
_VERBS = (
    "گفت",
    "اعلام کرد",
    "می‌گوید",
    "نوشت",
    "تکذیب کرد",
    "می خواهد",
    "نمی‌داند",
    "پرسید",
    "خبر داد",
)
_THINGS = (
    "برف",
    "قطعی برق",
    "بازی امشب",
    "کتاب‌های تازه",
    "قیمت‌ها",
    "آب و هوا",
    "مدرسه ها",
    "جاده‌ی شمال",
)
_ENDS = (
    "و همه خوشحال‌اند!",
    "ولی کسی باور نمی‌کند...",
    ".",
    "، خدا به خیر کند.",
    "",
    "😂😂",
    "",
    "و بعد رفت",
    ".",
)
_TAGS = (
    "#برف_تهران",
    "#خبر",
    "#تیم_ملی",
    "#قطعی_برق",
    "#ایران",
)


@dataclass(frozen=True, slots=True)
class _Post:
    text: str
    kind: PostKind = PostKind.TWEET
    title: str = ""


def run() -> list[Row]:
    """Times every step on made-up tweets and headlines of usual length."""
    texts = _given() or _texts(TEXTS)
    words = re.compile(r"\w+")
    split = _rate(str.split, texts)
    findall = _rate(words.findall, texts)
    beside = f"str.split {split:,.0f}, re.findall {findall:,.0f} on the same texts"
    rows = [
        (f"text: {name}", _rate(step, texts), "texts/s", beside)
        for name, step in (
            ("normalise", normalise),
            ("fold", fold),
            ("analyse", analyse),
            ("search_words", search_words),
            ("surfaces", lambda text: list(surfaces(text))),
            ("language_hint", language_hint),
            ("formal, spoken words written out", formal),
            ("keywords", keywords),
        )
    ]
    rows += _hazm(texts)
    taken_apart = [analyse(text).words for text in texts]
    rows.append(("text: phrases", _rate(phrases.load().chunk, taken_apart), "texts/s", beside))
    tags = [f"#{first}{second}" for first in _THINGS for second in _SUBJECTS]
    glued = [tag.replace(" ", "") for tag in tags]
    split_tag("#آغاز")  # reads the list of words
    rows.append(("text: glued hashtags", len(glued) / _seconds(split_tag, glued), "tags/s", ""))
    rows.append(("text: judge", _rate(judge, [_Post(text) for text in texts]), "posts/s", beside))
    ready = [content_of(text) for text in texts]
    rows.append(("text: copies, from texts", _insert_rate(texts), "posts/s", beside))
    rows.append(("text: copies, from what was read before", _insert_rate(ready), "posts/s", beside))
    rows.append(("text: copies found", _found_share(texts), "share", "of 500 retouched posts"))
    return rows


def _given() -> list[str]:
    path = os.environ.get("BENCH_TEXTS")
    lines = Path(path).read_text(encoding="utf-8").splitlines() if path else []
    return [line.replace("⏎", "\n") for line in lines]


def _hazm(texts: Sequence[str]) -> list[Row]:
    """Our normaliser beside hazm's on the same texts, in turns."""
    some = texts[:: max(1, len(texts) // _HAZM_TEXTS)]
    ran = subprocess.run(
        [os.environ.get("HAZM_PYTHON", sys.executable), "-c", _HAZM],
        input=json.dumps(some),
        capture_output=True,
        text=True,
        timeout=300,
    )
    if ran.returncode == 3:
        sys.stdout.write("hazm is not installed here (HAZM_PYTHON): its row is left out\n")
        return []
    theirs = float(ran.stdout)
    ours = _rate(normalise, some)
    return [("text: normalise, times hazm", ours / theirs, "times", f"hazm {theirs:,.0f} texts/s")]


def _rate(step: Callable[[T], object], items: Sequence[T]) -> float:
    return len(items) / min(_seconds(step, items) for _ in range(ROUNDS))


def _seconds(step: Callable[[T], object], items: Iterable[T]) -> float:
    began = time.process_time()
    for item in items:
        step(item)
    return time.process_time() - began


def _insert_rate(contents: Sequence[str | Content]) -> float:
    def insert_all() -> float:
        index = NearDuplicates(max_posts=len(contents))
        began = time.process_time()
        for number, content in enumerate(contents):
            index.add(number, content, 0.0)
        return time.process_time() - began

    return len(contents) / min(insert_all() for _ in range(ROUNDS))


def _found_share(texts: Sequence[str]) -> float:
    """How many posts are still found with two words changed, another link and a hashtag."""
    rng = random.Random(11)
    index = NearDuplicates()
    originals = [
        number for number, text in enumerate(texts) if index.add(number, text, 0.0) is None
    ]
    found = 0
    chosen = rng.sample([number for number in originals if len(texts[number].split()) > 12], 500)
    for number in chosen:
        words = texts[number].split()
        for _ in range(max(1, len(words) // 12)):
            words[rng.randrange(len(words))] = rng.choice(_THINGS).split()[0]
        match = index.add(TEXTS + number, f"RT @x: {' '.join(words)} #تازه https://t.co/q1", 0.0)
        found += match is not None and match.of == number
    return found / len(chosen)


def _texts(count: int) -> list[str]:
    """Made-up posts with the accidents of real ones, about as often."""
    rng = random.Random(7)
    return [_text(rng) for _ in range(count)]


def _text(rng: random.Random) -> str:
    parts = []
    for _ in range(rng.randint(1, 3)):
        names = ["".join(rng.choices("ابپتدرسشکلمنوهی", k=rng.randint(3, 7))) for _ in range(5)]
        parts.append(
            f"{rng.choice(_SUBJECTS)} {rng.choice(_VERBS)} {names[0]} {names[1]} "
            f"{rng.choice(_THINGS)} را {names[2]} {rng.randint(1, 99)} {names[3]} {names[4]} "
            f"{rng.choice(_ENDS)}"
        )
    text = rng.choice((" ", "\n")).join(parts)
    chance = rng.random()
    if chance < 0.12:
        text = text.replace("ی", "ي").replace("ک", "ك")
    if chance < 0.08:
        text = text.replace("ا", "اااا", 1)
    if chance < 0.3:
        text = f"@user_{rng.randint(1, 999)} {text}"
    if chance > 0.6:
        text += f" {rng.choice(_TAGS)} {rng.choice(_TAGS)}"
    if chance > 0.5:
        text += f" https://t.co/{rng.randint(10**9, 10**10):x}"
    return text
