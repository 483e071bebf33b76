"""The double's people, timelines, threads and trends, and the traps of type in what it writes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from bot.sandbox.twitter_double import TwitterDouble
from bot.sandbox.twitter_site import TwitterSite

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SEARCH = "/twitter/tweet/advanced_search"
MENTIONS = "/twitter/user/mentions"
ENVELOPE = {"status": "success", "msg": "success"}


@pytest.fixture
async def site() -> AsyncIterator[TwitterSite]:
    """The sandbox's own people, whose clock stands still."""
    double = TwitterDouble(clock=NOON.timestamp, is_paced=False)
    async with TwitterSite(double) as site:
        yield site


@pytest.fixture
async def http(site: TwitterSite) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"X-API-Key": site.key}
    async with httpx.AsyncClient(base_url=site.url, headers=headers) as client:
        yield client


async def ask(http: httpx.AsyncClient, path: str, **query: Any) -> Any:
    answer = await http.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_profile_is_wrapped_in_data(http: httpx.AsyncClient, site: TwitterSite) -> None:
    """By name, by the name in the path, by ids; 18 credits each."""
    site.twitter.matching("")
    person = site.twitter.crowd.of("anarestan")
    one = await ask(http, "/twitter/user/info", userName="Anarestan")
    same = await ask(http, "/twitter/user/anarestan")
    many = await ask(http, "/twitter/user/batch_info_by_ids", userIds=f"{person.id},77")

    assert set(one) == {"data", *ENVELOPE}
    assert one == same
    assert many["users"] == [one["data"]]
    assert one["data"]["id"] == str(person.id)
    assert isinstance(one["data"]["followers"], int)
    assert [spent.credits for spent in site.twitter.calls] == [18, 18, 18]


async def test_somebody_suspended_is_a_success_without_anybody(
    http: httpx.AsyncClient, site: TwitterSite
) -> None:
    """And what they wrote is gone."""
    before = site.twitter.matching("from:anarestan")
    site.twitter.suspend("anarestan")
    gone = await ask(http, "/twitter/user/info", userName="anarestan")
    tweets = await ask(http, "/twitter/user/last_tweets", userName="anarestan")
    by_id = await ask(http, "/twitter/tweets", tweet_ids=str(before[0].id))

    assert gone["status"] == "success"
    assert gone["data"]["unavailable"] is True
    assert tweets["status"] == "error"
    assert by_id["tweets"] == []
    assert site.twitter.matching("from:anarestan") == []


async def test_a_timeline_has_its_tweets_inside_and_its_pages_outside(
    http: httpx.AsyncClient, site: TwitterSite
) -> None:
    """Without replies unless wanted, without address and views, with the pinned one apart."""
    twitter = site.twitter
    twitter.matching("")
    person = twitter.crowd.of("writer")
    person.traits["is_protected"] = False
    first = twitter.write("یک", author="writer", at=NOON - timedelta(days=2))
    person.pinned_id = first.id
    for nth in range(25):
        at = NOON - timedelta(hours=1, minutes=-nth)
        twitter.write(f"متن {nth}", author="writer", at=at)
    twitter.write("@x پاسخ", author="writer", at=NOON - timedelta(minutes=1), reply_to=first)

    page = await ask(http, "/twitter/user/last_tweets", userName="writer")
    more = await ask(
        http, "/twitter/user/last_tweets", userId=person.id, cursor=page["next_cursor"]
    )
    with_replies = await ask(
        http, "/twitter/user/tweet_timeline", userId=person.id, includeReplies="true"
    )

    assert set(page) == {"code", "data", "has_next_page", "next_cursor", *ENVELOPE}
    assert page["data"]["pin_tweet"]["id"] == str(first.id)
    assert not {"url", "viewCount"} & set(page["data"]["tweets"][0])
    assert [len(one["data"]["tweets"]) for one in (page, more)] == [20, 6]
    assert more["data"]["pin_tweet"] is None
    assert with_replies["data"]["tweets"][0]["isReply"] is True
    assert [spent.credits for spent in twitter.calls] == [21 * 15, 6 * 15, 21 * 15]


