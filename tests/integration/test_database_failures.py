"""Connections that die, servers that stop, locks that clash: what is retried, and what is not."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import random
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from bot.errors import CommitUnknown, StorageError
from bot.ports import Database, Transaction
from bot.services import mysql_pool
from bot.services.db_mysql import MysqlDatabase
from bot.services.mysql_pool import Pool
from bot.services.mysql_session import ServerError
from tests.mariadb import MariaDb
from tests.tcp_proxy import TcpProxy

_PUT = "INSERT INTO meta (name, value) VALUES (?, ?)"
_COMMIT = b"\x03COMMIT"  # not the READ COMMITTED that a new connection asks for
_RAISE = "UPDATE heads SET value=value+1 WHERE name='n'"


@pytest.fixture
async def maria(db: Database, mysql_url: str) -> MysqlDatabase:
    """The database, with a counter in it."""
    assert isinstance(db, MysqlDatabase)
    await db.execute("INSERT INTO heads (name, value) VALUES ('n', 0)")
    return db


@pytest.fixture
async def proxy(mysql_url: str) -> AsyncIterator[TcpProxy]:
    async with TcpProxy(int(urlsplit(mysql_url).port or 0)) as between:
        yield between


@contextlib.asynccontextmanager
async def _through(proxy: TcpProxy, url: str, **given: float) -> AsyncIterator[MysqlDatabase]:
    parts = urlsplit(url)
    address = parts._replace(netloc=f"root@127.0.0.1:{proxy.port}").geturl()
    database = await MysqlDatabase.open(address, connections=2, **given)  # type: ignore[arg-type]  # seconds
    try:
        yield database
    finally:
        await database.close()


async def _counter(db: Database) -> int:
    row = await db.fetch_one("SELECT value FROM heads WHERE name='n'")
    assert row is not None
    return int(row[0])


def _at_rest(db: MysqlDatabase) -> bool:
    return db._pool.lent == 0 and db._pool._room._value == db._pool.size


async def _raise_counter(tx: Transaction) -> None:
    await tx.execute(_RAISE)


async def test_the_driver_is_the_one_that_the_address_names(
    maria: MysqlDatabase, request: pytest.FixtureRequest
) -> None:
    """`mysql://` means asyncmy; a scheme with a driver's name means that driver."""
    asked = request.config.getoption("--database")

    facts = await maria.facts()

    assert maria.driver == ("asyncmy" if asked == "mysql" else asked)
    assert (facts.product, facts.note) == ("MariaDB", f"through {maria.driver}")
    assert facts.warnings == ()


async def test_careless_settings_of_the_server_are_told(maria: MysqlDatabase) -> None:
    """A log that is not flushed, and packets too small for a picture."""
    flush = b"SET GLOBAL innodb_flush_log_at_trx_commit="
    connection = await maria._pool.acquire()
    maria._setting = dataclasses.replace(maria._setting, max_packet=2**20)
    await connection.query(flush + b"0")
    try:
        facts = await maria.facts()
    finally:
        await connection.query(flush + b"1")
        maria._pool.release(connection)

    assert len(facts.warnings) == 2
    assert "innodb_flush_log_at_trx_commit is 0" in facts.warnings[0]
    assert "max_allowed_packet is 1,048,576" in facts.warnings[1]


async def test_random_cancellation_leaves_the_pool_whole(maria: MysqlDatabase) -> None:
    """Units, single writes and reads, cancelled at any moment: whole or absent, nothing wedged."""
    rng = random.Random(11)
    put = maria.dialect.insert_new("meta", ["name", "value"], ["name"])

    async def work(n: int) -> None:
        async def unit(tx: Transaction) -> None:
            await tx.execute(_PUT, (f"a{n}", ""))
            await tx.fetch_all("SELECT SLEEP(0.001)")
            await tx.execute(_PUT, (f"b{n}", ""))

        match n % 4:
            case 0 | 1:
                await maria.write(unit)
            case 2:
                await maria.execute(put, (f"c{n}", ""))
            case _:
                rows = await maria.fetch_all("SELECT ?, SLEEP(0.001)", (n,))
                assert rows == [(n, 0)]

    async def hurried(n: int) -> bool:
        try:
            await asyncio.wait_for(work(n), rng.uniform(0, 0.03))
        except TimeoutError:
            return False
        return True

    done: list[bool] = []
    for start in range(0, 600, 60):
        done += await asyncio.gather(*(hurried(n) for n in range(start, start + 60)))

    await maria._groups.close()  # rows whose callers left may be on their way

    names = {row[0] for row in await maria.fetch_all("SELECT name FROM meta")}
    assert any(done)
    assert not all(done)
    assert _at_rest(maria)
    assert {n[1:] for n in names if n[0] == "a"} == {n[1:] for n in names if n[0] == "b"}
    assert {f"a{n}" for n, ok in enumerate(done) if ok and n % 4 < 2} <= names
    assert {f"c{n}" for n, ok in enumerate(done) if ok and n % 4 == 2} <= names
    outcomes = await asyncio.gather(*(maria.write(_raise_counter) for _ in range(16)))
    assert outcomes == [None] * 16
    assert await _counter(maria) == 16


