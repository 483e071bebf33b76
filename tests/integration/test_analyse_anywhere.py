"""Which process counts, and which is asked, changes nothing: they all see the same posts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.features.analyse import Analyser
from bot.models.insight import Trend, Window
from bot.models.post import DropReason, Post
from bot.ports import Database
from bot.services.db_service import open_database
from bot.services.migrations import migrate
from bot.storage.insights import TrendStore
from bot.storage.posts import PostStore
from bot.storage.sources import SourceStore
from tests.mariadb import MariaDb
from tests.trend_streams import Talk

START = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)
STEP = timedelta(hours=3)
SUBJECT = "قندریزان"
TABLES = ("term_days", "term_slots", "term_totals", "trend_snapshots")


class Clock:
    """The time that all analysers of a test share."""

    def __init__(self) -> None:
        self.now = START + 2 * DAY

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def other(
    request: pytest.FixtureRequest, tmp_path: Path, db: Database
) -> AsyncIterator[Database]:
    """A second database of the same kind."""
    server: MariaDb | None = None
    url = f"sqlite:///{tmp_path}/other.db"
    if db.dialect.name == "mysql":
        server = request.getfixturevalue("mariadb")
        assert server is not None
        url = await server.new_database()
    database = await open_database(url)
    try:
        await migrate(database)
        yield database
    finally:
        await database.close()
        if server is not None:
            await server.drop_database(url)


@pytest.fixture(scope="module")
def days() -> list[Post]:
    """Four days, a subject on the last one, in the order in which they are written."""
    talk = Talk(3)
    posts = talk.posts(START, 84, 12) + talk.posts(
        START + 3.5 * DAY, 12, 16, about=SUBJECT, share=0.3
    )
    return sorted(posts, key=lambda post: post.created_at)


def _analyser(db: Database, clock: Clock, capacity: int) -> Analyser:
    return Analyser(PostStore(db), TrendStore(db), SourceStore(db), clock=clock, capacity=capacity)


async def _live(
    db: Database, days: Sequence[Post], workers: int, capacity: int
) -> tuple[list[object], list[list[Trend]]]:
    """Two days hour by hour, the rounds made by one worker after the other; what came of it.

    On the way every fifth post of the subject is dropped by somebody else, and some taken back.
    """
    clock, store = Clock(), PostStore(db)
    analysers = [_analyser(db, clock, capacity) for _ in range(workers)]
    done, found, dropped = 0, list[list[Trend]](), list[int]()
    while clock.now < START + 4 * DAY:
        due = [post for post in days if post.created_at <= clock.now]
        new = (await store.add_many(due[done:])).new
        done = len(due)
        for post in [post for post in new if SUBJECT in post.text][::5]:
            await store.set_drop(post.id, DropReason.SPAM)
            dropped.append(post.id)
        if len(dropped) > 4:
            await store.restore(dropped.pop(0))
        analyser = analysers[len(found) % workers]
        await analyser.run()
        found.append(await analysers[(len(found) + 1) % workers].trends(Window.H24))
        clock.now += STEP
    rows: list[object] = []
    for table in TABLES:
        rows += sorted(await db.fetch_all(f"SELECT * FROM {table}"))
    return rows, found


@pytest.mark.parametrize("capacity", [10_000, 100])
async def test_two_workers_in_turn_find_what_one_finds(
    db: Database, other: Database, days: list[Post], capacity: int
) -> None:
    """Counters, snapshots and every answer on the way, also of samples."""
    one = await _live(db, days, 1, capacity)
    two = await _live(other, days, 2, capacity)

    assert one == two
    assert SUBJECT in {trend.key for trend in one[1][-1]}


@pytest.mark.parametrize("capacity", [10_000, 100])
async def test_a_restart_changes_no_answer(db: Database, days: list[Post], capacity: int) -> None:
    """A process that is a day old and one that has just started say the same."""
    await _live(db, days[: len(days) // 2], 1, capacity)
    clock = Clock()
    old = _analyser(db, clock, capacity)
    await old.follow()
    await PostStore(db).add_many(days)
    clock.now = START + 4 * DAY
    await old.run()

    new, stored = _analyser(db, clock, capacity), _analyser(db, clock, capacity)
    await new.follow()

    for window in Window:
        answer = await old.trends(window)
        assert answer == await new.trends(window) == await stored.trends(window)
        assert await old.why(SUBJECT, window) == await new.why(SUBJECT, window)


async def test_a_drop_by_another_process_reaches_memory(db: Database, days: list[Post]) -> None:
    """From the next question on; taken back, the post counts again."""
    clock, store = Clock(), PostStore(db)
    clock.now = START + 4 * DAY
    stored = (await store.add_many(days)).new
    analyser = _analyser(db, clock, 10_000)
    await analyser.run()
    before = await analyser.why(SUBJECT, Window.H24)
    told = [post.id for post in stored if SUBJECT in post.text]

    await PostStore(db).set_drop(told[0], DropReason.ABUSIVE)
    dropped = await analyser.why(SUBJECT, Window.H24)
    await PostStore(db).restore(told[0])
    restored = await analyser.why(SUBJECT, Window.H24)

    assert (before.volume, dropped.volume) == (len(told), len(told) - 1)
    assert dropped.first_post_id != before.first_post_id
    assert restored == before


async def test_a_worker_without_rounds_follows_the_posts(db: Database, days: list[Post]) -> None:
    """What is counted elsewhere is in the answers here, the newest too."""
    clock, store = Clock(), PostStore(db)
    clock.now = START + 4 * DAY
    await store.add_many(days[:-20])
    asked = _analyser(db, clock, 10_000)
    await asked.follow()
    await store.add_many(days[-20:])
    await _analyser(db, clock, 10_000).run()

    why = await asked.why(SUBJECT, Window.H24)

    assert why.volume == sum(SUBJECT in post.text for post in days)


async def test_a_window_that_empties_is_filled_anew(db: Database) -> None:
    """After a flood only a share of it was held; when it is gone, every post counts again."""
    clock, store, talk = Clock(), PostStore(db), Talk(5)
    clock.now = START + DAY
    await store.add_many(talk.posts(START, 23, 40, about=SUBJECT, share=0.1))
    analyser = _analyser(db, clock, 100)
    await analyser.run()
    late = talk.posts(START + 2 * DAY, 2, 10, about=SUBJECT, share=1.0)
    await store.add_many([replace(post, author=f"late{n}") for n, post in enumerate(late)])
    clock.now = START + 2 * DAY + timedelta(hours=3)

    await analyser.run()

    assert (await analyser.why(SUBJECT, Window.H6)).volume == len(late)


async def test_old_trends_are_not_brought_back(db: Database, days: list[Post]) -> None:
    """A process that was held up in a round saves nothing over a later one's result."""
    store, trends = PostStore(db), TrendStore(db)
    await store.add_many(days)
    clock = Clock()
    clock.now = START + 4 * DAY
    await _analyser(db, clock, 10_000).run()
    _, newest = await trends.snapshot(Window.H24)

    assert not await trends.save(Window.H24, clock.now - STEP, [])

    assert await trends.snapshot(Window.H24) == (clock.now, newest)


