"""Searching X with processes that are killed: `python -m tests.chaos.tweets [FILE] [options]`.

The double of TwitterAPI.io plays a window of a file of tweets (TSV: id, created_at_utc, hashtags,
text), many times as fast as it was, with trouble on the way and untruths in its answers. Workers
search it through queries that share out all tweets among them, and are killed with -9. In the end
every tweet of the window is stored once, our ledger is the double's to the credit, no day cost
more than its budget, and hardly a tweet was bought twice.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from bot.features.intake import Intake
from bot.features.tweet_intake import TweetIntake
from bot.features.tweets import LAG, TweetCollector
from bot.models.tweets import Priority, TweetQuery
from bot.ports import Database
from bot.services.cache_service import CacheService
from bot.services.db_service import open_database
from bot.services.migrations import migrate
from bot.services.twitter_api import TwitterApi
from bot.services.twitter_budget import Budget
from bot.storage.cache import CacheStore
from bot.storage.origins import OriginStore
from bot.storage.people import PeopleStore
from bot.storage.posts import PostStore
from bot.storage.queries import QueryStore
from bot.storage.spending import SpendingStore
from bot.utils.secrets import Secret
from tests.chaos.harness import Worker
from tests.chaos.tweet_files import cut, ends, make, queries

PRICE = 15
CLAIM = timedelta(seconds=8)  # longer than an answer, its waiting and its storing
INTERVAL_S = 150  # of the double's time
FAULTS: dict[str, dict[str, Any]] = {
    "429": {"times": 5, "fraction": 0.01},  # each makes everybody wait for five seconds
    "500": {"fraction": 0.01},
    "503": {"fraction": 0.005},
    "reset_before": {"fraction": 0.01},
    "reset_after": {"fraction": 0.01},
    "slow": {"fraction": 0.01, "seconds": 0.5},
    "truncated": {"fraction": 0.005},
    "more_at_end": {"fraction": 0.05},
    "no_more": {"fraction": 0.05},
    "short_page": {"fraction": 0.02},
    "empty_page": {"fraction": 0.01},
    "repeated_page": {"fraction": 0.1},
    "cursor_loop": {"fraction": 0.05},
    "doubled_tweets": {"fraction": 0.01},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is like."""

    database: str
    workers: int = 4
    kills: int = 12
    speed: float = 100.0
    budget: int = 1_000_000  # credits a day
    seed: int = 1
    without: tuple[str, ...] = ()  # kinds of trouble that are left out
    timeout_s: float = 5.0
    hold_s: float = 8.0
    settle_s: float = 1.0  # until a charge shows in the balance
    patience_s: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was there, what came of it, and what it cost."""

    tweets: int  # in the window, that some query is after
    stored: int  # of them
    doubled: int
    overlap: int  # that more than one query is after
    kills: int
    requests: int
    spent: int  # by the double's ledger
    booked: int  # by ours
    held: int  # ours, of which nobody knows yet
    lost_calls: int  # requests whose price came from the balance
    dearest_day: int
    budget: int
    unexplained: int
    hits: dict[str, int]
    took_s: float = 0.0

    @property
    def ratio(self) -> float:
        return self.spent / (PRICE * self.tweets)

    @property
    def is_sound(self) -> bool:
        """Nothing twice, the books right, the budget kept; with a small one, not all is stored."""
        books = self.booked == self.spent and not self.held and not self.unexplained
        return not self.doubled and books and self.dearest_day <= self.budget

    @property
    def is_good(self) -> bool:
        return self.is_sound and self.stored == self.tweets and self.ratio <= 1.15


@contextlib.asynccontextmanager
async def double(file: Path, start: datetime, plan: Plan) -> AsyncIterator[Double]:
    """The sandbox in a process of its own, its clock at `start`."""
    server = Worker(
        "-m", "bot.sandbox", "--port", "0", "--no-linked-channel", "--tweets", str(file),
        "--start", start.isoformat(), "--speed", str(plan.speed), "--seed", str(plan.seed),
        "--twitter-settle-s", str(plan.settle_s),
    )  # fmt: skip
    told = json.loads(await server.start())
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            yield Double(told, client)
    finally:
        await server.kill()


class Double:
    """The double's doors."""

    def __init__(self, told: dict[str, Any], client: httpx.AsyncClient) -> None:
        self.url: str = told["twitter_url"]
        self.key: str = told["twitter_key"]
        self._door = f"{told['page']}/sandbox/twitter"
        self._client = client

    async def order(self, action: str, **body: Any) -> Any:
        reply = await self._client.post(f"{self._door}/{action}", json=body)
        reply.raise_for_status()
        return reply.json()

    async def calm(self) -> None:
        """End all trouble."""
        (await self._client.delete(f"{self._door}/faults")).raise_for_status()

    async def look(self, what: str) -> Any:
        reply = await self._client.get(f"{self._door}/{what}")
        reply.raise_for_status()
        return reply.json()

    async def matching(self, text: str) -> set[str]:
        return set((await self.order("matching", query=text))["ids"])


