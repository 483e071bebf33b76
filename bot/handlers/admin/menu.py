"""/admin, /channels and the state of the system."""

from __future__ import annotations

from bot.handlers.admin.budget import status_line
from bot.handlers.asked import Asked, Commands, Presses
from bot.handlers.buttons import Verb
from bot.handlers.views.admin import admin_message, channels_message, system_message
from bot.models.messages import OutMessage


async def menu(asked: Asked) -> None:
    """/admin"""
    health = await asked.hoshyar.admin.health(asked.reader.timezone)
    delivery = await asked.hoshyar.admin.delivery()
    await asked.show(admin_message(asked.reader, health.sources, delivery))


async def system(asked: Asked) -> None:
    await asked.show(await system_text(asked))


async def system_text(asked: Asked) -> OutMessage:
    """The admins' part of /status."""
    state = await asked.hoshyar.admin.system(asked.reader.timezone)
    workers = await asked.hoshyar.workers.all()
    return system_message(asked.reader, state, workers, await status_line(asked))


async def channels(asked: Asked) -> None:
    """/channels"""
    linked = await asked.hoshyar.chats.linked()
    plans = await asked.hoshyar.plans.counts()
    await asked.show(channels_message(asked.reader, linked, plans))


COMMANDS: Commands = {"admin": menu, "channels": channels}
PRESSES: Presses = {Verb.ADMIN: menu, Verb.ADMIN_STATUS: system, Verb.CHANNELS: channels}
