"""/search and /news."""

from __future__ import annotations

from bot.errors import BadInput
from bot.handlers.asked import Asked, Commands, Presses
from bot.handlers.buttons import Verb
from bot.handlers.terms import examples, query_ref, text_of, topic_examples
from bot.handlers.views.posts import LAST_PAGE, NEWEST, PER_PAGE, news_message, search_message
from bot.handlers.views.start import usage_message

LONGEST_QUERY = 200  # characters


async def search(asked: Asked) -> None:
    """/search <words>"""
    query = " ".join(asked.text.split())
    if not query:
        shown = usage_message(
            asked.reader, "search", await examples(asked), Verb.SEARCH, asked.owner
        )
        await asked.show(shown)
        return
    await show_search(asked, query)


async def search_page(asked: Asked) -> None:
    """The other order, ‹ or ›, or an example."""
    query = await text_of(asked, asked.arg(0), "search.stale")
    await show_search(asked, query, asked.number(2), newest_first=asked.arg(1) == NEWEST)


async def show_search(
    asked: Asked, query: str, page: int = 0, *, newest_first: bool = False
) -> None:
    if len(query) > LONGEST_QUERY:
        raise BadInput("error.bad_query", limit=LONGEST_QUERY)
    page = min(max(page, 0), LAST_PAGE)
    found = await asked.hoshyar.lookup.find(
        query, page, PER_PAGE, asked.chat.timezone, newest_first=newest_first
    )
    names = await asked.hoshyar.lookup.source_names()
    ref = await query_ref(asked, query)
    people = await asked.hoshyar.people.authors_of(found.posts)
    await asked.show(search_message(asked.reader, found, ref, names, asked.owner, people))


async def news(asked: Asked) -> None:
    """/news [topic]"""
    await _show_news(asked, " ".join(asked.text.split())[:LONGEST_QUERY], 0)


async def news_page(asked: Asked) -> None:
    """A topic, ‹ or ›."""
    ref = asked.arg(0)
    topic = await text_of(asked, ref, "error.stale_button") if ref else ""
    await _show_news(asked, topic, asked.number(1))


async def _show_news(asked: Asked, topic: str, page: int) -> None:
    page = min(max(page, 0), LAST_PAGE)
    found, more, searched = await asked.hoshyar.lookup.news(topic, page, PER_PAGE)
    topics = await topic_examples(asked, await asked.hoshyar.lookup.topics())
    chosen = (await topic_examples(asked, [topic]))[0] if topic else None
    message = news_message(
        asked.reader,
        found,
        await asked.hoshyar.lookup.source_names(),
        topics,
        topic=chosen,
        searched=searched,
        page=page,
        more=more,
        owner=asked.owner,
    )
    await asked.show(message)


COMMANDS: Commands = {"search": search, "news": news}
PRESSES: Presses = {Verb.SEARCH: search_page, Verb.NEWS: news_page}
