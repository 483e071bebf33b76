"""/settings, /lang, /status, /privacy, /forgetme and /feedback."""

from __future__ import annotations

import re

from bot.errors import BadInput
from bot.handlers.admin.menu import system_text
from bot.handlers.asked import Answers, Asked, Commands, Presses
from bot.handlers.buttons import Verb
from bot.handlers.guards import require_manager, require_private
from bot.handlers.texts import LANGS
from bot.handlers.views.page import Reader
from bot.handlers.views.places import ZONES, unpacked_time
from bot.handlers.views.settings import (
    choose_lang,
    choose_quiet,
    choose_zone,
    forget_question,
    privacy_message,
    settings_message,
    status_message,
)
from bot.handlers.views.start import start_message
from bot.models.user import Chat
from bot.utils.times import ascii_digits

ZONE, QUIET, FEEDBACK = "zone", "quiet", "feedback"
_TWO_TIMES = re.compile(r"(\d{1,2}:\d{2})\D+(\d{1,2}:\d{2})")


async def settings(asked: Asked) -> None:
    """/settings"""
    await require_manager(asked, asked.chat)
    await asked.show(settings_message(asked.reader, asked.chat, owner=asked.owner))


async def _changed(asked: Asked, chat: Chat) -> None:
    reader = Reader.of(chat, asked.reader.now)
    note = reader.t("settings.saved")
    await asked.show(settings_message(reader, chat, note=note, owner=asked.owner))


async def lang(asked: Asked) -> None:
    """/lang fa|en"""
    await require_manager(asked, asked.chat)
    wanted = _language(asked.text)
    if wanted is None:
        await asked.show(choose_lang(asked.reader, owner=asked.owner))
        return
    chat = await asked.hoshyar.chats.set_lang(asked.chat, wanted)
    await asked.show(Reader.of(chat, asked.reader.now).rich("settings.lang_set").message())


def _language(text: str) -> str | None:
    names = {"fa": "fa", "فارسی": "fa", "persian": "fa", "farsi": "fa"}
    names |= {"en": "en", "english": "en", "انگلیسی": "en"}
    return names.get(text.strip().lower())


async def set_lang(asked: Asked) -> None:
    """A language's button: on the greeting, on the settings, or on its own."""
    await require_manager(asked, asked.chat)
    wanted = asked.arg(0)
    if wanted not in LANGS:
        wanted = asked.lang
    chat = await asked.hoshyar.chats.set_lang(asked.chat, wanted)
    reader = Reader.of(chat, asked.reader.now)
    match asked.arg(1):
        case "start":
            await asked.show(start_message(reader, asked.user.name))
        case "settings":
            await _changed(asked, chat)
        case _:
            await asked.show(reader.rich("settings.lang_set").message())


async def set_zone(asked: Asked) -> None:
    """The choice of zones, the one chosen, or: write another."""
    await require_manager(asked, asked.chat)
    chosen = asked.arg(0)
    names = list(ZONES)
    if chosen == "other":
        await asked.hoshyar.chats.expect(asked.chat.id, asked.user.id, ZONE)
        await asked.reply(asked.reader.rich("settings.ask_zone").message())
        await asked.note()
    elif chosen.isdigit() and int(chosen) < len(names):
        await _set_zone(asked, names[int(chosen)])
    else:
        await asked.show(choose_zone(asked.reader, asked.chat, owner=asked.owner))


async def _set_zone(asked: Asked, name: str) -> None:
    chat = await asked.hoshyar.chats.set_timezone(asked.chat, name)
    await asked.hoshyar.plans.move_clock(chat)
    await _changed(asked, chat)


async def zone_written(asked: Asked) -> None:
    await require_manager(asked, asked.chat)
    name = asked.text.strip().replace(" ", "_")
    known = {zone_name.lower(): zone_name for zone_name in ZONES}
    try:
        await _set_zone(asked, known.get(name.lower(), name))
    except BadInput:
        await asked.hoshyar.chats.expect(asked.chat.id, asked.user.id, ZONE)
        raise


