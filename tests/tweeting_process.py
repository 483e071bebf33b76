"""A process that takes tweets in beside others: `python -m tests.tweeting_process URL NAME`.

All of them are offered tweets of the same few people, most of them by several processes, with
engagement that differs from sight to sight.
"""

from __future__ import annotations

import asyncio
import random
import sys

from bot.features.intake import Intake
from bot.features.tweet_intake import TweetIntake
from bot.models.tweets import LinkKind, Tweet
from bot.services.db_service import open_database
from bot.storage.origins import OriginStore
from bot.storage.people import PeopleStore
from bot.storage.posts import PostStore
from bot.utils.times import utc_now
from tests.people_world import NAMES, tweet

BATCHES = 12
BATCH = 12
TWEETS = 90  # of which each process draws


def batches(name: str) -> list[list[Tweet]]:
    """What a process is offered: the same for the same name."""
    chance = random.Random(name)
    return [
        [_tweet(chance.randrange(1, TWEETS + 1), chance.randrange(1000)) for _ in range(BATCH)]
        for _ in range(BATCHES)
    ]


def _tweet(number: int, likes: int) -> Tweet:
    people = list(NAMES)
    author, other = people[number % 4], people[(number + 1 + number % 3) % 4]
    kind = (LinkKind.REPLY, LinkKind.MENTION)[number % 2]
    return tweet(number, author, likes=likes, links=((kind, other),))


async def main(url: str, name: str) -> None:
    """Wait for a line, take everything in, and end."""
    db = await open_database(url)
    posts = PostStore(db)
    intake = TweetIntake(Intake(posts, OriginStore(db)), PeopleStore(db), utc_now)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    for batch in batches(name):
        await intake.take(batch)
    await db.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
