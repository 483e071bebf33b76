"""The cache as its users see it: one flight, two levels, and nothing that can break it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest

from bot.errors import SourceDown, StorageError
from bot.ports import Database, SharedCache, Transaction
from bot.services.cache_levels import MemoryLevel, key_of
from bot.services.cache_redis import RedisCache
from bot.services.cache_service import LARGEST_BYTES, CacheService
from bot.storage.cache import CacheStore
from tests.redis_server import SERVER, RedisServer

TTL = timedelta(minutes=10)


class Clock:
    """Monotonic seconds that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Maker:
    """Counts how often it is asked; waits until it may answer."""

    def __init__(self, body: bytes = b"made", *, error: Exception | None = None) -> None:
        self.body = body
        self.error = error
        self.times = 0
        self.cancelled = 0
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.began = asyncio.Event()

    async def __call__(self) -> bytes:
        self.times += 1
        self.began.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error:
            raise self.error
        return self.body


@asynccontextmanager
async def process(shared: SharedCache, **more: Any) -> AsyncIterator[CacheService]:
    """A cache as one process has it, with nothing to wait for at a flush."""
    cache = CacheService(shared, **{"flush_after_s": 0.0, "chance": lambda: 0.999999} | more)
    cache.start()
    try:
        yield cache
    finally:
        await cache.close()


@pytest.fixture
async def cache(db: Database) -> AsyncIterator[CacheService]:
    async with process(CacheStore(db)) as here:
        yield here


async def test_it_is_made_once_for_all_who_ask(cache: CacheService) -> None:
    make = Maker()
    make.may_end.clear()
    asking = [asyncio.create_task(cache.get_or_make("t:1", make, TTL)) for _ in range(100)]
    await make.began.wait()
    make.may_end.set()
    answers = await asyncio.gather(*asking)
    later = await cache.get_or_make("t:1", make, TTL)

    stats = cache.stats()
    assert {*answers, later} == {b"made"}
    assert make.times == 1
    assert (stats.misses, stats.joined, stats.hits_memory) == (1, 99, 1)


async def test_a_cancelled_leader_does_not_fail_the_others(cache: CacheService) -> None:
    make = Maker()
    make.may_end.clear()
    leader = asyncio.create_task(cache.get_or_make("t:1", make, TTL))
    await make.began.wait()
    other = asyncio.create_task(cache.get_or_make("t:1", make, TTL))
    await asyncio.sleep(0)
    leader.cancel()
    await asyncio.wait([leader])
    make.may_end.set()

    assert leader.cancelled()
    assert await other == b"made"
    assert (make.times, make.cancelled) == (1, 0)


async def test_what_nobody_waits_for_any_more_is_given_up(cache: CacheService) -> None:
    make = Maker()
    make.may_end.clear()
    asking = [asyncio.create_task(cache.get_or_make("t:1", make, TTL)) for _ in range(3)]
    await make.began.wait()
    for task in asking:
        task.cancel()
    await asyncio.wait(asking)
    make.may_end.set()

    assert await cache.get_or_make("t:1", make, TTL) == b"made"
    assert (make.times, make.cancelled) == (2, 1)


async def test_an_error_reaches_all_and_is_not_kept(cache: CacheService) -> None:
    make = Maker(error=SourceDown("no"))
    make.may_end.clear()
    asking = [asyncio.create_task(cache.get_or_make("t:1", make, TTL)) for _ in range(5)]
    await make.began.wait()
    make.may_end.set()
    outcomes = await asyncio.gather(*asking, return_exceptions=True)
    make.error = None

    assert [type(outcome) for outcome in outcomes] == [SourceDown] * 5
    assert await cache.get_or_make("t:1", make, TTL) == b"made"
    assert make.times == 2


async def test_a_make_that_is_cancelled_from_within_is_an_error(cache: CacheService) -> None:
    """Else the asker would seem to be cancelled itself."""

    async def gives_up() -> bytes:
        raise asyncio.CancelledError

    with pytest.raises(StorageError):
        await cache.get_or_make("t:1", gives_up, TTL)


