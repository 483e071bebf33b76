"""Messages as data: what a view makes, what the outbox stores and what the Telegram layer sends."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.models.entities import (
    CAPTION_LIMIT,
    QUOTES,
    TEXT_LIMIT,
    VERBATIM,
    Entity,
    EntityKind,
    is_safe_url,
    utf16_len,
)

CALLBACK_BYTES = 64  # 32 Persian letters: use short opaque ids
COPY_LIMIT = 256
RLM = "\u200f"


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """An inline button: its text and exactly one thing that a press does."""

    text: str
    data: str = ""  # comes back as a callback query; at most 64 bytes
    url: str = ""
    switch_inline: str | None = None  # pick a chat and start an inline query there ("" is fine)
    switch_inline_here: str | None = None
    copy: str = ""  # put on the clipboard
    web_app: str = ""  # https address of a Mini App; private chats only
    style: str = ""  # "", danger, success or primary

    def __post_init__(self) -> None:
        actions = [self.data, self.url, self.copy, self.web_app]
        inline = [self.switch_inline, self.switch_inline_here]
        count = sum(map(bool, actions)) + sum(query is not None for query in inline)
        if not self.text or count != 1:
            raise ValueError(f"a button needs a text and exactly one action: {self.text!r}")
        if len(self.data.encode()) > CALLBACK_BYTES:
            raise ValueError(f"button data is longer than {CALLBACK_BYTES} bytes: {self.data!r}")
        if len(self.copy) > COPY_LIMIT:
            raise ValueError(f"a button copies at most {COPY_LIMIT} characters: {self.text!r}")


Keyboard = tuple[tuple[Button, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A picture or file: its bytes, or where they are: a path, or the hash they have in store."""

    content: bytes = b""
    path: str = ""
    content_hash: str = ""
    name: str = ""  # as the reader sees it (documents)

    def __post_init__(self) -> None:
        if [bool(self.content), bool(self.path), bool(self.content_hash)].count(True) != 1:
            raise ValueError("an attachment has either content, a path or a hash")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutMessage:
    """One message as data. With a photo or document the text is its caption."""

    text: str
    entities: tuple[Entity, ...] = ()
    keyboard: Keyboard = ()
    photo: Attachment | None = None
    document: Attachment | None = None
    disable_preview: bool = True
    silent: bool = False

    @property
    def attachment(self) -> Attachment | None:
        return self.photo or self.document

    @property
    def limit(self) -> int:
        """How many UTF-16 units of text fit into this message."""
        return CAPTION_LIMIT if self.attachment else TEXT_LIMIT

    @property
    def length(self) -> int:
        return utf16_len(self.text)

    def with_attachment(self, attachment: Attachment | None) -> OutMessage:
        """The same with another picture, or another file, or none."""
        if self.photo:
            return replace(self, photo=attachment)
        return replace(self, document=attachment)

    def plain(self) -> OutMessage:
        """The same without formatting."""
        return replace(self, entities=())

    def to_json(self) -> str:
        """A text that `from_json` turns back into an equal message; bytes are stored apart."""
        if self.attachment is not None and self.attachment.content:
            raise ValueError("attachments are stored by path or hash, not as bytes")
        data: dict[str, Any] = {"text": self.text}
        if self.entities:
            data["entities"] = [_filled(entity) for entity in self.entities]
        if self.keyboard:
            data["keyboard"] = [[_filled(button) for button in row] for row in self.keyboard]
        if self.photo:
            data["photo"] = _filled(self.photo)
        if self.document:
            data["document"] = _filled(self.document)
        if not self.disable_preview:
            data["preview"] = True
        if self.silent:
            data["silent"] = True
        return json.dumps(data, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> OutMessage:
        data: dict[str, Any] = json.loads(text)
        photo, document = data.get("photo"), data.get("document")
        return cls(
            text=data["text"],
            entities=tuple(
                Entity(**{**entity, "kind": EntityKind(entity["kind"])})
                for entity in data.get("entities", ())
            ),
            keyboard=tuple(
                tuple(Button(**button) for button in row) for row in data.get("keyboard", ())
            ),
            photo=Attachment(**photo) if photo else None,
            document=Attachment(**document) if document else None,
            disable_preview=not data.get("preview", False),
            silent=data.get("silent", False),
        )


def _filled(value: Entity | Button | Attachment) -> dict[str, Any]:
    """The fields that say something; `offset` and `length` always, an empty inline query too."""
    fields = {name: getattr(value, name) for name in value.__slots__}
    return {
        name: field
        for name, field in fields.items()
        if name in ("offset", "length") or field or (name.startswith("switch") and field == "")
    }


class RichText:
    """Builds a text with its entities, piece by piece; every method returns the builder.

    With `rtl` every line reads from right to left whatever it begins with. A line's direction is
    that of its first strong character (UAX #9, rule P2), so a line that begins with Latin letters,
    a number or an emoji gets an RLM in front. Code is left alone; a quoted line is turned only
    when it has right-to-left letters of its own.
    """

    __slots__ = ("_entities", "_length", "_pieces", "_rtl", "_rtl_lines")

    def __init__(self, *, rtl: bool = False) -> None:
        self._pieces: list[str] = []
        self._entities: list[Entity] = []
        self._length = 0
        self._rtl = rtl
        self._rtl_lines: set[int] = set()  # where marked lines begin

    @property
    def length(self) -> int:
        """UTF-16 units so far, without the direction marks that `build` adds (one a line)."""
        return self._length

    def __bool__(self) -> bool:
        return self._length > 0

    def plain(self, text: str) -> RichText:
        self._pieces.append(text)
        self._length += utf16_len(text)
        return self

    def bold(self, content: str | RichText) -> RichText:
        return self._wrapped(content, EntityKind.BOLD)

    def italic(self, content: str | RichText) -> RichText:
        return self._wrapped(content, EntityKind.ITALIC)

    def underline(self, content: str | RichText) -> RichText:
        return self._wrapped(content, EntityKind.UNDERLINE)

    def strike(self, content: str | RichText) -> RichText:
        return self._wrapped(content, EntityKind.STRIKETHROUGH)

    def spoiler(self, content: str | RichText) -> RichText:
        return self._wrapped(content, EntityKind.SPOILER)

    def code(self, text: str) -> RichText:
        return self._wrapped(text, EntityKind.CODE)

    def pre(self, text: str, language: str = "") -> RichText:
        return self._wrapped(text, EntityKind.PRE, language=language)

    def quote(self, content: str | RichText, expandable: bool = False) -> RichText:
        kind = EntityKind.EXPANDABLE_QUOTE if expandable else EntityKind.QUOTE
        return self._wrapped(content, kind)

    def link(self, content: str | RichText, url: str) -> RichText:
        """A link; an address that is not http, https or tg leaves only its text."""
        if not is_safe_url(url):
            return self.add(content)
        return self._wrapped(content, EntityKind.LINK, url=url.strip())

    def mention(self, text: str, user_id: int) -> RichText:
        return self._wrapped(text, EntityKind.MENTION, user_id=user_id)

    def newline(self, count: int = 1) -> RichText:
        return self.plain("\n" * count)

    def rtl_line(self) -> RichText:
        """Begin a line that reads from right to left whatever it starts with."""
        if self._pieces and not self._at_line_start():
            self.newline()
        self._rtl_lines.add(self._length)
        return self

    def add(self, content: str | RichText) -> RichText:
        """Append a text or another builder's content, its formatting included."""
        if isinstance(content, str):
            return self.plain(content)
        start = self._length
        self._entities += [replace(e, offset=e.offset + start) for e in content._entities]
        lines = content._all_line_starts() if content._rtl else content._rtl_lines
        self._rtl_lines |= {line + start for line in lines}
        self._pieces += content._pieces
        self._length += content._length
        return self

    def add_formatted(self, text: str, entities: Sequence[Entity]) -> RichText:
        """Append a text that has its entities already."""
        start = self._length
        self._entities += [replace(e, offset=e.offset + start) for e in entities]
        return self.plain(text)

    def build(self) -> tuple[str, tuple[Entity, ...]]:
        """The text and its entities, outer ones first."""
        text = "".join(self._pieces)
        entities = sorted(self._entities, key=lambda e: (e.offset, -e.length))
        marks = self._marks(text, entities)
        if not marks:
            return text, tuple(entities)
        pieces, at = [], 0
        for index, _ in marks:
            pieces += [text[at:index], RLM]
            at = index
        pieces.append(text[at:])
        offsets = [offset for _, offset in marks]
        return "".join(pieces), tuple(_shifted(entity, offsets) for entity in entities)

    def message(
        self,
        keyboard: Keyboard = (),
        photo: Attachment | None = None,
        document: Attachment | None = None,
        disable_preview: bool = True,
        silent: bool = False,
    ) -> OutMessage:
        text, entities = self.build()
        return OutMessage(
            text=text,
            entities=entities,
            keyboard=keyboard,
            photo=photo,
            document=document,
            disable_preview=disable_preview,
            silent=silent,
        )

    def _wrapped(
        self,
        content: str | RichText,
        kind: EntityKind,
        *,
        url: str = "",
        language: str = "",
        user_id: int = 0,
    ) -> RichText:
        start = self._length
        self.add(content)
        if self._length > start:
            self._entities.append(
                Entity(
                    kind=kind,
                    offset=start,
                    length=self._length - start,
                    url=url,
                    language=language,
                    user_id=user_id,
                )
            )
        return self

    def _at_line_start(self) -> bool:
        last = next((piece for piece in reversed(self._pieces) if piece), "\n")
        return last.endswith("\n")

    def _all_line_starts(self) -> set[int]:
        return {offset for _, offset, _ in _lines("".join(self._pieces))}

    def _marks(self, text: str, entities: Sequence[Entity]) -> list[tuple[int, int]]:
        """Where an RLM goes: (index in the text, UTF-16 offset)."""
        if not self._rtl and not self._rtl_lines:
            return []
        marks = []
        for index, offset, line in _lines(text):
            if not self._rtl and offset not in self._rtl_lines:
                continue
            around = {e.kind for e in entities if e.offset <= offset < e.end}
            inside = {e.kind for e in entities if e.offset < offset < e.end}
            if inside & VERBATIM or not _needs_mark(line):
                continue
            if around & QUOTES and not any(_is_rtl(character) for character in line):
                continue
            marks.append((index, offset))
        return marks


def _lines(text: str) -> list[tuple[int, int, str]]:
    """Each line's index, UTF-16 offset and text."""
    lines, index, offset = [], 0, 0
    for line in text.split("\n"):
        lines.append((index, offset, line))
        index += len(line) + 1
        offset += utf16_len(line) + 1
    return lines


def _is_rtl(character: str) -> bool:
    return unicodedata.bidirectional(character) in {"R", "AL"}


def _needs_mark(line: str) -> bool:
    start = line.lstrip()
    return bool(start) and not _is_rtl(start[0])


def _shifted(entity: Entity, inserted: Sequence[int]) -> Entity:
    """`entity` after one unit came in at each old offset; a mark at its start is outside."""
    before = sum(offset <= entity.offset for offset in inserted)
    within = sum(entity.offset < offset < entity.end for offset in inserted)
    return replace(entity, offset=entity.offset + before, length=entity.length + within)
