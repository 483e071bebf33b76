"""Connections to MariaDB that are lent out, each with the same session and never a dead one.

The drivers' own pools connect while they hold the pool's lock, so that one slow handshake stops
everyone, wait for ever on a host that vanished, and differ in what they notice; hence this one. A
connection comes back only in the state it was lent in: whoever fails or is cancelled in the middle
of a statement leaves it closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Mapping
from typing import Any

from bot.services.mysql_drivers import CLIENT_FOUND_ROWS, Connection, Driver

CONNECT_TIMEOUT_S = 10.0  # until the session is ready, not only until TCP is
RECYCLE_S = 600.0  # firewalls forget what was silent for long
PING_AFTER_S = 1.0  # a connection that rested longer is asked whether it still answers
PING_TIMEOUT_S = 5.0
LOCK_WAIT_S = 10  # the server's 50 s would keep a writer's neighbours waiting for a stuck one
_SESSION = (
    "SET time_zone='+00:00', max_error_count=65535, "
    "sql_mode='STRICT_ALL_TABLES,ONLY_FULL_GROUP_BY,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION'"
)
# A process that is stopped between two statements of a transaction would keep its row locks, and a
# lease with them, for as long as it is stopped. Only MariaDB can end that, only MariaDB reads this.
_STOPPED = " /*M!100301 , idle_write_transaction_timeout=10 */"
# A host that is gone answers nothing, not even a reset: found out after half a minute.
_SOCKET = {
    "TCP_KEEPIDLE": 20,
    "TCP_KEEPINTVL": 5,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 30_000,  # ms
}


class Pool:
    """At most `size` connections, made when needed."""

    def __init__(
        self,
        driver: Driver,
        address: Mapping[str, Any],
        size: int,
        *,
        lock_wait_s: int = LOCK_WAIT_S,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
    ) -> None:
        self.driver = driver
        self._address = dict(address)
        self.size = size
        self._lock_wait_s = lock_wait_s
        self._connect_timeout_s = connect_timeout_s
        self._room = asyncio.Semaphore(size)
        self._resting: list[tuple[Connection, float]] = []  # and since when
        self.lent = 0

    @property
    def resting(self) -> int:
        return len(self._resting)

    async def acquire(self) -> Connection:
        """A connection that answers; raises the driver's error, OSError or TimeoutError."""
        await self._room.acquire()
        try:
            connection = await self._rested() or await self._connect()
        except BaseException:
            self._room.release()
            raise
        self.lent += 1
        return connection

    def release(self, connection: Connection) -> None:
        """Take it back; what is closed, or in the middle of a transaction, is thrown away."""
        self.lent -= 1
        if self.driver.is_open(connection) and not connection.get_transaction_status():
            self._resting.append((connection, time.monotonic()))
        else:
            connection.close()
        self._room.release()

    def forget_resting(self) -> None:
        """Close what is not lent: after one connection broke, the others are suspect."""
        while self._resting:
            self._resting.pop()[0].close()

    async def close(self) -> None:
        """Wait for everything lent, then close it all."""
        for _ in range(self.size):
            await self._room.acquire()
        self.forget_resting()
        await asyncio.sleep(0)  # the transports say good-bye in the loop's next turn

    async def _rested(self) -> Connection | None:
        while self._resting:
            connection, since = self._resting.pop()
            age_s = time.monotonic() - since
            fresh = age_s < RECYCLE_S and self.driver.is_open(connection)
            if fresh and (age_s < PING_AFTER_S or await self._answers(connection)):
                return connection
            connection.close()
        return None

    async def _answers(self, connection: Connection) -> bool:
        try:
            async with asyncio.timeout(PING_TIMEOUT_S):
                await connection.ping(reconnect=False)
        except (self.driver.error, OSError, TimeoutError):
            return False
        except BaseException:
            connection.close()
            raise
        return True

    async def _connect(self) -> Connection:
        async with asyncio.timeout(self._connect_timeout_s):
            connection = await self.driver.connect(
                **self._address,
                charset="utf8mb4",
                autocommit=True,
                connect_timeout=self._connect_timeout_s,
                client_flag=CLIENT_FOUND_ROWS,
            )
            try:
                self._set_socket(connection)
                for statement in self._session():
                    await connection.query(statement.encode())
            except BaseException:
                connection.close()
                raise
        return connection

    def _session(self) -> tuple[str, ...]:
        # READ COMMITTED avoids gap locks; its variable's name differs, this statement does not.
        return (
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
            f"{_SESSION}, innodb_lock_wait_timeout={self._lock_wait_s}{_STOPPED}",
        )

    def _set_socket(self, connection: Connection) -> None:
        transport = self.driver.transport(connection)
        sock = transport.get_extra_info("socket") if transport is not None else None
        if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
            return
        for name, value in _SOCKET.items():
            option = getattr(socket, name, None)  # not every system has all of them
            if option is not None:
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.IPPROTO_TCP, option, value)
