"""The whole bot: how soon it starts, what it weighs idle, how soon /trends answers.

It runs as people run it, in a process of its own, over 100,000 posts, against the strict Bot API
double on loopback. The beside is what a bare exchange with that double takes: one getMe.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from bot.sandbox.server import SandboxServer
from tests.e2e.running_bot import ROOT, RunningBot

Row = tuple[str, float, str, str]
POSTS = 100_000
ASKED = 120
IDLE_S = 20.0


def run() -> list[Row]:
    """Measure in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Row]:
    await asyncio.to_thread(_write_posts, folder / "posts.jsonl")
    database = f"sqlite:///{folder}/hoshyar.db"
    importing = await asyncio.create_subprocess_exec(
        *(str(ROOT / ".venv/bin/python"), "-m", "bot", "import", str(folder / "posts.jsonl")),
        env={"DATABASE_URL": database, "PYTHONPATH": str(ROOT)},
        cwd=folder,
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await importing.wait() == 0
    async with SandboxServer(linked_channel=False) as server:
        bot = RunningBot(
            folder,
            TELEGRAM_BOT_TOKEN=server.token,
            TELEGRAM_API_BASE_URL=server.base_url,
            DATABASE_URL=database,
            FEEDS_FILE=str(folder / "none.opml"),
            WEB_PORT="0",
        )
        (folder / "none.opml").write_text("<opml version='2.0'><body/></opml>", encoding="utf-8")
        began = time.perf_counter()
        async with bot:
            await server.wait_call("deleteWebhook", timeout_s=60)  # then it polls
            start_s = time.perf_counter() - began
            await asyncio.sleep(IDLE_S)
            assert bot.process is not None
            rss_mb = _rss_mb(bot.process.pid)
            bare = await _bare(server)
            took = [await _ask(server, number) for number in range(ASKED)]
            await bot.stop()
    beside = f"a bare getMe: p50 {bare:.1f} ms"
    return [
        ("bot: start to first poll", start_s, "s", "limit 3 s"),
        ("bot: idle memory, all processes", rss_mb, "MB", "limit 150 MB"),
        ("bot: /trends p50 with 100k posts", statistics.median(took), "ms", beside),
        ("bot: /trends p95 with 100k posts", _p95(took), "ms", "limit 100 ms"),
    ]


async def _ask(server: SandboxServer, number: int) -> float:
    """Milliseconds from a new person's /trends to the answer's arrival."""
    person = server.people.new_user(f"person {number}", started=True)
    began = time.perf_counter()
    await server.say(person.id, "/trends")
    await server.wait_message(person.id, timeout_s=30)
    return (time.perf_counter() - began) * 1000


async def _bare(server: SandboxServer) -> float:
    async with httpx.AsyncClient() as client:
        took = []
        for _ in range(50):
            began = time.perf_counter()
            await client.get(f"{server.base_url}{server.token}/getMe")
            took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[18]


def _rss_mb(pid: int) -> float:
    """Resident memory of a process and its children."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    own = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return own / 1024 + sum(_rss_mb(int(child)) for child in children)


def _write_posts(path: Path) -> None:
    """Made-up tweets of the last week, the words as unequal as in a language (Zipf)."""
    chance = random.Random(11)
    letters = "ابپتجچخدرزسشعفقکگلمنوهی"
    words = ["".join(chance.choices(letters, k=chance.randint(3, 7))) for _ in range(20_000)]
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    now = datetime.now(UTC)
    with path.open("w", encoding="utf-8") as file:
        for number in range(POSTS):
            at = now - timedelta(seconds=chance.uniform(0, 7 * 86_400))
            said = " ".join(chance.choices(words, weights, k=14))
            if number % 400 == 0:
                at, said = (
                    now - timedelta(minutes=chance.uniform(0, 90)),
                    f"{said} #تازه_{words[7]}",
                )
            entry = {
                "id": str(number),
                "created_at": at.isoformat(),
                "text": said,
                "author": f"user{chance.randrange(8000)}",
            }
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
