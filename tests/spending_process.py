"""A process that spends, to be raced with others and killed by tests.

`python -m tests.spending_process URL JSON`: with `hold`, it takes such a hold, says so, and waits
to be killed; else `tasks` of it spend until the day's budget is used up, and it says what it spent.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from bot.errors import BudgetSpent
from bot.services.db_service import open_database
from bot.services.twitter_budget import Budget
from bot.storage.spending import SpendingStore

WORST = 300


async def spend(budget: Budget, dice: random.Random) -> tuple[int, int]:
    """Until nothing fits any more: how many requests, and their credits."""
    calls = spent = 0
    while True:
        try:
            hold = await budget.reserve("advanced_search", WORST)
        except BudgetSpent:
            return calls, spent
        credits = dice.choice((15, 45, 150, WORST))
        await asyncio.sleep(dice.random() * 0.002)
        if credits == 15 and dice.random() < 0.3:
            await budget.release(hold)
            continue
        await budget.settle(hold, credits, items=credits // 15)
        calls, spent = calls + 1, spent + credits


def _wait_until(path: Path) -> None:
    while not path.exists():
        time.sleep(0.001)


def _say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def main(url: str, given: dict[str, Any]) -> None:
    db = await open_database(url)
    budget = Budget(
        SpendingStore(db),
        daily_credits=given.get("limit", 10**6),
        timezone="UTC",
        hold_s=given.get("hold_s", 120.0),
        requests_per_s=100_000.0,
    )
    if "hold" in given:
        hold = await budget.reserve("advanced_search", given["hold"])
        _say(held=hold.id)
        await asyncio.sleep(600)
    _say(ready=True)
    await asyncio.to_thread(_wait_until, Path(given["start"]))
    dice = random.Random(given["seed"])
    done = await asyncio.gather(*(spend(budget, dice) for _ in range(given["tasks"])))
    _say(calls=sum(calls for calls, _ in done), spent=sum(spent for _, spent in done))
    await db.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
