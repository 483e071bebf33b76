"""From the posts of a window to its trends, in the steps between which the past is fetched."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.analysis import background
from bot.analysis.history import Expected, History
from bot.analysis.stories import (
    STEPS,
    Story,
    course,
    first_voices,
    is_coordinated,
    mood_of,
    step_of,
    stories,
    telling,
    twins,
)
from bot.analysis.terms import PostTerms
from bot.analysis.text import spellings, surfaces
from bot.analysis.trend_names import Name, name
from bot.analysis.trends import (
    MEMBER_SCORE,
    Scored,
    Tally,
    candidates,
    least_score,
    places,
    rising,
    score,
    tally,
    voices_of,
)
from bot.models.insight import MoodSplit, TermDay, TrendState

POSTS_SHOWN = 6
NAMING_SAMPLE = 40  # posts of a story whose texts are read to name it
ECHO = 0.05  # what ln(1 + copies) adds to a story's rank, as a part of its score
STARTERS = 5
LOUDEST = 5


@dataclass(frozen=True, slots=True)
class WindowPosts:
    """All posts of (start, end], or a fair sample of one in so many."""

    posts: Sequence[PostTerms]
    start_ms: int
    end_ms: int
    one_in: int = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """A window with the terms whose past is needed."""

    window: WindowPosts
    tally: Tally
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """What the posts of one story say of it, without words."""

    key: str
    member_keys: tuple[str, ...]
    twin_keys: frozenset[str]  # on the same posts as the leading term
    score: float
    volume: int
    baseline: float
    voices: int
    copies: int
    coordinated: bool
    started_ms: int
    peak_ms: int
    state: TrendState
    mood: MoodSplit
    post_ids: tuple[int, ...]
    sample_ids: tuple[int, ...]  # whose texts `named` wants, leading posts first
    starters: tuple[str, ...]  # voices
    loudest: tuple[tuple[str, int], ...]


def ask(window: WindowPosts) -> Asked:
    """Step one: count, and choose the terms worth a look at their past."""
    found = tally(window.posts)
    return Asked(window, found, tuple(candidates(found, _backgrounds())))


def find(asked: Asked, past: Iterable[TermDay], limit: int) -> list[Story]:
    """Step two: the strongest stories, given the past of the terms asked for."""
    least = least_score(len(asked.terms))
    posts = asked.window.posts
    risen = rising(
        posts,
        asked.tally,
        asked.terms,
        History(past),
        _backgrounds(),
        min(MEMBER_SCORE, least),
    )
    found = stories(risen, len(posts), least)
    found.sort(key=lambda story: (-story.score, story.lead.key))
    return found[:limit]


def ids_of(window: WindowPosts, found: Sequence[Story]) -> list[int]:
    """The posts of all stories."""
    indexes = set[int]().union(*(story.posts for story in found))
    return [window.posts[index].id for index in sorted(indexes)]


def ranked(
    window: WindowPosts, found: Sequence[Story], copies: Mapping[int, int], limit: int
) -> list[Figures]:
    """Step three: the figures of the best stories, in the order in which they matter.

    Of equally surprising stories the one with more voices comes first; copies lift a little.
    """

    def rank(story: Story) -> float:
        echo = 1 + ECHO * math.log1p(_copies(window, story.posts, copies))
        return story.score * math.log2(1 + story.lead.voices) * echo

    best = sorted(found, key=lambda story: (-rank(story), story.lead.key))[:limit]
    volumes = _volumes(window)
    return [figures(window, story, copies, volumes) for story in best]


def figures(
    window: WindowPosts,
    story: Story,
    copies: Mapping[int, int],
    volumes: Sequence[int] | None = None,
) -> Figures:
    posts, lead = window.posts, story.lead
    own = sorted(lead.posts)
    echoes = _copies(window, story.posts, copies)
    way = course(
        posts,
        own,
        volumes or _volumes(window),
        lead.expected.mean / max(1, len(posts)),
        window.start_ms,
        window.end_ms,
    )
    loud: dict[str, int] = {}
    for index in own:
        if voice := posts[index].voice:
            loud[voice] = loud.get(voice, 0) + 1
    ranking = telling(posts, story, copies, POSTS_SHOWN)
    step = max(1, len(own) // NAMING_SAMPLE)
    sample = dict.fromkeys([*ranking, *own[::step][:NAMING_SAMPLE]])
    rest = sorted(story.posts - lead.posts)
    sample.update(dict.fromkeys(rest[:: max(1, len(rest) // (NAMING_SAMPLE // 2))]))
    return Figures(
        key=lead.key,
        member_keys=tuple(term.key for term in story.terms),
        twin_keys=frozenset(twins(story)),
        score=story.score,
        volume=len(own) * window.one_in,
        baseline=lead.expected.mean * window.one_in,
        voices=lead.voices,
        copies=echoes,
        coordinated=is_coordinated(posts, own, echoes),
        started_ms=way.started_ms,
        peak_ms=way.peak_ms,
        state=way.state,
        mood=mood_of(posts, own),
        post_ids=tuple(posts[index].id for index in ranking),
        sample_ids=tuple(posts[index].id for index in sample),
        starters=tuple(
            posts[index].voice for index in first_voices(posts, own, STARTERS) if posts[index].voice
        ),
        loudest=tuple(sorted(loud.items(), key=lambda pair: (-pair[1], pair[0]))[:LOUDEST]),
    )


def named(found: Figures, texts: Mapping[int, str]) -> Name:
    """Step four: words for a story, from the texts of its sample."""
    sample = [texts[post_id] for post_id in found.sample_ids if post_id in texts]
    return name(found.key, found.member_keys, sample, found.twin_keys)


def name_all(found: Sequence[Figures], texts: Mapping[int, str]) -> list[Name]:
    return [named(one, texts) for one in found]


def written_forms(texts: Iterable[str]) -> dict[str, str]:
    """How each key in the texts is mostly written."""
    return spellings(pair for text in texts for pair in surfaces(text))


def one_story(
    window: WindowPosts, keys: Sequence[str], indexes: Sequence[int], past: Iterable[TermDay]
) -> Story | None:
    """The posts at `indexes` as a story of their own, judged by the past of `keys`.

    One key is a term with its own counters. Several are the words of a phrase, which has none:
    it is expected no more often than the rarest of them.
    """
    if not indexes:
        return None
    found = tally(window.posts)
    history = History(past)
    expected = min(
        (history.expect(key, found.touches, _backgrounds()) for key in keys),
        key=lambda one: one.mean,
        default=Expected(0.0, 0.0),
    )
    touches = found.said(keys[0]) if len(keys) == 1 else len(indexes)
    scored = Scored(
        key="".join(keys),
        score=score(touches, expected),
        touches=touches,
        expected=expected,
        posts=frozenset(indexes),
        voices=voices_of(window.posts, indexes),
    )
    return Story((scored,), scored.posts)


def companions(window: WindowPosts, indexes: Sequence[int], key: str, limit: int) -> list[str]:
    """Keys said in the posts at `indexes` far more than elsewhere, most telling first."""
    found = tally(window.posts)
    together: dict[str, int] = {}
    for index in indexes:
        for term in window.posts[index].terms:
            if term != key:
                together[term] = together.get(term, 0) + 1
    share = len(indexes) / max(1, len(window.posts))
    rated = [
        (shared * math.log(shared / (found.said(term) * share)), term)
        for term, shared in together.items()
        if shared > 1
    ]
    rated.sort(key=lambda pair: (-pair[0], -len(pair[1]), pair[1]))
    chosen: list[str] = []
    for worth, term in rated:
        if worth > 0 and len(chosen) < limit and not any(term in other for other in chosen):
            chosen.append(term)  # the words of a chosen hashtag add nothing
    return chosen


def saying(window: WindowPosts, key: str) -> list[int]:
    """Positions of the posts that are counted under the key."""
    return places(window.posts, {key}).get(key, [])


def saying_all(window: WindowPosts, keys: Sequence[str]) -> list[int]:
    """Positions of the posts that are counted under every one of the keys."""
    wanted = frozenset(keys)
    return [index for index, post in enumerate(window.posts) if wanted.issubset(post.terms)]


def _backgrounds() -> tuple[background.Background, background.Background]:
    """In the order of `is_news`."""
    return background.load("tweets"), background.load("news")


def _copies(window: WindowPosts, indexes: Iterable[int], copies: Mapping[int, int]) -> int:
    return sum(copies.get(window.posts[index].id, 0) for index in indexes)


def _volumes(window: WindowPosts) -> list[int]:
    volumes = [0] * STEPS
    step_ms = (window.end_ms - window.start_ms) / STEPS
    for post in window.posts:
        volumes[step_of(post.at_ms, window.start_ms, step_ms, STEPS)] += 1
    return volumes
