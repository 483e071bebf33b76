"""A post as a row of the table `posts`, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from bot.models.post import (
    DropReason,
    Emotion,
    Engagement,
    Mood,
    Parent,
    ParentKind,
    Post,
    PostKind,
)
from bot.ports import Row
from bot.utils.times import from_ms, to_ms, utc_now

T = TypeVar("T")

COLUMNS = (
    "id", "kind", "source_id", "external_id", "created_ms", "collected_ms", "title", "text", "url",
    "author", "lang", "hashtags", "mentions", "likes", "retweets", "replies", "views",
    "content_key", "drop_reason", "drop_evidence", "duplicate_of", "mood", "mood_confidence",
    "author_id", "parent_kind", "parent_id", "emotion",
)  # fmt: skip
SELECT = f"SELECT {', '.join(COLUMNS)} FROM posts"
INSERT = f"INSERT INTO posts ({', '.join(COLUMNS)}) VALUES ({', '.join('?' for _ in COLUMNS)})"
AT_ONCE = 400  # ids looked up per statement: SQLite of old allowed 999 parameters
MAX_CHARACTERS = 2_000_000  # of one INSERT: a MariaDB server takes packets up to 16 MB by default


def values_of(p: Post) -> tuple[object, ...]:
    return (
        p.id, p.kind.value, p.source_id, p.external_id, to_ms(p.created_at),
        to_ms(p.collected_at or utc_now()), p.title, p.text, p.url, p.author[:190], p.lang,
        _listed(p.hashtags), _listed(p.mentions),
        p.engagement.likes, p.engagement.retweets, p.engagement.replies, p.engagement.views,
        p.content_key, p.drop.value if p.drop else "", p.drop_evidence, p.duplicate_of,
        p.mood.value if p.mood else "", p.mood_confidence, p.author_id,
        p.parent.kind.value if p.parent else "", p.parent.external_id if p.parent else "",
        p.emotion.value if p.emotion else "",
    )  # fmt: skip


def post_of(row: Row) -> Post:
    return Post(
        id=row[0],
        kind=PostKind(row[1]),
        source_id=row[2],
        external_id=row[3],
        created_at=from_ms(row[4]),
        collected_at=from_ms(row[5]),
        title=row[6],
        text=row[7],
        url=row[8],
        author=row[9],
        lang=row[10],
        hashtags=_names(row[11]),
        mentions=_names(row[12]),
        engagement=Engagement(likes=row[13], retweets=row[14], replies=row[15], views=row[16]),
        content_key=row[17],
        drop=DropReason(row[18]) if row[18] else None,
        drop_evidence=row[19],
        duplicate_of=row[20],
        mood=Mood(row[21]) if row[21] else None,
        mood_confidence=row[22],
        author_id=row[23],
        parent=Parent(ParentKind(row[24]), row[25]) if row[24] else None,
        emotion=Emotion(row[26]) if row[26] else None,
    )


def inserts(posts: Sequence[Post]) -> Iterator[list[tuple[object, ...]]]:
    """The rows of posts in groups that a database takes in one statement."""
    group: list[tuple[object, ...]] = []
    size = 0
    for post in posts:
        size += len(post.text) + len(post.title)
        if group and size > MAX_CHARACTERS:
            yield group
            group, size = [], len(post.text) + len(post.title)
        group.append(values_of(post))
    if group:
        yield group


def chunks(items: Sequence[T], size: int = AT_ONCE) -> Iterable[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def marks(items: Sequence[object]) -> str:
    return ", ".join("?" for _ in items)


def _listed(names: tuple[str, ...]) -> str:
    return json.dumps(names, ensure_ascii=False) if names else "[]"


def _names(stored: str) -> tuple[str, ...]:
    return () if stored == "[]" else tuple(json.loads(stored))
