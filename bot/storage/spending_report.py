"""What tweets cost: by day, by endpoint, by query; and what no call of ours explains."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.models.spending import PUSH, Spending, SpendingReport
from bot.ports import Database
from bot.storage.spending import OVERCOUNTED, RECHARGE, UNEXPLAINED

_MARKS = (UNEXPLAINED, RECHARGE, OVERCOUNTED)  # rows that are no requests


async def read_report(db: Database, since_day: str) -> SpendingReport:
    """What was spent on that day and after."""
    rows = await db.fetch_all(
        "SELECT day, endpoint, query_id, COUNT(*), SUM(items), SUM(credits), "
        "SUM(CASE WHEN items=0 AND state='settled' THEN 1 ELSE 0 END), "
        "SUM(CASE WHEN items=0 AND state='settled' THEN credits ELSE 0 END), SUM(held) "
        "FROM x_calls WHERE day>=? AND (state<>'held' OR credits>0) "
        "GROUP BY day, endpoint, query_id",
        (since_day,),
    )
    days: dict[str, Spending] = {}
    endpoints: dict[str, Spending] = {}
    queries: dict[int, Spending] = {}
    marks = dict.fromkeys(_MARKS, 0)
    for day, endpoint, query_id, *numbers in rows:
        calls, items, credits, empty, empty_credits, held = map(int, numbers)
        if endpoint in _MARKS:
            marks[endpoint] += credits or held
            one = Spending(credits=credits)
        else:
            if endpoint == PUSH:  # we ask nothing for it
                calls = empty = empty_credits = 0
            one = Spending(
                calls=calls,
                items=items,
                credits=credits,
                empty_calls=empty,
                empty_credits=empty_credits,
            )
            queries[int(query_id)] = queries.get(int(query_id), Spending()) + one
        days[day] = days.get(day, Spending()) + one
        if one.calls or one.credits:
            endpoints[endpoint] = endpoints.get(endpoint, Spending()) + one
    undetailed = Spending()
    for day, *numbers in await db.fetch_all(
        "SELECT day, calls, items, spent FROM x_days WHERE day>=? AND spent>0", (since_day,)
    ):
        if day not in days:  # its single calls are forgotten
            calls, items, credits = map(int, numbers)
            days[day] = Spending(calls=calls, items=items, credits=credits)
            undetailed += days[day]
    return SpendingReport(
        total=sum(days.values(), Spending()),
        by_day=tuple(sorted(days.items(), reverse=True)),
        by_endpoint=tuple(sorted(endpoints.items(), key=lambda kept: -kept[1].credits)),
        by_query=tuple(sorted(queries.items(), key=lambda kept: -kept[1].credits)),
        unexplained=marks[UNEXPLAINED],
        recharged=marks[RECHARGE],
        undetailed=undetailed,
    )


async def forget_calls(db: Database, before: datetime) -> int:
    """Remove the single calls of long ago; the totals of their days stay."""
    return await db.execute(
        "DELETE FROM x_calls WHERE state<>'held' AND day<?",
        ((before - timedelta(days=1)).date().isoformat(),),
    )
