"""The HTTP client against a real server on loopback."""

import asyncio
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.errors import SourceDown, SourceGarbled, SourceGone, SourceRefused
from bot.services.http_client import (
    USER_AGENT,
    Fetched,
    HttpClient,
    http_date,
    raise_for_status,
    retry_after_s,
)
from tests.fakes_feeds import Answer, Asked, Site, moved, site

NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    """A client that may go to loopback, where the test's own server is."""
    client = HttpClient(allow_private=True)
    yield client
    await client.close()


def resolving(*addresses: str) -> Callable[[str, int], Awaitable[list[str]]]:
    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return resolve


async def test_an_answer_is_read_whole(client: HttpClient) -> None:
    """Status, headers, body and address come back; our name and the wish for gzip go out."""
    async with site(feed=Answer(body=b"hello", headers={"ETag": '"1"'})) as server:
        got = await client.get(f"{server.url}/feed", headers={"If-None-Match": '"0"'})

    assert (got.status, got.body, got.url) == (200, b"hello", f"{server.url}/feed")
    assert got.header("etag") == '"1"'
    sent = server.asked[0].headers
    assert sent["user-agent"] == USER_AGENT
    assert sent["if-none-match"] == '"0"'
    assert sent["accept-encoding"] == "gzip, deflate"
    assert sent["host"] == f"127.0.0.1:{server.port}"


async def test_any_status_is_an_answer(client: HttpClient) -> None:
    """What a status means is the caller's business."""
    async with site() as server:
        assert (await client.get(f"{server.url}/nothing")).status == 404


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(b"hello " * 1000, mtime=0)),
        (
            "x-gzip",
            gzip.compress(b"hello " * 400, mtime=0) + gzip.compress(b"hello " * 600, mtime=0),
        ),
        ("gzip", gzip.compress(b"hello " * 1000, mtime=0) + b"\0" * 20),
        ("deflate", zlib.compress(b"hello " * 1000)),
        ("deflate", raw_deflate(b"hello " * 1000)),
        ("identity", b"hello " * 1000),
    ],
)
async def test_compressed_answers_are_unpacked(
    client: HttpClient, coding: str, packed: bytes
) -> None:
    """gzip of one or more members, padded too, zlib, and raw deflate."""
    async with site(feed=Answer(body=packed, headers={"content-encoding": coding})) as server:
        assert (await client.get(f"{server.url}/feed")).body == b"hello " * 1000


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_bomb_does_not_unfold(client: HttpClient, coding: str) -> None:
    """The limit is for what comes out: 200 MB in 200 kB are refused early."""
    pack = gzip.compress if coding == "gzip" else zlib.compress
    bomb = pack(b"\0" * 200_000_000)
    async with site(feed=Answer(body=bomb, headers={"content-encoding": coding})) as server:
        with pytest.raises(SourceGarbled, match="larger than"):
            await client.get(f"{server.url}/feed", max_bytes=1_000_000)


async def test_the_limit_itself_is_allowed(client: HttpClient) -> None:
    """Exactly `max_bytes` pass, one more does not, packed or plain."""
    plain = Answer(body=b"x" * 1000)
    packed = Answer(body=gzip.compress(b"x" * 1000, mtime=0), headers={"content-encoding": "gzip"})
    async with site(plain=plain, packed=packed) as server:
        for path in ("plain", "packed"):
            assert len((await client.get(f"{server.url}/{path}", max_bytes=1000)).body) == 1000
            with pytest.raises(SourceGarbled):
                await client.get(f"{server.url}/{path}", max_bytes=999)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(body=b"no gzip", headers={"content-encoding": "gzip"}), SourceGarbled),
        (Answer(body=b"x", headers={"content-encoding": "br"}), SourceGarbled),
        (
            Answer(
                body=gzip.compress(b"hello", mtime=0)[:-9], headers={"content-encoding": "gzip"}
            ),
            SourceDown,
        ),
        (Answer(body=b"hello", cut=2), SourceDown),
    ],
)
async def test_a_broken_body_is_an_error(
    client: HttpClient, answer: Answer, error: type[Exception]
) -> None:
    """Half an answer is never taken for a whole one."""
    async with site(feed=answer) as server:
        with pytest.raises(error):
            await client.get(f"{server.url}/feed")


async def test_a_slow_drip_ends_in_time(client: HttpClient) -> None:
    """A byte now and then keeps no connection open beyond the whole time."""
    async with site(feed=Answer(body=b"x" * 1000, drip_s=0.05)) as server:
        started = asyncio.get_running_loop().time()
        with pytest.raises(SourceDown, match="whole answer"):
            await client.get(f"{server.url}/feed", timeout_s=0.3)

    assert asyncio.get_running_loop().time() - started < 2


async def test_silence_ends_in_time(client: HttpClient) -> None:
    """A server that accepts and says nothing is down."""
    async with site(feed=Answer(hold=asyncio.Event())) as server:
        with pytest.raises(SourceDown):
            await client.get(f"{server.url}/feed", timeout_s=0.2)


