"""One term: its card, why it counts as rising, its news, how people feel about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.analysis.trends import LEAST_SCORE
from bot.handlers.buttons import Verb, pack
from bot.handlers.views.page import (
    FEW_POSTS,
    Reader,
    mood_bar,
    mood_shares,
    mood_words,
    post_lines,
    shortened,
)
from bot.handlers.views.trends import (
    ARROWS,
    FRESH_BASELINE,
    TERM_LENGTH,
    term_shown,
    window_row,
)
from bot.models.insight import Explanation, Trend, Window
from bot.models.lookup import TermFacts
from bot.models.messages import Button, Keyboard, OutMessage, RichText
from bot.models.post import Mood, Post
from bot.models.tweets import Profile
from bot.storage.watches import FOREVER

PROOFS = 3
SAMPLES = 2
LISTED = 5  # spellings and related terms shown
SAME_MOOD = 0.05  # a change of the balance below this is no change


@dataclass(frozen=True, slots=True, kw_only=True)
class CardPlace:
    """Where a card is shown: its own ref, the list page to go back to, and what this chat did."""

    ref: str
    page: int = 0
    owner: int = 0
    watched: bool = False
    muted_until: datetime | None = None
    sources: Mapping[int, str] = field(default_factory=dict)
    people: Mapping[int, Profile] = field(default_factory=dict)  # who wrote the posts


def card_message(reader: Reader, facts: TermFacts, place: CardPlace) -> OutMessage:
    """Everything about one term that fits a phone's screen, and what to press next."""
    body = fact_lines(reader, facts)
    if place.muted_until is not None:
        body.newline().add(_muted(reader, place.muted_until))
    if facts.posts:
        body.newline(2).add(reader.rich("card.proof"))
        for post in facts.posts[:PROOFS]:
            body.newline().add(post_lines(reader, post, place.sources, place.people))
    return body.message(keyboard=_card_keyboard(reader, facts, place))


def fact_lines(reader: Reader, facts: TermFacts) -> RichText:
    """What is known of a term, in a few lines."""
    if facts.trend is not None:
        return _rising_card(reader, facts.trend, facts)
    return _plain_card(reader, facts)


def _rising_card(reader: Reader, trend: Trend, facts: TermFacts) -> RichText:
    past = reader.t(f"window_past.{facts.window}")
    posts = reader.count("posts", trend.volume)
    fresh = trend.baseline < FRESH_BASELINE
    times = (
        reader.rich("card.times_fresh", posts=posts)
        if fresh
        else reader.rich(
            "card.times",
            times=reader.n(trend.ratio, 1),
            posts=posts,
            usual=reader.n(trend.baseline, 1),
        )
    )
    state = reader.t(f"state.{trend.state}")
    body = reader.lines(
        reader.text().plain("🔥 ").bold(term_shown(reader, trend)),
        reader.rich("card.rank", rank=facts.rank, window=past) if facts.rank else None,
        "",
        times,
        reader.rich("card.voices", n=trend.voices),
        reader.rich("card.state", state=state, arrow=ARROWS[trend.state]),
        reader.rich(
            "card.since", start=reader.when(trend.started_at), peak=reader.when(trend.peak_at)
        ),
        *_mood(reader, facts),
    )
    spellings = [s for s in trend.spellings if s.lstrip("#") != trend.term.lstrip("#")]
    if spellings:
        body.newline().add(reader.rich("card.spellings", list=_listed(reader, spellings)))
    if trend.related:
        body.newline().add(reader.rich("card.related", list=_listed(reader, trend.related)))
    if trend.coordinated:
        body.newline().add(_campaign(reader, trend.copies))
    elif trend.copies:
        body.newline().add(reader.rich("card.copies", n=trend.copies))
    return body


def _campaign(reader: Reader, copies: int) -> RichText:
    """Mostly copies, or posts of one mould: perhaps somebody arranges it."""
    return reader.rich("card.coordinated", n=copies) if copies else reader.rich("card.moulded")


