"""What a post is counted under: its content words and hashtags, once each.

A term's key is its folded form without gaps, so that #برف_تهران, #برفتهران, «برف تهران» and
«برف‌تهران» are one key; a hashtag also counts for the words it is made of.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.analysis.keys import fold_tag
from bot.analysis.stopwords import STOPWORDS
from bot.analysis.text import analyse
from bot.analysis.words import word_set
from bot.models.post import IMPORTED_NEWS_SOURCE_ID, Mood, Post, PostKind
from bot.utils.times import to_ms

MAX_TERMS = 120  # of one post: a long article says what it is about in its first lines
MAX_TAGS = 12  # more hashtags than this on one post are bait, not subjects
MAX_KEY = 60  # characters; longer "words" are noise, and the key must fit an index
LONGEST_PHRASE = 6  # words

# Channels that pass posts on sign them: the writer's name on a line of its own, then @channel.
_SIGNED = re.compile(r"\n\s*(\S[^\n]{0,29})\n\s*@\w+\s*$")
SIGNATURE_WORDS = 3

_MOODS = {Mood.POSITIVE: 1, Mood.NEUTRAL: 0, Mood.NEGATIVE: -1, None: 0}


@dataclass(frozen=True, slots=True)
class PostTerms:
    """One post as trends see it. `voice` is who speaks; "" when nobody knows."""

    id: int
    at_ms: int
    is_news: bool
    voice: str
    mood: int  # 1, 0, -1
    weight: int  # engagement: likes + 2 × retweets + replies
    terms: tuple[str, ...]


def trend_key(term: str) -> str:
    """The key of a word, phrase or hashtag, however it is written."""
    return fold_tag(term)


def terms_of(text: str) -> tuple[str, ...]:
    """The distinct keys that a text counts under, in order of appearance."""
    parts = analyse(text)
    tags = parts.hashtags[:MAX_TAGS]
    keys = dict.fromkeys(tag for tag in tags if _is_tag(tag))
    for word in parts.words:
        if len(keys) >= MAX_TERMS:
            break
        if is_content(word):
            keys[word] = None
    return tuple(map(sys.intern, keys))


def is_content(word: str) -> bool:
    """Can the word, a key, be the subject of a post?"""
    return 2 <= len(word) <= MAX_KEY and word not in STOPWORDS and not word.isdigit()


def is_inflection(one: str, other: str) -> bool:
    """One is the other with an ending: «فلسطین, فلسطینی, فلسطینی‌ها»."""
    short, long = sorted((one, other), key=len)
    return (
        len(short) >= 3 and long.startswith(short) and long[len(short) :] in word_set("inflections")
    )


def _is_tag(tag: str) -> bool:
    return 2 <= len(tag) <= MAX_KEY and tag not in STOPWORDS and not tag.isdigit()


def voice_of(post: Post) -> str:
    """Who speaks: the author of a tweet, the outlet of news; "" when unknown.

    Imported news share one source, so there the author stands for the outlet.
    """
    if post.kind is PostKind.NEWS and post.source_id != IMPORTED_NEWS_SOURCE_ID:
        return f"#{post.source_id}"
    return sys.intern(post.author.casefold())


def signed(text: str) -> tuple[str, str]:
    """The text without the signature under a passed-on post, and the signature's key or ""."""
    if "@" in text[-34:] and (match := _SIGNED.search(text)):
        key = fold_tag(match[1])
        if key and len(match[1].split()) <= SIGNATURE_WORDS:
            return text[: match.start()], key
    return text, ""


def post_terms(post: Post) -> PostTerms:
    counts = post.engagement
    text, signature = signed(post.full_text)
    return PostTerms(
        id=post.id,
        at_ms=to_ms(post.created_at),
        is_news=post.kind is PostKind.NEWS,
        voice=voice_of(post) or signature,
        mood=_MOODS[post.mood],
        weight=counts.likes + 2 * counts.retweets + counts.replies,
        terms=terms_of(text),
    )


def phrases(words: Sequence[str], longest: int = LONGEST_PHRASE) -> Iterator[tuple[str, ...]]:
    """Every run of 2 to `longest` words that begins and ends with a content word."""
    for start, first in enumerate(words):
        if not is_content(first):
            continue
        for end in range(start + 2, min(start + longest, len(words)) + 1):
            if is_content(words[end - 1]):
                yield tuple(words[start:end])


def mentions(text: str, keys: Iterable[str]) -> bool:
    """Does the text say one of the keys: as a word, a hashtag or words in a row?"""
    wanted = set(keys)
    if not wanted.isdisjoint(terms_of(text)):
        return True
    words = analyse(text).words
    for start in range(len(words)):
        joined = ""
        for word in words[start : start + LONGEST_PHRASE]:
            joined += word
            if joined in wanted:
                return True
    return False
