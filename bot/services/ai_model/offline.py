"""The embedded model: answers from stored posts alone, with no key and no network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from bot.models.ai import Chunk, ChunkKind, Prompt, Usage
from bot.services.ai_model.model import AIModel
from bot.services.ai_model.offline_answers import compose
from bot.services.ai_model.utils import estimate_tokens, pieces


class OfflineModel(AIModel):
    name = "offline"

    async def stream(self, prompt: Prompt) -> AsyncIterator[Chunk]:
        answer = compose(prompt)
        for piece in pieces(answer):
            yield Chunk(kind=ChunkKind.TEXT, text=piece)
            await asyncio.sleep(0)  # others may go on between two pieces
        read = prompt.question.text + "".join(one.full_text for one in prompt.context)
        usage = Usage(input_tokens=estimate_tokens(read), output_tokens=estimate_tokens(answer))
        yield Chunk(kind=ChunkKind.USAGE, usage=usage)
        yield Chunk(kind=ChunkKind.END)
