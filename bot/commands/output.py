"""Answers on standard output: lines for a person, or JSON alone for a program."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from bot.models.post import Post
from bot.models.tweets import CREDITS_PER_USD


def answer(payload: Any, lines: Iterable[str], *, as_json: bool, empty: str = "") -> None:
    """Print `payload` as JSON, or `lines`; `empty` is said aside when there is nothing."""
    if not payload and empty:
        sys.stderr.write(empty + "\n")
    if as_json:
        sys.stdout.write(json.dumps(payload, ensure_ascii=False, indent=2, default=str) + "\n")
    else:
        for line in lines:
            sys.stdout.write(line + "\n")


def moment(text: str) -> datetime:
    """An ISO 8601 time; without an offset UTC, and a date alone means its end."""
    parsed = datetime.fromisoformat(text)
    if len(text) <= len("2026-11-21"):
        parsed = parsed.replace(hour=23, minute=59, second=59, microsecond=999_000)
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def post_entry(post: Post, source: str = "") -> dict[str, Any]:
    """A post as a program reads it."""
    return {
        "id": post.id,
        "external_id": post.external_id,
        "kind": post.kind.value,
        "source": source,
        "author": post.author,
        "created_at": post.created_at.isoformat(),
        "title": post.title,
        "text": post.text,
        "url": post.url,
        "hashtags": list(post.hashtags),
        "likes": post.engagement.likes,
        "retweets": post.engagement.retweets,
        "replies": post.engagement.replies,
        "mood": post.mood.value if post.mood else None,
    }


def post_line(post: Post) -> str:
    """A post on one line for a person."""
    words = " ".join((post.title or post.text).split())
    return f"{post.created_at:%Y-%m-%d %H:%M}  {words[:120]}  {post.url}".rstrip()


def decimal(credits: int) -> str:
    """Credits of TwitterAPI.io in dollars, exactly."""
    whole, rest = divmod(abs(credits), CREDITS_PER_USD)
    return f"{'-' if credits < 0 else ''}{whole}.{rest:05}"


def usd(credits: int) -> str:
    """For a person: at least two decimals, and no zeros behind those."""
    amount = decimal(abs(credits))
    shown = amount[:-3] + amount[-3:].rstrip("0")
    return f"{'-' if credits < 0 else ''}${shown}"
