"""Spoken verb forms and the written form of each: «میگن» is «می‌گویند», «بذاریمش» «بگذاریمش».

A form is taken apart into prefix, stem, ending and object; each part has one written form. What is
already written as it should be has no other form here.
"""

from __future__ import annotations

from functools import cache

from bot.analysis.letters import ZWNJ
from bot.analysis.words import entries, group

_MI = f"می{ZWNJ}"
_NEMI = f"نمی{ZWNJ}"


def endings(group: str) -> dict[str, str]:
    """Spoken endings of one kind with what is written for them."""
    rows = (line.split() for line in entries("spoken_endings"))
    pairs = [pair for row in rows if row[0] == group for pair in row[1:]]
    plain = (pair.replace("|", ZWNJ).replace("+", " ").partition(":") for pair in pairs)
    return {spoken: written for spoken, _, written in plain}


_PRESENT, _PAST, _OBJECTS = endings("present"), endings("past"), endings("object")
# Verbs that are spoken without any prefix: «داره», «کنه»; other bare stems are nouns.
_BARE = group("spoken_neighbours", "bare")
_ROUND = ("بر", "در", "ور", "وا", "باز", "فرو")  # «برمی‌گرده», «در بیاره»
_ROUND_ALONE = ("بر", "در", "ور")  # even without می, ب or ن: «برگرده»
_ROUND_WRITTEN = {"ور": "بر"}
_AFTER_ROUND = group("spoken_neighbours", "after_round")
_LONGEST_TAIL = 8


@cache
def _tails(past: bool) -> dict[str, str]:
    """Endings with and without an object; «گفتم» is first of all «I said»."""
    endings = _PAST if past else _PRESENT
    with_objects = {
        spoken + object_spoken: written + object_written
        for spoken, written in endings.items()
        for object_spoken, object_written in _OBJECTS.items()
    }
    return with_objects | endings


@cache
def _stems() -> tuple[dict[str, str], dict[str, str]]:
    """Written stems by spoken ones: of the present, of the past."""
    present: dict[str, str] = {}
    past: dict[str, str] = {}
    listed: set[str] = set()
    for line in entries("colloquial_stems"):
        for table, stems in zip((present, past), line.split(), strict=True):
            written, _, spoken = stems.partition(":")
            for stem in (written, *filter(None, spoken.split(","))):
                table.setdefault(stem, written)
                listed.add(stem)
    for line in entries("verb_stems"):
        for table, stems in zip((present, past), line.split(), strict=True):
            for stem in stems.split(",")[:1]:
                if stem not in listed and not (stem[0] == "ا" and "آ" + stem[1:] in listed):
                    table.setdefault(stem, stem)
    return present, past


def written_verb(word: str) -> str | None:
    """The written form of a spoken verb form that could be nothing else but one; else None.

    The word is in display form. A form without prefix is only taken for a verb when its stem is
    spoken only, or one of the few that are always said so.
    """
    if word and (found := _simple(word, bare=True)) is not None:
        return found if found != word else None
    if word.startswith(_ROUND):
        for first in _ROUND:
            rest = word.removeprefix(first).lstrip(ZWNJ)
            if not rest or rest == word or (first not in _ROUND_ALONE and rest[0] not in "منب"):
                continue
            if (found := _simple(rest, bare=False)) is not None:
                written = _ROUND_WRITTEN.get(first, first) + found
                return written if written != word else None
    return None


def is_verb(word: str) -> bool:
    """Whether the word, spoken or written, can be taken apart as a verb form."""
    if not word:
        return False
    return _simple(word, bare=True) is not None or _past_form(word, spoken_only=False) is not None


def is_past_stem(word: str) -> bool:
    """«گشت», «نوشت»: with ه it is a participle."""
    return word in _stems()[1] or word.removeprefix("ن") in _stems()[1]


def past_plurals() -> frozenset[str]:
    """«کردن»: they did as it is spoken, to do as it is written."""
    return frozenset(f"{stem}ن" for stem in _stems()[1].values())


