"""Alerts: a watched word reaches its chat within a round, each story once, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from bot.models.alert import Alert
from bot.models.messages import OutMessage
from bot.models.post import DropReason, Engagement
from bot.models.user import Chat, Watch
from bot.models.work import Lane
from bot.ports import Database, Transaction
from bot.storage.digests import ReceivedStore
from bot.storage.watches import FOREVER
from tests.telling_world import CHAT, HandClock, World, close_world, open_world


@pytest.fixture
async def world(db: Database, tmp_path: Path) -> AsyncIterator[World]:
    made = await open_world(db, tmp_path)
    yield made
    await close_world(made)


async def test_a_new_post_is_told_at_once_and_once(world: World) -> None:
    """One message, urgent; the next round has nothing to add."""
    await world.chat()
    await world.say("برف دیروز هم آمد")
    await world.watch("برف")
    await world.say("امروز برف آمد", "هوا آفتابی است")
    alerts = world.alerts()

    first, second = await alerts.round(), await alerts.round()

    assert (first.found, first.told, first.messages) == (1, 1, 1)
    assert (second.found, second.told, second.messages) == (0, 0, 0)
    assert await world.texts() == ["برف: امروز برف آمد"]
    assert [row.lane for row in await world.out()] == [Lane.URGENT]


@pytest.mark.parametrize(
    ("term", "text", "is_told"),
    [
        ("برف", "برفی سنگین", False),
        ("برف", "بَرف!", True),
        ("کتابخانهٔ ملی", "كتابخانه ملي باز شد", True),
        ("برف تهران", "#برف_تهران", True),
        ("#برف_تهران", "خبرِ برف تهران", True),
        ("برف‌تهران", "برف تهران", True),
        ("برف تهران", "برف در تهران", False),
        ("تیم ملی", "تیم های ملی", False),
        ("درآمد", "در آمد", False),
        ("AI", "دربارهٔ ai حرف بزنیم", True),
        ("AI", "Said nothing", False),
        ("۱۴۰۵", "سال 1405", True),
        ("@iran_news", "سلام @Iran_News خوبی", True),
    ],
)
async def test_whole_words_match_in_every_spelling(
    world: World, term: str, text: str, is_told: bool
) -> None:
    """No part of a word, whatever keyboard it was written with."""
    await world.chat()
    await world.watch(term)
    await world.say(text)

    done = await world.alerts().round()

    assert bool(done.told) is is_told


async def test_near_duplicates_are_one_story(world: World) -> None:
    """A copy of what was told is not told again."""
    await world.chat()
    await world.watch("زلزله")
    (first,) = await world.say("زلزله در تبریز حس شد")
    await world.alerts().round()
    world.clock.move(minutes=30)
    await world.copy(first, "زلزله در تبریز حس شد!")
    await world.copy(first, "فوری: زلزله در تبریز حس شد")

    done = await world.alerts().round()

    assert done.found == 0
    assert len(await world.texts()) == 1


async def test_a_copy_of_an_older_story_is_not_news(world: World) -> None:
    """The original was there before the watch, so its copies are as old as it."""
    await world.chat()
    (first,) = await world.say("زلزله در تبریز حس شد")
    await world.watch("زلزله")
    await world.copy(first, "زلزله در تبریز حس شد!")

    assert (await world.alerts().round()).found == 0


async def test_a_quote_that_adds_the_word_is_told_once(world: World) -> None:
    """The original does not say the word, its copies do: the first of them is told."""
    await world.chat()
    await world.watch("کرمان")
    (first,) = await world.say("هوا از فردا سرد می‌شود و باد می‌وزد")
    await world.copy(first, "کرمان: هوا از فردا سرد می‌شود و باد می‌وزد")
    await world.copy(first, "در کرمان هوا از فردا سرد می‌شود و باد می‌وزد")

    done = await world.alerts().round()

    assert done.found == 1
    assert await world.texts() == ["کرمان: کرمان: هوا از فردا سرد می‌شود و باد می‌وزد"]


async def test_spam_and_old_posts_tell_nothing(world: World) -> None:
    """What is left out is left out here too; an import of old posts wakes nobody."""
    await world.chat()
    await world.watch("دلار")
    await world.say("دلار ارزان بخرید", drop=DropReason.SPAM)
    await world.say("دلار گران شد", created_at=world.clock() - timedelta(days=400))

    done = await world.alerts().round()

    assert (done.looked_at, done.found) == (2, 0)


async def test_matches_of_a_round_come_in_one_message(world: World) -> None:
    """The most cared-for posts are shown, the others are counted."""
    await world.chat()
    await world.watch("برف")
    await world.watch("باران")
    for number in range(8):
        await world.say(f"برف شماره {number}", engagement=Engagement(likes=number))
    await world.say("باران آمد")

    done = await world.alerts().round()

    assert (done.told, done.messages) == (9, 1)
    (alert,) = world.alerts_made
    snow, rain = alert.items
    assert [post.engagement.likes for post in snow.posts] == [7, 6, 5, 4, 3]
    assert (snow.more, rain.more, alert.stories) == (3, 0, 9)
    assert not snow.held


async def test_between_two_alerts_there_is_a_pause_and_nothing_is_lost(world: World) -> None:
    """What comes during the pause waits for its end and comes with its count."""
    await world.chat()
    await world.watch("برف")
    alerts = world.alerts(cooldown=timedelta(minutes=10))
    await world.say("برف یک")
    await alerts.round()
    world.clock.move(minutes=3)
    await world.say("برف دو", "برف سه")
    during = await alerts.round()
    world.clock.move(minutes=3)
    await world.say("برف چهار")
    still = await alerts.round()
    world.clock.move(minutes=4)

    after = await alerts.round()

    assert (during.held, during.told, still.held) == (2, 0, 3)
    assert (after.told, after.messages) == (3, 1)
    assert [item.held for item in world.alerts_made[-1].items] == [True]
    assert len(await world.texts()) == 2


async def test_one_word_pauses_alone(world: World) -> None:
    """The pause is each watch's own."""
    await world.chat()
    await world.watch("برف")
    await world.watch("باران")
    alerts = world.alerts(cooldown=timedelta(minutes=10))
    await world.say("برف یک")
    await alerts.round()
    world.clock.move(minutes=1)
    await world.say("برف دو", "باران آمد")

    done = await alerts.round()

    assert (done.told, done.held) == (1, 1)
    assert (await world.texts())[-1] == "باران: باران آمد"


