"""Commands that only read: trends, search."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime

from bot.analysis.search_query import hint
from bot.app import open_hoshyar
from bot.commands.output import answer, moment, post_entry, post_line
from bot.errors import DiskFull
from bot.handlers.texts import t
from bot.models.insight import Trend, Window
from bot.models.post import Post
from config.settings import Settings

INDEX_PATIENCE_S = 20  # an index that is being built anew answers with what it has


async def trends(settings: Settings, given: argparse.Namespace) -> int:
    """What rises in a window, now or at a moment."""
    at = moment(given.at) if given.at else None
    async with open_hoshyar(settings) as hoshyar:
        await hoshyar.analyse.catch_up()
        found = await hoshyar.analyse.trends(Window(given.window), at, given.limit)
        posts = await hoshyar.posts.get_many(i for trend in found for i in trend.post_ids)
        names = await hoshyar.lookup.source_names()
        span = Window(given.window).span
        kept_since = hoshyar.lookup.kept_since(at - span if at else None)
    answer(
        [_entry(trend, posts, names) for trend in found],
        (_line(rank, trend) for rank, trend in enumerate(found, 1)),
        as_json=given.json,
        empty=_not_kept(kept_since)
        if kept_since
        else "nothing rises in this window, or there are no posts yet",
    )
    return 0


def _not_kept(since: datetime) -> str:
    return f"posts from before {since:%F %T}Z are no longer kept (RETENTION_MONTHS)"


def _entry(trend: Trend, posts: dict[int, Post], names: dict[int, str]) -> dict[str, object]:
    shown = [posts[post_id] for post_id in trend.post_ids if post_id in posts]
    return {
        "term": trend.term,
        "key": trend.key,
        "spellings": list(trend.spellings),
        "related": list(trend.related),
        "score": round(trend.score, 3),
        "volume": trend.volume,
        "baseline": round(trend.baseline, 2),
        "voices": trend.voices,
        "state": trend.state.value,
        "started_at": trend.started_at.isoformat(),
        "peak_at": trend.peak_at.isoformat(),
        "mood": {
            "positive": trend.mood.positive,
            "neutral": trend.mood.neutral,
            "negative": trend.mood.negative,
        },
        "posts": [post_entry(post, names.get(post.source_id, "")) for post in shown],
    }


def _line(rank: int, trend: Trend) -> str:
    others = [spelling for spelling in trend.spellings if spelling != trend.term]
    also = f"  ({', '.join(others)})" if others else ""
    return (
        f"{rank:>2}. {trend.term}{also}  score {trend.score:.1f}, {trend.volume} posts, "
        f"usually {trend.baseline:.1f}, since {trend.started_at:%Y-%m-%d %H:%M}Z"
    )


async def search(settings: Settings, given: argparse.Namespace) -> int:
    """Posts and news that fit a query, best or newest first."""
    async with open_hoshyar(settings) as hoshyar:
        try:
            await hoshyar.search.catch_up(INDEX_PATIENCE_S)
        except DiskFull:
            sys.stderr.write("the disk is full: posts that are not indexed yet are not found\n")
        found = await hoshyar.lookup.find(
            " ".join(given.words),
            0,
            given.limit,
            hoshyar.default_timezone,
            newest_first=given.newest,
        )
        names = await hoshyar.lookup.source_names()
    if found.behind:
        sys.stderr.write(f"{found.behind} older posts are not indexed yet\n")
    if found.kept_since is not None:
        sys.stderr.write(_not_kept(found.kept_since) + "\n")
    if found.back_to is not None:
        sys.stderr.write(f"the words are very common: searched back to {found.back_to:%F %T}Z\n")
    answer(
        [
            post_entry(post, names.get(post.source_id, "")) | {"score": round(score, 3)}
            for post, score in zip(found.posts, found.scores, strict=True)
        ],
        (post_line(post) for post in found.posts),
        as_json=given.json,
        empty=_nothing(" ".join(given.words)),
    )
    return 0


def _nothing(query: str) -> str:
    why = hint(query)
    return f"nothing found. {t('en', why[0], word=why[1])}" if why else "nothing found"
