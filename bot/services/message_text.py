"""Texts as Telegram takes them: cut to its limits, or made from a model's Markdown. Pure."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import accumulate
from typing import Any

from bot.models.entities import (
    CAPTION_LIMIT,
    ENTITY_LIMIT,
    TEXT_LIMIT,
    Entity,
    EntityKind,
    is_safe_url,
)
from bot.models.messages import OutMessage, RichText

Part = tuple[str, tuple[Entity, ...]]

# How good a place for a cut is; a place outside every entity counts _OUTSIDE more.
_CHARACTER, _WORD, _SENTENCE, _LINE, _PARAGRAPH = range(1, 6)
_OUTSIDE = 2

_ZWJ = "\u200d"
_SENTENCE_ENDS = frozenset(".!?؟…:;؛")
_KINDS = {kind.value: kind for kind in EntityKind}
_FENCE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`", re.DOTALL)
_BARE_URL = re.compile(r"(?<![(<\[\w/])https?://[^\s<>()\[\]«»]+")
_TAG = re.compile(r"<(?!https?://[^\s<>]+>)")


def split_message(
    text: str,
    entities: Sequence[Entity] = (),
    limit: int = TEXT_LIMIT,
    first_limit: int | None = None,
) -> list[Part]:
    """Cut a text into parts of at most `limit` UTF-16 units whose concatenation is the text.

    A cut is made, in this order of preference, after a paragraph, a line, a sentence, a word; not
    inside an entity that fits into a part, and never inside a character that a reader sees as one
    (joined emoji, marks on a letter) while there is another place. A longer entity goes on in the
    next part.
    """
    units = [0, *accumulate(2 if character > "\uffff" else 1 for character in text)]
    ordered = sorted(entities, key=lambda e: (e.offset, -e.length))
    inside = _inside(units, [entity for entity in ordered if entity.length <= limit])
    parts: list[Part] = []
    start = 0
    while start < len(text) or not parts:
        room = first_limit if first_limit is not None and not parts else limit
        end = bisect_right(units, units[start] + room) - 1
        end = min(end, _entity_cap(units, ordered, start))
        if end < len(text):
            end = _best_cut(text, inside, start, max(end, start + 1))
        clipped = _clipped(ordered, units[start], units[end])
        parts.append((text[start:end], clipped))
        start = end
    return parts


def split_out(message: OutMessage) -> list[OutMessage]:
    """A message as those that Telegram takes: the picture with the first, buttons on the last."""
    first_limit = CAPTION_LIMIT if message.attachment else None
    pieces = [
        piece
        for index, piece in enumerate(
            split_message(message.text, message.entities, TEXT_LIMIT, first_limit)
        )
        if piece[0].strip() or (index == 0 and message.attachment)
    ]
    if len(pieces) <= 1:
        text, entities = pieces[0] if pieces else (message.text, message.entities)
        return [replace(message, text=text, entities=entities)]
    bare = replace(message, keyboard=(), photo=None, document=None)
    parts = [replace(bare, text=text, entities=entities) for text, entities in pieces]
    parts[0] = replace(parts[0], photo=message.photo, document=message.document)
    parts[-1] = replace(parts[-1], keyboard=message.keyboard)
    return parts


def from_markdown(markdown: str, *, rtl: bool = False) -> Part:
    """A model's Markdown as text and entities, whatever state it is in.

    Only http, https and tg links stay links; unclosed markup and HTML tags are plain text.
    """
    from telegramify_markdown import convert

    text, found = convert(_guarded(markdown), latex_escape=False, config=_config())
    text = text.rstrip()
    entities = [
        Entity(
            kind=_KINDS[raw.type],
            offset=raw.offset,
            length=raw.length,
            url=raw.url or "",
            language=raw.language or "",
        )
        for raw in found
        if raw.type in _KINDS and raw.type != EntityKind.UNDERLINE  # headings: bold is enough
        if raw.type != EntityKind.LINK or is_safe_url(raw.url or "")
        if raw.type not in (EntityKind.MENTION, EntityKind.CUSTOM_EMOJI)
    ]
    end = len(text.encode("utf-16-le")) // 2
    return RichText(rtl=rtl).add_formatted(text, _clipped(entities, 0, end)).build()


def markdown_message(markdown: str) -> OutMessage:
    """A model's Markdown as one message; it reads from right to left when its first word does."""
    directions = (unicodedata.bidirectional(character) for character in markdown)
    first = next((found for found in directions if found in ("L", "R", "AL")), "L")
    text, entities = from_markdown(markdown, rtl=first != "L")
    return OutMessage(text=text, entities=entities)