async def test_quiet_hours_hold_and_then_tell(world: World) -> None:
    """Nothing is said at night, and everything in the morning; the night spans midnight."""
    await world.chat(quiet_from="23:00", quiet_to="07:00")
    await world.watch("برف")
    alerts = world.alerts()
    world.clock.move(hours=12)  # 00:30 in Tehran
    await world.say("برف شبانه")
    night = await alerts.round()
    world.clock.move(hours=7)  # 07:30

    morning = await alerts.round()

    assert (night.found, night.told, night.held) == (1, 0, 1)
    assert morning.told == 1


async def test_a_muted_word_says_nothing_until_it_is_unmuted(world: World) -> None:
    """A mute is silence, not a delay."""
    await world.chat()
    watch = await world.watch("برف")
    await world.watch_store.mute(CHAT, watch.key, watch.term, FOREVER)
    alerts = world.alerts()
    world.clock.move(minutes=1)
    await world.say("برف یک")
    muted = await alerts.round()
    await world.watch_store.unmute(CHAT, watch.key)
    world.clock.move(minutes=1)
    await world.say("برف دو")

    done = await alerts.round()

    assert muted.found == 0
    assert (done.told, await world.texts()) == (1, ["برف: برف دو"])


async def test_a_mute_ends_by_itself(world: World) -> None:
    """Six hours are six hours."""
    await world.chat()
    watch = await world.watch("برف")
    await world.watch_store.mute(CHAT, watch.key, watch.term, world.clock() + timedelta(hours=6))
    alerts = world.alerts()
    await alerts.round()
    world.clock.move(hours=6, seconds=1)
    await world.say("برف آمد")

    assert (await alerts.round()).told == 1


