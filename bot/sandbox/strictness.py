"""What Telegram refuses: unreachable chats, unfit keyboards, commands, pictures and results.

The wording is the real server's where it is publicly known, because bots decide by it.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from bot.sandbox.images import image_size
from bot.sandbox.wire import ApiError, Json, Params, Upload, bad_request, forbidden
from bot.sandbox.world import Chat, World

MAX_PHOTO_BYTES = 10 * 1024 * 1024
MAX_UPLOAD_BYTES = 50 * 1024 * 1024
MAX_DOWNLOAD_BYTES = 20 * 1024 * 1024
MAX_BUTTONS = 100
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_ACTIONS = {
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
}
_LABELS = {"group": "group", "supergroup": "supergroup", "channel": "channel"}


def known_chat(world: World, params: Params, name: str = "chat_id") -> Chat:
    """Return the chat a call names, whether or not the bot may write there."""
    raw = params.values.get(name)
    if raw is None or raw == "":
        raise bad_request(f"{name} is empty")
    chat = world.find_chat(raw)
    if chat is None:
        try:
            is_person = int(raw) in world.users
        except (TypeError, ValueError):
            is_person = False
        if is_person:
            raise forbidden("bot can't initiate conversation with a user")
        raise bad_request("chat not found")
    return chat


def writable_chat(world: World, params: Params) -> Chat:
    """Return the chat a message is for, or refuse as Telegram would."""
    chat = known_chat(world, params)
    if chat.migrated_to is not None:
        raise bad_request(
            "group chat was upgraded to a supergroup chat",
            {"migrate_to_chat_id": chat.migrated_to},
        )
    status = chat.status_of(world.bot.id)
    if chat.type == "private":
        if chat.id in world.deactivated:
            raise forbidden("user is deactivated")
        if status == "kicked":
            raise forbidden("bot was blocked by the user")
        return chat
    label = _LABELS[chat.type]
    if status == "kicked":
        raise forbidden(f"bot was kicked from the {label} chat")
    if status == "left":
        raise forbidden(f"bot is not a member of the {label} chat")
    if chat.type == "channel":
        rights = chat.members[world.bot.id]
        if status != "administrator" or not rights.get("can_post_messages"):
            raise bad_request("need administrator rights in the channel chat")
    elif status == "restricted" and not chat.members[world.bot.id].get("can_send_messages"):
        raise bad_request("not enough rights to send text messages to the chat")
    if params.integer("message_thread_id"):
        raise bad_request("message thread not found")
    return chat


def check_action(action: str) -> None:
    """Refuse an unknown chat action."""
    if action not in _ACTIONS:
        raise bad_request("wrong parameter action in request")


def _check_url(url: Any, what: str, *, https_only: bool = False) -> None:
    parts = urlsplit(str(url))
    host = parts.hostname or ""
    if https_only and parts.scheme != "https":
        raise bad_request(f"{what} URL '{url}' is invalid: Only HTTPS links are allowed")
    good_web = parts.scheme in {"http", "https"} and "." in host and " " not in str(url)
    if not good_web and parts.scheme not in {"tg", "ton"}:
        raise bad_request(f"{what} URL '{url}' is invalid: Wrong HTTP URL")


def _check_button(button: Any, chat_type: str) -> Json:
    if not isinstance(button, dict):
        raise bad_request("can't parse inline keyboard button: Object expected")
    if not isinstance(button.get("text"), str) or not button["text"].strip():
        raise bad_request(
            'can\'t parse inline keyboard button: Field "text" must be a non-empty String'
        )
    kinds = [
        name
        for name in (
            "url",
            "callback_data",
            "web_app",
            "login_url",
            "switch_inline_query",
            "switch_inline_query_current_chat",
            "switch_inline_query_chosen_chat",
            "copy_text",
            "callback_game",
            "pay",
        )
        if button.get(name) is not None
    ]
    if not kinds:
        raise bad_request(
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
        )
    if len(kinds) > 1:
        raise bad_request(
            "can't parse inline keyboard button: exactly one optional field must be used"
        )
    kind = kinds[0]
    if kind == "callback_data":
        data = button["callback_data"]
        if not isinstance(data, str) or not 1 <= len(data.encode()) <= 64:
            raise bad_request("BUTTON_DATA_INVALID")
    elif kind == "url":
        _check_url(button["url"], "inline keyboard button")
    elif kind == "web_app":
        if chat_type != "private":
            raise bad_request("BUTTON_TYPE_INVALID")
        _check_url(button["web_app"].get("url"), "inline keyboard button Web App", https_only=True)
    elif kind == "copy_text":
        copied = button["copy_text"].get("text", "")
        if not 1 <= len(copied) <= 256:
            raise bad_request("BUTTON_COPY_TEXT_INVALID")
    if button.get("style") not in {None, "danger", "success", "primary"}:
        raise bad_request("can't parse inline keyboard button: invalid button style specified")
    return {key: value for key, value in button.items() if value is not None}


def _rows(markup: Json, name: str) -> list[list[Any]]:
    rows = markup[name]
    if not isinstance(rows, list) or any(not isinstance(row, list) for row in rows):
        raise bad_request(f'field "{name}" of the {_markup_name(name)} must be an Array of Arrays')
    return rows


def _markup_name(name: str) -> str:
    return "InlineKeyboardMarkup" if name == "inline_keyboard" else "ReplyKeyboardMarkup"


def _check_reply_keys(markup: Json) -> list[list[Any]]:
    rows = [
        [{"text": key} if isinstance(key, str) else key for key in row]
        for row in _rows(markup, "keyboard")
    ]
    keys = [key for row in rows for key in row]
    if not keys:
        raise bad_request("reply markup has no buttons")
    if any(not isinstance(key, dict) or not str(key.get("text", "")).strip() for key in keys):
        raise bad_request("can't parse keyboard button: Text must be non-empty")
    return rows


def check_markup(params: Params, chat_type: str, *, inline_only: bool = False) -> Json | None:
    """Return a fit reply_markup (an empty inline keyboard is none), or refuse it."""
    markup = params.structure("reply_markup")
    if markup is None or markup == {}:
        return None
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    if "inline_keyboard" in markup:
        rows = [
            [_check_button(button, chat_type) for button in row]
            for row in _rows(markup, "inline_keyboard")
            if row
        ]
        if sum(len(row) for row in rows) > MAX_BUTTONS:
            raise bad_request("reply markup is too long")
        return {"inline_keyboard": rows} if rows else None
    if inline_only:
        raise bad_request("inline keyboard expected")
    if chat_type == "channel":
        raise bad_request("reply keyboards are not allowed in channel chats")
    if "keyboard" in markup:
        return {**markup, "keyboard": _check_reply_keys(markup)}
    if markup.get("remove_keyboard") or markup.get("force_reply"):
        return dict(markup)
    raise bad_request("can't parse reply keyboard markup JSON object")


def reply_target(chat: Chat, params: Params) -> Json | None:
    """Return the message a new one answers; refuse when it is gone, unless told not to mind."""
    wanted = params.record("reply_parameters") or {}
    message_id = wanted.get("message_id", params.integer("reply_to_message_id"))
    if message_id is None:
        return None
    message = chat.messages.get(int(message_id))
    if message is None:
        lenient = wanted.get("allow_sending_without_reply") or params.flag(
            "allow_sending_without_reply"
        )
        if lenient:
            return None
        raise bad_request("message to be replied not found")
    return message


def check_commands(commands: list[Any]) -> list[Json]:
    """Return fit bot commands: at most 100, names of 1-32 lower-case letters, digits, `_`."""
    if len(commands) > 100:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    kept: list[Json] = []
    for command in commands:
        if not isinstance(command, dict):
            raise bad_request("can't parse BotCommand: expected an Object")
        name = str(command.get("command", "")).removeprefix("/")
        description = str(command.get("description", "")).strip()
        if not _COMMAND.fullmatch(name):
            raise bad_request("BOT_COMMAND_INVALID")
        if not 1 <= len(description) <= 256:
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
        kept.append({**command, "command": name, "description": description})
    return kept


def check_photo(upload: Upload) -> tuple[int, int]:
    """Return a picture's width and height, or refuse it: size, kind, proportions."""
    if len(upload.data) > MAX_PHOTO_BYTES:
        raise bad_request(
            f'file "{upload.name}" of size {len(upload.data)} bytes is too big for a photo;'
            f" the maximum size is {MAX_PHOTO_BYTES} bytes"
        )
    size = image_size(upload.data)
    if size is None or not all(size):
        raise bad_request("IMAGE_PROCESS_FAILED")
    width, height = size
    if width + height > 10_000 or max(size) > 20 * min(size):
        raise bad_request("PHOTO_INVALID_DIMENSIONS")
    return size


def check_upload_size(uploads: dict[str, Upload]) -> None:
    """Refuse files above 50 MB, as the cloud server does."""
    if any(len(upload.data) > MAX_UPLOAD_BYTES for upload in uploads.values()):
        raise ApiError(413, "Request Entity Too Large")