async def run(file: Path, plan: Plan) -> Outcome:
    """Let workers search the window until it is through, or the budget is."""
    began = time.monotonic()
    chance = random.Random(plan.seed)
    first, last = ends(file)
    start = first - timedelta(seconds=30)
    db = await _open(plan.database)
    store = QueryStore(db)
    for text in queries():
        await store.add(
            TweetQuery(
                text=text, priority=Priority.HIGH, interval_s=INTERVAL_S, covered_to=start,
                created_at=start,
            )
        )  # fmt: skip
    async with double(file, start, plan) as site:
        for kind, given in FAULTS.items():
            if kind in plan.without:
                continue
            await site.order("faults", kind=kind, **({"times": None} | given))
        clock = await site.look("clock")
        given = {"url": site.url, "key": site.key, **clock, **asdict(plan)}
        crowd = [
            Worker("-m", "tests.chaos.tweets", "--work", json.dumps(given))
            for _ in range(plan.workers)
        ]
        budget = _budget(db, plan)
        try:
            await asyncio.gather(*[worker.start() for worker in crowd])
            kills = await _kill_on(crowd, chance, plan, store, budget, last)
        finally:
            await asyncio.gather(*[worker.kill() for worker in crowd])
        hits = (await site.look("ledger"))["hits"]
        await site.calm()
        async with _client(db, site.url, site.key, plan) as api:
            await _reconcile(api, budget, plan)
        outcome = await _outcome(db, site, budget, plan, kills, hits)
        outcome = replace(outcome, took_s=time.monotonic() - began)
    await db.close()
    return outcome


async def _kill_on(
    crowd: Sequence[Worker], chance: random.Random, plan: Plan, store: QueryStore, budget: Budget,
    last: datetime,
) -> int:  # fmt: skip
    """Kill workers now and then until everything up to `last` was asked for, or money is out."""
    kills = 0
    give_up = time.monotonic() + plan.patience_s
    while True:
        await asyncio.sleep(chance.uniform(0.2, 1.6))
        if any(worker.exit_code is not None for worker in crowd):
            raise RuntimeError("a worker ended by itself")
        state = await budget.state()
        if state.left < PRICE * 20 and state.held == state.lost_credits:
            return kills
        asked = await store.all()
        for query in asked:  # there is nothing after the window that would be worth asking for
            if query.active and _is_through(query, last):
                await store.set_active(query.id, False, last)
        if kills >= plan.kills and all(_is_through(query, last) for query in asked):
            return kills
        if time.monotonic() > give_up:
            raise RuntimeError(
                f"not through: {[(q.text, q.covered_to, q.last_error) for q in asked]}"
            )
        if kills < plan.kills:
            worker = chance.choice(crowd)
            await worker.kill()
            await worker.start()
            kills += 1


def _is_through(query: TweetQuery, last: datetime) -> bool:
    if not query.active:
        return True
    if query.covered_to is not None and query.covered_to > last:
        return True
    asked_at = query.last_run_at
    return asked_at is not None and asked_at - LAG > last and query.empty_in_row >= 2


async def _reconcile(api: TwitterApi, budget: Budget, plan: Plan) -> None:
    """Read the balance until nothing is open, as a quiet bot does."""
    give_up = time.monotonic() + plan.hold_s + 20 * plan.settle_s + 30
    while time.monotonic() < give_up:
        await api.balance()
        state = await budget.state()
        if not state.held and not state.lost:
            return
        await asyncio.sleep(0.3)


async def _outcome(
    db: Database, site: Double, budget: Budget, plan: Plan, kills: int, hits: dict[str, int]
) -> Outcome:
    wanted = [await site.matching(text) for text in queries()]
    every = set().union(*wanted)
    stored = [post.external_id for post in await PostStore(db).after(0, 1_000_000, kept_only=False)]
    ledger, state = await site.look("ledger"), await budget.state()
    report = await budget.report(2)
    return Outcome(
        tweets=len(every),
        stored=len(every & set(stored)),
        doubled=len(stored) - len(set(stored)),
        overlap=sum(map(len, wanted)) - len(every),
        kills=kills,
        requests=len(ledger["calls"]),
        spent=ledger["credits_spent"],
        booked=report.total.credits,
        held=state.held,
        lost_calls=await _from_balance(db),
        dearest_day=max(ledger["by_day"].values(), default=0),
        budget=plan.budget,
        unexplained=report.unexplained,
        hits=hits,
    )


