"""What holds for every text: nothing is normalised twice, keys never disagree, entities survive."""

from __future__ import annotations

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.analysis.text import analyse, fold, normalise, query_words, search_words

unhurried = settings(deadline=None, derandomize=True)  # a busy machine, the same verdict

PIECES = st.sampled_from(
    [
        *"ابیيىكکهةۀءئؤآأوتر\u200c\u200d\u200f\u0640\u064e\u0651\u0654 \n\t.،؟!»«#@_'0۱٣",
        *["می ", "نمی ", "خواهم", "کرد", "ده", "کتاب", "خانه", " ها", " های", " ای", " اند", " ام"],
        *[" تر", " ترین", "هه", "تت", "سخت", "که", "چه", "😂", "👩\u200d👧", "\ufefc", "\ufdf2"],
        *["https://t.co/aB1", "#برف_تهران", "@Ali_78", "www.", "  ", "\u200b", "¬", "Don't", "É"],
    ]
)
PERSIAN_TEXTS = st.lists(PIECES, max_size=14).map("".join)
WORDS = st.text("ابپتدرسشعفقکگلمنوهی", min_size=2, max_size=8)


@unhurried
@given(PERSIAN_TEXTS)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = normalise(text)

    assert normalise(once) == once


@unhurried
@given(st.text())
def test_any_unicode_is_normalised_once(text: str) -> None:
    once = normalise(text)

    assert normalise(once) == once
    assert once.encode("utf-8").decode("utf-8") == once


@unhurried
@given(st.one_of(PERSIAN_TEXTS, st.text()))
def test_folding_twice_is_folding_once(text: str) -> None:
    key = fold(text)

    assert fold(key) == key
    assert key == " ".join(key.split())


@unhurried
@given(PERSIAN_TEXTS)
@example("آاااا")
@example("#بانه‌ای ها")
@example("زاخار، های های های")
def test_shown_and_raw_text_have_the_same_key(text: str) -> None:
    assert fold(normalise(text)) == fold(text)


@unhurried
@given(
    st.lists(
        st.one_of(
            WORDS,
            st.from_regex(r"https://[a-z]{1,8}\.ir/[A-Za-z0-9?=&_-]{0,12}", fullmatch=True),
            st.from_regex(r"@[A-Za-z0-9_]{1,15}", fullmatch=True),
            st.builds("#{}".format, st.text("ابيىكیه_ۀء9Aa", min_size=1, max_size=12)),
            st.from_regex(r"[0-9۰-۹]{1,3}([.,:/٫٬][0-9۰-۹]{1,3}){0,2}", fullmatch=True),
            st.sampled_from(["😂", "❤️", "👩‍👩‍👧", "👍🏽", "🇮🇷"]),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_links_tags_mentions_numbers_emoji_keep_every_byte(parts: list[str]) -> None:
    shown = normalise(" ".join(parts))

    kept = [part for part in re.split("[ \u200c]", shown) if not part.isalpha()]
    assert kept == [part for part in parts if not part.isalpha()]


@unhurried
@given(WORDS, WORDS)
def test_half_space_and_joined_spelling_are_found_alike(left: str, right: str) -> None:
    joined = fold(f"{left}{right}")

    assert fold(f"{left}\u200c{right}") == joined
    assert set(query_words(f"{left}\u200c{right}").split()) == set(joined.split())


@unhurried
@given(PERSIAN_TEXTS.filter(lambda text: "@" not in text))
def test_a_text_is_found_by_its_own_words(text: str) -> None:
    words = search_words(text).split()

    assert set(analyse(text).words) <= set(words)
