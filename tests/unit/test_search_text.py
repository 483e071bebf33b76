"""What is indexed and what is asked meet, however either was typed."""

from __future__ import annotations

import pytest

from bot.analysis.text import query_words, search_words


def finds(query: str, text: str) -> bool:
    """Whether a full-text index that wants every word of the query would return the text."""
    wanted = query_words(query).split()
    return bool(wanted) and set(wanted) <= set(search_words(text).split())


SPELLINGS = [
    ["می‌خواهم بروم", "میخواهم بروم", "می خواهم بروم", "مي‌خواهم بروم", "می‌خواهَم بروم"],
    ["کتاب‌های ایران", "کتابهای ایران", "کتاب های ایران", "كتاب‌هاي ايران"],
    ["آزادی", "ازادی", "آزادي", "أزادی"],
    ["سال ۱۴۰۳", "سال 1403", "سال ١٤٠٣"],
    ["مسئول رئیس", "مسيول رييس", "مسئول رییس"],
    ["دانش‌آموز", "دانش آموز", "دانشآموز"],
    ["احمدی‌نژاد گفت", "احمدی نژاد گفت", "احمدینژاد گفت"],
    ["بزرگ‌ترین شهر", "بزرگترین شهر", "بزرگ ترین شهر"],
    ["هسته‌ای", "هسته ای"],
    ["#برف_تهران", "#برف‌تهران"],
    ["Café LONDON", "cafe london"],
]


@pytest.mark.parametrize(
    ("query", "text"), [(one, other) for group in SPELLINGS for one in group for other in group]
)
def test_every_spelling_finds_every_other(query: str, text: str) -> None:
    assert finds(query, f"پیش از آن {text} و پس از آن")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("برف تهران", "امروز #برف_تهران زیباست"),
        ("تهران", "امروز #برف_تهران زیباست"),
        ("کتاب", "کتاب‌ها را خریدم"),
        ("کتاب", "کتاب ها را خریدم"),
        ("کتاب", "كتابهاي خوب"),
        ("خانه", "خانه‌ای در شمال"),
        ("علی رضا", "علی‌رضا آمد"),
        ("علی‌رضا", "علی رضا آمد"),
        ("ali_reza", "@Ali_Reza سلام"),
        ("هسته", "برنامه هسته‌ای"),
    ],
)
def test_parts_find_the_whole(query: str, text: str) -> None:
    assert finds(query, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [("#برف_تهران", "برف در تهران"), ("شیر", "شیراز"), ("تن", "تنها"), ("خواهم", "می‌خواهم")],
)
def test_other_words_are_not_found(query: str, text: str) -> None:
    assert not finds(query, text)


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("«می خواهم بروم»", '"میخواهم بروم"'),
        ('"یک عبارت" تهران', '"یک عبارت" تهران'),
        ("تهران -برف", "تهران -برف"),
        ('-"هوای سرد"', '-"هوای سرد"'),
        ("-#برف_تهران", "-برفتهران"),
        ("“quoted words”", '"quoted words"'),
        ("قیمت-دلار", "قیمت دلار"),
        ('"نیمه', "نیمه"),
        ("- ! «»", ""),
        ("", ""),
    ],
)
def test_quotes_and_minus_keep_their_meaning(query: str, asked: str) -> None:
    assert query_words(query) == asked


def test_links_are_not_words() -> None:
    assert search_words("ببین https://t.co/AbC www.site.ir/x") == "ببین"


def test_words_stand_in_order_before_the_rest() -> None:
    """A phrase is looked for among neighbours: what is added must not part them."""
    words = search_words("در #برف_تهران علی‌رضا کتاب‌ها را دید")

    assert words == "در برف تهران علیرضا کتابها را دید برفتهران علی رضا کتاب"