async def test_processes_share_what_was_made(db: Database) -> None:
    make = Maker(b"\x00\xff")
    async with process(CacheStore(db)) as first:
        await first.get_or_make("t:1", make, TTL)
    async with process(CacheStore(db)) as second:
        assert await second.get_or_make("t:1", make, TTL) == b"\x00\xff"
        assert await second.get("t:1") == b"\x00\xff"
        assert await second.get("t:2") is None
        report = await second.report()

    assert make.times == 1
    assert (report.process.hits_shared, report.process.hits_memory) == (1, 1)
    assert report.shared is not None
    assert report.shared.entries == 1
    assert report.shared.counts == {"misses": 2, "hits_shared": 1, "hits_memory": 1}


async def test_what_another_process_forgot_is_forgotten_here_soon(db: Database) -> None:
    make, clock = Maker(), Clock()
    async with process(CacheStore(db), monotonic=clock) as one, process(CacheStore(db)) as other:
        await one.get_or_make("t:1", make, TTL)
        await one.report()  # all is written
        await other.forget("t:1")

        await one.get_or_make("t:1", make, TTL)
        assert make.times == 1
        clock.now += 31
        await one.get_or_make("t:1", make, TTL)
        assert make.times == 2


async def test_what_is_forgotten_while_it_is_made_is_not_kept(cache: CacheService) -> None:
    """It was made of what was there before."""
    old, new = Maker(b"old"), Maker(b"new")
    old.may_end.clear()
    asking = asyncio.create_task(cache.get_or_make("t:1", old, TTL))
    await old.began.wait()
    await cache.forget("t:1")
    fresh = await cache.get_or_make("t:1", new, TTL)
    old.may_end.set()

    assert await asking == b"old"
    assert fresh == b"new"
    assert await cache.get("t:1") == b"new"


async def test_put_wins_over_what_is_being_made(cache: CacheService) -> None:
    make = Maker(b"made")
    make.may_end.clear()
    asking = asyncio.create_task(cache.get_or_make("t:1", make, TTL))
    await make.began.wait()
    await cache.put("t:1", b"put", TTL)
    make.may_end.set()
    await asking

    assert await cache.get("t:1") == b"put"


async def test_memory_expires_by_its_own_clock(db: Database) -> None:
    make, clock = Maker(), Clock()
    async with process(CacheStore(db), monotonic=clock) as cache:
        await cache.get_or_make("t:1", make, timedelta(milliseconds=50))
        clock.now += 0.049
        assert await cache.get_or_make("t:1", make, TTL) == b"made"
        assert make.times == 1
        clock.now += 0.002
        await asyncio.sleep(0.2)  # the shared level goes by the database's clock
        await cache.get_or_make("t:1", make, TTL)

    assert make.times == 2


async def test_a_dear_value_is_made_again_before_it_is_missed(db: Database) -> None:
    """In the background: who asks meanwhile gets the old one at once."""
    clock = Clock()
    bodies = iter([b"old", b"new"])
    chance = 0.999999
    may_end, ended = asyncio.Event(), asyncio.Event()
    may_end.set()

    async def make() -> bytes:
        await may_end.wait()
        clock.now += 5  # it takes five seconds
        ended.set()
        return next(bodies)

    async with process(CacheStore(db), monotonic=clock, chance=lambda: chance) as cache:
        assert await cache.get_or_make("t:1", make, timedelta(seconds=20)) == b"old"
        await cache.report()
        await db.execute("DELETE FROM cache")  # its clock stands still beside ours
        may_end.clear()
        ended.clear()
        clock.now += 17
        assert await cache.get_or_make("t:1", make, TTL) == b"old"
        assert cache.stats().refreshed == 0
        chance = 0.5  # an early moment of 5 s * ln 2 before the end
        assert await cache.get_or_make("t:1", make, TTL) == b"old"
        assert await cache.get_or_make("t:1", make, TTL) == b"old"
        may_end.set()
        await ended.wait()
        async with asyncio.timeout(20):
            while await cache.get("t:1") != b"new":  # noqa: ASYNC110 - the flight has no event
                await asyncio.sleep(0.01)

        assert cache.stats().refreshed == 1


