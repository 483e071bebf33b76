"""Searches on X and what they cost, in the admins' chat, against the double of the service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.handlers.commands import ADMIN_COMMANDS
from bot.models.tweets import Balance, Priority, ResultType
from bot.storage.queries import QueryStore, QueryYield
from tests.bot_api_model import check_calls
from tests.chats_world import ADMIN, SARA, World, buttons, data_of, running

HOUR = timedelta(hours=1)
WORDS = "زلزله OR زمین‌لرزه"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running(tmp_path) as here:
        here.box.twitter.account.is_paced = False
        for number in range(30):
            here.box.twitter.write(f"زلزله در تهران {number}", author="lale", likes=number)
        yield here
        await here.quiet()
        # Nothing that was sent in any of these tests may be refused by Telegram itself.
        assert check_calls((call.method, call.params) for call in here.box.calls) == []


async def added(world: World, text: str = "زلزله lang:fa") -> int:
    """A search that is on the list; its number."""
    return (await world.hoshyar.queries.add(text)).query.id


async def paged(world: World, text: str = "زلزله lang:fa") -> dict[str, object]:
    """The page of a search that was just added, opened from the list."""
    await added(world, text)
    listed = await world.say(ADMIN, "/queries", "جست‌وجوهای توییتر (۱)")
    return await world.press_for(ADMIN, listed, f"۱ ✅ {text[:5]}", "حالت: ✅ روشن")


# --- who may


async def test_a_forged_button_does_nothing_for_others(world: World) -> None:
    """The same words as for a button that never was; nothing is changed, asked or spent."""
    number = await added(world)
    hello = await world.say(SARA, "/start", "سلام")
    stored = world.box.world.chats[SARA].messages[hello["message_id"]]
    answers = []
    forged = (
        "nonsense:1", "AQ:0", f"AQo:{number}:0", "AQa", f"AQp:{number}:0:0", f"AQl:{number}:1:0",
        f"AQt:{number}:0", f"AQe:{number}:0:text", f"AQr:{number}:0:yes", "AQs", "AB", "ABs:day:7",
        "ABl", "ABl:default", "ABb",
    )  # fmt: skip
    for data in forged:
        stored["reply_markup"]["inline_keyboard"].append([{"text": "x", "callback_data": data}])
        query = await world.box.press(SARA, hello["message_id"], data, wait_s=5)
        answers.append(query.answer)
    await world.say(SARA, "0.1")

    assert all(answer == answers[0] for answer in answers)
    assert (await world.hoshyar.queries.get(number)).active
    assert (await world.hoshyar.live.state()).queries == ()
    assert not (await world.hoshyar.budget.state()).is_admins_limit
    assert world.box.twitter.credits_spent == 0


async def test_an_awaited_answer_is_void_for_who_is_no_admin(world: World) -> None:
    """What an admin was asked is nothing that another may answer, even where it is awaited."""
    number = await added(world)
    for what, detail in (("x-limit", ""), ("x-words", ""), ("x-text", f"{number}:0")):
        await world.hoshyar.chats.expect(SARA, SARA, what, detail)
        await world.say(SARA, "0.25")

    assert not (await world.hoshyar.budget.state()).is_admins_limit
    assert (await world.hoshyar.queries.get(number)).text == "زلزله lang:fa"
    assert len(await world.hoshyar.queries.all()) == 1


def test_the_commands_are_for_admins() -> None:
    assert {"queries", "addquery", "budget"} <= {command.name for command in ADMIN_COMMANDS}


# --- a new search


async def test_a_search_is_put_together_tested_and_added(world: World) -> None:
    """The words, the buttons, five samples and their price, which is what the service charged."""
    asked = await world.say(ADMIN, "/addquery", "دنبال چه بگردم؟")
    assert "زلزله OR" in asked["text"]
    draft = await world.say(ADMIN, WORDS, "(زلزله OR زمین‌لرزه) lang:fa")
    draft = await world.press_for(ADMIN, draft, "بی پاسخ‌ها", "-filter:replies lang:fa")
    draft = await world.press_for(ADMIN, draft, "با هر تعداد پسند", "min_faves:5")
    assert "✓ دست‌کم ۵ پسند" in buttons(draft)

    tested = await world.press_for(ADMIN, draft, "🧪 آزمایش", "خرج شد")
    state = await world.hoshyar.budget.state()
    back = await world.press_for(ADMIN, tested, "بازگشت", "جست‌وجوی تازه")
    page = await world.press_for(ADMIN, back, "✅ ذخیره", "افزوده شد")
    again = await world.press_for(
        ADMIN, await world.say(ADMIN, "/addquery زلزله lang:fa", "جست‌وجوی تازه"), "✅ ذخیره"
    )
    twice = await world.say(ADMIN, "/addquery زلزله lang:fa", "جست‌وجوی تازه")
    twice = await world.press_for(ADMIN, twice, "✅ ذخیره", "از پیش هست")

    assert "۲۰ توییت آمد و ۰٫۰۰۳ دلار خرج شد." in tested["text"]
    assert tested["text"].count("زلزله در تهران") == 5
    assert "lale" in tested["text"]
    assert state.spent == world.box.twitter.credits_spent == 300
    assert "اولویت متوسط · تازه‌ترین‌ها" in page["text"]
    assert again["text"]
    assert twice["text"]
    assert [line.query.text for line in await world.hoshyar.queries.all()] == [
        "(زلزله OR زمین‌لرزه) -filter:replies min_faves:5 lang:fa",
        "زلزله lang:fa",
    ]
    assert [line.query.created_by for line in await world.hoshyar.queries.all()] == [ADMIN, ADMIN]


async def test_a_search_that_cannot_be_asked_says_what_is_wrong(world: World) -> None:
    """And the question stays open, so that it may be written again."""
    await world.say(ADMIN, "/addquery", "دنبال چه بگردم؟")

    brackets = await world.say(ADMIN, "(زلزله", "پرانتز")
    operator = await world.say(ADMIN, "زلزله minfaves:5", "minfaves")
    time = await world.say(ADMIN, "زلزله since:2026-01-01", "زمان جست‌وجو")
    good = await world.say(ADMIN, "زلزله", "زلزله lang:fa")

    assert all(message["text"] for message in (brackets, operator, time))
    assert "✅ ذخیره" in buttons(good)
    assert await world.hoshyar.queries.all() == []


async def test_the_question_for_words_can_be_left(world: World) -> None:
    """After that words are a question to Hoshyar again, not a search on X."""
    asked = await world.say(ADMIN, "/addquery", "دنبال چه بگردم؟")
    await world.press_for(ADMIN, asked, "انصراف", "هنوز جست‌وجویی نیست")

    said = await world.say(ADMIN, "زلزله چه شد؟")

    assert "جست‌وجوی تازه" not in said["text"]


# --- the list and one of them


async def test_the_list_shows_what_each_brings_and_costs(world: World) -> None:
    number = await added(world)
    await added(world, "سیل lang:fa")
    query = await world.hoshyar.queries.get(number)
    day = (await world.hoshyar.budget.state()).day
    gain = QueryYield(calls=4, credits=600, tweets=40, fresh=30, kept=20)
    [claimed] = await QueryStore(world.parts.db).claim_due(world.hoshyar.clock(), 1, HOUR)
    await QueryStore(world.parts.db).save(claimed, day=day, cost=gain)

    listed = await world.say(ADMIN, "/queries", "جست‌وجوهای توییتر (۲)")
    page = await world.press_for(ADMIN, listed, "۱ ✅", "حالت")

    assert "در ۷ روز ۲۰ نگه‌داشته از ۴۰ · هر توییت ۰٫۰۰۰۳ دلار" in listed["text"]
    assert "در ۷ روز چیزی نیاورده" in listed["text"]
    assert query.text in page["text"]
    assert "امروز: ۴ درخواست، ۴۰ توییت، ۳۰ تازه، ۲۰ نگه‌داشته، ۰٫۰۰۶ دلار" in page["text"]


async def test_a_long_list_has_pages(world: World) -> None:
    for number in range(15):
        await added(world, f"واژه{number} lang:fa")

    first = await world.say(ADMIN, "/queries", "جست‌وجوهای توییتر (۱۵)")
    second = await world.press_for(ADMIN, first, "بعدی ›", "۷. ✅")
    one = await world.press_for(ADMIN, second, "۷ ✅", "حالت")
    back = await world.press_for(ADMIN, one, "‹ جست‌وجوها", "۷. ✅")

    assert "‹ قبلی" in buttons(back)


async def test_a_search_is_changed_by_buttons_and_answers(world: World) -> None:
    page = await paged(world)
    number = (await world.hoshyar.queries.all())[0].query.id

    choice = await world.press_for(ADMIN, page, "⚖️ اولویت", "چه اولویتی")
    assert "✓ اولویت متوسط" in buttons(choice)
    page = await world.press_for(ADMIN, choice, "اولویت بالا", "اولویت بالا · تازه‌ترین‌ها")
    choice = await world.press_for(ADMIN, page, "🗂 نوع نتیجه", "چه توییت‌هایی")
    page = await world.press_for(ADMIN, choice, "آمیخته", "اولویت بالا · آمیخته")
    choice = await world.press_for(ADMIN, page, "⏱ فاصله", "هر چند وقت")
    page = await world.press_for(ADMIN, choice, "۵ دقیقه", "هر ۵ دقیقه")
    choice = await world.press_for(ADMIN, page, "⏱ فاصله", "هر چند وقت")
    await world.press_for(ADMIN, choice, "نوشتن یکی دیگر", "هر چند دقیقه")
    wrong = await world.say(ADMIN, "همیشه", "عددی از ۱ تا ۱٬۴۴۰")
    page = await world.say(ADMIN, "۴۵ دقیقه", "هر ۴۵ دقیقه")
    await world.press_for(ADMIN, page, "✏️ متن", "متن تازه")
    bad = await world.say(ADMIN, '"زلزله', "گیومه")
    page = await world.say(ADMIN, "زمین‌لرزه lang:fa", "عوض شد")

    query = await world.hoshyar.queries.get(number)
    assert (query.priority, query.result_type) == (Priority.HIGH, ResultType.MIXED)
    assert (query.interval_s, query.text) == (2700, "زمین‌لرزه lang:fa")
    assert wrong["text"]
    assert bad["text"]


async def test_two_searches_cannot_have_one_text(world: World) -> None:
    await added(world, "سیل lang:fa")
    number = await added(world)
    await world.hoshyar.chats.expect(ADMIN, ADMIN, "x-text", f"{number}:0")

    refused = await world.say(ADMIN, "سیل lang:fa", "همین متن را")

    assert not any(digit in refused["text"] for digit in "۰۱۲۳۴۵۶۷۸۹")
    other = await world.press_for(ADMIN, refused, "✅ سیل lang:fa", "حالت")
    assert "سیل lang:fa" in other["text"]
    assert (await world.hoshyar.queries.get(number)).text == "زلزله lang:fa"


async def test_a_search_is_paused_resumed_and_removed(world: World) -> None:
    page = await paged(world)
    number = (await world.hoshyar.queries.all())[0].query.id

    paused = await world.press_for(ADMIN, page, "⏸ توقف", "متوقف شد")
    assert not (await world.hoshyar.queries.get(number)).active
    going = await world.press_for(ADMIN, paused, "▶️ ادامه", "ادامه می‌دهم")
    assert (await world.hoshyar.queries.get(number)).active
    question = await world.press_for(ADMIN, going, "🗑 حذف", "حذف شود؟")
    kept = await world.press_for(ADMIN, question, "نه", "حالت")
    question = await world.press_for(ADMIN, kept, "🗑 حذف", "حذف شود؟")
    left = await world.press_for(ADMIN, question, "بله", "هنوز جست‌وجویی نیست")

    assert left["text"]
    assert await world.hoshyar.queries.all() == []


async def test_a_button_of_a_search_that_is_gone_says_so(world: World) -> None:
    page = await paged(world)
    await world.hoshyar.queries.remove((await world.hoshyar.queries.all())[0].query.id)

    answers = [await world.press(ADMIN, page, word) for word in ("⏸ توقف", "🧪 آزمایش", "✏️ متن")]

    assert all("دیگر در فهرست نیست" in answer["text"] for answer in answers)


async def test_a_search_is_wished_live_and_not(world: World) -> None:
    page = await paged(world)
    number = (await world.hoshyar.queries.all())[0].query.id

    asked = await world.press_for(ADMIN, page, "⚡️ زنده کن", "هر توییت ۰٫۰۰۰۱۵ دلار خرج دارد")
    before = (await world.hoshyar.live.state()).queries
    on = await world.press_for(ADMIN, asked, "⚡️ بله، زنده شود", "دارد زنده می‌شود")
    wished = (await world.hoshyar.live.state()).queries
    await world.press_for(ADMIN, on, "💤 زنده نباشد", "دیگر زنده نیست")

    assert before == ()
    assert [wish.query_id for wish in wished] == [number]
    assert (await world.hoshyar.live.state()).queries == ()


async def test_the_price_of_a_live_search_is_told_first(world: World) -> None:
    """And what the day's budget cannot pay has no button to begin it."""
    page = await paged(world)
    db = world.parts.db
    await db.execute("UPDATE x_queries SET rate=0.01")
    fits = await world.press_for(ADMIN, page, "⚡️ زنده کن", "حدود ۸۶۴ توییت در روز می‌آید")
    page = await world.press_for(ADMIN, fits, "نه", "جست‌وجو")
    await db.execute("UPDATE x_queries SET rate=1000.0")

    dear = await world.press_for(ADMIN, page, "⚡️ زنده کن", "بودجهٔ روز به آن نمی‌رسد")

    assert "⚡️ بله، زنده شود" not in str(dear["reply_markup"])
    assert (await world.hoshyar.live.state()).queries == ()


