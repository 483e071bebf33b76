"""The search language of X: what an admin writes is checked before it costs money.

The service answers a mistyped search with nothing, and nothing costs as much as a tweet; so quotes
and brackets must close, operators must be known and their values possible. Bounds of time are the
collector's own: it walks by them. The words themselves are left as they are, half-spaces too; only
Persian and curly quotation marks become those that X knows, and invisible marks of direction, which
come along when a name is copied, go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.errors import BadInput
from bot.utils.times import ascii_digits

LONGEST = 460  # of X's 512: brackets and two bounds of time are added to every search
LONGEST_LIVE = 255  # of a filter rule

_USERNAME = re.compile(r"@?\w{1,15}", re.ASCII)
_NUMBER = re.compile(r"\d{1,19}", re.ASCII)
_LANG = re.compile(r"[a-z]{2,3}")
_ANY = re.compile(r"\S+")
_FILTER = re.compile(
    "links|media|images|videos|native_video|replies|self_threads|quote|retweets|nativeretweets|"
    "verified|blue_verified|news|safe|hashtags|mentions|follows|consumer_video|pro_video"
)
_OPERATORS = {
    "from": _USERNAME,
    "to": _USERNAME,
    "lang": _LANG,
    "filter": _FILTER,
    "include": _FILTER,
    "min_faves": _NUMBER,
    "min_retweets": _NUMBER,
    "min_replies": _NUMBER,
    "url": _ANY,
    "list": _ANY,
    "conversation_id": _NUMBER,
    "quoted_tweet_id": _NUMBER,
    "quoted_user_id": _NUMBER,
}
_OF_TIME = {"since", "until", "since_time", "until_time", "since_id", "max_id", "within_time"}
_NARROWING = {"from", "to", "url", "list", "conversation_id", "quoted_tweet_id", "quoted_user_id"}
_LANG_OF_X = re.compile(
    "am|ar|art|bg|bn|bo|ca|ckb|cs|cy|da|de|dv|el|en|es|et|eu|fa|fi|fr|gu|he|hi|ht|hu|hy|id|in|is|"
    "it|iw|ja|ka|km|kn|ko|lo|lt|lv|ml|mr|ms|my|ne|nl|no|or|pa|pl|ps|pt|qam|qct|qht|qme|qst|ro|ru|"
    "sd|si|sk|sl|sr|sv|ta|te|th|tl|tr|ug|uk|und|ur|vi|zh|zxx"
)
_MISTAKEN = {"or": "query.note.small_or", "AND": "query.note.and_word"}
_MARKS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_QUOTED = re.compile(r'"[^"]*"|[«“„](?P<words>[^"«»“”„]*)[»”“]')
_UNPAIRED = re.compile(r'"[^"]*"|(?P<open>["«»“”„])')
_PIECE = re.compile(
    r'(?P<minus>-(?=\S))?(?:(?P<name>[A-Za-z_]+):(?!//)(?P<value>"[^"]*"|[^\s()"]*)'
    r'|"(?P<phrase>[^"]*)"|(?P<open>\()|(?P<close>\))|(?P<word>[^\s()"]+))'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedQuery:
    """A search that can be asked. `problems` are text keys of what an admin may want to change."""

    text: str
    operators: tuple[str, ...] = ()  # their names, in order, each once
    problems: tuple[str, ...] = ()

    @property
    def can_be_live(self) -> bool:
        return len(self.text) <= LONGEST_LIVE


def check(text: str) -> CheckedQuery:
    """The search as it is sent, its spaces single; BadInput says what is wrong with it.

    Text keys of errors: query.empty, query.too_long (limit, length), query.quotes, query.brackets,
    query.or_alone, query.only_excludes, query.own_time, query.unknown_operator, query.no_value
    (each with operator), query.bad_value (operator, value). Of problems: query.note.broad,
    query.note.no_lang, query.note.no_retweets, query.note.unknown_lang, query.note.small_or,
    query.note.and_word.
    """
    plain = _quoted_as_x_does(" ".join(unmarked(text).split()))
    if not plain:
        raise BadInput("query.empty")
    if any(match["open"] for match in _UNPAIRED.finditer(plain)):
        raise BadInput("query.quotes")
    reading = _Reading()
    last = 0
    parts: list[str] = []
    for match in _PIECE.finditer(plain):
        parts += [plain[last : match.start()], reading.take(match)]
        last = match.end()
    whole = "".join(parts) + plain[last:]
    if len(whole) > LONGEST:
        raise BadInput("query.too_long", limit=LONGEST, length=len(whole))
    reading.end()
    return CheckedQuery(
        text=whole, operators=tuple(dict.fromkeys(reading.operators)), problems=reading.problems()
    )


def unmarked(text: str) -> str:
    """Without invisible marks of direction; half-spaces stay."""
    return _MARKS.sub("", text)


def _quoted_as_x_does(text: str) -> str:
    """«…» and “…” as "…", but for those inside of such."""
    return _QUOTED.sub(lambda m: m[0] if m["words"] is None else f'"{m["words"]}"', text)


class _Reading:
    """What has been seen of a search so far."""

    def __init__(self) -> None:
        self.operators: list[str] = []
        self._depth = 0
        self._before = "open"  # the kind of the piece before: open, close, or, minus, thing
        self._words = 0  # that tweets must have
        self._narrow = False
        self._lang = False
        self._from = False
        self._notes: list[str] = []

    def take(self, match: re.Match[str]) -> str:
        """Judge a piece and return it as it is sent."""
        minus, piece = bool(match["minus"]), match[0]
        if match["open"]:
            self._depth += 1
            self._before = "open"
        elif match["close"]:
            self._depth -= 1
            if self._depth < 0 or self._before == "open":
                raise BadInput("query.brackets")
            self._not_after_or()
            self._before = "close"
        elif match["word"] == "OR" and not minus:
            if self._before in ("open", "or"):
                raise BadInput("query.or_alone")
            self._before = "or"
        else:
            if match["name"]:
                piece = self._operator(match["name"], match["value"], minus)
            elif match["phrase"] is not None and not match["phrase"].strip():
                raise BadInput("query.quotes")
            elif not minus:
                self._words += 1
                self._notes += [note] if (note := _MISTAKEN.get(match["word"] or "")) else []
            self._before = "thing"
        return piece

    def _operator(self, written: str, value: str, minus: bool) -> str:
        name = written.lower()
        if name in _OF_TIME:
            raise BadInput("query.own_time", operator=name)
        wanted = _OPERATORS.get(name)
        if wanted is None:
            raise BadInput("query.unknown_operator", operator=written)
        value = ascii_digits(value).removeprefix('"').removesuffix('"')
        value = value.lower() if name in ("lang", "filter", "include") else value
        if not value:
            raise BadInput("query.no_value", operator=name)
        if not wanted.fullmatch(value):
            raise BadInput("query.bad_value", operator=name, value=value)
        if name == "lang" and not _LANG_OF_X.fullmatch(value):
            self._notes.append("query.note.unknown_lang")
        self.operators.append(name)
        if not minus:
            self._narrow |= name in _NARROWING
            self._lang |= name == "lang"
            self._from |= name == "from"
        return f"{'-' if minus else ''}{name}:{value}"

    def _not_after_or(self) -> None:
        if self._before == "or":
            raise BadInput("query.or_alone")

    def end(self) -> None:
        if self._depth:
            raise BadInput("query.brackets")
        self._not_after_or()
        if not (self._words or self._narrow or self._lang):
            raise BadInput("query.only_excludes")

    def problems(self) -> tuple[str, ...]:
        found: list[str] = []
        if not (self._words or self._narrow):
            found.append("query.note.broad")
        if not (self._lang or self._narrow):
            found.append("query.note.no_lang")
        if self._from and "filter" not in self.operators:
            found.append("query.note.no_retweets")  # from: leaves native retweets out
        return (*found, *dict.fromkeys(self._notes))


def build(
    *,
    words: str = "",
    phrases: Iterable[str] = (),
    any_of: Sequence[str] = (),
    without: Iterable[str] = (),
    hashtags: Sequence[str] = (),
    from_: Sequence[str] = (),
    to: Sequence[str] = (),
    mentions: Sequence[str] = (),
    lang: str = "",
    min_faves: int = 0,
    min_retweets: int = 0,
    min_replies: int = 0,
    only: Iterable[str] = (),
    exclude: Iterable[str] = (),
) -> str:
    """A search out of its parts, checked; of several names or tags any one is enough.

    `only` and `exclude` are filters: replies, links, media, …
    """
    pieces = [words.strip(), *(f'"{phrase.strip()}"' for phrase in phrases)]
    pieces.append(_either([_quoted(word) for word in any_of]))
    pieces.append(_either([f"#{tag.removeprefix('#')}" for tag in hashtags]))
    pieces.append(_either([f"@{name.removeprefix('@')}" for name in mentions]))
    pieces.append(_either([f"from:{name.removeprefix('@')}" for name in from_]))
    pieces.append(_either([f"to:{name.removeprefix('@')}" for name in to]))
    pieces += [f"-{_quoted(word)}" for word in without]
    pieces += [f"filter:{name}" for name in only]
    pieces += [f"-filter:{name}" for name in exclude]
    least = {"min_faves": min_faves, "min_retweets": min_retweets, "min_replies": min_replies}
    pieces += [f"{name}:{count}" for name, count in least.items() if count > 0]
    pieces.append(f"lang:{lang}" if lang else "")
    return check(" ".join(filter(None, pieces))).text


def _either(names: Sequence[str]) -> str:
    return f"({' OR '.join(names)})" if len(names) > 1 else "".join(names)


def _quoted(word: str) -> str:
    word = word.strip()
    return f'"{word}"' if " " in word and not word.startswith('"') else word