def _simple(word: str, *, bare: bool) -> str | None:
    for said, prefix in (("نمی", _NEMI), ("می", _MI)):
        if word.startswith(said):
            rest = word[len(said) :].lstrip(ZWNJ)
            return _after_mi(prefix, rest)
    if (found := _subjunctive(word)) is not None:
        return found
    if word.startswith("ن"):
        past = _past_form(word[1:], spoken_only=True)
        if past is None and word.startswith("نی"):
            past = _past_form(word[2:], spoken_only=True)
            past = past or _past_form("ا" + word[2:], spoken_only=True)
        if past is not None:
            return _negated(past)
    if bare:
        return _past_form(word, spoken_only=True) or _bare_present(word)
    present = _present_form(word)
    return present[1] if present is not None and present[0] in _AFTER_ROUND else None


def _after_mi(prefix: str, rest: str) -> str | None:
    if (found := _present_form(rest)) is not None:
        return prefix + found[1]
    past = _past_form(rest, spoken_only=False)
    return prefix + past if past is not None else None


def _present_form(word: str) -> tuple[str, str] | None:
    """(written stem, written form) of a present form without its prefix."""
    stems, tails = _stems()[0], _tails(past=False)
    spoken = None
    for cut in range(len(word) - 1, max(0, len(word) - _LONGEST_TAIL), -1):
        stem, tail = stems.get(word[:cut]), tails.get(word[cut:])
        if stem is None or tail is None:
            continue
        if cut == 1 and ((word[1] == "د" and word[0] not in "اآ") or word.startswith("دید")):
            continue  # «می‌شد», «بردم» and «می‌دیدم» are past forms
        if stem == word[:cut]:
            return stem, stem + tail
        spoken = spoken or (stem, stem + tail)
    return spoken


def _subjunctive(word: str) -> str | None:
    if word[0] not in "بن" or len(word) < 3:
        return None
    first, rest = word[0], word[1:]
    if rest[0] == "ا":  # with ی between: «بیاره», and «باورم» is no verb
        return None
    with_y = (_present_form(rest[1:]) or _order(rest[1:])) if rest[0] == "ی" else None
    if with_y is not None and with_y[0][0] in "آا":
        return _with_y(first, with_y[1])
    found = _present_form(rest) or _order(rest)
    if found is None or found[0][0] in "آ":
        return None
    stem, form = found
    if stem[0] == "ا" and stem != "ایست":
        return _with_y(first, form)
    return first + form


def _with_y(first: str, form: str) -> str:
    """«بیاید», «نیامد»; but «بیفتد», «نینداخت»."""
    if form.startswith(("اف", "اند")):
        return f"{first}ی{form[1:]}"
    return f"{first}ی{form.replace('آ', 'ا', 1)}"


def _order(word: str) -> tuple[str, str] | None:
    """The stem alone, as orders are given: «بذار», «بشین»."""
    stem = _stems()[0].get(word)
    if stem is None or stem == word or len(word) == 1 or stem.endswith("ی"):  # but «بگو»
        return None
    return stem, stem


def _negated(past: str) -> str:
    return _with_y("ن", past) if past[0] in "آا" else "ن" + past


def _bare_present(word: str) -> str | None:
    for ending, written in _PRESENT.items():
        if word.endswith(ending):
            stem = _stems()[0].get(word.removesuffix(ending))
            if stem in _BARE:
                return stem + written
    return None


def _past_form(word: str, *, spoken_only: bool) -> str | None:
    stems, tails = _stems()[1], _tails(past=True)
    for cut in range(len(word), max(1, len(word) - _LONGEST_TAIL), -1):
        stem, tail = stems.get(word[:cut]), tails.get(word[cut:])
        if stem is None or tail is None:
            continue
        if spoken_only and stem == word[:cut] and word[cut:] != "ین":
            continue
        if (
            spoken_only
            and word[cut:].startswith("ن")
            and word[cut:] != "ند"
            and word[cut + 1 :] in _OBJECTS
        ):
            return stem + "ن" + _OBJECTS[word[cut + 1 :]]  # «خوندن»: rather to read than they read
        return stem + tail
    return None
