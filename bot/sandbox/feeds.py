"""Sample sources over HTTP: feeds that follow the clock, the pages their links open, a broken one.

`/sandbox/feeds/{name}.xml` answers with ETag and Last-Modified and gives 304 when nothing is new;
`broken.xml` is cut off in its middle; any other name is 404.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.sandbox.feed_formats import CONTENT_TYPES, http_date, write_feed
from bot.sandbox.newsroom import BY_NAME, OUTLETS, find_item, items_at
from bot.sandbox.tweets import find_post, sample_posts

FEED_NAMES = tuple(outlet.name for outlet in OUTLETS)
_PAGE = """<!doctype html><html lang="fa" dir="rtl"><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>{title}</title>
<style>body{{font:17px/2 Vazirmatn,Tahoma,sans-serif;max-width:40rem;margin:2rem auto;
padding:0 1.2rem;color-scheme:light dark}}h1{{font-size:1.4rem;line-height:1.8}}
small{{opacity:.65}}</style>
<small>{outlet}</small><h1 dir="auto">{title}</h1>{body}<small>{note}</small></html>"""
_NOTE = "این نوشته ساختگی است و برای نمایش هُشیار فراهم شده است."
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def _page(title: str, outlet: str, paragraphs: list[str]) -> Response:
    body = "".join(f'<p dir="auto">{escape(part)}</p>' for part in paragraphs)
    page = _PAGE.format(title=escape(title), outlet=escape(outlet), body=body, note=_NOTE)
    return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY})


class SampleSources:
    """The routes of the sample sources. `clock` gives Unix seconds; `anchor` is when they began."""

    def __init__(self, clock: Callable[[], float], seed: int) -> None:
        self._clock = clock
        self._seed = seed
        self.anchor = int(clock()) // 60 * 60

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/sandbox/feeds", self.catalogue),
            Route("/sandbox/feeds/{file}", self.feed),
            Route("/sandbox/news/{outlet}/{item}", self.article),
            Route("/sandbox/posts/{post}", self.post),
            Route("/sandbox/posts.jsonl", self.posts),
        ]

    async def catalogue(self, request: Request) -> Response:
        """List the feeds."""
        base = str(request.base_url)
        listed = [
            {
                "name": outlet.name,
                "title": outlet.title,
                "format": outlet.format,
                "url": f"{base}sandbox/feeds/{outlet.name}.xml",
            }
            for outlet in OUTLETS
        ]
        return JSONResponse({"feeds": listed})

    async def feed(self, request: Request) -> Response:
        """Serve a feed as it is now, or 304."""
        name = request.path_params["file"].rpartition(".")[0] or request.path_params["file"]
        base = str(request.base_url).rstrip("/")
        is_broken = name == "broken"
        outlet = BY_NAME.get("sepideh" if is_broken else name)
        if outlet is None:
            return PlainTextResponse("no such feed", status_code=404)
        items = items_at(self._seed, self.anchor, outlet.name, self._clock())
        body = write_feed(outlet, items, base)
        if is_broken:
            return Response(body[: len(body) // 3], media_type=CONTENT_TYPES["rss"])
        changed = items[0].published if items else self.anchor
        headers = {
            "ETag": f'"{hashlib.sha256(body).hexdigest()[:24]}"',
            "Last-Modified": http_date(changed),
            "Cache-Control": "max-age=5",
        }
        if _is_fresh(request, headers["ETag"], changed):
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=CONTENT_TYPES[outlet.format], headers=headers)

    async def article(self, request: Request) -> Response:
        """Show an item's page."""
        outlet, item_id = request.path_params["outlet"], request.path_params["item"]
        item = find_item(self._seed, outlet, item_id)
        if item is None:
            return PlainTextResponse("no such item", status_code=404)
        return _page(item.title, BY_NAME[outlet].title, item.body.split("\n\n"))

    async def post(self, request: Request) -> Response:
        """Show a sample post's page."""
        post = find_post(request.path_params["post"], seed=self._seed)
        if post is None:
            return PlainTextResponse("no such post", status_code=404)
        return _page(f"@{post['author']}", post["created_at"], [post["text"]])

    async def posts(self, request: Request) -> Response:
        """Serve the sample posts as JSON lines, ready for `import`."""
        base = str(request.base_url)
        posts = sample_posts(self._clock(), seed=self._seed, base_url=base)
        lines = "".join(json.dumps(post, ensure_ascii=False) + "\n" for post in posts)
        return PlainTextResponse(lines, media_type="application/x-ndjson")


def _is_fresh(request: Request, etag: str, changed: int) -> bool:
    """Say whether the asker already has this version (RFC 9110: the tag decides when given)."""
    known = request.headers.get("if-none-match")
    if known is not None:
        tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
        return etag in tags or "*" in tags
    since = request.headers.get("if-modified-since")
    if since is None:
        return False
    try:
        return parsedate_to_datetime(since).timestamp() >= changed
    except ValueError:
        return False