async def test_a_failed_renewal_is_logged_and_the_old_value_stays(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    make = Maker(b"old")
    async with process(CacheStore(db), monotonic=clock, chance=lambda: 0.0) as cache:
        await cache.put("t:1", b"old", TTL)
        assert cache.stats().refreshed == 0  # what cost nothing is never renewed early

        async def slow() -> bytes:
            clock.now += 1
            return await make()

        await cache.get_or_make("t:2", slow, timedelta(seconds=20))
        await cache.report()
        await db.execute("DELETE FROM cache")
        make.error = SourceDown("gone")
        clock.now += 19
        assert await cache.get_or_make("t:2", slow, TTL) == b"old"
        async with asyncio.timeout(20):
            while "could not be renewed" not in caplog.text:  # noqa: ASYNC110 - a log has no event
                await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "spoilt",
    [
        b"",
        b"H1",
        b"not ours at all, and long enough",
        b"H1\x00\x00\x00\x00\x00\x00\x00\x00wrong checksum",
        "another's",
    ],
)
async def test_a_spoilt_entry_is_a_miss(db: Database, spoilt: bytes | str) -> None:
    async with process(CacheStore(db)) as cache:
        await cache.put("t:1", b"right", TTL)
        await cache.put("t:2", b"another's", TTL)
    if isinstance(spoilt, str):
        row = await db.fetch_one("SELECT body FROM cache WHERE name=?", (key_of("t:2"),))
        assert row is not None
        spoilt = bytes(row[0])
    changed = await db.execute("UPDATE cache SET body=? WHERE name=?", (spoilt, key_of("t:1")))
    make = Maker(b"again")
    async with process(CacheStore(db)) as cache:
        assert changed == 1
        assert await cache.get_or_make("t:1", make, TTL) == b"again"


async def test_a_value_of_another_form_is_made_anew(cache: CacheService) -> None:
    """As after an update of the program."""
    await cache.put("t:1", b"{}", TTL)

    async def make() -> int:
        return 7

    got = await cache.get_or_make_as("t:1", make, TTL, lambda n: str(n).encode(), int)
    assert got == 7
    assert await cache.get("t:1") == b"7"


async def test_a_large_value_is_handed_out_and_not_kept(cache: CacheService) -> None:
    make = Maker(bytes(LARGEST_BYTES + 1))
    for _ in range(2):
        assert len(await cache.get_or_make("t:1", make, TTL)) == LARGEST_BYTES + 1

    assert make.times == 2
    assert cache.stats().bytes == 0


async def test_clearing_forgets_here_and_there(cache: CacheService, db: Database) -> None:
    make = Maker()
    await cache.get_or_make("t:1", make, TTL)
    await cache.report()
    assert await cache.clear() == 1
    await cache.get_or_make("t:1", make, TTL)

    assert make.times == 2
    assert cache.stats().hits == 0


def test_memory_is_limited_in_bytes() -> None:
    """The least recently used goes, and what takes an eighth of the room is not kept at all."""
    from bot.services.cache_levels import Entry

    memory = MemoryLevel(100_000, Clock())
    for number in range(50):
        memory.put(f"t:{number}", Entry(bytes(9500), 0.0, 2000.0, 0.0))
        memory.get("t:0")
    memory.put("t:big", Entry(bytes(20_000), 0.0, 2000.0, 0.0))

    assert memory.size() == (10, 100_000)
    assert memory.get("t:0") is not None
    assert memory.get("t:1") is None
    assert memory.get("t:big") is None


@pytest.mark.parametrize("name", ["", "nothing", ":x", "Upper:x", "a b:x", "x" * 33 + ":x"])
def test_a_name_says_whose_it_is(name: str) -> None:
    with pytest.raises(ValueError, match="namespace:what"):
        key_of(name)


def test_a_key_shows_nothing_of_what_was_asked() -> None:
    key = key_of("search:" + "رمز من hunter2 " * 50)

    assert key.startswith("search:")
    assert len(key) == len("search:") + 32
    assert key != key_of("search:other")
    assert key.isascii()


@pytest.mark.sqlite
async def test_a_reader_does_not_wait_for_writers(db: Database) -> None:
    """While something long is being written, the cache answers from both levels."""
    held, let_go = threading.Event(), threading.Event()

    async def long_write(tx: Transaction) -> None:
        held.set()
        let_go.wait(60)

    async with process(CacheStore(db)) as one, process(CacheStore(db)) as other:
        await one.put("t:1", b"kept", TTL)
        await one.report()
        writing = asyncio.create_task(db.write(long_write))
        try:
            await asyncio.to_thread(held.wait, 60)
            async with asyncio.timeout(20):
                assert await other.get("t:1") == b"kept"
                assert await one.get_or_make("t:2", Maker(b"new"), TTL) == b"new"
                assert await one.get("t:2") == b"new"
            assert not writing.done()
        finally:
            let_go.set()
            await writing


