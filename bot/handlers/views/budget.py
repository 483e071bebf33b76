"""What tweets cost, as admins see it: the balance, today's budget, spending by day and kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from bot.errors import (
    BudgetSpent,
    KeyRefused,
    OutOfCredit,
    SourceError,
    SourceGarbled,
    SourceRefused,
    TooFast,
)
from bot.handlers.buttons import Verb, pack
from bot.handlers.texts import has
from bot.handlers.views.admin import ERROR_LENGTH, back_row
from bot.handlers.views.page import Reader, shortened
from bot.models.cache import CacheReport
from bot.models.messages import Button, OutMessage, RichText
from bot.models.spending import (
    BudgetState,
    NoticeKind,
    Spending,
    SpendingNotice,
    SpendingReport,
)
from bot.models.tweets import CREDITS_PER_USD, TweetQuery
from bot.storage.spending import ONE_PAGE
from bot.utils.times import format_date

KINDS = ("day", "query", "endpoint")
SPANS = (1, 7, 30)
ROWS = 12
UNCHECKED = timedelta(hours=3)  # without a look at the balance that settles the books
TEXT_LENGTH = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What the page of the budget shows besides the budget itself."""

    has_key: bool
    cache: CacheReport
    due: Sequence[TweetQuery] = ()  # asked next, in that order


def usd(reader: Reader, credits: int) -> str:
    """Credits as dollars, with as many decimals as say something."""
    if credits < 0:
        return f"-{usd(reader, -credits)}"
    amount = credits / CREDITS_PER_USD  # only shown: sums are made of whole credits
    most = 2 if amount >= 1 else 3 if amount >= 0.01 else 5
    least = 1 if reader.lang == "fa" else 2
    exact = round(amount, most)
    decimals = next(d for d in range(least, most + 1) if round(exact, d) == exact)
    return reader.t("budget.usd", n=reader.n(exact, decimals))


def priced(reader: Reader, credits: int) -> str:
    """«۰٫۰۰۳ دلار (۳۰۰ اعتبار)»"""
    return reader.t(
        "budget.credits", usd=usd(reader, credits), credits=reader.count("credits", credits)
    )


def budget_message(reader: Reader, state: BudgetState, more: Spent, note: str = "") -> OutMessage:
    """The balance, what today cost and how long the rest lasts, what is asked next."""
    body = reader.lines(
        note or None,
        "" if note else None,
        reader.rich("budget.title"),
        "",
        reader.rich("twitter.no_key") if not more.has_key else None,
        "" if not more.has_key else None,
        _balance(reader, state),
        reader.rich(
            "budget.today",
            spent=usd(reader, state.spent),
            limit=usd(reader, state.limit),
            left=usd(reader, state.left),
        ),
        reader.rich("budget.limit_own") if state.is_admins_limit else None,
        reader.rich("budget.held", amount=priced(reader, held))
        if (held := state.held - state.held_live - state.lost_credits) > 0
        else None,
        reader.rich("budget.held_live", amount=priced(reader, state.held_live))
        if state.held_live
        else None,
        reader.rich("budget.lost", n=state.lost, amount=priced(reader, state.lost_credits))
        if state.lost
        else None,
        reader.rich("budget.unchecked", when=reader.when(state.checked_at))
        if state.checked_at and state.now - state.checked_at > UNCHECKED
        else None,
        reader.rich(
            "budget.work",
            calls=reader.count("calls", state.calls),
            tweets=reader.count("tweets", state.items),
        ),
        _outlook(reader, state),
        "",
        reader.rich("budget.rate", n=state.rate),
        reader.rich("budget.cache", n=more.cache.asked, rate=reader.percent(more.cache.hit_rate))
        if more.cache.asked
        else None,
        *_next(reader, state, more.due),
    )

    def to(key: str, verb: Verb, *args: str | int) -> Button:
        return Button(text=reader.t(f"admin_button.{key}"), data=pack(verb, *args))

    paid = "resume_paid" if state.is_out_of_credit else "balance"
    return body.message(
        keyboard=(
            tuple(to(f"by_{kind}", Verb.BUDGET_SPENT, kind, 7) for kind in KINDS),
            (to(paid, Verb.BUDGET_BALANCE), to("limit", Verb.BUDGET_LIMIT)),
            (
                Button(text=reader.t("button.refresh"), data=pack(Verb.BUDGET)),
                to("queries", Verb.QUERIES, 0),
            ),
            back_row(reader),
        )
    )


