"""What the double refuses, in Telegram's words, and what it makes of marked-up text."""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from bot.sandbox.entities import utf16_slice
from bot.sandbox.server import SandboxServer

pytestmark = pytest.mark.asyncio(loop_scope="module")
SARA = 1001
CHANNEL = "@hoshyar_sandbox_channel"


class Raw:
    """Plain HTTP to the double; the description of a refusal, or the result."""

    def __init__(self, server: SandboxServer, client: httpx.AsyncClient) -> None:
        self.url = server.base_url + server.token
        self.client = client
        self.server = server

    async def __call__(self, method: str, **params: Any) -> Any:
        answer = (await self.client.post(f"{self.url}/{method}", json=params)).json()
        return answer["result"] if answer["ok"] else answer["description"]

    async def send(self, text: str, **params: Any) -> Any:
        return await self("sendMessage", chat_id=SARA, text=text, **params)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api() -> AsyncIterator[Raw]:
    """One server for all: what is refused leaves nothing behind."""
    async with (
        SandboxServer(flood_limits=False) as server,
        httpx.AsyncClient(timeout=20) as client,
    ):
        await server.say(SARA, "/start")
        yield Raw(server, client)


def png(width: int, height: int, padding: int = 0) -> bytes:
    """A one-colour picture, made larger on disk by `padding` bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + b"\x80" * width for _ in range(height)))
    body = chunk(b"IHDR", header) + chunk(b"IDAT", rows)
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"tEXt", b"x" * padding) + chunk(b"IEND", b"")


@pytest.mark.parametrize("text", ["", "   \n ", "<b></b>"])
async def test_empty_text_is_refused(api: Raw, text: str) -> None:
    """Nothing, white space and markup around nothing are all empty."""
    assert await api.send(text, parse_mode="HTML") == "Bad Request: message text is empty"


async def test_length_is_counted_in_utf16_units_after_parsing(api: Raw) -> None:
    """4096 units are the limit; tags do not count, an emoji counts twice."""
    fits = await api.send("<b>" + "ب" * 4096 + "</b>", parse_mode="HTML")
    emoji_fits = await api.send("🙂" * 2048)

    assert len(fits["text"]) == 4096
    assert len(emoji_fits["text"]) == 2048
    assert await api.send("ب" * 4097) == "Bad Request: message is too long"
    assert await api.send("🙂" * 2048 + "ب") == "Bad Request: message is too long"


@pytest.mark.parametrize(
    ("entity", "words"),
    [
        ({"type": "bold", "offset": 0, "length": 99}, "ends after the end of the text"),
        ({"type": "bold", "offset": 50, "length": 1}, "begins after the end of the text"),
        ({"type": "bold", "offset": -1, "length": 2}, "incorrect offset -1"),
        ({"type": "bold", "offset": 0, "length": -2}, "incorrect length -2"),
        ({"type": "glitter", "offset": 0, "length": 2}, "Unsupported type specified"),
        ({"type": "bold", "offset": 1, "length": 2}, "begins in a middle of a UTF-16 symbol"),
        ({"type": "bold", "offset": 0, "length": 1}, "ends in a middle of a UTF-16 symbol"),
        ({"type": "text_link", "offset": 0, "length": 2}, 'Can\'t find field "url"'),
    ],
)
async def test_unfit_entities_are_refused(api: Raw, entity: dict[str, Any], words: str) -> None:
    """Each mistake an entity can make has its own refusal; the text begins with an emoji."""
    refusal = await api.send("🙂 سلام", entities=[entity])

    assert isinstance(refusal, str)
    assert words in refusal


async def test_explicit_entities_come_back_as_they_were(api: Raw) -> None:
    """Offsets are UTF-16: the word after an emoji is where the client said."""
    message = await api.send("🙂 سلام دنیا", entities=[{"type": "bold", "offset": 3, "length": 4}])

    (entity,) = message["entities"]
    assert utf16_slice(message["text"], entity["offset"], entity["length"]) == "سلام"


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("<b>سلام", 'Can\'t find end tag corresponding to start tag "b"'),
        ("سلام</b>", "Unexpected end tag at byte offset 8"),
        ("<b>سلام</i>", 'Unmatched end tag at byte offset 11, expected "</b>", found "</i>"'),
        ("<h1>x</h1>", 'Unsupported start tag "h1" at byte offset 0'),
        ("۵ < ۶", 'Unsupported start tag "" at byte offset 3'),
        ("<b", "Unclosed start tag at byte offset 0"),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ('<a href="x', "Unclosed start tag at byte offset 0"),
        ("<a href=x/y>z</a>", "Unexpected end of name token at byte offset 8"),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("<a =x>y</a>", 'Empty attribute name in the tag "a" at byte offset 0'),
    ],
)
async def test_broken_html_is_refused(api: Raw, markup: str, words: str) -> None:
    """The wording and the byte offsets are the official parser's."""
    assert (
        await api.send(markup, parse_mode="HTML") == f"Bad Request: can't parse entities: {words}"
    )


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("سلام.", "Character '.' is reserved and must be escaped with the preceding '\\'"),
        ("۱-۲", "Character '-' is reserved and must be escaped with the preceding '\\'"),
        ("*سلام", "Can't find end of Bold entity at byte offset 0"),
        ("سلام _x", "Can't find end of Italic entity at byte offset 9"),
        ("`x", "Can't find end of Code entity at byte offset 0"),
        ("[x](http", "Can't find end of a URL at byte offset 3"),
    ],
)
async def test_broken_markdown_is_refused(api: Raw, markup: str, words: str) -> None:
    """Reserved characters and entities without an end."""
    answer = await api.send(markup, parse_mode="MarkdownV2")

    assert answer == f"Bad Request: can't parse entities: {words}"


