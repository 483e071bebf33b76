"""Sentences and posts are chosen for how much of the talk they hold, and quoted safely."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.analysis.extracts import (
    SENTENCE_LENGTH,
    best_sentence,
    clip,
    common_words,
    gives_cause,
    keys_of,
    pick,
    sentences,
    tidy,
)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("RT @a: @b سلام دنیا https://t.co/x", "سلام دنیا"),
        ("برق رفت [1] و آمد [۲۳]", "برق رفت و آمد"),
        ("یک\u202eدو\u200fسه\u0007", "یکدوسه"),
        ("می‌رود", "می‌رود"),
        ("#یک #دو امروز برق کل شهر چند ساعت قطع شد #سه #چهار", "امروز برق کل شهر چند ساعت قطع شد"),
        ("#برق دوباره قطع شد", "#برق دوباره قطع شد"),
        ("#یک #دو", "#یک #دو"),
    ],
)
def test_a_quotation_holds_nothing_that_misleads(text: str, quoted: str) -> None:
    """No links, no hidden signs, no citation marks of its own, no rows of hashtags."""
    assert tidy(text) == quoted


def test_short_pieces_join_their_neighbours() -> None:
    """«نه! چرا؟» alone says nothing."""
    text = "نه! چرا؟ امروز برق تهران سه ساعت قطع بود. فردا هم قطع خواهد شد گفته‌اند. آه!"

    assert sentences(text) == [
        "نه! چرا؟ امروز برق تهران سه ساعت قطع بود.",
        "فردا هم قطع خواهد شد گفته‌اند. آه!",
    ]


def test_numbers_and_links_end_no_sentence() -> None:
    """A full stop inside 3.5 or an address is no end."""
    text = "زلزله‌ای به بزرگی 3.5 ریشتر شهر را لرزاند https://a.example/b.c?d=1"

    assert sentences(text) == ["زلزله‌ای به بزرگی 3.5 ریشتر شهر را لرزاند"]


@given(text=st.text(alphabet="اب ،.ab", max_size=600), limit=st.integers(20, 300))
def test_clipping_keeps_the_limit(text: str, limit: int) -> None:
    """Never longer than asked, and the beginning of the text."""
    cut = clip(text, limit)

    assert len(cut) <= limit
    assert cut == text or text.startswith(cut[:-1])


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("برق قطع شد چون نیروگاه از کار افتاد", True),
        ("قطعی برق به‌دلیل گرما", True),
        ("the match was called off because of snow", True),
        ("برق قطع شد", False),
        ("همچون گذشته", False),
    ],
)
def test_a_cause_is_seen_by_its_words(text: str, cause: bool) -> None:
    """Whole words only."""
    assert gives_cause(text) is cause


def test_the_best_sentence_says_what_many_say() -> None:
    """The sentence with the common words, not the longest one."""
    texts = ["قطعی برق تهران ادامه دارد", "برق تهران باز قطع شد قطعی برق", "قطعی برق در غرب تهران"]
    common = common_words([keys_of(text) for text in texts])
    text = (
        "صبح بخیر به همه دوستان عزیز و همراهان همیشگی این صفحه. "
        "قطعی برق تهران امروز به ده ساعت رسید."
    )

    assert best_sentence(text, common) == "قطعی برق تهران امروز به ده ساعت رسید."


def test_a_sentence_with_a_cause_wins_when_wanted() -> None:
    """For "why" the cause counts."""
    text = "قطعی برق تهران ادامه دارد امروز هم. برق به دلیل گرمای هوا قطع شد دیروز."
    common = {"قطعی": 1.0, "برق": 1.0, "تهران": 1.0}

    assert "به دلیل" not in best_sentence(text, common)
    assert "به دلیل" in best_sentence(text, common, wants_cause=True)


def test_an_endless_sentence_is_cut() -> None:
    """A post without a full stop is still a quotation."""
    assert len(best_sentence("کلمه " * 500, {})) <= SENTENCE_LENGTH


def test_copies_are_picked_once_and_outliers_late() -> None:
    """Central first, a copy never, the odd one last."""
    texts = (
        "قطعی برق تهران امروز",
        "قطعی برق تهران امروز",
        "برق شیراز قطعی گسترده",
        "دستور پخت قورمه سبزی",
    )
    documents = [frozenset(text.split()) for text in texts]

    assert pick(documents, [0.5] * 4, 4) == [0, 2, 3]


def test_liking_decides_between_equals() -> None:
    """Two that say as much: the better liked one."""
    documents = [frozenset(("برق", "تهران")), frozenset(("برق", "شیراز"))]

    assert pick(documents, [0.1, 0.9], 1) == [1]


def test_nothing_to_pick_from() -> None:
    """No posts, no words: no crash."""
    assert pick([], [], 3) == []
    assert pick([frozenset()], [0.0], 3) == [0]
    assert best_sentence("", {}) == ""
