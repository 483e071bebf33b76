"""Accounts that act together are hinted at, and ordinary news is not."""

from __future__ import annotations

import pytest

from bot.analysis.coordination import find_coordination, link_key
from bot.models.pattern import CoordinationHint, HintKind, Saying, SharedKind
from tests.bench.coordination import measure
from tests.coordination_stream import stream

TEXT = "ما خواستار رسیدگی فوری مسئولان به وضع بیمارستان کودکان این شهر هستیم"
HEADLINE = "دیدار وزیران خارجه دو کشور فردا در پایتخت برگزار می شود"


def _said(*posts: tuple[str, float, str]) -> list[Saying]:
    """Posts of (account, seconds, text)."""
    return [
        Saying(number, account, int(seconds * 1000), text)
        for number, (account, seconds, text) in enumerate(posts, 1)
    ]


def _crowd(text: str, count: int, apart_s: float, first: int = 0) -> list[tuple[str, float, str]]:
    return [(f"a{first + n}", n * apart_s, text) for n in range(count)]


@pytest.mark.parametrize("seed", [101, 102])
def test_planted_groups_are_found_and_nobody_else(seed: int) -> None:
    """Among headlines, jokes, cheers, greetings and agencies."""
    found = measure(stream(seed))

    assert found.found_groups == found.groups == 8
    assert found.right_accounts >= 0.95 * found.accounts
    assert found.right_accounts >= 0.95 * found.found_accounts
    assert found.false_hints == 0


def test_an_ordinary_day_has_no_hint() -> None:
    """The same noise with nobody planted in it."""
    given = stream(103, planted=False)

    assert find_coordination(given.sayings, given.headlines) == []


def test_a_hint_shows_its_evidence() -> None:
    """Who, what, which posts, and within what time."""
    posts = _said(*_crowd(TEXT, 9, 20.0))

    [hint] = find_coordination(posts)

    assert hint.kind is HintKind.TOGETHER
    assert set(hint.accounts) == {f"a{n}" for n in range(9)}
    assert hint.concentration == 1.0
    assert hint.expected < 0.001
    [shared] = hint.evidence
    assert shared.kind is SharedKind.TEXT
    assert shared.what == TEXT
    assert shared.post_ids == tuple(range(1, 10))
    assert shared.span_s == 160


def _kinds(hints: list[CoordinationHint]) -> list[HintKind]:
    return [hint.kind for hint in hints]


@pytest.mark.parametrize(
    ("posts", "why"),
    [
        (_crowd(TEXT, 5, 20.0), "five accounts are too few"),
        (_crowd(TEXT, 30, 300.0), "over hours"),
        (_crowd("گل گل گل چه گلی زد", 30, 2.0), "a short cheer"),
        ([("one", 10.0 * n, TEXT) for n in range(20)], "one account alone"),
        ([("", 10.0 * n, TEXT) for n in range(20)], "nobody known"),
        (_crowd(f"{HEADLINE} https://n.example/1", 12, 60.0), "a headline with its link"),
        (_crowd(HEADLINE, 12, 60.0), "a headline that is known"),
        (
            [*_crowd(TEXT, 8, 60.0), *[(f"b{n}", 4000 + 600.0 * n, TEXT) for n in range(12)]],
            "most said it later",
        ),
    ],
)
def test_what_people_do_by_themselves_is_no_hint(
    posts: list[tuple[str, float, str]], why: str
) -> None:
    """Each lacks one of the signs."""
    assert find_coordination(_said(*posts), [HEADLINE]) == [], why


def test_one_link_within_seconds_is_a_hint_whatever_is_said_with_it() -> None:
    """Tracking parameters make no other link."""
    words = ("سلام", "ببینید", "این را", "عجب", "خواندنی", "نگاه کنید", "مهم است")
    posts = [
        (f"a{n}", 3.0 * n, f"{word} http://www.Push.example/x/?utm_source={n}")
        for n, word in enumerate(words)
    ]

    [hint] = find_coordination(_said(*posts))

    assert hint.evidence[0].kind is SharedKind.LINK
    assert hint.evidence[0].what == "push.example/x"


def test_the_same_accounts_within_seconds_again_and_again_are_synchronous() -> None:
    """Three headlines, three accounts, among others who share them for an hour."""
    posts: list[tuple[str, float, str]] = []
    for number in range(3):
        text = f"{HEADLINE} بخش {number} https://n.example/{number}"
        start = 5000.0 * number
        posts += [(f"r{n}", start + 3 * n, text) for n in range(3)]
        posts += [(f"o{number}-{n}", start + 150.0 * (n + 1), text) for n in range(20)]

    [hint] = find_coordination(_said(*posts), [HEADLINE])

    assert hint.kind is HintKind.SYNCHRONOUS
    assert hint.accounts == ("r0", "r1", "r2")
    assert 0 < hint.concentration < 0.3
    assert hint.expected < 0.05
    assert len(hint.evidence) >= 3


def test_twice_is_chance() -> None:
    """And so are two accounts of one person, however often."""
    twice = [
        (f"r{n}", 5000.0 * number + 3 * n, f"{HEADLINE} بخش {number} https://n.example/{number}")
        for number in range(2)
        for n in range(4)
    ]
    pair = [
        (f"p{n}", 4000.0 * number + 900 + n, f"خبر {number} https://p.example/{number}")
        for number in range(6)
        for n in range(2)
    ]

    assert find_coordination(_said(*twice, *pair)) == []


def test_accounts_known_to_belong_together_are_left_out() -> None:
    """Those of one newspaper, or who an admin has excused."""
    posts = _said(*_crowd(TEXT, 9, 20.0))

    assert find_coordination(posts, exempt=[f"a{n}" for n in range(9)]) == []


def test_a_group_with_several_texts_is_one_hint() -> None:
    """Its evidence is all of them."""
    other = "هر کس این شهر را دوست دارد امشب ساعت نه با ما همراه شود و بنویسد"
    posts = [*_crowd(TEXT, 9, 20.0), *((f"a{n}", 7000.0 + 10 * n, other) for n in range(1, 10))]

    [hint] = find_coordination(_said(*posts))

    assert len(hint.accounts) == 10
    assert {one.what for one in hint.evidence} == {TEXT, other}


def test_the_order_of_posts_makes_no_difference() -> None:
    """They are put in the order of time."""
    posts = list(stream(104, posts=3000).sayings)

    assert find_coordination(posts[::-1]) == find_coordination(posts)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://www.x.example/A/b/?utm_source=1&id=7#top", "x.example/A/b?id=7"),
        ("http://m.x.example/A/b?b=2&a=1", "x.example/A/b?a=1&b=2"),
        ("www.X.example/", "x.example"),
        ("https://x.example/p.", "x.example/p"),
    ],
)
def test_links_are_compared_without_what_differs_by_person(url: str, key: str) -> None:
    """Scheme, www, tracking, fragment and punctuation go; the path keeps its letters."""
    assert link_key(url) == key
