"""Writes down that an update is being answered before the first word of the answer leaves.

After a crash in between nobody can tell whether the answer arrived. Such an update is not handled
again, which could say everything twice; it is set aside as unsure and shown to the admins.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_BEGINS: ContextVar[Callable[[], Awaitable[None]] | None] = ContextVar("answering", default=None)


@contextmanager
def answering(begins: Callable[[], Awaitable[None]]) -> Iterator[None]:
    """While an update is handled: `begins` is awaited once, before the first answer is sent."""
    is_noted = False

    async def once() -> None:
        nonlocal is_noted
        if not is_noted:
            is_noted = True
            await begins()

    token = _BEGINS.set(once)
    try:
        yield
    finally:
        _BEGINS.reset(token)


async def before_answer() -> None:
    """To be awaited before something is sent that must not be sent twice."""
    begins = _BEGINS.get()
    if begins is not None:
        await begins()
