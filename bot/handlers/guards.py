"""Who may do what. Asked again at every press: rights come and go."""

from __future__ import annotations

from bot.errors import ChatGone, NotAllowed, Rejected
from bot.handlers.asked import Asked
from bot.models.user import Chat, ChatKind

_ADMINISTRATORS = frozenset({"creator", "administrator"})


async def is_manager(asked: Asked, chat: Chat) -> bool:
    """May the person decide for this chat? One's own private chat, or one they administer."""
    if chat.kind is ChatKind.PRIVATE:
        return chat.id == asked.user.id
    if asked.speaks_for_chat and chat.id == asked.chat.id:
        return True
    return await has_rights(asked, chat.id, asked.user.id)


async def has_rights(asked: Asked, chat_id: int, user_id: int) -> bool:
    """Is the user an administrator of the chat, by Telegram's word of this moment?"""
    try:
        member = await asked.telegram.call(
            chat_id, asked.telegram.bot.get_chat_member(chat_id, user_id)
        )
    except (ChatGone, Rejected):  # not a member, or the bot is not: nobody to decide
        return False
    return member.status in _ADMINISTRATORS


async def require_manager(asked: Asked, chat: Chat) -> None:
    """Raises NotAllowed when the person may not decide for this chat."""
    if await is_manager(asked, chat):
        return
    if chat.id == asked.chat.id:
        raise NotAllowed("error.admins_only_group")
    raise NotAllowed("digest.not_your_place", place=chat.title)


async def require_bot_may_post(asked: Asked, chat: Chat) -> None:
    """Raises NotAllowed when the bot could not send there anyway."""
    if chat.kind is ChatKind.PRIVATE:
        return
    try:
        member = await asked.telegram.call(
            chat.id, asked.telegram.bot.get_chat_member(chat.id, asked.telegram.bot.id)
        )
    except (ChatGone, Rejected) as error:
        raise NotAllowed("digest.bot_not_admin", place=chat.title) from error
    if chat.kind is ChatKind.CHANNEL:
        allowed = member.status == "administrator" and bool(
            getattr(member, "can_post_messages", False)
        )
    else:
        muted = member.status == "restricted" and not getattr(member, "can_send_messages", True)
        allowed = member.status not in ("left", "kicked") and not muted
    if not allowed:
        raise NotAllowed("digest.bot_not_admin", place=chat.title)


def require_private(asked: Asked, key: str) -> None:
    if asked.is_shared:
        raise NotAllowed(key)
