"""The durable inbox: against the Bot API double, with the real library and a real database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from telegram import Update
from telegram.ext import Application, CallbackQueryHandler, MessageHandler, filters

from bot.errors import LeaseLost, NotSent, StorageError
from bot.models.messages import Button, OutMessage
from bot.models.work import Lease, StoredUpdate, UpdateState
from bot.ports import Database
from bot.sandbox.server import SandboxServer
from bot.services.telegram_answering import answering, before_answer
from bot.services.telegram_api import TelegramApi
from bot.services.telegram_inbox import Inbox, Trouble
from bot.services.telegram_lines import LineProcessor
from bot.services.telegram_polling import InboxRequest
from bot.storage.leases import LeaseStore
from bot.storage.work import InboxStore
from bot.utils.times import utc_now

ADMIN = 1000
Handler = Callable[[Update], Awaitable[None]]


@pytest.fixture
async def box() -> AsyncIterator[SandboxServer]:
    async with SandboxServer(linked_channel=False) as server:
        yield server


class Bot:
    """The least bot: an inbox, a handler of texts, and what the handler has seen."""

    def __init__(self, box: SandboxServer, store: InboxStore, handler: Handler | None) -> None:
        self.seen: list[str] = []
        self.silent_failures: list[bool] = []
        self.troubles: list[Trouble] = []
        self.handler = handler
        self.inbox = Inbox(store, notify=self.tell, retry_after_s=(0.1,))
        request = InboxRequest(self.inbox, longest_back_off_s=1.0)
        self.api = TelegramApi(box.token, base_url=box.base_url, inbox_request=request)
        self.app: Application[Any, Any, Any, Any, Any, Any] = (
            Application.builder()
            .bot(self.api.bot)
            .concurrent_updates(LineProcessor(self.inbox))
            .build()
        )
        self.app.add_handler(MessageHandler(filters.TEXT, self.on_text))
        self.app.add_error_handler(self.on_error)

    async def tell(self, trouble: Trouble) -> None:
        self.troubles.append(trouble)

    async def on_text(self, update: Update, context: object) -> None:
        if self.handler:
            await self.handler(update)
        assert update.effective_message is not None
        self.seen.append(update.effective_message.text or "")

    async def on_error(self, update: object, context: Any) -> None:
        self.silent_failures.append(self.inbox.failed(update, context.error))


@asynccontextmanager
async def running(
    box: SandboxServer,
    store: InboxStore,
    handler: Handler | None = None,
    lease: Lease | None = None,
) -> AsyncIterator[Bot]:
    bot = Bot(box, store, handler)
    async with bot.app:
        await bot.app.start()
        await bot.inbox.start(bot.app, poll_timeout_s=5, lease=lease)
        async with asyncio.TaskGroup() as group:
            chores = group.create_task(bot.inbox.run(bot.app))
            try:
                yield bot
            finally:
                chores.cancel()
                if bot.app.updater:
                    await bot.app.updater.stop()
                await bot.app.stop()


async def until(holds: Callable[[], object], timeout_s: float = 5.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not holds():  # noqa: ASYNC110 - the world under test has no event to wait for
            await asyncio.sleep(0.01)


async def all_done(store: InboxStore) -> None:
    async with asyncio.timeout(15.0):
        while await store.undone():  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)


async def waiting_updates(box: SandboxServer) -> list[Any]:
    """What a poll brings, without confirming it."""
    async with httpx.AsyncClient(trust_env=False) as client:
        reply = await client.post(f"{box.base_url}{box.token}/getUpdates")
    return list(reply.json()["result"])


async def test_what_was_handled_is_marked_and_its_text_forgotten(
    box: SandboxServer, db: Database
) -> None:
    """After handling only the update's id stays."""
    store = InboxStore(db)

    async with running(box, store) as bot:
        await box.say(ADMIN, "سلام")
        await until(lambda: bot.seen)
        await all_done(store)

    rows = await db.fetch_all("SELECT state, body, attempts FROM inbox")
    assert rows == [("done", "", 1)]


