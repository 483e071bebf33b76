"""The command line: what may be asked, and what each answer means for the shell.

Exit code 0: done; 1: failed; 2: bad usage. Logs go to standard error; with `--json` standard
output holds JSON alone.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import select
import sys
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.errors import ConfigError, HoshyarError, UserError
from bot.models.work import Role
from bot.utils.logger import set_up_logging
from config.settings import Settings, load_settings, read_environment

Command = Callable[[Settings, argparse.Namespace], Coroutine[Any, Any, int]]

SEARCH = "search"
WINDOWS = ("1h", "6h", "24h", "7d")


def build_parser() -> argparse.ArgumentParser:
    """Every command with its arguments; the command's module is imported only when it is run."""
    parser = argparse.ArgumentParser(
        prog="python -m bot",
        description="Hoshyar watches Persian Twitter/X and the news. Without a command it starts.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    def add(name: str, target: str, text: str, *, reading: bool = False) -> argparse.ArgumentParser:
        # A search may leave out a -word that begins with h.
        command = commands.add_parser(name, help=text, description=text, add_help=name != SEARCH)
        if name == SEARCH:
            command.add_argument("--help", action="help", help="show this help message and exit")
        command.set_defaults(target=target)
        if reading:
            command.add_argument("--json", action="store_true", help="print JSON alone")
        return command

    add("run", "running:run", "start everything (the default)")
    worker = add("worker", "running:worker", "one of several processes on one database")
    worker.add_argument(
        "--roles",
        type=_roles,
        default=tuple(Role),
        metavar="LIST",
        help=f"of {','.join(Role)}; separated by commas, all when left out",
    )
    worker.add_argument("--name", default="", help="how admins see it; made up when left out")
    add("sandbox", "running:sandbox", "start in the sandbox, whatever the settings say")
    add(
        "check",
        "checking:check",
        "settings, database, outside services: a verdict each",
        reading=True,
    )
    migrate = add("migrate", "data:migrate", "bring the database to this version", reading=True)
    migrate.add_argument("--status", action="store_true", help="only list the migrations")
    add("backup", "data:backup", "a whole copy of the database").add_argument("file", type=Path)
    restore = add("restore", "data:restore", "replace the database by a backup")
    restore.add_argument("file", type=Path, nargs="?")
    restore.add_argument(
        "--drop-old",
        action="store_true",
        help="delete what an earlier restore set aside; without a file",
    )
    export = add("export", "data:export", "write posts or sources to a file")
    export.add_argument("kind", choices=("posts", "tweets", "news", "sources"))
    export.add_argument("file", type=Path)
    importing = add("import", "data:import_file", "old posts from JSON lines", reading=True)
    importing.add_argument("file", type=Path)
    add("collect", "rounds:collect", "one round of collection, now", reading=True)
    add("analyse", "rounds:analyse", "one round of analysis, now", reading=True)
    digest = add("digest", "rounds:digest", "send a digest to a chat, now", reading=True)
    digest.add_argument("chat", type=int, help="the chat's id")
    _add_sources(commands)
    _add_twitter(commands)
    trends = add("trends", "reading:trends", "what rises, or rose at a time", reading=True)
    trends.add_argument(
        "--at", type=_time, metavar="TIME", help="ISO 8601; a date alone means its end (UTC)"
    )
    trends.add_argument("--window", choices=WINDOWS, default="24h")
    trends.add_argument("--limit", type=_positive, default=10)
    search = add(SEARCH, "reading:search", "posts and news, best first", reading=True)
    search.epilog = (
        'words, "phrases", -without, from:NAME, source:NAME, kind:news|tweet, since:DATE, '
        "until:DATE, on:DATE; a date is 2026-11-21, 1405/08/30, 21 November or yesterday"
    )
    search.add_argument("words", nargs="*", help="all must occur; see below")
    search.add_argument("--limit", type=_positive, default=20)
    search.add_argument("--newest", action="store_true", help="newest first")
    _add_jobs(commands)
    _add_cache(commands)
    _add_trying(commands)
    return parser


def _add_sources(commands: Any) -> None:
    sources = commands.add_parser("sources", help="feeds: list, add, remove, import, export")
    actions = sources.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, text in (
        ("list", "every source and how it does"),
        ("add", "add a feed or a site that has one"),
        ("remove", "forget a source; its posts stay"),
        ("import", "add the feeds of an OPML file"),
        ("export", "write the feeds to an OPML file"),
    ):
        action = actions.add_parser(name, help=text)
        action.set_defaults(target=f"sources:{name}_sources")
        action.add_argument("--json", action="store_true", help="print JSON alone")
        if name == "add":
            action.add_argument("url")
        elif name == "remove":
            action.add_argument("source", help="its number or address")
        elif name in ("import", "export"):
            action.add_argument("file", type=Path)


def _add_twitter(commands: Any) -> None:
    twitter = commands.add_parser("twitter", help="TwitterAPI.io: what it costs and brings")
    actions = twitter.add_subparsers(dest="action", metavar="ACTION", required=True)

    def add(inside: Any, name: str, target: str, text: str) -> argparse.ArgumentParser:
        action: argparse.ArgumentParser = inside.add_parser(name, help=text, description=text)
        action.set_defaults(target=target)
        # Below `cache` there is one already: what was said there stays.
        kept = argparse.SUPPRESS if inside is not actions else False
        action.add_argument("--json", action="store_true", default=kept, help="print JSON alone")
        return action

    add(actions, "status", "twitter:status", "balance, today's spending, which searches are next")
    report = add(actions, "report", "twitter:report", "spending by day, search and request")
    report.add_argument("--days", type=_days, default=7, metavar="N", help="today and before")
    cache = add(actions, "cache", "twitter:cache_status", "how often it helps; clear")
    kinds = cache.add_subparsers(dest="cache_action", metavar="ACTION")
    add(kinds, "status", "twitter:cache_status", "how full it is and how often it helps")
    add(kinds, "clear", "twitter:cache_clear", "forget all of it; the next answers cost anew")
    test = add(actions, "test", "twitter:test", "search once, now: some tweets, and what it cost")
    test.add_argument("--query", required=True, metavar="Q", help="as in X's search")
    test.add_argument("--count", type=_samples, default=5, metavar="N", help="tweets to print")
    _add_queries(actions.add_parser("queries", help="searches: list, add, pause, resume, remove"))


def _add_queries(queries: argparse.ArgumentParser) -> None:
    actions = queries.add_subparsers(dest="query_action", metavar="ACTION", required=True)
    for name, text in (
        ("list", "every search: what it brings and costs, when it is due"),
        ("add", "search for this from now on"),
        ("pause", "ask no more; it costs nothing"),
        ("resume", "go on asking"),
        ("remove", "forget a search; its tweets stay"),
    ):
        action = actions.add_parser(name, help=text, description=text)
        action.set_defaults(target=f"twitter_queries:{name}_queries")
        action.add_argument("--json", action="store_true", help="print JSON alone")
        if name == "add":
            action.add_argument("text", help="as in X's search, e.g. 'زلزله lang:fa min_faves:5'")
            action.add_argument("--priority", choices=("high", "medium", "low"), default="medium")
            action.add_argument(
                "--result", choices=("recent", "popular", "mixed"), default="recent"
            )
            action.add_argument(
                "--every", type=_minutes, metavar="MINUTES", help="5, 15 or 60 by priority"
            )
        elif name != "list":
            action.add_argument("query", help="its number or text")


def _add_jobs(commands: Any) -> None:
    jobs = commands.add_parser("jobs", help="what runs by the clock: list, run")
    actions = jobs.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser(
        "list", help="every job, when it runs next and how the last run went"
    )
    listing.set_defaults(target="rounds:list_jobs")
    listing.add_argument("--json", action="store_true", help="print JSON alone")
    running = actions.add_parser("run", help="run a job now")
    running.set_defaults(target="rounds:run_job")
    running.add_argument("name")
    running.add_argument("--json", action="store_true", help="print JSON alone")


def _add_cache(commands: Any) -> None:
    cache = commands.add_parser("cache", help="what is kept so as not to be made again")
    actions = cache.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, text in (
        ("status", "how full it is and how often it helps"),
        ("clear", "forget all of it; nothing is lost"),
    ):
        action = actions.add_parser(name, help=text, description=text)
        action.set_defaults(target=f"caching:cache_{name}")
        action.add_argument("--json", action="store_true", help="print JSON alone")


def _add_trying(commands: Any) -> None:
    trying = commands.add_parser("try", help="one piece on your own input, line by line")
    pieces = trying.add_subparsers(dest="piece", metavar="PIECE", required=True)
    normalise = pieces.add_parser("normalise", help="Persian text from standard input, a line each")
    normalise.set_defaults(target="trying:normalise_lines")
    classify = pieces.add_parser("classify", help="judge lines from standard input")
    classify.set_defaults(target="trying:classify_lines")
    tasks = ("sentiment", "emotion", "offensive", "spam")
    classify.add_argument("--task", choices=tasks, default="sentiment")
    feed = pieces.add_parser("feed", help="the posts of a feed, a line each")
    feed.set_defaults(target="trying:read_feed")
    feed.add_argument("place", metavar="FILE-OR-URL")
    series = pieces.add_parser("series", help="what is unusual in a file of `timestamp,value`")
    series.set_defaults(target="series:watch_series")
    series.add_argument("file", type=Path, metavar="FILE.csv", help="or - for standard input")
    for piece in (normalise, classify, feed, series):
        piece.add_argument(
            "--json", action="store_true", help="accepted: the output is JSON anyway"
        )


def _time(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            "must be a time such as 2026-11-21T18:30 or a date such as 2026-11-21"
        ) from None
    return text


def _roles(text: str) -> tuple[Role, ...]:
    given = [word.strip() for word in text.split(",")]
    try:
        return tuple(dict.fromkeys(Role(word) for word in given))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be some of {','.join(Role)}") from None


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or len(text) > 9 or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {most}")
        return int(text)

    return read


_positive = _whole(1, 10_000)
_days = _whole(1, 366)
_samples = _whole(1, 100)
_minutes = _whole(1, 1440)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    parser = build_parser()
    given = read_arguments(parser, arguments)
    try:
        settings = load_settings(read_environment(os.environ, Path(".env")))
    except ConfigError as error:
        print("The settings cannot be used:", *error.problems, sep="\n  ", file=sys.stderr)  # noqa: T201
        return 2
    set_up_logging(settings.log_level, settings.log_format, settings.secrets())
    command = _load(getattr(given, "target", "running:run"))
    try:
        return _run(command(settings, given))
    except UserError as error:
        print(_sentence(error), file=sys.stderr)  # noqa: T201 - the command line's own output
        return 1
    except (HoshyarError, OSError) as error:
        if isinstance(error, BrokenPipeError) and _reader_is_gone():
            return 0
        print(f"{error}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 130


def _run(command: Coroutine[Any, Any, int]) -> int:
    code = asyncio.run(command)
    sys.stdout.flush()  # here, where it is known what a closed pipe means
    return code


def _reader_is_gone() -> bool:
    """Has whoever read our output (`| head -1`) had enough? What is left of it goes nowhere."""
    out = select.poll()
    out.register(sys.stdout, 0)
    if not out.poll(0):  # it was another pipe, not this one
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def read_arguments(
    parser: argparse.ArgumentParser, arguments: Sequence[str] | None
) -> argparse.Namespace:
    """As the parser does, but a search may hold -words."""
    given, rest = parser.parse_known_args(arguments)
    if rest and (given.command != SEARCH or any(word.startswith("--") for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        given.words += rest
    return given


def _load(target: str) -> Command:
    from importlib import import_module

    module, _, function = target.partition(":")
    command: Command = getattr(import_module(f"bot.commands.{module}"), function)
    return command


def _sentence(error: UserError) -> str:
    from bot.handlers.texts import has, t

    key = error.text_key if has("en", error.text_key) else f"error.{error.text_key}"
    return t("en", key, **error.fields)
