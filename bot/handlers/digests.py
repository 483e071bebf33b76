"""/digest: what is planned, when, where and about what; and one right now."""

from __future__ import annotations

import asyncio

from bot.errors import BadInput, NotAllowed, NotFound
from bot.handlers.asked import Answers, Asked, Commands, Presses
from bot.handlers.buttons import Verb
from bot.handlers.guards import has_rights, is_manager, require_bot_may_post, require_manager
from bot.handlers.terms import text_of, topic_examples
from bot.handlers.texts import LANGS
from bot.handlers.views.places import ZONES, choose_place, clock_shown, place_name, unpacked_time
from bot.handlers.views.plans import (
    DAY_CHOICES,
    choose_days,
    choose_hour,
    choose_place_zone,
    choose_topic,
    confirm_plan_removal,
    digest_home,
    plan_message,
)
from bot.models.user import Chat, ChatKind, DigestPlan

AWAITED = "digest-time"
CHATS_ASKED = 30  # groups and channels whose administrators are asked of Telegram at once
ALL_TOPICS = "0"  # what the button for every topic carries


async def digest(asked: Asked) -> None:
    """/digest"""
    await require_manager(asked, asked.chat)
    await _home(asked)


async def _home(asked: Asked) -> None:
    chats = {asked.chat.id: asked.chat}
    if asked.chat.kind is ChatKind.PRIVATE:
        chats |= {chat.id: chat for chat in await _managed(asked)}
    plans = await asked.hoshyar.plans.of_chats(list(chats))
    shown = [(plan, chats[plan.chat_id]) for plan in plans]
    await asked.show(digest_home(asked.reader, asked.chat, shown, owner=asked.owner))


async def _managed(asked: Asked) -> list[Chat]:
    """Groups and channels where both the bot and the person are administrators now."""
    linked = [chat for chat in await asked.hoshyar.chats.linked() if chat.is_bot_admin]
    linked.sort(key=lambda chat: chat.owner_id != asked.user.id)
    async with asyncio.TaskGroup() as group:
        asking = [
            (chat, group.create_task(has_rights(asked, chat.id, asked.user.id)))
            for chat in linked[:CHATS_ASKED]
        ]
    return [chat for chat, task in asking if task.result()]


async def places(asked: Asked) -> None:
    """Where else: the list of channels and groups, and how to add one."""
    chats = await _managed(asked)
    await asked.show(choose_place(asked.reader, chats, asked.username, owner=asked.owner))


async def _chat(asked: Asked, chat_id: int) -> Chat:
    """A chat that the person may decide for; raises NotFound or NotAllowed."""
    known = asked.chat if chat_id == asked.chat.id else await asked.hoshyar.chats.get(chat_id)
    if known is None:
        raise NotFound("error.stale_button")
    await require_manager(asked, known)
    return known


async def choose_time(asked: Asked) -> None:
    chat = await _chat(asked, asked.number(0))
    await require_bot_may_post(asked, chat)
    await asked.show(choose_hour(asked.reader, chat, asked.chat.id, owner=asked.owner))


async def add(asked: Asked) -> None:
    """An hour's button."""
    chat = await _chat(asked, asked.number(0))
    await _add(asked, chat, unpacked_time(asked.arg(1)))


async def _add(asked: Asked, chat: Chat, at: str) -> None:
    await require_bot_may_post(asked, chat)
    plan = await asked.hoshyar.plans.add(chat, asked.user.id, at)
    note = asked.t(
        "digest.saved",
        when=asked.t("digest.saved_every_day", time=clock_shown(asked.reader, plan.at)),
        place=place_name(asked.reader, chat, asked.chat.id),
    )
    await asked.show(
        plan_message(asked.reader, plan, chat, asked.chat.id, note=note, owner=asked.owner)
    )


async def ask_hour(asked: Asked) -> None:
    """Another hour: the next message is it."""
    chat = await _chat(asked, asked.number(0))
    await asked.hoshyar.chats.expect(asked.chat.id, asked.user.id, AWAITED, str(chat.id))
    await asked.reply(asked.reader.rich("digest.ask_time").message())
    await asked.note()


async def hour_written(asked: Asked) -> None:
    """The awaited hour; a wrong one may be written again."""
    chat_id = int(asked.command)
    chat = await _chat(asked, chat_id)
    try:
        await _add(asked, chat, asked.text)
    except BadInput as error:
        if error.text_key == "bad_time":
            await asked.hoshyar.chats.expect(asked.chat.id, asked.user.id, AWAITED, str(chat_id))
        raise


async def now(asked: Asked) -> None:
    """One right away: of a plan, or of everything into this chat."""
    plan_id = asked.number(0)
    if plan_id:
        plan, chat = await _plan(asked, plan_id)
        topic = plan.topic
    else:
        await require_manager(asked, asked.chat)
        chat, topic = asked.chat, ""
    await require_bot_may_post(asked, chat)
    if chat.id == asked.chat.id:
        note = asked.t("digest.queued")
    else:
        place = place_name(asked.reader, chat, asked.chat.id)
        note = asked.t("digest.queued_there", place=place)
    async with asked.telegram.typing(asked.chat.id, "upload_photo"):
        await asked.hoshyar.reports.send_now(chat, topic)
    await asked.note(note)


