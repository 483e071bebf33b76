"""Watched words: the list, what was added, how long to mute; and the alert itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.handlers.buttons import Verb, pack
from bot.handlers.views.page import Reader, shortened
from bot.handlers.views.trends import TERM_LENGTH, page_row
from bot.models.insight import Window
from bot.models.messages import Button, OutMessage
from bot.models.user import Watch
from bot.storage.watches import FOREVER

PER_PAGE = 8
LIST = "l"  # the last word of a mute button that was pressed in the list of watches
MUTE_HOURS = {"6": "mute_6h", "24": "mute_1d", "168": "mute_7d", "0": "mute_forever"}


def watches_message(
    reader: Reader,
    watches: Sequence[Watch],
    refs: Mapping[str, str],
    *,
    page: int = 0,
    owner: int = 0,
    may_change: bool = True,
) -> OutMessage:
    """A chat's watched words; each can be opened, muted and removed."""
    t = reader.t
    add = Button(text=t("button.add_watch"), data=pack(Verb.WATCH_NEW, owner=owner))
    if not watches:
        return reader.rich("watch.none").message(keyboard=((add,),) if may_change else ())
    pages = -(-len(watches) // PER_PAGE)
    page = min(max(page, 0), pages - 1)
    body = reader.lines(reader.rich("watch.title", n=len(watches)))
    rows: list[tuple[Button, ...]] = []
    for number, watch in enumerate(watches[page * PER_PAGE :][:PER_PAGE], page * PER_PAGE + 1):
        facts = []
        if watch.created_at:
            facts.append(t("watch.since", since=reader.ago(watch.created_at)))
        muted = watch.muted_until is not None and watch.muted_until > reader.now
        if muted and watch.muted_until is not None:
            facts.append(mute_words(reader, watch.muted_until))
        line = reader.text().plain(f"{reader.n(number)}. ")
        line.bold(reader.name(shortened(watch.term, TERM_LENGTH)))
        body.newline().add(line)
        if facts:
            body.plain(f" — {' · '.join(facts)}")
        rows.append(_row(reader, watch, refs[watch.key], number, muted, may_change, owner))
    turning = page_row(reader, Verb.WATCH_LIST, page, page < pages - 1, owner=owner)
    if turning:
        rows.append(turning)
    if may_change:
        rows.append((add,))
    return body.message(keyboard=tuple(rows))


def _row(
    reader: Reader,
    watch: Watch,
    ref: str,
    number: int,
    muted: bool,
    may_change: bool,
    owner: int,
) -> tuple[Button, ...]:
    t = reader.t
    card = Button(
        text=f"{reader.n(number)} · {shortened(watch.term, 20)}",
        data=pack(Verb.CARD, ref, Window.H24, 0, owner=owner),
    )
    if not may_change:
        return (card,)
    mute = Button(
        text=t("button.unmute" if muted else "button.mute"),
        data=pack(Verb.UNMUTE if muted else Verb.MUTE_ASK, ref, LIST, owner=owner),
    )
    remove = Button(text=t("button.remove"), data=pack(Verb.WATCH_REMOVE, ref, owner=owner))
    return (card, mute, remove)


def mute_words(reader: Reader, until: datetime) -> str:
    if until >= FOREVER:
        return reader.t("watch.muted_always")
    return reader.t("watch.muted", until=reader.when(until))


def watch_added(reader: Reader, watch: Watch, ref: str, *, new: bool, owner: int = 0) -> OutMessage:
    t = reader.t
    term = reader.name(shortened(watch.term, TERM_LENGTH))
    body = (
        reader.lines(reader.rich("watch.added", term=term), reader.rich("watch.added_tip"))
        if new
        else reader.rich("watch.already", term=term)
    )
    card = Button(text=t("button.card"), data=pack(Verb.CARD, ref, Window.H24, 0, owner=owner))
    mine = Button(text=t("button.watches"), data=pack(Verb.WATCH_LIST, 0, owner=owner))
    return body.message(keyboard=((card, mine),))


def watch_unknown(
    reader: Reader, term: str, watches: Sequence[Watch], refs: Mapping[str, str], owner: int = 0
) -> OutMessage:
    """Nothing by that name is watched; or no name was given: which one shall go?"""
    body = (
        reader.rich("watch.unknown", term=reader.name(shortened(term, TERM_LENGTH)))
        if term
        else reader.rich("usage.unwatch")
    )
    rows = tuple(
        (
            Button(
                text=f"🗑 {shortened(watch.term, TERM_LENGTH)}",
                data=pack(Verb.WATCH_REMOVE, refs[watch.key], owner=owner),
            ),
        )
        for watch in watches[:PER_PAGE]
    )
    return body.message(keyboard=rows)


def mute_question(
    reader: Reader, term: str, ref: str, origin: str = "", owner: int = 0
) -> OutMessage:
    """How long shall it be quiet? `origin` is where the answer leads back to."""
    t = reader.t
    choices = [
        Button(text=t(f"watch.{key}"), data=pack(Verb.MUTE, ref, hours, origin, owner=owner))
        for hours, key in MUTE_HOURS.items()
    ]
    cancel = (
        pack(Verb.WATCH_LIST, 0, owner=owner)
        if origin == LIST
        else pack(Verb.CARD, ref, Window.H24, 0, owner=owner)
    )
    back = Button(text=t("button.cancel"), data=cancel)
    shown = reader.name(shortened(term, TERM_LENGTH))
    return reader.rich("watch.mute_title", term=shown).message(
        keyboard=(tuple(choices[:2]), tuple(choices[2:]), (back,))
    )
