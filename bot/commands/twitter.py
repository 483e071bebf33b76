"""TwitterAPI.io from the command line: what it costs, what is searched for, a live test.

All of it is in the database, so it may be asked while the bot runs on the same one.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Awaitable, Iterable, Sequence
from typing import TypeVar

from bot.app import open_hoshyar
from bot.commands import caching
from bot.commands.output import answer, decimal, post_entry, usd
from bot.commands.twitter_queries import query_entry
from bot.errors import SourceError, UserError
from bot.handlers.texts import t
from bot.handlers.views.budget import due_words, endpoint_name, trouble_key
from bot.handlers.views.page import Reader, shortened
from bot.hoshyar import Hoshyar
from bot.models.spending import BudgetState, Spending
from bot.models.tweets import Tweet, TweetQuery
from bot.storage.spending import ONE_PAGE
from config.settings import Settings

T = TypeVar("T")
log = logging.getLogger(__name__)

cache_status, cache_clear = caching.cache_status, caching.cache_clear

_DUE = 5
_PAGE = 20  # tweets of a test at most


async def status(settings: Settings, given: argparse.Namespace) -> int:
    """The balance as the service says it now, today's spending, and what is asked next.

    Fails when the service cannot be asked; what is known without it is printed all the same.
    """
    async with open_hoshyar(settings) as hoshyar:
        trouble = await _look_at_balance(hoshyar)
        state = await hoshyar.budget.state()
        due = await hoshyar.queries.next_due(_DUE)
        report = await hoshyar.cache.report()
        reader = Reader("en", settings.timezone, state.now)
    answer(
        {
            "key": hoshyar.twitter.has_key,
            "trouble": trouble or None,
            "balance": _balance(state),
            "budget": _budget(state),
            "next_due": [query_entry(query) for query in due],
            "cache": {"asked": report.asked, "hit_rate": round(report.hit_rate, 4)},
        },
        [
            *_state_lines(reader, state),
            f"cache: {report.hit_rate:.0%} of {report.asked} questions answered without making",
            *_next(reader, state, due),
        ],
        as_json=given.json,
    )
    if trouble:
        raise UserError(trouble)
    return 0


async def _look_at_balance(hoshyar: Hoshyar) -> str:
    """Ask for the balance, which is free; returns the text key of what is in the way."""
    try:
        await hoshyar.twitter.balance()
    except SourceError as error:
        log.warning("the balance was not read: %s", error)
        return trouble_key(error, has_key=hoshyar.twitter.has_key)
    return ""


async def report(settings: Settings, given: argparse.Namespace) -> int:
    """What the last days cost."""
    async with open_hoshyar(settings) as hoshyar:
        found = await hoshyar.budget.report(given.days)
        texts = {line.query.id: line.query.text for line in await hoshyar.queries.all()}
        reader = Reader("en", settings.timezone, hoshyar.clock())
    answer(
        {
            "days": given.days,
            "total": _spent(found.total),
            "by_day": [{"day": day, **_spent(cost)} for day, cost in found.by_day],
            "by_query": [
                {"id": query_id or None, "text": texts.get(query_id), **_spent(cost)}
                for query_id, cost in found.by_query
            ],
            "by_endpoint": [{"endpoint": name, **_spent(cost)} for name, cost in found.by_endpoint],
            "unexplained_credits": found.unexplained,
            "recharged_credits": found.recharged,
            "credits_of_days_without_detail": found.undetailed.credits,
        },
        [
            f"{given.days} days: {_costs(found.total)}",
            f"{found.total.empty_calls} answers without a tweet: " + usd(found.total.empty_credits),
            *_table("by day", found.by_day),
            *_table(
                "by search",
                [(_name(texts, query_id), cost) for query_id, cost in found.by_query],
            ),
            *_table(
                "by request",
                [(endpoint_name(reader, name), cost) for name, cost in found.by_endpoint],
            ),
            *(
                [f"not by search and request, being too long ago: {_costs(found.undetailed)}"]
                if found.undetailed.credits
                else []
            ),
            *([f"not explained: {usd(found.unexplained)}"] if found.unexplained else []),
        ],
        as_json=given.json,
    )
    return 0


async def test(settings: Settings, given: argparse.Namespace) -> int:
    """Ask for one page of a search now; its tweets are stored, since they were paid for."""
    async with open_hoshyar(settings) as hoshyar:
        tested = await _told(hoshyar, hoshyar.queries.test(given.query, given.count))
    reader = Reader("en", settings.timezone, hoshyar.clock())
    answer(
        {
            "query": tested.text,
            "found": tested.found,
            "credits": tested.credits,
            "usd": decimal(tested.credits),
            "per_day": tested.per_day,
            "credits_per_day": tested.credits_per_day,
            "notes": [t("en", key) for key in tested.problems],
            "tweets": [_tweet_entry(tweet) for tweet in tested.tweets],
        },
        [
            *(_tweet_line(reader, tweet) for tweet in tested.tweets),
            f"{tested.found} tweets came; cost: {tested.credits} credits ({usd(tested.credits)})",
            *_pace(tested.per_day, tested.credits_per_day),
            *(f"note: {t('en', key)}" for key in tested.problems),
            *([f"one page holds no more than {_PAGE}"] if given.count > _PAGE else []),
        ],
        as_json=given.json,
    )
    return 0


async def _told(hoshyar: Hoshyar, work: Awaitable[T]) -> T:
    """The result, or the sentence that says what to do about an error of the service."""
    try:
        return await work
    except SourceError as error:
        log.warning("TwitterAPI.io: %s", error)
        raise UserError(trouble_key(error, has_key=hoshyar.twitter.has_key)) from error


def _balance(state: BudgetState) -> dict[str, object] | None:
    if state.balance is None:
        return None
    return {
        "credits": state.balance.credits,
        "usd": decimal(state.balance.credits),
        "at": state.balance_at.isoformat() if state.balance_at else None,
    }


def _budget(state: BudgetState) -> dict[str, object]:
    return {
        "day": state.day,
        "limit_credits": state.limit,
        "limit_usd": decimal(state.limit),
        "spent_credits": state.spent,
        "spent_usd": decimal(state.spent),
        "held_credits": state.held,
        "held_live_credits": state.held_live,
        "checked_at": state.checked_at.isoformat() if state.checked_at else None,
        "left_credits": state.left,
        "left_usd": decimal(state.left),
        "requests": state.calls,
        "tweets": state.items,
        "lost_requests": state.lost,
        "lasts_until": state.lasts_until.isoformat() if state.lasts_until else None,
        "ends_at": state.ends_at.isoformat(),
        "out_of_credit": state.is_out_of_credit,
        "requests_per_s": state.rate,
    }


def _spent(cost: Spending) -> dict[str, object]:
    return {
        "requests": cost.calls,
        "tweets": cost.items,
        "credits": cost.credits,
        "usd": decimal(cost.credits),
        "empty_requests": cost.empty_calls,
        "empty_credits": cost.empty_credits,
    }


def _tweet_entry(tweet: Tweet) -> dict[str, object]:
    name = tweet.author.name if tweet.author else ""
    return {**post_entry(tweet.post), "author_name": name, "views": tweet.post.engagement.views}


def _state_lines(reader: Reader, state: BudgetState) -> list[str]:
    if state.balance is None or state.balance_at is None:
        balance = "balance: not seen yet"
    else:
        balance = (
            f"balance: {state.balance.credits} credits ({usd(state.balance.credits)}), "
            f"{reader.ago(state.balance_at)}"
        )
    lines = [
        balance,
        f"today: {usd(state.spent)} of {usd(state.limit)} spent, {usd(state.left)} left",
        f"{state.calls} requests, {state.items} tweets today",
    ]
    if state.is_out_of_credit:
        lines.append("the account is empty: collecting stands until it is recharged")
    elif not state.limit:
        lines.append("the day's limit is zero: nothing is spent")
    elif state.left < ONE_PAGE:
        lines.append(f"the budget is spent and opens again {reader.when(state.ends_at)}")
    elif state.lasts_until is not None:
        lines.append(f"at this pace it lasts until {reader.clock(state.lasts_until)}")
    else:
        lines.append("at this pace it lasts for the day")
    if state.lost:
        lines.append(
            f"{state.lost} requests without an answer: {usd(state.lost_credits)} set aside"
        )
    return lines


def _costs(cost: Spending) -> str:
    return f"{usd(cost.credits)}  {cost.calls} requests  {cost.items} tweets"


def _table(title: str, rows: Iterable[tuple[str, Spending]]) -> list[str]:
    return [f"{title}:", *(f"  {name}  {_costs(cost)}" for name, cost in rows)]


def _name(texts: dict[int, str], query_id: int) -> str:
    if not query_id:
        return "outside of the searches"
    return texts.get(query_id, f"removed search no. {query_id}")


def _next(reader: Reader, state: BudgetState, due: Sequence[TweetQuery]) -> list[str]:
    if state.is_out_of_credit or not state.limit:
        return []
    return [f"next: {due_words(reader, state, query)}  {query.text}" for query in due]


def _tweet_line(reader: Reader, tweet: Tweet) -> str:
    post = tweet.post
    facts = f"{post.engagement.likes} likes, {post.engagement.retweets} reposts"
    when = reader.moment(post.created_at)
    return f"@{post.author}  {when}  {facts}  {post.url}\n    {shortened(post.text, 200)}"


def _pace(per_day: int | None, credits: int | None) -> list[str]:
    if per_day is None or credits is None:
        return []
    return [f"at this pace {per_day} tweets a day, for {usd(credits)} a day"]
