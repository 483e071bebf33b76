"""Digests by schedule: each once, never skipped, never twice, and only news to its chat."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from bot.errors import BadInput
from bot.features.reports import DigestRound
from bot.models.chart import RenderedDigest
from bot.models.insight import Digest, Window
from bot.models.messages import OutMessage
from bot.models.user import Chat
from bot.models.work import Lane, OutboxState
from bot.ports import Database, Transaction
from bot.storage.attachments import AttachmentStore
from bot.storage.digests import DigestStore, ReceivedStore
from bot.storage.watches import FOREVER
from bot.utils.times import from_ms
from tests.telling_world import CHAT, HandClock, World, close_world, open_world

TITLES = (
    "بهای سکه در بازار رشت پایین آمد",
    "قطار تازهٔ مشهد به راه افتاد",
    "نمایشگاه کتاب شیراز فردا باز می‌شود",
    "تیم والیبال بانوان به نیمه‌نهایی رسید",
    "سد کرج نیمی از گنجایش خود را پر کرد",
)

PLACES = "تجریش ونک ری شهران نارمک پونک آزادی قلهک دربند اوین لویزان یافت‌آباد"


@pytest.fixture
async def world(db: Database, tmp_path: Path) -> AsyncIterator[World]:
    made = await open_world(db, tmp_path)
    yield made
    await close_world(made)


async def snow(world: World, posts: int = 12) -> None:
    """Something that rises."""
    places = PLACES.split()
    texts = (f"برف در {places[n % 12]} نشست {n // 12}" for n in range(posts))
    await world.say(*texts)


async def test_a_plan_makes_its_digest_once_a_day(world: World) -> None:
    """At its time, not before it, and not again until tomorrow."""
    chat = await world.chat()
    world.clock.now = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)  # 07:30 in Tehran
    await world.plan(chat, "08:00")
    reports = world.reports()
    early = await reports.run_due()
    world.clock.move(minutes=30)
    await snow(world)
    first = await reports.run_due()
    again = await reports.run_due()
    world.clock.move(hours=23, minutes=59)
    before = await reports.run_due()
    world.clock.move(minutes=1)

    second = await reports.run_due()

    made = [done.made for done in (early, first, again, before, second)]
    assert made == [0, 1, 0, 0, 1]
    assert len(await world.out()) == 2
    assert all(row.lane is Lane.BULK for row in await world.out())
    (plan,) = await world.plans.of_chat(CHAT)
    assert plan.last_slot == "2026-11-22T08:00"


async def test_a_late_start_makes_it_once_and_says_so(world: World) -> None:
    """The bot was off at eight and starts at eleven."""
    chat = await world.chat()
    world.clock.now = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
    await world.plan(chat, "08:00")
    world.clock.move(hours=3, minutes=30)

    done, again = await world.reports().run_due(), await world.reports().run_due()

    assert (done, again) == (DigestRound(made=1, late=1), DigestRound())
    (digest,) = world.digests
    assert digest.is_late
    assert digest.due_at == datetime(2026, 11, 21, 4, 30, tzinfo=UTC)
    (plan,) = await world.plans.of_chat(CHAT)
    assert plan.next_at == datetime(2026, 11, 22, 4, 30, tzinfo=UTC)


async def test_days_of_silence_are_one_digest_over_the_week(world: World) -> None:
    """Four missed mornings do not become four messages."""
    chat = await world.chat()
    await world.plan(chat, "08:00")
    world.clock.move(days=4)

    done = await world.reports().run_due()

    assert done.made == 1
    assert [digest.window for digest in world.digests] == [Window.D7]
    assert (await world.reports().run_due()).made == 0


@pytest.mark.parametrize(
    ("zone", "start", "clock"),
    [
        ("Europe/Berlin", datetime(2026, 3, 27, 0, 0, tzinfo=UTC), "02:30"),
        ("Europe/Berlin", datetime(2026, 10, 23, 0, 0, tzinfo=UTC), "02:30"),
        ("America/New_York", datetime(2026, 3, 6, 0, 0, tzinfo=UTC), "02:15"),
        ("America/New_York", datetime(2026, 10, 30, 0, 0, tzinfo=UTC), "01:30"),
        ("Asia/Tehran", datetime(2026, 3, 20, 0, 0, tzinfo=UTC), "00:30"),
    ],
    ids=["Berlin gap", "Berlin fold", "New York gap", "New York fold", "Tehran new year"],
)
async def test_changes_of_the_clock_neither_skip_nor_double(
    world: World, zone: str, start: datetime, clock: str
) -> None:
    """Four days around a change, a look every half hour: four digests, a local day apart."""
    world.clock.now = start
    await world.plan(await world.chat(timezone=zone), clock)
    reports = world.reports()

    made = [(await reports.run_due(world.clock.move(minutes=30))).made for _ in range(4 * 48)]

    assert sum(made) == 4
    slots = [digest.due_at for digest in world.digests if digest.due_at]
    gaps = [(b - a) / timedelta(hours=1) for a, b in pairwise(slots)]
    assert all(22.5 <= gap <= 25.5 for gap in gaps)


async def test_two_processes_make_it_once(world: World) -> None:
    """Both saw it due; the second to finish has nothing to hand over."""
    await world.plan(await world.chat(), "08:00")
    world.clock.move(days=1)
    other = world.reports()

    async def meanwhile(digest: Digest, chat: Chat) -> RenderedDigest:
        await other.run_due()
        return await world.render_digest(digest, chat)

    done = await world.reports(render=meanwhile).run_due()

    assert done.made == 0
    assert len(await world.out()) == 1


class DyingPlans(DigestStore):
    """Advances the plan, then fails: whatever came before in the transaction must go too."""

    async def advance_in(self, *args: object) -> bool:  # type: ignore[override]
        await super().advance_in(*args)  # type: ignore[arg-type]
        raise OSError("disk full")


class DyingReceived(ReceivedStore):
    """Fails at the last statement of the hand-over."""

    async def mark_in(
        self, tx: Transaction, chat_id: int, items: Sequence[str], at: datetime
    ) -> None:
        raise OSError("disk full")


@pytest.mark.parametrize("dying", ["plans", "received"])
async def test_an_error_in_mid_hand_over_leaves_nothing_half_done(
    world: World, db: Database, dying: str
) -> None:
    """No message without its mark, no plan moved without its message; the next round does all."""
    await world.plan(await world.chat(), "08:00")
    await snow(world)
    world.clock.move(days=1)
    reports = world.reports()
    if dying == "plans":
        reports._plans = DyingPlans(db)
    else:
        reports._received = DyingReceived(db)

    with pytest.raises(ExceptionGroup, match="digests not made"):
        await reports.run_due()
    assert await world.out() == []
    done = await world.reports().run_due()

    assert done.made == 1
    assert len(await world.out()) == 1


async def test_one_digest_that_fails_does_not_hold_up_others(world: World) -> None:
    """Its plan stays due and is tried again."""
    await world.plan(await world.chat(1), "08:00")
    await world.plan(await world.chat(2), "08:00")
    world.clock.move(days=1)

    async def fails_for_one(digest: Digest, chat: Chat) -> RenderedDigest:
        if chat.id == 1:
            raise ValueError("no words")
        return await world.render_digest(digest, chat)

    with pytest.raises(ExceptionGroup, match="digests not made"):
        await world.reports(render=fails_for_one).run_due()
    assert [row.chat_id for row in await world.out()] == [2]

    assert (await world.reports().run_due()).made == 1
    assert [row.chat_id for row in await world.out()] == [2, 1]


async def test_novelty_is_what_the_chat_was_told_also_across_midnight(world: World) -> None:
    """What came after the last digest is new though its day has passed; what was told is not."""
    chat = await world.chat()
    source = await world.source("isna")
    reports = world.reports()
    world.clock.now = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)  # 23:30 in Tehran
    await world.headline(source, TITLES[0])
    world.clock.move(minutes=1)
    before = await reports.send_now(chat)
    world.clock.move(minutes=14)  # 23:45: after the digest, before midnight
    await world.headline(source, TITLES[1])
    world.clock.move(minutes=30)  # 00:15, the next day
    await world.headline(source, TITLES[2])
    world.clock.move(minutes=5)

    after = await reports.send_now(chat)

    assert [post.title for post in before.news] == [TITLES[0]]
    assert sorted(post.title for post in after.news) == sorted(TITLES[1:3])


async def test_another_chat_has_its_own_novelty(world: World) -> None:
    """What one was told is news to the other."""
    one, other = await world.chat(1), await world.chat(2)
    source = await world.source("isna")
    await world.headline(source, TITLES[0])
    world.clock.move(minutes=1)
    reports = world.reports()
    await reports.send_now(one)

    digest = await reports.send_now(other)

    assert [post.title for post in digest.news] == [TITLES[0]]


async def test_a_trend_is_new_once(world: World) -> None:
    """The second digest shows it still, but not as new; and says honestly if nothing is."""
    chat = await world.chat()
    await snow(world)
    reports = world.reports()
    world.clock.move(minutes=1)
    first = await reports.send_now(chat)
    world.clock.move(minutes=20)

    second = await reports.send_now(chat)

    assert first.has_new
    assert {trend.key for trend in first.trends} == first.new_keys
    assert [trend.key for trend in second.trends] == [trend.key for trend in first.trends]
    assert second.new_keys == frozenset()
    assert not second.has_new


async def test_a_trend_that_comes_back_is_new_again(world: World) -> None:
    """It rose, was told, went away for days and rises anew."""
    chat = await world.chat()
    await snow(world)
    reports = world.reports()
    world.clock.move(minutes=1)
    first = await reports.send_now(chat)
    for _ in range(3):
        world.clock.move(days=1)
        await world.analyser.run()
    await snow(world, 60)
    world.clock.move(minutes=15)

    again = await reports.send_now(chat)

    assert again.new_keys & first.new_keys


async def test_what_could_not_be_delivered_was_not_received(world: World) -> None:
    """Telegram refused the message, so its headline is still news to the chat."""
    chat = await world.chat()
    source = await world.source("isna")
    await world.headline(source, TITLES[0])
    await world.plan(chat, "12:31")
    world.clock.move(minutes=2)
    reports = world.reports()
    await reports.run_due()
    await world.db.execute("UPDATE outbox SET state='failed'")
    world.clock.move(hours=23, minutes=59)

    await reports.run_due()

    assert [[post.title for post in d.news] for d in world.digests] == [[TITLES[0]]] * 2


async def test_what_may_have_arrived_counts_as_received(world: World) -> None:
    """Saying it twice is worse than an admin's look at the doubtful one."""
    chat = await world.chat()
    source = await world.source("isna")
    await world.headline(source, TITLES[0])
    await world.plan(chat, "12:31")
    world.clock.move(minutes=2)
    reports = world.reports()
    await reports.run_due()
    await world.db.execute("UPDATE outbox SET state='ambiguous'")
    world.clock.move(hours=23, minutes=59)

    await reports.run_due()

    assert [[post.title for post in d.news] for d in world.digests] == [[TITLES[0]], []]


