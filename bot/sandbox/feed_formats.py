"""Writing one list of items as RSS 2.0, Atom, RDF (RSS 1.0) or JSON Feed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import format_datetime
from xml.sax.saxutils import escape, quoteattr

from bot.sandbox.newsroom import Item, Outlet

CONTENT_TYPES = {
    "rss": "application/rss+xml; charset=utf-8",
    "atom": "application/atom+xml; charset=utf-8",
    "rdf": "application/rdf+xml; charset=utf-8",
    "json": "application/feed+json; charset=utf-8",
}
_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'


def http_date(at: float) -> str:
    """Return an HTTP date."""
    return format_datetime(datetime.fromtimestamp(int(at), UTC), usegmt=True)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).isoformat().replace("+00:00", "Z")


def _html(item: Item) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in item.body.split("\n\n"))


def link_of(base_url: str, item: Item) -> str:
    """Return the address of an item's page."""
    return f"{base_url.rstrip('/')}/sandbox/news/{item.outlet}/{item.id}"


def _rss(outlet: Outlet, items: list[Item], base: str) -> str:
    rows = []
    for item in items:
        link = escape(link_of(base, item))
        tags = "".join(f"<category>{escape(tag)}</category>" for tag in item.tags)
        full = f"<content:encoded>{escape(_html(item))}</content:encoded>"
        rows.append(
            f"<item><title>{escape(item.title)}</title><link>{link}</link>"
            f"<description>{escape(item.summary)}</description>"
            f"{full if outlet.gives_full_text else ''}{tags}"
            f'<guid isPermaLink="false">{outlet.name}:{item.id}</guid>'
            f"<pubDate>{http_date(item.published)}</pubDate></item>"
        )
    built = http_date(items[0].published) if items else http_date(0)
    return (
        f'{_HEAD}<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/">'
        f"<channel><title>{escape(outlet.title)}</title><link>{escape(base)}</link>"
        f"<description>{escape(outlet.about)}</description><language>fa</language>"
        f"<lastBuildDate>{built}</lastBuildDate>{''.join(rows)}</channel></rss>\n"
    )


def _atom(outlet: Outlet, items: list[Item], base: str) -> str:
    rows = []
    for item in items:
        tags = "".join(f"<category term={quoteattr(tag)}/>" for tag in item.tags)
        full = f'<content type="html">{escape(_html(item))}</content>'
        rows.append(
            f"<entry><title>{escape(item.title)}</title>"
            f'<link rel="alternate" href={quoteattr(link_of(base, item))}/>'
            f"<id>tag:sandbox,2026:{outlet.name}:{item.id}</id>"
            f"<published>{_iso(item.published)}</published>"
            f"<updated>{_iso(item.published)}</updated>"
            f"<summary>{escape(item.summary)}</summary>"
            f"{full if outlet.gives_full_text else ''}{tags}</entry>"
        )
    updated = _iso(items[0].published) if items else _iso(0)
    return (
        f'{_HEAD}<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="fa">'
        f"<title>{escape(outlet.title)}</title><subtitle>{escape(outlet.about)}</subtitle>"
        f"<id>tag:sandbox,2026:{outlet.name}</id><updated>{updated}</updated>"
        f"<author><name>{escape(outlet.title)}</name></author>"
        f"<link href={quoteattr(base)}/>{''.join(rows)}</feed>\n"
    )


def _rdf(outlet: Outlet, items: list[Item], base: str) -> str:
    links = [link_of(base, item) for item in items]
    order = "".join(f"<rdf:li rdf:resource={quoteattr(link)}/>" for link in links)
    rows = "".join(
        f"<item rdf:about={quoteattr(link)}><title>{escape(item.title)}</title>"
        f"<link>{escape(link)}</link><description>{escape(item.summary)}</description>"
        f"<dc:date>{_iso(item.published)}</dc:date></item>"
        for item, link in zip(items, links, strict=True)
    )
    return (
        f'{_HEAD}<rdf:RDF xmlns="http://purl.org/rss/1.0/"'
        ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<channel rdf:about={quoteattr(base)}><title>{escape(outlet.title)}</title>"
        f"<link>{escape(base)}</link><description>{escape(outlet.about)}</description>"
        f"<items><rdf:Seq>{order}</rdf:Seq></items></channel>{rows}</rdf:RDF>\n"
    )


def _json(outlet: Outlet, items: list[Item], base: str) -> str:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": outlet.title,
        "description": outlet.about,
        "home_page_url": base,
        "language": "fa",
        "items": [
            {
                "id": f"{outlet.name}:{item.id}",
                "url": link_of(base, item),
                "title": item.title,
                "summary": item.summary,
                "content_text": item.body,
                "date_published": _iso(item.published),
                "tags": list(item.tags),
            }
            for item in items
        ],
    }
    return json.dumps(feed, ensure_ascii=False, indent=1) + "\n"


_WRITERS = {"rss": _rss, "atom": _atom, "rdf": _rdf, "json": _json}


def write_feed(outlet: Outlet, items: list[Item], base_url: str) -> bytes:
    """Return the bytes of an outlet's feed; `base_url` is where its item pages are."""
    return _WRITERS[outlet.format](outlet, items, base_url).encode()
