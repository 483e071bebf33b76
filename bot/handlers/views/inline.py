"""A term's card as it is shared into any chat: short, whole, and with a way back to the bot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.handlers.views.cards import fact_lines
from bot.handlers.views.page import NOBODY, Reader, mood_words, post_lines, shortened
from bot.handlers.views.trends import TERM_LENGTH, term_shown, times_usual
from bot.models.insight import Trend
from bot.models.lookup import TermFacts
from bot.models.messages import Button, OutMessage
from bot.models.tweets import Profile

PROOFS = 2
LONGEST_TITLE = 60
LONGEST_LINE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """One result of an inline query."""

    ref: str
    title: str
    description: str
    message: OutMessage


def shared_trend(reader: Reader, trend: Trend, ref: str, bot_username: str) -> Shared:
    """A trend as the list of what rises shows it: without reading anything more."""
    facts = TermFacts(
        term=trend.term,
        key=trend.key,
        window=trend.window,
        at=trend.at,
        volume=trend.volume,
        mood=trend.mood,
        trend=trend,
    )
    return shared_card(reader, facts, ref, {}, bot_username)


def shared_card(
    reader: Reader,
    facts: TermFacts,
    ref: str,
    sources: Mapping[int, str],
    bot_username: str,
    people: Mapping[int, Profile] = NOBODY,
) -> Shared:
    """A term's card without buttons that would act for others; one leads to the bot."""
    body = fact_lines(reader, facts)
    for post in facts.posts[:PROOFS]:
        body.newline().add(post_lines(reader, post, sources, people))
    posts = reader.count("posts", facts.trend.volume if facts.trend else facts.volume)
    mood = mood_words(reader, facts.mood)
    if facts.trend:
        title = term_shown(reader, facts.trend)
        about = reader.t(
            "inline.description", times=times_usual(reader, facts.trend), posts=posts, mood=mood
        )
    else:
        title = shortened(facts.term, TERM_LENGTH)
        about = reader.t("inline.description_plain", posts=posts, mood=mood)
    link = f"https://t.me/{bot_username}?start=trend_{ref}"
    button = Button(text=reader.t("inline.open"), url=link)
    return Shared(
        ref=ref,
        title=shortened(title, LONGEST_TITLE),
        description=shortened(about, LONGEST_LINE),
        message=body.message(keyboard=((button,),)),
    )


def shared_nothing(reader: Reader, term: str) -> Shared:
    """Nothing is known of the term: say so rather than show an empty list."""
    shown = reader.name(shortened(term, TERM_LENGTH))
    title = reader.t("inline.none_title", term=shown)
    return Shared(
        ref="nothing",
        title=title,
        description=reader.t("inline.none_about"),
        message=reader.rich("inline.none_title", term=shown).message(),
    )
