"""Where we may go, and when two links are the same page.

Feeds name any address they like, so before a connection is made the host's real addresses are
checked here: nothing on this machine, in its network or in a reserved range is asked, unless the
operator allows it (ALLOW_PRIVATE_ADDRESSES).
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import parse_qsl, quote, unquote, urlencode, urljoin, urlsplit, urlunsplit

import httpx

from bot.errors import AddressRefused

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last 32 bits
_REFUSED_NETWORKS = tuple(
    ipaddress.ip_network(block)
    for block in (
        "192.0.0.0/24",  # RFC 6890, protocol assignments
        "192.88.99.0/24",  # RFC 7526, the dead 6to4 relays
        "198.18.0.0/15",  # RFC 2544, benchmarks
        "64:ff9b:1::/48",  # RFC 8215, local NAT64
        "100::/64",  # RFC 6666, discard
        "2001::/23",  # RFC 2928, Teredo and other protocol assignments
        "5f00::/16",  # RFC 9602, segment routing
        "fec0::/10",  # RFC 3879, the former site-local range
    )
)
# A host that ends in a number is an IPv4 address in some notation (WHATWG URL, 3.5).
_NUMBER_LIKE = re.compile(r"(?:^|\.)(?:\d+|0x[0-9a-f]*)\.?$", re.IGNORECASE)
_HOST = re.compile(rb"[\w.-]+|[0-9a-fA-F:.]+(?:%\w+)?")
_LOCAL_NAMES = re.compile(r"(?:^|\.)(?:localhost|local|internal|lan|home\.arpa)\.?$", re.IGNORECASE)

# Parameters that name the reader's way to a page, not the page.
_TRACKING = re.compile(
    r"(?:utm_\w+|fbclid|gclid|dclid|gbraid|wbraid|msclkid|yclid|twclid|igshid|mc_[ce]id|_ga|_gl|"
    r"ref_src|ref_url|at_medium|at_campaign|at_custom\d|xtor|ocid|cmpid|ns_\w+|spm|rss|"
    r"maca|zarsrc|__twitter_impression)",
    re.IGNORECASE,
)
_TRACKING_FRAGMENT = re.compile(r"(?:utm_|xtor|ref=|at_|:~:)", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_public(address: IPAddress) -> bool:
    """Can this address be somebody else's machine on the open internet?"""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(inner)
    if address.is_multicast or address.is_reserved or not address.is_global:
        return False
    return not any(address in block for block in _REFUSED_NETWORKS)


def check_url(url: str, *, allow_private: bool = False) -> httpx.URL:
    """A web address as it may be asked for; AddressRefused for anything else.

    Only what the address itself says is checked here; what its name resolves to is checked where
    the connection is made.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise AddressRefused(f"not a web address: {error}", source=url) from error
    if parsed.scheme not in _DEFAULT_PORTS or not parsed.host:
        raise AddressRefused("only http and https addresses are fetched", source=url)
    if not _HOST.fullmatch(parsed.raw_host):
        raise AddressRefused(f"{parsed.host} is not the name of a host", source=url)
    if parsed.port is not None and not 0 < parsed.port < 65_536:
        raise AddressRefused(f"there is no port {parsed.port}", source=url)
    if parsed.userinfo:
        raise AddressRefused("an address with a user name in it is not fetched", source=url)
    if not allow_private:
        _check_host(parsed.host, url)
    return parsed


def _check_host(host: str, url: str) -> None:
    try:
        address = ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        if _NUMBER_LIKE.search(host) or _LOCAL_NAMES.search(host):
            raise AddressRefused(f"{host} is not a public host", source=url) from None
        return
    if not is_public(address):
        raise AddressRefused(f"{host} is not a public address", source=url)


def check_resolved(host: str, found: list[str], *, allow_private: bool) -> list[str]:
    """The addresses of a host, all of them public; AddressRefused when any is not."""
    if not allow_private:
        for one in found:
            if not is_public(ipaddress.ip_address(one.split("%")[0])):
                raise AddressRefused(f"{host} leads to {one}, which is not public", source=host)
    return found


def absolute_link(base: str, link: str) -> str:
    """A link of a page or feed at `base` as a whole web address; nothing when it is none."""
    link = link.strip()
    if link.startswith(("http://", "https://")) and "[" not in link:
        return link  # the usual case, without taking it apart
    try:
        url = urljoin(base, link) if link else ""
    except ValueError:  # "http://[" and the like
        return ""
    return url if url.startswith(("http://", "https://")) else ""


def canonical_link(url: str) -> str:
    """One spelling for each page: no tracking, no default port, one way of percent-encoding.

    A fragment stays: pages that carry many posts tell them apart by it.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return url.strip()
    if parts.scheme.lower() not in _DEFAULT_PORTS or not parts.hostname:
        return url.strip()
    host = parts.hostname
    if port and port != _DEFAULT_PORTS[parts.scheme.lower()]:
        host = f"{host}:{port}"
    query = parts.query
    if query:
        pairs = parse_qsl(query, keep_blank_values=True)
        kept = [(name, value) for name, value in pairs if not _TRACKING.fullmatch(name)]
        if len(kept) != len(pairs):
            query = urlencode(kept)
    fragment = "" if _TRACKING_FRAGMENT.match(parts.fragment) else parts.fragment
    return urlunsplit((parts.scheme.lower(), host, _one_encoding(parts.path), query, fragment))


def _one_encoding(path: str) -> str:
    if "%2f" in path.lower():  # a slash inside a name is not a slash between names
        return path
    try:
        return quote(unquote(path, errors="strict"), safe="/:@!$&'()*+,;=~-._") or "/"
    except UnicodeDecodeError:  # encoded from something else than UTF-8
        return path