async def test_an_unreadable_update_is_set_aside_and_the_next_ones_come(
    box: SandboxServer, db: Database
) -> None:
    """One poison update neither stops the bot nor is asked for again and again."""
    store = InboxStore(db)

    async with running(box, store) as bot:
        await box.say(ADMIN, "یک")
        poison = box.people.poison()
        await box.say(ADMIN, "دو")
        await until(lambda: bot.seen == ["یک", "دو"] and bot.troubles)
        polls = len(box.calls_of("getUpdates"))

    assert [(t.update_id, t.state) for t in bot.troubles] == [(poison, UpdateState.BAD)]
    assert [row.update_id for row in await store.set_aside()] == [poison]
    assert polls <= 4


async def test_undone_updates_of_an_earlier_run_come_first_and_once(
    box: SandboxServer, db: Database
) -> None:
    """What a crash left is replayed in order, though Telegram sends it again as well."""
    store = InboxStore(db)
    for text in ("یک", "دو", "سه"):
        await box.say(ADMIN, text)
    crashed = Inbox(store)
    await crashed.take_in(await waiting_updates(box))

    async with running(box, store) as bot:
        await box.say(ADMIN, "چهار")
        await until(lambda: "چهار" in bot.seen)
        await all_done(store)

    assert bot.seen == ["یک", "دو", "سه", "چهار"]


async def test_a_known_update_is_handed_on_once_but_confirmed_each_time(db: Database) -> None:
    """A reply that Telegram repeats yields stand-ins that only move the offset."""
    inbox = Inbox(InboxStore(db))
    raw = {"update_id": 7, "message": {"message_id": 1, "date": 1, "chat": _private(), "text": "x"}}

    first = await inbox.take_in([raw])
    second = await inbox.take_in([raw])

    assert first == [raw]
    assert [update["update_id"] for update in second] == [7]
    assert "message" not in second[0]


async def test_what_was_stored_but_not_handed_on_is_handed_on_later(db: Database) -> None:
    """When the reply was lost between the database and the library, the next one brings it."""
    store = InboxStore(db)
    raw = {"update_id": 7, "message": {"message_id": 1, "date": 1, "chat": _private(), "text": "x"}}
    await store.add_new([StoredUpdate(update_id=7, body=json.dumps(raw), received_at=utc_now())])

    assert await Inbox(store).take_in([raw]) == [raw]


async def test_a_passing_failure_is_handled_again(box: SandboxServer, db: Database) -> None:
    """When Telegram could not be reached, the update is tried again and the person not bothered."""
    store = InboxStore(db)
    failures = [NotSent("no network"), NotSent("no network")]

    async def flaky(update: Update) -> None:
        if failures:
            raise failures.pop()

    async with running(box, store, flaky) as bot:
        await box.say(ADMIN, "سلام")
        await until(lambda: bot.seen)
        await all_done(store)

    assert bot.seen == ["سلام"]
    assert bot.silent_failures == [True, True]
    assert bot.troubles == []


async def test_a_failure_that_stays_is_given_up_after_three_attempts(
    box: SandboxServer, db: Database
) -> None:
    """No endless loop: the update is set aside and the admins are told."""
    store = InboxStore(db)

    async def broken(update: Update) -> None:
        raise NotSent("no network")

    async with running(box, store, broken) as bot:
        await box.say(ADMIN, "سلام")
        await until(lambda: bot.troubles)

    assert bot.silent_failures == [True, True, False]
    assert [trouble.state for trouble in bot.troubles] == [UpdateState.FAILED]
    assert await store.counts() == {UpdateState.FAILED: 1}


