"""Bot API: text messages, edits, deletions, drafts, forwards, pins and reactions."""

from __future__ import annotations

from typing import Any

from bot.sandbox.entities import (
    MAX_TEXT_UNITS,
    read_caption,
    read_formatted,
    read_text,
    utf16_length,
)
from bot.sandbox.strictness import (
    check_action,
    check_markup,
    known_chat,
    reply_target,
    writable_chat,
)
from bot.sandbox.wire import NOT_MODIFIED, ApiError, Json, Params, bad_request
from bot.sandbox.world import Chat, World

DRAFT_LIFE_S = 30
_MEDIA = ("photo", "document", "video", "animation", "audio", "voice")


def resolve_mentions(world: World, entities: list[Json]) -> list[Json]:
    """Replace the user id of a text mention by the user, as messages carry it."""
    resolved: list[Json] = []
    for entity in entities:
        if entity["type"] != "text_mention":
            resolved.append(entity)
            continue
        user_id = entity.get("user_id") or (entity.get("user") or {}).get("id")
        user = world.users.get(int(user_id or 0))
        if user is not None:
            kept = {name: entity[name] for name in ("type", "offset", "length")}
            resolved.append({**kept, "user": user.to_json()})
    return resolved


def send(world: World, chat: Chat, params: Params, content: Json) -> Json:
    """Store a message of the bot with its reply target and keyboard; return it in full."""
    markup = check_markup(params, chat.type)
    target = reply_target(chat, params)
    if target is not None:
        shown = world.public(target)
        shown.pop("reply_to_message", None)
        content["reply_to_message"] = shown
    if params.flag("protect_content"):
        content["has_protected_content"] = True
    if markup is not None and "inline_keyboard" in markup:
        content["reply_markup"] = markup
    elif markup is not None:
        # Reply keyboards reach the person, not the answer of the call.
        content["sandbox_keyboard"] = markup
    message = world.new_message(chat, world.bot, content)
    if markup is not None and "inline_keyboard" not in markup:
        world.emit("keyboard", chat.id, markup=markup)
    return world.public(message)


def text_content(world: World, params: Params) -> Json:
    """Read the text, entities and link preview options of a call."""
    text, entities = read_text(params)
    content: Json = {"text": text}
    if entities := resolve_mentions(world, entities):
        content["entities"] = entities
    if options := params.record("link_preview_options"):
        content["link_preview_options"] = options
    elif params.flag("disable_web_page_preview"):
        content["link_preview_options"] = {"is_disabled": True}
    return content


def caption_content(world: World, params: Params) -> Json:
    """Read the caption and its entities."""
    caption, entities = read_caption(params)
    content: Json = {}
    if caption:
        content["caption"] = caption
        if entities := resolve_mentions(world, entities):
            content["caption_entities"] = entities
        if params.flag("show_caption_above_media"):
            content["show_caption_above_media"] = True
    return content


def send_message(world: World, params: Params) -> Json:
    """sendMessage."""
    chat = writable_chat(world, params)
    return send(world, chat, params, text_content(world, params))


def send_message_draft(world: World, params: Params) -> bool:
    """sendMessageDraft: a preview that lives 30 seconds, in private chats only."""
    chat = writable_chat(world, params)
    if chat.type != "private":
        raise bad_request("TEXTDRAFT_PEER_INVALID")
    draft_id = params.integer("draft_id")
    if not draft_id:
        raise bad_request("draft_id must be non-zero")
    text, entities = read_formatted(
        params.text("text"), params.items("entities"), params.text("parse_mode")
    )
    if utf16_length(text) > MAX_TEXT_UNITS:
        raise bad_request("message is too long")
    draft: Json = {
        "draft_id": draft_id,
        "text": text,
        "entities": resolve_mentions(world, entities),
        "expires_at": world.now() + DRAFT_LIFE_S,
    }
    chat.drafts[draft_id] = draft
    world.emit("draft", chat.id, draft=draft)
    return True


def send_chat_action(world: World, params: Params) -> bool:
    """sendChatAction: shown for five seconds or until the next message."""
    chat = writable_chat(world, params)
    action = params.text("action")
    check_action(action)
    world.emit("action", chat.id, action=action)
    return True