# --- a level that is down


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    if SERVER is None:
        pytest.skip("no Redis server is installed")
    server = RedisServer()
    server.start()
    yield server
    server.thaw_if_frozen()
    server.kill()


async def test_redis_may_come_and_go(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody hears of it but the log, and the log once."""
    caplog.set_level(logging.WARNING)
    clock, make = Clock(), Maker()
    async with process(RedisCache(redis_server.url, "x"), monotonic=clock) as cache:
        await cache.get_or_make("t:0", make, TTL)
        redis_server.kill()
        for number in range(1, 20):
            clock.now += 6  # no longer than a level rests after a failure
            assert await cache.get_or_make(f"t:{number}", make, TTL) == b"made"
            assert await cache.get_or_make("t:0", make, TTL) == b"made"
        assert make.times == 20
        assert (await cache.report()).shared is None
        warnings = [r for r in caplog.records if "does not answer" in r.message]
        assert len(warnings) == 1

        redis_server.start()
        clock.now += 6
        await cache.get_or_make("t:back", make, TTL)
        report = await cache.report()
        assert report.shared is not None
        assert report.shared.entries == 1


async def test_a_frozen_redis_costs_a_moment_and_then_nothing(redis_server: RedisServer) -> None:
    """It holds its connections and says nothing: after one wait it is left alone for a while."""
    make = Maker()
    loop = asyncio.get_running_loop()
    async with process(RedisCache(redis_server.url, "x")) as cache:
        await cache.get_or_make("t:0", make, TTL)
        redis_server.freeze()
        await cache.get_or_make("t:1", make, TTL)
        started = loop.time()
        for number in range(2, 50):
            await cache.get_or_make(f"t:{number}", make, TTL)
        took = loop.time() - started
        redis_server.thaw()

    assert make.times == 50
    assert took < 5


async def test_a_database_that_is_gone_costs_a_miss(db: Database) -> None:
    """The table is away: what is asked is made."""
    make = Maker()
    await db.execute("DROP TABLE cache")
    async with process(CacheStore(db)) as cache:
        assert await cache.get_or_make("t:1", make, TTL) == b"made"
        assert await cache.get_or_make("t:1", make, TTL) == b"made"
        await cache.forget("t:1")
        assert (await cache.report()).shared is None
        with suppress(StorageError):
            await cache.clear()

    assert make.times == 1


async def test_closing_ends_what_is_being_made(db: Database) -> None:
    make = Maker()
    make.may_end.clear()
    asking: Awaitable[bytes]
    async with process(CacheStore(db)) as cache:
        asking = asyncio.create_task(cache.get_or_make("t:1", make, TTL))
        await make.began.wait()
    with pytest.raises(StorageError):
        await asking

    assert make.cancelled == 1


Ask = Callable[[], Awaitable[bytes]]


async def test_many_processes_under_random_cancelling(db: Database) -> None:
    """Whoever is not cancelled gets a right answer; nothing is left behind."""
    caches = [CacheService(CacheStore(db), flush_after_s=0.0) for _ in range(3)]
    for cache in caches:
        cache.start()
    tasks: list[asyncio.Task[bytes]] = []
    for number in range(600):
        name = f"t:{number % 7}"

        async def make(name: str = name) -> bytes:
            await asyncio.sleep(0.001)
            return name.encode()

        task = asyncio.create_task(
            caches[number % 3].get_or_make(name, make, timedelta(milliseconds=20)), name=name
        )
        tasks.append(task)
        if number % 5 == 0:
            asyncio.get_running_loop().call_later(0.0005 * (number % 9), task.cancel)
        if number % 50 == 0:
            await asyncio.sleep(0.01)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for cache in caches:
        await cache.close()

    wrong = [
        outcome
        for task, outcome in zip(tasks, outcomes, strict=True)
        if outcome != task.get_name().encode() and not isinstance(outcome, asyncio.CancelledError)
    ]
    assert wrong == []
    assert sum(isinstance(o, bytes) for o in outcomes) >= 480
