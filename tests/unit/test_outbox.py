"""The outbox's states: each message is sent by one, once, in order, and none is lost."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.models.work import Lane, OutboxState, Outgoing
from bot.ports import Database, Transaction
from bot.storage.outbox import _HEADS, OutboxStore
from bot.storage.outbox_rows import Turn
from bot.utils.times import utc_now

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LEASE = timedelta(minutes=1)
S = OutboxState


def row(key: str, chat_id: int = 1, **fields: object) -> Outgoing:
    return Outgoing(unique_key=key, chat_id=chat_id, kind="alert", payload="{}", **fields)  # type: ignore[arg-type]


def parts(key: str, count: int, chat_id: int = 1) -> list[Outgoing]:
    return [row(f"{key}#{n}", chat_id, group_key=key, part=n) for n in range(count)]


@pytest.fixture
def outbox(db: Database) -> OutboxStore:
    return OutboxStore(db)


async def claim(outbox: OutboxStore, message: Outgoing, lease: timedelta = LEASE) -> Outgoing:
    turn = await outbox.claim(message, lease)
    assert turn.message is not None
    return turn.message


async def head(outbox: OutboxStore) -> Outgoing:
    return (await outbox.heads())[0]


async def keys(outbox: OutboxStore) -> list[str]:
    return [message.unique_key for message in await outbox.heads()]


async def later(db: Database, span: timedelta) -> None:
    """Everything queued or sent so far is by so much older."""
    ms = int(span.total_seconds() * 1000)
    await db.execute("UPDATE outbox SET not_before_ms=not_before_ms-?", (ms,))
    await db.execute("UPDATE outbox SET finished_ms=finished_ms-? WHERE finished_ms>0", (ms,))
    await db.execute("UPDATE meta SET value='' WHERE name='send.pace'")


async def states(outbox: OutboxStore) -> dict[str, str]:
    found = await outbox.listed(list(OutboxState), 100)
    return {message.unique_key: message.state.value for message in found}


async def test_a_key_is_queued_once(outbox: OutboxStore) -> None:
    """The second enqueue of a message changes nothing."""
    assert await outbox.enqueue([row("a"), row("b")], NOW) == 2

    assert await outbox.enqueue([row("a", chat_id=9), row("c")], NOW) == 1
    assert (await outbox.by_key("a")).chat_id == 1  # type: ignore[union-attr]


async def test_messages_commit_with_the_fact_they_tell_of(
    outbox: OutboxStore, db: Database
) -> None:
    """When the caller's transaction fails, nothing is queued."""

    async def unit(tx: Transaction) -> None:
        await outbox.enqueue_in(tx, [row("a")], NOW)
        raise RuntimeError("the fact could not be stored")

    with pytest.raises(RuntimeError):
        await db.write(unit)

    assert await outbox.by_key("a") is None


async def test_every_chat_offers_its_first_message_urgent_ones_before(
    outbox: OutboxStore,
) -> None:
    """One message a chat, by lane and then by age."""
    await outbox.enqueue(
        [
            row("bulk", 1, lane=Lane.BULK),
            row("late", 2),
            row("alert", 1, lane=Lane.URGENT),
            row("later", 2),
        ],
        NOW,
    )

    assert await keys(outbox) == ["alert", "late"]


async def test_a_message_put_off_lets_others_pass(outbox: OutboxStore, db: Database) -> None:
    """Quiet hours hold a message, not its chat."""
    morning = utc_now() + timedelta(hours=1)
    await outbox.enqueue([row("later", not_before=morning), row("now")], NOW)

    assert await keys(outbox) == ["now"]
    await later(db, timedelta(hours=2))
    assert await keys(outbox) == ["later"]


