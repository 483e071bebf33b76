"""Message text as Telegram keeps it: UTF-16 offsets, explicit entities, links found by itself."""

from __future__ import annotations

import re
from typing import Any

from bot.sandbox.html_markup import parse_html
from bot.sandbox.markdown_markup import parse_markdown
from bot.sandbox.wire import Json, Params, bad_request

MAX_TEXT_UNITS = 4096
MAX_CAPTION_UNITS = 1024
MAX_ENTITIES = 100  # what is beyond is ignored, not refused

_STYLED = {
    "bold",
    "italic",
    "underline",
    "strikethrough",
    "spoiler",
    "blockquote",
    "expandable_blockquote",
    "code",
    "pre",
    "text_link",
    "text_mention",
    "custom_emoji",
    "date_time",
}
# Telegram finds these by itself: a client may name them, and what it says is not needed.
_FOUND = {
    "mention",
    "hashtag",
    "cashtag",
    "bot_command",
    "url",
    "email",
    "phone_number",
    "bank_card_number",
}
_OPAQUE = {"code", "pre", "text_link", "text_mention", "custom_emoji"}
_PATTERNS = [
    ("url", re.compile(r"(?<![\w@/.])(?:https?|tg)://[^\s<>«»\"']+", re.IGNORECASE)),
    (
        "email",
        re.compile(r"(?<![\w.+-])[a-z0-9_.+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+", re.IGNORECASE),
    ),
    (
        "url",
        re.compile(
            r"(?<![\w@/.-])(?:[a-z0-9-]+\.)+(?:com|org|net|ir|io|me|dev|app|info|co|news)"
            r"(?:/[^\s<>«»\"']*)?(?![\w.-]*\w)",
            re.IGNORECASE,
        ),
    ),
    ("mention", re.compile(r"(?<![\w/@])@[A-Za-z][A-Za-z0-9_]{2,31}(?![\w@])")),
    ("hashtag", re.compile(r"(?<![\w&#\u200c])#(?=[\w\u200c]*[^\W\d_])[\w\u200c]{1,256}")),
    ("cashtag", re.compile(r"(?<![\w$])\$[A-Z]{1,8}(?![\w$])")),
    (
        "bot_command",
        re.compile(r"(?<![\w/<>@])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/])"),
    ),
]


def utf16_length(text: str) -> int:
    """Return the length in UTF-16 code units, the unit of every limit and offset."""
    return len(text) + sum(1 for character in text if ord(character) > 0xFFFF)


def utf16_slice(text: str, offset: int, length: int) -> str:
    """Return the part of `text` an entity covers."""
    raw = text.encode("utf-16-le", "surrogatepass")
    return raw[offset * 2 : (offset + length) * 2].decode("utf-16-le", "surrogatepass")


def _boundaries(text: str) -> set[int]:
    """Return the UTF-16 offsets that do not fall inside a surrogate pair."""
    marks = {0}
    at = 0
    for character in text:
        at += 2 if ord(character) > 0xFFFF else 1
        marks.add(at)
    return marks


def check_entities(text: str, raw: list[Any]) -> list[Json]:
    """Return explicit entities that are fit to store, or refuse the first that is not."""
    total = utf16_length(text)
    marks = _boundaries(text)
    kept: list[Json] = []
    for entity in raw[:MAX_ENTITIES]:
        if not isinstance(entity, dict):
            raise bad_request("can't parse MessageEntity: expected an Object")
        kind = entity.get("type")
        if kind not in _STYLED | _FOUND:
            raise bad_request("can't parse MessageEntity: Unsupported type specified")
        offset, length = entity.get("offset"), entity.get("length")
        if not isinstance(offset, int) or not isinstance(length, int):
            raise bad_request('can\'t parse MessageEntity: Field "offset" must be of type Number')
        if offset < 0:
            raise bad_request(f"receive an entity with incorrect offset {offset}")
        if length < 0:
            raise bad_request(f"receive an entity with incorrect length {length}")
        if offset > total:
            raise bad_request(f"entity begins after the end of the text at UTF-16 offset {offset}")
        if offset + length > total:
            raise bad_request(
                f"entity beginning at UTF-16 offset {offset} ends after the end of the text"
                f" at UTF-16 offset {offset + length}"
            )
        if offset not in marks:
            raise bad_request(
                f"entity begins in a middle of a UTF-16 symbol at UTF-16 offset {offset}"
            )
        if offset + length not in marks:
            raise bad_request(
                f"entity beginning at UTF-16 offset {offset} ends in a middle of a UTF-16 symbol"
                f" at UTF-16 offset {offset + length}"
            )
        if kind == "text_link" and not str(entity.get("url") or ""):
            raise bad_request("can't parse MessageEntity: Can't find field \"url\"")
        if length and kind in _STYLED:
            kept.append({key: value for key, value in entity.items() if value is not None})
    return kept