async def test_a_muted_term_is_left_out(world: World) -> None:
    """Of the trends and of the headlines."""
    chat = await world.chat()
    source = await world.source("isna")
    await snow(world)
    await world.headline(source, "برف راه‌ها را بست")
    await world.headline(source, TITLES[0])
    await world.watch_store.mute(CHAT, "برف", "برف", FOREVER)
    world.clock.move(minutes=1)

    digest = await world.reports().digest(chat, Window.H24, world.clock())

    assert all("برف" not in (trend.key, *trend.member_keys) for trend in digest.trends)
    assert [post.title for post in digest.news] == [TITLES[0]]


async def test_a_topic_is_that_of_the_sources_or_else_words(world: World) -> None:
    """«اقتصاد» is what some outlets write about; «کتاب» is looked for."""
    chat = await world.chat()
    money, all_else = await world.source("eco", "اقتصاد"), await world.source("isna", "عمومی")
    await world.headline(money, TITLES[0])
    await world.headline(money, TITLES[1])
    for title in TITLES[2:]:
        await world.headline(all_else, title)
    world.clock.move(minutes=1)
    digests = world.reports()

    economy = await digests.digest(chat, Window.H24, world.clock(), "اقتصاد")
    books = await digests.digest(chat, Window.H24, world.clock(), "كتاب")

    assert {post.title for post in economy.news} == set(TITLES[:2])
    assert {post.title for post in books.news} == {TITLES[2]}
    assert (economy.kept, books.kept) == (2, 1)
    assert (economy.topic, books.topic) == ("اقتصاد", "كتاب")