async def test_trends_are_renewed_at_once_after_an_import(db: Database, days: list[Post]) -> None:
    """Many posts that came into a window, among more outside of it, do not wait for its turn."""
    store, clock = PostStore(db), Clock()
    clock.now = START + 4 * DAY
    earlier = [post for post in days if post.created_at <= START + 3 * DAY]
    stored = earlier + days[len(earlier) :: 2]
    await store.add_many(stored)
    first, second = (_analyser(db, clock, 10_000) for _ in range(2))
    await first.run()
    before = await TrendStore(db).posts_known(Window.H24)
    clock.now += timedelta(seconds=30)

    assert Window.H24 not in (await first.run()).windows
    await store.add_many(days)

    assert len(days) < 1.2 * len(stored)
    assert Window.H24 in (await second.run()).windows
    assert await TrendStore(db).posts_known(Window.H24) > 1.2 * before
    assert (await TrendStore(db).latest(Window.H24))[0].at == clock.now


async def test_before_the_first_round_trends_are_found_once_for_all(
    db: Database, days: list[Post], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks meanwhile waits for the same answer, and may want fewer of them."""
    clock = Clock()
    clock.now = START + 4 * DAY
    await PostStore(db).add_many(days)
    analyser, rounds = _analyser(db, clock, 10_000), 0
    await analyser.catch_up()
    find = analyser.trends

    async def counted(*given: Any) -> list[Trend]:
        nonlocal rounds
        rounds += 1
        return await find(*given)

    monkeypatch.setattr(analyser, "trends", counted)
    answers = await asyncio.gather(*(analyser.current(Window.H24, n) for n in (1, 30, 30)))

    assert rounds == 1
    assert answers[0][0].key == SUBJECT
    assert answers[1] == answers[2]
    assert len(answers[0]) == 1
