"""What each format of feed says, in one form: RSS, RDF and Atom by parsers, JSON Feed by hand.

A fast parser reads nearly all; the patient one is asked for RDF (of which the fast one leaves out
the content), when the fast one fails, and when it has found fewer items than there are. Neither
ever gets an address: the text is all they see. Dates are put right before, because both get the
usual mistakes wrong, and no others are believed, because the fast one reads an id as a year.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

from bot.analysis.language import language_hint
from bot.errors import SourceGarbled
from bot.services.addresses import absolute_link
from bot.services.feed_dates import parse_feed_date
from bot.services.feed_text import clean_xml, printable
from bot.utils.times import TEHRAN, zone

MAX_ITEMS = 500  # of one feed; the newest come first in all but a few
MAX_DEPTH = 500  # nested elements; a feed nested deeper costs the patient parser many seconds

_DATE_NAMES = "pubDate|date|published|updated|modified|issued|created|lastBuildDate"
_DATE = re.compile(
    rf"(<((?:[A-Za-z][\w.-]{{0,30}}:)?(?:{_DATE_NAMES}))(?:\s[^<>]*)?>)"
    r"(?:\s{0,99}<!\[CDATA\[)?([^<\]]{0,200})(?:\]\]>\s{0,99})?(</\2\s{0,9}>)",
    re.IGNORECASE,
)
_RDF = re.compile(r"<(?:[A-Za-z][\w.-]*:)?RDF[\s>]")
_ITEM = re.compile(r"<(?:[A-Za-z][\w.-]*:)?(?:item|entry)[\s>]")
_TAG = re.compile(r"<(/?)([A-Za-z][^\s/<>]*)[^<>]*?(/?)>")
_CDATA = re.compile(r"<!\[CDATA\[.*?\]\]>", re.DOTALL)
_UNPAIRED = {"br", "hr", "img", "input", "meta", "link", "wbr"}
_TITLE = re.compile(r"<title[^>]*>\s*(?:<!\[CDATA\[)?([^<\]]*)", re.IGNORECASE)
# HTML that somebody forgot to escape: to an XML parser the text ends where it begins.
_BARE_HTML = re.compile(
    r"(<(description|content:encoded)(?:\s[^<>]*)?(?<!/)>)"
    r"((?:(?!<!\[CDATA\[|<!--|</?\2\b)[^]])*?<[a-z](?:(?!<!\[CDATA\[|</?\2\b)[^]])*)(</\2\s*>)",
    re.IGNORECASE,
)
_HAS_BARE_HTML = re.compile(
    r"<(?:description|content:encoded)(?:\s[^<>]*)?(?<!/)>[^<\]]*<[a-z]", re.IGNORECASE
)
_TTL = re.compile(r"<ttl>\s*(\d{1,6})\s*</ttl>", re.IGNORECASE)
_BASE = re.compile(r"<(?:rss|feed|rdf:RDF|channel)\b[^>]*\bxml:base\s*=\s*[\"']([^\"']+)")
_HEAD = 20_000  # characters in which a feed has said what it is


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedItem:
    """One item; `title`, `summary` and `content` may hold HTML, `date` is ISO 8601 or empty."""

    id: str = ""
    title: str = ""
    link: str = ""
    summary: str = ""
    content: str = ""
    author: str = ""
    date: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedContent:
    """A whole feed; links are absolute or empty."""

    title: str
    site_url: str
    declared_lang: str
    items: tuple[FeedItem, ...] = field(default=())
    ttl_s: int = 0


def read_xml(text: str, base_url: str, now: datetime, lang: str) -> FeedContent:
    """RSS 0.9x–2.0, RDF and Atom; SourceGarbled when neither parser can read it."""
    text = clean_xml(text)
    default = _zone_of(_TITLE.findall(text[:_HEAD]), lang)
    if _HAS_BARE_HTML.search(text):
        text = _BARE_HTML.sub(r"\1<![CDATA[\3]]>\4", text)
    dates: set[str] = set()

    def put_right(match: re.Match[str]) -> str:
        date = _iso(match[3], now, default)
        dates.add(date)
        return f"{match[1]}{date}{match[4]}"

    feed, entries = _parse(_DATE.sub(put_right, text), base_url)
    found = _BASE.search(text[:_HEAD])
    base = (absolute_link(base_url, found[1]) if found else "") or base_url
    site_url = absolute_link(base, _string(feed, "link"))
    ttl = _TTL.search(text[:_HEAD])
    return FeedContent(
        title=_string(feed, "title"),
        site_url=site_url,
        declared_lang=_string(feed, "language"),
        items=tuple(
            _xml_item(entry, base if found else site_url or base, dates)
            for entry in entries[:MAX_ITEMS]
        ),
        ttl_s=int(ttl[1]) * 60 if ttl else 0,
    )


def read_json(text: str, base_url: str, now: datetime, lang: str) -> FeedContent:
    """JSON Feed 1.0 and 1.1 (jsonfeed.org); SourceGarbled for other JSON."""
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceGarbled(f"broken JSON: {error}", source=base_url) from error
    if not isinstance(raw, dict) or not isinstance(raw.get("items"), list):
        raise SourceGarbled("JSON, but not a feed", source=base_url)
    site_url = absolute_link(base_url, _string(raw, "home_page_url"))
    entries = [entry for entry in raw["items"] if isinstance(entry, dict)]
    words = (f"{_string(e, 'title')} {_string(e, 'content_text')[:200]}" for e in entries[:20])
    default = _zone_of(words, lang)
    return FeedContent(
        title=_string(raw, "title"),
        site_url=site_url,
        declared_lang=_string(raw, "language"),
        items=tuple(
            _json_item(entry, site_url or base_url, now, default) for entry in entries[:MAX_ITEMS]
        ),
    )


def _zone_of(titles: Iterable[str], lang: str) -> tzinfo:
    """Where a date without a zone was written: Tehran when the feed is in Persian."""
    lang = lang or language_hint(" ".join(titles))
    return zone(TEHRAN) if lang == "fa" else UTC


def _iso(raw: str, now: datetime, default: tzinfo) -> str:
    moment = parse_feed_date(raw, now, default)
    return moment.replace(microsecond=0).isoformat() if moment else ""


def _parse(text: str, base_url: str) -> tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]:
    import fastfeedparser

    body = text.encode()
    feed: Mapping[str, Any] = {}
    entries: Sequence[Mapping[str, Any]] = ()
    failure: Exception | None = None
    is_rdf = _RDF.search(text[:_HEAD]) is not None
    try:
        if not is_rdf:
            parsed = fastfeedparser.parse(body)
            feed, entries = parsed["feed"], parsed["entries"]
    except Exception as error:  # it raises whatever its own code, lxml or urllib raises
        failure = error
    if not is_rdf and failure is None and len(entries) >= min(len(_ITEM.findall(text)), MAX_ITEMS):
        return feed, entries
    if _is_too_deep(text):
        raise SourceGarbled("elements nested too deep", source=base_url) from failure
    try:
        import feedparser

        patient = feedparser.parse(
            body,
            response_headers={"content-type": "application/xml; charset=utf-8"},
            sanitize_html=False,
            resolve_relative_uris=False,
        )
        if is_rdf or failure is not None or len(patient["entries"]) > len(entries):
            feed, entries = patient["feed"], patient["entries"]
    except Exception as error:  # its own parser of broken markup breaks on some
        failure = failure or error
    if failure is not None and not entries and not _string(feed, "title"):
        raise SourceGarbled(f"unreadable: {str(failure)[:150]}", source=base_url) from failure
    return feed, entries


def _is_too_deep(text: str) -> bool:
    depth = 0
    for match in _TAG.finditer(_CDATA.sub("", text)):
        if match[1]:
            depth = max(0, depth - 1)
        elif not match[3] and match[2].lower() not in _UNPAIRED:
            depth += 1
            if depth > MAX_DEPTH:
                return True
    return False


def _xml_item(entry: Mapping[str, Any], base: str, dates: set[str]) -> FeedItem:
    contents = [str(part.get("value") or "") for part in entry.get("content") or ()]
    guid = _string(entry, "id")
    link = _string(entry, "link") or _alternate(entry)
    written = (_string(entry, "published"), _string(entry, "updated"))
    if not link and guid.startswith(("http://", "https://")):
        link = guid
    return FeedItem(
        id=guid,
        title=_string(entry, "title"),
        link=absolute_link(base, link),
        summary=_string(entry, "summary") or _string(entry, "description"),
        content=max(contents, key=len, default=""),
        author=_string(entry, "author"),
        date=next((date for date in written if date and date in dates), ""),
        tags=tuple(
            str(tag.get("label") or tag.get("term") or "") for tag in entry.get("tags") or ()
        ),
    )


def _alternate(entry: Mapping[str, Any]) -> str:
    for link in entry.get("links") or ():
        if (link.get("rel") or "alternate") == "alternate" and link.get("href"):
            return str(link["href"])
    return ""


def _json_item(entry: Mapping[str, Any], base: str, now: datetime, default: tzinfo) -> FeedItem:
    authors = entry.get("authors") or [entry.get("author")]
    names = [_string(who, "name") for who in authors if isinstance(who, dict)]
    tags = entry.get("tags")
    date = _string(entry, "date_published") or _string(entry, "date_modified")
    return FeedItem(
        id=printable(str(entry.get("id") or "")),
        title=_string(entry, "title"),
        link=absolute_link(base, _string(entry, "url") or _string(entry, "external_url")),
        summary=_string(entry, "summary"),
        content=_string(entry, "content_html") or _string(entry, "content_text"),
        author=", ".join(filter(None, names)),
        date=_iso(date, now, default),
        tags=tuple(printable(str(tag)) for tag in tags) if isinstance(tags, list) else (),
    )


def _string(raw: Mapping[str, Any], name: str) -> str:
    # feedparser's dictionaries warn when asked for a name they only stand in for
    value = raw.get(name) if name in raw else None
    return printable(value).strip() if isinstance(value, str) else ""
