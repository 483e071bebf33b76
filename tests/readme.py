"""The tables of README, made from the code. `python -m tests.readme` writes them."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from bot.handlers.commands import ADMIN_COMMANDS, COMMANDS, Command
from bot.handlers.texts import t
from bot.main import build_parser
from config.settings import SETTINGS

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


def tables() -> dict[str, str]:
    """Each marked section of README and what belongs into it."""
    return {
        "settings": _settings(),
        "commands": _commands(),
        "command-line": _command_line(),
    }


def with_tables(text: str) -> str:
    """README with its tables renewed."""
    for name, table in tables().items():
        marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        assert marked.search(text), f"README has no section {name}"
        text = marked.sub(lambda found, table=table: f"{found[1]}{table}\n{found[2]}", text)
    return text


def _settings() -> str:
    rows = [
        f"| `{s.name}` | {f'`{s.default}`' if s.default else 'none'} | {s.help} |" for s in SETTINGS
    ]
    return "\n".join(["| name | default | |", "| --- | --- | --- |", *rows])


def _commands() -> str:
    def row(command: Command) -> str:
        key = f"commands.{command.name}"
        return f"| /{command.name} | {t('en', key)} | {t('fa', key)} |"

    return "\n".join(
        [
            "| | | |",
            "| --- | --- | --- |",
            *map(row, COMMANDS),
            "",
            "For administrators, in their private chat only (for anyone else they do not exist):",
            "",
            "| | | |",
            "| --- | --- | --- |",
            *map(row, ADMIN_COMMANDS),
        ]
    )


def _command_line() -> str:
    rows = ["| command | |", "| --- | --- |"]
    for words, parser in _leaves(build_parser(), ()):
        positional = [
            action.metavar or action.dest.upper()
            for action in parser._actions
            if not action.option_strings and action.dest != "help"
        ]
        usage = " ".join([*words, *map(str, positional)])
        rows.append(f"| `{usage}` | {parser.description or _help_of(words)} |")
    return "\n".join(rows)


def _help_of(words: tuple[str, ...]) -> str:
    parser = build_parser()
    text = ""
    for word in words:
        choices = _choices(parser)
        assert choices is not None
        text = next(c.help or "" for c in choices._choices_actions if c.dest == word)
        parser = choices.choices[word]
    return text


def _leaves(
    parser: argparse.ArgumentParser, words: tuple[str, ...]
) -> list[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    choices = _choices(parser)
    if choices is None:
        return [(words, parser)]
    return [
        leaf for name, inner in choices.choices.items() for leaf in _leaves(inner, (*words, name))
    ]


def _choices(parser: argparse.ArgumentParser) -> argparse._SubParsersAction | None:  # type: ignore[type-arg]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return action
    return None


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
