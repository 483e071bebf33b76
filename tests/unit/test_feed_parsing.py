"""Feeds of every format and fault, to posts."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import SourceGarbled
from bot.models.post import Post, PostKind
from bot.services.feed_formats import MAX_ITEMS
from bot.services.feed_parsing import MAX_ID, MAX_TEXT, ParsedFeed, parse_feed
from bot.services.feed_text import decode, html_to_text, title_text
from tests.fakes_feeds import item, rss

NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)
DATA = Path(__file__).parents[1] / "data" / "feeds"


def read(name: str) -> ParsedFeed:
    return parse_feed((DATA / name).read_bytes(), "", "https://feeds.example/x/feed.xml", NOW)


def parse(body: bytes, content_type: str = "", lang: str = "") -> list[Post]:
    return list(parse_feed(body, content_type, "https://a.example/feed", NOW, lang).posts)


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """A moment of November 2026, UTC."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def test_an_agency_feed_becomes_posts() -> None:
    """Jalali date, half-space entities, relative link, tracking, HTML and a lying language."""
    feed = read("agency.rss")

    assert (feed.title, feed.site_url) == (
        "خبرگزاری نمونه :: آخرین خبرها",
        "https://agency.example/",
    )
    assert (feed.lang, feed.ttl_s, feed.undated) == ("fa", 600, 1)
    assert feed.topics == ("جامعه", "اقتصاد")
    assert feed.posts[0] == Post(
        kind=PostKind.NEWS,
        source_id=0,
        external_id="1001",
        created_at=at(20, 14, 50),
        title="بارش\u200c برف در ارتفاعات شمال\u200c کشور آغاز شد",
        text=(
            "سازمان هواشناسی از بارش برف\u200cهای سنگین در سه استان خبر داد."
            "\nجاده\u200cها لغزنده\u200cاند."
        ),
        url="https://agency.example/fa/news/1001",
        author="میترا راد",
        collected_at=NOW,
    )


def test_the_dates_of_an_agency() -> None:
    """GMT+03:30 counts, no zone is Tehran's in a Persian feed, no date is the moment of reading."""
    assert [post.created_at for post in read("agency.rss").posts] == [
        at(20, 14, 50),
        at(20, 13, 30),
        at(20, 8, 30),
        NOW,
    ]


def test_names_and_doubled_titles_of_an_agency() -> None:
    """A mail address is no author, and a text that repeats the title is no text."""
    second, third = read("agency.rss").posts[1:3]

    assert second.author == "تحریریه"
    assert second.title == 'قیمت دلار "۳ درصد" پایین آمد'
    assert (third.title, third.text) == ("تیم ملی برد", "")


def test_rdf_is_read() -> None:
    """RSS 1.0: the items stand beside the channel; a longer content replaces a remark."""
    feed = read("site.rdf")

    assert [post.external_id for post in feed.posts] == [
        "https://rdf.example/1",
        "https://rdf.example/2",
    ]
    first, second = feed.posts
    assert first.text.startswith("The whole of the first text")
    assert (first.author, first.created_at) == ("Ada Example", at(20, 9))
    assert second.created_at == at(20)  # not Persian, so UTC
    assert feed.lang == "en"


def test_atom_is_read() -> None:
    """xml:base, the alternate link and not the enclosure, XHTML content, published over updated."""
    feed = read("blog.atom")
    (post,) = feed.posts

    assert feed.title == "یادداشت\u200cهای «روشن»"
    assert feed.site_url == "https://blog.example/notes/"
    assert (post.external_id, post.url) == (
        "tag:blog.example,2026:1",
        "https://blog.example/notes/why",
    )
    assert post.text == "برای اینکه فکر کنم و بعدها به یاد بیاورم که چه فکر می\u200cکردم."
    assert (post.created_at, post.author) == (at(19, 4, 30), "آوا")
    assert feed.topics == ("نوشتن",)


def test_json_feed_is_read() -> None:
    """Numbers as ids, several authors, no title, and junk between the items."""
    feed = read("list.json")
    first, second = feed.posts

    assert (feed.title, feed.lang) == ("فهرست نمونه", "fa")
    assert (first.external_id, first.url, first.text) == ("7", "https://json.example/7", "متن هفتم")
    assert (first.author, first.created_at) == ("نیما, سارا", at(20, 6, 30))
    assert (second.title, second.text) == ("", "یادداشتی بی\u200cعنوان")
    assert second.created_at == at(20, 8, 30)


def test_a_wordpress_footer_is_not_news() -> None:
    """The lead without the sentence that WordPress adds to it."""
    (post,) = read("wordpress.rss").posts

    assert post.text.endswith("از فروش آن گفت.")
    assert post.external_id == "https://tech.example/?p=5"


