"""How influence is made up, and how ties fade."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.analysis.influence import (
    HALF_LIFE_MS,
    LANDMARK_MS,
    ROBOT,
    WEIGHTS,
    decay,
    influence,
    influence_parts,
    strength_at,
    turn,
    turns_of,
)
from bot.models.people import Sums
from bot.models.post import ParentKind
from bot.models.tweets import LinkKind, Profile, Verified
from tests.people_world import ALI, MINA, REZA, SARA, profile, tweet

COUNTS = st.integers(0, 10**12)
NOW_MS = 1_795_000_000_000


def test_the_parts_are_shares_of_their_most() -> None:
    """A government with ten million followers, ten thousand likes and a million views a post."""
    whole = Profile(id=1, username="x", followers=10**7, verified=Verified.GOVERNMENT, following=0)
    sums = Sums(posts=10**6, likes=10**10, views=10**12)

    parts = influence_parts(whole, sums)

    assert [round(p) for p in (parts.followers, parts.engagement, parts.reach, parts.standing)] == [
        40, 30, 20, 10,
    ]  # fmt: skip
    assert parts.total == pytest.approx(100, abs=0.1)


def test_nobody_is_nothing() -> None:
    assert influence(Profile(id=1, username="x"), Sums()) == 0


def test_a_known_case_by_hand() -> None:
    """1,000 followers of whom half are followed back; two posts with 30 likes in all."""
    someone = profile(SARA, followers=1000, following=1000, verified=Verified.BLUE)

    parts = influence_parts(someone, Sums(posts=2, likes=20, retweets=5, replies=0, views=45))

    assert parts.followers == pytest.approx(40 * math.log10(501) / 7)
    assert parts.engagement == pytest.approx(30 * math.log10(1 + 30 / 5) / 4)
    assert parts.reach == pytest.approx(20 * math.log10(1 + 45 / 5) / 6)
    assert parts.standing == 2.5


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ({"followers": 500}, {"followers": 5000}),
        ({"following": 5000}, {"following": 5}),
        ({"verified": Verified.NO}, {"verified": Verified.BLUE}),
        ({"verified": Verified.BLUE}, {"verified": Verified.BUSINESS}),
        ({"is_automated": True}, {"is_automated": False}),
    ],
)
def test_what_makes_people_heard(less: dict[str, object], more: dict[str, object]) -> None:
    sums = Sums(posts=9, likes=90)

    assert influence(profile(SARA, **less), sums) < influence(profile(SARA, **more), sums)


def test_a_robot_counts_less() -> None:
    sums = Sums(posts=9, likes=90)

    robot = influence(profile(SARA, is_automated=True), sums)

    assert robot == pytest.approx(ROBOT * influence(profile(SARA), sums), abs=0.1)


def test_one_lucky_post_is_not_ten_good_ones() -> None:
    assert influence(profile(SARA), Sums(posts=1, likes=1000)) < influence(
        profile(SARA), Sums(posts=10, likes=10_000)
    )


@given(
    followers=COUNTS, following=COUNTS, posts=COUNTS, likes=COUNTS, views=COUNTS,
    verified=st.sampled_from(Verified),
)  # fmt: skip
def test_influence_stays_between_0_and_100(
    followers: int, following: int, posts: int, likes: int, views: int, verified: Verified
) -> None:
    someone = Profile(
        id=1, username="x", followers=followers, following=following, verified=verified
    )

    assert 0 <= influence(someone, Sums(posts=posts, likes=likes, views=views)) <= 100


@given(st.floats(0.1, 100), st.integers(-(10**12), 10**12))
def test_to_fade_and_back_changes_nothing(strength: float, span_ms: int) -> None:
    there = decay(strength, NOW_MS, NOW_MS + span_ms)

    assert decay(there, NOW_MS + span_ms, NOW_MS) == pytest.approx(strength)


def test_half_is_left_after_a_half_life() -> None:
    assert decay(8.0, NOW_MS, NOW_MS + HALF_LIFE_MS) == 4.0


@pytest.mark.parametrize("year", [1970, 2006, 2026, 2100, 9999])
def test_any_date_is_a_finite_strength(year: int) -> None:
    """What a wrong date of a tweet may say; sums of millions of them stay finite too."""
    at_ms = int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000)

    stored = turn(SARA, LinkKind.FOLLOW, REZA, at_ms).strength

    assert math.isfinite(stored * 10**6)
    if year < 2101:
        assert strength_at(stored, at_ms) == pytest.approx(WEIGHTS[LinkKind.FOLLOW])


def test_what_is_stored_compares_as_it_is() -> None:
    """Who leads at one moment leads at every moment."""
    old = 3 * turn(SARA, LinkKind.REPLY, REZA, LANDMARK_MS).strength
    new = turn(SARA, LinkKind.REPLY, MINA, LANDMARK_MS + 2 * HALF_LIFE_MS).strength

    assert old < new
    for days in (0, 60, 4000):
        at_ms = LANDMARK_MS + int(timedelta(days=days).total_seconds() * 1000)
        assert strength_at(old, at_ms) < strength_at(new, at_ms)


def test_each_is_turned_to_once_in_the_heaviest_way() -> None:
    """An answer names whom it answers; nobody turns to themselves or to nobody."""
    links = (
        (LinkKind.MENTION, REZA), (LinkKind.REPLY, REZA), (LinkKind.MENTION, REZA),
        (LinkKind.MENTION, MINA), (LinkKind.QUOTE, SARA), (LinkKind.MENTION, 0),
    )  # fmt: skip

    turns = turns_of(tweet(1, SARA, links=links), SARA, NOW_MS)

    assert [(one.kind, one.to_id) for one in turns] == [
        (LinkKind.REPLY, REZA),
        (LinkKind.MENTION, MINA),
    ]


def test_who_the_original_names_is_not_named_by_who_passes_it_on() -> None:
    links = ((LinkKind.MENTION, ALI), (LinkKind.RETWEET, REZA), (LinkKind.MENTION, REZA))

    turns = turns_of(tweet(1, SARA, links=links, parent=(ParentKind.RETWEET, 9)), SARA, NOW_MS)

    assert [(one.kind, one.to_id) for one in turns] == [(LinkKind.RETWEET, REZA)]
