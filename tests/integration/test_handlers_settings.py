"""What people set: watches, mutes, digests, languages, zones; and what they may not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import ModelDown
from bot.models.ai import Chunk, ChunkKind
from bot.models.post import TWITTER_SOURCE_ID, Post, PostKind
from bot.models.user import ChatKind
from bot.storage.digests import DigestStore
from tests.chats_world import ADMIN, ALEX, GROUP, SARA, TERMS, World, buttons, data_of, running


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running(tmp_path) as here:
        yield here


# --- watches


async def test_watching_listing_muting_and_removing(world: World) -> None:
    added = await world.say(SARA, "/watch باغ  انار", "زیر نظر گرفتم")
    again = await world.say(SARA, "/watch «باغ انار»", "از پیش زیر نظر")
    listed = await world.say(SARA, "/watches", "واژه‌های زیر نظر")
    assert "باغ انار" in added["text"]
    assert again["text"]
    assert "باغ انار" in listed["text"]

    question = await world.press_for(SARA, listed, "🔕 بی‌صدا", "تا کی")
    muted = await world.press_for(SARA, question, "یک روز", "بی‌صدا تا فردا")
    loud = await world.press_for(SARA, muted, "با صدا", "واژه‌های زیر نظر")
    assert "بی‌صدا تا" not in loud["text"]

    await world.press_for(SARA, loud, "🗑 حذف", "هنوز چیزی زیر نظر ندارید")
    assert await world.hoshyar.watches.of_chat(SARA) == []


async def test_a_new_word_may_be_written_after_the_button(world: World) -> None:
    empty = await world.say(ALEX, "/watches", "You watch nothing")
    await world.press_for(ALEX, empty, "New word", "Write the word")

    added = await world.say(ALEX, TERMS[3], "Watching")

    assert TERMS[3] in added["text"]


async def test_unwatch_by_name_and_by_button(world: World) -> None:
    await world.say(SARA, "/watch پل چوبی", "زیر نظر گرفتم")
    await world.say(SARA, "/watch نان محلی", "زیر نظر گرفتم")

    unknown = await world.say(SARA, "/unwatch زرافه", "در فهرست شما نیست")
    left = await world.press_for(SARA, unknown, "پل چوبی", "واژه‌های زیر نظر")
    gone = await world.say(SARA, "/unwatch نان محلی", "زیر نظر ندارم")

    assert "پل چوبی" not in left["text"]
    assert gone["text"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [("/watch که", "رایج"), ("/watch 😀", "واژه‌ای نیست"), ("/watch " + "واژه " * 40, "بلندتر")],
)
async def test_what_cannot_be_watched_is_explained(world: World, text: str, shown: str) -> None:
    assert shown in (await world.say(SARA, text))["text"]


async def test_a_mute_from_a_card_is_remembered_on_it(world: World) -> None:
    card = await world.say(SARA, f"/trend {TERMS[0]}", "رتبهٔ")

    question = await world.press_for(SARA, card, "🔕 بی‌صدا", "تا کی")
    muted = await world.press_for(SARA, question, "همیشه", "در این گفت‌وگو بی‌صداست")
    loud = await world.press_for(SARA, muted, "با صدا", "رتبهٔ")

    assert "بی‌صداست" not in loud["text"]


async def test_an_alert_can_be_asked_why_muted_and_removed(world: World) -> None:
    """An alert's buttons act on its watch and leave the alert as it is."""
    await world.say(SARA, "/watch قطار بم", "زیر نظر گرفتم")
    await _news_about(world, "قطار بم")

    await world.hoshyar.alerts.round()
    alert = await world.box.wait_message(SARA, where=lambda m: "چرا این را می‌بینم؟" in buttons(m))
    why = await world.press(SARA, alert, "چرا این را می‌بینم؟")
    card = await world.press_for(SARA, alert, "📈 کارت", "قطار بم")
    muted = await world.press(SARA, alert, "🔕 ۶ ساعت بی‌صدا")
    removed = await world.press(SARA, alert, "🗑 حذف")
    stale = await world.press(SARA, alert, "چرا این را می‌بینم؟")

    assert "زیر نظر گذاشتید" in why["text"]
    assert why["show_alert"]
    assert card["message_id"] != alert["message_id"]
    assert "بی‌صداست" in muted["text"]
    assert "زیر نظر ندارم" in removed["text"]
    assert "دیگر در فهرست" in stale["text"]
    assert await world.hoshyar.watches.of_chat(SARA) == []


