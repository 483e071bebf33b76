"""The list of feeds from the shell."""

from __future__ import annotations

import argparse
import asyncio

from bot.app import open_hoshyar
from bot.commands.output import answer
from bot.errors import NotFound
from bot.models.post import Source
from config.settings import Settings


async def list_sources(settings: Settings, given: argparse.Namespace) -> int:
    async with open_hoshyar(settings) as hoshyar:
        found = await hoshyar.sources.all()
    answer([_entry(source) for source in found], map(_line, found), as_json=given.json)
    return 0


async def add_sources(settings: Settings, given: argparse.Namespace) -> int:
    """Add a feed, or the feed of a site, after a look at it."""
    async with open_hoshyar(settings) as hoshyar:
        added = await hoshyar.sources.add(given.url)
    word = "added" if added.is_new else "was there already"
    answer(
        _entry(added.source) | {"new": added.is_new, "posts": added.preview.count},
        [f"{word}: {_line(added.source)}"],
        as_json=given.json,
    )
    return 0


async def remove_sources(settings: Settings, given: argparse.Namespace) -> int:
    async with open_hoshyar(settings) as hoshyar:
        for source in await hoshyar.sources.all():
            if given.source in (str(source.id), source.url):
                await hoshyar.sources.remove(source.id)
                answer(_entry(source), [f"removed: {source.name}"], as_json=given.json)
                return 0
    raise NotFound("cli.no_source", given=given.source)


async def import_sources(settings: Settings, given: argparse.Namespace) -> int:
    body = await asyncio.to_thread(given.file.read_bytes)
    async with open_hoshyar(settings) as hoshyar:
        done = await hoshyar.sources.import_opml(body)
    answer(
        {"added": done.added, "known": done.known, "refused": list(done.refused)},
        [
            f"{done.added} added, {done.known} known",
            *(f"refused: {url}" for url in done.refused),
        ],
        as_json=given.json,
    )
    return 0


async def export_sources(settings: Settings, given: argparse.Namespace) -> int:
    async with open_hoshyar(settings) as hoshyar:
        body = await hoshyar.sources.export_opml()
        count = len(await hoshyar.sources.all())
    await asyncio.to_thread(given.file.write_bytes, body)
    answer(
        {"file": str(given.file), "sources": count},
        [f"{count} sources written to {given.file}"],
        as_json=given.json,
    )
    return 0


def _entry(source: Source) -> dict[str, object]:
    return {
        "id": source.id,
        "name": source.name,
        "url": source.url,
        "site_url": source.site_url,
        "topic": source.topic,
        "lang": source.lang,
        "state": source.state.value,
        "next_fetch_at": source.next_fetch_at.isoformat() if source.next_fetch_at else None,
        "interval_s": source.interval_s,
        "errors_in_row": source.errors_in_row,
        "last_error": source.last_error,
        "last_ok_at": source.last_ok_at.isoformat() if source.last_ok_at else None,
        "posts_per_day": round(source.posts_per_day, 2),
    }


def _line(source: Source) -> str:
    trouble = f"  {source.errors_in_row} errors: {source.last_error}" if source.last_error else ""
    return f"{source.id:>4} {source.state.value:<7} {source.name}  {source.url}{trouble}"
