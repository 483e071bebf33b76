"""What handlers use: sending, editing, answering and streaming, against the Bot API double."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from telegram import InlineQueryResultArticle, InputTextMessageContent

from bot.errors import Ambiguous, BadInput, ChatGone, ModelDown, NotSent
from bot.models.messages import Attachment, Button, OutMessage, RichText
from bot.ports import Database
from bot.sandbox.server import SandboxServer
from bot.services.telegram_api import TelegramApi
from bot.services.telegram_stream import StreamPace
from bot.services.telegram_types import telegram_keyboard
from bot.storage.sent_files import SentFileStore

ADMIN = 1000
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
FAST = StreamPace(
    draft_every_s=0.05, draft_least_s=0.02, edit_every_s=0.1, edit_slower_s=0.0, tick_s=0.01
)
KEYBOARD = ((Button(text="بیشتر", data="more"), Button(text="باز", url="https://a.ir")),)


@pytest.fixture
async def box() -> AsyncIterator[SandboxServer]:
    async with SandboxServer(linked_channel=True, query_ttl_s=0.3) as server:
        yield server


@pytest.fixture
async def api(box: SandboxServer, db: Database) -> AsyncIterator[TelegramApi]:
    naps: list[float] = []

    async def nap(pause_s: float) -> None:
        naps.append(pause_s)
        await asyncio.sleep(min(pause_s, 1.2))

    made = TelegramApi(box.token, base_url=box.base_url, files=SentFileStore(db), sleep=nap)
    await made.start()
    yield made
    await made.close()


def last(box: SandboxServer, chat_id: int) -> dict[str, object]:
    return box.sent(chat_id)[-1]


def group_of(box: SandboxServer) -> int:
    return next(chat.id for chat in box.world.chats.values() if chat.type == "group")


async def spoken(*pieces: str, every_s: float = 0.02) -> AsyncIterator[str]:
    for piece in pieces:
        await asyncio.sleep(every_s)
        yield piece


async def test_a_view_arrives_as_it_was_built(box: SandboxServer, api: TelegramApi) -> None:
    """Entities cover the right letters after emoji and direction marks."""
    view = RichText(rtl=True).plain("🔥 ").bold("AI").plain(" و ").link("خبر", "https://a.ir/x")

    (message_id,) = await api.send(ADMIN, view.message(keyboard=KEYBOARD))

    message = last(box, ADMIN)
    assert message["message_id"] == message_id
    raw = str(message["text"]).encode("utf-16-le")
    found = [
        (e["type"], raw[e["offset"] * 2 : (e["offset"] + e["length"]) * 2].decode("utf-16-le"))
        for e in message["entities"]  # type: ignore[attr-defined]
    ]
    assert found == [("bold", "AI"), ("text_link", "خبر")]
    assert message["reply_markup"]["inline_keyboard"][0][0]["callback_data"] == "more"  # type: ignore[index]


async def test_a_long_answer_comes_in_parts(box: SandboxServer, api: TelegramApi) -> None:
    """The first replies to the question, the last has the buttons."""
    asked = await box.say(ADMIN, "سؤال")

    ids = await api.send(
        ADMIN, OutMessage(text="واژه " * 1500, keyboard=KEYBOARD), reply_to=asked["message_id"]
    )

    first, second = box.sent(ADMIN)
    assert ids == (first["message_id"], second["message_id"])
    assert ["reply_to_message" in part for part in (first, second)] == [True, False]
    assert ["reply_markup" in part for part in (first, second)] == [False, True]


async def test_an_answer_waits_out_a_flood(box: SandboxServer, api: TelegramApi) -> None:
    """Told to wait a second, it arrives after it and no limit is broken."""
    box.faults.add("sendMessage", "429", times=1, retry_after=1)

    await api.send(ADMIN, OutMessage(text="سلام"))

    assert last(box, ADMIN)["text"] == "سلام"
    assert box.violations == []


async def test_an_answer_in_doubt_is_not_repeated(box: SandboxServer, api: TelegramApi) -> None:
    """The caller is told; the message is in the chat once."""
    box.faults.add("sendMessage", "lost_response", times=1)

    with pytest.raises(Ambiguous):
        await api.send(ADMIN, OutMessage(text="سلام"))

    assert [message["text"] for message in box.sent(ADMIN)] == ["سلام"]


async def test_without_a_connection_the_caller_learns_that_nothing_was_sent(
    box: SandboxServer, api: TelegramApi
) -> None:
    """After a few tries."""
    await box.stop()

    with pytest.raises(NotSent):
        await api.send(ADMIN, OutMessage(text="سلام"))


async def test_a_chat_that_blocked_the_bot_is_named(box: SandboxServer, api: TelegramApi) -> None:
    """The error says which chat is gone."""
    user = box.people.new_user("x", started=True).id
    box.people.block(user)

    with pytest.raises(ChatGone) as gone:
        await api.send(user, OutMessage(text="سلام"))

    assert gone.value.chat_id == user


async def test_edits_change_words_buttons_and_pictures(
    box: SandboxServer, api: TelegramApi
) -> None:
    """Each kind of change in place, and the same again is no error."""
    (text_id,) = await api.send(ADMIN, OutMessage(text="یک"))
    (photo_id,) = await api.send(ADMIN, OutMessage(text="شرح", photo=Attachment(content=PIXEL)))

    assert await api.edit(ADMIN, text_id, OutMessage(text="دو", keyboard=KEYBOARD))
    assert not await api.edit(ADMIN, text_id, OutMessage(text="دو", keyboard=KEYBOARD))
    assert await api.edit_keyboard(ADMIN, text_id, ())
    assert await api.edit_caption(ADMIN, photo_id, OutMessage(text="شرح نو"))
    other = Attachment(content=PIXEL + b"\0")
    assert await api.edit(ADMIN, photo_id, OutMessage(text="شرح دیگر", photo=other))

    text, photo = box.sent(ADMIN)
    assert (text["text"], "reply_markup" in text) == ("دو", False)
    assert photo["caption"] == "شرح دیگر"


async def test_an_edit_is_repeated_until_it_is_sure(box: SandboxServer, api: TelegramApi) -> None:
    """Unlike a message, an edit may be done twice."""
    (message_id,) = await api.send(ADMIN, OutMessage(text="یک"))
    box.faults.add("editMessageText", "lost_response", times=1)

    await api.edit(ADMIN, message_id, OutMessage(text="دو"))

    assert last(box, ADMIN)["text"] == "دو"


async def test_a_message_is_deleted_once(box: SandboxServer, api: TelegramApi) -> None:
    """Deleting what is gone already is not an error."""
    (message_id,) = await api.send(ADMIN, OutMessage(text="یک"))

    assert await api.delete(ADMIN, message_id)
    assert not await api.delete(ADMIN, message_id)


async def test_a_button_pressed_long_ago_is_not_an_error(
    box: SandboxServer, api: TelegramApi
) -> None:
    """In time the person sees the answer; too late is told by the result."""
    (message_id,) = await api.send(ADMIN, OutMessage(text="یک", keyboard=KEYBOARD))
    query = await box.press(ADMIN, message_id, "more")

    assert await api.answer_callback(query.id, "باشه " * 100)
    assert query.answer is not None
    assert len(query.answer["text"]) <= 200
    late = await box.press(ADMIN, message_id, "more")
    await asyncio.sleep(0.4)
    assert not await api.answer_callback(late.id)


async def test_a_file_of_a_person_is_fetched_up_to_a_size(
    box: SandboxServer, api: TelegramApi
) -> None:
    """A list of feeds is read, a huge one refused."""
    message = await box.send_file(ADMIN, "feeds.opml", b"<opml/>" * 10)
    file_id = message["document"]["file_id"]

    assert await api.download(file_id) == b"<opml/>" * 10
    with pytest.raises(BadInput):
        await api.download(file_id, max_bytes=10)


async def test_typing_is_shown_while_something_is_made(
    box: SandboxServer, api: TelegramApi
) -> None:
    """Errors inside the block come out as they are."""
    async with api.typing(ADMIN):
        await box.wait_call("sendChatAction")
    with pytest.raises(ModelDown):
        async with api.typing(ADMIN):
            raise ModelDown("no answer")


async def test_a_private_answer_streams_as_drafts_and_lands_as_one_message(
    box: SandboxServer, api: TelegramApi
) -> None:
    """Growing drafts with one id, no two alike, then the real message."""
    pieces = ["**سلام** ", *[f"واژه{n} " for n in range(20)]]

    result = await api.stream(ADMIN, spoken(*pieces), pace=FAST)

    drafts = [call.params for call in box.calls_of("sendMessageDraft")]
    texts = [draft["text"] for draft in drafts]
    assert len(texts) >= 3
    assert len({draft["draft_id"] for draft in drafts}) == 1
    assert texts == sorted(set(texts), key=len)
    assert [m["text"] for m in box.sent(ADMIN)] == ["".join(pieces).replace("*", "").strip()]
    assert result.text == "".join(pieces)
    assert result.message_ids == (last(box, ADMIN)["message_id"],)


async def test_drafts_pause_for_a_flood_wait_and_the_answer_still_lands(
    box: SandboxServer, api: TelegramApi
) -> None:
    """Told to wait, no draft is sent meanwhile, and the message comes after the wait."""
    box.faults.add("sendMessageDraft", "429", times=1, retry_after=1)

    await api.stream(ADMIN, spoken(*["واژه "] * 30), pace=FAST)

    assert len(box.calls_of("sendMessageDraft")) == 1
    assert len(box.sent(ADMIN)) == 1
    assert box.violations == []


async def test_an_answer_in_a_group_grows_by_edits_and_its_last_edit_lands(
    box: SandboxServer, api: TelegramApi
) -> None:
    """One message, edited; a flood wait at the end does not lose the end."""
    group = group_of(box)
    box.faults.add("editMessageText", "429", times=1, retry_after=1)

    result = await api.stream(group, spoken(*["واژه "] * 40), pace=FAST)

    assert [m["text"] for m in box.sent(group)] == [("واژه " * 40).strip()]
    assert result.message_ids == (last(box, group)["message_id"],)
    assert box.calls_of("sendMessageDraft") == []
    assert len(box.calls_of("editMessageText")) >= 2


async def test_a_stopped_answer_keeps_what_had_come(box: SandboxServer, api: TelegramApi) -> None:
    """The model is cancelled and the text so far becomes the answer."""
    stop = asyncio.Event()
    ended = asyncio.Event()

    async def endless() -> AsyncIterator[str]:
        try:
            for n in range(1000):
                if n == 5:
                    stop.set()
                yield f"{n} "
                await asyncio.sleep(0.02)
        finally:
            ended.set()

    result = await api.stream(
        ADMIN,
        endless(),
        stop=stop,
        pace=FAST,
        final=lambda text, stopped: OutMessage(text=text + ("■" if stopped else "")),
    )

    assert result.stopped
    assert ended.is_set()
    assert str(last(box, ADMIN)["text"]).endswith("■")
    assert str(last(box, ADMIN)["text"]).startswith("0 1 2")


async def test_an_answer_that_breaks_off_shows_what_came_and_raises(
    box: SandboxServer, api: TelegramApi
) -> None:
    """Nothing that the person has read vanishes."""

    async def breaking() -> AsyncIterator[str]:
        yield "نیمه "
        await asyncio.sleep(0.1)
        raise ModelDown("gone")

    with pytest.raises(ModelDown):
        await api.stream(ADMIN, breaking(), pace=FAST)

    assert [m["text"] for m in box.sent(ADMIN)] == ["نیمه"]


async def test_an_answer_longer_than_a_message_ends_in_parts(
    box: SandboxServer, api: TelegramApi
) -> None:
    """In a group the edited message is the first part."""
    group = group_of(box)

    result = await api.stream(group, spoken(*["واژه " * 100] * 20), pace=FAST)

    assert len(result.message_ids) == 3
    assert " ".join(str(m["text"]) for m in box.sent(group)).split() == ["واژه"] * 2000


async def test_where_drafts_are_refused_the_answer_comes_whole(
    box: SandboxServer, api: TelegramApi
) -> None:
    """One refusal is enough; the message itself is sent."""
    box.faults.add("sendMessageDraft", "5xx", times=50, code=500)

    await api.stream(ADMIN, spoken(*["واژه "] * 20), pace=FAST)

    assert [m["text"] for m in box.sent(ADMIN)] == [("واژه " * 20).strip()]


async def test_an_answer_follows_a_group_to_its_new_id(
    box: SandboxServer, api: TelegramApi
) -> None:
    """The group became a supergroup between question and answer."""
    group = group_of(box)
    new = box.people.upgrade(group, ADMIN).id

    await api.send(group, OutMessage(text="سلام"))

    assert last(box, new)["text"] == "سلام"


async def test_a_message_sent_by_inline_mode_can_be_changed(
    box: SandboxServer, api: TelegramApi
) -> None:
    """By its own id, as it belongs to a chat the bot may not be in."""
    query = box.people.ask_inline(ADMIN, "x")
    article = InlineQueryResultArticle(
        id="1",
        title="x",
        input_message_content=InputTextMessageContent("یک"),
        reply_markup=telegram_keyboard(KEYBOARD),
    )
    await api.bot.answer_inline_query(query.id, [article])
    shared = box.people.choose(query, "1", ADMIN)
    chosen = [
        update["chosen_inline_result"]["inline_message_id"]
        for update in await box_updates(box)
        if "chosen_inline_result" in update
    ]

    assert await api.edit_inline(chosen[0], OutMessage(text="دو"))

    found = [m for m in box.messages(ADMIN) if m["message_id"] == shared["message_id"]]
    assert found[0]["text"] == "دو"


async def box_updates(box: SandboxServer) -> list[dict[str, Any]]:
    async with httpx.AsyncClient(trust_env=False) as client:
        reply = await client.post(f"{box.base_url}{box.token}/getUpdates")
    return list(reply.json()["result"])
