"""The comparison key of Persian text: every spelling of a word is one word here."""

from __future__ import annotations

import re
import unicodedata

from bot.analysis.joins import join_key
from bot.analysis.letters import ARABIC_LETTERS, KEY, KEY_CLASS, SEPARATORS, ZWNJ

_TRIPLE = re.compile(r"(.)\1\1")
_LONG = re.compile(rf"([{ARABIC_LETTERS}])\1{{2,}}")
_GAP = re.compile(f"[{SEPARATORS}]+")


def _compare(match: re.Match[str]) -> str:
    return KEY[match[0]]


def fold(text: str) -> str:
    """The comparison key: folded words parted by single spaces, alike for every spelling.

    Half-spaces, vowel marks and ء go; آأإ→ا, ۀة→ه, ؤ→و, ئ→ی; digits become ASCII; Latin loses case
    and accents; punctuation, symbols, emoji and `_` part words; stretched letters shrink. Texts
    are indexed and queries are asked with the same key. `fold(normalise(x)) == fold(x)`.
    """
    key = unicodedata.normalize("NFC", text).casefold()
    if ZWNJ in key:
        key = key.replace(ZWNJ, "")
    if "آ" in key:
        key = key.replace("آ", "ا")
    if KEY_CLASS.search(key):
        key = unicodedata.normalize("NFC", KEY_CLASS.sub(_compare, key))
    if _TRIPLE.search(key):
        key = _LONG.sub(r"\1", key)
    return join_key(_GAP.sub(" ", key).strip())


def fold_tag(tag: str) -> str:
    """The key of a hashtag, with or without '#': one word, whatever parts it was written in."""
    return fold(tag).replace(" ", "")