async def test_redirects_are_followed(client: HttpClient) -> None:
    """Relative and with Persian in them; the last answer's address is given."""
    async with site() as server:
        server.routes = {
            "/a": moved("b"),
            "/b": moved("/خبر"),
            "/%D8%AE%D8%A8%D8%B1": Answer(body=b"here"),
        }
        got = await client.get(f"{server.url}/a")

    assert got.body == b"here"
    assert got.url == f"{server.url}/%D8%AE%D8%A8%D8%B1"
    assert got.permanent_url is None


async def test_a_permanent_move_is_reported(client: HttpClient) -> None:
    """Up to the last of the unbroken row of permanent redirects."""
    async with site() as server:
        server.routes = {
            "/a": moved("/b", 301),
            "/b": moved("/c", 308),
            "/c": moved("/d", 302),
            "/d": moved("/e", 301),
            "/e": Answer(body=b"here"),
        }
        got = await client.get(f"{server.url}/a")

    assert got.permanent_url == f"{server.url}/c"
    assert got.url == f"{server.url}/e"


async def test_redirects_have_an_end(client: HttpClient) -> None:
    """Five are followed; a circle is an error."""
    async with site() as server:
        server.routes = {f"/{n}": moved(f"/{n + 1}") for n in range(5)} | {"/5": Answer(body=b"5")}
        assert (await client.get(f"{server.url}/0")).body == b"5"
        server.routes["/5"] = moved("/0")
        with pytest.raises(SourceGarbled, match="redirects"):
            await client.get(f"{server.url}/0")


@pytest.mark.parametrize(
    "target", ["ftp://x.example/", "file:///etc/passwd", "http://u:p@x.example/"]
)
async def test_a_redirect_out_of_the_web_is_refused(client: HttpClient, target: str) -> None:
    """A redirect has no more rights than an address."""
    async with site(feed=moved(target)) as server:
        with pytest.raises(SourceRefused):
            await client.get(f"{server.url}/feed")


async def test_a_private_address_is_never_connected() -> None:
    """Not by its number and not by a name that leads there."""
    async with site(feed=Answer(body=b"secret")) as server:
        client = HttpClient(resolve=resolving("127.0.0.1"))
        try:
            for host in ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"):
                with pytest.raises(SourceRefused):
                    await client.get(f"http://{host}:{server.port}/feed")
            with pytest.raises(SourceRefused, match=r"leads to 127\.0\.0\.1"):
                await client.get(f"http://inside.example:{server.port}/feed")
        finally:
            await client.close()

    assert server.asked == []


async def test_each_redirect_is_checked() -> None:
    """A public page cannot send us into our own network, whatever the third hop is called."""
    async with Site() as server:
        addresses = {"public.example": "127.0.0.1", "second.example": "127.0.0.1"}

        async def resolve(host: str, port: int) -> list[str]:
            return [addresses.get(host, "10.0.0.7")]

        # The public hosts of this test live on loopback, so "public" is what the check below says.
        client = HttpClient(resolve=resolve, gap_s=0)
        server.routes = {
            "/a": moved(f"http://second.example:{server.port}/b"),
            "/b": moved("http://intranet.example/admin"),
        }
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                "bot.services.addresses.is_public", lambda address: str(address) == "127.0.0.1"
            )
            with pytest.raises(SourceRefused, match=r"leads to 10\.0\.0\.7"):
                await client.get(f"http://public.example:{server.port}/a")
        await client.close()

    assert server.paths() == ["/a", "/b"]


async def test_the_checked_address_is_the_connected_one() -> None:
    """A name is resolved once per connection: a second, different answer is never asked for."""
    answers = ["127.0.0.1"]
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return [answers.pop(0)]

    async with site(feed=Answer(body=b"x")) as server:
        client = HttpClient(allow_private=True, resolve=rebinding)
        got = await client.get(f"http://news.example:{server.port}/feed")
        await client.close()

    assert got.body == b"x"
    assert asked == ["news.example"]
    assert server.asked[0].headers["host"] == f"news.example:{server.port}"


async def test_the_next_address_is_tried() -> None:
    """A host with a dead address and a live one is up."""
    async with site(feed=Answer(body=b"x")) as server:
        client = HttpClient(allow_private=True, resolve=resolving("127.0.0.9", "127.0.0.1"))
        assert (await client.get(f"http://two.example:{server.port}/feed")).body == b"x"
        await client.close()


