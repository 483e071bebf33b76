"""Copies are dropped for what they repeat, and whoever repeats without end for doing so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.analysis.near_duplicates import content_of
from bot.features.copies import Copies, Repeaters
from bot.models.post import TWITTER_SOURCE_ID, DropReason, Parent, ParentKind, Post, PostKind

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
SAID = "هر که از این پل چوبی گذشته است می‌داند که شب‌ها چراغی در انتهای آن روشن می‌ماند"


def post(number: int, text: str = SAID, **rest: Any) -> Post:
    made = Post(
        kind=PostKind.TWEET,
        source_id=TWITTER_SOURCE_ID,
        external_id=str(number),
        created_at=NOW,
        text=text,
        author="parrot",
        id=number,
    )
    return replace(made, **rest)


def marked(copies: Copies, *posts: Post) -> list[Post]:
    return copies.mark(posts, [content_of(one.text) for one in posts], {})


def test_an_author_who_repeats_one_post_is_repetitive_from_the_third_copy_on() -> None:
    copies = Copies(timedelta(hours=48))
    posts = [post(number, f"{SAID} {'!' * number}") for number in range(1, 6)]

    found = marked(copies, *posts)

    assert [one.drop for one in found] == [
        None,
        DropReason.DUPLICATE,
        DropReason.DUPLICATE,
        DropReason.REPETITIVE,
        DropReason.REPETITIVE,
    ]
    assert found[3].drop_evidence == "3 copies by the author, of post 1"
    assert [one.duplicate_of for one in found] == [None, 1, 1, None, None]


def test_copies_of_what_is_stored_count_as_well() -> None:
    copies = Copies(timedelta(hours=48))
    posts = [post(number, content_key=77) for number in range(2, 5)]

    found = copies.mark(posts, [content_of(SAID)] * 3, {77: 1})

    assert [one.drop for one in found] == [DropReason.DUPLICATE] * 2 + [DropReason.REPETITIVE]


def test_retouched_copies_count_too() -> None:
    copies = Copies(timedelta(hours=48))
    words = ("کوچک", "بزرگ", "قدیمی", "سنگی")

    found = marked(
        copies, post(1), *(post(n, SAID.replace("چوبی", words[n - 2])) for n in (2, 3, 4))
    )

    assert [one.drop for one in found[1:]] == [
        DropReason.NEAR_DUPLICATE,
        DropReason.NEAR_DUPLICATE,
        DropReason.REPETITIVE,
    ]


@pytest.mark.parametrize(
    "rest",
    [
        {"parent": Parent(ParentKind.RETWEET, "1")},
        {"text": f"RT @singer: {SAID}"},
        {"kind": PostKind.NEWS},
        {"author": ""},
    ],
    ids=["retweet", "retweet in words", "news", "nobody"],
)
def test_what_is_repeated_by_nature_is_only_a_copy(rest: dict[str, Any]) -> None:
    copies = Copies(timedelta(hours=48))

    found = marked(copies, *(post(number, **rest) for number in range(1, 7)))

    assert {one.drop for one in found[1:]} == {DropReason.DUPLICATE}


def test_the_same_from_many_people_is_no_repetition() -> None:
    copies = Copies(timedelta(hours=48))
    posts = [post(number, author=f"singer{number}", author_id=number) for number in range(1, 7)]

    assert {one.drop for one in marked(copies, *posts)[1:]} == {DropReason.DUPLICATE}


def test_a_name_written_otherwise_is_the_same_author() -> None:
    copies = Copies(timedelta(hours=48))
    posts = [
        post(number, author=name) for number, name in enumerate(("Tuti", "tuti", "TUTI", "tuti"), 1)
    ]

    assert marked(copies, *posts)[-1].drop is DropReason.REPETITIVE


def test_posts_that_were_not_stored_are_not_held_against_their_author() -> None:
    copies = Copies(timedelta(hours=48))
    marked(copies, post(1), post(2))
    lost = [post(3), post(4)]
    marked(copies, *lost)

    copies.forget(lost)

    assert [one.drop for one in marked(copies, post(3), post(4))] == [
        DropReason.DUPLICATE,
        DropReason.REPETITIVE,
    ]


def test_the_memory_of_authors_is_bounded() -> None:
    repeaters = Repeaters(most=10)
    for number in range(100):
        repeaters.note(post(number, author_id=number + 1), 5)

    assert len(repeaters) == 10
    assert repeaters.note(post(200, author_id=100), 5) == 2
    assert repeaters.note(post(201, author_id=1), 5) == 1


def test_taking_back_leaves_what_was_settled() -> None:
    repeaters = Repeaters()
    repeaters.note(post(1, author_id=9), 5)
    repeaters.settle()
    repeaters.note(post(2, author_id=9), 5)
    repeaters.note(post(3, author_id=8), 5)

    repeaters.take_back()

    assert len(repeaters) == 1
    assert repeaters.note(post(4, author_id=9), 5) == 2