async def test_what_does_not_pay_is_named(world: World) -> None:
    number = await added(world)
    [claimed] = await QueryStore(world.parts.db).claim_due(world.hoshyar.clock(), 1, HOUR)
    day = (await world.hoshyar.budget.state()).day
    await QueryStore(world.parts.db).save(claimed, day=day, cost=QueryYield(calls=60, credits=900))

    listed = await world.say(ADMIN, "/queries", "جست‌وجوهای توییتر")
    hints = await world.press_for(ADMIN, listed, "💡 پیشنهادها", "توییتی نماند")
    page = await world.press_for(ADMIN, hints, "۱ ✅", "حالت")

    assert "۶۰ درخواست" in hints["text"]
    assert data_of(page, "توقف") == f"AQp:{number}:0:0"


# --- the budget


async def test_the_budget_is_what_the_service_charged(world: World) -> None:
    """By day, by query and by kind of request; the balance is read for nothing."""
    page = await paged(world)
    await world.press_for(ADMIN, page, "🧪 آزمایش", "خرج شد")

    shown = await world.say(ADMIN, "/budget", "بودجهٔ توییتر")
    assert "موجودی حساب هنوز دیده نشده" in shown["text"]
    shown = await world.press_for(ADMIN, shown, "🔎 موجودی را ببین", "موجودی دیده شد")
    days = await world.press_for(ADMIN, shown, "📅 روزها", "خرج روزها")
    kinds = await world.press_for(ADMIN, days, "🧾 درخواست‌ها", "خرج درخواست‌ها")
    month = await world.press_for(ADMIN, kinds, "۳۰ روز", "۳۰ روز")
    by_query = await world.press_for(ADMIN, month, "🐦 جست‌وجوها", "خرج جست‌وجوها")
    back = await world.press_for(ADMIN, by_query, "‹ بودجه", "بودجهٔ توییتر")

    assert "موجودی حساب: ۱۰ دلار (۹۹۹٬۷۰۰ اعتبار)" in shown["text"]
    assert "امروز: ۰٫۰۰۳ دلار از ۰٫۵ دلار خرج شد" in shown["text"]
    assert "۱ درخواست و ۲۰ توییت" in shown["text"]
    assert "روی هم: ۰٫۰۰۳ دلار برای ۱ درخواست و ۲۰ توییت" in days["text"]
    assert "جست‌وجو\n" in kinds["text"]
    assert "• ۳۰ روز •" in buttons(month)
    assert "بیرون از جست‌وجوها" in by_query["text"]
    assert "نوبت بعد: \u2068زلزله lang:fa\u2069، همین حالا" in back["text"]
    assert world.box.twitter.credits_spent == 300


