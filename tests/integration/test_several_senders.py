"""Several senders over one outbox: what each may do, and what it must leave to the others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.features.pace_sharing import Company, others_than
from bot.features.publish import Publisher
from bot.models.messages import OutMessage
from bot.models.work import OutboxState, Outgoing, Role
from bot.ports import Database
from bot.sandbox.server import SandboxServer
from bot.services.telegram_api import TelegramApi
from bot.storage.outbox import OutboxStore
from bot.storage.outbox_rows import Turn
from bot.storage.workers import WorkerStore

ADMIN = 1000
S = OutboxState


@pytest.fixture
async def box() -> AsyncIterator[SandboxServer]:
    async with SandboxServer(linked_channel=False) as server:
        yield server


async def until(db: Database, **states: int) -> None:
    wanted = {S(name): count for name, count in states.items()}
    async with asyncio.timeout(60):
        while await OutboxStore(db).counts() != wanted:  # noqa: ASYNC110 - no event to wait for
            await asyncio.sleep(0.02)


async def queue(db: Database, box: SandboxServer, folder: Path, *texts: str) -> None:
    api = TelegramApi(box.token, base_url=box.base_url)
    desk = Publisher(OutboxStore(db), api, files=folder)
    for text in texts:
        await desk.publish(ADMIN, OutMessage(text=text), kind="alert", unique_key=text)
    await api.close()


class Sleepy(OutboxStore):
    """A worker that falls asleep between its first claim and the call."""

    sleeps = 1

    async def claim(self, message: Outgoing, lease: timedelta) -> Turn:
        turn = await super().claim(message, lease)
        if turn.message is not None and self.sleeps:
            self.sleeps -= 1
            time.sleep(lease.total_seconds() / 2)  # noqa: ASYNC251 - SIGSTOP stops the whole process
        return turn


async def test_a_sender_that_slept_over_its_claim_sends_nothing(
    box: SandboxServer, db: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It gives the message back, and its turn comes again, in the chat's order."""
    await queue(db, box, tmp_path, "1", "2")
    api = TelegramApi(box.token, base_url=box.base_url)
    desk = Publisher(Sleepy(db), api, files=tmp_path, lease=timedelta(seconds=3))
    async with asyncio.TaskGroup() as group:
        group.create_task(desk.run())
        await until(db, sent=2)
        desk.stop()
    await api.close()

    assert "slept over a claim" in caplog.text
    assert [call.params["text"] for call in box.calls_of("sendMessage")] == ["1", "2"]
    assert [one.attempts for one in await OutboxStore(db).listed([S.SENT])] == [2, 1]


async def test_a_message_that_a_live_worker_sends_is_left_to_it(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """Until that worker gives no sign of life any more: then nobody knows what became of it."""
    await queue(db, box, tmp_path, "1")
    workers = WorkerStore(db)
    await workers.beat("other", "there", 1, [Role.SEND])
    (message,) = await OutboxStore(db).heads()
    await OutboxStore(db).claim(message, timedelta(minutes=3))
    api = TelegramApi(box.token, base_url=box.base_url)
    desk = Publisher(OutboxStore(db), api, files=tmp_path, others=others_than("me", workers))

    async with asyncio.TaskGroup() as group:
        group.create_task(desk.run())
        await asyncio.sleep(1)
        meanwhile = await OutboxStore(db).counts()
        await workers.leave("other")
        await until(db, ambiguous=1)
        desk.stop()
    await api.close()

    assert meanwhile == {S.SENDING: 1}
    assert box.calls_of("sendMessage") == []


async def test_three_senders_share_the_work(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """Sixty chats, two messages each: all once, in order, none too fast."""
    people = [box.people.new_user(f"p{n}", started=True).id for n in range(60)]
    apis = [TelegramApi(box.token, base_url=box.base_url) for _ in range(3)]
    workers = WorkerStore(db)
    desks = []
    for number, api in enumerate(apis):
        await workers.beat(str(number), "here", number, [Role.SEND])
        others = others_than(str(number), workers, timedelta(hours=1))
        desks.append(Publisher(OutboxStore(db), api, files=tmp_path, others=others))
    for text in ("یک", "دو"):
        for person in people:
            await desks[0].publish(
                person, OutMessage(text=text), kind="alert", unique_key=f"{person}{text}"
            )

    async with asyncio.TaskGroup() as group:
        for desk in desks:
            group.create_task(desk.run())
        await until(db, sent=120)
        for desk in desks:
            desk.stop()
    for api in apis:
        await api.close()

    assert [[m["text"] for m in box.sent(person)] for person in people] == [["یک", "دو"]] * 60
    # A loaded machine hands requests over in bunches: departures are judged in test_send_pace.
    assert [one for one in box.violations if one.limit != "overall"] == []


async def test_the_others_are_those_who_gave_a_sign_of_life(db: Database) -> None:
    """By what they do; oneself is not counted."""
    workers = WorkerStore(db)
    await workers.beat("me", "here", 1, [Role.SEND, Role.CHAT])
    await workers.beat("sender", "there", 2, [Role.SEND])
    await workers.beat("both", "there", 3, [Role.SEND, Role.CHAT])
    await workers.beat("collector", "there", 4, [Role.COLLECT])

    found = await others_than("me", workers)()

    assert found == Company(senders=2, answerers=1)
