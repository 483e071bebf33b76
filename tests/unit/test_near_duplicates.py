"""Copies are found however they were changed, and different posts are left alone."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.analysis.entities import analyse
from bot.analysis.figures import NO_FIGURES, figures_of
from bot.analysis.near_duplicates import (
    Match,
    MatchKind,
    NearDuplicates,
    content_key,
    content_of,
)
from tests.bench.notices import NOTICES, notice

unhurried = settings(deadline=None, derandomize=True)  # a busy machine, the same verdict

STORY = (
    "شهرداری از امشب مسیر تازه اتوبوس‌های برقی را میان میدان راه‌آهن و پارک ساحلی راه می‌اندازد "
    "و بلیت آن تا پایان ماه رایگان است"
)

COPIES = {
    "link changed": f"{STORY} https://t.co/Zz12345678",
    "retweet": f"RT @a_reader: {STORY}",
    "reply to two people": f"@first @second_2 {STORY}",
    "cut short": f"RT @a_reader: {STORY[:92]}…",
    "tail only": STORY[40:],
    "Arabic letters": STORY.replace("ی", "ي").replace("ک", "ك"),
    "no half-spaces": STORY.replace("\u200c", ""),
    "spaces for half-spaces": STORY.replace("\u200c", " "),
    "vowel marks": STORY.replace("امشب", "اِمشَب"),
    "emoji": STORY.replace(" ", " 🚌 ", 4) + " 😍😍",
    "hashtags appended": f"{STORY} #اتوبوس #خبر_شهر #پارک_ساحلی",
    "words tagged": STORY.replace("شهرداری", "#شهرداری").replace("پارک ساحلی", "#پارک_ساحلی"),
    "credit line": f"{STORY}\nمنبع: روزنامه_محله",
    "a word left out": STORY.replace(" تازه", ""),
    "two words changed": STORY.replace("تازه", "جدید").replace("پایان ماه", "آخر ماه"),
    "punctuation": STORY.replace(" و ", "؛ و ") + "!!!",
}


def remembering(*texts: str) -> NearDuplicates:
    index = NearDuplicates()
    for number, text in enumerate(texts, start=1):
        assert index.add(number, text, float(number)) is None
    return index


@pytest.mark.parametrize("changed", COPIES.values(), ids=COPIES.keys())
def test_a_changed_copy_names_its_original(changed: str) -> None:
    index = remembering("هوا فردا در بیشتر شهرهای شمال ابری و گاهی بارانی است", STORY)

    match = index.add(9, changed, 10.0)

    assert match is not None
    assert (match.of, match.kind in (MatchKind.EXACT, MatchKind.NEAR)) == (2, True)


@pytest.mark.parametrize(
    "name", ["link changed", "retweet", "Arabic letters", "emoji", "punctuation"]
)
def test_the_same_words_are_an_exact_copy(name: str) -> None:
    match = remembering(STORY).add(2, COPIES[name], 2.0)

    assert match == Match(1, MatchKind.EXACT, 1.0)


def test_a_quote_with_a_comment_is_told_from_a_copy() -> None:
    comment = (
        "ده سال است همین را وعده می‌دهند و هر بار چیزی پیش می‌آید؛ امیدوارم این یکی بماند چون "
        "مسیرش از جلوی خانه ما می‌گذرد و بچه‌ها هر روز با آن به مدرسه می‌روند"
    )

    match = remembering(STORY).add(2, f"{comment}: «{STORY}» حالا ببینیم چه می‌شود", 2.0)

    assert match is not None
    assert (match.of, match.kind) == (1, MatchKind.QUOTE)


def test_a_quote_is_a_post_of_its_own() -> None:
    """What repeats the quoting text is a copy of that text, not of what it quotes."""
    index = remembering(STORY)
    quoting = (
        "من از روز اول گفتم این کار شدنی است و کسی باور نکرد، حالا بخوانید و خودتان داوری کنید که "
        f"چه کسی راست می‌گفت و چه کسی فقط نق می‌زد: {STORY}"
    )
    index.add(2, quoting, 2.0)

    match = index.add(3, quoting + " 👏", 3.0)

    assert match == Match(2, MatchKind.EXACT, 1.0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("آتش‌سوزی در بازار بزرگ شهر", "جشن خیابانی در بازار بزرگ اصفهان"),
        ("زلزله ۴٫۲ ریشتری مرز استان را لرزاند", "زلزله ۵٫۱ ریشتری مرز استان را لرزاند"),
        ("بازی امشب دو بر یک تمام شد", "بازی دیشب سه بر صفر تمام شد"),
        ("قیمت سکه امروز به ۴۱ میلیون تومان رسید", "قیمت سکه امروز به ۴۳ میلیون تومان رسید"),
        ("وزیر راه از پل تازه دیدن کرد", "وزیر راه از فرودگاه تازه دیدن می‌کند"),
        ("صبح بخیر دوستان", "شب بخیر دوستان"),
        ("خدا به ما رحم کند", "باز هم برق رفت، خدا به ما رحم کند که تازه اول تابستان است"),
        ("سه شنبه باران می‌بارد امروز سه شنبه است", "فردا باران می‌بارد چون سه شنبه گذشت"),
        (
            "برف جاده را بست #برف_شمال #جاده_چالوس #هواشناسی",
            "همه مدرسه‌ها فردا باز است #برف_شمال #جاده_چالوس #هواشناسی",
        ),
    ],
)
def test_different_posts_with_common_words_stay_apart(one: str, other: str) -> None:
    assert remembering(one).add(2, other, 2.0) is None


def test_a_set_phrase_does_not_make_a_copy() -> None:
    """Word pairs that many posts share weigh little: what differs decides."""
    phrase = "از شما دعوت می‌شود برای تماشای برنامه تازه شبکه"
    shuffled = random.Random(4)
    index = NearDuplicates()
    for number in range(20):
        rest = ("".join(shuffled.choices("بتدرسشمنل", k=6)) for _ in range(14))
        index.add(number, f"{phrase} {' '.join(rest)}", 0.0)

    found = [
        index.add(100, f"{phrase} درباره نجوم آماتوری دشت", 1.0),
        index.add(101, f"{phrase} پیرامون آشپزی محلی جنوب", 2.0),
    ]

    assert found == [None, None]


@pytest.mark.parametrize("text", ["", "😂😂", "https://t.co/abc", "دمت گرم", "@a @b #وای"])
def test_a_post_too_short_to_compare_never_matches(text: str) -> None:
    index = NearDuplicates()

    assert [index.add(number, text, 0.0) for number in (1, 2)] == [None, None]
    assert content_key(text) == 0


def test_a_post_seen_again_is_not_its_own_copy() -> None:
    index = remembering(STORY)

    assert index.add(1, STORY, 2.0) is None
    assert len(index) == 1


def test_a_copy_of_a_copy_names_the_original() -> None:
    index = remembering(STORY)
    index.add(2, COPIES["two words changed"], 2.0)

    match = index.add(3, COPIES["two words changed"], 3.0)

    assert match is not None
    assert match.of == 1


def test_old_posts_are_forgotten() -> None:
    index = NearDuplicates(max_age_s=100.0)
    index.add(1, STORY, 0.0)

    assert index.add(2, STORY, 100.0) == Match(1, MatchKind.EXACT, 1.0)
    assert index.add(3, STORY, 101.0) is None
    assert index.add(4, COPIES["cut short"], 102.0) is not None


def test_the_number_of_posts_is_bounded() -> None:
    index = NearDuplicates(max_posts=50)
    letters = random.Random(1)

    for number in range(400):
        index.add(number, " ".join("".join(letters.choices("ابتدرس", k=5)) for _ in range(12)), 0.0)

    assert len(index) == 50
    assert (
        not index._by_pair
        or max(max(ids) if isinstance(ids, list) else ids for ids in index._by_pair.values()) <= 399
    )
    assert len(index._by_key) == 50
    assert sum(index._common) == sum(len(post.pairs) for post in index._posts.values())


def test_posts_under_the_same_pairs_are_forgotten_one_by_one() -> None:
    """Short posts are filed under all their pairs; thirty share one, and each can go."""
    index = NearDuplicates(max_posts=40)
    names = [first + second for first in "بتدرس" for second in "لمنوهی"]
    for number, name in enumerate(names):
        index.add(number, f"فروردین {name} خرداد دیر {name[::-1]} رسید", 0.0)
    for number in range(100, 140):
        index.add(number, f"تنها {'ا' * 2}{number} شماره {number * 7} اینجا {number * 13}", 1.0)

    assert len(index) == 40
    assert set(index._posts) == set(range(100, 140))
    assert index.add(500, f"فروردین {names[3]} خرداد دیر {names[3][::-1]} رسید", 1.0) is None


def test_an_edited_post_is_remembered_by_its_new_text() -> None:
    index = remembering(STORY)
    edited = "بارش برف از فردا در همه استان‌های شمالی آغاز می‌شود و تا آخر هفته ادامه دارد"

    assert index.add(1, edited, 2.0) is None
    assert index.add(2, edited, 3.0) == Match(1, MatchKind.EXACT, 1.0)
    assert index.add(3, STORY, 4.0) is None
    assert len(index) == 2


def test_what_was_loaded_is_known_after_a_restart() -> None:
    index = NearDuplicates()

    index.load([(1, STORY, 0.0), (2, content_of("باران دیشب همه جاده‌های شمال را بست"), 1.0)])

    assert index.add(3, COPIES["cut short"], 2.0) is not None
    assert index.add(4, "باران دیشب همه جاده های شمال را بست!", 2.0) == Match(
        2, MatchKind.EXACT, 1.0
    )


def test_the_key_is_stable_and_fits_a_signed_column() -> None:
    """A stored key must mean the same after an update and on another machine."""
    assert content_key("سلام دنیای بزرگ") == content_key(("سلام", "دنیای", "بزرگ"))
    assert content_key("سلام دنیای بزرگ") == KNOWN_KEY
    assert -(2**63) <= KNOWN_KEY < 2**63


KNOWN_KEY = 20298609155243007  # blake2b of the folded words


@pytest.mark.parametrize("name", NOTICES)
def test_the_same_notice_with_other_figures_is_another_post(name: str) -> None:
    """Prices, scores, quakes, hours of prayer: news each time, however long the sentence is."""
    rng = random.Random(3)
    index, found = NearDuplicates(), 0

    for number in range(40):
        match = index.add(number, notice(name, rng), 0.0)
        found += match is not None and match.kind is not MatchKind.EXACT

    assert found <= 1  # the same figures in another order


def test_one_retouched_figure_of_many_still_makes_a_copy() -> None:
    report = (
        "در سال ۱۴۰۲ از ۳۱ استان ۱۲ استان باران کمتری داشتند و ۹ سد به زیر ۲۰ درصد رسید؛ وزارت "
        "نیرو می‌گوید برای ۲۵ شهر برنامه تانکر آب دارد و مردم باید تا پایان پاییز در مصرف خود "
        "صرفه‌جویی کنند"
    )

    match = remembering(report).add(2, report.replace("۲۵", "۲۶"), 2.0)

    assert match is not None
    assert match.kind is MatchKind.NEAR


@pytest.mark.parametrize("end", ["۱۲", "۱۲:۳", "۱"])
def test_a_figure_that_was_cut_through_is_no_other_figure(end: str) -> None:
    text = f"{STORY} و نخستین اتوبوس ساعت"

    match = remembering(f"{text} ۱۲:۳۰ راه می‌افتد").add(2, f"{text} {end}…", 2.0)

    assert match is not None
    assert match.kind is MatchKind.NEAR


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("دلار 60 500 تومان", "دلار 60500 تومان", True),
        ("روز سه شنبه بازی", "روز سهشنبه بازی", True),
        ("2 1 برد", "1 2 برد", False),
        ("دو بر یک برد", "یک بر دو برد", False),
        ("ساعت 04 31 اذان", "ساعت 04 32 اذان", False),
        ("بین 24 تا 24 درجه", "بین 24 درجه", False),
    ],
)
def test_figures_are_read_as_wholes(one: str, other: str, is_same: bool) -> None:
    assert (figures_of(one.split()) == figures_of(other.split())) is is_same


def test_a_text_without_figures_has_none() -> None:
    assert figures_of(("نه", "این", "بار")) is NO_FIGURES


def test_long_texts_cost_no_more_than_their_first_words() -> None:
    """The memory of a post is bounded; its key is of the whole text."""
    letters = random.Random(5)
    article = " ".join("".join(letters.choices("ابتدرسمن", k=6)) for _ in range(5_000))
    index = remembering(article)

    assert len(index._posts[1].pairs) < 500
    assert index.add(2, article, 2.0) == Match(1, MatchKind.EXACT, 1.0)
    assert index.add(3, f"{article} دنباله", 3.0) == Match(1, MatchKind.NEAR, 1.0)


@unhurried
@given(st.lists(st.sampled_from([STORY, *COPIES.values(), "سلام بر همه دوستان خوب"]), max_size=12))
def test_the_same_posts_give_the_same_answers(texts: list[str]) -> None:
    def run() -> list[Match | None]:
        index = NearDuplicates(max_posts=5)
        return [index.add(number, text, float(number)) for number, text in enumerate(texts)]

    assert run() == run()


@pytest.mark.parametrize(
    "text",
    [
        "RT @ali: باران شدید در تهران #باران https://t.co/abc",
        "#برف #تهران #سرما امروز مدرسه‌ها تعطیل است",
        "خبر مهم امروز درباره گرانی نان منبع: ایسنا",
        "@a @b چه خوب گفتی 😂😂 کاش همه می‌شنیدند",
    ],
)
def test_a_text_that_was_taken_apart_before_is_compared_the_same(text: str) -> None:
    assert content_of(text, analyse(text)) == content_of(text)
