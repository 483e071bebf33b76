"""Rising terms that the same posts say are one story; when it began, peaked, and how it goes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.analysis.terms import PostTerms, is_inflection
from bot.analysis.trends import Scored
from bot.models.insight import MoodSplit, TrendState

JACCARD = 0.34  # posts that two terms share, of the posts that either has
CONTAINED = 0.5  # … of the posts of the smaller
TWIN = 0.6  # Jaccard at which two terms are two names of one thing
BEYOND_CHANCE = 3.0  # times more shared posts than two unrelated terms would have
MOST_TERMS = 250  # rising terms looked at; a window with more of them has larger worries
STEPS = 24  # of a window, for its course
CALM = 1.0  # a step this far above expectation belongs to the rise
COPIED = 0.6  # share of copies that makes a story look coordinated
ALIKE = 0.5  # mean likeness of its posts that does
ALIKE_SAMPLE = 16
NEARLY = 0.8  # of the strongest term's score: strong enough to lead if more posts say it
SPEAKS = 0.6  # … for a hashtag that covers the leading word's posts


@dataclass(frozen=True, slots=True)
class Story:
    """Terms of one story, the leading one first, and the posts of all of them."""

    terms: tuple[Scored, ...]
    posts: frozenset[int]

    @property
    def lead(self) -> Scored:
        return self.terms[0]

    @property
    def score(self) -> float:
        return max(term.score for term in self.terms)


@dataclass(frozen=True, slots=True)
class Course:
    started_ms: int
    peak_ms: int
    state: TrendState


class _Growing:
    def __init__(self, first: Scored) -> None:
        self.terms = [first]
        self.posts = set(first.posts)

    def add(self, term: Scored) -> None:
        self.terms.append(term)
        self.posts |= term.posts

    def kinship(self, term: Scored, posts: frozenset[int], total: int) -> float:
        """How much `posts`, which say the term, belong here; 0 when too little."""
        if is_inflection(term.key, self.terms[0].key):
            return 1.0
        shared = len(posts & self.posts)
        if shared < BEYOND_CHANCE * len(posts) * len(self.posts) / max(1, total):
            return 0.0
        if shared >= CONTAINED * len(posts):
            return shared / len(posts)
        for member in self.terms:
            common = len(posts & member.posts)
            similar = common / (len(posts) + len(member.posts) - common)
            if similar >= JACCARD:
                return similar
        return 0.0

    def story(self) -> Story:
        """Led by the term of the most posts among those about as strong as the strongest."""
        strong = [t for t in self.terms if t.score >= NEARLY * self.terms[0].score]
        lead = max(strong, key=lambda term: len(term.posts))
        tag = self._speaking_tag(lead)
        others = [term for term in self.terms if term is not tag]
        return Story((tag, *others), frozenset(self.posts))

    def _speaking_tag(self, lead: Scored) -> Scored:
        """A hashtag of several words on most of the lead's posts says more than the lead."""
        tags = [
            term
            for term in self.terms
            if term.is_compound
            and term.score >= SPEAKS * lead.score
            and len(term.posts & lead.posts) >= CONTAINED * len(lead.posts)
        ]
        return max(tags, key=lambda term: len(term.posts), default=lead)


def stories(rising: Sequence[Scored], total: int, least_score: float) -> list[Story]:
    """Join terms, strongest first, to the story they share most posts with."""
    grown: list[_Growing] = []
    for term in rising[:MOST_TERMS]:
        posts = term.posts | term.in_words
        kin = max(grown, key=lambda story: story.kinship(term, posts, total), default=None)
        if kin is not None and kin.kinship(term, posts, total):
            kin.add(term)
        elif term.score >= least_score:
            grown.append(_Growing(term))
    return [growing.story() for growing in grown]


def twins(story: Story) -> list[str]:
    """The keys of other terms on nearly the same posts as the leading one."""
    lead = story.lead.posts
    return [
        term.key
        for term in story.terms[1:]
        if len(term.posts & lead) >= TWIN * len(term.posts | lead)
    ]


