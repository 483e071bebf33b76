"""Inline mode: `@bot term` shares a card into any chat; without a term, what rises now."""

from __future__ import annotations

from dataclasses import dataclass

from telegram import (
    InlineQueryResultArticle,
    InlineQueryResultsButton,
    InputTextMessageContent,
    LinkPreviewOptions,
)

from bot.analysis.terms import trend_key
from bot.errors import Rejected
from bot.handlers.views.inline import Shared, shared_card, shared_nothing, shared_trend
from bot.handlers.views.page import Reader
from bot.hoshyar import Hoshyar
from bot.models.insight import Window
from bot.services.telegram_api import TelegramApi
from bot.services.telegram_types import telegram_entities, telegram_keyboard
from bot.storage.talks import TERM

SHOWN = 10
CACHE_S = 60
LONGEST_TERM = 100
WINDOWS = (Window.H24, Window.D7)  # a term that was not written about today may have been this week


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineAsked:
    """An inline query and who asks it."""

    hoshyar: Hoshyar
    telegram: TelegramApi
    reader: Reader
    query_id: str
    text: str


async def answer(asked: InlineAsked) -> None:
    """Answer an inline query; one that was given up meanwhile needs none."""
    found = await (_rising(asked) if not asked.text.strip() else _term(asked))
    button = InlineQueryResultsButton(asked.reader.t("inline.start"), start_parameter="trends")
    try:
        await asked.telegram.call(
            0,
            asked.telegram.bot.answer_inline_query(
                asked.query_id,
                [_article(shared) for shared in found],
                cache_time=CACHE_S,
                is_personal=True,  # the language and the hours are the asker's
                button=button,
            ),
        )
    except Rejected:
        # "query is too old": the person has typed on, and the next query is on its way
        return


async def _rising(asked: InlineAsked) -> list[Shared]:
    trends = (await asked.hoshyar.lookup.rising(Window.H24))[:SHOWN]
    refs = await asked.hoshyar.chats.refs(TERM, [(trend.key, trend.term) for trend in trends])
    username = asked.telegram.bot.username
    return [
        shared_trend(asked.reader, trend, ref, username)
        for trend, ref in zip(trends, refs, strict=True)
    ]


async def _term(asked: InlineAsked) -> list[Shared]:
    shown = " ".join(asked.text.split())[:LONGEST_TERM]
    key = trend_key(shown)
    for window in WINDOWS:
        facts = await asked.hoshyar.lookup.term(shown, key, window)
        if facts.trend is None and not facts.volume:
            continue
        names = await asked.hoshyar.lookup.source_names()
        ref = (await asked.hoshyar.chats.refs(TERM, [(facts.key, facts.term)]))[0]
        people = await asked.hoshyar.people.authors_of(facts.posts)
        username = asked.telegram.bot.username
        return [shared_card(asked.reader, facts, ref, names, username, people)]
    return [shared_nothing(asked.reader, shown)]


def _article(shared: Shared) -> InlineQueryResultArticle:
    message = shared.message
    return InlineQueryResultArticle(
        id=shared.ref,
        title=shared.title,
        description=shared.description,
        input_message_content=InputTextMessageContent(
            message.text,
            entities=telegram_entities(message.entities),
            link_preview_options=LinkPreviewOptions(is_disabled=True),
        ),
        reply_markup=telegram_keyboard(message.keyboard),
    )
