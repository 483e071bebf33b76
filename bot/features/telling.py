"""What digests and alerts share: the keys of what a chat was told, and messages in one order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.features.publish import Publisher
from bot.models.messages import OutMessage
from bot.models.work import Lane, Outgoing

POST = "p:"  # what the key of every post begins with


def post_item(post_id: int) -> str:
    """How `received` names a post."""
    return f"{POST}{post_id}"


def trend_item(key: str) -> str:
    """How `received` names a trend."""
    return f"t:{key}"


async def prepare_all(
    publisher: Publisher,
    chat_id: int,
    messages: Sequence[OutMessage],
    *,
    kind: str,
    unique_key: str,
    lane: Lane,
) -> tuple[Outgoing, ...]:
    """The outbox rows of several messages that belong together and go in this order.

    The first row bears `unique_key` itself.
    """
    rows: list[Outgoing] = []
    for message in messages:
        rows += await publisher.prepare(
            chat_id, message, kind=kind, unique_key=unique_key, lane=lane
        )
    if len(rows) < 2:
        return tuple(rows)
    return tuple(
        replace(
            row,
            unique_key=f"{unique_key}#{place}" if place else unique_key,
            group_key=unique_key,
            part=place,
        )
        for place, row in enumerate(rows)
    )
