"""The admins' page of what was left out: reasons, evidence, and the way back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.analysis.filters import BY_ADMIN
from bot.handlers.views.dropped import PER_PAGE, DroppedPage, dropped_message, fate_message
from bot.handlers.views.page import Reader
from bot.models.entities import TEXT_LIMIT, utf16_len
from bot.models.post import TWITTER_SOURCE_ID, DropReason, Post, PostKind
from tests.chats_world import ADMIN, SARA, World, buttons, data_of, running

NOW = datetime(2026, 11, 21, 17, 44, tzinfo=UTC)
MOVED = "بازارچه کتاب"
REASONS = {
    1: (DropReason.ADVERTISEMENT, "با تخفیف, ۰۹۱۲۰۰۰۰۰۰۰"),
    2: (DropReason.ABUSIVE, "جاکش"),
    3: (DropReason.ADVERTISEMENT, "دانلود اهنگ"),
}


def post(number: int, drop: DropReason | None, evidence: str = "", at: datetime = NOW) -> Post:
    return Post(
        id=number,
        kind=PostKind.TWEET,
        source_id=TWITTER_SOURCE_ID,
        external_id=f"dropped{number}",
        created_at=at - timedelta(minutes=number),
        text=f"نوشتهٔ {number} دربارهٔ {MOVED}",
        url=f"https://x.com/a{number}/status/{number}",
        author=f"a{number}",
        drop=drop,
        drop_evidence=evidence,
    )


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running(tmp_path) as here:
        yield here


async def store(world: World, reasons: dict[int, tuple[DropReason, str]]) -> None:
    now = world.hoshyar.clock()
    await world.hoshyar.posts.add_many(
        [post(number, *told, at=now) for number, told in reasons.items()]
    )
    await world.hoshyar.search.catch_up()


async def test_the_menu_leads_to_what_was_left_out_and_why(world: World) -> None:
    await store(world, REASONS)

    menu = await world.say(ADMIN, "/admin", "مدیریت")
    page = await world.press_for(ADMIN, menu, "کنار گذاشته‌ها", "نوشتهٔ آخر")

    lines = page["text"].split("\n")
    assert "۳ تا از ۵۹ نوشتهٔ آخر" in page["text"]
    heads = [line.strip("\u200f") for line in lines if line.strip("\u200f")[:2] in "۱. ۲. ۳."]
    assert [line for line in heads if line] == [
        "۱. تبلیغ · دانلود اهنگ",
        "۲. توهین‌آمیز · جاکش",
        "۳. تبلیغ · با تخفیف, ۰۹۱۲۰۰۰۰۰۰۰",
    ]
    assert "نوشتهٔ 3 دربارهٔ" in page["text"]
    assert [one for one in buttons(page) if "(" in one] == [
        "• همه (۳) •",
        "تبلیغ (۲)",
        "توهین‌آمیز (۱)",
    ]


async def test_one_reason_can_be_looked_at(world: World) -> None:
    await store(world, REASONS)
    page = await world.press_for(
        ADMIN, await world.say(ADMIN, "/admin", "مدیریت"), "کنار گذاشته‌ها", "نوشتهٔ آخر"
    )

    abusive = await world.press_for(ADMIN, page, "توهین‌آمیز (۱)", "نوشتهٔ آخر")

    assert "جاکش" in abusive["text"]
    assert "تخفیف" not in abusive["text"]
    assert "• توهین‌آمیز (۱) •" in buttons(abusive)


async def test_a_post_is_brought_back_and_left_out_again(world: World) -> None:
    """It is found by a search as soon as it is back; out again, it has the reason of before and
    says that an admin wanted it so."""
    await store(world, REASONS)
    search = world.hoshyar.search
    menu = await world.say(ADMIN, "/admin", "مدیریت")
    page = await world.press_for(ADMIN, menu, "کنار گذاشته‌ها", "نوشتهٔ آخر")
    before = await search.count(f'"{MOVED}"')

    back = await world.press_for(ADMIN, page, "↩️ ۲", "برگشت")
    await search.catch_up()
    found = await search.count(f'"{MOVED}"')
    out = await world.press_for(ADMIN, back, "کنار بگذار", "کنار گذاشته شده")
    await search.catch_up()
    after = await search.count(f'"{MOVED}"')
    again = await world.press_for(ADMIN, out, "‹ کنار گذاشته‌ها", "نوشتهٔ آخر")

    assert (before.value, found.value, after.value) == (0, 1, 0)
    assert "(توهین‌آمیز)" in out["text"]
    assert "۲. توهین‌آمیز · به دست مدیر" in again["text"]
    (one,) = await world.hoshyar.dropped.newest(9, DropReason.ABUSIVE)
    assert one.drop_evidence == BY_ADMIN
    assert await world.hoshyar.posts.last_change() == 2


async def test_more_than_a_page_is_turned_and_comes_back_to_its_place(world: World) -> None:
    reasons = {n: (DropReason.SPAM, f"proof {n}") for n in range(1, PER_PAGE + 4)}
    await store(world, reasons)
    menu = await world.say(ADMIN, "/admin", "مدیریت")
    first = await world.press_for(ADMIN, menu, "کنار گذاشته‌ها", "نوشتهٔ آخر")

    second = await world.press_for(ADMIN, first, "بعدی", "proof 1")
    back = await world.press_for(ADMIN, second, "↩️ ۶", "برگشت")
    there = await world.press_for(ADMIN, back, "‹ کنار گذاشته‌ها", "proof 1")

    assert "proof 3" in second["text"]
    assert "proof 4" not in second["text"]
    assert "proof 3" not in there["text"]
    assert "بعدی ›" not in buttons(there)
    assert "‹ قبلی" in buttons(there)


async def test_the_last_of_a_page_gone_the_page_before_is_shown(world: World) -> None:
    reasons = {n: (DropReason.SPAM, f"proof {n}") for n in range(1, PER_PAGE + 2)}
    await store(world, reasons)
    menu = await world.say(ADMIN, "/admin", "مدیریت")
    first = await world.press_for(ADMIN, menu, "کنار گذاشته‌ها", "نوشتهٔ آخر")
    second = await world.press_for(ADMIN, first, "بعدی", "proof 1")

    back = await world.press_for(ADMIN, second, "↩️ ۶", "برگشت")
    there = await world.press_for(ADMIN, back, "‹ کنار گذاشته‌ها", "proof 2")

    assert "proof 6" in there["text"]


async def test_nothing_left_out_is_said_so(world: World) -> None:
    menu = await world.say(ADMIN, "/admin", "مدیریت")
    page = await world.press_for(ADMIN, menu, "کنار گذاشته‌ها", "نوشتهٔ آخر")

    assert "چیزی نیست." in page["text"]


async def test_a_reader_has_no_such_buttons(world: World) -> None:
    """A forged press of somebody else changes nothing, and a post that is gone is told to be."""
    await store(world, REASONS)
    menu = await world.say(ADMIN, "/admin", "مدیریت")
    page = await world.press_for(ADMIN, menu, "کنار گذاشته‌ها", "نوشتهٔ آخر")
    data = data_of(page, "↩️ ۲")
    hello = await world.say(SARA, "/start", "سلام")
    forged = world.box.world.chats[SARA].messages[hello["message_id"]]
    forged["reply_markup"]["inline_keyboard"].append([{"text": "x", "callback_data": data}])
    shown = world.box.world.chats[ADMIN].messages[page["message_id"]]
    gone = {"text": "gone", "callback_data": "ADb:999999:-:0"}
    shown["reply_markup"]["inline_keyboard"].append([gone])

    refused = await world.press(SARA, hello, "x")
    missing = await world.press(ADMIN, page, "gone")

    assert refused.get("show_alert")
    assert missing.get("show_alert")
    assert len(await world.hoshyar.dropped.newest(9)) == 3


@pytest.mark.parametrize("lang", ["fa", "en"])
def test_every_reason_has_its_words_and_the_longest_page_fits(lang: str) -> None:
    reader = Reader(lang, "Asia/Tehran", NOW)
    long = [post(n, reason, "🔥" * 300) for n, reason in enumerate(DropReason, 1)]
    counts = dict.fromkeys(DropReason, 1234)

    message = dropped_message(
        reader, long, counts, DroppedPage(page=399), more=True, looked_at=2000
    )

    assert utf16_len(message.text) <= TEXT_LIMIT
    assert len([row for row in message.keyboard if row]) == len(message.keyboard)
    for one in long:
        assert one.drop is not None
        page = DroppedPage(reason=one.drop, page=399)
        out = fate_message(reader, one, one.drop, page)
        assert one.drop.value not in out.text or lang == "en"


async def test_an_english_admin_reads_english(world: World) -> None:
    await store(world, {1: (DropReason.NEAR_DUPLICATE, "of post 3")})
    await world.say(ADMIN, "/lang en")

    menu = await world.say(ADMIN, "/admin", "dministration")
    page = await world.press_for(ADMIN, menu, "Left out", "of the last")
    back = await world.press_for(ADMIN, page, "↩️ 1", "The post is back")

    assert "1. near duplicate · of post 3" in page["text"]
    assert "🚫 Leave out" in buttons(back)
