"""Who is heard most, who drives a term, and which terms move together with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bot.handlers.buttons import Verb, pack
from bot.handlers.views.page import (
    Reader,
    earned,
    label,
    person_name,
    rows_of,
    shortened,
)
from bot.handlers.views.trends import BUTTON_LENGTH, TERM_LENGTH, window_row
from bot.models.drivers import Companion, Driver, Drivers
from bot.models.insight import Window
from bot.models.messages import Button, Keyboard, OutMessage, RichText
from bot.models.people import Person
from bot.models.post import Engagement

NAME_LENGTH = 32
_USERNAME = re.compile(r"\w{1,50}", re.ASCII)


def top_message(reader: Reader, people: Sequence[Person], owner: int = 0) -> OutMessage:
    """Those heard most of all who are known, and how to ask about a term."""
    if not people:
        return reader.lines(reader.rich("person.empty"), reader.rich("users.hint")).message()
    body = reader.lines(reader.rich("users.top"), "")
    for rank, person in enumerate(people, 1):
        profile = person.profile
        name = reader.text().link(person_name(reader, profile), _page(profile.username))
        body.newline().add(
            reader.rich(
                "users.top_item", rank=rank, name=name, points=reader.n(person.influence, 1)
            )
        )
        if profile.followers:
            body.plain(f" · {_followers(reader, profile.followers)}")
    body.newline(2).add(reader.rich("users.hint"))
    names = [person.profile.username for person in people]
    return body.message(keyboard=_to_people(names, owner))


def drivers_message(reader: Reader, found: Drivers, ref: str, owner: int = 0) -> OutMessage:
    """Who drives a term: what their tweets on it earned, and who they are."""
    term = reader.name(shortened(found.term, TERM_LENGTH))
    past = reader.t(f"window_past.{found.window}")
    head = reader.rich("users.title", term=term)
    windows = window_row(reader, Verb.USERS, found.window, ref, owner=owner)
    ways = (
        _to(reader, "users.related", Verb.RELATED, ref, found.window, owner),
        _to(reader, "button.card", Verb.CARD, ref, found.window, owner),
    )
    if not found.top:
        none = reader.rich("users.none", term=term, window=past)
        return reader.lines(head, "", none).message(keyboard=(windows, ways))
    posts, voices = reader.count("posts", found.posts), reader.count("voices", found.voices)
    told = "users.of_newest" if found.is_part else "users.of"
    body = reader.lines(head, reader.rich(told, posts=posts, voices=voices, window=past))
    for rank, driver in enumerate(found.top, 1):
        body.newline(2).add(_driver(reader, driver, rank))
    body.newline(2).italic(reader.t("users.by"))
    people = _to_people([driver.username for driver in found.top], owner)
    return body.message(keyboard=(*people, windows, ways))


def _driver(reader: Reader, driver: Driver, rank: int) -> RichText:
    name, person, sums = driver.username, driver.person, driver.voice.sums
    shown = (
        person_name(reader, person.profile)
        if person is not None
        else reader.name(f"@{shortened(name, NAME_LENGTH)}")
    )
    linked = reader.text()
    linked = linked.link(shown, _page(name)) if _USERNAME.fullmatch(name) else linked.plain(shown)
    head = reader.rich("users.item", rank=rank, name=linked)
    if person is not None and person.profile.followers:
        head.plain(f" · {_followers(reader, person.profile.followers)}")
    gained = Engagement(
        likes=sums.likes, retweets=sums.retweets, replies=sums.replies, views=sums.views
    )
    facts = [reader.count("posts", sums.posts), *earned(reader, gained)]
    return reader.lines(head, reader.text().plain(" · ".join(facts)))


def related_message(
    reader: Reader,
    term: str,
    window: Window,
    found: Sequence[Companion],
    refs: Mapping[str, str],
    ref: str,
    owner: int = 0,
) -> OutMessage:
    """Terms that move together with one, each with a button to its card."""
    named = reader.name(shortened(term, TERM_LENGTH))
    past = reader.t(f"window_past.{window}")
    head = reader.rich("related.title", term=named)
    windows = window_row(reader, Verb.RELATED, window, ref, owner=owner)
    ways = (
        _to(reader, "related.users", Verb.USERS, ref, window, owner),
        _to(reader, "button.card", Verb.CARD, ref, window, owner),
    )
    if not found:
        none = reader.rich("related.none", term=named, window=past)
        return reader.lines(head, "", none).message(keyboard=(windows, ways))
    body = reader.lines(head, reader.rich("related.of", window=past), "")
    for rank, one in enumerate(found, 1):
        other = reader.name(shortened(one.term, TERM_LENGTH))
        body.newline().add(reader.rich("related.item", rank=rank, term=other))
        if one.posts:
            posts = reader.count("posts", one.posts)
            body.plain(f" · {reader.t('count.about', what=posts) if one.is_estimate else posts}")
    cards = rows_of(
        (
            Button(
                text=label(one.term, BUTTON_LENGTH),
                data=pack(Verb.CARD, refs[one.key], window, owner=owner),
            )
            for one in found
        ),
        2,
    )
    return body.message(keyboard=(*cards, windows, ways))


def _followers(reader: Reader, followers: int) -> str:
    return reader.t("users.followers", count=reader.compact(followers))


def _page(username: str) -> str:
    return f"https://x.com/{username}"


def _to_people(usernames: Sequence[str], owner: int) -> Keyboard:
    """Buttons to people; a name that is none of X has no page here either."""
    return rows_of(
        (
            Button(text=label(f"@{name}", BUTTON_LENGTH), data=pack(Verb.PERSON, name, owner=owner))
            for name in dict.fromkeys(usernames)
            if _USERNAME.fullmatch(name)
        ),
        2,
    )


def _to(reader: Reader, key: str, verb: Verb, ref: str, window: Window, owner: int) -> Button:
    return Button(text=reader.t(key), data=pack(verb, ref, window, owner=owner))