async def test_a_failed_connection_is_tried_once_more() -> None:
    """After a short, uneven wait; then the source is down."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def unknown(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    client = HttpClient(allow_private=True, resolve=unknown, sleep=sleep, chance=lambda: 0.5)
    with pytest.raises(SourceDown, match=r"no such host: gone\.example"):
        await client.get("http://gone.example/feed")
    await client.close()

    assert waits == [0.75]


async def test_one_host_is_asked_twice_at_once_at_most(client: HttpClient) -> None:
    """Ten requests to one host never have more than two open."""
    async with site(feed=Answer(body=b"x" * 5, drip_s=0.01)) as server:
        await asyncio.gather(*(client.get(f"{server.url}/feed") for _ in range(10)))

    assert len(server.asked) == 10
    assert server.most_open <= 2


async def test_a_public_host_is_given_pauses() -> None:
    """Two starts are at least the gap apart; another host need not wait for it."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(round(seconds, 1))

    async with site(feed=Answer(body=b"x")) as server:
        client = HttpClient(resolve=resolving("127.0.0.1"), gap_s=5, sleep=sleep)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("bot.services.addresses.is_public", lambda address: True)
            for host in ("a.example", "b.example", "a.example"):
                await client.get(f"http://{host}:{server.port}/feed")
        await client.close()

    assert len(waits) == 1
    assert 4.5 < waits[0] <= 5.0


async def test_tls_keeps_the_name(tmp_path: Path) -> None:
    """The certificate is checked against the name, although the connection goes to a number."""
    trusting, serving = certificates(tmp_path, "news.example")
    names: list[str | None] = []
    serving.sni_callback = lambda sock, name, context: names.append(name)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=serving)
    port = server.sockets[0].getsockname()[1]
    client = HttpClient(allow_private=True, resolve=resolving("127.0.0.1"), tls=trusting)
    try:
        assert (await client.get(f"https://news.example:{port}/")).body == b"ok"
        with pytest.raises(SourceDown, match="certificate"):
            await client.get(f"https://other.example:{port}/")
    finally:
        await client.close()
        server.close()

    assert names[0] == "news.example"


async def test_a_proxy_is_asked_for_the_whole_address() -> None:
    """With a proxy set, the request goes to it and names the real host."""

    def relay(asked: Asked) -> Answer:
        return Answer(body=f"{asked.path} for {asked.headers['host']}".encode())

    async with Site({"http://news.example/feed": relay}) as proxy:
        client = HttpClient(proxy=proxy.url)
        got = await client.get("http://news.example/feed")
        with pytest.raises(SourceRefused):
            await client.get("http://127.0.0.1/feed")
        await client.close()

    assert got.body == b"http://news.example/feed for news.example"


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
async def test_a_socks_proxy_resolves_the_name(scheme: str) -> None:
    """The name goes to the proxy as it is: where we are, it may not even resolve."""
    wanted: list[tuple[bytes, int]] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """RFC 1928 without authentication, answering in the target's place."""
        _, methods = await reader.readexactly(2)
        await reader.readexactly(methods)
        writer.write(b"\x05\x00")
        _, _, _, kind, length = await reader.readexactly(5)
        assert kind == 3  # a domain name
        name = await reader.readexactly(length)
        wanted.append((name, int.from_bytes(await reader.readexactly(2), "big")))
        writer.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = HttpClient(proxy=f"{scheme}://127.0.0.1:{port}")
    try:
        assert (await client.get("http://news.example/feed")).body == b"ok"
    finally:
        await client.close()
        server.close()

    assert wanted == [(b"news.example", 80)]


async def test_a_dead_proxy_is_a_source_that_is_down() -> None:
    """Not a crash: the round goes on."""
    for proxy in ("http://127.0.0.1:9", "socks5://127.0.0.1:9"):
        client = HttpClient(proxy=proxy, chance=lambda: 0.0)
        with pytest.raises(SourceDown):
            await client.get("http://news.example/feed")
        await client.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("120", 120.0),
        ("Sat, 21 Nov 2026 15:02:00 GMT", 120.0),
        ("Sat, 21 Nov 2026 14:00:00 GMT", 0.0),
        ("99999999999", 7 * 86_400.0),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, expected: float | None) -> None:
    """Both forms of the header; nonsense is no wish, and a year is a week."""
    assert retry_after_s({"retry-after": text}, NOW) == expected


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, None),
        (304, None),
        (401, SourceRefused),
        (403, SourceRefused),
        (404, SourceDown),
        (410, SourceGone),
        (429, SourceRefused),
        (500, SourceDown),
        (503, SourceDown),
        (302, SourceDown),
    ],
)
def test_each_status_has_its_error(status: int, error: type[Exception] | None) -> None:
    """The errors carry the wait that the server asks for."""
    answer = Fetched(
        status=status, headers={"retry-after": "60"}, body=b"", url="http://a.example/"
    )
    if error is None:
        raise_for_status(answer, NOW)
        return
    with pytest.raises(error) as raised:
        raise_for_status(answer, NOW)
    assert raised.value.args == (f"HTTP {status}",)
    if status in (429, 503):
        assert getattr(raised.value, "retry_after_s", None) == 60.0


def test_a_date_of_a_header_needs_a_zone() -> None:
    """Without one it is no date of HTTP."""
    assert http_date("Sat, 21 Nov 2026 15:00:00 GMT") == NOW
    assert http_date("Sat, 21 Nov 2026 15:00:00 -0000") is None


def certificates(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A client that trusts only, and a server that shows, a certificate made for `name`."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "site.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(file)
    return ssl.create_default_context(cafile=str(file)), serving
