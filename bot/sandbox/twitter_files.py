"""Reading tweets from a file: TSV (id, created_at_utc, hashtags, text) or JSON lines.

Who wrote a tweet, and how it was liked, is invented from its id when the file does not say: the
same in every process. `RT @name:` makes a retweet of a tweet that is found by its id alone, a text
that begins with `@name` a reply to a tweet nobody has.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.sandbox.twitter_people import Crowd, Person, spice
from bot.sandbox.twitter_shelf import Held

_RETWEET = re.compile(r"RT @([A-Za-z0-9_]{1,15}): ?(.*)", re.DOTALL)
_REPLY = re.compile(r"@([A-Za-z0-9_]{1,15})\b")
_LINK = re.compile(r"https://t\.co/(\w+)")
_AUTHORS = 4_000
_SYLLABLES = ("ba", "do", "ni", "ra", "sha", "ke", "mo", "ta", "li", "zu", "pe", "go")


def read_tweets(path: Path, crowd: Crowd, keep_apart: Callable[[Held], None]) -> list[Held]:
    """Read a file; what others only quote or pass on goes to `keep_apart`."""
    reader = _FileReader(crowd, keep_apart)
    rows = _rows_of_json(path) if path.suffix in {".jsonl", ".ndjson"} else _rows_of_tsv(path)
    return [reader.held(row) for row in rows]


def _rows_of_tsv(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["id"] and row["text"] is not None:
                tags = (row["hashtags"] or "").split(",")
                yield {**row, "hashtags": tags, "created_at": row["created_at_utc"]}


def _rows_of_json(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


class _FileReader:
    def __init__(self, crowd: Crowd, keep_apart: Callable[[Held], None]) -> None:
        self._crowd = crowd
        self._keep_apart = keep_apart
        self._passed_on: dict[tuple[str, str], Held] = {}

    def held(self, row: Mapping[str, Any]) -> Held:
        number = int(row["id"])
        moment = datetime.fromisoformat(row["created_at"])
        at_ms = round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1_000)
        text = str(row["text"])
        likes = int(row.get("likes", _few(number)))
        written = {tag.casefold() for tag in re.findall(r"#(\w[\w\u200c]*)", text)}
        held = Held(
            number,
            at_ms,
            text,
            self._author(number, str(row.get("author", ""))),
            lang=str(row.get("lang", "fa")),
            likes=likes,
            retweets=int(row.get("retweets", likes // 4)),
            replies=int(row.get("replies", likes // 6)),
            quotes=likes // 20,
            more_tags=tuple(
                tag for tag in row.get("hashtags", ()) if tag and tag.casefold() not in written
            ),
        )
        if link := _LINK.search(text):
            held.page = f"https://pages.example.org/{link[1]}"
        if passed := _RETWEET.match(text):
            held.retweeted = self._original(held, passed[1], passed[2])
            held.likes = held.replies = 0
        elif reply := _REPLY.match(text):
            held.reply_to = self._crowd.of(reply[1]).username
            held.reply_to_id = max(1, number - 1 - spice(number, "parent") * 1_000)
            held.conversation = held.reply_to_id
        return held

    def _author(self, number: int, given: str) -> Person:
        if given:
            return self._crowd.of(given.removeprefix("@"))
        place = spice(number, "author") % _AUTHORS
        # A few write much, most write little: the square of the place.
        place = place * place // _AUTHORS
        name = "".join(_SYLLABLES[place // 12**nth % 12] for nth in range(4))
        return self._crowd.of(f"{name}_{place}"[:15])

    def _original(self, held: Held, name: str, text: str) -> Held:
        who = self._crowd.of(name)
        key = (who.username, text[:60])
        if key not in self._passed_on:
            before = 1 + spice(held.id, "before")
            original = Held(
                max(1, held.id - before * 4_194),
                held.at_ms - 60_000 - before // 1_000,
                text.removesuffix("…"),
                who,
                likes=_few(held.id) * 10,
                retweets=_few(held.id) * 3 + 1,
            )
            self._passed_on[key] = original
            self._keep_apart(original)
        return self._passed_on[key]


def _few(number: int) -> int:
    """Return a count as counts are: mostly nothing, at times a lot."""
    share = (spice(number, "likes") % 9_973 + 1) / 9_973
    return min(int(1 / share) - 1, 20_000)
