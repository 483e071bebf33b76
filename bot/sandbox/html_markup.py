"""parse_mode=HTML as Telegram reads it: tags become entities, mistakes become its own errors.

The grammar and the wording follow the behaviour of the official server: byte offsets in errors,
UTF-16 offsets in entities, `</>` closes the last tag, unknown `&name;` stays as it is.
"""

from __future__ import annotations

from bot.sandbox.wire import ApiError, Json, bad_request

_TYPES = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "code": "code",
    "pre": "pre",
    "a": "text_link",
    "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
}
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}


def _width(character: str) -> int:
    return 2 if ord(character) > 0xFFFF else 1


def _decode_reference(text: str, at: int) -> tuple[str, int]:
    """Decode a character reference at `at`; ("", at) when it is not one."""
    end = text.find(";", at, at + 12)
    if end < 0:
        # Telegram also takes a numeric reference without its semicolon; nobody writes that.
        return "", at
    body = text[at + 1 : end]
    if body in _NAMED:
        return _NAMED[body], end + 1
    if body.startswith("#"):
        digits = body[1:]
        try:
            code = int(digits[1:], 16) if digits[:1] in {"x", "X"} else int(digits)
        except ValueError:
            return "", at
        if 0 < code < 0x10FFFF and not 0xD800 <= code <= 0xDFFF:
            return chr(code), end + 1
    return "", at


class _Tag:
    """An open tag: its name, its one meaningful argument and where it began."""

    __slots__ = ("argument", "name", "offset", "position")

    def __init__(self, name: str, argument: str, offset: int, position: int) -> None:
        self.name = name
        self.argument = argument
        self.offset = offset
        self.position = position


class _Reader:
    """One pass over the markup."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.out: list[str] = []
        self.offset = 0
        self.open: list[_Tag] = []
        self.entities: list[Json] = []

    def fail(self, message: str) -> ApiError:
        return bad_request(f"can't parse entities: {message}")

    def bytes_before(self, position: int) -> int:
        return len(self.text[:position].encode("utf-8", "surrogatepass"))

    def peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def put(self, piece: str) -> None:
        self.out.append(piece)
        self.offset += sum(_width(character) for character in piece)

    def run(self) -> tuple[str, list[Json]]:
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == "&":
                decoded, after = _decode_reference(self.text, self.at)
                if decoded:
                    self.put(decoded)
                    self.at = after
                    continue
            if character != "<":
                self.put(character)
                self.at += 1
                continue
            if self.text[self.at + 1 : self.at + 2] == "/":
                self.close_tag()
            else:
                self.open_tag()
        if self.open:
            raise self.fail(
                f'Can\'t find end tag corresponding to start tag "{self.open[-1].name}"'
            )
        return "".join(self.out), self.entities

    def open_tag(self) -> None:
        begin = self.at
        where = self.bytes_before(begin)
        self.at += 1
        while self.peek() and not self.peek().isspace() and self.peek() != ">":
            self.at += 1
        if not self.peek():
            raise self.fail(f"Unclosed start tag at byte offset {where}")
        name = self.text[begin + 1 : self.at].lower()
        if name not in _TYPES:
            raise self.fail(f'Unsupported start tag "{name}" at byte offset {where}')
        argument = ""
        while True:
            while self.peek().isspace():
                self.at += 1
            if self.peek() == ">":
                break
            key, value = self.attribute(name, where)
            if name == "a" and key == "href":
                argument = value
            elif name == "code" and key == "class" and value.startswith("language-"):
                argument = value[len("language-") :]
            elif name == "span" and key == "class" and value.startswith("tg-"):
                argument = value[len("tg-") :]
            elif name == "tg-emoji" and key == "emoji-id":
                argument = value
            elif name == "blockquote" and key == "expandable":
                argument = "1"
        self.at += 1
        if name == "span" and argument != "spoiler":
            raise self.fail(f'Tag "span" must have class "tg-spoiler" at byte offset {where}')
        self.open.append(_Tag(name, argument, self.offset, len(self.out)))

    def attribute(self, tag: str, where: int) -> tuple[str, str]:
        begin = self.at
        while self.peek() and not self.peek().isspace() and self.peek() not in "=>":
            self.at += 1
        key = self.text[begin : self.at].lower()
        if not self.peek():
            raise self.fail(f"Unclosed start tag at byte offset {where}")
        if not key:
            raise self.fail(f'Empty attribute name in the tag "{tag}" at byte offset {where}')
        while self.peek().isspace():
            self.at += 1
        if self.peek() != "=":
            return key, ""
        self.at += 1
        while self.peek().isspace():
            self.at += 1
        if not self.peek():
            raise self.fail(f"Unclosed start tag at byte offset {where}")
        quote = self.peek()
        if quote not in "'\"":
            begin = self.at
            while self.peek() and (self.peek().isalnum() or self.peek() in ".-"):
                self.at += 1
            if self.peek() and not self.peek().isspace() and self.peek() != ">":
                token = self.bytes_before(begin)
                raise self.fail(f"Unexpected end of name token at byte offset {token}")
            value = self.text[begin : self.at].lower()
        else:
            self.at += 1
            pieces: list[str] = []
            while self.peek() and self.peek() != quote:
                if self.peek() == "&":
                    decoded, after = _decode_reference(self.text, self.at)
                    if decoded:
                        pieces.append(decoded)
                        self.at = after
                        continue
                pieces.append(self.peek())
                self.at += 1
            self.at += 1
            value = "".join(pieces)
        if not self.peek():
            raise self.fail(f"Unclosed start tag at byte offset {where}")
        return key, value

    def close_tag(self) -> None:
        begin = self.at
        where = self.bytes_before(begin)
        if not self.open:
            raise self.fail(f"Unexpected end tag at byte offset {where}")
        self.at += 2
        while self.peek() and not self.peek().isspace() and self.peek() != ">":
            self.at += 1
        name = self.text[begin + 2 : self.at].lower()
        while self.peek().isspace():
            self.at += 1
        if self.peek() != ">":
            raise self.fail(f"Unclosed end tag at byte offset {where}")
        self.at += 1
        tag = self.open.pop()
        if name and name != tag.name:
            raise self.fail(
                f"Unmatched end tag at byte offset {where}, expected"
                f' "</{tag.name}>", found "</{name}>"'
            )
        if self.offset > tag.offset:
            self.finish(tag)

    def finish(self, tag: _Tag) -> None:
        length = self.offset - tag.offset
        entity: Json = {"type": _TYPES[tag.name], "offset": tag.offset, "length": length}
        if tag.name == "a":
            url = tag.argument or "".join(self.out[tag.position :])
            if url.startswith("tg://user?id=") and url[13:].isdigit():
                entity = {
                    "type": "text_mention",
                    "offset": tag.offset,
                    "length": length,
                    "user_id": int(url[13:]),
                }
            else:
                entity["url"] = url
        elif tag.name == "tg-emoji":
            entity["custom_emoji_id"] = tag.argument
        elif tag.name == "blockquote" and tag.argument:
            entity["type"] = "expandable_blockquote"
        elif tag.name == "code" and tag.argument:
            inside_pre = self.open and self.open[-1].name == "pre"
            if inside_pre:
                self.open[-1].argument = tag.argument
                return
        elif tag.name == "pre" and tag.argument:
            entity["language"] = tag.argument
        self.entities.append(entity)


def parse_html(text: str) -> tuple[str, list[Json]]:
    """Return the plain text and its entities; raise ApiError with Telegram's wording."""
    return _Reader(text).run()