async def test_a_rested_connection_that_was_killed_is_replaced(maria: MysqlDatabase) -> None:
    """Reads, units and single writes go on as if nothing had happened."""
    for attempt in (
        maria.fetch_all("SELECT 1"),
        maria.write(_raise_counter),
        maria.execute(_RAISE),
        maria.execute(_PUT, ("x", "")),
    ):
        await asyncio.gather(*(maria.fetch_all("SELECT SLEEP(0.05)") for _ in range(4)))
        mine = await maria.fetch_all(
            "SELECT id FROM information_schema.processlist WHERE db=DATABASE() "
            "AND id<>CONNECTION_ID()"
        )
        assert len(mine) >= 3
        for (number,) in mine:
            await maria.execute(f"KILL {number}")
        await asyncio.sleep(0.05)

        await attempt

    assert await _counter(maria) == 2
    assert _at_rest(maria)


async def test_a_connection_lost_before_commit_runs_the_unit_again(
    maria: MysqlDatabase, mysql_url: str, proxy: TcpProxy
) -> None:
    """Nothing was done yet, so the second run is the only one that counts."""
    async with _through(proxy, mysql_url) as db:
        for word in (b"BEGIN", b"UPDATE", _COMMIT):
            proxy.arm("cut before", word)
            if word == _COMMIT:  # sent by us; that the server never heard it, we cannot know
                with pytest.raises(CommitUnknown):
                    await db.write(_raise_counter)
            else:
                await db.write(_raise_counter)
        assert _at_rest(db)

    assert await _counter(maria) == 2


async def test_a_connection_lost_at_commit_is_never_run_again(
    maria: MysqlDatabase, mysql_url: str, proxy: TcpProxy
) -> None:
    """The server committed and its answer was lost: the counter was raised once, not twice."""
    async with _through(proxy, mysql_url) as db:
        proxy.arm("cut after", _COMMIT)
        with pytest.raises(CommitUnknown):
            await db.write(_raise_counter)
        proxy.arm("cut after", b"UPDATE heads")
        with pytest.raises(CommitUnknown):
            await db.execute(_RAISE)
        proxy.arm("cut after", b"INSERT INTO meta")
        outcomes = await asyncio.gather(
            *(db.execute(_PUT, (f"n{n}", "")) for n in range(20)), return_exceptions=True
        )
        await db.write(_raise_counter)
        assert _at_rest(db)

    names = {row[0] for row in await maria.fetch_all("SELECT name FROM meta")}
    unknown = {f"n{n}" for n, o in enumerate(outcomes) if isinstance(o, CommitUnknown)}
    assert await _counter(maria) == 3
    assert len(unknown) >= 10
    assert {f"n{n}" for n, o in enumerate(outcomes) if o == 1} | unknown == names


async def test_a_read_is_repeated_wherever_it_was_cut(
    maria: MysqlDatabase, mysql_url: str, proxy: TcpProxy
) -> None:
    """Reading twice does no harm."""
    async with _through(proxy, mysql_url) as db:
        for what in ("cut before", "cut after"):
            proxy.arm(what, b"SELECT value")
            assert await _counter(db) == 0


