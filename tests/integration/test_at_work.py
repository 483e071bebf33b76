"""Who is at work: what admins see, and what a dead process of this machine leaves behind."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.errors import ConfigError
from bot.features.workers import Workers, is_there, this_host
from bot.models.post import Source, SourceKind
from bot.models.work import CHAT_LEASE, Role
from bot.ports import Database, Transaction
from bot.services.db_locks import Leases
from bot.services.db_service import open_database
from bot.services.migrations import migrate
from bot.storage.leases import LeaseStore, fence
from bot.storage.sources import SourceStore
from bot.storage.workers import WorkerStore
from bot.utils.times import utc_now

TTL = timedelta(minutes=5)


async def _a_dead_pid() -> int:
    """The number of a process that has ended."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await process.wait()
    return process.pid


async def test_admins_see_who_is_at_work_and_who_leads(db: Database) -> None:
    """By name, with roles; the holder of the chat's lease is the one that leads."""
    store, leases = WorkerStore(db), LeaseStore(db)
    await store.beat("b", "host", 2, ("chat", "send"))
    await store.beat("a", "host", 1, ("collect",))
    before = await Workers(store, leases).all()
    await leases.acquire(CHAT_LEASE, "b", TTL)

    found = await Workers(store, leases).all()

    assert [(worker.info.name, worker.info.roles) for worker in found] == [
        ("a", ("collect",)),
        ("b", ("chat", "send")),
    ]
    assert [worker.leads_chat for worker in before] == [False, False]
    assert [worker.leads_chat for worker in found] == [False, True]


async def test_the_lease_of_a_dead_process_of_this_machine_is_freed_at_once(db: Database) -> None:
    """A bot that was killed and started again does not wait for its former lease to end."""
    store, leases = WorkerStore(db), LeaseStore(db)
    workers = Workers(store, leases, pid=os.getpid() + 1)
    await leases.acquire(CHAT_LEASE, "dead", TTL)
    unknown = await workers.free_from_the_dead(CHAT_LEASE)
    await store.beat("dead", this_host(), await _a_dead_pid(), ("chat",))

    freed = await workers.free_from_the_dead(CHAT_LEASE)

    assert (unknown, freed) == (False, True)
    assert await leases.holder(CHAT_LEASE) is None
    assert await workers.all() == []
    assert await leases.acquire(CHAT_LEASE, "next", TTL) is not None
    assert not await workers.free_from_the_dead("free")


async def test_what_cannot_be_known_to_be_dead_keeps_its_lease(db: Database) -> None:
    """A living process, one with our own number, and one of another machine."""
    store, leases = WorkerStore(db), LeaseStore(db)
    dead = await _a_dead_pid()
    for name, host, pid, mine in (
        ("living", this_host(), os.getpid(), os.getpid() + 1),
        ("namesake", this_host(), dead, dead),
        ("elsewhere", "another host", dead, os.getpid()),
    ):
        await store.beat(name, host, pid, ("chat",))
        lease = await leases.acquire(CHAT_LEASE, name, TTL)
        assert lease is not None

        assert not await Workers(store, leases, pid=mine).free_from_the_dead(CHAT_LEASE)
        assert await leases.holder(CHAT_LEASE) == lease
        await leases.release(lease)


async def test_who_else_has_a_role(db: Database) -> None:
    """Neither this process nor one that is known to be dead."""
    store = WorkerStore(db)
    for name, host, pid in (
        ("me", this_host(), os.getpid()),
        ("dead", this_host(), await _a_dead_pid()),
        ("elsewhere", "another host", 1),
    ):
        await store.beat(name, host, pid, ("collect", "chat"))
    await store.beat("sender", "another host", 2, ("send",))

    others = await Workers(store, LeaseStore(db)).others(Role.COLLECT, "me")

    assert [other.name for other in others] == ["elsewhere"]