def find_entities(text: str, styled: list[Json] | None = None) -> list[Json]:
    """Find commands, mentions, hashtags, links: Telegram marks them in every text it stores."""
    taken = [
        (entity["offset"], entity["offset"] + entity["length"])
        for entity in styled or []
        if entity["type"] in _OPAQUE
    ]
    found: list[Json] = []
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            body = match.group()
            if kind == "url":
                body = body.rstrip(".,;:!?)]}؟،؛")
            begin = utf16_length(text[: match.start()])
            end = begin + utf16_length(body)
            if any(begin < other_end and other < end for other, other_end in taken):
                continue
            taken.append((begin, end))
            found.append({"type": kind, "offset": begin, "length": end - begin})
    return found


def _trim(text: str, entities: list[Json]) -> tuple[str, list[Json]]:
    """Drop white space at both ends, as Telegram does, and move the entities with it."""
    stripped = text.strip()
    lead = utf16_length(text[: len(text) - len(text.lstrip())])
    total = utf16_length(stripped)
    kept: list[Json] = []
    for entity in entities:
        begin = max(entity["offset"] - lead, 0)
        end = min(entity["offset"] + entity["length"] - lead, total)
        if end > begin:
            kept.append({**entity, "offset": begin, "length": end - begin})
    return stripped, kept


def read_formatted(
    text: str, entities: list[Any] | None, parse_mode: str
) -> tuple[str, list[Json]]:
    """Turn a text with a parse mode, or with explicit entities, into what Telegram stores.

    When both are given the parse mode wins, as on the real server.
    """
    mode = parse_mode.lower()
    if mode == "html":
        plain, styled = parse_html(text)
    elif mode == "markdownv2":
        plain, styled = parse_markdown(text)
    elif mode in {"", "none"}:
        plain, styled = text, check_entities(text, entities or [])
    elif mode == "markdown":
        raise bad_request("the sandbox does not speak legacy Markdown: use MarkdownV2 or HTML")
    else:
        raise bad_request("unsupported parse_mode")
    plain, styled = _trim(plain, styled)
    opaque = [
        (entity["offset"], entity["offset"] + entity["length"])
        for entity in styled
        if entity["type"] in {"code", "pre"}
    ]
    styled = [
        entity
        for entity in styled
        if entity["type"] in {"code", "pre", "blockquote", "expandable_blockquote"}
        or not any(
            begin <= entity["offset"] and entity["offset"] + entity["length"] <= end
            for begin, end in opaque
        )
    ]
    styled += find_entities(plain, styled)
    styled.sort(key=lambda entity: (entity["offset"], -entity["length"]))
    return plain, styled[:MAX_ENTITIES]


def read_text(params: Params) -> tuple[str, list[Json]]:
    """Read `text` with its formatting; refuse what is empty or longer than 4096 units."""
    text, entities = read_formatted(
        params.text("text"), params.items("entities"), params.text("parse_mode")
    )
    if not text:
        raise bad_request("message text is empty")
    if utf16_length(text) > MAX_TEXT_UNITS:
        raise bad_request("message is too long")
    return text, entities


def read_caption(params: Params) -> tuple[str, list[Json]]:
    """Read `caption` with its formatting; refuse what is longer than 1024 units."""
    caption, entities = read_formatted(
        params.text("caption"), params.items("caption_entities"), params.text("parse_mode")
    )
    if utf16_length(caption) > MAX_CAPTION_UNITS:
        raise bad_request("message caption is too long")
    return caption, entities
