"""Lists of feeds, in and out."""

from pathlib import Path

import pytest

from bot.errors import SourceGarbled
from bot.models.post import Source, SourceKind
from bot.services.addresses import check_url
from bot.services.opml import Outline, read_opml, write_opml

SHIPPED = Path(__file__).parents[2] / "config" / "feeds.opml"


def opml(body: str) -> bytes:
    return f'<?xml version="1.0"?><opml version="2.0"><head/><body>{body}</body></opml>'.encode()


def source(name: str, url: str, topic: str = "", lang: str = "") -> Source:
    return Source(kind=SourceKind.FEED, name=name, url=url, topic=topic, lang=lang)


def test_folders_become_topics() -> None:
    """The nearest folder names the topic; a feed outside all has its own category or none."""
    body = opml(
        '<outline text="همه"><outline text="ورزش">'
        '<outline type="rss" text="یک" xmlUrl="https://a.example/1" htmlUrl="https://a.example/"/>'
        '</outline><outline title="دو" xmlURL="https://a.example/2" language="fa-IR"/></outline>'
        '<outline text="سه" xmlUrl="https://a.example/3" category="/اقتصاد,x"/>'
    )

    assert read_opml(body) == [
        Outline(url="https://a.example/1", title="یک", site_url="https://a.example/", topic="ورزش"),
        Outline(url="https://a.example/2", title="دو", topic="همه", lang="fa"),
        Outline(url="https://a.example/3", title="سه", topic="اقتصاد"),
    ]


def test_an_address_counts_once() -> None:
    """The first folder it is in wins."""
    twice = '<outline text="{}"><outline text="x" xmlUrl="https://a.example/1"/></outline>'
    outlines = read_opml(opml(twice.format("یک") + twice.format("دو")))

    assert [outline.topic for outline in outlines] == ["یک"]


def test_a_bare_ampersand_is_forgiven() -> None:
    """Half of the readers write addresses with & as it is."""
    (outline,) = read_opml(opml('<outline text="a & b" xmlUrl="https://a.example/?x=1&y=2"/>'))

    assert (outline.title, outline.url) == ("a & b", "https://a.example/?x=1&y=2")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"<rss/>",
        b"<opml><body>",
        opml('<outline text="x" xmlUrl="y"'),
        b'<!DOCTYPE o [<!ENTITY a "b">]><opml><body><outline text="&a;"/></body></opml>',
    ],
)
def test_what_is_no_opml_is_garbled(body: bytes) -> None:
    """Other files, cut ones, and those that define entities."""
    with pytest.raises(SourceGarbled):
        read_opml(body)


def test_what_is_written_reads_back() -> None:
    """Names with quotes and half-spaces, topics, languages, addresses with parameters."""
    sources = [
        source('خبر «یک» & "دو"', "https://a.example/?a=1&b=2", "ورزش", "fa"),
        source("نیم\u200cفاصله\x01", "https://b.example/", "ورزش"),
        source("c", "https://c.example/"),
    ]

    outlines = read_opml(write_opml(sources, "t"))

    assert {(o.title, o.url, o.topic, o.lang) for o in outlines} == {
        ('خبر «یک» & "دو"', "https://a.example/?a=1&b=2", "ورزش", "fa"),
        ("نیم\u200cفاصله", "https://b.example/", "ورزش", ""),
        ("c", "https://c.example/", "", ""),
    }


def test_the_shipped_list_is_usable() -> None:
    """Every address is public https, named once, with a topic and a language."""
    outlines = read_opml(SHIPPED.read_bytes())

    assert len(outlines) >= 25
    assert all(check_url(outline.url).scheme == "https" for outline in outlines)
    assert all(outline.title and outline.topic and outline.lang for outline in outlines)
    assert len({outline.title for outline in outlines}) == len(outlines)
    hosts = [check_url(outline.url).host for outline in outlines]
    assert max(map(hosts.count, hosts)) <= 3
