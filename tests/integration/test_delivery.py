"""Delivery: the publisher and the worker against the Bot API double."""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.errors import StorageError
from bot.features.publish import Publisher, quiet_until
from bot.models.entities import Entity, EntityKind
from bot.models.messages import Attachment, Button, OutMessage
from bot.models.user import Chat, ChatKind
from bot.models.work import Lane, OutboxState, Outgoing
from bot.ports import Database, Transaction
from bot.sandbox.server import SandboxServer
from bot.services.telegram_api import TelegramApi
from bot.storage.attachments import MOST_BYTES, hash_of
from bot.storage.outbox import OutboxStore
from bot.storage.sent_files import SentFileStore
from bot.utils.times import utc_now

ADMIN = 1000
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
S = OutboxState


@pytest.fixture
async def box() -> AsyncIterator[SandboxServer]:
    async with SandboxServer(linked_channel=True) as server:
        yield server


class Desk:
    """A publisher with its worker running, and what it was told of chats."""

    def __init__(self, publisher: Publisher, outbox: OutboxStore, api: TelegramApi) -> None:
        self.publisher = publisher
        self.outbox = outbox
        self.api = api
        self.gone: list[int] = []
        self.moved: list[tuple[int, int]] = []

    async def say(self, chat_id: int, text: str, **more: Any) -> bool:
        more.setdefault("unique_key", f"{chat_id}:{text}")
        return await self.publisher.publish(chat_id, OutMessage(text=text), kind="alert", **more)

    async def until(self, **states: int) -> None:
        """Wait until so many messages are in each state."""
        wanted = {S(name): count for name, count in states.items()}
        async with asyncio.timeout(30):
            while await self.outbox.counts() != wanted:  # noqa: ASYNC110 - no event to wait for
                await asyncio.sleep(0.02)


@asynccontextmanager
async def desk(
    box: SandboxServer, db: Database, tmp_path: Path, chat: Chat | None = None
) -> AsyncIterator[Desk]:
    api = TelegramApi(box.token, base_url=box.base_url, files=SentFileStore(db))
    await api.start()
    outbox = OutboxStore(db)

    async def chat_of(chat_id: int) -> Chat | None:
        return chat

    async def on_gone(chat_id: int) -> None:
        made.gone.append(chat_id)

    async def on_moved(old: int, new: int) -> None:
        made.moved.append((old, new))

    publisher = Publisher(
        outbox, api, files=tmp_path / "files", chat_of=chat_of, on_gone=on_gone, on_moved=on_moved
    )
    made = Desk(publisher, outbox, api)
    async with asyncio.TaskGroup() as group:
        group.create_task(publisher.run())
        try:
            yield made
        finally:
            publisher.stop()
    await api.close()


def texts(box: SandboxServer, chat_id: int) -> list[str]:
    return [message.get("text", message.get("caption", "")) for message in box.sent(chat_id)]


def channel(box: SandboxServer) -> int:
    return next(chat.id for chat in box.world.chats.values() if chat.type == "channel")


