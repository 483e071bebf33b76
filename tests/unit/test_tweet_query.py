"""The search language of X, checked before it costs money."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.analysis.tweet_query import LONGEST, LONGEST_LIVE, build, check
from bot.errors import BadInput


@pytest.mark.parametrize(
    ("text", "sent", "operators", "problems"),
    [
        ("زلزله lang:fa", "زلزله lang:fa", ("lang",), ()),
        ("  زلزله   تهران ", "زلزله تهران", (), ("query.note.no_lang",)),
        ("می‌شود lang:fa", "می‌شود lang:fa", ("lang",), ()),
        ("lang:fa", "lang:fa", ("lang",), ("query.note.broad",)),
        ("from:@Sara_1", "from:@Sara_1", ("from",), ("query.note.no_retweets",)),
        ("from:sara filter:nativeretweets", "from:sara filter:nativeretweets",
         ("from", "filter"), ()),
        ("(برف OR باران) -#تبلیغ min_faves:۱۰۰ LANG:FA",
         "(برف OR باران) -#تبلیغ min_faves:100 lang:fa", ("min_faves", "lang"), ()),
        ('"آب و هوا" lang:fa', '"آب و هوا" lang:fa', ("lang",), ()),
        ("ساعت:۵ 12:30 https://example.org/a?b=c lang:fa",
         "ساعت:۵ 12:30 https://example.org/a?b=c lang:fa", ("lang",), ()),
        ('url:"example.org" lang:fa', "url:example.org lang:fa", ("url", "lang"), ()),
        ("-filter:replies برف lang:fa", "-filter:replies برف lang:fa", ("filter", "lang"), ()),
        ("«آب و هوا» “first snow” lang:fa", '"آب و هوا" "first snow" lang:fa', ("lang",), ()),
        ('"گفت «نه»" lang:fa', '"گفت «نه»" lang:fa', ("lang",), ()),
        ("\u200ffrom:\u2068@sara\u2069 \ufeffبرف", "from:@sara برف", ("from",),
         ("query.note.no_retweets",)),
        ("\u2068زلزله می‌شود lang:fa\u2069", "زلزله می‌شود lang:fa", ("lang",), ()),
        ("برف or باران lang:fa", "برف or باران lang:fa", ("lang",), ("query.note.small_or",)),
        ("برف AND باران AND باد lang:fa", "برف AND باران AND باد lang:fa", ("lang",),
         ("query.note.and_word",)),
        ('"live or die" -or lang:en', '"live or die" -or lang:en', ("lang",), ()),
        ("برف lang:ir", "برف lang:ir", ("lang",), ("query.note.unknown_lang",)),
    ],
)  # fmt: skip
def test_a_good_search_is_sent_as_it_was_written(
    text: str, sent: str, operators: tuple[str, ...], problems: tuple[str, ...]
) -> None:
    """But for single spaces, and operators in the letters and digits that X knows."""
    checked = check(text)

    assert checked.text == sent
    assert checked.operators == operators
    assert checked.problems == problems


@pytest.mark.parametrize(
    ("text", "key", "fields"),
    [
        ("   ", "query.empty", {}),
        ('برف "باران', "query.quotes", {}),
        ('برف ""', "query.quotes", {}),
        ("برف «باران", "query.quotes", {}),
        ("برف باران”", "query.quotes", {}),
        ("(برف", "query.brackets", {}),
        ("برف)", "query.brackets", {}),
        ("برف ()", "query.brackets", {}),
        ("OR برف", "query.or_alone", {}),
        ("برف OR", "query.or_alone", {}),
        ("(برف OR) باران", "query.or_alone", {}),
        ("برف OR OR باران", "query.or_alone", {}),
        ("-برف", "query.only_excludes", {}),
        ("-برف min_faves:5", "query.only_excludes", {}),
        ("برف since:2026-01-01", "query.own_time", {"operator": "since"}),
        ("برف until_time:1795255200", "query.own_time", {"operator": "until_time"}),
        ("برف within_time:2h", "query.own_time", {"operator": "within_time"}),
        ("برف form:sara", "query.unknown_operator", {"operator": "form"}),
        ("برف lang:", "query.no_value", {"operator": "lang"}),
        ("برف min_faves:many", "query.bad_value", {"operator": "min_faves", "value": "many"}),
        ("from:سارا", "query.bad_value", {"operator": "from", "value": "سارا"}),
        ("برف filter:reply", "query.bad_value", {"operator": "filter", "value": "reply"}),
        ("ب" * (LONGEST + 1), "query.too_long", {"limit": LONGEST, "length": LONGEST + 1}),
    ],
)
def test_a_mistake_is_named(text: str, key: str, fields: dict[str, Any]) -> None:
    """Each with what its sentence needs."""
    with pytest.raises(BadInput) as caught:
        check(text)

    assert (caught.value.text_key, caught.value.fields) == (key, fields)


@given(st.text(alphabet='ab -"«»“”()OR:#@فارسی‌ \nfromlang\u2068', max_size=60))
def test_checking_twice_changes_nothing_more(text: str) -> None:
    """Whatever is typed is refused with a sentence, or stays as it was sent."""
    try:
        checked = check(text)
    except BadInput:
        return

    assert check(checked.text) == checked
    plain = "".join(text.replace("\u2068", "").split())
    assert _same_quotes(checked.text.replace(" ", "")) == _same_quotes(plain)


def _same_quotes(text: str) -> str:
    return re.sub("[«»“”]", '"', text).casefold()


def test_a_search_is_built_of_its_parts() -> None:
    """Of several names or tags any one is enough."""
    built = build(
        words="برف",
        phrases=["آب و هوا"],
        any_of=["تهران", "البرز مرکزی"],
        without=["فوتبال"],
        hashtags=["#برف", "باران"],
        from_=["@sara", "reza"],
        to=["mina"],
        mentions=["ali"],
        lang="fa",
        min_faves=10,
        only=["links"],
        exclude=["replies"],
    )

    assert built == (
        'برف "آب و هوا" (تهران OR "البرز مرکزی") (#برف OR #باران) @ali (from:sara OR from:reza) '
        "to:mina -فوتبال filter:links -filter:replies min_faves:10 lang:fa"
    )
    with pytest.raises(BadInput):
        build(without=["برف"])


def test_what_is_too_long_for_a_rule_cannot_be_live() -> None:
    """A filter rule holds less than a search."""
    assert check("ب" * LONGEST_LIVE).can_be_live
    assert not check("ب" * (LONGEST_LIVE + 1)).can_be_live
