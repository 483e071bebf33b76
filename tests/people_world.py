"""Tweets of made-up people, for tests that store them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.models.post import (
    TWITTER_SOURCE_ID,
    Engagement,
    Parent,
    ParentKind,
    Post,
    PostKind,
)
from bot.models.tweets import Link, LinkKind, Profile, Tweet, Verified

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
SARA, REZA, MINA, ALI = 101, 102, 103, 104
NAMES = {SARA: "sara", REZA: "reza", MINA: "mina", ALI: "ali"}


def profile(person: int, **fields: object) -> Profile:
    """Somebody with a thousand followers."""
    known: dict[str, object] = {
        "username": NAMES[person],
        "name": NAMES[person].title(),
        "followers": 1000,
        "following": 500,
        "tweets": 2000,
        "created_at": datetime(2015, 1, 1, tzinfo=UTC),
        "verified": Verified.NO,
    }
    return Profile(id=person, **(known | fields))  # type: ignore[arg-type]  # fields by their names


def tweet(
    number: int,
    author: int | Profile = SARA,
    text: str = "",
    *,
    likes: int = 0,
    retweets: int = 0,
    replies: int = 0,
    views: int = 0,
    links: tuple[tuple[LinkKind, int], ...] = (),
    parent: tuple[ParentKind, int] | None = None,
    around: tuple[Tweet, ...] = (),
    at: datetime | None = None,
) -> Tweet:
    """Tweet `number`, written that many minutes after START."""
    who = author if isinstance(author, Profile) else profile(author)
    return Tweet(
        post=Post(
            kind=PostKind.TWEET,
            source_id=TWITTER_SOURCE_ID,
            external_id=str(number),
            created_at=at or START + timedelta(minutes=number),
            text=text or f"نوشتهٔ شمارهٔ {number} دربارهٔ باران پاییزی و خیابان‌های شهر",
            url=f"https://x.com/{who.username}/status/{number}",
            author=who.username,
            author_id=who.id,
            engagement=Engagement(likes=likes, retweets=retweets, replies=replies, views=views),
            parent=Parent(parent[0], str(parent[1])) if parent else None,
        ),
        author=who,
        links=tuple(Link(kind, to, NAMES.get(to, f"user{to}")) for kind, to in links),
        around=around,
    )
