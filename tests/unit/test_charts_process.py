"""The process that draws charts: started when needed, replaced when dead, ended when idle."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.errors import ChartFailed
from bot.models.chart import ChartKind, ChartLine, ChartSpec
from bot.services.charts import Charts

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def volume(title: str = "داغ‌ترین‌ها", timezone: str = "Asia/Tehran") -> ChartSpec:
    return ChartSpec(
        kind=ChartKind.VOLUME,
        title=title,
        starts=tuple(NOW - timedelta(hours=12 - index) for index in range(12)),
        step_s=3600,
        lines=(ChartLine(label="#برف", values=tuple(float(n % 7) for n in range(12))),),
        timezone=timezone,
    )


@pytest.fixture
async def charts(tmp_path: Path) -> AsyncIterator[Charts]:
    drawer = Charts(tmp_path / "charts", idle_s=30)
    yield drawer
    await drawer.close()


def gone(pid: int) -> bool:
    """Is no process left under this id (reaped, not a zombie)?"""
    return not Path(f"/proc/{pid}").exists()


def goes(pid: int) -> bool:
    """Wait for a process to go; False when it stays for five seconds."""
    deadline = time.monotonic() + 5
    while not gone(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return gone(pid)


def environment_of(pid: int | None) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


async def test_charts_are_drawn_in_another_process(charts: Charts) -> None:
    """The event loop goes on while the picture is made, and the worker is used again."""
    assert charts.worker_pid is None
    await charts.render(volume())  # starts it
    first = charts.worker_pid

    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.005)
            ticks += 1

    ticker = asyncio.create_task(tick())
    png = await charts.render(volume("دیگر"))
    ticker.cancel()

    assert png.startswith(b"\x89PNG")
    assert charts.worker_pid == first != os.getpid()
    assert ticks >= 3


def pictures(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.png"))


async def test_an_equal_chart_is_drawn_once(charts: Charts, tmp_path: Path) -> None:
    """The file is named by what is on it, and its age counts from its last use."""
    one = await charts.picture(volume())
    (path,) = pictures(tmp_path)
    os.utime(path, (1, 1))
    written = path.read_bytes()
    path.write_bytes(written + b"kept")

    same, other = await charts.picture(volume()), await charts.picture(volume("دیگر"))

    assert one == written
    assert same == written + b"kept"
    assert other.startswith(b"\x89PNG")
    assert other != one
    assert path.stat().st_mtime > 1


async def test_old_pictures_go_unless_somebody_needs_them(charts: Charts, tmp_path: Path) -> None:
    """Age alone does not delete a picture that a waiting message points to."""
    for text in ("یک", "دو", "سه"):
        await charts.picture(volume(text))
    old, needed, fresh = pictures(tmp_path)
    for path in (old, needed):
        os.utime(path, (1, 1))

    deleted = await charts.forget_old(3600, keep=frozenset({needed.name}))

    assert deleted == 1
    assert [path.exists() for path in (old, needed, fresh)] == [False, True, True]


async def test_a_killed_worker_is_replaced(charts: Charts) -> None:
    """The out-of-memory killer costs a second, not a chart."""
    await charts.render(volume())
    first = charts.worker_pid
    assert first is not None
    os.kill(first, signal.SIGKILL)

    png = await charts.render(volume())

    assert png.startswith(b"\x89PNG")
    assert charts.worker_pid not in (None, first)


async def test_a_hanging_worker_is_killed(tmp_path: Path) -> None:
    """A picture that never comes is an error after the time limit, and the next one is drawn."""
    drawer = Charts(tmp_path, timeout_s=0.5)
    await drawer.render(volume())
    pid = drawer.worker_pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)

    with pytest.raises(ChartFailed, match=r"0\.5 s"):
        await drawer.render(volume())

    assert gone(pid)
    assert (await drawer.render(volume())).startswith(b"\x89PNG")
    await drawer.close()


async def test_an_impossible_chart_fails_alone(charts: Charts) -> None:
    """The reason comes back, and the worker lives on."""
    await charts.render(volume())
    pid = charts.worker_pid

    with pytest.raises(ChartFailed, match="No/Where"):
        await charts.render(volume(timezone="No/Where"))

    assert charts.worker_pid == pid


async def test_a_cancelled_render_does_not_mix_up_the_next(charts: Charts) -> None:
    """The picture asked for is the picture given, whatever was abandoned before."""
    await charts.render(volume())
    abandoned = asyncio.create_task(charts.render(volume("رهاشده")))
    await asyncio.sleep(0.01)
    abandoned.cancel()
    with pytest.raises(asyncio.CancelledError):
        await abandoned

    wanted = await charts.render(volume("خواسته"))

    assert wanted == await charts.render(volume("خواسته"))
    assert wanted != await charts.render(volume("رهاشده"))


async def test_an_idle_worker_goes_and_comes_back(tmp_path: Path) -> None:
    """No memory is held between digests."""
    drawer = Charts(tmp_path, idle_s=0.05)
    await drawer.render(volume())
    pid = drawer.worker_pid or 0

    assert await asyncio.to_thread(goes, pid)
    assert (await drawer.render(volume())).startswith(b"\x89PNG")
    await drawer.close()


async def test_closing_ends_the_worker(tmp_path: Path) -> None:
    """Nothing is left behind, and a closed drawer says so."""
    drawer = Charts(tmp_path)
    await drawer.render(volume())
    pid = drawer.worker_pid or 0

    await drawer.close()

    assert gone(pid)
    with pytest.raises(ChartFailed, match="closed"):
        await drawer.render(volume())


async def test_the_worker_sees_no_keys(charts: Charts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets of the environment stay in the bot's own process."""
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "12345:not-for-others")

    await charts.render(volume())

    environment = environment_of(charts.worker_pid)
    assert b"not-for-others" not in environment
    assert b"MPLCONFIGDIR" in environment