async def test_an_unwatched_word_is_forgotten_with_what_it_found(world: World) -> None:
    """Removed while something waited for it: nothing is told, and nothing stays behind."""
    await world.chat()
    await world.watch("برف")
    alerts = world.alerts(cooldown=timedelta(minutes=10))
    await world.say("برف یک")
    await alerts.round()
    world.clock.move(minutes=1)
    await world.say("برف دو")
    await alerts.round()
    await world.watches.remove(CHAT, "برف")
    world.clock.move(minutes=20)

    done = await alerts.round()
    forgotten = await world.alert_store.purge(world.clock() - timedelta(days=60))

    assert (done.told, done.held, forgotten) == (0, 0, 2)


async def test_a_chat_that_went_away_is_not_written_to(world: World) -> None:
    """Nor flooded with the past when it comes back."""
    await world.chat(reachable=False)
    await world.watch("برف")
    alerts = world.alerts()
    world.clock.move(minutes=1)
    await world.say("برف یک")
    away = await alerts.round()
    await world.chats.set_reachable(CHAT, True)
    await world.say("برف دو")

    back = await alerts.round()

    assert (away.found, back.found) == (0, 1)
    assert await world.texts() == ["برف: برف دو"]


async def test_each_chat_gets_its_own(world: World) -> None:
    """The same word of two chats is two messages."""
    await world.chat(1)
    await world.chat(2)
    await world.watch("برف", 1)
    await world.watch("برف", 2)
    await world.say("برف آمد")

    done = await world.alerts().round()

    assert done.messages == 2
    assert [row.chat_id for row in await world.out()] == [1, 2]


async def test_watches_made_while_posts_come_in_miss_nothing(world: World) -> None:
    """Each is told of every post stored after it was, while two processes look in turns."""
    await world.chat()
    looking = [world.alerts(), world.alerts()]
    made: list[Watch] = []
    expected: list[tuple[int, int]] = []

    async def watch() -> None:
        made.append(await world.watch(f"برف {len(made)}"))

    for number in range(12):
        await asyncio.gather(
            watch(), world.say(" ".join(f"برف {n}." for n in range(12)) + f" بار {number}")
        )
        await looking[number % 2].round()
    last_id = await world.posts.last_id()
    rows = await world.db.fetch_all("SELECT watch_id, post_id FROM alert_hits ORDER BY 1, 2")
    for one in made:
        expected += [(one.id, post_id) for post_id in range(one.after_post_id + 1, last_id + 1)]

    assert [(row[0], row[1]) for row in rows] == expected


async def test_processes_that_take_turns_tell_each_story_once(world: World) -> None:
    """What one found the other tells; posts come from a third; nothing depends on memory."""
    await world.chat()
    await world.watch("برف")
    first, second = world.alerts(), world.alerts()
    for number in range(6):
        await world.say(
            f"برف بار {number} آمد و {('خیابان', 'کوچه', 'میدان', 'پل', 'جاده', 'کوه')[number]} بست"
        )
        await (first, second)[number % 2].round()
        world.clock.move(minutes=6)
    await second.round()

    texts = await world.texts()
    assert len(texts) == 6
    assert all(f"بار {number}" in text for number, text in enumerate(texts))


async def test_a_position_never_goes_back(world: World) -> None:
    """A worker that slept through a round of another has nothing to say about it."""
    await world.alert_store.note((), 9)
    await world.alert_store.note((), 4)

    assert await world.alert_store.position() == 9


async def test_a_post_found_by_two_words_is_shown_once(world: World) -> None:
    """Under the word that came first, beside the other; what only one found is its own."""
    await world.chat()
    await world.watch("برف تهران")
    await world.watch("برف")
    await world.watch("تهران")
    await world.say("برف تهران بند آمد", "پل تهران بسته شد")

    done = await world.alerts().round()

    (alert,) = world.alerts_made
    told = [([post.text for post in item.posts], len(item.also)) for item in alert.items]
    assert told == [(["برف تهران بند آمد"], 1), (["پل تهران بسته شد"], 0)]
    assert done.told == done.found == 4


class Crash(BaseException):
    """The process ends here."""


class DyingReceived(ReceivedStore):
    """Fails at the last statement of the hand-over."""

    async def mark_in(
        self, tx: Transaction, chat_id: int, items: Sequence[str], at: object
    ) -> None:
        raise OSError("disk full")


