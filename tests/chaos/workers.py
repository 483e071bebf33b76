"""The programs that are killed: `python -m tests.chaos.workers sender|inbox DATABASE URL TOKEN`.

Small bots made of the real parts: the publisher with its worker, and the durable inbox with the
library's application.
"""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import sys
from pathlib import Path
from typing import Any

from telegram import Update
from telegram.ext import Application, MessageHandler, filters

from bot.features.publish import Publisher
from bot.ports import Database
from bot.services.db_service import open_database
from bot.services.migrations import migrate
from bot.services.telegram_api import TelegramApi
from bot.services.telegram_inbox import Inbox
from bot.services.telegram_lines import LineProcessor
from bot.services.telegram_polling import InboxRequest
from bot.storage.outbox import OutboxStore
from bot.storage.work import InboxStore


async def send(db: Database, base_url: str, token: str) -> None:
    """Empty the outbox until told to stop."""
    api = TelegramApi(token, base_url=base_url)
    publisher = Publisher(OutboxStore(db), api, files=Path("files"))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, publisher.stop)
    _ready()
    await publisher.run()
    await api.close()


async def receive(db: Database, base_url: str, token: str) -> None:
    """Handle updates until told to stop: note each, taking a while over it."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    inbox = Inbox(InboxStore(db))
    api = TelegramApi(token, base_url=base_url, inbox_request=InboxRequest(inbox))
    note = db.dialect.upsert("meta", ["name", "value"], ["name"], ["value=value || {new}"])

    async def on_text(update: Update, context: object) -> None:
        await asyncio.sleep(random.uniform(0.005, 0.06))
        assert update.effective_message is not None
        await db.execute(note, (f"heard:{update.effective_message.text}", "x"))
        await asyncio.sleep(random.uniform(0.0, 0.02))

    app: Application[Any, Any, Any, Any, Any, Any] = (
        Application.builder().bot(api.bot).concurrent_updates(LineProcessor(inbox)).build()
    )
    app.add_handler(MessageHandler(filters.TEXT, on_text))
    async with app:
        await app.start()
        await inbox.start(app, poll_timeout_s=5)
        _ready()
        async with asyncio.TaskGroup() as group:
            chores = group.create_task(inbox.run(app))
            await stopping.wait()
            chores.cancel()
        assert app.updater is not None
        await app.updater.stop()
        await app.stop()


def _ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


async def main(kind: str, database: str, base_url: str, token: str) -> None:
    logging.basicConfig(level=logging.ERROR)
    db = await open_database(f"sqlite:///{database}")
    await migrate(db)
    await {"sender": send, "inbox": receive}[kind](db, base_url, token)
    await db.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
