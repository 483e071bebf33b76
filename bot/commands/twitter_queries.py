"""Searches on X from the command line: list, add, pause, resume, remove."""

from __future__ import annotations

import argparse

from bot.app import open_hoshyar
from bot.commands.output import answer, usd
from bot.errors import NotFound
from bot.features.queries import QueryLine
from bot.handlers.texts import t
from bot.hoshyar import Hoshyar
from bot.models.tweets import Priority, ResultType, TweetQuery
from bot.storage.queries import QueryYield
from config.settings import Settings


async def list_queries(settings: Settings, given: argparse.Namespace) -> int:
    async with open_hoshyar(settings) as hoshyar:
        lines = await hoshyar.queries.all()
    answer(
        [_line_entry(line) for line in lines],
        map(_line, lines),
        as_json=given.json,
        empty="there is no search yet: twitter queries add TEXT",
    )
    return 0


async def add_queries(settings: Settings, given: argparse.Namespace) -> int:
    async with open_hoshyar(settings) as hoshyar:
        added = await hoshyar.queries.add(
            given.text,
            Priority[given.priority.upper()],
            ResultType(given.result),
            None if given.every is None else given.every * 60,
        )
    word = "added" if added.is_new else "was there already"
    answer(
        query_entry(added.query)
        | {"new": added.is_new, "notes": [t("en", key) for key in added.problems]},
        [
            f"{word}: {added.query.id} {added.query.text}",
            *(f"note: {t('en', key)}" for key in added.problems),
        ],
        as_json=given.json,
    )
    return 0


async def pause_queries(settings: Settings, given: argparse.Namespace) -> int:
    async with open_hoshyar(settings) as hoshyar:
        known = await _known(hoshyar, given.query)
        changed = await hoshyar.queries.pause(known.id)
    answer(query_entry(changed), [f"paused: {changed.text}"], as_json=given.json)
    return 0


async def resume_queries(settings: Settings, given: argparse.Namespace) -> int:
    async with open_hoshyar(settings) as hoshyar:
        known = await _known(hoshyar, given.query)
        changed = await hoshyar.queries.resume(known.id)
    answer(query_entry(changed), [f"goes on: {changed.text}"], as_json=given.json)
    return 0


async def remove_queries(settings: Settings, given: argparse.Namespace) -> int:
    async with open_hoshyar(settings) as hoshyar:
        known = await _known(hoshyar, given.query)
        await hoshyar.queries.remove(known.id)
    answer(query_entry(known), [f"removed: {known.text}"], as_json=given.json)
    return 0


async def _known(hoshyar: Hoshyar, wanted: str) -> TweetQuery:
    """A query by its number or its text."""
    for line in await hoshyar.queries.all():
        if wanted in (str(line.query.id), line.query.text):
            return line.query
    raise NotFound("cli.no_query", given=wanted)


def query_entry(query: TweetQuery) -> dict[str, object]:
    """A search as a program reads it."""
    return {
        "id": query.id,
        "text": query.text,
        "priority": query.priority.name.lower(),
        "result": query.result_type.value,
        "interval_s": query.interval_s,
        "active": query.active,
        "live": bool(query.rule_id),
        "next_at": query.next_at.isoformat() if query.next_at else None,
        "covered_to": query.covered_to.isoformat() if query.covered_to else None,
        "last_run_at": query.last_run_at.isoformat() if query.last_run_at else None,
        "errors_in_row": query.errors_in_row,
        "last_error": query.last_error,
    }


def _line_entry(line: QueryLine) -> dict[str, object]:
    def gain(given: QueryYield) -> dict[str, int]:
        return {
            "requests": given.calls,
            "credits": given.credits,
            "tweets": given.tweets,
            "new": given.fresh,
            "kept": given.kept,
        }

    return query_entry(line.query) | {"today": gain(line.today), "week": gain(line.week)}


def _line(line: QueryLine) -> str:
    query, week = line.query, line.week
    state = "paused" if not query.active else "live" if query.rule_id else "on"
    trouble = f"  {query.errors_in_row} errors: {query.last_error}" if query.last_error else ""
    gain = f"7 days: {week.kept} kept of {week.tweets} for {usd(week.credits)}"
    return (
        f"{query.id:>4} {state:<6} {query.priority.name.lower():<6} {query.text}  {gain}{trouble}"
    )
