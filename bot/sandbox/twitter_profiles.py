"""Endpoints about people: profiles, timelines, mentions, who follows whom."""

from __future__ import annotations

from collections.abc import Iterable

from bot.sandbox.twitter_asked import OK, Answer, Asked, Refused, failed, wrong
from bot.sandbox.twitter_forms import write_person_shortly
from bot.sandbox.twitter_ledger import (
    FOLLOW_CHECK,
    FULL_PAGE,
    LEAST,
    PROFILE,
    VERIFIED_FOLLOWER,
    for_followers,
    for_ids,
    for_profiles,
    for_tweets,
)
from bot.sandbox.twitter_pages import PAGE, Page, turn_page
from bot.sandbox.twitter_people import Person
from bot.sandbox.twitter_reading import keyed, numbers, paged
from bot.sandbox.twitter_shelf import Held

_IDS_PAGE = 5_000
_GONE = "User is suspended"
_NO_PAGE = {"has_next_page": False, "next_cursor": ""}


def _person(asked: Asked, **shape: object) -> Person:
    person = asked.double.crowd.known(asked.need("userName"))
    if person is None:
        raise failed("user not found", **shape)
    return person


def _person_or_id(asked: Asked, **shape: object) -> Person:
    if asked.query.get("userId"):
        number = asked.need("userId")
        if not number.isdecimal():
            raise wrong("userId must be digits")
        person = asked.double.crowd.by_id(int(number))
        if person is None:
            raise failed("user not found", **shape)
        return person
    if not asked.query.get("userName"):
        raise wrong("userName or userId is required")
    return _person(asked, **shape)


def info(asked: Asked) -> Answer:
    """GET user/info, wrapped in data."""
    return _info(asked, asked.need("userName"))


def info_by_path(asked: Asked) -> Answer:
    """GET user/{username}: the same with the name in the path."""
    return _info(asked, asked.rest)


def _info(asked: Asked, name: str) -> Answer:
    crowd = asked.double.crowd
    person = crowd.known(name)
    if person is not None:
        return Answer({"data": asked.double.forms.person(person), **OK}, 1, PROFILE)
    if crowd.is_suspended(name):
        # A success that holds nobody.
        gone = {"unavailable": True, "unavailableReason": "Suspended", "message": _GONE}
        return Answer({"data": {"type": "user", **gone}, **OK})
    raise failed("user not found", data=None)


def infos(asked: Asked) -> Answer:
    """GET user/batch_info_by_ids: those who exist."""
    ids = numbers(asked.need("userIds"), "userIds")
    crowd = asked.double.crowd
    found = [person for number in ids if (person := crowd.by_id(number)) is not None]
    told = [asked.double.forms.person(person) for person in found]
    return Answer({"users": told, **OK}, len(told), for_profiles(len(told)))


def find(asked: Asked) -> Answer:
    """GET user/search: flat, and with other names for the same things."""
    wanted = asked.need("query").casefold()

    def found(_: int) -> Iterable[Person]:
        for person in asked.double.crowd.everybody():
            traits = person.traits
            texts = (person.username, traits["name"], traits["description"])
            if any(wanted in text.casefold() for text in texts):
                yield person

    page = _people_page(asked, found(0), PAGE)
    told = [write_person_shortly(person) for person in page.items]
    return Answer({"users": told, **page.told()}, len(told), for_profiles(len(told)))


def _people_page(asked: Asked, people: Iterable[Person], size: int) -> Page[Person]:
    chance = asked.double.faults.random
    return turn_page(lambda _: people, asked.cursor(), asked.now_ms, asked.lies, chance, size)


def last_tweets(asked: Asked) -> Answer:
    """GET user/last_tweets: tweets inside data, the pages outside of it."""
    shape = {"code": 1, "data": {"pin_tweet": None, "tweets": []}, **_NO_PAGE}
    return _timeline(asked, _person_or_id(asked, **shape))


def timeline(asked: Asked) -> Answer:
    """GET user/tweet_timeline: by id alone, otherwise the same."""
    if not asked.query.get("userId"):
        raise wrong("userId is required")
    return last_tweets(asked)