async def test_a_message_to_be_tried_again_keeps_its_place(
    outbox: OutboxStore, db: Database
) -> None:
    """What comes after it in the chat waits; an urgent message and other chats do not."""
    await outbox.enqueue([row("first"), row("second"), row("other", 2)], NOW)
    first = await claim(outbox, await head(outbox))
    await outbox.retry(first, timedelta(minutes=5), "flood")

    assert await keys(outbox) == ["other"]
    await outbox.enqueue([row("alert", lane=Lane.URGENT)], NOW)
    assert await keys(outbox) == ["alert", "other"]
    await later(db, timedelta(minutes=6))
    assert (await keys(outbox))[1:] == ["other"]


async def test_of_many_workers_one_gets_the_message(outbox: OutboxStore, db: Database) -> None:
    """Twenty claims at once, one winner; and the chat's next message is not claimed meanwhile."""
    await outbox.enqueue([row("a"), row("b")], NOW)
    message = await head(outbox)

    turns = await asyncio.gather(*[OutboxStore(db).claim(message, LEASE) for _ in range(20)])

    assert sum(turn.message is not None for turn in turns) == 1
    second = await outbox.by_key("b")
    assert second is not None
    assert await outbox.claim(second, LEASE) == Turn()


async def test_only_the_latest_claimant_may_write_the_result(outbox: OutboxStore) -> None:
    """A worker that was given up and comes back late does not overwrite a newer attempt."""
    await outbox.enqueue([row("a")], NOW)
    stale = await claim(outbox, await head(outbox))
    await outbox.recover(alone=True)
    await outbox.resend(stale.id)
    fresh = await claim(outbox, await head(outbox))

    await outbox.stop(stale, S.FAILED, "late")

    assert await states(outbox) == {"a": "sending"}
    await outbox.sent(fresh, 5)
    assert await states(outbox) == {"a": "sent"}


async def test_a_crash_while_sending_makes_the_message_ambiguous(outbox: OutboxStore) -> None:
    """It may have arrived: it is listed, and never offered again by itself."""
    await outbox.enqueue([row("a"), row("b")], NOW)
    await claim(outbox, await head(outbox))

    assert await outbox.recover(alone=True) == 1

    assert await states(outbox) == {"a": "ambiguous", "b": "pending"}
    assert await keys(outbox) == ["b"]
    assert [m.error for m in await outbox.listed([S.AMBIGUOUS])] == ["interrupted while sending"]


async def test_beside_other_workers_only_lost_leases_are_recovered(
    outbox: OutboxStore, db: Database
) -> None:
    """A message that another process sends just now is left to it."""
    await outbox.enqueue([row("a")], NOW)
    await claim(outbox, await head(outbox))

    assert await outbox.recover(alone=False) == 0
    await later(db, LEASE * 2)
    assert await outbox.recover(alone=False) == 1


async def test_a_late_success_turns_ambiguous_into_sent(outbox: OutboxStore) -> None:
    """When the worker was only slow, the truth is written after all."""
    await outbox.enqueue(parts("g", 2), NOW)
    claimed = await claim(outbox, await head(outbox))
    await outbox.recover(alone=True)
    assert await states(outbox) == {"g#0": "ambiguous", "g#1": "held"}

    await outbox.sent(claimed, 77)

    assert await states(outbox) == {"g#0": "sent", "g#1": "pending"}


@pytest.mark.parametrize("state", [S.AMBIGUOUS, S.FAILED])
async def test_a_group_stops_at_a_part_that_did_not_surely_arrive(
    outbox: OutboxStore, state: OutboxState
) -> None:
    """Its later parts are held; other messages of the chat go on."""
    await outbox.enqueue([*parts("g", 3), row("next")], NOW)
    first = await claim(outbox, await head(outbox))

    await outbox.stop(first, state, "?")

    assert await keys(outbox) == ["next"]
    assert (await states(outbox))["g#1"] == "held"


async def test_an_admin_sends_again_and_the_rest_follows(outbox: OutboxStore) -> None:
    """The held parts wait until the part before them has arrived."""
    await outbox.enqueue(parts("g", 2), NOW)
    first = await claim(outbox, await head(outbox))
    await outbox.stop(first, S.AMBIGUOUS, "?")

    assert await outbox.resend(first.id)
    assert not await outbox.resend(first.id)

    assert await keys(outbox) == ["g#0"]
    assert (await states(outbox))["g#1"] == "held"
    await outbox.sent(await claim(outbox, await head(outbox)), 1)
    assert await keys(outbox) == ["g#1"]


