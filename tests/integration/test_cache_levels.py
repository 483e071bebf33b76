"""The shared levels of the cache keep one contract: a table on each database, and Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from bot.errors import StorageError
from bot.ports import Database, SharedCache
from bot.services.cache_redis import RedisCache
from bot.storage.cache import CacheStore, database_id
from tests.redis_server import SERVER, RedisServer

Open = Callable[[int], Awaitable[SharedCache]]
_ENTRY = 2000
_MINUTE = 60_000


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    if SERVER is None:
        pytest.skip("no Redis server is installed")
    server = RedisServer()
    server.start()
    yield server
    server.kill()


@pytest.fixture(params=["database", "redis"])
async def level(request: pytest.FixtureRequest, db: Database) -> AsyncIterator[Open]:
    """A way to open the level with a limit in bytes."""
    opened: list[SharedCache] = []

    async def of(limit_bytes: int) -> SharedCache:
        cache: SharedCache
        if request.param == "redis":
            server = request.getfixturevalue("redis_server")
            cache = RedisCache(server.url, await database_id(db), limit_bytes)
        else:
            cache = CacheStore(db, limit_bytes)
        opened.append(cache)
        return cache

    yield of
    for cache in opened:
        await cache.close()


async def test_what_is_put_is_there_until_it_expires(level: Open) -> None:
    cache = await level(10**6)
    await cache.put_many([("a:1", b"\x00one\xff", _MINUTE), ("a:2", b"", _MINUTE)])
    await cache.put_many([("a:3", b"short", 40), ("a:1", b"other", _MINUTE)])

    found = await cache.get("a:1")
    assert found is not None
    assert found[0] == b"other"
    assert 0 < found[1] <= _MINUTE
    assert (await cache.get("a:2") or (None,))[0] == b""
    assert await cache.get("a:4") is None
    async with asyncio.timeout(20):
        while await cache.get("a:3") is not None:  # noqa: ASYNC110 - no event: it is another's clock
            await asyncio.sleep(0.02)


async def test_the_least_recently_used_goes_when_there_is_no_room(level: Open) -> None:
    """The limit is in bytes; what was used lately stays, however old it is."""
    cache = await level(10 * _ENTRY)
    for number in range(6):
        await cache.put_many([(f"a:{number}", bytes(_ENTRY - 300), _MINUTE)])
        await asyncio.sleep(0.005)  # the clocks of the levels count milliseconds
    await cache.put_many([], used=["a:0"])
    await asyncio.sleep(0.005)
    await cache.put_many([(f"b:{n}", bytes(_ENTRY - 300), _MINUTE) for n in range(6)])

    usage = await cache.usage()
    kept = [n for n in range(6) if await cache.get(f"a:{n}") is not None]
    assert usage.bytes <= usage.limit_bytes
    assert usage.entries >= 7
    assert 0 in kept
    assert 1 not in kept
    assert all([await cache.get(f"b:{n}") for n in range(6)])


async def test_a_replaced_entry_takes_its_room_once(level: Open) -> None:
    cache = await level(10**6)
    for size in (5000, 100, 3000):
        await cache.put_many([("a:1", bytes(size), _MINUTE)])

    usage = await cache.usage()
    assert usage.entries == 1
    assert 3000 <= usage.bytes <= 3700


async def test_many_large_entries_pass_in_one_batch(level: Open) -> None:
    """More than a server accepts in one statement."""
    cache = await level(10**8)
    entries = [(f"a:{n}", bytes([n]) * 2**20, _MINUTE) for n in range(24)]
    await cache.put_many(entries)

    assert (await cache.usage()).entries == 24
    assert (await cache.get("a:23") or (None,))[0] == entries[23][1]


async def test_forgetting_and_clearing(level: Open) -> None:
    cache = await level(10**6)
    await cache.put_many([(f"a:{n}", b"x", _MINUTE) for n in range(3)], counts={"misses": 3})
    await cache.forget("a:0")
    await cache.forget("a:never")

    assert await cache.get("a:0") is None
    assert await cache.clear() == 2
    usage = await cache.usage()
    assert (usage.entries, usage.bytes, dict(usage.counts)) == (0, 0, {})


async def test_counts_of_several_processes_add_up(level: Open) -> None:
    """None is lost between processes that count at the same moment."""
    caches = [await level(10**6) for _ in range(4)]
    async with asyncio.TaskGroup() as group:
        for number in range(40):
            group.create_task(
                caches[number % 4].put_many([], counts={"hits_memory": 2, f"k{number % 2}": 1})
            )

    counts = (await caches[0].usage()).counts
    assert dict(counts) == {"hits_memory": 80, "k0": 20, "k1": 20}


async def test_an_installation_has_one_name_for_life(db: Database) -> None:
    names = await asyncio.gather(*(database_id(db) for _ in range(8)))

    assert len(set(names)) == 1
    assert len(names[0]) == 16


async def test_two_installations_may_share_a_redis(redis_server: RedisServer) -> None:
    one, other = (RedisCache(redis_server.url, name) for name in ("one", "other"))
    try:
        await one.put_many([("a:1", b"one", _MINUTE)])
        await other.put_many([("a:1", b"other", _MINUTE)])

        assert await one.clear() == 1
        assert (await other.get("a:1") or (None,))[0] == b"other"
    finally:
        await one.close()
        await other.close()


async def test_a_redis_that_is_not_there_is_an_error_of_storage() -> None:
    """In the words that the cache expects, with no password in them."""
    cache = RedisCache("redis://:secret@127.0.0.1:1/0", "x")
    with pytest.raises(StorageError, match=r"^Redis at 127\.0\.0\.1 does not answer") as failed:
        await cache.get("a:1")
    await cache.close()

    assert "secret" not in str(failed.value)