async def _news_about(world: World, term: str) -> None:
    now = world.hoshyar.clock()
    await world.hoshyar.posts.add_many(
        [
            Post(
                kind=PostKind.TWEET,
                source_id=TWITTER_SOURCE_ID,
                external_id=f"n{n}",
                created_at=now - timedelta(minutes=n),
                text=f"خبر تازهٔ {n} از {term} رسید",
                author=f"someone_{n}",
                url=f"https://posts.example/n{n}",
            )
            for n in range(3)
        ]
    )


# --- digests


async def test_a_daily_digest_is_planned_changed_and_removed(world: World) -> None:
    home = await world.say(SARA, "/digest", "خلاصهٔ روزانه")
    plan = await world.press_for(SARA, home, "۰۸:۰۰", "از این پس هر روز ساعت ۰۸:۰۰")
    assert "تهران" in plan["text"]

    chosen = await world.press_for(SARA, plan, "موضوع:", "چه موضوعی")
    sport = await world.press_for(SARA, chosen, "ورزش", "موضوع: ورزش")
    days = await world.press_for(SARA, sport, "روزها:", "چه روزهایی")
    workdays = await world.press_for(SARA, days, "شنبه تا چهارشنبه", "شنبه تا چهارشنبه، ساعت")
    paused = await world.press_for(SARA, workdays, "⏸ توقف", "متوقف شد")
    going = await world.press_for(SARA, paused, "▶️ ادامه", "نوبت بعد")
    listed = await world.press_for(SARA, going, "بازگشت", "زمان‌بندی‌های شما")
    assert "۰۸:۰۰ · همین‌جا · ورزش" in listed["text"]
    plan = await world.press_for(SARA, listed, "🗞 ۰۸:۰۰", "خلاصهٔ همین‌جا")
    question = await world.press_for(SARA, plan, "🗑 حذف", "حذف شود؟")
    await world.press_for(SARA, question, "بله", "هنوز زمانی تعیین نشده")

    assert await DigestStore(world.parts.db).of_chat(SARA) == []


async def test_another_hour_is_written_and_a_wrong_one_again(world: World) -> None:
    home = await world.say(ALEX, "/digest", "Daily digest")
    await world.press_for(ALEX, home, "Another hour", "Write the hour")

    wrong = await world.say(ALEX, "later", "not a time of day")
    right = await world.say(ALEX, "۷:۳۰", "every day at 07:30")
    twice = await world.press_for(ALEX, right, "Back", "Your plans")

    assert wrong["text"]
    assert "07:30" in twice["text"]


async def test_the_same_hour_twice_is_refused_politely(world: World) -> None:
    home = await world.say(SARA, "/digest", "خلاصهٔ روزانه")
    await world.press_for(SARA, home, "۱۳:۰۰", "از این پس")

    home = await world.say(SARA, "/digest", "زمان‌بندی‌های شما")
    answer = await world.press(SARA, home, data_of(home, "۱۳:۰۰") and "da:1001:1300")

    assert "از پیش زمانی هست" in answer["text"]


async def test_a_digest_right_now_comes_with_its_chart_and_its_details(world: World) -> None:
    home = await world.say(SARA, "/digest", "خلاصهٔ روزانه")

    await world.press(SARA, home, "همین حالا بفرست")
    caption = await world.box.wait_message(SARA, "خلاصهٔ هُشیار", timeout_s=20)
    details = await world.box.wait_message(SARA, "", where=_has_cards, timeout_s=20)

    assert caption["photo"]
    assert TERMS[0] in caption["caption"]
    assert "posts.example" in str(details["entities"])
    await world.parts.db.execute("DELETE FROM trend_snapshots")
    await world.parts.db.execute("DELETE FROM refs")
    card = await world.press_for(SARA, details, f"۱ · {TERMS[0]}", TERMS[0])
    assert card["message_id"] != details["message_id"]


def _has_cards(message: dict) -> bool:  # type: ignore[type-arg]
    return f"۱ · {TERMS[0]}" in buttons(message)


