"""What people write after /search is read in both languages, or refused with a sentence."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.analysis.search_query import hint, parse_query, plain_query
from bot.analysis.search_text import document_words
from bot.errors import BadInput
from bot.handlers.texts import LANGS, has
from bot.models.post import Post, PostKind
from bot.models.search import SearchQuery

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)  # ۳۰ آبان ۱۴۰۵
TEHRAN = "Asia/Tehran"


def parse(text: str) -> SearchQuery:
    return parse_query(text, NOW, TEHRAN)


def tehran_midnight(month: int, day: int) -> datetime:
    """The midnight in Tehran with which a day of 2026 begins."""
    return datetime(2026, month, day, tzinfo=UTC).replace(hour=0) - (
        datetime(2026, 1, 1, 3, 30, tzinfo=UTC) - datetime(2026, 1, 1, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("باران تهران", SearchQuery(words=("باران", "تهران"))),
        ("«برف تهران» -باران", SearchQuery(words=("برف تهران",), unwanted=("باران",))),
        ('زلزله -"پس لرزه"', SearchQuery(words=("زلزله",), unwanted=("پس لرزه",))),
        ("زلزله −تهران", SearchQuery(words=("زلزله",), unwanted=("تهران",))),
        ("كِتاب", SearchQuery(words=("کتاب",))),
        ("کتـاب ١٤٠٥", SearchQuery(words=("کتاب", "1405"))),
        ("می‌خواهم", SearchQuery(words=("میخواهم",))),
        ("#برف_تهران", SearchQuery(words=("برفتهران",))),
        ("دانش آموز", SearchQuery(words=("دانشاموز",))),
        ("تهران:باران", SearchQuery(words=("تهران", "باران"))),
        ("قیمت-دلار", SearchQuery(words=("قیمت", "دلار"))),
        ("from:@Ali_Reza", SearchQuery(authors=("ali_reza",))),
        ("از: علی باران", SearchQuery(words=("باران",), authors=("علی",))),
        ('from:"Ali Reza"', SearchQuery(authors=("alireza",))),
        ("-نویسنده:sara سیل", SearchQuery(words=("سیل",), not_authors=("sara",))),
        ("از:علی از:رضا", SearchQuery(authors=("علی", "رضا"))),
        ("source:isna", SearchQuery(source_names=("isna",))),
        ("منبع:«بی بی سی» سیل", SearchQuery(words=("سیل",), source_names=("بی بی سی",))),
        ("-source:12 سیل", SearchQuery(words=("سیل",), not_source_names=("12",))),
        ("kind:news", SearchQuery(kind=PostKind.NEWS)),
        ("نوع:توییت", SearchQuery(kind=PostKind.TWEET)),
        ("-kind:tweet", SearchQuery(kind=PostKind.NEWS)),
        ("since:1405/08/01", SearchQuery(since=tehran_midnight(10, 23))),
        ("از تاریخ:۱۴۰۵/۸/۱", SearchQuery(since=tehran_midnight(10, 23))),
        ("از_تاریخ:2026-10-23", SearchQuery(since=tehran_midnight(10, 23))),
        ("since:۱ آبان سیل", SearchQuery(words=("سیل",), since=tehran_midnight(10, 23))),
        ("پس از:۱ آبان ۱۴۰۵", SearchQuery(since=tehran_midnight(10, 24))),
        ("تا:1405/08/01 سیل", SearchQuery(words=("سیل",), until=tehran_midnight(10, 24))),
        ("before:2026-10-23 سیل", SearchQuery(words=("سیل",), until=tehran_midnight(10, 23))),
        (
            "on:«23 October 2026»",
            SearchQuery(since=tehran_midnight(10, 23), until=tehran_midnight(10, 24)),
        ),
        ("روز:دیروز", SearchQuery(since=tehran_midnight(11, 20), until=tehran_midnight(11, 21))),
        (
            "on:1405/07",
            SearchQuery(since=tehran_midnight(9, 23), until=tehran_midnight(10, 23)),
        ),
        ("since:مهر 1405 سیل", SearchQuery(words=("سیل",), since=tehran_midnight(9, 23))),
        ("از:۱۴۰۵/۰۸/۰۱ سیل", SearchQuery(words=("سیل",), since=tehran_midnight(10, 23))),
        (
            "برف از:۱۴۰۵/۰۸/۰۱ تا:۱۴۰۵/۰۸/۰۲",
            SearchQuery(
                words=("برف",), since=tehran_midnight(10, 23), until=tehran_midnight(10, 25)
            ),
        ),
        ("از: ۱ آبان سیل", SearchQuery(words=("سیل",), since=tehran_midnight(10, 23))),
        ("از:دیروز سیل", SearchQuery(words=("سیل",), since=tehran_midnight(11, 20))),
        ("از ۱۴۰۵/۰۸/۰۱ سیل", SearchQuery(words=("سیل",), since=tehran_midnight(10, 23))),
        (
            "سیل از ۱۴۰۵/۰۸/۰۱ تا ۱۴۰۵/۰۸/۰۲",
            SearchQuery(
                words=("سیل",), since=tehran_midnight(10, 23), until=tehran_midnight(10, 25)
            ),
        ),
        ("سیل since 2026-10-23", SearchQuery(words=("سیل",), since=tehran_midnight(10, 23))),
        ("«از ۱۴۰۵/۰۸/۰۱»", SearchQuery(words=("از 1405 08 01",))),
        ("از تهران", SearchQuery(words=("از", "تهران"))),
        ("kind:news -باران", SearchQuery(kind=PostKind.NEWS, unwanted=("باران",))),
    ],
)  # fmt: skip
def test_a_query_is_taken_apart(text: str, expected: SearchQuery) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "nothing_asked"),
        ("- ! «»", "nothing_asked"),
        ("-باران", "only_minus"),
        ("from:", "bad_name"),
        ("from:@", "bad_name"),
        ("از ۱۴۰۵/۱۳/۰۱ سیل", "bad_date"),
        ("منبع:", "bad_name"),
        ("since:", "bad_date"),
        ("since:foo", "bad_date"),
        ("since:1405/13/01", "bad_date"),
        ("until:2026-02-30", "bad_date"),
        ("on:«1405/08/01 باران»", "bad_date"),
        ("-since:1405/08/01 باران", "minus_date"),
        ("kind:book", "bad_kind"),
        ("kind:news kind:tweet", "no_kind_left"),
        ("since:2027-01-01", "future"),
        ("since:2026-11-20 until:2026-11-01", "dates_crossed"),
        (" ".join(f"w{number}" for number in range(31)), "too_many_words"),
    ],
)
def test_what_cannot_be_read_says_what_to_write(text: str, key: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(text)

    assert caught.value.text_key == f"search.{key}"
    assert all(has(lang, caught.value.text_key) for lang in LANGS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("من:علی برف", ("search.hint_field", "من")),
        ("برف OR تهران", ("search.hint_operator", "OR")),
        ("برف or تهران", None),
        ("از:علی -تهران «برف OR باران»", None),
    ],
)
def test_what_searches_do_not_know_is_named(text: str, expected: tuple[str, str] | None) -> None:
    """It is searched for as words; the hint is for when they find nothing."""
    parse(text)

    assert hint(text) == expected
    assert expected is None or all(has(lang, expected[0]) for lang in LANGS)


WORDS = st.text(alphabet="ابپتسیك یي۱۲٣abZ\u200c_#\"«»-−:'@/.!()*+^", max_size=40)
NAMES = ("from", "از", "source", "since", "تا", "on", "kind", "نوع", "پس از")


@given(WORDS)
def test_a_plain_query_never_fails(text: str) -> None:
    """Words of the index alone come out: no quotes, no marks, single spaces."""
    query = plain_query(text)

    for term in (*query.words, *query.unwanted):
        assert term == " ".join(term.split())
        assert not set(term) & set("\"«»_#-:'@()*+^")


@given(st.lists(st.one_of(WORDS, st.builds("{}:{}".format, st.sampled_from(NAMES), WORDS))))
def test_any_text_is_a_query_or_bad_input(pieces: list[str]) -> None:
    """Nothing else is ever raised, and what is read asks for something."""
    refused = ""
    try:
        query = parse(" ".join(pieces))
    except BadInput as error:
        refused, query = error.text_key, SearchQuery()

    assert all(has(lang, refused) for lang in LANGS) if refused else not query.is_empty


@given(st.lists(st.sampled_from(["باران", "سیل", "«برف تهران»", "-زلزله", "از:علی", "kind:news",
                                 "until:۲۹ آبان"]), min_size=1, unique=True))  # fmt: skip
def test_the_order_of_the_parts_means_nothing(parts: list[str]) -> None:
    """But for the words, which keep theirs."""

    def read(some: list[str]) -> object:
        try:
            query = parse(" ".join(some))
        except BadInput as refused:
            return refused.text_key
        return set(query.words), query.unwanted, query.authors, query.kind, query.until

    assert read(parts) == read(parts[::-1])


@given(st.text(max_size=60), st.text(max_size=20))
def test_no_text_holds_the_mark_of_an_author_or_a_source(text: str, author: str) -> None:
    """Marks begin with the `_` that no word of a text has: from:sara finds no post that says it."""
    post = Post(
        id=1, kind=PostKind.NEWS, source_id=77, external_id="1", created_at=NOW, text=text,
        author=author,
    )  # fmt: skip

    marks = [word for word in document_words(post).split() if word.startswith("_")]

    assert {mark[:3] for mark in marks} <= {"_a_", "_s_", "_k_"}
    assert [mark for mark in marks if mark[:3] != "_a_"] == ["_s_77", "_k_news"]
