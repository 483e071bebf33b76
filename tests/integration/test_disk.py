"""The room for data: admins are warned, collecting stops, and a full disk loses nothing."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.commands.checking import _database
from bot.errors import DiskFull
from bot.features.admin import COLLECT_JOB
from bot.features.disk import Disk
from bot.features.intake import Intake
from bot.handlers.views.admin import _room_line, disk_notice
from bot.handlers.views.page import Reader
from bot.models.disk import GB, MB, NO_ROOM, DiskState, Room
from bot.models.post import TWITTER_SOURCE_ID, Post, PostKind, Source, SourceKind
from bot.ports import Database
from bot.services.db_sqlite import SqliteDatabase
from bot.services.sqlite_file import wal_verdict
from bot.storage.origins import OriginStore
from bot.storage.posts import PostStore
from bot.storage.sizes import SizeStore
from bot.storage.sources import SourceStore
from config.settings import load_settings
from tests.chats_world import ADMIN, SARA, running

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def _state(
    data_gb: float = 1, limit_gb: int = 0, free_gb: float = 50, disk_gb: int = 100
) -> DiskState:
    return DiskState(
        data_bytes=int(data_gb * GB),
        limit_bytes=limit_gb * GB,
        free_bytes=int(free_gb * GB),
        disk_bytes=disk_gb * GB,
    )


@pytest.mark.parametrize(
    ("state", "room"),
    [
        (_state(), Room.ENOUGH),
        (_state(data_gb=7.9, limit_gb=10), Room.ENOUGH),
        (_state(data_gb=8, limit_gb=10), Room.LOW),
        (_state(data_gb=10, limit_gb=10), Room.NONE),
        (_state(free_gb=4.9), Room.LOW),  # of 100 GB
        (_state(free_gb=5.1), Room.ENOUGH),
        (_state(free_gb=1.9, disk_gb=10), Room.LOW),
        (_state(free_gb=0.4), Room.NONE),
        (_state(data_gb=500), Room.ENOUGH),  # no limit is set
    ],
)
def test_how_much_room_there_is(state: DiskState, room: Room) -> None:
    """By the limit, or by what the disk has left, whichever is tighter."""
    assert state.room is room


class Meter:
    """A disk whose free room the test sets, and a list of what admins were told."""

    def __init__(self, db: Database, folder: Path, *, limit_gb: int = 0) -> None:
        self.free_gb = 50.0
        self.now = NOW
        self.told: list[tuple[Room, str]] = []
        self.disk = Disk(
            SizeStore(db),
            folder,
            (folder / "search.db",),
            lambda: self.now,
            limit_gb=limit_gb,
            on_notice=self._note,
            measure=lambda _: (int(self.free_gb * GB), 100 * GB),
        )

    async def _note(self, state: DiskState, key: str) -> None:
        self.told.append((state.room, key))

    async def has_room(self, free_gb: float) -> bool:
        self.free_gb = free_gb
        self.disk.forget()
        return await self.disk.has_room()


async def test_admins_are_told_once_a_day_and_collecting_stops(
    db: Database, tmp_path: Path
) -> None:
    """First the warning, then the stop; with room again it goes on by itself."""
    meter = Meter(db, tmp_path)

    assert await meter.has_room(50)
    assert await meter.has_room(4)
    assert await meter.has_room(3)
    assert not await meter.has_room(0.3)
    assert not await meter.has_room(0.2)
    meter.now += timedelta(days=1)
    assert not await meter.has_room(0.2)
    assert await meter.has_room(50)

    assert meter.told == [
        (Room.LOW, "disk:low:2026-11-20"),
        (Room.NONE, "disk:none:2026-11-20"),
        (Room.NONE, "disk:none:2026-11-21"),
    ]


async def test_the_data_are_measured(db: Database, tmp_path: Path) -> None:
    """The database, and the files that grow beside it."""
    meter = Meter(db, tmp_path, limit_gb=1)
    empty = await meter.disk.state()
    (tmp_path / "search.db").write_bytes(bytes(5 * MB))
    meter.disk.forget()

    grown = await meter.disk.state()

    assert empty.data_bytes > 0
    assert grown.data_bytes >= empty.data_bytes + 5 * MB
    assert grown.limit_bytes == GB


async def test_a_real_folder_has_room(db: Database, tmp_path: Path) -> None:
    """Measured by the system."""
    state = await Disk(SizeStore(db), tmp_path, (), lambda: NOW).state()

    assert 0 < state.free_bytes <= state.disk_bytes


@pytest.mark.parametrize("lang", ["fa", "en"])
def test_the_notice_says_what_helps(lang: str) -> None:
    """The figures and the two settings."""
    reader = Reader(lang, "Asia/Tehran", NOW)

    low = disk_notice(reader, _state(data_gb=8, limit_gb=10)).text
    none = disk_notice(reader, _state(free_gb=0.3)).text

    assert "RETENTION_MONTHS" in low
    assert "DISK_LIMIT_GB" in low
    assert low.splitlines()[0] != none.splitlines()[0]
    assert len(low.splitlines()) == len(none.splitlines()) + 1


async def test_the_status_says_that_collecting_stands(tmp_path: Path) -> None:
    """To everybody, and with figures to admins; never that all is well."""
    async with running(tmp_path) as world:
        well = await world.hoshyar.admin.health("Asia/Tehran")
        world.hoshyar.disk._measure = lambda _: (100 * MB, 100 * GB)
        world.hoshyar.disk.forget()

        health = await world.hoshyar.admin.health("Asia/Tehran")
        said = await world.say(SARA, "/status", "وضعیت هُشیار")
        await world.say(ADMIN, "/status", "وضعیت هُشیار")
        system = await world.box.wait_message(ADMIN, "پایگاه داده:")

    assert (well.is_without_room, health.is_without_room) == (False, True)
    assert "گردآوری ایستاده است" in said["text"]
    assert "روبه‌راه" not in said["text"]
    assert "تا جا باز نشود گردآوری ایستاده است" in system["text"]


async def test_a_round_that_waits_for_room_is_no_collection(tmp_path: Path) -> None:
    """The last real one counts, however many waited since; and where one waits, it is said."""
    async with running(tmp_path) as world:
        jobs, admin = world.parts.job_store, world.hoshyar.admin
        real = await jobs.start_run(COLLECT_JOB, NOW)
        await jobs.finish_run(real, NOW, ok=True, result='{"new": 3}')
        for minute in range(1, 9):
            at = NOW + timedelta(days=3650, minutes=minute)
            waiting = await jobs.start_run(COLLECT_JOB, at)
            await jobs.finish_run(waiting, at, ok=True, result=NO_ROOM)

        health = await admin.health("Asia/Tehran")

    assert health.is_without_room
    assert health.collected_at is not None
    assert health.collected_at < NOW + timedelta(days=3650)


async def test_the_size_of_either_database_is_shown(db: Database, tmp_path: Path) -> None:
    """A server's has no files here."""
    async with running(tmp_path) as world:
        state = await world.hoshyar.admin.system("Asia/Tehran")

    assert state.database_bytes > 100_000
    assert await SizeStore(db).data_bytes() > 100_000