async def test_html_with_persian_and_emoji_has_right_offsets(api: Raw) -> None:
    """Every entity covers the words its tags did, and references are decoded."""
    message = await api.send(
        "🔥🔥 <b>برف در <i>نیلاب</i></b> &lt;۵&gt; &amp; <code>x&#39;y</code>"
        ' <a href="https://example.com/?a=1&amp;b=2">خبر</a> <tg-spoiler>راز</tg-spoiler>'
        '<pre><code class="language-python">a = 1</code></pre>'
        "<blockquote expandable>یک\nدو</blockquote> #برف_نیلاب @hoshyar_bot /trends",
        parse_mode="HTML",
    )

    covered = [
        (entity["type"], utf16_slice(message["text"], entity["offset"], entity["length"]))
        for entity in message["entities"]
    ]
    assert covered == [
        ("bold", "برف در نیلاب"),
        ("italic", "نیلاب"),
        ("code", "x'y"),
        ("text_link", "خبر"),
        ("spoiler", "راز"),
        ("pre", "a = 1"),
        ("expandable_blockquote", "یک\nدو"),
        ("hashtag", "#برف_نیلاب"),
        ("mention", "@hoshyar_bot"),
        ("bot_command", "/trends"),
    ]
    assert message["entities"][3]["url"] == "https://example.com/?a=1&b=2"
    assert message["entities"][5]["language"] == "python"
    assert "<۵> & x'y" in message["text"]


async def test_markdown_v2_becomes_entities(api: Raw) -> None:
    """Nesting, links, code and quotes."""
    message = await api.send(
        "*پررنگ _کج_* __خط__ ~رد~ ||راز|| [خبر](https://example.com/a\\)b)\n"
        "```python\nx = 1\n```\n>نقل\n>ادامه",
        parse_mode="MarkdownV2",
    )

    covered = [
        (entity["type"], utf16_slice(message["text"], entity["offset"], entity["length"]))
        for entity in message["entities"]
    ]
    assert covered == [
        ("bold", "پررنگ کج"),
        ("italic", "کج"),
        ("underline", "خط"),
        ("strikethrough", "رد"),
        ("spoiler", "راز"),
        ("text_link", "خبر"),
        ("pre", "x = 1\n"),
        ("blockquote", "نقل\nادامه"),
    ]


def keyboard(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"inline_keyboard": [list(buttons)]}


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        (keyboard({"text": "x", "callback_data": "ب" * 33}), "BUTTON_DATA_INVALID"),
        (keyboard({"text": "x", "callback_data": ""}), "BUTTON_DATA_INVALID"),
        (keyboard({"text": "x"}), "Text buttons are unallowed in the inline keyboard"),
        (keyboard({"text": " ", "callback_data": "x"}), "must be a non-empty String"),
        (keyboard({"text": "x", "url": "nowhere"}), "URL 'nowhere' is invalid: Wrong HTTP URL"),
        (keyboard({"text": "x", "url": "http://a.b", "callback_data": "x"}), "exactly one"),
        (keyboard({"text": "x", "web_app": {"url": "http://a.b"}}), "Only HTTPS links"),
        (keyboard({"text": "x", "copy_text": {"text": "x" * 257}}), "COPY_TEXT_INVALID"),
        (keyboard({"text": "x", "callback_data": "x", "style": "pink"}), "button style"),
        (keyboard(*({"text": "x", "callback_data": "x"} for _ in range(101))), "too long"),
        ({"inline_keyboard": [{"text": "x"}]}, "must be an Array of Arrays"),
        ({"inline_keyboard": "x"}, "must be an Array of Arrays"),
        ({"keyboard": [[]]}, "reply markup has no buttons"),
        ([], "object expected as reply markup"),
        ("{", "can't parse reply markup JSON object"),
    ],
)
async def test_unfit_keyboards_are_refused(api: Raw, markup: Any, words: str) -> None:
    """The shape and the 64 bytes (not letters) of callback data."""
    refusal = await api.send("سلام", reply_markup=markup)

    assert isinstance(refusal, str)
    assert words in refusal


async def test_sixty_four_bytes_of_callback_data_pass(api: Raw) -> None:
    """32 Persian letters are exactly the limit."""
    markup = keyboard({"text": "x", "callback_data": "ب" * 32})

    assert (await api.send("سلام", reply_markup=markup))["reply_markup"] == markup


