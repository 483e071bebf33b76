"""A process that takes posts in beside others: `python -m tests.storing_process URL NAME SEED`.

All of them are offered the same stories: each post by several processes, some word for word again
under another name. Every batch ends with the process's own source, whose etag counts its batches.
"""

from __future__ import annotations

import asyncio
import random
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.features.intake import Intake
from bot.models.post import TWITTER_SOURCE_ID, Engagement, Post, PostKind, Source, SourceKind
from bot.services.db_service import open_database
from bot.storage.origins import OriginStore
from bot.storage.posts import PostStore
from bot.storage.sources import SourceStore

BATCHES = 12
BATCH = 15
STORIES = 150  # of which each process draws its posts
START = datetime(2026, 11, 20, tzinfo=UTC)
LETTERS = "ابپتجچخدرزسشعفقکگلمنوهی"


def story(number: int) -> str:
    """The same words for the same number, like those of no other."""
    chance = random.Random(number)
    return " ".join("".join(chance.choices(LETTERS, k=chance.randint(3, 7))) for _ in range(14))


def post(number: int, teller: int, likes: int) -> Post:
    """Story `number` as told by one of three tellers: three posts, two of them copies."""
    return Post(
        kind=PostKind.TWEET,
        source_id=TWITTER_SOURCE_ID,
        external_id=f"{number}-{teller}",
        created_at=START + timedelta(minutes=number),
        text=story(number),
        author=f"teller{teller}",
        engagement=Engagement(likes=likes),
    )


def batches(name: str, seed: int) -> list[list[Post]]:
    chance = random.Random(f"{name} {seed}")
    return [
        [
            post(chance.randrange(STORIES), chance.randrange(3), chance.randrange(1000))
            for _ in range(BATCH)
        ]
        for _ in range(BATCHES)
    ]


async def main(url: str, name: str, seed: int) -> None:
    db = await open_database(url)
    sources = SourceStore(db)
    intake = Intake(PostStore(db), OriginStore(db))
    source = await sources.add(Source(kind=SourceKind.FEED, name=name, url=f"http://{name}/"))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    for number, batch in enumerate(batches(name, seed), 1):
        await intake.take(batch, replace(source, etag=str(number)))
    await db.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
