"""Marked-up text by itself: the double's parsers against an independent writer."""

from __future__ import annotations

from typing import Any

import pytest
from aiogram.types import MessageEntity
from aiogram.utils.text_decorations import html_decoration
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sandbox.entities import find_entities, utf16_length, utf16_slice
from bot.sandbox.html_markup import parse_html
from bot.sandbox.markdown_markup import parse_markdown
from bot.sandbox.wire import ApiError

_PIECES = st.text(
    st.sampled_from(list("سلام دنیا\u200c<>&\"'abc۱۲🙂🔥\n*_[]()~`|.!-\\")), min_size=1, max_size=12
)
_KINDS = st.sampled_from(["bold", "italic", "underline", "strikethrough", "spoiler"])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_PIECES, st.lists(_KINDS, unique=True, max_size=3)), max_size=6))
def test_html_reads_back_what_an_independent_writer_wrote(
    parts: list[tuple[str, list[str]]],
) -> None:
    """aiogram writes text and entities as HTML; reading it gives the same text and entities."""
    text = "".join(piece for piece, _ in parts)
    entities: list[dict[str, Any]] = []
    offset = 0
    for piece, kinds in parts:
        length = utf16_length(piece)
        entities += [{"type": kind, "offset": offset, "length": length} for kind in kinds]
        offset += length
    written = html_decoration.unparse(text, [MessageEntity(**entity) for entity in entities])

    plain, read = parse_html(written)

    def key(entity: dict[str, Any]) -> tuple[int, int, str]:
        return entity["offset"], entity["length"], entity["type"]

    assert plain == text
    assert sorted(read, key=key) == sorted(entities, key=key)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60))
def test_escaped_markdown_reads_back_as_its_text(text: str) -> None:
    """Any text, escaped as the documentation says, is itself again."""
    escaped = "".join(
        "\\" + character if 0 < ord(character) < 127 and not character.isalnum() else character
        for character in text.replace("\r", "").replace("\0", "")
    )

    plain, entities = parse_markdown(escaped)

    assert plain == text.replace("\r", "").replace("\0", "")
    assert entities == []


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from(list("<>/abisp \"'=&;*_[]()~`>|!\\.\nس🙂")), max_size=40))
def test_no_markup_whatever_breaks_the_parsers(markup: str) -> None:
    """Each text is either parsed with entities inside its bounds, or refused as Telegram does."""
    for parse in (parse_html, parse_markdown):
        try:
            plain, entities = parse(markup)
        except ApiError as refusal:
            plain, entities = refusal.description, []
            assert plain.startswith("Bad Request: can't parse entities: ")
        for entity in entities:
            assert entity["offset"] >= 0
            assert entity["length"] > 0
            assert entity["offset"] + entity["length"] <= utf16_length(plain)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("برف #برف‌نیلاب و #سال_۱۴۰۵!", [("hashtag", "#برف‌نیلاب"), ("hashtag", "#سال_۱۴۰۵")]),
        ("#۱۲۳ شماره است", []),
        ("ببین https://example.com/a_b?x=۱. خوب", [("url", "https://example.com/a_b?x=۱")]),
        ("a@b.com و example.org/x", [("email", "a@b.com"), ("url", "example.org/x")]),
        ("/trend@hoshyar_bot 1h", [("bot_command", "/trend@hoshyar_bot")]),
        ("و/یا 1/2 «@hoshyar_bot»", [("mention", "@hoshyar_bot")]),
    ],
)
def test_links_tags_and_commands_are_found(text: str, expected: list[tuple[str, str]]) -> None:
    """Telegram marks them by itself, in Persian text too."""
    found = sorted(find_entities(text), key=lambda entity: int(entity["offset"]))

    assert [
        (entity["type"], utf16_slice(text, entity["offset"], entity["length"])) for entity in found
    ] == expected
