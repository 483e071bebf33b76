"""A stream as every method gets it: analysed, copies found, the truth of each post beside it."""

from __future__ import annotations

import gzip
import pickle
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from bot.analysis.near_duplicates import MatchKind, NearDuplicates
from bot.analysis.terms import PostTerms, post_terms
from bot.models.post import TWITTER_SOURCE_ID, Post, PostKind
from bot.utils.times import from_ms
from tests.trendlab.streams import Happening, MadePost, Plan, make

_NEWS_SOURCE = 10


@dataclass(frozen=True, slots=True)
class Prepared:
    """Kept posts in the order of time; `copies` are (time, id of the original), too."""

    posts: tuple[PostTerms, ...]
    copies: tuple[tuple[int, int], ...]
    happening_of: dict[int, int]  # by post id
    times_of: dict[int, tuple[int, ...]]  # of all posts of a happening, copies among them
    truth: tuple[Happening, ...]
    start_ms: int
    end_ms: int

    def between(self, start_ms: int, end_ms: int) -> tuple[PostTerms, ...]:
        """The kept posts of (start, end]."""
        first = bisect_right(self.posts, start_ms, key=lambda post: post.at_ms)
        last = bisect_right(self.posts, end_ms, key=lambda post: post.at_ms)
        return self.posts[first:last]

    def copies_until(self, at_ms: int) -> dict[int, int]:
        found: dict[int, int] = {}
        for copied_ms, original in self.copies:
            if copied_ms > at_ms:
                break
            found[original] = found.get(original, 0) + 1
        return found


def prepare(
    posts: Iterable[MadePost], truth: Iterable[Happening], start_ms: int, end_ms: int
) -> Prepared:
    """Analyse each post and find the copies, tweets and news apart, as the intake does."""
    recent = {kind: NearDuplicates(20_000, 48 * 3600.0) for kind in (False, True)}
    kept, copies = [], []
    happening_of: dict[int, int] = {}
    times: dict[int, list[int]] = {}
    for number, made in enumerate(posts, 1):
        if made.happening:
            times.setdefault(made.happening, []).append(made.at_ms)
        match = recent[made.is_news].add(number, made.text, made.at_ms / 1000)
        if match is not None and match.kind is not MatchKind.QUOTE:
            copies.append((made.at_ms, match.of))
            continue
        said = post_terms(made_post(made))
        kept.append(replace(said, id=number))
        if made.happening:
            happening_of[number] = made.happening
    return Prepared(
        tuple(kept),
        tuple(copies),
        happening_of,
        {happening: tuple(sorted(some)) for happening, some in times.items()},
        tuple(truth),
        start_ms,
        end_ms,
    )


def made_post(made: MadePost) -> Post:
    """A post as it comes from outside."""
    outlet = int(made.author.removeprefix("outlet")) if made.is_news else 0
    return Post(
        kind=PostKind.NEWS if made.is_news else PostKind.TWEET,
        source_id=_NEWS_SOURCE + outlet if made.is_news else TWITTER_SOURCE_ID,
        external_id="",
        created_at=from_ms(made.at_ms),
        text=made.text,
        author=made.author,
    )


def load(plan: Plan, cache: Path | None = None) -> Prepared:
    """Make and prepare a plan's stream, or take it from a folder where it was kept."""
    kept = cache / f"{plan}.pickle.gz" if cache else None
    if kept and kept.exists():
        with gzip.open(kept) as file:
            found: Prepared = pickle.load(file)
            return found
    stream = make(plan)
    prepared = prepare(stream.posts, stream.truth, stream.start_ms, stream.end_ms)
    if kept:
        with gzip.open(kept, "wb", compresslevel=1) as file:
            pickle.dump(prepared, file)
    return prepared


def scored(prepared: Prepared) -> list[Happening]:
    """The events that must be found: those of at least 25 posts."""
    return [one for one in prepared.truth if one.kind.is_event and one.posts >= 25]
