"""/cache and /backup."""

from __future__ import annotations

import logging

from bot.errors import BadInput, StorageError
from bot.handlers.asked import Asked, Commands, Presses
from bot.handlers.buttons import Verb
from bot.handlers.views.admin import ERROR_LENGTH
from bot.handlers.views.page import shortened
from bot.handlers.views.upkeep import backup_message, cache_message

log = logging.getLogger(__name__)


async def cache(asked: Asked) -> None:
    """/cache"""
    await asked.show(cache_message(asked.reader, await asked.hoshyar.cache.report()))


async def clear(asked: Asked) -> None:
    """The button; nothing is lost by it."""
    try:
        count = await asked.hoshyar.cache.clear()
    except StorageError:
        log.warning("the cache was not cleared", exc_info=True)
        note = asked.t("cache.down")
    else:
        note = asked.t("cache.cleared", n=count)
        log.info("the cache was cleared", extra={"entries": count, "by": asked.user.id})
    await asked.show(cache_message(asked.reader, await asked.hoshyar.cache.report(), note))


async def backup(asked: Asked) -> None:
    """/backup"""
    await asked.note(asked.t("backup.working"))
    try:
        async with asked.telegram.typing(asked.chat.id):
            made = await asked.hoshyar.backups.make()
    except StorageError as error:
        log.warning("no backup", exc_info=True)
        why = asked.reader.name(shortened(str(error), ERROR_LENGTH))
        raise BadInput("backup.failed", why=why) from error
    await asked.reply(backup_message(asked.reader, made))


COMMANDS: Commands = {"cache": cache, "backup": backup}
PRESSES: Presses = {Verb.CACHE: cache, Verb.CACHE_CLEAR: clear, Verb.BACKUP: backup}