def _timeline(asked: Asked, person: Person) -> Answer:
    with_replies = asked.flag("includeReplies")
    listed = keyed(asked, f"from:{person.username.casefold()}")

    def own(as_of_ms: int) -> Iterable[Held]:
        if person.traits["is_protected"]:
            return ()
        return (tweet for tweet in listed(as_of_ms) if with_replies or not tweet.reply_to)

    forms = asked.double.forms
    page = paged(asked, own)
    told = [forms.of_timeline(tweet) for tweet in page.items]
    pinned, count = None, len(told)
    if person.pinned_id and asked.cursor() is None and not person.traits["is_protected"]:
        tweet = asked.double.shelf.get(person.pinned_id, asked.now_ms)
        pinned = forms.of_timeline(tweet) if tweet is not None else None
        count += tweet is not None and all(one.id != tweet.id for one in page.items)
    body = {"code": 0, "data": {"pin_tweet": pinned, "tweets": told}, **page.told(), **OK}
    return Answer(body, count, for_tweets(count))


def mentions(asked: Asked) -> Answer:
    """GET user/mentions."""
    person = _person(asked, tweets=[], **_NO_PAGE)
    page = paged(asked, keyed(asked, f"@{person.username.casefold()}"))
    told = [asked.double.forms.searched(tweet) for tweet in page.items]
    return Answer({"tweets": told, **page.told(), **OK}, len(told), for_tweets(len(told)))


def followers(asked: Asked) -> Answer:
    """GET user/followers."""
    return _follows(asked, "followers")


def followings(asked: Asked) -> Answer:
    """GET user/followings."""
    return _follows(asked, "followings")


def _follows(asked: Asked, side: str) -> Answer:
    person = _person(asked, code=1, **{side: []}, **_NO_PAGE)
    crowd = asked.double.crowd
    size = min(FULL_PAGE, max(PAGE, asked.number("pageSize", FULL_PAGE)))
    people = crowd.followers(person) if side == "followers" else crowd.followings(person)
    page = _people_page(asked, people, size)
    told = [asked.double.forms.person(each) for each in page.items]
    body = {"code": 0, side: told, **page.told(), **OK}
    return Answer(body, len(told), for_followers(len(told), size))


def followers_ids(asked: Asked) -> Answer:
    """GET user/followers_ids: bare ids, up to 5,000."""
    person = _person_or_id(asked, code=1, ids=[], **_NO_PAGE)
    size = min(_IDS_PAGE, max(50, asked.number("count", _IDS_PAGE)))
    page = _people_page(asked, asked.double.crowd.followers(person), size)
    ids = [str(each.id) for each in page.items]
    return Answer({"code": 0, "ids": ids, **page.told(), **OK}, len(ids), for_ids(len(ids)))


def verified_followers(asked: Asked) -> Answer:
    """GET user/verifiedFollowers: by `user_id`, twenty a page, dear."""
    number = asked.need("user_id")
    if not number.isdecimal():
        raise wrong("user_id must be digits")
    person = asked.double.crowd.by_id(int(number))
    if person is None:
        raise failed("user not found", code=1, followers=[], **_NO_PAGE)
    people = [each for each in asked.double.crowd.followers(person) if each.is_verified]
    page = _people_page(asked, people, PAGE)
    told = [asked.double.forms.person(each) for each in page.items]
    body = {"code": 0, "followers": told, **page.told(), **OK}
    return Answer(body, len(told), max(LEAST, VERIFIED_FOLLOWER * len(told)))


def follow_check(asked: Asked) -> Answer:
    """GET user/check_follow_relationship: says `message` where all others say `msg`."""
    crowd = asked.double.crowd
    names = [asked.need("source_user_name"), asked.need("target_user_name")]
    people = [crowd.known(name) for name in names]
    if people[0] is None or people[1] is None:
        raise Refused(200, {"status": "error", "message": "user not found", "data": None})
    source, target = people[0], people[1]
    told = {
        "following": target in crowd.followings(source),
        "followed_by": target in crowd.followers(source),
    }
    return Answer({"data": told, "status": "success", "message": "success"}, 1, FOLLOW_CHECK)