def _plain_card(reader: Reader, facts: TermFacts) -> RichText:
    past = reader.t(f"window_past.{facts.window}")
    term = reader.name(shortened(facts.term, TERM_LENGTH))
    head = reader.text().plain("🔎 ").bold(term)
    if not facts.volume:
        return reader.lines(head, "", reader.rich("card.quiet", term=term, window=past))
    return reader.lines(
        head,
        reader.rich("card.not_trending", window=past),
        "",
        reader.rich("card.volume", posts=_posts(reader, facts), window=past),
        compared(reader, facts.volume, facts.previous),
        reader.rich("card.first", when=reader.when(facts.first_at)) if facts.first_at else None,
        *_mood(reader, facts),
    )


def _posts(reader: Reader, facts: TermFacts) -> str:
    posts = reader.count("posts", facts.volume)
    return reader.t("count.about", what=posts) if facts.is_estimate else posts


def compared(reader: Reader, volume: int, previous: int) -> RichText | None:
    """The change against the window before; None when that one was empty."""
    if not previous:
        return None
    change = volume / previous - 1
    if abs(change) < 0.05:
        return reader.rich("card.compared_same")
    key = "card.compared_more" if change > 0 else "card.compared_less"
    return reader.rich(key, percent=reader.percent(abs(change)))


def _mood(reader: Reader, facts: TermFacts) -> tuple[RichText | str, ...]:
    if not facts.mood.total:
        return ()
    line = reader.rich("mood.line", words=mood_words(reader, facts.mood))
    return line, f"{mood_bar(facts.mood)} {mood_shares(reader, facts.mood)}"


def _listed(reader: Reader, terms: Sequence[str]) -> str:
    return reader.listed(reader.name(shortened(term, TERM_LENGTH)) for term in terms[:LISTED])


def _muted(reader: Reader, until: datetime) -> RichText:
    if until >= FOREVER:
        return reader.rich("card.muted_for_good")
    return reader.rich("card.muted", until=reader.when(until))


def _card_keyboard(reader: Reader, facts: TermFacts, place: CardPlace) -> Keyboard:
    t, window, owner, ref = reader.t, facts.window, place.owner, place.ref
    page = place.page
    facts_row = [Button(text=t("button.card_news"), data=_to(Verb.CARD_NEWS, place, window))]
    if facts.trend:
        facts_row.insert(0, Button(text=t("button.why"), data=_to(Verb.WHY, place, window)))
    facts_row.append(Button(text=t("button.mood"), data=_to(Verb.MOOD, place, window)))
    watch = (
        Button(text=t("button.watched"), data=pack(Verb.WATCH_LIST, owner=owner))
        if place.watched
        else Button(text=t("button.watch"), data=pack(Verb.WATCH_ADD, ref, owner=owner))
    )
    mute = (
        Button(text=t("button.unmute"), data=pack(Verb.UNMUTE, ref, owner=owner))
        if place.muted_until
        else Button(text=t("button.mute"), data=pack(Verb.MUTE_ASK, ref, owner=owner))
    )
    share = Button(text=t("button.share"), switch_inline=shortened(facts.term, TERM_LENGTH))
    back = Button(text=t("button.back_to_list"), data=pack(Verb.TRENDS, window, page, owner=owner))
    windows = window_row(reader, Verb.CARD, window, ref, owner=owner)
    return (tuple(facts_row), (watch, mute), windows, (share, back))


def _to(verb: Verb, place: CardPlace, window: Window) -> str:
    return pack(verb, place.ref, window, place.page, owner=place.owner)


def back_to_card(reader: Reader, place: CardPlace, window: Window) -> Keyboard:
    return ((Button(text=reader.t("button.back"), data=_to(Verb.CARD, place, window)),),)