async def test_what_stands_around_a_tweet(http: httpx.AsyncClient, site: TwitterSite) -> None:
    """Replies, quotes, people who passed it on, the whole thread, mentions within a time."""
    twitter = site.twitter
    root = twitter.write("ریشه", author="root_man", at=NOON - timedelta(hours=3))
    reply = twitter.write("@root_man نه", at=NOON - timedelta(hours=2), reply_to=root)
    below = twitter.write("@somebody بله", at=NOON - timedelta(minutes=90), reply_to=reply)
    quote = twitter.write("ببینید", at=NOON - timedelta(hours=1), quotes=root)
    passed = twitter.write("RT", author="parrot", at=NOON - timedelta(minutes=9), retweets=root)
    of_root = {"tweetId": root.id}

    replies = await ask(http, "/twitter/tweet/replies", **of_root)
    likes = await ask(http, "/twitter/tweet/replies/v2", **of_root, queryType="Likes")
    quotes = await ask(http, "/twitter/tweet/quotes", **of_root)
    people = await ask(http, "/twitter/tweet/retweeters", **of_root)
    thread = await ask(http, "/twitter/tweet/thread_context", tweetId=below.id)
    since = int((NOON - timedelta(minutes=100)).timestamp())
    mentions = await ask(http, "/twitter/user/mentions", userName="root_man")
    later = await ask(http, "/twitter/user/mentions", userName="root_man", sinceTime=since)
    retweet = (await ask(http, "/twitter/tweets", tweet_ids=str(passed.id)))["tweets"][0]
    nothing = await ask(http, "/twitter/tweet/replies", tweetId="5")

    def ids(page: Any) -> list[str]:
        return [one["id"] for one in page["tweets"]]

    assert ids(replies) == [str(below.id), str(reply.id)]
    assert set(ids(likes)) == set(ids(replies))
    assert set(replies) == {"tweets", "has_next_page", "next_cursor", *ENVELOPE}
    assert ids(quotes) == [str(quote.id)]
    assert quotes["tweets"][0]["quoted_tweet"]["id"] == str(root.id)
    assert [one["userName"] for one in people["users"]] == ["parrot"]
    assert set(people) == {"users", "has_next_page", "next_cursor"}
    assert set(ids(thread)) == {str(root.id), str(reply.id), str(below.id)}
    assert str(reply.id) in ids(mentions)
    assert str(reply.id) not in ids(later)
    assert retweet["text"] == "RT @root_man: ریشه"
    assert retweet["retweeted_tweet"]["text"] == "ریشه"
    assert nothing["status"] == "error"


