"""Half-spaces that writers leave out: «می خواهم», «کتاب ها», «گفته اند».

A joint is made only where it is safe: می before a known verb form, plural and superlative endings,
personal endings after ه. `join_key` works on keys and closes the gap; `join_display` writes a
half-space, and only where `join_key` would join too, so that both forms of a text share one key.
"""

from __future__ import annotations

import re
from functools import cache

from bot.analysis.letters import ARABIC_LETTERS, KEY, KEY_CLASS, MARKS, ZWJ, ZWNJ
from bot.analysis.words import entries

_OBJECTS = ("", "م", "ت", "ش", "مون", "تون", "شون", "مان", "تان", "شان")
_PRESENT = ("م", "ی", "د", "یم", "ید", "ند", "ن", "ین")
_PAST = ("", "م", "ی", "یم", "ید", "ند", "ن", "ین")
_PARTICIPLE = ("ه", "هام", "های", "هایم", "هاید", "هاند", "هاست")

_PLURAL = "ها|های|هایی|هایم|هایت|هایش|هایمان|هایتان|هایشان|هام|هاش|هامون|هاتون|هاشون"
_PERSONAL = "ام|ات|اش|ایم|اید|اند"
_END = r"(?=[\s.،؛؟!:»)…]|$)"
_WORD_PART = rf"\w{MARKS}{ZWNJ}{ZWJ}"

_KEY_MI = re.compile("می (?=([^ ]+))")
_KEY_PERSONAL = re.compile(rf"ه ((?:{_PERSONAL})(?= |$))")
_KEY_SUFFIX = re.compile(
    rf" (?=[هت])(?<=[{ARABIC_LETTERS}] )(?<!ها )(?<!هه )(?<!تت )"
    rf"((?:{_PLURAL}|ترین(?:ها|های|هایی)?)(?= |$))"
)
_MI = re.compile(rf"می (?=([{_WORD_PART}]+){_END})")
_PERSONAL_GAP = re.compile(rf"ه ((?:{_PERSONAL}){_END})")
_PLAIN_LETTERS = "اآبپتثجچحخدذرزژسشصضطظعغفقکگلمنوهی"
_SUFFIX_GAP = re.compile(
    rf" (?=[هت])(?<=[{_PLAIN_LETTERS}] )(?<!ها )(?<![هۀةە{MARKS}{ZWNJ}{ZWJ}]ه )"
    rf"(?<![ت{MARKS}{ZWNJ}{ZWJ}]ت )((?:{_PLURAL}|ترین(?:{ZWNJ}?(?:ها|های|هایی))?){_END})"
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
    present = {ending + person for ending in _PRESENT for person in _OBJECTS} | {"ه"}
    past = {ending + person for ending in _PAST for person in _OBJECTS} | set(_PARTICIPLE)
    return frozenset(present), frozenset(past)


def is_verb_form(key: str) -> bool:
    """Whether می may stand before this word (a key): a stem with a personal ending."""
    present, past = _stems()
    present_tails, past_tails = _tails()
    for cut in range(max(1, len(key) - 6), len(key) + 1):
        stem, tail = key[:cut], key[cut:]
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


def join_key(key: str) -> str:
    """Close the gaps in a key (words parted by single spaces)."""
    if "می " in key:
        key = _KEY_MI.sub(_key_mi, key)
    if "ه ا" in key:
        key = _KEY_PERSONAL.sub(r"ه\1", key)
    if " ها" in key or " ترین" in key:
        key = _KEY_SUFFIX.sub(r"\1", key)
    return key


def _display_mi(match: re.Match[str]) -> str:
    if _begins_word(match.string, match.start()):
        following = KEY_CLASS.sub(lambda found: KEY[found[0]], match[1])
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
    if " ها" in text or " ترین" in text:
        text = _SUFFIX_GAP.sub(_display_gap, text)
    return text