async def test_a_digest_holds_what_its_pictures_need(world: World) -> None:
    """Volume in even steps, moods, the course of the strongest trends, and proof of each."""
    chat = await world.chat()
    await snow(world)
    world.clock.move(minutes=1)

    digest = await world.reports().digest(chat, Window.H24, world.clock())

    assert len(digest.volume) == 24
    assert sum(point.posts for point in digest.volume) == digest.kept == 12
    assert digest.mood.total == 12
    strongest = digest.trends[0]
    assert sum(point.posts for point in digest.series[strongest.key]) >= 3
    assert [p.at for p in digest.series[strongest.key]] == [p.at for p in digest.volume]
    assert any(post_id in digest.posts for post_id in strongest.post_ids)


async def test_a_headline_collected_late_is_not_lost(world: World) -> None:
    """Written before the last digest, read by us after it: it comes with the next one."""
    chat = await world.chat()
    source = await world.source("isna")
    await world.plan(chat, "12:31")
    world.clock.move(minutes=2)
    reports = world.reports()
    await reports.run_due()
    await world.headline(source, TITLES[0], created_at=world.clock() - timedelta(hours=1))
    world.clock.move(days=1)

    await reports.run_due()

    assert [[post.title for post in d.news] for d in world.digests] == [[], [TITLES[0]]]


