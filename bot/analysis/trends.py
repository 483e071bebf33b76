"""Which terms are said more than their own past explains.

The statistic is the difference of Anscombe roots in standard deviations, with the spread of the
expectation added: z = 2(√(x+3/8) - √(μ+3/8)) / √(1 + μ·cv²), μ not below RARE (the bias for rare
terms of SigniTrend, Schubert et al., KDD 2014). x counts touches: a voice says a term at most once
an hour and at most VOICE_LIMIT times a window, and near-duplicates are not there at all.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from bot.analysis.background import Background
from bot.analysis.history import Expected, History
from bot.analysis.stopwords import STOPWORDS
from bot.analysis.terms import PostTerms

LEAST_VOICES = 3
VOICE_LIMIT = 3  # touches of one voice that count towards one term in one window
RARE = 0.2  # touches; what is expected of a term that is never expected
LEAST_SCORE = 1.9  # below this nothing is said to rise
FALSE_RISES = 0.5  # chance rises allowed among all terms of a window (Bonferroni's bound)
MEMBER_SCORE = 1.5  # a term with this much may belong to a story that another term leads
MOST_LETTERS = 15  # of one word inside a hashtag
MOST_SURPRISING = 1000  # candidates by likelihood against the background …
MOST_SAID = 400  # … and by volume alone, for words whose background is wrong here
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Tally:
    """How often each term was said, and how much was said in all; of tweets and of news."""

    counts: tuple[Counter[str], Counter[str]]
    touches: tuple[int, int]

    def said(self, term: str) -> int:
        return self.counts[0][term] + self.counts[1][term]

    def terms(self) -> set[str]:
        return self.counts[0].keys() | self.counts[1].keys()


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate term in a window: `posts` are positions in the window's sequence."""

    key: str
    score: float
    touches: int
    expected: Expected
    posts: frozenset[int]
    voices: int
    in_words: frozenset[int] = frozenset()  # posts that say a joined hashtag in parted words
    is_compound: bool = False  # a hashtag of several words


def tally(posts: Sequence[PostTerms]) -> Tally:
    """Count terms, each voice once an hour and VOICE_LIMIT times at most."""
    counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    touches = [0, 0]
    known: dict[tuple[str, bool], list[PostTerms]] = {}
    for post in posts:
        if post.voice:
            known.setdefault((post.voice, post.is_news), []).append(post)
        else:
            counts[post.is_news].update(post.terms)
            touches[post.is_news] += len(post.terms)
    for (_, is_news), said in known.items():
        if len(said) == 1:
            counts[is_news].update(said[0].terms)
            touches[is_news] += len(said[0].terms)
            continue
        hours: dict[str, set[int]] = {}
        for post in said:
            for term in post.terms:
                hours.setdefault(term, set()).add(post.at_ms // HOUR_MS)
        for term, heard in hours.items():
            counts[is_news][term] += min(len(heard), VOICE_LIMIT)
            touches[is_news] += len(heard)
    return Tally(counts, (touches[0], touches[1]))


def candidates(found: Tally, backgrounds: Sequence[Background]) -> list[str]:
    """The terms worth a look at their history, most surprising first."""
    rated = []
    for term in found.terms():
        said = found.said(term)
        if said < LEAST_VOICES:
            continue
        usual = sum(
            touches * background.share(term)
            for touches, background in zip(found.touches, backgrounds, strict=True)
        )
        rated.append((said * math.log(said / max(usual, RARE)), said, term))
    rated.sort(reverse=True)
    chosen = dict.fromkeys(term for _, _, term in rated[:MOST_SURPRISING])
    by_volume = sorted(rated, key=lambda entry: entry[1], reverse=True)
    chosen.update(dict.fromkeys(term for _, _, term in by_volume[:MOST_SAID]))
    return list(chosen)


def score(touches: float, expected: Expected) -> float:
    """Standard deviations above what was expected."""
    mean = max(expected.mean, RARE)
    surprise = 2 * (math.sqrt(touches + 0.375) - math.sqrt(mean + 0.375))
    return surprise / math.sqrt(1 + mean * expected.spread)


def rising(
    posts: Sequence[PostTerms],
    found: Tally,
    wanted: Sequence[str],
    history: History,
    backgrounds: Sequence[Background],
    least: float = MEMBER_SCORE,
) -> list[Scored]:
    """The wanted terms that rise, strongest first; of equals, in order of their keys."""
    scores: dict[str, tuple[float, Expected]] = {}
    for term in wanted:
        expected = history.expect(term, found.touches, backgrounds)
        value = score(found.said(term), expected)
        if value >= least:
            scores[term] = value, expected
    known = found.terms()
    parts = {term: found_parts for term in scores if (found_parts := parts_of(term, known))}
    said_in = places(posts, {*scores, *(part for some in parts.values() for part in some)})
    out = []
    for term, (value, expected) in scores.items():
        voices = voices_of(posts, said_in[term])
        if voices < LEAST_VOICES:
            continue
        own = frozenset(said_in[term])
        in_words = [frozenset(said_in[part]) for part in parts.get(term, ()) if part in said_in]
        out.append(
            Scored(
                key=term,
                score=value,
                touches=found.said(term),
                expected=expected,
                posts=own,
                voices=voices,
                in_words=frozenset.intersection(*in_words) - own if in_words else frozenset(),
                is_compound=term in parts and all(one.is_unknown(term) for one in backgrounds),
            )
        )
    out.sort(key=lambda scored: (-scored.score, scored.key))
    return out


def least_score(tested: int) -> float:
    """The score that FALSE_RISES of so many steady terms reach by chance."""
    if tested <= 2 * FALSE_RISES:
        return LEAST_SCORE
    return max(LEAST_SCORE, NormalDist().inv_cdf(1 - FALSE_RISES / tested))


def parts_of(key: str, known: Container[str]) -> tuple[str, ...]:
    """The words that a hashtag, whose key has no gaps, is made of; () when it is one word.

    Fewest parts first; each must be said in the window or be a function word.
    """
    if len(key) < 6:
        return ()
    best: dict[int, tuple[str, ...]] = {0: ()}
    for end in range(2, len(key) + 1):
        for start in range(max(0, end - MOST_LETTERS), end - 1):
            piece = key[start:end]
            is_word = piece in STOPWORDS or (len(piece) > 2 and piece in known)
            if is_word and start in best and piece != key:
                parts = (*best[start], piece)
                if end not in best or len(parts) < len(best[end]):
                    best[end] = parts
    return tuple(part for part in best.get(len(key), ()) if part not in STOPWORDS)


def places(posts: Sequence[PostTerms], wanted: Container[str]) -> dict[str, list[int]]:
    """For each wanted term, the positions of the posts that say it."""
    found: dict[str, list[int]] = {}
    for index, post in enumerate(posts):
        for term in post.terms:
            if term in wanted:
                found.setdefault(term, []).append(index)
    return found


def voices_of(posts: Sequence[PostTerms], indexes: Sequence[int]) -> int:
    """Distinct voices; where the voice is unknown, each text, being no duplicate, is one."""
    named = {posts[index].voice for index in indexes}
    unknown = sum(1 for index in indexes if not posts[index].voice)
    return len(named - {""}) + unknown
