"""What readers ask: trends, cards, search, news, moods, questions; in both languages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.chats_world import ALEX, SARA, TERMS, World, buttons, data_of, running, telegram


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running(tmp_path) as here:
        yield here


async def test_start_introduces_itself_in_the_language_of_the_client(world: World) -> None:
    persian = await world.say(SARA, "/start", "هُشیار")
    english = await world.say(ALEX, "/start", "Hoshyar")

    assert "سلام سارا" in persian["text"]
    assert "Hello Alex" in english["text"]
    assert "🔥 داغ‌ها" in buttons(persian)
    assert "فارسی" in buttons(english)


async def test_trends_list_opens_cards_and_pages(world: World) -> None:
    """The list, its second page, a card, the reason, and back to where one was."""
    listed = await world.say(SARA, "/trends", "داغ‌های")
    assert TERMS[0] in listed["text"]
    assert "۶٫۲ برابر همیشه" in listed["text"]
    assert "بیشتر منفی" in listed["text"]

    second = await world.press_for(SARA, listed, "بعدی", TERMS[6])
    assert TERMS[0] not in second["text"]
    card = await world.press_for(SARA, second, f"۷ · {TERMS[6]}", "رتبهٔ")
    assert "posts.example" in str(card["entities"])
    why = await world.press_for(SARA, card, "چرا؟", "داغ شمرده شد")
    back = await world.press_for(SARA, why, "بازگشت", "رتبهٔ")
    again = await world.press_for(SARA, back, "فهرست داغ‌ها", "صفحهٔ ۲")

    assert again["message_id"] == listed["message_id"]
    assert len(world.box.sent(SARA)) == 1


async def test_trends_in_english(world: World) -> None:
    listed = await world.say(ALEX, "/trends", "Rising in")

    card = await world.press_for(ALEX, listed, f"1 · {TERMS[0]}", "Rank 1")

    assert "6.2× its usual" in card["text"]
    assert "mostly negative" in card["text"] or "negative" in card["text"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [("/trends 6h", "شش ساعت"), ("/trends ۷ روز", "هفت روز"), ("/trends هفته", "هفت روز")],
)
async def test_trends_of_a_window(world: World, text: str, shown: str) -> None:
    assert shown in (await world.say(SARA, text))["text"]


async def test_a_window_that_does_not_exist_is_answered_with_those_that_do(world: World) -> None:
    answer = await world.say(SARA, "/trends فردا", "نمی‌شناسم")

    assert len(buttons(answer)) == 4


async def test_every_button_of_a_card_leads_somewhere(world: World) -> None:
    card = await world.say(SARA, f"/trend {TERMS[0]}", "رتبهٔ ۱")

    news = await world.press_for(SARA, card, "📰 خبرها", "خبرهای")
    assert "گزارش" in news["text"]
    card = await world.press_for(SARA, news, "بازگشت", "رتبهٔ")
    mood = await world.press_for(SARA, card, "🙂 حس مردم", "حس مردم")
    assert "از نوشته‌های منفی" in mood["text"]
    card = await world.press_for(SARA, mood, "📈 کارت", "رتبهٔ")
    watched = await world.press_for(SARA, card, "زیر نظر بگیر", "زیر نظر گرفتم")
    assert TERMS[0] in watched["text"]


async def test_a_term_that_does_not_rise_has_a_card_all_the_same(world: World) -> None:
    plain = await world.say(SARA, "/trend نوشتهٔ شمارهٔ", "داغ نیست")
    quiet = await world.say(SARA, "/trend زرافه", "چیزی دربارهٔ «زرافه»")

    assert "نوشته در ۲۴ ساعت گذشته" in plain["text"]
    assert "زیر نظر بگیر" in " ".join(buttons(quiet))


@pytest.mark.parametrize("command", ["trend", "search", "sentiment", "ask", "watch"])
@pytest.mark.parametrize(("user", "word"), [(SARA, "مثلاً"), (ALEX, "For example")])
async def test_a_missing_argument_is_answered_with_examples_that_work(
    world: World, command: str, user: int, word: str
) -> None:
    usage = await world.say(user, f"/{command}", word)

    assert TERMS[0] in buttons(usage)
    answer = await world.press_for(user, usage, TERMS[0], TERMS[0])
    assert answer["text"]


async def test_search_finds_arabic_letters_pages_and_orders(world: World) -> None:
    """ك and ي are typed, ک and ی are stored."""
    found = await world.say(SARA, "/search سد كرج مي‌گويند", "نتیجه")
    assert "سد کرج" in found["text"]
    assert "از مهم‌ترین" in found["text"]

    newest = await world.press_for(SARA, found, "تازه‌ترین‌ها", "از تازه‌ترین")
    later = await world.press_for(SARA, newest, "بعدی", "از تازه‌ترین")
    first = await world.press_for(SARA, later, "قبلی", "از تازه‌ترین")

    assert first["text"] == newest["text"] != later["text"]


async def test_search_without_a_result_offers_to_watch(world: World) -> None:
    none = await world.say(ALEX, "/search giraffe", "found nothing")

    assert buttons(none) == ["🔔 Watch it"]


async def test_a_search_can_be_narrowed(world: World) -> None:
    """By kind, author and date; such a query is no term, so it cannot be watched."""
    news = await world.say(SARA, "/search نوع:خبر سد کرج", "نوع:خبر")
    nobody = await world.say(ALEX, "/search سد from:nobody_at_all", "found nothing")
    early = await world.say(ALEX, "/search سد until:2001-01-01", "found nothing")

    assert "🔔 زیر نظر" not in " ".join(buttons(news))
    assert buttons(nobody) == buttons(early) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/search سد since:someday", "2026-11-21"),
        ("/search from:", "from:ali"),
        ("/search سد source:nowhere", "“nowhere”"),
        ("/search -سد", "without a minus"),
        ("/search سد kind:book", "news or tweet"),
    ],
)
async def test_a_search_that_cannot_be_read_is_explained(
    world: World, text: str, said: str
) -> None:
    answer = await world.say(ALEX, text)

    assert said in answer["text"]


@pytest.mark.parametrize("text", ["/search 😀😀", "/trend !!!", "/sentiment ـــ"])
async def test_what_has_no_letters_is_explained(world: World, text: str) -> None:
    answer = await world.say(SARA, text)

    assert "حر" in answer["text"]


async def test_news_by_topic_and_page(world: World) -> None:
    news = await world.say(SARA, "/news", "تازه‌ترین خبرها")
    assert "خبر سپیده" in news["text"]

    sport = await world.press_for(SARA, news, "ورزش", "خبرهای ورزش")
    more = await world.press_for(SARA, sport, "بعدی", "خبرهای ورزش")
    typed = await world.say(SARA, "/news ورزش", "خبرهای ورزش")
    words = await world.say(SARA, "/news همدان", "خبرهایی با «همدان»")

    assert "خبر سپیده" not in sport["text"]
    assert more["text"] != sport["text"]
    assert typed["text"] == sport["text"]
    assert "برف همدان" in words["text"]


async def test_a_topic_that_nobody_has_names_those_there_are(world: World) -> None:
    answer = await world.say(SARA, "/news زرافه", "خبری پیدا نکردم")

    assert {"جامعه", "ورزش"} <= set(buttons(answer))


async def test_sentiment_says_what_it_rests_on(world: World) -> None:
    answer = await world.say(SARA, f"/sentiment {TERMS[1]}", "حس مردم")

    assert "۸ نوشته" in answer["text"]
    assert "گاهی خطا می‌کند" in answer["text"]


async def test_a_question_in_plain_words_is_answered_with_proof(world: World) -> None:
    """Typing is shown, then the whole answer with its numbered links."""
    answer = await world.say(SARA, "از سد کرج چه خبر؟", "[1]")

    links = [e["url"] for e in answer["entities"] if e["type"] == "text_link"]
    assert any(link.startswith("https://posts.example/") for link in links)
    assert world.box.calls_of("sendChatAction")
    card = await world.press_for(SARA, answer, "📈", "رتبهٔ")
    assert card["message_id"] != answer["message_id"]


async def test_ask_in_english(world: World) -> None:
    answer = await world.say(ALEX, "/ask What is going on with سد کرج?", "[1]")

    assert "posts.example" in str(answer["entities"])


async def test_an_edited_question_is_asked_again(world: World) -> None:
    said = await world.box.say(SARA, "/trend زرافه")
    await world.box.wait_message(SARA, "زرافه")

    world.box.people.edit(SARA, said["message_id"], f"/trend {TERMS[0]}")

    assert await world.box.wait_message(SARA, "رتبهٔ ۱")


async def test_inline_mode_shares_cards(world: World) -> None:
    """Without words what rises; with a word its card; with nonsense a sentence."""
    rising = await world.box.inline(SARA, "")
    one = await world.box.inline(SARA, TERMS[2])
    nothing = await world.box.inline(ALEX, "giraffe")

    assert rising.answer
    assert one.answer
    assert nothing.answer
    assert [r["title"] for r in rising.answer["results"]] == list(TERMS)
    shared = world.box.people.choose(one, one.answer["results"][0]["id"], -4000)
    assert TERMS[2] in shared["text"]
    assert "start=trend_" in str(shared["reply_markup"])
    assert "giraffe" in nothing.answer["results"][0]["title"]


async def test_a_deep_link_opens_the_card_after_a_restart(tmp_path: Path) -> None:
    """A ref is in the database: another process knows it."""
    async with telegram() as box:
        async with running(tmp_path, box=box) as world:
            query = await world.box.inline(SARA, TERMS[2])
            assert query.answer
            markup = str(query.answer["results"][0]["reply_markup"])
            ref = markup.split("start=trend_")[1][:12]
        async with running(tmp_path, box=box, seeded=False) as world:
            card = await world.say(ALEX, f"/start trend_{ref}", TERMS[2])
            watch = await world.say(ALEX, f"/start watch_{ref}", "Watching")

    assert "Rank 3" in card["text"]
    assert TERMS[2] in watch["text"]


async def test_every_button_fits_its_64_bytes_and_comes_back(world: World) -> None:
    listed = await world.say(SARA, "/trends", "داغ‌های")
    data = [
        button["callback_data"]
        for row in listed["reply_markup"]["inline_keyboard"]
        for button in row
    ]

    assert all(len(one.encode()) <= 64 for one in data)
    assert data_of(listed, TERMS[0]).startswith("tc:")


async def test_help_lists_everything_and_explains_one(world: World) -> None:
    whole = await world.say(SARA, "/help", "راهنما")
    one = await world.say(SARA, "/help trend", "کارت یک واژه")
    none = await world.say(ALEX, "/help nonsense", "no command")

    for command in ("/trends", "/search", "/digest", "/forgetme"):
        assert command in whole["text"]
    assert "/admin" not in whole["text"]
    assert "/trend" in one["text"]
    assert "nonsense" in none["text"]


async def test_with_nothing_collected_yet_it_says_so(tmp_path: Path) -> None:
    async with running(tmp_path, seeded=False) as world:
        trends = await world.say(SARA, "/trends", "هنوز نوشته‌ای")
        news = await world.say(SARA, "/news", "هنوز خبری")
        status = await world.say(ALEX, "/status", "How Hoshyar is")
        usage = await world.say(SARA, "/trend", "مثلاً")

    assert len(buttons(trends)) == 4
    assert news["text"]
    assert "no posts at all" in status["text"]
    assert "برق" in buttons(usage)