async def _plan(asked: Asked, plan_id: int) -> tuple[DigestPlan, Chat]:
    """A plan whose chat the person may decide for."""
    plan = await asked.hoshyar.plans.get(plan_id)
    chat = await asked.hoshyar.chats.get(plan.chat_id)
    if chat is None:
        raise NotFound("digest.plan_gone")
    if not await is_manager(asked, chat):
        raise NotAllowed("digest.not_your_place", place=chat.title)
    return plan, chat


async def plan(asked: Asked) -> None:
    await _show(asked, *await _plan(asked, asked.number(0)))


async def _show(asked: Asked, plan: DigestPlan, chat: Chat, note: str = "") -> None:
    await asked.show(
        plan_message(asked.reader, plan, chat, asked.chat.id, note=note, owner=asked.owner)
    )


async def state(asked: Asked) -> None:
    """Pause or resume."""
    plan, chat = await _plan(asked, asked.number(0))
    active = asked.number(1) == 1
    if active:
        await require_bot_may_post(asked, chat)
    changed = await asked.hoshyar.plans.set_active(plan, chat, active)
    if active and changed.next_at:
        note = asked.t("digest.resumed", when=asked.reader.when(changed.next_at))
    else:
        note = asked.t("digest.paused")
    await _show(asked, changed, chat, note)


async def topic(asked: Asked) -> None:
    """The choice of topics, or the topic chosen."""
    plan, chat = await _plan(asked, asked.number(0))
    chosen = asked.arg(1)
    if not chosen:
        topics = await topic_examples(asked, await asked.hoshyar.lookup.topics())
        await asked.show(choose_topic(asked.reader, plan, topics, owner=asked.owner))
        return
    name = "" if chosen == ALL_TOPICS else await text_of(asked, chosen, "error.stale_button")
    changed = await asked.hoshyar.plans.set_topic(plan, chat, name)
    await _show(asked, changed, chat, asked.t("settings.saved"))


async def days(asked: Asked) -> None:
    """The choice of days, or the days chosen."""
    plan, chat = await _plan(asked, asked.number(0))
    chosen = asked.arg(1)
    if chosen not in DAY_CHOICES:
        await asked.show(choose_days(asked.reader, plan, owner=asked.owner))
        return
    changed = await asked.hoshyar.plans.set_days(plan, chat, chosen)
    await _show(asked, changed, chat, asked.t("settings.saved"))


async def place_lang(asked: Asked) -> None:
    """The other language for a channel or group."""
    plan, chat = await _plan(asked, asked.number(0))
    other = LANGS[(LANGS.index(chat.lang) + 1) % len(LANGS)] if chat.lang in LANGS else LANGS[0]
    chat = await asked.hoshyar.chats.set_lang(chat, other)
    await _show(asked, plan, chat, asked.t("settings.saved"))


async def place_zone(asked: Asked) -> None:
    """The choice of zones for a channel or group, or the one chosen."""
    plan, chat = await _plan(asked, asked.number(0))
    names, chosen = list(ZONES), asked.number(1, -1)
    if not 0 <= chosen < len(names):
        await asked.show(choose_place_zone(asked.reader, plan, chat, owner=asked.owner))
        return
    chat = await asked.hoshyar.chats.set_timezone(chat, names[chosen])
    await asked.hoshyar.plans.move_clock(chat)
    plan = await asked.hoshyar.plans.get(plan.id)
    await _show(asked, plan, chat, asked.t("settings.saved"))


async def remove(asked: Asked) -> None:
    """Asks first."""
    plan, chat = await _plan(asked, asked.number(0))
    if asked.arg(1) != "yes":
        question = confirm_plan_removal(asked.reader, plan, chat, asked.chat.id, owner=asked.owner)
        await asked.show(question)
        return
    await asked.hoshyar.plans.remove(plan)
    await asked.note(asked.t("digest.removed"))
    await _home(asked)


COMMANDS: Commands = {"digest": digest}
PRESSES: Presses = {
    Verb.DIGEST: digest,
    Verb.DIGEST_PLACES: places,
    Verb.DIGEST_TIME: choose_time,
    Verb.DIGEST_ADD: add,
    Verb.DIGEST_OTHER: ask_hour,
    Verb.DIGEST_NOW: now,
    Verb.PLAN: plan,
    Verb.PLAN_STATE: state,
    Verb.PLAN_TOPIC: topic,
    Verb.PLAN_DAYS: days,
    Verb.PLAN_REMOVE: remove,
    Verb.PLACE_LANG: place_lang,
    Verb.PLACE_ZONE: place_zone,
}
ANSWERS: Answers = {AWAITED: hour_written}
