"""People of X and whom they turn to: kept in step with the posts, in the posts' own transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.models.insight import MoodSplit
from bot.models.people import Person, Relation, Sums, Turn
from bot.models.post import Mood, Post
from bot.models.tweets import LinkKind, Profile, Verified
from bot.ports import Database, Row, Transaction
from bot.storage.post_rows import SELECT, chunks, marks, post_of
from bot.utils.times import from_ms, from_ms_or_none, to_ms

_COLUMNS = (
    "id", "username", "username_key", "name", "description", "location", "verified", "followers",
    "following", "tweets", "created_ms", "is_protected", "is_automated", "seen_ms", "profile_ms",
    "influence", "stored", "likes", "retweets", "replies", "views",
)  # fmt: skip
_SUMS = ("stored", "likes", "retweets", "replies", "views")
_PERSON = f"SELECT {', '.join(_COLUMNS)} FROM x_people"
_RELATION = ("from_id", "kind", "to_id", "strength", "times", "first_ms", "last_ms")
_GROW = (
    "UPDATE x_people SET likes=likes+?, retweets=retweets+?, replies=replies+?, views=views+? "
    "WHERE id=?"
)
_NAME_ONLY = (
    "id", "username", "username_key", "name", "description", "location", "verified", "seen_ms",
)  # fmt: skip
_NAME_LENGTH = 190  # the width of the columns in MySQL
_DESCRIPTION_LENGTH = 1000  # X allows far less
_SEEN_APART_MS = 3_600_000  # who is seen again unchanged within the hour is not written again
_NAMED_APART_MS = 86_400_000
_AT_ONCE = 200  # people looked at in a transaction of forgetting

_NOTHING = Sums()

Score = Callable[[Profile, Sums], float]  # how influential somebody is


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a batch of tweets, or an answer about people, tells of them.

    `profiles` are as of `at_ms`; `names` are people of whom nothing else is known; `sums` and
    `turns` are of posts that are stored in the same transaction, and of no others.
    """

    at_ms: int
    profiles: Mapping[int, Profile]
    names: Mapping[int, str] = field(default_factory=dict)
    sums: Mapping[int, Sums] = field(default_factory=dict)
    turns: Sequence[Turn] = ()