async def test_a_silent_road_is_given_up(
    maria: MysqlDatabase, mysql_url: str, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that vanished sends nothing, not even a reset: no caller waits for ever."""
    monkeypatch.setattr(mysql_pool, "PING_AFTER_S", 0.0)
    monkeypatch.setattr(mysql_pool, "PING_TIMEOUT_S", 0.5)
    async with _through(proxy, mysql_url, answer_timeout_s=1.0) as db:
        proxy.arm("silence", b"SELECT value")
        with pytest.raises(ServerError):
            await _counter(db)
        await db.fetch_all("SELECT 1")
        proxy.arm("silence", b"\x0e")  # COM_PING: the rested connection is silent, and replaced
        await db.write(_raise_counter)
        proxy.arm("silence", _COMMIT)
        with pytest.raises(CommitUnknown):
            await db.write(_raise_counter)
        assert _at_rest(db)

    assert await _counter(maria) == 1


async def test_a_server_that_never_greets_is_given_up(mysql_url: str) -> None:
    """The time limit is on the whole handshake, not only on the TCP connection."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"{urlsplit(mysql_url).scheme}://root@127.0.0.1:{silent.getsockname()[1]}/x"

        with pytest.raises(StorageError, match="cannot reach"):
            await MysqlDatabase.open(address, connect_timeout_s=0.5)


async def test_a_slow_connection_holds_up_only_its_own_caller(
    maria: MysqlDatabase, mysql_url: str, proxy: TcpProxy
) -> None:
    """While one caller waits for a handshake, another uses a connection that is there."""
    async with _through(proxy, mysql_url, connect_timeout_s=2.0) as db:
        busy = asyncio.create_task(db.fetch_all("SELECT SLEEP(0.3)"))
        await asyncio.sleep(0.1)
        proxy.arm("silence", b"SET SESSION TRANSACTION")  # what a new connection says first
        late = asyncio.create_task(db.fetch_all("SELECT 2"))
        await busy

        async with asyncio.timeout(1.5):
            assert await db.fetch_all("SELECT 3") == [(3,)]
        with pytest.raises(StorageError):
            await late


async def test_the_kernel_is_told_to_notice_a_dead_host(maria: MysqlDatabase) -> None:
    """Keep-alive, and a limit for what is sent and never acknowledged."""
    connection = await maria._pool.acquire()
    sock = maria._pool.driver.transport(connection).get_extra_info("socket")

    options = [
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
        sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
        sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
    ]
    maria._pool.release(connection)

    assert options == [1, 20, 30_000]


async def test_an_old_connection_is_not_lent_again(
    maria: MysqlDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What rested too long is replaced: a firewall may have forgotten it."""
    first = await maria.fetch_one("SELECT CONNECTION_ID()")
    same = await maria.fetch_one("SELECT CONNECTION_ID()")
    monkeypatch.setattr(mysql_pool, "RECYCLE_S", 0.0)

    other = await maria.fetch_one("SELECT CONNECTION_ID()")

    assert first == same
    assert other != same


async def test_an_open_transaction_does_not_come_back_to_the_pool(maria: MysqlDatabase) -> None:
    """A connection released in the middle of one is closed, and its work rolled back."""
    connection = await maria._pool.acquire()
    await connection.query(b"BEGIN")
    await connection.query(_RAISE.encode())
    resting = maria._pool.resting

    maria._pool.release(connection)

    assert maria._pool.resting == resting
    assert await _counter(maria) == 0
    await maria.write(_raise_counter)
    assert await _counter(maria) == 1


async def test_a_server_that_is_killed_and_comes_back_is_used_again(
    maria: MysqlDatabase, mariadb: MariaDb
) -> None:
    """No acknowledged row is lost, errors come while it is down, and then all goes on by itself."""
    told: set[str] = set()
    errors = 0
    stop = asyncio.Event()

    async def writer(k: int) -> None:
        nonlocal errors
        n = 0
        while not stop.is_set():
            name = f"{k}.{n}"
            n += 1

            async def unit(tx: Transaction, name: str = name) -> None:
                await tx.execute(_PUT, (f"a{name}", ""))
                await tx.execute(_PUT, (f"b{name}", ""))

            try:
                if k % 2:
                    await maria.write(unit)
                    told.update((f"a{name}", f"b{name}"))
                else:
                    await maria.execute(_PUT, (f"s{name}", ""))
                    told.add(f"s{name}")
            except StorageError:
                errors += 1
                await asyncio.sleep(0.02)

    writers = [asyncio.create_task(writer(k)) for k in range(6)]
    for _ in range(2):
        await asyncio.sleep(0.3)
        await asyncio.to_thread(mariadb.kill)
        await asyncio.sleep(0.2)
        await asyncio.to_thread(mariadb.start)
    before = len(told)
    for _ in range(600):
        await asyncio.sleep(0.05)
        if len(told) > before + 20:
            break
    stop.set()
    await asyncio.gather(*writers)

    names = {row[0] for row in await maria.fetch_all("SELECT name FROM meta")}
    assert errors > 0
    assert len(told) > before + 20
    assert told <= names
    assert {n[1:] for n in names if n[0] == "a"} == {n[1:] for n in names if n[0] == "b"}
    assert _at_rest(maria)


async def test_the_victim_of_a_deadlock_is_run_again(maria: MysqlDatabase) -> None:
    """1213: two units that lock two rows crosswise both go through, each once."""
    await maria.execute("INSERT INTO heads (name, value) VALUES ('m', 0)")
    first = {"n": asyncio.Event(), "m": asyncio.Event()}
    runs = 0

    async def crosswise(one: str, two: str) -> None:
        async def unit(tx: Transaction) -> None:
            nonlocal runs
            runs += 1
            raise_it = "UPDATE heads SET value=value+1 WHERE name=?"
            await tx.execute(raise_it, (one,))
            first[one].set()
            await first[two].wait()
            await tx.execute(raise_it, (two,))

        await maria.write(unit)

    async with asyncio.timeout(60):
        await asyncio.gather(crosswise("n", "m"), crosswise("m", "n"))

    assert runs == 3
    assert await maria.fetch_all("SELECT value FROM heads WHERE name IN ('m', 'n')") == [
        (2,),
        (2,),
    ]


async def test_a_lock_that_is_not_granted_in_time_is_asked_for_again(
    maria: MysqlDatabase, mysql_url: str
) -> None:
    """1205: the waiter gives up after its second, and has the lock at a later attempt."""
    impatient = await MysqlDatabase.open(mysql_url, connections=2, lock_wait_s=1)
    held = asyncio.Event()
    runs = 0

    async def holder(tx: Transaction) -> None:
        await tx.execute(_RAISE)
        held.set()
        await tx.fetch_all("SELECT SLEEP(2.5)")

    async def waiter(tx: Transaction) -> None:
        nonlocal runs
        runs += 1
        await tx.execute(_PUT, ("waited", ""))
        await tx.execute(_RAISE)

    holding = asyncio.create_task(maria.write(holder))
    await held.wait()
    single = asyncio.create_task(impatient.execute(_RAISE))
    await impatient.write(waiter)

    assert await single == 1
    await holding
    await impatient.close()
    assert runs > 1
    assert await _counter(maria) == 3


async def test_a_record_that_changed_is_read_anew(
    maria: MysqlDatabase, mysql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1020: under REPEATABLE READ with snapshot isolation, as newer MariaDB has it by itself."""
    if not await maria.fetch_all("SHOW VARIABLES LIKE 'innodb_snapshot_isolation'"):
        pytest.skip("this server is older than innodb_snapshot_isolation")
    monkeypatch.setattr(
        Pool,
        "_session",
        lambda _: (
            "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
            "SET innodb_snapshot_isolation=ON",
        ),
    )
    strict = await MysqlDatabase.open(mysql_url, connections=2)
    seen: list[int] = []

    async def unit(tx: Transaction) -> None:
        row = await tx.fetch_one("SELECT value FROM heads WHERE name='n'")
        assert row is not None
        if not seen:
            await maria.execute("UPDATE heads SET value=10 WHERE name='n'")
        seen.append(int(row[0]))
        await tx.execute("UPDATE heads SET value=? WHERE name='n'", (row[0] + 1,))

    await strict.write(unit)
    await strict.close()

    assert seen == [0, 10]
    assert await _counter(maria) == 11


async def test_a_unit_cannot_hide_a_lost_transaction(maria: MysqlDatabase) -> None:
    """Whoever swallows a deadlock does not go on in a transaction that is no more."""
    runs = 0
    locked = asyncio.Event()

    async def other(tx: Transaction) -> None:
        await tx.execute("UPDATE heads SET value=value+100 WHERE name='n'")
        locked.set()
        await tx.fetch_all("SELECT SLEEP(1.5)")

    async def hiding(tx: Transaction) -> None:
        nonlocal runs
        runs += 1
        await tx.execute(_PUT, ("kept", ""))
        with contextlib.suppress(StorageError):
            await tx.execute(_RAISE)

    impatient = await MysqlDatabase.open(
        f"mysql+{maria.driver}://root@127.0.0.1:{maria._pool._address['port']}"
        f"/{maria._pool._address['db']}",
        lock_wait_s=1,
    )
    task = asyncio.create_task(maria.write(other))
    await locked.wait()
    await impatient.write(hiding)
    await task
    await impatient.close()

    assert runs > 1
    assert await _counter(maria) == 101


async def test_an_access_that_is_refused_is_a_clear_error(mysql_url: str) -> None:
    """A wrong password and a closed port say where, and never what the password was."""
    parts = urlsplit(mysql_url)
    for netloc in (
        f"nobody:hunter2hunter2@127.0.0.1:{parts.port}",
        "root:hunter2hunter2@127.0.0.1:1",
    ):
        with pytest.raises(StorageError, match=r"127\.0\.0\.1") as caught:
            await MysqlDatabase.open(parts._replace(netloc=netloc).geturl())
        assert "hunter2" not in str(caught.value)


def test_a_pymysql_that_aiomysql_cannot_use_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 1.2 on bytes and lists would fail at run time: the sentence says what to install."""
    import pymysql

    from bot.services.mysql_drivers import load

    monkeypatch.setattr(pymysql, "VERSION", (1, 2, 4, "final"))

    with pytest.raises(StorageError, match=r"PyMySQL below 1\.2.*requirements"):
        load("aiomysql")
    with pytest.raises(StorageError, match="no MySQL driver oracle"):
        load("oracle")
