"""People of X: what is stored of somebody, and what can be bought.

Readers are shown what came with the searches anyway. Only what an admin asks for, or a caller that
says so, costs money; what is bought is stored, so that the next one need not pay.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.analysis.influence import influence, influence_parts, strength_at, turn
from bot.analysis.search_text import author_key
from bot.analysis.tweet_query import unmarked
from bot.errors import BadInput, NotFound
from bot.features.tweet_intake import TweetIntake
from bot.models.people import Person, PersonFacts, Relation, Tie
from bot.models.post import Post, PostKind
from bot.models.search import SearchQuery
from bot.models.tweets import LinkKind, Profile
from bot.ports import Clock
from bot.services.search_index import SearchIndex
from bot.services.twitter_api import TwitterApi
from bot.services.twitter_prices import PRICES
from bot.storage.people import PeopleStore
from bot.storage.posts import PostStore
from bot.utils.times import to_ms

PROFILE_GOOD = timedelta(days=7)  # younger ones are not bought anew unless that is asked for
JUDGED_POSTS = 200  # the newest ones, whose moods are told
TIES = 5
LOOKED_AT = 300  # relations of which the strongest people are made
_USERNAME = re.compile(r"(?:https?://)?(?:(?:www|mobile)\.)?(?:x|twitter)\.com/(.+)", re.IGNORECASE)
_NAME = re.compile(r"@?(\w{1,15})", re.ASCII)
# Pages of X, which nobody can be called.
_PAGE = re.compile(
    "compose|explore|hashtag|home|i|intent|login|messages|notifications|privacy|search|settings|"
    "share|signup|tos",
    re.IGNORECASE,
)


ByName = Callable[[str, int], Awaitable[list[Post]]]  # kept tweets of an author, newest first


@dataclass(frozen=True, slots=True)
class Bought:
    """What a purchase brought: its price, how many items came, and how many of them were new."""

    credits: int
    read: int
    new: int


class People:
    """`api` is None where nothing can be bought."""

    def __init__(
        self,
        store: PeopleStore,
        api: TwitterApi | None,
        take: TweetIntake,
        clock: Clock,
        *,
        oldest: Callable[[], datetime | None] = lambda: None,
        by_name: ByName | None = None,
    ) -> None:
        """`oldest`: the first moment whose posts are kept; None: all are, and people too.

        `by_name` finds posts that came without their author's number, as those of a file do.
        """
        self._store = store
        self._api = api
        self._take = take
        self._clock = clock
        self._oldest = oldest
        self._by_name = by_name

    @property
    def can_buy(self) -> bool:
        return self._api is not None and self._api.has_key

    async def find(self, username: str) -> Person | None:
        """Who bears a name now, as far as is stored."""
        return await self._store.by_username(username)

    async def person(self, username: str, *, buy: bool = False) -> Person:
        """Somebody by name. With `buy` who is unknown, or was last looked at long ago, is bought.

        NotFound when nothing is stored and nothing may be bought; a SourceError tells why nothing
        could be.
        """
        known = await self.find(username)
        if buy and self.can_buy and not self._is_good(known):
            await self.buy_profile(username)
            known = await self.find(username)
        if known is None:
            raise NotFound("person.unknown", name=f"@{username.lstrip('@')}")
        return known

    def _is_good(self, known: Person | None) -> bool:
        return (
            known is not None
            and known.profile_at is not None
            and self._clock() - known.profile_at < PROFILE_GOOD
        )

    async def posts_of(
        self, username: str, limit: int, offset: int = 0, *, buy: bool = False
    ) -> list[Post]:
        """Kept posts of somebody, newest first; with `buy` the service is asked for new ones."""
        if buy and self.can_buy:
            await self.buy_posts(username)
        known = await self.find(username)
        return [] if known is None else await self._store.newest_posts(known.id, limit, offset)

    async def facts(self, person: Person, posts: int) -> PersonFacts:
        """All that is stored of somebody, with so many of their newest posts."""
        newest = await self._newest(person, posts + 1)
        turns_to, turned_by = await self.related(person.id)
        return PersonFacts(
            person=person,
            influence=influence_parts(person.profile, person.sums),
            mood=await self._store.moods(person.id, JUDGED_POSTS),
            posts=tuple(newest[:posts]),
            more=len(newest) > posts,
            turns_to=turns_to,
            turned_by=turned_by,
        )

    async def _newest(self, person: Person, limit: int) -> list[Post]:
        """Their newest kept posts; where those are few, also what only bears their name."""
        newest = await self._store.newest_posts(person.id, limit)
        name = person.profile.username
        if len(newest) >= limit or not name:
            return newest
        both = [*newest, *await self.named(name, limit)]
        return sorted(both, key=lambda post: post.created_at, reverse=True)[:limit]

    async def named(self, username: str, limit: int) -> list[Post]:
        """The newest kept posts that bear a name, and no number that says whose it was."""
        if self._by_name is None:
            return []
        # As many others may be among them as the caller has already, which is fewer than `limit`.
        found = await self._by_name(username, 2 * limit)
        return [post for post in found if not post.author_id and post.drop is None][:limit]

    async def related(
        self, person_id: int, limit: int = TIES
    ) -> tuple[tuple[Tie, ...], tuple[Tie, ...]]:
        """Whom a person turns to, and who turns to them, the closest first."""
        out = await self._store.relations_of(person_id, limit=LOOKED_AT)
        back = await self._store.relations_of(person_id, inward=True, limit=LOOKED_AT)
        closest = _closest((one.to_id, one) for one in out)[:limit]
        closest_back = _closest((one.from_id, one) for one in back)[:limit]
        people = await self._store.get_many(
            [other for other, _ in closest] + [other for other, _ in closest_back]
        )
        now_ms = to_ms(self._clock())
        return _ties(closest, people, now_ms), _ties(closest_back, people, now_ms)

    async def top(self, limit: int) -> list[Person]:
        """Those heard most, of all that are stored."""
        return await self._store.top(limit)

    async def authors_of(self, posts: Iterable[Post]) -> dict[int, Profile]:
        """Who wrote these posts, by number, in one read."""
        return await self._store.authors_of(posts)

    async def buy_profile(self, username: str) -> Bought:
        """What the service says of somebody now; SourceGone when there is nobody of that name."""
        profile = await self._paid().user(username, fresh=True)
        await self._store.save([profile], self._clock(), influence)
        return Bought(PRICES["user"].of(1), 1, 1)

    async def buy_posts(self, username: str) -> Bought:
        """The newest page of what somebody wrote."""
        page = await self._paid().timeline(username, fresh=True)
        taken = await self._take.take(page.tweets)
        return Bought(PRICES["timeline"].of(page.count), page.count, len(taken.new))

    async def buy_follows(self, username: str) -> Bought:
        """The newest page of those whom a stored person follows."""
        known = await self.person(username)
        page = await self._paid().followings(known.profile.username)
        now = self._clock()
        turns = [
            turn(known.id, LinkKind.FOLLOW, other.id, to_ms(now))
            for other in page.people
            if other.id != known.id
        ]
        await self._store.save(page.people, now, influence, turns)
        return Bought(PRICES["followings"].of(page.count), page.count, len(turns))

    def _paid(self) -> TwitterApi:
        if self._api is None:
            raise NotFound("twitter.no_key")
        return self._api

    async def forget_old(self) -> int:
        """Forget people and ties that are older than the posts that are kept; how many rows."""
        oldest = self._oldest()
        return 0 if oldest is None else await self._store.forget(oldest)


def by_name_in(search: SearchIndex, posts: PostStore) -> ByName:
    """Tweets of an author as searches find them."""

    async def find(username: str, limit: int) -> list[Post]:
        query = SearchQuery(authors=(author_key(username),), kind=PostKind.TWEET)
        hits = await search.search(query, limit, order="newest")
        found = await posts.get_many(hits.ids)
        return [found[post_id] for post_id in hits.ids if post_id in found]

    return find


def read_username(text: str) -> str:
    """A username as people write it: with an @, or as an address; BadInput for what is none."""
    plain = unmarked(text).strip()
    address = _USERNAME.fullmatch(plain)
    name = re.split(r"[/?#]", address[1])[0] if address else plain
    found = _NAME.fullmatch(name)
    if found is None or _PAGE.fullmatch(found[1]):
        raise BadInput("person.bad_name")
    return found[1]


_Close = tuple[int, list[Relation]]


def _closest(relations: Iterable[tuple[int, Relation]]) -> list[_Close]:
    """The relations of each other person, whose sum is the largest first."""
    by_person: dict[int, list[Relation]] = {}
    for other, relation in relations:
        by_person.setdefault(other, []).append(relation)
    return sorted(by_person.items(), key=lambda each: -sum(one.strength for one in each[1]))


def _ties(closest: Sequence[_Close], people: dict[int, Person], now_ms: int) -> tuple[Tie, ...]:
    return tuple(
        Tie(
            person=people[other],
            strength=strength_at(sum(one.strength for one in relations), now_ms),
            kinds=tuple(one.kind for one in relations),  # they come strongest first
        )
        for other, relations in closest
        if other in people
    )
