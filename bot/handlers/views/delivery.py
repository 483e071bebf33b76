"""Delivery as admins see it: what waits, what is doubtful, what nobody could read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.handlers.buttons import Verb, pack
from bot.handlers.views.admin import ERROR_LENGTH, NAME_LENGTH, back_row
from bot.handlers.views.page import Reader, shortened
from bot.models.messages import Button, OutMessage, RichText
from bot.models.status import DeliveryStatus
from bot.models.user import Chat
from bot.models.work import OutboxState, Outgoing, StoredUpdate

ITEMS = 5  # of a list whose items each have buttons


def delivery_message(reader: Reader, state: DeliveryStatus) -> OutMessage:
    body = reader.lines(
        reader.rich("delivery.title"),
        "",
        *(
            reader.rich(f"delivery.{key}", n=n)
            for key, n in (
                ("pending", state.pending),
                ("sending", state.sending),
                ("retry", state.retry),
                ("sent_lately", state.sent_lately),
                ("ambiguous", state.ambiguous),
                ("failed", state.failed),
                ("gone", state.gone),
                ("inbox", state.inbox_waiting),
                ("bad", state.inbox_bad),
            )
        ),
    )
    if state.is_clear:
        body.newline(2).add(reader.rich("delivery.all_clear"))
    rows = [
        (
            Button(
                text=reader.t(f"admin_button.{key}", n=n),
                data=pack(verb, *args),
            ),
        )
        for key, n, verb, args in (
            ("ambiguous", state.ambiguous, Verb.OUTBOX, (OutboxState.AMBIGUOUS.value,)),
            ("failed", state.failed, Verb.OUTBOX, (OutboxState.FAILED.value,)),
            ("bad_updates", state.inbox_bad, Verb.BAD_UPDATES, ()),
        )
        if n
    ]
    refresh = (Button(text=reader.t("button.refresh"), data=pack(Verb.DELIVERY)),)
    return body.message(keyboard=(*rows, refresh, back_row(reader)))


def outbox_message(
    reader: Reader,
    which: OutboxState,
    messages: Sequence[Outgoing],
    chats: Mapping[int, Chat],
) -> OutMessage:
    """Stopped messages; an admin decides on each."""
    is_ambiguous = which is OutboxState.AMBIGUOUS
    body = reader.lines(
        reader.rich("delivery.ambiguous_title" if is_ambiguous else "delivery.failed_title"),
        reader.rich("delivery.ambiguous_about") if is_ambiguous else None,
    )
    if not messages:
        body.newline(2).add(reader.rich("delivery.none"))
    rows: list[tuple[Button, ...]] = []
    for number, message in enumerate(messages[:ITEMS], 1):
        body.newline(2).add(_outgoing(reader, number, message, chats.get(message.chat_id)))
        again = Button(
            text=f"{reader.n(number)} {reader.t('admin_button.resend')}",
            data=pack(Verb.RESEND, message.id, which.value),
        )
        drop = Button(
            text=f"{reader.n(number)} {reader.t('admin_button.drop')}",
            data=pack(Verb.DROP, message.id, which.value),
        )
        rows.append((again, drop))
    return body.message(keyboard=(*rows, back_row(reader, "to_delivery", Verb.DELIVERY)))


def _outgoing(reader: Reader, number: int, message: Outgoing, chat: Chat | None) -> RichText:
    place = chat.title if chat and chat.title else str(message.chat_id)
    kinds = ("alert", "digest", "notice", "broadcast")
    kind = message.kind if message.kind in kinds else "notice"
    line = (
        reader.text()
        .plain(f"{reader.n(number)}. ")
        .add(
            reader.rich(
                "delivery.item",
                kind=reader.t(f"delivery.kind_{kind}"),
                place=reader.name(shortened(place, NAME_LENGTH)),
                when=reader.when(message.created_at) if message.created_at else "",
            )
        )
    )
    text = OutMessage.from_json(message.payload).text
    line.newline().quote(reader.name(shortened(text, 140)))
    if message.error:
        line.newline().code(shortened(message.error, ERROR_LENGTH))
    return line


def bad_updates_message(reader: Reader, updates: Sequence[StoredUpdate]) -> OutMessage:
    """Updates set aside. Their errors are shown, never what people wrote."""
    body = reader.lines(reader.rich("delivery.bad_title"))
    if not updates:
        body.newline(2).add(reader.rich("delivery.none"))
    for update in updates[:ITEMS]:
        head = f"#{update.update_id} · {reader.when(update.received_at)}"
        body.newline(2).plain(head)
        body.newline().code(shortened(update.error, ERROR_LENGTH))
    return body.message(keyboard=(back_row(reader, "to_delivery", Verb.DELIVERY),))