async def test_a_week_is_drawn_for_phrases_too(world: World) -> None:
    """The course of a phrase over seven days is known, and what is unknown is left out."""
    chat = await world.chat()
    names = PLACES.split()
    await world.say(*(f"تیم ملی والیبال {name} برد" for name in names))
    world.clock.move(minutes=1)

    digest = await world.reports().digest(chat, Window.D7, world.clock())

    assert len(digest.volume) == 42
    assert digest.series
    assert all(sum(p.posts for p in points) == 12 for points in digest.series.values())


async def test_an_empty_world_makes_an_honest_digest(world: World) -> None:
    """Nothing happened: it is sent, and has nothing new."""
    await world.plan(await world.chat(), "08:00")
    world.clock.move(days=1)

    done = await world.reports().run_due()

    assert done.made == 1
    (digest,) = world.digests
    assert (digest.kept, digest.trends, digest.news, digest.has_new) == (0, (), (), False)


async def test_a_digest_asked_for_is_sent_once_a_minute_and_at_once(world: World) -> None:
    """Somebody waits, so quiet hours do not hold it; a double press is one digest, and told so."""
    chat = await world.chat()
    reports = world.reports()

    await reports.send_now(chat)
    with pytest.raises(BadInput, match="just_sent"):
        await reports.send_now(chat)
    world.clock.move(minutes=1)
    await reports.send_now(chat)

    assert [row.lane for row in await world.out()] == [Lane.URGENT, Lane.URGENT]


