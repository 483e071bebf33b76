"""The double's search language, by a table of what finds what."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.sandbox.twitter_language import read
from bot.sandbox.twitter_people import Person
from bot.sandbox.twitter_shelf import Held, Shelf

AT = datetime(2026, 5, 4, 12, tzinfo=UTC)
MS = int(AT.timestamp() * 1_000)
UNIX = MS // 1_000


def held(number: int, text: str, author: str = "ali", **more: object) -> Held:
    return Held(number, MS + number * 1_000, text, Person(author), **more)  # type: ignore[arg-type]  # as given


FIRST = held(1, "نان تازه در میدان شهر #نانوایی", likes=10, retweets=4)
REPLY = held(2, "@ali نان را خوردیم", "sara", reply_to="ali", reply_to_id=1, conversation=1)
QUOTE = held(3, "ببینید https://t.co/abc", "Reza", quoted=FIRST, page="https://x.com/ali/status/1")
RETWEET = held(4, f"RT @ali: {FIRST.text}", "sara", retweeted=FIRST)
PHOTO = held(5, "می‌روم به شهر، به میدان", "sara", media="photo", lang="fa", replies=3)
ENGLISH = held(6, "Bread is fresh, see @sara", "bob", lang="en")
ALL = (FIRST, REPLY, QUOTE, RETWEET, PHOTO, ENGLISH)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("نان", {1, 2, 4}),
        ("نان تازه", {1, 4}),
        ("تازه نان", {1, 4}),
        ('"تازه نان"', set()),
        ('"نان تازه"', {1, 4}),
        ("نا", set()),
        ("BREAD", {6}),
        ("می‌روم", {5}),
        ("میروم", set()),
        ("نانوایی", {1, 4}),
        ("#نانوایی", {1, 4}),
        ("#نان", set()),
        ("نان OR bread", {1, 2, 4, 6}),
        ("شهر (نان OR می‌روم)", {1, 4, 5}),
        # Neighbours bind closer than OR.
        ("bread OR نان خوردیم", {2, 6}),
        ("نان -تازه", {2}),
        ("نان -(تازه OR خوردیم)", set()),
        ('نان -"را خوردیم"', {1, 4}),
        ("from:ali", {1}),
        ("from:@ALI", {1}),
        # What people pass on is not what they write.
        ("from:sara", {2, 5}),
        ("from:sara filter:nativeretweets", {4}),
        ("(from:sara OR from:bob)", {2, 5, 6}),
        ("-from:sara", {1, 3, 6}),
        ("to:ali", {2}),
        ("@sara", {6}),
        ("@ali", {2, 4}),
        ("lang:en", {6}),
        ("min_faves:10", {1}),
        ("min_faves:11", set()),
        ("min_retweets:4", {1}),
        ("min_replies:1", {5}),
        ("filter:replies", {2}),
        ("نان -filter:replies", {1, 4}),
        ("filter:media", {5}),
        ("filter:images", {5}),
        ("filter:videos", set()),
        ("filter:links", {3}),
        ("filter:nativeretweets", {4}),
        ("filter:quote", {3}),
        ("filter:unheard_of", set()),
        ("url:x.com", {3}),
        ("conversation_id:1", {1, 2}),
        ("quoted_tweet_id:1", {3}),
        ("since_id:4", {5, 6}),
        ("max_id:2", {1, 2}),
        (f"since_time:{UNIX + 3}", {3, 4, 5, 6}),
        (f"until_time:{UNIX + 3}", {1, 2}),
        (f"(نان) since_time:{UNIX + 1} until_time:{UNIX + 3}", {1, 2}),
        (f"((نان) since_time:{UNIX + 2})", {2, 4}),
        (f"-until_time:{UNIX + 5}", {5, 6}),
        (f"bread OR until_time:{UNIX + 2}", {1, 6}),
        ("since:2026-05-04", {1, 2, 3, 4, 5, 6}),
        ("until:2026-05-04", set()),
        ("since:2026-05-04_12:00:05_UTC", {5, 6}),
        ("within_time:2s", {4, 5, 6}),
        # Half-open, doubled and empty things end with the text.
        ('"نان تازه', {1, 4}),
        ("(نان", {1, 2, 4}),
        ("نان)", {1, 2, 4}),
        ("()", {1, 2, 3, 4, 5, 6}),
        ("since_time:soon", set()),
        ("list:12", set()),
        ("https://t.co/abc", {3}),
        ("🍞", set()),
    ],
)
def test_what_finds_what(text: str, ids: set[int]) -> None:
    """By the index and by looking at each tweet the same is found."""
    shelf = Shelf(ALL)
    query = read(text, now_ms=MS + 6_000)

    by_index = {
        one.id
        for one in shelf.between(query.since_ms, query.until_ms, query.root.places(shelf))
        if query.fits(one)
    }

    assert by_index == {one.id for one in ALL if query.fits(one)} == ids


def test_until_time_may_hold_its_second() -> None:
    """Whether X's until_time includes its second is not certain, so the double can do both."""
    text = f"until_time:{UNIX + 2}"

    without, within = read(text), read(text, until_is_inclusive=True)

    assert [one.id for one in ALL if without.fits(one)] == [1]
    assert [one.id for one in ALL if within.fits(one)] == [1, 2]


def test_the_index_walks_a_common_word_in_a_small_window() -> None:
    """Lists longer than the window are not walked; several lists give each tweet once."""
    many = [held(nth, "نان و پنیر" if nth % 5 == 0 else "نان") for nth in range(1, 400)]
    shelf = Shelf(many)
    query = read(f"(نان OR پنیر) since_time:{UNIX + 100} until_time:{UNIX + 110}")
    wide = read("پنیر OR (نان پنیر)")

    found = [
        one.id
        for one in shelf.between(query.since_ms, query.until_ms, query.root.places(shelf))
        if query.fits(one)
    ]
    merged = [one.id for one in shelf.between(0, 1 << 50, wide.root.places(shelf))]

    assert found == list(range(109, 99, -1))
    assert merged == list(range(395, 0, -5))
