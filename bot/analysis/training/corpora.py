"""The texts that word lists and phrases are learnt from; only sets whose licence lets that ship.

Everything that opens a file for them is here; the folder is that of `sets`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from bot.analysis.training import sets


def news(data: Path) -> Iterator[str]:
    """Titles, leads and paragraphs of agencies and newspapers (Apache-2.0, MIT)."""
    for name in ("fars-news", "varzesh3"):
        for line in lines(data / "fa_news_fars_varzesh3" / f"{name}.jsonl"):
            article = json.loads(line)
            yield article["title"]
            yield article.get("abstract") or ""
            yield from article.get("paragraphs") or ()
    yield from lines(data / "fa_news_small_2021" / "news_data_utf8.txt")


def tweets(data: Path) -> Iterator[str]:
    """Tweets of two collections (MIT both)."""
    for post in sets.suttw(data):
        yield post.text
    yield from lines(data / "fa_tweets_ner_parstwiner" / "raw_tweets.txt")


def rewritten(data: Path) -> Iterator[tuple[str, str]]:
    """Shekasteh (MIT): sentences as people typed them, and with every word in its written form."""
    for line in lines(data / "fa_informal_shekasteh" / "dev.tsv"):
        typed, written, *_ = line.split("\t")
        yield typed, written


def dictionary(path: Path) -> dict[str, int]:
    """The words of hazm's `words.dat` (MIT) with how often they occur; 0 when nobody counted."""
    found: dict[str, int] = {}
    for line in lines(path):
        word, count, *_ = line.split("\t")
        found[word] = int(count)
    return found


def lines(path: Path) -> Iterator[str]:
    """Lines that hold something."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if text := line.rstrip("\n"):
                yield text
