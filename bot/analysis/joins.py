"""Half-spaces that writers leave out: «می خواهم», «کتاب ها», «گفته اند».

A joint is made only where it is safe: می before a known verb form, plural and superlative endings,
personal endings after ه. `join_key` works on keys and closes the gap; `join_display` writes a
half-space, and only where `join_key` would join too, so that both forms of a text share one key.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from bot.analysis.letters import ARABIC_LETTERS, KEY_CLASS, MARKS, ZWJ, ZWNJ, compare
from bot.analysis.words import entries

_OBJECTS = ("", "م", "ت", "ش", "مون", "تون", "شون", "مان", "تان", "شان")
_PRESENT = ("م", "ی", "د", "یم", "ید", "ند", "ن", "ین")
_PAST = ("", "م", "ی", "یم", "ید", "ند", "ن", "ین")
_PARTICIPLE = ("ه", "هام", "های", "هایم", "هاید", "هاند", "هاست")

_PERSONAL = "ام|ات|اش|ای|ایم|اید|اند"
_PLURAL = (
    "ها|های|هایی|هایم|هایت|هایش|هایمان|هایتان|هایشان|هام|هاش|هامون|هاتون|هاشون"  # not هات, هاست
)
_ENDING = f"(?:{_PLURAL}|تر|تری|ترین)"
# Words before which a vocative stands: «که ای کاش», «نه ای دل».
_NOT_VOCATIVE = "".join(f"(?<!(?<![{ARABIC_LETTERS}]){word} )" for word in ("که", "چه", "نه", "به"))
_NOT_ENDING = "(?<!هه )(?<!تت )(?<!چشم )"
_PLAIN_LETTERS = "اآبپتثجچحخدذرزژسشصضطظعغفقکگلمنوهی"
_OVERLAID = f"{MARKS}{ZWNJ}{ZWJ}"
_END = r"(?=[\s.،؛؟!:»)…]|$)"

_KEY_MI = re.compile("می (?=([^ ]+))")
_KEY_PERSONAL = re.compile(rf"ه (?=(?:{_PERSONAL})(?: |$)){_NOT_VOCATIVE}")
_KEY_ENDING = re.compile(rf" (?=[هت])(?<=[{ARABIC_LETTERS}]{{2}} ){_NOT_ENDING}{_ENDING}+(?= |$)")
_ENDINGS = re.compile(f"{_ENDING}+$")
_MI = re.compile(rf"می (?=(\w[\w{_OVERLAID}]*){_END})")
_PERSONAL_GAP = re.compile(rf"ه (?=(?:{_PERSONAL}){_END})(?<=[{_PLAIN_LETTERS}]ه ){_NOT_VOCATIVE}")
# A personal ending that stays apart (#بانه ای ها) belongs to the word before it.
_NOT_APART = "".join(
    f"(?<!(?<![{ARABIC_LETTERS}{ZWNJ}]){ending} )" for ending in _PERSONAL.split("|")
)
_ENDING_GAP = re.compile(
    rf" (?=[هت])(?<=[{_PLAIN_LETTERS}]{{2}} ){_NOT_ENDING}{_NOT_APART}"
    rf"{_ENDING}(?:{ZWNJ}?{_ENDING})*{_END}"
)


@cache
def _stems() -> tuple[frozenset[str], frozenset[str]]:
    """Present and past stems, in key form."""
    present: set[str] = set()
    past: set[str] = set()
    for line in entries("verb_stems"):
        first, _, second = line.partition(" ")
        present.update(first.split(","))
        past.update(second.split(","))
    return frozenset(present), frozenset(past)


@cache
def _tails() -> tuple[frozenset[str], frozenset[str]]:
    present = {ending + person for ending in _PRESENT for person in _OBJECTS}
    past = {ending + person for ending in _PAST for person in _OBJECTS}
    return frozenset({*present, *_PARTICIPLE}), frozenset({*past, *_PARTICIPLE})


@lru_cache(maxsize=4096)
def is_verb_form(key: str) -> bool:
    """Whether می may stand before this word (a key): a stem with a personal ending.

    Endings of nouns after it («می گفت ها») do not matter.
    """
    present, past = _stems()
    present_tails, past_tails = _tails()
    for form in {key, _ENDINGS.sub("", key)}:
        for cut in range(max(1, len(form) - 6), len(form) + 1):
            stem, tail = form[:cut], form[cut:]
            if (stem in past and tail in past_tails) or (stem in present and tail in present_tails):
                return True
    return False


def _begins_word(text: str, start: int) -> bool:
    """Whether the می at `start` is a word of its own, or نمی."""
    if start and text[start - 1] == "ن":
        start -= 1
    return start == 0 or text[start - 1] in " \n"


def _key_mi(match: re.Match[str]) -> str:
    if _begins_word(match.string, match.start()) and is_verb_form(match[1]):
        return "می"
    return "می "


def _close(match: re.Match[str]) -> str:
    return match[0][1:]


def join_key(key: str) -> str:
    """Close the gaps in a key (words parted by single spaces), until none is left."""
    while (joined := _join_once(key)) != key:
        key = joined
    return key


def _join_once(key: str) -> str:
    if "می " in key:
        key = _KEY_MI.sub(_key_mi, key)
    if "ه ا" in key:
        key = _KEY_PERSONAL.sub("ه", key)
    if " ها" in key or " تر" in key:
        key = _KEY_ENDING.sub(_close, key)
    return key


def _display_mi(match: re.Match[str]) -> str:
    if _begins_word(match.string, match.start()):
        following = KEY_CLASS.sub(compare, match[1])
        if is_verb_form(following):
            return f"می{ZWNJ}"
    return "می "


def _display_gap(match: re.Match[str]) -> str:
    text, gap = match.string, match.start() + match[0].index(" ")
    before = text[max(text.rfind(" ", 0, gap), text.rfind("\n", 0, gap)) + 1 : gap]
    if "#" in before or "@" in before or "/" in before or "＃" in before:
        return match[0]
    return match[0].replace(" ", ZWNJ, 1)


def join_display(text: str) -> str:
    """Write the half-spaces into a text whose letters and spaces are already clean."""
    if "می " in text:
        text = _MI.sub(_display_mi, text)
    if "ه ا" in text:
        text = _PERSONAL_GAP.sub(_display_gap, text)
    if " ها" in text or " تر" in text:
        text = _ENDING_GAP.sub(_display_gap, text)
    return text
