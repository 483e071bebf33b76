"""Questions: /ask, free text in private, a mention or a reply in a group. The answer streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from bot.analysis.questions import read_question
from bot.analysis.terms import trend_key
from bot.errors import BadInput, ModelError
from bot.features.lookup import term_query
from bot.handlers.asked import Asked, Commands, Presses
from bot.handlers.buttons import Verb
from bot.handlers.terms import Term, examples, term_of, term_ref
from bot.handlers.views.answers import answer_message, answer_so_far
from bot.handlers.views.start import Example, usage_message
from bot.models.ai import Chunk, ChunkKind, Evidence
from bot.models.insight import Window
from bot.models.messages import OutMessage

LONGEST_QUESTION = 1000  # characters
FOLLOW_UPS = 2


async def ask(asked: Asked) -> None:
    """/ask <question>"""
    if asked.text.strip():
        await question(asked)
        return
    shown = usage_message(asked.reader, "ask", await examples(asked), Verb.ASK, asked.owner)
    await asked.show(shown)


async def example_pressed(asked: Asked) -> None:
    """An example: what is going on with a term?"""
    term: Term = await term_of(asked, asked.arg(0))
    await asked.note()
    await _answer(asked, asked.t("ask.question_about", term=term.shown))


async def question(asked: Asked) -> None:
    """A question in plain words."""
    if len(asked.text) > LONGEST_QUESTION:
        raise BadInput("ask.too_long", limit=LONGEST_QUESTION)
    await _answer(asked, asked.text)


async def _answer(asked: Asked, text: str) -> None:
    stop = asyncio.Event()
    key = (asked.chat.id, asked.user.id)
    asked.answering[key] = stop
    heard = _Heard(asked.hoshyar.chat.answer(text, asked.chat, asked.reader.now))
    follow_ups = await _subjects(asked, text)

    def frame(so_far: str) -> OutMessage:
        return answer_so_far(asked.reader, so_far, can_stop=asked.is_shared)

    def final(whole: str, stopped: bool) -> OutMessage:
        return answer_message(
            asked.reader, whole, heard.sources, follow_ups, stopped=stopped,
            owner=asked.owner,
        )  # fmt: skip

    try:
        await asked.telegram.stream(
            asked.chat.id,
            heard.texts(),
            frame=frame,
            final=final,
            stop=stop,
            reply_to=asked.message_id if asked.is_shared and not asked.press else None,
        )
    except ModelError as error:
        raise BadInput("ask.failed") from error
    finally:
        asked.answering.pop(key, None)


async def _subjects(asked: Asked, text: str) -> list[Example]:
    """What the question is about, where something was written of it: buttons open the cards."""
    chat = asked.chat
    taken_apart = read_question(text, asked.reader.now, chat.timezone, chat.lang)
    sides = taken_apart.sides or ((taken_apart.terms,) if taken_apart.terms else ())
    found = []
    since = asked.reader.now - Window.D7.span
    for words in sides[:FOLLOW_UPS]:
        for shown in dict.fromkeys((" ".join(words), *words)):
            if await asked.hoshyar.search.count(term_query(shown), since):
                term = Term(trend_key(shown), shown)
                found.append(Example(shown, await term_ref(asked, term)))
                break
    return found


class _Heard:
    """The pieces of an answer as texts; what it cites is known at its end."""

    def __init__(self, chunks: AsyncIterator[Chunk]) -> None:
        self._chunks = chunks
        self.sources: tuple[Evidence, ...] = ()

    async def texts(self) -> AsyncIterator[str]:
        async for chunk in self._chunks:
            if chunk.kind is ChunkKind.TEXT:
                yield chunk.text
            elif chunk.kind is ChunkKind.END:
                self.sources = chunk.sources


async def stop(asked: Asked) -> None:
    """The stop button under a growing answer in a group; only the asker's own answer ends."""
    running = asked.answering.get((asked.chat.id, asked.user.id))
    if running is None:
        await asked.note(asked.t("error.not_yours"))
    else:
        running.set()


COMMANDS: Commands = {"ask": ask}
PRESSES: Presses = {Verb.ASK: example_pressed, Verb.STOP: stop}