async def test_followers_are_cheap_by_the_full_page(
    http: httpx.AsyncClient, site: TwitterSite
) -> None:
    """One credit each by 200, three by 20, 0.45 for a bare id, 30 for a verified one."""
    twitter = site.twitter
    person = twitter.crowd.of("famous")
    person.traits["followers"] = 1_000
    name = {"userName": "famous"}
    full = await ask(http, "/twitter/user/followers", **name)
    small = await ask(http, "/twitter/user/followers", **name, pageSize=20)
    tiny = await ask(http, "/twitter/user/followers", **name, pageSize=3)
    rest = await ask(http, "/twitter/user/followers", **name, cursor=full["next_cursor"])
    ids = await ask(http, "/twitter/user/followers_ids", **name)
    marked = await ask(http, "/twitter/user/verifiedFollowers", user_id=person.id)
    first = full["followers"][0]
    check = await ask(
        http,
        "/twitter/user/check_follow_relationship",
        source_user_name="famous",
        target_user_name=first["userName"],
    )

    assert [len(page["followers"]) for page in (full, small, tiny)] == [200, 20, 20]
    assert not {one["id"] for one in full["followers"]} & {one["id"] for one in rest["followers"]}
    assert ids["ids"][:200] == [one["id"] for one in full["followers"]]
    assert (await ask(http, "/twitter/user/info", userName=first["userName"]))["data"] == first
    assert check["data"]["followed_by"] is True
    assert set(check) == {"data", "status", "message"}
    count = len(ids["ids"])
    assert [spent.credits for spent in twitter.calls][:7] == [
        200, 60, 60, 200, -(-count * 45 // 100), max(15, 30 * len(marked["followers"])), 100,
    ]  # fmt: skip


async def test_trends_are_nested_twice(http: httpx.AsyncClient, site: TwitterSite) -> None:
    """By how many wrote them within a day."""
    for nth in range(3):
        site.twitter.write("#بسیار گفته", author=f"w{nth}", at=NOON - timedelta(hours=nth))
    trends = await ask(http, "/twitter/trends", woeid=23424851, count=1)
    wrong = await http.get("/twitter/trends", params={"woeid": "Iran"})

    names = [one["trend"]["name"] for one in trends["trends"]]
    assert set(trends) == {"trends", "metadata", *ENVELOPE}
    assert "#بسیار" in names
    assert trends["trends"][0]["trend"]["rank"] == 1
    assert trends["trends"][0]["trend"]["target"]["query"] == names[0]
    assert wrong.status_code == 400


async def test_people_are_found_under_other_field_names(http: httpx.AsyncClient) -> None:
    """The search for people tells screen_name and followers_count."""
    found = await ask(http, "/twitter/user/search", query="anarestan")
    more = await ask(http, "/twitter/list/tweets", listId="4")

    assert set(found) == {"users", "has_next_page", "next_cursor"}
    assert {"screen_name", "followers_count"} <= set(found["users"][0])
    assert len(more["tweets"]) == 20


async def test_the_traps_of_type_are_always_there(
    http: httpx.AsyncClient, site: TwitterSite
) -> None:
    """Lists for objects, null and empty, a count in a list, missing lists, cut retweets."""
    long = site.twitter.write("", retweets=site.twitter.write("دراز " * 50))
    written = [site.twitter.forms.searched(tweet) for tweet in site.twitter.matching("")]

    def kinds(name: str) -> set[str]:
        return {type(one[name]).__name__ for one in written}

    assert kinds("place") == {"list", "dict"}
    assert kinds("card") == {"NoneType", "dict"}
    assert kinds("viewCount") == {"int", "list"}
    assert {one["inReplyToId"] for one in written} >= {"", None}
    assert {type(one["author"]["profile_bio"]).__name__ for one in written} == {"list", "dict"}
    assert any("user_mentions" not in one["entities"] for one in written)
    assert any(one["extendedEntities"].get("media") for one in written)
    retweets = [one for one in written if one["isRetweet"]]
    assert any(one["text"].startswith("RT @") for one in retweets)
    assert all(len(one["text"]) <= 140 for one in retweets)
    assert site.twitter.forms.searched(long)["text"].endswith("…")
    assert site.twitter.forms.searched(long)["retweeted_tweet"]["text"] == "دراز " * 50
    assert any(one["isQuote"] and one["quoted_tweet"]["author"]["id"] for one in written)
    for one in written[:300]:
        for tag in one["entities"].get("hashtags", []):
            assert one["text"][slice(*tag["indices"])] == f"#{tag['text']}"


@pytest.mark.parametrize(
    ("path", "query", "detail"),
    [
        ("/twitter/user/info", {}, "userName is required"),
        ("/twitter/user/last_tweets", {}, "userName or userId is required"),
        ("/twitter/user/last_tweets", {"userId": "x"}, "userId must be digits"),
        ("/twitter/tweets", {"tweet_ids": "a,b"}, "tweet_ids must be ids separated by commas"),
        ("/twitter/tweet/replies", {"tweet_id": "1"}, "tweetId is required"),
        (SEARCH, {"query": "x" * 513}, "query must be at most 512 characters"),
        (SEARCH, {"query": "x", "cursor": "?"}, "cursor is invalid"),
        (SEARCH, {"query": "x", "queryType": "latest"}, "queryType must be Latest or Top"),
        (
            MENTIONS,
            {"userName": "koohnavard7", "sinceTime": "soon"},
            "sinceTime must be an integer",
        ),
    ],
)
async def test_wrong_parameters_are_named(
    http: httpx.AsyncClient, site: TwitterSite, path: str, query: dict[str, str], detail: str
) -> None:
    """400 in FastAPI's shape, charged like any request."""
    site.twitter.matching("")
    answer = await http.get(path, params=query)

    assert (answer.status_code, answer.json()) == (400, {"detail": detail})
    assert site.twitter.credits_spent == 15


async def test_what_needs_a_subscription_fails_with_200(http: httpx.AsyncClient) -> None:
    """The monitored accounts are sold apart."""
    answer = await http.post(
        "/oapi/x_user_stream/add_user_to_monitor_tweet", json={"x_user_name": "a"}
    )

    assert answer.status_code == 200
    assert answer.json() == {"status": "error", "msg": "No active monitoring subscription"}


async def test_several_searches_go_in_one_request(
    http: httpx.AsyncClient, site: TwitterSite
) -> None:
    """Each is charged as if alone; the pace counts one request."""
    path = "/twitter/tweet/bulk_advanced_search"
    queries = [{"query": "lang:fa"}, {"query": "نایافتنی‌ترین"}]
    both = (await http.post(path, json={"queries": queries})).json()
    none = await http.post(path, json={"queries": []})
    text = await http.post(path, content=b"{queries}")

    assert set(both) == {"results", *ENVELOPE}
    assert [len(both["results"][f"query_{nth}"]["tweets"]) for nth in (0, 1)] == [20, 0]
    assert (none.status_code, text.status_code) == (400, 422)
    assert [spent.credits for spent in site.twitter.calls] == [315, 15, 15]
