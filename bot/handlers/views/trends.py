"""The list of what rises, and the rows of buttons that lists share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.handlers.buttons import Verb, pack
from bot.handlers.views.page import (
    Reader,
    mood_bar,
    mood_words,
    rows_of,
    shortened,
)
from bot.models.insight import Trend, TrendState, Window
from bot.models.messages import Button, Keyboard, OutMessage, RichText

PER_PAGE = 6
PROOFS = 3
TERM_LENGTH = 60
BUTTON_LENGTH = 24
LISTED = 5  # spellings and related terms shown
FRESH_BASELINE = 0.5  # below this "times its usual" says nothing
ARROWS = {TrendState.RISING: "⬆️", TrendState.PEAK: "🔝", TrendState.FADING: "⬇️"}


def term_shown(reader: Reader, trend: Trend) -> str:
    term = f"#{trend.term.lstrip('#')}" if trend.is_hashtag else trend.term
    return reader.name(shortened(term, TERM_LENGTH))


def times_usual(reader: Reader, trend: Trend) -> str:
    if trend.baseline < FRESH_BASELINE:
        return reader.t("trends.fresh")
    return reader.t("trends.times", times=reader.n(trend.ratio, 1))


def window_row(
    reader: Reader, verb: Verb, current: Window, *before: str, owner: int = 0
) -> tuple[Button, ...]:
    """The four windows; the current one is marked."""
    return tuple(
        Button(
            text=f"• {reader.t(f'window.{window}')} •"
            if window is current
            else reader.t(f"window.{window}"),
            data=pack(verb, *before, window, 0, owner=owner),
        )
        for window in Window
    )


def trends_message(
    reader: Reader,
    trends: Sequence[Trend],
    refs: Mapping[str, str],
    *,
    window: Window,
    posts: int,
    page: int = 0,
    owner: int = 0,
) -> OutMessage:
    """One page of what rises; `posts` is how many posts the window holds."""
    t = reader.t
    past = t(f"window_past.{window}")
    windows = window_row(reader, Verb.TRENDS, window, owner=owner)
    if not trends:
        text = reader.rich("trends.empty", window=past) if posts else _nothing_yet(reader)
        return reader.lines(reader.rich("trends.title", window=past), "", text).message(
            keyboard=(windows,)
        )
    pages = -(-len(trends) // PER_PAGE)
    page = min(max(page, 0), pages - 1)
    body = reader.lines(
        reader.rich("trends.title", window=past),
        reader.rich(
            "trends.from", when=reader.moment(reader.now), posts=reader.count("posts", posts)
        ),
    )
    openers = []
    for rank in range(page * PER_PAGE, min((page + 1) * PER_PAGE, len(trends))):
        trend = trends[rank]
        body.newline(2).add(_item(reader, trend, rank + 1))
        openers.append(
            Button(
                text=f"{reader.n(rank + 1)} · {shortened(trend.term, BUTTON_LENGTH)}",
                data=pack(Verb.CARD, refs[trend.key], window, page, owner=owner),
            )
        )
    body.newline(2).add(reader.rich("trends.hint"))
    if pages > 1:
        numbers = {"page": reader.n(page + 1), "pages": reader.n(pages)}
        body.newline().add(reader.rich("trends.page", **numbers))
    keyboard: Keyboard = (*rows_of(openers, 2), windows)
    turning = page_row(reader, Verb.TRENDS, page, page < pages - 1, window, owner=owner)
    return body.message(keyboard=(*keyboard, turning) if turning else keyboard)


def page_row(
    reader: Reader, verb: Verb, page: int, more: bool, *before: str, owner: int = 0
) -> tuple[Button, ...]:
    """‹ › where there is somewhere to go."""
    row = []
    if page > 0:
        row.append(
            Button(
                text=reader.t("button.previous"), data=pack(verb, *before, page - 1, owner=owner)
            )
        )
    if more:
        row.append(
            Button(text=reader.t("button.next"), data=pack(verb, *before, page + 1, owner=owner))
        )
    return tuple(row)


def _nothing_yet(reader: Reader) -> RichText:
    return reader.rich("trends.nothing_yet")


def _item(reader: Reader, trend: Trend, rank: int) -> RichText:
    head = reader.rich(
        "trends.item", rank=rank, term=term_shown(reader, trend), arrow=ARROWS[trend.state]
    )
    detail = reader.rich(
        "trends.detail",
        times=times_usual(reader, trend),
        posts=reader.count("posts", trend.volume),
        voices=reader.count("voices", trend.voices),
    )
    mood = mood_words(reader, trend.mood)
    return reader.lines(head, detail, f"{mood_bar(trend.mood)} {mood}".strip())
