"""Messages of a bot through two unrelated client libraries: send, edit, files, albums, answers."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import AsyncIterator

import pytest
import telegram
from aiogram import Bot as Aiogram
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import BufferedInputFile, InputMediaPhoto
from telegram.constants import ParseMode
from telegram.error import BadRequest

from bot.sandbox.server import SandboxServer

SARA = 1001
BUTTONS = telegram.InlineKeyboardMarkup.from_row(
    [
        telegram.InlineKeyboardButton("چرا؟", callback_data="why:1"),
        telegram.InlineKeyboardButton("خبر", url="https://example.com/"),
    ]
)


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        end = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + end

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + b"\x80" * width for _ in range(height)))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


@pytest.fixture
async def server() -> AsyncIterator[SandboxServer]:
    async with SandboxServer(linked_channel=False, flood_limits=False) as running:
        await running.say(SARA, "/start")
        yield running


@pytest.fixture
async def ptb(server: SandboxServer) -> AsyncIterator[telegram.Bot]:
    bot = telegram.Bot(server.token, base_url=server.base_url, base_file_url=server.base_file_url)
    async with bot:
        yield bot


@pytest.fixture
async def aiogram(server: SandboxServer) -> AsyncIterator[Aiogram]:
    endpoints = TelegramAPIServer(
        base=server.base_url + "{token}/{method}", file=server.base_file_url + "{token}/{path}"
    )
    async with Aiogram(server.token, session=AiohttpSession(api=endpoints)) as bot:
        yield bot


async def test_html_with_emoji_reads_the_same_in_ptb(ptb: telegram.Bot) -> None:
    """PTB's own offset arithmetic finds the words the tags were around."""
    message = await ptb.send_message(
        SARA,
        "🔥 <b>برف نیلاب</b> 👨‍👩‍👧 <a href='https://e.ir/'>خبر</a>",
        parse_mode=ParseMode.HTML,
    )

    assert list(message.parse_entities().values()) == ["برف نیلاب", "خبر"]
    assert message.text_html == '🔥 <b>برف نیلاب</b> 👨‍👩‍👧 <a href="https://e.ir/">خبر</a>'
    assert message.date.tzinfo is not None


async def test_ids_count_per_chat_and_replies_carry_their_target(
    server: SandboxServer, ptb: telegram.Bot
) -> None:
    """Each chat numbers its own messages; a reply shows what it answers, or is refused."""
    await server.say(1002, "/start")
    in_first = await ptb.send_message(SARA, "یک")
    in_second = await ptb.send_message(1002, "یک")
    reply = await ptb.send_message(SARA, "دو", reply_to_message_id=in_first.message_id)

    assert (in_first.message_id, in_second.message_id) == (2, 2)
    assert reply.reply_to_message is not None
    assert reply.reply_to_message.text == "یک"
    with pytest.raises(BadRequest, match="Message to be replied not found"):
        await ptb.send_message(SARA, "x", reply_to_message_id=99)
    lenient = telegram.ReplyParameters(99, allow_sending_without_reply=True)
    assert (await ptb.send_message(SARA, "x", reply_parameters=lenient)).reply_to_message is None


async def test_editing_changes_or_is_refused(server: SandboxServer, ptb: telegram.Bot) -> None:
    """An edit without a keyboard removes it; the same again is not a modification."""
    message = await ptb.send_message(SARA, "پیش", reply_markup=BUTTONS)
    edited = await ptb.edit_message_text("پس", SARA, message.message_id)

    assert isinstance(edited, telegram.Message)
    assert (edited.text, edited.reply_markup) == ("پس", None)
    assert edited.edit_date is not None
    with pytest.raises(BadRequest, match="Message is not modified"):
        await ptb.edit_message_text("پس", SARA, message.message_id)
    with pytest.raises(BadRequest, match="Message is not modified"):
        await ptb.edit_message_text(" پس ", SARA, message.message_id, parse_mode="HTML")
    await ptb.edit_message_reply_markup(SARA, message.message_id, reply_markup=BUTTONS)
    with pytest.raises(BadRequest, match="Message is not modified"):
        await ptb.edit_message_reply_markup(SARA, message.message_id, reply_markup=BUTTONS)
    with pytest.raises(BadRequest, match="Message to edit not found"):
        await ptb.edit_message_text("x", SARA, 99)
    with pytest.raises(BadRequest, match="Message can't be edited"):
        await ptb.edit_message_text("x", SARA, 1)
    with pytest.raises(BadRequest, match="There is no caption"):
        await ptb.edit_message_caption(SARA, message.message_id, caption="x")
    with pytest.raises(BadRequest, match="Message_too_long"):
        await ptb.edit_message_text("x" * 4097, SARA, message.message_id)
    (shown,) = server.sent(SARA)
    assert shown["text"] == "پس"


