"""The bot's own place in chats: added, promoted, removed, blocked; groups that get a new id."""

from __future__ import annotations

from dataclasses import dataclass

from bot.handlers.views.page import Reader
from bot.handlers.views.places import linked_message, unlinked_message
from bot.handlers.views.start import group_greeting
from bot.hoshyar import Hoshyar
from bot.models.messages import OutMessage
from bot.models.user import Chat, ChatKind
from bot.models.work import Lane
from bot.services.telegram_api import TelegramApi

_INSIDE = frozenset({"creator", "administrator", "member", "restricted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """A change of the bot's own membership; `can_post` is for channels and restricted members."""

    hoshyar: Hoshyar
    telegram: TelegramApi
    chat: Chat  # as Telegram shows it
    by_user_id: int
    before: str
    after: str
    can_post: bool
    update_id: int


async def changed(change: Membership) -> None:
    """Note what the bot may do in a chat, and tell the person whose doing it is."""
    if change.chat.kind is ChatKind.PRIVATE:
        if change.after not in _INSIDE:
            await change.hoshyar.chats.unlink(change.chat.id)
        return
    is_admin = change.after == "administrator"
    if change.after not in _INSIDE:
        await _left(change)
        return
    may_post = change.can_post if is_admin else change.chat.kind is not ChatKind.CHANNEL
    known = await change.hoshyar.chats.get(change.chat.id)
    chat = await change.hoshyar.chats.link(
        change.chat,
        is_admin=is_admin,
        may_post=may_post,
        owner_id=change.by_user_id if is_admin else None,
    )
    is_new = change.before not in _INSIDE
    if is_new and may_post and chat.kind is not ChatKind.CHANNEL:
        await change.telegram.send(chat.id, group_greeting(Reader.of(chat, change.hoshyar.clock())))
    had_rights = known is not None and known.is_bot_admin
    if is_admin and not (had_rights and may_post):
        owner = await _owner(change, change.by_user_id)
        if owner is not None:
            reader = Reader.of(owner, change.hoshyar.clock())
            message = linked_message(reader, chat, may_post=may_post)
            await _tell(change, owner, message, "linked")


async def _left(change: Membership) -> None:
    """Removed: nothing can be sent there, its plans stop, and who linked it hears of it."""
    known = await change.hoshyar.chats.unlink(change.chat.id)
    if known is None:
        return
    paused = await change.hoshyar.plans.pause_all(known)
    owner = await _owner(change, known.owner_id or 0)
    if owner is not None and (known.is_bot_admin or paused):
        reader = Reader.of(owner, change.hoshyar.clock())
        await _tell(change, owner, unlinked_message(reader, known, paused), "unlinked")


async def _owner(change: Membership, user_id: int) -> Chat | None:
    """The private chat of a person who has written to the bot; others cannot be written to."""
    chat = await change.hoshyar.chats.get(user_id) if user_id else None
    return chat if chat is not None and chat.reachable else None


async def _tell(change: Membership, owner: Chat, message: OutMessage, what: str) -> None:
    """Through the outbox: nobody waits for it, and a crash must not lose or repeat it."""
    await change.hoshyar.publish.publish(
        owner.id,
        message,
        kind="notice",
        unique_key=f"{what}:{change.chat.id}:{change.update_id}",
        lane=Lane.URGENT,
    )
