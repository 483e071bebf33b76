"""/budget: what tweets cost, the day's limit, the balance."""

from __future__ import annotations

import logging
import re
from decimal import Decimal

from bot.errors import BadInput, SourceError
from bot.handlers.asked import Answers, Asked, Commands, Presses
from bot.handlers.buttons import Verb, pack
from bot.handlers.views.budget import (
    KINDS,
    SPANS,
    Spent,
    budget_message,
    limit_question,
    no_key_message,
    priced,
    spent_message,
    trouble_message,
    twitter_line,
    usd,
)
from bot.models.messages import RichText
from bot.models.tweets import CREDITS_PER_USD
from bot.utils.times import ascii_digits

log = logging.getLogger(__name__)

AWAITED_LIMIT = "x-limit"
LIMIT_MOST_USD = 1000
# A comma before three digits parts thousands: «۱٬۰۰۰» and 1,000; other marks are decimal ones.
_AMOUNT = re.compile(
    r"\$?\s*(?P<whole>[1-9]\d{0,2}(?:[٬,،]\d{3})+|\d{1,6})(?:[.٫/,،](?P<part>\d{1,6}))?"
    r"\s*(?:\$|usd|دلار)?",
    re.IGNORECASE,
)
_DUE = 3


async def budget(asked: Asked) -> None:
    """/budget"""
    await asked.hoshyar.chats.take_answer(asked.chat.id, asked.user.id)
    await _show(asked)


async def _show(asked: Asked, note: str = "") -> None:
    hoshyar = asked.hoshyar
    more = Spent(
        has_key=hoshyar.twitter.has_key,
        cache=await hoshyar.cache.report(),
        due=await hoshyar.queries.next_due(_DUE),
    )
    await asked.show(budget_message(asked.reader, await hoshyar.budget.state(), more, note))


async def spending(asked: Asked) -> None:
    """By day, by query or by kind of request, over 1, 7 or 30 days."""
    kind, days = asked.arg(0, KINDS[0]), asked.number(1, SPANS[0])
    days = days if days in SPANS else SPANS[0]
    report = await asked.hoshyar.budget.report(days)
    texts = {line.query.id: line.query.text for line in await asked.hoshyar.queries.all()}
    await asked.show(spent_message(asked.reader, report, kind, days, texts))


async def balance(asked: Asked) -> None:
    """Look at the account now, which is free; ends a stop for an empty one that was recharged."""
    if not asked.hoshyar.twitter.has_key:
        await asked.show(no_key_message(asked.reader, pack(Verb.BUDGET)))
        return
    before = await asked.hoshyar.budget.state()
    await asked.note(asked.t("query.testing"))
    try:
        async with asked.telegram.typing(asked.chat.id):
            seen = await asked.hoshyar.twitter.balance()
    except SourceError as error:
        await asked.show(trouble_message(asked.reader, error, pack(Verb.BUDGET)))
        return
    after = await asked.hoshyar.budget.state()
    if after.is_out_of_credit:
        note = asked.t("budget.still_empty", amount=priced(asked.reader, seen.credits))
    else:
        note = asked.t("budget.goes_on" if before.is_out_of_credit else "budget.seen")
    await _show(asked, note)


async def limit(asked: Asked) -> None:
    """Ask for the day's limit, or go back to that of the settings."""
    if asked.arg(0) == "default":
        await asked.hoshyar.chats.take_answer(asked.chat.id, asked.user.id)
        await asked.hoshyar.budget.set_limit(None)
        log.info("the day's limit is the settings' again", extra={"by": asked.user.id})
        state = await asked.hoshyar.budget.state()
        await _show(asked, asked.t("budget.limit_reset", limit=usd(asked.reader, state.limit)))
        return
    await asked.hoshyar.chats.expect(asked.chat.id, asked.user.id, AWAITED_LIMIT)
    state = await asked.hoshyar.budget.state()
    await asked.reply(limit_question(asked.reader, state, LIMIT_MOST_USD))
    await asked.note()


async def limit_written(asked: Asked) -> None:
    """The awaited amount in dollars; a wrong one may be written again."""
    credits = credits_of(asked.text)
    if credits is None:
        await asked.hoshyar.chats.expect(asked.chat.id, asked.user.id, AWAITED_LIMIT)
        raise BadInput("budget.bad_limit", most=LIMIT_MOST_USD)
    await asked.hoshyar.budget.set_limit(credits)
    log.info("the day's limit was set", extra={"credits": credits, "by": asked.user.id})
    await _show(asked, asked.t("budget.limit_set", limit=usd(asked.reader, credits)))


def credits_of(text: str) -> int | None:
    """Dollars as people write them, in whole credits; None for anything else."""
    found = _AMOUNT.fullmatch(ascii_digits(text).strip())
    if found is None:
        return None
    amount = Decimal(f"{re.sub(r'[٬,،]', '', found['whole'])}.{found['part'] or 0}")
    return int(amount * CREDITS_PER_USD) if amount <= LIMIT_MOST_USD else None


async def status_line(asked: Asked) -> RichText:
    """The line on tweets in the state of the system."""
    lines = await asked.hoshyar.queries.all()
    return twitter_line(
        asked.reader,
        await asked.hoshyar.budget.state(),
        sum(line.query.active for line in lines),
        has_key=asked.hoshyar.twitter.has_key,
    )


COMMANDS: Commands = {"budget": budget}
PRESSES: Presses = {
    Verb.BUDGET: budget,
    Verb.BUDGET_SPENT: spending,
    Verb.BUDGET_BALANCE: balance,
    Verb.BUDGET_LIMIT: limit,
}
ANSWERS: Answers = {AWAITED_LIMIT: limit_written}