async def test_what_a_dead_collector_had_claimed_is_free_for_the_only_one(db: Database) -> None:
    """A bot killed in mid-round asks those feeds again at its start, not minutes later."""
    sources = SourceStore(db)
    feed = Source(kind=SourceKind.FEED, name="f", url="https://f.example/rss")
    await sources.add(replace(feed, next_fetch_at=utc_now()))
    soon, minutes = utc_now() + timedelta(minutes=1), timedelta(minutes=5)
    dead = await sources.claim_due(soon, 10, minutes)
    meanwhile = await sources.claim_due(soon, 10, minutes)

    assert await sources.free() == 1
    again = await sources.claim_due(soon, 10, minutes)

    assert (len(dead), len(meanwhile), len(again)) == (1, 0, 1)


async def test_a_process_stopped_in_mid_transaction_does_not_keep_a_lease(mysql_url: str) -> None:
    """MariaDB ends a writing transaction that is silent for ten seconds, and its row locks."""
    stopped, other = await open_database(mysql_url), await open_database(mysql_url)
    try:
        await migrate(other)
        lease = await LeaseStore(stopped).acquire(CHAT_LEASE, "stopped", timedelta(seconds=2))
        assert lease is not None
        in_the_middle = asyncio.Event()

        async def unit(tx: Transaction) -> None:
            await fence(tx, lease)
            if not in_the_middle.is_set():
                in_the_middle.set()
                await asyncio.sleep(40)  # as one that got SIGSTOP here

        async with asyncio.TaskGroup() as group:
            held_up = group.create_task(stopped.write(unit))
            await in_the_middle.wait()
            began = asyncio.get_running_loop().time()
            async with Leases(LeaseStore(other), "other").hold(
                CHAT_LEASE, timedelta(seconds=9), wait=timedelta(seconds=35)
            ):
                took_s = asyncio.get_running_loop().time() - began
            held_up.cancel()
    finally:
        await stopped.close()
        await other.close()

    assert took_s < 30


def test_the_first_process_is_there() -> None:
    """Also one that belongs to somebody else."""
    assert is_there(1)


async def test_a_name_belongs_to_one_living_process(db: Database) -> None:
    """A second one is told what to do; only who has the name can give it up."""
    store, leases = WorkerStore(db), LeaseStore(db)
    first = Workers(store, leases, pid=1)
    second = Workers(store, leases, pid=os.getpid())
    await first.join("q1", ("chat",))

    with pytest.raises(ConfigError, match=r"'q1' is at work already \(process 1 on .*--name"):
        await second.join("q1", ("send",))

    assert not await second.beat("q1", ("send",))
    await second.leave("q1")
    (alone,) = await second.all()
    assert (alone.info.pid, alone.info.roles) == (1, ("chat",))
    assert await first.beat("q1", ("chat",))
    await first.leave("q1")
    await second.join("q1", ("send",))


async def test_a_killed_process_takes_its_name_and_lease_over_at_once(db: Database) -> None:
    """On its own machine, where its death can be seen."""
    store, leases = WorkerStore(db), LeaseStore(db)
    await store.beat("q1", this_host(), await _a_dead_pid(), ("chat",))
    await leases.acquire(CHAT_LEASE, "q1", TTL)

    again = Workers(store, leases)
    await again.join("q1", ("chat",))

    assert await leases.holder(CHAT_LEASE) is None
    assert [worker.info.pid for worker in await again.all()] == [os.getpid()]


async def test_a_name_of_another_machine_is_free_when_it_is_silent(db: Database) -> None:
    """Nobody can tell whether a process elsewhere is dead, so its silence is waited for."""
    store = WorkerStore(db)
    await store.beat("q1", "another pid:[1]", 4711, ("chat",))
    workers = Workers(store, LeaseStore(db))
    with pytest.raises(ConfigError, match=r"process 4711 on another\)"):
        await workers.join("q1", ())

    await db.execute("UPDATE workers SET seen_ms = seen_ms - 21000")
    await workers.join("q1", ())

    assert [worker.info.pid for worker in await workers.all()] == [os.getpid()]
