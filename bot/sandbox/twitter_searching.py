"""Endpoints that search: alone, several in one request, and what trends in a place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from heapq import nlargest
from typing import Any

from bot.sandbox.twitter_asked import OK, Answer, Asked, Json, read_cursor, wrong
from bot.sandbox.twitter_faults import TwitterFaultKind
from bot.sandbox.twitter_language import LONGEST, SearchText
from bot.sandbox.twitter_ledger import for_tweets
from bot.sandbox.twitter_pages import Cursor, Page, turn_page
from bot.sandbox.twitter_shelf import Held

_BULK_AT_MOST = 50
_TREND_WINDOW_MS = 86_400_000
_LEAST_TRENDS = 30
_TOP_AT_MOST = 2_000


def search(asked: Asked) -> Answer:
    """GET advanced_search: flat, without a status."""
    page = _searched(
        asked, asked.need("query"), asked.query.get("queryType", "Latest"), asked.cursor()
    )
    return _told(asked, page)


def bulk_search(asked: Asked) -> Answer:
    """POST bulk_advanced_search: each query is answered and charged as if alone."""
    queries = asked.given("queries", list)
    if not queries or len(queries) > _BULK_AT_MOST:
        raise wrong(f"queries must hold 1 to {_BULK_AT_MOST} entries")
    results: Json = {}
    count = credits = 0
    for nth, one in enumerate(queries):
        if not isinstance(one, dict) or not isinstance(one.get("query"), str) or not one["query"]:
            raise wrong(f"queries[{nth}].query is required")
        cursor = read_cursor(str(one.get("cursor") or ""))
        page = _searched(asked, one["query"], str(one.get("queryType") or "Latest"), cursor)
        answer = _told(asked, page)
        results[f"query_{nth}"] = answer.body
        count, credits = count + answer.n, credits + answer.credits
    return Answer({"results": results, **OK}, count, credits)


def _told(asked: Asked, page: Page[Held]) -> Answer:
    forms = asked.double.forms
    tweets = [forms.searched(tweet) for tweet in page.items]
    return Answer({"tweets": tweets, **page.told()}, len(tweets), for_tweets(len(tweets)))


def _searched(asked: Asked, text: str, order: str, cursor: Cursor | None) -> Page[Held]:
    if len(text) > LONGEST:
        raise wrong(f"query must be at most {LONGEST} characters")
    if order not in {"Latest", "Top"}:
        raise wrong("queryType must be Latest or Top")
    double = asked.double
    query = double.read(text)

    def found(as_of_ms: int) -> Iterable[Held]:
        newest = double.found(query, as_of_ms)
        if order == "Latest":
            return newest
        return nlargest(_TOP_AT_MOST, newest, key=_liked)

    page = turn_page(found, cursor, asked.now_ms, asked.lies, double.faults.random)
    before = asked.account.last_page
    asked.account.last_page = page
    return before if TwitterFaultKind.STALE_PAGE in asked.lies and before is not None else page


def _liked(tweet: Held) -> tuple[int, int]:
    return tweet.likes + 2 * tweet.retweets + tweet.replies, tweet.id


def trends(asked: Asked) -> Answer:
    """GET trends: twice nested, and never fewer than were asked for when there are enough."""
    woeid = asked.need("woeid")
    if not woeid.isdecimal():
        raise wrong("woeid must be digits")
    count = max(_LEAST_TRENDS, asked.number("count", _LEAST_TRENDS))
    double = asked.double
    anything = SearchText(double.read("").root, wants_retweets=True, is_of_people=False)
    counted: Counter[str] = Counter()
    spelled: dict[str, str] = {}
    since_ms = asked.now_ms - _TREND_WINDOW_MS
    for tweet in double.found(anything, asked.now_ms, since_ms=since_ms):
        for tag in tweet.tags:
            counted[tag] += 1
            spelled.setdefault(tag, tag)
    told: list[Any] = []
    for rank, (tag, times) in enumerate(counted.most_common(count), 1):
        name = f"#{spelled[tag]}"
        trend: Json = {"name": name, "target": {"query": name}, "rank": rank}
        if rank % 3:
            trend["meta_description"] = f"{times} posts"
        told.append({"trend": trend})
    metadata = {"timestamp": asked.now_ms, "refresh_interval_millis": 60_000, "woeid": woeid}
    return Answer({"trends": told, "metadata": metadata, **OK}, len(told))
