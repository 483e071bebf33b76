"""Which headlines to show of many: one a story, new to the reader, from different outlets.

Outlets word the same news differently, so headlines are joined by what they have in common: words
and pairs of words, weighed by how rare they are among the headlines at hand (single pass, cosine to
the story's sum; the threshold is where B³ F peaks on Persian headlines).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from bot.analysis.stopwords import STOPWORDS
from bot.analysis.text import fold
from bot.models.post import Post

ALIKE = 0.3
SMOOTH = 100  # headlines imagined beside those at hand, so that of a few no word seems common
PER_SOURCE = 2  # headlines of one outlet, while others have something to say
HALF_LIFE = timedelta(hours=10)
LEAD_CHARS = 160  # of a post without a title


@dataclass(slots=True)
class _Story:
    posts: list[Post] = field(default_factory=list)
    weights: dict[str, float] = field(default_factory=dict)
    length: float = 0.0  # of the vector of weights

    def add(self, post: Post, features: Mapping[str, float]) -> None:
        self.posts.append(post)
        for feature, weight in features.items():
            self.weights[feature] = self.weights.get(feature, 0.0) + weight
        self.length = math.sqrt(sum(weight * weight for weight in self.weights.values()))


def stories(posts: Sequence[Post]) -> list[list[Post]]:
    """The posts by story, each story in the order given."""
    words = [_features(post) for post in posts]
    seen_in = Counter(feature for features in words for feature in features)
    rarity = {
        feature: math.log((SMOOTH + len(posts)) / count) for feature, count in seen_in.items()
    }
    found: list[_Story] = []
    by_feature: dict[str, list[int]] = {}
    for post, features in zip(posts, words, strict=True):
        weighed = {feature: rarity[feature] for feature in features}
        best = _closest(weighed, found, by_feature)
        if best is None:
            best = len(found)
            found.append(_Story())
        for feature in weighed:
            if feature not in found[best].weights:
                by_feature.setdefault(feature, []).append(best)
        found[best].add(post, weighed)
    return [story.posts for story in found]


def _closest(
    features: Mapping[str, float], found: Sequence[_Story], by_feature: Mapping[str, list[int]]
) -> int | None:
    length = math.sqrt(sum(weight * weight for weight in features.values()))
    dots: dict[int, float] = {}
    for feature, weight in features.items():
        for place in by_feature.get(feature, ()):
            dots[place] = dots.get(place, 0.0) + weight * found[place].weights[feature]
    best, best_likeness = None, ALIKE
    for place, dot in dots.items():
        likeness = dot / (length * found[place].length)
        if likeness >= best_likeness:
            best, best_likeness = place, likeness
    return best


def _features(post: Post) -> frozenset[str]:
    """Content words, and pairs of neighbours among them."""
    words = [
        word for word in fold(post.title or post.text[:LEAD_CHARS]).split() if word not in STOPWORDS
    ]
    pairs = (f"{one} {other}" for one, other in pairwise(words))
    return frozenset(words).union(pairs)


def choose(
    candidates: Sequence[Post],
    told: Sequence[Post],
    carried: Mapping[int, int],
    now: datetime,
    limit: int,
) -> list[Post]:
    """The most weighty stories that were not told, one post of each, weightiest first.

    `carried` counts the copies that others made of a post. Of an outlet no more than PER_SOURCE
    are taken, unless there are not enough others.
    """
    known = {post.id for post in told}
    groups = stories([*told, *candidates])
    new = [group for group in groups if known.isdisjoint(post.id for post in group)]
    ranked = sorted(new, key=lambda group: _weight(group, carried, now), reverse=True)
    chosen: list[Post] = []
    spare: list[Post] = []
    taken: Counter[int] = Counter()
    for group in ranked:
        # Of outlets that say the same, one that is not yet there speaks; of equals, the first.
        speaker = min(group, key=lambda post: (taken[post.source_id], post.created_at, post.id))
        if taken[speaker.source_id] >= PER_SOURCE:
            spare.append(speaker)
            continue
        taken[speaker.source_id] += 1
        chosen.append(speaker)
        if len(chosen) == limit:
            break
    return chosen + spare[: limit - len(chosen)]


def _weight(group: Sequence[Post], carried: Mapping[int, int], now: datetime) -> float:
    """How widely a story is told and cared for, fading with its age."""
    outlets = len({post.source_id for post in group})
    copies = sum(carried.get(post.id, 0) for post in group)
    care = sum(
        post.engagement.likes + 2 * post.engagement.retweets + post.engagement.replies
        for post in group
    )
    age = max(timedelta(0), now - max(post.created_at for post in group))
    spread = 1 + math.log2(outlets + copies) + 0.25 * math.log10(1 + care)
    return spread * math.pow(0.5, age / HALF_LIFE)
