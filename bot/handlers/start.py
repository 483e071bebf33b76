"""/start with its deep links, /help, and what is said to commands that nobody knows."""

from __future__ import annotations

from bot.handlers import digests, trends, watches
from bot.handlers.asked import Asked, Commands, Presses
from bot.handlers.buttons import Verb
from bot.handlers.commands import ADMIN_COMMANDS, COMMANDS
from bot.handlers.menus import publish_admin_menu
from bot.handlers.settings import status
from bot.handlers.terms import term_of
from bot.handlers.views.start import (
    command_help,
    group_greeting,
    help_message,
    start_message,
)
from bot.models.insight import Window


async def start(asked: Asked) -> None:
    """/start, also with what a link carries: trends, digest, trend_<ref>, watch_<ref>"""
    kind, _, ref = asked.text.strip().partition("_")
    if asked.is_shared:
        await asked.show(group_greeting(asked.reader))
    elif kind == "trend" and ref:
        term = await term_of(asked, ref)
        await trends.show_card(asked, term, Window.H24, 0)
    elif kind == "watch" and ref:
        await watches.add_term(asked, (await term_of(asked, ref)).shown)
    elif kind == "trends":
        await trends.show_trends(asked, Window.H24, 0)
    elif kind == "digest":
        await digests.digest(asked)
    else:
        if asked.is_admin:
            await publish_admin_menu(asked.telegram.bot, asked.user.id)
        await asked.show(start_message(asked.reader, asked.user.name))


async def show_help(asked: Asked) -> None:
    """/help [command]"""
    name = asked.text.strip().lstrip("/").lower()
    known = {command.name for command in COMMANDS}
    if asked.is_admin:
        known |= {command.name for command in ADMIN_COMMANDS}
    if not name:
        message = help_message(asked.reader, asked.username, is_admin=asked.is_admin)
    elif name in known:
        message = command_help(asked.reader, name)
    else:
        await asked.say("help.unknown", name=asked.reader.name(name[:32]))
        return
    await asked.show(message)


async def unknown(asked: Asked) -> None:
    """What everybody hears to a command that is not theirs, whether there is one or not."""
    await asked.show(asked.reader.rich("error.unknown_command").message())


async def cancel(asked: Asked) -> None:
    """A question of ours that is not answered."""
    await asked.hoshyar.chats.take_answer(asked.chat.id, asked.user.id)
    await asked.say("link.later_done" if asked.arg(0) == "link" else "error.cancelled")


async def home(asked: Asked) -> None:
    """The greeting, or the bot's health renewed."""
    if asked.arg(0) == "status":
        await status(asked)
    else:
        await asked.show(start_message(asked.reader, asked.user.name))


COMMANDS_HERE: Commands = {"start": start, "help": show_help}
PRESSES: Presses = {Verb.HELP: show_help, Verb.CANCEL: cancel, Verb.HOME: home}
