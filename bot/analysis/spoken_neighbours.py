"""What a spoken word means that is written alike for two things, by the words beside it."""

from __future__ import annotations

import re

from bot.analysis.conjugation import past_plurals, written_verb
from bot.analysis.letters import ARABIC_LETTERS, MARKS, ZWNJ
from bot.analysis.words import group

WORD = ARABIC_LETTERS + MARKS + ZWNJ  # for regex classes
_ENDS = ".!؟،؛…:\n"
CLAUSE_END = re.compile(f"[{_ENDS}]")
_LAST_WORD = re.compile(rf"([{WORD}\d]+)[^{WORD}\d{_ENDS}]*$")
_FIRST_WORD = re.compile(rf"[^{WORD}\d{_ENDS}]*([{WORD}\d]+)")
_BEFORE_YOU = group("spoken_neighbours", "before_you")
_AFTER_YOU = group("spoken_neighbours", "after_you")
_BEFORE_NOUNS = group("spoken_neighbours", "before_noun")
_BEFORE_THING = group("spoken_neighbours", "before_thing")
_BEFORE_ON = group("spoken_neighbours", "before_on")
_BEFORE_FACE = group("spoken_neighbours", "before_face")
_AFTER_THUS = group("spoken_neighbours", "after_thus")
_AFTER_VERB = group("spoken_neighbours", "after_verb")
_MAYBE_VERBS = group("spoken_neighbours", "maybe_verb")
_OBJECT_MARKS = group("spoken_neighbours", "object")
DOUBTFUL = _MAYBE_VERBS.union({"تو", "توی", "رو", "چی", "ی", "بدین"}, past_plurals())


def decide(word: str, earlier: list[str], after: str, known: frozenset[str]) -> str | None:
    """«تو» is you or in, «رو» marks an object or is on, «کردن» is they did or to do.

    `earlier` are the words before, "" where a clause ends; `after` is "" at the end of one.
    """
    before = earlier[-1] if earlier else ""
    if word == "توی":
        return None if before == "از" else "در"
    if word == "چی":
        return "چیز" if before in _BEFORE_THING else "چه"
    if word == "ی":
        return None if not before or before.endswith(("ه", "ا", "و", "ی")) else "یک"
    if word == "بدین":
        return None if after in _AFTER_THUS else "بدهید"
    if word == "رو":
        if before in _BEFORE_FACE or (not before and after == "به"):
            return None
        on = not before or before in _BEFORE_ON or before.startswith("می")
        return "روی" if on and after else "را"
    if word == "تو":
        is_you = not after or before in _BEFORE_YOU or after in _AFTER_YOU
        return None if is_you or (after not in known and written_verb(after)) else "در"
    if word in _MAYBE_VERBS:
        is_here = (not after or after in _AFTER_VERB) and before not in _BEFORE_NOUNS
        return written_verb(word) if is_here else None
    is_noun = not _BEFORE_NOUNS.isdisjoint(earlier[-2:])
    has_object = not _OBJECT_MARKS.isdisjoint(earlier)
    if (after in ("", "که") and not is_noun) or (after == "و" and has_object):
        return word + "د"
    return None


def last_word(piece: str) -> str:
    """The word that a piece ends with; "" when a clause ends there."""
    if piece.isalnum():
        return piece
    match = _LAST_WORD.search(piece)
    return match[1] if match else ""


def first_word(piece: str) -> str:
    """The word that a piece begins with; "" when a clause ends before it."""
    if piece.isalnum():
        return piece
    match = _FIRST_WORD.match(piece)
    return match[1] if match else ""