async def test_deleting(server: SandboxServer, ptb: telegram.Bot) -> None:
    """A deleted message is gone; deleting it again is refused, in bulk it is skipped."""
    ids = [(await ptb.send_message(SARA, str(n))).message_id for n in range(3)]
    await ptb.delete_message(SARA, ids[0])

    with pytest.raises(BadRequest, match="Message to delete not found"):
        await ptb.delete_message(SARA, ids[0])
    assert await ptb.delete_messages(SARA, ids)
    assert server.sent(SARA) == []
    with pytest.raises(BadRequest, match="1-100"):
        await ptb.delete_messages(SARA, list(range(1, 102)))


async def test_a_photo_goes_up_and_comes_down(ptb: telegram.Bot, aiogram: Aiogram) -> None:
    """One library uploads it, the other sends it again by its id and downloads the same bytes."""
    picture = png(1080, 600)
    sent = await ptb.send_photo(
        SARA, picture, caption="<b>نمودار</b>", parse_mode="HTML", reply_markup=BUTTONS
    )
    again = await aiogram.send_photo(SARA, sent.photo[-1].file_id)
    file = await aiogram.get_file(sent.photo[0].file_id)
    fetched = await aiogram.download(sent.photo[-1].file_id)
    by_ptb = await (await sent.photo[-1].get_file()).download_as_bytearray()

    assert [(size.width, size.height) for size in sent.photo] == [
        (90, 50),
        (320, 178),
        (800, 444),
        (1080, 600),
    ]
    assert again.photo is not None
    assert again.photo[-1].file_unique_id == sent.photo[-1].file_unique_id
    assert file.file_path == "photos/file_0.png"
    assert isinstance(fetched, io.BytesIO)
    assert fetched.read() == bytes(by_ptb) == picture
    edited = await ptb.edit_message_caption(SARA, sent.message_id, caption="تازه")
    assert isinstance(edited, telegram.Message)
    assert (edited.caption, len(edited.photo)) == ("تازه", 4)


async def test_media_can_be_exchanged(server: SandboxServer, ptb: telegram.Bot) -> None:
    """editMessageMedia with an upload in the same request."""
    sent = await ptb.send_photo(SARA, png(100, 50), caption="یک")
    edited = await ptb.edit_message_media(
        telegram.InputMediaPhoto(png(40, 20), caption="دو"), SARA, sent.message_id
    )

    assert isinstance(edited, telegram.Message)
    assert edited.photo[-1].width == 40
    assert server.sent(SARA)[-1]["caption"] == "دو"


async def test_albums_and_documents(server: SandboxServer, aiogram: Aiogram) -> None:
    """attach:// uploads of an album; a document keeps its name."""
    album = await aiogram.send_media_group(
        SARA,
        [
            InputMediaPhoto(media=BufferedInputFile(png(30 + n, 20), f"{n}.png"), caption=str(n))
            for n in range(3)
        ],
    )
    document = await aiogram.send_document(SARA, BufferedInputFile(b"<opml/>", "منابع.opml"))

    assert {message.media_group_id for message in album} == {album[0].media_group_id}
    assert [message.photo[-1].width for message in album if message.photo] == [30, 31, 32]
    assert document.document is not None
    assert (document.document.file_name, document.document.file_size) == ("منابع.opml", 7)
    assert len(server.sent(SARA)) == 4


async def test_a_persons_document_reaches_the_bot(server: SandboxServer, ptb: telegram.Bot) -> None:
    """What a person uploads can be fetched by the bot."""
    await server.send_file(SARA, "feeds.opml", b"<opml/>", caption="/import")
    update = (await ptb.get_updates())[-1]

    assert update.message is not None
    assert update.message.document is not None
    file = await update.message.document.get_file()
    assert bytes(await file.download_as_bytearray()) == b"<opml/>"
    assert update.message.parse_caption_entities() == {
        update.message.caption_entities[0]: "/import"
    }


async def test_a_pressed_button_is_answered_once(server: SandboxServer, ptb: telegram.Bot) -> None:
    """By text or by data; the second answer comes too late."""
    message = await ptb.send_message(SARA, "روندها", reply_markup=BUTTONS)
    press = await server.press(SARA, message.message_id, "چرا؟")
    update = (await ptb.get_updates())[-1]

    query = update.callback_query
    assert query is not None
    assert (query.id, query.data, query.from_user.id) == (press.id, "why:1", SARA)
    assert query.message is not None
    assert query.message.message_id == message.message_id
    assert await query.answer("چون زیاد شد", show_alert=True)
    assert press.answer == {"text": "چون زیاد شد", "show_alert": True, "url": ""}
    with pytest.raises(BadRequest, match="Query is too old and response timeout expired"):
        await query.answer()
    other = await server.press(SARA, message.message_id, "why:1")
    with pytest.raises(BadRequest, match="Message_too_long"):
        await ptb.answer_callback_query(other.id, "ب" * 201)


