"""Character tables of Persian text: what each stray code point becomes, for display and in keys.

`str.translate` looks every character up, one by one; a compiled character class skips whole
texts in C. So each table is used through one `re.sub` whose callback asks the dictionary.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

ZWNJ = "\u200c"
ZWJ = "\u200d"

# Letters of the Arabic script (no digits, no marks, no punctuation), for regex classes.
ARABIC_LETTERS = (
    "\u0620-\u063f\u0641-\u064a\u066e\u066f\u0671-\u06d3\u06d5\u06ee\u06ef\u06fa-\u06fc"
)
# Vowel marks and signs written above or below letters.
MARKS = "\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"

# Never shown, never part of a link or hashtag: controls, bidi marks, byte order marks, halves of
# surrogate pairs (which no encoding accepts) and code points that are not characters.
INVISIBLE = (
    "\u0000-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f\u061c\u180e\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff"
)
# Written over other letters of other scripts, and signs that choose a glyph.
_FOREIGN_MARKS = "\u0300-\u036f\u08d3-\u08ff\ufe00-\ufe0f"
_HONORIFICS = "\ufdfa\ufdfb\ufdfd"  # whole sentences drawn as one sign: shown as they are
# Old sites wrote a soft hyphen or a zero-width space where a half-space is meant.
OLD_HALF_SPACES = "\u200b\u00ad"

# Everything that parts words in a key, spaces apart: punctuation, symbols, emoji.
SEPARATORS = (
    "\\t-\\r\u0085\u00a0!-/:-@\\[-`{-\u00bf\u00d7\u00f7\u02b9-\u02ff\u0600-\u060f\u061b-\u061f"
    "\u066a-\u066d\u06d4\u06dd\u06de\u06e9\u06fd\u06fe\u1680\u2000-\u206f\u2080-\u209c\u20a0-\u2bff"
    "\u2e00-\u2e7f\u3000-\u303f\ufd3e-\ufd4f\ufdfc-\ufdff\ufe10-\ufe6f\uff00-\uff0f\uff1a-\uff20"
    "\ufffc\ufffd\U0001f000-\U0001faff\U000e0000-\U000e0fff"
)


def _span(first: int, last: int) -> Iterable[str]:
    return map(chr, range(first, last + 1))


def _presentation_forms(letters: dict[str, str]) -> dict[str, str]:
    """Letters drawn in the shape of one position, and ligatures, as plain Persian letters."""
    table = {}
    for char in (*_span(0xFB50, 0xFDFF), *_span(0xFE70, 0xFEFC)):
        plain = unicodedata.normalize("NFKC", char)
        if plain == char or char in _HONORIFICS:
            continue
        if unicodedata.combining(plain[-1]):  # a mark alone comes with a space or kashida to sit on
            plain = plain.strip(" \u0640")
        table[char] = "".join(letters.get(letter, letter) for letter in plain)
    return table


def _display() -> dict[str, str]:
    """Code points that are never meant: keyboard and font accidents."""
    table = {"ي": "ی", "ى": "ی", "ك": "ک", "ڪ": "ک", "ہ": "ه", "ھ": "ه", "ۂ": "ۀ", "ۃ": "ة"}
    table |= _presentation_forms(table)
    table["\u0640"] = ""  # kashida
    table |= dict.fromkeys((*_span(0x2000, 0x200A), *"\t\u00a0\u1680\u202f\u205f\u3000"), " ")
    table |= dict.fromkeys("\r\v\f\u0085\u2028\u2029", "\n")
    table |= dict.fromkeys(OLD_HALF_SPACES, ZWNJ)
    return table


def _bare(char: str) -> str:
    """A Latin letter without accents, in lower case."""
    parts = unicodedata.normalize("NFKD", char)
    return "".join(part for part in parts if not unicodedata.combining(part)).casefold()


def _key(display: dict[str, str]) -> dict[str, str]:
    """What a comparison key makes of single characters; case is folded before."""
    latin = {char: _bare(char) for char in (*_span(0xC0, 0x24F), *_span(0x1E00, 0x1EFF))}
    table = {char: bare for char, bare in latin.items() if bare.isalpha()}
    alike = {
        "آأإٱ": "ا",
        "ؤۆۇۈۋۊ": "و",
        "ئيىېۍێےۓ": "ی",
        "كڪ": "ک",
        "ۀةۂۃەہھ": "ه",
        "ڕ": "ر",
        "ڵ": "ل",
        "ς": "σ",
        "ء'\u2019\u0640": "",  # ء is left out as often as written (انشاء, انشا); don’t is dont
    }
    for chars, plain in alike.items():
        table |= dict.fromkeys(chars, plain)
    for zero in (0x0660, 0x06F0):
        table |= {chr(zero + digit): str(digit) for digit in range(10)}
    composed = display | {char: unicodedata.normalize("NFKC", char) for char in _HONORIFICS}
    for char, shown in composed.items():
        if shown.strip():
            bare = (part for part in shown if not unicodedata.combining(part))
            table[char] = "".join(table.get(part, part) for part in bare)
    table |= dict.fromkeys((*OLD_HALF_SPACES, "¬"), ZWNJ)
    table[ZWJ] = ""
    return {char: plain for char, plain in table.items() if char != plain}


def _class_of(table: dict[str, str], removed: str) -> re.Pattern[str]:
    return re.compile(f"[{re.escape(''.join(sorted(table)))}{removed}]")


DISPLAY = _display()
DISPLAY_CLASS = _class_of(DISPLAY, INVISIBLE)
KEY = _key(DISPLAY)
KEY_CLASS = _class_of(KEY, INVISIBLE + MARKS + _FOREIGN_MARKS)


def show(match: re.Match[str]) -> str:
    """Callback of `DISPLAY_CLASS.sub`; what has no entry is removed."""
    return DISPLAY.get(match[0], "")


def compare(match: re.Match[str]) -> str:
    """Callback of `KEY_CLASS.sub`; what has no entry is removed."""
    return KEY.get(match[0], "")
