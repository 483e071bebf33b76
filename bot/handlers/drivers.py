"""/users and /related: who is heard, who drives a term, what moves together with it."""

from __future__ import annotations

from bot.handlers.asked import Asked, Commands, Presses
from bot.handlers.buttons import Verb
from bot.handlers.terms import Term, examples, term_of, term_ref
from bot.handlers.trends import read_term, window_of
from bot.handlers.views.drivers import drivers_message, related_message, top_message
from bot.handlers.views.start import usage_message
from bot.models.insight import Window
from bot.storage.talks import TERM

TOP = 10


async def users(asked: Asked) -> None:
    """/users [topic]"""
    term = read_term(asked.text)
    if term is None:
        people = await asked.hoshyar.people.top(TOP)
        await asked.show(top_message(asked.reader, people, asked.owner))
        return
    await _show_drivers(asked, term, Window.H24)


async def related(asked: Asked) -> None:
    """/related <term>"""
    term = read_term(asked.text)
    if term is None:
        shown = await examples(asked)
        await asked.show(usage_message(asked.reader, "related", shown, Verb.RELATED, asked.owner))
        return
    await _show_related(asked, term, Window.H24)


async def users_pressed(asked: Asked) -> None:
    """A window's button, or the one under the related terms."""
    await _show_drivers(asked, await term_of(asked, asked.arg(0)), window_of(asked.arg(1)))


async def related_pressed(asked: Asked) -> None:
    await _show_related(asked, await term_of(asked, asked.arg(0)), window_of(asked.arg(1)))


async def _show_drivers(asked: Asked, term: Term, window: Window) -> None:
    found = await asked.hoshyar.drivers.who(term.shown, window)
    ref = await term_ref(asked, term)
    await asked.show(drivers_message(asked.reader, found, ref, asked.owner))


async def _show_related(asked: Asked, term: Term, window: Window) -> None:
    found = await asked.hoshyar.drivers.related(term.shown, window)
    names = [(one.key, one.term) for one in found]
    refs = await asked.hoshyar.chats.refs(TERM, names) if names else []
    by_key = {one.key: ref for one, ref in zip(found, refs, strict=True)}
    ref = await term_ref(asked, term)
    message = related_message(asked.reader, term.shown, window, found, by_key, ref, asked.owner)
    await asked.show(message)


COMMANDS: Commands = {"users": users, "related": related}
PRESSES: Presses = {Verb.USERS: users_pressed, Verb.RELATED: related_pressed}
