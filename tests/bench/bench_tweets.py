"""Tweets from the bytes of replies to stored rows, beside what a plain script could do.

Pages of twenty as the service sends them, near 3 kB a tweet, on SQLite, in seconds of CPU: the
parsing, the hops between threads and the database are all in it. Ours and the plain ones take
turns, in transactions of the same size, each into a database of its own with the same schema, all
its indexes, and the same posts in it already: once none, once as many as a month brings.

Two plain ones: `executemany` of finished rows of the posts, which neither reads replies nor knows
of people; and a script that reads the same replies with the standard library's json, takes the
fields of the posts out of them and nothing else, and stores them by executemany.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from bot.analysis.influence import influence, turn
from bot.features.intake import Intake
from bot.features.tweet_intake import TweetIntake, one_each, seen_in
from bot.models.post import Post
from bot.models.tweets import LinkKind, Tweet
from bot.ports import Database, Transaction
from bot.services.db_service import open_database
from bot.services.migrations import migrate
from bot.services.twitter_parsing import parse_search
from bot.storage.origins import OriginStore
from bot.storage.people import PeopleStore
from bot.storage.post_rows import INSERT, values_of
from bot.storage.posts import PostStore
from bot.utils.times import to_ms

PAGE = 20
PAGES = 50  # of a transaction
ROUNDS = 9
WARM = 2  # rounds that are not counted: the people are new in them
STORED = 300_000  # posts of a month at ten thousand a day
KNOWN = 60_000  # people who wrote them
AT_ONCE = 5000
AUTHORS = 4000
LETTERS = "ابتجدرزسشفقکگلمنوهیپ"
NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)

_COLUMNS = (
    "id", "kind", "source_id", "external_id", "created_ms", "collected_ms", "title", "text", "url",
    "author", "lang", "hashtags", "mentions", "likes", "retweets", "replies", "views",
    "content_key", "drop_reason", "drop_evidence", "duplicate_of", "mood", "mood_confidence",
    "author_id", "parent_kind", "parent_id",
)  # fmt: skip
_SCRIPT = f"INSERT INTO posts ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' for _ in _COLUMNS)})"

Row = tuple[str, float, str, str]  # what, value, unit, what stands beside it


def run() -> Iterator[Row]:
    """Parsing and storing alone, then the whole road with its judging and moods."""
    service = _Service()
    rounds = [[service.page() for _ in range(PAGES)] for _ in range(WARM + ROUNDS)]
    size = sum(map(len, rounds[0])) / (PAGES * PAGE)
    what = f"tweets: replies ({size / 1000:.1f} kB a tweet) to posts, people, relations"
    with tempfile.TemporaryDirectory() as name:
        empty, full = Path(name) / "empty.db", Path(name) / "full.db"
        asyncio.run(_made(empty))
        yield asyncio.run(_stored(f"{what}, {PAGES} pages a transaction", empty, rounds, PAGES))
        shutil.copy(empty, full)
        asyncio.run(_fill(full, service))
        beside = f"beside {STORED:,} posts"
        yield asyncio.run(_stored(f"{what}, {beside}", full, rounds, PAGES))
        yield asyncio.run(_stored(f"{what}, {beside}, a page a transaction", full, rounds, 1))
        yield asyncio.run(_judged(f"tweets: the whole road, judged, {beside}", full, rounds))


async def _made(path: Path) -> None:
    db = await open_database(f"sqlite:///{path}")
    await migrate(db)
    await db.maintain()
    await db.close()


async def _fill(path: Path, service: _Service) -> None:
    """A month of posts of many people."""
    chance = random.Random(5)
    sample = [tweet for _ in range(50) for tweet in parse_search(service.page(), NOW).tweets]
    step = timedelta(days=30) / STORED
    rows = (
        values_of(
            replace(
                sample[number % len(sample)].post,
                id=number,
                external_id=str(1_900_000_000_000_000_000 + number * 10**9),
                created_at=NOW - timedelta(days=30) + number * step,
                content_key=chance.getrandbits(63),
                author_id=chance.randrange(KNOWN) + 1,
            )
        )
        for number in range(1, STORED + 1)
    )
    plain = _Plain(path)
    while some := list(islice(rows, AT_ONCE)):
        plain.put([some])
    plain.run(f"UPDATE heads SET value={STORED} WHERE name='posts'")
    plain.close()
    db = await open_database(f"sqlite:///{path}")
    store = PeopleStore(db)
    author = sample[0].author
    assert author is not None
    for first in range(1, KNOWN, AT_ONCE):
        people = [
            replace(author, id=n, username=f"known_{n}") for n in range(first, first + AT_ONCE)
        ]
        turns = [
            turn(n, LinkKind.MENTION, n % 900 + 1, to_ms(NOW))
            for n in range(first, first + AT_ONCE)
        ]
        await store.save(people, NOW, influence, turns)
    await db.maintain()
    await db.close()


async def _stored(what: str, start: Path, rounds: Sequence[list[bytes]], pages: int) -> Row:
    """Without what judges posts: their keys are made up, and cost the index what real ones do."""
    with _Sides(start) as sides:
        db = await open_database(f"sqlite:///{sides.ours}")
        ours = _Ours(db)
        try:
            for bodies in rounds:
                groups = [bodies[n : n + pages] for n in range(0, len(bodies), pages)]
                began = time.process_time()
                stored = [await ours.take(group) for group in groups]
                sides.add(time.process_time() - began, stored, groups)
        finally:
            await db.close()
        return sides.row(what)


async def _judged(what: str, start: Path, rounds: Sequence[list[bytes]]) -> Row:
    with _Sides(start) as sides:
        db = await open_database(f"sqlite:///{sides.ours}")
        intake = TweetIntake(Intake(PostStore(db), OriginStore(db)), PeopleStore(db), lambda: NOW)
        try:
            for bodies in rounds:
                began = time.process_time()
                tweets = [tweet for body in bodies for tweet in parse_search(body, NOW).tweets]
                taken = await intake.take(tweets)
                sides.add(time.process_time() - began, [taken.new], [bodies])
        finally:
            await db.close()
        return sides.row(what)


class _Sides:
    """The databases of ours and of the plain ones, copies of one, and what each round took."""

    def __init__(self, start: Path) -> None:
        self.ours, *plain = (start.with_name(name) for name in ("ours.db", "rows.db", "script.db"))
        for path in (self.ours, *plain):
            for old in path.parent.glob(f"{path.name}*"):
                old.unlink()
            shutil.copy(start, path)
        self._rows, self._script = map(_Plain, plain)
        self._rates: list[tuple[float, float, float]] = []

    def __enter__(self) -> _Sides:
        return self

    def __exit__(self, *_: object) -> None:
        self._rows.close()
        self._script.close()

    def add(
        self, our_s: float, stored: Sequence[Sequence[Post]], replies: Sequence[Sequence[bytes]]
    ) -> None:
        """A round of ours; the plain ones have theirs."""
        count = sum(map(len, stored))
        finished = [list(map(values_of, posts)) for posts in stored]
        first = stored[0][0].id
        began = time.process_time()
        self._rows.put(finished)
        then = time.process_time()
        same = self._script.read_and_put(replies, first)
        ended = time.process_time()
        if same != count:
            raise RuntimeError(f"the plain script stored {same} posts, and we {count}")
        self._rates.append((count / our_s, count / (then - began), count / (ended - then)))

    def row(self, what: str) -> Row:
        counted = self._rates[WARM:]
        mine, rows, script = (statistics.median(column) for column in zip(*counted, strict=True))
        of_rows = statistics.median(one / limit for one, limit, _ in counted)
        of_script = statistics.median(one / limit for one, _, limit in counted)
        beside = (
            f"json and executemany of the posts alone {script:,.0f}: {of_script:.0%} of it; "
            f"executemany of finished rows {rows:,.0f}: {of_rows:.0%} of it"
        )
        return what, mine, "tweets/CPU-s", beside


class _Ours:
    """Our stores without what judges the posts."""

    def __init__(self, db: Database) -> None:
        self._posts, self._origins, self._people = PostStore(db), OriginStore(db), PeopleStore(db)
        self._chance = random.Random(2)

    async def take(self, bodies: Sequence[bytes]) -> list[Post]:
        """Replies in one transaction; the posts stored."""
        return await self._store(
            [tweet for body in bodies for tweet in parse_search(body, NOW).tweets]
        )

    async def _store(self, tweets: Sequence[Tweet]) -> list[Post]:
        each = one_each(tweets)
        posts = [tweet.post for tweet in each.values()]
        head = await self._posts.head()
        known = await self._origins.known(posts)
        key = self._chance.getrandbits
        new = [
            replace(post, id=number, content_key=key(63))
            for number, post in enumerate(posts, head + 1)
        ]
        if known:
            raise RuntimeError("every tweet is new here")

        async def with_people(tx: Transaction, new: Sequence[Post]) -> None:
            await self._people.keep(tx, seen_in(each, new, to_ms(NOW)), influence)

        if not await self._posts.add_new(head, new, also=with_people):
            raise RuntimeError("nobody else stores posts here")
        return new


class _Plain:
    """The driver alone, with the settings of ours."""

    def __init__(self, path: Path) -> None:
        self._chance = random.Random(3)
        self._connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("synchronous=NORMAL", "cache_size=-16384", "wal_autocheckpoint=4000"):
            self._connection.execute(f"PRAGMA {pragma}")

    def put(self, transactions: Sequence[Sequence[tuple[object, ...]]], sql: str = INSERT) -> None:
        for rows in transactions:
            self.run("BEGIN IMMEDIATE")
            self._connection.executemany(sql, rows)
            self.run("COMMIT")

    def read_and_put(self, transactions: Sequence[Sequence[bytes]], first: int) -> int:
        """The posts of replies, read with what Python brings along; how many there were."""
        number = first - 1
        for bodies in transactions:
            rows: list[tuple[object, ...]] = []
            for body in bodies:
                for raw in json.loads(body)["tweets"]:
                    for one in (raw["quoted_tweet"] or raw["retweeted_tweet"], raw):
                        if one:
                            number += 1
                            rows.append(self._row(one, number))
            self.put([rows], _SCRIPT)
        return number - first + 1

    def _row(self, raw: dict[str, Any], number: int) -> tuple[object, ...]:
        author, entities = raw["author"], raw["entities"]
        at = datetime.strptime(raw["createdAt"], "%a %b %d %H:%M:%S %z %Y")
        parent, around = raw["inReplyToId"] or "", raw["quoted_tweet"] or raw["retweeted_tweet"]
        return (
            number, "tweet", 1, raw["id"], int(at.timestamp() * 1000), 0, "", raw["text"],
            raw["url"], author["userName"], raw["lang"],
            json.dumps([tag["text"] for tag in entities["hashtags"]], ensure_ascii=False),
            json.dumps([one["screen_name"] for one in entities["user_mentions"]]),
            raw["likeCount"], raw["retweetCount"], raw["replyCount"], raw["viewCount"],
            self._chance.getrandbits(63), "", "", None, "", 0.0, int(author["id"]),
            "reply" if parent else "quote" if around else "", parent or (around or raw)["id"],
        )  # fmt: skip

    def run(self, sql: str) -> None:
        self._connection.execute(sql)

    def close(self) -> None:
        self._connection.close()


class _Service:
    """Replies as the service writes them, of people some of whom write far more than others."""

    def __init__(self) -> None:
        self._chance = random.Random(11)
        self._words = [
            "".join(self._chance.choices(LETTERS, k=self._chance.randint(2, 8)))
            for _ in range(8000)
        ]
        self._people = [self._person(number) for number in range(AUTHORS)]
        self._weights = [1 / (rank + 10) for rank in range(AUTHORS)]
        self._number = 1_990_000_000_000_000_000
        self._at = NOW - timedelta(days=1)

    def page(self) -> bytes:
        """Twenty tweets, newest first."""
        tweets = [self._tweet() for _ in range(PAGE)][::-1]
        return orjson.dumps({"tweets": tweets, "has_next_page": True, "next_cursor": "DAACCgACGd"})

    def _text(self, length: int) -> str:
        return " ".join(self._chance.choices(self._words, k=length))

    def _author(self) -> dict[str, Any]:
        return self._chance.choices(self._people, self._weights)[0]

    def _tweet(self, depth: int = 0) -> dict[str, Any]:
        chance = self._chance
        author, other = self._author(), self._author()
        self._number += chance.randrange(1, 10**12)
        self._at += timedelta(seconds=chance.random())
        number, name = str(self._number), author["userName"]
        kind = chance.random() if not depth else 1.0
        around = self._tweet(1) if kind < 0.2 else None
        reply = 0.2 <= kind < 0.5
        named = [other] if reply or chance.random() < 0.2 else []
        text = self._text(chance.randint(8, 30))
        tags = [self._text(1)] if chance.random() < 0.3 else []
        mentions = [
            {
                "id_str": one["id"],
                "indices": [0, 9],
                "name": one["name"],
                "screen_name": one["userName"],
            }
            for one in named
        ]
        if named:
            text = f"@{other['userName']} {text}"
        return {
            "type": "tweet", "id": number, "url": f"https://x.com/{name}/status/{number}",
            "twitterUrl": f"https://twitter.com/{name}/status/{number}",
            "text": " ".join([text, *(f"#{tag}" for tag in tags)]), "source": "Twitter for Android",
            "retweetCount": chance.randrange(40), "replyCount": chance.randrange(20),
            "likeCount": chance.randrange(400), "quoteCount": 0,
            "viewCount": chance.randrange(20_000), "bookmarkCount": 3,
            "createdAt": f"{self._at:%a %b %d %H:%M:%S} +0000 {self._at.year}",
            "lang": "fa", "isReply": reply,
            "inReplyToId": str(self._number - 5000) if reply else None,
            "conversationId": number, "displayTextRange": [0, len(text)],
            "inReplyToUserId": other["id"] if reply else None,
            "inReplyToUsername": other["userName"] if reply else None,
            "isLimitedReply": False, "isConversationControlled": False, "author": author,
            "extendedEntities": self._media(name, number) if chance.random() < 0.3 else {},
            "card": None, "place": [],
            "entities": {
                "hashtags": [{"indices": [1, 9], "text": tag} for tag in tags],
                "symbols": [], "urls": [], "user_mentions": mentions,
            },
            "quoted_tweet": around if kind < 0.1 else None,
            "retweeted_tweet": around if 0.1 <= kind < 0.2 else None, "article": None,
        }  # fmt: skip

    def _media(self, name: str, number: str) -> dict[str, Any]:
        return {"media": [{
            "display_url": "pic.x.com/iYw029Fnaq", "id_str": number, "indices": [80, 103],
            "expanded_url": f"https://x.com/{name}/status/{number}/photo/1",
            "media_url_https": "https://pbs.twimg.com/media/G7gM61jXUAAqkP2.jpg", "type": "photo",
            "url": "https://t.co/iYw029Fnaq", "ext_media_availability": {"status": "Available"},
            "sizes": {"large": {"h": 1152, "w": 2048, "resize": "fit"}},
            "original_info": {"height": 1440, "width": 2560},
        }]}  # fmt: skip

    def _person(self, number: int) -> dict[str, Any]:
        chance, name = self._chance, f"user_{number:05d}"
        bio = self._text(chance.randint(0, 16))
        return {
            "type": "user", "userName": name, "url": f"https://x.com/{name}",
            "twitterUrl": f"https://twitter.com/{name}", "id": str(10**9 + number * 7919),
            "name": self._text(2), "isVerified": False, "isBlueVerified": number % 9 == 0,
            "verifiedType": "Business" if number % 97 == 0 else None,
            "profilePicture": f"https://pbs.twimg.com/profile_images/{number}/tsg0-uCZ_normal.jpg",
            "coverPicture": f"https://pbs.twimg.com/profile_banners/{number}/1668293664",
            "description": bio, "location": self._text(1), "followers": chance.randrange(90_000),
            "following": chance.randrange(3000), "status": "", "canDm": True, "canMediaTag": True,
            "createdAt": "Fri Mar 01 05:42:42 +0000 2013",
            "entities": {"description": {"urls": []}, "url": {"urls": [{
                "display_url": "example.com", "expanded_url": "https://example.com",
                "url": "https://t.co/yBxx7RdqHh", "indices": [0, 23],
            }]}},
            "fastFollowersCount": 0, "favouritesCount": chance.randrange(60_000),
            "hasCustomTimelines": True, "isTranslator": False, "mediaCount": 4710,
            "statusesCount": chance.randrange(40_000), "withheldInCountries": [],
            "affiliatesHighlightedLabel": [], "possiblySensitive": False,
            "pinnedTweetIds": [str(self._chance.randrange(10**18))],
            "profile_bio": {"description": bio, "entities": {"description": {}, "url": {}}},
            "isAutomated": False, "automatedBy": None,
        }  # fmt: skip


if __name__ == "__main__":
    for row in run():
        print(*row)
