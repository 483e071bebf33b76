"""Messages of the outbox as rows, and what comes of asking to send one."""

from __future__ import annotations

from dataclasses import dataclass

from bot.models.work import Lane, OutboxState, Outgoing
from bot.ports import Row
from bot.utils.times import from_ms_or_none, to_ms

COLUMNS = (
    "unique_key", "chat_id", "kind", "payload", "lane", "group_key", "part", "state",
    "not_before_ms", "attempts", "message_id", "error", "created_ms", "finished_ms",
)  # fmt: skip
SELECT = f"SELECT {', '.join(f'outbox.{column}' for column in ('id', *COLUMNS))} FROM outbox"
ERROR_CHARS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What came of asking to send a message: it is ours after `wait_s`, or not to be had now.

    Without a message, `wait_s` is how long its chat, or (`is_overall`) the whole bot, must wait; 0:
    somebody else has it, or sends to its chat.
    """

    message: Outgoing | None = None
    wait_s: float = 0.0
    is_overall: bool = False


def values_of(m: Outgoing) -> tuple[object, ...]:
    return (
        m.unique_key, m.chat_id, m.kind, m.payload, int(m.lane), m.group_key, m.part,
        m.state.value, to_ms(m.not_before), m.attempts, m.message_id, m.error[:ERROR_CHARS],
        to_ms(m.created_at), to_ms(m.finished_at),
    )  # fmt: skip


def outgoing_of(row: Row) -> Outgoing:
    return Outgoing(
        id=row[0],
        unique_key=row[1],
        chat_id=row[2],
        kind=row[3],
        payload=row[4],
        lane=Lane(row[5]),
        group_key=row[6],
        part=row[7],
        state=OutboxState(row[8]),
        not_before=from_ms_or_none(row[9]),
        attempts=row[10],
        message_id=row[11],
        error=row[12],
        created_at=from_ms_or_none(row[13]),
        finished_at=from_ms_or_none(row[14]),
    )
