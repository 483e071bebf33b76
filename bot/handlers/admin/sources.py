"""/sources and /addsource: looked at before they are added, tested, paused, removed, exchanged."""

from __future__ import annotations

import logging

from bot.errors import BadInput, SourceError
from bot.features.sources import Preview
from bot.handlers.asked import Answers, Asked, Commands, Presses
from bot.handlers.buttons import Verb, pack
from bot.handlers.terms import text_of, topic_examples
from bot.handlers.views.page import shortened
from bot.handlers.views.sources import (
    FEEDS_OF_A_SITE,
    exported_message,
    found_message,
    imported_message,
    preview_message,
    removal_question,
    source_message,
    sources_message,
    test_message,
    trouble_message,
)
from bot.handlers.views.start import Example
from bot.storage.talks import FEED

log = logging.getLogger(__name__)

AWAITED_URL, AWAITED_OPML = "source-url", "opml"
OPML_MB = 2


async def sources(asked: Asked) -> None:
    """/sources"""
    found = await asked.hoshyar.sources.all()
    await asked.show(sources_message(asked.reader, found, asked.number(0)))


async def addsource(asked: Asked) -> None:
    """/addsource <address>"""
    if asked.text.strip():
        await _look(asked, asked.text.split()[0])
    else:
        await _ask_url(asked)


async def _ask_url(asked: Asked) -> None:
    await asked.hoshyar.chats.expect(asked.chat.id, asked.user.id, AWAITED_URL)
    await asked.reply(asked.reader.rich("source.ask_url").message())
    await asked.note()


async def add_pressed(asked: Asked) -> None:
    """The add button, or one of the feeds that a site has."""
    if asked.arg(0):
        await _look(asked, await text_of(asked, asked.arg(0), "error.stale_button"))
    else:
        await _ask_url(asked)


async def url_written(asked: Asked) -> None:
    """The awaited address; a wrong one may be written again."""
    try:
        await _look(asked, asked.text.split()[0] if asked.text.split() else "")
    except BadInput:
        await asked.hoshyar.chats.expect(asked.chat.id, asked.user.id, AWAITED_URL)
        raise


async def _look(asked: Asked, url: str) -> None:
    await asked.note(asked.t("source.looking"))
    try:
        async with asked.telegram.typing(asked.chat.id):
            found = await asked.hoshyar.sources.look(url)
    except SourceError as error:
        await asked.show(trouble_message(asked.reader, error, pack(Verb.SOURCES, 0)))
        return
    if len(found) > 1:
        await asked.show(found_message(asked.reader, await _feeds(asked, found)))
    else:
        await _preview(asked, found[0])


async def _feeds(asked: Asked, found: tuple[Preview, ...]) -> list[Example]:
    shown = found[:FEEDS_OF_A_SITE]
    refs = await asked.hoshyar.chats.refs(FEED, [(feed.url, feed.url) for feed in shown])
    return [
        Example(f"{feed.name} ({asked.reader.n(feed.count)})", ref)
        for feed, ref in zip(shown, refs, strict=True)
    ]


async def _preview(asked: Asked, preview: Preview) -> None:
    ref = (await asked.hoshyar.chats.refs(FEED, [(preview.url, preview.url)]))[0]
    topics = await topic_examples(asked, await asked.hoshyar.lookup.topics())
    await asked.show(preview_message(asked.reader, preview, ref, topics))


async def save(asked: Asked) -> None:
    """Add the feed that was looked at, under a topic if one was chosen."""
    url = await text_of(asked, asked.arg(0), "error.stale_button")
    chosen = asked.arg(1)
    topic = await text_of(asked, chosen, "error.stale_button") if chosen else ""
    try:
        added = await asked.hoshyar.sources.add(url, topic=topic)
    except SourceError as error:
        await asked.show(trouble_message(asked.reader, error, pack(Verb.SOURCES, 0)))
        return
    key = "source.saved" if added.is_new else "source.exists"
    note = asked.t(key, name=asked.reader.name(shortened(added.source.name, 48)))
    log.info("a source was added", extra={"source": added.source.url, "by": asked.user.id})
    await asked.show(source_message(asked.reader, added.source, 0, note))


