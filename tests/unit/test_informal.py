"""Spoken Persian in the words of writing."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.analysis import informal
from bot.analysis.conjugation import written_verb
from bot.analysis.informal import formal, spoken_words
from bot.analysis.spoken_lexicon import Lexicon
from bot.analysis.text import normalise
from bot.analysis.training import spoken

unhurried = settings(deadline=None, derandomize=True)


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("میگن", "می‌گویند"),
        ("نمیتونم", "نمی‌توانم"),
        ("می‌شه", "می‌شود"),
        ("میشد", "می‌شد"),
        ("میدید", "می‌دید"),
        ("بخواد", "بخواهد"),
        ("بیاره", "بیاورد"),
        ("نیومدم", "نیامدم"),
        ("بذارین", "بگذارید"),
        ("بذار", "بگذار"),
        ("میفته", "می‌افتد"),
        ("بندازه", "بیندازد"),
        ("بیفته", "بیفتد"),
        ("میاد", "می‌آید"),
        ("بیای", "بیایی"),
        ("میرونه", "می‌راند"),
        ("برمیگرده", "برمی‌گردد"),
        ("ورمیداره", "برمی‌دارد"),
        ("میبینمش", "می‌بینمش"),
        ("خونده", "خوانده"),
        ("خوندن", "خواندن"),
        ("میخوندن", "می‌خواندند"),
        ("گفتین", "گفتید"),
    ],
)
def test_verbs_are_conjugated_in_writing(said: str, written: str) -> None:
    assert written_verb(said) == written


@pytest.mark.parametrize(
    "word",
    [
        *["می‌کنم", "می‌روند", "می‌توانسته", "بینداز", "بگو", "رفتن", "بردم", "ندیدم", "نگفت"],
        *["کتاب", "باورم", "بازاری", "", "ب", "می"],
    ],
)
def test_what_is_written_so_or_is_no_verb_has_no_other_form(word: str) -> None:
    assert written_verb(word) is None


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("میخوام چیزا رو ببینم", "می‌خواهم چیزها را ببینم"),
        ("خونه‌شون خیلی قشنگه", "خانه‌شان خیلی قشنگ است"),
        ("بچه‌هام مهمونی نرفتن", "بچه‌هایم مهمانی نرفتند"),
        ("این آدما چقد آرومن", "این آدم‌ها چقدر آرومن"),
        ("منم همینو میگم", "من هم همین را می‌گویم"),
        ("زندگیم عوض شد", "زندگی‌ام عوض شد"),
        ("کتابهای تازه و کتابخونه", "کتاب‌های تازه و کتابخانه"),
        ("اخرین خبر", "آخرین خبر"),
        ("علاقم کم شده", "علاقه‌ام کم شده"),
        ("تو خیابون بودیم", "در خیابان بودیم"),
        ("از تو بهتره", "از تو بهتر است"),
        ("تو هم بیا", "تو هم بیا"),
        ("همه چی درست میشه، چی بگم", "همه چیز درست می‌شود، چه بگویم"),
        ("گذاشتم رو میز", "گذاشتم روی میز"),
        ("همه رو دیدم", "همه را دیدم"),
        ("همه کار کردن.", "همه کار کردند."),
        ("برای کار کردن آمد", "برای کار کردن آمد"),
        ("بدین ترتیب بدین به ما", "بدین ترتیب بدهید به ما"),
        ("در پیش رو ی خانه ی ما", "در پیش رو ی خانه ی ما"),
        ("من ی روز دیدم", "من یک روز دیدم"),
        ("بدن آدم؛ میخوان رای بدن", "بدن آدم؛ می‌خواهند رای بدهند"),
    ],
)
def test_spoken_words_are_written(said: str, written: str) -> None:
    assert formal(said) == written


@pytest.mark.parametrize(
    "text",
    [
        "رئیس‌جمهور در نشست خبری گفت که قانون تازه اجرا می‌شود.",
        "خانه‌های قدیمی شهر، دستم، دنیای ما، جاها و انحرافات",
        "بیان این واقعیت، بدنش، موفقیت‌هایش، میان ایران و عراق، هرجا",
        "#میخوام https://x.ir/میشه @mishe",
        "",
    ],
)
def test_written_persian_and_entities_stay(text: str) -> None:
    assert formal(text) == text


def test_the_answer_is_the_same_the_second_time() -> None:
    text = "تو خونه بودیم و همه رو دیدیم؟ «تو هم» بودی، توی باغ"

    assert formal(text) == formal(text) == "در خانه بودیم و همه را دیدیم؟ «تو هم» بودی، در باغ"


def test_spoken_words_are_named_with_what_is_written() -> None:
    assert spoken_words("میخوام برم #میخوام خانه") == {"میخوام": "می‌خواهم", "برم": "بروم"}


def test_listed_words_are_in_display_form() -> None:
    lexicon = Lexicon.load()
    words = {*lexicon.listed, *lexicon.listed.values(), *lexicon.known}

    assert {word for word in words if normalise(word) != word} == set()


PIECES = st.sampled_from(
    [*"اآبتخدرسشکگلمنوهیئ\u200c \n.،؟#@", "می", "ون", "ها", "تو", "رو", "https://t.co/a", " تو "]
)


@unhurried
@given(st.lists(PIECES, max_size=14).map("".join))
def test_any_text_keeps_its_gaps_and_entities(text: str) -> None:
    shown = normalise(text)
    answer = formal(text)

    assert [part for part in answer if not part.isalpha()].count("\n") == shown.count("\n")
    assert answer.count("https://t.co/a") >= shown.count("https://t.co/a ")
    assert formal(text) == answer


SENTENCES = [
    ("اون کتابو دیدم", "آن کتاب را دیدم"),
    ("زنگوله زنگولک شد", "زنگوله زنگوله شد"),
    ("زنگولک شد", "زنگوله شد"),
]


def test_the_trainer_learns_what_the_rules_get_wrong() -> None:
    known = frozenset({"زنگوله", "دیدم", "شد", "کتاب"})

    assert spoken.learn(SENTENCES, known, {"اون": "آن"}) == [("زنگولک", "زنگوله")]


def test_words_that_only_tweets_have_are_spoken() -> None:
    known = spoken.written_words(
        {"خانه": 5000, "رو": 9000, "هیچستان": 0},
        Counter({"خونه": 4, "رئیس": 9, "خانه": 5000}),
        Counter({"خونه": 500, "خانه": 40, "رو": 3000, "تلگرام": 20}),
        {"رو": "را"},
    )

    assert known == ["تلگرام", "خانه", "رئیس"]


def test_what_is_remembered_stays_bounded_and_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(informal, "_REMEMBERED", 20)
    writer = informal.Writer(Lexicon.load())

    answers = [writer.formal(f"میخوام کلمه{number} تو شهر") for number in range(60)]

    assert answers == [f"می‌خواهم کلمه{number} در شهر" for number in range(60)]
    assert len(writer._seen) <= 25
