"""parse_mode=MarkdownV2 as Telegram reads it: reserved characters must be escaped, or an error."""

from __future__ import annotations

from bot.sandbox.wire import ApiError, Json, bad_request

_RESERVED = "_*[]()~`>#+-=|{}.!"
_NAMES = {
    "bold": "Bold",
    "italic": "Italic",
    "underline": "Underline",
    "strikethrough": "Strikethrough",
    "spoiler": "Spoiler",
    "code": "Code",
    "pre": "Pre",
    "text_link": "TextUrl",
    "custom_emoji": "CustomEmoji",
}
_CLOSERS = {
    "bold": "*",
    "italic": "_",
    "underline": "__",
    "strikethrough": "~",
    "spoiler": "||",
    "code": "`",
    "pre": "```",
    "text_link": "]",
    "custom_emoji": "]",
}


class _Open:
    """An entity that has begun: type, UTF-16 offset, position in the markup, extra argument."""

    __slots__ = ("argument", "kind", "offset", "position")

    def __init__(self, kind: str, offset: int, position: int, argument: str = "") -> None:
        self.kind = kind
        self.offset = offset
        self.position = position
        self.argument = argument


class _Reader:
    """One pass over the markup."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r", "")
        self.at = 0
        self.out: list[str] = []
        self.offset = 0
        self.open: list[_Open] = []
        self.entities: list[Json] = []
        self.quote: int | None = None
        self.at_line_start = True  # false again once a quote's `>` was read

    def fail(self, message: str) -> ApiError:
        return bad_request(f"can't parse entities: {message}")

    def reserved(self, character: str) -> ApiError:
        return self.fail(
            f"Character '{character}' is reserved and must be escaped with the preceding '\\'"
        )

    def put(self, character: str) -> None:
        self.out.append(character)
        self.offset += 2 if ord(character) > 0xFFFF else 1
        self.at_line_start = character == "\n"

    def run(self) -> tuple[str, list[Json]]:
        while self.at < len(self.text):
            self.step()
        self.end_quote(expandable=False)
        if self.open:
            last = self.open[-1]
            where = len(self.text[: last.position].encode("utf-8", "surrogatepass"))
            raise self.fail(f"Can't find end of {_NAMES[last.kind]} entity at byte offset {where}")
        return "".join(self.out), self.entities

    def step(self) -> None:
        character = self.text[self.at]
        following = self.text[self.at + 1 : self.at + 2]
        if character == "\\" and following and 0 < ord(following) <= 126:
            self.put(following)
            self.at += 2
            return
        inside = self.open[-1].kind if self.open else ""
        verbatim = inside in {"code", "pre"}
        if self.quote is not None and self.at_line_start and not verbatim:
            if character == ">":
                self.at += 1
                self.at_line_start = False
                return
            self.end_quote(expandable=False)
        if character not in ("`" if verbatim else _RESERVED):
            self.put(character)
            self.at += 1
            return
        # `__` is greedily an underline mark, so it never closes an italic.
        doubled = inside == "italic" and following == "_"
        if inside and not doubled and self.text.startswith(_CLOSERS[inside], self.at):
            self.close()
            return
        if verbatim:
            self.put(character)
            self.at += 1
            return
        self.begin(character, following)

    def begin(self, character: str, following: str) -> None:
        position = self.at
        if character == "_":
            kind = "underline" if following == "_" else "italic"
        elif character == "*":
            kind = "bold"
        elif character == "~":
            kind = "strikethrough"
        elif character == "|" and following == "|":
            if self.quote is not None and self.text[self.at + 2 : self.at + 3] in {"", "\n"}:
                self.at += 2
                self.end_quote(expandable=True)
                return
            kind = "spoiler"
        elif character == "[":
            kind = "text_link"
        elif character == "!" and following == "[":
            kind = "custom_emoji"
        elif character == "`":
            kind = "pre" if self.text.startswith("```", self.at) else "code"
        elif character == ">" and self.at_line_start:
            self.quote = self.offset
            self.at += 1
            self.at_line_start = False
            return
        else:
            raise self.reserved(character)
        self.at += len(_CLOSERS[kind]) if kind != "custom_emoji" else 2
        language = ""
        if kind == "pre":
            end = self.at
            while end < len(self.text) and not self.text[end].isspace() and self.text[end] != "`":
                end += 1
            if end < len(self.text) and self.text[end] == "\n":
                language = self.text[self.at : end]
                self.at = end + 1
            elif self.at < len(self.text) and self.text[self.at] == "\n":
                self.at += 1
        self.open.append(_Open(kind, self.offset, position, language))

    def close(self) -> None:
        entity = self.open.pop()
        self.at += len(_CLOSERS[entity.kind])
        body: Json = {
            "type": entity.kind,
            "offset": entity.offset,
            "length": self.offset - entity.offset,
        }
        if entity.kind in {"text_link", "custom_emoji"}:
            url = self.target(entity)
            if entity.kind == "custom_emoji":
                body["custom_emoji_id"] = url.rpartition("id=")[2]
            elif url.startswith("tg://user?id=") and url[13:].isdigit():
                body = {**body, "type": "text_mention", "user_id": int(url[13:])}
            else:
                body["url"] = url or "".join(self.out)[-body["length"] :]
        elif entity.kind == "pre" and entity.argument:
            body["language"] = entity.argument
        if body["length"]:
            self.entities.append(body)

    def target(self, entity: _Open) -> str:
        """Read the `(address)` that follows a link's text."""
        if self.text[self.at : self.at + 1] != "(":
            if entity.kind == "custom_emoji":
                raise self.fail("Custom emoji entity must contain a tg://emoji URL")
            return ""
        where = len(self.text[: self.at].encode("utf-8", "surrogatepass"))
        self.at += 1
        pieces: list[str] = []
        while self.at < len(self.text) and self.text[self.at] != ")":
            if self.text[self.at] == "\\" and self.at + 1 < len(self.text):
                self.at += 1
            pieces.append(self.text[self.at])
            self.at += 1
        if self.at >= len(self.text):
            raise self.fail(f"Can't find end of a URL at byte offset {where}")
        self.at += 1
        return "".join(pieces)

    def end_quote(self, *, expandable: bool) -> None:
        if self.quote is None:
            return
        begin, self.quote = self.quote, None
        text_end = self.offset - (1 if self.out and self.out[-1] == "\n" else 0)
        if text_end > begin:
            kind = "expandable_blockquote" if expandable else "blockquote"
            self.entities.append({"type": kind, "offset": begin, "length": text_end - begin})


def parse_markdown(text: str) -> tuple[str, list[Json]]:
    """Return the plain text and its entities; raise ApiError with Telegram's wording."""
    return _Reader(text).run()
