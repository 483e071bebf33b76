"""The command menus and descriptions that Telegram's clients show, in both languages."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from telegram import (
    Bot,
    BotCommand,
    BotCommandScope,
    BotCommandScopeAllChatAdministrators,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    BotCommandScopeDefault,
)
from telegram.error import BadRequest, Forbidden, TelegramError

from bot.handlers.commands import ADMIN_COMMANDS, COMMANDS, Command, Place, of_place
from bot.handlers.texts import DEFAULT_LANG, LANGS, t

log = logging.getLogger(__name__)


def menu(lang: str, commands: Iterable[Command]) -> list[BotCommand]:
    """The commands as Telegram shows them behind its menu button."""
    return [BotCommand(c.name, t(lang, f"commands.{c.name}")) for c in commands]


async def publish_menus(bot: Bot, admin_ids: Iterable[int]) -> None:
    """Tell Telegram the commands and the bot's descriptions; the same again changes nothing.

    Persian is what everybody sees whose client is not set to English.
    """
    scopes: list[tuple[BotCommandScope, tuple[Command, ...]]] = [
        (BotCommandScopeDefault(), COMMANDS),
        (BotCommandScopeAllPrivateChats(), COMMANDS),
        (BotCommandScopeAllGroupChats(), of_place(Place.EVERYWHERE)),
        (
            BotCommandScopeAllChatAdministrators(),
            of_place(Place.EVERYWHERE, Place.MANAGED),
        ),
    ]
    for scope, commands in scopes:
        await _set_menu(bot, scope, commands)
    for admin_id in admin_ids:
        try:
            await _set_menu(bot, BotCommandScopeChat(admin_id), (*COMMANDS, *ADMIN_COMMANDS))
        except (BadRequest, Forbidden) as error:
            # Telegram knows a person's chat only once they have written to the bot.
            log.info("no menu for an admin who has not started the bot: %s", error)
    for lang in LANGS:
        code = None if lang == DEFAULT_LANG else lang
        await bot.set_my_description(t(lang, "bot.description"), language_code=code)
        await bot.set_my_short_description(t(lang, "bot.short"), language_code=code)


async def publish_admin_menu(bot: Bot, admin_id: int) -> None:
    """The menu of one admin, for the moment they first write; without it commands still work."""
    try:
        await _set_menu(bot, BotCommandScopeChat(admin_id), (*COMMANDS, *ADMIN_COMMANDS))
    except TelegramError as error:
        log.warning("an admin's menu was not set", extra={"user": admin_id, "why": error})


async def _set_menu(bot: Bot, scope: BotCommandScope, commands: tuple[Command, ...]) -> None:
    for lang in LANGS:
        code = None if lang == DEFAULT_LANG else lang
        await bot.set_my_commands(menu(lang, commands), scope=scope, language_code=code)