def _balance(reader: Reader, state: BudgetState) -> RichText:
    if state.balance is None or state.balance_at is None:
        return reader.rich("budget.balance_none")
    return reader.rich(
        "budget.balance",
        amount=priced(reader, state.balance.credits),
        when=reader.ago(state.balance_at),
    )


def _outlook(reader: Reader, state: BudgetState) -> RichText:
    """Until when the day's money lasts, or why nothing is spent."""
    if state.is_out_of_credit:
        return reader.rich("budget.empty")
    if not state.limit:
        return reader.rich("budget.zero")
    if state.left < ONE_PAGE:
        return reader.rich("budget.spent_all", when=reader.when(state.ends_at))
    if state.lasts_until is None:
        return reader.rich("budget.lasts")
    return reader.rich("budget.lasts_until", when=reader.clock(state.lasts_until))


def _next(reader: Reader, state: BudgetState, due: Sequence[TweetQuery]) -> list[RichText]:
    """What is asked next; nothing is while only a person can change that there is no money."""
    if not due:
        return [reader.rich("budget.next_none")]
    if state.is_out_of_credit or not state.limit:
        return []
    return [
        reader.rich(
            "budget.next",
            text=reader.name(shortened(query.text, TEXT_LENGTH)),
            when=due_words(reader, state, query),
        )
        for query in due
    ]


def due_words(reader: Reader, state: BudgetState, query: TweetQuery) -> str:
    """When a query is asked: once its time has come, and there is money again."""
    opens_at = state.ends_at if state.left < ONE_PAGE else reader.now
    at = max(query.next_at or opens_at, opens_at)
    return reader.when(at) if at > reader.now else reader.t("query.due_now")


def spent_message(
    reader: Reader,
    report: SpendingReport,
    kind: str,
    days: int,
    queries: Mapping[int, str],
) -> OutMessage:
    """What the last days cost, by day, by query (their texts by id) or by kind of request."""
    kind = kind if kind in KINDS else KINDS[0]
    rows = {
        "day": [(_day(reader, day), cost) for day, cost in report.by_day],
        "query": [(_query(reader, queries, id_), cost) for id_, cost in report.by_query],
        "endpoint": [(endpoint_name(reader, name), cost) for name, cost in report.by_endpoint],
    }[kind]
    body = reader.lines(reader.rich(f"budget.report_{kind}", span=reader.t(f"budget.span_{days}")))
    if not rows:
        body.newline(2).add(reader.rich("budget.nothing"))
    else:
        body.newline().add(_costs(reader, "budget.total", report.total))
        if report.total.empty_credits:
            price = usd(reader, report.total.empty_credits)
            body.newline().add(reader.rich("budget.empty_cost", price=price))
    for name, cost in rows[:ROWS]:
        body.newline(2).plain(name).newline().add(_costs(reader, "budget.row", cost))
    if len(rows) > ROWS:
        body.newline(2).add(reader.rich("budget.more", n=len(rows) - ROWS))
    if report.unexplained:
        amount = priced(reader, report.unexplained)
        body.newline(2).add(reader.rich("budget.unexplained", amount=amount))
    return body.message(
        keyboard=(
            tuple(_choice(reader, f"admin_button.by_{k}", k, days, k == kind) for k in KINDS),
            tuple(_choice(reader, f"budget.span_{d}", kind, d, d == days) for d in SPANS),
            back_row(reader, "to_budget", Verb.BUDGET),
        )
    )


def _choice(reader: Reader, key: str, kind: str, days: int, is_chosen: bool) -> Button:
    text = reader.t(key)
    return Button(
        text=f"• {text} •" if is_chosen else text, data=pack(Verb.BUDGET_SPENT, kind, days)
    )


def _costs(reader: Reader, key: str, cost: Spending) -> RichText:
    return reader.rich(
        key,
        price=usd(reader, cost.credits),
        calls=reader.count("calls", cost.calls),
        tweets=reader.count("tweets", cost.items),
    )


def _day(reader: Reader, day: str) -> str:
    noon = datetime.combine(date.fromisoformat(day), time(12), UTC)
    return format_date(noon, UTC, reader.lang, weekday=True, year=False)


def _query(reader: Reader, texts: Mapping[int, str], query_id: int) -> str:
    if not query_id:
        return reader.t("budget.no_query")
    if query_id not in texts:
        return reader.t("budget.removed_query", n=query_id)
    return reader.name(shortened(texts[query_id], TEXT_LENGTH))


