"""The list of sources, as admins keep it: found, looked at, added, paused, tested, exchanged."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from bot.errors import AddressRefused, BadInput, NotFound, SourceDown, SourceGarbled
from bot.models.post import Post, Source, SourceKind, SourceState
from bot.ports import Clock
from bot.services.addresses import check_url
from bot.services.news_feeds import FeedReader, FoundFeed
from bot.services.opml import Outline, read_opml, write_opml
from bot.storage.sources import SourceStore

PREVIEWED = 3  # posts shown of a feed
MOST_IMPORTED = 2000  # feeds of one OPML file
LONGEST_URL = 500  # characters, as the column holds
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What is in a feed, before or without adding it."""

    url: str
    name: str
    site_url: str
    lang: str
    topics: tuple[str, ...]
    count: int  # posts in the feed
    newest: tuple[Post, ...]
    took_ms: int
    known: Source | None = None  # when it is on the list already


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    source: Source
    preview: Preview
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedFeeds:
    """How an OPML file went; `refused` are addresses that cannot be feeds."""

    added: int
    known: int
    refused: tuple[str, ...] = ()


class Sources:
    def __init__(
        self, store: SourceStore, reader: FeedReader, clock: Clock, *, allow_private: bool = False
    ) -> None:
        self._store = store
        self._reader = reader
        self._clock = clock
        self._allow_private = allow_private

    async def all(self) -> list[Source]:
        """Every feed, in the order they were added."""
        return await self._store.all(SourceKind.FEED)

    async def get(self, source_id: int) -> Source:
        """Raises NotFound for what is no feed (any more)."""
        source = await self._store.get(source_id)
        if source is None or source.kind is not SourceKind.FEED:
            raise NotFound("source.gone", id=source_id)
        return source

    async def look(self, url: str) -> tuple[Preview, ...]:
        """What feeds an address has: itself, or those of the site there, the likeliest first.

        Raises BadInput when it is no address or has none, SourceDown or SourceRefused when the
        site does not let us read it.
        """
        started = time.monotonic()
        found = await self._find(url)
        took_ms = round((time.monotonic() - started) * 1000)
        known = {source.url: source for source in await self.all()}
        return tuple(_preview(one, took_ms, known.get(one.url)) for one in found)

    async def add(self, url: str, *, name: str = "", topic: str = "") -> Added:
        """Find the feed of an address and put it on the list; raises as `look` does."""
        preview, *_ = await self.look(url)
        return await self.add_found(preview, name=name, topic=topic)

    async def add_found(self, preview: Preview, *, name: str = "", topic: str = "") -> Added:
        """Put a feed that was looked at on the list; one that is there stays as it is."""
        source = Source(
            kind=SourceKind.FEED,
            name=name or preview.name,
            url=preview.url,
            site_url=preview.site_url,
            topic=topic,
            lang=preview.lang,
        )
        there = await self._store.by_url(preview.url)
        return Added(
            source=there or await self._store.add(source), preview=preview, is_new=there is None
        )

    async def test(self, source_id: int) -> Preview:
        """Read a source now, without storing anything.

        Raises NotFound, or the SourceError that says why it cannot be read.
        """
        source = await self.get(source_id)
        started = time.monotonic()
        outcome = await self._reader.fetch(replace(source, etag="", last_modified=""))
        if outcome.error is not None:
            raise outcome.error
        return Preview(
            url=outcome.source.url,
            name=source.name,
            site_url=outcome.source.site_url,
            lang=outcome.source.lang,
            topics=(),
            count=len(outcome.posts),
            newest=_newest(outcome.posts),
            took_ms=round((time.monotonic() - started) * 1000),
            known=source,
        )

    async def pause(self, source_id: int) -> Source:
        await self._store.set_state((await self.get(source_id)).id, SourceState.PAUSED)
        return await self.get(source_id)

    async def resume(self, source_id: int) -> Source:
        """Read it again from the next round on, a dead one too."""
        await self._store.resume((await self.get(source_id)).id, self._clock())
        return await self.get(source_id)

    async def remove(self, source_id: int) -> Source:
        """Take a source off the list; what was read from it stays."""
        source = await self.get(source_id)
        await self._store.remove(source_id)
        return source

    async def import_opml(self, body: bytes) -> ImportedFeeds:
        """Add every feed of an OPML file that is not there; raises BadInput for another file."""
        try:
            outlines = await asyncio.to_thread(read_opml, body)
        except SourceGarbled as error:
            raise BadInput("source.opml_bad", error=str(error)) from error
        return await self._add_all(outlines[:MOST_IMPORTED])

    async def export_opml(self) -> bytes:
        return write_opml(await self.all(), "Hoshyar")

    async def seed_from_file(self, path: Path) -> ImportedFeeds | None:
        """Fill an empty list from an OPML file; None when there was nothing to do."""
        if await self.all() or not await asyncio.to_thread(path.is_file):
            return None
        return await self.import_opml(await asyncio.to_thread(path.read_bytes))

    async def _find(self, url: str) -> tuple[FoundFeed, ...]:
        typed = url.strip()
        named_scheme = bool(_SCHEME.match(typed)) and "://" in typed
        for address in [typed] if named_scheme else [f"https://{typed}", f"http://{typed}"]:
            self._check(address, typed)
            try:
                return await self._reader.find(address)
            except AddressRefused as error:
                raise BadInput("source.private_address", url=typed) from error
            except SourceGarbled as error:
                raise BadInput("source.no_feed", url=typed, error=str(error)) from error
            except SourceDown:
                if address.startswith("http:") or named_scheme:
                    raise
        raise AssertionError("the last address was returned or raised")  # pragma: no cover

    def _check(self, address: str, typed: str) -> None:
        try:
            parsed = check_url(address, allow_private=True)
        except AddressRefused as error:
            raise BadInput("source.bad_url", url=typed) from error
        if ("." not in parsed.host and not self._allow_private) or len(address) > LONGEST_URL:
            raise BadInput("source.bad_url", url=typed)

    async def _add_all(self, outlines: Iterable[Outline]) -> ImportedFeeds:
        there = {source.url for source in await self.all()}
        added, known, refused = 0, 0, list[str]()
        for outline in outlines:
            host = self._host(outline.url)
            if not host:
                refused.append(outline.url)
                continue
            if outline.url in there:
                known += 1
                continue
            there.add(outline.url)
            await self._store.add(
                Source(
                    kind=SourceKind.FEED,
                    name=outline.title or host,
                    url=outline.url,
                    site_url=outline.site_url,
                    topic=outline.topic,
                    lang=outline.lang,
                )
            )
            added += 1
        return ImportedFeeds(added=added, known=known, refused=tuple(refused))

    def _host(self, url: str) -> str:
        """The host of an address that may be a feed's, or nothing."""
        try:
            host = check_url(url, allow_private=self._allow_private).host
        except AddressRefused:
            return ""
        return host if len(url) <= LONGEST_URL else ""


def _preview(found: FoundFeed, took_ms: int, known: Source | None) -> Preview:
    feed = found.feed
    return Preview(
        url=found.url,
        name=feed.title or check_url(found.url, allow_private=True).host,
        site_url=feed.site_url,
        lang=feed.lang,
        topics=feed.topics,
        count=len(feed.posts),
        newest=_newest(feed.posts),
        took_ms=took_ms,
        known=known,
    )


def _newest(posts: Iterable[Post]) -> tuple[Post, ...]:
    return tuple(sorted(posts, key=lambda post: post.created_at, reverse=True)[:PREVIEWED])
