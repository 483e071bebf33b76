"""What the double's own people write: the sample posts, what others make of them, and what follows.

The sample posts keep their ids and texts, so that one that was imported and one that was searched
for are the same post. Around them lie replies, quotes and retweets, and as the clock goes on a new
tweet comes every few seconds: the nth follows from the seed, the anchor and what was there before.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from random import Random

from bot.sandbox.newsroom import stories_of
from bot.sandbox.phrases import Words, read_data, seeded
from bot.sandbox.tweets import all_handles, calm_text, sample_posts, story_text, story_words
from bot.sandbox.twitter_people import Crowd, Person
from bot.sandbox.twitter_shelf import Held

EVERY_MS = 5_000
_FIRST_ANSWER = 20_000  # numbers of the day's ids: sample posts lie below
_FIRST_NEW = 30_000
_KINDS = ("reply", "quote", "retweet", "mention", "link")


class Talk:
    """The talk of one seed, up to `anchor` (a whole minute) and after it."""

    def __init__(self, seed: int, anchor: int, crowd: Crowd) -> None:
        self._seed = seed
        self.anchor = anchor
        self._crowd = crowd
        self._handles = all_handles()
        self._stories = [(story, story_words(story)) for story in stories_of(seed, anchor)]
        self._calm: Words = read_data("calm.toml")["words"]
        self.next_number = 0

    def past(self) -> list[Held]:
        """Return the tweets up to the anchor."""
        rng = seeded(self._seed, "twitter", self.anchor)
        originals = [
            Held(
                int(post["id"]),
                int(datetime.fromisoformat(post["created_at"]).timestamp()) * 1_000,
                post["text"],
                self._crowd.of(post["author"]),
                lang=post["lang"],
                likes=post["likes"],
                retweets=post["retweets"],
                replies=post["replies"],
                quotes=post["retweets"] // 5,
                media=rng.choices(("", "photo", "video"), (82, 14, 4))[0],
            )
            for post in sample_posts(float(self.anchor), seed=self._seed)
        ]
        for tweet in originals:
            # Some people keep an old tweet at the top of theirs.
            if tweet.author.id % 6 == 0 and not tweet.author.pinned_id:
                tweet.author.pinned_id = tweet.id
        times: list[tuple[int, Held]] = []
        for _ in range(len(originals) // 4):
            target = rng.choice(originals)
            times.append((target.at_ms + 5_000 + int(rng.expovariate(1 / 1_800_000)), target))
        times = sorted(
            ((at, target) for at, target in times if at < self.anchor * 1_000),
            key=lambda pair: (pair[0], pair[1].id),
        )
        answers = [
            self._about(rng, self._id(_FIRST_ANSWER + nth), at, target)
            for nth, (at, target) in enumerate(times)
        ]
        return originals + answers

    def next(self, until_ms: int, before: Sequence[Held]) -> Held | None:
        """Return the next new tweet, if it is written by then; `before` are the latest ones."""
        nth = self.next_number
        rng = seeded(self._seed, "new", self.anchor, nth)
        at_ms = self.anchor * 1_000 + nth * EVERY_MS + rng.randrange(EVERY_MS)
        if at_ms > until_ms:
            return None
        self.next_number += 1
        number = self._id(_FIRST_NEW + nth)
        if before and rng.random() < 0.4:
            return self._about(rng, number, at_ms, rng.choice(before))
        if rng.random() < 0.55:
            place = rng.choices(range(len(self._stories)), (4, 2, 1, 1)[: len(self._stories)])[0]
            story, words = self._stories[place]
            text, lang = story_text(rng, story, words), "fa"
        else:
            text, lang = calm_text(rng, self._calm)
        return self._held(rng, number, at_ms, text, lang=lang)

    def skip_to(self, at_ms: int) -> None:
        """Leave out what nobody would look back to, after a leap of the clock."""
        self.next_number = max(self.next_number, (at_ms - self.anchor * 1_000) // EVERY_MS)

    def _id(self, number: int) -> int:
        return self.anchor * 100_000 + number

    def _author(self, rng: Random, other: Person) -> Person:
        names = [name for name in rng.sample(self._handles, 2) if name != other.username]
        return self._crowd.of(names[0])

    def _about(self, rng: Random, number: int, at_ms: int, target: Held) -> Held:
        """Write something that turns to another tweet."""
        data = read_data("twitter.toml")
        target = target.retweeted or target
        who, name = self._author(rng, target.author), target.author.username
        kind = rng.choices(_KINDS, (40, 20, 20, 12, 8))[0]
        if kind == "retweet":
            return Held(number, at_ms, f"RT @{name}: {target.text}", who, retweeted=target)
        if kind == "quote":
            text = f"{rng.choice(data['comments'])} https://t.co/{number % 10**10:010d}"
            page = f"https://x.com/{name}/status/{target.id}"
            return self._held(rng, number, at_ms, text, who=who, quoted=target, page=page)
        if kind == "mention":
            text = f"@{name} {rng.choice(data['calls'])}"
            if rng.random() < 0.5:
                text = f"{rng.choice(data['calls'])} @{name}"
                return self._held(rng, number, at_ms, text, who=who)
        elif kind == "link":
            story = rng.choice(self._stories)[0]
            text = f"{rng.choice(data['comments'])} #{story['tag']}"
            text = f"{text} https://t.co/{number % 10**10:010d}"
            page = f"{rng.choice(data['pages'])}/{number % 10**6}"
            return self._held(rng, number, at_ms, text, who=who, page=page)
        else:
            text = f"@{name} {rng.choice(data['answers'])}"
        held = self._held(rng, number, at_ms, text, who=who)
        held.reply_to, held.reply_to_id = name, target.id
        held.conversation = target.conversation
        return held

    def _held(
        self,
        rng: Random,
        number: int,
        at_ms: int,
        text: str,
        *,
        who: Person | None = None,
        lang: str = "fa",
        quoted: Held | None = None,
        page: str = "",
    ) -> Held:
        likes = max(0, min(int(rng.paretovariate(1.3) * 3) - 2, 20_000))
        return Held(
            number,
            at_ms,
            text,
            who or self._crowd.of(rng.choice(self._handles)),
            lang=lang,
            likes=likes,
            retweets=int(likes * rng.uniform(0.05, 0.4)),
            replies=int(likes * rng.uniform(0.02, 0.2)),
            quotes=likes // 25,
            media="" if page else rng.choices(("", "photo", "video"), (82, 14, 4))[0],
            quoted=quoted,
            page=page,
        )