class PeopleStore:
    def __init__(self, db: Database) -> None:
        self._db = db
        dialect = db.dialect
        # Sums are added up by the database: what others add meanwhile is not lost.
        grow = [f"{column}={{old}} + {{new}}" for column in _SUMS]
        # An index over a column that is written is written, changed or not: so the fewest are.
        profile = _COLUMNS[3:15]
        self._puts = [
            dialect.upsert("x_people", _COLUMNS, ["id"], [*columns, *grow])
            for columns in (profile, [*profile, "influence"], _COLUMNS[1:16])
        ]
        seen = ["seen_ms=CASE WHEN {new}>{old} THEN {new} ELSE {old} END"]
        self._put_name = dialect.upsert("x_people", _NAME_ONLY, ["id"], seen)
        span = [
            "first_ms=CASE WHEN {new}<{old} THEN {new} ELSE {old} END",
            "last_ms=CASE WHEN {new}>{old} THEN {new} ELSE {old} END",
        ]
        key = _RELATION[:3]
        added = ["strength={old} + {new}", "times={old} + {new}", *span]
        self._turn = dialect.upsert("x_relations", _RELATION, key, added)
        # To be seen following again is no second following.
        stays = ["strength=CASE WHEN {new}>{old} THEN {new} ELSE {old} END", *span]
        self._follow = dialect.upsert("x_relations", _RELATION, key, stays)

    async def keep(self, tx: Transaction, seen: Seen, score: Score) -> None:
        """Write what was seen, in the transaction of the posts that it was seen in."""
        known = await _rows(tx, [*seen.profiles, *seen.names])
        groups: list[list[tuple[object, ...]]] = [[] for _ in self._puts]
        for person_id in sorted(seen.profiles):
            before = known.get(person_id)
            row = _changed(before, seen.profiles[person_id], seen, score)
            if row is not None:
                groups[_group(before, row)].append(row)
        for sql, rows in zip(self._puts, groups, strict=True):
            if rows:
                await tx.execute_many(sql, rows)
        names = [
            _name_row(person_id, name, seen.at_ms)
            for person_id, name in sorted(seen.names.items())
            if person_id not in seen.profiles and _is_news(known.get(person_id), seen.at_ms)
        ]
        if names:
            await tx.execute_many(self._put_name, names)
        relations, follows = _relations(seen.turns)
        if relations:
            await tx.execute_many(self._turn, relations)
        if follows:
            await tx.execute_many(self._follow, follows)

    async def save(
        self,
        profiles: Iterable[Profile],
        at: datetime,
        score: Score,
        turns: Sequence[Turn] = (),
    ) -> None:
        """Profiles that were asked for, and who of them follows whom."""
        seen = Seen(
            at_ms=to_ms(at), profiles={profile.id: profile for profile in profiles}, turns=turns
        )

        async def unit(tx: Transaction) -> None:
            await self.keep(tx, seen, score)

        await self._db.write(unit)

    async def get(self, person_id: int) -> Person | None:
        return (await self.get_many([person_id])).get(person_id)

    async def get_many(self, person_ids: Iterable[int]) -> dict[int, Person]:
        """Those of them that are stored, by id."""
        wanted = [person_id for person_id in dict.fromkeys(person_ids) if person_id]
        found: dict[int, Person] = {}
        for chunk in chunks(wanted):
            rows = await self._db.fetch_all(f"{_PERSON} WHERE id IN ({marks(chunk)})", chunk)
            found.update({int(row[0]): _person(row) for row in rows})
        return found

    async def authors_of(self, posts: Iterable[Post]) -> dict[int, Profile]:
        """Who wrote these posts, by number, as far as they are stored; one read."""
        ids = {post.author_id for post in posts} - {0}
        found = await self.get_many(sorted(ids)) if ids else {}
        return {person_id: person.profile for person_id, person in found.items()}

    async def by_username(self, username: str) -> Person | None:
        """Who bears a name now: names are given up and taken by others."""
        row = await self._db.fetch_one(
            f"{_PERSON} WHERE username_key=? ORDER BY profile_ms DESC, seen_ms DESC LIMIT 1",
            (username_key(username),),
        )
        return _person(row) if row else None

    async def top(self, limit: int) -> list[Person]:
        """The most influential ones first."""
        rows = await self._db.fetch_all(
            f"{_PERSON} WHERE influence>0 ORDER BY influence DESC LIMIT ?", (limit,)
        )
        return [_person(row) for row in rows]

    async def count(self) -> int:
        row = await self._db.fetch_one("SELECT COUNT(*) FROM x_people")
        return int(row[0]) if row else 0

    async def relations_of(
        self,
        person_id: int,
        *,
        inward: bool = False,
        kind: LinkKind | None = None,
        limit: int = 200,
    ) -> list[Relation]:
        """Whom a person turns to, or (`inward`) who turns to them: the strongest first."""
        of_kind, params = ("", ()) if kind is None else (" AND kind=?", (kind.value,))
        rows = await self._db.fetch_all(
            f"SELECT {', '.join(_RELATION)} FROM x_relations "
            f"WHERE {'to_id' if inward else 'from_id'}=?{of_kind} ORDER BY strength DESC LIMIT ?",
            (person_id, *params, limit),
        )
        return [_relation(row) for row in rows]

    async def newest_posts(self, person_id: int, limit: int, offset: int = 0) -> list[Post]:
        """Kept posts of a person, newest first."""
        rows = await self._db.fetch_all(
            f"{SELECT} WHERE author_id=? AND drop_reason='' "
            "ORDER BY created_ms DESC LIMIT ? OFFSET ?",
            (person_id, limit, offset),
        )
        return [post_of(row) for row in rows]

    async def moods(self, person_id: int, last: int) -> MoodSplit:
        """The moods of a person's newest kept posts."""
        rows = await self._db.fetch_all(
            "SELECT mood, COUNT(*) FROM (SELECT mood FROM posts WHERE author_id=? "
            "AND drop_reason='' ORDER BY created_ms DESC LIMIT ?) AS newest GROUP BY mood",
            (person_id, last),
        )
        counts = {str(mood): int(count) for mood, count in rows}
        return MoodSplit(
            positive=counts.get(Mood.POSITIVE, 0),
            neutral=counts.get(Mood.NEUTRAL, 0),
            negative=counts.get(Mood.NEGATIVE, 0),
        )

    async def forget(self, before: datetime) -> int:
        """Forget who was not seen since a moment, and who has not turned to whom; row count.

        A few people a transaction, in the order of their ids.
        """
        before_ms, after, forgotten = to_ms(before), 0, 0
        while True:
            rows = await self._db.fetch_all(
                "SELECT id FROM x_people WHERE id>? ORDER BY id LIMIT ?", (after, _AT_ONCE)
            )
            if not rows:
                return forgotten
            first, last = after, int(rows[-1][0])

            async def unit(tx: Transaction, first: int = first, last: int = last) -> int:
                turned = await tx.execute(
                    "DELETE FROM x_relations WHERE from_id>? AND from_id<=? AND last_ms<?",
                    (first, last, before_ms),
                )
                return turned + await tx.execute(
                    "DELETE FROM x_people WHERE id>? AND id<=? AND seen_ms<?",
                    (first, last, before_ms),
                )

            forgotten += await self._db.write(unit)
            after = last


