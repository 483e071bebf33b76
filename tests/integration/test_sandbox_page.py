"""The chat page in a real browser: what a newcomer sees and presses, and what must never run."""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterator

import pytest
import telegram

from bot.sandbox.server import SandboxServer
from tests.e2e.browser import CHROMIUM, Browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: the chat page was NOT looked at"),
]
SARA = 1001
ATTACK = (
    '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
    "\"'><svg onload=window.hacked=1> javascript:window.hacked=1"
)


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        end = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + end

    header = struct.pack(">IIBBBBB", 60, 40, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + b"\x80" * 60 for _ in range(40)))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


@pytest.fixture
async def server() -> AsyncIterator[SandboxServer]:
    async with SandboxServer(linked_channel=False, flood_limits=False) as running:
        yield running


@pytest.fixture
async def bot(server: SandboxServer) -> AsyncIterator[telegram.Bot]:
    async with telegram.Bot(server.token, base_url=server.base_url) as client:
        yield client


async def test_a_talk_on_a_phone(server: SandboxServer, bot: telegram.Bot) -> None:
    """Start, a formatted answer, a pressed button with its toast, a live edit, a photo, a draft."""
    await bot.set_my_description("خبرها را می‌پاید", language_code="fa")
    await bot.set_my_commands([("trends", "روندها")], language_code="fa")
    keys = telegram.InlineKeyboardMarkup.from_row(
        [
            telegram.InlineKeyboardButton("چرا؟", callback_data="why"),
            telegram.InlineKeyboardButton("خبر", url="https://example.com/"),
        ]
    )
    async with Browser() as browser:
        await browser.open(f"{server.url}/#{SARA}")
        await browser.wait_for("document.querySelector('.welcome')?.textContent.includes('می‌پاید')")
        await browser.run("document.getElementById('start').click()")
        started = (await bot.get_updates(timeout=10))[-1]
        await bot.send_message(
            SARA,
            "🔥 <b>برف</b> <code>x&lt;y</code> #برف_نیلاب <tg-spoiler>راز</tg-spoiler>",
            parse_mode="HTML",
            reply_markup=keys,
        )
        await browser.wait_for("document.querySelector('.in .text strong')?.textContent === 'برف'")
        marks = await browser.run(
            "[document.querySelector('.text code').textContent,"
            " document.querySelector('.text .spoiler').textContent,"
            " document.querySelector('.text a.hashtag').textContent,"
            " document.querySelector('a.key').target, document.documentElement.dir].join('|')"
        )
        await browser.run("document.querySelector('button.key').click()")
        pressed = (await bot.get_updates(offset=started.update_id + 1, timeout=10))[-1]
        assert pressed.callback_query is not None
        await pressed.callback_query.answer("چون زیاد شد")
        await browser.wait_for("document.getElementById('toast').textContent === 'چون زیاد شد'")
        await pressed.callback_query.edit_message_text("تازه شد")
        await browser.wait_for("document.querySelector('.in .text').textContent.includes('تازه')")
        await bot.send_photo(SARA, png(), caption="نمودار")
        await browser.wait_for("document.querySelector('.photo img')?.naturalWidth === 60")
        await bot.send_message_draft(SARA, 3, "دارم می‌نویسم")
        await browser.wait_for(
            "document.querySelector('.draft .text')?.textContent.includes('دارم می‌نویسم')"
        )
        await bot.send_message(SARA, "نوشتم")
        await browser.wait_for("!document.querySelector('.draft')")
        await browser.run("document.getElementById('menu').click()")
        sheet = await browser.run("document.getElementById('sheet').textContent")

    assert started.message is not None
    assert started.message.text == "/start"
    assert marks == "x<y|راز|#برف_نیلاب|_blank|rtl"
    assert sheet == "روندها/trends"


async def test_no_text_becomes_markup(server: SandboxServer, bot: telegram.Bot) -> None:
    """Markup in a text, a name, a title, a button, a link and a file name stays text."""
    server.people.new_group(ATTACK, SARA)
    person = server.people.new_user(ATTACK)
    await server.say(SARA, ATTACK)
    await server.say(person.id, ATTACK)
    await bot.set_my_description(ATTACK[:500], language_code="fa")
    await bot.set_my_commands([("x", ATTACK[:200])], language_code="fa")
    await bot.send_message(
        SARA,
        ATTACK,
        reply_markup=telegram.InlineKeyboardMarkup.from_button(
            telegram.InlineKeyboardButton(ATTACK, callback_data="x")
        ),
        reply_to_message_id=1,
        entities=[
            telegram.MessageEntity("text_link", 0, 4, url="javascript:window.hacked=1"),
            telegram.MessageEntity("pre", 5, 8, language='"><img src=x onerror=hacked=1>'),
        ],
    )
    await bot.send_document(SARA, b"x", filename='"><img src=x onerror=window.hacked=1>.txt')
    async with Browser() as browser:
        await browser.open(f"{server.url}/#{SARA}")
        await browser.wait_for("document.querySelectorAll('.row').length === 3")
        await browser.run("document.getElementById('menu').click()")
        found = await browser.run(
            "JSON.stringify([window.hacked ?? null,"
            " document.querySelectorAll('#messages img, #messages script, #chats script').length,"
            " [...document.querySelectorAll('a')].filter(a =>"
            " a.protocol === 'javascript:').length,"
            " document.querySelector('.row.out .text').textContent.startsWith('<img src=x')])"
        )

    assert found == "[null,0,0,true]"
