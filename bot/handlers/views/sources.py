"""Sources as admins see them: the list, one of them, and what is in a feed before it is added."""

from __future__ import annotations

from collections.abc import Sequence

from bot.errors import (
    AddressRefused,
    BudgetSpent,
    SourceError,
    SourceGarbled,
    SourceGone,
    SourceRefused,
)
from bot.features.sources import ImportedFeeds, Preview
from bot.handlers.buttons import Verb, pack
from bot.handlers.views.admin import ERROR_LENGTH, NAME_LENGTH, back_row
from bot.handlers.views.page import Reader, label, rows_of, shortened
from bot.handlers.views.start import Example
from bot.handlers.views.trends import page_row
from bot.models.messages import Attachment, Button, OutMessage, RichText
from bot.models.post import Post, Source, SourceState

PER_PAGE = 6
FEEDS_OF_A_SITE = 6
TOPICS_OFFERED = 6
REFUSED_SHOWN = 5
URL_LENGTH = 200


def sources_message(reader: Reader, sources: Sequence[Source], page: int = 0) -> OutMessage:
    """One page of the list, the ones in trouble first."""
    t = reader.t
    tools = (
        (
            Button(text=t("admin_button.add"), data=pack(Verb.SOURCE_ADD)),
            Button(text=t("admin_button.opml_in"), data=pack(Verb.OPML, "in")),
            Button(text=t("admin_button.opml_out"), data=pack(Verb.OPML, "out")),
        ),
        back_row(reader),
    )
    body = reader.lines(reader.rich("source.title", n=len(sources)))
    if not sources:
        body.newline(2).add(reader.rich("source.none"))
        return body.message(keyboard=tools)
    ordered = sorted(sources, key=lambda source: (_trouble(source), source.name))
    pages = -(-len(ordered) // PER_PAGE)
    page = min(max(page, 0), pages - 1)
    buttons = []
    for source in ordered[page * PER_PAGE :][:PER_PAGE]:
        body.newline(2).add(_head(reader, source))
        body.newline().add(_health(reader, source))
        label = f"{icon_of(source)} {shortened(source.name, 24)}"
        buttons.append(Button(text=label, data=pack(Verb.SOURCE, source.id, page)))
    body.newline(2).add(reader.rich("source.legend"))
    turning = page_row(reader, Verb.SOURCES, page, page < pages - 1)
    rows = rows_of(buttons, 2)
    return body.message(keyboard=(*rows, turning, *tools) if turning else (*rows, *tools))


def _trouble(source: Source) -> int:
    if source.state is SourceState.GONE:
        return 0
    if source.state is SourceState.ACTIVE and source.errors_in_row:
        return 1
    return 3 if source.state is SourceState.PAUSED else 2


def icon_of(source: Source) -> str:
    if source.state is SourceState.GONE:
        return "⛔️"
    if source.state is SourceState.PAUSED:
        return "⏸"
    return "⚠️" if source.errors_in_row else "✅"


def _head(reader: Reader, source: Source) -> RichText:
    name = reader.name(shortened(source.name, NAME_LENGTH))
    return reader.rich("source.item", icon=icon_of(source), name=name)


def _health(reader: Reader, source: Source) -> RichText:
    if source.state is SourceState.ACTIVE and source.errors_in_row:
        state = reader.t("source.state_error", n=source.errors_in_row)
    else:
        state = reader.t(f"source.state_{source.state}")
    last = (
        reader.t("source.last_ok", when=reader.ago(source.last_ok_at))
        if source.last_ok_at
        else reader.t("source.never")
    )
    rate = reader.n(source.posts_per_day, 1)
    return reader.rich("source.item_line", state=state, rate=rate, last=last)


def source_message(reader: Reader, source: Source, page: int = 0, note: str = "") -> OutMessage:
    """One source: where it is, how it does, and what may be done with it."""
    body = reader.lines(
        note or None,
        "" if note else None,
        _head(reader, source),
        _health(reader, source),
        reader.text().plain(reader.t("source.url", url="")).code(_url(source.url)),
        reader.rich("source.topic", topic=reader.name(shortened(source.topic, NAME_LENGTH)))
        if source.topic
        else None,
        reader.rich("source.interval", interval=_every(reader, source.interval_s))
        if source.interval_s
        else None,
        reader.rich("source.next", when=reader.when(source.next_fetch_at))
        if source.next_fetch_at and source.state is SourceState.ACTIVE
        else None,
    )
    if source.site_url:
        body.newline().plain(reader.t("source.site", url=""))
        body.link(reader.name(_url(source.site_url)), source.site_url)
    if source.last_error:
        body.newline().plain(reader.t("source.error", error=""))
        body.code(shortened(source.last_error, ERROR_LENGTH))
    active = source.state is SourceState.ACTIVE
    toggle = Button(
        text=reader.t("button.pause" if active else "button.resume"),
        data=pack(Verb.SOURCE_STATE, source.id, int(not active), page),
    )
    test = Button(text=reader.t("admin_button.test"), data=pack(Verb.SOURCE_TEST, source.id, page))
    remove = Button(text=reader.t("button.remove"), data=pack(Verb.SOURCE_REMOVE, source.id, page))
    back = Button(text=reader.t("admin_button.to_sources"), data=pack(Verb.SOURCES, page))
    return body.message(keyboard=((test, toggle), (remove,), (back,)))


def _url(url: str) -> str:
    return shortened(url, URL_LENGTH)


def _every(reader: Reader, seconds: int) -> str:
    if seconds < 7200:
        return reader.count("minutes", max(1, round(seconds / 60)))
    return reader.count("hours", round(seconds / 3600))


def removal_question(reader: Reader, source: Source, page: int) -> OutMessage:
    name = reader.name(shortened(source.name, NAME_LENGTH))
    return reader.rich("source.remove_ask", name=name).message(
        keyboard=(
            (
                Button(
                    text=reader.t("button.yes_remove"),
                    data=pack(Verb.SOURCE_REMOVE, source.id, page, "yes"),
                    style="danger",
                ),
                Button(text=reader.t("button.no"), data=pack(Verb.SOURCE, source.id, page)),
            ),
        )
    )


def found_message(reader: Reader, found: Sequence[Example]) -> OutMessage:
    """A site with several feeds: which one? An example's term is the feed's name."""
    rows = tuple(
        (Button(text=label(feed.term, NAME_LENGTH), data=pack(Verb.SOURCE_ADD, feed.ref)),)
        for feed in found[:FEEDS_OF_A_SITE]
    )
    return reader.rich("source.found_many").message(
        keyboard=(*rows, back_row(reader, "to_sources", Verb.SOURCES))
    )


def preview_message(
    reader: Reader, preview: Preview, ref: str, topics: Sequence[Example]
) -> OutMessage:
    """What is in a feed, before it is added; it may be filed under a topic that exists."""
    body = _preview_lines(reader, preview)
    if preview.known is not None:
        name = reader.name(shortened(preview.known.name, NAME_LENGTH))
        body.newline(2).add(reader.rich("source.exists", name=name))
        open_it = Button(
            text=f"{icon_of(preview.known)} {shortened(preview.known.name, 24)}",
            data=pack(Verb.SOURCE, preview.known.id, 0),
        )
        return body.message(keyboard=((open_it,), back_row(reader, "to_sources", Verb.SOURCES)))
    save = Button(
        text=reader.t("admin_button.save"),
        data=pack(Verb.SOURCE_SAVE, ref),
        style="success",
    )
    chips = [
        Button(
            text=reader.t("source.save_topic", topic=shortened(topic.term, 24)),
            data=pack(Verb.SOURCE_SAVE, ref, topic.ref),
        )
        for topic in topics[:TOPICS_OFFERED]
    ]
    cancel = Button(text=reader.t("button.cancel"), data=pack(Verb.SOURCES, 0))
    return body.message(keyboard=((save,), *rows_of(chips, 2), (cancel,)))


def _preview_lines(reader: Reader, preview: Preview) -> RichText:
    name = reader.name(shortened(preview.name, NAME_LENGTH))
    body = reader.lines(
        reader.rich("source.preview", name=name), reader.text().code(_url(preview.url))
    )
    if not preview.count:
        return body.newline().add(reader.rich("source.preview_empty"))
    posts = reader.count("posts", preview.count)
    body.newline().add(reader.rich("source.preview_line", posts=posts))
    for post in preview.newest:
        body.newline().add(_headline(reader, post))
    return body


def _headline(reader: Reader, post: Post) -> RichText:
    title = reader.name(shortened(post.title or post.text, 120))
    when = reader.when(post.created_at)
    return reader.text().plain("▫️ ").link(title, post.url).plain(f" · {when}")


def test_message(reader: Reader, source: Source, preview: Preview, page: int) -> OutMessage:
    """A test that went well."""
    posts = reader.count("posts", preview.count)
    body = reader.lines(
        reader.rich("source.test_ok", posts=posts, ms=preview.took_ms),
        "",
        _preview_lines(reader, preview),
    )
    back = Button(text=reader.t("button.back"), data=pack(Verb.SOURCE, source.id, page))
    return body.message(keyboard=((back,),))


# The first that fits: some are kinds of those behind them.
_TROUBLES: tuple[tuple[type[SourceError], str], ...] = (
    (AddressRefused, "source.trouble_private"),
    (SourceRefused, "source.trouble_refused"),
    (SourceGone, "source.trouble_gone"),
    (SourceGarbled, "source.trouble_garbled"),
    (BudgetSpent, "source.trouble_spent"),
    (SourceError, "source.trouble_down"),
)


def trouble_message(reader: Reader, error: SourceError, back: str) -> OutMessage:
    """A feed that could not be read: why, and the words for whoever keeps the server.

    `back` is where its button leads.
    """
    why = next(key for kind, key in _TROUBLES if isinstance(error, kind))
    body = reader.text().plain(reader.t("source.test_failed", error=reader.t(why)))
    body.newline().code(shortened(str(error), ERROR_LENGTH))
    return body.message(keyboard=((Button(text=reader.t("button.back"), data=back),),))


def imported_message(reader: Reader, done: ImportedFeeds) -> OutMessage:
    body = reader.rich("source.opml_done", added=done.added, known=done.known)
    if done.refused:
        body.newline().add(reader.rich("source.opml_refused", n=len(done.refused)))
        for url in done.refused[:REFUSED_SHOWN]:
            body.newline().code(_url(url))
    return body.message(keyboard=(back_row(reader, "to_sources", Verb.SOURCES),))


def exported_message(reader: Reader, content: bytes, n: int) -> OutMessage:
    return reader.rich("source.opml_caption", n=n).message(
        document=Attachment(content=content, name="hoshyar-sources.opml")
    )