async def test_the_parts_of_a_digest_go_in_order(world: World) -> None:
    """Its messages are one group: a later one waits for the one before."""
    chat = await world.chat()
    source = await world.source("isna")
    await world.headline(source, TITLES[0])
    world.clock.move(minutes=1)

    await world.reports().send_now(chat)

    rows = await world.out()
    assert [row.part for row in rows] == [0, 1]
    assert len({row.group_key for row in rows}) == 1
    assert rows[0].unique_key == rows[0].group_key


async def test_the_chart_is_the_picture_of_the_first_message(world: World) -> None:
    """A file stored with the message, under the name that the message has for it."""
    chat = await world.chat()
    await snow(world)
    world.with_chart = True
    world.clock.move(minutes=1)

    await world.reports().send_now(chat)

    message = OutMessage.from_json((await world.out())[0].payload)
    assert message.photo is not None
    stored = await AttachmentStore(world.db).get(message.photo.content_hash)
    assert stored is not None
    assert stored.startswith(b"\x89PNG")


async def test_without_a_chart_the_digest_goes_all_the_same(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A picture is no reason to be silent, and its absence is logged."""
    chat = await world.chat()
    world.with_chart = True
    await world.charts.close()

    await world.reports().send_now(chat)

    (row,) = await world.out()
    assert OutMessage.from_json(row.payload).photo is None
    assert "without its chart" in caplog.text


async def test_paused_plans_and_unreachable_chats_get_nothing(world: World) -> None:
    """And a chat that can be reached again gets its digest then."""
    paused = await world.plan(await world.chat(1), "08:00")
    await world.plans.set_active(1, paused.id, False, paused.next_at)
    await world.plan(await world.chat(2, reachable=False), "08:00")
    world.clock.move(days=1)
    reports = world.reports()
    none = await reports.run_due()
    await world.chats.set_reachable(2, True)

    some = await reports.run_due()

    assert (none.made, some.made) == (0, 1)


async def test_plans_survive_the_store(world: World) -> None:
    """Save, read, list, move, remove; saving an equal one again changes its days."""
    chat = await world.chat()
    plan = await world.plan(chat, "08:00", "ورزش", "0246")
    other = await world.plan(chat, "20:00")
    changed = await world.plan(chat, "08:00", "ورزش", "13")

    assert await world.plans.get(plan.id) == changed
    assert (changed.id, changed.days) == (plan.id, "13")
    assert [p.id for p in await world.plans.of_chat(CHAT)] == [plan.id, other.id]
    assert await world.plans.set_next(other, from_ms(1000))
    assert not await world.plans.set_next(other, from_ms(2000))  # it has moved meanwhile
    assert not await world.plans.remove(999, plan.id)  # another chat's
    assert await world.plans.remove(CHAT, plan.id)
    assert [p.id for p in await world.plans.all()] == [other.id]


async def test_what_was_told_is_forgotten_after_long(db: Database) -> None:
    """Marks are by chat, renewed by telling again, and purged by age."""
    store = ReceivedStore(db)
    long_key = "t:" + "ب" * 300

    async def mark(at: datetime, *items: str) -> None:
        await db.write(lambda tx: store.mark_in(tx, CHAT, items, at))

    await mark(from_ms(1000), "t:old", "t:renewed", long_key)
    await mark(from_ms(5000), "t:renewed", "p:7")
    told = await store.told(CHAT, ["t:old", "t:renewed", long_key, "t:never"])
    purged = await store.purge(from_ms(3000))

    assert told == {"t:old": from_ms(1000), "t:renewed": from_ms(5000), long_key: from_ms(1000)}
    assert await store.told(CHAT + 1, ["t:old"]) == {}
    assert await store.since(CHAT, "p:", from_ms(0)) == {"p:7": from_ms(5000)}
    assert purged == 2
    assert list(await store.told(CHAT, ["t:old", "t:renewed"])) == ["t:renewed"]


async def test_states_of_the_outbox_are_those_that_the_marks_know(world: World) -> None:
    """Taking back is by these two states: nobody renames them unnoticed."""
    assert {OutboxState.GONE.value, OutboxState.FAILED.value} == {"gone", "failed"}
    assert HandClock()() == world.clock()
