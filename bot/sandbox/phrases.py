"""A small phrase grammar: templates with {slots}, filled from word lists, and spelling variants."""

from __future__ import annotations

import random
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

_DATA = Path(__file__).parent / "data"
_SLOT = re.compile(r"\{(\w+)\}")
_ZWNJ = "\u200c"

Words = dict[str, list[str]]


@cache
def read_data(name: str) -> dict[str, Any]:
    """Read one of the sandbox's own data files."""
    return tomllib.loads((_DATA / name).read_text("utf-8"))


def seeded(*parts: object) -> random.Random:
    """Return a generator that depends on `parts` alone, the same in every process."""
    return random.Random("|".join(str(part) for part in parts))  # noqa: S311 - sample texts


def fill(templates: list[str], words: Words, rng: random.Random) -> list[str]:
    """Fill the slots of several templates; the same slot gets the same word in all of them."""
    chosen: dict[str, str] = {}

    def pick(match: re.Match[str]) -> str:
        slot = match.group(1)
        if slot not in chosen:
            chosen[slot] = rng.choice(words[slot])
        return chosen[slot]

    return [_SLOT.sub(pick, template) for template in templates]


def with_arabic_letters(text: str) -> str:
    """Spell ی and ک with their Arabic code points, as many keyboards and agencies do."""
    return text.replace("ی", "ي").replace("ک", "ك")


def without_zwnj(text: str, joiner: str = "") -> str:
    """Spell without the zero-width non-joiner: with nothing, or with a space, in its place."""
    return text.replace(_ZWNJ, joiner)


def respell(text: str, rng: random.Random) -> str:
    """Return the text as a careless or differently equipped writer would type it."""
    kind = rng.random()
    if kind < 0.10:
        return with_arabic_letters(text)
    if kind < 0.18:
        return without_zwnj(text)
    if kind < 0.24:
        return without_zwnj(text, " ")
    if kind < 0.28:
        return without_zwnj(with_arabic_letters(text), " ")
    return text