async def test_a_crash_between_finding_and_telling_loses_nothing(world: World) -> None:
    """What was found is stored; whoever starts next tells it."""
    await world.chat()
    await world.watch("برف")
    await world.say("برف آمد")

    async def die(alert: Alert, chat: Chat) -> Sequence[OutMessage]:
        raise Crash

    with pytest.raises(Crash):
        await world.alerts(render=die).round()
    after = await world.alerts().round()

    assert (after.looked_at, after.told) == (0, 1)
    assert await world.texts() == ["برف: برف آمد"]


async def test_an_error_within_the_hand_over_doubles_nothing(world: World, db: Database) -> None:
    """The outbox row and the mark are one: neither is there, then both are."""
    await world.chat()
    await world.watch("برف")
    await world.say("برف آمد")
    dying = world.alerts()
    dying._received = DyingReceived(db)

    with pytest.raises(ExceptionGroup, match="alerts not made"):
        await dying.round()
    assert await world.out() == []
    await world.alerts().round()
    await world.alerts().round()

    assert await world.texts() == ["برف: برف آمد"]


async def test_a_crash_before_the_position_is_saved_repeats_harmlessly(world: World) -> None:
    """Looking at the same posts again finds nothing twice."""
    await world.chat()
    await world.watch("برف")
    await world.say("برف آمد")
    await world.alerts().round()
    await world.db.execute("UPDATE meta SET value='0' WHERE name='alerts.after_post_id'")
    world.clock.move(hours=1)

    again = await world.alerts().round()

    assert (again.looked_at, again.found, again.told) == (1, 0, 0)
    assert len(await world.texts()) == 1


async def test_two_processes_tell_it_once(world: World) -> None:
    """Both saw it waiting; the second finds it told."""
    await world.chat()
    await world.watch("برف")
    await world.say("برف آمد")
    other = world.alerts()

    async def meanwhile(alert: Alert, chat: Chat) -> Sequence[OutMessage]:
        await other.round()
        return await world.render_alert(alert, chat)

    done = await world.alerts(render=meanwhile).round()

    assert (done.told, done.messages) == (0, 0)
    assert len(await world.texts()) == 1


async def test_one_chat_that_cannot_be_written_for_does_not_silence_others(world: World) -> None:
    """The others are told; the error is not hidden, and the failed one is tried again."""
    await world.chat(1)
    await world.chat(2)
    await world.watch("برف", 1)
    await world.watch("برف", 2)
    await world.say("برف آمد")

    async def fails_for_one(alert: Alert, chat: Chat) -> Sequence[OutMessage]:
        if chat.id == 1:
            raise ValueError("no words")
        return await world.render_alert(alert, chat)

    with pytest.raises(ExceptionGroup, match="alerts not made"):
        await world.alerts(render=fails_for_one).round()
    assert [row.chat_id for row in await world.out()] == [2]
    again = await world.alerts().round()

    assert again.told == 1
    assert [row.chat_id for row in await world.out()] == [2, 1]


async def test_what_was_told_is_not_news_to_a_digest(world: World) -> None:
    """Alerts mark their posts as received."""
    await world.chat()
    await world.watch("برف")
    (post,) = await world.say("برف آمد")
    await world.alerts().round()

    assert list(await world.received.told(CHAT, [f"p:{post.id}", "p:0"])) == [f"p:{post.id}"]


async def test_many_posts_are_looked_at_in_steps(world: World) -> None:
    """More than one batch in one round, in order, none skipped."""
    await world.chat()
    await world.watch("برف")
    await world.say(*(f"روز {number} آفتابی" for number in range(1500)), "برف آمد")

    done = await world.alerts().round()

    assert (done.looked_at, done.found) == (1501, 1)


async def test_a_clock_of_another_zone_decides_its_quiet_hours(
    db: Database, tmp_path: Path
) -> None:
    """23:30 in Tehran is 21:00 in Berlin."""
    world = await open_world(db, tmp_path, HandClock())
    await world.chat(1, quiet_from="23:00", quiet_to="07:00")
    await world.chat(2, quiet_from="23:00", quiet_to="07:00", timezone="Europe/Berlin")
    await world.watch("برف", 1)
    await world.watch("برف", 2)
    world.clock.move(hours=11)
    await world.say("برف آمد")

    done = await world.alerts().round()
    await close_world(world)

    assert (done.told, done.held) == (1, 1)
    assert [row.chat_id for row in await world.out()] == [2]
