"""Links, hashtags, mentions and emoji inside a text: what they look like, and taking them out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from bot.analysis.keys import fold, fold_tag
from bot.analysis.letters import INVISIBLE, MARKS, OLD_HALF_SPACES, ZWJ, ZWNJ

_NOT_IN_URL = f'\\s{ZWNJ}{ZWJ}{INVISIBLE}{OLD_HALF_SPACES}«»،؛؟<>"'
URL = rf"(?:https?://|www\.)(?:[^{_NOT_IN_URL}]|{ZWNJ}(?=[^{_NOT_IN_URL}]))+"
HASHTAG = rf"[#＃](?!https?://|www\.)\w[\w{MARKS}]*(?:{ZWNJ}[\w{MARKS}]+)*"
MENTION = r"(?<![A-Za-z0-9_.@])@[A-Za-z0-9_]{1,32}(?![A-Za-z0-9_])"

# Shown as written, loose half-spaces too: to X they are part of the tag.
_SHOWN_TAG = rf"[#＃](?!https?://|www\.){ZWNJ}*\w[\w{MARKS}{ZWNJ}]*"
_PROTECTED = re.compile(f"({URL}|{_SHOWN_TAG})")
# The first character is matched by a plain class, so that the search for it runs in C.
_ENTITY = re.compile(
    rf"[#＃@hw](?:(?<=[#＃])(?!https?://|www\.)\w[\w{MARKS}]*(?:{ZWNJ}[\w{MARKS}]+)*"
    r"|(?<=@)(?<![A-Za-z0-9_.@]@)[A-Za-z0-9_]{1,32}(?![A-Za-z0-9_])"
    rf"|(?:(?<=h)ttps?://|(?<=w)ww\.)(?:[^{_NOT_IN_URL}]|{ZWNJ}(?=[^{_NOT_IN_URL}]))+)"
)
_FAR = re.compile("[\u203c-\U0001ffff]")  # one span is found sooner than many: no emoji before it
_TINT = "[\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"
_EMOJI = re.compile(
    "[\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u25aa-\u27bf\u2934\u2935\u2b05-\u2b55"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
    "(?:(?<=[\U0001f1e6-\U0001f1ff])[\U0001f1e6-\U0001f1ff])?"  # two letters make a flag
    f"{_TINT}(?:\u200d[\u2640\u2642\u2695-\u27bf\U0001f000-\U0001faff]{_TINT})*"
)


class TextParts(NamedTuple):  # made for every post: a frozen dataclass takes four times as long
    """What a text is made of. `words` and `hashtags` are keys.

    `words` has every word in order, function words and the words of hashtags included; links,
    mentions and emoji are not words.
    """

    words: tuple[str, ...] = ()
    hashtags: tuple[str, ...] = ()  # without '#', joined: #برف_تهران is برفتهران
    mentions: tuple[str, ...] = ()  # lower case, without '@'
    urls: tuple[str, ...] = ()
    emoji: tuple[str, ...] = ()


def may_hold_entities(text: str) -> bool:
    """Cheap: false means no link, hashtag or mention."""
    return "#" in text or "@" in text or "://" in text or "www." in text or "＃" in text


def outside_entities(text: str, change: Callable[[str], str]) -> str:
    """Apply `change` to everything but links and hashtags (mentions hold nothing to change)."""
    if "#" not in text and "://" not in text and "www." not in text and "＃" not in text:
        return change(text)
    parts = _PROTECTED.split(text)
    parts[::2] = map(change, parts[::2])
    return "".join(parts)


def without_links(text: str, *, keep_mentions: bool = False) -> str:
    """The text without its links and (unless kept) mentions."""
    if not may_hold_entities(text):
        return text

    def cut(match: re.Match[str]) -> str:
        found = match[0]
        if found[0] in "#＃":
            return found
        return f" {found} " if keep_mentions and found[0] == "@" else " "

    return _ENTITY.sub(cut, text)


def hashtags_in(text: str) -> list[str]:
    """The hashtags as they are written, with '#'."""
    if "#" not in text and "＃" not in text:
        return []
    return [found for found in _ENTITY.findall(text) if found[0] in "#＃"]


def analyse(text: str) -> TextParts:
    """Take a raw or normalised text apart."""
    urls: list[str] = []
    tags: list[str] = []
    mentions: list[str] = []

    def note(match: re.Match[str]) -> str:
        found = match[0]
        if found[0] == "@":
            mentions.append(found[1:].lower())
        elif found[0] in "hw":
            urls.append(found.rstrip(".:!)"))
        else:
            tags.append(found)
            return found
        return " "

    far = _FAR.search(text)
    bare = _ENTITY.sub(note, text) if may_hold_entities(text) else text
    return TextParts(
        tuple(fold(bare).split()),
        tuple(filter(None, map(fold_tag, tags))) if tags else (),
        tuple(mentions),
        tuple(urls),
        tuple(_EMOJI.findall(text, far.start())) if far else (),
    )
