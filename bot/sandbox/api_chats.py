"""Bot API: what the bot may learn about chats and members, and leaving one."""

from __future__ import annotations

from bot.sandbox.strictness import known_chat
from bot.sandbox.wire import Json, Params, bad_request, forbidden
from bot.sandbox.world import Chat, User, World

ADMIN_RIGHTS: Json = {
    "can_be_edited": False,
    "is_anonymous": False,
    "can_manage_chat": True,
    "can_delete_messages": True,
    "can_manage_video_chats": True,
    "can_restrict_members": True,
    "can_promote_members": False,
    "can_change_info": True,
    "can_invite_users": True,
    "can_post_stories": True,
    "can_edit_stories": True,
    "can_delete_stories": True,
    "can_send_welcome_messages": False,
}
CHANNEL_RIGHTS: Json = {
    "can_post_messages": True,
    "can_edit_messages": True,
    "can_manage_direct_messages": False,
}
GROUP_RIGHTS: Json = {"can_pin_messages": True, "can_manage_topics": False}


_FORBIDDEN: Json = dict.fromkeys(
    (
        "can_send_messages",
        "can_send_audios",
        "can_send_documents",
        "can_send_photos",
        "can_send_videos",
        "can_send_video_notes",
        "can_send_voice_notes",
        "can_send_polls",
        "can_send_other_messages",
        "can_add_web_page_previews",
        "can_react_to_messages",
        "can_edit_tag",
        "can_change_info",
        "can_invite_users",
        "can_pin_messages",
        "can_manage_topics",
    ),
    False,
)


def admin_rights(chat_type: str) -> Json:
    """Return a ChatMember of an administrator with the usual rights, without its user."""
    special = CHANNEL_RIGHTS if chat_type == "channel" else GROUP_RIGHTS
    return {"status": "administrator", **ADMIN_RIGHTS, **special}


def plain_member(status: str) -> Json:
    """Return a ChatMember of any other status, with the fields each must have."""
    if status == "creator":
        return {"status": status, "is_anonymous": False}
    if status == "kicked":
        return {"status": status, "until_date": 0}
    if status == "restricted":
        return {"status": status, "is_member": True, "until_date": 0, **_FORBIDDEN}
    return {"status": status}


def member_json(chat: Chat, user: User) -> Json:
    """Return the ChatMember of a user, `left` when the user was never there."""
    return {**chat.members.get(user.id, {"status": "left"}), "user": user.to_json()}


def _inside(world: World, params: Params) -> Chat:
    """Return a chat the bot may look into."""
    chat = known_chat(world, params)
    if chat.migrated_to is not None:
        raise bad_request(
            "group chat was upgraded to a supergroup chat",
            {"migrate_to_chat_id": chat.migrated_to},
        )
    if chat.type != "private" and chat.status_of(world.bot.id) in {"left", "kicked"}:
        how = (
            "was kicked from" if chat.status_of(world.bot.id) == "kicked" else "is not a member of"
        )
        raise forbidden(f"bot {how} the {chat.type} chat")
    return chat


def get_chat(world: World, params: Params) -> Json:
    """getChat: a ChatFullInfo."""
    chat = known_chat(world, params)
    if not chat.username or chat.type == "private":
        chat = _inside(world, params)
    gifts = dict.fromkeys(
        (
            "unlimited_gifts",
            "limited_gifts",
            "unique_gifts",
            "premium_subscription",
            "gifts_from_channels",
        ),
        False,
    )
    full: Json = {
        **chat.to_json(),
        "accent_color_id": abs(chat.id) % 7,
        "max_reaction_count": 11,
        "accepted_gift_types": gifts,
    }
    if chat.username:
        full["active_usernames"] = [chat.username]
    if chat.pinned and chat.pinned[-1] in chat.messages:
        full["pinned_message"] = world.public(chat.messages[chat.pinned[-1]])
    if chat.type in {"group", "supergroup"}:
        full["permissions"] = {"can_send_messages": True, "can_invite_users": True}
    return full


def _user(world: World, params: Params) -> User:
    user_id = params.integer("user_id")
    if user_id == world.bot.id:
        return world.bot
    user = world.users.get(user_id or 0)
    if user is None:
        raise bad_request("invalid user_id specified")
    return user


def get_chat_member(world: World, params: Params) -> Json:
    """getChatMember; in channels only administrators may ask about others."""
    chat = _inside(world, params)
    user = _user(world, params)
    if (
        chat.type == "channel"
        and user.id != world.bot.id
        and chat.status_of(world.bot.id) != "administrator"
    ):
        raise bad_request("member list is inaccessible")
    return member_json(chat, user)


def get_chat_administrators(world: World, params: Params) -> list[Json]:
    """getChatAdministrators: not in private chats."""
    chat = _inside(world, params)
    if chat.type == "private":
        raise bad_request("there are no administrators in the private chat")
    people = {**world.users, world.bot.id: world.bot}
    return [
        member_json(chat, people[user_id])
        for user_id, member in chat.members.items()
        if member["status"] in {"creator", "administrator"}
    ]


def get_chat_member_count(world: World, params: Params) -> int:
    """getChatMemberCount."""
    chat = _inside(world, params)
    gone = {"left", "kicked"}
    return sum(1 for member in chat.members.values() if member["status"] not in gone)


def leave_chat(world: World, params: Params) -> bool:
    """leaveChat: not a private one."""
    chat = _inside(world, params)
    if chat.type == "private":
        raise bad_request("chat is private, the bot can't leave it")
    chat.members[world.bot.id] = plain_member("left")
    world.emit("chat", chat.id)
    return True
