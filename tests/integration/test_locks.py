"""Leases: one holder at a time, and a holder that has lost it writes nothing any more."""

from __future__ import annotations

import asyncio
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import LeaseLost, LockTimeout, StorageError
from bot.models.work import Lease
from bot.ports import Database, Transaction
from bot.services.db_locks import KeyedLocks, Leases
from bot.storage.leases import LeaseStore, fence
from bot.storage.workers import WorkerStore
from tests.lock_processes import Child, make_tables

LONG = timedelta(minutes=5)
SHORT = timedelta(seconds=1)
WAIT = timedelta(seconds=60)


@pytest.fixture
def store(db: Database) -> LeaseStore:
    return LeaseStore(db)


@pytest.fixture
def leases(store: LeaseStore) -> Leases:
    return Leases(store, "me")


async def _expire(db: Database, name: str) -> None:
    """As if the time had passed."""
    assert await db.execute("UPDATE leases SET expires_ms = 1 WHERE name = ?", (name,)) == 1


async def test_a_lease_has_one_holder(store: LeaseStore) -> None:
    """While one holds it, another gets nothing; who holds it can be asked."""
    first = await store.acquire("x", "a", LONG)

    assert first == Lease("x", 1, "a")
    assert await store.acquire("x", "b", LONG) is None
    assert await store.acquire("x", "a", LONG) is None
    assert await store.holder("x") == first
    assert await store.holder("y") is None


async def test_the_token_grows_with_every_holder(db: Database, store: LeaseStore) -> None:
    """After a release and after an expiry the next one gets a higher token."""
    first = await store.acquire("x", "a", LONG)
    assert first is not None
    await store.release(first)
    second = await store.acquire("x", "b", LONG)
    await _expire(db, "x")
    third = await store.acquire("x", "c", LONG)

    assert second == Lease("x", 2, "b")
    assert third == Lease("x", 3, "c")


async def test_a_release_that_comes_late_frees_nothing(db: Database, store: LeaseStore) -> None:
    """Whoever lost the lease cannot give away what the next one holds."""
    first = await store.acquire("x", "a", LONG)
    assert first is not None
    await _expire(db, "x")
    second = await store.acquire("x", "b", LONG)

    await store.release(first)

    assert await store.holder("x") == second