@pytest.mark.parametrize("limit_gb", [0, 10])
@pytest.mark.parametrize("lang", ["fa", "en"])
def test_every_line_of_the_room_has_its_words(lang: str, limit_gb: int) -> None:
    """With a limit and without, for each of the three states."""
    reader = Reader(lang, "Asia/Tehran", NOW)
    states = [_state(limit_gb=limit_gb, free_gb=free) for free in (50, 4, 0.3)]

    lines = [_room_line(reader, state).message().text for state in states]

    assert len(set(lines)) == 3
    assert all((reader.n(10) in line) == bool(limit_gb) for line in lines)


@pytest.mark.parametrize("least", [0, 2**60])
async def test_check_has_a_verdict_on_the_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, least: int
) -> None:
    """Failed while collecting stands; and the database is named with its version."""
    monkeypatch.setattr("bot.models.disk.LEAST_FREE", least)
    settings = load_settings({"DATABASE_URL": f"sqlite:///{tmp_path}/h.db", "DISK_LIMIT_GB": "7"})

    verdicts = await _database(settings)

    (disk,) = [verdict for verdict in verdicts if verdict.what == "disk"]
    assert disk.ok is (least == 0)
    assert "of 7 GB (DISK_LIMIT_GB)" in disk.detail
    assert ("collecting stands" in disk.detail) == (least > 0)
    assert f"SQLite {sqlite3.sqlite_version}" in verdicts[0].detail
    warned = [v.detail for v in verdicts if v.detail.startswith("mind: ")]
    assert bool(warned) == bool(wal_verdict(sqlite3.sqlite_version_info[:3]))


def _batch(start: int) -> list[Post]:
    return [
        Post(
            kind=PostKind.TWEET,
            source_id=TWITTER_SOURCE_ID,
            external_id=str(number),
            created_at=NOW + timedelta(seconds=number),
            text=f"گزارش {number * 7919} از بازار " + " ".join(f"ک{number * n}" for n in range(60)),
        )
        for number in range(start, start + 200)
    ]


async def _max_pages(db: SqliteDatabase, pages: int) -> None:
    async def unit(tx: object) -> None:
        await tx.execute(f"PRAGMA max_page_count={pages}")  # type: ignore[attr-defined]

    await db.write(unit)


@pytest.mark.sqlite
async def test_a_full_disk_loses_nothing(db: SqliteDatabase) -> None:
    """The batch that did not fit is not there at all, and fits when there is room again."""
    posts, sources = PostStore(db), SourceStore(db)
    source = await sources.add(Source(kind=SourceKind.FEED, name="a", url="http://a.example/"))
    intake = Intake(posts, OriginStore(db))
    await intake.take(_batch(0), replace(source, etag="1"))
    row = await db.fetch_one("PRAGMA page_count")
    assert row is not None
    await _max_pages(db, row[0] + 2)

    with pytest.raises(DiskFull, match="free some room"):
        await intake.take(_batch(200), replace(source, etag="2"))

    assert await posts.count() == await posts.head() == 200
    saved = await sources.get(source.id)
    assert saved is not None
    assert saved.etag == "1"
    assert await db.fetch_all("PRAGMA quick_check") == [("ok",)]
    await _max_pages(db, 1_000_000)
    taken = await intake.take(_batch(200), replace(source, etag="2"))
    assert (len(taken.new), taken.known) == (200, 0)
    stored = await posts.after(0, 1000, kept_only=False)
    assert [post.id for post in stored] == list(range(1, 401))