def _own_message(world: World, params: Params) -> tuple[Chat, Json, bool]:
    """Return the message an edit is about, and whether it was named as an inline message."""
    inline_id = params.text("inline_message_id")
    if inline_id:
        place = world.inline_messages.get(inline_id)
        if place is None:
            raise bad_request("MESSAGE_ID_INVALID")
        chat = world.chats[place[0]]
        if place[1] not in chat.messages:
            raise bad_request("MESSAGE_ID_INVALID")
        return chat, chat.messages[place[1]], True
    chat = writable_chat(world, params)
    message_id = params.integer("message_id")
    if not message_id:
        raise bad_request("message identifier is not specified")
    message = chat.messages.get(message_id)
    if message is None:
        raise bad_request("message to edit not found")
    if not world.is_by_bot(message):
        raise bad_request("message can't be edited")
    return chat, message, False


def _apply_edit(
    world: World, params: Params, replaced: tuple[str, ...], content: Json | None
) -> Json | bool:
    """Replace `replaced` fields by `content` (None: keep them) and the keyboard; or refuse."""
    chat, message, is_inline = _own_message(world, params)
    markup = check_markup(params, chat.type, inline_only=True)
    after = dict(message)
    if content is not None:
        for name in replaced:
            after.pop(name, None)
        after.update(content)
    after.pop("reply_markup", None)
    if markup is not None:
        after["reply_markup"] = markup
    compared = {*replaced, "reply_markup"} - {"link_preview_options"}
    if all(after.get(name) == message.get(name) for name in compared):
        raise bad_request(NOT_MODIFIED)
    after["edit_date"] = world.now()
    chat.messages[message["message_id"]] = after
    world.changed(chat, after)
    return True if is_inline else world.public(after)


def edit_message_text(world: World, params: Params) -> Json | bool:
    """editMessageText; a message with a picture has no text to edit."""
    message = _own_message(world, params)[1]
    if "text" not in message:
        raise bad_request("there is no text in the message to edit")
    try:
        content = text_content(world, params)
    except ApiError as refusal:
        if refusal.description.endswith("message is too long"):
            raise bad_request("MESSAGE_TOO_LONG") from refusal
        raise
    return _apply_edit(world, params, ("text", "entities", "link_preview_options"), content)


def edit_message_caption(world: World, params: Params) -> Json | bool:
    """editMessageCaption."""
    message = _own_message(world, params)[1]
    if not any(name in message for name in _MEDIA):
        raise bad_request("there is no caption in the message to edit")
    replaced = ("caption", "caption_entities", "show_caption_above_media")
    return _apply_edit(world, params, replaced, caption_content(world, params))


def edit_message_reply_markup(world: World, params: Params) -> Json | bool:
    """editMessageReplyMarkup."""
    return _apply_edit(world, params, (), None)


def replace_media(world: World, params: Params, content: Json) -> Json | bool:
    """Put other media in place of a message's own (the last step of editMessageMedia)."""
    replaced = (*_MEDIA, "text", "entities", "caption", "caption_entities")
    return _apply_edit(world, params, replaced, content)


def _may_delete(world: World, chat: Chat, message: Json) -> None:
    if world.now() - message["date"] > 48 * 3600:
        raise bad_request("message can't be deleted for everyone")
    if chat.type == "private" or world.is_by_bot(message):
        return
    rights = chat.members.get(world.bot.id, {})
    if not (rights.get("status") == "administrator" and rights.get("can_delete_messages")):
        raise bad_request("message can't be deleted")


def delete_message(world: World, params: Params) -> bool:
    """deleteMessage."""
    chat = writable_chat(world, params)
    message_id = params.integer("message_id")
    if not message_id:
        raise bad_request("message identifier is not specified")
    message = chat.messages.get(message_id)
    if message is None:
        raise bad_request("message to delete not found")
    _may_delete(world, chat, message)
    world.delete_message(chat, message_id)
    return True


