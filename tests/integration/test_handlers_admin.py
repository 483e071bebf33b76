"""What admins do by buttons, what nobody else may know of, and what happens when things break."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.handlers.commands import ADMIN_COMMANDS
from bot.handlers.menus import publish_menus
from bot.models.messages import OutMessage
from bot.models.work import Lane, OutboxState
from tests.chats_world import ADMIN, ALEX, GROUP, SARA, World, buttons, running
from tests.fakes_feeds import Answer, Site, item, rss


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running(tmp_path) as here:
        yield here


# --- who may


@pytest.mark.parametrize("user", [SARA, ALEX])
async def test_an_admin_command_does_not_exist_for_others(world: World, user: int) -> None:
    """Byte for byte the answer to a command that there is none of, by the same calls."""
    await world.say(user, "/nonsense")
    expected = _last(world, user)

    for command in ADMIN_COMMANDS:
        await world.say(user, f"/{command.name} x")
        assert _last(world, user) == expected


def _last(world: World, user: int) -> dict[str, Any]:
    calls = [call for call in world.box.calls if call.chat_id == user]
    return {**calls[-1].params, "method": calls[-1].method}


async def test_an_admin_in_a_group_is_nobody_special(world: World) -> None:
    named = await world.say(ADMIN, "/admin@hoshyar_bot", "نمی‌شناسم", chat=GROUP)
    await world.box.say(ADMIN, "/admin", chat_id=GROUP)
    await world.quiet()

    assert named["text"]
    assert len(world.box.sent(GROUP)) == 1


async def test_an_admins_button_forged_by_another_says_nothing(world: World) -> None:
    """The same words as for a button that never was; and nothing is done."""
    hello = await world.say(SARA, "/start", "سلام")
    stored = world.box.world.chats[SARA].messages[hello["message_id"]]
    answers = []
    for data in ("As:0", "Ar:3:0:yes", "nonsense:1"):
        stored["reply_markup"]["inline_keyboard"].append([{"text": "x", "callback_data": data}])
        query = await world.box.press(SARA, hello["message_id"], data, wait_s=5)
        answers.append(query.answer)

    assert answers[0] == answers[1] == answers[2]
    assert len(await world.hoshyar.sources.all()) == 2


async def test_help_and_menus_show_admin_commands_to_admins_only(world: World) -> None:
    persian = await world.say(ADMIN, "/help", "/addsource")
    await publish_menus(world.parts.telegram.bot, world.hoshyar.admin_ids)

    calls = world.box.calls_of("setMyCommands")
    scopes = {
        (str(call.params.get("scope", {}).get("type")), call.params.get("language_code", "")): [
            command["command"] for command in call.params["commands"]
        ]
        for call in calls
    }
    assert persian["text"]
    assert {kind for kind, _ in scopes} == {
        "default", "all_private_chats", "all_group_chats", "all_chat_administrators", "chat",
    }  # fmt: skip
    assert {code for _, code in scopes} == {"", "en"}
    for (kind, _), names in scopes.items():
        assert ("admin" in names) == (kind == "chat")
    assert "forgetme" not in scopes["all_group_chats", ""]
    assert "digest" in scopes["all_chat_administrators", "en"]
    assert len(world.box.calls_of("setMyShortDescription")) == 2


# --- sources


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site() as here:
        yield here


async def test_a_feed_is_looked_at_before_it_is_added(world: World, site: Site) -> None:
    site.routes["/feed.xml"] = Answer(body=rss(item(1, "باران در گیلان")))
    listed = await world.say(ADMIN, "/sources", "منبع‌ها")
    assert "خبر سپیده" in listed["text"]

    await world.press_for(ADMIN, listed, "➕ افزودن", "نشانی خوراک")
    wrong = await world.say(ADMIN, "ftp://news.example", "نشانی درستی نیست")
    preview = await world.say(ADMIN, f"{site.url}/feed.xml", "باران در گیلان")
    assert len(await world.hoshyar.sources.all()) == 2
    saved = await world.press_for(ADMIN, preview, "✅ در جامعه", "افزوده شد")
    again = await world.say(ADMIN, f"/addsource {site.url}/feed.xml", "از پیش در فهرست")

    assert wrong["text"]
    assert "موضوع: جامعه" in saved["text"]
    assert again["text"]
    assert [source.name for source in await world.hoshyar.sources.all()][-1] == "خبرهای آزمایشی"


async def test_a_source_is_tested_paused_resumed_and_removed(world: World, site: Site) -> None:
    site.routes["/feed.xml"] = Answer(body=rss(item(1, "باران در گیلان")))
    await world.hoshyar.sources.add(f"{site.url}/feed.xml")
    listed = await world.say(ADMIN, "/sources", "خبرهای آزمایشی")
    one = await world.press_for(ADMIN, listed, "✅ خبرهای آزمایشی", "نشانی:")

    tested = await world.press_for(ADMIN, one, "🧪 آزمایش", "خوانده شد: ۱ نوشته")
    one = await world.press_for(ADMIN, tested, "بازگشت", "نشانی:")
    paused = await world.press_for(ADMIN, one, "⏸ توقف", "متوقف شد")
    going = await world.press_for(ADMIN, paused, "▶️ ادامه", "دوباره خوانده می‌شود")
    site.routes["/feed.xml"] = Answer(status=503)
    failed = await world.press_for(ADMIN, going, "🧪 آزمایش", "پاسخ نداد")
    one = await world.press_for(ADMIN, failed, "بازگشت", "نشانی:")
    question = await world.press_for(ADMIN, one, "🗑 حذف", "حذف شود؟")
    left = await world.press_for(ADMIN, question, "بله", "منبع‌ها")

    assert "خبرهای آزمایشی" not in left["text"]


async def test_a_long_list_of_sources_has_pages(world: World) -> None:
    outlines = "".join(
        f'<outline type="rss" text="منبع {n}" xmlUrl="http://127.0.0.1:9/{n}.xml"/>'
        for n in range(20)
    )
    opml = f'<opml version="2.0"><body>{outlines}</body></opml>'.encode()

    listed = await world.say(ADMIN, "/sources", "منبع‌ها")
    await world.press_for(ADMIN, listed, "⬆️ ورود OPML", "فایل OPML")
    await world.box.send_file(ADMIN, "feeds.opml", opml)
    done = await world.box.wait_message(ADMIN, "افزوده شد")
    listed = await world.say(ADMIN, "/sources", "منبع‌ها (۲۲)")
    second = await world.press_for(ADMIN, listed, "بعدی", "منبع‌ها (۲۲)")

    assert "۲۰ منبع افزوده شد" in done["text"]
    assert second["text"] != listed["text"]
    assert "‹ قبلی" in buttons(second)


async def test_opml_goes_out_and_comes_back(world: World) -> None:
    listed = await world.say(ADMIN, "/sources", "منبع‌ها")

    await world.press(ADMIN, listed, "⬇️ خروج OPML")
    sent = await world.box.wait_message(ADMIN, "۲ منبع هُشیار")
    file = world.box.world.files[sent["document"]["file_id"]]
    await world.box.send_file(ADMIN, "back.opml", file.data)
    back = await world.box.wait_message(ADMIN, "۲ تا از پیش بود")

    assert "خبر سپیده".encode() in file.data
    assert back["text"]


async def test_a_file_that_is_no_opml_is_refused(world: World) -> None:
    await world.box.send_file(ADMIN, "photo.opml", b"\x00\x01 not xml")

    assert "خوانا نیست" in (await world.box.wait_message(ADMIN))["text"]


async def test_a_file_from_anybody_else_is_only_a_message(world: World) -> None:
    await world.box.send_file(SARA, "feeds.opml", b"<opml/>")

    assert "متنی" in (await world.box.wait_message(SARA))["text"]


# --- jobs, delivery, state


async def test_the_menu_reaches_everything(world: World) -> None:
    for button, shown in (
        ("📡 منبع‌ها", "منبع‌ها"),
        ("⏱ کارها", "کارها"),
        ("📮 ارسال", "در صف"),
        ("📣 کانال‌ها و گروه‌ها", "وصل"),
        ("🩺 وضعیت", "پایگاه داده"),
    ):
        menu = await world.say(ADMIN, "/admin", "مدیریت هُشیار")
        there = await world.press_for(ADMIN, menu, button, shown)
        assert "‹ مدیریت" in buttons(there)
        await world.press_for(ADMIN, there, "‹ مدیریت", "مدیریت هُشیار")


async def test_a_job_is_run_paused_and_resumed(world: World) -> None:
    now = world.hoshyar.clock()
    store = world.parts.job_store
    await store.ensure("collect", now + timedelta(minutes=5))
    run = await store.start_run("collect", now - timedelta(minutes=1))
    await store.finish_run(run, now, ok=False, error="no network")

    listed = await world.say(ADMIN, "/jobs", "کارها")
    one = await world.press_for(ADMIN, listed, "⛔️ collect", "no network")
    started = await world.press_for(ADMIN, one, "▶️ اجرا", "همین حالا اجرا می‌شود")
    state = await store.get("collect")
    paused = await world.press_for(ADMIN, started, "⏸ توقف", "متوقف شد")
    refused = await world.say(ADMIN, "/run collect", "نخست ادامه‌اش دهید")
    going = await world.press_for(ADMIN, paused, "▶️ ادامه", "ادامه می‌یابد")
    unknown = await world.say(ADMIN, "/run nonsense", "کارها")

    assert state
    assert state.next_run_at <= world.hoshyar.clock()
    assert refused["text"]
    assert going["text"]
    assert "collect" in unknown["text"]


async def test_an_ambiguous_message_is_decided_by_an_admin(world: World) -> None:
    """A connection that dies after the request: nobody knows, so the admin is asked."""
    await world.say(SARA, "/start", "سلام")
    world.box.faults.add("sendMessage", "lost_response", times=2, chat_id=SARA)
    for number in (1, 2):
        message = OutMessage(text=f"خبر شمارهٔ {number}")
        await world.hoshyar.publish.publish(
            SARA, message, kind="alert", unique_key=f"test:{number}", lane=Lane.URGENT
        )
    await _until(world, OutboxState.AMBIGUOUS, 2)

    page = await world.say(ADMIN, "/admin", "۲ نامعلوم")
    page = await world.press_for(ADMIN, page, "📮 ارسال", "نامعلوم (شاید رسیده): ۲")
    page = await world.press_for(ADMIN, page, "❓ نامعلوم‌ها", "معلوم نیست رسیده")
    assert "خبر شمارهٔ 1" in page["text"]
    page = await world.press_for(ADMIN, page, "۱ 🔁 دوباره بفرست", "معلوم نیست رسیده")
    await world.press_for(ADMIN, page, "۱ 🗑 رها کن", "چیزی در این فهرست نیست")
    await _until(world, OutboxState.SENT, 1)

    assert world.sent(SARA).count("خبر شمارهٔ 1") == 2
    assert world.sent(SARA).count("خبر شمارهٔ 2") == 1


async def _until(world: World, state: OutboxState, count: int) -> None:
    import asyncio

    async with asyncio.timeout(15):
        while (await world.hoshyar.publish.counts())[state] != count:  # noqa: ASYNC110 - a database has no event
            await asyncio.sleep(0.05)


async def test_an_update_nobody_can_read_is_shown_without_its_words(world: World) -> None:
    world.box.people.poison()
    await world.quiet()

    page = await world.say(ADMIN, "/admin", "مدیریت")
    page = await world.press_for(ADMIN, page, "📮 ارسال", "پیام‌های ناخوانا: ۱")
    page = await world.press_for(ADMIN, page, "پیام‌های ناخوانا (۱)", "خوانده نشدند")

    assert "#" in page["text"]


async def test_an_admins_status_has_the_system_too(world: World) -> None:
    await world.say(ADMIN, "/status", "وضعیت هُشیار")

    assert await world.box.wait_message(ADMIN, "حافظه:")
    plain = await world.say(SARA, "/status", "وضعیت هُشیار")
    assert plain["text"]
    assert len(world.box.sent(SARA)) == 1


async def test_channels_lists_what_is_linked(world: World) -> None:
    channel = world.box.people.chat("@hoshyar_sandbox_channel")
    world.box.people.set_bot_status(channel.id, "administrator", ADMIN)
    await world.quiet()

    assert await world.say(ADMIN, "/channels", "✅ کانال هشیار")


# --- trouble


async def test_a_bug_is_a_number_not_a_trace(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*args: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(type(world.hoshyar.lookup), "rising", broken)

    answer = await world.say(SARA, "/trends", "ببخشید")

    number = answer["text"].rsplit(" ", 1)[-1]
    assert "secret" not in answer["text"]
    assert any(getattr(record, "number", "") == number for record in caplog.records)


async def test_a_broken_database_says_so_after_its_tries(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trouble of the moment is tried again by itself; only then is the person told."""
    from bot.errors import StorageError

    tries = []

    async def away(*args: object) -> None:
        tries.append(1)
        raise StorageError("locked")

    monkeypatch.setattr(type(world.hoshyar.lookup), "rising", away)
    monkeypatch.setattr(world.parts.inbox, "_retry_after_s", (0.05,))

    await world.box.say(SARA, "/trends")
    answer = await world.box.wait_message(SARA, "حافظه‌ام", timeout_s=15)

    assert answer["text"]
    assert len(tries) == 3
    assert len(world.box.sent(SARA)) == 1


async def test_a_person_who_blocked_the_bot_meanwhile_is_noted(world: World) -> None:
    await world.say(SARA, "/start", "سلام")
    world.box.people.say(SARA, "/status")
    world.box.world.private_chat(SARA).members[world.box.world.bot.id] = {"status": "kicked"}
    await world.quiet()

    known = await world.hoshyar.chats.get(SARA)
    assert known
    assert not known.reachable
    assert (await world.parts.inbox.counts()).get("failed", 0) == 0
