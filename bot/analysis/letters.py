"""Character tables of Persian text: what each stray code point becomes, for display and in keys.

`str.translate` looks every character up, one by one; a compiled character class skips whole
texts in C. So each table is used through one `re.sub` whose callback is the dictionary.
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


def _span(first: int, last: int) -> Iterable[str]:
    return map(chr, range(first, last + 1))


def _display() -> dict[str, str]:
    """Code points that are never meant: keyboard and font accidents, invisible controls."""
    letters = {"ي": "ی", "ى": "ی", "ك": "ک", "ڪ": "ک", "ہ": "ه", "ھ": "ه", "ۂ": "ۀ", "ۃ": "ة"}
    table = {}
    for block in (_span(0xFB50, 0xFBFF), _span(0xFC00, 0xFDFF), _span(0xFE70, 0xFEFC)):
        for char in block:
            plain = unicodedata.normalize("NFKC", char)
            if plain == char or char in "\ufdfa\ufdfb\ufdfd":  # honorifics are one sign each
                continue
            plain = plain.replace(" ", "") if unicodedata.category(plain[-1]) == "Mn" else plain
            plain = plain.replace("\u0640", "")
            table[char] = "".join(letters.get(letter, letter) for letter in plain)
    table.update(letters)
    controls = [*_span(0, 8), *_span(0x0E, 0x1F), *_span(0x7F, 0x84), *_span(0x86, 0x9F)]
    controls += [*_span(0x200E, 0x200F), *_span(0x202A, 0x202E), *_span(0x2060, 0x206F)]
    controls += [*_span(0xFDD0, 0xFDEF), *_span(0xFFF9, 0xFFFB), "\ufffe", "\uffff"]
    controls += [*_span(0xD800, 0xDFFF)]  # half a pair: no encoding accepts it
    controls += ["\u0640", "\u061c", "\u180e", "\ufeff"]  # kashida, marks, byte order mark
    table.update(dict.fromkeys(controls, ""))
    # Old sites wrote a soft hyphen or a zero-width space where a half-space is meant.
    table.update(dict.fromkeys(("\u200b", "\u00ad"), ZWNJ))
    table.update(dict.fromkeys((*_span(0x2000, 0x200A), "\t", "\u00a0", "\u1680"), " "))
    table.update(dict.fromkeys(("\u202f", "\u205f", "\u3000"), " "))
    table.update(dict.fromkeys(("\r", "\v", "\f", "\u0085", "\u2028", "\u2029"), "\n"))
    return table


def _key() -> dict[str, str]:
    """What a comparison key makes of single characters; case is folded before."""
    table = {}
    for block in (_span(0xC0, 0x24F), _span(0x1E00, 0x1EFF)):
        for char in block:
            bare = "".join(
                part
                for part in unicodedata.normalize("NFKD", char)
                if not unicodedata.combining(part)
            ).casefold()
            if bare != char:
                table[char] = bare
    alike = {
        "آأإٱ": "ا",
        "ؤۆۇۈۋۊ": "و",
        "ئيىېۍێےۓ": "ی",
        "كڪ": "ک",
        "ۀةۂۃەہھ": "ه",
        "ڕ": "ر",
        "ڵ": "ل",
        "ء'\u2019": "",  # حمزه at the end is dropped as often as written: انشاء, انشا; don’t
    }
    for chars, plain in alike.items():
        table.update(dict.fromkeys(chars, plain))
    for start in (0x0660, 0x06F0):
        table.update({chr(start + digit): str(digit) for digit in range(10)})
    for char, shown in _display().items():
        table[char] = "".join(table.get(part, part) for part in shown)
    for char in "\ufdfa\ufdfb\ufdfd":
        plain = unicodedata.normalize("NFKC", char)
        table[char] = "".join(table.get(part, part) for part in plain)
    marks = [char for char in _span(0x0610, 0x06ED) if unicodedata.combining(char)]
    marks += [*_span(0x0300, 0x036F), *_span(0x08D3, 0x08FF), *_span(0xFE00, 0xFE0F)]
    table.update(dict.fromkeys((*marks, ZWNJ, ZWJ, "\u200b", "\u00ad"), ""))
    return {char: plain for char, plain in table.items() if char != plain and plain != " "}


def _class_of(table: dict[str, str]) -> re.Pattern[str]:
    return re.compile(f"[{re.escape(''.join(sorted(table)))}]")


DISPLAY = _display()
DISPLAY_CLASS = _class_of(DISPLAY)
KEY = _key()
KEY_CLASS = _class_of(KEY)

# Everything that parts words in a key: ASCII and general punctuation, symbols, emoji, spaces.
SEPARATORS = (
    "\\s!-/:-@\\[-`{-\u00bf\u00d7\u00f7\u02b9-\u02ff\u0600-\u060f\u061b-\u061f\u066a-\u066d\u06d4"
    "\u06dd\u06de\u06e9\u06fd\u06fe\u2000-\u206f\u2080-\u209c\u20a0-\u20ff\u2100-\u2bff\u2e00-\u2e7f"
    "\u3000-\u303f\ufd3e-\ufd4f\ufdfc-\ufdff\ufe10-\ufe6f\uff00-\uff0f\uff1a-\uff20\ufffc\ufffd"
    "\U0001f000-\U0001faff\U000e0000-\U000e0fff"
)