async def test_a_bug_is_not_repeated(box: SandboxServer, db: Database) -> None:
    """A handler that breaks in an unknown way may have said something: it is not run again."""
    store = InboxStore(db)

    async def buggy(update: Update) -> None:
        raise KeyError("bug")

    async with running(box, store, buggy) as bot:
        await box.say(ADMIN, "سلام")
        await until(lambda: bot.troubles)

    assert bot.silent_failures == [False]
    assert "KeyError" in bot.troubles[0].error


async def test_an_update_that_kills_the_process_is_given_up(
    box: SandboxServer, db: Database
) -> None:
    """Three processes died handling it; the fourth leaves it alone and handles the rest."""
    store = InboxStore(db)
    await box.say(ADMIN, "بمب")
    await Inbox(store).take_in(await waiting_updates(box))
    for _ in range(3):
        await store.begin((await store.undone())[0].update_id)

    async with running(box, store) as bot:
        await box.say(ADMIN, "سلام")
        await until(lambda: bot.seen and bot.troubles)

    assert bot.seen == ["سلام"]
    assert [trouble.state for trouble in bot.troubles] == [UpdateState.FAILED]


async def test_one_persons_updates_stay_in_order_and_different_people_do_not_wait(
    box: SandboxServer, db: Database
) -> None:
    """Thirty updates of three people, each taking a while: in order for each, side by side."""
    store = InboxStore(db)
    people = [box.people.new_user(f"u{n}", started=True).id for n in range(3)]
    running_now, most = 0, 0

    async def slow(update: Update) -> None:
        nonlocal running_now, most
        running_now += 1
        most = max(most, running_now)
        await asyncio.sleep(0.02)
        running_now -= 1

    async with running(box, store, slow) as bot:
        for n in range(10):
            for person in people:
                await box.say(person, f"{person} {n}")
        await until(lambda: len(bot.seen) == 30)

    for person in people:
        assert [text for text in bot.seen if text.startswith(str(person))] == [
            f"{person} {n}" for n in range(10)
        ]
    assert most == 3


async def test_the_button_that_stops_an_answer_does_not_wait_for_it(
    box: SandboxServer, db: Database
) -> None:
    """A long answer is stopped by a press of the same person in the same chat."""
    stopped = asyncio.Event()

    async def long_answer(update: Update) -> None:
        keyboard = ((Button(text="بس است", data="stop:1"),),)
        await bot.api.send(ADMIN, OutMessage(text="پاسخ بلند", keyboard=keyboard))
        await asyncio.wait_for(stopped.wait(), 5)

    async def on_press(update: Update, context: object) -> None:
        stopped.set()

    async with running(box, InboxStore(db), long_answer) as bot:
        bot.app.add_handler(CallbackQueryHandler(on_press))
        await box.say(ADMIN, "سؤال")
        message = await box.wait_message(ADMIN, "پاسخ بلند")
        await box.press(ADMIN, message["message_id"], "stop:1")
        await until(lambda: bot.seen)

    assert bot.silent_failures == []


async def test_beside_a_second_poller_the_bot_backs_off_and_comes_back(
    box: SandboxServer, db: Database
) -> None:
    """Another program polls greedily for three seconds: few conflicts of ours, then all is well."""
    async with (
        running(box, InboxStore(db)) as bot,
        httpx.AsyncClient(trust_env=False, timeout=10) as thief,
    ):
        until_s = asyncio.get_running_loop().time() + 3.0
        most = 0
        while asyncio.get_running_loop().time() < until_s:
            await thief.post(f"{box.base_url}{box.token}/getUpdates", json={"timeout": 1})
            most = max(most, bot.inbox.conflicts)
        refused = [call for call in box.calls_of("getUpdates") if call.error_code == 409]
        await box.say(ADMIN, "سلام")
        await until(lambda: bot.seen == ["سلام"], timeout_s=10)

    assert most >= 1
    assert len(refused) <= 8
    assert bot.inbox.conflicts == 0


