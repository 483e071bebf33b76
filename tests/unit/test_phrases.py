"""Phrases are learnt from what stands together, and found again; keywords name a text's subject."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.analysis import phrases
from bot.analysis.keywords import keywords
from bot.analysis.phrases import Phrases, learn
from bot.analysis.text import analyse, fold
from bot.analysis.training import collocations

unhurried = settings(deadline=None, derandomize=True)

_WORDS = [
    *["باران", "کتاب", "درخت", "خیابان", "دریا", "معلم"],
    *["بازار", "گندم", "ماهی", "ستاره", "قطار", "پنجره"],
]


def sentences(phrase: str, count: int) -> Iterator[str]:
    """Different sentences with the phrase between other words."""
    for number in range(count):
        first, second = _WORDS[number % 12], _WORDS[number * 5 % 12]
        yield f"{first} {number} {phrase} {second} {_WORDS[number // 12 % 12]}"


def test_words_that_stand_together_are_a_phrase() -> None:
    texts = [*sentences("هوش مصنوعی", 30), *sentences("چراغ", 30), *sentences("سبد", 60)]

    found = {phrase.words: phrase.posts for phrase in learn(texts)}

    assert found == {("هوش", "مصنوعی"): 30}


def test_longer_phrases_grow_out_of_shorter_ones() -> None:
    texts = [*sentences("مجلس شورای محلی", 30), *sentences("شورای", 30), *sentences("سبد", 90)]

    assert ("مجلس", "شورای", "محلی") in {phrase.words for phrase in learn(texts)}


def test_a_campaign_of_copies_makes_no_phrase() -> None:
    text = "فردا ساعت پنج همه به میدان بزرگ شهر قشنگ خودمان می‌آییم و آواز بلند می‌خوانیم"
    copies = [f"{text} https://t.co/{number}" for number in range(40)]

    assert learn([*copies, *sentences("سبد", 60)]) == []


def test_no_phrase_goes_across_punctuation_or_ends_in_a_function_word() -> None:
    apart = [text.replace("هوش مصنوعی", "هوش. مصنوعی") for text in sentences("هوش مصنوعی", 30)]
    loose = list(sentences("هوش که", 30))

    assert learn([*apart, *sentences("سبد", 60)]) == []
    assert learn([*loose, *sentences("سبد", 60)]) == []


def test_the_longest_phrase_is_found() -> None:
    known = Phrases([("تیم", "ملی"), ("تیم", "ملی", "فوتبال"), ("ملی", "پوش")])

    assert known.chunk(["بازی", "تیم", "ملی", "فوتبال", "و", "تیم", "ملی", "پوش"]) == [
        *["بازی", "تیم ملی فوتبال", "و", "تیم ملی", "پوش"]
    ]
    assert known.within(["تیم", "ملی", "تیم", "ملی"]) == ("تیم ملی",)
    assert len(known) == 3


@unhurried
@given(st.lists(st.sampled_from(["جمهوری", "اسلامی", "تیم", "ملی", "و", "لیگ", "برتر"])))
def test_chunks_lose_no_word(words: list[str]) -> None:
    assert " ".join(phrases.load().chunk(words)).split() == words


def test_shipped_phrases_are_keys_of_two_words_or_more() -> None:
    known = phrases.load()
    wrong = [
        line
        for line in (
            " ".join((first, *rest)) for first, rests in known._rests.items() for rest in rests
        )
        if fold(line) != line or " " not in line
    ]

    assert wrong == []
    assert len(known) > 1000


def test_signatures_of_agencies_are_left_out_of_the_list() -> None:
    found = [phrases.Learnt(("خبرگزاری", "فارس"), 9, 0.9), phrases.Learnt(("لیگ", "برتر"), 8, 0.7)]

    assert collocations.listed(found).splitlines()[1:] == ["لیگ برتر"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("مدیر برنامه‌های رئال مادرید گفت که بازیکن می‌رود", "رئال مادرید"),
        ("هزینه‌های سفر به #بیروت را بخوانید", "#بیروت"),
        ("آتش‌بس برقرار شد، همه از آتش‌بس می‌گویند و می‌نویسند", "آتش‌بس"),
    ],
)
def test_the_first_keyword_is_the_subject(text: str, named: str) -> None:
    assert keywords(text)[0].shown == named


def test_function_words_verbs_and_signatures_are_no_keywords() -> None:
    shown = {
        word.shown for word in keywords("ما هم می‌رویم که زلزله را بشمریم\nعلی آقا\n@channel", 9)
    }

    assert shown == {"زلزله"}


def test_a_word_of_a_chosen_hashtag_or_phrase_is_not_named_again() -> None:
    shown = [word.shown for word in keywords("#قطعی_برق در جمهوری اسلامی و لیگ برتر", 9)]

    assert sorted(shown) == sorted(["#قطعی_برق", "جمهوری اسلامی", "لیگ برتر"])


def test_a_text_without_words_has_no_keywords() -> None:
    assert keywords("😂 https://t.co/a") == []
    assert analyse("😂").words == ()