def delete_messages(world: World, params: Params) -> bool:
    """deleteMessages: what is already gone is skipped."""
    chat = writable_chat(world, params)
    ids = params.items("message_ids") or []
    if not 1 <= len(ids) <= 100:
        raise bad_request("there must be 1-100 message identifiers")
    for message_id in ids:
        message = chat.messages.get(int(message_id))
        if message is not None:
            _may_delete(world, chat, message)
            world.delete_message(chat, int(message_id))
    return True


def _source_message(world: World, params: Params, verb: str) -> tuple[Chat, Json]:
    source = known_chat(world, params, "from_chat_id")
    message = source.messages.get(params.integer("message_id") or 0)
    if message is None:
        raise bad_request(f"message to {verb} not found")
    return source, message


def _contents(message: Json) -> Json:
    names = ("text", "entities", "caption", "caption_entities", *_MEDIA)
    return {name: message[name] for name in names if name in message}


def forward_message(world: World, params: Params) -> Json:
    """forwardMessage."""
    chat = writable_chat(world, params)
    source, message = _source_message(world, params, "forward")
    origin: Json = {"date": message["date"]}
    if source.type == "channel":
        origin |= {
            "type": "channel",
            "chat": source.to_json(),
            "message_id": message["message_id"],
        }
    else:
        origin |= {"type": "user", "sender_user": message["from"]}
    content = {**_contents(message), "forward_origin": origin}
    return world.public(world.new_message(chat, world.bot, content))


def copy_message(world: World, params: Params) -> Json:
    """copyMessage: the same content without its origin."""
    chat = writable_chat(world, params)
    _, message = _source_message(world, params, "copy")
    content = _contents(message)
    if params.has("caption"):
        content.pop("caption", None)
        content.pop("caption_entities", None)
        content |= caption_content(world, params)
    return {"message_id": send(world, chat, params, content)["message_id"]}


def pin_chat_message(world: World, params: Params) -> bool:
    """pinChatMessage; in groups and channels the bot needs the right to."""
    chat = writable_chat(world, params)
    message = chat.messages.get(params.integer("message_id") or 0)
    if message is None:
        raise bad_request("message to pin not found")
    _may_pin(world, chat)
    message_id = message["message_id"]
    chat.pinned = [pinned for pinned in chat.pinned if pinned != message_id] + [message_id]
    world.new_message(chat, world.bot, {"pinned_message": world.public(message)})
    return True


def _may_pin(world: World, chat: Chat) -> None:
    rights = chat.members.get(world.bot.id, {})
    needed = {"channel": "can_edit_messages"}.get(chat.type, "can_pin_messages")
    if chat.type != "private" and not rights.get(needed):
        raise bad_request("not enough rights to manage pinned messages in the chat")


def unpin_chat_message(world: World, params: Params) -> bool:
    """unpinChatMessage: the named one, or the most recent."""
    chat = writable_chat(world, params)
    _may_pin(world, chat)
    message_id = params.integer("message_id") or (chat.pinned[-1] if chat.pinned else 0)
    if message_id not in chat.pinned:
        raise bad_request("message to unpin not found")
    chat.pinned.remove(message_id)
    return True


def unpin_all_chat_messages(world: World, params: Params) -> bool:
    """unpinAllChatMessages."""
    chat = writable_chat(world, params)
    _may_pin(world, chat)
    chat.pinned.clear()
    return True


def set_message_reaction(world: World, params: Params) -> bool:
    """setMessageReaction: a bot may set one reaction."""
    chat = writable_chat(world, params)
    message = chat.messages.get(params.integer("message_id") or 0)
    if message is None:
        raise bad_request("message to react not found")
    reactions: list[Any] = params.items("reaction") or []
    if len(reactions) > 1:
        raise bad_request("REACTIONS_TOO_MANY")
    if any(reaction.get("type") != "emoji" for reaction in reactions):
        raise bad_request("REACTION_INVALID")
    message["sandbox_reactions"] = {
        **message.get("sandbox_reactions", {}),
        str(world.bot.id): [reaction["emoji"] for reaction in reactions],
    }
    world.emit(
        "reactions",
        chat.id,
        message_id=message["message_id"],
        reactions=message["sandbox_reactions"],
    )
    return True
