"""Answers of TwitterAPI.io to tweets and people, with every trap that was seen, and more."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.errors import SourceGarbled, SourceGone, SourceRefused
from bot.models.post import Engagement, Parent, ParentKind, Post, PostKind
from bot.models.tweets import (
    Balance,
    FilterRule,
    Link,
    LinkKind,
    PlaceTrend,
    Profile,
    Tweet,
    TweetPage,
    Verified,
)
from bot.services.twitter_parsing import (
    LONGEST_CURSOR,
    Push,
    parse_bulk,
    parse_people,
    parse_push,
    parse_search,
    parse_timeline,
    parse_trends,
    parse_tweet,
    parse_user,
    said_in,
)
from tests.raw_tweets import NOW, READERS, Json, envelopes, found, packed, person, tweet

WRITTEN = datetime(2025, 12, 6, 17, 42, 18, tzinfo=UTC)


def one(**changes: Any) -> Tweet:
    return parse_tweet(tweet(**changes), NOW)


def page_of(*tweets: Any, **more: Any) -> TweetPage:
    return parse_search(packed(found(*tweets, **more)), NOW)


def test_a_tweet_becomes_a_post_with_its_author() -> None:
    """Signs of HTML put right, names without @, numbers as they are."""
    parsed = one()

    assert parsed.post == Post(
        kind=PostKind.TWEET,
        source_id=1,
        external_id="1997360967722684923",
        created_at=WRITTEN,
        text="از ظهر #برف می‌بارد <3 @kooh_navard",
        url="https://x.com/baran_tehran/status/1997360967722684923",
        author="baran_tehran",
        lang="fa",
        hashtags=("برف",),
        mentions=("kooh_navard",),
        author_id=501,
        engagement=Engagement(likes=15, retweets=3, replies=2, views=454),
        collected_at=NOW,
    )
    assert parsed.author == Profile(
        id=501,
        username="baran_tehran",
        name="باران 🌧",
        description="هوا & کوه",
        location="تهران",
        verified=Verified.BLUE,
        followers=1200,
        following=340,
        tweets=5600,
        created_at=datetime(2013, 3, 1, 5, 42, 42, tzinfo=UTC),
    )
    assert parsed.links == (Link(LinkKind.MENTION, 502, "Kooh_Navard"),)
    assert parsed.conversation_id == "1997360967722684923"


def test_what_nothing_reads_is_kept() -> None:
    parsed = one(brandNew={"a": 1}, author=person(mood="fine"))

    assert parsed.unknown["brandNew"] == {"a": 1}
    assert "text" not in parsed.unknown
    assert parsed.author is not None
    assert parsed.author.unknown["mood"] == "fine"
    assert "followers" not in parsed.author.unknown


def test_a_reply_goes_back_to_what_it_answers() -> None:
    """Whom it answers it names too, which makes no second tie; oneself is nobody."""
    named = [
        {"id_str": "502", "screen_name": "kooh_navard"},
        {"id_str": "503", "screen_name": "abr"},
        {"id_str": "501", "screen_name": "baran_tehran"},
    ]
    parsed = one(
        isReply=True,
        inReplyToId="77",
        inReplyToUserId="502",
        inReplyToUsername="kooh_navard",
        entities={"user_mentions": named},
    )

    assert parsed.post.parent == Parent(ParentKind.REPLY, "77")
    assert parsed.links == (
        Link(LinkKind.REPLY, 502, "kooh_navard"),
        Link(LinkKind.MENTION, 503, "abr"),
    )
    assert one(inReplyToId="77", inReplyToUserId="501").links[:1] == (
        Link(LinkKind.MENTION, 502, "Kooh_Navard"),
    )


@pytest.mark.parametrize("nothing", ["", None, [], {}, False, 0, "0", "abc", -5])
def test_a_reply_to_nothing_is_none(nothing: Any) -> None:
    assert one(inReplyToId=nothing, inReplyToUserId=nothing).post.parent is None


def test_a_retweet_holds_the_whole_words_of_the_original() -> None:
    """Its own text is cut off; whom the original names, the one who passes it on does not."""
    original = tweet(30, text="متن بلند " * 30, author=person(502, "kooh_navard"))
    parsed = one(text="RT @kooh_navard: متن بلند …", retweeted_tweet=original)

    assert parsed.post.text == "RT @kooh_navard: " + "متن بلند " * 30
    assert parsed.post.parent == Parent(ParentKind.RETWEET, "30")
    assert parsed.post.hashtags == ("برف",)
    assert parsed.links == (Link(LinkKind.RETWEET, 502, "kooh_navard"),)
    assert [inner.post.external_id for inner in parsed.around] == ["30"]
    assert parsed.around[0].post.text == "متن بلند " * 30


@pytest.mark.parametrize("gone", [None, [], {}, {"id": "30"}, "no"])
def test_a_retweet_of_what_is_gone_is_still_a_tie(gone: Any) -> None:
    parsed = one(
        text="RT @Kooh_Navard: از ظهر",
        retweeted_tweet=gone,
        entities={"user_mentions": [{"id_str": "502", "screen_name": "kooh_navard"}]},
    )

    assert parsed.post.text == "RT @Kooh_Navard: از ظهر"
    assert parsed.links == (Link(LinkKind.RETWEET, 502, "kooh_navard"),)
    assert parsed.around == ()


def test_a_quote_brings_the_quoted_along() -> None:
    parsed = one(quoted_tweet=tweet(30, author=person(503, "abr")))

    assert parsed.post.parent == Parent(ParentKind.QUOTE, "30")
    assert Link(LinkKind.QUOTE, 503, "abr") in parsed.links
    assert [inner.post.external_id for inner in parsed.around] == ["30"]


def test_a_retweet_of_a_quote_brings_both_the_innermost_first() -> None:
    quote = tweet(31, quoted_tweet=tweet(30), author=person(502, "kooh_navard"))
    parsed = one(retweeted_tweet=quote)

    assert [inner.post.external_id for inner in parsed.around] == ["30", "31"]
    assert [inner.around for inner in parsed.around] == [(), ()]
    assert parsed.around[1].post.parent == Parent(ParentKind.QUOTE, "30")


def test_a_reply_that_quotes_goes_back_to_what_it_answers() -> None:
    parsed = one(inReplyToId="77", quoted_tweet=tweet(30))

    assert parsed.post.parent == Parent(ParentKind.REPLY, "77")
    assert len(parsed.around) == 1


def test_tweets_within_tweets_end() -> None:
    inner = tweet(1)
    for number in range(2, 200):
        inner = tweet(number, quoted_tweet=inner)

    assert len(parse_tweet(inner, NOW).around) == 4


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("Sat Dec 06 17:42:18 +0000 2025", WRITTEN),
        ("Sat Dec 06 21:12:18 +0330 2025", WRITTEN),
        ("Sat, Dec 06 17:42:18 +0000 2025", WRITTEN),
        ("Sat Dec 6 17:42:18 +0000 2025", WRITTEN),
        ("2025-12-06T17:42:18.000Z", WRITTEN),
        ("2025-12-06 17:42:18", WRITTEN),
        ("2025-12-06T21:12:18+03:30", WRITTEN),
        (1765042938, WRITTEN),
        (1765042938000, WRITTEN),
        (1765042938.0, WRITTEN),
        ("Sat Dec 06 17:42:18 +0000 1812", None),
        ("Sat Dec 06 17:42:18 +0000 2925", None),
        ("Sat Foo 06 17:42:18 +0000 2025", None),
        ("Sat Dec 36 17:42:18 +0000 2025", None),
        ("Sat Dec ۰۶ 17:42:18 +0000 2025", None),
        ("Sat Dec 06 17:42:18 +9999 2025", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (True, None),
        ([], None),
        (10**40, None),
        (-1, None),
        (float("inf"), None),
    ],
)
def test_the_time_of_a_tweet(given: Any, read: datetime | None) -> None:
    """As X writes it, and as it might; a tweet without a time is none."""
    parsed = page_of(tweet(createdAt=given))

    assert [each.post.created_at for each in parsed.tweets] == ([read] if read else [])
    assert (parsed.count, parsed.bad) == (1, 0 if read else 1)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (5, 5),
        ([0], 0),
        ([7], 7),
        ("12", 12),
        ("1,204", 1204),
        (3.0, 3),
        (None, 0),
        ([], 0),
        ({}, 0),
        (True, 0),
        (-4, 0),
        ("many", 0),
        (2**63, 0),
        (1e300, 0),
        ("9" * 30, 0),
    ],
)
def test_a_count_in_any_shape(given: Any, read: int) -> None:
    earned = one(viewCount=given, likeCount=given).post.engagement

    assert (earned.views, earned.likes) == (read, read)


@pytest.mark.parametrize(
    "number", [None, "", "0", "abc", "۱۲۳", True, [], 1.5, -1, "-1", 2**63, "9" * 19, "9" * 40]
)
def test_a_tweet_without_a_usable_id_is_none(number: Any) -> None:
    assert page_of(tweet(id=number)).bad == 1
    with pytest.raises(SourceGarbled):
        parse_tweet(tweet(id=number), NOW)


def test_an_id_may_be_a_number() -> None:
    assert one(id=1997360967722684923).post.external_id == "1997360967722684923"


@pytest.mark.parametrize("text", [None, 5, [], {}, True])
def test_a_tweet_without_words_is_none(text: Any) -> None:
    assert page_of(tweet(text=text)).bad == 1


@pytest.mark.parametrize("author", [None, [], {}, "baran", 5, {"name": "x"}])
def test_a_tweet_may_have_lost_its_author(author: Any) -> None:
    parsed = one(author=author)

    assert (parsed.author, parsed.post.author, parsed.post.author_id) == (None, "", 0)
    assert parsed.post.url == "https://x.com/i/status/1997360967722684923"


def test_an_author_without_a_number_still_has_a_name() -> None:
    parsed = one(author=person(id=None))

    assert (parsed.author, parsed.post.author) == (None, "baran_tehran")


@pytest.mark.parametrize(
    ("marks", "verified"),
    [
        ({"isBlueVerified": False}, Verified.NO),
        ({"isBlueVerified": True}, Verified.BLUE),
        ({"isVerified": True}, Verified.PERSON),
        ({"verifiedType": "Business"}, Verified.BUSINESS),
        ({"verifiedType": "government"}, Verified.GOVERNMENT),
        ({"verifiedType": "blue", "isBlueVerified": False}, Verified.BLUE),
        ({"verifiedType": [], "isBlueVerified": "yes"}, Verified.NO),
    ],
)
def test_the_mark_beside_a_name(marks: Json, verified: Verified) -> None:
    assert parse_user(packed({"data": person(**marks)}), NOW).verified is verified


@pytest.mark.parametrize(
    ("given", "lang"), [("fa", "fa"), ("FA", "fa"), ("und", ""), ("qme", ""), (None, ""), ([], "")]
)
def test_the_language_of_a_tweet(given: Any, lang: str) -> None:
    """X has codes for having no language: those are none, and are looked for later."""
    assert one(lang=given).post.lang == lang


def test_people_of_another_part_of_the_service() -> None:
    """The search for people has other names for the same things."""
    other = {
        "id": "601",
        "screen_name": "abr",
        "name": "ابر",
        "followers_count": 7,
        "following_count": 8,
        "statuses_count": 9,
        "created_at": "Fri Mar 01 05:42:42 +0000 2013",
    }

    assert parse_people(packed({"users": [other]}), NOW).people == (
        Profile(
            id=601,
            username="abr",
            name="ابر",
            followers=7,
            following=8,
            tweets=9,
            created_at=datetime(2013, 3, 1, 5, 42, 42, tzinfo=UTC),
        ),
    )


def test_every_envelope_is_read() -> None:
    read = {name: READERS[name](packed(answer)) for name, answer in envelopes().items()}

    search, timeline, bulk = read["search"], read["timeline"], read["bulk"]
    assert [each.post.external_id for each in search.tweets] == [
        "1997360967722684923",
        "31",
        "41",
        "51",
    ]
    assert (search.count, search.bad, search.has_more, search.cursor) == (4, 0, True, "next-1")
    assert (read["tweets"].count, read["tweets"].has_more, read["tweets"].cursor) == (2, False, "")
    assert [each.post.external_id for each in timeline.tweets] == [
        "9",
        "1997360967722684923",
        "41",
    ]
    assert (timeline.count, timeline.has_more, timeline.cursor) == (3, True, "next-1")
    assert [page.count for page in bulk] == [2, 1]
    assert [page.cursor for page in bulk] == ["next-1", "b"]
    assert [each.username for each in read["followers"].people] == ["baran_tehran", "abr", "meh"]
    assert (read["followers"].cursor, read["users"].count) == ("next-1", 3)
    assert read["user"].id == 501
    assert read["trends"] == [
        PlaceTrend("تهران", '"تهران"', 1, "1,204 posts"),
        PlaceTrend("#برف", "#برف", 2),
    ]
    assert read["balance"] == Balance(91_000, -250)
    assert read["rules"] == [FilterRule("r1", "hoshyar:1", "برف lang:fa", 60.0, True)]
    assert read["new_rule"] == "r2"
    push = read["push"]
    assert (push.event, push.rule_id, push.rule_tag, push.page.count) == (
        "tweet",
        "r1",
        "hoshyar:1",
        2,
    )


def test_a_pinned_tweet_that_is_on_the_page_too_is_not_there_twice() -> None:
    answer = {"data": {"pin_tweet": tweet(5), "tweets": [tweet(6), tweet(5)]}}

    assert parse_timeline(packed(answer), NOW).count == 2


def test_trends_may_be_flat() -> None:
    flat = {"trends": [{"name": "برف", "rank": 1, "target": []}, {"name": ""}, 5, {"trend": []}]}

    assert parse_trends(packed(flat), NOW) == [PlaceTrend("برف", "برف", 1)]


def test_events_without_tweets() -> None:
    for event in ({"event_type": "connected"}, {"event_type": "ping", "timestamp": 1}):
        assert parse_push(packed(event), NOW) == Push(
            event=event["event_type"], page=TweetPage(tweets=())
        )


@pytest.mark.parametrize(
    ("cursor", "read"),
    [
        ("abc", "abc"),
        ("", ""),
        ("  ", ""),
        (None, ""),
        (5, ""),
        (True, ""),
        ([], ""),
        (["abc"], ""),
        ({"cursor": "abc"}, ""),
        ("x" * LONGEST_CURSOR, "x" * LONGEST_CURSOR),
        ("x" * (LONGEST_CURSOR + 1), ""),
    ],
)
def test_a_cursor_is_a_word_or_none(cursor: Any, read: str) -> None:
    assert page_of(tweet(), cursor=cursor).cursor == read
    answer = {"followers": [person()], "next_cursor": cursor}
    assert parse_people(packed(answer), NOW).cursor == read


@pytest.mark.parametrize(
    ("more", "read"), [(True, True), ("true", True), (1, True), ("no", False), ([], False)]
)
def test_has_next_page_is_true_or_not(more: Any, read: bool) -> None:
    assert page_of(tweet(), more=more).has_more is read


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": "error", "msg": "No active monitoring subscription"}, "No active monitoring"),
        ({"status": "error", "message": "user not found"}, "user not found"),
        ({"status": "ERROR"}, "an error without words"),
        ({"status": "error", "tweets": [], "msg": "x"}, "x"),
        ({"error": 123, "message": "odd"}, "odd"),
        ({"error": "Unauthorized"}, "Unauthorized"),
        ({"detail": "query is required"}, "query is required"),
        ({"detail": [{"loc": ["query"], "msg": "field required"}]}, "field required"),
    ],
)
@pytest.mark.parametrize("name", [name for name in READERS if name != "push"])
def test_a_failure_inside_a_good_answer_is_an_error(name: str, answer: Json, words: str) -> None:
    with pytest.raises(SourceRefused, match=re.escape(words)):
        READERS[name](packed(answer))


def test_one_search_of_several_may_fail_alone() -> None:
    results = {"query_0": {"status": "error", "msg": "bad query"}, "query_2": found(tweet())}
    refused, missing, page = parse_bulk(packed({"results": results}), NOW, 3)

    assert isinstance(refused, SourceRefused)
    assert isinstance(missing, SourceGarbled)
    assert isinstance(page, TweetPage)
    assert page.count == 1


def test_an_account_that_is_gone() -> None:
    gone = {"unavailable": True, "message": "User is suspended", "unavailableReason": "suspended"}

    with pytest.raises(SourceGone, match="User is suspended"):
        parse_user(packed({"data": gone, "status": "success"}), NOW)


def test_what_an_error_says_of_itself() -> None:
    assert said_in(b'{"detail": "query is required"}') == "query is required"
    assert said_in(b"<html>502</html>") == ""
    assert said_in(packed({"message": "x" * 5000})) == "x" * 200


def test_half_an_emoji_costs_a_letter_not_the_page() -> None:
    """X cuts texts inside an emoji; orjson refuses the whole answer for it."""
    body = packed(found(tweet(text="باران"))).replace(
        "باران".encode(), rb"\ud83d rain \ud83c\udf27"
    )

    assert parse_search(body, NOW).tweets[0].post.text == "� rain 🌧"


def test_nan_is_no_number() -> None:
    body = packed(found(tweet(viewCount=-987))).replace(b"-987", b"NaN")

    assert parse_search(body, NOW).tweets[0].post.engagement.views == 0
