"""Bytes of a feed to posts: character set, words, links, names and ids put right."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from bot.analysis.language import language_hint
from bot.errors import SourceGarbled
from bot.models.post import Post, PostKind
from bot.services.addresses import canonical_link
from bot.services.feed_formats import FeedItem, read_json, read_xml
from bot.services.feed_text import decode, html_to_text, title_text

MAX_TEXT = 4000  # characters of a post's text; a whole book in an item helps nobody
MAX_ID = 190  # characters of an external id, as the column holds
_LEAD = 60  # characters from which a description is a lead rather than a remark
_LANGUAGE_SAMPLE = 7  # posts whose language is looked at

_HTML = re.compile(r"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_FEED = re.compile(r"<(?:[A-Za-z][\w.-]*:)?(?:rss|rdf|feed|channel)[\s>]", re.IGNORECASE)
_MAIL_AUTHOR = re.compile(r"\S+@\S+\s*(?:\((.*)\))?$")
# What WordPress adds below every item, in both languages.
_FOOTER = re.compile(
    r"\s*(?:The post .{0,300} (?:appeared first on|first appeared on) .{0,200}|"
    r"نوشته .{0,300} (?:اولین بار در|نخستین بار در) .{0,200})$",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFeed:
    """A feed as it was at one moment. `posts` have no source yet (`source_id` 0)."""

    title: str
    site_url: str
    lang: str
    posts: tuple[Post, ...]
    ttl_s: int = 0  # how long the feed asks not to be asked again; 0: it does not say
    topics: tuple[str, ...] = ()  # its most frequent categories
    undated: int = 0  # posts whose date is the moment of parsing


def parse_feed(
    body: bytes, content_type: str, base_url: str, now: datetime, lang: str = ""
) -> ParsedFeed:
    """Read a feed; SourceGarbled when it is none. `lang` is what is known of its language.

    A post without a date gets `now`: stored once, that is the moment it was first seen. A usual
    feed takes milliseconds, a huge broken one seconds: run it in a thread.
    """
    text = decode(body, content_type)
    start = text[:2000].lstrip("\ufeff \t\r\n")
    if start.startswith("{"):
        content = read_json(text, base_url, now, lang)
    elif _FEED.search(text[:20_000]):
        content = read_xml(text, base_url, now, lang)
    else:
        what = "an HTML page" if _HTML.search(start) else "neither XML nor JSON of a feed"
        raise SourceGarbled(f"{what}, not a feed", source=base_url)
    shared = _unreliable_ids(content.items)
    posts: dict[str, Post] = {}
    for item in content.items:
        post = _post(item, now, use_id=item.id not in shared)
        if post is not None:
            posts.setdefault(post.external_id, post)
    topics = Counter(title_text(tag) for item in content.items for tag in set(item.tags))
    del topics[""]
    title = title_text(content.title)[:MAX_ID]
    return ParsedFeed(
        title=title,
        site_url=content.site_url,
        lang=lang or _language(title, list(posts.values())) or content.declared_lang[:2].lower(),
        posts=tuple(posts.values()),
        ttl_s=content.ttl_s,
        topics=tuple(name for name, _ in topics.most_common(5)),
        undated=sum(post.created_at == now for post in posts.values()),
    )


def _unreliable_ids(items: Sequence[FeedItem]) -> set[str]:
    """Ids that several different pages of one feed share: made by a mistake in its template."""
    links: dict[str, set[str]] = {}
    for item in items:
        links.setdefault(item.id, set()).add(item.link)
    return {guid for guid, pages in links.items() if len(pages) > 1}


def _post(item: FeedItem, now: datetime, *, use_id: bool) -> Post | None:
    title = title_text(item.title)
    text = _lead(title, html_to_text(item.summary), item.content)
    if not title and not text:
        return None
    link = canonical_link(item.link) if item.link else ""
    return Post(
        kind=PostKind.NEWS,
        source_id=0,
        external_id=_external_id(item.id if use_id else "", link, f"{title}\n{text}"),
        created_at=datetime.fromisoformat(item.date) if item.date else now,
        title=title,
        text=text,
        url=link,
        author=_author(item.author),
        collected_at=now,
    )


def _lead(title: str, summary: str, content: str) -> str:
    """The summary; the whole where there is none worth the name."""
    text = summary
    if content and (len(summary) < _LEAD or summary == title):
        whole = html_to_text(content)
        text = whole if len(whole) > len(summary) else summary
    text = _FOOTER.sub("", text)
    if text == title:
        return ""
    if len(text) <= MAX_TEXT:
        return text
    cut = text.rfind("\n", MAX_TEXT // 2, MAX_TEXT)
    return text[: cut if cut > 0 else MAX_TEXT].rstrip() + " …"


def _external_id(guid: str, link: str, words: str) -> str:
    """What names the post for ever: the feed's own id, its page, or what it says."""
    name = canonical_link(guid) if guid.startswith("http") else guid or link
    if not name:
        return f"t:{_digest(words)}"
    return name if len(name) <= MAX_ID else f"h:{_digest(name)}"


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", errors="replace"), digest_size=16).hexdigest()


def _author(raw: str) -> str:
    """A name; of "mail@a.example (Name)" the name, for addresses are nobody's business."""
    name = title_text(raw)
    mail = _MAIL_AUTHOR.match(name)
    return (mail[1] or "" if mail else name)[:MAX_ID]


def _language(title: str, posts: Sequence[Post]) -> str:
    """The language most texts are in, for half of the declared ones are wrong."""
    texts = [title, *(f"{post.title} {post.text[:200]}" for post in posts[:_LANGUAGE_SAMPLE])]
    votes = Counter(map(language_hint, texts))
    del votes["und"]
    return votes.most_common(1)[0][0] if votes else ""