def why_message(
    reader: Reader,
    why: Explanation,
    posts: Mapping[int, Post],
    place: CardPlace,
) -> OutMessage:
    """The numbers behind a trend, who began it, and the posts to check it by."""
    past = reader.t(f"window_past.{why.window}")
    seen = reader.rich(
        "why.seen",
        posts=reader.count("posts", why.volume),
        voices=reader.count("voices", why.voices),
    )
    body = reader.lines(
        reader.rich("why.title", term=reader.name(shortened(why.term, TERM_LENGTH))),
        "",
        reader.rich("why.usual", window=past, usual=reader.n(why.baseline, 1))
        if why.baseline >= FRESH_BASELINE
        else reader.rich("why.usual_none", window=past),
        seen,
        reader.rich("why.score", score=reader.n(why.score, 1), threshold=reader.n(LEAST_SCORE, 1)),
    )
    if why.starters:
        body.newline().add(reader.rich("why.starters", list=_listed(reader, why.starters)))
    if why.loudest:
        loud = [
            f"{reader.name(shortened(name, TERM_LENGTH))} ({reader.n(posts_of)})"
            for name, posts_of in why.loudest[:LISTED]
        ]
        body.newline().add(reader.rich("why.loudest", list=reader.listed(loud)))
    if why.coordinated:
        body.newline().add(_campaign(reader, why.copies))
    first = posts.get(why.first_post_id or 0)
    if first:
        body.newline(2).add(reader.rich("why.first"))
        body.newline().add(post_lines(reader, first, place.sources, place.people))
    top = [posts[i] for i in why.post_ids if i in posts and i != why.first_post_id][:PROOFS]
    if top:
        body.newline(2).add(reader.rich("why.top"))
        for post in top:
            body.newline().add(post_lines(reader, post, place.sources, place.people))
    if not first and not top:
        body.newline(2).add(reader.rich("why.none"))
    return body.message(keyboard=back_to_card(reader, place, why.window))


def card_news_message(
    reader: Reader, term: str, window: Window, news: Sequence[Post], place: CardPlace
) -> OutMessage:
    """What the outlets wrote about a term."""
    shown = reader.name(shortened(term, TERM_LENGTH))
    body = reader.lines(reader.rich("posts.news_title", term=shown))
    if not news:
        past = reader.t(f"window_past.{window}")
        body.newline(2).add(reader.rich("posts.news_none", term=shown, window=past))
    for post in news:
        body.newline(2).add(post_lines(reader, post, place.sources, place.people))
    return body.message(keyboard=back_to_card(reader, place, window))


def sentiment_message(reader: Reader, facts: TermFacts, place: CardPlace) -> OutMessage:
    """How people feel about a term, how that changed, and posts to check it by."""
    past = reader.t(f"window_past.{facts.window}")
    term = reader.name(shortened(facts.term, TERM_LENGTH))
    body = reader.lines(reader.rich("sentiment.title", term=term))
    windows = window_row(reader, Verb.MOOD, facts.window, place.ref, owner=place.owner)
    card = Button(text=reader.t("button.card"), data=_to(Verb.CARD, place, facts.window))
    keyboard: Keyboard = (windows, (card,))
    if not facts.mood.total:
        body.newline(2).add(reader.rich("sentiment.none", window=past, term=term))
        return body.message(keyboard=keyboard)
    posts = reader.count("posts", facts.mood.total)
    body.newline().add(reader.rich("sentiment.based", posts=posts, window=past))
    for line in _mood(reader, facts):
        body.newline().add(line)
    change = _mood_change(reader, facts)
    if change is not None:
        body.newline().add(change)
    if facts.mood.total < FEW_POSTS:
        body.newline().add(reader.rich("sentiment.few", posts=posts))
    for mood in (Mood.NEGATIVE, Mood.POSITIVE):
        samples = [post for post in facts.posts if post.mood is mood][:SAMPLES]
        if samples:
            body.newline(2).add(reader.rich(f"sentiment.sample_{mood}"))
        for post in samples:
            body.newline().add(post_lines(reader, post, place.sources, place.people))
    body.newline(2).add(reader.text().italic(reader.t("sentiment.method")))
    return body.message(keyboard=keyboard)


def _mood_change(reader: Reader, facts: TermFacts) -> RichText | None:
    now, before = facts.mood, facts.mood_before
    if before.total < FEW_POSTS or now.total < FEW_POSTS:
        return None
    change = now.balance - before.balance
    if abs(change) < SAME_MOOD:
        return reader.rich("sentiment.change_same")
    if change > 0:
        shares = before.positive / before.total, now.positive / now.total
        key = "sentiment.change_better"
    else:
        shares = before.negative / before.total, now.negative / now.total
        key = "sentiment.change_worse"
    return reader.rich(key, before=reader.percent(shares[0]), after=reader.percent(shares[1]))