async def source(asked: Asked) -> None:
    found = await asked.hoshyar.sources.get(asked.number(0))
    await asked.show(source_message(asked.reader, found, asked.number(1)))


async def state(asked: Asked) -> None:
    """Pause or resume."""
    source_id, resume = asked.number(0), asked.number(1) == 1
    if resume:
        changed = await asked.hoshyar.sources.resume(source_id)
    else:
        changed = await asked.hoshyar.sources.pause(source_id)
    name = asked.reader.name(shortened(changed.name, 48))
    note = asked.t("source.resumed" if resume else "source.paused", name=name)
    await asked.show(source_message(asked.reader, changed, asked.number(2), note))


async def test(asked: Asked) -> None:
    """Read a source now, without storing anything."""
    known = await asked.hoshyar.sources.get(asked.number(0))
    page = asked.number(1)
    await asked.note(asked.t("source.looking"))
    try:
        async with asked.telegram.typing(asked.chat.id):
            preview = await asked.hoshyar.sources.test(known.id)
    except SourceError as error:
        back = pack(Verb.SOURCE, known.id, page)
        await asked.show(trouble_message(asked.reader, error, back))
        return
    await asked.show(test_message(asked.reader, known, preview, page))


async def remove(asked: Asked) -> None:
    """Asks first."""
    known = await asked.hoshyar.sources.get(asked.number(0))
    page = asked.number(1)
    if asked.arg(2) != "yes":
        await asked.show(removal_question(asked.reader, known, page))
        return
    await asked.hoshyar.sources.remove(known.id)
    log.info("a source was removed", extra={"source": known.url, "by": asked.user.id})
    await asked.note(asked.t("source.removed", name=shortened(known.name, 48)))
    found = await asked.hoshyar.sources.all()
    await asked.show(sources_message(asked.reader, found, page))


async def opml(asked: Asked) -> None:
    """Export, or ask for the file to import."""
    if asked.arg(0) == "out":
        found = await asked.hoshyar.sources.all()
        content = await asked.hoshyar.sources.export_opml()
        await asked.reply(exported_message(asked.reader, content, len(found)))
    else:
        await asked.hoshyar.chats.expect(asked.chat.id, asked.user.id, AWAITED_OPML)
        await asked.reply(asked.reader.rich("source.ask_opml").message())
    await asked.note()


async def file_received(asked: Asked) -> None:
    """A file from an admin is taken for an OPML file."""
    if asked.attached is None:
        await asked.hoshyar.chats.expect(asked.chat.id, asked.user.id, AWAITED_OPML)
        raise BadInput("source.ask_opml")
    if asked.attached.size > OPML_MB * 1024 * 1024:
        raise BadInput("source.opml_big", mb=OPML_MB)
    async with asked.telegram.typing(asked.chat.id):
        body = await asked.telegram.download(asked.attached.file_id, OPML_MB * 1024 * 1024)
        done = await asked.hoshyar.sources.import_opml(body)
    log.info("sources were imported", extra={"added": done.added, "by": asked.user.id})
    await asked.reply(imported_message(asked.reader, done))


COMMANDS: Commands = {"sources": sources, "addsource": addsource}
PRESSES: Presses = {
    Verb.SOURCES: sources,
    Verb.SOURCE: source,
    Verb.SOURCE_ADD: add_pressed,
    Verb.SOURCE_SAVE: save,
    Verb.SOURCE_STATE: state,
    Verb.SOURCE_TEST: test,
    Verb.SOURCE_REMOVE: remove,
    Verb.OPML: opml,
}
ANSWERS: Answers = {AWAITED_URL: url_written, AWAITED_OPML: file_received}
