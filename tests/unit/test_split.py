"""Cutting long texts, and turning a model's Markdown into text and entities."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.models.entities import Entity, EntityKind, utf16_len
from bot.models.messages import Attachment, Button, OutMessage
from bot.services.message_text import from_markdown, split_message, split_out

FAMILY = "👨‍👩‍👧"
FLAG = "🇮🇷"
WHOLE = (FAMILY, FLAG, "👍🏽", "e\u0301", "ا\u0653", "❤️")
PIECES = st.sampled_from(
    [*WHOLE, "سلام", "می‌رود", " ", " ", "\n", "\n\n", "word", "۱۲", ". ", "🔥"]
)


@st.composite
def formatted(draw: st.DrawFn) -> tuple[str, tuple[Entity, ...]]:
    """A text of words, emoji and line ends with entities over whole pieces, nested or not."""
    pieces = draw(st.lists(PIECES, max_size=80))
    text = "".join(pieces)
    entities = []
    edges = [utf16_len("".join(pieces[:n])) for n in range(len(pieces) + 1)]
    for _ in range(draw(st.integers(0, 4))):
        first, last = sorted((draw(st.sampled_from(edges)), draw(st.sampled_from(edges))))
        if last > first:
            kind = draw(st.sampled_from([EntityKind.BOLD, EntityKind.QUOTE, EntityKind.CODE]))
            entities.append(Entity(kind=kind, offset=first, length=last - first))
    return text, tuple(entities)


@settings(deadline=None)
@given(formatted(), st.integers(12, 60))
def test_splitting_loses_nothing_and_fits(
    message: tuple[str, tuple[Entity, ...]], limit: int
) -> None:
    """The parts put together are the text, and none is longer than the limit."""
    text, entities = message

    parts = split_message(text, entities, limit)

    assert "".join(part for part, _ in parts) == text
    assert all(utf16_len(part) <= limit for part, _ in parts)
    assert all(part for part, _ in parts) or parts == [("", ())]


@settings(deadline=None)
@given(formatted(), st.integers(12, 60))
def test_formatting_covers_the_same_letters_after_splitting(
    message: tuple[str, tuple[Entity, ...]], limit: int
) -> None:
    """Every unit of the text keeps its formats, in whichever part it is."""
    text, entities = message

    parts = split_message(text, entities, limit)

    before = [
        sorted(e.kind for e in entities if e.offset <= unit < e.end)
        for unit in range(utf16_len(text))
    ]
    after = [
        sorted(e.kind for e in found if e.offset <= unit < e.end)
        for part, found in parts
        for unit in range(utf16_len(part))
    ]
    assert after == before


@settings(deadline=None)
@given(formatted(), st.integers(12, 60))
def test_no_visible_character_is_torn(message: tuple[str, tuple[Entity, ...]], limit: int) -> None:
    """A joined emoji, a flag or a letter with its mark is never cut in two."""
    text, _ = message

    parts = [part for part, _ in split_message(text, (), limit)]

    for whole in WHOLE:
        assert sum(part.count(whole) for part in parts) == text.count(whole)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["سلام", "می‌رود", "Tehran", "۱۲۳۴"]), min_size=1, max_size=60))
def test_no_word_is_cut_when_words_fit(words: list[str]) -> None:
    """Between words there is always a better place."""
    parts = [part for part, _ in split_message(" ".join(words), (), 20)]

    assert " ".join(parts).split() == words


def test_an_entity_that_fits_is_not_cut() -> None:
    """The cut is moved before the bold words although a space inside them comes later."""
    text = "یک دو سه " + "چهار پنج شش" + " هفت"
    bold = Entity(kind=EntityKind.BOLD, offset=9, length=11)

    parts = split_message(text, (bold,), 18)

    assert parts == [
        ("یک دو سه ", ()),
        ("چهار پنج شش هفت", (Entity(kind=EntityKind.BOLD, offset=0, length=11),)),
    ]


def test_an_entity_longer_than_a_part_goes_on_in_the_next() -> None:
    """A quote of many lines is cut at a line, and both halves are quotes."""
    line = "خطی از یک نقل قول بلند\n"
    text = "«" + line * 5
    quote = Entity(kind=EntityKind.QUOTE, offset=1, length=len(text) - 1)

    parts = split_message(text, (quote,), 60)

    assert [part for part, _ in parts] == ["«" + line * 2, line * 2, line]
    assert [[e.kind for e in found] for _, found in parts] == [[EntityKind.QUOTE]] * 3


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("الف ب پ.\n\nت ث ج چ ح", "الف ب پ.\n\n"),
        ("الف ب پ ت\nث ج چ ح خ د", "الف ب پ ت\n"),
        ("الف ب پ ت. ث ج چ ح خ د", "الف ب پ ت. "),
        ("الف ب پ ت ث ج چ ح خ د", "الف ب پ ت ث ج چ "),
        ("ا" * 30, "ا" * 16),
    ],
)
def test_a_cut_is_made_at_the_best_place(text: str, first: str) -> None:
    """Paragraph before line before sentence before word before letter."""
    assert split_message(text, (), 16)[0][0] == first


def test_a_part_has_no_more_entities_than_telegram_heeds() -> None:
    """Beyond a hundred entities Telegram drops formats silently: the rest goes to the next part."""
    entities = tuple(Entity(kind=EntityKind.BOLD, offset=n * 3, length=2) for n in range(230))

    parts = split_message("اب " * 230, entities)

    assert [len(found) for _, found in parts] == [100, 100, 30]


def test_a_long_caption_goes_on_as_text() -> None:
    """The picture takes 1024 units, the rest follows with the buttons, blanks are not sent."""
    keyboard = ((Button(text="x", data="x"),),)
    message = OutMessage(
        text="واژه " * 1500 + "\n" * 5000,
        photo=Attachment(path="/tmp/x.png"),
        keyboard=keyboard,
    )

    parts = split_out(message)

    assert [part.photo is not None for part in parts] == [True, False, False]
    assert [bool(part.keyboard) for part in parts] == [False, False, True]
    assert parts[0].length <= 1024
    assert "".join(part.text for part in parts).split() == message.text.split()


def test_a_short_message_stays_itself() -> None:
    """Nothing is split that fits."""
    message = OutMessage(text="سلام", photo=Attachment(path="/tmp/x.png"))

    assert split_out(message) == [message]


@pytest.mark.parametrize(
    ("markdown", "text", "kinds"),
    [
        ("**سلام** دنیا", "سلام دنیا", ["bold"]),
        ("# تیتر", "تیتر", ["bold"]),
        ("[خبر](https://a.ir/x_y)", "خبر", ["text_link"]),
        ("[بد](javascript:alert)", "بد", []),
        ("[بد](/etc/passwd)", "بد", []),
        ("https://a.ir/__b__c، بعد", "https://a.ir/__b__c، بعد", ["text_link"]),
        ("`<b>` و <b>پررنگ</b>", "<b> و <b>پررنگ</b>", ["code"]),
        ("- یک\n- دو", "• یک\n• دو", []),
        ("**ناتمام", "**ناتمام", []),
        ("#برف_تهران #AI_Trends", "#برف_تهران #AI_Trends", []),
        ("```py\nx = '<a>' # https://a.ir\n```", "x = '<a>' # https://a.ir", ["pre"]),
        ("", "", []),
    ],
)
def test_markdown_becomes_text_and_entities(markdown: str, text: str, kinds: list[str]) -> None:
    """Markup turns into entities, nothing unsafe becomes a link, nothing is swallowed."""
    made, entities = from_markdown(markdown)

    assert (made, [entity.kind.value for entity in entities]) == (text, kinds)


@settings(deadline=None, max_examples=60)
@given(st.text(st.sampled_from("سلام AI*_`[]()<>#\n-1.!~|\\🔥https:/&"), max_size=120))
def test_any_markdown_gives_valid_entities(markdown: str) -> None:
    """Broken markup never raises and never yields an entity outside the text."""
    text, entities = from_markdown(markdown, rtl=True)

    assert all(e.offset >= 0 and e.length > 0 and e.end <= utf16_len(text) for e in entities)
