"""/trends, /trend and /sentiment, and every button of a card."""

from __future__ import annotations

from collections.abc import Iterable

from bot.analysis.terms import trend_key
from bot.errors import BadInput
from bot.handlers.asked import Asked, Commands, Presses
from bot.handlers.buttons import Verb
from bot.handlers.terms import Term, examples, term_of, term_ref, trend_refs
from bot.handlers.views.cards import (
    CardPlace,
    card_message,
    card_news_message,
    sentiment_message,
    why_message,
)
from bot.handlers.views.start import usage_message
from bot.handlers.views.trends import trends_message, window_row
from bot.models.insight import Window
from bot.models.post import Post
from bot.utils.times import ascii_digits

NEWS_OF_A_CARD = 5
LONGEST_TERM = 100  # characters
_WINDOW_NAMES = {
    "1": Window.H1, "1h": Window.H1, "h": Window.H1, "ساعت": Window.H1, "1ساعت": Window.H1,
    "6": Window.H6, "6h": Window.H6, "6ساعت": Window.H6,
    "24": Window.H24, "24h": Window.H24, "1d": Window.H24, "d": Window.H24, "day": Window.H24,
    "today": Window.H24, "امروز": Window.H24, "روز": Window.H24, "24ساعت": Window.H24,
    "7": Window.D7, "7d": Window.D7, "w": Window.D7, "1w": Window.D7, "week": Window.D7,
    "هفته": Window.D7, "7روز": Window.D7,
}  # fmt: skip


def read_window(text: str) -> Window | None:
    """A window as a person writes it: 6h, ۶ ساعت, هفته; None for anything else."""
    word = "".join(ascii_digits(text).split()).lower()
    return _WINDOW_NAMES.get(word)


def window_of(word: str) -> Window:
    """A window as a button names it; the usual one for what it does not know."""
    return Window(word) if word in list(Window) else Window.H24


async def trends(asked: Asked) -> None:
    """/trends [window]"""
    window = read_window(asked.text) if asked.text else Window.H24
    if window is None:
        wrong = asked.reader.rich("trends.bad_window", text=asked.reader.name(asked.text[:40]))
        row = window_row(asked.reader, Verb.TRENDS, Window.H24, owner=asked.owner)
        await asked.show(wrong.message(keyboard=(row,)))
        return
    await show_trends(asked, window, 0)


async def trends_page(asked: Asked) -> None:
    """A window's button, ‹ or ›."""
    await show_trends(asked, window_of(asked.arg(0)), asked.number(1))


async def show_trends(asked: Asked, window: Window, page: int) -> None:
    found = await asked.hoshyar.lookup.rising(window)
    message = trends_message(
        asked.reader,
        found,
        await trend_refs(asked, found),
        window=window,
        posts=await asked.hoshyar.lookup.volume(window),
        page=page,
        owner=asked.owner,
    )
    await asked.show(message)


async def trend(asked: Asked) -> None:
    """/trend <term>"""
    term = read_term(asked.text)
    if term is None:
        shown = usage_message(asked.reader, "trend", await examples(asked), Verb.CARD, asked.owner)
        await asked.show(shown)
        return
    await show_card(asked, term, Window.H24, 0)


async def sentiment(asked: Asked) -> None:
    """/sentiment <term>"""
    term = read_term(asked.text)
    if term is None:
        shown = usage_message(
            asked.reader, "sentiment", await examples(asked), Verb.MOOD, asked.owner
        )
        await asked.show(shown)
        return
    await _show_mood(asked, term, Window.H24, 0)


def read_term(text: str) -> Term | None:
    """A term as somebody wrote it; None when there is none. BadInput for one without letters."""
    shown = " ".join(text.split())
    if not shown:
        return None
    key = trend_key(shown)
    if not key or len(shown) > LONGEST_TERM:
        raise BadInput("error.bad_term", limit=LONGEST_TERM)
    return Term(key, shown)


async def card(asked: Asked) -> None:
    """A button that opens a term's card."""
    term = await term_of(asked, asked.arg(0))
    await show_card(asked, term, window_of(asked.arg(1)), asked.number(2))


async def show_card(asked: Asked, term: Term, window: Window, page: int) -> None:
    facts = await asked.hoshyar.lookup.term(term.shown, term.key, window)
    place = await _place(asked, Term(facts.key, facts.term), page, facts.posts)
    await asked.show(card_message(asked.reader, facts, place))
    asked.hoshyar.chat.has_shown(facts.term, asked.chat)


async def _place(asked: Asked, term: Term, page: int, posts: Iterable[Post]) -> CardPlace:
    watch = await asked.hoshyar.watches.find(asked.chat.id, term.key)
    muted = await asked.hoshyar.watches.muted(asked.chat.id)
    return CardPlace(
        ref=await term_ref(asked, term),
        page=page,
        owner=asked.owner,
        watched=watch is not None,
        muted_until=muted.get(term.key),
        sources=await asked.hoshyar.lookup.source_names(),
        people=await asked.hoshyar.people.authors_of(posts),
    )


async def why(asked: Asked) -> None:
    """The numbers behind a trend."""
    term = await term_of(asked, asked.arg(0))
    window = window_of(asked.arg(1))
    explained = await asked.hoshyar.lookup.why(term.shown, window)
    wanted = [explained.first_post_id or 0, *explained.post_ids]
    posts = await asked.hoshyar.lookup.posts([post_id for post_id in wanted if post_id])
    place = await _place(asked, term, asked.number(2), posts.values())
    await asked.show(why_message(asked.reader, explained, posts, place))


async def card_news(asked: Asked) -> None:
    """What the outlets wrote about a term."""
    term = await term_of(asked, asked.arg(0))
    window = window_of(asked.arg(1))
    news = await asked.hoshyar.lookup.term_news(term.shown, window, NEWS_OF_A_CARD)
    place = await _place(asked, term, asked.number(2), news)
    await asked.show(card_news_message(asked.reader, term.shown, window, news, place))


async def mood(asked: Asked) -> None:
    """How people feel about a term."""
    term = await term_of(asked, asked.arg(0))
    await _show_mood(asked, term, window_of(asked.arg(1)), asked.number(2))


async def _show_mood(asked: Asked, term: Term, window: Window, page: int) -> None:
    facts = await asked.hoshyar.lookup.term(term.shown, term.key, window, moods=True)
    place = await _place(asked, Term(facts.key, facts.term), page, facts.posts)
    await asked.show(sentiment_message(asked.reader, facts, place))


COMMANDS: Commands = {"trends": trends, "trend": trend, "sentiment": sentiment}
PRESSES: Presses = {
    Verb.TRENDS: trends_page,
    Verb.CARD: card,
    Verb.WHY: why,
    Verb.CARD_NEWS: card_news,
    Verb.MOOD: mood,
}
