"""Every command in both languages, and every request that they made, by an independent model."""

from __future__ import annotations

import re
from pathlib import Path

from bot.handlers.commands import ADMIN_COMMANDS, COMMANDS
from bot.handlers.menus import publish_menus
from tests.bot_api_model import check_calls
from tests.chats_world import ADMIN, ALEX, SARA, TERMS, World, running

ARGUMENTS = {
    "trend": TERMS[0],
    "search": "مردم",
    "sentiment": TERMS[1],
    "users": TERMS[0],
    "related": TERMS[1],
    "ask": "What is going on today?",
    "watch": TERMS[2],
    "unwatch": TERMS[2],
    "feedback": "خوب است",
    "help": "digest",
}
_PERSIAN_WORDS = re.compile("می‌|برای|این|است|کنید")
# Lines that hold what others wrote; a term that moves with another one is such a word.
_QUOTES = re.compile(r"▫️|گزارش|“|«|نوشتهٔ شمارهٔ|^\d+\. .+ · \d+ posts$")


async def test_every_command_answers_in_the_language_of_its_chat(tmp_path: Path) -> None:
    async with running(tmp_path) as world:
        for user, is_persian in ((SARA, True), (ALEX, False)):
            await world.say(user, "/start")
            for command in COMMANDS:
                for argument in {ARGUMENTS.get(command.name, ""), ""}:
                    text = await _own_words(world, user, f"/{command.name} {argument}".strip())
                    assert bool(_PERSIAN_WORDS.search(text)) <= is_persian, command.name
                    assert "ببخشید" not in text
                    assert "Sorry" not in text
        for command in ADMIN_COMMANDS:
            assert await world.say(ADMIN, f"/{command.name}")
        await publish_menus(world.parts.telegram.bot, world.hoshyar.admin_ids)
        await world.quiet()

        problems = check_calls((call.method, call.params) for call in world.box.calls)

    assert problems == []


async def _own_words(world: World, user: int, text: str) -> str:
    """What the bot says by itself: without names, quotes and links to posts."""
    answer = await world.say(user, text)
    shown = str(answer["text"])
    for term in (*TERMS, "مردم", "چه خبر؟"):
        shown = shown.replace(term, "")
    lines = shown.split("\n")
    return "\n".join(line for line in lines if not _QUOTES.search(line))