async def test_a_channel_is_linked_planned_and_lost(world: World) -> None:
    """The admin who adds the bot is offered hours; its removal pauses what was planned."""
    await world.say(ADMIN, "/start", "سلام")
    channel = world.box.people.chat("@hoshyar_sandbox_channel")
    world.box.people.set_bot_status(channel.id, "administrator", ADMIN)
    offer = await world.box.wait_message(ADMIN, "وصل شدم")

    planned = await world.press_for(ADMIN, offer, "۲۱:۰۰", "از این پس هر روز ساعت ۲۱:۰۰")
    assert "کانال هشیار" in planned["text"]
    await world.press(ADMIN, planned, "همین حالا بفرست")
    posted = await world.box.wait_message(
        channel.id, "", where=lambda m: "reply_markup" in m, timeout_s=20, since=0
    )
    assert "t.me/hoshyar_bot?start=trends" in str(posted["reply_markup"])

    world.box.people.set_bot_status(channel.id, "kicked", ADMIN)
    lost = await world.box.wait_message(ADMIN, "کنار گذاشته شدم")
    assert "۱ خلاصه" in lost["text"]
    (plan,) = await DigestStore(world.parts.db).of_chat(channel.id)
    assert not plan.active
    known = await world.hoshyar.chats.get(channel.id)
    assert known
    assert (known.kind, known.reachable) == (ChatKind.CHANNEL, False)


async def test_a_channel_has_its_own_language_and_clock(world: World) -> None:
    """Nobody can press /settings in a channel: its plan's page has them."""
    await world.say(ADMIN, "/start", "سلام")
    channel = world.box.people.chat("@hoshyar_sandbox_channel")
    world.box.people.set_bot_status(channel.id, "administrator", ADMIN)
    offer = await world.box.wait_message(ADMIN, "وصل شدم")
    plan = await world.press_for(ADMIN, offer, "۰۸:۰۰", "از این پس")

    english = await world.press_for(ADMIN, plan, "زبان: فارسی", "ذخیره شد")
    zones = await world.press_for(ADMIN, english, "ساعت: تهران", "ساعت کجا")
    moved = await world.press_for(ADMIN, zones, "لندن", "ذخیره شد")

    known = await world.hoshyar.chats.get(channel.id)
    assert known
    assert (known.lang, known.timezone) == ("en", "Europe/London")
    assert "لندن" in moved["text"]


async def test_a_channel_without_the_right_to_post_is_named(world: World) -> None:
    await world.say(ADMIN, "/start", "سلام")
    channel = world.box.people.chat("@hoshyar_sandbox_channel")

    world.box.people.set_bot_status(channel.id, "administrator", ADMIN, can_post_messages=False)

    assert await world.box.wait_message(ADMIN, "اجازهٔ فرستادن پیام ندارم")


async def test_a_stranger_cannot_plan_for_a_channel(world: World) -> None:
    """A button made for somebody else's channel, pressed by hand: refused at the press."""
    await world.say(ADMIN, "/start", "سلام")
    channel = world.box.people.chat("@hoshyar_sandbox_channel")
    world.box.people.set_bot_status(channel.id, "administrator", ADMIN)
    await world.box.wait_message(ADMIN, "وصل شدم")
    home = await world.say(SARA, "/digest", "خلاصهٔ روزانه")
    places = await world.press_for(SARA, home, "در کانال یا گروه", "مدیر نیستم")
    assert "کانال هشیار" not in str(places["reply_markup"])

    _forge(world, SARA, home, f"da:{channel.id}:0800")
    call = await world.box.wait_call(
        "answerCallbackQuery", where=lambda c: "کانال" in str(c.params)
    )

    assert "باید خودتان مدیر" in str(call.params["text"])
    assert await DigestStore(world.parts.db).of_chat(channel.id) == []


def _forge(world: World, user: int, message: dict, data: str) -> None:  # type: ignore[type-arg]
    """A press whose data no button of ours carries."""
    chat = world.box.world.chats[message["chat"]["id"]]
    stored = chat.messages[message["message_id"]]
    stored["reply_markup"]["inline_keyboard"].append([{"text": "x", "callback_data": data}])
    world.box.people.press(user, message["message_id"], data, chat_id=chat.id)


# --- groups


async def test_in_a_group_only_its_administrators_decide(world: World) -> None:
    for command in ("/watch نان", "/unwatch نان", "/digest", "/settings", "/lang en"):
        refused = await world.say(ALEX, command, "فقط مدیران گروه", chat=GROUP)
        assert refused["reply_to_message"]

    allowed = await world.say(SARA, "/watch نان محلی", "زیر نظر گرفتم", chat=GROUP)

    assert allowed["text"]
    assert [w.term for w in await world.hoshyar.watches.of_chat(GROUP)] == ["نان محلی"]