@pytest.mark.parametrize(
    ("version", "extra"),
    [("0.91", ""), ("0.92", ""), ("2.0", ""), ("2.0", ' xmlns="http://backend.userland.com/rss2"')],
)
def test_every_rss_version_is_read(version: str, extra: str) -> None:
    """0.9x have neither guids nor dates."""
    body = (
        f'<rss version="{version}"{extra}><channel><title>t</title><link>https://a.example/</link>'
        "<item><title>یک</title><link>https://a.example/1</link></item></channel></rss>"
    )
    (post,) = parse(body.encode())

    assert (post.external_id, post.title) == ("https://a.example/1", "یک")


PERSIAN = "سلام بر همه‌ی دوستان عزیز در این روز برفی".replace("ی", "ي")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (PERSIAN.encode(), ""),
        (b"\xef\xbb\xbf" + PERSIAN.encode(), ""),
        (PERSIAN.encode("utf-16"), "text/xml; charset=utf-8"),
        (PERSIAN.encode("cp1256"), "text/xml; charset=windows-1256"),
        (PERSIAN.encode("cp1256"), "text/xml; charset=iso-8859-1"),
        (PERSIAN.encode("cp1256"), "text/xml; charset=utf-8"),
        (PERSIAN.encode("cp1256"), ""),
        (PERSIAN.encode(), "text/xml; charset=windows-1256"),
        (PERSIAN.encode(), "text/xml; charset=punycode"),
    ],
)
def test_the_character_set_is_found(body: bytes, content_type: str) -> None:
    """Whatever the server says of it."""
    assert decode(body, content_type).lstrip("\ufeff") == PERSIAN


def test_the_prologs_word_counts_and_its_lies_do_not() -> None:
    """A prolog of windows-1256 over such bytes, over UTF-8, and iso-8859-1 over windows-1256."""

    def document(named: str, real: str) -> bytes:
        return f'<?xml version="1.0" encoding="{named}"?><t>{PERSIAN}</t>'.encode(real)

    for named, real in (
        ("windows-1256", "cp1256"),
        ("windows-1256", "utf-8"),
        ("ISO-8859-1", "cp1256"),
        ("utf-8", "cp1256"),
    ):
        assert f"<t>{PERSIAN}</t>" in decode(document(named, real)), (named, real)


def test_western_text_stays_western() -> None:
    """Single accents among Latin letters are no Persian."""
    assert decode("déjà vu à l’été".encode("cp1252")) == "déjà vu à l’été"


def test_a_broken_byte_costs_one_letter() -> None:
    """UTF-8 that was cut somewhere is still UTF-8."""
    body = rss(item(1, PERSIAN)).replace("روز".encode(), "روز".encode()[:-1])
    (post,) = parse(body)

    assert post.title.startswith("سلام بر")
    assert post.title.endswith("برفي")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<p>یک</p><p>دو</p>", "یک\n\nدو"),
        ("یک<br>دو", "یک\nدو"),
        ("می&zwnj;روم&nbsp;خانه", "می\u200cروم خانه"),
        ("a &amp;lt; b &amp;amp; c", "a < b & c"),
        ("<style>p{}</style>x<script>y()</script>", "x"),
        ('<a href="https://x.example">پیوند</a>', "پیوند"),
        ("<p>باز", "باز"),
        ("2 < 3", "2 < 3"),
        ("", ""),
    ],
)
def test_html_becomes_what_a_reader_reads(source: str, expected: str) -> None:
    """Paragraphs are lines, entities letters, half-spaces stay, code goes."""
    assert html_to_text(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<b>مهم:</b> باران", "مهم: باران"),
        ("AT&amp;amp;T", "AT&T"),
        ("کار با <table> در HTML", "کار با <table> در HTML"),
        ("3 < 4 > 2", "3 < 4 > 2"),
        ("دو\n  خط", "دو خط"),
    ],
)
def test_titles_are_one_line(source: str, expected: str) -> None:
    """Without markup, with whatever merely looks like it."""
    assert title_text(source) == expected


def test_ids_fit_the_column() -> None:
    """A long one is named by its hash, the same each time."""
    body = rss(item("x" * 500, "یک"), item("y" * 500, "دو"))
    first, second = parse(body)

    assert len(first.external_id) <= MAX_ID
    assert first.external_id != second.external_id
    assert [post.external_id for post in parse(body)] == [first.external_id, second.external_id]


def test_without_an_id_the_page_names_the_post() -> None:
    """Tracking parameters do not make it another; without a page the words do."""
    one = b"<item><title>a</title><link>https://a.example/1?utm_source=x</link></item>"
    body = b'<rss version="2.0"><channel><title>t</title>' + one + b"<item><title>b</title></item>"
    posts = parse(body + b"</channel></rss>")

    assert posts[0].external_id == "https://a.example/1"
    assert posts[1].external_id.startswith("t:")


