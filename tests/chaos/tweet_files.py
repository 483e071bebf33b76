"""Files of tweets for the replay, and the searches that share them out."""

from __future__ import annotations

import csv
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

# Each takes what those before it left; the last one takes the rest.
WORDS = ("ایران", "مردم", "خدا", "عشق", "برجام")


def queries() -> list[str]:
    """Searches that have no tweet in common and together want every one."""
    texts = []
    for place, word in enumerate(WORDS):
        texts.append(" ".join([word, *(f"-{other}" for other in WORDS[:place])]))
    return [*texts, " ".join(["lang:fa", *(f"-{word}" for word in WORDS)])]


def ends(file: Path) -> tuple[datetime, datetime]:
    """When the first and the last tweet of a file were written."""
    with file.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        times = [datetime.fromisoformat(row["created_at_utc"]) for row in reader]
    return min(times), max(times)


def cut(file: Path, start: datetime, end: datetime, target: Path) -> None:
    """Write the part of a file that was written from `start` on and before `end`."""
    with file.open(encoding="utf-8") as lines, target.open("w", encoding="utf-8") as kept:
        kept.write(next(lines))
        for line in lines:
            moment = datetime.fromisoformat(line.split("\t", 2)[1])
            if start <= moment < end:
                kept.write(line)


def make(target: Path, seconds: int, rate: float, seed: int = 1) -> None:
    """Write a file of invented tweets: bursts and lulls, words of the queries among others."""
    chance = random.Random(seed)
    starts, ends = (
        ("آب", "باد", "برگ", "پل", "تاب", "جام", "چتر", "خاک", "دام", "رود", "زنگ", "ساز"),
        ("آور", "بان", "پز", "تر", "جو"),
    )
    moment = datetime(2026, 11, 1, 9, tzinfo=UTC)
    until, pace, changes = moment + timedelta(seconds=seconds), rate, moment
    with target.open("w", encoding="utf-8") as lines:
        lines.write("id\tcreated_at_utc\thashtags\ttext\n")
        for number in range(1, 1_000_000):
            if moment >= changes:
                pace = rate * chance.choice((0.3, 1.0, 1.0, 1.7))
                changes = moment + timedelta(seconds=chance.uniform(60, 240))
            moment += timedelta(seconds=chance.expovariate(pace))
            if moment >= until:
                return
            words = [chance.choice(starts) + chance.choice(ends) for _ in range(12)]
            words += chance.choices(("", *WORDS), (6, 2, 1, 1, 0.5, 0.3))
            ms = int(moment.timestamp() * 1000)
            tweet_id = ((ms - 1_288_834_974_657) << 22) + number % 4096
            lines.write(f"{tweet_id}\t{moment.isoformat()}\t\t{' '.join(filter(None, words))}\n")