async def test_the_days_limit_is_set_and_kept_to(world: World) -> None:
    """A limit below a page's price: nothing is asked, and it says how to go on."""
    shown = await world.say(ADMIN, "/budget", "بودجهٔ توییتر")
    await world.press_for(ADMIN, shown, "🎚 سقف روز", "چند دلار باشد؟")
    wrong = await world.say(ADMIN, "خیلی", "به دلار بنویسید")
    shown = await world.say(ADMIN, "۰٫۰۰۲ دلار", "روزی بیش از ۰٫۰۰۲ دلار")
    page = await paged(world)
    refused = await world.press_for(ADMIN, page, "🧪 آزمایش", "از بودجهٔ امروز بیشتر")
    spent = world.box.twitter.credits_spent
    shown = await world.press_for(ADMIN, refused, "💰 بودجه", "بودجهٔ امروز تمام شده")
    question = await world.press_for(ADMIN, shown, "🎚 سقف روز", "چند دلار باشد؟")
    shown = await world.press_for(ADMIN, question, "برگشت به مقدار تنظیمات", "به مقدار تنظیمات")

    assert wrong["text"]
    assert "سقف روز را مدیر گذاشته" not in shown["text"]
    assert spent == 0
    assert (await world.hoshyar.budget.state()).limit == 50_000


