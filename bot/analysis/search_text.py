"""What a full-text index is given of a text, and what it is asked for a query.

Index and query meet in keys (`keys.fold`), so a word is found however it was typed. Who wrote a
post, where and of which kind are words too, marked by a `_` that no word of a text begins with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

from bot.analysis.display import normalise
from bot.analysis.entities import HASHTAG, without_links
from bot.analysis.keys import fold, fold_tag
from bot.analysis.letters import ARABIC_LETTERS, MARKS, ZWNJ
from bot.analysis.words import entries, word_set
from bot.models.post import Post, PostKind

_TAGS = re.compile(HASHTAG)
_LETTER = f"[{ARABIC_LETTERS}{MARKS}]"
_COMPOUND = re.compile(f"{_LETTER}+(?:{ZWNJ}{_LETTER}+)+")
_PLURAL = re.compile("ها(?:یی|یم|یت|یش|ی|ست|م|ش)?(?= |$)")
_DOUBTFUL = ("های", "هام", "هاش")  # كتاب‌های, but خانه‌ای; گل‌هاش, but خانه‌اش
# Parts of half-space words that are grammar, not words to search for.
_AFFIXES = word_set("affixes")
_MIN_STEM = 3  # letters; تنها is no plural of تن
_HANDLE = re.compile(r"@?([A-Za-z0-9_]{1,32})")
_QUERY = re.compile(
    r"(?P<minus>(?<!\S)[-\u2212])?(?:[\"«“„](?P<phrase>[^\"«»“”„]+)[\"»”“]|(?P<word>[^\s\"«»“”„]+))"
)


@cache
def _compounds() -> dict[str, tuple[str, ...]]:
    """Second parts of compound words by the first (keys)."""
    by_first: dict[str, tuple[str, ...]] = {}
    for line in entries("compounds"):
        first, second = line.split()
        by_first[first] = (*by_first.get(first, ()), second)
    return by_first


def _joined(first: str, second: str) -> bool:
    """Whether two neighbouring keys are one word written apart: دانش اموز, with endings too."""
    seconds = _compounds().get(first)
    return seconds is not None and second.startswith(seconds)


def search_words(text: str) -> str:
    """The words of a text for a full-text index: all of them in order, then more ways to find them.

    In order: keys without links, hashtags in words (#برف_تهران: برف تهران). Then: hashtags whole
    (برفتهران), plurals without their ending (کتابها: کتاب), the parts of half-space words (علی‌رضا:
    علی رضا; but not of می‌خواهم) and known compounds as one (دانش آموز: دانشاموز).
    """
    key = fold(without_links(text, keep_mentions=True))
    more: list[str] = []
    if "_" in text or ZWNJ in text:
        more += [fold_tag(tag) for tag in _TAGS.findall(text) if "_" in tag or ZWNJ in tag]
    if ZWNJ in text:
        for compound in _COMPOUND.findall(text):
            parts = compound.split(ZWNJ)
            if parts[0] not in ("می", "نمی", "مي", "نمي"):
                more += [fold(part) for part in parts if part not in _AFFIXES]
    if "ها" in key:
        for plural in _PLURAL.finditer(key):
            more += _singulars(
                key[key.rfind(" ", 0, plural.start()) + 1 : plural.start()], plural[0]
            )
    words = key.split()
    if not _compounds().keys().isdisjoint(words):
        more += [one + other for one, other in pairwise(words) if _joined(one, other)]
    return " ".join((key, *dict.fromkeys(filter(None, more))))


def document_words(post: Post) -> str:
    """All that a post is found by: its words, then the marks of its author, source and kind."""
    return " ".join(
        (
            search_words(f"{post.full_text} {post.author}"),
            *map(author_mark, _author_keys(post.author)),
            source_mark(post.source_id),
            kind_mark(post.kind),
        )
    )


def author_key(name: str) -> str:
    """An author as asked for: a handle keeps its `_` (two people), any other name is one key."""
    handle = _HANDLE.fullmatch(name.strip())
    return handle[1].lower() if handle else fold_tag(name.lstrip("@"))


def _author_keys(name: str) -> Iterator[str]:
    """The whole name, and its parts if it is no handle: news are signed by first and last names."""
    whole = author_key(name)
    if whole.strip("_"):
        yield whole
    if not _HANDLE.fullmatch(name.strip()):
        yield from dict.fromkeys(part for part in fold(name).split() if part != whole)


def author_mark(key: str) -> str:
    return f"_a_{key}"


def source_mark(source_id: int) -> str:
    return f"_s_{source_id}"


def kind_mark(kind: PostKind) -> str:
    return f"_k_{kind.value}"


def _singulars(stem: str, ending: str) -> Iterator[str]:
    if len(stem) >= _MIN_STEM:
        yield stem
        if ending in _DOUBTFUL:
            yield stem + "ه"


def joined(words: list[str]) -> list[str]:
    """Keys of a query with compounds as one word, because every spelling of it is indexed so."""
    out: list[str] = []
    place = 0
    while place < len(words):
        count = 2 if place + 1 < len(words) and _joined(*words[place : place + 2]) else 1
        out.append("".join(words[place : place + count]))
        place += count
    return out


def query_words(text: str) -> str:
    """A query in the words of `search_words`; "a phrase" keeps its quotes, -without its minus.

    A compound becomes one word, because every spelling of it is indexed so.
    """
    out: list[str] = []
    plain: list[str] = []

    def flush() -> None:
        out.extend(joined(fold(" ".join(plain)).split()))
        plain.clear()

    for match in _QUERY.finditer(normalise(text)):
        minus, phrase, word = match["minus"], match["phrase"], match["word"]
        if not minus and not phrase and word[0] not in "#＃":
            plain.append(word)
            continue
        flush()
        key = fold_tag(word) if word and word[0] in "#＃" else fold(phrase or word)
        if key:
            sign = "-" if minus else ""
            out.append(f'{sign}"{key}"' if " " in key or phrase else f"{sign}{key}")
    flush()
    return " ".join(filter(None, out))