async def grow_sums(tx: Transaction, gains: Mapping[int, Sums]) -> None:
    """What stored posts of people gained since they were stored, in the caller's transaction."""
    for person_id, gain in sorted(gains.items()):
        await tx.execute(_GROW, (gain.likes, gain.retweets, gain.replies, gain.views, person_id))


def username_key(username: str) -> str:
    """What a username is compared by; X takes no notice of capitals."""
    return username.strip().lstrip("@").lower()[:_NAME_LENGTH]


async def _rows(tx: Transaction, person_ids: Sequence[int]) -> dict[int, Row]:
    found: dict[int, Row] = {}
    for chunk in chunks(list(dict.fromkeys(person_ids))):
        rows = await tx.fetch_all(f"{_PERSON} WHERE id IN ({marks(chunk)})", chunk)
        found.update({int(row[0]): row for row in rows})
    return found


def _changed(
    row: Row | None, profile: Profile, seen: Seen, score: Score
) -> tuple[object, ...] | None:
    """The row of a person as it becomes, with what the sums gain; None when it stays."""
    gain = seen.sums.get(profile.id)
    at_ms = seen.at_ms
    is_full = _is_full(profile)
    if row is None:
        points = score(profile, gain or _NOTHING)
        values, seen_ms, profile_ms = _values(profile), at_ms, at_ms if is_full else 0
    else:
        now: tuple[object, ...] = row[1:13]
        seen_ms, profile_ms = row[13], row[14]
        if at_ms >= profile_ms and (is_full or not profile_ms):
            values = _values(profile)
            profile_ms = at_ms if is_full else 0
        else:
            values, profile = now, _person(row).profile
        earned = Sums(
            posts=row[16], likes=row[17], retweets=row[18], replies=row[19], views=row[20]
        )
        points = score(profile, earned if gain is None else earned.plus(gain))
        is_same = gain is None and values == now and points == row[15]
        if is_same and at_ms - seen_ms < _SEEN_APART_MS:
            return None
        seen_ms = max(seen_ms, at_ms)
    gain = gain or _NOTHING
    return (
        profile.id, *values, seen_ms, profile_ms, points,
        gain.posts, gain.likes, gain.retweets, gain.replies, gain.views,
    )  # fmt: skip


