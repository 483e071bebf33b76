"""Vectors as they are kept; `bot.analysis.vectors` makes and compares them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PackedVector:
    """A vector is `scale` times the signed bytes of `body`."""

    scale: float
    body: bytes

    @property
    def dimensions(self) -> int:
        return len(self.body)