async def test_in_a_group_buttons_belong_to_who_asked(world: World) -> None:
    listed = await world.say(ALEX, "/trends", "داغ‌های", chat=GROUP)

    foreign = await world.press(SARA, listed, f"۱ · {TERMS[0]}", chat=GROUP)
    own = await world.press_for(ALEX, listed, f"۱ · {TERMS[0]}", "رتبهٔ", chat=GROUP)

    assert "برای کسی است که پرسیده" in foreign["text"]
    assert own["message_id"] == listed["message_id"]


async def test_a_member_cannot_watch_by_a_cards_button(world: World) -> None:
    card = await world.say(ALEX, f"/trend {TERMS[0]}", "رتبهٔ", chat=GROUP)

    refused = await world.press(ALEX, card, "🔔 زیر نظر بگیر", chat=GROUP)

    assert "فقط مدیران گروه" in refused["text"]
    assert await world.hoshyar.watches.of_chat(GROUP) == []


async def test_in_a_group_a_mention_and_a_reply_are_questions(world: World) -> None:
    mention = await world.say(ALEX, f"@hoshyar_bot از {TERMS[0]} چه خبر؟", "[1]", chat=GROUP)
    await world.box.say(
        SARA, "از قطار شیراز چه خبر؟", chat_id=GROUP, reply_to=mention["message_id"]
    )
    answer = await world.box.wait_message(
        GROUP, "[1]", where=lambda m: m["message_id"] != mention["message_id"]
    )

    assert mention["reply_to_message"]["from"]["id"] == ALEX
    assert answer["reply_to_message"]["from"]["id"] == SARA


async def test_an_answer_in_a_group_can_be_stopped_by_who_asked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The press of the stop button does not wait for the answer that it ends."""

    async def endless(*args: object) -> AsyncIterator[Chunk]:
        for n in range(200):
            yield Chunk(kind=ChunkKind.TEXT, text=f"سطر {n} ")
            await asyncio.sleep(0.05)

    monkeypatch.setattr(type(world.hoshyar.chat), "answer", endless)
    growing = await world.say(ALEX, "/ask چه خبر؟", chat=GROUP)

    foreign = await world.press(SARA, growing, "⏹ بس است", chat=GROUP)
    await world.press(ALEX, growing, "⏹ بس است", chat=GROUP)
    ended = await world.box.wait_message(GROUP, "همین‌جا نگه داشتم")

    assert "برای کسی است که پرسیده" in foreign["text"]
    assert ended["message_id"] == growing["message_id"]
    assert "سطر 199" not in ended["text"]


async def test_a_model_that_fails_is_said_in_words(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*args: object) -> AsyncIterator[Chunk]:
        raise ModelDown("no answer", model="test")
        yield  # makes it a generator

    monkeypatch.setattr(type(world.hoshyar.chat), "answer", broken)

    assert await world.say(SARA, "چه خبر؟", "نتوانستم جواب بدهم")


async def test_in_a_group_what_is_not_for_the_bot_stays_unanswered(world: World) -> None:
    """Other bots' commands, unknown ones without our name, and talk."""
    for text in ("/trends@other_bot", "/nonsense", "سلام بچه‌ها"):
        await world.box.say(ALEX, text, chat_id=GROUP)
    named = await world.say(ALEX, "/nonsense@hoshyar_bot", "نمی‌شناسم", chat=GROUP)

    assert len(world.box.sent(GROUP)) == 1
    assert named["text"]


async def test_a_group_that_becomes_a_supergroup_keeps_what_it_had(world: World) -> None:
    await world.say(SARA, "/watch نان محلی", "زیر نظر گرفتم", chat=GROUP)
    await world.say(SARA, "/lang en", "English", chat=GROUP)

    new = world.box.people.upgrade(GROUP, SARA)
    await world.quiet()

    assert await world.hoshyar.chats.get(GROUP) is None
    moved = await world.hoshyar.chats.get(new.id)
    assert moved
    assert (moved.kind, moved.lang) == (ChatKind.SUPERGROUP, "en")
    assert [w.term for w in await world.hoshyar.watches.of_chat(new.id)] == ["نان محلی"]


async def test_joining_a_group_says_hello_once(world: World) -> None:
    group = world.box.people.new_group("گروه تازه", SARA)

    world.box.people.set_bot_status(group.id, "member", SARA)
    hello = await world.box.wait_message(group.id, "سلام به همه", since=0)
    world.box.people.set_bot_status(group.id, "administrator", SARA)
    await world.quiet()

    assert hello["text"]
    assert len(world.box.sent(group.id)) == 1