async def test_the_largest_limit_is_taken_as_it_is_shown(world: World) -> None:
    """«۱٬۰۰۰» of the question is a thousand dollars, not one."""
    shown = await world.say(ADMIN, "/budget", "بودجهٔ توییتر")
    question = await world.press_for(ADMIN, shown, "🎚 سقف روز", "چند دلار باشد؟")
    shown = await world.say(ADMIN, "۱٬۰۰۰", "روزی بیش از ۱٬۰۰۰ دلار")

    assert "از ۰ تا ۱٬۰۰۰" in question["text"]
    assert (await world.hoshyar.budget.state()).limit == 100_000_000


async def test_an_empty_account_stops_and_goes_on_when_recharged(world: World) -> None:
    """402: said once to every admin, shown in the budget, ended by a look at the balance."""
    account = world.box.twitter.account
    account.recharge(-1_000_000)
    page = await paged(world)

    failed = await world.press_for(ADMIN, page, "🧪 آزمایش", "شارژ کنید")
    notice = await world.box.wait_message(ADMIN, "گردآوری توییت‌ها ایستاد")
    await world.press_for(
        ADMIN, await world.say(ADMIN, "/addquery سیل", "جست‌وجوی تازه"), "🧪 آزمایش", "شارژ کنید"
    )
    told = sum("گردآوری توییت‌ها ایستاد" in text for text in world.sent(ADMIN))
    status = await world.say(ADMIN, "/status", "وضعیت سامانه")
    still = await world.press_for(ADMIN, notice, "▶️ شارژ شد", "موجودی هنوز")
    account.recharge(200_000)
    shown = await world.press_for(ADMIN, still, "▶️ شارژ شد", "گردآوری ادامه دارد")

    assert failed["text"]
    assert "⛔️ توییتر: موجودی حساب تمام شده" in status["text"]
    assert "موجودی حساب: ۲ دلار" in shown["text"]
    assert told == 1


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("garbled", "خوانا نبود"),
        ("500", "پاسخ نداد"),
        ("body_error", "این درخواست را نپذیرفت"),
    ],
)
async def test_what_goes_wrong_there_is_said_in_words(
    world: World, kind: str, sentence: str
) -> None:
    world.box.twitter.faults.add(kind, times=None)
    page = await paged(world)

    failed = await world.press_for(ADMIN, page, "🧪 آزمایش", sentence)
    back = await world.press_for(ADMIN, failed, "بازگشت", "حالت")

    assert back["text"]