async def test_reply_keyboards_do_not_fit_channels(api: Raw) -> None:
    """Channels know inline keyboards only."""
    refusal = await api(
        "sendMessage", chat_id=CHANNEL, text="x", reply_markup={"keyboard": [["یک"]]}
    )

    assert refusal == "Bad Request: reply keyboards are not allowed in channel chats"


@pytest.mark.parametrize(
    ("commands", "words"),
    [
        ([{"command": "Start", "description": "x"}], "BOT_COMMAND_INVALID"),
        ([{"command": "روند", "description": "x"}], "BOT_COMMAND_INVALID"),
        ([{"command": "x" * 33, "description": "x"}], "BOT_COMMAND_INVALID"),
        ([{"command": "x", "description": ""}], "BOT_COMMAND_DESCRIPTION_INVALID"),
        ([{"command": "x", "description": "x" * 257}], "BOT_COMMAND_DESCRIPTION_INVALID"),
        ([{"command": f"c{n}", "description": "x"} for n in range(101)], "BOT_COMMANDS_TOO_MUCH"),
    ],
)
async def test_unfit_commands_are_refused(
    api: Raw, commands: list[dict[str, str]], words: str
) -> None:
    """1-32 lower-case Latin letters, digits and _; at most 100."""
    assert await api("setMyCommands", commands=commands) == f"Bad Request: {words}"


async def test_captions_and_pictures_have_limits(api: Raw) -> None:
    """1024 units, 10 MB, 10000 points, 1:20, and a picture must be one."""

    async def photo(data: bytes, caption: str = "") -> Any:
        answer = await api.client.post(
            f"{api.url}/sendPhoto",
            data={"chat_id": str(SARA), "caption": caption},
            files={"photo": ("p.png", data, "image/png")},
        )
        body = answer.json()
        return body["result"] if body["ok"] else body["description"]

    good = await photo(png(200, 100), "ب" * 1024)

    assert good["photo"][-1]["width"], good["photo"][-1]["height"] == (200, 100)
    assert await photo(png(9, 9), "ب" * 1025) == "Bad Request: message caption is too long"
    assert "too big for a photo" in await photo(png(9, 9, padding=10 * 1024 * 1024))
    assert await photo(png(5, 105)) == "Bad Request: PHOTO_INVALID_DIMENSIONS"
    assert await photo(png(9990, 11)) == "Bad Request: PHOTO_INVALID_DIMENSIONS"
    assert await photo(b"no picture") == "Bad Request: IMAGE_PROCESS_FAILED"
    assert "wrong remote file identifier" in await api("sendPhoto", chat_id=SARA, photo="AgAC")
    assert await api("sendPhoto", chat_id=SARA) == "Bad Request: there is no photo in the request"


async def test_inline_answers_have_limits(api: Raw) -> None:
    """At most 50 results, different ids, once, and not after the query died."""

    def article(number: int, **more: Any) -> dict[str, Any]:
        content = {"message_text": "متن"}
        return {
            "type": "article",
            "id": str(number),
            "title": "x",
            "input_message_content": content,
            **more,
        }

    async def answer(results: Any, **more: Any) -> Any:
        query = api.server.people.ask_inline(SARA, "برف")
        return await api("answerInlineQuery", inline_query_id=query.id, results=results, **more)

    assert await answer([article(n) for n in range(51)]) == "Bad Request: RESULTS_TOO_MUCH"
    assert await answer([article(1), article(1)]) == "Bad Request: RESULT_ID_DUPLICATE"
    assert await answer([article(1, id="x" * 65)]) == "Bad Request: RESULT_ID_INVALID"
    assert "unsupported type" in await answer([{"type": "venue", "id": "1"}])
    assert "title" in await answer([article(1, title="")])
    assert "Text buttons" in await answer([article(1, reply_markup=keyboard({"text": "x"}))])
    assert await answer([article(n) for n in range(50)]) is True
    late = await api("answerInlineQuery", inline_query_id="5", results=[])
    assert late.startswith("Bad Request: query is too old and response timeout expired")


async def test_other_wrong_parameters_are_refused(api: Raw) -> None:
    """What the documentation calls invalid, one by one."""
    refusals = {
        "unsupported parse_mode": await api.send("x", parse_mode="BBCode"),
        "chat_id is empty": await api("sendMessage", text="x"),
        "wrong parameter action in request": await api(
            "sendChatAction", chat_id=SARA, action="dancing"
        ),
        "draft_id must be non-zero": await api(
            "sendMessageDraft", chat_id=SARA, draft_id=0, text="x"
        ),
        "LANG_CODE_INVALID": await api("setMyDescription", description="x", language_code="fas"),
        "there must be 2-10 items in the media group": await api(
            "sendMediaGroup", chat_id=SARA, media=[{"type": "photo", "media": "x"}]
        ),
        "message thread not found": await api(
            "sendMessage", chat_id=-4000, text="x", message_thread_id=7
        ),
        "failed to get HTTP URL content": await api(
            "sendPhoto", chat_id=SARA, photo="https://example.com/x.png"
        ),
        "invalid file_id": await api("getFile", file_id="x"),
    }

    assert {words: f"Bad Request: {words}" for words in refusals} == refusals
