"""Lists of feeds in OPML 1.0 and 2.0, the form that every feed reader exchanges."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import groupby
from xml.etree.ElementTree import Element, ElementTree, ParseError, SubElement, indent

from bot.errors import SourceGarbled
from bot.models.post import Source
from bot.services.feed_text import clean_xml, decode, title_text

MAX_DEPTH = 20  # folders in folders

_BARE_AMPERSAND = re.compile(r"&(?!#?\w{1,30};)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """One feed of a list; `topic` is the folder it is in."""

    url: str
    title: str = ""
    site_url: str = ""
    topic: str = ""
    lang: str = ""


def read_opml(body: bytes) -> list[Outline]:
    """The feeds in an OPML file, each address once; SourceGarbled when it is not OPML."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    text = clean_xml(decode(body))
    try:
        root = fromstring(_BARE_AMPERSAND.sub("&amp;", text))
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise SourceGarbled(f"not an OPML file: {error}") from error
    if _local(root) != "opml":
        raise SourceGarbled("not an OPML file: it starts with another element")
    found: dict[str, Outline] = {}
    for outline in _outlines(root, "", 0):
        found.setdefault(outline.url, outline)
    return list(found.values())


def _outlines(parent: Element, topic: str, depth: int) -> Iterator[Outline]:
    for child in parent:
        name = _local(child)
        if name == "body":
            yield from _outlines(child, topic, depth)
        if name != "outline":
            continue
        attributes = {key.lower(): value.strip() for key, value in child.attrib.items()}
        title = title_text(attributes.get("title") or attributes.get("text") or "")
        url = attributes.get("xmlurl") or ""
        if url:
            own_topic = attributes.get("category", "").split(",")[0].strip("/ ")
            yield Outline(
                url=url,
                title=title,
                site_url=attributes.get("htmlurl", ""),
                topic=topic or own_topic,
                lang=attributes.get("language", "")[:2].lower(),
            )
        if depth < MAX_DEPTH:
            yield from _outlines(child, topic if url else title, depth + 1)


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2].lower()


def write_opml(sources: Iterable[Source], title: str) -> bytes:
    """An OPML 2.0 file of the sources, a folder for each topic."""
    root = Element("opml", version="2.0")
    SubElement(SubElement(root, "head"), "title").text = title
    body = SubElement(root, "body")
    ordered = sorted(sources, key=lambda source: (source.topic, source.name))
    for topic, group in groupby(ordered, key=lambda source: source.topic):
        folder = SubElement(body, "outline", text=_plain(topic)) if topic else body
        for source in group:
            attributes = {"type": "rss", "text": source.name, "title": source.name}
            attributes |= {"xmlUrl": source.url, "htmlUrl": source.site_url}
            attributes |= {"language": source.lang}
            SubElement(folder, "outline", {k: _plain(v) for k, v in attributes.items() if v})
    indent(root)
    file = BytesIO()
    ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)
    return file.getvalue() + b"\n"


def _plain(text: str) -> str:
    """What XML can hold."""
    return "".join(character for character in text if character >= " ")