# --- settings


async def test_language_zone_and_quiet_hours(world: World) -> None:
    page = await world.say(SARA, "/settings", "تنظیمات")
    english = await world.press_for(SARA, page, "English", "Settings of this chat")
    zones = await world.press_for(SARA, english, "Time zone", "Whose time")
    berlin = await world.press_for(SARA, zones, "Berlin", "Time zone: Berlin")
    quiet = await world.press_for(SARA, berlin, "Quiet hours", "Which hours")
    night = await world.press_for(SARA, quiet, "23:00 – 07:00", "Quiet hours: 23:00 to 07:00")
    quiet = await world.press_for(SARA, night, "Quiet hours", "Which hours")
    await world.press_for(SARA, quiet, "Write another", "From when to when")
    wrong = await world.say(SARA, "at night", "did not understand")
    own = await world.say(SARA, "۲۲:۳۰ تا ۶:۰۰", "22:30 to 06:00")
    quiet = await world.press_for(SARA, own, "Quiet hours", "Which hours")
    await world.press_for(SARA, quiet, "No quiet hours", "Quiet hours: none")

    known = await world.hoshyar.chats.get(SARA)
    assert known
    assert wrong["text"]
    assert (known.lang, known.timezone, known.quiet_from) == ("en", "Europe/Berlin", "")


async def test_a_zone_may_be_written_and_moves_the_plans(world: World) -> None:
    home = await world.say(SARA, "/digest", "خلاصهٔ روزانه")
    await world.press_for(SARA, home, "۰۸:۰۰", "از این پس")
    (before,) = await DigestStore(world.parts.db).of_chat(SARA)

    page = await world.say(SARA, "/settings", "تنظیمات")
    zones = await world.press_for(SARA, page, "منطقهٔ زمانی", "ساعت کجا")
    await world.press_for(SARA, zones, "نوشتن یکی دیگر", "نام منطقه")
    wrong = await world.say(SARA, "جزیرهٔ ناکجا", "نمی‌شناسم")
    right = await world.say(SARA, "asia/kolkata" and "Asia/Kolkata", "Asia/Kolkata")
    (after,) = await DigestStore(world.parts.db).of_chat(SARA)

    assert wrong["text"]
    assert "منطقهٔ زمانی" in right["text"]
    assert before.next_at
    assert after.next_at
    assert (before.next_at - after.next_at) % timedelta(days=1) == timedelta(hours=2)


@pytest.mark.parametrize(("text", "shown"), [("/lang en", "English"), ("/lang انگلیسی", "English")])
async def test_the_language_by_command(world: World, text: str, shown: str) -> None:
    assert shown in (await world.say(SARA, text))["text"]


async def test_the_language_by_button_keeps_the_greeting(world: World) -> None:
    hello = await world.say(ALEX, "/start", "Hello")

    persian = await world.press_for(ALEX, hello, "فارسی", "سلام Alex".replace("Alex", ""))

    assert persian["message_id"] == hello["message_id"]
    assert "Alex" in persian["text"]


async def test_an_answer_that_comes_too_late_is_told_so(world: World) -> None:
    await world.say(SARA, "/feedback", "نظرتان را بنویسید")
    await world.parts.db.execute("UPDATE awaited SET until_ms=1")

    late = await world.say(SARA, "نمودارها خوب‌اند", "فرصت آن پاسخ گذشت")

    assert late["text"]
    assert await world.parts.db.fetch_all("SELECT text FROM feedback") == []


async def test_a_sticker_does_not_use_up_a_question(world: World) -> None:
    await world.say(SARA, "/feedback", "نظرتان را بنویسید")
    await world.box.say(SARA, "", content={"sticker": _sticker()})
    await world.box.wait_message(SARA, "متنی")

    assert await world.say(SARA, "نمودارها خوب‌اند", "رساندم")


async def test_a_command_ends_what_was_awaited(world: World) -> None:
    await world.say(SARA, "/feedback", "نظرتان را بنویسید")
    await world.say(SARA, "/lang", "به چه زبانی")

    answer = await world.say(SARA, "از سد کرج چه خبر؟", "[1]")

    assert answer["text"]


# --- one's own data


