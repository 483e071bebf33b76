"""Terms as buttons and links name them, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.analysis.terms import trend_key
from bot.errors import NotFound
from bot.handlers.asked import Asked
from bot.handlers.views.start import Example
from bot.models.insight import Trend, Window
from bot.storage.talks import QUERY, TERM, TOPIC

EXAMPLES = 4


@dataclass(frozen=True, slots=True)
class Term:
    """A term that somebody pointed to."""

    key: str
    shown: str


async def trend_refs(asked: Asked, trends: Sequence[Trend]) -> dict[str, str]:
    """A short name for each trend, by its key."""
    refs = await asked.hoshyar.chats.refs(TERM, [(trend.key, trend.term) for trend in trends])
    return {trend.key: ref for trend, ref in zip(trends, refs, strict=True)}


async def term_ref(asked: Asked, term: Term) -> str:
    return (await asked.hoshyar.chats.refs(TERM, [(term.key, term.shown)]))[0]


async def query_ref(asked: Asked, query: str) -> str:
    return (await asked.hoshyar.chats.refs(QUERY, [(query, query)]))[0]


async def topic_examples(asked: Asked, topics: Iterable[str]) -> list[Example]:
    names = list(topics)
    refs = await asked.hoshyar.chats.refs(TOPIC, [(name, name) for name in names])
    return [Example(name, ref) for name, ref in zip(names, refs, strict=True)]


async def term_of(asked: Asked, handle: str) -> Term:
    """What a button's handle stands for; NotFound when nobody remembers.

    A watch is known by its number (w17) and only in its own chat; everything else by its ref.
    """
    if handle.startswith("w") and handle[1:].isdigit() and len(handle) < 12:
        watch = await asked.hoshyar.watches.get(int(handle[1:]))
        if watch is None or watch.chat_id != asked.chat.id:
            raise NotFound("watch.gone")
        return Term(watch.key, watch.term)
    known = await asked.hoshyar.chats.ref(handle)
    if known is None:
        raise NotFound("card.gone")
    return Term(known.name if known.kind == TERM else trend_key(known.shown), known.shown)


async def text_of(asked: Asked, ref: str, missing: str) -> str:
    """The query or topic behind a ref; NotFound with the text `missing` when it is gone."""
    known = await asked.hoshyar.chats.ref(ref)
    if known is None:
        raise NotFound(missing)
    return known.shown


async def examples(asked: Asked) -> list[Example]:
    """Words to try: what rises now, else a few that always say something."""
    rising = await asked.hoshyar.lookup.rising(Window.H24)
    terms = [Term(trend.key, trend.term) for trend in rising[:EXAMPLES]]
    if not terms:
        words = asked.t("usage.example_words").split("|")
        terms = [Term(trend_key(word), word) for word in words]
    refs = await asked.hoshyar.chats.refs(TERM, [(term.key, term.shown) for term in terms])
    return [Example(term.shown, ref) for term, ref in zip(terms, refs, strict=True)]
