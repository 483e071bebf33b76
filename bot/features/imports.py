"""Old posts from a file of JSON lines, on the same road as new ones.

A line is `{"id", "created_at" (ISO 8601, UTC without an offset), "text"}` and, optionally,
author, likes, retweets,
replies, views, lang, url, kind (tweet or news) and title. Lines that cannot be used are reported
and skipped; the same file twice changes nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

from bot.errors import BadInput, DiskFull, NoRoom
from bot.features.intake import Intake
from bot.models.post import (
    IMPORTED_NEWS_SOURCE_ID,
    TWITTER_SOURCE_ID,
    Engagement,
    Post,
    PostKind,
)
from bot.ports import Clock
from bot.services.feed_text import printable
from bot.utils.times import utc_now

BATCH = 1000  # posts of one transaction: what a crash may repeat
MAX_LINE = 1_000_000  # bytes
MAX_TEXT = 20_000  # characters of a post; the longest paid-for tweets have 25,000
MAX_ID = 190
AHEAD = timedelta(days=1)  # that a post's time may be ahead of ours: clocks and zones differ
REPORTED = 100  # bad lines kept with their reasons; all are counted

_COUNTS = ("likes", "retweets", "replies", "views")


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was skipped, counted from 1, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """How far an import has come, or came."""

    read: int = 0  # lines that hold a post
    new: int = 0  # stored now, dropped ones included
    known: int = 0  # stored before
    dropped: dict[str, int] = field(default_factory=dict)  # of the new ones, by reason
    too_old: int = 0  # written before the months that are kept
    bad: int = 0
    bad_lines: tuple[BadLine, ...] = ()  # the first hundred


class Importer:
    """Takes files in; what `clock` finds to be still to come is no post."""

    def __init__(self, intake: Intake, clock: Clock = utc_now) -> None:
        self._intake = intake
        self._clock = clock

    async def run(
        self,
        path: Path,
        on_progress: Callable[[ImportResult], None] | None = None,
        is_full: Callable[[], Awaitable[bool]] | None = None,
    ) -> ImportResult:
        """Take in a file; `on_progress` is called after every batch, `is_full` before each.

        Raises BadInput when the file cannot be opened, NoRoom when `is_full` says so or the disk
        does: what came before stays, and the same file may be taken in again.
        """
        try:
            file = await asyncio.to_thread(path.open, "rb")
        except OSError as error:
            raise BadInput("import.no_file", path=str(path), error=str(error)) from error
        so_far = ImportResult()
        line = 0
        try:
            latest = self._clock() + AHEAD
            while batch := await asyncio.to_thread(_read_batch, file, line, latest):
                line += batch.lines
                if is_full is not None and await is_full():
                    raise _no_room(so_far)
                try:
                    so_far = await self._take(batch, so_far)
                except DiskFull as error:
                    raise _no_room(so_far) from error
                if on_progress is not None:
                    on_progress(so_far)
        finally:
            await asyncio.to_thread(file.close)
        return so_far

    async def _take(self, batch: _Batch, so_far: ImportResult) -> ImportResult:
        taken = await self._intake.take(batch.posts)
        dropped = Counter(so_far.dropped)
        dropped.update({reason.value: count for reason, count in taken.dropped.items()})
        return ImportResult(
            read=so_far.read + len(batch.posts),
            new=so_far.new + len(taken.new),
            known=so_far.known + taken.known,
            dropped=dict(dropped),
            too_old=so_far.too_old + taken.too_old,
            bad=so_far.bad + len(batch.bad),
            bad_lines=(*so_far.bad_lines, *batch.bad)[:REPORTED],
        )


def _no_room(so_far: ImportResult) -> NoRoom:
    return NoRoom("import.no_room", read=so_far.read, new=so_far.new)


@dataclass(frozen=True, slots=True)
class _Batch:
    lines: int
    posts: Sequence[Post]
    bad: Sequence[BadLine]


class _Unusable(ValueError):
    """The line cannot be used; the text says why."""


def _read_batch(file: BinaryIO, before: int, latest: datetime) -> _Batch | None:
    """The next posts of a file of which `before` lines were read; None at its end.

    A post is from `latest` at the latest.
    """
    posts: list[Post] = []
    bad: list[BadLine] = []
    lines = 0
    while len(posts) < BATCH and lines < 2 * BATCH:
        raw = file.readline(MAX_LINE + 1)
        if not raw:
            break
        lines += 1
        number = before + lines
        if len(raw) > MAX_LINE and not raw.endswith(b"\n"):
            _skip_line(file)
            bad.append(BadLine(number, f"longer than {MAX_LINE} bytes"))
            continue
        try:
            post = read_line(raw)
        except _Unusable as error:
            bad.append(BadLine(number, str(error)))
            continue
        if post is None:
            continue
        if post.created_at > latest:
            bad.append(BadLine(number, f"created_at is in the future: {post.created_at:%F %T}Z"))
            continue
        posts.append(post)
    return _Batch(lines, posts, bad) if lines else None


def _skip_line(file: BinaryIO) -> None:
    while (rest := file.readline(MAX_LINE)) and not rest.endswith(b"\n"):
        pass


def read_line(raw: bytes) -> Post | None:
    """The post in a line, None for an empty one; ValueError says why a line cannot be used."""
    try:
        text = raw.decode("utf-8-sig").strip()
        if not text:
            return None
        record = json.loads(text)
    except UnicodeDecodeError as error:
        raise _Unusable("not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise _Unusable(f"not JSON: {error}") from error
    if not isinstance(record, dict):
        raise _Unusable("not a JSON object")
    return _post(record)


def _post(record: dict[str, Any]) -> Post:
    kind = _kind(record)
    post = Post(
        kind=kind,
        source_id=TWITTER_SOURCE_ID if kind is PostKind.TWEET else IMPORTED_NEWS_SOURCE_ID,
        external_id=_id(record),
        created_at=_moment(record),
        text=_string(record, "text")[:MAX_TEXT],
        title=_string(record, "title")[:MAX_TEXT],
        url=_string(record, "url"),
        author=_string(record, "author").lstrip("@")[:MAX_ID],
        lang=_string(record, "lang")[:8],
        engagement=Engagement(**{name: _count(record, name) for name in _COUNTS}),
    )
    if not post.text.strip() and not post.title.strip():
        raise _Unusable("no text")
    if kind is PostKind.TWEET and post.title:
        return replace(post, title="", text=post.full_text)
    return post


def _kind(record: dict[str, Any]) -> PostKind:
    value = record.get("kind") or PostKind.TWEET.value
    try:
        return PostKind(value)
    except ValueError as error:
        raise _Unusable(f"kind is neither tweet nor news: {str(value)[:40]!r}") from error


def _id(record: dict[str, Any]) -> str:
    value = record.get("id")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise _Unusable("no id")
    value = printable(value).strip()
    if len(value) <= MAX_ID:
        return value
    return f"h:{blake2b(value.encode('utf-8', errors='replace'), digest_size=16).hexdigest()}"


def _moment(record: dict[str, Any]) -> datetime:
    value = record.get("created_at")
    if not isinstance(value, str) or not value:
        raise _Unusable("no created_at")
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _Unusable(f"created_at is not ISO 8601: {value[:40]!r}") from error
    if moment.year < 1990:
        raise _Unusable(f"created_at is before 1990: {value[:40]!r}")
    return moment


def _string(record: dict[str, Any], name: str) -> str:
    value = record.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _Unusable(f"{name} is not text")
    return printable(value)


def _count(record: dict[str, Any], name: str) -> int:
    value = record.get(name)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        raise _Unusable(f"{name} is not a count")
    return int(value)
