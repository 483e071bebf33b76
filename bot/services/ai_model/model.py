"""What every language model must do, whether it is embedded or reached over the network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

from bot.models.ai import Chunk, Prompt


class AIModel(ABC):
    """Answers prompts. `name` tells models apart in logs, budgets and settings."""

    name: str

    @abstractmethod
    def stream(self, prompt: Prompt) -> AsyncIterator[Chunk]:
        """The answer in pieces, as it comes: thinking and text, then usage once, then the end once.

        Text is Markdown and cites evidence as [1]; the list of sources is not part of it.

        Raises ModelError when there is no (whole) answer. Closing the iterator early stops the
        model.
        """
