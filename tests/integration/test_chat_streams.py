"""Whatever a model streams, an answer cites only what was there and ends exactly once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.errors import ModelDown
from bot.models.ai import Chunk, ChunkKind, Prompt, Usage
from bot.ports import Database
from bot.services.ai_model.model import AIModel
from tests.chat_world import HERE, NOW, World, ask, cut_power, open_world, sources_of


@pytest.fixture
async def power_cut(db: Database, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(db, tmp_path) as made:
        await cut_power(made)
        yield made


class ScriptedModel(AIModel):
    """Says what it is told to, in those pieces."""

    name = "scripted"

    def __init__(self, *chunks: Chunk) -> None:
        self._chunks = chunks
        self.prompts: list[Prompt] = []
        self.closed = False

    async def stream(self, prompt: Prompt) -> AsyncIterator[Chunk]:
        self.prompts.append(prompt)
        try:
            for chunk in self._chunks:
                yield chunk
        finally:
            self.closed = True


def _text(text: str) -> Chunk:
    return Chunk(kind=ChunkKind.TEXT, text=text)


USAGE = Chunk(kind=ChunkKind.USAGE, usage=Usage(input_tokens=1, output_tokens=1))
END = Chunk(kind=ChunkKind.END)


async def test_a_model_cannot_cite_what_it_was_not_given(db: Database, power_cut: World) -> None:
    """Unknown numbers go, however they are cut into pieces; known ones become sources."""
    model = ScriptedModel(
        _text("برق رفت [1"),
        _text("] و [9"),
        _text("9] برگشت [2]"),
        _text(" ["),
        USAGE,
        END,
        _text("x"),
    )

    answer, chunks = await ask(power_cut.chat(db, model), "قطعی برق")

    assert answer == "برق رفت [1] و برگشت [2] ["
    assert [one.number for one in sources_of(chunks)] == [1, 2]
    assert [chunk.kind for chunk in chunks][-2:] == [ChunkKind.USAGE, ChunkKind.END]
    assert model.closed


async def test_an_answer_that_breaks_off_is_no_answer(db: Database, power_cut: World) -> None:
    """A stream without an end is an error, not a short answer."""
    model = ScriptedModel(_text("برق"))

    with pytest.raises(ModelDown):
        await ask(power_cut.chat(db, model), "قطعی برق")


async def test_stopping_to_listen_stops_the_model(db: Database, power_cut: World) -> None:
    """A person who presses stop does not pay for the rest."""
    model = ScriptedModel(_text("یک "), _text("دو "), END)
    stream = power_cut.chat(db, model).answer("قطعی برق", HERE, NOW)

    first = await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]

    assert first.text.strip() == "یک"
    assert model.closed


async def test_a_model_gets_facts_history_and_evidence(db: Database, power_cut: World) -> None:
    """Everything it may rest on, numbered from 1."""
    model = ScriptedModel(END)

    await ask(power_cut.chat(db, model), "قطعی برق")

    (prompt,) = model.prompts
    assert [one.number for one in prompt.context] == list(range(1, len(prompt.context) + 1))
    assert prompt.facts[0].numbers == tuple(one.number for one in prompt.context)
    assert prompt.stored == await power_cut.posts.count()
    assert prompt.now == NOW
    assert prompt.evidence(1) == prompt.context[0]
    assert prompt.evidence(99) is None
