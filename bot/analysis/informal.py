"""Spoken Persian as it would be written: «میخوام چیزا رو ببینم» is «می‌خواهم چیزها را ببینم».

Each word by itself, from four sources in this order: lists of words (`informal_own.txt` by hand,
`informal_words.txt` learnt from sentences that people rewrote), verb forms (`conjugation`), endings
after a word that is known, and ان that is spoken ون. A known written word stays as it is. A few
words that mean two things are decided by their neighbours.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import islice

from bot.analysis.conjugation import endings, is_past_stem, is_verb, written_verb
from bot.analysis.display import normalise
from bot.analysis.entities import outside_entities
from bot.analysis.letters import ZWNJ
from bot.analysis.spoken_lexicon import Lexicon
from bot.analysis.spoken_neighbours import (
    CLAUSE_END,
    DOUBTFUL,
    WORD,
    decide,
    first_word,
    last_word,
)
from bot.analysis.words import group

_GAPS = re.compile(f"([^{WORD}]+)")
_split = _GAPS.split
_STAND_APART = frozenset("اآدذرزژوأؤ")  # letters that no half-space need follow

_PLURALS, _SINGULARS = endings("plural"), endings("noun")
_SILENT = endings("silent")  # after a silent ه
_WRITTEN_ENDINGS = tuple(endings("written"))
_LONGEST_ENDING = 5
_SHORTEST = 3  # letters of a word before an ending of one letter
_FUNCTION_STEMS = group("spoken_neighbours", "function")
_NO_PLURALS = group("spoken_neighbours", "no_plural")
_NO_PLURAL_ENDINGS = group("spoken_neighbours", "no_plural_ending")  # «انحرافات» has its plural

_MARK = "\x00"  # stands in no normalised text
_EARLIER = 3  # words before that may decide
_REMEMBERED = 80_000  # pieces with what is written for them; a stream repeats itself


class Writer:
    """Writes spoken words as they are written."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._listed = lexicon.listed
        self._known = lexicon.known
        self._seen: dict[str, str] = {}
        self.doubtful = DOUBTFUL - lexicon.listed.keys()

    def formal(self, text: str) -> str:
        """A normalised text in the words of writing; links, hashtags and mentions stay."""
        pieces, seen = text.split(" "), self._seen
        try:
            written = [seen[piece] for piece in pieces]
        except KeyError:
            seen = self._learn(pieces)
            written = [seen[piece] for piece in pieces]
        if not all(written):
            for place, piece in enumerate(written):
                if not piece and pieces[place]:
                    written[place] = self._beside(pieces, place)
        return " ".join(written)

    def spoken(self, text: str) -> dict[str, str]:
        """The words of a normalised text that are written in another way."""
        found: dict[str, str] = {}

        def note(part: str) -> str:
            pieces = _split(part)
            written = self.all_written(pieces[::2], pieces[1::2])
            found.update({old: new for old, new in zip(pieces[::2], written, strict=True) if new})
            return part

        outside_entities(text, note)
        return found

    def _learn(self, pieces: list[str]) -> dict[str, str]:
        """Remember what is written for each piece; "" for what its neighbours decide."""
        seen = self._seen
        if len(seen) > _REMEMBERED:  # forget the older half
            self._seen = seen = dict(islice(seen.items(), _REMEMBERED // 2, None))
        for piece in pieces:
            if piece not in seen:
                seen[piece] = self._piece(piece)
        return seen

    def _piece(self, piece: str) -> str:
        if "#" in piece or "/" in piece or "www." in piece or "＃" in piece:
            return outside_entities(piece, self._formal)
        parts = _split(piece)
        for place in range(0, len(parts), 2):
            word = parts[place]
            if word in self.doubtful:
                return ""
            if len(parts) > 1 and word:
                parts[place] = self._seen.get(word) or self.written(word) or word
            elif word:
                return self.written(word) or word
        return "".join(parts)

    def _beside(self, pieces: list[str], place: int) -> str:
        """A piece that its neighbours decide."""
        piece = pieces[place]
        if piece in self.doubtful:
            earlier = [last_word(one) for one in pieces[max(0, place - _EARLIER) : place]]
            after = first_word(pieces[place + 1]) if place + 1 < len(pieces) else ""
            return decide(piece, earlier, after, self._known) or piece
        start, end = max(0, place - _EARLIER), place + 2
        around = " ".join([*pieces[start:place], _MARK + piece + _MARK, *pieces[place + 1 : end]])
        return self._formal(around).split(_MARK)[1]

    def _formal(self, text: str) -> str:
        parts = _split(text)
        written = self.all_written(parts[::2], parts[1::2])
        parts[::2] = [new or old for new, old in zip(written, parts[::2], strict=True)]
        return "".join(parts)

    def all_written(self, words: list[str], gaps: list[str]) -> list[str | None]:
        """What each word is in writing, None for itself; `gaps` is what stands after each."""
        return [self._at(words, gaps, place) for place in range(len(words))]

    def _at(self, words: list[str], gaps: list[str], place: int) -> str | None:
        if words[place] not in self.doubtful:
            return self.written(words[place])
        first = max(0, place - _EARLIER)
        earlier = [
            "" if CLAUSE_END.search(gap) else word
            for word, gap in zip(words[first:place], gaps[first:place], strict=True)
        ]
        ends = place + 1 >= len(words) or CLAUSE_END.search(gaps[place])
        return decide(words[place], earlier, "" if ends else words[place + 1], self._known)

    def written(self, word: str) -> str | None:
        """What a spoken word is in writing, whatever stands beside it; None for itself."""
        found = self._listed.get(word) or ("ها" in word and self._split_plural(word)) or None
        if found is None and word and word not in self._known:
            found = self._spoken_verb(word) or self._owner(word) or self._madda(word)
            if found is None and not self.is_written(word) and not is_verb(word):
                found = self._ending(word) or self.with_an(word)
        return found if found != word else None

    def _spoken_verb(self, word: str) -> str | None:
        """«بدنش» is rather his body than «بدهندش»."""
        if word.endswith(("ش", "شان")) and self.is_written(word):
            return None
        return written_verb(word)

    def with_an(self, word: str) -> str | None:
        """«مهمونی» is «مهمانی», «آروم» is «آرام»."""
        for spoken, written in (("ون", "ان"), ("وم", "ام")):
            at = word.rfind(spoken, 1)
            while at > 0:
                fixed = word[:at] + written + word[at + 2 :]
                if fixed in self._known:
                    return fixed
                at = word.rfind(spoken, 1, at)
        return None

    def _madda(self, word: str) -> str | None:
        """«اخرین» is «آخرین»."""
        fixed = "آ" + word[1:]
        return fixed if word.startswith("ا") and fixed in self._known else None

    def _owner(self, word: str) -> str | None:
        """«زندگیم» is «زندگی‌ام», «جاش» is «جایش», «بچه‌هام» is «بچه‌هایم»."""
        stem, owner = word[:-1], word[-1:]
        if owner not in ("م", "ت", "ش") or stem not in self._known:
            return None
        if stem.endswith("ا"):
            return f"{stem}ی{owner}"
        if (
            stem.endswith("ی")
            and not stem.endswith("ای")
            and owner != "ت"
            and len(stem) > _SHORTEST
        ):
            return f"{stem}{ZWNJ}ا{owner}"
        return None

    def is_written(self, word: str) -> bool:
        """A known word, perhaps with an ending that is written as it is spoken: «دنیای», «جاها»."""
        if word in self._known:
            return True
        for ending in _WRITTEN_ENDINGS:
            stem = word.removesuffix(ending)
            if stem != word and len(stem) >= _SHORTEST and stem in self._known:
                return True
        stem = word.removesuffix("ها").removesuffix("های").removesuffix("هایی")
        return stem != word and stem[-1:] in _STAND_APART and stem in self._known

    def _stem(self, stem: str) -> str | None:
        """The written form of what stands before an ending, if it is a word."""
        if stem in self._known:
            return stem
        listed = self._listed.get(stem)
        if listed is not None and " " not in listed:
            return listed
        return self._madda(stem) or self.with_an(stem)

    def _split_plural(self, word: str) -> str | None:
        """«کتابهای» is «کتاب‌های»."""
        at = word.rfind("ها")
        if at < _SHORTEST or word[at - 1] in _STAND_APART or word[at - 1] == ZWNJ:
            return None
        ending = _PLURALS.get(word[at + 2 :])
        if ending is None or word in _NO_PLURALS:
            return None
        stem = self._stem(word[:at])
        return _join(stem, ending) if stem is not None else None

    def _ending(self, word: str) -> str | None:
        for cut in range(len(word) - 1, max(1, len(word) - _LONGEST_ENDING - 1), -1):
            stem, tail = word[:cut].rstrip(ZWNJ), word[cut:]
            if len(stem) < (2 if len(tail) > 1 or tail == "ا" else _SHORTEST):
                continue
            if stem in _FUNCTION_STEMS or (tail == "ه" and not _takes_is(stem)):
                continue
            found = self._with_tail(stem, tail, apart=word[cut - 1] == ZWNJ)
            if found is not None:
                return found
        return None

    def _with_tail(self, stem: str, tail: str, *, apart: bool) -> str | None:
        ending = _SINGULARS.get(tail)
        if tail.startswith("ها"):
            ending = _PLURALS.get(tail[2:], ending)
            if apart and ending == tail and stem in self._known:
                return None  # «دیدار‌های» is only parted more than it need be
        elif tail.startswith("ا") and not apart and tail not in _NO_PLURAL_ENDINGS:
            ending = _PLURALS.get(tail[1:], ending)
        elif tail == "ان" and apart:
            ending = "اند"
        if ending is not None and (known := self._stem(stem)) is not None:
            return f"{known}{ZWNJ}{ending}" if ending == "اند" else _join(known, ending)
        if tail in _SILENT and not apart and stem not in self._known and not is_past_stem(stem):
            silent = self._stem(stem + "ه")
            if silent is not None and silent.endswith("ه"):
                return f"{silent}{ZWNJ}{_SILENT[tail]}"
        return None


def _takes_is(stem: str) -> bool:
    """Whether ه after it may be «is»: not after a vowel, and «گفته» is a participle."""
    return stem[-1] not in "اوه" and not is_past_stem(stem)


def _join(stem: str, ending: str) -> str:
    if ending.startswith(" "):
        return stem + ending
    if ending.startswith("ها"):
        return stem + ("" if stem[-1] in _STAND_APART else ZWNJ) + ending
    if stem[-1] == "ه":
        return f"{stem}{ZWNJ}{ending}"
    if stem[-1] in "او" and ending[0] in "متش":
        return f"{stem}ی{ending}"
    return stem + ending


@cache
def _writer() -> Writer:
    return Writer(Lexicon.load())


def formal(text: str) -> str:
    """The text, normalised and in the words of writing; links, hashtags and mentions stay."""
    return _writer().formal(normalise(text))


def spoken_words(text: str) -> dict[str, str]:
    """The spoken words of a text, each with what is written for it."""
    return _writer().spoken(normalise(text))