def test_an_id_that_all_items_share_is_no_id() -> None:
    """A template's mistake would otherwise leave one post of each feed."""
    items = "".join(
        f"<item><title>{n}</title><link>https://a.example/{n}</link><guid>same</guid></item>"
        for n in range(3)
    )

    assert len(parse(rss(items))) == 3


def test_a_repeated_item_is_one_post() -> None:
    """The same id and page twice."""
    assert len(parse(rss(item(1, "a"), item(1, "a")))) == 1


def test_lengths_are_bounded() -> None:
    """A book in an item is cut, and a feed of thousands gives its first ones."""
    (long,) = parse(rss(item(1, "a", "<p>واژه</p> " * 5000)))
    many = parse(rss(*(item(n, f"خبر {n}") for n in range(MAX_ITEMS + 50))))

    assert len(long.text) <= MAX_TEXT + 2
    assert long.text.endswith("…")
    assert len(many) == MAX_ITEMS


def test_html_that_nobody_escaped_is_read() -> None:
    """To an XML parser the text would end at the first tag."""
    (post,) = parse(rss(item(1, "a", "پیش از <p>بند <b>یک</b></p><p>بند دو</p>")))

    assert post.text == "پیش از\nبند یک\n\nبند دو"


def test_what_xml_forbids_is_dropped() -> None:
    """Control characters, junk before the prolog, a bare ampersand."""
    body = b"\n\n junk" + rss(item(1, "a\x0bb &amp; c & d"))
    (post,) = parse(body)

    assert "c" in post.title
    assert "\x0b" not in post.title


def test_nonsense_for_a_base_is_ignored() -> None:
    """Links are then relative to the feed itself."""
    body = (DATA / "blog.atom").read_bytes().replace(b"https://blog.example/notes/", b"http://[")
    (post,) = parse(body)

    assert post.url == "https://a.example/why"


def test_characters_that_do_not_exist_are_dropped() -> None:
    """As numbers in XML, and as escapes in JSON: neither parser nor database bears them."""
    (post,) = parse(rss(item(1, "a&#xD800;b&#99999999;c&#0;d&#1587;")))
    (other,) = parse(b'{"items": [{"id": "x\\ud800", "title": "a\\ud800\\u0000b"}]}')

    assert post.title == "abcdس"
    assert (other.external_id, other.title) == ("x", "ab")


def test_a_truncated_feed_gives_what_it_has() -> None:
    """The connection of the site's own cache broke, and it serves the half."""
    body = rss(item(1, "یک"), item(2, "دو"), item(3, "سه"))

    posts = parse(body[: body.index("سه".encode())])

    assert [post.title for post in posts][:2] == ["یک", "دو"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"<!DOCTYPE html><html><head><title>x</title></head><body>rss</body></html>",
        b"<html><body><p>404</p></body></html>",
        b"{",
        b'{"items": 3}',
        b"[1, 2]",
        b"<note><to>x</to></note>",
        gzip.compress(b"<rss/>", mtime=0),
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_feed_is_garbled(body: bytes) -> None:
    """An error, not an empty feed: an empty one would look healthy."""
    with pytest.raises(SourceGarbled):
        parse(body)


def test_an_empty_feed_is_a_feed() -> None:
    """A new blog has no posts yet."""
    assert parse(rss()) == []


@pytest.mark.parametrize(
    "body",
    [
        b'[<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;">]',
        b'[<!ENTITY c SYSTEM "file:///etc/hostname">]',
    ],
)
def test_entities_are_not_expanded(body: bytes) -> None:
    """Neither a bomb nor a file of ours comes out."""
    posts = parse(b"<!DOCTYPE r " + body + b">" + rss(item(1, "ab &c; cd")))

    host = Path("/etc/hostname").read_text().strip() if Path("/etc/hostname").exists() else "-"
    assert all("haha" not in post.full_text and host not in post.full_text for post in posts)


def test_deep_nesting_costs_nothing() -> None:
    """The patient parser would take seconds for it."""
    started = datetime.now(UTC)

    with pytest.raises(SourceGarbled):
        parse(b'<rss version="2.0"><channel><item><title>x</title>' + b"<item>" * 200_000)

    assert (datetime.now(UTC) - started).total_seconds() < 2


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["agency.rss", "site.rdf", "blog.atom"]), st.data())
def test_no_damage_breaks_it(junk: bytes, name: str, data: st.DataObject) -> None:
    """Bytes overwritten anywhere give posts or SourceGarbled, and ids that fit."""
    body = (DATA / name).read_bytes()
    where = data.draw(st.integers(0, len(body)))

    try:
        posts = parse(body[:where] + junk + body[where + len(junk) :])
    except SourceGarbled:
        return

    assert all(0 < len(post.external_id) <= MAX_ID for post in posts)
    assert all(post.created_at <= NOW for post in posts)
