"""What the mood model looks at: words, pieces of words, pairs of words, emoji and typed faces.

Both the trainer and the running bot take a text apart here, so that a weight means the same in
both. Everything but a pair belongs to one word, and so a word's pieces can be added up once and
remembered.
"""

from __future__ import annotations

import re
from zlib import crc32

from bot.analysis.entities import TextParts
from bot.analysis.text import analyse

# Buckets of each table; a power of two. Pieces are many, and words must not meet them.
WORDS = 1 << 15
PIECES = 1 << 16
PAIRS = 1 << 16

PIECE_VALUE = 0.5
PAIR_VALUE = 0.7
# A word that the next one negates («خوب نبود», «بد نیست») counts this much, the other way round.
NEGATED = -0.5

LONGEST_PIECE = 5
LONGEST_WORD = 24  # letters looked at; longer ones are glued hashtags and rubbish
MOST_WORDS = 400  # words of a text looked at: a long article's tone is in its beginning

_FACE = re.compile(r"(?<![A-Za-z0-9:])[:;=]['-]?(\)+|\(+|D+\b|/(?!/)|\|+)")
_CALL = re.compile("[!؟?]+")
_REPEATED = 3

_NEGATORS = """
نیست نیستم نیستی نیستن نیستند نیستیم نبود نبودم نبودی نبودن نبودند نبودیم نباشه نباشد
نداره ندارد ندارم نداری نداریم ندارن ندارند نداشت نداشتم نداشتی نداشتن نداشتند نداشتیم
نشد نشدم نشدن نمیشه نمیشود نمیاد نمیاید نیومد نیامد نمیکنم نمیکنه نمیکند نمیکنن نمیکنند
نکرد نکردم نکردن نکردند نمیده نمیدن نمیخوره نمیارزه
"""
_NEGATES_NEXT = ("بدون", "نه")

# What a word does to its neighbours.
PLAIN, NEGATES_LAST, NEGATES_NEXT = range(3)
_KINDS = dict.fromkeys(_NEGATORS.split(), NEGATES_LAST) | dict.fromkeys(_NEGATES_NEXT, NEGATES_NEXT)


def feature_words(text: str, parts: TextParts | None = None) -> list[str]:
    """The text as the words of the model, in order; emoji and signs come last."""
    if parts is None:
        parts = analyse(text)
    found = [word for word in parts.words[:MOST_WORDS] if word]
    found += signs(text, parts.emoji)
    return found


def signs(text: str, emoji: tuple[str, ...]) -> list[str]:
    """Emoji without skin colour and gender, faces typed with letters, and what ends a sentence."""
    found: dict[str, None] = {}
    if emoji:
        plain = [one[0] for one in emoji]
        found |= dict.fromkeys(plain)
        if len(plain) >= _REPEATED:
            found |= {f"{one}+": None for one in found if plain.count(one) >= _REPEATED}
    if ":" in text or "=" in text or ";" in text:
        for mouth in _FACE.findall(text):
            found[f":{mouth[0]}{'+' if len(mouth) > 1 else ''}"] = None
    if "!" in text or "؟" in text or "?" in text:
        for call in _CALL.findall(text):
            kind = "?" if "?" in call or "؟" in call else "!"
            found[kind + ("+" if len(call) > 1 else "")] = None
    return list(found)


def kind_of(word: str) -> int:
    """PLAIN, or which neighbour the word turns round."""
    return _KINDS.get(word, PLAIN)


def word_code(word: str) -> int:
    """A number of 32 bits; the word's bucket is its lowest bits. All numbers are one word."""
    return crc32(("0" if word.isdigit() else word[:LONGEST_WORD]).encode())


def pieces_of(word: str) -> list[int]:
    """Buckets of the runs of 2 to 5 letters of `<word>`; an emoji, a sign or a number has none."""
    if not word[0].isalpha():
        return []
    marked = f"<{word[:LONGEST_WORD]}>"
    length = len(marked)
    return [
        crc32(marked[start : start + size].encode()) % PIECES
        for size in range(2, LONGEST_PIECE + 1)
        for start in range(length - size + 1)
        if size < length  # the whole word has a bucket of its own
    ]


def pair_bucket(first: int, second: int) -> int:
    """The bucket of two words that follow each other, from their codes."""
    return (((first * 0x9E3779B1) ^ second) >> 4) % PAIRS
