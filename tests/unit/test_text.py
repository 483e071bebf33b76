"""Display form, comparison key and the parts of a text, case by case."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.analysis.text import (
    TextParts,
    analyse,
    display_key,
    fold,
    fold_tag,
    language_hint,
    normalise,
    spellings,
    stopwords,
    surfaces,
)

DATA = Path(__file__).parents[1] / "data"


def rows(name: str) -> list[list[str]]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [
        [cell.encode("ascii", "backslashreplace").decode("unicode_escape") for cell in cells]
        for cells in (line.split("\t") for line in lines if line and not line.startswith("# "))
    ]


@pytest.mark.parametrize(("written", "expected"), rows("text_normalise.tsv"))
def test_shown_form_repairs_accidents_only(written: str, expected: str) -> None:
    """Keyboard and font accidents are repaired; spelling, links, tags, numbers are not touched."""
    assert normalise(written) == expected


@pytest.mark.parametrize(
    ("key", "written"),
    [(row[0], written) for row in rows("text_keys.tsv") for written in row[1:]],
)
def test_every_spelling_has_one_key(key: str, written: str) -> None:
    """Letters, half-spaces, marks, digits, case and punctuation make no difference to the key."""
    assert fold(written) == key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("کتاب", "کباب"),
        ("علی", "عالی"),
        ("شیر", "سیر"),
        ("تعدد", "تعد"),
        ("12", "13"),
        ("بی", "بیی"),
    ],
)
def test_different_words_keep_different_keys(one: str, other: str) -> None:
    assert fold(one) != fold(other)


def test_empty_and_invisible_texts_have_the_empty_key() -> None:
    assert [fold(text) for text in ("", " \n", "\u200c\u200f", "!؟…", "😂", "\ud800")] == [""] * 6
    assert [normalise(text) for text in ("", " \n", "\u200f", "\ud800")] == [""] * 4


def test_parts_of_a_tweet_are_told_apart() -> None:
    text = "سلام @Ali_Reza، #برف_تهران را ببين: https://t.co/AbC1 😂❤️🇮🇷 a@b.ir (http://x.ir/a)! #يخ"

    parts = analyse(text)

    assert parts == TextParts(
        words=("سلام", "برف", "تهران", "را", "ببین", "a", "b", "ir", "یخ"),
        hashtags=("برفتهران", "یخ"),
        mentions=("ali_reza",),
        urls=("https://t.co/AbC1", "http://x.ir/a"),
        emoji=("😂", "❤️", "🇮🇷"),
    )


def test_a_joined_emoji_is_one() -> None:
    assert analyse("👩‍👩‍👧👍🏽").emoji == ("👩‍👩‍👧", "👍🏽")


def test_a_text_without_words_has_no_parts() -> None:
    assert analyse("…") == TextParts()


def test_hashtag_spellings_share_a_key() -> None:
    tags = ["#برف_تهران", "#برف‌تهران", "برف تهران", "#برفتهران", "＃برف_تهران"]

    assert {fold_tag(tag) for tag in tags} == {"برفتهران"}
    assert display_key("#برف_تهران") == "برفتهران"


def test_surfaces_remember_how_a_key_was_written() -> None:
    pairs = list(surfaces("مي خواهم #برف_تهران @someone https://t.co/x 'علی‌رضا'"))

    assert pairs == [
        ("میخواهم", "می‌خواهم"),
        ("برفتهران", "#برف_تهران"),
        ("علیرضا", "علی‌رضا"),
    ]


def test_the_most_frequent_spelling_is_shown() -> None:
    texts = ["میخواهم", "می‌خواهم", "می خواهم", "#برفتهران", "#برف_تهران"]

    shown = spellings(pair for text in texts for pair in surfaces(text))

    assert shown == {"میخواهم": "می‌خواهم", "برفتهران": "#برفتهران"}


@pytest.mark.parametrize(
    "word",
    [
        "و",
        "که",
        "اینه",
        "دیگه",
        "یه",
        "رو",
        "واسه",
        "الان",
        "نمی‌کنم",
        "بوده‌اند",
        "the",
        "don't",
        "RT",
    ],
)
def test_function_words_are_stop_words(word: str) -> None:
    assert fold(word) in stopwords


@pytest.mark.parametrize(
    "word", ["مردم", "ایران", "برف", "اعتصاب", "زن", "بازار", "دلار", "آزادی", "iran"]
)
def test_words_with_a_subject_are_not_stop_words(word: str) -> None:
    assert fold(word) not in stopwords


def test_stop_words_are_keys() -> None:
    assert {word for word in stopwords if fold(word) != word} == set()


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("fa", "امروز هوا خیلی خوب بود و رفتیم بیرون"),
        ("fa", "برف"),
        ("fa", "هى ميگم نكن، گوش نميكنى كه"),
        ("fa", "گفت السلام علیکم و رفت"),
        ("fa", "\ufeb3\ufefc\ufee1 \ufea9\ufee7\ufbff\ufe8e"),
        ("fa", "سلام hello"),
        ("fa", "@someone #tag https://example.com/abcdef بله"),
        ("ar", "أعلنت الوزارة عن فتح الحدود في الأسبوع القادم"),
        ("ar", "هذا ما قال الرئيس عن الأزمة الجديدة"),
        ("ckb", "ئەمڕۆ لە شارەکەمان بەفرێکی زۆر باری"),
        ("ur", "آج شہر میں بہت برف پڑی ہے اور سڑکیں بند ہیں"),
        ("ar", "أدخل رقما صحيحا"),
        ("ckb", "کورد لە هەولێر کۆبوونەوە"),
        ("ur", "تمام منتخب کریں"),
        ("ur", "آج بارش ہوگی"),
        ("ps", "ولسمشر وویل چې د سولې خبرې به بیا پیل شي"),
        ("ug", "بۈگۈن ھاۋا ناھايىتى ياخشى بولدى"),
        ("fa", "السلام علیک یا اباعبدالله"),
        ("fa", "بازار سعد السلطنه"),
        ("fa", "جمهورەی ما از آن سال"),
        ("fa", "مردم کابل از کار شاروالی راضی‌اند"),
        ("en", "Snow closed the schools in the north today"),
        ("und", "😂 123"),
        ("und", "@someone"),
    ],
)
def test_language_is_told_from_letters_and_function_words(expected: str, text: str) -> None:
    assert language_hint(text) == expected