async def test_an_old_button_press_cannot_be_answered() -> None:
    """After the time to live the query is too old, though never answered."""
    now = [1_800_000_000.0]
    async with SandboxServer(clock=lambda: now[0], query_ttl_s=30) as server:
        await server.say(SARA, "/start")
        async with telegram.Bot(server.token, base_url=server.base_url) as bot:
            message = await bot.send_message(SARA, "x", reply_markup=BUTTONS)
            press = await server.press(SARA, message.message_id, "why:1")
            now[0] += 31

            with pytest.raises(BadRequest, match="Query is too old"):
                await bot.answer_callback_query(press.id)


async def test_inline_mode_from_question_to_edited_card(
    server: SandboxServer, ptb: telegram.Bot
) -> None:
    """A query, its results, the chosen one in a chat, and its later edit by inline id."""
    query = server.people.ask_inline(SARA, "برف")
    asked = (await ptb.get_updates())[-1].inline_query
    assert asked is not None
    assert asked.query == "برف"
    card = telegram.InlineQueryResultArticle(
        "1",
        "برف نیلاب",
        telegram.InputTextMessageContent("<b>برف</b> نیلاب", parse_mode="HTML"),
        reply_markup=BUTTONS,
    )
    await asked.answer([card])
    shared = server.people.choose(query, "1", -4000)
    chosen = [u.chosen_inline_result for u in await ptb.get_updates() if u.chosen_inline_result]
    done = await ptb.edit_message_text("تازه", inline_message_id=chosen[0].inline_message_id)

    assert shared["text"] == "برف نیلاب"
    assert shared["via_bot"]["username"] == "hoshyar_bot"
    assert (chosen[0].result_id, chosen[0].query) == ("1", "برف")
    assert done is True
    assert server.messages(-4000)[-1]["text"] == "تازه"


async def test_drafts_live_in_private_chats_until_the_message(
    server: SandboxServer, ptb: telegram.Bot
) -> None:
    """A streamed answer: frames replace each other, the message ends them, groups refuse them."""
    for text in ("", "برف", "برف سنگین"):
        await ptb.send_message_draft(SARA, 7, text)
    drafts = dict(server.world.chats[SARA].drafts)
    await ptb.send_message(SARA, "برف سنگین در نیلاب")

    assert [draft["text"] for draft in drafts.values()] == ["برف سنگین"]
    assert server.world.chats[SARA].drafts == {}
    assert [message["text"] for message in server.sent(SARA)] == ["برف سنگین در نیلاب"]
    with pytest.raises(BadRequest, match="Textdraft_peer_invalid"):
        await ptb.send_message_draft(-4000, 7, "x")


async def test_forward_copy_pin_and_react(server: SandboxServer, ptb: telegram.Bot) -> None:
    """The small services of a message."""
    message = await ptb.send_message(SARA, "<b>متن</b>", parse_mode="HTML")
    forwarded = await ptb.forward_message(-4000, SARA, message.message_id)
    copied = await ptb.copy_message(-4000, SARA, message.message_id)
    await ptb.pin_chat_message(SARA, message.message_id)
    await ptb.set_message_reaction(SARA, message.message_id, "👍")

    assert isinstance(forwarded.forward_origin, telegram.MessageOriginUser)
    twin = next(m for m in server.messages(-4000) if m["message_id"] == copied.message_id)
    assert "forward_origin" not in twin
    assert twin["entities"] == [{"type": "bold", "offset": 0, "length": 3}]
    chat = await ptb.get_chat(SARA)
    assert chat.pinned_message is not None
    assert chat.pinned_message.message_id == message.message_id
    await ptb.unpin_chat_message(SARA)
    assert (await ptb.get_chat(SARA)).pinned_message is None


async def test_the_bot_tells_of_itself_by_scope_and_language(
    server: SandboxServer, ptb: telegram.Bot
) -> None:
    """Commands and texts are kept apart by scope and language; people see the narrowest."""
    await ptb.set_my_commands([("help", "help")])
    await ptb.set_my_commands([("help", "راهنما")], language_code="fa")
    await ptb.set_my_commands(
        [("admin", "مدیریت")], scope=telegram.BotCommandScopeChat(1000), language_code="fa"
    )
    await ptb.set_my_description("می‌پاید", language_code="fa")
    await ptb.set_chat_menu_button(menu_button=telegram.MenuButtonCommands())
    profile = server.world.profile

    def seen(user_id: int, language: str) -> list[str]:
        shown = profile.shown_commands(
            chat_id=user_id,
            user_id=user_id,
            chat_type="private",
            is_admin=False,
            language=language,
        )
        return [command["description"] for command in shown]

    assert [seen(1000, "fa"), seen(SARA, "fa"), seen(1002, "en")] == [
        ["مدیریت"],
        ["راهنما"],
        ["help"],
    ]
    assert (await ptb.get_my_description("fa")).description == "می‌پاید"
    assert (await ptb.get_my_description()).description == ""
    assert isinstance(await ptb.get_chat_menu_button(SARA), telegram.MenuButtonCommands)
    assert (await ptb.get_my_commands(language_code="fa"))[0].description == "راهنما"
    await ptb.delete_my_commands(language_code="fa")
    assert seen(SARA, "fa") == ["help"]
