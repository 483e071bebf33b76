"""Delivery as admins see it: what waits, what is doubtful, what nobody could read."""

from __future__ import annotations

from bot.handlers.asked import Asked, Presses
from bot.handlers.buttons import Verb
from bot.handlers.views.delivery import (
    ITEMS,
    bad_updates_message,
    delivery_message,
    outbox_message,
)
from bot.models.work import OutboxState


async def delivery(asked: Asked) -> None:
    await asked.show(delivery_message(asked.reader, await asked.hoshyar.admin.delivery()))


async def outbox(asked: Asked) -> None:
    """Ambiguous or failed messages."""
    await _show(asked, asked.arg(0))


async def _show(asked: Asked, which: str) -> None:
    if which == OutboxState.FAILED.value:
        state = OutboxState.FAILED
        messages = await asked.hoshyar.publish.stopped(ITEMS)
    else:
        state = OutboxState.AMBIGUOUS
        messages = await asked.hoshyar.publish.ambiguous(ITEMS)
    chats = await asked.hoshyar.chats.get_many([message.chat_id for message in messages])
    await asked.show(outbox_message(asked.reader, state, messages, chats))


async def resend(asked: Asked) -> None:
    done = await asked.hoshyar.publish.resend(asked.number(0))
    await asked.note(asked.t("delivery.resent" if done else "delivery.gone_item"))
    await _show(asked, asked.arg(1))


async def drop(asked: Asked) -> None:
    done = await asked.hoshyar.publish.drop(asked.number(0))
    await asked.note(asked.t("delivery.dropped" if done else "delivery.gone_item"))
    await _show(asked, asked.arg(1))


async def bad_updates(asked: Asked) -> None:
    updates = await asked.hoshyar.admin.bad_updates(ITEMS)
    await asked.show(bad_updates_message(asked.reader, updates))


PRESSES: Presses = {
    Verb.DELIVERY: delivery,
    Verb.OUTBOX: outbox,
    Verb.RESEND: resend,
    Verb.DROP: drop,
    Verb.BAD_UPDATES: bad_updates,
}
