"""Searches on X as admins see them: the list, one of them, what may be changed, what never pays."""

from __future__ import annotations

from collections.abc import Sequence

from bot.features.queries import (
    LEAST_INTERVAL_S,
    MOST_INTERVAL_S,
    QueryLine,
    Suggestion,
    SuggestionKind,
)
from bot.handlers.buttons import Verb, pack
from bot.handlers.views.admin import ERROR_LENGTH, back_row
from bot.handlers.views.budget import usd
from bot.handlers.views.page import Reader, rows_of, shortened
from bot.handlers.views.query_drafts import TEST_PRICE, TEXT_LENGTH
from bot.handlers.views.trends import page_row
from bot.models.live import LiveQuery, LiveState
from bot.models.messages import Button, OutMessage, RichText
from bot.models.tweets import Priority, ResultType, TweetQuery
from bot.storage.queries import QueryYield

PER_PAGE = 6
LISTED_LENGTH = 80
BUTTON_LENGTH = 40
HINTS = 8
INTERVALS_S = (300, 900, 1800, 3600, 10_800, 43_200)


# --- the list


def queries_message(reader: Reader, lines: Sequence[QueryLine], page: int = 0) -> OutMessage:
    """One page of the list, the most important first and the paused last."""
    tools = (
        (
            Button(text=reader.t("admin_button.query_add"), data=pack(Verb.QUERY_ADD)),
            Button(text=reader.t("admin_button.query_hints"), data=pack(Verb.QUERY_HINTS)),
        ),
        (Button(text=reader.t("admin_button.budget"), data=pack(Verb.BUDGET)),),
        back_row(reader),
    )
    body = reader.lines(reader.rich("query.title", n=len(lines)))
    if not lines:
        return body.newline(2).add(reader.rich("query.none")).message(keyboard=tools)
    ordered = sorted(lines, key=lambda line: (not line.query.active, line.query.priority))
    pages = -(-len(ordered) // PER_PAGE)
    page = min(max(page, 0), pages - 1)
    buttons = []
    first = page * PER_PAGE
    for number, line in enumerate(ordered[first:][:PER_PAGE], first + 1):
        query = line.query
        body.newline(2).add(_head(reader, query, number))
        body.newline().add(_gain(reader, line))
        body.newline().plain(_next(reader, query))
        buttons.append(
            Button(
                text=f"{reader.n(number)} {icon_of(query)} {shortened(query.text, 20)}",
                data=pack(Verb.QUERY, query.id, page),
            )
        )
    body.newline(2).add(reader.rich("query.legend"))
    turning = page_row(reader, Verb.QUERIES, page, page < pages - 1)
    rows = rows_of(buttons, 2)
    return body.message(keyboard=(*rows, turning, *tools) if turning else (*rows, *tools))


def icon_of(query: TweetQuery) -> str:
    if not query.active:
        return "⏸"
    if query.errors_in_row:
        return "⚠️"
    return "⚡️" if query.rule_id else "✅"


def _head(reader: Reader, query: TweetQuery, number: int) -> RichText:
    return reader.rich(
        "query.item",
        rank=number,
        icon=icon_of(query),
        text=reader.name(shortened(query.text, LISTED_LENGTH)),
    )


def _gain(reader: Reader, line: QueryLine) -> RichText:
    """What a week brought, and what a kept tweet cost."""
    week = line.week
    gain = (
        reader.t("query.yield", kept=week.kept, tweets=week.tweets)
        if week.tweets
        else reader.t("query.yield_none")
    )
    return reader.rich(
        "query.item_line",
        priority=_priority(reader, line.query.priority),
        gain=gain,
        price=_each(reader, week),
    )


def _each(reader: Reader, week: QueryYield) -> str:
    """What a kept tweet cost; rounded up, so that nothing looks free that was not."""
    if week.kept:
        return reader.t("query.price", price=usd(reader, -(-week.credits // week.kept)))
    if week.credits:
        return reader.t("query.price_none", price=usd(reader, week.credits))
    return reader.t("query.price_free")


def _next(reader: Reader, query: TweetQuery) -> str:
    """When it is asked again, or why not."""
    if not query.active:
        return reader.t("query.state_paused")
    if query.rule_id:
        return reader.t("query.due_live")
    if query.next_at is None or query.next_at <= reader.now:
        return reader.t("query.line_next", when=reader.t("query.due_now"))
    return reader.t("query.line_next", when=reader.when(query.next_at))


def _priority(reader: Reader, priority: Priority) -> str:
    return reader.t(f"query.priority_{priority.name.lower()}")


# --- one query


def query_message(
    reader: Reader,
    line: QueryLine,
    page: int = 0,
    note: str = "",
    live: LiveState | None = None,
) -> OutMessage:
    """One query: how it does, what it costs, and what may be done with it."""
    query = line.query
    wish = next((one for one in live.queries if one.query_id == query.id), None) if live else None
    body = reader.lines(
        note or None,
        "" if note else None,
        reader.rich("query.head"),
        reader.text().code(shortened(query.text, TEXT_LENGTH)),
        "",
        reader.rich("query.line_state", state=f"{icon_of(query)} {_state(reader, query)}"),
        reader.rich(
            "query.line_priority",
            priority=_priority(reader, query.priority),
            result=reader.t(f"query.result_{query.result_type}"),
        ),
        _live(reader, wish, is_off=live.is_off) if live and wish and query.active else None,
        reader.rich("query.line_interval", interval=span(reader, query.interval_s)),
        reader.rich("query.line_rate", n=round(query.rate * 3600)) if query.rate else None,
        reader.rich("query.line_last", when=reader.ago(query.last_run_at))
        if query.last_run_at
        else None,
        _next(reader, query) if query.active else None,
        reader.rich("query.line_covered", when=reader.when(query.covered_to))
        if query.covered_to
        else None,
        "",
        _gained(reader, "line_day", line.today),
        _gained(reader, "line_week", line.week),
        reader.rich("query.line_each", price=usd(reader, -(-line.week.credits // line.week.kept)))
        if line.week.kept
        else None,
    )
    if query.last_error:
        body.newline().plain(reader.t("query.line_error", error=""))
        body.code(shortened(query.last_error, ERROR_LENGTH))
    return body.message(keyboard=_tools(reader, query, page, is_live=wish is not None))


def _live(reader: Reader, wish: LiveQuery, *, is_off: bool) -> RichText:
    """What became of the wish to have it live."""
    if wish.is_pushed:
        return reader.rich("query.live_now")
    if wish.is_met:
        return reader.rich("query.live_met")
    return reader.rich("query.live_no_money" if is_off else "query.live_soon")


def _state(reader: Reader, query: TweetQuery) -> str:
    if not query.active:
        return reader.t("query.state_paused")
    if query.errors_in_row:
        return reader.t("query.state_error", n=query.errors_in_row)
    return reader.t("query.state_live" if query.rule_id else "query.state_on")


def _gained(reader: Reader, key: str, gain: QueryYield) -> RichText:
    if not (gain.calls or gain.tweets):
        return reader.rich(f"query.{key}_none")
    return reader.rich(
        f"query.{key}",
        calls=reader.count("calls", gain.calls),
        tweets=reader.count("tweets", gain.tweets),
        fresh=gain.fresh,
        kept=gain.kept,
        price=usd(reader, gain.credits),
    )


def _tools(
    reader: Reader, query: TweetQuery, page: int, *, is_live: bool
) -> tuple[tuple[Button, ...], ...]:
    def edit(key: str, field: str) -> Button:
        data = pack(Verb.QUERY_EDIT, query.id, page, field)
        return Button(text=reader.t(f"admin_button.{key}"), data=data)

    toggle = Button(
        text=reader.t("button.pause" if query.active else "button.resume"),
        data=pack(Verb.QUERY_STATE, query.id, int(not query.active), page),
    )
    live = Button(
        text=reader.t("admin_button.live_off" if is_live else "admin_button.live_on"),
        data=pack(Verb.QUERY_LIVE, query.id, int(not is_live), page),
    )
    test = Button(
        text=reader.t("admin_button.query_test", price=usd(reader, TEST_PRICE)),
        data=pack(Verb.QUERY_TEST, query.id, page),
    )
    remove = Button(text=reader.t("button.remove"), data=pack(Verb.QUERY_REMOVE, query.id, page))
    return (
        (test,),
        (edit("query_text", "text"), edit("query_priority", "priority")),
        (edit("query_result", "result"), edit("query_interval", "interval")),
        (toggle, live) if query.active else (toggle,),
        (remove,),
        (Button(text=reader.t("admin_button.to_queries"), data=pack(Verb.QUERIES, page)),),
    )


def span(reader: Reader, seconds: int) -> str:
    """An interval as people say it."""
    if seconds < 7200:
        return reader.count("minutes", max(1, round(seconds / 60)))
    return reader.count("hours", round(seconds / 3600))


def choice_message(reader: Reader, query: TweetQuery, field: str, page: int) -> OutMessage:
    """The values that a field of a query may have, the present one marked."""

    def choice(text: str, value: str | int, is_now: bool) -> Button:
        return Button(
            text=f"✓ {text}" if is_now else text,
            data=pack(Verb.QUERY_EDIT, query.id, page, field, value),
        )

    if field == "priority":
        buttons = [
            choice(_priority(reader, each), each.name.lower(), each is query.priority)
            for each in Priority
        ]
    elif field == "result":
        buttons = [
            choice(reader.t(f"query.result_{each}"), each.value, each is query.result_type)
            for each in ResultType
        ]
    else:
        buttons = [
            choice(span(reader, each), each, each == query.interval_s) for each in INTERVALS_S
        ]
        buttons.append(choice(reader.t("button.other"), "other", is_now=False))
    back = Button(text=reader.t("button.back"), data=pack(Verb.QUERY, query.id, page))
    rows = rows_of(buttons, 3 if field == "interval" else 1)
    return reader.lines(
        reader.rich(f"query.choose_{field}"),
        reader.text().code(shortened(query.text, TEXT_LENGTH)),
    ).message(keyboard=(*rows, (back,)))


def text_question(reader: Reader, query: TweetQuery, page: int) -> OutMessage:
    """Asks for another text; the present one is there to be copied."""
    back = Button(text=reader.t("button.cancel"), data=pack(Verb.QUERY, query.id, page))
    return reader.lines(
        reader.rich("query.ask_text"), reader.text().code(shortened(query.text, TEXT_LENGTH))
    ).message(keyboard=((back,),))


def known_message(reader: Reader, other: TweetQuery, page: int) -> OutMessage:
    """Another search has the text that was just written: the way to it."""
    text = f"{icon_of(other)} {shortened(other.text, BUTTON_LENGTH)}"
    there = Button(text=text, data=pack(Verb.QUERY, other.id, page))
    return reader.rich("query.known").message(keyboard=((there,),))


def interval_question(reader: Reader, query: TweetQuery, page: int) -> OutMessage:
    back = Button(text=reader.t("button.cancel"), data=pack(Verb.QUERY, query.id, page))
    least, most = LEAST_INTERVAL_S // 60, MOST_INTERVAL_S // 60
    return reader.rich("query.ask_interval", least=least, most=most).message(keyboard=((back,),))


def removal_question(reader: Reader, query: TweetQuery, page: int) -> OutMessage:
    yes = Button(
        text=reader.t("button.yes_remove"),
        data=pack(Verb.QUERY_REMOVE, query.id, page, "yes"),
        style="danger",
    )
    no = Button(text=reader.t("button.no"), data=pack(Verb.QUERY, query.id, page))
    return reader.lines(
        reader.rich("query.remove_ask"),
        reader.text().code(shortened(query.text, TEXT_LENGTH)),
    ).message(keyboard=((yes, no),))


def test_back(reader: Reader, query: TweetQuery, page: int) -> tuple[Button, ...]:
    return (Button(text=reader.t("button.back"), data=pack(Verb.QUERY, query.id, page)),)


# --- what does not pay


def hints_message(reader: Reader, hints: Sequence[Suggestion]) -> OutMessage:
    """Searches that are not worth their price, and why."""
    body = reader.lines(reader.rich("query.hints"))
    if not hints:
        body.newline(2).add(reader.rich("query.hints_none"))
    buttons = []
    for number, hint in enumerate(hints[:HINTS], 1):
        text = reader.name(shortened(hint.query.text, LISTED_LENGTH))
        item = reader.rich("query.item", rank=number, icon=icon_of(hint.query), text=text)
        body.newline(2).add(item).newline().add(_why(reader, hint))
        label = f"{reader.n(number)} {icon_of(hint.query)} {shortened(hint.query.text, 20)}"
        buttons.append(Button(text=label, data=pack(Verb.QUERY, hint.query.id, 0)))
    if hints:
        body.newline(2).add(reader.rich("query.hint_do"))
    return body.message(
        keyboard=(*rows_of(buttons, 2), back_row(reader, "to_queries", Verb.QUERIES))
    )


def _why(reader: Reader, hint: Suggestion) -> RichText:
    week = hint.week
    price = usd(reader, week.credits)
    if hint.kind is SuggestionKind.NOTHING_KEPT:
        calls = reader.count("calls", week.calls)
        return reader.rich("query.hint_nothing_kept", calls=calls, price=price)
    if hint.kind is SuggestionKind.OVERLAPS:
        known = 1 - week.fresh / week.tweets if week.tweets else 1.0
        return reader.rich("query.hint_overlaps", share=reader.percent(known), price=price)
    each = usd(reader, -(-week.credits // max(1, week.kept)))
    return reader.rich("query.hint_costly", each=each, price=price)