async def _from_balance(db: Database) -> int:
    rows = await db.fetch_all("SELECT state, COUNT(*) FROM x_calls GROUP BY state")
    return sum(count for state, count in rows if state not in ("settled", "released"))


async def _open(database: str) -> Database:
    db = await open_database(database)
    await migrate(db)
    return db


def _budget(db: Database, plan: Plan) -> Budget:
    return Budget(
        SpendingStore(db), daily_credits=plan.budget, timezone="UTC",
        hold_s=plan.hold_s, settling_s=plan.settle_s * 2,
    )  # fmt: skip


@contextlib.asynccontextmanager
async def _client(db: Database, url: str, key: str, plan: Plan) -> AsyncIterator[TwitterApi]:
    cache = CacheService(CacheStore(db))
    api = TwitterApi(url, Secret(key), _budget(db, plan), cache, timeout_s=plan.timeout_s)
    try:
        yield api
    finally:
        await api.close()


async def _work(given: dict[str, Any]) -> None:
    """What is killed; it says when it is at work."""
    plan = Plan(**{name: given[name] for name in Plan.__dataclass_fields__})
    db = await _open(plan.database)

    def clock() -> datetime:
        passed = (time.time() - given["began"]) * given["speed"]
        return datetime.fromtimestamp(given["start"] + passed, UTC)

    intake = Intake(PostStore(db), OriginStore(db))
    take = TweetIntake(intake, PeopleStore(db), clock)
    async with _client(db, given["url"], given["key"], plan) as api:
        collector = TweetCollector(
            QueryStore(db), api, take, _budget(db, plan), clock, claim=CLAIM, at_once=2
        )
        sys.stdout.write("at work\n")
        sys.stdout.flush()
        while True:
            await collector.round(clock())
            await asyncio.sleep(0.1)


def table(outcome: Outcome) -> str:
    """The outcome, a line each."""
    rows: list[tuple[str, object]] = [
        ("tweets in the window", outcome.tweets),
        ("… stored", outcome.stored),
        ("… twice", outcome.doubled),
        ("… of more than one query", outcome.overlap),
        ("kills", outcome.kills),
        ("requests", outcome.requests),
        ("credits, by the double", outcome.spent),
        ("credits, by our ledger", outcome.booked),
        ("… from the balance (calls)", outcome.lost_calls),
        ("… open", outcome.held),
        ("… unexplained", outcome.unexplained),
        ("credits / least possible", f"{outcome.ratio:.3f}"),
        ("dearest day / budget", f"{outcome.dearest_day} / {outcome.budget}"),
        ("seconds", f"{outcome.took_s:.0f}"),
        ("trouble", " ".join(f"{kind} {n}" for kind, n in outcome.hits.items() if n)),
    ]
    return "\n".join(f"{name:28} {value}" for name, value in rows)


async def _main(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "window.tsv"
        if options.file is None:
            make(file, options.seconds, 1.5, options.seed)
        else:
            cut(
                options.file,
                options.since,
                options.since + timedelta(seconds=options.seconds),
                file,
            )
        plan = Plan(
            database=options.database or f"sqlite:///{folder}/tweets.db",
            workers=options.workers,
            kills=options.kills,
            speed=options.speed,
            budget=options.budget,
            seed=options.seed,
            without=tuple(options.without),
        )
        outcome = await run(file, plan)
    sys.stdout.write(table(outcome) + "\n")
    return 0 if outcome.is_good or (outcome.is_sound and options.small_budget) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        asyncio.run(_work(json.loads(sys.argv[2])))
        sys.exit()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument(
        "--since", type=datetime.fromisoformat, help="where the window begins (ISO)"
    )
    parser.add_argument("--seconds", type=int, default=3600, help="how long the window is")
    parser.add_argument("--database", help="its address; a new SQLite file when left out")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--speed", type=float, default=100.0)
    parser.add_argument("--budget", type=int, default=1_000_000, help="credits a day")
    parser.add_argument("--small-budget", action="store_true", help="it is meant to be reached")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without", action="append", default=[], choices=sorted(FAULTS))
    sys.exit(asyncio.run(_main(parser.parse_args())))
