"""The language of searches, the same wherever people search.

Words must all occur; "…" or «…» is a phrase; a minus leaves out. `from:`, `source:`, `since:`,
`until:`, `on:` and `kind:` (in Persian از:، منبع:، پس_از:، تا:، روز:، نوع:) narrow the search;
a date after «از:» is the first day rather than a name. What cannot be read raises BadInput, whose
text says what to write instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile

from bot.analysis.display import normalise
from bot.analysis.keys import fold, fold_tag
from bot.analysis.search_dates import read_days
from bot.analysis.search_text import author_key, joined
from bot.errors import BadInput
from bot.models.post import PostKind
from bot.models.search import SearchQuery

MOST_TERMS = 30  # words, phrases and filters; each costs a look into the index

_MINUS = "-\u2212"
_OPEN, _CLOSE = '"«“„', '"»”“'
_PIECE = re.compile(
    rf"(?P<minus>(?<!\S)[{_MINUS}])?"
    r"(?:(?P<field>(?<![^\s\-\u2212])[^\W\d](?:[\w\u200c]*\w)?)[:\uff1a](?!/))?"
    rf"(?:[{_OPEN}](?P<phrase>[^{_OPEN}{_CLOSE}]+)[{_CLOSE}]|(?P<word>[^\s{_OPEN}{_CLOSE}]+))?"
)
# Names of two words are written with a space as well: «پیش از:۱۴۰۵/۰۸/۳۰».
_APART = re.compile(r"(?<![^\s\-\u2212])(?:(پیش|پس|قبل|بعد) (از)|(از|تا|در) (تاریخ)):")
_FIELDS = {
    fold_tag(name): meaning
    for meaning, names in {
        "from": "from author by از نویسنده",
        "source": "source site منبع رسانه",
        "since": "since after از_تاریخ پس_از بعد_از",
        "until": "until before تا تا_تاریخ پیش_از قبل_از",
        "on": "on date روز تاریخ در_تاریخ",
        "kind": "kind type نوع گونه",
    }.items()
    for name in names.split()
}
_FROM = fold_tag("از")  # a name follows, or the first day
_FULL_DATE = re.compile(r"\d{4}([/.\-])\d{1,2}\1\d{1,2}")
_BEFORE_A_DATE = {
    fold_tag(word): meaning
    for meaning, words in {"since": "از since from", "until": "تا until to"}.items()
    for word in words.split()
}
_EXCLUSIVE_END = frozenset(map(fold_tag, ("before", "پیش_از", "قبل_از")))
_EXCLUSIVE_START = frozenset(map(fold_tag, ("after", "پس_از", "بعد_از")))
_KINDS = {
    fold_tag(name): kind
    for kind, names in {
        PostKind.NEWS: "news خبر خبرها اخبار",
        PostKind.TWEET: "tweet tweets توییت توئیت تویت توییتها توئیت‌ها",
    }.items()
    for name in names.split()
}


def plain_query(text: str, *, kind: PostKind | None = None) -> SearchQuery:
    """A text of words, "phrases" and -minus words without any field; never an error."""
    reading = _Reading()
    for match in _pieces(text):
        if match["field"] is not None:
            reading.take(bool(match["minus"]), match["phrase"], match["field"])
            reading.take(False, match["phrase"], match["word"] or "")
        else:
            reading.take(bool(match["minus"]), match["phrase"], match["word"] or "")
    return reading.query(kind=kind)


def parse_query(text: str, now: datetime, tz: str) -> SearchQuery:
    """What a person asks for; dates are days of the zone `tz`.

    Raises BadInput with a text under `search.` for a field without a value, a date that is none,
    and a query that asks for nothing.
    """
    reading = _Reading()
    pieces = list(_pieces(text))
    place = 0
    while place < len(pieces):
        match = pieces[place]
        place += 1
        minus = bool(match["minus"])
        name = fold_tag(match["field"] or "")
        meaning = _FIELDS.get(name) or _said_of_a_date(pieces, place)
        if meaning is None:
            if match["field"] is not None:  # «تهران:باران», no field of ours
                reading.take(minus, None, match["field"])
                minus = False
            reading.take(minus, match["phrase"], match["word"] or "")
            continue
        is_bare = match["field"] is None
        value = "" if is_bare else (match["phrase"] or match["word"] or "").strip()
        if not value and place < len(pieces) and _is_plain(pieces[place]):
            value = (pieces[place]["phrase"] or pieces[place]["word"] or "").strip()  # «از: علی»
            place += 1
        if not value:
            raise _unreadable(meaning, match["field"])
        if name == _FROM and read_days([*value.split(), *_plain(pieces, place)], now, tz):
            meaning = "since"
        if meaning in ("since", "until", "on"):
            words = value.split()
            whole = bool(match["phrase"]) or len(words) > 1  # the marks say where the date ends
            if not whole:
                words += _plain(pieces, place)
            if minus:
                raise BadInput("search.minus_date", field=match["field"])
            days = read_days(words, now, tz)
            if days is None or (whole and days.words != len(words)):
                raise _unreadable(meaning, match["field"] or match["word"])
            place += 0 if whole else days.words - 1
            if meaning != "until":
                late = meaning == "since" and name in _EXCLUSIVE_START
                reading.since.append(days.end if late else days.start)
            if meaning != "since":
                early = meaning == "until" and name in _EXCLUSIVE_END
                reading.until.append(days.start if early else days.end)
        else:
            reading.narrow(meaning, value, minus=minus, shown=match["field"])
    return _checked(reading.query(), reading, now)


def hint(text: str) -> tuple[str, str] | None:
    """Why a search may have found nothing: a text under `search.` and the word that it names."""
    for match in _pieces(text):
        name = match["field"]
        if name is not None and fold_tag(name) not in _FIELDS:
            return "search.hint_field", name
        if match["word"] in ("OR", "AND", "NOT") and name is None:
            return "search.hint_operator", match["word"]
    return None


def _said_of_a_date(pieces: list[re.Match[str]], place: int) -> str | None:
    """The meaning of a word such as «از» before a whole date: «از ۱۴۰۵/۰۸/۲۵ برف»."""
    word = pieces[place - 1]
    after = pieces[place] if place < len(pieces) else None
    if after is None or not _is_plain(word) or not _is_plain(after) or word["phrase"]:
        return None
    if after["phrase"] or not _FULL_DATE.fullmatch(after["word"] or ""):
        return None
    return _BEFORE_A_DATE.get(fold_tag(word["word"] or ""))


def _checked(query: SearchQuery, reading: _Reading, now: datetime) -> SearchQuery:
    if len(reading.kinds) > 1:
        raise BadInput("search.no_kind_left")
    if query.since is not None and query.since > now:
        raise BadInput("search.future")
    if query.since is not None and query.until is not None and query.since >= query.until:
        raise BadInput("search.dates_crossed")
    if query.is_empty:
        raise BadInput("search.only_minus" if query.unwanted else "search.nothing_asked")
    terms = (
        *query.words, *query.unwanted, *query.authors, *query.not_authors,
        *query.source_names, *query.not_source_names,
    )  # fmt: skip
    if len(terms) > MOST_TERMS:
        raise BadInput("search.too_many_words", limit=MOST_TERMS)
    return query


def _unreadable(meaning: str, name: str) -> BadInput:
    what = {"from": "name", "source": "name", "kind": "kind"}.get(meaning, "date")
    return BadInput(f"search.bad_{what}", field=name.replace("_", " "))


def _pieces(text: str) -> list[re.Match[str]]:
    whole = _APART.sub(lambda m: "_".join(filter(None, m.groups())) + ":", normalise(text))
    return [match for match in _PIECE.finditer(whole) if match[0]]


def _plain(pieces: list[re.Match[str]], place: int) -> list[str]:
    """The words from a place on, up to a phrase, a minus or a field."""
    row = takewhile(lambda piece: _is_plain(piece) and not piece["phrase"], pieces[place:])
    return [piece["word"] or "" for piece in row]


def _is_plain(match: re.Match[str]) -> bool:
    """A word or phrase without minus or field."""
    return not match["minus"] and match["field"] is None


@dataclass(slots=True)
class _Reading:
    """What was read so far."""

    words: list[str] = field(default_factory=list)
    unwanted: list[str] = field(default_factory=list)
    plain: list[str] = field(default_factory=list)
    named: dict[tuple[str, bool], list[str]] = field(default_factory=dict)
    since: list[datetime] = field(default_factory=list)
    until: list[datetime] = field(default_factory=list)
    kinds: set[PostKind] = field(default_factory=set)

    def take(self, minus: bool, phrase: str | None, word: str) -> None:
        """A word or phrase; words in a row are kept together, for they may be one word."""
        is_tag = word[:1] in ("#", "＃") and len(word) > 1
        if not minus and not phrase and not is_tag:
            self.plain.append(word)
            return
        self.flush()
        key = fold_tag(word) if is_tag else fold(phrase or word)
        if key:
            (self.unwanted if minus else self.words).append(key)

    def flush(self) -> None:
        self.words += joined(fold(" ".join(self.plain)).split())
        self.plain.clear()

    def narrow(self, meaning: str, value: str, *, minus: bool, shown: str) -> None:
        """A filter other than a date."""
        self.flush()
        if meaning == "kind":
            kind = _KINDS.get(fold_tag(value))
            if kind is None:
                raise _unreadable(meaning, shown)
            other = PostKind.NEWS if kind is PostKind.TWEET else PostKind.TWEET
            self.kinds.add(other if minus else kind)
            return
        key = author_key(value) if meaning == "from" else value.lstrip("@").strip()
        if not fold(key):
            raise _unreadable(meaning, shown)
        self.named.setdefault((meaning, minus), []).append(key)

    def query(self, kind: PostKind | None = None) -> SearchQuery:
        self.flush()

        def names(meaning: str, minus: bool) -> tuple[str, ...]:
            return tuple(dict.fromkeys(self.named.get((meaning, minus), ())))

        return SearchQuery(
            words=tuple(dict.fromkeys(self.words)),
            unwanted=tuple(dict.fromkeys(self.unwanted)),
            authors=names("from", False),
            not_authors=names("from", True),
            source_names=names("source", False),
            not_source_names=names("source", True),
            since=max(self.since, default=None),
            until=min(self.until, default=None),
            kind=kind or next(iter(self.kinds), None),
        )
