"""What a full-text index is given of a text, and what it is asked for a query.

Index and query meet in keys (`keys.fold`), so a word is found however it was typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.analysis.display import normalise
from bot.analysis.entities import HASHTAG, without_links
from bot.analysis.keys import fold, fold_tag
from bot.analysis.letters import ARABIC_LETTERS, MARKS, ZWNJ
from bot.analysis.words import word_set

_TAGS = re.compile(HASHTAG)
_LETTER = f"[{ARABIC_LETTERS}{MARKS}]"
_COMPOUND = re.compile(f"{_LETTER}+(?:{ZWNJ}{_LETTER}+)+")
_PLURAL = re.compile("ها(?:یی|یم|یت|یش|ی|ست|م|ش)?(?= |$)")
_DOUBTFUL = ("های", "هام", "هاش")  # كتاب‌های, but خانه‌ای; گل‌هاش, but خانه‌اش
# Parts of half-space words that are grammar, not words to search for.
_AFFIXES = word_set("affixes")
_MIN_STEM = 3  # letters; تنها is no plural of تن
_QUERY = re.compile(
    r"(?P<minus>(?<!\S)[-\u2212])?(?:[\"«“„](?P<phrase>[^\"«»“”„]+)[\"»”“]|(?P<word>[^\s\"«»“”„]+))"
)


def search_words(text: str) -> str:
    """The words of a text for a full-text index: all of them in order, then more ways to find them.

    In order: keys without links, hashtags in words (#برف_تهران: برف تهران). Then: hashtags whole
    (برفتهران), plurals without their ending (کتابها: کتاب) and the parts of half-space words
    (علی‌رضا: علی رضا; but not of می‌خواهم).
    """
    key = fold(without_links(text))
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
    return " ".join((key, *dict.fromkeys(filter(None, more))))


def _singulars(stem: str, ending: str) -> Iterator[str]:
    if len(stem) >= _MIN_STEM:
        yield stem
        if ending in _DOUBTFUL:
            yield stem + "ه"


def query_words(text: str) -> str:
    """A query in the words of `search_words`; "a phrase" keeps its quotes, -without its minus."""
    out: list[str] = []
    plain: list[str] = []

    def flush() -> None:
        if plain:
            out.append(fold(" ".join(plain)))
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
