"""Where feeds may lead us, and which links are one page."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import SourceRefused
from bot.services.addresses import canonical_link, check_resolved, check_url, is_public


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",  # carrier-grade NAT
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",  # the metadata service of clouds
        "172.16.0.1",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.1.2.3",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",  # 6to4 of 127.0.0.1
        "64:ff9b::10.0.0.1",  # NAT64 of a private address
        "64:ff9b:1::8.8.8.8",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_special_addresses_are_not_public(address: str) -> None:
    """Every range that is this machine, its network, or nobody's."""
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "185.143.233.5", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"],
)
def test_public_addresses_are_public(address: str) -> None:
    """Also when an IPv4 address is written inside an IPv6 one."""
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "news.example/rss",
        "ftp://news.example/rss",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://",
        "http:///rss",
        "http://news.example:0/",
        "http://two words/",
        "http://news.example:99999/",
        "http://user:secret@news.example/",
        "http://localhost/",
        "http://LOCALHOST./",
        "http://db.internal/",
        "http://printer.local/",
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:7f00:1]/",
        "http://[fe80::1%25eth0]/",
        "http://１２７.0.0.1/",  # full-width digits become ASCII in a host name
    ],
)
def test_an_address_that_may_not_be_asked_is_refused(url: str) -> None:
    """Nothing but http and https to hosts that can be public, in no disguise."""
    with pytest.raises(SourceRefused):
        check_url(url)


def test_private_hosts_are_asked_when_allowed() -> None:
    """The operator may have feeds of their own."""
    assert check_url("http://127.0.0.1:8000/rss", allow_private=True).port == 8000
    assert check_resolved("x.lan", ["10.0.0.1"], allow_private=True) == ["10.0.0.1"]
    with pytest.raises(SourceRefused):
        check_url("file:///etc/passwd", allow_private=True)


def test_persian_addresses_are_written_for_the_wire() -> None:
    """Names in IDNA, paths in percent-encoding."""
    url = check_url("https://خبر.example/برگ ها?ن=۱")

    assert url.raw_host.startswith(b"xn--")
    assert url.raw_host.endswith(b".example")
    assert url.raw_path.isascii()


def test_one_private_answer_spoils_a_name() -> None:
    """A name with a public and a private address is an attempt, not an accident."""
    assert check_resolved("a.example", ["1.1.1.1"], allow_private=False) == ["1.1.1.1"]
    with pytest.raises(SourceRefused):
        check_resolved("a.example", ["1.1.1.1", "10.0.0.1"], allow_private=False)
    with pytest.raises(SourceRefused):
        check_resolved("a.example", ["fe80::1%eth0"], allow_private=False)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example", "https://a.example/"),
        ("HTTPS://A.Example:443/x", "https://a.example/x"),
        ("http://a.example:8080/x", "http://a.example:8080/x"),
        ("https://a.example/x?utm_source=rss&id=7&utm_medium=feed", "https://a.example/x?id=7"),
        ("https://a.example/x?fbclid=1", "https://a.example/x"),
        ("https://a.example/x?b=2&a=1", "https://a.example/x?b=2&a=1"),
        ("https://a.example/x#xtor=RSS-1", "https://a.example/x"),
        ("https://a.example/live#item-3", "https://a.example/live#item-3"),
        ("https://a.example/خبر", "https://a.example/%D8%AE%D8%A8%D8%B1"),
        ("https://a.example/%d8%ae%d8%a8%d8%b1", "https://a.example/%D8%AE%D8%A8%D8%B1"),
        ("https://a.example/a%2Fb", "https://a.example/a%2Fb"),
        ("https://a.example/%e9", "https://a.example/%e9"),
        (" tag:a.example,2026:1 ", "tag:a.example,2026:1"),
        ("https://a.example:x/", "https://a.example:x/"),
    ],
)
def test_one_page_has_one_link(url: str, expected: str) -> None:
    """Tracking goes, spelling is made one, what names the page stays."""
    assert canonical_link(url) == expected


@given(st.text(max_size=60).map("https://a.example/".__add__))
def test_making_a_link_canonical_twice_changes_nothing(url: str) -> None:
    """The identity of a post does not depend on how often it went through."""
    once = canonical_link(url)

    assert canonical_link(once) == once