def _group(before: Row | None, row: tuple[object, ...]) -> int:
    """Which statement writes a row: 0 where no index changes, 1 its influence's, 2 all."""
    if before is None or before[1:3] != row[1:3]:
        return 2
    return int(before[15] != row[15])


def _is_news(before: Row | None, at_ms: int) -> bool:
    """Whether somebody who was only named is unknown, or was last seen long ago."""
    return before is None or before[13] < at_ms - _NAMED_APART_MS


def _is_full(profile: Profile) -> bool:
    """Some answers have no more than the name of a person."""
    return bool(
        profile.followers or profile.following or profile.tweets or profile.created_at is not None
    )


def _values(profile: Profile) -> tuple[object, ...]:
    """The columns from `username` to `is_automated`."""
    username, name = profile.username, profile.name
    description, location = profile.description, profile.location
    if not _is_storable(username, name, description, location):
        username, name = _storable(username, _NAME_LENGTH), _storable(name, _NAME_LENGTH)
        description = _storable(description, _DESCRIPTION_LENGTH)
        location = _storable(location, _NAME_LENGTH)
    return (
        username, username.lower(), name, description, location, profile.verified.value,
        profile.followers, profile.following, profile.tweets, to_ms(profile.created_at),
        int(profile.is_protected), int(profile.is_automated),
    )  # fmt: skip


def _is_storable(username: str, name: str, description: str, location: str) -> bool:
    """As nearly all are: of whole characters, and no wider than the columns."""
    widest = max(len(username), len(name), len(location))
    if widest > _NAME_LENGTH or len(description) > _DESCRIPTION_LENGTH:
        return False
    try:
        f"{username}{name}{description}{location}".encode()
    except UnicodeEncodeError:
        return False
    return True


def _name_row(person_id: int, name: str, at_ms: int) -> tuple[object, ...]:
    username = _storable(name, _NAME_LENGTH)
    return (person_id, username, username.lower(), "", "", "", "", at_ms)


def _storable(text: str, length: int) -> str:
    """A name as others chose it, without halves of characters, as wide as its column."""
    if text.isascii():
        return text[:length]
    return text.encode("utf-8", "ignore").decode()[:length]


def _relations(
    turns: Iterable[Turn],
) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Rows in the order of their keys, those of follows apart."""
    found: dict[tuple[int, str, int], list[float | int]] = {}
    for from_id, kind, to_id, at_ms, weight in turns:
        key = (from_id, kind.value, to_id)
        row = found.get(key)
        if row is None:
            found[key] = [weight, 1, at_ms, at_ms]
            continue
        row[0] = max(row[0], weight) if kind is LinkKind.FOLLOW else row[0] + weight
        row[1] = 1 if kind is LinkKind.FOLLOW else row[1] + 1
        row[2], row[3] = min(row[2], at_ms), max(row[3], at_ms)
    added: list[tuple[object, ...]] = []
    follows: list[tuple[object, ...]] = []
    for key in sorted(found):
        (follows if key[1] == LinkKind.FOLLOW else added).append((*key, *found[key]))
    return added, follows


def _person(row: Row) -> Person:
    return Person(
        profile=Profile(
            id=int(row[0]),
            username=row[1],
            name=row[3],
            description=row[4],
            location=row[5],
            verified=Verified(row[6]),
            followers=row[7],
            following=row[8],
            tweets=row[9],
            created_at=from_ms_or_none(row[10]),
            is_protected=bool(row[11]),
            is_automated=bool(row[12]),
        ),
        seen_at=from_ms_or_none(row[13]),
        profile_at=from_ms_or_none(row[14]),
        influence=row[15],
        sums=Sums(posts=row[16], likes=row[17], retweets=row[18], replies=row[19], views=row[20]),
    )


def _relation(row: Row) -> Relation:
    return Relation(
        from_id=int(row[0]),
        kind=LinkKind(row[1]),
        to_id=int(row[2]),
        strength=row[3],
        times=row[4],
        first_at=from_ms(row[5]),
        last_at=from_ms(row[6]),
    )
