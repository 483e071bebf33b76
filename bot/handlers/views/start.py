"""Meeting the bot: the greeting, the help, and what to write when an argument is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.handlers.buttons import NEW, Verb, pack
from bot.handlers.commands import ADMIN_COMMANDS, COMMANDS, Command, Group
from bot.handlers.views.page import Reader, label, rows_of, shortened
from bot.models.insight import Window
from bot.models.messages import Button, Keyboard, OutMessage


@dataclass(frozen=True, slots=True)
class Example:
    """Something to try: a term, and the ref that a button carries for it."""

    term: str
    ref: str


def start_message(reader: Reader, name: str) -> OutMessage:
    """Who I am in four lines, and buttons to try it at once."""
    t = reader.t
    hello = (
        reader.rich("start.hello", name=reader.name(name))
        if name
        else reader.rich("start.hello_nameless")
    )
    body = reader.lines(
        hello,
        "",
        reader.rich("start.see"),
        reader.rich("start.ask", example=t("start.example")),
        reader.rich("start.watch"),
        reader.rich("start.digest"),
    )
    other = "en" if reader.lang == "fa" else "fa"
    return body.message(
        keyboard=(
            (
                Button(text=t("button.trends"), data=pack(Verb.TRENDS, Window.H24, 0, NEW)),
                Button(text=t("button.news"), data=pack(Verb.NEWS, "", 0, NEW)),
            ),
            (
                Button(text=t("button.digest"), data=pack(Verb.DIGEST, NEW)),
                Button(text=t("button.settings"), data=pack(Verb.SETTINGS, NEW)),
            ),
            (
                Button(text=t("button.help"), data=pack(Verb.HELP, NEW)),
                Button(text=t("button.language"), data=pack(Verb.SET_LANG, other, "start")),
            ),
        )
    )


def group_greeting(reader: Reader) -> OutMessage:
    return reader.rich("start.hello_group").message(
        keyboard=(
            (Button(text=reader.t("button.trends"), data=pack(Verb.TRENDS, Window.H24, 0, NEW)),),
        )
    )


def help_message(reader: Reader, bot_username: str, *, is_admin: bool) -> OutMessage:
    """All commands, a line each, under what they are for."""
    page = reader.lines(reader.rich("help.title"), reader.rich("help.intro"))
    groups: list[tuple[Group, Sequence[Command]]] = [
        (group, [c for c in COMMANDS if c.group is group])
        for group in (Group.DISCOVER, Group.FOLLOW, Group.YOURS)
    ]
    if is_admin:
        groups.append((Group.ADMINS, ADMIN_COMMANDS))
    for group, commands in groups:
        page.newline(2).add(reader.rich(f"help.{group}"))
        for command in commands:
            page.newline().add(_command_line(reader, command.name))
    page.newline(2).add(reader.rich("help.inline", bot=bot_username))
    page.newline().add(reader.rich("help.more"))
    return page.message()


def command_help(reader: Reader, name: str) -> OutMessage:
    """What one command does, with an example."""
    head = reader.text().bold(f"/{name}")
    return reader.lines(head, reader.rich(f"help.long.{name}")).message()


def _command_line(reader: Reader, name: str) -> str:
    mark = "\u200e" if reader.lang == "fa" else ""  # keeps the slash on the command's left
    return f"{mark}/{name} — {reader.t(f'commands.{name}')}"


def usage_message(
    reader: Reader, command: str, examples: Iterable[Example], verb: Verb, owner: int = 0
) -> OutMessage:
    """The argument is missing: what to write, and examples that work at a press."""
    shown = list(examples)
    buttons = [
        Button(text=label(example.term, 40), data=pack(verb, example.ref, owner=owner))
        for example in shown
    ]
    keyboard: Keyboard = rows_of(buttons, 2)
    word = shown[0].term if shown else reader.t("usage.example_words").split("|")[0]
    example = reader.rich("usage.example", example=_example(reader, command, word))
    return reader.lines(reader.rich(f"usage.{command}"), example).message(keyboard=keyboard)


def _example(reader: Reader, command: str, word: str) -> str:
    mark = "\u200e" if reader.lang == "fa" else ""
    if command == "ask":
        word = reader.t("ask.question_about", term=word)
    return f"{mark}/{command} {shortened(word, 80)}"