def _inside(units: Sequence[int], entities: Sequence[Entity]) -> bytearray:
    """For every index of the text: would a cut there go through an entity?"""
    inside = bytearray(len(units))
    for entity in entities:
        first = bisect_right(units, entity.offset)
        last = bisect_right(units, entity.end - 1)
        inside[first:last] = b"\x01" * max(0, last - first)
    return inside


def _entity_cap(units: Sequence[int], entities: Sequence[Entity], start: int) -> int:
    """The farthest index up to which a part has no more entities than Telegram heeds."""
    ahead = [entity for entity in entities if entity.end > units[start]]
    if len(ahead) <= ENTITY_LIMIT:
        return len(units) - 1
    return max(start + 1, bisect_right(units, ahead[ENTITY_LIMIT].offset) - 1)


def _best_cut(text: str, inside: bytearray, start: int, end: int) -> int:
    """The index in (start, end] at which to cut."""
    half = start + (end - start) // 2
    best, best_rank = end, 0
    for index in range(end, start, -1):
        rank = _rank(text, index, is_late=index >= half)
        if rank and not inside[index]:
            rank += _OUTSIDE
        elif rank > _WORD:
            rank = _WORD
        if rank > best_rank:
            best, best_rank = index, rank
        if best_rank == _PARAGRAPH + _OUTSIDE:
            break
        if index <= half and best_rank >= _WORD + _OUTSIDE:
            break
    return best


def _rank(text: str, index: int, *, is_late: bool) -> int:
    """How good a cut before `index` is; 0 would break a character.

    In the first half of a part only the end of a word counts: short parts are no gain.
    """
    before, earlier = text[index - 1], text[index - 2 : index - 1]
    if not before.isspace():
        return _CHARACTER if _is_boundary(text, index) else 0
    if not is_late:
        return _WORD
    if before == "\n":
        return _PARAGRAPH if earlier == "\n" else _LINE
    return _SENTENCE if earlier in _SENTENCE_ENDS else _WORD


def _is_boundary(text: str, index: int) -> bool:
    """May a reader's characters be parted here? A bounded form of UAX #29's grapheme rules."""
    if index >= len(text):
        return True
    before, after = text[index - 1], text[index]
    if before == _ZWJ or after == _ZWJ or unicodedata.category(after) in ("Mn", "Me", "Mc"):
        return False
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f":
        return False  # a skin colour, or the letters inside a flag
    if _is_regional(before) and _is_regional(after):
        run = 0
        while run < index and _is_regional(text[index - 1 - run]):
            run += 1
        return run % 2 == 0
    return True


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _clipped(entities: Sequence[Entity], start: int, end: int) -> tuple[Entity, ...]:
    """The entities within [start, end) units, moved to begin at 0."""
    return tuple(
        replace(
            entity,
            offset=max(entity.offset, start) - start,
            length=min(entity.end, end) - max(entity.offset, start),
        )
        for entity in entities
        if entity.offset < end and entity.end > start
    )


def _guarded(markdown: str) -> str:
    """Markdown in which bare addresses keep their underscores and tags stay visible."""
    pieces, at = [], 0
    for code in _FENCE.finditer(markdown):
        pieces += [_guard(markdown[at : code.start()]), code[0]]
        at = code.end()
    pieces.append(_guard(markdown[at:]))
    return "".join(pieces)


def _guard(text: str) -> str:
    return _BARE_URL.sub(_wrap_url, _TAG.sub(r"\\<", text))


def _wrap_url(match: re.Match[str]) -> str:
    url = match[0].rstrip(".,;:!?،؛؟\"'*_")
    return f"<{url}>{match[0][len(url) :]}"


@lru_cache(maxsize=1)
def _config() -> Any:
    """How headings and lists look: no pictures, round bullets."""
    from telegramify_markdown.config import RenderConfig

    config = RenderConfig.isolated()
    symbol = config.markdown_symbol
    symbol.heading_level_1 = symbol.heading_level_2 = ""
    symbol.heading_level_3 = symbol.heading_level_4 = ""
    symbol.image = symbol.link = ""
    symbol.unordered_list_item = "•"
    return config
