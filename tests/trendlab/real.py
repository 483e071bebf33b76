"""Real tweets with known bursts: is each among the day's ten strongest trends?

The tweets have no authors; a row of the truth names days and the forms under which people wrote.
The stream has holes between its hours, so a day is looked at once, behind its last tweet.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from bot.analysis.terms import trend_key
from bot.models.insight import Window
from bot.utils.times import to_ms
from tests.trendlab.happenings import Kind
from tests.trendlab.ours import Counters, found
from tests.trendlab.prepared import Prepared, prepare
from tests.trendlab.speech import DAY_MS
from tests.trendlab.streams import MadePost

TOP = 10
GOAL = 0.85
_CAMPAIGN = "COORDINATED"


@dataclass(frozen=True, slots=True)
class Burst:
    first: date
    last: date
    keys: frozenset[str]
    event: str

    @property
    def kind(self) -> Kind:
        return Kind.CAMPAIGN if self.event.startswith(_CAMPAIGN) else Kind.SPIKE


def bursts(truth: Path, name: str) -> list[Burst]:
    """The known bursts of one set of tweets."""
    with truth.open(encoding="utf-8", newline="") as file:
        return [
            Burst(
                date.fromisoformat(row["from_utc"]),
                date.fromisoformat(row["to_utc"]),
                frozenset(trend_key(form.strip()) for form in row["surface_forms"].split("/")),
                row["event"],
            )
            for row in csv.DictReader(file, delimiter="\t")
            if row["set"] == name
        ]


def tweets(path: Path) -> Prepared:
    """The tweets in the order of time, copies found."""
    made = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            written = row.get("created_at_utc") or row["date_utc"]
            at_ms = to_ms(datetime.fromisoformat(written).astimezone(UTC))
            made.append(MadePost(at_ms, "", row["text"].replace("⏎", "\n"), False, 0))
    made.sort(key=lambda post: post.at_ms)
    return prepare(made, (), made[0].at_ms, made[-1].at_ms)


def tops(prepared: Prepared) -> Iterator[tuple[date, list[tuple[frozenset[str], bool]]]]:
    """Each day's strongest trends of 24 hours: their keys, and whether they look made."""
    counters = Counters()
    counters.add(prepared.posts)
    for day in sorted({post.at_ms // DAY_MS for post in prepared.posts}):
        end_ms = (day + 1) * DAY_MS - 1
        today = prepared.between(day * DAY_MS - 1, end_ms)
        at_ms = today[-1].at_ms
        copies = prepared.copies_until(at_ms)
        results = found(
            counters, prepared.between(at_ms - DAY_MS, at_ms), Window.H24, at_ms, copies, TOP
        )
        shown = [(frozenset((f.key, *f.member_keys)), f.coordinated) for f, _ in results]
        yield date(1970, 1, 1) + timedelta(days=day), shown


def lines(path: Path, truth: Path) -> list[str]:
    """A table of the known bursts and the place at which each was found."""
    known = bursts(truth, path.parent.name)
    prepared = tweets(path)
    by_day = dict(tops(prepared))
    out = ["| burst | days | place | looks made |", "| --- | --- | --- | --- |"]
    hits = 0
    for burst in known:
        places = [
            (place, made)
            for day, trends in by_day.items()
            if burst.first <= day <= burst.last
            for place, (keys, made) in enumerate(trends, 1)
            if keys & burst.keys
        ]
        best = min(places, default=None)
        hits += best is not None
        place, made = best or ("-", "")
        out.append(f"| {burst.event} | {burst.first}-{burst.last} | {place} | {made} |")
    out.append(f"{hits} of {len(known)} known bursts in the day's top {TOP} (goal {GOAL:.0%})")
    return out
