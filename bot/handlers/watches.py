"""/watch, /watches, /unwatch, and muting: from a list, a card or an alert."""

from __future__ import annotations

from bot.errors import NotFound
from bot.handlers.asked import Answers, Asked, Commands, Presses
from bot.handlers.buttons import Verb
from bot.handlers.guards import is_manager, require_manager
from bot.handlers.terms import Term, examples, term_of, term_ref
from bot.handlers.trends import show_card
from bot.handlers.views.alerts import alert_reason
from bot.handlers.views.start import usage_message
from bot.handlers.views.watches import (
    LIST,
    MUTE_HOURS,
    mute_question,
    watch_added,
    watch_unknown,
    watches_message,
)
from bot.models.insight import Window
from bot.models.user import Watch
from bot.storage.talks import TERM
from bot.storage.watches import FOREVER

AWAITED = "watch"


async def watch(asked: Asked) -> None:
    """/watch <term>"""
    await require_manager(asked, asked.chat)
    if not asked.text.strip():
        await asked.hoshyar.chats.expect(asked.chat.id, asked.user.id, AWAITED)
        shown = usage_message(
            asked.reader, "watch", await examples(asked), Verb.WATCH_ADD, asked.owner
        )
        await asked.show(shown)
        return
    await add_term(asked, asked.text)


async def add_term(asked: Asked, term: str) -> None:
    added, new = await asked.hoshyar.watches.add(asked.chat.id, asked.user.id, term)
    ref = (await asked.hoshyar.chats.refs(TERM, [(added.key, added.term)]))[0]
    await asked.reply(watch_added(asked.reader, added, ref, new=new, owner=asked.owner))
    await asked.note()


async def watch_pressed(asked: Asked) -> None:
    """The watch button of a card, a search or an example."""
    await require_manager(asked, asked.chat)
    term = await term_of(asked, asked.arg(0))
    await add_term(asked, term.shown)


async def ask_term(asked: Asked) -> None:
    """The button for a new word: the next message is it."""
    await require_manager(asked, asked.chat)
    await asked.hoshyar.chats.expect(asked.chat.id, asked.user.id, AWAITED)
    await asked.reply(asked.reader.rich("watch.ask_term").message())
    await asked.note()


async def watches(asked: Asked) -> None:
    """/watches, and the pages of its list"""
    mine = await asked.hoshyar.watches.of_chat(asked.chat.id)
    message = watches_message(
        asked.reader,
        mine,
        await _refs(asked, mine),
        page=asked.number(0),
        owner=asked.owner,
        may_change=await is_manager(asked, asked.chat),
    )
    await asked.show(message)


async def _refs(asked: Asked, mine: list[Watch]) -> dict[str, str]:
    refs = await asked.hoshyar.chats.refs(TERM, [(w.key, w.term) for w in mine])
    return {watch.key: ref for watch, ref in zip(mine, refs, strict=True)}


async def unwatch(asked: Asked) -> None:
    """/unwatch <term>"""
    await require_manager(asked, asked.chat)
    term = asked.text.strip()
    removed = await asked.hoshyar.watches.remove(asked.chat.id, term) if term else None
    if removed is not None:
        await asked.say("watch.removed", term=asked.reader.name(removed.term))
        return
    mine = await asked.hoshyar.watches.of_chat(asked.chat.id)
    if not mine:
        await watches(asked)
        return
    refs = await _refs(asked, mine)
    await asked.show(watch_unknown(asked.reader, term, mine, refs, asked.owner))


async def remove_pressed(asked: Asked) -> None:
    """The remove button of the list or of an alert."""
    await require_manager(asked, asked.chat)
    term = await term_of(asked, asked.arg(0))
    removed = await asked.hoshyar.watches.remove(asked.chat.id, term.key)
    await asked.note(asked.t("watch.removed", term=term.shown))
    if removed is None or asked.arg(0).startswith("w"):
        return  # an alert stays as it is: it says what was found
    await watches(asked)


async def ask_mute(asked: Asked) -> None:
    """For how long shall a term be quiet here?"""
    await require_manager(asked, asked.chat)
    term = await term_of(asked, asked.arg(0))
    ref = await term_ref(asked, term)
    question = mute_question(asked.reader, term.shown, ref, asked.arg(1), asked.owner)
    await asked.show(question)


async def mute(asked: Asked) -> None:
    await require_manager(asked, asked.chat)
    hours = asked.arg(1)
    if hours not in MUTE_HOURS:
        raise NotFound("error.stale_button")
    term = await term_of(asked, asked.arg(0))
    until = await asked.hoshyar.watches.mute(asked.chat.id, term.key, term.shown, int(hours))
    shown = asked.reader.name(term.shown)
    if until >= FOREVER:
        done = asked.reader.rich("watch.muted_forever", term=shown)
    else:
        done = asked.reader.rich("watch.muted_done", term=shown, until=asked.reader.when(until))
    await asked.note(done.build()[0])
    if not asked.arg(0).startswith("w"):
        await _back(asked, term, asked.arg(2))


async def _back(asked: Asked, term: Term, origin: str) -> None:
    """To where the button was pressed: the list of watches or the term's card."""
    if origin == LIST:
        mine = await asked.hoshyar.watches.of_chat(asked.chat.id)
        refs = await _refs(asked, mine)
        await asked.show(watches_message(asked.reader, mine, refs, owner=asked.owner))
    else:
        await show_card(asked, term, Window.H24, 0)


async def unmute(asked: Asked) -> None:
    await require_manager(asked, asked.chat)
    term = await term_of(asked, asked.arg(0))
    await asked.hoshyar.watches.unmute(asked.chat.id, term.key)
    await asked.note(asked.t("watch.unmuted", term=term.shown))
    await _back(asked, term, asked.arg(1))


async def why_alert(asked: Asked) -> None:
    """Why did this alert come? In the little window over the chat."""
    handle = asked.arg(0)
    known = await asked.hoshyar.watches.get(int(handle[1:])) if handle[1:].isdigit() else None
    if known is None or known.chat_id != asked.chat.id:
        raise NotFound("watch.gone")
    await asked.note(alert_reason(asked.reader, known), alert=True)


async def term_written(asked: Asked) -> None:
    """The awaited word."""
    await require_manager(asked, asked.chat)
    await add_term(asked, asked.text)


COMMANDS: Commands = {"watch": watch, "watches": watches, "unwatch": unwatch}
PRESSES: Presses = {
    Verb.WATCH_ADD: watch_pressed,
    Verb.WATCH_NEW: ask_term,
    Verb.WATCH_LIST: watches,
    Verb.WATCH_REMOVE: remove_pressed,
    Verb.MUTE_ASK: ask_mute,
    Verb.MUTE: mute,
    Verb.UNMUTE: unmute,
    Verb.ALERT_WHY: why_alert,
}
ANSWERS: Answers = {AWAITED: term_written}
