"""Persian charts as PNG, drawn by a process that is started when needed and ended when idle.

A process, because matplotlib takes about 100 MB and 80 ms a picture, and must neither hold up the
event loop nor stay in memory between digests. One worker draws some ten charts a second: plenty.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import sys
import time
from pathlib import Path

from bot.errors import ChartFailed
from bot.models.chart import ChartSpec
from bot.services.chart_worker import HEADER_BYTES, pack, unpack_header

log = logging.getLogger(__name__)

FIRST_TIMEOUT_S = (
    60.0  # includes starting Python, importing matplotlib and, once, listing the fonts
)
TIMEOUT_S = 15.0
IDLE_S = 60.0
CLOSE_TIMEOUT_S = 3.0
_ROOT = Path(__file__).parents[2]


class Charts:
    """Draws charts and keeps them as files named by their content: an equal one is drawn once.

    `folder` holds the pictures, and matplotlib's list of fonts.
    """

    def __init__(
        self,
        folder: Path,
        *,
        idle_s: float = IDLE_S,
        timeout_s: float = TIMEOUT_S,
        first_timeout_s: float = FIRST_TIMEOUT_S,
    ) -> None:
        self._folder = folder
        self._idle_s = idle_s
        self._timeout_s = timeout_s
        self._first_timeout_s = first_timeout_s
        self._turn = asyncio.Lock()
        self._worker: asyncio.subprocess.Process | None = None
        self._is_warm = False
        self._idle_timer: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def worker_pid(self) -> int | None:
        """The drawing process's id while there is one."""
        return self._worker.pid if self._worker and self._worker.returncode is None else None

    async def render(self, spec: ChartSpec) -> bytes:
        """The chart as PNG; ChartFailed when it cannot be drawn.

        A worker that died is replaced and asked once more; one that hangs is killed.
        """
        request = pack(b"R", spec.to_json().encode())
        async with self._turn:
            if self._closed:
                raise ChartFailed("charts are closed")
            self._stop_idle_timer()
            try:
                kind, body = await self._ask(request)
            finally:
                self._start_idle_timer()
        if kind != b"P":
            raise ChartFailed(body.decode(errors="replace").strip())
        return body

    async def picture(self, spec: ChartSpec) -> bytes:
        """The chart as PNG, drawn unless an equal one is in `folder`. Raises as `render` does."""
        name = hashlib.sha256(spec.to_json().encode()).hexdigest()[:32]
        path = self._folder / f"{name}.png"
        kept = await asyncio.to_thread(_kept, path)
        if kept is not None:
            return kept
        drawn = await self.render(spec)
        await asyncio.to_thread(_write_whole, path, drawn)
        return drawn

    async def forget_old(self, age_s: float, keep: frozenset[str] = frozenset()) -> int:
        """Delete pictures unused for `age_s` seconds, save those named in `keep`."""
        return await asyncio.to_thread(_delete_old, self._folder, time.time() - age_s, keep)

    async def close(self) -> None:
        """End the worker; a chart being drawn is waited for."""
        async with self._turn:
            self._closed = True
            self._stop_idle_timer()
            await self._end_worker()

    async def _ask(self, request: bytes) -> tuple[bytes, bytes]:
        for attempt in (1, 2):
            worker = await self._ready_worker()
            timeout_s = self._timeout_s if self._is_warm else self._first_timeout_s
            try:
                async with asyncio.timeout(timeout_s):
                    answer = await _exchange(worker, request)
            except TimeoutError as error:
                await self._kill_worker()
                raise ChartFailed(f"no chart within {timeout_s:g} s") from error
            except (EOFError, ConnectionError, ValueError) as error:
                await self._kill_worker()
                if attempt == 2:
                    raise ChartFailed("the chart worker died twice") from error
                log.warning("chart worker died, starting another", extra={"error": repr(error)})
            except BaseException:
                # Cancelled between request and answer: the next answer would be the wrong one.
                await self._kill_worker()
                raise
            else:
                self._is_warm = True
                return answer
        raise AssertionError("unreachable")

    async def _ready_worker(self) -> asyncio.subprocess.Process:
        if self._worker is not None and self._worker.returncode is None:
            return self._worker
        self._is_warm = False
        self._worker = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot.services.chart_worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=_ROOT,
            env=_worker_environment(self._folder),
        )
        return self._worker

    async def _end_worker(self) -> None:
        """Let the worker go by ending its input; kill it if it stays."""
        worker = self._worker
        if worker is None:
            return
        if worker.stdin is not None:
            worker.stdin.close()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await worker.wait()
        except TimeoutError:
            await self._kill_worker()
        self._worker = None

    async def _kill_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        if worker.returncode is None:
            worker.kill()
        if worker.stdin is not None:
            worker.stdin.close()
        await worker.wait()

    def _start_idle_timer(self) -> None:
        loop = asyncio.get_running_loop()
        self._idle_timer = loop.call_later(self._idle_s, self._let_worker_go)

    def _stop_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def _let_worker_go(self) -> None:
        """End an idle worker's input; it exits by itself and the next render starts another."""
        self._idle_timer = None
        if self._turn.locked():
            return
        worker, self._worker = self._worker, None
        if worker is not None and worker.stdin is not None:
            worker.stdin.close()


async def _exchange(worker: asyncio.subprocess.Process, request: bytes) -> tuple[bytes, bytes]:
    if worker.stdin is None or worker.stdout is None:
        raise EOFError("the worker has no pipes")
    worker.stdin.write(request)
    await worker.stdin.drain()
    kind, length = unpack_header(await worker.stdout.readexactly(HEADER_BYTES))
    return kind, await worker.stdout.readexactly(length)


def _worker_environment(folder: Path) -> dict[str, str]:
    """What the worker sees of the environment: no keys, and a place for matplotlib's font list."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "PYTHONPATH", "VIRTUAL_ENV")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment["MPLCONFIGDIR"] = str(folder / ".matplotlib")
    # numpy would start a thread per core for linear algebra that a chart never needs.
    environment["OPENBLAS_NUM_THREADS"] = "1"
    return environment


def _kept(path: Path) -> bytes | None:
    try:
        os.utime(path)
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _write_whole(path: Path, content: bytes) -> None:
    """A reader sees the whole file or none, also after a crash in the middle."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(path)


def _delete_old(folder: Path, before: float, keep: frozenset[str]) -> int:
    gone = 0
    if not folder.is_dir():
        return 0
    for path in folder.iterdir():
        if path.suffix in {".png", ".part"} and path.name not in keep:
            try:
                if path.stat().st_mtime < before:
                    path.unlink()
                    gone += 1
            except FileNotFoundError:
                continue  # another process was quicker
    return gone
