"""Where digests go: chats by their names, their clocks and zones, linking and losing them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.handlers.buttons import Verb, pack
from bot.handlers.views.page import Reader, label, shortened
from bot.models.messages import Button, Keyboard, OutMessage
from bot.models.user import Chat
from bot.utils.times import fa_digits

HOURS = ("08:00", "13:00", "21:00")
PLACE_LENGTH = 40
ZONES: Mapping[str, str] = {
    "Asia/Tehran": "tehran",
    "Asia/Kabul": "kabul",
    "Asia/Dushanbe": "dushanbe",
    "Asia/Dubai": "dubai",
    "Europe/Istanbul": "istanbul",
    "Europe/Berlin": "berlin",
    "Europe/London": "london",
    "America/Toronto": "toronto",
    "America/Los_Angeles": "los_angeles",
    "UTC": "utc",
}


def place_name(reader: Reader, chat: Chat, here: int) -> str:
    """The chat as a person calls it; `here` is the chat they are in."""
    if chat.id == here:
        return reader.t("digest.here")
    name = chat.title or (f"@{chat.username}" if chat.username else str(chat.id))
    return reader.name(shortened(name, PLACE_LENGTH))


def hour_rows(reader: Reader, chat_id: int, *, owner: int = 0) -> list[tuple[Button, ...]]:
    """The usual hours, and another one."""
    usual = tuple(
        Button(
            text=clock_shown(reader, at),
            data=pack(Verb.DIGEST_ADD, chat_id, packed_time(at), owner=owner),
        )
        for at in HOURS
    )
    other = Button(
        text=reader.t("button.other_time"),
        data=pack(Verb.DIGEST_OTHER, chat_id, owner=owner),
    )
    return [usual, (other,)]


def choose_place(
    reader: Reader, chats: Sequence[Chat], bot_username: str, *, owner: int = 0
) -> OutMessage:
    """The channels and groups where both the bot and this person are administrators."""
    rows: list[tuple[Button, ...]] = [
        (
            Button(
                text=label(chat.title or str(chat.id), PLACE_LENGTH),
                data=pack(Verb.DIGEST_TIME, chat.id, owner=owner),
            ),
        )
        for chat in chats
    ]
    rows += add_me_rows(reader, bot_username)
    rows.append((Button(text=reader.t("button.back"), data=pack(Verb.DIGEST, owner=owner)),))
    key = "digest.choose_place" if chats else "digest.no_places"
    return reader.rich(key).message(keyboard=tuple(rows))


def add_me_rows(reader: Reader, bot_username: str) -> Keyboard:
    """Links that let a person add the bot with the rights it needs."""
    if not bot_username:
        return ()
    base = f"https://t.me/{bot_username}"
    return (
        (
            Button(
                text=reader.t("button.add_to_channel"),
                url=f"{base}?startchannel&admin=post_messages",
            ),
        ),
        (
            Button(
                text=reader.t("button.add_to_group"), url=f"{base}?startgroup&admin=post_messages"
            ),
        ),
    )


def linked_message(reader: Reader, chat: Chat, *, may_post: bool) -> OutMessage:
    """The bot was made an administrator: offer a schedule to the person who did it."""
    place = reader.name(shortened(chat.title, PLACE_LENGTH))
    if not may_post:
        return reader.rich("link.added_no_rights", place=place).message()
    rows = hour_rows(reader, chat.id)
    rows.append((Button(text=reader.t("link.later"), data=pack(Verb.CANCEL, "link")),))
    zone_name = zone_shown(reader, chat.timezone)
    return reader.lines(
        reader.rich("link.added", place=place), reader.rich("link.added_ask", zone=zone_name)
    ).message(keyboard=tuple(rows))


def unlinked_message(reader: Reader, chat: Chat, plans: int) -> OutMessage:
    lost = reader.rich("link.lost", place=reader.name(shortened(chat.title, PLACE_LENGTH)))
    paused = reader.rich("link.lost_plans", n=plans) if plans else None
    return reader.lines(lost, paused).message()


def zone_shown(reader: Reader, name: str) -> str:
    """A zone by the name people know, else its technical one."""
    known = ZONES.get(name)
    return reader.t(f"zone.{known}") if known else reader.name(name)


def clock_shown(reader: Reader, at: str) -> str:
    return fa_digits(at) if reader.lang == "fa" else at


def packed_time(at: str) -> str:
    """08:00 → 0800: a colon parts a button's words."""
    return at.replace(":", "")


def unpacked_time(word: str) -> str:
    return f"{word[:2]}:{word[2:]}"
