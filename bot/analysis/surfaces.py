"""How a key was written: trends count keys and show the spelling that most people used."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bot.analysis.display import normalise
from bot.analysis.entities import without_links
from bot.analysis.keys import fold, fold_tag
from bot.analysis.letters import MARKS, ZWJ, ZWNJ

_WRITTEN = re.compile(rf"[#＃]?[\w{MARKS}{ZWNJ}{ZWJ}'’]+")
_PLAIN = re.compile("[a-z0-9اب-غفقلمنهوپچژکگی]+")  # already its own key


def surfaces(text: str) -> Iterator[tuple[str, str]]:
    """(key, as written) for each hashtag, `#` included in the surface, and each other word."""
    for written in _WRITTEN.findall(without_links(normalise(text))):
        if _PLAIN.fullmatch(written):
            yield written, written
        elif written[0] in "#＃":
            if key := fold_tag(written):
                yield key, "#" + written[1:]
        else:
            shown = written.strip("'’_")
            for key in fold(shown).split():
                yield key, shown


def display_key(term: str) -> str:
    """The key that a single term or hashtag is counted under."""
    return fold_tag(term)


def spellings(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The most frequent surface of each key; of equals, the one seen first."""
    counts: dict[str, dict[str, int]] = {}
    for key, surface in pairs:
        forms = counts.setdefault(key, {})
        forms[surface] = forms.get(surface, 0) + 1
    return {key: max(forms, key=forms.__getitem__) for key, forms in counts.items()}
