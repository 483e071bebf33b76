"""The limits that all sending processes keep together, in the database's time."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

import pytest

from bot.features.pace_sharing import PaceSharing
from bot.models.work import OutboxState, Outgoing
from bot.ports import Database
from bot.services.pacing import Pacer
from bot.storage.outbox import OutboxStore
from bot.storage.send_pace import EVERY_CHAT, SendPace, SendPaceStore, SharedLimits

NOW = 1_700_000_000_000
LEASE = timedelta(minutes=1)
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def pace(**fields: object) -> SendPace:
    return SendPace(now_ms=NOW, limits=SharedLimits(), **fields)  # type: ignore[arg-type]


def again(one: SendPace, after_ms: int = 0) -> SendPace:
    """The row as the next process reads it."""
    return SendPace.from_json(one.to_json(), NOW + after_ms, one.limits)


@pytest.mark.parametrize(
    ("chat_id", "ago_ms", "wait_ms"),
    [
        (1, [], 0),
        (1, [10], 0),  # two may go at once
        (1, [10, 5], 990),
        (1, [900, 5], 100),
        (1, [2000, 1000], 0),
        (1, [-5000], 0),  # a clock that was set back holds nobody up
        (-1, [60_000 - 1000 * n for n in range(17)], 0),
        (-1, [60_000 - 1000 * n for n in range(18)], 1000),
        (-1, [70_000 - 1000 * n for n in range(18)], 0),
    ],
)
def test_a_chat_gets_what_it_may(chat_id: int, ago_ms: list[int], wait_ms: int) -> None:
    """One a second with a burst of two; eighteen a minute in a group."""
    assert pace().wait_ms(chat_id, [NOW - ago for ago in ago_ms]) == wait_ms


def test_departures_are_booked_one_after_the_other() -> None:
    """After a pause two may go at once, then one every 42 ms."""
    row = pace()

    waits = []
    for _ in range(5):
        waits.append(row.departure_ms())
        row.depart()

    assert waits == [0, 0, 42, 84, 126]
    assert again(row).departure_ms() == 168
    assert again(row, 1000).departure_ms() == 0


def test_a_clock_set_back_by_an_hour_stops_nothing() -> None:
    """A departure booked in the far future is a mistake of the clock."""
    row = pace(free_ms=NOW + 3_600_000)

    assert again(row).departure_ms() == 0


def test_an_answer_takes_a_departure_and_counts_for_its_chat() -> None:
    """What a person was told counts as what an alert would."""
    row = pace()
    row.answered(7, 0)
    row.answered(7, 0)

    row = again(row)

    assert row.departure_ms() == 42
    assert row.wait_ms(7, []) == 1000
    assert row.wait_ms(8, []) == 0
    assert again(row, 10_000).answers == {7: [NOW, NOW]}
    assert again(again(row, 10_000), 10_000).answers == {}


def test_a_flood_holds_its_chat_and_a_storm_holds_all() -> None:
    """Three chats told to wait within ten seconds mean that the bot as a whole is too fast."""
    row = pace()
    row.flooded(1, 0, 5000)
    row.flooded(2, 500, 3000)
    assert (row.wait_ms(1, []), row.wait_ms(2, []), row.wait_ms(3, [])) == (5000, 2500, 0)
    assert row.departure_ms() == 0

    row = again(row)
    row.flooded(3, 0, 4000)

    assert again(row).departure_ms() == 4000
    assert again(row, 6000).held == {1: NOW + 5000, 2: NOW + 2500, 3: NOW + 4000, 0: NOW + 4000}
    assert again(again(row, 6000), 6000).held == {}


async def queued(db: Database, *chats: int) -> list[Outgoing]:
    outbox = OutboxStore(db)
    await outbox.enqueue(
        [
            Outgoing(unique_key=f"{chat}:{n}", chat_id=chat, kind="alert", payload="{}")
            for n, chat in enumerate(chats)
        ],
        AT,
    )
    return await outbox.listed([OutboxState.PENDING], 1000)


async def test_many_workers_never_send_to_one_chat_at_once(db: Database) -> None:
    """Ten different messages of one chat, claimed at the same moment: one goes."""
    messages = await queued(db, *[5] * 10)

    turns = await asyncio.gather(*[OutboxStore(db).claim(one, LEASE) for one in messages])

    assert sum(turn.message is not None for turn in turns) == 1


async def test_a_chat_that_was_written_to_elsewhere_waits(db: Database) -> None:
    """Two in a burst, whoever sent them; the third is told how long to wait."""
    for message in (await queued(db, 5, 5, 5))[:2]:
        worker = OutboxStore(db)
        turn = await worker.claim(message, LEASE)
        assert turn.message is not None
        await worker.sent(turn.message, 1)

    (third,) = await OutboxStore(db).heads()
    turn = await OutboxStore(db).claim(third, LEASE)

    assert turn.message is None
    assert 0 < turn.wait_s <= 2
    assert not turn.is_overall


async def test_departures_are_shared_by_all_workers(db: Database) -> None:
    """Of forty chats asked for at once, as many go as half a second allows, each at its time."""
    messages = await queued(db, *range(1, 41))

    turns = await asyncio.gather(*[OutboxStore(db).claim(one, LEASE) for one in messages])

    booked = sorted(turn.wait_s for turn in turns if turn.message)
    refused = [turn for turn in turns if turn.message is None]
    assert all(later - earlier <= 0.043 for earlier, later in itertools.pairwise(booked))
    assert booked[-1] <= 0.5
    assert all(turn.is_overall and turn.wait_s > 0.5 for turn in refused)
    # The time that the claims themselves took gave departures free as well.
    assert len(booked) >= 12


async def test_what_one_worker_was_told_all_obey(db: Database) -> None:
    """A 429 and the answers of one process reach the others' claims and pacers."""
    now = [100.0]
    told, other = Pacer(lambda: now[0]), Pacer(lambda: now[0])
    there = PaceSharing(told, SendPaceStore(db), OutboxStore(db))
    here = PaceSharing(other, SendPaceStore(db), OutboxStore(db))
    told.flood(5, 30.0)
    told.take(6)
    told.take(6)

    await there.exchange()
    await here.exchange()

    assert 25 < other.wait_s(5) <= 30
    five, six, seven = await queued(db, 5, 6, 7)
    turns = [await OutboxStore(db).claim(one, LEASE) for one in (five, six, seven)]
    assert 20 < turns[0].wait_s <= 30
    assert 0 <= turns[1].wait_s <= 2
    assert [turn.message is not None for turn in turns][2]
    assert set(await SendPaceStore(db).held()) == {5}
    assert EVERY_CHAT not in await SendPaceStore(db).held()


async def test_what_others_sent_is_counted_once(db: Database) -> None:
    """A group's minute is used up by all; a look back over the same time adds nothing."""
    now = [100.0]
    pacer = Pacer(lambda: now[0])
    mine = PaceSharing(pacer, SendPaceStore(db), OutboxStore(db))
    for message in (await queued(db, *[-9] * 18))[:17]:
        await db.execute(
            f"UPDATE outbox SET state='sent', finished_ms={db.dialect.now_ms} WHERE id=?",
            (message.id,),
        )

    await mine.hear()
    await mine.hear()

    now[0] += 20.0  # the chat's own second is over, the group's minute is not
    assert pacer.wait_s(-9) == 0
    pacer.take(-9, is_claimed=True)
    assert pacer.wait_s(-9) > 30
