"""Several processes store posts at once: ids in the order of commits, nothing lost or doubled."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.features.intake import Intake
from bot.models.post import DropReason, Engagement, Post
from bot.ports import Database
from bot.services.db_service import open_database
from bot.services.migrations import migrate
from bot.storage.origins import OriginStore
from bot.storage.posts import PostStore
from bot.storage.sources import SourceStore
from tests.mariadb import MariaDb
from tests.storing_process import BATCH, BATCHES, STORIES, batches, post

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = ("one", "two", "three")


@pytest.fixture
async def shared(
    request: pytest.FixtureRequest, tmp_path: Path, db: Database
) -> AsyncIterator[Any]:
    """The address of a migrated database of its own, and the database."""
    if request.config.getoption("--database") != "mysql":
        yield f"sqlite:///{tmp_path}/hoshyar.db", db
        return
    server: MariaDb = request.getfixturevalue("mariadb")
    url = await server.new_database()
    other = await open_database(url)
    try:
        await migrate(other)
        yield url, other
    finally:
        await other.close()
        await server.drop_database(url)


async def _started(url: str, name: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.storing_process", url, name, "5"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(120):
        assert await process.stdout.readline() == b"ready\n"
    return process


async def _follow(posts: PostStore, done: asyncio.Event) -> list[int]:
    """What a reader sees that goes on from the last id it has seen."""
    seen: list[int] = []
    while True:
        is_last = done.is_set()
        page = await posts.after(seen[-1] if seen else 0, 7, kept_only=False)
        seen += [one.id for one in page]
        if is_last and not page:
            return seen
        await asyncio.sleep(0)


async def test_three_processes_lose_and_double_nothing(shared: Any) -> None:
    """Dense ids, a follower that misses none, copies known across processes, likes that grow."""
    url, db = shared
    posts, done = PostStore(db), asyncio.Event()
    processes = [await _started(url, name) for name in PROCESSES]
    following = asyncio.create_task(_follow(posts, done))

    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
    async with asyncio.timeout(240):
        codes = [await process.wait() for process in processes]
    done.set()
    seen = await following

    offered = [one for name in PROCESSES for batch in batches(name, 5) for one in batch]
    assert codes == [0, 0, 0]
    assert len(offered) == len(PROCESSES) * BATCHES * BATCH
    stored = await posts.after(0, 10_000, kept_only=False)
    names = [one.external_id for one in stored]
    assert Counter(names) == Counter({one.external_id: 1 for one in offered})
    assert seen == [one.id for one in stored] == list(range(1, len(stored) + 1))
    assert await posts.count() == await posts.head() == len(stored)
    most = Counter[str]()
    for one in offered:
        most[one.external_id] = max(most[one.external_id], one.engagement.likes)
    assert {one.external_id: one.engagement.likes for one in stored} == dict(most)
    fates: dict[str, list[Post]] = {}
    for one in stored:
        if one.drop in (None, DropReason.DUPLICATE):  # a made-up word may look like abuse
            fates.setdefault(one.external_id.split("-")[0], []).append(one)
    assert len(fates) > STORIES * 0.9
    for first, *copies in fates.values():
        assert first.drop is None
        assert all(copy.duplicate_of == first.id for copy in copies)
    etags = {source.name: source.etag for source in await SourceStore(db).all()}
    assert {etags[name] for name in PROCESSES} == {str(BATCHES)}


async def test_nothing_is_stored_at_a_head_that_moved(db: Database) -> None:
    """Not the posts, not the likes, not the source: whoever was late tries again as a whole."""
    posts = PostStore(db)
    (first,) = (await posts.add_many([post(1, 0, 5)])).new

    late = replace(post(2, 0, 0), id=1)
    assert not await posts.add_new(0, [late], [replace(first, engagement=Engagement(likes=9))])

    (stored,) = await posts.after(0, 10)
    assert (stored.external_id, stored.engagement.likes) == ("1-0", 5)
    assert await posts.head() == await posts.count() == 1
    with pytest.raises(ValueError, match="ids"):
        await posts.add_new(1, [late])


class _Overtaken(PostStore):
    """A store in which, the first time, somebody else stores a post just before."""

    def __init__(self, db: Database, other: Intake, batch: list[Post]) -> None:
        super().__init__(db)
        self.other, self.batch = other, batch

    async def add_new(self, *args: Any, **more: Any) -> bool:
        if self.batch:
            batch, self.batch = self.batch, []
            await self.other.take(batch)
        return await super().add_new(*args, **more)


async def test_who_is_overtaken_learns_what_was_said(db: Database) -> None:
    """The same words, stored by another between the look and the storing, are a copy; so are
    nearly the same ones; the same post is known."""
    other = Intake(PostStore(db), OriginStore(db))
    said = post(1, 0, 0)
    near = replace(said, external_id="near", text=f"فوری {said.text.rsplit(' ', 1)[0]}")
    store = _Overtaken(db, other, [said, post(2, 0, 3)])
    intake = Intake(store, OriginStore(db))

    taken = await intake.take([post(1, 1, 0), near, post(2, 0, 8), post(3, 0, 0)])

    exact, nearly, own = taken.new
    assert (taken.known, own.drop, own.id) == (1, None, 5)
    assert (exact.drop, exact.duplicate_of) == (DropReason.DUPLICATE, 1)
    assert (nearly.drop, nearly.duplicate_of) == (DropReason.NEAR_DUPLICATE, 1)
    stored = await PostStore(db).after(0, 10, kept_only=False)
    assert [one.id for one in stored] == [1, 2, 3, 4, 5]
    assert stored[1].engagement.likes == 8


async def test_what_was_not_stored_is_no_original(db: Database) -> None:
    """A batch that is marked twice does not find itself, nor the posts whose ids it had."""
    other = Intake(PostStore(db), OriginStore(db))
    store = _Overtaken(db, other, [post(9, 0, 0)])
    intake = Intake(store, OriginStore(db))
    await intake.take([post(8, 0, 0)])
    store.batch = [post(7, 0, 0)]

    taken = await intake.take([post(6, 0, 0), post(6, 1, 0), post(7, 1, 0)])

    first, copy, late = taken.new
    assert (first.drop, copy.duplicate_of) == (None, first.id)
    assert late.duplicate_of == (await PostStore(db).after(2, 1))[0].id == first.id - 1
