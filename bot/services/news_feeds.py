"""Feeds over the network: asked politely, only for what is new, and found from a site's page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.errors import SourceError, SourceGarbled
from bot.models.post import Source
from bot.services.addresses import absolute_link
from bot.services.feed_parsing import ParsedFeed, parse_feed
from bot.services.feed_schedule import FetchOutcome, asked_wait_s
from bot.services.feed_text import decode
from bot.services.http_client import Fetched, HttpClient, raise_for_status
from bot.utils.times import utc_now

__all__ = ["FeedReader", "FoundFeed", "ParsedFeed", "feed_links", "parse_feed"]

_ACCEPT = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/rdf+xml, "
    "application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5"
)
_FEED_TYPES = (
    "application/rss+xml",
    "application/atom+xml",
    "application/feed+json",
    "application/rdf+xml",
    "application/json",
    "application/xml",
    "text/xml",
)
# Where sites that do not link their feed have it; the second is what Iranian agencies' CMS use.
_USUAL_PLACES = ("/rss", "/fa/rss/allnews", "/feed", "/rss.xml", "/feed.xml", "/atom.xml")
_LINKS_TRIED = 8
MOST_FOUND = 5  # feeds offered of one site


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFeed:
    """A feed, read once, and the address to keep for it."""

    url: str
    feed: ParsedFeed


class FeedReader:
    def __init__(self, client: HttpClient, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._client = client
        self._clock = clock

    async def fetch(self, source: Source) -> FetchOutcome:
        """Ask a source for what is new; whatever goes wrong with it is in the outcome.

        The outcome's source has its new address after a permanent move, its validators, and the
        name, language and site it lacked.
        """
        headers = {"Accept": _ACCEPT}
        if source.etag:
            headers["If-None-Match"] = source.etag
        if source.last_modified:
            headers["If-Modified-Since"] = source.last_modified
        status = 0
        try:
            answer = await self._client.get(source.url, headers=headers)
            status = answer.status
            raise_for_status(answer, self._clock())
            return await self._read(source, answer)
        except SourceError as error:
            return FetchOutcome(source=source, at=self._clock(), status=status, error=error)

    async def _read(self, source: Source, answer: Fetched) -> FetchOutcome:
        now = self._clock()
        is_unchanged = answer.status == 304 or not answer.body.strip()
        feed = None if is_unchanged else await self._parse(answer, now, source.lang)
        # A 304 may bring a newer Last-Modified (RFC 9111, 4.3.4), or leave a validator out.
        source = replace(
            source,
            url=answer.permanent_url or source.url,
            etag=answer.header("etag") or (source.etag if is_unchanged else ""),
            last_modified=answer.header("last-modified")
            or (source.last_modified if is_unchanged else ""),
        )
        if feed is not None:
            source = replace(
                source,
                name=source.name or feed.title,
                site_url=source.site_url or feed.site_url,
                lang=source.lang or feed.lang,
            )
        return FetchOutcome(
            source=source,
            at=now,
            posts=tuple(replace(post, source_id=source.id) for post in feed.posts) if feed else (),
            status=answer.status,
            is_unchanged=is_unchanged,
            wait_s=max(asked_wait_s(answer.headers, now), float(feed.ttl_s) if feed else 0.0),
        )

    async def _parse(self, answer: Fetched, now: datetime, lang: str) -> ParsedFeed:
        return await asyncio.to_thread(
            parse_feed, answer.body, answer.header("content-type"), answer.url, now, lang
        )

    async def read(self, url: str, now: datetime) -> ParsedFeed:
        """A feed that need not be a source; raises the SourceError that `fetch` would hold."""
        answer = await self._client.get(url, headers={"Accept": _ACCEPT})
        raise_for_status(answer, now)
        return await self._parse(answer, now, "")

    async def find(self, url: str, most: int = MOST_FOUND) -> tuple[FoundFeed, ...]:
        """The feed at an address, or those that the page there leads to, the likeliest first.

        SourceGarbled when there is none; SourceDown or SourceRefused when the page cannot be read.
        """
        answer = await self._client.get(url, headers={"Accept": _ACCEPT})
        raise_for_status(answer, self._clock())
        try:
            return (await self._found(url, answer),)
        except SourceGarbled:
            links = await asyncio.to_thread(feed_links, answer.body, answer.url)
        found = await self._try(links[:_LINKS_TRIED], most)
        if not found:
            found = await self._try(
                [absolute_link(answer.url, place) for place in _USUAL_PLACES], 1
            )
        if not found:
            raise SourceGarbled("no feed there, and no link to one", source=url)
        return tuple(found.values())

    async def _try(self, links: Sequence[str], most: int) -> dict[str, FoundFeed]:
        found: dict[str, FoundFeed] = {}
        for link in dict.fromkeys(links):
            try:
                answer = await self._client.get(link, headers={"Accept": _ACCEPT})
                raise_for_status(answer, self._clock())
                feed = await self._found(link, answer)
            except SourceError:
                continue  # a dead link on a page is no news; the others are tried
            found.setdefault(feed.url, feed)
            if len(found) >= most:
                break
        return found

    async def _found(self, url: str, answer: Fetched) -> FoundFeed:
        feed = await self._parse(answer, self._clock(), "")
        return FoundFeed(url=answer.permanent_url or url, feed=feed)


def feed_links(page: bytes, base_url: str) -> list[str]:
    """The feeds an HTML page names: those it declares first, then links that look like one."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(decode(page))
    found: list[str] = []
    for link in tree.css("link[rel][href]"):
        attributes = {name: value or "" for name, value in link.attributes.items()}
        kind = attributes.get("type", "").split(";")[0].strip().lower()
        if "alternate" in attributes["rel"].lower().split() and kind in _FEED_TYPES:
            found.append(attributes["href"])
    for anchor in tree.css("a[href]"):
        href = anchor.attributes.get("href") or ""
        path = href.lower().split("?")[0].rstrip("/")
        if path.endswith(("/rss", "/feed", "rss.xml", "feed.xml", "atom.xml")) or "/rss/" in path:
            found.append(href)
    links = (absolute_link(base_url, href) for href in found)
    return list(dict.fromkeys(filter(None, links)))
