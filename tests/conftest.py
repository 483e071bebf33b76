"""What every test may ask for.

`--database mysql` runs the tests that use `db` on a MariaDB of the tests' own instead of SQLite,
through the driver that `mysql://` means; `--database aiomysql` or `asyncmy` names the driver.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.ports import Database
from bot.services.db_service import open_database
from bot.services.migrations import migrate
from tests.mariadb import SERVER, MariaDb


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database", choices=("sqlite", "mysql", "aiomysql", "asyncmy"), default="sqlite"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With MariaDB only what touches a database is worth a second run; some needs MariaDB."""
    kind = config.getoption("--database")
    if kind != "sqlite" and SERVER is None:
        pytest.exit("no MariaDB server is installed: apt-get install mariadb-server", returncode=3)

    def is_wanted(item: pytest.Item) -> bool:
        uses = getattr(item, "fixturenames", ())
        if kind == "sqlite":
            return "mysql_url" not in uses
        return "database_url" in uses and not item.get_closest_marker("sqlite")

    wanted = [item for item in items if is_wanted(item)]
    config.hook.pytest_deselected(items=[item for item in items if not is_wanted(item)])
    items[:] = wanted


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches for another machine fails."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if self.family in (socket.AF_INET, socket.AF_INET6) and not str(host).startswith(
            ("127.", "::1", "localhost")
        ):
            raise AssertionError(f"a test tried to reach {host}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    """A MariaDB server for as long as the tests run."""
    if SERVER is None:
        pytest.skip("no MariaDB server is installed")
    server = MariaDb()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The address of an empty database of the kind that this run is about."""
    kind = request.config.getoption("--database")
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path}/hoshyar.db"
        return
    server: MariaDb = request.getfixturevalue("mariadb")
    url = await server.new_database()
    yield url if kind == "mysql" else url.replace("mysql:", f"mysql+{kind}:", 1)
    await server.drop_database(url)


@pytest.fixture
def mysql_url(database_url: str) -> str:
    """The address of an empty MariaDB database; who asks for it is not run on SQLite."""
    return database_url


@pytest.fixture
async def db(database_url: str, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Database]:
    """A migrated, empty database of its own; no batch may go to it row by row."""
    database = await open_database(database_url)
    try:
        await migrate(database)
        yield database
    finally:
        await database.close()
    slow = [r for r in caplog.get_records("call") if r.message == "a batch goes row by row"]
    assert [record.__dict__["statement"] for record in slow] == []
