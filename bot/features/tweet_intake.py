"""The road of tweets into the database: the posts, and in the same transaction the people.

A tweet brings along what it quotes or passes on, paid for already: those go in first. What new
posts say of people is counted with them or not at all; a tweet that is seen again only makes the
profile of its author newer, and the engagement grow. One that was imported, without the number of
its author, is counted when it is first seen here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.analysis.influence import influence, turns_of
from bot.features.intake import Intake, Taken
from bot.models.people import MOST_EARNED, Sums, Turn
from bot.models.post import Engagement, ParentKind, Post
from bot.models.tweets import Profile, Tweet
from bot.ports import Clock, Transaction
from bot.storage.people import PeopleStore, Seen
from bot.storage.post_authors import adopt
from bot.storage.posts import Also
from bot.utils.times import to_ms


class TweetIntake:
    """Takes tweets in from any door; safe to call again with the same ones."""

    def __init__(self, intake: Intake, people: PeopleStore, clock: Clock) -> None:
        self._intake = intake
        self._people = people
        self._clock = clock

    async def take(self, tweets: Sequence[Tweet], also: Also | None = None) -> Taken:
        """Store the tweets that are new, those around them, and what they say of people.

        `also` is called last, in the same transaction, with the new posts; it may raise LeaseLost
        to undo everything.
        """
        each = one_each(tweets)
        at_ms = to_ms(self._clock())

        async def with_people(tx: Transaction, new: Sequence[Post]) -> None:
            known = each.keys() - {post.external_id for post in new}
            adopted = await adopt(tx, [each[name].post for name in known])
            await self._people.keep(tx, seen_in(each, [*new, *adopted], at_ms), influence)
            if also is not None:
                await also(tx, new)

        return await self._intake.take([tweet.post for tweet in each.values()], also=with_people)


def one_each(tweets: Sequence[Tweet]) -> dict[str, Tweet]:
    """Every tweet once, by its id, the ones around before those they are around of."""
    found: dict[str, Tweet] = {}
    for tweet in _flat(tweets):
        before = found.get(tweet.post.external_id)
        found[tweet.post.external_id] = tweet if before is None else _merged(before, tweet)
    return found


def seen_in(each: dict[str, Tweet], new: Sequence[Post], at_ms: int) -> Seen:
    """What tweets tell of people, `new` being the posts that were not counted for anybody yet."""
    profiles: dict[int, Profile] = {}
    names: dict[int, str] = {}
    for tweet in each.values():
        author = tweet.author
        if author is not None:
            profiles[author.id] = author
        elif tweet.post.author_id:
            names[tweet.post.author_id] = tweet.post.author
    earned: dict[int, list[int]] = {}
    turns: list[Turn] = []
    for post in new:
        author_id = post.author_id
        if not author_id:
            continue
        if post.parent is None or post.parent.kind is not ParentKind.RETWEET:
            _add(earned.setdefault(author_id, [0, 0, 0, 0, 0]), post.engagement)
        links = each[post.external_id].links
        if links:
            turns += turns_of(each[post.external_id], author_id, min(to_ms(post.created_at), at_ms))
            for link in links:
                if link.to_id > 0 and link.to_username:
                    names.setdefault(link.to_id, link.to_username)
    for author_id in earned.keys() - profiles.keys():
        profiles[author_id] = Profile(id=author_id, username=names.pop(author_id, ""))
    sums = {
        author_id: Sums(posts=n[0], likes=n[1], retweets=n[2], replies=n[3], views=n[4])
        for author_id, n in earned.items()
    }
    return Seen(at_ms=at_ms, profiles=profiles, names=names, sums=sums, turns=turns)


def _add(sums: list[int], earned: Engagement) -> None:
    sums[0] += 1
    sums[1] += min(earned.likes, MOST_EARNED)
    sums[2] += min(earned.retweets, MOST_EARNED)
    sums[3] += min(earned.replies, MOST_EARNED)
    sums[4] += min(earned.views, MOST_EARNED)


def _flat(tweets: Sequence[Tweet]) -> Iterator[Tweet]:
    for tweet in tweets:
        if tweet.around:
            yield from _flat(tweet.around)
        author = tweet.author
        if author is not None and tweet.post.author_id != author.id:
            yield replace(tweet, post=replace(tweet.post, author_id=author.id))
        else:
            yield tweet


def _merged(one: Tweet, other: Tweet) -> Tweet:
    """Of two sights of a tweet the one that says more, with the higher counts."""
    fuller = (
        other
        if (other.author is not None, len(other.links)) > (one.author is not None, len(one.links))
        else one
    )
    a, b = one.post.engagement, other.post.engagement
    most = Engagement(
        likes=max(a.likes, b.likes),
        retweets=max(a.retweets, b.retweets),
        replies=max(a.replies, b.replies),
        views=max(a.views, b.views),
    )
    return replace(fuller, post=replace(fuller.post, engagement=most))
