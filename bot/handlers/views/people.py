"""Somebody on X: what is stored of them, and for admins the buttons that buy more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.handlers.buttons import Verb, pack
from bot.handlers.views.budget import usd
from bot.handlers.views.page import (
    Reader,
    label,
    mood_bar,
    mood_shares,
    mood_words,
    person_name,
    post_lines,
    rows_of,
    shortened,
)
from bot.models.messages import Button, Keyboard, OutMessage, RichText
from bot.models.people import Influence, Person, PersonFacts, Sums, Tie
from bot.models.post import Post
from bot.models.tweets import Profile, Verified
from bot.utils.times import format_date

POSTS = 3
LINKED = 6  # people that a card has a button for
DESCRIPTION_LENGTH = 300
BUTTON_LENGTH = 24


def person_message(
    reader: Reader,
    facts: PersonFacts,
    prices: Mapping[str, int],
    *,
    owner: int = 0,
    note: RichText | None = None,
) -> OutMessage:
    """A person on a phone's screen; `prices` are of what the reader may buy, by its kind."""
    person = facts.person
    body = reader.lines(note, "" if note else None, *_about(reader, person))
    if person.profile_at is not None or person.sums.posts:
        body.newline(2).add(_heard(reader, facts.influence))
    if person.sums.posts:
        body.newline().add(_earned(reader, person.sums))
    if facts.mood.total:
        posts = reader.count("posts", facts.mood.total)
        words = mood_words(reader, facts.mood)
        body.newline(2).add(reader.rich("person.mood", posts=posts, words=words))
        body.newline().plain(f"{mood_bar(facts.mood)} {mood_shares(reader, facts.mood)}")
    for key, ties in (("turns_to", facts.turns_to), ("turned_by", facts.turned_by)):
        if ties:
            body.newline(2 if key == "turns_to" or not facts.turns_to else 1)
            body.add(reader.rich(f"person.{key}", list=_ties(reader, ties)))
    none = "person.none_kept" if person.sums.posts else "person.no_posts"
    body.newline(2).add(reader.rich("person.latest" if facts.posts else none))
    for post in facts.posts:
        body.newline().add(post_lines(reader, post, {}, {person.id: person.profile}))
    if person.profile_at is not None:
        body.newline(2).italic(reader.t("person.seen", when=reader.when(person.profile_at)))
    rows = _people_rows(reader, facts, owner)
    return body.message(keyboard=(*rows, *_buying(reader, person.profile.username, prices)))


def _about(reader: Reader, person: Person) -> list[RichText | None]:
    profile = person.profile
    link = f"https://x.com/{profile.username}"
    name = reader.text().link(person_name(reader, profile), link)
    said: list[RichText | None] = [reader.rich("person.title", name=name)]
    if profile.verified is not Verified.NO:
        said.append(reader.rich(f"person.{profile.verified}"))
    if person.profile_at is None:
        said.append(reader.rich("person.name_only"))
        return said
    description = shortened(profile.description, DESCRIPTION_LENGTH)
    facts = [f"📍 {reader.name(shortened(profile.location, 60))}"] if profile.location else []
    if profile.created_at is not None:
        when = format_date(profile.created_at, reader.timezone, reader.lang, year=True)
        facts.append(reader.t("person.joined", when=when))
    said += [
        reader.text().plain(reader.name(description)) if description else None,
        reader.text().plain(" · ".join(facts)) if facts else None,
        reader.rich(
            "person.counts",
            followers=reader.compact(profile.followers),
            following=reader.compact(profile.following),
            tweets=reader.compact(profile.tweets),
        ),
        reader.rich("person.protected") if profile.is_protected else None,
    ]
    return said


def _heard(reader: Reader, influence: Influence) -> RichText:
    """The influence, what it is made of, and why it is less than the sum."""
    return reader.lines(
        reader.rich("person.influence", points=reader.n(influence.total, 1)),
        reader.rich(
            "person.parts",
            followers=reader.n(influence.followers, 1),
            engagement=reader.n(influence.engagement, 1),
            reach=reader.n(influence.reach, 1),
            standing=reader.n(influence.standing, 1),
        ),
        reader.rich("person.robot", percent=reader.percent(influence.discount))
        if influence.is_robot
        else None,
    )


def _earned(reader: Reader, sums: Sums) -> RichText:
    def mean(total: int) -> str:
        each = total / sums.posts
        return reader.compact(round(each)) if each >= 10 else reader.n(each, 1)

    return reader.rich(
        "person.earned",
        posts=reader.count("posts", sums.posts),
        likes=mean(sums.likes),
        retweets=mean(sums.retweets),
        replies=mean(sums.replies),
        views=mean(sums.views),
    )


def _ties(reader: Reader, ties: Sequence[Tie]) -> str:
    return reader.listed(
        reader.t(
            "person.turn",
            name=_short_name(reader, tie.person.profile),
            kind=reader.t(f"person.kind_{tie.kinds[0]}"),
        )
        for tie in ties
    )


def _short_name(reader: Reader, profile: Profile) -> str:
    return reader.name(f"@{profile.username}" if profile.username else profile.name)


def _people_rows(reader: Reader, facts: PersonFacts, owner: int) -> Keyboard:
    """Buttons to those around a person."""
    around = {tie.person.id: tie.person for tie in (*facts.turns_to, *facts.turned_by)}
    people = [person for person in around.values() if person.profile.username][:LINKED]
    return rows_of((_to(person, owner) for person in people), 3)


def _to(person: Person, owner: int) -> Button:
    name = person.profile.username
    return Button(text=label(f"@{name}", BUTTON_LENGTH), data=pack(Verb.PERSON, name, owner=owner))


def _buying(reader: Reader, username: str, prices: Mapping[str, int]) -> Keyboard:
    return tuple(
        (
            Button(
                text=reader.t(f"person.buy_{what}", price=usd(reader, price)),
                data=pack(Verb.PERSON_BUY, what, username),
            ),
        )
        for what, price in prices.items()
    )


def unknown_message(
    reader: Reader, username: str, prices: Mapping[str, int], posts: Sequence[Post] = ()
) -> OutMessage:
    """Nothing is stored of somebody but perhaps posts: who is known, or what may be bought."""
    key = "person.unknown_but_posts" if posts else "person.unknown"
    tip = reader.rich("person.unknown_buy" if prices else "person.unknown_tip")
    body = reader.lines(reader.rich(key, name=reader.name(f"@{username}")), tip)
    for post in posts:
        body.newline(2).add(post_lines(reader, post, {}, {}))
    return body.message(keyboard=_buying(reader, username, prices))


def top_message(reader: Reader, people: Sequence[Person], owner: int = 0) -> OutMessage:
    """No name was given: how to ask, and those who are heard most."""
    usage = reader.rich("usage.user")
    if not people:
        return reader.lines(usage, reader.rich("person.empty")).message()
    body = reader.lines(usage, "", reader.rich("person.top"))
    for rank, person in enumerate(people, 1):
        name, points = person_name(reader, person.profile), reader.n(person.influence, 1)
        body.newline().plain(f"{reader.n(rank)}. {name} · {points}")
    named = [person for person in people if person.profile.username]
    return body.message(keyboard=rows_of((_to(person, owner) for person in named), 3))


def gone_message(reader: Reader, username: str, price: int) -> OutMessage:
    """The service knows nobody of that name."""
    name = reader.name(f"@{username}")
    return reader.rich("person.gone", name=name, price=usd(reader, price)).message()
