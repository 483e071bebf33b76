"""Messages on their way out.

pending → sending → sent | retry | ambiguous | gone | failed. `sending` is committed before the
HTTP call and the result after it, so a crash between the two leaves a row that says: it may have
arrived. Such a row becomes ambiguous and is never sent again by itself. The number of the attempt
is the claim's token: only the claimant that counted it may write its result. While a row is in
`sending`, its `not_before_ms` is the end of the claimant's lease. Leases, pauses and the times of
sending are by the database's clock, which all hosts share.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.models.work import OutboxState, Outgoing
from bot.ports import Database, Transaction
from bot.storage.attachments import AttachmentStore, put_attachment
from bot.storage.outbox_rows import COLUMNS, ERROR_CHARS, SELECT, Turn, outgoing_of, values_of
from bot.storage.send_pace import SendPaceStore, SharedLimits, hold_pace, keep_pace
from bot.utils.times import from_ms, to_ms

# In each chat to which nothing is on its way, the first by lane and age of what is due; what is
# to be tried again blocks the rest. {now} is the database's clock.
_HEADS = f"""{SELECT} JOIN (
  SELECT id, ROW_NUMBER() OVER (PARTITION BY chat_id ORDER BY lane, id) AS place
  FROM outbox WHERE (state='retry' OR (state='pending' AND not_before_ms<={{now}}))
  AND chat_id NOT IN (SELECT chat_id FROM outbox WHERE state='sending')
) AS queue ON queue.id=outbox.id
WHERE queue.place=1 AND outbox.not_before_ms<={{now}} ORDER BY outbox.lane, outbox.id LIMIT ?"""
_IF_MINE = "WHERE id=? AND attempts=? AND state IN ('sending', 'ambiguous')"
_WAITING = "('pending', 'retry', 'held')"


class OutboxStore:
    """The queue; `attachments` are the files of its messages, `pace` is how fast it may go out."""

    def __init__(self, db: Database, limits: SharedLimits | None = None) -> None:
        self.attachments = AttachmentStore(db)
        self.pace = SendPaceStore(db, limits)
        self._db = db
        self._limits = limits or SharedLimits()
        self._now = db.dialect.now_ms
        self._heads = _HEADS.format(now=self._now)
        self._insert = db.dialect.insert_new("outbox", COLUMNS, ["unique_key"])

    async def enqueue(self, messages: Sequence[Outgoing], now: datetime) -> int:
        """Store the messages whose `unique_key` is new, all or none; how many were new."""
        return await self._db.write(lambda tx: self.enqueue_in(tx, messages, now))

    async def enqueue_in(self, tx: Transaction, messages: Sequence[Outgoing], now: datetime) -> int:
        """The same in the caller's transaction; attachments are stored with their messages."""
        new = 0
        for message in messages:
            new += await tx.execute(self._insert, values_of(replace(message, created_at=now)))
            if message.attached:
                await put_attachment(tx, message.attached)
        return new

    async def heads(self, limit: int = 500) -> list[Outgoing]:
        """The next message of each chat that has one due, urgent ones first.

        Within a chat the order is lane, then age. A message that is put off by `not_before` lets
        the others pass; one that is to be tried again does not, or the chat's order would break.
        """
        return [outgoing_of(row) for row in await self._db.fetch_all(self._heads, (limit,))]

    async def claim(self, message: Outgoing, lease: timedelta) -> Turn:
        """Mark a message as being sent, when its chat and Telegram's limits allow it.

        All processes come through here one after the other, so no two of them send to one chat at
        the same time, and together they keep the limits.
        """

        async def unit(tx: Transaction) -> Turn:
            pace = await hold_pace(tx, self._limits)
            busy = await tx.fetch_one(
                "SELECT id FROM outbox WHERE chat_id=? AND state='sending' LIMIT 1",
                (message.chat_id,),
            )
            if busy is not None:
                return Turn()
            # The plus keeps SQLite from the index by chat, which holds all that it ever got.
            lately = await tx.fetch_all(
                "SELECT finished_ms FROM outbox WHERE finished_ms>? AND +chat_id=? "
                "AND state IN ('sent', 'ambiguous')",
                (pace.now_ms - self._limits.span_ms(message.chat_id), message.chat_id),
            )
            chat_ms = pace.wait_ms(message.chat_id, [int(row[0]) for row in lately])
            if chat_ms > 0:
                return Turn(wait_s=chat_ms / 1000)
            departure_ms = pace.departure_ms()
            if departure_ms > self._limits.longest_wait_ms:
                return Turn(wait_s=departure_ms / 1000, is_overall=True)
            changed = await tx.execute(
                "UPDATE outbox SET state='sending', attempts=attempts+1, not_before_ms=? "
                "WHERE id=? AND chat_id=? AND attempts=? AND state IN ('pending', 'retry')",
                (
                    pace.now_ms + _ms(lease),
                    message.id,
                    message.chat_id,
                    message.attempts,
                ),
            )
            row = await tx.fetch_one(f"{SELECT} WHERE id=?", (message.id,)) if changed else None
            if row is None:
                return Turn()
            pace.depart()
            await keep_pace(tx, pace)
            return Turn(message=outgoing_of(row), wait_s=departure_ms / 1000)

        return await self._db.write(unit)

    async def sent(self, message: Outgoing, message_id: int) -> None:
        """It arrived, and the rest of its group may follow.

        Also after another process had found it in `sending` and called it ambiguous: now we know.
        """

        async def unit(tx: Transaction) -> None:
            changed = await tx.execute(
                "UPDATE outbox SET state='sent', message_id=?, error='', "
                f"finished_ms={self._now} {_IF_MINE}",
                (message_id, message.id, message.attempts),
            )
            if changed:
                await _release(tx, message)

        await self._db.write(unit)

    async def retry(self, message: Outgoing, pause: timedelta, error: str) -> None:
        """It surely did not leave: again after `pause`."""
        await self._db.execute(
            f"UPDATE outbox SET state='retry', error=?, not_before_ms={self._now} + ? {_IF_MINE}",
            (error[:ERROR_CHARS], _ms(pause), message.id, message.attempts),
        )

    async def put_back(self, message: Outgoing) -> bool:
        """It was never tried: its turn again. False when the lease is over: it is in doubt now.

        Then later messages of its chat may have gone out, and an admin decides, as with every
        message of unknown fate.
        """
        changed = await self._db.execute(
            f"UPDATE outbox SET state='retry', not_before_ms={self._now} "
            "WHERE id=? AND attempts=? AND state='sending'",
            (message.id, message.attempts),
        )
        return changed > 0

    async def stop(self, message: Outgoing, state: OutboxState, error: str) -> None:
        """AMBIGUOUS or FAILED: this one does not go again by itself, and its group waits."""
        await self._db.write(lambda tx: _stop(tx, message, state, error))

    async def gone(self, message: Outgoing, error: str) -> int:
        """The chat is not to be reached: so is all that waits for it. How many those were."""

        async def unit(tx: Transaction) -> int:
            await tx.execute(
                f"UPDATE outbox SET state='gone', error=?, finished_ms={self._now} {_IF_MINE}",
                (error[:ERROR_CHARS], message.id, message.attempts),
            )
            return await tx.execute(
                f"UPDATE outbox SET state='gone', error=?, finished_ms={self._now} "
                f"WHERE chat_id=? AND state IN {_WAITING}",
                (error[:ERROR_CHARS], message.chat_id),
            )

        return await self._db.write(unit)

    async def move_chat(self, message: Outgoing, new_chat_id: int) -> None:
        """The group has a new id: this message goes again there, and what waits goes there too."""

        async def unit(tx: Transaction) -> None:
            await tx.execute(
                f"UPDATE outbox SET state='retry', not_before_ms=0 {_IF_MINE}",
                (message.id, message.attempts),
            )
            await tx.execute(
                "UPDATE outbox SET chat_id=? "
                "WHERE chat_id=? AND state IN ('pending', 'retry', 'held', 'ambiguous')",
                (new_chat_id, message.chat_id),
            )

        await self._db.write(unit)

    async def recover(self, *, alone: bool, mine: Collection[int] = ()) -> int:
        """Call ambiguous what is in `sending` and nobody sends: after a crash, or a lost lease.

        `alone`: no other process sends, so every such row but `mine` is a crashed one's, lease or
        not. Otherwise what another sends just now is left to it until its lease is over.
        """

        rows = await self._db.fetch_all(
            f"{SELECT} WHERE state='sending' AND (?=1 OR not_before_ms<={self._now})",
            (int(alone),),
        )
        lost = [message for message in map(outgoing_of, rows) if message.id not in mine]

        async def unit(tx: Transaction) -> int:
            why = "interrupted while sending"
            return sum([await _stop(tx, one, OutboxState.AMBIGUOUS, why) for one in lost])

        return await self._db.write(unit) if lost else 0

    async def resend(self, message_id: int) -> bool:
        """Queue a stopped message again, by an admin's decision; false when it is not stopped."""
        changed = await self._db.execute(
            "UPDATE outbox SET state='pending', not_before_ms=0, finished_ms=0 "
            "WHERE id=? AND state IN ('ambiguous', 'failed', 'gone', 'dropped')",
            (message_id,),
        )
        return changed > 0

    async def drop(self, message_id: int) -> bool:
        """Never send a stopped or held message, by an admin's decision; its group goes on."""

        async def unit(tx: Transaction) -> bool:
            changed = await tx.execute(
                f"UPDATE outbox SET state='dropped', finished_ms={self._now} "
                "WHERE id=? AND state IN ('ambiguous', 'failed', 'held')",
                (message_id,),
            )
            row = await tx.fetch_one(f"{SELECT} WHERE id=?", (message_id,))
            if changed and row:
                await _release(tx, outgoing_of(row))
            return changed > 0

        return await self._db.write(unit)

    async def get(self, message_id: int) -> Outgoing | None:
        row = await self._db.fetch_one(f"{SELECT} WHERE id=?", (message_id,))
        return outgoing_of(row) if row else None

    async def by_key(self, unique_key: str) -> Outgoing | None:
        row = await self._db.fetch_one(f"{SELECT} WHERE unique_key=?", (unique_key,))
        return outgoing_of(row) if row else None

    async def listed(self, states: Sequence[OutboxState], limit: int = 50) -> list[Outgoing]:
        """Messages in these states, the oldest first."""
        marks = ", ".join("?" for _ in states)
        rows = await self._db.fetch_all(
            f"{SELECT} WHERE state IN ({marks}) ORDER BY id LIMIT ?",
            (*[state.value for state in states], limit),
        )
        return [outgoing_of(row) for row in rows]

    async def counts(self) -> dict[OutboxState, int]:
        rows = await self._db.fetch_all("SELECT state, COUNT(*) FROM outbox GROUP BY state")
        return {OutboxState(state): int(count) for state, count in rows}

    async def recently_out(self, since: datetime) -> list[tuple[int, datetime]]:
        """Chat and time of what was, or may have been, sent since then, in order."""
        rows = await self._db.fetch_all(
            "SELECT chat_id, finished_ms FROM outbox "
            "WHERE finished_ms>=? AND state IN ('sent', 'ambiguous') ORDER BY finished_ms, id",
            (to_ms(since),),
        )
        return [(chat_id, from_ms(ms)) for chat_id, ms in rows]

    async def out_within(self, span: timedelta) -> list[tuple[int, int, float]]:
        """Id, chat and age in seconds of what was, or may have been, sent lately, in order."""
        rows = await self._db.fetch_all(
            f"SELECT id, chat_id, {self._now} - finished_ms FROM outbox "
            f"WHERE finished_ms>{self._now} - ? AND state IN ('sent', 'ambiguous') "
            "ORDER BY finished_ms, id",
            (_ms(span),),
        )
        return [(int(row[0]), int(row[1]), max(0, row[2]) / 1000) for row in rows]

    async def unsent_with_files(self) -> list[str]:
        """The payloads, with an attachment, of all that goes out or may yet be told to."""
        rows = await self._db.fetch_all(
            "SELECT payload FROM outbox WHERE state<>'sent' AND payload LIKE '%content_hash%'"
        )
        return [str(row[0]) for row in rows]

    async def purge(self, before: datetime) -> int:
        """Forget what was settled before a moment, its unique key included."""
        return await self._db.execute(
            "DELETE FROM outbox WHERE finished_ms>0 AND finished_ms<? "
            "AND state IN ('sent', 'gone', 'failed', 'dropped')",
            (to_ms(before),),
        )


async def _stop(tx: Transaction, message: Outgoing, state: OutboxState, error: str) -> int:
    changed = await tx.execute(
        f"UPDATE outbox SET state=?, error=?, finished_ms={tx.dialect.now_ms} {_IF_MINE}",
        (state.value, error[:ERROR_CHARS], message.id, message.attempts),
    )
    if changed and message.group_key:
        await tx.execute(
            "UPDATE outbox SET state='held' WHERE chat_id=? AND state IN ('pending', 'retry') "
            "AND group_key=? AND part>?",
            (message.chat_id, message.group_key, message.part),
        )
    return changed


async def _release(tx: Transaction, message: Outgoing) -> None:
    if message.group_key:
        await tx.execute(
            "UPDATE outbox SET state='pending' "
            "WHERE chat_id=? AND state='held' AND group_key=? AND part>?",
            (message.chat_id, message.group_key, message.part),
        )


def _ms(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)