async def test_a_key_that_is_refused_is_said(tmp_path: Path) -> None:
    async with running(tmp_path, twitter_key="wrong") as world:
        page = await paged(world)

        failed = await world.press_for(ADMIN, page, "🧪 آزمایش", "کلید را نمی‌پذیرد")
        shown = await world.press_for(ADMIN, failed, "💰 بودجه", "بودجهٔ توییتر")
        asked = await world.press_for(ADMIN, shown, "🔎 موجودی را ببین", "کلید را نمی‌پذیرد")

        assert "TWITTERAPI_API_KEY" in asked["text"]


async def test_without_a_key_each_says_how_to_set_it(tmp_path: Path) -> None:
    async with running(tmp_path, twitter_key="") as world:
        page = await paged(world)

        tested = await world.press_for(ADMIN, page, "🧪 آزمایش", "TWITTERAPI_API_KEY")
        page = await world.press_for(ADMIN, tested, "بازگشت", "حالت")
        live = await world.press_for(ADMIN, page, "⚡️ زنده کن", "TWITTERAPI_API_KEY")
        draft = await world.say(ADMIN, "/addquery سیل", "جست‌وجوی تازه")
        shown = await world.say(ADMIN, "/budget", "بودجهٔ توییتر")
        status = await world.say(ADMIN, "/status", "وضعیت سامانه")
        balance = await world.press_for(ADMIN, shown, "🔎 موجودی را ببین", "TWITTERAPI_API_KEY")

        assert all("TWITTERAPI_API_KEY" in m["text"] for m in (live, draft, shown, balance))
        assert "توییتر: خاموش، کلید ندارد" in status["text"]
        assert world.box.twitter.calls == []