async def set_quiet(asked: Asked) -> None:
    """The choice of quiet hours, the ones chosen, none, or: write others."""
    await require_manager(asked, asked.chat)
    first, last = asked.arg(0), asked.arg(1)
    if first == "off":
        await _changed(asked, await asked.hoshyar.chats.set_quiet(asked.chat, "", ""))
    elif first == "other":
        await asked.hoshyar.chats.expect(asked.chat.id, asked.user.id, QUIET)
        await asked.reply(asked.reader.rich("settings.ask_quiet").message())
        await asked.note()
    elif first and last:
        times = unpacked_time(first), unpacked_time(last)
        await _changed(asked, await asked.hoshyar.chats.set_quiet(asked.chat, *times))
    else:
        await asked.show(choose_quiet(asked.reader, owner=asked.owner))


async def quiet_written(asked: Asked) -> None:
    await require_manager(asked, asked.chat)
    times = _TWO_TIMES.search(ascii_digits(asked.text))
    first, last = (times[1], times[2]) if times else ("?", "?")
    try:
        chat = await asked.hoshyar.chats.set_quiet(asked.chat, first, last)
    except BadInput:
        await asked.hoshyar.chats.expect(asked.chat.id, asked.user.id, QUIET)
        raise
    await _changed(asked, chat)


async def status(asked: Asked) -> None:
    """/status"""
    health = await asked.hoshyar.admin.health(asked.reader.timezone)
    message = status_message(asked.reader, health)
    if asked.is_admin and not asked.press:
        await asked.show(message)
        await asked.reply(await system_text(asked))
        return
    await asked.show(message)


async def privacy(asked: Asked) -> None:
    """/privacy"""
    await asked.show(privacy_message(asked.reader))


async def forgetme(asked: Asked) -> None:
    """/forgetme: asks first"""
    require_private(asked, "forget.private_only")
    watches = await asked.hoshyar.watches.of_chat(asked.chat.id)
    plans = await asked.hoshyar.plans.of_chats([asked.chat.id])
    await asked.show(forget_question(asked.reader, len(watches), len(plans)))


async def forget(asked: Asked) -> None:
    """The answer to the question."""
    require_private(asked, "forget.private_only")
    if asked.arg(0) != "yes":
        await asked.say("forget.kept")
        return
    await asked.hoshyar.chats.forget(asked.user.id)
    asked.hoshyar.chat.forget(asked.chat.id)
    await asked.say("forget.done")


async def feedback(asked: Asked) -> None:
    """/feedback <text>, or the next message"""
    require_private(asked, "feedback.private_only")
    if asked.text.strip():
        await _pass_on(asked)
        return
    await asked.hoshyar.chats.expect(asked.chat.id, asked.user.id, FEEDBACK)
    await asked.say("feedback.ask")


async def _pass_on(asked: Asked) -> None:
    text = await asked.hoshyar.chats.add_feedback(asked.user.id, asked.chat.id, asked.text)
    who = f"@{asked.user.username}" if asked.user.username else asked.user.name
    for admin_id in asked.hoshyar.admin_ids:
        chat = await asked.hoshyar.chats.get(admin_id)
        if chat is None:
            continue  # an admin who has not started the bot cannot be written to
        reader = Reader.of(chat, asked.reader.now)
        head = reader.rich("feedback.notice", who=reader.name(who or str(asked.user.id)))
        message = reader.lines(head, reader.text().quote(text)).message()
        await asked.hoshyar.publish.publish(
            admin_id,
            message,
            kind="notice",
            unique_key=f"feedback:{asked.user.id}:{asked.message_id}:{admin_id}",
        )
    await asked.say("feedback.thanks")


COMMANDS: Commands = {
    "settings": settings,
    "lang": lang,
    "status": status,
    "privacy": privacy,
    "forgetme": forgetme,
    "feedback": feedback,
}
PRESSES: Presses = {
    Verb.SETTINGS: settings,
    Verb.SET_LANG: set_lang,
    Verb.SET_ZONE: set_zone,
    Verb.SET_QUIET: set_quiet,
    Verb.FORGET: forget,
}
ANSWERS: Answers = {ZONE: zone_written, QUIET: quiet_written, FEEDBACK: _pass_on}
