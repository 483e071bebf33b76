"""Killed processes and storms: nothing lost, nothing doubled, no limit broken."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from bot.features.publish import Publisher
from bot.models.messages import OutMessage
from bot.models.work import OutboxState
from bot.ports import Database
from bot.sandbox.server import SandboxServer
from bot.services.telegram_api import TelegramApi
from bot.storage.outbox import OutboxStore
from tests.chaos import delivery, inbox

pytestmark = pytest.mark.slow
S = OutboxState
WAITING = {S.PENDING, S.RETRY, S.SENDING}


async def test_a_killed_sender_sends_nothing_twice_and_loses_nothing(tmp_path: Path) -> None:
    """Six kills among faults of every kind."""
    database = f"sqlite:///{tmp_path}/chaos.db"

    outcome = await delivery.run(kills=6, messages=150, database=database)

    assert outcome.is_good, outcome
    assert outcome.kills == 6
    assert outcome.sent + outcome.ambiguous + outcome.gone == 150


@pytest.mark.parametrize("kind", ["sqlite", "mysql"])
async def test_four_senders_killed_and_stopped_send_each_message_once(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    """In order, and within the limits that they keep together."""
    database = f"sqlite:///{tmp_path}/chaos.db"
    if kind == "mysql":
        database = await request.getfixturevalue("mariadb").new_database()

    outcome = await delivery.run(kills=4, stops=3, messages=150, database=database, senders=4)

    assert outcome.is_good, outcome
    assert (outcome.kills, outcome.stops) == (4, 3)
    assert outcome.sent + outcome.ambiguous + outcome.gone == 150


async def test_a_killed_inbox_loses_no_update(tmp_path: Path) -> None:
    """Six kills while twelve people write."""
    outcome = await inbox.run(kills=6, messages=150, folder=tmp_path)

    assert outcome.is_good, outcome
    assert outcome.kills == 6
    assert (outcome.handled, outcome.set_aside) == (150, 6)


async def test_after_a_flood_storm_all_is_sent_once_within_the_limits(
    db: Database, tmp_path: Path
) -> None:
    """Every call is refused for a while; afterwards everything has gone out, slowly enough."""
    async with SandboxServer(linked_channel=True) as box:
        chats = _chats(box, 25)
        box.faults.add("sendMessage", "429", times=25, retry_after=1)
        counts = await _send_all(box, db, tmp_path, chats, each=4)
        arrived = _arrived(box, chats)

    assert counts == {S.SENT: len(chats) * 4}
    assert set(arrived.values()) == {1}
    assert len(arrived) == len(chats) * 4
    assert _is_in_order(box, chats)
    assert box.violations == []


async def test_a_storm_of_server_errors_leaves_few_doubts_and_no_doubles(
    db: Database, tmp_path: Path
) -> None:
    """Half of the failed calls were done all the same. The queue waits the storm out."""
    async with SandboxServer(linked_channel=True) as box:
        chats = _chats(box, 25)
        box.faults.add("sendMessage", "5xx", times=3, code=502, commit=True)
        box.faults.add("sendMessage", "5xx", times=3, code=500)
        counts = await _send_all(box, db, tmp_path, chats, each=4)
        arrived = _arrived(box, chats)

    assert counts == {S.SENT: len(chats) * 4 - 6, S.AMBIGUOUS: 6}
    assert set(arrived.values()) == {1}
    assert len(arrived) == len(chats) * 4 - 3
    assert _is_in_order(box, chats)
    assert box.violations == []


async def test_an_outage_of_a_while_costs_single_messages_not_the_queue(
    db: Database, tmp_path: Path
) -> None:
    """Every connection is cut for five seconds while a hundred messages wait."""
    async with SandboxServer(linked_channel=True) as box:
        chats = _chats(box, 25)
        box.faults.outage(5.0)
        counts = await _send_all(box, db, tmp_path, chats, each=4)
        arrived = _arrived(box, chats)

    assert counts[S.AMBIGUOUS] <= 20
    assert counts[S.SENT] + counts[S.AMBIGUOUS] == len(chats) * 4
    assert set(arrived.values()) == {1}
    assert box.violations == []


def _chats(box: SandboxServer, people: int) -> list[int]:
    places = [chat.id for chat in box.world.chats.values() if chat.type in ("channel", "group")]
    return places + [box.people.new_user(f"p{n}", started=True).id for n in range(people)]


async def _send_all(
    box: SandboxServer, db: Database, folder: Path, chats: list[int], each: int
) -> dict[OutboxState, int]:
    api = TelegramApi(box.token, base_url=box.base_url)
    outbox = OutboxStore(db)
    publisher = Publisher(outbox, api, files=folder)
    for n in range(each):
        for chat_id in chats:
            await publisher.publish(
                chat_id,
                OutMessage(text=f"{chat_id} {n}"),
                kind="alert",
                unique_key=f"{chat_id} {n}",
            )
    async with asyncio.TaskGroup() as group, asyncio.timeout(55):
        group.create_task(publisher.run())
        while WAITING & set(await outbox.counts()):  # noqa: ASYNC110 - no event to wait for
            await asyncio.sleep(0.1)
        publisher.stop()
    await api.close()
    return await outbox.counts()


def _arrived(box: SandboxServer, chats: list[int]) -> Counter[str]:
    return Counter(message["text"] for chat_id in chats for message in box.sent(chat_id))


def _is_in_order(box: SandboxServer, chats: list[int]) -> bool:
    orders = [[message["text"] for message in box.sent(chat_id)] for chat_id in chats]
    return all(texts == sorted(texts) for texts in orders)