async def test_a_database_that_fails_for_a_moment_loses_no_update(
    box: SandboxServer, db: Database
) -> None:
    """What could not be stored is not confirmed either, so Telegram gives it again."""

    class Failing(InboxStore):
        failures = 1

        async def add_new(self, updates: Any, lease: Lease | None = None) -> frozenset[int]:
            if updates and self.failures:
                self.failures -= 1
                raise StorageError("disk full")
            return await super().add_new(updates, lease)

    async with running(box, Failing(db)) as bot:
        await box.say(ADMIN, "سلام")
        await until(lambda: bot.seen)

    assert bot.seen == ["سلام"]


def _private() -> dict[str, Any]:
    return {"id": 5, "type": "private", "first_name": "x"}


async def test_a_process_cut_off_while_answering_does_not_answer_twice(db: Database) -> None:
    """What was being answered is set aside as unsure, and the admins hear of it."""
    store = InboxStore(db)
    now = utc_now()
    await store.add_new(
        [StoredUpdate(update_id=number, body="{}", received_at=now) for number in (1, 2)]
    )
    token = await store.begin(1)
    assert token == 1
    with answering(lambda: store.begin_answer(1, token)):
        await before_answer()
        await before_answer()

    unsure = await store.give_up_answering("cut off")

    assert unsure == [1]
    assert [update.update_id for update in await store.undone()] == [2]
    assert [(u.update_id, u.state) for u in await store.set_aside()] == [(1, UpdateState.UNSURE)]
    assert await store.try_again(1)
    assert [update.update_id for update in await store.undone()] == [1, 2]


TTL = timedelta(seconds=30)


def _text(update_id: int) -> dict[str, Any]:
    return {
        "update_id": update_id,
        "message": {"message_id": 1, "date": 1, "chat": _private(), "text": "x"},
    }


async def _lead(db: Database, name: str) -> Lease:
    """The chat's lease for `name`, taken from whoever has it as if that one's time were over."""
    await db.execute("UPDATE leases SET expires_ms=0 WHERE name='chat'")
    lease = await LeaseStore(db).acquire("chat", name, TTL)
    assert lease is not None
    return lease


async def test_a_former_leader_can_store_and_begin_nothing(db: Database) -> None:
    """What it was given after its time is neither stored nor, therefore, confirmed."""
    store = InboxStore(db)
    old = await _lead(db, "old")
    stored = StoredUpdate(update_id=1, body="{}", received_at=utc_now())
    assert await store.add_new([stored], old) == {1}
    await _lead(db, "new")

    with pytest.raises(LeaseLost):
        await store.add_new([replace(stored, update_id=2)], old)
    with pytest.raises(LeaseLost):
        await store.begin(1, old)

    assert await db.fetch_all("SELECT update_id, attempts FROM inbox") == [(1, 0)]


async def test_what_another_has_begun_again_is_not_answered_by_the_first(db: Database) -> None:
    """A leader that was held up between beginning and answering says nothing when it wakes up."""
    store = InboxStore(db)
    old = await _lead(db, "old")
    await store.add_new([StoredUpdate(update_id=1, body="{}", received_at=utc_now())], old)
    first = await store.begin(1, old)
    new = await _lead(db, "new")
    second = await store.begin(1, new)
    assert first is not None
    assert second is not None

    with answering(lambda: store.begin_answer(1, first, old)), pytest.raises(LeaseLost):
        await before_answer()
    with pytest.raises(LeaseLost):
        await store.begin_answer(1, first)
    marked = [
        await store.mark_done(1, first),
        await store.mark_failed(1, first, "x", UpdateState.FAILED),
    ]
    await store.begin_answer(1, second, new)
    await store.mark_done(1, second)

    assert marked == [False, False]
    assert await db.fetch_all("SELECT state, attempts FROM inbox") == [("done", 2)]