async def test_a_renewal_with_equal_values_counts(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two renewals in one millisecond write the same numbers; the second is no loss."""
    monkeypatch.setattr(db.dialect, "now_ms", "1700000000000")
    store = LeaseStore(db)
    lease = await store.acquire("x", "a", LONG)
    assert lease is not None

    renewals = [await store.renew(lease, LONG) for _ in range(3)]

    assert renewals == [True, True, True]


async def test_an_expired_lease_is_lost_also_when_nobody_took_it(
    db: Database, store: LeaseStore
) -> None:
    """It cannot be renewed and does not pass the fence."""
    lease = await store.acquire("x", "a", LONG)
    assert lease is not None
    await _expire(db, "x")

    assert not await store.renew(lease, LONG)
    with pytest.raises(LeaseLost, match="no longer held by a"):
        await db.write(lambda tx: fence(tx, lease))


async def test_a_clock_that_was_set_back_keeps_no_lease_for_ever(
    db: Database, store: LeaseStore
) -> None:
    """An expiry further away than any renewal can have put it counts as none."""
    lease = await store.acquire("x", "a", SHORT)
    assert lease is not None
    await db.execute("UPDATE leases SET expires_ms = expires_ms + 3600000")

    assert await store.acquire("x", "b", SHORT) == Lease("x", 2, "b")


async def test_what_is_behind_a_lost_fence_is_not_written(db: Database, store: LeaseStore) -> None:
    """The whole unit is taken back, and the new holder's goes through."""
    await make_tables(db)
    old = await store.acquire("x", "a", LONG)
    await _expire(db, "x")
    new = await store.acquire("x", "b", LONG)
    assert old is not None
    assert new is not None

    async def write(lease: Lease) -> None:
        async def unit(tx: Transaction) -> None:
            await tx.execute(
                "INSERT INTO written (writer, token) VALUES (?, ?)", (lease.owner, lease.token)
            )
            await fence(tx, lease)

        await db.write(unit)

    with pytest.raises(LeaseLost):
        await write(old)
    await write(new)

    assert await db.fetch_all("SELECT writer, token FROM written") == [("b", 2)]


async def test_a_take_over_waits_for_the_fenced_transaction(
    db: Database, store: LeaseStore
) -> None:
    """What passed the fence is committed before another can hold the lease."""
    if db.dialect.name == "sqlite":
        pytest.skip("one writer: a transaction cannot wait in its middle")
    lease = await store.acquire("x", "a", SHORT)
    assert lease is not None
    fenced, go_on = asyncio.Event(), asyncio.Event()

    async def unit(tx: Transaction) -> None:
        await fence(tx, lease)
        fenced.set()
        await go_on.wait()

    writing = asyncio.create_task(db.write(unit))
    await fenced.wait()
    await asyncio.sleep(SHORT.total_seconds() * 1.2)
    assert await store.holder("x") is None  # it has run out
    taking = asyncio.create_task(store.acquire("x", "b", LONG))
    done, _ = await asyncio.wait([taking], timeout=0.5)
    assert not done
    go_on.set()

    await writing
    assert await taking == Lease("x", 2, "b")


async def test_of_sixteen_racers_one_wins_each_round(
    db: Database, address: str, tmp_path: Path
) -> None:
    """Four processes with four racers each, twenty leases, new and old."""
    store = LeaseStore(db)
    for number in range(0, 20, 2):  # half of them were held before
        lease = await store.acquire(f"round-{number}", "before", LONG)
        assert lease is not None
        await store.release(lease)
    start = tmp_path / "start"
    children = [Child("race", address, racers=4, rounds=20, start=str(start)) for _ in range(4)]
    won: list[list[object]] = []
    for child in children:
        await child.__aenter__()
    try:
        for child in children:
            await child.until("ready")
        start.touch()
        for child in children:
            for _ in range(20):
                won.extend((await child.line())["won"])
            assert await child.line() == {"done": True}
    finally:
        for child in children:
            await child.__aexit__()

    expected = [[f"round-{n}", 2 if n % 2 == 0 else 1] for n in range(20)]
    assert sorted(won) == sorted(expected)


async def test_holding_goes_on_for_longer_than_the_ttl(leases: Leases, store: LeaseStore) -> None:
    """It renews by itself, and is free for the next one at once when it ends."""
    async with leases.hold("x", SHORT) as lease:
        await asyncio.sleep(SHORT.total_seconds() * 2.5)
        assert await store.holder("x") == lease

    assert await store.holder("x") is None
    assert await store.acquire("x", "other", LONG) == Lease("x", 2, "other")


async def test_what_is_held_is_refused_at_once_or_waited_for(
    leases: Leases, store: LeaseStore
) -> None:
    """Without `wait` LockTimeout comes at once, with it when the time is over, or the lease."""
    async with leases.hold("x", LONG) as first:
        with pytest.raises(LockTimeout, match="'x' is held"):
            async with leases.hold("x", LONG):
                pytest.fail("two hold it")
        with pytest.raises(LockTimeout):
            async with leases.hold("x", LONG, wait=timedelta(seconds=0.3)):
                pytest.fail("two hold it")
        waiting = asyncio.create_task(_enter(leases, "x"))
        await asyncio.sleep(0.2)
        assert not waiting.done()

    second = await asyncio.wait_for(waiting, 30)
    assert second.token == first.token + 1


async def _enter(leases: Leases, name: str) -> Lease:
    async with leases.hold(name, LONG, wait=WAIT) as lease:
        return lease


async def test_the_body_ends_when_the_lease_is_taken(
    db: Database, leases: Leases, store: LeaseStore
) -> None:
    """A refused renewal cancels what runs under the lease; the new holder keeps it."""

    async def work() -> None:
        async with leases.hold("x", SHORT):
            await _expire(db, "x")
            await store.acquire("x", "other", LONG)
            await asyncio.sleep(60)
            pytest.fail("the body went on")

    with pytest.raises(LeaseLost, match="'x'"):
        await work()

    assert await store.holder("x") == Lease("x", 2, "other")


class _Deaf(LeaseStore):
    """A database that does not answer renewals: hangs, or breaks."""

    breaks = False

    async def renew(self, lease: Lease, ttl: timedelta) -> bool:
        if self.breaks:
            raise StorageError("gone")
        await asyncio.sleep(3600)
        return True


@pytest.mark.parametrize("breaks", [False, True])
async def test_the_body_ends_when_no_renewal_comes_through(db: Database, *, breaks: bool) -> None:
    """By its own clock, before the lease runs out in the database."""
    store = _Deaf(db)
    store.breaks = breaks
    loop = asyncio.get_running_loop()
    began, lasted = loop.time(), 0.0

    async def work() -> None:
        nonlocal lasted
        async with Leases(store, "me").hold("x", timedelta(seconds=2)):
            try:
                await asyncio.sleep(60)
            finally:
                lasted = loop.time() - began

    with pytest.raises(LeaseLost):
        await work()

    assert 1.5 < lasted < 30


async def test_a_cancellation_from_outside_stays_one(leases: Leases, store: LeaseStore) -> None:
    """The lease is given back, and nobody takes the cancellation for a loss."""
    inside = asyncio.Event()

    async def work() -> None:
        async with leases.hold("x", LONG):
            inside.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await inside.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert await store.holder("x") is None


async def test_an_error_of_the_body_comes_out_as_it_is(leases: Leases, store: LeaseStore) -> None:
    """Holding a lease changes nothing about what the body raises."""
    with pytest.raises(ValueError, match="mine"):
        async with leases.hold("x", LONG):
            raise ValueError("mine")

    assert await store.holder("x") is None


async def test_a_stopped_process_wakes_up_fenced(
    db: Database, address: str, leases: Leases
) -> None:
    """SIGSTOP for longer than the ttl: another took over, and the sleeper writes nothing more."""
    await make_tables(db)
    async with Child("hold", address, ttl_s=3.0) as child:
        token = await child.until("token")
        await child.stop_outside_a_write(db)
        async with leases.hold("held", LONG, wait=WAIT) as lease:

            async def unit(tx: Transaction) -> None:
                await fence(tx, lease)
                await tx.execute(
                    "INSERT INTO written (writer, token) VALUES (?, ?)", ("parent", lease.token)
                )

            await db.write(unit)
            child.signal(signal.SIGCONT)
            await child.until("lost")
            await db.write(unit)

    tokens = [row[0] for row in await db.fetch_all("SELECT token FROM written ORDER BY id")]
    assert lease.token == token + 1
    assert tokens == sorted(tokens)
    assert {token, lease.token} == set(tokens)


async def test_a_killed_holder_is_followed_after_the_ttl(
    db: Database, address: str, leases: Leases
) -> None:
    """kill -9 releases nothing; time does."""
    await make_tables(db)
    async with Child("hold", address, ttl_s=1.0) as child:
        token = await child.until("token")
        child.signal(signal.SIGKILL)
        async with leases.hold("held", LONG, wait=WAIT) as lease:
            assert lease.token == token + 1


async def test_keyed_locks_are_one_a_key_and_leave_nothing_behind() -> None:
    """The same key waits, another does not, and a key that nobody uses takes no memory."""
    locks = KeyedLocks()
    order: list[str] = []

    async def work(key: str, name: str) -> None:
        async with locks.hold(key):
            order.append(f"{name} in")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            order.append(f"{name} out")

    await asyncio.gather(work("a", "1"), work("a", "2"), work("b", "3"))

    assert order.index("1 out") < order.index("2 in")
    assert order.index("3 in") < order.index("1 out")
    assert len(locks) == 0


async def test_workers_are_listed_while_they_beat(db: Database) -> None:
    """Who is silent for long is not alive, who leaves is gone, a new pid is a new start."""
    workers = WorkerStore(db)
    await workers.beat("one", "host", 11, ["collect", "send"])
    await workers.beat("two", "host", 12, [])
    await db.execute("UPDATE workers SET started_ms = 1000, seen_ms = seen_ms - 60000")
    await workers.beat("one", "host", 11, ["collect"])

    (alone,) = await workers.alive(timedelta(seconds=30))
    both = await workers.alive(timedelta(hours=1))
    assert (alone.name, alone.pid, alone.roles) == ("one", 11, ("collect",))
    assert alone.started_at.timestamp() == 1
    assert [info.name for info in both] == ["one", "two"]
    assert both[1].roles == ()

    await workers.beat("one", "host", 99, ["collect"])
    assert (await workers.alive(timedelta(seconds=30)))[0].started_at.timestamp() > 1
    assert await workers.forget_silent(timedelta(seconds=30)) == 1
    await workers.leave("one")
    assert await workers.alive(timedelta(hours=1)) == []
