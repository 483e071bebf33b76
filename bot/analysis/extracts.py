"""The most telling sentences and posts: chosen, never made up.

What many say is central; what is said already is not said again (maximal marginal relevance:
Carbonell and Goldstein, SIGIR 1998).
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from bot.analysis.entities import URL, without_links
from bot.analysis.keys import fold
from bot.analysis.terms import is_content

SENTENCE_LENGTH = 220  # characters shown of one sentence
NAME_LENGTH = 60
_SHORT = 25  # a shorter piece is joined to the next one
_COPY = 0.72  # likeness from which two texts say the same
_NEWNESS = 0.35  # how much likeness to what was chosen counts against centrality

_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f\u061c\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
)
_LINK = re.compile(URL)
_CITATION_LIKE = re.compile(r"\[\s*[0-9۰-۹٠-٩]{1,3}\s*\]")
_LEADING_NAMES = re.compile(r"^(?:RT\s+)?(?:@\w+[:\s]*)+")
_TAG_RUN = re.compile(r"^(?:[#＃]\w+\s*){2,}|(?:\s*[#＃]\w+){2,}$")
_END = re.compile(r"(?<=[.!?؟…])\s+|\n+")
_SPACES = re.compile(r"\s+")

_CAUSES = (
    "چون", "به دلیل", "به علت", "به خاطر", "بخاطر", "بر اثر", "در پی", "به دنبال", "ناشی از",
    "علت", "دلیل", "باعث", "به سبب", "زیرا", "because", "due to", "after", "caused", "reason",
)  # fmt: skip
# With a half-space «به‌دلیل» is one word in a key.
_CAUSE = re.compile("|".join(f" (?:{fold(cue)}|{fold(cue).replace(' ', '')}) " for cue in _CAUSES))


def tidy(text: str) -> str:
    """A text to be quoted on one line: no links, hidden signs or false [1]s in it.

    Names before it and rows of hashtags around it are left out.
    """
    bare = _LEADING_NAMES.sub("", _INVISIBLE.sub("", text).lstrip())
    plain = _SPACES.sub(" ", _CITATION_LIKE.sub(" ", without_links(bare))).strip()
    spoken = _TAG_RUN.sub("", plain).strip()
    return spoken if len(spoken) >= _SHORT else plain  # hashtags alone are better than nothing


def tidy_name(name: str) -> str:
    """The name of a person or an outlet, on one line and without anything that looks like more."""
    bare = _LINK.sub(" ", _CITATION_LIKE.sub(" ", _INVISIBLE.sub("", name)))
    return clip(_SPACES.sub(" ", bare).strip(), NAME_LENGTH)


def clip(text: str, limit: int = SENTENCE_LENGTH) -> str:
    """At most `limit` characters, cut between words."""
    if len(text) <= limit:
        return text
    cut = text.rfind(" ", limit // 2, limit)
    return text[: cut if cut > 0 else limit - 1].rstrip(" ،,;:-«(") + "…"


def sentences(text: str) -> list[str]:
    """The sentences of a text, tidied; pieces too short to stand alone joined to the next."""
    found: list[str] = []
    held = ""
    bare = _LEADING_NAMES.sub("", _INVISIBLE.sub("", text).lstrip())
    for piece in _END.split(without_links(bare)):
        held = f"{held} {tidy(piece)}".strip()
        if len(held) >= _SHORT:
            found.append(held)
            held = ""
    if held:
        if found:
            found[-1] = f"{found[-1]} {held}"
        else:
            found.append(held)
    return found


def keys_of(text: str) -> frozenset[str]:
    """The words that carry a subject."""
    return frozenset(word for word in fold(without_links(text)).split() if is_content(word))


def gives_cause(text: str) -> bool:
    """Whether a text says why."""
    return _CAUSE.search(f" {fold(text)} ") is not None


def best_sentence(text: str, common: Mapping[str, float], *, wants_cause: bool = False) -> str:
    """The sentence of a text that says most of what is commonly said."""
    best, value = "", -1.0
    for place, sentence in enumerate(sentences(text)):
        keys = keys_of(sentence)
        worth = sum(common.get(key, 0.0) for key in keys) / math.sqrt(len(keys) + 3)
        worth *= 1.0 if place == 0 else 0.9  # a headline or first sentence is made to tell
        if wants_cause and gives_cause(sentence):
            worth = worth * 2 + 0.5
        if worth > value:
            best, value = sentence, worth
    return clip(best)


def common_words(documents: Sequence[frozenset[str]]) -> dict[str, float]:
    """How much of the talk each word is: 0 for a word of one text, 1 for one of all."""
    counts = Counter(key for keys in documents for key in keys)
    return {key: n / len(documents) for key, n in counts.items() if n > 1 or len(documents) == 1}


def pick(documents: Sequence[frozenset[str]], liking: Sequence[float], count: int) -> list[int]:
    """Places of the most central, well liked and different documents, the best first.

    `liking` is from 0 to 1. Texts that say the same as a chosen one are left out, unless there is
    nothing else.
    """
    total = len(documents)
    counts = Counter(key for keys in documents for key in keys)
    rarity = {key: math.log(1 + total / n) for key, n in counts.items()}
    lengths = [math.sqrt(sum(rarity[key] ** 2 for key in keys)) or 1.0 for keys in documents]
    centre: defaultdict[str, float] = defaultdict(float)
    for keys, length in zip(documents, lengths, strict=True):
        for key in keys:
            centre[key] += rarity[key] / length
    central = [
        sum(centre[key] * rarity[key] for key in keys) / length / total
        for keys, length in zip(documents, lengths, strict=True)
    ]
    top = max(central, default=0.0) or 1.0

    def likeness(a: int, b: int) -> float:
        shared = sum(rarity[key] ** 2 for key in documents[a] & documents[b])
        return shared / (lengths[a] * lengths[b])

    chosen: list[int] = []
    closest = [0.0] * total
    left = set(range(total))
    while left and len(chosen) < count:
        fresh = [one for one in left if closest[one] < _COPY] or [
            one for one in left if documents[one] not in [documents[c] for c in chosen]
        ]
        if not fresh:
            break
        best = max(
            fresh,
            key=lambda one: (
                0.6 * central[one] / top + 0.4 * liking[one] - _NEWNESS * closest[one],
                -one,
            ),
        )
        chosen.append(best)
        left.discard(best)
        for one in left:
            closest[one] = max(closest[one], likeness(one, best))
    return chosen
