"""What must be true of the database after the storm, whatever happened in it."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field

from bot.ports import Database
from tests.chaos.storage_worker import BATCH, COUNTERS, TABLES


@dataclass(slots=True)
class Told:
    """What the workers said after their commits."""

    names: dict[str, set[str]] = field(
        default_factory=lambda: {"S": set(), "B": set(), "E": set(), "D": set()}
    )
    counts: Counter[str] = field(default_factory=Counter)

    def hear(self, line: str) -> None:
        word, _, what = line.partition(" ")
        if word in self.names:
            self.names[word].add(what)
        self.counts[word] += int(what) if word == "C" else 1


@dataclass(slots=True)
class Findings:
    """Counts of what is there, and of what must not be."""

    figures: dict[str, int] = field(default_factory=dict)
    broken: dict[str, int] = field(default_factory=dict)  # all must be 0


async def check(db: Database, told: Told) -> Findings:
    """Compare what was said with what is stored."""
    found = Findings()
    await _rows(db, told, found)
    await _work(db, told, found)
    await _reigns(db, found)
    found.broken["damaged tables"] = await _damaged(db)
    return found


async def _rows(db: Database, told: Told, found: Findings) -> None:
    singles = {row[0] for row in await db.fetch_all("SELECT name FROM singles")}
    batches = dict(await db.fetch_all("SELECT name, COUNT(*) FROM batches GROUP BY name"))
    events = dict(await db.fetch_all("SELECT name, counter FROM events"))
    counters = dict(await db.fetch_all("SELECT id, value FROM counters"))
    counted = Counter(events.values())
    names = told.names
    found.figures["rows acknowledged"] = len(names["S"])
    found.figures["batches acknowledged"] = len(names["B"])
    found.figures["events acknowledged"] = len(names["E"])
    found.broken["acknowledged rows lost"] = len(names["S"] - singles)
    found.broken["acknowledged batches lost"] = len(names["B"] - batches.keys())
    found.broken["acknowledged events lost"] = len(names["E"] - events.keys())
    found.broken["torn batches"] = sum(parts != BATCH for parts in batches.values())
    found.broken["counters that are not the count of their events"] = sum(
        counters[number] != counted[number] for number in range(COUNTERS)
    )


async def _work(db: Database, told: Told, found: Findings) -> None:
    items = dict(await db.fetch_all("SELECT id, times_done FROM items"))
    effects = dict(await db.fetch_all("SELECT item, COUNT(*) FROM effects GROUP BY item"))
    found.figures["items of work"] = len(items)
    found.figures["claimed"] = told.counts["C"]
    found.figures["completed once"] = sum(times == 1 for times in items.values())
    found.figures["stale completions refused"] = told.counts["R"]
    found.broken["completed twice"] = sum(times > 1 for times in items.values())
    found.broken["effects that are not their item's one"] = sum(
        effects.get(item, 0) != times for item, times in items.items()
    )
    found.broken["acknowledged completions lost"] = sum(
        items[int(item)] == 0 for item in told.names["D"]
    )
    found.broken["items never completed"] = sum(times == 0 for times in items.values())


async def _reigns(db: Database, found: Findings) -> None:
    """Each number once, none left out, and never a smaller token after a greater one."""
    rows = await db.fetch_all("SELECT value, token FROM reigns ORDER BY value, token")
    last = await db.fetch_one("SELECT value FROM counters WHERE id = ?", (COUNTERS,))
    tokens = [token for _, token in rows]
    numbers = [value for value, _ in rows]
    found.figures["numbers written under the lease"] = len(numbers)
    found.figures["reigns"] = len(set(tokens))
    found.broken["numbers doubled or left out"] = int(
        numbers != list(range(1, len(numbers) + 1)) or last != (len(numbers),)
    )
    found.broken["writes of an earlier reign after a later one"] = sum(
        later < earlier for earlier, later in itertools.pairwise(tokens)
    )


async def _damaged(db: Database) -> int:
    if db.dialect.name == "sqlite":
        verdict = await db.fetch_all("PRAGMA integrity_check")
        foreign = await db.fetch_all("PRAGMA foreign_key_check")
        return int(verdict != [("ok",)]) + len(foreign)
    names = [table.split()[2] for table in TABLES if table.startswith("CREATE TABLE")]
    rows = await db.fetch_all(f"CHECK TABLE {', '.join([*names, 'leases'])}")
    return sum(kind == "error" or text != "OK" for _, _, kind, text in rows)
