"""The one table of commands, buttons and awaited answers, and the way each is run.

Every path goes through `guarded`: a UserError becomes its sentence, a chat that is gone is noted,
and anything else is left to the error handler of `routes`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from bot.errors import BadInput, ChatGone, UserError
from bot.handlers import ask, digests, drivers, people, posts, settings, start, trends, watches
from bot.handlers.admin import budget as admin_budget
from bot.handlers.admin import delivery as admin_delivery
from bot.handlers.admin import dropped as admin_dropped
from bot.handlers.admin import jobs as admin_jobs
from bot.handlers.admin import menu as admin_menu
from bot.handlers.admin import queries as admin_queries
from bot.handlers.admin import sources as admin_sources
from bot.handlers.admin import upkeep as admin_upkeep
from bot.handlers.asked import Answers, Asked, Commands, Handler, Presses
from bot.handlers.buttons import ADMIN_VERBS, Press
from bot.handlers.texts import has

log = logging.getLogger(__name__)

COMMANDS: Commands = {
    **start.COMMANDS_HERE,
    **trends.COMMANDS,
    **posts.COMMANDS,
    **people.COMMANDS,
    **drivers.COMMANDS,
    **ask.COMMANDS,
    **watches.COMMANDS,
    **digests.COMMANDS,
    **settings.COMMANDS,
}
ADMIN_COMMANDS: Commands = {
    **admin_menu.COMMANDS,
    **admin_sources.COMMANDS,
    **admin_queries.COMMANDS,
    **admin_budget.COMMANDS,
    **admin_jobs.COMMANDS,
    **admin_upkeep.COMMANDS,
}
PRESSES: Presses = {
    **start.PRESSES,
    **trends.PRESSES,
    **posts.PRESSES,
    **people.PRESSES,
    **drivers.PRESSES,
    **ask.PRESSES,
    **watches.PRESSES,
    **digests.PRESSES,
    **settings.PRESSES,
    **admin_menu.PRESSES,
    **admin_sources.PRESSES,
    **admin_queries.PRESSES,
    **admin_budget.PRESSES,
    **admin_jobs.PRESSES,
    **admin_delivery.PRESSES,
    **admin_dropped.PRESSES,
    **admin_upkeep.PRESSES,
}
ANSWERS: Answers = {
    **watches.ANSWERS,
    **digests.ANSWERS,
    **settings.ANSWERS,
}
ADMIN_ANSWERS: Answers = {
    **admin_sources.ANSWERS,
    **admin_queries.ANSWERS,
    **admin_budget.ANSWERS,
}


async def run_command(asked: Asked, *, to_us: bool) -> None:
    """One command. What is not for this person is not known to them."""
    await asked.hoshyar.chats.take_answer(asked.chat.id, asked.user.id)
    handler = COMMANDS.get(asked.command)
    if handler is None and asked.is_admin:
        handler = ADMIN_COMMANDS.get(asked.command)
    if handler is not None:
        await handler(asked)
    elif to_us:
        await start.unknown(asked)


async def free_text(asked: Asked, *, old: bool) -> None:
    """An awaited answer, a file, or a question."""
    awaited, late = await asked.hoshyar.chats.take_answer(asked.chat.id, asked.user.id)
    if awaited is not None and late:
        await asked.say("error.answer_expired")
    elif awaited is not None and (answer := _answering(asked, awaited.what)):
        if not asked.text and asked.attached is None:  # a sticker answers nothing: ask on
            await asked.hoshyar.chats.expect(
                asked.chat.id, asked.user.id, awaited.what, awaited.detail
            )
            raise BadInput("error.nothing_to_ask")
        await answer(replace(asked, command=awaited.detail))
    elif asked.attached is not None and asked.is_admin:
        await admin_sources.file_received(asked)
    elif old:
        await asked.say("error.expired_question")
    elif asked.text:
        await ask.question(asked)
    elif not asked.is_shared:
        await asked.say("error.nothing_to_ask")


def _answering(asked: Asked, what: str) -> Handler | None:
    """Who takes the awaited answer; an admin's is void once the person is none any more."""
    return ANSWERS.get(what) or (ADMIN_ANSWERS.get(what) if asked.is_admin else None)


async def run_press(asked: Asked, press: Press | None) -> None:
    """One button. Another's, an old one and one that was never ours are told apart politely."""
    handler = PRESSES.get(press.verb) if press else None
    forbidden = press is not None and press.verb in ADMIN_VERBS and not asked.is_admin
    if press is None or handler is None or forbidden:
        await asked.note(asked.t("error.stale_button"), alert=True)
    elif press.owner and press.owner != asked.user.id:
        await asked.note(asked.t("error.not_yours"), alert=True)
    else:
        await handler(asked)
        await asked.note()


async def guarded(asked: Asked, handling: Callable[[], Awaitable[None]]) -> None:
    """Run a handler; what a person can do something about is said to them, in their language."""
    try:
        await handling()
    except UserError as error:
        key = error.text_key if has(asked.lang, error.text_key) else f"error.{error.text_key}"
        text = asked.t(key, **error.fields)
        if asked.press is not None:
            await asked.note(text, alert=True)
        else:
            await asked.reply(asked.reader.text().plain(text).message())
    except ChatGone:
        log.info("the chat that asked is gone", extra={"chat": asked.chat.id})
        await asked.hoshyar.chats.unlink(asked.chat.id)
