"""/cache and /backup in the admins' chat, and the same from the command line."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import BadInput
from bot.features.backups import KEPT, Backups
from bot.services.backups.files import check_backup
from bot.utils.times import utc_now
from tests.chats_world import ADMIN, World, buttons, running
from tests.redis_server import SERVER, RedisServer

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running(tmp_path) as here:
        yield here


async def test_the_cache_is_shown_and_cleared(world: World) -> None:
    await world.say(ADMIN, "/status", "وضعیت سامانه")
    shown = await world.say(ADMIN, "/cache", "در پایگاه داده")
    assert "پرسش" in shown["text"]
    assert "۱۶ مگابایت" in shown["text"]

    cleared = await world.press_for(ADMIN, shown, "🧹 خالی کن", "خالی شد")
    assert "مورد کنار رفت" in cleared["text"]
    assert any("مدیریت" in text for text in buttons(cleared))


async def test_the_status_says_how_often_the_cache_helps(world: World) -> None:
    """Asked twice, the second time from the cache; the numbers are the same."""
    first = await world.say(ADMIN, "/status", "وضعیت سامانه")
    second = await world.say(ADMIN, "/status", "وضعیت سامانه")

    stats = world.parts.cache.stats()
    assert stats.misses >= 2
    assert stats.hits_memory >= 2
    assert "حافظهٔ نهان: پاسخ" in second["text"]
    assert first["text"].split("\n")[2] == second["text"].split("\n")[2]


async def test_a_backup_is_made_and_told(world: World, tmp_path: Path) -> None:
    told = await world.say(ADMIN, "/backup", "پشتیبان آماده است")

    made = sorted((tmp_path / "backups").glob("*.db"))
    assert len(made) == 1
    assert made[0].name in told["text"]
    assert ".env" in told["text"]
    assert check_backup(made[0]).posts == await world.hoshyar.posts.count()


@pytest.fixture
async def backups(tmp_path: Path) -> Backups:
    async with running(tmp_path / "bot", seeded=False):
        pass
    now = iter(utc_now() + timedelta(seconds=n) for n in range(1000))
    path = tmp_path / "bot" / "hoshyar.db"
    return Backups(f"sqlite:///{path}", tmp_path / "kept", lambda: next(now), [path])


async def test_the_last_seven_are_kept(backups: Backups, tmp_path: Path) -> None:
    """Foreign files are left alone, and what a killed backup left is cleared away."""
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "mine.db").write_text("mine")
    left = folder / ".hoshyar-1.db.1.part"
    left.write_text("left")
    os.utime(left, (1, 1))
    made = [await backups.make() for _ in range(KEPT + 2)]

    names = {path.name for path in folder.iterdir()}
    assert names == {"mine.db", *(one.path.name for one in made[2:])}


async def test_one_at_a_time_and_only_where_there_is_room(
    backups: Backups, monkeypatch: pytest.MonkeyPatch
) -> None:
    making = asyncio.create_task(backups.make())
    await asyncio.sleep(0)
    with pytest.raises(BadInput, match=r"backup\.busy"):
        await backups.make()
    assert await backups.daily() == "one is being made already"
    await making

    monkeypatch.setattr(Backups, "_room", lambda self: (5 * 2**20, 2 * 2**20))
    said = await backups.daily()
    assert said == "left out: 5 MB are free, one takes 2 MB"
    monkeypatch.setattr(Backups, "_room", lambda self: (2**20, 2 * 2**20))
    with pytest.raises(BadInput, match=r"backup\.no_room"):
        await backups.make()


# --- from the command line


async def _run(tmp_path: Path, *words: str, redis_url: str = "") -> tuple[int, str, str]:
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": f"sqlite:///{tmp_path}/cli.db",
        "REDIS_URL": redis_url,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", *words, cwd=ROOT, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_the_cache_on_the_command_line(tmp_path: Path) -> None:
    code, out, _ = await _run(tmp_path, "cache", "status", "--json")
    assert code == 0
    assert json.loads(out) == {
        "level": "database", "entries": 0, "bytes": 0, "limit_bytes": 64 * 2**20,
        "asked": 0, "hit_rate": 0.0, "counts": {},
    }  # fmt: skip
    assert await _run(tmp_path, "cache", "clear") == (0, "0 entries cleared\n", "")


async def test_a_backup_and_its_way_back_on_the_command_line(tmp_path: Path) -> None:
    await _run(tmp_path, "migrate")
    code, out, err = await _run(tmp_path, "backup", str(tmp_path / "b.db"))
    assert (code, "0 posts" in out, ".env" in err) == (0, True, True)
    again = await _run(tmp_path, "backup", str(tmp_path / "b.db"))
    assert (again[0], "give another name" in again[2]) == (1, True)

    code, out, _ = await _run(tmp_path, "restore", str(tmp_path / "b.db"))
    assert code == 0
    assert "cli.db.before-restore" in out
    code, _, err = await _run(tmp_path, "restore", str(tmp_path / "nothing.db"))
    assert (code, "no such file" in err) == (1, True)


async def test_check_says_whether_redis_answers(tmp_path: Path) -> None:
    if SERVER is None:
        pytest.skip("no Redis server is installed")
    server = RedisServer()
    server.start()
    try:
        _, out, _ = await _run(tmp_path, "check", "--json", redis_url=server.url)
        assert _cache_verdict(out)["ok"] is True
        assert "redis" in _cache_verdict(out)["detail"]
        code, out, _ = await _run(tmp_path, "cache", "status", "--json", redis_url=server.url)
        assert (code, json.loads(out)["level"]) == (0, "redis")
    finally:
        server.kill()
    code, out, _ = await _run(tmp_path, "check", "--json", redis_url=server.url)
    assert _cache_verdict(out)["ok"] is False
    assert code == 1


def _cache_verdict(out: str) -> dict[str, object]:
    return next(entry for entry in json.loads(out) if entry["what"] == "cache")
