"""Messages as data: offsets, direction marks and the way into JSON and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.models.entities import Entity, EntityKind, is_safe_url, utf16_len
from bot.models.messages import RLM, Attachment, Button, OutMessage, RichText

TEXTS = st.text(st.sampled_from("اب ی‌م AbZ 12۳🔥👨‍👩‍👧\n#_.:«»"), max_size=30)


def shown(text: str, entity: Entity) -> str:
    """What the entity covers, cut as Telegram cuts it: by UTF-16 units."""
    raw = text.encode("utf-16-le")
    return raw[entity.offset * 2 : entity.end * 2].decode("utf-16-le")


@given(st.lists(st.tuples(st.sampled_from(["plain", "bold", "quote", "code"]), TEXTS), max_size=8))
def test_every_entity_covers_its_own_piece(pieces: list[tuple[str, str]]) -> None:
    """Emoji and direction marks never shift a format onto the wrong letters."""
    builder = RichText(rtl=True)
    for kind, text in pieces:
        getattr(builder, kind)(text)

    text, entities = builder.build()

    covered = [shown(text, entity).replace(RLM, "") for entity in entities]
    assert covered == [piece for kind, piece in pieces if kind != "plain" and piece]
    assert text.replace(RLM, "") == "".join(piece for _, piece in pieces)


@pytest.mark.parametrize(
    ("line", "marked"),
    [
        ("سلام AI", False),
        ("AI در تهران", True),
        ("12 خبر", True),
        ("🔥 داغ", True),
        ("«نقل»", True),
        ("", False),
        ("   ", False),
        ("  متن", False),
    ],
)
def test_a_line_of_a_right_to_left_text_never_turns(line: str, marked: bool) -> None:
    """A mark stands before every line that does not begin with a right-to-left letter."""
    text, _ = RichText(rtl=True).plain(line).build()

    assert text.startswith(RLM) == marked


def test_english_quotes_and_code_keep_their_own_direction() -> None:
    """A quoted English post is not turned; lines inside code carry no invisible marks."""
    builder = RichText(rtl=True).plain("خبر\n").quote("All English").newline().code("a\n1")

    text, _ = builder.build()

    assert text == f"خبر\nAll English\n{RLM}a\n1"


def test_rtl_line_marks_one_line_only() -> None:
    """Without a right-to-left builder a single line can be turned."""
    builder = RichText().plain("one").rtl_line().plain("2 خبر").newline().plain("three")

    assert builder.build()[0] == f"one\n{RLM}2 خبر\nthree"


def test_nested_builders_keep_their_formatting() -> None:
    """A bold word inside a link inside a quote comes out as three entities, outer first."""
    link = RichText().plain("متن 🔥 ").bold("مهم")
    text, entities = RichText().plain("x").quote(RichText().link(link, "https://a.ir")).build()

    kinds = [(entity.kind, shown(text, entity)) for entity in entities]
    assert kinds == [
        (EntityKind.LINK, "متن 🔥 مهم"),
        (EntityKind.QUOTE, "متن 🔥 مهم"),
        (EntityKind.BOLD, "مهم"),
    ]


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://a.ir/x", True),
        ("HTTP://a.ir", True),
        ("tg://user?id=1", True),
        ("javascript:alert(1)", False),
        ("file:///etc/passwd", False),
        ("a.ir", False),
        ("https://", False),
        ("http://[", False),
    ],
)
def test_only_web_and_telegram_addresses_become_links(url: str, safe: bool) -> None:
    """An address with another scheme leaves its text and no link."""
    _, entities = RichText().link("x", url).build()

    assert is_safe_url(url) == safe
    assert bool(entities) == safe


def test_a_message_survives_json() -> None:
    """What the outbox stores is what is sent after a restart."""
    message = (
        RichText(rtl=True)
        .bold("داغ‌ترین‌ها 🔥")
        .newline()
        .link("BBC", "https://bbc.com")
        .message(
            keyboard=(
                (Button(text="چرا؟", data="why:1"), Button(text="باز کن", url="https://a.ir")),
                (Button(text="اشتراک", switch_inline=""), Button(text="کپی", copy="متن")),
            ),
            photo=Attachment(path="/tmp/chart.png"),
            silent=True,
            disable_preview=False,
        )
    )

    assert OutMessage.from_json(message.to_json()) == message


def test_bytes_do_not_go_into_json() -> None:
    """A picture must be a file before its message is stored."""
    message = OutMessage(text="x", photo=Attachment(content=b"png"))

    with pytest.raises(ValueError, match="by path"):
        message.to_json()


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "x"},
        {"text": "", "data": "a"},
        {"text": "x", "data": "a", "url": "https://a.ir"},
        {"text": "x", "data": "ا" * 33},
        {"text": "x", "copy": "a" * 257},
    ],
)
def test_a_button_that_telegram_would_refuse_cannot_be_made(fields: dict[str, str]) -> None:
    """A wrong button is found where it is made, not where it is sent."""
    with pytest.raises(ValueError, match="button"):
        Button(**fields)


@given(TEXTS)
def test_length_is_counted_in_utf16_units(text: str) -> None:
    """The length agrees with an encoder's."""
    assert utf16_len(text) == len(text.encode("utf-16-le")) // 2
