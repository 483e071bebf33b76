"""Formatted stretches of a text.

Text goes with entities instead of markup, so that no character of a post can break a message.
Offsets and lengths count UTF-16 units, as the Bot API does
(core.telegram.org/bots/api#messageentity).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

TEXT_LIMIT = 4096  # UTF-16 units of a message (the API's limit is after entity parsing)
CAPTION_LIMIT = 1024
ENTITY_LIMIT = 100  # Telegram ignores what is beyond
SAFE_SCHEMES = frozenset({"http", "https", "tg"})


def utf16_len(text: str) -> int:
    """The length that Telegram counts: characters beyond U+FFFF (most emoji) are two."""
    return len(text) + sum(character > "\uffff" for character in text)


def is_safe_url(url: str) -> bool:
    """May this address stand behind a link? Only http, https and tg; never javascript or file."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return False
    return parts.scheme.lower() in SAFE_SCHEMES and bool(parts.netloc)


class EntityKind(StrEnum):
    BOLD = "bold"
    ITALIC = "italic"
    UNDERLINE = "underline"
    STRIKETHROUGH = "strikethrough"
    SPOILER = "spoiler"
    CODE = "code"
    PRE = "pre"
    QUOTE = "blockquote"
    EXPANDABLE_QUOTE = "expandable_blockquote"
    LINK = "text_link"
    MENTION = "text_mention"
    CUSTOM_EMOJI = "custom_emoji"


VERBATIM = frozenset({EntityKind.CODE, EntityKind.PRE})
QUOTES = frozenset({EntityKind.QUOTE, EntityKind.EXPANDABLE_QUOTE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One formatted stretch of a text; `offset` and `length` in UTF-16 units."""

    kind: EntityKind
    offset: int
    length: int
    url: str = ""  # LINK
    language: str = ""  # PRE
    user_id: int = 0  # MENTION
    custom_emoji_id: str = ""

    @property
    def end(self) -> int:
        return self.offset + self.length
