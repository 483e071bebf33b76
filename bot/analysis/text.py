"""Persian text in two forms: what is shown (`normalise`) and what is compared (`fold`).

Everything that counts, searches or matches words meets here, so that ي and ی, ك and ک, half-spaces,
vowel marks, digits of three scripts and hashtags are the same word everywhere.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bot.analysis.joins import join_display
from bot.analysis.keys import fold, fold_tag
from bot.analysis.language import language_hint
from bot.analysis.letters import (
    ARABIC_LETTERS,
    DISPLAY,
    DISPLAY_CLASS,
    MARKS,
    ZWJ,
    ZWNJ,
)
from bot.analysis.stopwords import STOPWORDS as stopwords
from bot.analysis.words import word_set

__all__ = [
    "TextParts",
    "analyse",
    "display_key",
    "fold",
    "fold_tag",
    "language_hint",
    "normalise",
    "query_words",
    "search_words",
    "spellings",
    "stopwords",
    "surfaces",
]

_HASHTAG = rf"[#＃]\w[\w{MARKS}]*(?:{ZWNJ}[\w{MARKS}]+)*"
_URL = r"(?:https?://|www\.)[^\s\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff«»،؛؟<>\"]+"
_MENTION = r"(?<![A-Za-z0-9_.@])@[A-Za-z0-9_]{1,32}(?![A-Za-z0-9_])"
_EMOJI = (
    "(?:[\U0001f1e6-\U0001f1ff]{2}|[0-9#*]\ufe0f?\u20e3|"
    "[\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u25aa-\u27bf\u2934\u2935\u2b05-\u2b55"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
    "[\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"
    "(?:\u200d[\u2640\u2642\u2695-\u27bf\U0001f000-\U0001faff]"
    "[\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*)*)"
)
# Parts of half-space words that are grammar, not words to search for.
_AFFIXES = word_set("affixes") | {""}

_PROTECTED = re.compile(f"({_URL}|{_HASHTAG})")
_ENTITY = re.compile(f"({_URL})|({_HASHTAG})|({_MENTION})|({_EMOJI})")
_URL_RE = re.compile(_URL)

_TRIPLE = re.compile(r"(.)\1\1")
_LONG = re.compile(rf"([{ARABIC_LETTERS}])\1{{2,}}")
_ZWNJ_EDGE = re.compile(rf"{ZWNJ}(?:(?![\w{MARKS}])|(?<![\w{MARKS}]{ZWNJ}))")
_ZWJ_INSIDE = re.compile(rf"(?<=[{ARABIC_LETTERS}]){ZWJ}+(?=[{ARABIC_LETTERS}])")
_NOT_SIGN = re.compile(rf"(?<=[{ARABIC_LETTERS}])¬(?=[{ARABIC_LETTERS}])")
_SPACES = re.compile(" {2,}")
_LINE_EDGE = re.compile(r" *\n *")
_BLANK_LINES = re.compile(r"\n{3,}")
_PERSIAN_POINTS = re.compile("[،؛؟«»]")
_SPACE_BEFORE = re.compile(rf" (?<=[{ARABIC_LETTERS}{MARKS}»)] )(?=[،؟»]|؛(?![()]))|(?<=«) ")
_SPACE_AFTER = re.compile(rf"([،؛؟])(?=[{ARABIC_LETTERS}])")
_ZWNJ_RUN = re.compile(f"{ZWNJ}{{2,}}")
_ENTITY_SIGN = re.compile("[#@\uff03\u2122-\u3299\U0001f000-\U0001faff\u20e3]|://|www\\.")
_SURFACE = re.compile(
    rf"(?P<url>{_URL})|{_HASHTAG}|{_MENTION}|[^\W_](?:[^\W_]|[{MARKS}{ZWNJ}{ZWJ}'’])*"
)
_QUERY = re.compile(
    r"(?P<minus>(?<!\S)[-\u2212])?(?:[\"«“„](?P<phrase>[^\"«»“”„]+)[\"»”“]|(?P<word>[^\s\"«»“”„]+))"
)


def _show(match: re.Match[str]) -> str:
    return DISPLAY[match[0]]


def normalise(text: str) -> str:
    """The text as it is shown; normalising twice changes nothing.

    Letters become Persian (ة, ۀ, ئ, ؤ, أ and vowel marks stay: they are spelling, not accidents),
    presentation forms and stray controls go, stretched letters shrink to one, half-spaces and
    spaces around Persian punctuation are repaired. Links, mentions, hashtags, numbers and emoji
    keep every byte.
    """
    text = unicodedata.normalize("NFC", text)
    if DISPLAY_CLASS.search(text):
        text = unicodedata.normalize("NFC", _outside_entities(text, _clean_letters))
    if "¬" in text:
        text = _NOT_SIGN.sub(ZWNJ, text)
    if ZWNJ in text:
        text = _clean_half_spaces(text)
    if ZWJ in text:
        text = _ZWJ_INSIDE.sub("", text)
    if _TRIPLE.search(text):
        text = _outside_entities(text, _shorten)
    return join_display(_tidy_spaces(text))


def _outside_entities(text: str, change: Callable[[str], str]) -> str:
    """Apply `change` to everything but links and hashtags (mentions are ASCII: nothing to do)."""
    if "#" not in text and "://" not in text and "www." not in text and "＃" not in text:
        return change(text)
    parts = _PROTECTED.split(text)
    parts[::2] = map(change, parts[::2])
    return "".join(parts)


def _clean_letters(text: str) -> str:
    return DISPLAY_CLASS.sub(_show, text.replace("\r\n", "\n"))


def _clean_half_spaces(text: str) -> str:
    if ZWNJ + ZWNJ in text:
        text = _ZWNJ_RUN.sub(ZWNJ, text)
    return _ZWNJ_EDGE.sub("", text)


def _shorten(text: str) -> str:
    return _LONG.sub(r"\1", text)


def _tidy_spaces(text: str) -> str:
    if "  " in text:
        text = _SPACES.sub(" ", text)
    if "\n" in text:
        text = _BLANK_LINES.sub("\n\n", _LINE_EDGE.sub("\n", text))
    if _PERSIAN_POINTS.search(text):
        text = _SPACE_AFTER.sub(r"\1 ", _SPACE_BEFORE.sub("", text))
    return text.strip()


@dataclass(frozen=True, slots=True)
class TextParts:
    """What a text is made of. `words` and `hashtags` are keys; a hashtag's words are in `words`."""

    words: tuple[str, ...] = ()
    hashtags: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()  # lower case, without '@'
    urls: tuple[str, ...] = ()
    emoji: tuple[str, ...] = ()


