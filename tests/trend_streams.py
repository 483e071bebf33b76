"""Streams of made-up posts for the tests of trends: ordinary talk, and what happens in it."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import count

from bot.analysis.terms import PostTerms, post_terms
from bot.models.insight import TermDay
from bot.models.post import TWITTER_SOURCE_ID, Post, PostKind
from bot.utils.times import to_ms

DAY_MS = 86_400_000
_ONSETS = ("ب", "پ", "ت", "چ", "خ", "د", "ر", "ز", "س", "ش", "ف", "ق", "ک", "گ", "ل", "م")
_RIMES = ("ار", "ین", "ور", "ام", "یک", "وت", "ان", "یش")
_ids = count(1)


def made_up_words(many: int, seed: int = 7) -> list[str]:
    """Words that sound Persian and are in no list of ordinary words."""
    rng = random.Random(seed)
    words: dict[str, None] = {}
    while len(words) < many:
        words[
            "".join(rng.choice(_ONSETS) + rng.choice(_RIMES) for _ in range(3)) + rng.choice("ژذظ")
        ] = None
    return list(words)


class Talk:
    """Posts of many people about many things, the frequent ones far more often (Zipf)."""

    def __init__(self, seed: int = 1, vocabulary: int = 400, people: int = 120) -> None:
        self.rng = random.Random(seed)
        self.words = made_up_words(vocabulary, seed)
        self._weights = [1 / (rank + 3) for rank in range(vocabulary)]
        self.people = [f"person{n}" for n in range(people)]

    def text(self, extra: str = "", words: int = 9) -> str:
        said = self.rng.choices(self.words, self._weights, k=words)
        if extra:
            said.insert(self.rng.randrange(len(said) + 1), extra)
        return " ".join(said)

    def posts(
        self,
        start: datetime,
        hours: float,
        per_hour: float,
        *,
        about: str = "",
        share: float = 0.0,
        authors: Sequence[str] | None = None,
        kind: PostKind = PostKind.TWEET,
        source_id: int = TWITTER_SOURCE_ID,
    ) -> list[Post]:
        """So many posts evenly over the hours; a `share` of them say `about` as well."""
        total = int(hours * per_hour)
        gap = timedelta(hours=hours) / max(1, total)
        return [
            Post(
                kind=kind,
                source_id=source_id,
                external_id=f"x{next(_ids)}",
                created_at=start + gap * (n + self.rng.random()),
                text=self.text(about if self.rng.random() < share else ""),
                author=self.rng.choice(authors or self.people),
            )
            for n in range(total)
        ]


def as_terms(posts: Iterable[Post]) -> list[PostTerms]:
    """The posts as analysis sees them, each with an id of its own."""
    out = []
    for number, post in enumerate(posts, 1):
        said = post_terms(post)
        out.append(
            PostTerms(number, said.at_ms, said.is_news, said.voice, said.mood, 0, said.terms)
        )
    return out


def past_of(posts: Iterable[PostTerms], before: datetime) -> list[TermDay]:
    """The days before a moment as the store would tell them, without the time of day."""
    counts: dict[tuple[str, int, bool], int] = {}
    for post in posts:
        if post.at_ms < to_ms(before):
            for term in post.terms:
                for key in (term, ""):
                    day = (key, post.at_ms // DAY_MS, post.is_news)
                    counts[day] = counts.get(day, 0) + 1
    return [(*key, said, 0) for key, said in counts.items()]
