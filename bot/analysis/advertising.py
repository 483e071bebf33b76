"""Signs that a post sells something: set phrases, phone numbers, prices, invitations."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from bot.analysis.words import entries

MIN_ROOM_WORDS = 3  # different words of homes to let
LINKED = frozenset(("download", "job"))  # such an offer stands behind a link

_DIGIT = "[0-9۰-۹٠-٩]"
_PHONE = re.compile(
    rf"(?<![0-9۰-۹٠-٩/])(?:"
    rf"(?:(?:\+|00|۰۰)?(?:98|۹۸)[ -]?|[0۰٠])[9۹٩]{_DIGIT}{{2}}[ -]?"  # mobile
    rf"{_DIGIT}{{3}}[ -]?{_DIGIT}{{2}}[ -]?{_DIGIT}{{2}}"
    rf"|[0۰٠][1-8۱-۸]{_DIGIT}[ -]?{_DIGIT}{{4}}[ -]?{_DIGIT}{{4}}"  # fixed
    rf"|\+(?:971|90|44|1|968|964)[ -]?{_DIGIT}{{7,11}}"  # neighbours, and where many live
    rf")(?!{_DIGIT})"
)
_PRICE = re.compile(
    rf"{_DIGIT}[\d.,٬،/]*\s*(?:هزار|میلیون|م(?:یل)?)?\s*(?:تومان|تومن|ریال|درهم|لیر)(?![\w])"
    rf"|[%٪]\s*{_DIGIT}+\s*تخفیف|{_DIGIT}+\s*(?:[%٪]|درصد)\s*تخفیف"
)
_INVITE = re.compile(r"(?:t|telegram)\.me/(?:\+|joinchat/)|chat\.whatsapp\.com/|wa\.me/")
_CONTACT_SIGN = re.compile("[☎📞📱📲]")
_POINTER = re.compile("[👇👆☝⤵⬇🔽]")
_SHOP_WINDOW = re.compile(r"(?:t|telegram)\.me/|instagram\.com/|aparat\.com/|wa\.link/")
_FIGURE = re.compile(f"{_DIGIT}{_DIGIT}")
# Words of homes to let, in key form.
_ROOMS = frozenset(
    ("اپارتمان", "خوابه", "متری", "زیربنا", "پارکینگ", "اسانسور", "انباری", "ودیعه", "رهن", "نوساز")
)


class Sign(NamedTuple):
    """One find; `kind` tells an offer from a way to reach the seller."""

    kind: str
    weight: int
    found: str


class _Phrase(NamedTuple):
    words: tuple[str, ...]
    kind: str
    weight: int


@cache
def _phrases() -> dict[str, list[_Phrase]]:
    """Advertising phrases by their first word."""
    by_first: dict[str, list[_Phrase]] = {}
    for line in entries("advertising"):
        weight, kind, *words = line.split()
        by_first.setdefault(words[0], []).append(_Phrase(tuple(words), kind, int(weight)))
    return by_first


def phrases_in(words: tuple[str, ...]) -> list[Sign]:
    """The advertising phrases among the words (keys) of a text."""
    by_first = _phrases()
    return [
        Sign(phrase.kind, phrase.weight, " ".join(phrase.words))
        for place, word in enumerate(words)
        if word in by_first
        for phrase in by_first[word]
        if words[place : place + len(phrase.words)] == phrase.words
    ]


def figures_in(text: str, words: tuple[str, ...]) -> list[Sign]:
    """Phone numbers, prices, invitations, signs of contact, rooms."""
    signs: list[Sign] = []
    if _FIGURE.search(text):
        if phone := _PHONE.search(text):
            signs.append(Sign("phone", 3, phone[0]))
        if price := _PRICE.search(text):
            signs.append(Sign("price", 1, price[0]))
    if (".me/" in text or "whatsapp" in text) and (invite := _INVITE.search(text)):
        signs.append(Sign("invite", 2, invite[0]))
    if sign := _CONTACT_SIGN.search(text):
        signs.append(Sign("contact", 1, sign[0]))
    if sign := _POINTER.search(text):
        signs.append(Sign("pointer", 1, sign[0]))
    if "/" in text and (window := _SHOP_WINDOW.search(text)):
        signs.append(Sign("window", 1, window[0]))
    if len(rooms := _ROOMS.intersection(words)) >= MIN_ROOM_WORDS:
        signs.append(Sign("rooms", 3, " ".join(sorted(rooms))))
    return signs