def analyse(text: str) -> TextParts:
    """Take a raw or normalised text apart."""
    urls: list[str] = []
    tags: list[str] = []
    mentions: list[str] = []
    emoji: list[str] = []

    def note(match: re.Match[str]) -> str:
        url, tag, mention, sign = match.groups()
        if tag:
            tags.append(tag)
            return f" {tag} "
        if mention:
            mentions.append(mention[1:].lower())
        elif url:
            urls.append(url.rstrip(".:!)"))
        else:
            emoji.append(sign)
        return " "

    if _ENTITY_SIGN.search(text):
        text = _ENTITY.sub(note, text)
    return TextParts(
        words=tuple(fold(text).split()),
        hashtags=tuple(fold_tag(tag) for tag in tags),
        mentions=tuple(mentions),
        urls=tuple(urls),
        emoji=tuple(emoji),
    )


def surfaces(text: str) -> Iterator[tuple[str, str]]:
    """(key, as written) for each hashtag, `#` included in the surface, and each other word."""
    shown = normalise(text)
    for match in _SURFACE.finditer(shown):
        written = match[0]
        if written[0] in "#＃":
            yield fold_tag(written), "#" + written[1:]
        elif written[0] != "@" and not match["url"]:
            for key in fold(written).split():
                yield key, written


def display_key(word: str) -> str:
    """The key under which a term's surfaces are counted: `fold_tag` for any single term."""
    return fold_tag(word)


def spellings(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The most frequent surface of each key; of equals, the one seen first."""
    counts: dict[str, dict[str, int]] = {}
    for key, surface in pairs:
        forms = counts.setdefault(key, {})
        forms[surface] = forms.get(surface, 0) + 1
    return {key: max(forms, key=forms.__getitem__) for key, forms in counts.items()}


def search_words(text: str) -> str:
    """Keys for a full-text index: hashtags and half-space words stand whole and in their parts."""
    parts: list[str] = []
    for match in _SURFACE.finditer(normalise(text)):
        written = match[0]
        if match["url"]:
            continue
        key = fold(written)
        if written[0] in "#＃":
            parts.append(key.replace(" ", ""))
            if " " in key:
                parts.append(key)
            continue
        parts.append(key)
        if ZWNJ in written:
            parts.extend(part for part in map(fold, written.split(ZWNJ)) if part not in _AFFIXES)
    return " ".join(filter(None, parts))


def query_words(text: str) -> str:
    """A query in the words of `search_words`; "a phrase" keeps its quotes, -without its minus."""
    out: list[str] = []
    plain: list[str] = []

    def flush() -> None:
        if plain:
            out.append(fold(" ".join(plain)))
            plain.clear()

    for match in _QUERY.finditer(normalise(text)):
        minus, phrase, word = match["minus"], match["phrase"], match["word"]
        if not minus and not phrase and word[0] not in "#＃":
            plain.append(word)
            continue
        flush()
        key = fold_tag(word) if word and word[0] in "#＃" else fold(phrase or word)
        if key:
            sign = "-" if minus else ""
            out.append(f'{sign}"{key}"' if " " in key or phrase else f"{sign}{key}")
    flush()
    return " ".join(filter(None, out))
