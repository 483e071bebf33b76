"""One piece on the operator's own input: lines in on standard input, a JSON object out for each."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.analysis.entities import hashtags_in
from bot.analysis.filters import KEPT, verdicts
from bot.analysis.strictness import Strictness
from bot.analysis.text import analyse, fold, language_hint, normalise
from bot.models.post import DropReason, PostKind
from bot.utils.times import utc_now
from config.settings import Settings


@dataclass(frozen=True, slots=True)
class _Line:
    """A line as the filters see a post."""

    text: str
    kind: PostKind = PostKind.TWEET
    title: str = ""
    author: str = ""


async def normalise_lines(settings: Settings, given: argparse.Namespace) -> int:
    """Every form of each line, its language, and what is in it."""
    return await _each_line(_normalised)


def _normalised(line: str) -> dict[str, Any]:
    from bot.analysis import phrases
    from bot.analysis.hashtag_words import split_tag
    from bot.analysis.informal import formal, spoken_words
    from bot.analysis.keywords import keywords

    parts = analyse(line)
    return {
        "input": line,
        "text": normalise(line),
        "key": fold(line),
        "words": list(parts.words),
        "hashtags": list(parts.hashtags),
        "mentions": list(parts.mentions),
        "urls": list(parts.urls),
        "emoji": list(parts.emoji),
        "language": language_hint(line),
        "formal": formal(line),
        "informal": spoken_words(line),
        "hashtag_words": [list(split_tag(tag)) for tag in hashtags_in(line)],
        "phrases": list(phrases.load().within(parts.words)),
        "keywords": [word.shown for word in keywords(line)],
    }


async def classify_lines(settings: Settings, given: argparse.Namespace) -> int:
    """A label and a confidence for each line."""
    tasks = {"sentiment": _felt, "emotion": _moved}
    return await _each_line(tasks.get(given.task) or _judged_as(given.task))


def _felt(line: str) -> dict[str, Any]:
    from bot.analysis.sentiment import Sentiment

    mood = Sentiment.load().score(line)
    return {
        "input": line,
        "label": mood.mood.value,
        "confidence": round(mood.confidence, 4),
    }


def _moved(line: str) -> dict[str, Any]:
    from bot.analysis.sentiment import Sentiment

    felt = Sentiment.load().feelings(line)
    return {
        "input": line,
        "label": felt.emotion.value,
        "confidence": round(felt.emotion_confidence, 4),
    }


def _judged_as(task: str) -> Callable[[str], dict[str, Any]]:
    """As a strict chat looks, and whatever else speaks against the line."""
    from bot.analysis.sentiment import Sentiment

    wanted = (
        {DropReason.ABUSIVE}
        if task == "offensive"
        else {DropReason.SPAM, DropReason.ADVERTISEMENT, DropReason.REPETITIVE}
    )

    def judged(line: str) -> dict[str, Any]:
        abuse = Sentiment.load().feelings(line).abuse
        found = verdicts(_Line(line), strictness=Strictness.STRICT, abuse=abuse)
        verdict = next((one for one in found if one.reason in wanted), None)
        shown = verdict or next(iter(found), KEPT)
        return {
            "input": line,
            "label": task if verdict else "none",
            "reason": shown.reason.value if shown.reason else None,
            "evidence": shown.evidence,
        }

    return judged


async def _each_line(work: Callable[[str], dict[str, Any]]) -> int:
    def all_lines() -> None:
        for line in sys.stdin:
            entry = work(line.rstrip("\r\n"))
            sys.stdout.write(json.dumps(entry, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    await asyncio.to_thread(all_lines)
    return 0


async def read_feed(settings: Settings, given: argparse.Namespace) -> int:
    """The posts that a file or an address holds, a JSON object each."""
    from bot.app import open_feed_reader
    from bot.services.news_feeds import parse_feed

    path = Path(given.place)
    now = utc_now()
    if await asyncio.to_thread(path.is_file):
        body = await asyncio.to_thread(path.read_bytes)
        feed = await asyncio.to_thread(parse_feed, body, "", "", now)
    else:
        async with open_feed_reader(settings) as reader:
            feed = await reader.read(given.place, now)
    for post in feed.posts:
        entry = {
            "id": post.external_id,
            "title": post.title,
            "text": post.text,
            "url": post.url,
            "author": post.author,
            "created_at": post.created_at.isoformat(),
            "dated": abs(post.created_at - now) > timedelta(milliseconds=1),
        }
        sys.stdout.write(json.dumps(entry, ensure_ascii=False) + "\n")
    return 0