async def test_the_status_has_a_line_on_tweets(world: World) -> None:
    await added(world)
    await world.hoshyar.queries.pause(await added(world, "سیل lang:fa"))

    unseen = await world.say(ADMIN, "/status", "وضعیت سامانه")
    await world.hoshyar.budget.saw_balance(Balance(40_000, 10_000))
    seen = await world.say(ADMIN, "/status", "وضعیت سامانه")

    assert "توییتر: امروز ۰ دلار از ۰٫۵ دلار، ۱ جست‌وجوی روشن؛ موجودی" in unseen["text"]
    assert "توییتر: امروز ۰ دلار از ۰٫۵ دلار، موجودی ۰٫۵ دلار، ۱ جست‌وجوی روشن" in seen["text"]


async def test_the_menu_reaches_searches_and_the_budget(world: World) -> None:
    for button, shown in (("🐦 جست‌وجوهای توییتر", "هنوز جست‌وجویی نیست"), ("💰 بودجه", "موجودی")):
        menu = await world.say(ADMIN, "/admin", "مدیریت هُشیار")
        there = await world.press_for(ADMIN, menu, button, shown)
        await world.press_for(ADMIN, there, "‹ مدیریت", "مدیریت هُشیار")


async def test_english_is_a_whole_second_language(world: World) -> None:
    await world.say(ADMIN, "/lang en", "English")
    page = await world.press_for(
        ADMIN, await world.say(ADMIN, "/addquery زلزله", "New search"), "✅ Save", "Added"
    )
    tested = await world.press_for(ADMIN, page, "🧪 Test (up to $0.003)", "came and cost $0.003")
    shown = await world.press_for(
        ADMIN, await world.say(ADMIN, "/budget", "Twitter budget"), "📅 Days", "Spending by day"
    )

    assert "medium priority · the latest" in page["text"]
    assert tested["text"]
    assert "Together: $0.003 for 1 request and 20 tweets" in shown["text"]
