"""Bot API: who the bot is, its commands, names, descriptions, menu button and webhook."""

from __future__ import annotations

from collections.abc import Callable

from bot.sandbox.profile import scope_key
from bot.sandbox.strictness import check_commands
from bot.sandbox.wire import Json, Params, bad_request
from bot.sandbox.world import World

_SCOPES = {
    "default",
    "all_private_chats",
    "all_group_chats",
    "all_chat_administrators",
    "chat",
    "chat_administrators",
    "chat_member",
}


def get_me(world: World, params: Params) -> Json:
    """getMe."""
    del params
    return {
        **world.bot.to_json(),
        "can_join_groups": True,
        "can_read_all_group_messages": False,
        "supports_inline_queries": True,
        "can_connect_to_business": False,
        "has_main_web_app": False,
        "has_topics_enabled": False,
        "allows_users_to_create_topics": False,
        "can_manage_bots": False,
        "supports_guest_queries": False,
    }


def _scope(params: Params) -> str:
    scope = params.record("scope")
    if scope is not None and scope.get("type") not in _SCOPES:
        raise bad_request("can't parse BotCommandScope: Unsupported type specified")
    return scope_key(scope)


def _language(params: Params) -> str:
    code = params.text("language_code")
    if code and (len(code) != 2 or not code.isascii() or not code.islower()):
        raise bad_request("LANG_CODE_INVALID")
    return code


def set_my_commands(world: World, params: Params) -> bool:
    """setMyCommands for a scope and a language."""
    commands = check_commands(params.items("commands") or [])
    key = (_scope(params), _language(params))
    if commands:
        world.profile.commands[key] = commands
    else:
        world.profile.commands.pop(key, None)
    world.emit("profile")
    return True


def get_my_commands(world: World, params: Params) -> list[Json]:
    """getMyCommands of exactly this scope and language."""
    return world.profile.commands.get((_scope(params), _language(params)), [])


def delete_my_commands(world: World, params: Params) -> bool:
    """deleteMyCommands."""
    world.profile.commands.pop((_scope(params), _language(params)), None)
    world.emit("profile")
    return True


def _setter(kind: str, longest: int) -> Callable[[World, Params], bool]:
    def set_text(world: World, params: Params) -> bool:
        text = params.text(kind)
        if len(text) > longest:
            raise bad_request(f"bot {kind.replace('_', ' ')} is too long")
        world.profile.texts[kind, _language(params)] = text
        world.emit("profile")
        return True

    return set_text


def _getter(kind: str) -> Callable[[World, Params], Json]:
    def get_text(world: World, params: Params) -> Json:
        fallback = world.bot.first_name if kind == "name" else ""
        return {kind: world.profile.text(kind, _language(params)) or fallback}

    return get_text


set_my_name = _setter("name", 64)
set_my_description = _setter("description", 512)
set_my_short_description = _setter("short_description", 120)
get_my_name = _getter("name")
get_my_description = _getter("description")
get_my_short_description = _getter("short_description")


def set_chat_menu_button(world: World, params: Params) -> bool:
    """setChatMenuButton, of one private chat or the default."""
    button = params.record("menu_button") or {"type": "default"}
    if button.get("type") not in {"default", "commands", "web_app"}:
        raise bad_request("can't parse MenuButton: Unsupported type specified")
    if button["type"] == "web_app":
        url = str((button.get("web_app") or {}).get("url", ""))
        if not url.startswith("https://"):
            raise bad_request(
                f"menu button Web App URL '{url}' is invalid: Only HTTPS links are allowed"
            )
    world.profile.menu_buttons[params.integer("chat_id") or 0] = button
    world.emit("profile")
    return True


def get_chat_menu_button(world: World, params: Params) -> Json:
    """getChatMenuButton."""
    return world.profile.menu_button(params.integer("chat_id") or 0)


def set_webhook(world: World, params: Params) -> bool:
    """setWebhook: the sandbox keeps it, so that polling conflicts, but calls nobody."""
    url = params.text("url")
    if url and not url.startswith("https://"):
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    world.updates.webhook_url = url
    world.updates.set_allowed(params.items("allowed_updates"))
    if params.flag("drop_pending_updates"):
        world.updates.drop()
    return True


def delete_webhook(world: World, params: Params) -> bool:
    """deleteWebhook."""
    world.updates.webhook_url = ""
    if params.flag("drop_pending_updates"):
        world.updates.drop()
    return True


def get_webhook_info(world: World, params: Params) -> Json:
    """getWebhookInfo."""
    del params
    info: Json = {
        "url": world.updates.webhook_url,
        "has_custom_certificate": False,
        "pending_update_count": world.updates.pending(),
    }
    if world.updates.allowed:
        info["allowed_updates"] = sorted(world.updates.allowed)
    return info


def farewell(world: World, params: Params) -> bool:
    """logOut and close: accepted; the sandbox has only one server to be on."""
    del world, params
    return True
