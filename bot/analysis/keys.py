"""The comparison key of Persian text: every spelling of a word is one word here."""

from __future__ import annotations

import re
import unicodedata

from bot.analysis.joins import join_key
from bot.analysis.letters import ARABIC_LETTERS, KEY_CLASS, SEPARATORS, ZWNJ, compare

_TRIPLE = re.compile(r"(.)\1\1")
_LONG = re.compile(rf"([{ARABIC_LETTERS}])\1{{2,}}")
_GAP = re.compile(f"[{SEPARATORS}][{SEPARATORS} ]*")
# «خانه‌ی ما», «خانه ی ما» and «خانۀ ما» say the same: the ی is read, not meant.
_EZAFE = re.compile(f"ه{ZWNJ}+ی(?!{ZWNJ}*[{ARABIC_LETTERS}])")
_EZAFE_APART = re.compile("ه(?: ی)+(?= |$)")


def first_of(match: re.Match[str]) -> str:
    """Callback that keeps one letter of a run (a template would be expanded in Python)."""
    return match[0][0]


def fold(text: str) -> str:
    """The comparison key: folded words parted by single spaces, alike for every spelling.

    Half-spaces, vowel marks, ء and the ی after ه (خانه‌ی) go; آأإ→ا, ۀة→ه, ؤ→و, ئ→ی; digits become
    ASCII; Latin loses case and accents; punctuation, symbols, emoji and `_` part words; stretched
    letters shrink. Texts are indexed and queries are asked with the same key, and
    `fold(normalise(x)) == fold(x)`.
    """
    key = unicodedata.normalize("NFC", text).lower()
    if "آ" in key:  # the commonest letters one by one: much cheaper than a callback each
        key = key.replace("آ", "ا")
    if "ي" in key:
        key = key.replace("ي", "ی").replace("ك", "ک")
    if KEY_CLASS.search(key):
        key = unicodedata.normalize("NFC", KEY_CLASS.sub(compare, key))
    if ZWNJ in key:
        if f"ه{ZWNJ}" in key:
            key = _EZAFE.sub("ه", key)
        key = key.replace(ZWNJ, "")
    key = _GAP.sub(" ", key)
    key = " ".join(key.split()) if "  " in key else key.strip(" ")
    if _TRIPLE.search(key):
        key = _LONG.sub(first_of, key)
    if "ه ی" in key:
        key = _EZAFE_APART.sub("ه", key)
    return join_key(key)


def fold_tag(tag: str) -> str:
    """The key of a hashtag, with or without '#': one word, whatever parts it was written in."""
    return fold(tag).replace(" ", "")
