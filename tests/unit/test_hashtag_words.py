"""Hashtags as words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.analysis.hashtag_words import split_tag, units
from bot.analysis.text import fold

unhurried = settings(deadline=None, derandomize=True)


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("#قطعی_برق", "قطعی برق"),
        ("#قطعی\u200cبرق", "قطعی برق"),
        ("#قطعیبرق", "قطعی برق"),
        ("#رشداقتصادی", "رشد اقتصادی"),
        ("#محمدرضا_بقایی", "محمدرضا بقایی"),
        ("#کتاب_ها", "کتابها"),
        ("#دانشجویان", "دانشجویان"),
        ("#ایران", "ایران"),
        ("#انتخابات۱۴۰۳", "انتخابات 1403"),
        ("#دلار۶۰۰۰تومنی", "دلار 6000 تومنی"),
        ("#WomenLifeFreedom2022", "women life freedom 2022"),
        ("#FIFAWorldCup", "fifa world cup"),
        ("#iran_protests", "iran protests"),
        ("#BBCفارسی", "bbc فارسی"),
        ("#", ""),
        ("", ""),
    ],
)
def test_a_tag_is_its_words(tag: str, words: str) -> None:
    assert split_tag(tag) == tuple(words.split())


def test_endings_stay_with_their_word_and_compounds_part() -> None:
    assert units("دانش\u200cآموز\u200cها") == ["دانش", "آموزها"]
    assert units("می\u200cخواهم") == ["میخواهم"]


@unhurried
@given(st.text("ابپتدرسشکگلمنوهی_\u200c۱۲Az", max_size=20))
def test_no_letter_of_a_tag_is_lost(tag: str) -> None:
    assert "".join(split_tag(tag)) == fold(tag).replace(" ", "")