async def test_an_admin_drops_a_part_and_the_rest_follows(outbox: OutboxStore) -> None:
    """Most ambiguous messages have arrived: dropping means not to send it again."""
    await outbox.enqueue(parts("g", 2), NOW)
    first = await claim(outbox, await head(outbox))
    await outbox.stop(first, S.AMBIGUOUS, "?")

    assert await outbox.drop(first.id)
    assert not await outbox.drop(first.id)

    assert await states(outbox) == {"g#0": "dropped", "g#1": "pending"}


async def test_a_chat_that_is_gone_takes_its_queue_with_it(outbox: OutboxStore) -> None:
    """All that waits for it is settled at once; other chats are not touched."""
    await outbox.enqueue([row("a"), row("b"), *parts("g", 2), row("other", 2)], NOW)
    first = await claim(outbox, await head(outbox))

    assert await outbox.gone(first, "blocked") == 3

    assert set((await states(outbox)).values()) == {"gone", "pending"}
    assert await keys(outbox) == ["other"]


async def test_a_chat_that_moved_takes_its_queue_along(outbox: OutboxStore) -> None:
    """The message goes again to the new id, before what waits behind it."""
    await outbox.enqueue([row("a", -5), row("b", -5)], NOW)
    first = await claim(outbox, await head(outbox))

    await outbox.move_chat(first, -1005)

    assert [(m.unique_key, m.chat_id) for m in await outbox.heads()] == [("a", -1005)]
    assert (await outbox.by_key("b")).chat_id == -1005  # type: ignore[union-attr]


async def test_what_went_out_lately_is_known_after_a_restart(
    outbox: OutboxStore, db: Database
) -> None:
    """Sent and ambiguous ones count for the limits; failed ones do not."""
    await outbox.enqueue([row("a", 1), row("b", 2), row("c", 3)], NOW)
    sent, lost, bad = [await claim(outbox, message) for message in await outbox.heads()]
    await outbox.sent(sent, 1)
    await outbox.stop(lost, S.AMBIGUOUS, "?")
    await outbox.stop(bad, S.FAILED, "?")

    recent = await outbox.out_within(timedelta(minutes=1))
    since = await outbox.recently_out(utc_now() - timedelta(minutes=1))

    assert [(message_id, chat_id) for message_id, chat_id, _ in recent] == [
        (sent.id, 1),
        (lost.id, 2),
    ]
    assert all(0 <= age_s < 30 for _, _, age_s in recent)
    assert [chat_id for chat_id, _ in since] == [1, 2]
    await later(db, timedelta(minutes=2))
    assert await outbox.out_within(timedelta(minutes=1)) == []


async def test_settled_messages_are_forgotten_after_a_while(outbox: OutboxStore) -> None:
    """What still waits or is in doubt stays."""
    await outbox.enqueue([row("a", 1), row("b", 2), row("c", 3)], NOW)
    sent, lost, _ = [await claim(outbox, message) for message in await outbox.heads()]
    await outbox.sent(sent, 1)
    await outbox.stop(lost, S.AMBIGUOUS, "?")

    assert await outbox.purge(utc_now() + timedelta(days=1)) == 1

    assert await states(outbox) == {"b": "ambiguous", "c": "sending"}
    assert await outbox.counts() == {S.AMBIGUOUS: 1, S.SENDING: 1}


async def test_the_queue_is_read_by_index(outbox: OutboxStore, db: Database) -> None:
    """A long history of sent messages is not walked through for each reading."""
    if db.dialect.name != "sqlite":
        pytest.skip("the plan is read in SQLite's words")

    plan = await db.fetch_all(f"EXPLAIN QUERY PLAN {_HEADS.format(now=0)}", (10,))

    assert all("SCAN outbox" not in step[3] for step in plan)