async def test_feedback_reaches_the_admin(world: World) -> None:
    await world.say(ADMIN, "/start", "سلام")
    await world.say(SARA, "/feedback", "نظرتان را بنویسید")

    thanks = await world.say(SARA, "نمودارها را دوست دارم", "رساندم")
    notice = await world.box.wait_message(ADMIN, "نظر تازه")

    assert thanks["text"]
    assert "نمودارها را دوست دارم" in notice["text"]
    assert "sara_sandbox" in notice["text"]


async def test_too_much_feedback_waits_for_tomorrow(world: World) -> None:
    for n in range(5):
        await world.say(SARA, f"/feedback پیام {n}", "رساندم")

    assert "فردا" in (await world.say(SARA, "/feedback یکی دیگر"))["text"]


async def test_forgetting_asks_first_and_leaves_nothing(world: World) -> None:
    await world.say(SARA, "/watch پل چوبی", "زیر نظر گرفتم")
    await world.say(SARA, "/watch نان محلی", "زیر نظر گرفتم", chat=GROUP)
    await world.say(SARA, "/feedback سلام", "رساندم")

    asked = await world.say(SARA, "/forgetme", "پاک شود؟")
    kept = await world.press_for(SARA, asked, "نه", "چیزی پاک نشد")
    asked = await world.say(SARA, "/forgetme", "۱ واژه")
    gone = await world.press_for(SARA, asked, "بله", "همه پاک شد")

    assert kept["text"]
    assert gone["text"]
    db = world.parts.db
    tables = {
        "users": "id", "chats": "id", "watches": "user_id", "digest_plans": "created_by",
        "feedback": "user_id", "awaited": "user_id", "received": "chat_id", "outbox": "chat_id",
    }  # fmt: skip
    for table, column in tables.items():
        rows = await db.fetch_all(f"SELECT 1 FROM {table} WHERE {column}=?", (SARA,))
        assert rows == [], table
    assert [w.term for w in await world.hoshyar.watches.of_chat(GROUP)] == ["نان محلی"]


async def test_forgetting_is_for_private_chats(world: World) -> None:
    refused = await world.say(SARA, "/forgetme", "گفت‌وگوی خصوصی", chat=GROUP)

    assert refused["text"]


async def test_privacy_and_status(world: World) -> None:
    privacy = await world.say(SARA, "/privacy", "نگه می‌دارم")
    status = await world.say(SARA, "/status", "وضعیت هُشیار")
    await world.press(SARA, status, "تازه کن")

    assert "/forgetme" in privacy["text"]
    assert "توییت" in status["text"] or "هنوز چیزی نخوانده‌ام" in status["text"]


async def test_a_person_who_blocks_the_bot_is_noted_and_comes_back(world: World) -> None:
    await world.say(SARA, "/start", "سلام")

    world.box.people.block(SARA)
    await world.quiet()
    gone = await world.hoshyar.chats.get(SARA)
    await world.say(SARA, "/start", "سلام")
    back = await world.hoshyar.chats.get(SARA)

    assert gone
    assert back
    assert (gone.reachable, back.reachable) == (False, True)


@pytest.mark.parametrize("data", ["zz:1", "tc:AAAAAAAAAAAA:24h:0", "pl:99999", "stop", "tr:99h:x"])
async def test_old_and_foreign_buttons_are_answered(world: World, data: str) -> None:
    """Nothing that a button carries can leave its press without an answer."""
    hello = await world.say(SARA, "/start", "سلام")

    _forge(world, SARA, hello, data)

    call = await world.box.wait_call("answerCallbackQuery")
    assert call.committed


async def test_a_voice_or_sticker_gets_a_word(world: World) -> None:
    await world.box.say(SARA, "", content={"sticker": _sticker()})

    assert "متنی" in (await world.box.wait_message(SARA))["text"]


def _sticker() -> dict[str, object]:
    return {
        "file_id": "s", "file_unique_id": "u", "type": "regular", "width": 1, "height": 1,
        "is_animated": False, "is_video": False,
    }  # fmt: skip


async def test_buttons_of_start_lead_on_and_the_greeting_stays(world: World) -> None:
    hello = await world.say(SARA, "/start", "سلام")

    for button, shown in (("🔥 داغ‌ها", "داغ‌های"), ("📰 خبرها", "خبرها"), ("راهنما", "راهنما")):
        there = await world.press_for(SARA, hello, button, shown)
        assert there["message_id"] != hello["message_id"]
    assert "English" in buttons(world.box.messages(SARA)[1])
