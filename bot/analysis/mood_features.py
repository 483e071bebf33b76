"""What the models of feeling look at: words, pieces and pairs of words, emoji and typed faces.

Both the trainer and the running bot take a text apart here, so that a weight means the same in
both. Everything but a pair belongs to one word, and so a word's pieces can be added up once and
remembered.
"""

from __future__ import annotations

import re
from zlib import crc32

from bot.analysis.entities import TextParts
from bot.analysis.text import analyse

# Buckets of the two hashed tables, powers of two. Known words have rows of their own.
PIECES = 1 << 15
PAIRS = 1 << 15

PIECE_VALUE = 0.5
PAIR_VALUE = 0.7
# A word that the next one negates («خوب نبود», «بد نیست») counts half, the other way round.
NEGATED = -0.5

PIECE_LETTERS = (3, 4)
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
    found = list(parts.words[:MOST_WORDS])
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


def name_of(word: str) -> str:
    """The word as it is known: all numbers are one word, and long rubbish is cut."""
    return "0" if word.isdigit() else word[:LONGEST_WORD]


def word_code(word: str) -> int:
    """A number of 32 bits by which the word is known."""
    return crc32(name_of(word).encode())


def pieces_of(word: str) -> list[int]:
    """Buckets of the runs of 3 and 4 letters of `<word>`; an emoji, a sign or a number has none."""
    if not word[0].isalpha():
        return []
    marked = f"<{word[:LONGEST_WORD]}>"
    length = len(marked)
    return [
        crc32(marked[start : start + size].encode()) % PIECES
        for size in PIECE_LETTERS
        for start in range(length - size + 1)
        if size < length  # never the whole word
    ]


def pair_halves(code: int) -> tuple[int, int]:
    """What a word gives to the bucket of a pair as its first and as its second word."""
    return (code * 0x9E3779B1 >> 4) % PAIRS, (code >> 4) % PAIRS


def pair_bucket(first: int, second: int) -> int:
    """The bucket of two words that follow each other, from their codes."""
    return pair_halves(first)[0] ^ pair_halves(second)[1]