def course(
    posts: Sequence[PostTerms],
    indexes: Sequence[int],
    volumes: Sequence[int],
    rate: float,
    start_ms: int,
    end_ms: int,
) -> Course:
    """The course of one story through a window, whose `volumes` are all posts per step.

    A step is judged by the story's share of it, so steps without any post say nothing: they neither
    end a story nor start one. `rate` is the share of posts that was expected.
    """
    step_ms = (end_ms - start_ms) / len(volumes)
    times = sorted(posts[index].at_ms for index in indexes)
    counts = [0] * len(volumes)
    for at_ms in times:
        counts[step_of(at_ms, start_ms, step_ms, len(volumes))] += 1
    heights = [
        2 * (math.sqrt(count + 0.375) - math.sqrt(volume * rate + 0.375))
        for count, volume in zip(counts, volumes, strict=True)
    ]
    heard = [step for step, volume in enumerate(volumes) if volume]
    peak = max(heard, key=lambda step: heights[step])
    first = peak
    quiet = 0
    for step in reversed([step for step in heard if step < peak]):
        if heights[step] >= CALM:
            first, quiet = step, 0
        else:
            quiet += 1
            if quiet > 1:
                break
    started_ms = next(
        at_ms for at_ms in times if step_of(at_ms, start_ms, step_ms, len(volumes)) >= first
    )
    in_peak = [at_ms for at_ms in times if step_of(at_ms, start_ms, step_ms, len(volumes)) == peak]
    return Course(started_ms, in_peak[len(in_peak) // 2], _state(counts, volumes, heard, peak))


def step_of(at_ms: int, start_ms: int, step_ms: float, steps: int) -> int:
    """Which step of the window (start, end] a moment falls into."""
    return min(steps - 1, max(0, int((at_ms - start_ms - 1) / step_ms)))


def _state(
    counts: Sequence[int], volumes: Sequence[int], heard: Sequence[int], peak: int
) -> TrendState:
    """By the share in the last two steps with data against the share at the peak."""
    last = heard[-2:]
    if peak in last:
        return TrendState.RISING
    now = sum(counts[step] for step in last) / sum(volumes[step] for step in last)
    then = counts[peak] / volumes[peak]
    return TrendState.PEAK if now >= then / 2 else TrendState.FADING


def telling(
    posts: Sequence[PostTerms], story: Story, copies: Mapping[int, int], limit: int
) -> list[int]:
    """Positions of the posts that tell most: the first one, then strong ones unlike each other."""
    worth = {term.key: term.score for term in story.terms}
    whole = sum(worth.values())

    def weight(index: int) -> float:
        post = posts[index]
        said = sum(worth.get(term, 0.0) for term in post.terms) / whole
        echo = math.log1p(post.weight) + math.log1p(copies.get(post.id, 0))
        return said * (1 + 0.5 * echo)

    lead = story.lead.posts
    earliest = min(lead, key=lambda index: (posts[index].at_ms, posts[index].id))
    ranked = sorted(story.posts - {earliest}, key=lambda index: (-weight(index), posts[index].id))
    chosen = [earliest]
    for index in ranked[: 20 * limit]:
        if len(chosen) >= limit:
            break
        if not any(_same_voice_or_text(posts[index], posts[other]) for other in chosen):
            chosen.append(index)
    return chosen


def _same_voice_or_text(one: PostTerms, other: PostTerms) -> bool:
    return bool(one.voice and one.voice == other.voice) or likeness(one, other) > ALIKE


def likeness(one: PostTerms, other: PostTerms) -> float:
    """Jaccard of the terms of two posts."""
    a, b = set(one.terms), set(other.terms)
    return len(a & b) / len(a | b) if a and b else 0.0


def is_coordinated(posts: Sequence[PostTerms], indexes: Sequence[int], copies: int) -> bool:
    """Mostly copies, or posts of one mould."""
    if copies and copies >= COPIED * (copies + len(indexes)):
        return True
    if len(indexes) < 4:
        return False
    step = max(1, len(indexes) // ALIKE_SAMPLE)
    sample = [posts[index] for index in sorted(indexes)[::step][:ALIKE_SAMPLE]]
    pairs = [likeness(one, other) for at, one in enumerate(sample) for other in sample[at + 1 :]]
    return sum(pairs) / len(pairs) >= ALIKE


def mood_of(posts: Sequence[PostTerms], indexes: Sequence[int]) -> MoodSplit:
    moods = [posts[index].mood for index in indexes]
    return MoodSplit(positive=moods.count(1), neutral=moods.count(0), negative=moods.count(-1))


def first_voices(posts: Sequence[PostTerms], indexes: Sequence[int], limit: int) -> list[int]:
    """Positions of the first post of each of the first voices."""
    seen: dict[str, int] = {}
    for index in sorted(indexes, key=lambda index: (posts[index].at_ms, posts[index].id)):
        seen.setdefault(posts[index].voice or f"?{index}", index)
        if len(seen) == limit:
            break
    return list(seen.values())
