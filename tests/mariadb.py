"""A MariaDB server of the tests' own, in a folder of its own, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from bot.services.db_mysql import MysqlDatabase

SERVER = shutil.which("mariadbd") or shutil.which("mysqld")
_ROOM = 600 * 2**20  # bytes; a server takes about 250 MB
_LEFT_BEHIND_S = 3600.0
_TRIES = 6
_INSTALL = shutil.which("mariadb-install-db") or shutil.which("mysql_install_db")


def _as_root() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []


def _memory() -> str | None:
    """A folder in memory with room for a server, or None for the disk.

    Folders that a killed test run left behind are removed first: their servers died with it.
    """
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        return None
    for left in memory.glob("hoshyar-mariadb-*"):
        if time.time() - left.stat().st_mtime > _LEFT_BEHIND_S:
            shutil.rmtree(left, ignore_errors=True)
    return str(memory) if shutil.disk_usage(memory).free > _ROOM else None


class MariaDb:
    """Starts on a free port and can be killed and started again over the same data."""

    def __init__(self, *, on_disk: bool = False) -> None:
        # In memory where we can: a schema is fifty DDL statements, and each waits for the disk.
        where = None if on_disk else _memory()
        self.folder = Path(tempfile.mkdtemp(prefix="hoshyar-mariadb-", dir=where))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0

    def start(self) -> None:
        """Make the data where there are none, and wait until the server answers."""
        assert SERVER is not None
        data = self.folder / "data"
        if not data.exists():
            self._install(data)
        for attempt in range(1, _TRIES + 1):
            self._launch(data)
            try:
                self._wait_until_it_answers()
            except AssertionError:
                if attempt == _TRIES:
                    raise
            else:
                return

    def _install(self, data: Path) -> None:
        """The server's bootstrap now and then dies of a signal, above all beside another one."""
        assert _INSTALL is not None
        command = [
            _INSTALL,
            "--no-defaults",
            f"--datadir={data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            *_as_root(),
        ]
        with (Path(tempfile.gettempdir()) / "hoshyar-mariadb.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for attempt in range(1, _TRIES + 1):
                done = subprocess.run(
                    command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
                )
                if done.returncode == 0:
                    return
                shutil.rmtree(data, ignore_errors=True)
                if attempt == _TRIES:
                    raise AssertionError(done.stdout.decode(errors="replace")[-2000:])

    def _launch(self, data: Path) -> None:
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(SERVER),
                    "--no-defaults",
                    f"--datadir={data}",
                    f"--socket={self.folder}/s",
                    f"--port={self.port}",
                    "--bind-address=127.0.0.1",
                    "--innodb-buffer-pool-size=64M",
                    "--innodb-log-file-size=16M",
                    "--skip-log-bin",
                    *_as_root(),
                ],
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def new_database(self) -> str:
        """The address of an empty database."""
        self._databases += 1
        name = f"hoshyar_{os.getpid()}_{self._databases}"
        root = await MysqlDatabase.open(f"mysql://root@127.0.0.1:{self.port}/mysql", connections=1)
        try:
            await root.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        finally:
            await root.close()
        return f"mysql://root@127.0.0.1:{self.port}/{name}"

    async def drop_database(self, url: str) -> None:
        root = await MysqlDatabase.open(f"mysql://root@127.0.0.1:{self.port}/mysql", connections=1)
        try:
            await root.execute(f"DROP DATABASE {url.rsplit('/', 1)[1]}")
        finally:
            await root.close()

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.poll() is not None:
                text = (self.folder / "server.log").read_text(errors="replace")
                raise AssertionError(f"MariaDB did not start:\n{text[-2000:]}")
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe,
            ):
                if probe.recv(1):
                    return
            time.sleep(0.1)
        raise AssertionError("MariaDB did not answer within a minute")


async def _main() -> None:
    server = MariaDb()
    server.start()
    print(await server.new_database())  # noqa: T201 - a helper run by hand
    try:
        await asyncio.Event().wait()
    finally:
        server.close()


if __name__ == "__main__":
    asyncio.run(_main())
