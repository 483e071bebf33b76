"""The display form of Persian text: repaired, never simplified."""

from __future__ import annotations

import re
import unicodedata

from bot.analysis.entities import may_hold_entities, outside_entities
from bot.analysis.joins import join_display
from bot.analysis.letters import (
    ARABIC_LETTERS,
    DISPLAY_CLASS,
    INVISIBLE,
    MARKS,
    OLD_HALF_SPACES,
    ZWJ,
    ZWNJ,
    show,
)

_INVISIBLE = re.compile(f"[{INVISIBLE}]+")
_OLD_HALF_SPACE = re.compile(f"[{OLD_HALF_SPACES}]")
_TRIPLE = re.compile(r"(.)\1\1")
_TRIPLE_LETTER = re.compile(rf"([{ARABIC_LETTERS}])\1\1")
_BETWEEN = f"[{MARKS}{ZWNJ}{ZWJ}ء¬'\u2019]*"  # what a key leaves out
# Letters that a key takes for one are stretched together: آاااا, ییئیی.
_ALIKE = ("اآأإٱ", "وؤۆۇۈۋۊ", "یئېۍێےۓ", "هۀةە")
_STRETCHED = re.compile(
    "|".join(f"[{same}](?:{_BETWEEN}[{same}]){{2,}}" for same in _ALIKE)
    + rf"|([{ARABIC_LETTERS}])(?:{_BETWEEN}\1){{2,}}"
)
_HALF_SPACE_RUN = re.compile(f"{ZWNJ}{{2,}}")
_HALF_SPACE_EDGE = re.compile(rf"{ZWNJ}(?:(?![\w{MARKS}'’])|(?<![\w{MARKS}'’]{ZWNJ}))")
_ZWJ_INSIDE = re.compile(rf"{ZWJ}+(?<=[{ARABIC_LETTERS}]{ZWJ})(?=[{ARABIC_LETTERS}])")
# Old word processors printed the half-space as ¬.
_NOT_SIGN = re.compile(rf"(?<=[{ARABIC_LETTERS}{MARKS}]){ZWNJ}*¬{ZWNJ}*(?=[{ARABIC_LETTERS}])")
_BLANK_LINES = re.compile(r"\n{3,}")
_SPACE_BEFORE = re.compile(
    rf" (?<=[{ARABIC_LETTERS}{MARKS}»)] )(?=[،؟»]|؛(?![()])|[.!:](?:\s|$))"  # ؛) winks
)
_LOOSE = re.compile(" [ ،؟»؛.!:]")
_SPACE_AFTER_COMMA = re.compile(rf"،(?=[{ARABIC_LETTERS}])")  # a single character is found in C
_SPACE_AFTER = re.compile(rf"[؛؟](?=[{ARABIC_LETTERS}])")


def normalise(text: str) -> str:
    """The text as it is shown; normalising twice changes nothing.

    Letters become Persian (ة, ۀ, ئ, ؤ, أ and vowel marks stay: they are spelling, not accidents),
    presentation forms and stray controls go, stretched letters shrink to one, half-spaces and
    spaces around Persian punctuation are repaired. Links, mentions, hashtags, numbers and emoji
    keep every byte.
    """
    text = unicodedata.normalize("NFC", text)
    if DISPLAY_CLASS.search(text):
        text = _clean(text)
    if "¬" in text:
        text = _NOT_SIGN.sub(ZWNJ, text)
    if ZWNJ in text and _HALF_SPACE_EDGE.search(text):
        text = unicodedata.normalize("NFC", outside_entities(text, _clean_half_spaces))
    if ZWJ in text:
        text = _ZWJ_INSIDE.sub("", text)
    if _TRIPLE.search(text) and _TRIPLE_LETTER.search(text):
        text = outside_entities(text, _shorten)
    return join_display(_tidy_spaces(text))


def _clean(text: str) -> str:
    if not may_hold_entities(text):
        clean = _clean_letters(text)
        if not may_hold_entities(clean):
            return unicodedata.normalize("NFC", clean)
    # First what may stand between characters: only then it is clear where entities end.
    text = _OLD_HALF_SPACE.sub(ZWNJ, _INVISIBLE.sub("", text))
    return unicodedata.normalize("NFC", outside_entities(text, _clean_letters))


def _clean_letters(text: str) -> str:
    if "ي" in text or "ك" in text:  # the commonest ones by themselves: no callback each
        text = text.replace("ي", "ی").replace("ك", "ک")
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    return DISPLAY_CLASS.sub(show, text)


def _clean_half_spaces(text: str) -> str:
    if ZWNJ + ZWNJ in text:
        text = _HALF_SPACE_RUN.sub(ZWNJ, text)
    return _HALF_SPACE_EDGE.sub("", text)


def _shorten_run(match: re.Match[str]) -> str:
    run = match[0]
    return run[0] if _TRIPLE.search(run) else run


def _shorten(text: str) -> str:
    return _STRETCHED.sub(_shorten_run, text)


def _add_space(match: re.Match[str]) -> str:
    return match[0] + " "


def _tidy_spaces(text: str) -> str:
    if "\n" in text:
        text = "\n".join(map(str.strip, text.split("\n")))
        if "\n\n\n" in text:
            text = _BLANK_LINES.sub("\n\n", text)
    if _LOOSE.search(text):
        if "  " in text:
            text = " ".join(filter(None, text.split(" ")))
        text = _SPACE_BEFORE.sub("", text)
    if "«" in text:
        text = text.replace("« ", "«")
    if "،" in text:
        text = _SPACE_AFTER_COMMA.sub("، ", text)
    if "؟" in text or "؛" in text:
        text = _SPACE_AFTER.sub(_add_space, text)
    return text.strip()