def endpoint_name(reader: Reader, endpoint: str) -> str:
    """A kind of request in words; one that has none here keeps the service's name."""
    if not has(reader.lang, f"endpoint.{endpoint}"):
        return reader.name(endpoint)
    return reader.t(f"endpoint.{endpoint}")


def limit_question(reader: Reader, state: BudgetState, most_usd: int) -> OutMessage:
    """Asks for the day's limit; the settings' own is a button away."""
    question = reader.rich("budget.ask_limit", limit=usd(reader, state.limit), most=most_usd)
    default = Button(
        text=reader.t("admin_button.limit_default"), data=pack(Verb.BUDGET_LIMIT, "default")
    )
    cancel = Button(text=reader.t("button.cancel"), data=pack(Verb.BUDGET))
    return question.message(
        keyboard=((default,), (cancel,)) if state.is_admins_limit else ((cancel,),)
    )


# The first that fits: some are kinds of those behind them.
_TROUBLES: tuple[tuple[type[SourceError], str], ...] = (
    (KeyRefused, "twitter.trouble_key"),
    (TooFast, "twitter.trouble_fast"),
    (OutOfCredit, "twitter.trouble_credit"),
    (BudgetSpent, "twitter.trouble_budget"),
    (SourceRefused, "twitter.trouble_refused"),
    (SourceGarbled, "twitter.trouble_garbled"),
    (SourceError, "twitter.trouble_down"),
)


def trouble_key(error: SourceError, *, has_key: bool = True) -> str:
    """The text that says what to do about an error of the service."""
    if not has_key:
        return "twitter.no_key"
    return next(key for kind, key in _TROUBLES if isinstance(error, kind))


def trouble_message(
    reader: Reader, error: SourceError, back: str, *, has_key: bool = True
) -> OutMessage:
    """What went wrong and what helps; `back` is where its button leads."""
    body = reader.lines(reader.rich(trouble_key(error, has_key=has_key)))
    if has_key and not isinstance(error, BudgetSpent | OutOfCredit):
        body.newline().code(shortened(str(error), ERROR_LENGTH))
    row = (
        Button(text=reader.t("button.back"), data=back),
        Button(text=reader.t("admin_button.budget"), data=pack(Verb.BUDGET)),
    )
    return body.message(keyboard=(row,))


def no_key_message(reader: Reader, back: str) -> OutMessage:
    """Nothing can be asked without a key: how to set it."""
    return reader.rich("twitter.no_key").message(
        keyboard=((Button(text=reader.t("button.back"), data=back),),)
    )


def twitter_line(reader: Reader, state: BudgetState, active: int, *, has_key: bool) -> RichText:
    """The line on tweets in the state of the system; `active` is how many queries are on."""
    if not has_key:
        return reader.rich("admin_status.x_no_key")
    if state.is_out_of_credit:
        return reader.rich("admin_status.x_empty")
    spent, limit = usd(reader, state.spent), usd(reader, state.limit)
    if state.balance is None:
        return reader.rich("admin_status.x_no_balance", spent=spent, limit=limit, n=active)
    balance = usd(reader, state.balance.credits)
    return reader.rich("admin_status.x", spent=spent, limit=limit, balance=balance, n=active)


def spending_notice(reader: Reader, notice: SpendingNotice) -> OutMessage:
    """What admins are told unasked of the account and the budget."""
    body = reader.rich(f"notice.x_{notice.kind}", amount=priced(reader, notice.credits))
    budget = Button(text=reader.t("admin_button.budget"), data=pack(Verb.BUDGET))
    action = {
        NoticeKind.OUT_OF_CREDIT: ("resume_paid", Verb.BUDGET_BALANCE),
        NoticeKind.BUDGET_SPENT: ("limit", Verb.BUDGET_LIMIT),
        NoticeKind.RULES_OFF: ("limit", Verb.BUDGET_LIMIT),
    }.get(notice.kind)
    if action is None:
        return body.message(keyboard=((budget,),))
    do = Button(text=reader.t(f"admin_button.{action[0]}"), data=pack(action[1]))
    return body.message(keyboard=((do, budget),))


def key_notice(reader: Reader) -> OutMessage:
    """The service does not take the key: nothing comes until it is set right."""
    return reader.rich("notice.x_key_refused").message(
        keyboard=((Button(text=reader.t("admin_button.budget"), data=pack(Verb.BUDGET)),),)
    )
