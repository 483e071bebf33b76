"""What models share: how long a text is in tokens, cutting it to size, and honest citations."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from bot.models.ai import Evidence

# Characters a token, measured on the vendors' counters for plain prose: Latin text about 4,
# Persian about 2. An estimate, for budgets; what was really used is reported by the model.
LATIN_PER_TOKEN = 4.0
OTHER_PER_TOKEN = 2.0
PIECE_WORDS = 4  # words of one streamed piece

_CITATION = re.compile(r"[ \u00a0]?\[\s*([0-9۰-۹٠-٩]{1,4})\s*\]")
_UNFINISHED = re.compile(r"[ \u00a0]?\[\s*[0-9۰-۹٠-٩]{0,4}\s*$|[ \u00a0]$")
_WORDS = re.compile(rf"\s*(?:\S+\s*){{1,{PIECE_WORDS}}}")


def estimate_tokens(text: str) -> int:
    """About how many tokens a text is; never 0 for a text that is there."""
    latin = sum(char.isascii() for char in text)
    return math.ceil(latin / LATIN_PER_TOKEN + (len(text) - latin) / OTHER_PER_TOKEN)


def trim(text: str, max_tokens: int) -> str:
    """The beginning of a text that fits, cut between words and marked with an ellipsis."""
    if estimate_tokens(text) <= max_tokens:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if estimate_tokens(text[:middle] + "…") <= max_tokens:
            low = middle
        else:
            high = middle - 1
    cut = text.rfind(" ", low // 2, low)
    kept = text[: cut if cut > 0 else low].rstrip()
    return f"{kept}…" if kept else ""


def fit_evidence(context: Sequence[Evidence], max_tokens: int) -> tuple[Evidence, ...]:
    """Evidence that fits together: the first ones, long texts cut, numbers unchanged."""
    if not context:
        return ()
    fair = max(40, max_tokens // len(context))
    kept: list[Evidence] = []
    left = max_tokens
    for one in context:
        text = trim(one.text, max(fair - estimate_tokens(one.title), 20))
        cost = estimate_tokens(one.title) + estimate_tokens(text)
        if cost > left:
            break
        kept.append(replace(one, text=text))
        left -= cost
    return tuple(kept)


def pieces(text: str) -> Iterator[str]:
    """The text in groups of a few words; joined they are the text again."""
    end = 0
    for match in _WORDS.finditer(text):
        end = match.end()
        yield match[0]
    if end < len(text):
        yield text[end:]  # white space alone


class Citations:
    """Takes citations of what does not exist out of a stream of text, and notes the others.

    A citation may arrive in pieces, so a tail that could be the beginning of one is held back.
    """

    def __init__(self, known: Iterable[int]) -> None:
        self._known = frozenset(known)
        self._held = ""
        self.cited: list[int] = []

    def feed(self, text: str) -> str:
        """What can be shown by now."""
        text = self._held + text
        unfinished = _UNFINISHED.search(text)
        end = unfinished.start() if unfinished else len(text)
        self._held = text[end:]
        return _CITATION.sub(self._checked, text[:end])

    def flush(self) -> str:
        """The rest, when no more will come."""
        held, self._held = self._held, ""
        return _CITATION.sub(self._checked, held)

    def _checked(self, match: re.Match[str]) -> str:
        number = int(match[1])  # int() reads Persian and Arabic digits too
        if number not in self._known:
            return ""
        if number not in self.cited:
            self.cited.append(number)
        return match[0]