async def test_an_answer_given_up_as_unsure_is_done_when_its_process_says_so(db: Database) -> None:
    """It was only held up while it answered; nobody else has touched the update since."""
    store = InboxStore(db)
    old = await _lead(db, "old")
    await store.add_new([StoredUpdate(update_id=1, body="{}", received_at=utc_now())], old)
    token = await store.begin(1, old)
    assert token is not None
    await store.begin_answer(1, token, old)
    new = await _lead(db, "new")

    assert await store.give_up_answering("cut off", new) == [1]
    assert await store.begin(1, new) is None
    assert await store.mark_done(1, token)
    assert await db.fetch_all("SELECT state FROM inbox") == [("done",)]


async def test_a_lost_leader_is_quiet_and_can_lead_again(box: SandboxServer, db: Database) -> None:
    """In one process: it leads, loses the chat in the middle of an answer, and leads anew."""
    store = InboxStore(db)
    held_up, go_on = asyncio.Event(), asyncio.Event()

    async def slow(update: Update) -> None:
        held_up.set()
        await go_on.wait()
        await bot.api.send(ADMIN, OutMessage(text="پاسخ"))

    async with running(box, store, slow, lease=await _lead(db, "one")) as bot:
        await box.say(ADMIN, "سلام")
        await asyncio.wait_for(held_up.wait(), 10)
        await _lead(db, "other")
        go_on.set()
        await until(lambda: bot.silent_failures)
        await box.say(ADMIN, "نه به او")
        await until(lambda: not bot.inbox.may_poll, timeout_s=10)
    while_lost = [message["text"] for message in box.sent(ADMIN)]
    left = [row.state for row in await store.undone()]
    go_on.clear()
    async with running(box, store, slow, lease=await _lead(db, "one")) as bot:
        go_on.set()
        await until(lambda: len(bot.seen) == 2, timeout_s=30)
        await all_done(store)

    assert while_lost == []
    assert left == [UpdateState.NEW]
    assert bot.seen == ["سلام", "نه به او"]
    assert [message["text"] for message in box.sent(ADMIN)] == ["پاسخ", "پاسخ"]


async def test_abandoned_lines_end_what_runs_and_begin_nothing(db: Database) -> None:
    """Cancelled where they are: nothing more is said, and what was waiting stays as it was."""
    store = InboxStore(db)
    inbox, started = Inbox(store), asyncio.Event()
    await inbox.take_in([_text(1), _text(2)])
    lines = LineProcessor(inbox)

    async def endless() -> None:
        started.set()
        await asyncio.Event().wait()

    def update(update_id: int) -> Update:
        made = Update.de_json(_text(update_id), None)
        assert made is not None
        return made

    running_now = asyncio.gather(
        *(lines.do_process_update(update(n), endless()) for n in (1, 2)), return_exceptions=True
    )
    await asyncio.wait_for(started.wait(), 10)
    lines.abandon()
    await lines.do_process_update(update(2), endless())

    ended = await asyncio.wait_for(running_now, 10)
    assert [type(end) for end in ended] == [asyncio.CancelledError] * 2
    assert sorted(row.attempts for row in await store.undone()) == [0, 1]


async def test_while_the_database_is_away_an_update_waits(box: SandboxServer, db: Database) -> None:
    """Not begun, it is begun later; handled and not marked, it is marked later."""

    class Shaky(InboxStore):
        begins, marks = 2, 2

        async def begin(self, update_id: int, lease: Lease | None = None) -> int | None:
            if self.begins:
                self.begins -= 1
                raise StorageError("the server went away")
            return await super().begin(update_id, lease)

        async def mark_done(self, update_id: int, token: int) -> bool:
            if self.marks:
                self.marks -= 1
                raise StorageError("the server went away")
            return await super().mark_done(update_id, token)

    async with running(box, Shaky(db)) as bot:
        await box.say(ADMIN, "سلام")
        await until(lambda: bot.seen, timeout_s=10)
        await all_done(InboxStore(db))

    assert bot.seen == ["سلام"]
    assert bot.silent_failures == []
