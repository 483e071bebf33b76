"""Endpoints that read tweets by their ids, and what stands around them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bot.sandbox.twitter_asked import OK, Answer, Asked, failed, wrong
from bot.sandbox.twitter_ledger import ARTICLE, LIST_CALL, for_profiles, for_tweets
from bot.sandbox.twitter_pages import PAGE, Page, turn_page
from bot.sandbox.twitter_shelf import Held

_IDS_AT_MOST = 100
_REPLIES_V2 = 35


def tweets_by_ids(asked: Asked) -> Answer:
    """GET tweets: those that exist; the deleted are absent without a word."""
    ids = numbers(asked.need("tweet_ids"), "tweet_ids")
    shelf = asked.double.shelf
    found = [tweet for number in ids if (tweet := shelf.get(number, asked.now_ms)) is not None]
    told = [asked.double.forms.searched(tweet) for tweet in found]
    return Answer({"tweets": told, "code": 0, **OK}, len(told), for_tweets(len(told)))


def numbers(text: str, name: str) -> list[int]:
    """Read ids with commas between them, each once."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() for part in parts):
        raise wrong(f"{name} must be ids separated by commas")
    if len(parts) > _IDS_AT_MOST * 5:
        raise wrong(f"{name} holds too many ids")
    return list(dict.fromkeys(int(part) for part in parts))


def paged(
    asked: Asked,
    list_tweets: Callable[[int], Iterable[Held]],
    *,
    size: int = PAGE,
) -> Page[Held]:
    """Turn to the page that was asked for."""
    chance = asked.double.faults.random
    return turn_page(list_tweets, asked.cursor(), asked.now_ms, asked.lies, chance, size)


def keyed(asked: Asked, key: str) -> Callable[[int], Iterable[Held]]:
    """List what the index knows by a key, newest first, within sinceTime and untilTime."""
    since_ms = asked.number("sinceTime") * 1_000
    until_ms = asked.number("untilTime") * 1_000
    double = asked.double

    def listed(as_of_ms: int) -> Iterable[Held]:
        end_ms = min(until_ms or as_of_ms + 1, as_of_ms + 1)
        found = double.shelf.between(since_ms, end_ms, [double.shelf.places(key)])
        return (tweet for tweet in found if not tweet.is_deleted and key in set(tweet.keys()))

    return listed


def _enveloped(asked: Asked, page: Page[Held]) -> Answer:
    told = [asked.double.forms.searched(tweet) for tweet in page.items]
    return Answer({"tweets": told, **page.told(), **OK}, len(told), for_tweets(len(told)))


def _root(asked: Asked) -> Held:
    number = asked.need("tweetId")
    if not number.isdecimal():
        raise wrong("tweetId must be digits")
    tweet = asked.double.shelf.get(int(number), asked.now_ms)
    if tweet is None:
        raise failed("tweet not found", tweets=[], has_next_page=False, next_cursor="")
    return tweet


def replies(asked: Asked) -> Answer:
    """GET tweet/replies: all that was answered below a tweet, newest first."""
    root = _root(asked)
    listed = keyed(asked, f"conversation_id:{root.conversation}")

    def answers(as_of_ms: int) -> Iterable[Held]:
        return (tweet for tweet in listed(as_of_ms) if tweet.reply_to and tweet.id > root.id)

    return _enveloped(asked, paged(asked, answers))


def replies_v2(asked: Asked) -> Answer:
    """GET tweet/replies/v2: the same by larger pages, in an order of one's choice."""
    order = asked.query.get("queryType", "Relevance")
    if order not in {"Relevance", "Latest", "Likes"}:
        raise wrong("queryType must be Relevance, Latest or Likes")
    root = _root(asked)
    listed = keyed(asked, f"conversation_id:{root.conversation}")

    def answers(as_of_ms: int) -> Iterable[Held]:
        found = [tweet for tweet in listed(as_of_ms) if tweet.reply_to and tweet.id > root.id]
        if order != "Latest":
            found.sort(key=lambda tweet: (-tweet.likes, -tweet.id))
        return found

    return _enveloped(asked, paged(asked, answers, size=_REPLIES_V2))


def quotes(asked: Asked) -> Answer:
    """GET tweet/quotes."""
    root = _root(asked)
    listed = keyed(asked, f"quote:{root.id}")
    with_replies = asked.flag("includeReplies", default=True)

    def quoting(as_of_ms: int) -> Iterable[Held]:
        return (tweet for tweet in listed(as_of_ms) if with_replies or not tweet.reply_to)

    return _enveloped(asked, paged(asked, quoting))


def thread(asked: Asked) -> Answer:
    """GET tweet/thread_context: ancestors and descendants together."""
    root = _root(asked)
    return _enveloped(asked, paged(asked, keyed(asked, f"conversation_id:{root.conversation}")))


def retweeters(asked: Asked) -> Answer:
    """GET tweet/retweeters: people, flat, without a status."""
    root = _root(asked)
    page = paged(asked, keyed(asked, f"retweet:{root.id}"), size=100)
    told = [asked.double.forms.person(tweet.author) for tweet in page.items]
    return Answer({"users": told, **page.told()}, len(told), for_profiles(len(told)))


def article(asked: Asked) -> Answer:
    """GET article: none of our tweets is one."""
    if not asked.need("tweet_id").isdecimal():
        raise wrong("tweet_id must be digits")
    return Answer({"article": None, **OK}, 0, ARTICLE)


def list_tweets(asked: Asked) -> Answer:
    """GET list/tweets: a list is a thirtieth of the people, by its number."""
    number = asked.need("listId")
    if not number.isdecimal():
        raise wrong("listId must be digits")
    double = asked.double
    anything = double.read("")

    def of_list(as_of_ms: int) -> Iterable[Held]:
        found = double.found(anything, as_of_ms)
        return (tweet for tweet in found if tweet.author.id % 30 == int(number) % 30)

    page = paged(asked, of_list)
    told = [double.forms.searched(tweet) for tweet in page.items]
    return Answer({"tweets": told, **page.told(), **OK}, len(told), LIST_CALL)