async def test_a_message_arrives_once_however_often_it_is_published(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """The unique key is the message's name."""
    async with desk(box, db, tmp_path) as d:
        first = await d.say(ADMIN, "خبر", unique_key="k")
        second = await d.say(ADMIN, "خبر", unique_key="k")
        await d.until(sent=1)

    assert (first, second) == (True, False)
    assert texts(box, ADMIN) == ["خبر"]


async def test_prepared_rows_go_with_the_callers_transaction(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """An alert and the mark that it was found are stored together, then sent."""
    async with desk(box, db, tmp_path) as d:
        rows = await d.publisher.prepare(
            ADMIN, OutMessage(text="هشدار"), kind="alert", unique_key="a", lane=Lane.URGENT
        )

        async def unit(tx: Transaction) -> bool:
            await tx.execute("INSERT INTO meta (name, value) VALUES ('alert', 'found')")
            return await d.publisher.publish_in(tx, rows)

        assert await db.write(unit)
        d.publisher.wake()
        await d.until(sent=1)

    assert texts(box, ADMIN) == ["هشدار"]


async def test_the_order_of_a_chat_is_kept_through_floods_and_lost_requests(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """A message to be tried again goes before those that came after it."""
    box.faults.add("sendMessage", "429", times=1, retry_after=1)
    async with desk(box, db, tmp_path) as d:
        for n in range(4):
            await d.say(ADMIN, f"{n}")
        await d.until(sent=4)

    assert texts(box, ADMIN) == ["0", "1", "2", "3"]
    assert box.violations == []


async def test_a_chat_that_must_wait_does_not_hold_the_others(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """One chat is told to wait for ten seconds, another gets its message at once."""
    other = box.people.new_user("other", started=True).id
    box.faults.add("sendMessage", "429", chat_id=ADMIN, times=1, retry_after=10)
    async with desk(box, db, tmp_path) as d:
        await d.say(ADMIN, "later")
        await d.say(other, "now")
        await d.until(sent=1, retry=1)

    assert texts(box, other) == ["now"]
    assert texts(box, ADMIN) == []


@pytest.mark.parametrize(
    ("kind", "more", "arrived"),
    [
        ("lost_response", {}, 1),
        ("5xx", {"code": 502}, 0),
        ("5xx", {"code": 500, "commit": True}, 1),
        ("garbled", {}, 1),
        ("lost_request", {}, 0),
    ],
)
async def test_what_may_have_arrived_is_never_sent_again_by_itself(
    box: SandboxServer, db: Database, tmp_path: Path, kind: str, more: dict[str, Any], arrived: int
) -> None:
    """An answer that never came, or a 5xx: the message is listed for the admins instead."""
    box.faults.add("sendMessage", kind, times=1, **more)
    async with desk(box, db, tmp_path) as d:
        await d.say(ADMIN, "شاید")
        await d.say(ADMIN, "بعدی")
        await d.until(ambiguous=1, sent=1)
        (doubtful,) = await d.publisher.ambiguous()

    assert doubtful.unique_key == f"{ADMIN}:شاید"
    assert texts(box, ADMIN).count("شاید") == arrived
    assert texts(box, ADMIN).count("بعدی") == 1


async def test_an_admin_decides_on_a_doubtful_message(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """It is sent again or dropped, by a decision and once."""
    box.faults.add("sendMessage", "5xx", times=2)
    async with desk(box, db, tmp_path) as d:
        await d.say(ADMIN, "یک")
        await d.say(ADMIN, "دو")
        await d.until(ambiguous=2)
        first, second = await d.publisher.ambiguous()
        assert await d.publisher.resend(first.id)
        assert await d.publisher.drop(second.id)
        await d.until(sent=1, dropped=1)

    assert texts(box, ADMIN) == ["یک"]


async def test_a_refused_connection_is_tried_again(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """Nobody listens: surely not sent. When somebody does again, it goes."""
    async with desk(box, db, tmp_path) as d:
        await box.stop()
        await d.say(ADMIN, "سلام")
        await d.until(retry=1)
        await box.start()
        await d.until(sent=1)

    assert texts(box, ADMIN) == ["سلام"]


async def test_a_chat_that_blocked_the_bot_is_given_up(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """All that waits for it is settled and the chat is reported."""
    user = box.people.new_user("leaver", started=True).id
    async with desk(box, db, tmp_path) as d:
        box.people.block(user)
        for n in range(3):
            await d.say(user, f"{n}")
        await d.until(gone=3)

    assert set(d.gone) == {user}


async def test_a_group_that_became_a_supergroup_gets_its_messages_there(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """The queue follows the chat to its new id, in order."""
    group = next(chat.id for chat in box.world.chats.values() if chat.type == "group")
    async with desk(box, db, tmp_path) as d:
        new = box.people.upgrade(group, ADMIN).id
        await d.say(group, "یک")
        await d.say(group, "دو")
        await d.until(sent=2)

    assert d.moved == [(group, new)]
    assert texts(box, new) == ["یک", "دو"]


async def test_refused_formatting_or_buttons_are_left_out(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """The words arrive though Telegram refuses what is around them."""
    bad_entity = (Entity(kind=EntityKind.BOLD, offset=2, length=500),)
    bad_button = ((Button(text="x", url="not-an-address"),),)
    async with desk(box, db, tmp_path) as d:
        for n, message in enumerate(
            (
                OutMessage(text="متن", entities=bad_entity),
                OutMessage(text="متن", keyboard=bad_button),
            )
        ):
            await d.publisher.publish(ADMIN, message, kind="alert", unique_key=f"{n}")
        await d.until(sent=2)

    assert texts(box, ADMIN) == ["متن", "متن"]


async def test_a_message_that_telegram_refuses_is_kept_as_failed(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """With the reason, and not tried again."""
    async with desk(box, db, tmp_path) as d:
        await d.say(ADMIN, "   ")
        await d.until(failed=1)
        (failed,) = await d.publisher.stopped()

    assert "empty" in failed.error
    assert len(box.calls_of("sendMessage")) == 1


async def test_a_long_digest_goes_in_parts_with_its_chart_uploaded_once(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """Picture first, parts in order, buttons last; the second chat gets the picture by its id."""
    message = OutMessage(
        text="خط بلند خلاصه\n" * 500,
        photo=Attachment(content=PIXEL),
        keyboard=((Button(text="x", data="x"),),),
    )
    async with desk(box, db, tmp_path) as d:
        for chat_id in (ADMIN, channel(box)):
            await d.publisher.publish(chat_id, message, kind="digest", unique_key=f"{chat_id}")
            await d.until(sent=3 if chat_id == ADMIN else 6)

    first, second, third = box.sent(ADMIN)
    assert "photo" in first
    assert " ".join(texts(box, ADMIN)).split() == message.text.split()
    assert ["reply_markup" in part for part in (first, second, third)] == [False, False, True]
    uploads = [bool(call.files) for call in box.calls_of("sendPhoto")]
    assert uploads == [True, False]


async def test_a_group_of_parts_stops_where_it_is_doubtful(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """The second part's answer is lost: the third waits for an admin, then follows."""
    async with desk(box, db, tmp_path) as d:
        await d.say(ADMIN, "یک " * 1000 + "\n\n" + "دو " * 1365 + "\n\n" + "سه", unique_key="g")
        await d.until(sent=1, pending=2)
        box.faults.add("sendMessage", "lost_response", times=1)
        await d.until(sent=1, ambiguous=1, held=1)
        (doubtful,) = await d.publisher.ambiguous()
        await d.publisher.drop(doubtful.id)
        await d.until(sent=2, dropped=1)

    assert [text.split()[0] for text in texts(box, ADMIN)] == ["یک", "دو", "سه"]


async def test_a_picture_that_vanished_leaves_its_words(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """A missing chart file does not keep a digest back."""
    message = OutMessage(text="خلاصه", photo=Attachment(path=str(tmp_path / "none.png")))
    async with desk(box, db, tmp_path) as d:
        await d.publisher.publish(ADMIN, message, kind="digest", unique_key="d")
        await d.until(sent=1)

    assert texts(box, ADMIN) == ["خلاصه"]


async def test_quiet_hours_hold_what_is_not_urgent(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """A digest waits for the morning, an alert does not."""
    now = datetime.now(UTC)
    quiet = Chat(
        id=ADMIN,
        kind=ChatKind.PRIVATE,
        timezone="UTC",
        quiet_from=f"{(now - timedelta(hours=1)):%H:%M}",
        quiet_to=f"{(now + timedelta(hours=2)):%H:%M}",
    )
    async with desk(box, db, tmp_path, quiet) as d:
        await d.say(ADMIN, "خلاصه", lane=Lane.BULK)
        await d.say(ADMIN, "هشدار", lane=Lane.URGENT)
        await d.until(sent=1, pending=1)
        (held,) = await d.publisher.pending()

    assert texts(box, ADMIN) == ["هشدار"]
    assert held.not_before is not None
    assert held.not_before - now > timedelta(hours=1, minutes=58)


@pytest.mark.parametrize(
    ("begin", "end", "at", "until"),
    [
        ("23:00", "07:30", "2026-11-21T20:30Z", "2026-11-22T04:00Z"),  # midnight in Tehran
        ("23:00", "07:30", "2026-11-21T03:59Z", "2026-11-21T04:00Z"),
        ("23:00", "07:30", "2026-11-21T04:00Z", None),
        ("13:00", "15:00", "2026-11-21T10:00Z", "2026-11-21T11:30Z"),
        ("13:00", "15:00", "2026-11-21T12:00Z", None),
        ("", "", "2026-11-21T20:30Z", None),
        ("08:00", "08:00", "2026-11-21T04:30Z", None),
    ],
)
def test_quiet_hours_are_the_chats_own(begin: str, end: str, at: str, until: str | None) -> None:
    """Over midnight too, in the chat's time zone."""
    chat = Chat(id=1, kind=ChatKind.PRIVATE, quiet_from=begin, quiet_to=end)

    found = quiet_until(chat, datetime.fromisoformat(at))

    assert found == (datetime.fromisoformat(until) if until else None)


async def test_urgent_messages_go_before_a_queue_of_bulk(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """An alert overtakes a broadcast to sixty chats that was queued before it."""
    people = [box.people.new_user(f"p{n}", started=True).id for n in range(60)]
    async with desk(box, db, tmp_path) as d:
        for person in people:
            await d.say(person, "همه", lane=Lane.BULK)
        await d.say(ADMIN, "فوری", lane=Lane.URGENT)
        await d.until(sent=61)

    order = [call.params["text"] for call in box.calls_of("sendMessage")]
    assert order.index("فوری") < 40
    assert box.violations == []


async def test_stopping_waits_for_what_is_on_its_way(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """An orderly stop leaves nothing in doubt."""
    box.faults.add("sendMessage", "slow", times=1, seconds=0.7)
    async with desk(box, db, tmp_path) as d:
        await d.say(ADMIN, "آهسته")
        await box.world.pulse.until(lambda: bool(d.publisher._queue._busy), 2)
        await asyncio.sleep(0.2)

    assert await OutboxStore(db).counts() == {S.SENT: 1}


async def test_cancelling_waits_for_what_is_on_its_way(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """So does a cancelled task group."""
    box.faults.add("sendMessage", "slow", times=1, seconds=0.7)
    api = TelegramApi(box.token, base_url=box.base_url)
    publisher = Publisher(OutboxStore(db), api, files=tmp_path)
    await publisher.publish(ADMIN, OutMessage(text="x"), kind="alert", unique_key="x")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await publisher.run()

    assert await OutboxStore(db).counts() == {S.SENT: 1}
    await api.close()


async def test_a_channels_minute_counts_over_a_restart(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """Twelve before the restart and twelve after it: never more than eighteen in a minute."""
    place = channel(box)
    now = utc_now()
    for n in range(1, 18):
        await db.execute(
            "INSERT INTO outbox (unique_key, chat_id, kind, payload, lane, group_key, state, "
            "error, created_ms, finished_ms) VALUES (?, ?, 'x', '{}', 5, '', 'sent', '', 0, ?)",
            (f"old{n}", place, int(now.timestamp() * 1000) - 2000 * n),
        )
    async with desk(box, db, tmp_path) as d:
        await d.say(place, "هجدهم")
        await d.say(place, "نوزدهم")
        await d.until(sent=18, pending=1)
        await asyncio.sleep(1.2)
        counts = await d.outbox.counts()

    assert counts == {S.SENT: 18, S.PENDING: 1}


async def test_old_files_and_rows_are_tidied_away(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """What was settled months ago leaves neither a row nor a picture; what still waits has its."""
    later = datetime.now(UTC) + timedelta(days=90)
    other = OutMessage(text="y", photo=Attachment(content=PIXEL + b"0"))
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "of-an-older-version").write_bytes(PIXEL)
    async with desk(box, db, tmp_path) as d:
        message = OutMessage(text="x", photo=Attachment(content=PIXEL))
        await d.publisher.publish(ADMIN, message, kind="digest", unique_key="x")
        await d.until(sent=1)
        await d.publisher.publish(ADMIN, other, kind="digest", unique_key="y", not_before=later)
        old = Publisher(d.outbox, d.api, files=tmp_path / "files", clock=lambda: later)
        assert len(await db.fetch_all("SELECT 1 FROM attachments")) == 2

        assert await old.tidy() == 1

    (kept,) = await db.fetch_all("SELECT content_hash FROM attachments")
    assert kept[0] == hash_of(PIXEL + b"0")
    assert list((tmp_path / "files").iterdir()) == []


async def test_a_picture_goes_from_another_machine(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """The one who sends shares nothing but the database with the one who made the message."""
    api = TelegramApi(box.token, base_url=box.base_url)
    maker = Publisher(OutboxStore(db), api, files=tmp_path / "maker")
    message = OutMessage(text="نمودار", photo=Attachment(content=PIXEL))
    await maker.publish(ADMIN, message, kind="digest", unique_key="d")

    async with desk(box, db, tmp_path / "sender") as d:
        await d.until(sent=1)

    await api.close()
    (call,) = box.calls_of("sendPhoto")
    assert call.files


async def test_a_picture_too_large_leaves_its_words(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """Telegram takes no picture above ten megabytes, and MariaDB no such statement."""
    huge = OutMessage(text="خلاصه", photo=Attachment(content=b"x" * (MOST_BYTES + 1)))
    async with desk(box, db, tmp_path) as d:
        await d.publisher.publish(ADMIN, huge, kind="digest", unique_key="d")
        await d.until(sent=1)

    assert texts(box, ADMIN) == ["خلاصه"]
    assert await db.fetch_all("SELECT 1 FROM attachments") == []


async def test_the_largest_picture_fits_into_the_database(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """Ten megabytes of a compressed picture come back as they were."""
    body = random.Random(1).randbytes(MOST_BYTES)
    api = TelegramApi(box.token, base_url=box.base_url)
    outbox = OutboxStore(db)
    publisher = Publisher(outbox, api, files=tmp_path)

    message = OutMessage(text="x", photo=Attachment(content=body))
    await publisher.publish(ADMIN, message, kind="digest", unique_key="d")

    assert await outbox.attachments.get(hash_of(body)) == body
    await api.close()


async def test_an_unreadable_row_is_failed_and_the_next_goes(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """A row that another version wrote does not stop the queue."""
    broken = Outgoing(unique_key="b", chat_id=ADMIN, kind="alert", payload="{not json")
    await OutboxStore(db).enqueue([broken], utc_now())
    async with desk(box, db, tmp_path) as d:
        await d.say(ADMIN, "سالم")
        await d.until(failed=1, sent=1)

    assert texts(box, ADMIN) == ["سالم"]


async def test_a_database_that_fails_after_the_call_still_learns_the_result(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """The message is out: that is written down as soon as it can be, and it is not sent again."""

    class Failing(OutboxStore):
        failures = 2

        async def sent(self, message: Outgoing, message_id: int) -> None:
            if self.failures:
                self.failures -= 1
                raise StorageError("disk full")
            await super().sent(message, message_id)

    api = TelegramApi(box.token, base_url=box.base_url)
    publisher = Publisher(Failing(db), api, files=tmp_path)
    made = Desk(publisher, OutboxStore(db), api)
    async with asyncio.TaskGroup() as group:
        group.create_task(publisher.run())
        await made.say(ADMIN, "یک بار")
        await made.until(sent=1)
        publisher.stop()
    await api.close()

    assert texts(box, ADMIN) == ["یک بار"]


async def test_a_picture_that_telegram_forgot_is_uploaded_again(
    box: SandboxServer, db: Database, tmp_path: Path
) -> None:
    """A stored file id that is no longer valid costs one more upload, not the message."""
    message = OutMessage(text="نمودار", photo=Attachment(content=PIXEL))
    async with desk(box, db, tmp_path) as d:
        await d.publisher.publish(ADMIN, message, kind="digest", unique_key="1")
        await d.until(sent=1)
        await db.execute("UPDATE sent_files SET file_id='AgACAgQAAxkBAAforgotten'")
        await d.publisher.publish(ADMIN, message, kind="digest", unique_key="2")
        await d.until(sent=2)
        await d.publisher.publish(ADMIN, message, kind="digest", unique_key="3")
        await d.until(sent=3)

    uploads = [bool(call.files) for call in box.calls_of("sendPhoto")]
    assert uploads == [True, False, True, False]
